"""Models that keep answers, for the client tests of the cache."""

from __future__ import annotations

from typing import Any


def models(price: dict[str, float]) -> list[dict[str, Any]]:

    def cached(name: str, provider: str = "main", target: str = "gpt-x", **more: Any) -> dict[str, Any]:
        return {"name": name, "targets": [{"provider": provider, "model": target, "price": price}], "cache": {}, **more}

    return [
        cached("cached"),
        cached("cached-claude", "claude", "claude-x"),
        cached("cached-short", cache={"ttl": "1s"}),
        cached("cached-small", cache={"entry_max": "1KiB"}),
        cached("cached-asked", cache={"use": "asked"}),
        cached("cached-deterministic", cache={"what": "deterministic"}),
        cached("cached-by-key", cache={"scope": "key"}),
        cached("cached-by-user", cache={"scope": "user"}),
        cached("cached-alone", cache={"single_flight": False}),
        cached("cached-fallback", "down", fallbacks=[{"model": "gpt-x"}]),
        cached("cached-semantic", cache={"semantic": {"threshold": 0.9}}),
        cached("cached-strict", cache={"semantic": {"threshold": 0.99}}),
        cached("cached-docs-semantic", "cites", knowledge={"collection": "cached-manual"}, cache={"semantic": {"threshold": 0.9}}),
        cached("cached-docs", "cites", knowledge={"collection": "cached-manual"}),
        cached("cached-going-on", on_disconnect="continue"),
        cached("cached-claude-going-on", "claude", "claude-x", on_disconnect="continue"),
        cached("cached-native", "speaks", on_disconnect="continue"),
    ]
