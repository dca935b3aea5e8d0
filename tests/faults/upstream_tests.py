"""Upstreams that are slow, die or speak nonsense: the client gets the right error in its own protocol, never a clean end, and the record says what happened."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import common
import harness


@contextmanager
def world() -> Iterator[tuple[harness.Corbel, harness.Mock]]:
    with harness.Mock() as mock, harness.Corbel(common.config(mock.url)) as corbel:
        yield corbel, mock


# Directive, what the client gets without a stream: status and a part of the type of error.
PLAIN = [
    ("reset", 502),
    ("close", 502),
    ("truncate=3", 502),
    ("close=3", 502),
    ("reset=3", 502),
    ("garbage", 502),
    ("length-over", 502),
    ("status=500", 502),
    ("status=503", 503),
    ("status=429", 429),
    ("status=400", 400),
    ("status=401", 502),
    ("stall", 504),
    ("stall=2", 504),
    ("slow-headers=4000", 504),
]

# Directives that break a stream after it began.
STREAM = ["truncate=4", "close=4", "reset=4", "end=4", "error-event=4", "garbage=4", "stall=4"]


def _whole_answers_break(models: list[str]) -> None:
    with world() as (corbel, mock):
        for model in models:
            for directive, expected in PLAIN:
                status, headers, body = common.ask(corbel, f"hello there [mock {directive}]", model)
                assert status == expected, (model, directive, status, body[:300])
                common.error_of(body)
                entry = common.record(corbel, headers["x-request-id"])
                assert entry["outcome"] == "error" and entry["status"] == expected, (directive, entry)
        common.alive(corbel)


def whole_answers_that_break_are_errors_of_the_right_status() -> None:
    _whole_answers_break(["gpt-x", "claude-x"])


def whole_answers_of_other_wires_that_break_are_errors_too() -> None:
    _whole_answers_break([f"{wire['name']}-x" for wire in common.other_wires("")])


def _streams_break(models: list[str]) -> None:
    with world() as (corbel, mock):
        for model in models:
            for directive in STREAM:
                status, headers, body = common.ask(corbel, f"one two three four five six seven eight nine [mock chunks=12 {directive}]", model, stream=True)
                events = common.events_of(body)
                assert status == 200 and len(events) >= 2, (model, directive, status, body[:300])
                assert "[DONE]" not in events, (model, directive)
                assert "error" in json.loads(events[-1]), (model, directive, events[-1])
                entry = common.record(corbel, headers["x-request-id"])
                assert entry["outcome"] == "error" and entry["usage"]["estimated"], (directive, entry)


def streams_that_break_end_with_an_error_event_and_never_with_done() -> None:
    _streams_break(["gpt-x", "claude-x"])


def streams_of_other_wires_that_break_never_end_cleanly() -> None:
    _streams_break([f"{wire['name']}-x" for wire in common.other_wires("")])


def streams_of_other_wires_that_are_only_odd_come_through_whole() -> None:
    with world() as (corbel, mock):
        for wire in common.other_wires(""):
            for directive in ("bytewise", "gzip", "http10", "connection-close", "long-line=512", "no-usage"):
                status, headers, body = common.ask(corbel, f"alpha beta gamma [mock {directive}]", f"{wire['name']}-x", stream=True)
                assert status == 200 and common.events_of(body)[-1] == "[DONE]", (wire["name"], directive, body[-300:])
                assert common.record(corbel, headers["x-request-id"])["outcome"] == "ok", directive


def streams_that_are_only_odd_come_through_whole() -> None:
    with world() as (corbel, mock):
        for directive in ("crlf", "comments", "bytewise", "gzip", "http10", "connection-close", "long-line=512", "no-usage"):
            status, headers, body = common.ask(corbel, f"alpha beta gamma [mock {directive}]", stream=True)
            assert status == 200 and common.events_of(body)[-1] == "[DONE]", (directive, body[-300:])
            assert common.record(corbel, headers["x-request-id"])["outcome"] == "ok", directive


def an_upstream_that_is_not_there_is_told_at_once() -> None:
    with harness.Corbel(common.config("http://127.0.0.1:9")) as corbel:
        for model in ("gpt-x", "claude-x", *(f"{wire['name']}-x" for wire in common.other_wires(""))):
            status, _, body = common.ask(corbel, "hi", model)
            assert status in (502, 503) and "reached" in common.error_of(body)["message"].lower(), (model, status, body)


def retry_after_of_the_provider_reaches_the_client() -> None:
    with world() as (corbel, mock):
        status, headers, _ = common.ask(corbel, "hi [mock status=429 retry-after=7]")
        assert status == 429 and headers["retry-after"] == "7", headers


def a_huge_answer_does_not_grow_the_process_for_good() -> None:
    with world() as (corbel, mock):
        common.ask(corbel, "warm up")
        before = common.resident_mb(corbel.pid)
        for _ in range(4):
            status, _, body = common.ask(corbel, "x [mock huge=12]", stream=True)
            assert status == 200 and len(body) > 12 << 20, (status, len(body))
        after = common.resident_mb(corbel.pid)
        assert after - before < 160, f"{before:.0f} MB before, {after:.0f} MB after"


TESTS = [
    whole_answers_that_break_are_errors_of_the_right_status,
    whole_answers_of_other_wires_that_break_are_errors_too,
    streams_that_break_end_with_an_error_event_and_never_with_done,
    streams_of_other_wires_that_break_never_end_cleanly,
    streams_of_other_wires_that_are_only_odd_come_through_whole,
    streams_that_are_only_odd_come_through_whole,
    an_upstream_that_is_not_there_is_told_at_once,
    retry_after_of_the_provider_reaches_the_client,
    a_huge_answer_does_not_grow_the_process_for_good,
]
