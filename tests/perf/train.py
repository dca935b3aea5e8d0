"""The load by which a release is optimized (tools/dev/compile.sh): an instrumented build serves it and counts which way its branches go.

What most users run: calls passed on and translated, whole and streamed, with a tool, at few and many connections, with keys, limits, a budget and the full record. What is not called here
is compiled as it would be without training.

	CORBEL_BUILD=DIR python3 tests/perf/train.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import peers  # noqa: E402
import translation  # noqa: E402
from peers import harness  # noqa: E402

SECONDS = 0.7


def calls_passed_on(mock: harness.Mock) -> None:
    for durability, limits in ("power", True), ("process", False):
        corbel = peers.Corbel(mock.url, durability, limits=limits)
        for connections in 1, 8, 64:
            for stream in False, True:
                more = ["--stream"] if stream else []
                done = peers.load(
                    corbel.url + peers.CHAT,
                    peers.body(corbel.model("gpt-y" if stream else "mock-fast"), stream=stream),
                    *["--connections", connections, "--duration", SECONDS, "--warmup", 0, *more],
                    key=corbel.key,
                )
                if done["errors"]:
                    sys.exit(f"{done['errors']} errors at {connections} connections")
        corbel.stop()


def calls_translated(mock: harness.Mock) -> None:
    corbel = translation.serve(mock)
    for lane in translation.LANES:
        for kind in translation.KINDS:
            translation.measure(lane, corbel, SECONDS, kind)
    corbel.stop(30)


def main() -> int:
    with peers.pinned(0):
        mock = harness.Mock()
    calls_passed_on(mock)
    calls_translated(mock)
    mock.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
