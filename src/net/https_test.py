#!/usr/bin/env python3
"""The HTTP server under TLS, spoken to by Python's ssl module.

    https_test.py ECHO_SERVER

Prints `N passed, N failed` last.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path


class Server:
    """An echo_server with a certificate of its own."""

    def __init__(self, program: str, folder: Path) -> None:
        self.cert = folder / "cert.pem"
        key = folder / "key.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
             "-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(self.cert)],
            check=True, capture_output=True)  # fmt: skip
        self.process = subprocess.Popen([program, "127.0.0.1:0", str(self.cert), str(key)], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        self.port = int(self.process.stdout.readline().rsplit(":", 1)[1])

    def context(self, version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.cert))
        if version:
            context.minimum_version = context.maximum_version = version
        return context

    def connect(self, version: ssl.TLSVersion | None = None) -> ssl.SSLSocket:
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=5)
        return self.context(version).wrap_socket(plain, server_hostname="localhost")

    def client(self) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection("localhost", self.port, context=self.context(), timeout=10)

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(10)


def many_requests_share_a_connection(server: Server) -> None:
    client = server.client()
    for _ in range(50):
        client.request("GET", "/")
        assert client.getresponse().read() == b"x" * 1000


def tls_1_2_is_spoken(server: Server) -> None:
    with server.connect(ssl.TLSVersion.TLSv1_2) as wire:
        wire.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert read_all(wire).endswith(b"x" * 1000)


def tls_1_1_is_refused(server: Server) -> None:
    context = server.context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    try:
        context.wrap_socket(socket.create_connection(("127.0.0.1", server.port), timeout=5), server_hostname="localhost")
    except ssl.SSLError:
        return
    raise AssertionError("TLS 1.1 was accepted")


def read_all(wire: ssl.SSLSocket) -> bytes:
    whole = b""
    while piece := wire.recv(65536):  # raises when the end is not a close_notify
        whole += piece
    return whole


def an_answer_that_ends_with_the_connection_ends_cleanly(server: Server) -> None:
    with server.connect() as wire:
        wire.sendall(b"GET /stream HTTP/1.0\r\n\r\n")
        assert read_all(wire).endswith(b"\r\n\r\n" + b"x" * 4000)


def large_bodies_go_there_and_back(server: Server) -> None:
    body = bytes(range(256)) * 32768
    client = server.client()
    client.request("POST", "/", body)
    assert client.getresponse().read() == body


def bytes_may_come_one_by_one(server: Server) -> None:
    with server.connect() as wire:
        for byte in b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc":
            wire.sendall(bytes([byte]))
        assert read_all(wire).endswith(b"\r\n\r\nabc")


def pipelined_requests_in_one_record_are_all_answered(server: Server) -> None:
    with server.connect() as wire:
        wire.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 20 + b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert read_all(wire).count(b"HTTP/1.1 200 OK") == 21


def a_client_that_leaves_is_noticed(server: Server) -> None:
    wire = server.connect()
    wire.sendall(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
    time.sleep(0.1)
    wire.close()
    time.sleep(0.1)
    client = server.client()
    client.request("GET", "/left")
    assert client.getresponse().read() == b"1"


def plain_http_and_noise_do_no_harm(server: Server) -> None:
    for noise in (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"\x16\x03\x01\x00\x05hello", b"\x00" * 20000):
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as wire:
            wire.sendall(noise)
            try:
                while wire.recv(4096):
                    pass
            except ConnectionResetError:
                pass
    many_requests_share_a_connection(server)


TESTS: list[Callable[[Server], None]] = [
    many_requests_share_a_connection,
    tls_1_2_is_spoken,
    tls_1_1_is_refused,
    an_answer_that_ends_with_the_connection_ends_cleanly,
    large_bodies_go_there_and_back,
    bytes_may_come_one_by_one,
    pipelined_requests_in_one_record_are_all_answered,
    a_client_that_leaves_is_noticed,
    plain_http_and_noise_do_no_harm,
]


def main() -> int:
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        server = Server(sys.argv[1], Path(folder))
        for test in TESTS:
            try:
                test(server)
            except (AssertionError, OSError, http.client.HTTPException) as error:
                failed += 1
                print(f"FAILED {test.__name__}: {error!r}")
        if server.stop() != 0:
            failed += 1
            print("FAILED: the server did not end cleanly")
    print(f"{len(TESTS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
