"""A client that leaves: the upstream call ends at once, and the record says what happened."""

from __future__ import annotations

import json
import socket
import time

import world
from world import user


def cancelled_within_100_ms(left: float) -> dict:
    """Checks the last upstream exchange, and returns the last record."""
    request = world.mock.wait_ended()
    assert request["end"] in ("peer-closed", "peer-reset"), request
    assert request["peer_closed_s"] - left < 0.1, f"the upstream call went on for {(request['peer_closed_s'] - left) * 1000:.0f} ms"
    record = world.harness.wait_for(lambda: _record_after(left), 5, "the record")
    assert record["outcome"] == "cancelled", record
    return record


def _record_after(left: float) -> dict | None:
    """The newest record, if it ends after that moment of CLOCK_MONOTONIC."""
    listed = world.corbel.cli("trace", "ls", "--limit", "1", "--json")
    assert listed.returncode == 0, listed.stderr
    (newest,) = json.loads(listed.stdout)["data"]
    ended = newest["started_us"] / 1e6 + newest["duration_us"] / 1e6 - time.time() + time.monotonic()
    return newest if ended > left - 0.005 else None


def a_closed_stream_ends_the_upstream_call_and_is_on_record() -> None:
    world.mock.reset()
    stream = world.client.chat.completions.create(model="gpt-x", messages=user("[mock chunks=10000 pace=20]"), stream=True)
    seen = [chunk for chunk, _ in zip(stream, range(6))]
    request_id = stream.response.headers["x-request-id"]
    left = time.monotonic()
    stream.response.close()
    record = cancelled_within_100_ms(left)
    assert record["request_id"] == request_id and record["tokens_estimated"], record
    assert record["output_tokens"] >= len(seen) - 2 and record["input_tokens"] > 0, record
    interaction = world.trace(request_id)["interaction"]
    assert interaction["outcome"] == "cancelled" and any(message["direction"] == "output" and "mock" in message["body"] for message in interaction["messages"])


def hang_up(body: dict, read: bool, path: str = "/v1/chat/completions") -> float:
    """Sends a request by hand, waits until the upstream has it, and leaves; when that was."""
    world.mock.reset()
    data = json.dumps(body).encode()
    connection = world.corbel.connect()
    connection.request("POST", path, data, {"content-type": "application/json", "authorization": f"Bearer {world.corbel.key}"})
    world.harness.wait_for(lambda: world.mock.stats()["open_exchanges"] == 1, 5, "the upstream call to begin")
    if read:
        assert connection.sock.recv(10)
    left = time.monotonic()
    connection.sock.shutdown(socket.SHUT_RDWR)
    connection.close()
    return left


def leaving_a_plain_call_ends_it_upstream() -> None:
    cancelled_within_100_ms(hang_up({"model": "gpt-x", "messages": user("[mock stall]")}, read=False))


def leaving_before_the_first_byte_of_a_stream_ends_it_upstream() -> None:
    cancelled_within_100_ms(hang_up({"model": "gpt-x", "stream": True, "messages": user("[mock stall]")}, read=False))


def leaving_a_stalled_stream_ends_it_upstream() -> None:
    cancelled_within_100_ms(hang_up({"model": "gpt-x", "stream": True, "messages": user("a b [mock stall=3]")}, read=True))


def leaving_an_anthropic_stream_ends_it_upstream() -> None:
    cancelled_within_100_ms(hang_up({"model": "claude-x", "stream": True, "messages": user("a b [mock chunks=1000 pace=20]")}, read=True))


def leaving_a_stream_one_does_not_read_ends_it_upstream() -> None:
    left = hang_up({"model": "gpt-x", "stream": True, "messages": user("[mock endless]")}, read=False)
    cancelled_within_100_ms(left)


def a_reader_that_pauses_holds_the_upstream_back_and_loses_nothing() -> None:
    world.mock.reset()
    stream = world.client.chat.completions.create(model="gpt-x", messages=user("[mock huge=24]"), stream=True)
    next(iter(stream))
    time.sleep(1)
    held = world.mock.stats()["bytes_out"]
    assert held < 20 << 20, f"{held} bytes were taken in for a client that does not read"
    assert len(world.said(stream)) > 23 << 20
