"""What is taken away whole is missed: an interaction with all its rows, the last correction of one. What is written long after its call began is not taken for a forgery, and neither is what retention leaves."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import own_world
import world
from budget_tests import ask
from world import harness, user

HOURS = "every hour has the entries that were counted there"
ONE = 200_000_000  # nanodollars: what ask() costs


def _books(corbel: harness.Corbel) -> dict[str, Any]:
    return json.loads(corbel.cli("verify", "--json").stdout)


def _counted(corbel: harness.Corbel, entries: int) -> None:
    """Waits until all entries are counted, and is good."""
    books = harness.wait_for(lambda: (found := _books(corbel))["counted_entries"] >= entries and found, 20, "the ledger to be counted")
    assert books["good"] and books["ledger_entries"] == books["counted_entries"] == entries, books


def _missed(corbel: harness.Corbel, entries: int, nanos: int) -> None:
    done = corbel.cli("verify", "--json")
    (found,) = [check for check in json.loads(done.stdout)["checks"] if check["wrong"]]
    assert done.returncode == 1 and found["name"] == HOURS, found
    assert any(example.startswith("tenant 1, hour 20") and example.endswith(f": {entries:+} entries, {nanos:+} nanodollars") for example in found["examples"]), found
    assert "WRONG   " + HOURS in corbel.cli("verify").stdout


def what_is_taken_away_whole_is_missed() -> None:
    config = {**own_world.priced(), "ledger": {"sealed_after": "4s"}}
    with own_world.store() as store, own_world.Node({**store, **config}) as corbel:
        client = own_world.client_of(corbel)
        gone, corrected, _ = (ask(client).headers["x-request-id"] for _ in range(3))

        def correct(dollars: str) -> None:
            done = corbel.cli("usage", "correct", corrected, f"--amount={dollars}", "--reason", "a test")
            assert done.returncode == 0, done

        correct("0.5")
        assert _books(corbel)["counted_entries"] == 0, "too young"
        _counted(corbel, 4)
        correct("-0.1")  # of an hour that is counted: it adds itself
        stream = client.chat.completions.create(model="priced", messages=user("[mock prompt-tokens=100 completion-tokens=50 chunks=60 pace=120]"), stream=True, max_tokens=50)
        assert world.said(stream)  # seven seconds: its record is of before what is counted by then
        _counted(corbel, 6)
        assert f"{6} of these entries are counted" in corbel.cli("verify").stdout
        for table, column in (("interaction", "id"), ("interaction_spans", "interaction"), ("usage_entry", "interaction")):
            own_world.change(corbel, store, f"delete from {table} where {column} = {own_world.blob(gone)}")
        _missed(corbel, -1, -ONE)
        own_world.change(corbel, store, f"delete from usage_entry where interaction = {own_world.blob(corrected)} and entry = 2")
        _missed(corbel, -2, -ONE + 100_000_000)
        assert corbel.cli("verify", "--to", "2026-01-01").returncode == 0


def counting_goes_on_where_a_killed_server_has_left_it() -> None:
    config = {**own_world.priced(), "ledger": {"sealed_after": "4s"}}
    with own_world.store() as store, tempfile.TemporaryDirectory() as data:
        with own_world.Node({**store, **config}, data=Path(data)) as corbel:
            request = ask(own_world.client_of(corbel)).headers["x-request-id"]
            _counted(corbel, 1)
            corbel.kill()
        with own_world.Node({**store, **config}, data=Path(data)) as corbel:
            assert corbel.cli("usage", "correct", request, "--amount", "0.5", "--reason", "a test").returncode == 0
            ask(own_world.client_of(corbel))
            _counted(corbel, 3)
