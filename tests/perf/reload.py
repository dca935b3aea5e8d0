#!/usr/bin/env python3
"""How long a change of the configuration takes with many models, through the API and through the file, and what a request meanwhile notices.

    reload.py [--models 10 1000 10000]

For each number: the time of one PUT (a model changed; median and slowest of --changes), of one PATCH that puts them all into the store, and of the file from its replacement until it is in force (it is looked at twice
a second and read when it has stopped changing, so up to a second of that is waiting; the log says when reading began to show). Meanwhile one client asks on; its slowest answer is printed beside that without changes.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
import harness  # noqa: E402


def target(model: str) -> dict[str, Any]:
    return {"targets": [{"provider": "main", "model": model}]}


def config(mock_url: str, models: int) -> dict[str, Any]:
    provider = {"name": "main", "kind": "openai", "base_url": f"{mock_url}/v1", "api_key": "mock"}
    return {"store": {"durability": "process"}, "providers": [provider], "models": [{"name": f"m{n}", **target("mock-fast")} for n in range(models)]}


class Asking(threading.Thread):
    """A client that asks on, and remembers how long each answer took."""

    def __init__(self, corbel: harness.Corbel) -> None:
        super().__init__(daemon=True)
        self.corbel, self.times, self.going = corbel, [0.0], True

    def run(self) -> None:
        connection = self.corbel.connect()
        data = json.dumps({"model": "m0", "messages": [{"role": "user", "content": "hi"}]}).encode()
        headers = {"content-type": "application/json", "authorization": f"Bearer {self.corbel.key}"}
        while self.going:
            began = time.monotonic()
            connection.request("POST", "/v1/chat/completions", data, headers)
            response = connection.getresponse()
            response.read()
            assert response.status == 200, response.status
            self.times.append(time.monotonic() - began)
            time.sleep(0.002)

    def slowest_ms(self) -> float:
        """Since it was last asked."""
        times, self.times = self.times, [0.0]
        return max(times) * 1000


def timed(call: Any) -> float:
    """Milliseconds; the call's status must be good."""
    began = time.monotonic()
    status, _, body = call()
    assert status in (200, 201), body
    return (time.monotonic() - began) * 1000


def measure(mock: harness.Mock, models: int, changes: int) -> None:
    with harness.Corbel(json.dumps(config(mock.url, models))) as corbel:
        asking = Asking(corbel)
        asking.start()
        time.sleep(1)
        still = asking.slowest_ms()
        puts = sorted(timed(lambda n=n: corbel.call("PUT", "/admin/v1/models/m0", target(f"mock-fast-{n}"))) for n in range(changes))
        corbel.call("DELETE", "/admin/v1/models/m0")
        print(f"{models:6,} models in the file: PUT {statistics.median(puts):.1f} ms (slowest {puts[-1]:.1f}); slowest answer meanwhile {asking.slowest_ms():.1f} ms, without changes {still:.1f}")
        began = time.monotonic()
        (corbel.file.parent / "next.yaml").write_text(json.dumps(config(mock.url, models + 1)))
        (corbel.file.parent / "next.yaml").replace(corbel.file)
        harness.wait_for(lambda: corbel.call("GET", f"/admin/v1/models/m{models}")[0] == 200, 30, "the file to be in force")
        print(f"       the file in force {(time.monotonic() - began) * 1000:.0f} ms after it was replaced; slowest answer meanwhile {asking.slowest_ms():.1f} ms")
        every = {"models": [{"name": f"s{n}", **target("mock-fast")} for n in range(models)]}
        bulk = timed(lambda: corbel.call("PATCH", "/admin/v1/configuration", every))
        print(f"       as many more by one PATCH {bulk:.0f} ms; slowest answer meanwhile {asking.slowest_ms():.1f} ms")
        puts = sorted(timed(lambda n=n: corbel.call("PUT", "/admin/v1/models/s0", target(f"mock-fast-{n}"))) for n in range(changes))
        print(f"       PUT then {statistics.median(puts):.1f} ms (slowest {puts[-1]:.1f})", flush=True)
        asking.going = False
        asking.join()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, nargs="+", default=[10, 1000, 10000])
    parser.add_argument("--changes", type=int, default=20)
    wanted = parser.parse_args()
    with harness.Mock() as mock:
        for models in wanted.models:
            measure(mock, models, wanted.changes)
    return 0


if __name__ == "__main__":
    sys.exit(main())
