"""Starts a mock upstream and a corbel with everything in its configuration, gives Schemathesis its OpenAPI document and an admin key, and counts operations: one passes when nothing was found wrong with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
import harness  # noqa: E402

KEY = "upstream-key"
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
EXAMPLES = os.environ.get("CORBEL_OPENAPI_EXAMPLES", "5")
SECONDS = int(os.environ.get("CORBEL_OPENAPI_SECONDS", "120"))
SEED = os.environ.get("CORBEL_OPENAPI_SEED", "1")


def config(mock_url: str) -> dict[str, Any]:
    def provider(name: str, kind: str) -> dict[str, Any]:
        return {"name": name, "kind": kind, "base_url": f"{mock_url}/v1", "api_key": KEY}

    target = {"provider": "main", "model": "gpt-x", "price": {"input": 1, "output": 2}}
    return {
        "providers": [provider("main", "openai"), provider("claude", "anthropic")],
        "models": [
            {"name": "gpt-x", "targets": [target]},
            {"name": "claude-x", "targets": [{"provider": "claude", "model": "claude-x"}]},
            {"name": "docs", "targets": [target], "knowledge": {"collection": "manual"}},
            {"name": "embed-x", "type": "embeddings", "targets": [{"provider": "main", "model": "embed"}]},
        ],
    }


def fill(corbel: harness.Corbel) -> None:
    """What requests can be about: records, a document, a key, a team, a budget, a stored response."""
    corbel.call("PUT", "/admin/v1/collections/manual/documents?path=vacuum.md", b"# Vacuuming\n\nThe autovacuum launcher starts the workers.\n", {"content-type": "text/markdown"})
    corbel.call("POST", "/admin/v1/teams", {"name": "search"})
    corbel.call("POST", "/admin/v1/budgets", {"name": "daily", "limit_nanodollars": 10**15, "period": "day"})
    corbel.call("POST", "/v1/responses", {"model": "gpt-x", "input": "hello"})
    corbel.call("POST", "/v1/messages", {"model": "claude-x", "max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]})


def schemathesis(corbel: harness.Corbel, folder: str, only: str) -> tuple[int, str, list[dict[str, Any]]]:
    """Its exit status, what it said, and its report: one event a line."""
    report = Path(folder) / "report.ndjson"
    command = [os.environ["CORBEL_SCHEMATHESIS"], "-m", "schemathesis.cli", "run", f"{corbel.url}/openapi.json", "-H", f"Authorization: Bearer {corbel.key}", "--checks", CHECKS, "--seed", SEED]
    command += ["--max-examples", EXAMPLES, "--max-time", str(SECONDS), "--request-timeout", "20", "--continue-on-failure", "--no-color", "--no-shrink", "--report-ndjson-path", str(report)]
    command += ["--include-path-regex", only] if only else []
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=SECONDS + 120, check=False)
    lines = report.read_text().splitlines() if report.exists() else []
    return done.returncode, done.stdout, [json.loads(line) for line in lines]


def results(events: list[dict[str, Any]]) -> dict[str, bool]:
    """Operations that were tested, and whether nothing was found wrong."""
    found: dict[str, bool] = {}
    for event in events:
        scenario = event.get("ScenarioFinished")
        if scenario and scenario["status"] != "skip" and scenario["phase"] != "stateful":
            label = scenario["recorder"]["label"]
            found[label] = found.get(label, True) and scenario["status"] == "success"
    return found


def main() -> int:
    only = sys.argv[1] if len(sys.argv) > 1 else ""
    with tempfile.TemporaryDirectory(prefix="corbel-openapi-") as folder, harness.Mock("--key", KEY) as mock, harness.Corbel(config(mock.url)) as corbel:
        fill(corbel)
        status, said, events = schemathesis(corbel, folder, only)
        alive = corbel.process.poll() is None and corbel.call("GET", "/healthz")[0] == 200
        stopped = corbel.stop(30) == 0
    found = results(events)
    for label, good in found.items():
        print(f"{'ok      ' if good else 'FAILED  '}{label}")
    counts = {"schemathesis found nothing wrong": status == 0, "corbel still answers": alive, "corbel stops cleanly": stopped}
    for fact, good in counts.items():
        print(f"{'ok      ' if good else 'FAILED  '}{fact}")
    passed, failed = sum(found.values()) + sum(counts.values()), len(found) + len(counts) - sum(found.values()) - sum(counts.values())
    if failed or not found:
        print(said)
    print(f"{passed} passed, {failed + (not found)} failed")
    return 1 if failed or not found else 0


if __name__ == "__main__":
    sys.exit(main())
