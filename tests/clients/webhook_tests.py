"""Webhooks: a receiver that checks every message with the official library of Standard Webhooks gets all that happened, whatever fails in between."""

from __future__ import annotations

import base64
import concurrent.futures
import contextlib
import json
import random
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import openai
import own_world
import standardwebhooks
import world
from world import harness, user

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OTHER = "whsec_" + base64.b64encode(bytes(range(1, 33))).decode()


class Receiver:
    """A server that takes messages, or answers with what `statuses` says next (0: closes without a word)."""

    def __init__(self, secret: str = SECRET, port: int = 0) -> None:
        self.got: list[dict[str, Any]] = []  # what it has said 200 to, in order
        self.tried: list[tuple[str, int]] = []  # id and answer of every attempt
        self.forged = 0
        self.statuses: list[int] = []
        self.always = 200
        webhook, receiver = standardwebhooks.Webhook(secret), self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                status = receiver.statuses.pop(0) if receiver.statuses else receiver.always
                try:
                    message = webhook.verify(body, dict(self.headers.items()))
                except standardwebhooks.WebhookVerificationError:
                    receiver.forged += 1
                    status = 400
                receiver.tried.append((self.headers["webhook-id"], status))
                if status == 0:
                    self.close_connection = True
                    return
                if status == 200:
                    receiver.got.append({"id": self.headers["webhook-id"], **message})
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def entries(self) -> dict[str, dict[str, Any]]:
        """The ledger's entries by id, each as often as it was told."""
        return {entry["id"]: entry for message in self.got if message["type"] == "usage" for entry in message["data"]["entries"]}

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [message["data"] for message in self.got if message["type"] == kind]


def settings(receiver: Receiver, **more: Any) -> dict[str, Any]:
    return own_world.priced(webhooks=[{"name": "billing", "url": receiver.url, "secret": SECRET, "allow_private": True, **more}])


@contextmanager
def told(**more: Any) -> Iterator[tuple[harness.Corbel, Receiver]]:
    receiver = Receiver()
    with own_world.store() as store, harness.Corbel({**store, **settings(receiver, **more)}) as corbel:
        yield corbel, receiver
    receiver.stop()


def ask(corbel: harness.Corbel, count: int = 1, key: str = "", **more: Any) -> None:
    client = own_world.client_of(corbel, key)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        text = "[mock prompt-tokens=100 cached-tokens=40 completion-tokens=50]"
        list(pool.map(lambda _: client.chat.completions.create(model="priced", messages=user(text), max_tokens=50, **more), range(count)))


def run(corbel: harness.Corbel, *arguments: str) -> Any:
    done = corbel.cli(*arguments, "--json")
    assert done.returncode == 0, (arguments, done.stderr)
    return json.loads(done.stdout)


def ledger(corbel: harness.Corbel) -> int:
    return sum(row["amount_nanodollars"] for row in run(corbel, "usage", "report", "--by", "model")["data"])


def usage_is_told_signed_in_batches_and_adds_up_to_the_ledger() -> None:
    with told() as (corbel, receiver):
        run(corbel, "team", "create", "search", "--tag", "app=chat")
        made = run(corbel, "key", "create", "--name", "front", "--team", "search", "--tag", "env=prod")
        ask(corbel, 150, made["key"], user="ann")
        harness.wait_for(lambda: len(receiver.entries()) == 150, 20, "150 entries")
        entries = receiver.entries().values()
        assert sum(entry["amount_nanodollars"] for entry in entries) == ledger(corbel) == 150 * (60 * 1_000_000 + 40 * 100_000 + 50 * 2_000_000)
        one = next(iter(entries))
        assert one["key"] == made["id"] and one["user"] == "ann" and one["tags"] == {"app": "chat", "env": "prod"} and one["team"].startswith("team_"), one
        assert one["quantities"] | {"input_tokens": 100, "cached_input_tokens": 40, "output_tokens": 50, "images": 0} == one["quantities"], one
        assert one["price_version"] == "config:[1000.0,100.0,1250.0,2000.0]" and not one["correction"] and not one["estimated"] and one["model"] == "gpt-x", one
        assert json.loads(corbel.call("GET", f"/admin/v1/traces/{one['request_id']}")[2])["interaction"]["cost_nanodollars"] == one["amount_nanodollars"]
        assert len(receiver.of("usage")) < 75, "they travel together"
        assert receiver.forged == 0
        state = run(corbel, "webhook", "ls")["data"][0]
        assert state["state"] == "good" and state["dead"] == 0 and state["delivered_us"] > 0, state


