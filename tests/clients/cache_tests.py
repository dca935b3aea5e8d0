"""The cache of answers: official clients get a kept answer in their own dialect, as a stream or whole; what must not be shared is not, and identical calls in flight make one call."""

from __future__ import annotations

import concurrent.futures
import hashlib
import json
import socket
import threading
import time
import uuid
from typing import Any
from urllib.parse import urlsplit

import anthropic
import openai
import world
from world import raises, user

NANOS = 1_000_000_000


def fresh(text: str = "hello") -> str:
    """A question that nobody has asked before."""
    return f"{text} {uuid.uuid4().hex}"


def ask(text: str, model: str = "cached", client: openai.OpenAI | None = None, **more: Any) -> tuple[Any, str]:
    """An answer, and what the header says of the cache."""
    raw = (client or world.client).chat.completions.with_raw_response.create(model=model, messages=user(text), **more)
    return raw.parse(), raw.headers.get("x-corbel-cache", "")


def asked(text: str, model: str = "cached", **more: Any) -> str:
    return ask(text, model, **more)[1]


def streamed(text: str, model: str = "cached", **more: Any) -> tuple[list[Any], str]:
    stream = world.client.chat.completions.create(model=model, messages=user(text), stream=True, **more)
    return list(stream), stream.response.headers["x-corbel-cache"]


def made(*options: str, **more: Any) -> openai.OpenAI:
    """A client with a key of its own."""
    done = world.corbel.cli("key", "create", "--name", "cache", "--json", *options)
    assert done.returncode == 0, done.stderr
    return world.make_client(api_key=json.loads(done.stdout)["key"], **more)


def metric(name: str, **labels: str) -> float:
    lines = world.corbel.call("GET", "/metrics")[2].decode().splitlines()
    found = [line for line in lines if line.startswith(name + "{") and all(f'{key}="{value}"' in line for key, value in labels.items())]
    return sum(float(line.rsplit(" ", 1)[1]) for line in found)


# --- exact ---


def the_same_question_is_answered_without_a_call() -> None:
    question = fresh()
    world.mock.reset()
    first, missed = ask(question)
    raw = world.client.chat.completions.with_raw_response.create(model="cached", messages=user(question))
    second = raw.parse()
    assert missed == "miss" and raw.headers["x-corbel-cache"] == "hit" and 0 <= int(raw.headers["age"]) < 30
    assert len(world.mock.requests()) == 1
    assert second.choices[0].message.content == first.choices[0].message.content and second.choices[0].finish_reason == "stop"
    assert second.usage.prompt_tokens == first.usage.prompt_tokens > 0 and second.usage.completion_tokens == first.usage.completion_tokens > 0
    assert second.id != first.id and second.model == first.model


def a_hit_costs_nothing_and_its_record_says_what_it_saved() -> None:
    question = fresh()
    first, second = ask(question)[0], ask(question)[0]
    cost = world.trace(first.id)["interaction"]["cost_nanodollars"]
    shown = world.trace(second.id)
    hit = shown["interaction"]
    assert hit["outcome"] == "ok" and hit["cost_nanodollars"] == 0 and hit["usage"]["input_tokens"] == hit["usage"]["output_tokens"] == 0 and hit["attempts"] == 0
    assert hit["cache"] == {
        "result": "hit",
        "similarity": 1.0,
        "saved_input_tokens": first.usage.prompt_tokens,
        "saved_output_tokens": first.usage.completion_tokens,
        "saved_nanodollars": cost,
    }, hit["cache"]
    assert cost > 0 and hit["provider"] == "main" and hit["target_model"] == "gpt-x"
    assert any(message["direction"] == "output" and "You said" in message["body"] for message in hit["messages"])
    (span,) = [span for span in shown["spans"] if "corbel.cache.result" in span["attributes"]]
    assert span["attributes"]["corbel.cache.result"] == "hit" and span["attributes"]["corbel.cache.source"] == world.trace(first.id)["interaction"]["request_id"]


def a_whole_answer_is_replayed_as_a_stream() -> None:
    question = fresh("one two three " * 60)
    whole = ask(question)[0]
    chunks, header = streamed(question, stream_options={"include_usage": True})
    assert header == "hit" and world.said(chunks) == whole.choices[0].message.content
    assert sum(1 for chunk in chunks if chunk.choices and chunk.choices[0].delta.content) > 3, "in pieces"
    assert chunks[-1].usage.total_tokens == whole.usage.total_tokens and len({chunk.id for chunk in chunks}) == 1
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices and chunk.choices[0].finish_reason] == ["stop"]


