"""What the fault tests share: a corbel before a mock, and calls by hand, so that no client's kindness hides a fault."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import harness


def config(mock_url: str, **more: Any) -> dict[str, Any]:
    provider = {"name": "main", "kind": "openai", "base_url": f"{mock_url}/v1", "headers_timeout": "2s", "idle_timeout": "2s", "connect_timeout": "2s"}
    claude = {**provider, "name": "claude", "kind": "anthropic"}
    models = [
        {"name": "gpt-x", "targets": [{"provider": "main", "model": "gpt-x"}], "capture": "full"},
        {"name": "claude-x", "targets": [{"provider": "claude", "model": "claude-x"}], "capture": "full"},
    ]
    wires = [{**provider, **wire} for wire in other_wires(mock_url)]
    models += [{"name": f"{wire['name']}-x", "targets": [{"provider": wire["name"], "model": f"{wire['name']}-x"}], "capture": "full"} for wire in wires]
    return {"providers": [provider, claude, *wires], "models": models, **more}


def other_wires(mock_url: str) -> list[dict[str, Any]]:
    """Providers whose wire is neither OpenAI's nor Anthropic's; each has a model NAME-x."""
    return [
        {"name": "gemini", "kind": "gemini", "base_url": f"{mock_url}/v1beta", "api_key": "any"},
        {"name": "bedrock", "kind": "bedrock", "base_url": mock_url, "region": "eu-central-1", "access_key_id": "AKIDMOCK", "secret_access_key": "any"},
        {"name": "cohere", "kind": "cohere", "base_url": mock_url, "api_key": "any"},
    ]


def ask(corbel: harness.Corbel, text: str, model: str = "gpt-x", **more: Any) -> tuple[int, dict[str, str], bytes]:
    return corbel.call("POST", "/v1/chat/completions", {"model": model, "messages": [{"role": "user", "content": text}], **more})


def error_of(body: bytes) -> dict[str, Any]:
    """The error of an answer in OpenAI's shape, whose four members are all there."""
    error = json.loads(body)["error"]
    assert set(error) == {"message", "type", "param", "code"} and error["message"], error
    return error


def events_of(body: bytes) -> list[str]:
    return [line[6:] for line in body.decode().split("\n") if line.startswith("data: ")]


def record(corbel: harness.Corbel, identity: str) -> dict[str, Any]:
    status, _, body = corbel.call("GET", f"/admin/v1/traces/{identity}")
    assert status == 200, (identity, status, body)
    return json.loads(body)["interaction"]


def raw(corbel: harness.Corbel, data: bytes, timeout_s: float = 10) -> bytes:
    """Sends bytes as they are, and reads until the server closes or says nothing for a while."""
    parts = urlsplit(corbel.url)
    said = b""
    with socket.create_connection((parts.hostname, parts.port), timeout=timeout_s) as connection:
        try:
            connection.sendall(data)
        except OSError:
            pass  # refused in the middle; what it said is what counts
        try:
            while piece := connection.recv(65536):
                said += piece
                if b"\r\n\r\n" in said and said.endswith((b"}", b"}\n")):
                    break
        except (TimeoutError, ConnectionError):
            pass
    return said


def alive(corbel: harness.Corbel) -> None:
    assert corbel.call("GET", "/healthz")[0] == 200


def resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024
