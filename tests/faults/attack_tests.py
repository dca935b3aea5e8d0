"""Attacks on the server's two sides: requests that hide another one, clients that drip, addresses that lead inside, redirects, and servers that are not who they should be."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import common
import harness
import scripted

# --- clients ---


def _answers(corbel: harness.Corbel, data: bytes) -> list[int]:
    """The statuses of all that the server says to these bytes, until it closes or says nothing for two seconds."""
    parts, said = urlsplit(corbel.url), b""
    with socket.create_connection((parts.hostname, parts.port), timeout=2) as connection:
        try:
            connection.sendall(data)
            while piece := connection.recv(65536):
                said += piece
        except (TimeoutError, ConnectionError):
            pass
    return [int(part[:3]) for part in said.split(b"HTTP/1.1 ")[1:]]


def a_request_that_hides_another_is_refused_and_the_hidden_one_not_answered() -> None:
    with harness.Mock() as mock, harness.Corbel(common.config(mock.url)) as corbel:
        key = f"host: x\r\nauthorization: Bearer {corbel.key}\r\n".encode()
        hidden = b"GET /admin/v1/keys HTTP/1.1\r\n" + key + b"\r\n"
        post = b"POST /v1/chat/completions HTTP/1.1\r\n" + key + b"content-type: application/json\r\n"
        for more in (
            b"content-length: %d\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n" % (5 + len(hidden)),
            b"transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n",
            b"content-length: 0\r\ncontent-length: %d\r\n\r\n" % len(hidden),
            b"transfer-encoding:\r\n chunked\r\ncontent-length: 0\r\n\r\n",
            b"transfer-encoding: x\r\n\r\n",
            b"transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
            b"transfer-encoding\t: chunked\r\n\r\n0\r\n\r\n",
            b"content-length: 0\nx: y\r\n\r\n",
            b"x: y\rcontent-length: 0\r\n\r\n",
            b"transfer-encoding: chunked\r\n\r\n0x0\r\n\r\n",
            b"transfer-encoding: chunked\r\n\r\n-1\r\n\r\n",
            b"transfer-encoding: chunked\r\n\r\n0\n\n",
            b"transfer-encoding: chunked\r\n\r\n2\r\n{}0\r\n\r\n",
            b"transfer-encoding: chunked\r\n\r\n0;" + b"x" * 100_000 + b"\r\n\r\n",
            b"transfer-encoding: chunked\r\n\r\n" + b"0" * 100_000 + b"\r\n\r\n",
            b"transfer-encoding: chunked\r\n\r\n0\r\n" + b"a: b\r\n" * 50_000 + b"\r\n",
        ):
            got = _answers(corbel, post + more + hidden)
            assert len(got) <= 1 and all(400 <= status < 600 for status in got), (more[:80], got)
        assert mock.requests() == []
        pipelined = _answers(corbel, hidden * 50)
        assert pipelined == [200] * 50, "what is meant to be several requests is answered in order"
        common.alive(corbel)


def clients_that_drip_are_given_up_in_time() -> None:
    """A byte now and then is no progress: neither a head nor a body may take for ever."""
    with harness.Mock() as mock, harness.Corbel(common.config(mock.url, server={"header_timeout": "2s"})) as corbel:
        parts = urlsplit(corbel.url)
        heads = [b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n", f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {corbel.key}\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n".encode()]
        connections = [socket.create_connection((parts.hostname, parts.port)) for _ in range(60)]
        began, left = time.monotonic(), dict(enumerate(connections))
        for number, connection in left.items():
            connection.sendall(heads[number % 2])
        ended: dict[int, float] = {}
        while left and time.monotonic() - began < 25:
            for number, connection in list(left.items()):
                if _gone(connection):
                    ended[number] = time.monotonic() - began
                    del left[number]
            time.sleep(0.3)
        assert not left, f"{len(left)} are still there"
        assert max(at for number, at in ended.items() if number % 2 == 0) < 8, "heads have two seconds"
        common.alive(corbel)
        for connection in connections:
            connection.close()


def _gone(connection: socket.socket) -> bool:
    """After one byte more."""
    try:
        connection.sendall(b"x")
        connection.setblocking(False)
        while connection.recv(4096):
            pass
        return True
    except BlockingIOError:
        connection.setblocking(True)
        return False
    except OSError:
        return True


# --- where calls go ---


@contextmanager
def _trap() -> Iterator[tuple[int, list[Any]]]:
    """A port at which nobody should knock, on all addresses of this machine, and who did."""
    knocks: list[Any] = []
    listener = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)

    def accept() -> None:
        while True:
            try:
                connection, peer = listener.accept()
            except OSError:
                return
            knocks.append(peer)
            connection.close()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1], knocks
    finally:
        listener.close()


INSIDE = ("127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::]", "0.0.0.0", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.0.0.1.", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "169.254.169.254")


def no_spelling_of_an_inner_address_is_called_by_a_webhook() -> None:
    with _trap() as (port, knocks):
        hooks = [{"name": f"hook-{number}", "url": f"https://{host}:{port}/", "secret": "whsec_" + "c2VjcmV0" * 4, "events": ["key.*"]} for number, host in enumerate(INSIDE)]
        with harness.Corbel({"webhooks": hooks}) as corbel:
            assert corbel.cli("key", "create", "--name", "one").returncode == 0

            def failed() -> list[Any]:
                rows = json.loads(corbel.cli("webhook", "ls", "--json").stdout)["data"]
                return rows if all(row["error"] for row in rows) else []

            for row in harness.wait_for(failed, 30, "all to fail"):
                assert "not public" in row["error"] or "resolved" in row["error"] or "URL" in row["error"], row
        assert knocks == [], knocks


def redirects_are_not_followed() -> None:
    went: list[str] = []

    def elsewhere(path: str, _headers: dict[str, str], _body: bytes) -> scripted.Answer:
        went.append(path)
        return scripted.said({"choices": []})

    with scripted.Scripted(elsewhere) as other:
        for status in (301, 302, 303, 307, 308):

            def away(_path: str, _headers: dict[str, str], _body: bytes, status: int = status) -> scripted.Answer:
                return status, {"location": f"{other.url}/stolen"}, b""

            with scripted.Scripted(away) as upstream:
                providers = [{"name": name, "kind": "openai", "base_url": f"{upstream.url}/v1", "api_key": "sk-of-the-first-alone", "http2": http2} for name, http2 in (("one", False), ("two", True))]
                models = [{"name": row["name"], "targets": [{"provider": row["name"], "model": "m"}]} for row in providers]
                hook = {"name": "hook", "url": f"{upstream.url}/", "allow_private": True, "secret": "whsec_" + "c2VjcmV0" * 4, "events": ["key.*"]}
                with harness.Corbel({"providers": providers, "models": models, "webhooks": [hook]}) as corbel:
                    for name in ("one", "two"):
                        got, _, body = common.ask(corbel, "hi", name)
                        assert got == 502 and common.error_of(body), (status, name, got, body)
                    assert corbel.cli("key", "create", "--name", "one").returncode == 0
                    row = harness.wait_for(lambda corbel=corbel: next((row for row in json.loads(corbel.cli("webhook", "ls", "--json").stdout)["data"] if row["error"]), None), 10, "a failure")
                    assert str(status) in row["error"], row
    assert went == [], went


# --- who answers ---


class _Authority:
    """Certificates of an authority that the server trusts, and of nobody."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)
        self._openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.pem")

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)

    def signed(self, name: str, host: str, *times: str) -> ssl.SSLContext:
        self._openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={host}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        (self.folder / f"{name}.ext").write_text(f"subjectAltName=DNS:{host}\n")
        self._openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", f"{name}.ext", "-out", f"{name}.pem", *(times or ("-days", "2")))
        return self.context(name)

    def alone(self, name: str, host: str) -> ssl.SSLContext:
        self._openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}", "-keyout", f"{name}.key", "-out", f"{name}.pem")
        return self.context(name)

    def context(self, name: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        return context


def a_server_that_is_not_who_it_should_be_is_not_told_anything() -> None:
    heard: list[str] = []

    def ready(_path: str, headers: dict[str, str], _body: bytes) -> scripted.Answer:
        heard.append(headers["authorization"])
        return scripted.said({"id": "c", "created": 1, "model": "m", "choices": [{"index": 0, "message": {"role": "assistant", "content": "ready"}, "finish_reason": "stop"}]})

    with tempfile.TemporaryDirectory() as folder:
        authority = _Authority(folder)
        old = authority.signed("old", "localhost")
        old.maximum_version = ssl.TLSVersion.TLSv1_1
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.set_ciphers("ALL:@SECLEVEL=0")
        cases = {
            "good": (authority.signed("good", "localhost"), ""),
            "expired": (authority.signed("expired", "localhost", "-days", "-1"), "expired"),
            "other": (authority.signed("other", "example.com"), "match"),
            "alone": (authority.alone("alone", "localhost"), "self"),
            "old": (old, ""),
        }
        for name, (context, why) in cases.items():
            with scripted.Scripted(ready, context) as upstream:
                url = upstream.url.replace("http://127.0.0.1", "https://localhost")
                providers = [{"name": kind, "kind": "openai", "base_url": f"{url}/v1", "api_key": "sk-for-the-right-one", "http2": kind == "two"} for kind in ("one", "two")]
                models = [{"name": row["name"], "targets": [{"provider": row["name"], "model": "m"}]} for row in providers]
                with harness.Corbel({"providers": providers, "models": models}, env={"SSL_CERT_FILE": str(authority.folder / "ca.pem"), "SSL_CERT_DIR": os.devnull}) as corbel:
                    for kind in ("one", "two"):
                        del heard[:]
                        status, _, body = common.ask(corbel, "hi", kind)
                        if name == "good":
                            assert status == 200 and heard == ["Bearer sk-for-the-right-one"], (kind, status, body)
                            continue
                        error = common.error_of(body)
                        assert status == 503 and heard == [], (name, kind, status, body)
                        assert "no secure connection" in error["message"] and (kind == "two" or why in error["message"]), (name, kind, error)


TESTS = [
    a_request_that_hides_another_is_refused_and_the_hidden_one_not_answered,
    clients_that_drip_are_given_up_in_time,
    no_spelling_of_an_inner_address_is_called_by_a_webhook,
    redirects_are_not_followed,
    a_server_that_is_not_who_it_should_be_is_not_told_anything,
]
