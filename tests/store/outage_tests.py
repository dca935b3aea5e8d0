"""The database goes away under load, and comes back: clients are told so, and nothing that was finished is missing."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from typing import Any

import common
import harness

CLIENTS = 8
OUTAGE_S = 3


class Client(threading.Thread):
    """Asks, whole and as streams in turn, until it is told to stop."""

    def __init__(self, node: common.Node, number: int, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.node, self.number, self.stop = node, number, stop
        self.finished: list[tuple[float, str, str]] = []  # when, request id, what was asked
        self.refused: list[tuple[float, float, int, Any]] = []  # when, how long it took, status, error
        self.odd: list[Any] = []

    def run(self) -> None:
        turn = 0
        while not self.stop.is_set():
            turn += 1
            text = f"client {self.number} turn {turn} {random.random()}"
            began = time.monotonic()
            try:
                self.take(began, text, *self.node.ask(text, stream=turn % 2 == 0))
            except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
                self.odd.append((text, repr(error)))

    def take(self, began: float, text: str, status: int, headers: dict[str, str], body: bytes) -> None:
        now = time.monotonic()
        events = [line[6:] for line in body.decode().split("\n") if line.startswith("data: ")]
        if status == 200 and (not events or events[-1] == "[DONE]"):
            self.finished.append((now, headers["x-request-id"], text))
        elif status == 200:  # a stream that had begun: it ends with an error, not with a finish
            if '"finish_reason":"stop"' in body.decode().replace(" ", ""):
                self.odd.append((text, "finished without a record", body))
            self.refused.append((now, now - began, 503, json.loads(events[-1])["error"]))
        else:
            self.refused.append((now, now - began, status, json.loads(body)["error"]))


def a_database_that_goes_away_under_load_costs_no_record() -> None:
    with harness.Mock() as mock, common.Node(common.config(mock.url)) as node:
        stop = threading.Event()
        clients = [Client(node, number, stop) for number in range(CLIENTS)]
        for client in clients:
            client.start()
        time.sleep(1.5)
        common.postgres("stop")
        stopped = time.monotonic()
        time.sleep(OUTAGE_S)
        ready, alive = node.get("/readyz")[0], node.get("/healthz")[0]
        common.postgres("start")
        back = time.monotonic()
        harness.wait_for(lambda: node.get("/readyz")[0] == 200, 10, "the node to be ready again")
        time.sleep(2)
        stop.set()
        for client in clients:
            client.join(40)
        finished = [entry for client in clients for entry in client.finished]
        refused = [entry for client in clients for entry in client.refused]
        slowest = max(took for _, took, _, _ in refused)
        print(f"        {len(finished)} answers, {len(refused)} errors, the slowest after {slowest:.1f} s; statuses {sorted({e[2] for e in refused})}", flush=True)
        odd = [entry for client in clients for entry in client.odd]
        assert not odd, odd[:3]
        assert (ready, alive) == (503, 200), (ready, alive)
        assert any(at < stopped for at, _, _ in finished) and any(at > back for at, _, _ in finished), "no load before, or none after"
        # A commit that was on its way when the connection broke: nobody knows whether it was saved, and that is what is said.
        others = [entry for entry in refused if entry[2] != 503 and (entry[2] != 500 or "may or may not have been saved" not in entry[3]["message"])]
        assert refused and not others, others[:3]
        assert all(set(error) == {"message", "type", "param", "code"} and error["message"] for _, _, _, error in refused)
        assert slowest < 15, slowest
        recorded = {row[0] for row in common.sql("select encode(id, 'hex') from interaction where outcome = 'ok'")}
        missing = [entry for entry in finished if entry[1] not in recorded]
        assert not missing, (len(missing), missing[:3])


def a_node_that_finds_no_database_at_its_start_says_so() -> None:
    common.postgres("stop")
    try:
        with harness.Mock() as mock:
            try:
                common.Node(common.config(mock.url)).kill()
            except RuntimeError as error:
                assert "exit 1" in str(error) and "postgres" in str(error).lower() or "database" in str(error), error
            else:
                raise AssertionError("it serves without a database")
    finally:
        common.postgres("start")


TESTS = [a_database_that_goes_away_under_load_costs_no_record, a_node_that_finds_no_database_at_its_start_says_so]
