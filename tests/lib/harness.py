"""What the Python test suites share: starting the programs under test, and counting what holds.

A suite is a list of functions, each named after the one fact it states. `run` calls them, prints a line for each and
`N passed, N failed` last. Programs come from the build in CORBEL_BUILD (or `build`), listen on ports of the kernel's choice, and
are ended by the pid they were started with, also when the suite itself is ended or fails half-way.
"""

from __future__ import annotations

import atexit
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("CORBEL_BUILD") or ROOT / "build")

Json = Any

# A suite that runs out of its time is sent SIGTERM: it then leaves through `atexit`, where its children are ended.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def program(name: str) -> Path:
    """The path of a built program: `corbel`, `mock-upstream`, `load-gen`."""
    path = BUILD / name if name == "corbel" else BUILD / "tests" / "mock" / name
    if not path.exists():
        sys.exit(f"{path} is not built")
    return path


class Server:
    """A child process that prints a line with its address once it serves."""

    def __init__(self, command: Iterable[str | Path], ready: str, env: dict[str, str] | None = None, timeout_s: float = 30) -> None:
        self.log = tempfile.TemporaryFile()  # standard error; standard output carries the ready line
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self.log,
            env={**os.environ, **(env or {})},
        )
        atexit.register(self.kill)
        self.url = self._wait_ready(ready, timeout_s)
        self.ready_ms = (time.monotonic() - self.started) * 1000

    def _wait_ready(self, ready: str, timeout_s: float) -> str:
        assert self.process.stdout
        fd = self.process.stdout.fileno()
        os.set_blocking(fd, False)
        said = b""
        while time.monotonic() - self.started < timeout_s:
            try:
                said += os.read(fd, 4096)
            except BlockingIOError:
                pass
            match = re.search(re.escape(ready) + r" on (http://\S+)\n", said.decode(errors="replace"))
            if match:
                self.greeting = said.decode(errors="replace")
                return match.group(1)
            if self.process.poll() is not None:
                break
            time.sleep(0.002)
        state = self.process.poll()
        self.kill()
        raise RuntimeError(f"{self.process.args[0]} did not get ready (exit {state}):\n{said.decode(errors='replace')}\n{self.errors()}")

    def errors(self) -> str:
        """What it wrote to standard error."""
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    @property
    def pid(self) -> int:
        return self.process.pid

    def stop(self, timeout_s: float = 10) -> int:
        """Asks it to stop, and returns its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout_s)
        finally:
            self.kill()

    def kill(self) -> None:
        atexit.unregister(self.kill)
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def connect(self, timeout_s: float = 30) -> http.client.HTTPConnection:
        parts = urlsplit(self.url)
        assert parts.hostname
        return http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout_s)

    def call(self, method: str, path: str, body: Json = None, headers: dict[str, str] | None = None) -> tuple[int, dict[str, str], bytes]:
        """One request on a connection of its own: status, headers by lower-case name, body."""
        connection = self.connect()
        data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        try:
            connection.request(method, path, data, {"content-type": "application/json", **(headers or {})})
            response = connection.getresponse()
            return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
        finally:
            connection.close()


class Mock(Server):
    """The mock of the upstream services (tests/mock)."""

    def __init__(self, *options: str) -> None:
        super().__init__([program("mock-upstream"), *options], "mock ready")

    def requests(self, path: str | None = None) -> list[Json]:
        """The requests on record, oldest first; those for one path. Times get `CLOCK_MONOTONIC` twins, such as `end_s`."""
        record = json.loads(self.call("GET", "/_mock/requests")[2])
        for request in record["requests"]:
            for name in [name for name in request if name.endswith("_ms")]:
                at = request[name]
                request[name[:-3] + "_s"] = None if at is None else (record["start_monotonic_ms"] + at) / 1000
            request["header"] = {name.lower(): value for name, value in request["headers"]}
        return [request for request in record["requests"] if path in (None, request["path"])]

    def stats(self) -> dict[str, int]:
        return json.loads(self.call("GET", "/_mock/stats")[2])

    def reset(self) -> None:
        self.call("POST", "/_mock/reset")

    def wait_ended(self, timeout_s: float = 5) -> Json:
        """The last request on record, once it has ended."""
        return wait_for(lambda: next((r for r in self.requests()[-1:] if r["end"]), None), timeout_s, "the upstream exchange to end")


class Corbel(Server):
    """`corbel serve` with a configuration file (YAML, or a dictionary: JSON is YAML), and the admin key it made for itself.

    Everything lies in a directory that goes with the object, unless `data` names one that is to stay. Without `model` it finds no
    embedding model, and searches by words alone.
    """

    def __init__(
        self,
        config: str | dict[str, Json],
        *options: str,
        data: Path | None = None,
        model: bool = False,
        env: dict[str, str] | None = None,
        binary: Path | None = None,
        timeout_s: float = 30,
    ) -> None:
        self.scratch = tempfile.TemporaryDirectory(prefix="corbel-test-")
        self.data = data or Path(self.scratch.name) / "data"
        self.file = Path(self.scratch.name) / "corbel.yaml"
        if isinstance(config, dict):
            if not model:
                config = {"embeddings": {"model_dir": str(Path(self.scratch.name) / "no-model")}, **config}
            config = json.dumps(config, indent=1)
        self.file.write_text(config)
        command = [binary or program("corbel"), "serve", "-c", self.file, "--data", self.data, "--listen", "127.0.0.1:0", *options]
        super().__init__(command, "corbel ready", env, timeout_s)

    @property
    def key(self) -> str:
        return (self.data / "admin.key").read_text().strip()

    def call(self, method: str, path: str, body: Json = None, headers: dict[str, str] | None = None) -> tuple[int, dict[str, str], bytes]:
        return super().call(method, path, body, {"authorization": f"Bearer {self.key}", **(headers or {})})

    def cli(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """A client command of the same binary, with address and key in its environment."""
        env = {**os.environ, "CORBEL_URL": self.url, "CORBEL_KEY": self.key}
        command = [str(part) for part in (self.process.args[0], *arguments)]  # type: ignore[index]
        return subprocess.run(command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)


def wait_for(look: Callable[[], Any], timeout_s: float, what: str) -> Any:
    """What `look` returns, once that is true."""
    until = time.monotonic() + timeout_s
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > until:
            raise AssertionError(f"waited {timeout_s} s in vain for {what}")
        time.sleep(0.01)


TEST_SECONDS = int(os.environ.get("CORBEL_TEST_SECONDS", "60"))


def _too_long(*_: object) -> None:
    raise AssertionError(f"still running after {TEST_SECONDS} s")


def count(tests: Iterable[Callable[[], None]], only: str = "") -> tuple[int, int]:
    """Calls each test whose name contains `only`, and ends one that hangs; prints how it went. Returns how many passed and failed."""
    passed = failed = 0
    signal.signal(signal.SIGALRM, _too_long)
    for test in tests:
        name = test.__name__.replace("_", " ")
        if only not in test.__name__:
            continue
        signal.alarm(TEST_SECONDS)
        try:
            test()
        except Exception:  # noqa: BLE001 - whatever it is, the test has failed
            failed += 1
            print(f"FAILED  {name}\n{traceback.format_exc()}", flush=True)
        else:
            passed += 1
            print(f"ok      {name}", flush=True)
        finally:
            signal.alarm(0)
    return passed, failed


def run(tests: Iterable[Callable[[], None]], only: str = "") -> int:
    """A whole suite; returns its exit status."""
    passed, failed = count(tests, only)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0
