"""An upstream that answers as a test wants it to, byte by byte: for what no service would say, and so the mock does not."""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, dict[str, str], bytes]


class Scripted:
    """Gives every request to `answer`, with its path, its headers by lower-case name and its body. A context; `url` is where it listens."""

    def __init__(self, answer: Callable[[str, dict[str, str], bytes], Answer], tls: ssl.SSLContext | None = None) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                status, headers, said = answer(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
                self.send_response(status)
                for name, value in {"content-type": "application/json", "content-length": str(len(said)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(said)

            do_GET = do_POST

            def handle(self) -> None:
                with contextlib.suppress(OSError):  # a peer that will have nothing to do with us
                    super().handle()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self) -> Scripted:
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


def said(body: Any, status: int = 200) -> Answer:
    return status, {}, json.dumps(body).encode()


def stream(*events: Any, done: bool = True) -> Answer:
    """Server-sent events as OpenAI writes them; those with a type have it as their name too."""
    frames = [(f"event: {event['type']}\n" if "type" in event else "") + f"data: {json.dumps(event)}\n\n" for event in events]
    return 200, {"content-type": "text/event-stream"}, "".join([*frames, "data: [DONE]\n\n" if done else ""]).encode()
