"""The master key is changed while the server is killed at every step of it: no secret is lost, and the change ends when it is asked for again."""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import common
import harness

PROVIDERS = 40
KILLS = 8


def _put(corbel: harness.Corbel, mock: harness.Mock, name: str, secret: str) -> None:
    body = {"kind": "openai", "base_url": f"{mock.url}/v1", "api_key": secret, "headers": {"x-team": f"team of {name}"}}
    status, _, answer = corbel.call("PUT", f"/admin/v1/providers/{name}", body)
    assert status in (200, 201), answer
    status, _, answer = corbel.call("PUT", f"/admin/v1/models/{name}", {"targets": [{"provider": name, "model": "gpt-x"}]})
    assert status in (200, 201), answer


def _secrets(corbel: harness.Corbel) -> dict[str, Any]:
    status, _, body = corbel.call("GET", "/admin/v1/configuration/secrets")
    assert status == 200, body
    return json.loads(body)


def _reseal(corbel: harness.Corbel, **how: Any) -> tuple[int, Any]:
    status, _, body = corbel.call("POST", "/admin/v1/configuration/secrets/reseal", how)
    return status, json.loads(body)


def _opens(corbel: harness.Corbel, mock: harness.Mock, name: str, secret: str) -> None:
    assert common.ask(corbel, "hello", name)[0] == 200
    sent = mock.requests()[-1]["header"]
    assert sent["authorization"] == f"Bearer {secret}" and sent["x-team"] == f"team of {name}", sent


def _made(corbel: harness.Corbel, mock: harness.Mock) -> None:
    for number in range(PROVIDERS):
        _put(corbel, mock, f"p{number}", f"sk-{number}")
    _put(corbel, mock, "p0", "sk-second")  # so that an earlier version keeps a secret too


def _files(data: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in data.glob("master.key*")}


def a_new_key_is_made_and_everything_is_sealed_with_it() -> None:
    with tempfile.TemporaryDirectory(prefix="corbel-secrets-") as scratch, harness.Mock() as mock:
        data = Path(scratch) / "data"
        with harness.Corbel(common.config(mock.url), data=data) as corbel:
            _made(corbel, mock)
            former, before = _files(data)["master.key"], _secrets(corbel)
            assert before["data"] == [{"key": before["key"], "opens": True, "secrets": 2 * PROVIDERS + 2}], before
            status, again = _reseal(corbel)
            assert status == 200 and again | {"secrets": 0, "entries": 0, "kept": 2 * PROVIDERS + 2} == again, again
            done = corbel.cli("config", "reseal", "--new-key", "--reason", "a quarter is over")
            assert done.returncode == 0 and f"{2 * PROVIDERS + 2} secrets in {PROVIDERS + 1} entries sealed anew" in done.stdout, done
            after = _secrets(corbel)
            assert after["data"] == [{"key": after["key"], "opens": True, "secrets": 2 * PROVIDERS + 2}] and after["key"] != before["key"], after
            assert _files(data).keys() == {"master.key", "master.key.previous"} and _files(data)["master.key.previous"] == former != _files(data)["master.key"]
            _opens(corbel, mock, "p0", "sk-second")
            newest = json.loads(corbel.call("GET", "/admin/v1/configuration/versions?limit=1")[2])["data"][0]
            assert newest["action"] == "reseal" and newest["reason"] == "a quarter is over" and newest["version"] > 0, newest
        (data / "master.key.previous").unlink()
        with harness.Corbel(common.config(mock.url), data=data) as corbel:
            for number in range(1, PROVIDERS):
                _opens(corbel, mock, f"p{number}", f"sk-{number}")
            assert corbel.call("POST", "/admin/v1/configuration/rollback", {"version": 1})[0] == 200, "an earlier version opens with the new key"
            assert json.loads(corbel.call("GET", "/admin/v1/configuration")[2])["stored"]["state"] == "in force"
            assert "seals" in corbel.cli("config", "secrets").stdout


