"""The cache of answers with what else a call can meet: memory in front of the database, streams that go on without their client, and each protocol's own way to ask."""

from __future__ import annotations

import concurrent.futures
import json
import time
from typing import Any
from urllib.parse import urlsplit

import cache_tests
import own_world
import stream_tests
import world
from cache_tests import ask, asked, fresh, metric, streamed
from harness import wait_for
from stream_tests import CHAT, MESSAGES, _left_after
from world import user

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
    assert world.corbel.call("DELETE", "/admin/v1/collections/cached-manual/documents/memory.md")[0] in (200, 204)
    assert asked(question, "cached-docs") == "miss", "what it was built on has gone"


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


# --- streams that go on without their client ---

PACED = "one two 🙂 [mock pace=20 chunks=40]"


def taken_up(path: str, identity: str, seen: list[bytes]) -> str:
    """The whole text of a stream that was left, after a look at the numbers of its events."""
    events = seen + stream_tests._rest(path, identity, stream_tests._number(seen[-1]))
    assert [stream_tests._number(event) for event in events] == list(range(len(events))), events
    assert events == stream_tests._rest(path, identity), "and uncut"
    data = [json.loads(event.split(b"data: ")[1]) for event in events if b"[DONE]" not in event]
    if path == CHAT:
        assert events[-1].endswith(b"data: [DONE]")
        return "".join(choice["delta"].get("content") or "" for chunk in data for choice in chunk["choices"])
    assert data[-1]["type"] == "message_stop"
    return "".join(event["delta"].get("text", "") for event in data if event["type"] == "content_block_delta")


def the_answer_of_a_stream_that_went_on_without_its_client_is_kept() -> None:
    for path, model in ((CHAT, "cached-going-on"), (MESSAGES, "cached-claude-going-on"), (MESSAGES, "cached-going-on")):
        question = fresh(PACED)
        world.mock.reset()
        identity, seen = _left_after(5, path, question, model)
        text = taken_up(path, identity, seen)
        assert len(text.split()) == 40 and [request["end"] for request in world.mock.requests()] == ["answered"], path
        record = world.trace(identity)
        assert record["interaction"]["outcome"] == "ok" and record["interaction"]["cost_nanodollars"] > 0 and record["spans"][0]["attributes"]["corbel.client_left"] is True
        answer, header = ask(question, model, max_tokens=100000)
        assert header == "hit" and answer.choices[0].message.content == text and len(world.mock.requests()) == 1, path


def an_answer_from_the_cache_can_be_taken_up_like_any_other() -> None:
    for path, model in ((CHAT, "cached-going-on"), (MESSAGES, "cached-claude-going-on")):
        question = fresh("one two three " * 200)
        world.mock.reset()
        whole, header = ask(question, model, max_tokens=100000)
        assert header == "miss"
        for _ in range(2):  # from the database, and from memory
            identity, seen = _left_after(2, path, question, model)
            assert taken_up(path, identity, seen) == whole.choices[0].message.content
            record = world.trace(identity)["interaction"]
            assert record["cache"]["result"] == "hit" and record["cost_nanodollars"] == 0 and record["outcome"] == "ok"
        assert len(world.mock.requests()) == 1


def a_stored_response_from_the_cache_is_streamed_again() -> None:
    for model in ("cached-going-on", "cached-native"):
        question = fresh(PACED)
        world.mock.reset()
        with world.client.responses.create(model=model, input=question, stream=True) as stream:
            first = [event for event, _ in zip(stream, range(8))]
        rest = list(world.client.responses.retrieve(first[0].response.id, stream=True, starting_after=first[-1].sequence_number))
        assert rest[-1].type == "response.completed" and len(rest[-1].response.output_text.split()) == 40
        again = list(world.client.responses.create(model=model, input=question, stream=True))
        identity = again[0].response.id
        assert identity != first[0].response.id and again[-1].response.output_text == rest[-1].response.output_text
        assert [event.to_dict() for event in world.client.responses.retrieve(identity, stream=True)] == [event.to_dict() for event in again]
        assert world.client.responses.retrieve(identity).output_text == rest[-1].response.output_text
        assert world.trace(identity)["interaction"]["cache"]["result"] == "hit" and len(world.mock.requests()) == 1
        job = world.client.responses.create(model=model, input=question, background=True)
        done = world.harness.wait_for(lambda: next((r for r in [world.client.responses.retrieve(job.id)] if r.status == "completed"), None), 10, "the job")  # noqa: B023
        assert done.output_text == rest[-1].response.output_text and len(world.mock.requests()) == 1, "a background response, too"


