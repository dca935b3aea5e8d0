"""The world of the framework tests: a mock upstream in both shapes, a corbel in front of it, and what every suite in it shares.

A suite runs in an environment of its own (its libraries bring versions of their own) and learns the address and the key from its environment. Every model is asked in every flow: `gpt-x` stands behind an
OpenAI-shaped upstream, `claude-x` behind an Anthropic-shaped one.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import sys
import traceback
from typing import Any

URL = os.environ.get("CORBEL_URL", "")
KEY = os.environ.get("CORBEL_KEY", "")
MODELS = ("gpt-x", "claude-x")
UPSTREAM_KEY = "upstream-key"
PRICED = {"gpt-audio": "main", "gemini-2.5-flash": "google", "claude-sonnet-4-5": "claude"}  # names that price tables know


def config(mock_url: str) -> dict[str, Any]:
    def provider(name: str, kind: str) -> dict[str, Any]:
        return {"name": name, "kind": kind, "base_url": f"{mock_url}/v1", "api_key": UPSTREAM_KEY}

    return {
        "providers": [provider("main", "openai"), provider("claude", "anthropic"), {**provider("google", "gemini"), "base_url": f"{mock_url}/v1beta"}],
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


def run(title: str, facts: dict[str, Any]) -> int:
    """Calls each fact of a module whose name has what is asked for; prints how it went, and the sum last."""
    only = sys.argv[1] if len(sys.argv) > 1 else ""
    passed = failed = 0
    for name, fact in list(facts.items()):
        if not inspect.isfunction(fact) or fact.__module__ != "__main__" or name.startswith("_") or only not in name:
            continue
        try:
            if inspect.iscoroutinefunction(fact):
                asyncio.run(asyncio.wait_for(fact(), 60))
            else:
                fact()
        except Exception:  # noqa: BLE001 - whatever it is, the fact does not hold
            failed += 1
            print(f"FAILED  {title}: {name.replace('_', ' ')}\n{traceback.format_exc()}", flush=True)
        else:
            passed += 1
            print(f"ok      {title}: {name.replace('_', ' ')}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0