def a_key_that_was_replaced_on_disk_is_not_taken_for_the_former_one() -> None:
    """What this server sealed would be lost with it, if it were killed before all is sealed anew."""
    with tempfile.TemporaryDirectory(prefix="corbel-secrets-") as scratch, harness.Mock() as mock:
        data = Path(scratch) / "data"
        with harness.Corbel(common.config(mock.url), data=data) as corbel:
            _put(corbel, mock, "p0", "sk-first")
            files = _files(data)
            (data / "master.key").write_text("0123456789abcdef" * 4 + "\n")
            status, answer = _reseal(corbel, new_key=True)
            assert status == 409 and "not the one that this server began with" in answer["error"]["message"] and files["master.key"].strip() not in str(answer), answer
            assert "master.key.previous" not in _files(data), "nothing was changed"
            _opens(corbel, mock, "p0", "sk-first")
            (data / "master.key").write_text(files["master.key"])
            assert _reseal(corbel, new_key=True)[0] == 200
            _opens(corbel, mock, "p0", "sk-first")
        with harness.Corbel(common.config(mock.url), data=data) as corbel:
            _opens(corbel, mock, "p0", "sk-first")


def a_change_of_the_key_that_is_killed_anywhere_loses_nothing_and_ends_when_asked_again() -> None:
    points = ("secrets_kept=kill", "secrets_renewed=kill", "reseal_write=kill", f"reseal_write=kill:{PROVIDERS + 1}", "reseal_committed=kill")
    with tempfile.TemporaryDirectory(prefix="corbel-secrets-") as scratch, harness.Mock() as mock:
        data = Path(scratch) / "data"
        with harness.Corbel(common.config(mock.url), data=data) as corbel:
            _made(corbel, mock)
        for point in points:
            before = _files(data)["master.key"]
            _killed_at(point, data, mock)
            assert (_files(data)["master.key"] == before) == (point == "secrets_kept=kill"), point
            with harness.Corbel(common.config(mock.url), data=data) as corbel:
                for number in random.sample(range(1, PROVIDERS), 5):
                    _opens(corbel, mock, f"p{number}", f"sk-{number}")
                found = _secrets(corbel)
                assert all(row["opens"] for row in found["data"]) and sum(row["secrets"] for row in found["data"]) == 2 * PROVIDERS + 2, (point, found)
                assert len(found["data"]) == 1, (point, "all of it or nothing", found)
                status, done = _reseal(corbel)
                assert status == 200 and done["secrets"] + done["kept"] == 2 * PROVIDERS + 2, (point, done)
                found = _secrets(corbel)
                assert [row["key"] for row in found["data"]] == [found["key"]], (point, found)


def _killed_at(point: str, data: Path, mock: harness.Mock) -> None:
    """Asks for a new key in a server that dies at the point, which nothing at its start passes."""
    with harness.Corbel(common.config(mock.url), data=data, env={"CORBEL_FAULT": point}) as corbel:
        try:
            answer = _reseal(corbel, new_key=True)
        except (OSError, http.client.HTTPException):
            answer = None  # the connection died with it
        assert answer is None, (point, answer)
        harness.wait_for(lambda: corbel.process.poll() is not None, 10, "its end")


def _asked(corbel: harness.Corbel) -> None:
    with contextlib.suppress(OSError, http.client.HTTPException):
        _reseal(corbel, new_key=True)


def a_change_of_the_key_that_is_killed_at_any_moment_loses_nothing() -> None:
    with tempfile.TemporaryDirectory(prefix="corbel-secrets-") as scratch, harness.Mock() as mock:
        data, seed = Path(scratch) / "data", random.randrange(1 << 30)
        chance = random.Random(seed)
        with harness.Corbel(common.config(mock.url), data=data) as corbel:
            _made(corbel, mock)
        for _ in range(KILLS):
            with harness.Corbel(common.config(mock.url), data=data) as corbel:
                asked = threading.Thread(target=_asked, args=(corbel,), daemon=True)
                asked.start()
                time.sleep(chance.random() * 0.05)
                corbel.kill()
                asked.join(10)
        with harness.Corbel(common.config(mock.url), data=data) as corbel:
            for number in range(1, PROVIDERS):
                _opens(corbel, mock, f"p{number}", f"sk-{number}")
            assert _reseal(corbel)[0] == 200, seed
            assert [row["key"] for row in _secrets(corbel)["data"]] == [_secrets(corbel)["key"]], seed


TESTS = [
    a_key_that_was_replaced_on_disk_is_not_taken_for_the_former_one,
    a_new_key_is_made_and_everything_is_sealed_with_it,
    a_change_of_the_key_that_is_killed_anywhere_loses_nothing_and_ends_when_asked_again,
    a_change_of_the_key_that_is_killed_at_any_moment_loses_nothing,
]