def leader_and_follower_both_leave_and_both_are_taken_up() -> None:
    question = fresh(PACED)
    world.mock.reset()
    leader, seen_leading = _left_after(3, CHAT, question, "cached-going-on")
    follower, seen_following = _left_after(4, MESSAGES, question, "cached-going-on")
    texts = [taken_up(CHAT, leader, seen_leading), taken_up(MESSAGES, follower, seen_following)]
    assert texts[0] == texts[1] and len(texts[0].split()) == 40 and len(world.mock.requests()) == 1
    paid, shared = (world.trace(identity)["interaction"] for identity in (leader, follower))
    assert paid["cost_nanodollars"] == shared["cache"]["saved_nanodollars"] > 0 and shared["cache"]["result"] == "shared" and paid["outcome"] == shared["outcome"] == "ok"


def a_leader_that_is_cancelled_ends_alone() -> None:
    question = fresh("[mock pace=20 chunks=60]")
    world.mock.reset()
    leader, seen = _left_after(3, CHAT, question, "cached-going-on")
    follower = world.client.chat.completions.create(model="cached-going-on", messages=user(question), stream=True, max_tokens=100000)
    next(iter(follower))
    assert world.corbel.call("POST", f"{CHAT}/{leader}/cancel")[0] == 204
    rest = stream_tests._rest(CHAT, leader, stream_tests._number(seen[-1]))
    assert b'"error"' in rest[-1] and b"[DONE]" not in rest[-1]
    assert len(world.said(follower).split()) > 40 and follower.response.headers["x-corbel-cache"] == "shared"
    assert [request["end"] for request in world.mock.requests()] == ["answered"]
    paid = world.trace(leader)["interaction"]
    assert paid["outcome"] == "cancelled" and paid["cost_nanodollars"] > 0 and asked(question, "cached-going-on", max_tokens=100000) == "hit"


def a_follower_that_is_cancelled_ends_alone_too() -> None:
    question = fresh("[mock pace=20 chunks=60]")
    leader = world.client.chat.completions.create(model="cached-going-on", messages=user(question), stream=True, max_tokens=100000)
    next(iter(leader))
    follower, _ = _left_after(3, CHAT, question, "cached-going-on")
    assert world.corbel.call("POST", f"{CHAT}/{follower}/cancel")[0] == 204
    assert b'"error"' in stream_tests._rest(CHAT, follower)[-1]
    assert len(world.said(leader).split()) > 40 and world.trace(follower)["interaction"]["outcome"] == "cancelled"


def all_of_a_call_are_cancelled_and_the_call_ends() -> None:
    question = fresh("[mock endless pace=20]")
    world.mock.reset()
    left = [_left_after(3, CHAT, question, "cached-going-on")[0] for _ in range(3)]
    for identity in left:
        assert world.corbel.call("POST", f"{CHAT}/{identity}/cancel")[0] == 204
    assert world.mock.wait_ended()["end"] in ("peer-closed", "peer-reset") and len(world.mock.requests()) == 1
    for identity in left:
        assert b'"error"' in stream_tests._rest(CHAT, identity)[-1]


# --- a leader that leaves ---


def a_leader_that_leaves_before_its_first_byte_takes_nobody_with_it() -> None:
    question = fresh("[mock slow-headers=600 chunks=20]")
    world.mock.reset()
    body = {"model": "cached", "max_tokens": 500, "messages": user(question)}
    leader = world.corbel.connect()
    leader.request("POST", CHAT, json.dumps(body), {"content-type": "application/json", "authorization": f"Bearer {world.corbel.key}"})
    world.harness.wait_for(world.mock.requests, 5, "the call upstream")
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        whole = pool.submit(lambda: world.client.chat.completions.with_raw_response.create(model="cached", messages=user(question), max_tokens=500))
        stream = pool.submit(lambda: world.said(world.client.chat.completions.create(model="cached", messages=user(question), max_tokens=500, stream=True)))
        message = pool.submit(lambda: world.claude.messages.create(model="cached", max_tokens=500, messages=user(question)))
        time.sleep(0.2)
        leader.close()
        text = whole.result().parse().choices[0].message.content
        assert text == stream.result() == message.result().content[0].text and len(text.split()) == 20
    assert whole.result().headers["x-corbel-cache"] == "shared"
    wait_for(lambda: asked(question, max_tokens=500) == "hit", 5, "the commit of the leader, who has nobody to answer: what asks until then shares")
    assert [request["end"] for request in world.mock.requests()] == ["answered"]


# --- headers of several lines ---


def _posted(path: str, body: dict[str, Any], *lines: tuple[str, str]) -> tuple[int, str, dict[str, Any]]:
    """As a proxy sends it that adds lines of its own; official clients write each header once."""
    connection = world.corbel.connect()
    data = json.dumps(body).encode()
    try:
        connection.putrequest("POST", path)
        for name, value in (("authorization", f"Bearer {world.corbel.key}"), ("content-type", "application/json"), ("content-length", str(len(data))), *lines):
            connection.putheader(name, value)
        connection.endheaders(data)
        response = connection.getresponse()
        return response.status, response.headers.get("x-corbel-cache", ""), json.loads(response.read())
    finally:
        connection.close()


