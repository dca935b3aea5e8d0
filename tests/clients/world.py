"""The world that the client tests live in: a mock upstream, a corbel in front of it, and official clients that know only its address.

It is started once by `run.py`; tests share it, and leave nothing behind that another could stumble over: names are their own.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
import anthropic  # noqa: E402
import caches  # noqa: E402
import harness  # noqa: E402
import kinds  # noqa: E402
import openai  # noqa: E402

UPSTREAM_KEY = "upstream-key"

# What a model would say that has read its passages; the mark is corbel's to turn into an annotation.
CITED_TEXT = "Ünïcode 🙂 first: the autovacuum launcher starts the workers [1]. That is all."

# Dollars a million tokens, so that one token is a thousandth of a dollar or two.
DEAR = {"input": 1000, "cached_input": 100, "cache_write": 1250, "output": 2000}

mock: harness.Mock
corbel: harness.Corbel
client: openai.OpenAI
claude: anthropic.Anthropic


# Where corbel keeps everything: a conninfo URL of an empty PostgreSQL database with pgvector, or nothing for a file of its own.
STORE = {"store": {"url": os.environ["CORBEL_TEST_STORE"]}} if os.environ.get("CORBEL_TEST_STORE") else {}


def config(mock_url: str) -> dict[str, Any]:
    def provider(name: str, kind: str = "openai", **more: Any) -> dict[str, Any]:
        return {"name": name, "kind": kind, "base_url": f"{mock_url}/v1", "api_key": UPSTREAM_KEY, **more}

    def model(name: str, provider_name: str = "main", target: str | None = None, **more: Any) -> dict[str, Any]:
        return {"name": name, "targets": [{"provider": provider_name, "model": target or name}], **more}

    knowledge = {"collection": "manual", "top_k": 8}
    return {
        **STORE,
        "providers": [
            provider("main"),
            provider("claude", "anthropic"),
            provider("chats-only", apis=[]),
            provider("cites", headers={"x-mock": f"say='{CITED_TEXT}'"}),
            provider("claude-cites", "anthropic", headers={"x-mock": f"say='{CITED_TEXT}'"}),
            provider("down", headers={"x-mock": "status=503"}),
            provider("breaks", headers={"x-mock": "reset=4"}),
            {"name": "azure-speaks", "kind": "azure", "base_url": mock_url, "api_key": UPSTREAM_KEY, "apis": ["responses"]},
            provider("speaks", apis=["embeddings", "completions", "responses"]),
            provider("ranks-data", headers={"x-mock": "like='fireworks'"}),
            provider("house", "vllm", hosted=False),
            provider("filters", headers={"x-mock": "finish=content_filter chunks=0"}),
            provider("claude-filters", "anthropic", headers={"x-mock": "finish=refusal chunks=0"}),
            provider("claude-breaks", "anthropic", headers={"x-mock": "reset=5"}),
            provider("narrow", headers={"x-mock": "slow-headers=300"}, max_concurrency=1, queue_max=0),
            *kinds.providers(mock_url, UPSTREAM_KEY),
            provider("claude-down", "anthropic", headers={"x-mock": "status=529"}),
        ],
        "models": [
            model("gpt-x"),
            model("renamed", target="gpt-upstream"),
            model("chats-only", "chats-only", "gpt-x"),
            model("claude-x", "claude"),
            model("claude-renamed", "claude", "claude-upstream"),
            {
                "name": "claude-priced",
                "targets": [{"provider": "claude", "model": "claude-x", "price": {"input": 3, "cached_input": 0.3, "cache_write": 3.75, "output": 15}}],
            },
            model("docs", "cites", "gpt-x", knowledge=knowledge),
            model("docs-claude", "claude-cites", "claude-x", knowledge=knowledge),
            model("docs-echo", target="gpt-x", knowledge=knowledge),
            {"name": "docs-extractive", "knowledge": knowledge},
            {
                "name": "with-fallback",
                "strategy": "priority",
                "targets": [{"provider": "down", "model": "gpt-x"}, {"provider": "main", "model": "gpt-x"}],
            },
            {
                "name": "claude-fallback",
                "strategy": "priority",
                "targets": [{"provider": "claude-down", "model": "claude-x"}, {"provider": "main", "model": "gpt-x"}],
            },
            {
                "name": "continued",
                "strategy": "priority",
                "on_broken_stream": "continue",
                "targets": [{"provider": "breaks", "model": "gpt-x"}, {"provider": "main", "model": "gpt-x"}],
            },
            *(
                {
                    "name": f"claude-continued-{second}",
                    "strategy": "priority",
                    "on_broken_stream": "continue",
                    "targets": [{"provider": "claude-breaks", "model": "claude-x"}, {"provider": second, "model": "gpt-x"}],
                }
                for second in ("main", "claude")
            ),
            model("native", "speaks", "gpt-x"),
            model("native-azure", "azure-speaks", "my-deployment"),
            {"name": "native-first", "strategy": "priority", "targets": [{"provider": "speaks", "model": "gpt-x"}, {"provider": "main", "model": "gpt-x"}]},
            {"name": "rerank-cohere", "type": "rerank", "targets": [{"provider": "cohere", "model": "rerank-v3.5"}]},
            {"name": "rerank-jina", "type": "rerank", "targets": [{"provider": "main", "model": "jina-reranker", "price": {"input": 1000}}]},
            model("rerank-vllm", "vllm", "bge-reranker", type="rerank"),
            model("rerank-here", "house", "bge-reranker", type="rerank"),
            model("rerank-data", "ranks-data", "bge-reranker", type="rerank"),
            {
                "name": "rerank-spare",
                "type": "rerank",
                "strategy": "priority",
                "targets": [{"provider": "down", "model": "bge-reranker"}, {"provider": "cohere", "model": "rerank-v3.5"}],
            },
            model("omni-moderation-latest", type="moderations"),
            model("mistral-moderation", "mistral", "mistral-moderation-latest", type="moderations"),
            {"name": "filtered", "targets": [{"provider": "filters", "model": "gpt-x"}], "fallbacks": [{"on": "content_filter", "model": "claude-x"}]},
            {"name": "filtered-claude", "targets": [{"provider": "claude-filters", "model": "claude-x"}], "fallbacks": [{"on": "content_filter", "model": "gpt-x"}]},
            model("filtered-for-good", "filters", "gpt-x"),
            model("going-on", target="gpt-x", on_disconnect="continue"),
            model("claude-going-on", "claude", "claude-x", on_disconnect="continue"),
            {"name": "going-on-priced", "on_disconnect": "continue", "targets": [{"provider": "main", "model": "gpt-x", "price": DEAR}]},
            {"name": "claude-watched", "targets": [{"provider": "claude", "model": "claude-x"}], "shadow": {"provider": "claude", "model": "claude-shadow"}},
            model("one-at-a-time", "narrow", "gpt-x"),
            {"name": "last-resort", "targets": [{"provider": "down", "model": "only-here"}], "fallbacks": [{"on": "error", "model": "claude-x"}]},
            model("text-embedding-3-small", type="embeddings"),
            {
                "name": "embeddings-with-spare",
                "type": "embeddings",
                "strategy": "priority",
                "targets": [{"provider": "down", "model": "embed"}, {"provider": "main", "model": "embed"}],
            },
            model("ledger", target="ledger-model"),
            {"name": "priced", "targets": [{"provider": "main", "model": "gpt-x", "price": DEAR}]},
            {"name": "priced-claude", "targets": [{"provider": "claude", "model": "claude-x", "price": DEAR}]},
            *kinds.models(),
            *caches.models(DEAR),
        ],
    }


def start() -> None:
    global mock, corbel, client, claude
    mock = harness.Mock("--key", UPSTREAM_KEY)
    # on a database that others reach no key of its own may seal what the configuration's entries must not show
    corbel = harness.Corbel(config(mock.url), model=True, env={"CORBEL_MASTER_KEY": "the master key of the tests' world"} if STORE else None)
    client = make_client()
    claude = make_claude()


def stop() -> int:
    """Ends both; the exit status of corbel."""
    client.close()
    claude.close()
    status = corbel.stop(30)
    mock.stop()
    return status


def make_client(**more: Any) -> openai.OpenAI:
    """A client that checks every answer against its own types, which it does not do unless told to."""
    options = {"base_url": f"{corbel.url}/v1", "api_key": corbel.key, "max_retries": 0, "timeout": 30, "_strict_response_validation": True}
    return openai.OpenAI(**{**options, **more})


def make_claude(**more: Any) -> anthropic.Anthropic:
    """Anthropic's client, as strict."""
    options = {"base_url": corbel.url, "api_key": corbel.key, "max_retries": 0, "timeout": 30, "_strict_response_validation": True}
    return anthropic.Anthropic(**{**options, **more})


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


