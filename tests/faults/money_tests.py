"""Money under faults: whatever is killed, races or leaves, the ledger is the sum of the records, and a budget is neither overrun nor lost. `corbel verify` says so, and says when it is not so."""

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
from typing import Any

import common
import harness

KILLS = int(os.environ.get("CORBEL_MONEY_KILLS", "6"))
CLIENTS = 6
LIMIT = 40_000_000_000


def config(mock_url: str) -> dict[str, Any]:
    made = common.config(mock_url)
    price = {"input": 1000, "cached_input": 100, "output": 2000}
    made["models"].append({"name": "priced", "targets": [{"provider": "main", "model": "gpt-x", "price": price}], "capture": "usage"})
    return made


class Spender(threading.Thread):
    """Asks whole and streamed, leaves some streams, until the server is gone."""

    def __init__(self, corbel: harness.Corbel, number: int) -> None:
        super().__init__(daemon=True)
        self.corbel, self.number = corbel, number
        self.odd: list[str] = []

    def run(self) -> None:
        turn = 0
        while True:
            turn += 1
            text = f"[mock prompt-tokens={20 + turn % 30} completion-tokens={turn % 20} pace=1] spender {self.number} turn {turn}"
            try:
                (self.ask, self.stream, self.leave)[turn % 3](text)
            except (OSError, http.client.HTTPException, ValueError):
                if self.corbel.process.poll() is not None:
                    return

    def ask(self, text: str, **more: Any) -> None:
        status, _, body = common.ask(self.corbel, text, model="priced", max_tokens=40, **more)
        if status not in (200, 402, 429):
            self.odd.append(f"{status} {body[:200]!r}")

    def stream(self, text: str) -> None:
        self.ask(text, stream=True)

    def leave(self, text: str) -> None:
        connection = self.corbel.connect()
        body = json.dumps({"model": "priced", "messages": [{"role": "user", "content": text}], "max_tokens": 40, "stream": True}).encode()
        try:
            connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json", "authorization": f"Bearer {self.corbel.key}"})
            connection.getresponse().read(10)
        finally:
            connection.close()


def verified(corbel: harness.Corbel) -> dict[str, Any]:
    status, _, body = corbel.call("POST", "/admin/v1/verify", {})
    assert status == 200, body
    return json.loads(body)


def the_books_are_right_whenever_the_server_is_killed() -> None:
    with tempfile.TemporaryDirectory(prefix="corbel-money-") as scratch, harness.Mock() as mock:
        data = Path(scratch) / "data"
        seed = random.randrange(1 << 30)
        random.seed(seed)
        print(f"        seed {seed}", flush=True)
        with harness.Corbel(config(mock.url), data=data) as corbel:
            status, _, body = corbel.call("POST", "/admin/v1/budgets", {"name": "all", "period": "total", "limit_nanodollars": LIMIT})
            assert status == 201, body
        for _ in range(KILLS):
            with harness.Corbel(config(mock.url), data=data) as corbel:
                spenders = [Spender(corbel, number) for number in range(CLIENTS)]
                for spender in spenders:
                    spender.start()
                time.sleep(random.uniform(0.1, 0.8))
                corbel.kill()
                for spender in spenders:
                    spender.join(20)
            assert not [text for spender in spenders for text in spender.odd]
            with harness.Corbel(config(mock.url), data=data) as corbel:
                books = verified(corbel)
                assert books["good"], books
                current = json.loads(corbel.call("GET", "/admin/v1/budgets/all")[2])["current"]
                assert current["spent_nanodollars"] == books["amount_nanodollars"] <= LIMIT, (current, books)
                assert current["held_nanodollars"] == 0, "what the killed server held has come back"
                corbel.kill()
        print(f"        {KILLS} kills, {books['interactions']} interactions, ${books['amount_nanodollars'] / 1e9:.3f} of ${LIMIT / 1e9:.0f}", flush=True)
        assert books["budget_entries"] > KILLS, "the load was too small to mean anything"


def a_book_that_was_tampered_with_is_found() -> None:
    tampering = {
        "every interaction is in the ledger": "delete from usage_entry where interaction = (select max(interaction) from usage_entry)",
        "every settlement has its interaction": "delete from interaction where id = (select max(id) from interaction)",
        "every amount is what its quantities cost": "update usage_entry set amount_nanos = amount_nanos + 1",
        "budgets were charged what the ledger says": "update budget_entry set amount_nanos = amount_nanos + 1",
        "closed blocks are the sums of their entries": "update budget_block set settled_nanos = settled_nanos - 1 where closed_us is not null",
        "periods have spent what their closed blocks say": "update budget_period set spent_nanos = spent_nanos + 1",
        "periods hold what their open blocks say": "update budget_period set held_nanos = held_nanos + 1",
    }
    for name, statement in tampering.items():
        with tempfile.TemporaryDirectory(prefix="corbel-money-") as scratch, harness.Mock() as mock:
            data = Path(scratch) / "data"
            with harness.Corbel(config(mock.url), data=data) as corbel:
                corbel.call("POST", "/admin/v1/budgets", {"name": "all", "period": "total", "limit_nanodollars": LIMIT})
                for _ in range(3):
                    assert common.ask(corbel, "hi", model="priced", max_tokens=5)[0] == 200
                assert verified(corbel)["good"]
                assert corbel.stop() == 0
            with sqlite3.connect(next(data.glob("*.db"))) as database:
                assert database.execute(statement).rowcount > 0, statement
            database.close()
            with harness.Corbel(config(mock.url), data=data) as corbel:
                books = verified(corbel)
                wrong = [check["name"] for check in books["checks"] if check["wrong"]]
                assert not books["good"] and name in wrong, (name, wrong)
                done = corbel.cli("verify")
                assert done.returncode == 1 and f"WRONG   {name}" in done.stdout, done


TESTS = [the_books_are_right_whenever_the_server_is_killed, a_book_that_was_tampered_with_is_found]
