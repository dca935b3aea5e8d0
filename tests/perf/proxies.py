"""Peers of corbel that others wrote: what each is in front of the mock, set up as its own documents say for speed, with one worker.

HAProxy comes with Debian; the others are in a Python environment of their own, which is made on the first call (300 MB).
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import peers  # noqa: E402
from peers import harness  # noqa: E402

REQUIREMENTS = harness.ROOT / "tests" / "perf" / "peers-requirements.txt"


def _python() -> str:
    """The environment's Python. It was made elsewhere and moved, so its scripts name another one."""
    script = f'ROOT={harness.ROOT}; . "$ROOT/tools/dev/lib.sh"; python_env {REQUIREMENTS}'
    env = subprocess.run(["sh", "-c", script], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    return f"{env}/bin/python"


class Proxy(peers.Peer):
    """A program with a folder of its own, which listens at the port that it is given."""

    packages: tuple[str, ...] = ()  # of PyPI, whose versions it has

    def __init__(self, ready_s: float = 20) -> None:
        self.dir = tempfile.TemporaryDirectory(prefix=f"corbel-{self.name}-")
        self.folder, self.port = Path(self.dir.name), peers.free_port()
        self.ready_s = ready_s

    def start(self, command: list[str], env: dict[str, str] | None = None) -> None:
        began = time.monotonic()
        with peers.pinned(1), (self.folder / "log").open("w") as log:
            self.process = subprocess.Popen(command, env={**os.environ, **(env or {})}, stdout=log, stderr=subprocess.STDOUT, cwd=self.folder)
        atexit.register(self.stop)
        harness.wait_for(lambda: peers.answers(self.port), self.ready_s, f"{self.name} to listen")
        self.ready_ms = (time.monotonic() - began) * 1000
        self.pid, self.url = self.process.pid, f"http://127.0.0.1:{self.port}"

    def version(self) -> str:
        script = "import sys, importlib.metadata as m; print(*(f'{name} {m.version(name)}' for name in sys.argv[1:]), sep=', ')"
        return subprocess.run([_python(), "-c", script, *self.packages], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()

    def stop(self) -> None:
        atexit.unregister(self.stop)
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)


# Without http-no-delay it holds the first chunk of a paced stream for 89 ms.
HAPROXY = """
global
    maxconn 9000
    nbthread 1
defaults
    mode http
    option http-no-delay
    option http-keep-alive
    http-reuse always
    timeout connect 5s
    timeout client 1h
    timeout server 1h
frontend in
    bind 127.0.0.1:{port}
    default_backend mock
backend mock
    server mock {mock}
"""


class Haproxy(Proxy):
    name = "haproxy"
    setting = "1 thread, http-no-delay, http-reuse always, no log"

    def __init__(self, mock_url: str) -> None:
        self.binary = binary = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
        if not binary:
            sys.exit("haproxy is not installed")
        super().__init__()
        config = self.folder / "haproxy.cfg"
        config.write_text(HAPROXY.format(port=self.port, mock=mock_url.removeprefix("http://")))
        self.start([binary, "-f", str(config)])

    def version(self) -> str:
        return peers.said_version([self.binary, "-v"])


class Litellm(Proxy):
    """PyPI `litellm[proxy]` with a master key and no database: it keeps no record."""

    name = "litellm"
    packages = ("litellm",)
    setting = "1 worker, a master key, no database, production mode"
    key = "sk-corbel-measures-its-peers"

    def __init__(self, mock_url: str) -> None:
        super().__init__(120)
        models = [
            {"model_name": name, "litellm_params": {"model": f"openai/{target}", "api_base": f"{mock_url}/v1", "api_key": "mock"}}
            for name, target in (("gpt-x", "mock-fast"), ("gpt-y", "gpt-y"))
        ]
        config = self.folder / "config.yaml"
        config.write_text(json.dumps({"model_list": models, "general_settings": {"master_key": self.key}}))
        run = [_python(), "-c", "from litellm import run_server; run_server()"]
        options = ["--config", str(config), "--host", "127.0.0.1", "--port", str(self.port), "--num_workers", "1"]
        self.start([*run, *options], {"LITELLM_MODE": "PRODUCTION", "LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True"})

    def model(self, upstream: str) -> str:
        return "gpt-x" if upstream == "mock-fast" else "gpt-y"


class SglangRouter(Proxy):
    """PyPI `sglang-router`: a router in Rust over OpenAI-compatible workers. It reads the JSON; it knows no keys, budgets or records."""

    name = "sglang-router"
    packages = ("sglang-router",)
    setting = "round robin over one worker, 1 thread of tokio"

    def __init__(self, mock_url: str) -> None:
        super().__init__(60)
        options = ["--worker-urls", mock_url, "--host", "127.0.0.1", "--port", str(self.port), "--policy", "round_robin", "--log-level", "error"]
        options += ["--prometheus-port", str(peers.free_port())]
        self.start([_python(), "-m", "sglang_router.launch_router", *options], {"TOKIO_WORKER_THREADS": "1"})


FASTAPI = '''
import httpx, os
from fastapi import FastAPI, Request
from fastapi.responses import Response, StreamingResponse

app = FastAPI()
upstream = httpx.AsyncClient(base_url=os.environ["UPSTREAM"], timeout=None, limits=httpx.Limits(max_connections=None, max_keepalive_connections=256))


@app.post("/v1/chat/completions")
async def chat(request: Request):
    body = await request.json()
    sent = upstream.build_request("POST", "/v1/chat/completions", json=body)
    answer = await upstream.send(sent, stream=bool(body.get("stream")))
    if not body.get("stream"):
        return Response(answer.content, answer.status_code, media_type=answer.headers.get("content-type"))
    return StreamingResponse(answer.aiter_raw(), answer.status_code, media_type=answer.headers.get("content-type"))
'''


class Fastapi(Proxy):
    """What a team writes first: FastAPI on uvicorn that passes the call on with httpx, and nothing else."""

    name = "fastapi"
    packages = ("fastapi", "uvicorn", "httpx")
    setting = "1 worker of uvicorn, no access log"

    def __init__(self, mock_url: str) -> None:
        super().__init__(60)
        (self.folder / "passing.py").write_text(FASTAPI)
        options = ["--host", "127.0.0.1", "--port", str(self.port), "--workers", "1", "--log-level", "error", "--no-access-log"]
        self.start([_python(), "-m", "uvicorn", "passing:app", *options], {"UPSTREAM": mock_url})


ALL = {proxy.name: proxy for proxy in (Haproxy, Litellm, SglangRouter, Fastapi)}
