#!/usr/bin/env python3
"""Fails on what must not stand in a file of this project, whoever wrote it.

    house.py [ROOT]

No package registry by its host name and no lock file with download addresses, since people install from mirrors. No path
of somebody's machine. Nothing marked as unfinished. No third-party code in the tree. Looks at every file that git tracks or
would track; prints `N passed, N failed` last, counting files.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

# Spelled with a bracket or a join, so that this file passes its own check.
REGISTRY_HOSTS = re.compile(
    r"registry[.]npmjs|registry[.]yarnpkg|files[.]pythonhosted|\bpypi[.](?:org|io|python)|deb[.]debian[.]org|security[.]debian[.]org"
    r"|proxy[.]golang|index[.]crates|static[.]crates|rubygems[.]org|repo1?[.]maven|registry-1[.]docker|ghcr[.]io|quay[.]io"
)
LOCK_ADDRESS = re.compile(r'"resolved":\s*"https?:')
MACHINE_PATHS = re.compile(r"(?<![\w.])/(?:root|home/\w+|work|Users/\w+)/")
UNFINISHED = re.compile(r"\b(?:" + "|".join(["TO" + "DO", "FIX" + "ME", "X" * 3, "not " + "implemented"]) + r")\b")
FOREIGN_CODE = re.compile(r"(?:^|/)(?:vendor|third_party|node_modules|\.venv)/")
CODE = re.compile(r"\.(?:c|h|py|sh|sql|ts|tsx|js|mjs|lua|build|ya?ml|toml)$|^dev$|^\.ci/run$|(?:^|/)Dockerfile$")


def files(root: Path) -> list[str]:
    command = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    output = subprocess.run(command, capture_output=True, check=True).stdout
    return sorted(name for name in output.decode().split("\0") if name and (root / name).is_file())


def faults(name: str, text: str) -> list[str]:
    rules = [(REGISTRY_HOSTS, "names a package registry's host"), (MACHINE_PATHS, "names a path of somebody's machine")]
    if CODE.search(name):
        rules.append((UNFINISHED, "is marked as unfinished"))
    if "lock" in name:
        rules.append((LOCK_ADDRESS, "carries a download address"))
    found = [f"{name}: third-party code in the tree"] if FOREIGN_CODE.search(name) else []
    for number, line in enumerate(text.splitlines(), 1):
        found += [f"{name}:{number}: {what}" for rule, what in rules if rule.search(line)]
    return found


def main() -> int:
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[2]
    names = files(root)
    failed = 0
    for name in names:
        data = (root / name).read_bytes()
        if b"\0" in data[:8192]:
            continue
        found = faults(name, data.decode(errors="replace"))
        failed += bool(found)
        print("".join(f"{line}\n" for line in found[:5]), end="")
    print(f"{len(names) - failed} passed, {failed} failed")
    return 1 if failed or not names else 0


if __name__ == "__main__":
    sys.exit(main())
