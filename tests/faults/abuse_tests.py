"""Clients that send too much, too deep, too slowly or plain nonsense: the right error in OpenAI's shape, and the server goes on."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import common
import harness


@contextmanager
def world(**more: object) -> Iterator[harness.Corbel]:
    with harness.Mock() as mock, harness.Corbel(common.config(mock.url, **more)) as corbel:
        yield corbel
        common.alive(corbel)


def post(corbel: harness.Corbel, body: bytes) -> tuple[int, bytes]:
    status, _, answer = corbel.call("POST", "/v1/chat/completions", body)
    return status, answer


def status_of(answer: bytes) -> int:
    assert answer.startswith(b"HTTP/1.1 "), answer[:200]
    return int(answer.split(b" ", 2)[1])


def head(corbel: harness.Corbel, *lines: str) -> bytes:
    return "\r\n".join(["POST /v1/chat/completions HTTP/1.1", "host: x", f"authorization: Bearer {corbel.key}", "content-type: application/json", *lines, "", ""]).encode()


def a_body_of_a_gigabyte_is_refused_by_its_length() -> None:
    with world() as corbel:
        answer = common.raw(corbel, head(corbel, "content-length: 1073741824") + b"{" * 65536)
        assert status_of(answer) == 413, answer[:200]
        common.error_of(answer.split(b"\r\n\r\n", 1)[1])


def a_chunked_body_without_end_is_cut_off() -> None:
    with world() as corbel:
        before = common.resident_mb(corbel.pid)
        chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
        answer = common.raw(corbel, head(corbel, "transfer-encoding: chunked") + chunk * 3000)
        assert status_of(answer) == 413, answer[:200]
        time.sleep(0.2)
        assert common.resident_mb(corbel.pid) - before < 150


def a_hundred_thousand_headers_are_refused() -> None:
    with world() as corbel:
        answer = common.raw(corbel, head(corbel, *(f"x-{i}: y" for i in range(100_000))))
        assert status_of(answer) == 431, answer[:200]


def bad_json_is_refused_with_a_place() -> None:
    with world() as corbel:
        for body in (b"", b"{", b"[]", b"nul", b'{"model": "gpt-x",}', b"\xff\xfe", b'{"model":"\xc3\x28"}'):
            status, answer = post(corbel, body)
            assert status == 400, (body, status, answer)
            common.error_of(answer)


def deep_json_is_refused() -> None:
    with world() as corbel:
        for depth in (200, 100_000, 5_000_000):
            status, answer = post(corbel, b'{"model":"gpt-x","messages":' + b"[" * depth + b"]" * depth + b"}")
            assert status == 400, (depth, status, answer[:200])


def wrong_shapes_name_the_field() -> None:
    with world() as corbel:
        user = {"role": "user", "content": "hi"}
        cases = [
            ({"messages": [user]}, "model"),
            ({"model": "gpt-x"}, "messages"),
            ({"model": "gpt-x", "messages": []}, "messages"),
            ({"model": "gpt-x", "messages": "hi"}, "messages"),
            ({"model": "gpt-x", "messages": [{"role": "king", "content": "hi"}]}, "messages[0].role"),
            ({"model": "gpt-x", "messages": [user, {"role": "user"}]}, "messages[1].content"),
            ({"model": "gpt-x", "messages": [user], "temperature": 9}, "temperature"),
            ({"model": "gpt-x", "messages": [user], "n": 0}, "n"),
            ({"model": "gpt-x", "messages": [user], "stream": "yes"}, "stream"),
            ({"model": 7, "messages": [user]}, "model"),
        ]
        for body, param in cases:
            status, answer = post(corbel, json.dumps(body).encode())
            assert status == 400 and common.error_of(answer)["param"] == param, (body, answer)


def what_is_not_there_says_so() -> None:
    with world() as corbel:
        for method, path, expected in (("GET", "/nothing", 404), ("PUT", "/v1/models", 405), ("GET", "/v1/files/%00", 400), ("GET", "/v1/../admin", 404)):
            status, headers, answer = corbel.call(method, path)
            assert status == expected, (path, status, answer)
            common.error_of(answer)
            assert status != 405 or "GET" in headers["allow"]


def without_a_key_nothing_is_told() -> None:
    with world() as corbel:
        for path in ("/v1/models", "/metrics", "/readyz", "/openapi.json", "/admin/v1/keys", "/v1/files", "/v1/vector_stores", "/admin/v1/traces"):
            status, _, answer = corbel.call("GET", path, headers={"authorization": "Bearer cb_wrong"})
            assert status == 401 and common.error_of(answer)["type"] == "authentication_error", (path, status, answer)


def slow_clients_do_not_hold_others_up() -> None:
    with world() as corbel:
        parts = urlsplit(corbel.url)
        slow = [socket.create_connection((parts.hostname, parts.port)) for _ in range(200)]
        for connection in slow:
            connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx-slow: ")
        began = time.monotonic()
        for _ in range(20):
            assert common.ask(corbel, "hello")[0] == 200
        assert time.monotonic() - began < 5
        for connection in slow:
            connection.close()


TESTS = [
    a_body_of_a_gigabyte_is_refused_by_its_length,
    a_chunked_body_without_end_is_cut_off,
    a_hundred_thousand_headers_are_refused,
    bad_json_is_refused_with_a_place,
    deep_json_is_refused,
    wrong_shapes_name_the_field,
    what_is_not_there_says_so,
    without_a_key_nothing_is_told,
    slow_clients_do_not_hold_others_up,
]
