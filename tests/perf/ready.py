#!/usr/bin/env python3
"""How long a start takes, and what the server costs while it idles: without a model, beside nginx.

A first start makes the database and the admin key; a later one finds them. Ready is the line on standard output, after which a request is
answered; the request that is sent then is timed too, so that a line printed too early would show.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import peers  # noqa: E402
from peers import harness  # noqa: E402

CONFIG = {"providers": [{"name": "main", "kind": "openai", "base_url": "http://127.0.0.1:9/v1", "api_key": "none"}]}


def cpu_ms(pid: int) -> float:
    """Time on a processor, of all threads."""
    return sum(int(Path(f"{task}/schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir()) / 1e6


class Starts:
    """Figures of one kind of start, a row of the table."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.rows: list[tuple[float, float, float, float]] = []

    def add(self, ready_ms: float, cpu: float, answer_ms: float, pid: int) -> None:
        self.rows.append((ready_ms, cpu, answer_ms, peers.usage(pid)[0] / 1024))

    def show(self) -> None:
        ready, cpu, answer, rss = zip(*self.rows, strict=True)
        first = f"{statistics.median(answer):14.1f}" if any(answer) else f"{'-':>14}"
        print(
            f"  {self.name:16}{statistics.median(ready):10.1f}{min(ready):8.1f}{max(ready):8.1f}{statistics.median(cpu):8.1f}"
            f"{first}{statistics.median(rss):12.1f}"
        )


def corbel(starts: Starts, data: Path, binary: Path | None) -> None:
    with harness.Corbel(CONFIG, data=data, binary=binary) as server:
        cpu = cpu_ms(server.pid)
        began = time.monotonic()
        status = server.call("GET", "/v1/models")[0]
        if status != 200:
            sys.exit(f"the first request got status {status}")
        starts.add(server.ready_ms, cpu, (time.monotonic() - began) * 1000, server.pid)
        server.stop()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--corbel", type=Path, help="the binary, in place of the build's")
    wanted = parser.parse_args()
    first, later, nginx = Starts("corbel, first"), Starts("corbel, later"), Starts("nginx")
    for _ in range(wanted.rounds):
        with tempfile.TemporaryDirectory(prefix="corbel-ready-") as scratch:
            data = Path(scratch) / "data"
            corbel(first, data, wanted.corbel)
            corbel(later, data, wanted.corbel)
        peer = peers.Nginx("http://127.0.0.1:9", buffering=False)
        nginx.add(peer.ready_ms, cpu_ms(peer.pid), 0, peer.pid)
        peer.stop()
    print(f"{wanted.rounds} rounds; resident memory with pages that are shared")
    print(f"  {'':16}{'ready ms':>10}{'least':>8}{'most':>8}{'CPU ms':>8}{'1st answer ms':>14}{'idle RSS MB':>12}")
    for starts in (first, later, nginx):
        starts.show()
    return 0


if __name__ == "__main__":
    sys.exit(main())