def a_stream_is_replayed_whole_and_as_a_stream() -> None:
    question = fresh("a b c d e f")
    chunks, header = streamed(question)
    assert header == "miss"
    whole, hit = ask(question)
    assert hit == "hit" and whole.choices[0].message.content == world.said(chunks) and whole.usage.completion_tokens > 0
    assert streamed(question)[1] == "hit" and all(chunk.usage is None for chunk in streamed(question)[0]), "usage comes to those who ask for it"


def chat_responses_and_messages_share_what_means_the_same() -> None:
    question = fresh("What is the capital of France?")
    world.mock.reset()
    chat = world.client.chat.completions.create(
        model="cached", max_tokens=300, temperature=0.5, messages=[{"role": "system", "content": "Be brief."}, {"role": "user", "content": [{"type": "text", "text": question}]}]
    )
    message = world.claude.messages.create(model="cached", max_tokens=300, system="Be brief.", messages=[{"role": "user", "content": question}], extra_body={"temperature": 0.5})
    with world.claude.messages.stream(model="cached", max_tokens=300, system="Be brief.", messages=[{"role": "user", "content": question}], extra_body={"temperature": 0.5}) as stream:
        streamed_message = stream.get_final_message()
    text = chat.choices[0].message.content
    assert message.content[0].text == streamed_message.content[0].text == text and message.stop_reason == "end_turn" and message.id.startswith("msg_")
    assert message.usage.input_tokens == chat.usage.prompt_tokens and message.usage.output_tokens == chat.usage.completion_tokens
    plain = world.client.chat.completions.create(model="cached", messages=user(question)).choices[0].message.content
    response = world.client.responses.create(model="cached", input=question)
    events = list(world.client.responses.create(model="cached", input=question, stream=True))
    assert response.output_text == plain and response.usage.total_tokens > 0
    assert events[-1].type == "response.completed" and events[-1].response.output_text == plain and events[-1].response.id != response.id
    assert len(world.mock.requests()) == 2
    assert world.client.responses.retrieve(response.id).output_text == plain, "a stored response is one's own, whoever made its text"


def legacy_completions_are_kept_too() -> None:
    prompt = fresh("Once upon a time")
    first = world.client.completions.with_raw_response.create(model="cached", prompt=prompt, max_tokens=50)
    second = world.client.completions.with_raw_response.create(model="cached", prompt=prompt, max_tokens=50)
    lenient = world.make_client(_strict_response_validation=False)  # its types have no null finish_reason, which the wire has
    stream = lenient.completions.create(model="cached", prompt=prompt, max_tokens=50, stream=True)
    text = first.parse().choices[0].text
    assert (first.headers["x-corbel-cache"], second.headers["x-corbel-cache"], stream.response.headers["x-corbel-cache"]) == ("miss", "hit", "hit")
    assert second.parse().choices[0].text == "".join(chunk.choices[0].text for chunk in stream if chunk.choices) == text and second.parse().id.startswith("cmpl-")


def an_upstream_at_anthropic_is_replayed_with_its_thinking() -> None:
    question = fresh("[mock thinking]")
    options: dict[str, Any] = {"model": "cached-claude", "max_tokens": 2048, "thinking": {"type": "enabled", "budget_tokens": 1024}, "messages": [{"role": "user", "content": question}]}
    first = world.claude.messages.create(**options)
    second = world.claude.messages.with_raw_response.create(**options)
    with world.claude.messages.stream(**options) as stream:
        third = stream.get_final_message()
    assert second.headers["x-corbel-cache"] == "hit"
    for again in (second.parse(), third):
        assert [block.type for block in again.content] == ["thinking", "text"] and again.content[0].signature == first.content[0].signature
        assert again.content[1].text == first.content[1].text and again.usage.output_tokens == first.usage.output_tokens


def tool_calls_are_replayed() -> None:
    question = fresh("[mock tool-call=2]")
    tools = [{"type": "function", "function": {"name": "look_up", "parameters": {"type": "object", "properties": {"input": {"type": "string"}}}}}]
    first, header = ask(question, tools=tools)
    second, hit = ask(question, tools=tools)
    assert (header, hit) == ("miss", "hit") and second.choices[0].finish_reason == "tool_calls"
    calls = [[(call.id, call.function.name, call.function.arguments) for call in answer.choices[0].message.tool_calls] for answer in (first, second)]
    assert calls[0] == calls[1] and len(calls[0]) == 2
    tools[0]["function"]["description"] = "Another tool, then."
    assert ask(question, tools=tools)[1] == "miss"


