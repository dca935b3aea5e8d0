#!/usr/bin/env python3
"""How many streams one core holds open, and what each costs in memory, through corbel and through nginx.

Every stream gets a word a second, so that all stay open and are all at work. The limit on open files bounds the number: a proxied stream
takes two sockets of the proxy's.
"""

from __future__ import annotations

import argparse
import resource
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import peers  # noqa: E402
from peers import harness  # noqa: E402

NGINX_MAX = 9300  # it begins to reset new connections when a sixteenth of its 20,000 is left
FILES_MAX = resource.getrlimit(resource.RLIMIT_NOFILE)[1]


def measure(peer: peers.Peer, streams: int, seconds: float) -> bool:
    """Prints one line; false if a stream was refused or broke."""
    idle, _ = peers.usage(peer.pid)
    data = peers.body(peer.model("gpt-y"), stream=True, text="[mock chunks=1000000 pace=1000]")
    options = ["--connections", streams, "--duration", seconds, "--stream", "--pid", peer.pid]
    run = peers.load(peer.url + peers.CHAT, data, *options, key=peer.key)
    server, first = run["server"], run["first_chunk_us"]
    each = (server["rss_kb"] - idle) / max(run["open"], 1)
    cpu = (server["user_s"] + server["system_s"]) / seconds * 100
    print(
        f"  {peer.name:18}{run['open']:8d}{run['errors']:8d}{idle / 1024:10.1f}{server['rss_kb'] / 1024:10.1f}{each:12.1f}{cpu:8.1f}"
        f"{first['p50'] / 1000 if first else float('nan'):13.1f}{first['p99'] / 1000 if first else float('nan'):10.1f}",
        flush=True,
    )
    return run["errors"] == 0 and run["open"] == streams


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=min(9500, (FILES_MAX - 1000) // 2))
    parser.add_argument("--seconds", type=float, default=40)
    parser.add_argument("--systems", default="nginx,corbel-power", help="comma-separated; corbel-LEVEL of durability")
    parser.add_argument("--corbel", type=Path, help="the binary, in place of the build's")
    wanted = parser.parse_args()
    good = True
    with peers.pinned(0):
        mock = harness.Mock()
    try:
        print(f"streams of a word a second, open for {wanted.seconds:.0f} s")
        print(f"  {'':18}{'open':>8}{'errors':>8}{'idle MB':>10}{'RSS MB':>10}{'KB/stream':>12}{'CPU %':>8}{'TTFC p50 ms':>13}{'p99 ms':>10}")
        for name in wanted.systems.split(","):
            peer = peers.Nginx(mock.url, buffering=False) if name == "nginx" else peers.Corbel(mock.url, name.removeprefix("corbel-"), wanted.corbel)
            streams = min(wanted.streams, NGINX_MAX) if name == "nginx" else wanted.streams
            good = measure(peer, streams, wanted.seconds) and good
            peer.stop()
    finally:
        mock.stop()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
