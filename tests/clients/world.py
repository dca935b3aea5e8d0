"""The world that the client tests live in: a mock upstream, a corbel in front of it, and official clients that know only its address.

It is started once by `run.py`; tests share it, and leave nothing behind that another could stumble over: names are their own.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
import harness  # noqa: E402
import openai  # noqa: E402

UPSTREAM_KEY = "upstream-key"

# What a model would say that has read its passages; the mark is corbel's to turn into an annotation.
CITED_TEXT = "Ünïcode 🙂 first: the autovacuum launcher starts the workers [1]. That is all."

mock: harness.Mock
corbel: harness.Corbel
client: openai.OpenAI


def config(mock_url: str) -> dict[str, Any]:
    def provider(name: str, kind: str = "openai", **more: Any) -> dict[str, Any]:
        return {"name": name, "kind": kind, "base_url": f"{mock_url}/v1", "api_key": UPSTREAM_KEY, **more}

    def model(name: str, provider_name: str = "main", target: str | None = None, **more: Any) -> dict[str, Any]:
        return {"name": name, "targets": [{"provider": provider_name, "model": target or name}], **more}

    knowledge = {"collection": "manual", "top_k": 8}
    return {
        "providers": [
            provider("main"),
            provider("claude", "anthropic"),
            provider("cites", headers={"x-mock": f"say='{CITED_TEXT}'"}),
            provider("down", headers={"x-mock": "status=503"}),
        ],
        "models": [
            model("gpt-x"),
            model("renamed", target="gpt-upstream"),
            model("claude-x", "claude"),
            model("docs", "cites", "gpt-x", knowledge=knowledge),
            model("docs-echo", target="gpt-x", knowledge=knowledge),
            {"name": "docs-extractive", "knowledge": knowledge},
            {
                "name": "with-fallback",
                "targets": [{"provider": "down", "model": "gpt-x"}, {"provider": "main", "model": "gpt-x"}],
            },
            model("text-embedding-3-small", type="embeddings"),
        ],
    }


def start() -> None:
    global mock, corbel, client
    mock = harness.Mock("--key", UPSTREAM_KEY)
    corbel = harness.Corbel(config(mock.url), model=True)
    client = make_client()


def stop() -> int:
    """Ends both; the exit status of corbel."""
    client.close()
    status = corbel.stop(30)
    mock.stop()
    return status


def make_client(**more: Any) -> openai.OpenAI:
    return openai.OpenAI(**{"base_url": f"{corbel.url}/v1", "api_key": corbel.key, "max_retries": 0, "timeout": 30, **more})


def make_async_client() -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{corbel.url}/v1", api_key=corbel.key, max_retries=0, timeout=30)


def user(text: str) -> Any:
    return [{"role": "user", "content": text}]


def say(text: str, model: str = "gpt-x", **more: Any) -> Any:
    """One plain answer."""
    return client.chat.completions.create(model=model, messages=user(text), **more)


def said(stream: Any) -> str:
    """The text of a stream, read to its end."""
    return "".join(choice.delta.content or "" for chunk in stream for choice in chunk.choices)


def raises(kind: type[BaseException], call: Callable[[], Any]) -> Any:
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


def trace(identity: str) -> Any:
    """The record of an interaction, by trace id, response id or request id, as the command line shows it."""
    shown = corbel.cli("trace", "show", identity, "--json")
    assert shown.returncode == 0, shown.stderr
    return json.loads(shown.stdout)


def cosine(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b)) / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


def unique(prefix: str) -> str:
    return f"{prefix}-{time.monotonic_ns()}"