def what_changes_an_answer_changes_the_key_and_nothing_else_does() -> None:
    question = fresh()
    assert asked(question) == "miss"
    for same in ({"user": "ann"}, {"metadata": {"a": "b"}}, {"n": 1}, {"extra_body": {"store": True}}):
        assert asked(question, **same) == "hit", same
    for other in ({"temperature": 0.1}, {"top_p": 0.5}, {"seed": 7}, {"max_tokens": 90}, {"stop": ["x"]}, {"reasoning_effort": "low"}, {"extra_body": {"logit_bias": {"1": 1}}}, {"frequency_penalty": 1}):
        assert asked(question, **other) == "miss" and asked(question, **other) == "hit", other
    assert asked(question, extra_body={"temperature": 0.10}) == "hit", "a number is what it says"
    assert asked(question + " ") == "miss" and asked(question, "cached-short") == "miss"


def what_is_no_good_answer_is_not_kept() -> None:
    for directive in ("[mock finish=content_filter]", "[mock finish=length]"):
        question = fresh(directive)
        assert asked(question) == "miss" and asked(question) == "miss", directive
    question = fresh("one two three four")
    assert asked(question, max_tokens=2) == "miss" and asked(question, max_tokens=2) == "miss", "cut short"
    for directive in ("[mock status=500]", "[mock status=400]"):
        question = fresh(directive)
        world.mock.reset()
        for _ in range(2):
            raises(openai.APIStatusError, lambda: ask(question))  # noqa: B023
        assert len(world.mock.requests()) == 2, directive
    question = fresh("[mock reset=4]")
    world.mock.reset()
    for _ in range(2):
        raises(openai.APIError, lambda: streamed(question))
    assert len(world.mock.requests()) == 2, "a broken stream is not kept"


def a_stream_that_was_left_is_not_kept() -> None:
    question = fresh("[mock chunks=100 pace=5]")
    world.mock.reset()
    stream = world.client.chat.completions.create(model="cached", messages=user(question), stream=True)
    next(iter(stream))
    stream.close()
    assert world.mock.wait_ended()["end"] in ("peer-closed", "peer-reset"), "nobody followed, so the call has ended"
    assert asked(question) == "miss"


def answers_over_the_limit_and_of_fallbacks_are_not_kept() -> None:
    question = fresh("[mock chunks=400] word")
    assert asked(question, "cached-small") == "miss" and asked(question, "cached-small") == "miss"
    question = fresh()
    assert asked(question, "cached-fallback") == "miss" and asked(question, "cached-fallback") == "miss"


def an_answer_grows_old() -> None:
    question = fresh()
    assert asked(question, "cached-short") == "miss" and asked(question, "cached-short") == "hit"
    time.sleep(1.1)
    assert asked(question, "cached-short") == "miss"


def requests_that_cannot_be_cached_pass_it_by() -> None:
    question = fresh()
    assert asked(question, logprobs=True) == "bypass" and asked(question, logprobs=True) == "bypass"
    assert asked(question, "cached-deterministic") == "bypass"
    for fixed in ({"temperature": 0}, {"seed": 1}):
        assert asked(question, "cached-deterministic", **fixed) == "miss" and asked(question, "cached-deterministic", **fixed) == "hit", fixed
    assert asked(question, "gpt-x") == "", "a model without a cache says nothing of one"


# --- what a request says ---


def a_request_says_what_it_wants_of_the_cache() -> None:
    def said(text: str, model: str = "cached", **headers: str) -> str:
        return asked(text, model, extra_headers={name.replace("_", "-"): value for name, value in headers.items()})

    question = fresh()
    assert said(question, cache_control="no-store") == "miss" and said(question) == "miss", "no-store keeps nothing"
    assert said(question, cache_control="no-store") == "hit", "and may be answered from what is kept"
    assert said(question, cache_control="no-cache") == "refresh" and said(question, x_corbel_cache="refresh") == "refresh"
    assert said(question, x_corbel_cache="off") == "bypass" and said(question, cache_control="no-cache, no-store") == "bypass"
    assert said(question, x_corbel_cache="use", cache_control="no-cache") == "hit", "corbel's own header wins"
    assert said(question, cache_control="max-age=3600") == "hit"
    time.sleep(1.1)
    assert said(question, cache_control="max-age=1") == "miss" and said(question, cache_control="max-age=1") == "hit"
    error = raises(openai.BadRequestError, lambda: said(question, x_corbel_cache="perhaps"))
    assert "use, refresh or off" in error.message
    assert said(question, "cached-asked") == "bypass" and said(question, "cached-asked", x_corbel_cache="use") == "miss"
    assert said(question, "cached-asked", x_corbel_cache="use") == "hit"


