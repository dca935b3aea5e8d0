#!/usr/bin/env python3
"""How many streams one core holds open, and what each costs, through corbel and through nginx.

Every stream gets a word a second, so that all stay open and are all at work. The limit on open files bounds the number: a proxied stream
takes two sockets of the proxy's.

Until all are open the server is watched: how long its threads ran, and how long they could have run and did not get the core, so that a
machine that is shared can be told from a server that is slow. Stacks of fibers are told apart from the rest of the memory by the size of their
mappings.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import peers  # noqa: E402
from peers import harness  # noqa: E402

NGINX_MAX = 9300  # it begins to reset new connections when a sixteenth of its 20,000 is left
FILES_MAX = resource.getrlimit(resource.RLIMIT_NOFILE)[1]


STACK_KB = 64  # of a fiber (src/rt/stack.c), without its guard page
LOOK_S, LAST_LOOK_S = 0.25, 4


class Watch(threading.Thread):
    """Follows a server until it has as many descriptors as the streams need, and looks at its memory before they close."""

    def __init__(self, pid: int, streams: int, seconds: float) -> None:
        super().__init__(daemon=True)
        self.processes = peers.processes(pid)
        self.files = self._files() + 2 * streams
        self.began = time.monotonic()
        self.until = self.began + seconds - LAST_LOOK_S
        self.before = self._times()
        self.opened_s = self.ran_s = self.waited_s = float("nan")
        self.stacks_kb = 0
        self.start()

    def _files(self) -> int:
        return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in self.processes)

    def _times(self) -> tuple[float, float]:
        """Seconds that all threads ran, and that they were ready to run and did not have a core."""
        both = [0.0, 0.0]
        for pid in self.processes:
            for task in os.listdir(f"/proc/{pid}/task"):
                for i, value in enumerate(Path(f"/proc/{pid}/task/{task}/schedstat").read_text().split()[:2]):
                    both[i] += int(value) / 1e9
        return both[0], both[1]

    def _stacks_kb(self) -> int:
        """Resident memory of mappings of a fiber's stack's size."""
        kb = size = 0
        for pid in self.processes:
            for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
                if line.startswith("Size:"):
                    size = int(line.split()[1])
                elif line.startswith("Rss:") and size == STACK_KB:
                    kb += int(line.split()[1])
        return kb

    def run(self) -> None:
        while time.monotonic() < self.until and self._files() < self.files:
            time.sleep(LOOK_S)
        if self._files() >= self.files:
            self.opened_s = time.monotonic() - self.began
            ran, waited = self._times()
            self.ran_s, self.waited_s = ran - self.before[0], waited - self.before[1]
        time.sleep(max(0, self.until - time.monotonic()))
        self.stacks_kb = self._stacks_kb()


def measure(peer: peers.Peer, streams: int, seconds: float) -> bool:
    """Prints one line; false if a stream was refused or broke."""
    idle, _ = peers.usage(peer.pid)
    data = peers.body(peer.model("gpt-y"), stream=True, text="[mock chunks=1000000 pace=1000]")
    options = ["--connections", streams, "--duration", seconds, "--stream", "--pid", peer.pid]
    watch = Watch(peer.pid, streams, seconds)
    run = peers.load(peer.url + peers.CHAT, data, *options, key=peer.key)
    watch.join()
    server, first = run["server"], run["first_chunk_us"]
    each = (server["rss_kb"] - idle) / max(run["open"], 1)
    cpu = (server["user_s"] + server["system_s"]) / seconds * 100
    print(
        f"  {peer.name:18}{run['open']:8d}{run['errors']:8d}{server['rss_kb'] / 1024:9.1f}{each:11.1f}{watch.stacks_kb / max(run['open'], 1):8.1f}{cpu:7.1f}"
        f"{watch.opened_s:10.1f}{watch.ran_s:8.1f}{watch.waited_s:8.1f}"
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
        print(
            f"  {'':18}{'open':>8}{'errors':>8}{'RSS MB':>9}{'KB/stream':>11}{'stacks':>8}{'CPU %':>7}{'opened s':>10}{'ran s':>8}{'waited':>8}"
            f"{'TTFC p50 ms':>13}{'p99 ms':>10}"
        )
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
