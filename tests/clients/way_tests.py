"""Ways to a provider that libcurl goes for us: HTTP/2, and proxies. The servers are Node's and pproxy's, the client the official one."""

from __future__ import annotations

import concurrent.futures
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import world
from world import raises, user

HERE = Path(__file__).resolve().parent


class _Program:
    """A server that says where it is in the first line of what it prints; the rest is gathered in a file."""

    def __init__(self, *command: str) -> None:
        self.log = tempfile.NamedTemporaryFile(mode="r", prefix="corbel-way-")
        self.process = subprocess.Popen(command, stdout=open(self.log.name, "w"), stderr=subprocess.STDOUT)  # noqa: SIM115
        self.first = world.harness.wait_for(lambda: next(iter(self.text().split("\n")[:-1]), None), 20, command[0])

    def text(self) -> str:
        return Path(self.log.name).read_text()

    def stop(self) -> None:
        self.process.kill()
        self.process.wait(10)


@contextmanager
def _ways() -> Iterator[tuple[world.openai.OpenAI, world.harness.Corbel, _Program]]:
    """A corbel with a provider for each way, before a TLS server of Node's and the mock."""
    with tempfile.TemporaryDirectory(prefix="corbel-way-") as folder, world.harness.Mock("--key", world.UPSTREAM_KEY) as mock:
        cert, key = f"{folder}/cert.pem", f"{folder}/key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
                        "subjectAltName=DNS:localhost", "-keyout", key, "-out", cert], check=True, capture_output=True)  # fmt: skip
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        tls = _Program(shutil.which("node") or "node", str(HERE / "h2_server.mjs"), cert, key)
        proxy = _Program(sys.executable, "-u", "-m", "pproxy", "-l", f"http+socks5://127.0.0.1:{port}#user:secret", "-v")
        at, secure, plain = f"user:secret@127.0.0.1:{port}", f"https://localhost:{tls.first}/v1", f"{mock.url}/v1"
        ways = {
            "h2": {"base_url": secure, "http2": True},
            "lane": {"base_url": secure},
            "http2-unoffered": {"base_url": plain, "http2": True},
            "plain-by-http": {"base_url": plain, "proxy": f"http://{at}"},
            "tls-by-http": {"base_url": secure, "proxy": f"http://{at}"},
            "h2-by-http": {"base_url": secure, "proxy": f"http://{at}", "http2": True},
            "plain-by-socks": {"base_url": plain, "proxy": f"socks5h://{at}"},
            "tls-by-socks": {"base_url": secure, "proxy": f"socks5h://{at}"},
            "wrong-password": {"base_url": secure, "proxy": f"http://user:wrong@127.0.0.1:{port}"},
            "no-proxy": {"base_url": secure, "proxy": "http://127.0.0.1:1"},
        }
        config = {
            "providers": [{"name": name, "kind": "openai", "api_key": world.UPSTREAM_KEY, **way} for name, way in ways.items()],
            "models": [{"name": name, "targets": [{"provider": name, "model": "gpt-x"}]} for name in ways],
        }
        corbel = world.harness.Corbel(config, env={**os.environ, "SSL_CERT_FILE": cert})
        client = world.openai.OpenAI(base_url=f"{corbel.url}/v1", api_key=corbel.key, max_retries=0, timeout=20)
        try:
            yield client, corbel, proxy
        finally:
            client.close()
            assert corbel.stop(30) == 0
            tls.stop()
            proxy.stop()


def _said(client: world.openai.OpenAI, model: str) -> tuple[str, str]:
    """What a model says, whole and streamed."""
    whole = client.chat.completions.create(model=model, messages=user("hello"))
    chunks = client.chat.completions.create(model=model, messages=user("hello"), stream=True)
    return whole.choices[0].message.content, "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)


def providers_are_reached_over_http_2_and_through_proxies() -> None:
    with _ways() as (client, _, proxy):
        for model in ("h2", "h2-by-http"):
            assert _said(client, model) == ("over HTTP/2.0",) * 2, model
        for model in ("lane", "tls-by-http", "tls-by-socks"):
            assert _said(client, model) == ("over HTTP/1.1",) * 2, model
        for model in ("http2-unoffered", "plain-by-http", "plain-by-socks"):
            assert _said(client, model) == ("You said: hello",) * 2, model
        seen = proxy.text()
        assert seen.count("socks5 ") >= 2 and seen.count("http ") >= 3, seen


def many_calls_over_http_2_go_on_at_once() -> None:
    with _ways() as (client, _, _), concurrent.futures.ThreadPoolExecutor(16) as threads:
        assert set(threads.map(lambda _: _said(client, "h2"), range(64))) == {("over HTTP/2.0",) * 2}


def a_proxy_that_refuses_or_is_away_is_an_upstream_that_cannot_be_reached() -> None:
    with _ways() as (client, corbel, _):
        for model in ("wrong-password", "no-proxy"):
            error = raises(world.openai.InternalServerError, lambda name=model: client.chat.completions.create(model=name, messages=user("hello")))
            assert error.status_code == 503, (model, error)
        assert "secret" not in corbel.errors() and "wrong" not in corbel.errors()
