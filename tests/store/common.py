"""What the tests on PostgreSQL share: nodes on the database of postgres.sh, and a look into it past corbel."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import harness

ADMIN_KEY = "store-suite-admin-key"
MANUAL = Path("/usr/share/doc/postgresql-doc-15/html")

CONNINFO = os.environ["CORBEL_TEST_POSTGRES"]
PARTS = dict(part.split("=") for part in CONNINFO.split())
URL = f"postgresql://{PARTS['user']}@{PARTS['host']}:{PARTS['port']}/{PARTS['dbname']}"


def config(mock_url: str) -> dict[str, Any]:
    provider = {"name": "main", "kind": "openai", "base_url": f"{mock_url}/v1"}
    models = [
        {"name": "gpt-x", "targets": [{"provider": "main", "model": "gpt-x"}], "capture": "full"},
        {"name": "priced", "targets": [{"provider": "main", "model": "gpt-x", "price": {"input": 1000, "output": 2000}}]},
        {"name": "docs", "knowledge": {"collection": "manual", "top_k": 8}},
    ]
    return {"store": {"url": URL}, "access": {"admin_key": ADMIN_KEY}, "providers": [provider], "models": models}


class Node(harness.Corbel):
    """A corbel on the database, with a data directory and nothing in it that another would need."""

    key = ADMIN_KEY

    def get(self, path: str, method: str = "GET", body: Any = None, key: str | None = None) -> tuple[int, Any]:
        """Status and JSON of an answer."""
        status, _, data = self.call(method, path, body, {"authorization": f"Bearer {key}"} if key else None)
        return status, json.loads(data)

    def ask(self, text: str, model: str = "gpt-x", **more: Any) -> tuple[int, dict[str, str], bytes]:
        return self.call("POST", "/v1/chat/completions", {"model": model, "messages": [{"role": "user", "content": text}], **more})


def postgres(verb: str) -> None:
    """`start` or `stop` the server of the suite."""
    subprocess.run([harness.ROOT / "tests/lib/postgres.sh", verb, os.environ["CORBEL_TEST_POSTGRES_DIR"]], check=True, timeout=60)


def sql(query: str) -> list[list[str]]:
    done = subprocess.run(["psql", "-X", "-A", "-t", "-F", "\t", CONNINFO, "-c", query], capture_output=True, text=True, check=True, timeout=60)
    return [line.split("\t") for line in done.stdout.splitlines()]
