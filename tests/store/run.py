"""Runs the tests of corbel on PostgreSQL, in the one database that postgres.sh has made. The last line is their sum."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
import harness  # noqa: E402
import outage_tests  # noqa: E402
import two_nodes_tests  # noqa: E402

if __name__ == "__main__":
    only = sys.argv[1] if len(sys.argv) > 1 else ""
    with two_nodes_tests.world():
        passed, failed = harness.count(two_nodes_tests.TESTS, only)
    more_passed, more_failed = harness.count(outage_tests.TESTS, only)
    print(f"{passed + more_passed} passed, {failed + more_failed} failed")
    sys.exit(1 if failed + more_failed else 0)
