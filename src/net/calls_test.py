#!/usr/bin/env python3
"""The HTTP client against servers that nobody here wrote: Python's http.server under its ssl module, with good and bad certificates.

    calls_test.py CALL_CLIENT

Tests run over the lane and over libcurl; those of LANE_TESTS over the lane alone, as they ask for more than libcurl does. Prints `N passed, N failed` last.
"""

from __future__ import annotations

import gzip
import hashlib
import http.server
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

TEXT = b"the quick brown fox " * 5000


def openssl(*args: str) -> None:
    subprocess.run(["openssl", *args], check=True, capture_output=True)


class Authority:
    """A certificate authority, and what it signs."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name
        self.cert, self.key = folder / f"{name}.pem", folder / f"{name}.key"
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                "-addext", "basicConstraints=critical,CA:TRUE", "-keyout", str(self.key), "-out", str(self.cert))  # fmt: skip

    def sign(self, name: str, san: str | None, subject: str = "corbel test", days: str = "2", begin: str = "") -> Path:
        """A file with a key and its certificate."""
        request, cert, key, ext = (self.folder / f"{name}.{suffix}" for suffix in ("csr", "crt", "key", "ext"))
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={subject}", "-keyout", str(key), "-out", str(request))
        ext.write_text(f"subjectAltName={san}\n" if san else "basicConstraints=CA:FALSE\n")
        openssl("x509", "-req", "-in", str(request), "-CA", str(self.cert), "-CAkey", str(self.key), "-CAcreateserial",
                "-days", days, "-extfile", str(ext), "-out", str(cert))  # fmt: skip
        both = self.folder / f"{name}.both"
        both.write_text(key.read_text() + cert.read_text())
        return both


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1
        if isinstance(self.connection, ssl.SSLSocket):
            self.server.resumed.append(bool(self.connection.session_reused))
            self.server.protocols.append(self.connection.selected_alpn_protocol())

    def parse_request(self) -> bool:
        self.server.requests += 1
        return super().parse_request()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.reply(body)

    def do_GET(self) -> None:
        if self.path == "/gzip":
            self.reply(gzip.compress(TEXT), "gzip")
        elif self.path == "/zlib":
            self.reply(zlib.compress(TEXT), "deflate")
        elif self.path == "/deflate":
            packer = zlib.compressobj(wbits=-15)
            self.reply(packer.compress(TEXT) + packer.flush(), "deflate")
        elif self.path == "/chunks":
            self.chunks()
        elif self.path in ("/cut", "/ended"):
            self.until_end(clean=self.path == "/ended")
        else:
            self.reply(TEXT, close=self.path == "/close")

    def chunks(self) -> None:
        packed = gzip.compress(TEXT)
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        for at in range(0, len(packed), 7):
            piece = packed[at : at + 7]
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")

    def until_end(self, *, clean: bool) -> None:
        """A body that ends with the connection: under TLS with its goodbye, or without."""
        self.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n" + TEXT)
        self.wfile.flush()
        self.close_connection = True
        if clean and isinstance(self.connection, ssl.SSLSocket):
            self.connection.unwrap()

    def reply(self, body: bytes, coding: str | None = None, *, close: bool = False) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        if coding:
            self.send_header("Content-Encoding", coding)
        if close:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, cert: Path | None, versions: tuple[ssl.TLSVersion, ssl.TLSVersion] | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.connections = self.requests = 0
        self.resumed: list[bool] = []
        self.protocols: list[str | None] = []
        self.names: list[str | None] = []
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if cert else None
        if self.context and cert:
            self.context.load_cert_chain(cert)
            self.context.set_alpn_protocols(["http/1.1"])
            self.context.sni_callback = lambda _sock, name, _context: self.names.append(name)
            if versions:
                self.context.set_ciphers("ALL:@SECLEVEL=0")
                self.context.minimum_version, self.context.maximum_version = versions
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def url(self, host: str = "localhost", path: str = "/") -> str:
        return f"http{'s' if self.context else ''}://{host}:{self.server_address[1]}{path}"

    def finish_request(self, request: socket.socket, client_address: Any) -> None:  # on the connection's thread: a handshake may fail there
        if self.context:
            try:
                request = self.context.wrap_socket(request, server_side=True)
            except (ssl.SSLError, OSError):
                return
        super().finish_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.thread.join()
        self.server_close()


class World:
    """The client's program, what it trusts, and a server's certificate for localhost and 127.0.0.1."""

    def __init__(self, program: str, folder: Path) -> None:
        self.program = program
        self.way = "lane"
        self.trusted, self.other = Authority(folder, "trusted"), Authority(folder, "other")
        self.good = self.trusted.sign("good", "DNS:localhost,IP:127.0.0.1")
        self.environment = {**os.environ, "SSL_CERT_FILE": str(self.trusted.cert), "SSL_CERT_DIR": str(folder / "none")}

    def call(self, *urls: str) -> list[str]:
        done = subprocess.run([self.program, self.way, *urls], env=self.environment, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    def server(self, *args: Any, **more: Any) -> Server:
        return Server(*args, **more)

    def refused(self, cert: Path, reason: str, host: str = "localhost", **more: Any) -> None:
        with Server(cert, **more) as server:
            (line,) = self.call(server.url(host))
            assert line.startswith("error unavailable"), line
            assert reason in line.lower(), line
            assert server.requests == 0


def ok(body: bytes) -> str:
    return f"200 {len(body)} {hashlib.sha256(body).hexdigest()[:8]}"


def a_verified_server_is_called_by_name_and_address(world: World) -> None:
    with Server(world.good) as server:
        assert world.call(server.url(), server.url("127.0.0.1")) == [ok(TEXT)] * 2
        assert server.names == ["localhost", None], server.names
        assert set(server.protocols) <= {"http/1.1"}, server.protocols


def calls_share_a_connection(world: World) -> None:
    with Server(world.good) as server:
        assert world.call(*[server.url()] * 10) == [ok(TEXT)] * 10
        assert server.connections == 1, server.connections


def both_versions_are_spoken(world: World) -> None:
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        with Server(world.good, (version, version)) as server:
            assert world.call(server.url()) == [ok(TEXT)]


def a_later_connection_resumes_the_session(world: World) -> None:
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        with Server(world.good, (version, version)) as server:
            assert world.call(*[server.url(path="/close")] * 3) == [ok(TEXT)] * 3
            assert server.resumed == [False, True, True], (version, server.resumed)


def large_bodies_go_both_ways(world: World) -> None:
    size = 5_000_000
    with Server(world.good) as server:
        assert world.call(f"POST:{size}:{server.url()}") == [ok(b"y" * size)]


def compressed_bodies_are_decoded(world: World) -> None:
    for cert in (world.good, None):
        with Server(cert) as server:
            urls = [server.url(path=path) for path in ("/gzip", "/zlib", "/deflate", "/chunks")]
            assert world.call(*urls) == [ok(TEXT)] * len(urls)


def a_body_that_is_cut_off_is_no_whole_one(world: World) -> None:
    with Server(world.good) as server:
        cut, ended = world.call(server.url(path="/cut"), server.url(path="/ended"))
        assert cut.startswith("error upstream"), cut
        assert ended == ok(TEXT), ended


def a_server_of_another_name_is_refused(world: World) -> None:
    world.refused(world.trusted.sign("elsewhere", "DNS:elsewhere.example"), "")
    world.refused(world.trusted.sign("wild", "DNS:*host"), "")


def a_server_of_another_address_is_refused(world: World) -> None:
    world.refused(world.trusted.sign("named", "DNS:localhost"), "", host="127.0.0.1")


def an_unknown_authority_is_refused(world: World) -> None:
    world.refused(world.other.sign("stranger", "DNS:localhost"), "unable to get local issuer")


def a_self_signed_certificate_is_refused(world: World) -> None:
    cert, key = (world.trusted.folder / f"self.{suffix}" for suffix in ("crt", "key"))
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
            "-keyout", str(key), "-out", str(cert))  # fmt: skip
    both = world.trusted.folder / "self.both"
    both.write_text(key.read_text() + cert.read_text())
    world.refused(both, "self")


def an_expired_certificate_is_refused(world: World) -> None:
    world.refused(world.trusted.sign("expired", "DNS:localhost", days="0"), "expired")  # valid until now; OpenSSL 3.5 takes no date before


def an_old_version_is_refused(world: World) -> None:
    world.refused(world.good, "", versions=(ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_1))


def a_name_in_the_subject_alone_is_refused(world: World) -> None:
    world.refused(world.trusted.sign("subject", None, subject="localhost"), "hostname mismatch")


TESTS: list[Callable[[World], None]] = [
    a_verified_server_is_called_by_name_and_address,
    calls_share_a_connection,
    both_versions_are_spoken,
    large_bodies_go_both_ways,
    compressed_bodies_are_decoded,
    a_server_of_another_name_is_refused,
    a_server_of_another_address_is_refused,
    an_unknown_authority_is_refused,
    a_self_signed_certificate_is_refused,
    an_expired_certificate_is_refused,
    an_old_version_is_refused,
]
LANE_TESTS = [a_later_connection_resumes_the_session, a_body_that_is_cut_off_is_no_whole_one, a_name_in_the_subject_alone_is_refused]


def main() -> int:
    warnings.simplefilter("ignore", DeprecationWarning)  # of TLS 1.1, which is offered to be refused
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="corbel-calls-") as folder:
        world = World(sys.argv[1], Path(folder))
        for world.way in ("lane", "curl"):
            for test in TESTS + (LANE_TESTS if world.way == "lane" else []):
                try:
                    test(world)
                    passed += 1
                except Exception as problem:  # noqa: BLE001
                    failed += 1
                    print(f"{world.way}: {test.__name__}: {type(problem).__name__}: {problem}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
