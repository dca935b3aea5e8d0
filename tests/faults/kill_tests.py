"""kill -9 at random moments under load: whatever a client was told is there afterwards.

A client keeps the id of every answer it has seen the end of, and of every file whose upload was acknowledged. The server is killed, started again on the same data, and
must have the full record of each answer, the bytes of each file, and a database that passes its own check.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import sqlite3
import tempfile
import threading
import time
from pathlib import Path

import common
import harness

KILLS = int(os.environ.get("CORBEL_KILLS", "20"))
CLIENTS = 6


class Client(threading.Thread):
    """Asks, streams and uploads until the server is gone."""

    def __init__(self, corbel: harness.Corbel, number: int) -> None:
        super().__init__(daemon=True)
        self.corbel, self.number = corbel, number
        self.answers: list[tuple[str, str]] = []  # request id, text that must be on record
        self.files: list[tuple[str, bytes]] = []
        self.odd: list[str] = []

    def run(self) -> None:
        turn = 0
        while True:
            turn += 1
            text = f"client {self.number} turn {turn} {random.random()}"
            try:
                (self.ask, self.stream, self.upload)[turn % 3](text)
            except (OSError, http.client.HTTPException, ValueError):
                if self.corbel.process.poll() is not None:
                    return

    def ask(self, text: str) -> None:
        status, headers, body = common.ask(self.corbel, text)
        if status == 200 and json.loads(body)["choices"][0]["finish_reason"] == "stop":
            self.answers.append((headers["x-request-id"], text))
        else:
            self.odd.append(f"{status} {body[:200]!r}")

    def stream(self, text: str) -> None:
        status, headers, body = common.ask(self.corbel, text, stream=True)
        if status == 200 and any('"finish_reason":"stop"' in event for event in common.events_of(body)):
            self.answers.append((headers["x-request-id"], text))

    def upload(self, text: str) -> None:
        content = text.encode() * 50
        boundary = "kill-test-boundary"
        body = (
            f'--{boundary}\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nassistants\r\n'
            f'--{boundary}\r\ncontent-disposition: form-data; name="file"; filename="{self.number}-{random.random()}.txt"\r\ncontent-type: text/plain\r\n\r\n'
        ).encode() + content + f"\r\n--{boundary}--\r\n".encode()
        status, _, answer = self.corbel.call("POST", "/v1/files", body, {"content-type": f"multipart/form-data; boundary={boundary}"})
        if status == 200:
            self.files.append((json.loads(answer)["id"], content))
        else:
            self.odd.append(f"{status} {answer[:200]!r}")


def check_answer(corbel: harness.Corbel, request_id: str, text: str) -> None:
    entry = common.record(corbel, request_id)
    bodies = {message["direction"]: message["body"] for message in entry["messages"]}
    assert entry["outcome"] == "ok" and entry["finish_reason"] == "stop", entry
    assert entry["usage"]["output_tokens"] > 0 and not entry["usage"]["estimated"], entry
    assert text in bodies["input"] and text in bodies["output"], entry


def nothing_acknowledged_is_lost_when_the_server_is_killed() -> None:
    with tempfile.TemporaryDirectory(prefix="corbel-kill-") as scratch, harness.Mock() as mock:
        data = Path(scratch) / "data"
        answers, files = 0, 0
        seed = random.randrange(1 << 30)
        random.seed(seed)
        print(f"        seed {seed}", flush=True)
        for _ in range(KILLS):
            with harness.Corbel(common.config(mock.url), data=data) as corbel:
                clients = [Client(corbel, number) for number in range(CLIENTS)]
                for client in clients:
                    client.start()
                time.sleep(random.uniform(0.05, 0.6))
                corbel.kill()
                for client in clients:
                    client.join(20)
            odd = [text for client in clients for text in client.odd]
            assert not odd, odd[:3]
            with harness.Corbel(common.config(mock.url), data=data) as corbel:
                for client in clients:
                    for request_id, text in client.answers:
                        check_answer(corbel, request_id, text)
                    for file_id, content in client.files:
                        status, _, kept = corbel.call("GET", f"/v1/files/{file_id}/content")
                        assert status == 200 and kept == content, (file_id, status)
                    answers, files = answers + len(client.answers), files + len(client.files)
                corbel.kill()
        print(f"        {KILLS} kills, {answers} answers and {files} files acknowledged, all there", flush=True)
        assert answers > KILLS and files > KILLS, "the load was too small to mean anything"
        database = next(data.glob("*.db"))
        with sqlite3.connect(database) as connection:
            assert connection.execute("pragma integrity_check").fetchall() == [("ok",)]
            assert connection.execute("pragma foreign_key_check").fetchall() == []


TESTS = [nothing_acknowledged_is_lost_when_the_server_is_killed]
