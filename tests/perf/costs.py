#!/usr/bin/env python3
"""What a request through corbel costs in instructions (callgrind) and in system calls (strace), which a busy machine does not change.

One connection, durability `process`, after a warm-up. Instructions are those of the whole process in user space: everything a request has others do, such as the writer's thread, is in them. valgrind and strace
must be installed; without one, its figures are missing.
"""

from __future__ import annotations

import argparse
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import peers  # noqa: E402
from peers import harness  # noqa: E402

SHOWN = 12


def wrapper(folder: Path, binary: Path) -> Path:
    """A program that is corbel under callgrind."""
    path = folder / "corbel"
    path.write_text(f'#!/bin/sh\nexec valgrind --tool=callgrind --callgrind-out-file={folder}/out.%p {binary} "$@"\n')
    path.chmod(0o755)
    return path


def send(corbel: peers.Corbel, requests: int, *, stream: bool) -> None:
    data = peers.body(corbel.model("mock-fast"), stream=stream)
    options = ["--connections", 1, "--requests", requests, *(["--stream"] if stream else [])]
    done = peers.load(corbel.url + peers.CHAT, data, *options, key=corbel.key)
    assert done["errors"] == 0, done


def instructions(mock: harness.Mock, binary: Path, requests: int, *, stream: bool) -> float:
    with tempfile.TemporaryDirectory(prefix="corbel-costs-") as name:
        folder = Path(name)
        corbel = peers.Corbel(mock.url, "process", wrapper(folder, binary))
        try:
            send(corbel, requests // 4, stream=stream)
            subprocess.run(["callgrind_control", "-z", str(corbel.pid)], check=True, capture_output=True)
            send(corbel, requests, stream=stream)
            subprocess.run(["callgrind_control", "-d", str(corbel.pid)], check=True, capture_output=True)
            (dump,) = folder.glob("out.*.1")
            total = re.search(r"^(?:totals|summary): (\d+)", dump.read_text(), re.M)
            assert total
            return int(total[1]) / requests
        finally:
            corbel.server.kill()


def system_calls(mock: harness.Mock, binary: Path, requests: int, *, stream: bool) -> dict[str, float]:
    corbel = peers.Corbel(mock.url, "process", binary)
    try:
        send(corbel, requests // 4, stream=stream)
        with tempfile.NamedTemporaryFile("r") as table:
            strace = subprocess.Popen(["strace", "-c", "-f", "-o", table.name, "-p", str(corbel.pid)], stderr=subprocess.DEVNULL)
            time.sleep(1)
            send(corbel, requests, stream=stream)
            strace.send_signal(signal.SIGINT)
            strace.wait(20)
            rows = re.findall(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$", table.read(), re.M)
        return {name: int(count) / requests for count, name in rows if name != "total"}
    finally:
        corbel.stop()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--corbel", type=Path, action="append", help="a binary, in place of the build's; again for another")
    wanted = parser.parse_args()
    mock = harness.Mock()
    try:
        for binary in wanted.corbel or [harness.program("corbel")]:
            for stream in (False, True):
                print(f"{binary}, {'a stream of 20 chunks' if stream else 'plain'}")
                if shutil.which("valgrind"):
                    print(f"  instructions a request: {instructions(mock, binary.resolve(), wanted.requests, stream=stream):,.0f}")
                if shutil.which("strace"):
                    calls = system_calls(mock, binary.resolve(), wanted.requests, stream=stream)
                    print(f"  system calls a request: {sum(calls.values()):.1f}")
                    shown = sorted(calls.items(), key=lambda item: -item[1])[:SHOWN]
                    print("    " + ", ".join(f"{name} {count:.2f}" for name, count in shown))
    finally:
        mock.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
