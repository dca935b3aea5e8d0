#!/usr/bin/env python3
"""How many instructions of user space a request takes, by thread and by library, counted by callgrind.

What a clock says depends on what else the machine does; a count does not, and so shows what a change of one per cent does. It says nothing
about the kernel, and valgrind hides the processor's instructions for SHA-256: hashing counts for far more here than it costs.
"""

from __future__ import annotations

import argparse
import collections
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import peers  # noqa: E402
from peers import harness  # noqa: E402

WRAPPER = """#!/bin/sh
exec {valgrind} --tool=callgrind --separate-threads=yes --instr-atstart=no --callgrind-out-file={out} {corbel} "$@"
"""


def count(connections: int, requests: int, *, stream: bool, durability: str, out: Path) -> None:
    """Leaves one file of callgrind's for each thread beside `out`."""
    valgrind = shutil.which("valgrind")
    wrapper = out.with_name("corbel.sh")
    wrapper.write_text(WRAPPER.format(valgrind=valgrind, out=out, corbel=harness.program("corbel")))
    wrapper.chmod(0o700)
    mock = harness.Mock()
    corbel = peers.Corbel(mock.url, durability, wrapper)
    data = peers.body(corbel.model("mock-fast"), stream=stream)

    def load(number: int) -> int:
        options: list[object] = ["--connections", connections, "--requests", number, "--duration", 300, "--warmup", 0]
        done = peers.load(corbel.url + peers.CHAT, data, *options, *(["--stream"] if stream else []), key=corbel.key)
        return done["errors"]

    try:
        errors = load(max(200, 2 * connections))  # connections, statements, caches
        subprocess.run(["callgrind_control", "-i", "on", str(corbel.pid)], check=True, capture_output=True)
        errors += load(requests)
        subprocess.run(["callgrind_control", "-i", "off", str(corbel.pid)], check=True, capture_output=True)
    finally:
        corbel.stop()
        mock.stop()
    if errors:
        sys.exit(f"{errors} requests failed")


def by_library(file: Path) -> collections.Counter[str]:
    """Instructions of one thread by the library they lie in. The format: valgrind's manual, "Callgrind Format Specification"."""
    names: dict[str, str] = {}
    sums: collections.Counter[str] = collections.Counter()
    library, inside_call = "", False
    for line in file.read_text(errors="replace").splitlines():
        named = re.match(r"(c?)ob=\((\d+)\)(?: (.*))?$", line)
        if named:
            called, number, name = named.groups()
            if name is not None:
                names[number] = name.rpartition("/")[2]
            if not called:
                library = names[number]
        elif line.startswith("calls="):
            inside_call = True  # the next line is what the call cost, which its own lines say
        elif re.match(r"[+*\d-]", line):
            if not inside_call and len(line.split()) > 1:
                sums[library] += int(line.split()[1])
            inside_call = False
    return sums


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 64])
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--stream", action="store_true")
    parser.add_argument("--durability", default="process")
    parser.add_argument("--keep", type=Path, help="a directory for callgrind's files, for callgrind_annotate")
    wanted = parser.parse_args()
    if not shutil.which("valgrind"):
        print("valgrind is not installed: nothing was counted")
        return 0
    for connections in wanted.connections:
        with tempfile.TemporaryDirectory(prefix="corbel-callgrind-") as scratch:
            directory = wanted.keep / str(connections) if wanted.keep else Path(scratch)
            directory.mkdir(parents=True, exist_ok=True)
            out = directory / "callgrind"
            count(connections, wanted.requests, stream=wanted.stream, durability=wanted.durability, out=out)
            threads = sorted((by_library(file) for file in directory.glob("callgrind-*")), key=lambda sums: -sum(sums.values()))
        print(f"{'stream' if wanted.stream else 'plain'}, {connections} connections, {wanted.durability}: instructions a request")
        for sums in threads:
            if sum(sums.values()) >= 100 * wanted.requests:
                libraries = ", ".join(f"{name} {number / wanted.requests:.0f}" for name, number in sums.most_common(8))
                print(f"  {sum(sums.values()) / wanted.requests:9.0f}  {libraries}")
        print(f"  {sum(sum(sums.values()) for sums in threads) / wanted.requests:9.0f}  in all")
    return 0


if __name__ == "__main__":
    sys.exit(main())