def keys_and_budgets_are_told() -> None:
    with told() as (corbel, receiver):
        made = run(corbel, "key", "create", "--name", "first")
        run(corbel, "key", "update", made["id"], "--name", "second")
        run(corbel, "budget", "create", "small", "--amount", "0.7", "--key-id", made["id"], "--alert", "20,60,100", "--period", "day")
        ask(corbel, 1, made["key"])
        harness.wait_for(lambda: receiver.of("budget.threshold"), 15, "the first threshold")
        ask(corbel, 2, made["key"])
        harness.wait_for(lambda: len(receiver.of("budget.threshold")) == 2, 15, "the second threshold")
        assert corbel.cli("key", "revoke", made["id"]).returncode == 0
        harness.wait_for(lambda: receiver.of("key.revoked"), 10, "the key's end")
        assert [data["name"] for kind in ("key.created", "key.updated", "key.revoked") for data in receiver.of(kind)] == ["first", "second", "second"]
        thresholds = receiver.of("budget.threshold")
        assert [data["percent"] for data in thresholds] == [20, 60], thresholds
        assert thresholds[0]["name"] == "small" and thresholds[0]["holder"] == made["id"] and thresholds[1]["spent_nanodollars"] == 3 * 164_000_000, thresholds
        assert made["key"] not in json.dumps(receiver.got), "no secret is told"


def callers_refused_for_want_of_money_are_told_once_a_period() -> None:
    with told() as (corbel, receiver):
        made = run(corbel, "key", "create", "--name", "poor")
        run(corbel, "budget", "create", "short", "--amount", "0.25", "--key-id", made["id"], "--alert", "50", "--period", "total")
        ask(corbel, 1, made["key"])
        client = own_world.client_of(corbel, made["key"])
        try:
            client.chat.completions.create(model="priced", messages=user("hi"), max_tokens=4000)
            raise AssertionError("a call that the whole budget could not pay was answered")
        except openai.APIStatusError as error:
            assert error.status_code == 402, error
        time.sleep(1.1)  # a refusal is remembered for a second
        for _ in range(3):
            try:
                client.chat.completions.create(model="priced", messages=user("[mock prompt-tokens=100]"), max_tokens=60)
                raise AssertionError("what the budget has not was spent")
            except openai.APIStatusError as error:
                assert error.status_code == 402 and "has not enough left" in error.message, error
            time.sleep(1.1)
        harness.wait_for(lambda: receiver.of("budget.spent"), 15, "that callers are refused")
        (spent,) = receiver.of("budget.spent")
        assert spent["percent"] == 65 and spent["spent_nanodollars"] == 164_000_000 and 100_000_000 < spent["refused_nanodollars"] < 250_000_000, spent
        assert [data["percent"] for data in receiver.of("budget.threshold")] == [50]
        page = corbel.call("GET", "/metrics")[2].decode()
        assert 'corbel_budget_alerts_total{budget="short",percent="100"} 1' in page, [line for line in page.splitlines() if "budget_alerts" in line]


def a_webhook_hears_what_it_asked_for() -> None:
    with told(events=["key.*"]) as (corbel, receiver):
        ask(corbel)
        made = run(corbel, "key", "create", "--name", "k")
        corbel.cli("key", "revoke", made["id"])
        harness.wait_for(lambda: receiver.of("key.revoked"), 10, "the key's end")
        assert [message["type"] for message in receiver.got] == ["key.created", "key.revoked"], receiver.got


