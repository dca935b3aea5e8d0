"""Runs the fault tests; each starts what it needs. The last line is their sum."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
import abuse_tests  # noqa: E402
import attack_tests  # noqa: E402
import disk_tests  # noqa: E402
import harness  # noqa: E402
import hostile_tests  # noqa: E402
import kill_tests  # noqa: E402
import matrix_tests  # noqa: E402
import money_tests  # noqa: E402
import reload_tests  # noqa: E402
import routing_tests  # noqa: E402
import secret_tests  # noqa: E402
import token_tests  # noqa: E402
import upstream_tests  # noqa: E402

TESTS = [*upstream_tests.TESTS, *matrix_tests.TESTS, *routing_tests.TESTS, *abuse_tests.TESTS, *disk_tests.TESTS, *kill_tests.TESTS, *money_tests.TESTS, *secret_tests.TESTS, *token_tests.TESTS, *hostile_tests.TESTS, *reload_tests.TESTS, *attack_tests.TESTS]

if __name__ == "__main__":
    sys.exit(harness.run(TESTS, sys.argv[1] if len(sys.argv) > 1 else ""))
