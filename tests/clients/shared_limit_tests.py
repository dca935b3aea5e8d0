"""Limits on one PostgreSQL with several nodes: all of them together let through what the limit says, and one of them alone gets all of it. On SQLite there is one node, and limit_tests has it."""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import time
from collections.abc import Iterator
from typing import Any

import openai
import own_world
from world import harness, user

THREADS = 5  # for each node


@contextlib.contextmanager
def nodes(count: int) -> Iterator[list[own_world.Node]]:
    """So many on one database; none where there can be but one."""
    with contextlib.ExitStack() as stack:
        store = stack.enter_context(own_world.store())
        yield [stack.enter_context(own_world.Node({**store, **own_world.priced()})) for _ in range(count if own_world.SHARED else 0)]


def key(corbel: own_world.Node, *options: str) -> tuple[str, str]:
    """Id and secret of a new key."""
    done = corbel.cli("key", "create", "--name", "shared", "--json", *options)
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    return made["id"], made["key"]


def clients(members: list[own_world.Node], secret: str, **more: Any) -> list[openai.OpenAI]:
    made = [own_world.client_of(corbel, secret, **more) for corbel in members]
    for client in made:  # a new key is known everywhere within a second
        harness.wait_for(lambda client=client: _listed(client), 5, "the key on every node")
    return made


def _listed(client: openai.OpenAI) -> bool:
    try:
        return bool(client.models.list())
    except openai.AuthenticationError:
        return False


def passes(client: openai.OpenAI, text: str = "hi", **more: Any) -> bool:
    try:
        client.chat.completions.create(model="priced", messages=user(text), **{"max_tokens": 10, **more})
    except openai.RateLimitError as error:
        assert int(error.response.headers["retry-after"]) >= 1, dict(error.response.headers)
        return False
    return True


def hammered(all_clients: list[openai.OpenAI], seconds: float, text: str = "hi", **more: Any) -> tuple[int, int, float]:
    """Calls from all sides for a while: how many passed and were refused, and how long it took."""
    began = time.monotonic()
    until = began + seconds

    def one(client: openai.OpenAI) -> list[bool]:
        out = []
        while time.monotonic() < until:
            out.append(passes(client, text, **more))
        return out

    with concurrent.futures.ThreadPoolExecutor(THREADS * len(all_clients)) as pool:
        results = [answer for answers in pool.map(one, all_clients * THREADS) for answer in answers]
    return results.count(True), results.count(False), time.monotonic() - began


def nodes_that_are_hammered_keep_a_rate_together() -> None:
    for count, limit in ((2, 24), (3, 60)):
        with nodes(count) as members:
            if not members:
                return
            _, secret = key(members[0], "--requests-per-minute", str(limit))
            passed, refused, took_s = hammered(clients(members, secret), 5)
            assert limit <= passed <= limit + limit * took_s / 60 + 1, (count, passed, refused, took_s)
            assert refused > 0, "the load was too small to mean anything"


def nodes_keep_a_rate_of_tokens_together() -> None:
    with nodes(3) as members:
        if not members:
            return
        _, secret = key(members[0], "--tokens-per-minute", "3000")
        text = "[mock prompt-tokens=60 completion-tokens=40]"
        passed, refused, took_s = hammered(clients(members, secret), 5, text, max_tokens=60)
        used, allowed = passed * 100, 3000 + 3000 * took_s / 60
        # each call is counted at what it may use until it has ended; what it did not use comes back
        assert 2500 <= used <= allowed + 100, (passed, refused, used, allowed)
        assert refused > 0


def a_node_that_has_all_the_traffic_gets_all_of_the_limit() -> None:
    with nodes(3) as members:
        if not members:
            return
        _, secret = key(members[0], "--requests-per-minute", "40")
        first, second, third = clients(members, secret)
        assert all(passes(client) for client in (first, second, third) * 2), "each has a block by now"
        assert all(passes(third) for _ in range(34)), "and what the others have of it moves"
        assert [passes(client) for client in (third, first, second)].count(True) <= 2, "then it is spent, everywhere"


def calls_at_once_are_counted_over_all_nodes() -> None:
    with nodes(3) as members:
        if not members:
            return
        _, secret = key(members[0], "--concurrency", "5")
        everywhere = clients(members, secret)
        streams = []
        for turn in range(12):
            with contextlib.suppress(openai.RateLimitError):
                streams.append(everywhere[turn % 3].chat.completions.create(model="priced", messages=user("[mock endless pace=10]"), stream=True))
        assert len(streams) == 5, len(streams)
        for stream in streams[:2]:
            next(iter(stream))
            stream.close()
        harness.wait_for(lambda: passes(everywhere[2]), 10, "a place that a stream on another node has left")
        for stream in streams[2:]:
            stream.close()
        passed, _, _ = hammered(everywhere, 2)
        assert passed > 20, "places move to where the calls are"


def what_is_left_is_told_for_all_nodes() -> None:
    with nodes(2) as members:
        if not members:
            return
        _, secret = key(members[0], "--requests-per-minute", "600")
        first, second = clients(members, secret)
        for _ in range(50):
            assert passes(first)
        time.sleep(3)  # until the first has told what it has used
        headers = second.chat.completions.with_raw_response.create(model="priced", messages=user("hi"), max_tokens=10).headers
        assert headers["x-ratelimit-limit-requests"] == "600"
        assert 549 <= int(headers["x-ratelimit-remaining-requests"]) <= 549 + 60, dict(headers)


def the_places_of_a_killed_node_come_back() -> None:
    with nodes(2) as members:
        if not members:
            return
        _, secret = key(members[0], "--concurrency", "2")
        first, second = clients(members, secret)
        streams = [first.chat.completions.create(model="priced", messages=user("[mock endless pace=10]"), stream=True) for _ in range(2)]
        assert not passes(second)
        members[0].kill()
        del streams
        harness.wait_for(lambda: passes(second), 40, "the places of a node that is no more")


def a_changed_limit_holds_on_every_node() -> None:
    with nodes(2) as members:
        if not members:
            return
        identity, secret = key(members[0], "--requests-per-minute", "6")
        first, second = clients(members, secret)
        passed, _, _ = hammered([first, second], 1)
        assert 6 <= passed <= 7, passed
        assert members[1].cli("key", "update", identity, "--requests-per-minute", "16").returncode == 0
        time.sleep(1.2)
        passed, _, took_s = hammered([first, second], 1)
        assert 10 <= passed <= 12 + 16 * took_s / 60, passed