# --- who shares ---


def no_tenant_gets_the_answer_of_another() -> None:
    question, name = fresh(), f"cache-{uuid.uuid4().hex[:8]}"
    assert world.corbel.cli("tenant", "create", name).returncode == 0
    other = made("--tenant", name)
    world.mock.reset()
    assert asked(question) == "miss" and asked(question, client=other) == "miss"
    assert asked(question) == "hit" and asked(question, client=other) == "hit" and len(world.mock.requests()) == 2


def keys_of_a_tenant_share_unless_the_scope_says_otherwise() -> None:
    question, other = fresh(), made()
    assert asked(question) == "miss" and asked(question, client=other) == "hit"
    assert asked(question, "cached-by-key") == "miss" and asked(question, "cached-by-key", client=other) == "miss"
    assert asked(question, "cached-by-key") == asked(question, "cached-by-key", client=other) == "hit"
    assert asked(question, "cached-by-user") == "bypass", "nobody is named"
    assert asked(question, "cached-by-user", user="ann") == "miss" and asked(question, "cached-by-user", user="bob") == "miss"
    assert asked(question, "cached-by-user", user="ann") == "hit"


def a_hit_spends_no_budget_but_counts_as_a_request() -> None:
    client = made("--requests-per-minute", "4", "--tokens-per-minute", "100000")
    question = fresh()
    left = [int(client.chat.completions.with_raw_response.create(model="cached", messages=user(question)).headers["x-ratelimit-remaining-requests"]) for _ in range(4)]
    assert left == [3, 2, 1, 0], left
    raises(openai.RateLimitError, lambda: ask(question, client=client))
    done = world.corbel.cli("key", "create", "--json")
    key = json.loads(done.stdout)
    poor = world.make_client(api_key=key["key"])
    assert world.corbel.cli("budget", "create", fresh("cache"), "--amount", "0.01", "--key-id", key["id"]).returncode == 0
    assert raises(openai.APIStatusError, lambda: ask(fresh(), client=poor)).status_code == 402, "it has no money for a call"
    assert asked(question, client=poor) == "hit"


# --- in flight ---


def a_hundred_identical_calls_at_once_make_one_call() -> None:
    question = fresh("[mock slow-headers=1500 chunks=30 pace=10]")
    world.mock.reset()
    barrier = threading.Barrier(100)

    def one(turn: int) -> tuple[str, str]:
        client = world.make_client()
        barrier.wait()
        if turn % 2:
            answer, header = ask(question, client=client)
            return answer.choices[0].message.content, header
        stream = client.chat.completions.create(model="cached", messages=user(question), stream=True)
        return world.said(stream), stream.response.headers["x-corbel-cache"]

    with concurrent.futures.ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(one, range(100)))
    headers = [header for _, header in answers]
    assert len(world.mock.requests()) == 1, f"{len(world.mock.requests())} calls upstream"
    assert len({text for text, _ in answers}) == 1 and headers.count("miss") == 1 and headers.count("shared") + headers.count("hit") == 99, {h: headers.count(h) for h in headers}
    assert headers.count("shared") > 50, headers


def followers_get_the_text_as_it_comes_and_one_record_pays() -> None:
    question = fresh("[mock chunks=40 pace=25]")
    leader = world.client.chat.completions.create(model="cached", messages=user(question), stream=True)
    for _, _ in zip(range(10), leader):
        pass
    began = time.monotonic()
    follower = world.client.chat.completions.create(model="cached", messages=user(question), stream=True)
    for _, _ in zip(range(8), follower):
        pass
    assert time.monotonic() - began < 0.35, "what was said already comes at once"
    texts = [world.said(leader), world.said(follower)]
    assert leader.response.headers["x-corbel-cache"] == "miss" and follower.response.headers["x-corbel-cache"] == "shared"
    assert texts[0] and texts[1].endswith(texts[0][-40:])
    paid, shared = (world.trace(stream.response.headers["x-request-id"])["interaction"] for stream in (leader, follower))
    assert paid["cost_nanodollars"] > 0 and "cache" not in paid
    assert shared["cost_nanodollars"] == 0 and shared["cache"]["result"] == "shared" and shared["cache"]["saved_nanodollars"] == paid["cost_nanodollars"]
    assert shared["usage"]["output_tokens"] == 0 and shared["cache"]["saved_output_tokens"] == paid["usage"]["output_tokens"]