def what_fails_comes_again_with_its_id_and_before_all_that_is_newer() -> None:
    with told(events=["key.*"]) as (corbel, receiver):
        receiver.statuses = [500, 0, 302]
        for name in ("one", "two", "three"):
            run(corbel, "key", "create", "--name", name)
        harness.wait_for(lambda: len(receiver.got) == 3, 30, "three messages")
        assert [data["name"] for data in receiver.of("key.created")] == ["one", "two", "three"]
        first = receiver.tried[0][0]
        assert [identity for identity, _ in receiver.tried[:4]] == [first] * 4 and receiver.tried[3][1] == 200, receiver.tried
        messages = run(corbel, "webhook", "messages", "billing")["data"]
        assert [message["state"] for message in messages] == ["delivered"] * 3 and messages[2]["attempts"] in (3, 4), messages  # one that was lost on a kept connection is sent again at once


def _port_that_stays_free() -> int:
    """One below those that the system gives to connections on their way out: a server can go and come back on it."""
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def nothing_is_lost_to_a_kill_and_a_receiver_that_is_away() -> None:
    receiver = Receiver(port=_port_that_stays_free())
    receiver.always = 503
    with own_world.store() as store, tempfile.TemporaryDirectory() as data:
        config = {**store, **settings(receiver, events=["usage"])}
        with harness.Corbel(config, data=Path(data)) as corbel:
            ask(corbel, 20)
            harness.wait_for(lambda: receiver.tried, 10, "an attempt")
            ask(corbel, 20)
            corbel.kill()
        assert not receiver.got
        receiver.stop()
        with harness.Corbel(config, data=Path(data)) as corbel:
            ask(corbel, 10)
            receiver = Receiver(port=receiver.port)
            if store:
                time.sleep(2)
                assert not receiver.got, "on a shared database the dead node's lease holds for half a minute"
                own_world.change(corbel, store, "update webhook_state set until_us = 1")  # which is over now
            harness.wait_for(lambda: len(receiver.entries()) == 50, 30, "all of them")
            assert sum(entry["amount_nanodollars"] for entry in receiver.entries().values()) == ledger(corbel)
            assert corbel.cli("verify").returncode == 0
        receiver.stop()


def a_message_is_dead_in_time_and_is_replayed() -> None:
    with told(give_up="2s", events=["key.*"]) as (corbel, receiver):
        receiver.always = 500
        run(corbel, "key", "create", "--name", "one")
        harness.wait_for(lambda: run(corbel, "webhook", "ls")["data"][0]["dead"] == 1, 20, "a dead message")
        state = run(corbel, "webhook", "ls")["data"][0]
        assert state["state"] == "failing" and "500" in state["error"], state
        dead = run(corbel, "webhook", "messages", "billing", "--state", "dead")["data"][0]
        receiver.always = 200
        run(corbel, "key", "create", "--name", "two")
        harness.wait_for(lambda: len(receiver.got) == 1, 10, "the next message")
        assert "1 messages" in corbel.cli("webhook", "replay", "billing").stdout
        harness.wait_for(lambda: len(receiver.got) == 2, 10, "the replayed message")
        assert receiver.got[1]["id"] == dead["id"] and receiver.got[1]["data"]["name"] == "one"
        assert run(corbel, "webhook", "replay", "billing", "--from", time.strftime("%Y-%m-%d", time.gmtime(time.time() - 3600)))["messages"] == 2
        harness.wait_for(lambda: len(receiver.got) == 4, 10, "both again")
        done = corbel.cli("webhook", "replay", "billing", "--message", "msg_none")
        assert done.returncode == 1 and "no message" in done.stderr, done
        assert corbel.cli("webhook", "replay", "nobody").returncode == 1


def who_is_gone_gets_nothing_more_until_it_is_replayed() -> None:
    with told(events=["key.*"]) as (corbel, receiver):
        receiver.always = 410
        run(corbel, "key", "create", "--name", "one")
        harness.wait_for(lambda: run(corbel, "webhook", "ls")["data"][0]["state"] == "gone", 10, "the end of it")
        run(corbel, "key", "create", "--name", "two")
        receiver.always = 200
        run(corbel, "webhook", "replay", "billing")
        harness.wait_for(lambda: receiver.got, 10, "the replayed message")
        run(corbel, "key", "create", "--name", "three")
        harness.wait_for(lambda: len(receiver.got) == 2, 10, "what came after")
        assert [data["name"] for data in receiver.of("key.created")] == ["one", "three"]


