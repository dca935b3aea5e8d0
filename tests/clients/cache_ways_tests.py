"""The cache of answers with what else a call can meet: memory in front of the database, streams that go on without their client, and each protocol's own way to ask."""

from __future__ import annotations

import json
import time
from urllib.parse import urlsplit

import cache_tests
import own_world
import world
from cache_tests import ask, asked, fresh, metric, streamed

# --- memory in front of the database ---


def source_of(identity: str) -> str:
    """The request whose answer it was."""
    (span,) = [span for span in world.trace(identity)["spans"] if "corbel.cache.source" in span["attributes"]]
    return str(span["attributes"]["corbel.cache.source"])


def an_answer_is_read_once_and_each_hit_has_its_record() -> None:
    question = fresh()
    first, _ = ask(question)
    before = metric("corbel_cache_reads_total", model="cached")
    hits = [ask(question) for _ in range(4)]
    chunks, header = streamed(question)
    assert [hit for _, hit in hits] == ["hit"] * 4 and header == "hit"
    assert metric("corbel_cache_reads_total", model="cached") == before + 1
    assert all(hit.choices[0].message.content == first.choices[0].message.content for hit, _ in hits) and world.said(iter(chunks)) == first.choices[0].message.content
    made = world.trace(first.id)["interaction"]
    for identity in [*(hit.id for hit, _ in hits), chunks[0].id]:
        record = world.trace(identity)["interaction"]
        assert record["cache"]["result"] == "hit" and record["cache"]["saved_nanodollars"] == made["cost_nanodollars"] > 0 and source_of(identity) == made["request_id"]


def what_is_refreshed_or_cleared_is_not_given_from_memory() -> None:
    question = fresh()
    ask(question)
    for _ in range(2):
        assert asked(question) == "hit"
    again, header = ask(question, extra_headers={"x-corbel-cache": "refresh"})
    assert header == "refresh"
    for _ in range(2):
        hit, header = ask(question)
        assert header == "hit" and source_of(hit.id) == world.trace(again.id)["interaction"]["request_id"], "the newer one, in memory too"
    assert world.corbel.cli("cache", "clear", "--model", "cached").returncode == 0
    assert asked(question) == "miss" and asked(question) == "hit" and asked(question) == "hit"


def what_is_in_memory_grows_old_and_is_its_callers_alone() -> None:
    question, other = fresh(), cache_tests.made()
    assert [asked(question, "cached-short") for _ in range(3)] == ["miss", "hit", "hit"]
    assert [asked(question, "cached-by-key") for _ in range(3)] == ["miss", "hit", "hit"] and asked(question, "cached-by-key", client=other) == "miss"
    assert asked(question, "cached", extra_headers={"cache-control": "max-age=1"}) == "miss" and asked(question) == "hit"
    time.sleep(1.1)
    assert asked(question, "cached-short") == "miss"
    assert asked(question, "cached", extra_headers={"cache-control": "max-age=1"}) == "miss"


def passages_of_an_answer_in_memory_have_links_of_their_own() -> None:
    question = fresh("What does the autovacuum launcher start?")
    cache_tests._put("memory.md", world.MANUAL["vacuum.md"])
    assert asked(question, "cached-docs") == "miss"
    answers = [ask(question, "cached-docs") for _ in range(3)]
    assert [header for _, header in answers] == ["hit"] * 3
    links = [answer.choices[0].message.annotations[0].url_citation.url for answer, _ in answers]
    for link in links:
        at = urlsplit(link)
        assert world.harness.Server.call(world.corbel, "GET", f"{at.path}?{at.query}")[0] == 200, link
    cache_tests._put("memory.md", world.MANUAL["vacuum.md"] + fresh("\nChanged."))
    assert asked(question, "cached-docs") == "miss"


def where_there_is_no_memory_for_it_each_hit_reads_the_database() -> None:
    with own_world.store() as store:
        config = {**own_world.priced("kept"), **store, "cache": {"memory_max": "0"}}
        config["models"][0]["cache"] = {}
        with own_world.Node(config) as node:
            client, question = own_world.client_of(node), fresh()
            assert [ask(question, "kept", client)[1] for _ in range(4)] == ["miss", "hit", "hit", "hit"]
            lines = node.call("GET", "/metrics")[2].decode().splitlines()
            assert 'corbel_cache_reads_total{model="kept"} 3' in lines, [line for line in lines if "cache" in line]


if world.STORE:  # where several nodes share a database

    def what_one_node_forgets_others_forget_within_a_second() -> None:
        with own_world.store() as store:
            config = {**own_world.priced("kept"), **store}
            config["models"][0]["cache"] = {}
            with own_world.Node(config) as one, own_world.Node(config) as other:
                clients, question = [own_world.client_of(node) for node in (one, other)], fresh()
                assert [ask(question, "kept", client)[1] for client in (clients[0], *clients, *clients)] == ["miss", "hit", "hit", "hit", "hit"]
                world.mock.reset()
                assert json.loads(one.call("DELETE", "/admin/v1/cache")[2])["entries"] == 1
                world.harness.wait_for(lambda: ask(question, "kept", clients[1])[1] == "miss", 1, "the other node to forget")
                assert ask(question, "kept", clients[0])[1] == "hit"
