"""The world of the framework tests: a mock upstream in both shapes, a corbel in front of it, and what every suite in it shares.

A suite runs in an environment of its own (its libraries bring versions of their own) and learns the address and the key from its environment. What it states are facts; those that are a flow of the table
in docs/clients.md are stated of every way that the suite has to ask a model, to each upstream, and each of these is a cell of that table (table.py).
"""

from __future__ import annotations

import asyncio
import dataclasses
import importlib.metadata
import inspect
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from typing import Any

URL = os.environ.get("CORBEL_URL", "")
KEY = os.environ.get("CORBEL_KEY", "")
UPSTREAMS = {"gpt-x": "OpenAI", "claude-x": "Anthropic"}  # a model, and the shape of the upstream that it stands behind
MODELS = tuple(UPSTREAMS)
UPSTREAM_KEY = "upstream-key"
# Names that price tables know, and who serves them.
PRICED = {
    "gpt-audio": "main",
    "gpt-5.4": "main",
    "gpt-6-astra": "main",
    "gemini-2.5-flash": "google",
    "gemini-2.5-pro": "google",
    "gemini-3.1-flash-lite-preview": "google",
    "gemini-2.5-computer-use-preview-10-2025": "google",
    "claude-sonnet-4-5": "claude",
    "claude-opus-4-5": "claude",
    "claude-opus-5": "claude",
    "grok-4.3": "grok",
    "deepseek-v4-pro": "deep",
    "sonar": "sonar",
    "sonar-deep-research": "sonar",
}
CHAT, RESPONSES, MESSAGES = "Chat Completions", "Responses", "Messages"


@dataclasses.dataclass
class Way:
    """How a client asks a model: the package it comes in, the API it speaks, and what makes the thing to ask from a model's name."""

    package: str
    api: str
    make: Callable[[str], Any]
    lacks: dict[str, str] = dataclasses.field(default_factory=dict)  # flows that the client itself has not, and why


def config(mock_url: str) -> dict[str, Any]:
    def provider(name: str, kind: str) -> dict[str, Any]:
        return {"name": name, "kind": kind, "base_url": f"{mock_url}/v1", "api_key": UPSTREAM_KEY}

    return {
        "providers": [provider("main", "openai"), provider("claude", "anthropic"), {**provider("google", "gemini"), "base_url": f"{mock_url}/v1beta"}, provider("grok", "xai"), provider("deep", "deepseek"), provider("sonar", "perplexity")],
        "models": [
            {"name": "gpt-x", "targets": [{"provider": "main", "model": "gpt-upstream"}]},
            {"name": "claude-x", "targets": [{"provider": "claude", "model": "claude-upstream"}]},
            *({"name": name, "targets": [{"provider": provider, "model": name}]} for name, provider in PRICED.items()),
            {"name": "embed-x", "type": "embeddings", "targets": [{"provider": "main", "model": "embed-upstream"}]},
        ],
    }


def says(text: str) -> str:
    """A message at which the mock gives this answer."""
    return f"please [mock say='{text}']"


_turns = iter(range(os.getpid() * 100, (os.getpid() + 1) * 100))


def calls_once(text: str) -> str:
    """A message at which the mock calls a tool, and answers when it comes again; told apart from others by a header of the answer that means nothing there."""
    return f"{text} [mock tool-call times retry-after={next(_turns)}]"


def flow(name: str, ways: Iterable[Way]) -> Callable[[Callable[[Any], Any]], Callable[[Any], Any]]:
    """The fact is a flow of the table, and holds for each of these ways: it is called with what the way makes, for each upstream."""

    def mark(fact: Callable[[Any], Any]) -> Callable[[Any], Any]:
        fact.flow, fact.ways = name, list(ways)  # type: ignore[attr-defined]
        return fact

    return mark


def _cell(way: Way, flow_name: str, upstream: str, **more: object) -> None:
    """A line for table.py."""
    cell = {"package": way.package, "version": importlib.metadata.version(way.package), "language": "Python", "api": way.api, "flow": flow_name, "upstream": upstream, **more}
    print(f"cell {json.dumps(cell)}", flush=True)


def _calls(name: str, fact: Any) -> Iterator[tuple[str, Callable[[], Any], Callable[..., None]]]:
    """What is to be called for a fact: a text that says what holds, the call, and what to do with its success."""
    said = name.replace("_", " ")
    if not hasattr(fact, "flow"):
        yield said, fact, lambda **_: None
        return
    for way in fact.ways:
        for model, upstream in UPSTREAMS.items():
            if fact.flow in way.lacks:
                _cell(way, fact.flow, upstream, lacks=way.lacks[fact.flow])
                continue
            yield (
                f"{said} ({way.package}, {way.api}: {fact.flow}, {upstream})",
                lambda way=way, model=model: fact(way.make(model)),
                lambda way=way, upstream=upstream, **more: _cell(way, fact.flow, upstream, **more),
            )


def run(title: str, facts: dict[str, Any]) -> int:
    """Calls each fact of a module whose name has what is asked for; prints how it went, and the sum last."""
    only = sys.argv[1] if len(sys.argv) > 1 else ""
    passed = failed = 0
    loop = asyncio.new_event_loop()  # one for all: libraries keep connections that belong to it
    for name, fact in list(facts.items()):
        if not inspect.isfunction(fact) or fact.__module__ != "__main__" or name.startswith("_") or only not in name:
            continue
        for said, call, tell in _calls(name, fact):
            try:
                waits = call()
                if inspect.iscoroutine(waits):
                    loop.run_until_complete(asyncio.wait_for(waits, 60))
            except Exception:  # noqa: BLE001 - whatever it is, the fact does not hold
                failed += 1
                tell(good=False)
                print(f"FAILED  {title}: {said}\n{traceback.format_exc()}", flush=True)
            else:
                passed += 1
                tell(good=True)
                print(f"ok      {title}: {said}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0
