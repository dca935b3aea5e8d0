#!/usr/bin/env python3
"""What the cache of answers costs and saves: CPU and latency of a hit beside the same call passed through, by a model without a cache and by one whose every call is a miss.

One corbel with four routes to the same mock, load from one client process; rounds are interleaved, figures are medians. With --instructions, the same by callgrind, which a busy machine does not change:
instructions of the whole process in user space for each request. With --memory 0 every hit reads the database. `off` on two binaries (--corbel, twice) is what a cache that is not configured costs.
"""

from __future__ import annotations

import argparse
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import peers  # noqa: E402
from peers import harness  # noqa: E402

# What each route is asked with: a refresh leads a call and keeps its answer each time; a bypass only finds out that it is one.
ROUTES = {"off": ("off", ""), "bypass": ("on", "off"), "refresh": ("on", "refresh"), "hit": ("on", "use")}


def config(mock: harness.Mock, memory: str = "") -> dict[str, object]:
    def model(name: str, **more: object) -> dict[str, object]:
        return {"name": name, "targets": [{"provider": "main", "model": "mock-fast"}], **more}

    return {
        "store": {"durability": "process"},
        **({"cache": {"memory_max": memory}} if memory else {}),
        "providers": [{"name": "main", "kind": "openai", "base_url": f"{mock.url}/v1", "api_key": "mock"}],
        "models": [model("off"), model("on", cache={})],
    }


def routes_of(corbel: harness.Corbel) -> list[str]:
    """Those that this binary knows: an older one has no cache."""
    return list(ROUTES) if "cache" in corbel.file.read_text() else ["off"]


def start(mock: harness.Mock, binary: Path | None, memory: str = "") -> harness.Corbel:
    try:
        with peers.pinned(1):
            return harness.Corbel(config(mock, memory), binary=binary)
    except RuntimeError:
        known = config(mock)
        known["models"] = known["models"][:1]  # type: ignore[index]
        with peers.pinned(1):
            return harness.Corbel(known, binary=binary)


def send(corbel: harness.Corbel, route: str, requests: int, connections: int, *, stream: bool) -> dict[str, float]:
    model, word = ROUTES[route]
    header = ["--header", f"x-corbel-cache: {word}"] if word else []
    options = ["--connections", connections, "--requests", requests, "--duration", 300, "--warmup", 0, *header, *(["--stream"] if stream else [])]
    done = peers.load(corbel.url + peers.CHAT, peers.body(model, stream=stream), *options, key=corbel.key)
    assert done["errors"] == 0, done
    return done


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def measure(mock: harness.Mock, binary: Path | None, rounds: int, requests: int, connections: int, *, stream: bool, memory: str) -> None:
    corbel = start(mock, binary, memory)
    try:
        routes = routes_of(corbel)
        figures: dict[str, list[tuple[float, float]]] = {route: [] for route in routes}
        for route in routes:
            send(corbel, route, requests // 4, connections, stream=stream)
        for turn in range(rounds):
            for route in routes if turn % 2 else routes[::-1]:
                before = cpu_s(corbel.pid)
                done = send(corbel, route, requests, connections, stream=stream)
                figures[route].append(((cpu_s(corbel.pid) - before) / requests * 1e6, done["latency_us"]["p50"] / 1000))
    finally:
        corbel.stop(30)
    base = [statistics.median(figure[i] for figure in figures["off"]) for i in range(2)]
    print(f"{'a stream of 20 chunks' if stream else 'plain'}, {connections} connections")
    for route in routes:
        cpu, p50 = (statistics.median(figure[i] for figure in figures[route]) for i in range(2))
        print(f"  {route:8} CPU {cpu:6.1f} us ({cpu / base[0]:.2f}x)   p50 {p50:6.3f} ms ({p50 / base[1]:.2f}x)")


def instructions(mock: harness.Mock, binary: Path, requests: int, *, stream: bool, memory: str) -> None:
    with tempfile.TemporaryDirectory(prefix="corbel-cache-") as name:
        folder = Path(name)
        wrapper = folder / "corbel"
        wrapper.write_text(f'#!/bin/sh\nexec valgrind --tool=callgrind --callgrind-out-file={folder}/out.%p {binary} "$@"\n')
        wrapper.chmod(0o755)
        corbel = start(mock, wrapper, memory)
        try:
            print(f"{binary}, {'a stream of 20 chunks' if stream else 'plain'}: instructions a request")
            for number, route in enumerate(routes_of(corbel), 1):
                send(corbel, route, requests // 4, 1, stream=stream)
                subprocess.run(["callgrind_control", "-z", str(corbel.pid)], check=True, capture_output=True)
                send(corbel, route, requests, 1, stream=stream)
                subprocess.run(["callgrind_control", "-d", str(corbel.pid)], check=True, capture_output=True)
                (dump,) = folder.glob(f"out.*.{number}")
                total = re.search(r"^(?:totals|summary): (\d+)", dump.read_text(), re.M)
                assert total
                print(f"  {route:8} {int(total[1]) / requests:,.0f}", flush=True)
        finally:
            corbel.kill()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--instructions", action="store_true")
    parser.add_argument("--memory", default="", help="cache.memory_max")
    parser.add_argument("--corbel", type=Path, action="append", help="a binary, in place of the build's; again for another")
    wanted = parser.parse_args()
    mock = harness.Mock()
    try:
        for binary in wanted.corbel or [harness.program("corbel")]:
            for stream in (False, True):
                if not wanted.instructions:
                    measure(mock, binary, wanted.rounds, wanted.requests, 8, stream=stream, memory=wanted.memory)
                elif shutil.which("valgrind"):
                    instructions(mock, binary.resolve(), wanted.requests, stream=stream, memory=wanted.memory)
    finally:
        mock.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
