"""Starts a world, lets others read the OpenAPI document (generators_tests.py) and what it describes (models_tests.py), walks once through every operation (walk.py), then gives Schemathesis the OpenAPI document and an admin key, and counts operations: one passes when nothing was found wrong with it."""

from __future__ import annotations

import collections
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
import generators_tests  # noqa: E402
import harness  # noqa: E402
import models_tests  # noqa: E402
import walk  # noqa: E402
import world  # noqa: E402
from models import Models  # noqa: E402

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
EXAMPLES = os.environ.get("CORBEL_OPENAPI_EXAMPLES", "5")
SECONDS = int(os.environ.get("CORBEL_OPENAPI_SECONDS", "120"))
SEED = os.environ.get("CORBEL_OPENAPI_SEED", "1")


def _named(schema: Any, known: dict[str, list[str]]) -> Any:
    """The schema, with what is there for the members that name something; and with budgets that stop nobody."""
    if isinstance(schema, list):
        return [_named(each, known) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: _named(value, known) for name, value in schema.items()}
    properties = made.get("properties", {})
    for name, value in (("file_id", {"enum": known["file_id"]}), ("file_ids", {"type": "array", "minItems": 1, "items": {"enum": known["file_id"]}}), ("limit_nanodollars", {"type": "integer", "minimum": 10**15, "maximum": 10**16})):
        if name in properties:
            properties[name] = value
    return made


def _reached(document: Any, names: set[str]) -> set[str]:
    """These components, and those that they refer to."""
    found: set[str] = set()
    while names - found:
        found |= names
        names = {each for name in names for each in walk.references(document["components"]["schemas"][name])}
    return found


def _shut(document: Any) -> Any:
    """The document, without what requests may hold that is passed on unknown: most of what is made up for it would be refused."""
    answers = _reached(document, {name for methods in document["paths"].values() for operation in methods.values() for name in walk.references(operation["responses"])})
    schemas = {name: schema if name in answers else {key: value for key, value in schema.items() if key != "additionalProperties" or "properties" not in schema} for name, schema in document["components"]["schemas"].items()}
    return {**document, "components": {**document["components"], "schemas": schemas}}


def aimed(document: Any, known: dict[str, list[str]]) -> Any:
    """The document as Schemathesis gets it: closed (walk.py), and with parameters and models that are there, beside one that is not, so that what is made up is not refused for its names alone."""
    made = walk.closed(_shut(document))
    for path, methods in made["paths"].items():
        for method, operation in methods.items():
            if "requestBody" in operation:
                operation["requestBody"] = _named(operation["requestBody"], known)
            for parameter in operation["parameters"]:
                name = parameter["name"]
                if parameter["in"] == "path":
                    there = known.get(path.split(f"/{{{name}}}")[0]) or known.get(name, [])
                    there = there if method != "delete" else []  # others need them; walk.py has seen them go
                    parameter["schema"] = {"enum": [*there, "nobody"]}
    for schema, kind in (("Chat", "chat"), ("Completion", "chat"), ("Response", "chat"), ("Message", "chat"), ("MessageCount", "chat"), ("Embedding", "embeddings"), ("Moderation", "moderations"), ("Rerank", "rerank")):
        made["components"]["schemas"][f"{schema}Request"]["properties"]["model"] = {"enum": [*world.MODELS[kind], "nobody"]}
    return made


def schemathesis(corbel: harness.Corbel, folder: str, known: dict[str, list[str]], only: str) -> tuple[int, str, list[dict[str, Any]]]:
    """Its exit status, what it said, and its report: one event a line."""
    report, document = Path(folder) / "report.ndjson", Path(folder) / "openapi.json"
    document.write_text(json.dumps(aimed(world.call(corbel, "GET", "/openapi.json"), known)))
    command = [sys.executable, "-m", "schemathesis.cli", "run", str(document), "--url", corbel.url, "-H", f"Authorization: Bearer {corbel.key}", "--checks", CHECKS, "--seed", SEED]
    command += ["--max-examples", EXAMPLES, "--max-time", str(SECONDS), "--request-timeout", "20", "--continue-on-failure", "--no-color", "--no-shrink", "--report-ndjson-path", str(report)]
    command += ["--include-path-regex", only] if only else []
    env = {**os.environ, "PYTHONPATH": str(HERE), "SCHEMATHESIS_HOOKS": "hooks", "CORBEL_OPENAPI_OWN": " ".join(known["own"])}
    done = subprocess.run(command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=SECONDS + 120, check=False)
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


def statuses(events: list[dict[str, Any]]) -> dict[str, collections.Counter[int]]:
    """How often each operation answered with which status."""
    seen: dict[str, collections.Counter[int]] = collections.defaultdict(collections.Counter)
    for event in events:
        if scenario := event.get("ScenarioFinished"):
            recorder = scenario["recorder"]
            seen[recorder["label"]].update(each["response"]["status_code"] for each in recorder.get("interactions", {}).values() if each.get("response"))
    return seen


def main() -> int:
    only = sys.argv[1] if len(sys.argv) > 1 else ""
    with tempfile.TemporaryDirectory(prefix="corbel-openapi-") as folder, harness.Mock("--key", world.KEY) as mock, harness.Corbel(world.config(mock.url)) as corbel:
        known = world.fill(corbel)
        models = Models(corbel, folder)
        tests = [*generators_tests.Generators(corbel, folder).tests(), *models_tests.Reading(corbel, models).tests()]
        made, unmade = harness.count(tests, only)
        if only and made + unmade:
            print(f"{made} passed, {unmade} failed")
            return 1 if unmade else 0
        walked, wrong = walk.go(corbel, models) if not only else ([], {})
        status, said, events = schemathesis(corbel, folder, known, only)
        alive = corbel.process.poll() is None and corbel.call("GET", "/healthz")[0] == 200
        asks = corbel.call("GET", "/admin/v1/keys")[0] == 200
        stopped = corbel.stop(30) == 0
    for operation in walked:
        print(f"ok      walk: {operation}")
    for operation, what in wrong.items():
        print(f"FAILED  walk: {operation}: {what}")
    found, seen = results(events), statuses(events)
    for label, good in found.items():
        print(f"{'ok      ' if good else 'FAILED  '}{label}  {dict(sorted(seen[label].items()))}")
    counts = {"schemathesis found nothing wrong": status == 0, "its key was never taken from it": asks, "corbel still answers": alive, "corbel stops cleanly": stopped}
    for fact, good in counts.items():
        print(f"{'ok      ' if good else 'FAILED  '}{fact}")
    passed = made + len(walked) + sum(found.values()) + sum(counts.values())
    failed = unmade + len(wrong) + len(found) + len(counts) - sum(found.values()) - sum(counts.values())
    if failed or not found:
        print(said)
    print(f"{passed} passed, {failed + (not found)} failed")
    return 1 if failed or not found else 0


if __name__ == "__main__":
    sys.exit(main())
