"""The configuration is changed under load, through the API, through its file and by signals, a third of it broken: no call fails, none is lost, and what is in flight ends on what it began with."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sqlite3
import threading
import time
from typing import Any

import common
import harness

CONNECTIONS, SECONDS, CHANGES_A_SECOND = 64, 20, 10
SAY = "[mock chunks=8 pace=40]"


def _configuration(mock_url: str, number: int) -> dict[str, Any]:
    provider = {"name": "main", "kind": "openai", "base_url": f"{mock_url}/v1"}
    targets = [{"provider": "main", "model": f"file-{number}", "price": {"input": 1000, "output": 1000}}]
    return {"providers": [provider], "models": [{"name": "of-file", "targets": targets}]}


def _target(number: int) -> dict[str, Any]:
    return {"targets": [{"provider": "main", "model": f"put-{number}", "price": {"input": 1000 + number, "output": 1000}}]}


class _Caller(threading.Thread):
    """Asks on over one connection, whole and as a stream by turns; remembers each answer's id and the names of the target that it has."""

    def __init__(self, corbel: harness.Corbel, number: int, until: float) -> None:
        super().__init__(daemon=True)
        self.corbel, self.number, self.until = corbel, number, until
        self.answers: list[tuple[str, set[str]]] = []
        self.wrong: list[Any] = []

    def run(self) -> None:
        connection = self.corbel.connect(60)
        headers = {"content-type": "application/json", "authorization": f"Bearer {self.corbel.key}"}
        count = self.number
        while time.monotonic() < self.until and not self.wrong:
            count += 1
            stream, model = count % 2 == 0, ("of-file", "of-store")[count // 2 % 2]
            body = {"model": model, "stream": stream, "messages": [{"role": "user", "content": SAY if stream else "hello"}]}
            try:
                connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
                answer = connection.getresponse()
                said = answer.read()
                self._take(answer.status, answer.headers["x-request-id"], said, stream)
            except Exception as error:  # noqa: BLE001 - whatever it is, the call has failed
                self.wrong.append(repr(error))
        connection.close()

    def _take(self, status: int, identity: str, said: bytes, stream: bool) -> None:
        events = common.events_of(said) if stream else [said.decode(), "[DONE]"]
        if status != 200 or events[-1] != "[DONE]" or b'"error"' in said:
            self.wrong.append((status, said[-300:]))
        else:
            self.answers.append((identity, {json.loads(event)["model"] for event in events[:-1]}))


def _change(corbel: harness.Corbel, mock: harness.Mock, number: int) -> None:
    """One change, every third of each kind broken, and refused."""
    broken, kind = number // 3 % 3 == 2, number % 3
    if kind == 0:
        body: Any = {"targets": [{"provider": "nobody", "model": "x"}]} if broken else _target(number)
        status, _, said = corbel.call("PUT", "/admin/v1/models/of-store", body)
        assert (status == 400 if broken else status in (200, 201)), (status, said)
    elif kind == 1:
        fresh = corbel.file.with_suffix(".next")
        fresh.write_text("providers: [{name: main" if broken else json.dumps(_configuration(mock.url, number)))
        fresh.replace(corbel.file)
    else:
        os.kill(corbel.pid, signal.SIGHUP)


def no_call_fails_and_no_record_is_lost_while_the_configuration_changes_all_the_time() -> None:
    with harness.Mock() as mock, harness.Corbel(_configuration(mock.url, 0)) as corbel:
        assert corbel.call("PUT", "/admin/v1/models/of-store", _target(0))[0] in (200, 201)
        until = time.monotonic() + SECONDS
        callers = [_Caller(corbel, number, until) for number in range(CONNECTIONS)]
        for caller in callers:
            caller.start()
        changes = 0
        while time.monotonic() < until:
            _change(corbel, mock, changes)
            changes += 1
            time.sleep(1 / CHANGES_A_SECOND)
        for caller in callers:
            caller.join(60)
        wrong = [one for caller in callers for one in caller.wrong]
        answers = [one for caller in callers for one in caller.answers]
        assert not wrong and not any(caller.is_alive() for caller in callers), wrong[:5]
        assert len(answers) > 2 * CONNECTIONS and changes > SECONDS, (len(answers), changes)
        targets = {name for _, names in answers for name in names}
        assert len(targets) > 4 and any(name.startswith("file-") and name != "file-0" for name in targets), "the changes were in force"
        assert all(len(names) == 1 for _, names in answers), "an answer is of one target"
        for identity, names in random.sample(answers, 50):
            assert {common.record(corbel, identity)["target_model"]} == names, identity
        with contextlib.closing(sqlite3.connect(next(corbel.data.glob("*.db")), timeout=20)) as database:
            recorded = [row[0] for row in database.execute("select lower(hex(id)) from interaction")]
        assert sorted(recorded) == sorted(identity for identity, _ in answers), "each has its record, and there is no other"
        verified = corbel.cli("verify")
        assert verified.returncode == 0, verified.stdout + verified.stderr
        assert corbel.call("PUT", "/admin/v1/models/of-store", _target(1))[0] == 200 and common.ask(corbel, "hi", "of-store")[0] == 200


TESTS = [no_call_fails_and_no_record_is_lost_while_the_configuration_changes_all_the_time]