def all_lines_of_cache_control_count() -> None:
    question = fresh()
    body = {"model": "cached", "messages": user(question)}
    assert _posted("/v1/chat/completions", body, ("cache-control", "max-age=60"), ("cache-control", "no-store"))[1] == "miss"
    assert _posted("/v1/chat/completions", body)[1] == "miss", "nothing was kept"
    assert _posted("/v1/chat/completions", body, ("cache-control", "max-age=60"), ("cache-control", "no-cache"))[1] == "refresh"
    status, _, answer = _posted("/v1/chat/completions", body, ("x-corbel-cache", "use"), ("x-corbel-cache", "off"))
    assert status == 400 and "send it once" in answer["error"]["message"], answer


def all_lines_of_cache_control_count_in_the_background() -> None:
    question = fresh()
    body = {"model": "cached", "input": question, "background": True}
    identity = _posted("/v1/responses", body, ("cache-control", "max-age=60"), ("cache-control", "no-store"))[2]["id"]
    wait_for(lambda: world.client.responses.retrieve(identity).status == "completed", 15, "the response")
    assert ask(question)[1] == "miss", "nothing was kept"


def calls_that_differ_in_one_line_of_their_betas_share_nothing() -> None:
    body = {"model": "cached-claude", "max_tokens": 100, "messages": user(fresh())}
    first, second = ("anthropic-beta", "context-1m-2025-08-07"), ("anthropic-beta", "interleaved-thinking-2025-05-14")
    world.mock.reset()
    told = [_posted("/v1/messages", body, ("anthropic-version", "2023-06-01"), *betas)[1] for betas in ((first,), (first, second), (first,), (first, second))]
    assert told == ["miss", "miss", "hit", "hit"] and len(world.mock.requests()) == 2, told


# --- Responses that pass through ---


def a_response_that_passes_through_is_kept_where_its_inner_form_says_all() -> None:
    def respond(question: str, **more: Any) -> tuple[Any, str]:
        raw = world.client.responses.with_raw_response.create(model="cached-native", input=question, **more)
        return raw.parse(), raw.headers["x-corbel-cache"]

    question = fresh("one two three")
    world.mock.reset()
    (first, missed), (second, hit) = respond(question), respond(question)
    assert (missed, hit) == ("miss", "hit") and second.output_text == first.output_text and second.usage.total_tokens == first.usage.total_tokens and second.id != first.id
    assert world.mock.requests()[0]["path"] == "/v1/responses" and len(world.mock.requests()) == 1
    assert ask(question, "cached-native")[1] == "hit", "a chat that means the same shares it"
    assert respond("and now?", previous_response_id=second.id)[0].status == "completed"
    tools = [{"type": "function", "name": "weather", "parameters": {"type": "object"}}]
    (first, missed), (second, hit) = (respond(question, tools=tools, tool_choice="required") for _ in range(2))
    assert (missed, hit) == ("miss", "hit") and [(item.type, item.name, item.arguments) for item in second.output] == [(item.type, item.name, item.arguments) for item in first.output]
    for only_there in ({"tools": [{"type": "web_search"}]}, {"include": ["reasoning.encrypted_content"], "reasoning": {"effort": "low"}}, {"extra_body": {"tomorrow": 1}}):
        world.mock.reset()
        assert [respond(question, **only_there)[1] for _ in range(2)] == ["bypass", "bypass"] and len(world.mock.requests()) == 2, only_there


def reasoning_that_passed_through_is_given_again() -> None:
    def respond(stream: bool = False, **reasoning: str) -> Any:
        made = world.client.responses.create(model="cached-native", input=question, reasoning=reasoning, stream=stream)
        return list(made)[-1].response if stream else made

    for stream in (False, True):
        question = fresh("think [mock thinking]")
        world.mock.reset()
        answers = [respond(turn == stream, effort="low", summary="auto") for turn in range(3)]
        assert all([item.type for item in answer.output] == ["reasoning", "message"] for answer in answers), [answer.output for answer in answers]
        assert len({answer.output[0].summary[0].text for answer in answers}) == 1 and len({answer.output_text for answer in answers}) == 1 and len(world.mock.requests()) == 1
        assert world.client.responses.create(model="cached-native", input="and now?", previous_response_id=answers[2].id).status == "completed"
        world.mock.reset()
        assert respond(effort="low").status == "completed" and len(world.mock.requests()) == 1, "what was asked without a summary is another answer"
