#!/usr/bin/env python3
"""What a request through corbel costs in instructions of user space (callgrind) and in system calls (strace), which a busy machine does not change.

    costs.py                                 a plain answer and a stream, one connection
    costs.py --libraries --connections 1 64  the same by thread and library
    costs.py --models 10 10000 --keys 1 100000 --records 0 10000000   with so many models, keys, stored records: does a request cost more?
    costs.py --corbel BEFORE --corbel AFTER  two builds

After a warm-up. Instructions are those of the whole process: everything a request has others do, such as the writer's thread, is in them. They say nothing about the kernel, and valgrind hides the
processor's instructions for SHA-256: hashing counts for far more here than it costs. valgrind and strace must be installed; without one, its figures are missing.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import peers  # noqa: E402
from peers import harness  # noqa: E402

SHOWN = 12
Counts = list[collections.Counter[str]]  # instructions by library, for each thread


class Case:
    """A corbel to be measured: how many models, keys and records it has, and how it is asked."""

    def __init__(self, mock: harness.Mock, binary: Path, *, models: int = 0, keys: int = 0, records: int = 0, durability: str = "process", stream: bool = False, connections: int = 1) -> None:
        self.mock, self.binary, self.models, self.keys, self.records = mock, binary, models, keys, records
        self.durability, self.stream, self.connections = durability, stream, connections
        self.scratch = tempfile.TemporaryDirectory(prefix="corbel-costs-")
        self.folder = Path(self.scratch.name)

    def config(self) -> dict[str, object]:
        target = {"targets": [{"provider": "main", "model": "mock-fast"}]}
        names = ["gpt-x", *(f"other-{number}" for number in range(1, self.models))]
        return {
            "store": {"durability": self.durability},
            "providers": [{"name": "main", "kind": "openai", "base_url": f"{self.mock.url}/v1", "api_key": "mock"}],
            "models": [{"name": name, "capture": "full", **target} for name in names],
        }

    def start(self, program: Path) -> harness.Corbel:
        data = self.folder / "data"
        if (self.keys > 1 or self.records) and not data.exists():
            with harness.Corbel(self.config(), data=data) as first:
                self.send(first, 1)
                first.stop()
            add_keys(data / "corbel.db", self.keys - 1)
            add_records(data / "corbel.db", self.records)
        return harness.Corbel(json.dumps(self.config()), data=data, binary=program, timeout_s=300)

    def send(self, corbel: harness.Corbel, requests: int) -> None:
        name = f"other-{self.models - 1}" if self.models > 1 else "gpt-x"
        options: list[object] = ["--connections", self.connections, "--requests", requests, "--duration", 300, "--warmup", 0, *(["--stream"] if self.stream else [])]
        done = peers.load(corbel.url + peers.CHAT, peers.body(name, stream=self.stream), *options, key=corbel.key)
        if done["errors"]:
            sys.exit(f"{done['errors']} requests failed")


def add_keys(database: Path, count: int) -> None:
    """Valid keys whose secrets nobody has, as rows beside the one that is there."""
    with sqlite3.connect(database) as connection:
        (revision,) = connection.execute("select value from access_revision where id = 1").fetchone()
        rows = ((f"key_{number:032x}", os.urandom(32), revision + number) for number in range(1, count + 1))
        connection.executemany(
            "insert into access_key (tenant, id, hash, prefix, name, scopes, created_us, team, policy, revision) values (1, ?, ?, 'cb_', 'more', 'model.use', 0, '', '{}', ?)", rows
        )
        connection.execute("update access_revision set value = ? where id = 1", (revision + count,))


# The tables that each record has a row in, and the column that names the record. Its texts are rows of `body`.
RECORD_TABLES = {"interaction": "id", "interaction_spans": "interaction", "usage_entry": "interaction"}


def add_records(database: Path, count: int) -> None:
    """Copies of the record that is there, a second apart and older than it, each with an id, an answer's id and a text of its own."""
    with sqlite3.connect(database) as connection:
        connection.execute("pragma synchronous = off")
        newest = int.from_bytes(connection.execute("select max(id) from interaction").fetchone()[0][:6], "big")
        connection.create_function("record_id", 1, lambda number: (newest - 1000 * (count - number + 1)).to_bytes(6, "big") + number.to_bytes(10, "big"))
        connection.execute("create temp table number as with recursive n(at) as (select 1 union all select at + 1 from n where at < ?) select at from n", (count,))
        for table, key in RECORD_TABLES.items():
            columns = [row[1] for row in connection.execute(f"pragma table_info({table})")]
            own = {key: "record_id(at)", "response_id": "'chatcmpl-' || at"}
            values = ", ".join(own.get(column, f"old.{column}") for column in columns)
            connection.execute(f"create temp table old_{table} as select * from main.{table}")
            connection.execute(f"insert into {table} ({', '.join(columns)}) select {values} from number cross join old_{table} old where at <= ? order by at", (count,))
        connection.execute("insert into body (tenant, hash, used_day, body) select 1, randomblob(32), 0, zeroblob(200) from number where at <= ?", (count,))


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


