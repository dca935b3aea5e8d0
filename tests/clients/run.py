"""Starts the world, runs the Python tests, then the Node tests and those of Cohere's client in it, and prints their sum last."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import answer_tests
import background_tests
import billing_tests
import budget_tests
import cache_tests
import cache_ways_tests
import cancel_tests
import chat_tests
import choice_tests
import claude_upstream_tests
import completion_tests
import custom_tool_tests
import configuration_tests
import document_tests
import embed_wire_tests
import embedding_tests
import error_tests
import file_search_tests
import file_tests
import import_tests
import inside_tests
import invoice_tests
import ledger_tests
import limit_tests
import local_only_tests
import member_tests
import messages_tests
import native_tests
import provider_tests
import rank_tests
import removal_tests
import response_tests
import routing_tests
import shared_limit_tests
import size_tests
import stream_tests
import vector_store_tests
import way_tests
import webhook_tests
import world

HERE = Path(__file__).resolve().parent
MODULES = (chat_tests, error_tests, provider_tests, cancel_tests, embedding_tests, embed_wire_tests, file_tests, answer_tests, completion_tests, custom_tool_tests, rank_tests, messages_tests, claude_upstream_tests, vector_store_tests, document_tests, response_tests, native_tests, background_tests, file_search_tests, way_tests, limit_tests, budget_tests, ledger_tests, billing_tests)
HELPERS = {"respond", "sent", "complete", "rank", "record_of", "upload", "embed", "shape", "hang_up", "ask", "with_manual", "check_citations", "check_page", "check_order", "streamed", "streamed_slowly", "asked", "json_id", "sent_by", "cancelled_within_100_ms", "call", "put", "document", "searchable", "link", "opened", "made", "run", "fresh", "budget", "spent", "cost_of", "cost_of_tenant", "report", "table_file"}
MODULES += (configuration_tests,)
MODULES += (webhook_tests, shared_limit_tests, invoice_tests, removal_tests)
HELPERS |= {"Caller", "records", "nodes", "key", "clients", "passes", "hammered", "told", "settings", "ledger", "Receiver"}
NODE_SUITES = ("node_suite.mjs", "messages_suite.mjs", "responses_suite.mjs", "ai_sdk_suite.mjs")
MODULES += (stream_tests,)
MODULES += (cache_tests, cache_ways_tests, member_tests, inside_tests, local_only_tests)
HELPERS |= {"House"}
HELPERS |= {"metric", "source_of", "taken_up"}
MODULES += (choice_tests, size_tests)
HELPERS |= {"Place"}
MODULES += (import_tests, routing_tests)  # its faults open breakers
FIRST = {"a_model_whose_collection_is_missing_says_what_to_do"}


def facts(module: ModuleType) -> Iterator[Callable[[], None]]:
    """The tests of a module, in its order; those that need an untouched world come first."""
    own = [value for name, value in vars(module).items() if callable(value) and getattr(value, "__module__", "") == module.__name__]
    tests = [value for value in own if value.__name__ not in HELPERS and not value.__name__.startswith("_")]
    yield from sorted(tests, key=lambda test: test.__name__ not in FIRST)


def _other_suite(command: list[str | Path]) -> tuple[int, int]:
    """What a suite in a process of its own counted; one failure if it did not get that far."""
    env = {**os.environ, "CORBEL_URL": world.corbel.url, "CORBEL_KEY": world.corbel.key, "MOCK_URL": world.mock.url}
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, timeout=300, check=False)
    *lines, last = done.stdout.rstrip().split("\n")
    counted = re.fullmatch(r"(\d+) passed, (\d+) failed", last)
    print("\n".join(lines if counted else [*lines, last]), flush=True)
    return (int(counted[1]), int(counted[2])) if counted else (0, 1)


def other_suites(only: str) -> Iterator[tuple[int, int]]:
    """The Node suites, and that of Cohere's client, which has an environment of its own."""
    for suite in NODE_SUITES:
        yield _other_suite(["node", HERE / suite, only])
    yield _other_suite([os.environ["CORBEL_COHERE"], HERE / "cohere_suite.py", only])


def main() -> int:
    only = sys.argv[1] if len(sys.argv) > 1 else ""
    world.start()
    try:
        passed, failed = world.harness.count((test for module in MODULES for test in facts(module)), only)
        counts = list(other_suites(only))
        more_passed, more_failed = sum(count[0] for count in counts), sum(count[1] for count in counts)
        status = world.stop()
        print(f"{'ok      ' if status == 0 else 'FAILED  '}corbel stops cleanly when it is asked to")
        passed, failed = passed + more_passed + (status == 0), failed + more_failed + (status != 0)
    finally:
        world.corbel.kill()
        world.mock.kill()
        if world.corbel.process.returncode not in (0, None) or failed:
            print(f"-- the end of corbel's log:\n{world.corbel.errors()[-4000:]}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
