#!/usr/bin/env python3
"""Whether memory stays flat: a mixed load at a steady rate for as long as one likes, and corbel's resident memory once a minute.

    tests/perf/soak.py --minutes 30

Whole answers, streams, streams that the client leaves in the middle, answers that fail upstream, and Anthropic's protocol, each by a load generator of its own; every text is new, so that nothing is found in a cache.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent))
import peers  # noqa: E402
from peers import harness  # noqa: E402

numbers = itertools.count()
KINDS = {
    "whole": ("/v1/chat/completions", "gpt-y", "", False),
    "stream": ("/v1/chat/completions", "gpt-y", "[mock chunks=40]", True),
    "left in the middle": ("/v1/chat/completions", "gpt-y", "[mock chunks=40 pace=2]", True),
    "fails upstream": ("/v1/chat/completions", "gpt-y", "[mock status=500]", False),
    "messages": ("/v1/messages", "gpt-y", "", True),
}


def one(corbel: peers.Corbel, kind: str) -> None:
    path, model, directives, stream = KINDS[kind]
    text = f"Question {next(numbers)}: {peers.QUESTION} {directives}"
    connection = http.client.HTTPConnection(urlsplit(corbel.url).netloc, timeout=30)
    data = {"model": model, "max_tokens": 100, "stream": stream, "messages": [{"role": "user", "content": text}]}
    try:
        connection.request("POST", path, json.dumps(data), {"content-type": "application/json", "authorization": f"Bearer {corbel.key}"})
        response = connection.getresponse()
        if kind == "left in the middle":
            response.read(500)
        else:
            response.read()
        wanted = (500, 502) if kind == "fails upstream" else (200,)
        if response.status not in wanted:
            sys.exit(f"{kind}: {response.status}")
    finally:
        connection.close()


def load(corbel: peers.Corbel, kind: str, rate: float, until: float, counts: dict[str, int]) -> None:
    due = time.monotonic()
    while due < until:
        time.sleep(max(0, due - time.monotonic()))
        one(corbel, kind)
        counts[kind] += 1
        due += 1 / rate


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--rate", type=float, default=20, help="requests a second of each kind")
    parser.add_argument("--durability", default="process")
    wanted = parser.parse_args()
    with peers.pinned(0):
        mock = harness.Mock()
    corbel = peers.Corbel(mock.url, wanted.durability, limits=True)
    counts = dict.fromkeys(KINDS, 0)
    until = time.monotonic() + wanted.minutes * 60
    threads = [threading.Thread(target=load, args=(corbel, kind, wanted.rate, until, counts), daemon=True) for kind in KINDS]
    print("  minute    requests    RSS MB")
    try:
        for thread in threads:
            thread.start()
        for minute in itertools.count():
            print(f"{minute:8}{sum(counts.values()):12}{peers.usage(corbel.pid)[0] / 1024:10.1f}", flush=True)
            if time.monotonic() >= until:
                break
            time.sleep(min(60, max(0, until - time.monotonic())))
        for thread in threads:
            thread.join(60)
        mock.reset()
        print("  " + ", ".join(f"{kind} {count}" for kind, count in counts.items()))
    finally:
        corbel.stop()
        mock.stop()
    return 0 if all(counts.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
