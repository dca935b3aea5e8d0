#!/usr/bin/env python3
"""Warns of files and functions that nobody can hold in mind, and fails on those that are far past it.

    sizes.py [ROOT]

Looks at every C file under src/, tests/ and tools/. A file warns over 800 lines and fails over 1,200; a function warns over
80 and fails over 120; a C file without a head comment fails. Functions are found by the house style: the body's opening
brace stands alone in the first column, and so does the closing one. Prints `N passed, N failed` last, counting files.
"""

from __future__ import annotations

import sys
from pathlib import Path

FILE_WARN, FILE_FAIL = 800, 1200
FUNCTION_WARN, FUNCTION_FAIL = 80, 120


def functions(lines: list[str]) -> list[tuple[int, str, int]]:
    """(line, name, length) of each function; the name is what stands before the parameters."""
    found = []
    begin = None
    for number, line in enumerate(lines, 1):
        if line.rstrip() == "{":
            begin = number
        elif line.rstrip() == "}" and begin is not None:
            header = begin - 1
            while header > 1 and lines[header - 1][:1].isspace():
                header -= 1
            found.append((begin, lines[header - 1].split("(")[0].strip(), number - begin + 1))
            begin = None
    return found


def measure(path: Path) -> tuple[list[str], list[str]]:
    """Warnings and failures of one file."""
    lines = path.read_text().splitlines()
    warnings, failures = [], []
    if len(lines) > FILE_WARN:
        (failures if len(lines) > FILE_FAIL else warnings).append(f"{path}: {len(lines)} lines; split it by what it does")
    if not lines or not lines[0].startswith("/*"):
        failures.append(f"{path}: no head comment that says what the file is for")
    for number, name, length in functions(lines):
        if length > FUNCTION_WARN:
            (failures if length > FUNCTION_FAIL else warnings).append(f"{path}:{number}: {name} has {length} lines")
    return warnings, failures


def main() -> int:
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[2]
    files = sorted(path for top in ("src", "tests", "tools") for end in ("c", "h") for path in (root / top).rglob(f"*.{end}"))
    failed = 0
    for path in files:
        warnings, failures = measure(path)
        failed += bool(failures)
        for line in warnings:
            print(f"warning: {line}")
        for line in failures:
            print(line)
    print(f"{len(files) - failed} passed, {failed} failed")
    return 1 if failed or not files else 0


if __name__ == "__main__":
    sys.exit(main())
