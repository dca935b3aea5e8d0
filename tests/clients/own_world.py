"""Servers for tests that need some of their own: other settings than the shared world's, several nodes on one database, kills."""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import openai
import world

SHARED = os.environ.get("CORBEL_TEST_STORE", "")


@contextmanager
def store() -> Iterator[dict[str, Any]]:
    """What a configuration says of an empty database: nothing on SQLite (the data directory has it), a database of its own on PostgreSQL."""
    if not SHARED:
        yield {}
        return
    name = f"own_{uuid.uuid4().hex[:12]}"
    conninfo = SHARED.removeprefix("postgres:")
    sql(conninfo, f"create database {name}")
    own = re.sub(r"dbname=\S+", f"dbname={name}", conninfo)
    sql(own, "create extension vector")
    try:
        yield {"store": {"url": f"postgres:{own}"}}
    finally:
        sql(conninfo, f"drop database {name} with (force)")


def sql(conninfo: str, text: str) -> str:
    """What psql prints: unaligned rows."""
    done = subprocess.run(["psql", "-q", "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", conninfo, "-c", text], capture_output=True, text=True, check=False)
    assert done.returncode == 0, (text, done.stderr)
    return done.stdout


def change(corbel: world.harness.Corbel, stored: dict[str, Any], text: str) -> None:
    """Changes the database behind the server's back: at least one row, or the test means nothing."""
    if stored:
        counted = sql(stored["store"]["url"].removeprefix("postgres:"), f"with changed as ({text} returning 1) select count(*) from changed")
        assert int(counted) > 0, text
        return
    with contextlib.closing(sqlite3.connect(next(corbel.data.glob("*.db")), timeout=20)) as database, database:
        assert database.execute(text).rowcount > 0, text


def blob(hexadecimal: str) -> str:
    """Bytes in SQL."""
    return f"'\\x{hexadecimal}'" if SHARED else f"x'{hexadecimal}'"


class Node(world.harness.Corbel):
    """One of several on a database: all have the same admin key, out of their configuration."""

    key = "cb_the-key-of-all-nodes"  # type: ignore[assignment]

    def __init__(self, config: dict[str, Any], data: Path | None = None) -> None:
        super().__init__({**config, "access": {"admin_key": self.key}}, data=data)


def client_of(corbel: world.harness.Corbel, key: str = "", **more: Any) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{corbel.url}/v1", api_key=key or corbel.key, **{"max_retries": 0, "timeout": 30, **more})


def priced(name: str = "priced", **more: Any) -> dict[str, Any]:
    """A provider and a model at the shared mock whose tokens cost a thousandth of a dollar or two."""
    return {
        "providers": [{"name": "main", "kind": "openai", "base_url": f"{world.mock.url}/v1", "api_key": world.UPSTREAM_KEY}],
        "models": [{"name": name, "targets": [{"provider": "main", "model": "gpt-x", "price": world.DEAR}]}],
        **more,
    }