def a_call_goes_on_for_its_followers_when_its_first_client_leaves() -> None:
    question = fresh("[mock chunks=60 pace=20]")
    world.mock.reset()
    leader = world.client.chat.completions.create(model="cached", messages=user(question), stream=True)
    next(iter(leader))
    follower = world.client.chat.completions.create(model="cached", messages=user(question), stream=True)
    next(iter(follower))
    leader.close()
    rest = world.said(follower)
    assert follower.response.headers["x-corbel-cache"] == "shared" and len(rest.split()) > 40, rest
    assert [request["end"] for request in world.mock.requests()] == ["answered"], world.mock.requests()
    paid = world.harness.wait_for(lambda: _trace_of(leader), 5, "the record of the client that left")["interaction"]
    assert paid["outcome"] == "cancelled" and paid["cost_nanodollars"] > 0, paid
    assert asked(question) == "hit", "the answer came to its end, so it is kept"


def _trace_of(stream: Any) -> Any:
    shown = world.corbel.cli("trace", "show", stream.response.headers["x-request-id"], "--json")
    return json.loads(shown.stdout) if shown.returncode == 0 else None


def a_call_ends_when_all_have_left() -> None:
    question = fresh("[mock chunks=2000 pace=20]")
    world.mock.reset()
    streams = [world.client.chat.completions.create(model="cached", messages=user(question), stream=True) for _ in range(3)]
    for stream in streams:
        next(iter(stream))
    for stream in streams:
        stream.close()
    ended = world.mock.wait_ended()
    assert ended["end"] in ("peer-closed", "peer-reset") and len(world.mock.requests()) == 1, world.mock.requests()


def a_follower_that_leaves_ends_nothing() -> None:
    question = fresh("[mock chunks=40 pace=20]")
    leader = world.client.chat.completions.create(model="cached", messages=user(question), stream=True)
    next(iter(leader))
    follower = world.client.chat.completions.create(model="cached", messages=user(question), stream=True)
    next(iter(follower))
    follower.close()
    assert len(world.said(leader).split()) > 25


def a_failure_is_shared_too() -> None:
    question = fresh("[mock slow-headers=400 status=500]")
    world.mock.reset()

    def one(_: int) -> int:
        return raises(openai.APIStatusError, lambda: ask(question)).status_code

    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        statuses = list(pool.map(one, range(10)))
    assert len(set(statuses)) == 1 and len(world.mock.requests()) == 1, (statuses, len(world.mock.requests()))


def a_leader_without_money_lets_the_next_one_lead() -> None:
    done = world.corbel.cli("key", "create", "--json")
    key = json.loads(done.stdout)
    poor = world.make_client(api_key=key["key"])
    assert world.corbel.cli("budget", "create", fresh("cache"), "--amount", "0.000001", "--key-id", key["id"]).returncode == 0
    question = fresh()

    def one(turn: int) -> str:
        try:
            return ask(question, client=poor if turn % 2 else world.client)[1]
        except openai.APIStatusError as error:
            return str(error.status_code)

    world.mock.reset()
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        results = list(pool.map(one, range(20)))
    assert set(results[::2]) <= {"miss", "shared", "hit"} and set(results) <= {"miss", "shared", "hit", "402"}, results
    assert len(world.mock.requests()) == 1, results


def calls_fly_alone_where_the_configuration_says_so() -> None:
    question = fresh("[mock slow-headers=200]")
    world.mock.reset()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        headers = list(pool.map(lambda _: asked(question, "cached-alone"), range(4)))
    assert headers == ["miss"] * 4 and len(world.mock.requests()) == 4 and asked(question, "cached-alone") == "hit"


def all_dialects_share_a_call_in_flight() -> None:
    question = fresh("[mock chunks=30 pace=20]")
    world.mock.reset()
    leader = world.client.chat.completions.create(model="cached", messages=user(question), stream=True, max_tokens=500)
    next(iter(leader))
    with world.claude.messages.stream(model="cached", max_tokens=500, messages=[{"role": "user", "content": question}]) as stream:
        message = stream.get_final_message()
    assert len(world.mock.requests()) == 1 and message.content[0].text.endswith(world.said(leader)[-60:]) and message.usage.output_tokens == 30


# --- documents ---


def _put(path: str, text: str) -> None:
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    status, _, body = world.corbel.call("PUT", f"/admin/v1/collections/cached-manual/documents?path={path}", text.encode(), {"x-content-sha256": sha256})
    assert status in (200, 201, 202), body
    world.harness.wait_for(lambda: _document(path)["status"] == "ready", 30, f"{path} to be indexed")


