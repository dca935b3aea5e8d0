#!/usr/bin/env python3
"""Runs the unit tests of one build directory and counts test functions, not programs.

    run.py BUILD_DIR

Meson runs the programs; cmocka says in each one's output how many functions passed and failed. A program that ends badly
without cmocka counting a failure (a crash, a timeout, a sanitizer's report) counts as one failed. Output of what failed
is printed; the last line is `N passed, N failed`.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

COUNT = re.compile(r"\[  (PASSED|FAILED)  \] (\d+) test\(s\)")
PASSED_TEST = re.compile(r"^\[ RUN      \] (\w+)\n\[       OK \] \1\n", re.MULTILINE)
OUTPUT_LINES = 80
# Sanitizers and a busy machine stretch a test; what hangs is still ended.
PATIENCE = ["--timeout-multiplier", "8"]
GOOD = {"OK", "SKIP", "EXPECTEDFAIL"}


def count(entry: dict[str, str]) -> tuple[int, int]:
    """How many test functions of one program passed and failed."""
    output = entry.get("stdout", "") + entry.get("stderr", "")
    counts = {"PASSED": 0, "FAILED": 0}
    for word, number in COUNT.findall(output):
        counts[word] += int(number)
    if entry["result"] not in GOOD:
        return counts["PASSED"], max(counts["FAILED"], 1)
    return max(counts["PASSED"], 1), 0


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    build = Path(sys.argv[1])
    log = build / "meson-logs" / "testlog.json"
    log.unlink(missing_ok=True)
    command = ["meson", "test", "-C", str(build), "--no-rebuild", "--suite", "unit", *PATIENCE]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if not log.exists():
        print(run.stdout + run.stderr)
        print("0 passed, 1 failed")
        return 1
    passed = failed = 0
    broken = []
    for line in log.read_text().splitlines():
        entry = json.loads(line)
        good, bad = count(entry)
        passed, failed = passed + good, failed + bad
        if bad:
            broken.append(entry)
    for entry in broken:
        output = PASSED_TEST.sub("", entry.get("stdout", "") + entry.get("stderr", ""))
        print(f"\n-- {entry['name']}: {entry['result']} after {entry['duration']:.2f} s", *output.splitlines()[-OUTPUT_LINES:], sep="\n")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
