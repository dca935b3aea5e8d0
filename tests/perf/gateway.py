#!/usr/bin/env python3
"""What a request through corbel costs, beside nginx, other proxies and gateways, and the bare mock, in one run.

Rounds are interleaved (for each round, for each test, for each system; the order turned round every second time), and figures are
medians over rounds, so that a noisy minute hits all systems alike. Prints the machine, each system's version and how it is set up, and tables of CPU
microseconds per request with ratios to nginx, latencies added to those of the mock alone, memory and the time to ready.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
import peers  # noqa: E402
import proxies  # noqa: E402
from peers import harness  # noqa: E402


@dataclass(frozen=True)
class Test:
    name: str
    connections: int
    stream: bool = False
    paced: bool = False
    rate: int = 0  # requests a second in all, whatever the answers take: latency counts from when each was due


TESTS = [
    Test("plain, 1 connection", 1),
    Test("plain, 8 connections", 8),
    Test("plain, 64 connections", 64),
    Test("plain, 64 connections, 1,000 requests a second", 64, rate=1000),
    Test("stream, 1 connection", 1, stream=True),
    Test("stream, 64 connections", 64, stream=True),
    Test("stream paced 5 ms, 8 connections", 8, stream=True, paced=True),
]


@dataclass
class System:
    """A peer, and what was measured of it, by test."""

    name: str
    plain: peers.Peer
    streaming: peers.Peer
    runs: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    idle: tuple[int, int] = (0, 0)

    def measure(self, test: Test, seconds: float) -> None:
        peer = self.streaming if test.stream else self.plain
        text = "[mock pace=5 chunks=18]" if test.paced else peers.QUESTION
        data = peers.body(peer.model("gpt-y" if test.paced else "mock-fast"), stream=test.stream, usage=test.paced, text=text)
        options: list[object] = ["--connections", test.connections, "--duration", seconds, "--warmup", 0.3, "--pid", peer.pid]
        if test.rate:
            options += ["--rate", test.rate]
        if test.stream:
            options.append("--stream")
        self.runs.setdefault(test.name, []).append(peers.load(peer.url + peers.CHAT, data, *options, key=peer.key))
        peers.rest(peer.pid)

    def median(self, test: Test, *path: str) -> float:
        values = []
        for run in self.runs[test.name]:
            value: Any = run
            for step in path:
                value = value[step] if value is not None else None
            values.append(value if value is not None else float("nan"))
        return statistics.median(values)

    def errors(self) -> int:
        return sum(run["errors"] for runs in self.runs.values() for run in runs)

    def stop(self) -> None:
        for peer in {id(peer): peer for peer in (self.plain, self.streaming)}.values():
            peer.stop()


def disk_us(seconds: float) -> list[float]:
    """What the disk alone takes for a commit: 16 KiB written over in a file that is long enough, and fdatasync, up to 1,000 times a second."""
    size, page, taken = 32 << 20, b"x" * (16 << 10), []
    with tempfile.TemporaryFile() as file:
        os.posix_fallocate(file.fileno(), 0, size)
        for at in range(0, size, len(page)):
            os.pwrite(file.fileno(), page, at)
        os.fsync(file.fileno())
        due = time.monotonic()
        for index in range(int(seconds * 1000)):
            due = max(due + 0.001, time.monotonic())
            time.sleep(max(0, due - time.monotonic()))
            began = time.perf_counter()
            os.pwrite(file.fileno(), page, index * len(page) % size)
            os.fdatasync(file.fileno())
            taken.append((time.perf_counter() - began) * 1e6)
    return taken


def systems_start(names: list[str], mock: harness.Mock, binary: Path | None) -> list[System]:
    started = []
    for name in names:
        if name == "direct":
            direct = peers.Direct()
            started.append(System(name, direct, direct))
        elif name == "nginx":
            started.append(System(name, peers.Nginx(mock.url, buffering=True), peers.Nginx(mock.url, buffering=False)))
        elif name in proxies.ALL:
            proxy = proxies.ALL[name](mock.url)
            started.append(System(name, proxy, proxy))
        else:
            _, durability, *limits = name.split("-")
            corbel = peers.Corbel(mock.url, durability, binary, limits=limits == ["limits"])
            started.append(System(corbel.name, corbel, corbel))
    for system in started:
        system.idle = peers.usage(system.plain.pid)
    return started


def ratio(value: float, base: float) -> str:
    return f"{value / base:.2f}x" if base else ""


def print_test(test: Test, systems: list[System]) -> None:
    by_name = {system.name: system for system in systems}
    nginx, direct = by_name.get("nginx"), by_name.get("direct")
    print(f"\n{test.name}")
    print(f"  {'':18}{'CPU us/req':>11}{'of nginx':>10}{'req/s':>10}{'p50 us':>10}{'added':>9}{'p99 us':>10}{'added':>9}{'TTFC p50':>10}{'added':>9}")
    for system in systems:
        cpu = system.median(test, "server", "cpu_us_per_request")
        latency, first = system.median(test, "latency_us", "p50"), system.median(test, "first_chunk_us", "p50")
        line = f"  {system.name:18}{cpu:11.1f}{ratio(cpu, nginx.median(test, 'server', 'cpu_us_per_request')) if nginx else '':>10}"
        line += f"{system.median(test, 'per_second'):10.0f}{latency:10.0f}"
        line += f"{latency - direct.median(test, 'latency_us', 'p50'):9.0f}" if direct else f"{'':9}"
        late = system.median(test, "latency_us", "p99")
        line += f"{late:10.0f}"
        line += f"{late - direct.median(test, 'latency_us', 'p99'):9.0f}" if direct else f"{'':9}"
        line += f"{first:10.0f}"
        line += f"{first - direct.median(test, 'first_chunk_us', 'p50'):9.0f}" if direct else ""
        print(line)


def print_setting(systems: list[System]) -> None:
    processor = next((line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), platform.machine())
    print(f"{platform.system()} {platform.release()}, {len(peers.CORES)} x {processor}, load average {os.getloadavg()[0]:.1f}")
    for system in systems:
        print(f"  {system.name:22} {system.plain.version()}; {system.plain.setting}")


def print_memory(systems: list[System], last: Test) -> None:
    print(f"\n  {'':18}{'idle RSS MB':>12}{'idle PSS MB':>12}{'most RSS MB':>12}{'RSS after MB':>13}{'ready ms':>10}{'errors':>8}")
    for system in systems:
        after = system.runs[last.name][-1]["server"]["rss_kb"] / 1024
        most = max(run["server"]["rss_kb"] for runs in system.runs.values() for run in runs) / 1024
        rss, pss = (kb / 1024 for kb in system.idle)
        print(f"  {system.name:18}{rss:12.1f}{pss:12.1f}{most:12.1f}{after:13.1f}{system.plain.ready_ms:10.1f}{system.errors():8d}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2, help="of each measurement")
    parser.add_argument("--systems", default="direct,nginx,corbel-power,corbel-process", help=f"comma-separated; corbel-LEVEL of durability, corbel-LEVEL-limits; {', '.join(proxies.ALL)} too")
    parser.add_argument("--tests", default="", help="only tests whose name contains this")
    parser.add_argument("--corbel", type=Path, help="the binary, in place of the build's")
    parser.add_argument("--json", type=Path, help="also write every run to this file")
    return parser.parse_args()


def main() -> int:
    wanted = arguments()
    tests = [test for test in TESTS if wanted.tests in test.name]
    with peers.pinned(0):
        mock = harness.Mock()
    systems = systems_start(wanted.systems.split(","), mock, wanted.corbel)
    try:
        disk = []
        for index in range(wanted.rounds):
            disk += disk_us(wanted.seconds)
            for test in tests:
                for system in systems if index % 2 == 0 else reversed(systems):
                    system.measure(test, wanted.seconds)
        if not peers.PINNED:
            print("one core only: nothing is pinned, and the figures are those of all parts together")
        print_setting(systems)
        print(f"{wanted.rounds} rounds of {wanted.seconds} s; medians")
        for test in tests:
            print_test(test, systems)
        print_memory(systems, tests[-1])
        cuts = statistics.quantiles(disk, n=100)
        print(f"\n  the disk alone, a commit's write and fdatasync: p50 {cuts[49]:.0f} us, p99 {cuts[98]:.0f} us")
        if wanted.json:
            wanted.json.write_text(json.dumps({system.name: system.runs for system in systems}, indent=1))
    finally:
        for system in systems:
            system.stop()
        mock.stop()
    return 1 if any(system.errors() for system in systems) else 0


if __name__ == "__main__":
    sys.exit(main())