MANUAL = {
    "vacuum.md": """# Routine Vacuuming

PostgreSQL databases require periodic maintenance known as vacuuming.

## The Autovacuum Daemon

The autovacuum launcher starts the autovacuum workers for all databases. Each worker process checks each table within its database
and executes VACUUM and ANALYZE as needed. The setting autovacuum_naptime is the minimum delay between runs on any given database.

## Preventing Transaction ID Wraparound Failures

Every table in the database must be vacuumed at least once every two billion transactions.
""",
    "indexes.md": """# Indexes

## B-tree

B-trees can handle equality and range queries on data that can be sorted into some ordering.

## GIN

GIN indexes are inverted indexes which are appropriate for data values that contain multiple component values, such as arrays.
An inverted index contains a separate entry for each component value.
""",
    "backup.txt": "pg_dump is a utility for backing up a PostgreSQL database. It makes consistent backups even if the database is being used "
    "concurrently. pg_restore restores an archive that pg_dump made.\n",
    "ports.csv": "service,port\npostgresql,5432\npgbouncer,6432\n",
}


def make_store(name: str, files: dict[str, str], **more: Any) -> Any:
    """A vector store with these files, ready to be searched."""
    store = client.vector_stores.create(name=name, **more)
    uploads = [(file, text.encode()) for file, text in files.items()]
    batch = client.vector_stores.file_batches.upload_and_poll(store.id, files=uploads, poll_interval_ms=20)
    assert batch.status == "completed" and batch.file_counts.completed == len(files), batch
    return client.vector_stores.retrieve(store.id)


def search(store_id: str, query: Any, **more: Any) -> list[Any]:
    return list(client.vector_stores.search(store_id, query=query, **more))


def unique(prefix: str) -> str:
    return f"{prefix}-{time.monotonic_ns()}"
