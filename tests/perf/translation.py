#!/usr/bin/env python3
"""What it costs to speak one protocol to the client and another to the provider, beside passing a call on in the same protocol.

A tool is offered in each call; the provider answers with 40 words, whole or as a stream, or with a stream that calls the tool. It is asked as OpenAI's chat completions or as Anthropic's messages. CPU is that of corbel's
process a request, at 8 connections, durability `process`; rounds are interleaved, and figures are medians.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
import peers  # noqa: E402
from peers import harness  # noqa: E402

CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
SCHEMA = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}
TEXT, CALL = "Look this up, please. [mock chunks=40]", "Look this up, please. [mock tool-call]"
KINDS = {"40 words, whole": (TEXT, False), "40 words, streamed": (TEXT, True), "a tool call, streamed": (CALL, True)}


def body(path: str, model: str, said: str, *, stream: bool) -> str:
    tool: dict[str, Any] = {"name": "look_up", "description": "Looks something up.", "input_schema": SCHEMA}
    if path == CHAT:
        tool = {"type": "function", "function": {"name": "look_up", "description": "Looks something up.", "parameters": SCHEMA}}
    messages = [{"role": "user", "content": said}]
    return json.dumps({"model": model, "max_tokens": 500, "messages": messages, "tools": [tool], "stream": stream})


@dataclass
class Lane:
    name: str
    path: str
    model: str
    cpu: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in KINDS})


LANES = [
    Lane("chat in, chat out", CHAT, "gpt"),
    Lane("chat in, messages out", CHAT, "claude"),
    Lane("messages in, messages out", MESSAGES, "claude"),
    Lane("messages in, chat out", MESSAGES, "gpt"),
]


def serve(mock: harness.Mock) -> harness.Corbel:
    config = {
        "store": {"durability": "process"},
        "providers": [
            {"name": "chat", "kind": "openai", "base_url": f"{mock.url}/v1", "api_key": "mock"},
            {"name": "messages", "kind": "anthropic", "base_url": mock.url, "api_key": "mock"},
        ],
        "models": [
            {"name": "gpt", "capture": "full", "targets": [{"provider": "chat", "model": "gpt-x"}]},
            {"name": "claude", "capture": "full", "targets": [{"provider": "messages", "model": "claude-x"}]},
        ],
    }
    with peers.pinned(1):
        return harness.Corbel(config)


def measure(lane: Lane, corbel: harness.Corbel, seconds: float, kind: str) -> None:
    said, stream = KINDS[kind]
    options: list[object] = ["--connections", 8, "--duration", seconds, "--warmup", 0.2, "--pid", corbel.pid]
    if stream and lane.path == CHAT:
        options.append("--stream")  # and so it looks for `data: [DONE]`, which messages have not
    done = peers.load(corbel.url + lane.path, body(lane.path, lane.model, said, stream=stream), *options, key=corbel.key)
    if done["errors"]:
        sys.exit(f"{lane.name}: {done['errors']} errors")
    lane.cpu[kind].append(done["server"]["cpu_us_per_request"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1, help="of each measurement")
    wanted = parser.parse_args()
    with peers.pinned(0):
        mock = harness.Mock()
    corbel = serve(mock)
    try:
        for turn in range(wanted.rounds):
            for lane in LANES if turn % 2 == 0 else reversed(LANES):
                for kind in KINDS:
                    measure(lane, corbel, wanted.seconds, kind)
    finally:
        corbel.stop()
        mock.stop()
    for kind in KINDS:
        print(f"\n{kind:36}{'CPU us':>12}    of the client's protocol on both sides")
        for lane in LANES:
            cpu, plain = (statistics.median(each.cpu[kind]) for each in (lane, LANES[0] if lane.path == CHAT else LANES[2]))
            print(f"  {lane.name:34}{cpu:12.1f}{cpu / plain:10.2f}x")
    return 0


if __name__ == "__main__":
    sys.exit(main())
