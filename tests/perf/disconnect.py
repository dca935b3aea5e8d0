#!/usr/bin/env python3
"""What `on_disconnect: continue` costs a stream: CPU of corbel beside the same stream without it, in interleaved rounds on one server.

Streams are of 20 chunks as fast as they come, so that what is paid once a stream counts most: its row, its events in the commit of the record.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
import harness  # noqa: E402

WAYS = ("cancel", "continue")


def streams(corbel: harness.Corbel, way: str, connections: int, requests: int) -> dict[str, float]:
    body = json.dumps({"model": way, "stream": True, "messages": [{"role": "user", "content": "hello there"}]})
    command = [harness.program("load-gen"), "--url", f"{corbel.url}/v1/chat/completions", "--data", body, "--header", f"Authorization: Bearer {corbel.key}",
               "--connections", connections, "--requests", requests, "--stream", "--pid", corbel.pid]  # fmt: skip
    done = json.loads(subprocess.run([str(part) for part in command], capture_output=True, text=True, check=True).stdout)
    return {"cpu": done["server"]["cpu_us_per_request"], "user": done["server"]["user_us_per_request"], "first": done["first_chunk_us"]["p50"]}


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 16])
    parser.add_argument("--requests", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--durability", choices=("power", "process"), default="power")
    wanted = parser.parse_args()
    with harness.Mock() as mock:
        targets = [{"provider": "m", "model": "mock-fast"}]
        models = [{"name": way, "on_disconnect": way, "targets": targets} for way in WAYS]
        config = {"store": {"durability": wanted.durability}, "providers": [{"name": "m", "kind": "openai", "base_url": f"{mock.url}/v1"}], "models": models}
        with harness.Corbel(config) as corbel:
            for connections in wanted.connections:
                rounds: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
                for way in WAYS:
                    streams(corbel, way, connections, wanted.requests // 4)  # warm
                for number in range(wanted.rounds):
                    for way in WAYS if number % 2 else reversed(WAYS):
                        rounds[way].append(streams(corbel, way, connections, wanted.requests))
                for way in WAYS:
                    figures = {name: statistics.median(one[name] for one in rounds[way]) for name in ("cpu", "user", "first")}
                    print(f"{wanted.durability}, {connections} connections, {way}: {figures['cpu']:.0f} us CPU a stream ({figures['user']:.0f} user), first chunk p50 {figures['first'] / 1000:.2f} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main())