def instructions(case: Case, requests: int, keep: Path | None = None) -> Counts:
    folder = keep or case.folder / "callgrind"
    folder.mkdir(parents=True, exist_ok=True)
    program = case.folder / "corbel"
    options = f"--tool=callgrind --separate-threads=yes --instr-atstart=no --callgrind-out-file={folder / 'out'}"
    program.write_text(f'#!/bin/sh\nexec valgrind {options} {case.binary} "$@"\n')
    program.chmod(0o700)
    corbel = case.start(program)
    try:
        case.send(corbel, max(200, 2 * case.connections, requests // 4))  # connections, statements, caches
        subprocess.run(["callgrind_control", "-i", "on", str(corbel.pid)], check=True, capture_output=True)
        case.send(corbel, requests)
        subprocess.run(["callgrind_control", "-i", "off", str(corbel.pid)], check=True, capture_output=True)
    finally:
        corbel.stop(60)
    return sorted((by_library(file) for file in folder.glob("out-*")), key=lambda sums: -sum(sums.values()))


def total(counts: Counts, requests: int) -> float:
    return sum(sum(sums.values()) for sums in counts) / requests


def print_libraries(counts: Counts, requests: int) -> None:
    for sums in counts:
        if sum(sums.values()) >= 100 * requests:
            libraries = ", ".join(f"{name} {number / requests:.0f}" for name, number in sums.most_common(8))
            print(f"    {sum(sums.values()) / requests:9.0f}  {libraries}")


def system_calls(case: Case, requests: int) -> dict[str, float]:
    corbel = case.start(case.binary)
    try:
        case.send(corbel, max(200, requests // 4))
        with tempfile.NamedTemporaryFile("r") as table:
            strace = subprocess.Popen(["strace", "-c", "-f", "-o", table.name, "-p", str(corbel.pid)], stderr=subprocess.DEVNULL)
            time.sleep(1)
            case.send(corbel, requests)
            strace.send_signal(signal.SIGINT)
            strace.wait(20)
            rows = re.findall(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$", table.read(), re.M)
        return {name: int(count) / requests for count, name in rows if name != "total"}
    finally:
        corbel.stop(30)


def measure(mock: harness.Mock, binary: Path, wanted: argparse.Namespace) -> None:
    for stream in (False, True):
        for connections in wanted.connections:
            shape = {"stream": stream, "connections": connections, "durability": wanted.durability}
            print(f"{binary}, {'a stream of 20 chunks' if stream else 'plain'}, {connections} connections, {wanted.durability}")
            if shutil.which("valgrind"):
                keep = wanted.keep / f"{'stream' if stream else 'plain'}-{connections}" if wanted.keep else None
                counts = instructions(Case(mock, binary, **shape), wanted.requests, keep)
                print(f"  instructions a request: {total(counts, wanted.requests):,.0f}")
                if wanted.libraries:
                    print_libraries(counts, wanted.requests)
            if shutil.which("strace"):
                calls = system_calls(Case(mock, binary, **shape), wanted.requests)
                print(f"  system calls a request: {sum(calls.values()):.1f}")
                shown = sorted(calls.items(), key=lambda item: -item[1])[:SHOWN]
                print("    " + ", ".join(f"{name} {count:.2f}" for name, count in shown))


def scale(mock: harness.Mock, binary: Path, wanted: argparse.Namespace) -> None:
    """The first number of each row is what the others are held against."""
    if not shutil.which("valgrind"):
        print("valgrind is not installed: nothing was counted")
        return
    for what, numbers in (("models", wanted.models), ("keys", wanted.keys), ("records", wanted.records)):
        first = 0.0
        for number in numbers or []:
            cost = total(instructions(Case(mock, binary, durability=wanted.durability, **{what: number}), wanted.requests), wanted.requests)
            first = first or cost
            print(f"{number:10,} {what}: {cost:,.0f} instructions a request, {cost / first:.3f} times those with {numbers[0]:,}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--connections", type=int, nargs="+", default=[1])
    parser.add_argument("--durability", default="process")
    parser.add_argument("--libraries", action="store_true", help="instructions by thread and library too")
    parser.add_argument("--models", type=int, nargs="+", help="only instructions, with each of these numbers of models")
    parser.add_argument("--keys", type=int, nargs="+", help="only instructions, with each of these numbers of keys")
    parser.add_argument("--records", type=int, nargs="+", help="only instructions, with each of these numbers of records (10 million take 10 GB)")
    parser.add_argument("--corbel", type=Path, action="append", help="a binary, in place of the build's; again for another")
    parser.add_argument("--keep", type=Path, help="a directory for callgrind's files, for callgrind_annotate")
    wanted = parser.parse_args()
    mock = harness.Mock()
    try:
        for binary in wanted.corbel or [harness.program("corbel")]:
            (scale if wanted.models or wanted.keys or wanted.records else measure)(mock, binary.resolve(), wanted)
    finally:
        mock.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