def _document(path: str) -> Any:
    return json.loads(world.corbel.call("GET", f"/admin/v1/collections/cached-manual/documents/{path}")[2])


def an_answer_built_on_documents_goes_when_one_of_them_changes() -> None:
    question = f"What does the autovacuum launcher start? {uuid.uuid4().hex}"
    _put("vacuum.md", world.MANUAL["vacuum.md"])
    assert asked(question, "cached-docs") == "miss"
    answer, header = ask(question, "cached-docs")
    assert header == "hit"
    (annotation,) = answer.choices[0].message.annotations
    link = urlsplit(annotation.url_citation.url)
    assert world.harness.Server.call(world.corbel, "GET", f"{link.path}?{link.query}")[0] == 200, "its link opens"
    assert world.trace(answer.id)["interaction"]["sources"][0]["path"] == "vacuum.md"
    _put("vacuum.md", world.MANUAL["vacuum.md"] + f"\nChanged: {uuid.uuid4().hex}.\n")
    assert asked(question, "cached-docs") == "miss" and asked(question, "cached-docs") == "hit", "changed"
    _put("other.md", f"# Another\n\nNothing about it. {uuid.uuid4().hex}\n")
    assert asked(question, "cached-docs") == "miss" and asked(question, "cached-docs") == "hit", "added"
    assert world.corbel.call("DELETE", "/admin/v1/collections/cached-manual/documents/other.md")[0] in (200, 204)
    assert asked(question, "cached-docs") == "miss" and asked(question, "cached-docs") == "hit", "deleted"
    assert streamed(question, "cached-docs")[1] == "hit"


def file_search_is_cached_until_its_store_changes() -> None:
    store = world.make_store(world.unique("cached"), world.MANUAL)
    question = fresh("What does the autovacuum launcher start? [mock say='the launcher starts the workers [1].']")

    def respond() -> tuple[Any, str]:
        raw = world.client.responses.with_raw_response.create(
            model="cached", input=question, tools=[{"type": "file_search", "vector_store_ids": [store.id]}], include=["file_search_call.results"]
        )
        return raw.parse(), raw.headers["x-corbel-cache"]

    first, missed = respond()
    second, hit = respond()
    assert (missed, hit) == ("miss", "hit")
    assert [result.text for result in second.output[0].results] == [result.text for result in first.output[0].results] and second.output[0].queries == first.output[0].queries
    assert [a.file_id for a in second.output[1].content[0].annotations] == [a.file_id for a in first.output[1].content[0].annotations]
    file = world.client.vector_stores.files.list(store.id).data[0]
    world.client.vector_stores.files.update(file.id, vector_store_id=store.id, attributes={"reviewed": True})
    assert respond()[1] == "miss" and respond()[1] == "hit"
    world.client.vector_stores.files.delete(file.id, vector_store_id=store.id)
    assert respond()[1] == "miss"


# --- by meaning ---


def _meant(text: str, system: str, model: str = "cached-semantic", **more: Any) -> Any:
    """The headers of an answer to this question, in a conversation of its own."""
    return world.client.chat.completions.with_raw_response.create(
        model=model, messages=[{"role": "system", "content": system}, {"role": "user", "content": text}], **more
    )


def a_question_that_means_the_same_gets_the_same_answer() -> None:
    system = fresh("You are a geographer.")
    world.mock.reset()
    first = _meant("What is the capital of France?", system)
    second = _meant("What's the capital city of France?", system)
    assert (first.headers["x-corbel-cache"], second.headers["x-corbel-cache"]) == ("miss", "semantic"), second.headers
    similarity = float(second.headers["x-corbel-cache-similarity"])
    assert 0.9 <= similarity < 1 and int(second.headers["age"]) >= 0 and len(world.mock.requests()) == 1
    assert second.parse().choices[0].message.content == first.parse().choices[0].message.content
    record = world.trace(second.parse().id)["interaction"]
    assert record["cache"]["result"] == "semantic" and abs(record["cache"]["similarity"] - similarity) < 0.001 and record["cost_nanodollars"] == 0
    assert record["cache"]["saved_nanodollars"] > 0
    stream = world.client.chat.completions.create(
        model="cached-semantic", messages=[{"role": "system", "content": system}, {"role": "user", "content": "Capital of France: what is it?"}], stream=True
    )
    assert stream.response.headers["x-corbel-cache"] == "semantic" and world.said(stream) == first.parse().choices[0].message.content
    assert _meant("What is the capital of France?", system).headers["x-corbel-cache"] == "hit", "the very same question first"


