"""What the performance runners measure: the mock alone, nginx in front of it, corbel in front of it.

Client and mock run on core 0, the system under test on core 1, one worker, as a proxy's own cost is what is asked for. CPU time is
utime + stime of its whole process tree, which other tenants of a machine disturb least; a ratio within one run is to be trusted, a
figure from another day is not.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
import harness  # noqa: E402

CORES = sorted(os.sched_getaffinity(0))
PINNED = len(CORES) > 1
CHAT = "/v1/chat/completions"

# 500 bytes of JSON with all around it, as a short question in a conversation is.
QUESTION = ("Please explain in two sentences what a write-ahead log is, and why databases keep one. " * 5)[:415]


def body(model: str, *, stream: bool = False, usage: bool = False, text: str = QUESTION) -> str:
    """A request; with `usage`, its stream ends with the event of the usage, which corbel asks for in any case and which the mock paces as any other."""
    more: dict[str, Any] = {"stream": True} if stream else {}
    more |= {"stream_options": {"include_usage": True}} if usage else {}
    return json.dumps({"model": model, "messages": [{"role": "user", "content": text}], "temperature": 0.2, **more})


def pin(pid: int, core: int) -> None:
    """Moves a process, with what it will start, to the core with this index."""
    if not PINNED:
        return
    for task in os.listdir(f"/proc/{pid}/task"):
        os.sched_setaffinity(int(task), {CORES[core % len(CORES)]})


class pinned:
    """Children started inside are born on this core, so that their start is measured there too."""

    def __init__(self, core: int) -> None:
        self.core = core

    def __enter__(self) -> None:
        if PINNED:
            os.sched_setaffinity(0, {CORES[self.core]})

    def __exit__(self, *_: object) -> None:
        os.sched_setaffinity(0, set(CORES))


def load(url: str, data: str, *options: object, key: str = "") -> dict[str, Any]:
    """One run of the load generator, on core 0."""
    command = [str(harness.program("load-gen")), "--url", url, "--data", data, *[str(option) for option in options]]
    if key:
        command += ["--header", f"authorization: Bearer {key}"]
    with pinned(0):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if not done.stdout:
        sys.exit(f"load-gen: {done.stderr}")
    return json.loads(done.stdout)


def processes(pid: int) -> list[int]:
    """A process and its children."""
    return [pid, *(int(name) for name in os.listdir("/proc") if name.isdigit() and _parent(int(name)) == pid)]


def usage(pid: int) -> tuple[int, int]:
    """Resident memory of a process and its children, in KiB: counted for each, and with shared pages counted once."""
    rss = pss = 0
    for each in processes(pid):
        try:
            for line in Path(f"/proc/{each}/smaps_rollup").read_text().splitlines()[1:]:
                name, value = line.split(":")
                rss += int(value.split()[0]) if name == "Rss" else 0
                pss += int(value.split()[0]) if name == "Pss" else 0
        except (OSError, ValueError):
            continue
    return rss, pss


def cpu_ticks(pid: int) -> int:
    """What a process and its children have had of processors, in ticks of 10 ms."""
    ticks = 0
    for each in processes(pid):
        try:
            ticks += sum(int(field) for field in Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()[11:13])
        except (OSError, IndexError):
            continue
    return ticks


def rest(pid: int, longest_s: float = 10) -> None:
    """Waits until what its load has left to do is done, so that the next one measured has its core for itself."""
    until, before = time.monotonic() + longest_s, cpu_ticks(pid)
    while time.monotonic() < until:
        time.sleep(0.2)
        now = cpu_ticks(pid)
        if now - before <= 1:
            return
        before = now


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError):
        return 0


def said_version(command: list[str]) -> str:
    """The first word with a digit and a dot that a program prints of itself."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return next((word.rpartition("/")[2] for word in done.stdout.split() if any(c.isdigit() for c in word) and "." in word), "unknown")


class Peer:
    """A system under test: `pid` of its process tree, `url`, the model name that reaches the mock, a key, and its time to ready."""

    name = ""
    pid = 0
    url = ""
    key = ""
    ready_ms = 0.0
    setting = ""  # how it is set up, in a few words

    def version(self) -> str:
        """What it says of itself."""
        raise NotImplementedError

    def model(self, upstream: str) -> str:
        """The model to ask for, so that the mock is asked for `upstream`."""
        return upstream

    def stop(self) -> None:
        raise NotImplementedError


