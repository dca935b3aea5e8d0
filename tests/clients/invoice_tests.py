"""An attempt to break the invoice: races, kills, clients that leave, retries, continued streams, shadows, responses in the background and kept answers, all at once, on either engine.
Each time, the invoice is the sum of the records, every amount can be proved, and the budget was charged what its caller's records say."""

from __future__ import annotations

import contextlib
import json
import random
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import openai
import own_world
import world
from world import harness, user

ROUNDS = 3
SECONDS = 2.5


def settings() -> dict[str, Any]:
    config = own_world.priced()

    def provider(name: str, mock: str) -> dict[str, Any]:
        return {"name": name, "kind": "openai", "base_url": f"{world.mock.url}/v1", "api_key": world.UPSTREAM_KEY, "headers": {"x-mock": mock}, "breaker": {"failures": 0}}

    def target(name: str) -> dict[str, Any]:
        return {"provider": name, "model": "gpt-x", "price": world.DEAR}

    config["ledger"] = {"sealed_after": "6s"}
    config["providers"] += [provider("breaks", "reset=4"), provider("fails", "status=503")]
    config["models"] += [
        {"name": "continued", "strategy": "priority", "on_broken_stream": "continue", "targets": [target("breaks"), target("main")]},
        {"name": "retried", "strategy": "priority", "retry": {"max": 2, "backoff": "1ms"}, "targets": [target("fails"), target("main")]},
        {"name": "watched", "targets": [target("main")], "shadow": {"provider": "main", "model": "gpt-y", "price": world.DEAR}},
        {"name": "kept", "targets": [target("main")], "cache": {"ttl": "1h"}},
    ]
    return config


class Caller(threading.Thread):
    """Asks in every way there is, until the server is gone or the time is over."""

    def __init__(self, corbel: harness.Corbel, number: int, until: float) -> None:
        super().__init__(daemon=True)
        self.client = own_world.client_of(corbel, max_retries=2, timeout=10)
        self.random, self.until, self.wrong = random.Random(number), until, []

    def run(self) -> None:
        ways = (self.whole, self.streamed, self.left, self.continued, self.retried, self.watched, self.kept, self.in_background)
        while time.monotonic() < self.until:
            try:
                self.random.choice(ways)(f"[mock prompt-tokens={self.random.randrange(1, 60)} completion-tokens={self.random.randrange(1, 30)} pace=1] go")
            except (openai.RateLimitError, openai.APIConnectionError, openai.InternalServerError):
                continue  # held by others for a moment, or killed
            except openai.APIStatusError as error:
                if error.status_code != 402:
                    self.wrong.append(str(error))

    def ask(self, model: str, text: str, **more: Any) -> Any:
        return self.client.chat.completions.create(model=model, messages=user(text), max_tokens=40, **more)

    def whole(self, text: str) -> None:
        self.ask("priced", text)

    def streamed(self, text: str) -> None:
        with contextlib.suppress(openai.APIError):  # cut off by a kill
            world.said(self.ask("priced", text, stream=True))

    def left(self, text: str) -> None:
        stream = self.ask("priced", f"{text} [mock chunks=60 pace=5]", stream=True)
        with contextlib.suppress(openai.APIError):
            next(iter(stream), None)
        stream.close()

    def continued(self, _: str) -> None:
        with contextlib.suppress(openai.APIError):
            world.said(self.ask("continued", "[mock chunks=9]", stream=True))

    def retried(self, text: str) -> None:
        self.ask("retried", text)

    def watched(self, text: str) -> None:
        self.ask("watched", text)

    def kept(self, _: str) -> None:
        self.ask("kept", f"question {self.random.randrange(4)}", temperature=0)

    def in_background(self, text: str) -> None:
        response = self.client.responses.create(model="priced", input=text, background=True, store=True, max_output_tokens=40)
        if self.random.random() < 0.5:
            with contextlib.suppress(openai.APIStatusError):
                self.client.responses.cancel(response.id)


def records(corbel: harness.Corbel) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        after = f"&after={found[-1]['request_id']}" if found else ""
        page = json.loads(corbel.call("GET", f"/admin/v1/traces?limit=1000{after}")[2])["data"]
        found += page
        if len(page) < 1000:
            return found


def the_invoice_is_the_sum_of_the_records_whatever_happens() -> None:
    kinds: set[str] = set()
    with own_world.store() as store, tempfile.TemporaryDirectory() as data:
        for turn in range(ROUNDS):
            with own_world.Node({**store, **settings()}, data=Path(data)) as corbel:
                if turn == 0:
                    corbel.call("POST", "/admin/v1/budgets", {"name": "all", "period": "total", "limit_nanodollars": 10**13})
                until = time.monotonic() + SECONDS
                callers = [Caller(corbel, 10 * turn + number, until) for number in range(6)]
                for caller in callers:
                    caller.start()
                time.sleep(SECONDS * random.uniform(0.6, 1))
                corbel.kill()
                for caller in callers:
                    caller.join(30)
                assert not [wrong for caller in callers for wrong in caller.wrong], [caller.wrong for caller in callers]
            with own_world.Node({**store, **settings()}, data=Path(data)) as corbel:
                found, books, invoice, spent = harness.wait_for(lambda corbel=corbel: _still(corbel), 20, "a moment at which nothing changes")
                assert books["good"] and books["unproved_entries"] == 0, books
                assert invoice == sum(row["cost_nanodollars"] for row in found) == books["amount_nanodollars"] and len(found) == books["interactions"], books
                assert spent == sum(row["cost_nanodollars"] for row in found if row["operation"] != "shadow"), (spent, invoice)
                kinds |= {f"{row['operation']} {row['outcome']}" for row in found}
                assert corbel.stop() == 0
    print(f"        {ROUNDS} kills, {len(found)} records, ${invoice / 1e9:.3f}", flush=True)
    assert {"chat ok", "shadow ok", "chat cancelled"} <= kinds, kinds
    assert len(found) > 100 and invoice > 0, "the load was too small to mean anything"


def _still(corbel: harness.Corbel) -> tuple[list[dict[str, Any]], dict[str, Any], int, int] | None:
    """Records, proof, invoice and budget as of one moment; nothing while responses in the background go on."""
    before = records(corbel)
    books = json.loads(corbel.cli("verify", "--json").stdout)
    invoice = sum(row["amount_nanodollars"] for row in json.loads(corbel.cli("usage", "report", "--json").stdout)["data"])
    spent = json.loads(corbel.call("GET", "/admin/v1/budgets/all")[2])["current"]["spent_nanodollars"]
    time.sleep(0.3)
    return (before, books, invoice, spent) if len(records(corbel)) == len(before) else None