def too_much_leaves_a_gap_that_is_told() -> None:
    with told(events_max=100, events=["usage"]) as (corbel, receiver):
        receiver.always = 500
        ask(corbel, 230)
        harness.wait_for(lambda: run(corbel, "webhook", "ls")["data"][0]["state"] == "full", 20, "a full outbox")
        ask(corbel, 5)
        receiver.always = 200
        harness.wait_for(lambda: receiver.of("webhook.gap"), 50, "the gap")
        gap = receiver.of("webhook.gap")[0]
        assert 0 < gap["from_us"] < gap["to_us"] and len(receiver.entries()) == 230, (gap, len(receiver.entries()))
        ask(corbel, 1)
        harness.wait_for(lambda: len(receiver.entries()) == 231, 10, "what comes after")


def a_changed_secret_is_signed_with_both() -> None:
    receiver = Receiver(OTHER)
    with own_world.store() as store, harness.Corbel({**store, **settings(receiver, previous_secret=OTHER, events=["key.*"])}) as corbel:
        run(corbel, "key", "create", "--name", "one")
        harness.wait_for(lambda: receiver.got, 10, "the message")
        corbel.file.write_text(json.dumps({**store, **settings(receiver, events=["key.*"])}))
        harness.wait_for(lambda: "configuration loaded" in corbel.errors(), 10, "the new configuration")
        run(corbel, "key", "create", "--name", "two")
        harness.wait_for(lambda: receiver.forged, 10, "a message with the new signature alone")
        assert len(receiver.got) == 1
    receiver.stop()


def an_address_that_is_not_public_is_not_called() -> None:
    receiver = Receiver()
    for url in (receiver.url.replace("http:", "https:"), f"https://localhost:{receiver.port}/"):
        with own_world.store() as store, harness.Corbel({**store, **settings(receiver, url=url, allow_private=False, events=["key.*"])}) as corbel:
            run(corbel, "key", "create", "--name", "one")
            state = harness.wait_for(lambda corbel=corbel: next((row for row in run(corbel, "webhook", "ls")["data"] if row["error"]), None), 10, "a failure")
            assert "not public" in state["error"] or "public" in state["error"], state
    assert receiver.tried == []
    receiver.stop()


def a_webhook_that_makes_no_sense_is_a_mistake() -> None:
    good = {"name": "billing", "url": "https://example.com/hook", "secret": SECRET}
    for change, said in (
        ({"secret": "whsec_c2hvcnQ="}, "24 to 64"),
        ({"secret": "no"}, "whsec_"),
        ({"url": "ftp://x"}, "https://"),
        ({"url": "http://example.com"}, "allow_private"),
        ({"events": ["usages"]}, "there is no event"),
        ({"name": "a b"}, "letters"),
        ({"retries": 3}, "unknown"),
    ):
        with tempfile.TemporaryDirectory() as scratch:
            file = Path(scratch) / "c.yaml"
            file.write_text(json.dumps({"webhooks": [{**good, **change}]}))
            done = world.corbel.cli("check", "-c", str(file))
            assert done.returncode == 1 and said in done.stdout + done.stderr, (change, done)
            if "secret" in change:
                assert change["secret"] not in done.stdout + done.stderr
    status, _, _ = world.corbel.call("GET", "/admin/v1/webhooks")
    assert status == 200


def one_of_several_nodes_delivers() -> None:
    if not own_world.SHARED:
        return
    receiver = Receiver()
    with own_world.store() as store:
        config = {**store, **settings(receiver, events=["usage"])}
        with own_world.Node(config) as first, own_world.Node(config) as second:
            for corbel in (first, second):
                ask(corbel, 30)
            harness.wait_for(lambda: len(receiver.entries()) == 60, 20, "all of them")
            told_ids = [entry["id"] for message in receiver.got for entry in message["data"]["entries"]]
            assert len(told_ids) == len(set(told_ids)) == 60, "nothing is told twice"
            assert first.stop() == 0  # its lease goes back at once
            ask(second, 5)
            harness.wait_for(lambda: len(receiver.entries()) == 65, 10, "the other node")
    receiver.stop()