class Direct(Peer):
    """No proxy: the mock itself on the core of the systems under test."""

    name = "direct"
    setting = "the mock itself, one thread"

    def __init__(self) -> None:
        with pinned(1):
            self.server = harness.Mock()
        self.pid, self.url, self.ready_ms = self.server.pid, self.server.url, self.server.ready_ms

    def version(self) -> str:
        return "-"

    def stop(self) -> None:
        self.server.stop()


NGINX = """
daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid {dir}/nginx.pid;
error_log {dir}/error.log;
events {{ worker_connections 19900; }}
http {{
    access_log {dir}/access.log combined buffer=64k;
    client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi; uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;
    keepalive_requests 100000000;
    upstream mock {{ server {mock}; keepalive 256; keepalive_requests 100000000; }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{
            proxy_pass http://mock;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering {buffering};
            proxy_read_timeout 1h;
        }}
    }}
}}
"""


class Nginx(Peer):
    """nginx with proxy_pass, one worker, connections to the mock kept: the floor for a proxy that parses nothing."""

    name = "nginx"
    setting = "proxy_pass, 1 worker, access log with a buffer, connections kept; streams without proxy_buffering"

    def __init__(self, mock_url: str, *, buffering: bool) -> None:
        self.binary = binary = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
        if not binary:
            sys.exit("nginx is not installed")
        self.dir = tempfile.TemporaryDirectory(prefix="corbel-nginx-")
        port = free_port()
        config = Path(self.dir.name) / "nginx.conf"
        config.write_text(
            NGINX.format(dir=self.dir.name, mock=mock_url.removeprefix("http://"), port=port, buffering="on" if buffering else "off")
        )
        began = time.monotonic()
        with pinned(1):
            self.process = subprocess.Popen([binary, "-c", str(config), "-e", f"{self.dir.name}/error.log"])
        atexit.register(self.stop)
        harness.wait_for(lambda: answers(port), 10, "nginx to listen")
        self.ready_ms = (time.monotonic() - began) * 1000
        self.pid, self.url = self.process.pid, f"http://127.0.0.1:{port}"

    def version(self) -> str:
        return said_version([self.binary, "-v"])

    def stop(self) -> None:
        atexit.unregister(self.stop)
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)


class Corbel(Peer):
    """corbel with a key, a route, full capture and the record committed before the last byte; with `limits` the key also has rates, a number of calls at once and a budget, which none of the load reaches."""

    def __init__(self, mock_url: str, durability: str, binary: Path | None = None, *, limits: bool = False) -> None:
        self.name = f"corbel, {durability}" + (", limits" if limits else "")
        self.setting = f"1 loop, SQLite, durability {durability}, a key, full capture, its record committed before the last byte"
        self.setting += "; requests and tokens a minute, calls at once, a price and a budget" if limits else ""
        price = {"price": {"input": 1, "output": 2}} if limits else {}
        config = {
            "store": {"durability": durability},
            "providers": [{"name": "main", "kind": "openai", "base_url": f"{mock_url}/v1", "api_key": "mock"}],
            "models": [
                {"name": "gpt-x", "capture": "full", "targets": [{"provider": "main", "model": "mock-fast", **price}]},
                {"name": "gpt-y", "capture": "full", "targets": [{"provider": "main", "model": "gpt-y", **price}]},
            ],
        }
        with pinned(1):
            self.server = harness.Corbel(config, binary=binary)
        self.pid, self.url, self.key, self.ready_ms = self.server.pid, self.server.url, self.server.key, self.server.ready_ms
        if limits:
            made = self._run("key", "create", "--name", "limited", "--scope", "model.use", "--requests-per-minute", "100000000", "--tokens-per-minute", "100000000000", "--concurrency", "1000")
            self._run("budget", "create", "all", "--amount", "1000000", "--key-id", made["id"])
            self.key = made["key"]

    def _run(self, *arguments: str) -> Any:
        done = self.server.cli(*arguments, "--json")
        if done.returncode:
            sys.exit(f"corbel {' '.join(arguments)}: {done.stderr}")
        return json.loads(done.stdout)

    def model(self, upstream: str) -> str:
        return "gpt-x" if upstream == "mock-fast" else "gpt-y"

    def version(self) -> str:
        return said_version([str(self.server.process.args[0]), "version"])

    def stop(self) -> None:
        self.server.stop(30)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
