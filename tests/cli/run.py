#!/usr/bin/env python3
"""Runs the suite of the command line: run.py [PART OF A TEST'S NAME]."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

import ask_tests  # noqa: E402
import check_tests  # noqa: E402
import config_tests  # noqa: E402
import import_tests  # noqa: E402
import ingest_tests  # noqa: E402
import key_tests  # noqa: E402
import serve_tests  # noqa: E402
from harness import run  # noqa: E402

if __name__ == "__main__":
    tests = [*check_tests.TESTS, *import_tests.TESTS, *serve_tests.TESTS, *config_tests.TESTS, *key_tests.TESTS, *ask_tests.TESTS, *ingest_tests.TESTS]
    sys.exit(run(tests, sys.argv[1] if len(sys.argv) > 1 else ""))