def a_question_that_means_something_else_does_not() -> None:
    system = fresh("You are a geographer.")
    _meant("What is the capital of France?", system)
    for other in ("What is the capital of Italy?", "What is the largest river of France?", "How do I bake bread?"):
        assert _meant(other, system).headers["x-corbel-cache"] == "miss", other
    assert _meant("What's the capital city of France?", fresh("You are a pirate.")).headers["x-corbel-cache"] == "miss", "the rest of the conversation counts"
    assert _meant("What's the capital city of France?", system, temperature=0.3).headers["x-corbel-cache"] == "miss"
    assert _meant("What's the capital city of France?", system, model="cached-strict").headers["x-corbel-cache"] == "miss"
    strict = fresh()
    _meant("What is the capital of France?", strict, model="cached-strict")
    assert _meant("What's the capital city of France?", strict, model="cached-strict").headers["x-corbel-cache"] == "miss", "below its threshold"


def meaning_counts_for_text_alone() -> None:
    system = fresh("You have tools.")
    tools = [{"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}]
    _meant("What is the capital of France?", system, tools=tools)
    assert _meant("What's the capital city of France?", system, tools=tools).headers["x-corbel-cache"] == "miss"
    assert _meant("What is the capital of France?", system, tools=tools).headers["x-corbel-cache"] == "hit"


def no_tenant_is_answered_by_the_meaning_of_anothers_question() -> None:
    system, name = fresh("You are a geographer."), f"cache-{uuid.uuid4().hex[:8]}"
    assert world.corbel.cli("tenant", "create", name).returncode == 0
    other = made("--tenant", name)
    _meant("What is the capital of France?", system)
    raw = other.chat.completions.with_raw_response.create(
        model="cached-semantic", messages=[{"role": "system", "content": system}, {"role": "user", "content": "What's the capital city of France?"}]
    )
    assert raw.headers["x-corbel-cache"] == "miss"


def a_changed_document_ends_what_was_kept_by_meaning_too() -> None:
    _put("vacuum.md", world.MANUAL["vacuum.md"])
    system = fresh("Answer from the manual.")
    assert _meant("What does the autovacuum launcher start?", system, "cached-docs-semantic").headers["x-corbel-cache"] == "miss"
    again = _meant("What is it that the autovacuum launcher starts?", system, "cached-docs-semantic")
    assert again.headers["x-corbel-cache"] == "semantic" and again.parse().choices[0].message.annotations
    _put("vacuum.md", world.MANUAL["vacuum.md"] + f"\nChanged: {uuid.uuid4().hex}.\n")
    assert _meant("What is it that the autovacuum launcher starts?", system, "cached-docs-semantic").headers["x-corbel-cache"] == "miss"


# --- what is kept ---


def the_ledger_reports_what_was_saved() -> None:
    name = f"cache-{uuid.uuid4().hex[:8]}"
    assert world.corbel.cli("tenant", "create", name).returncode == 0
    client, question = made("--tenant", name), fresh()
    for _ in range(3):
        ask(question, client=client)
    (row,) = json.loads(world.corbel.cli("usage", "report", "--tenant", name, "--by", "model", "--json").stdout)["data"]
    assert row["group"] == "gpt-x" and row["calls"] == 3 and row["saved_nanodollars"] == 2 * row["amount_nanodollars"] > 0, row
    assert row["saved_tokens"] == 2 * (row["input_tokens"] + row["output_tokens"]) and "SAVED" in world.corbel.cli("usage", "report", "--tenant", name).stdout
    assert world.corbel.cli("verify").returncode == 0, "the books are right"


def metrics_tell_of_hits_and_savings() -> None:
    question = fresh()
    before = {name: metric("corbel_cache_lookups_total", model="cached", result=name) for name in ("hit", "miss", "bypass")}
    saved, stored = metric("corbel_cache_saved_dollars_total", model="cached"), metric("corbel_cache_stores_total", model="cached", result="stored")
    answer = ask(question)[0]
    asked(question)
    asked(question, logprobs=True)
    after = {name: metric("corbel_cache_lookups_total", model="cached", result=name) for name in before}
    assert {name: after[name] - before[name] for name in before} == {"hit": 1, "miss": 1, "bypass": 1}
    assert metric("corbel_cache_stores_total", model="cached", result="stored") == stored + 1
    cost = world.trace(answer.id)["interaction"]["cost_nanodollars"] / 1e9
    assert abs(metric("corbel_cache_saved_dollars_total", model="cached") - saved - cost) < 1e-6


def _node(**more: Any) -> Any:
    """Another corbel: with a database of its own, or on PostgreSQL beside that of this world."""
    config = {
        **world.STORE,
        "providers": [{"name": "main", "kind": "openai", "base_url": f"{world.mock.url}/v1", "api_key": world.UPSTREAM_KEY}],
        "models": [
            {"name": "kept", "targets": [{"provider": "main", "model": "gpt-x"}], "cache": {}},
            {"name": "kept-docs", "targets": [{"provider": "main", "model": "gpt-x"}], "cache": {}, "knowledge": {"collection": "cached-manual"}},
        ],
    }
    return world.harness.Corbel(config, **more)


def _ask_node(node: Any, question: str, model: str = "kept") -> tuple[str, Any]:
    key = world.corbel.key if world.STORE else node.key
    status, headers, body = world.harness.Server.call(node, "POST", "/v1/chat/completions", {"model": model, "messages": user(question)}, {"authorization": f"Bearer {key}"})
    assert status == 200, body
    return headers["x-corbel-cache"], json.loads(body)["choices"][0]["message"]["content"]


def a_kept_answer_survives_kill_9() -> None:
    question = fresh()
    first = _node()
    try:
        header, text = _ask_node(first, question)
        assert header == "miss"
        first.process.kill()
        first.process.wait()
        second = _node(data=first.data)
        try:
            assert _ask_node(second, question) == ("hit", text)
        finally:
            second.kill()
    finally:
        first.kill()


if world.STORE:  # where several nodes share a database

    def what_one_node_keeps_all_have_until_a_document_changes_on_any() -> None:
        question = f"What does the autovacuum launcher start? {uuid.uuid4().hex}"
        _put("vacuum.md", world.MANUAL["vacuum.md"])
        with _node() as one, _node() as other:
            assert _ask_node(one, question, "kept-docs")[0] == "miss" and _ask_node(other, question, "kept-docs")[0] == "hit"
            for turn in range(5):
                _put("turns.md", f"# Turn {turn}\n\n{uuid.uuid4().hex}\n")
                assert _ask_node(other, question, "kept-docs")[0] == "miss" and _ask_node(one, question, "kept-docs")[0] == "hit", turn


def answers_of_anthropics_client_have_its_errors_too() -> None:
    error = raises(
        anthropic.BadRequestError,
        lambda: world.claude.messages.create(model="cached", max_tokens=10, messages=[{"role": "user", "content": "x"}], extra_headers={"x-corbel-cache": "maybe"}),
    )
    assert error.body["error"]["type"] == "invalid_request_error", error.body


def a_client_that_hangs_up_at_once_leaves_nothing_behind() -> None:
    question = fresh("[mock slow-headers=300]")
    data = json.dumps({"model": "cached", "messages": user(question)}).encode()
    connections = []
    for _ in range(5):
        connection = world.corbel.connect()
        connection.request("POST", "/v1/chat/completions", data, {"content-type": "application/json", "authorization": f"Bearer {world.corbel.key}"})
        connections.append(connection)
    time.sleep(0.1)
    for connection in connections:
        connection.sock.shutdown(socket.SHUT_RDWR)
        connection.close()
    answer, header = ask(question)
    assert header in ("miss", "shared") and answer.choices[0].message.content, "shared: the call had not ended yet"


def kept_answers_can_be_counted_and_forgotten() -> None:
    name = f"cache-{uuid.uuid4().hex[:8]}"
    assert world.corbel.cli("tenant", "create", name).returncode == 0
    client = made("--tenant", name)
    questions = [fresh() for _ in range(3)]
    for question in questions:
        assert ask(question, client=client)[1] == "miss" and asked(question) == "miss"
    ask(questions[0], "cached-claude", client=client)
    listed = json.loads(world.corbel.cli("cache", "stats", "--tenant", name, "--json").stdout)["data"]
    assert {row["model"]: row["entries"] for row in listed} == {"cached": 3, "cached-claude": 1} and all(row["bytes"] > 100 for row in listed), listed
    assert "cached-claude" in world.corbel.cli("cache", "stats", "--tenant", name).stdout
    cleared = world.corbel.cli("cache", "clear", "--tenant", name, "--model", "cached")
    assert cleared.returncode == 0 and cleared.stdout == "3 answers forgotten\n", cleared
    assert ask(questions[0], client=client)[1] == "miss" and asked(questions[0]) == "hit", "the other tenant's are there"
    assert ask(questions[0], "cached-claude", client=client)[1] == "hit"
    assert json.loads(world.corbel.cli("cache", "clear", "--tenant", name, "--json").stdout)["entries"] == 2
