"""Chat completions: what the client gets, and what the upstream was asked."""

from __future__ import annotations

import asyncio
import json
import time

import world
from world import say, said, user

WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {"input": {"type": "string"}}}}}


def a_plain_answer_has_text_usage_and_ids() -> None:
    answer = say("Hello there")
    assert answer.choices[0].message.content == "You said: Hello there" and answer.choices[0].message.role == "assistant"
    assert answer.choices[0].finish_reason == "stop" and answer.object == "chat.completion" and answer.id
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (2, 4, 6)
    assert abs(answer.created - time.time()) < 60


def chunks_say_nothing_of_a_usage_that_was_not_asked_for() -> None:
    for model in ("gpt-x", "renamed", "claude-x"):
        for asked in (False, True):
            options = {"stream_options": {"include_usage": True}} if asked else {}
            with world.client.chat.completions.with_streaming_response.create(model=model, messages=user('say "usage":null, twice'), stream=True, **options) as stream:
                chunks = [json.loads(line.removeprefix("data: ")) for line in stream.iter_lines() if line.startswith("data: {")]
            texts = "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])
            assert '"usage":null,' in texts, texts
            assert all(("usage" in chunk) == asked for chunk in chunks), (model, asked, chunks)


def every_answer_carries_a_request_id() -> None:
    raw = world.client.chat.completions.with_raw_response.create(model="gpt-x", messages=user("hi"))
    first, second = raw.headers["x-request-id"], raw.parse()._request_id
    assert first and first == second
    assert world.client.models.with_raw_response.list().headers["x-request-id"] != first


def the_upstream_sees_its_own_key_and_model_name_and_not_the_callers() -> None:
    world.mock.reset()
    say("hi", model="renamed")
    (request,) = world.mock.requests()
    assert request["header"]["authorization"] == f"Bearer {world.UPSTREAM_KEY}"
    assert json.loads(request["body"])["model"] == "gpt-upstream"
    assert world.corbel.key not in request["body"] + json.dumps(request["headers"])


def the_answer_names_the_model_that_was_asked_for() -> None:
    answer = say("hi", model="renamed")
    assert answer.model in ("renamed", "gpt-upstream"), answer.model
    assert answer.model == next(iter(world.client.chat.completions.create(model="renamed", messages=user("hi"), stream=True))).model


def parameters_and_unknown_fields_reach_the_upstream() -> None:
    world.mock.reset()
    say("hi", temperature=0.25, seed=7, stop=["x"], max_completion_tokens=50, metadata={"a": "b"}, extra_body={"tomorrows_parameter": {"deep": [1, "é"]}})
    body = json.loads(world.mock.requests()[0]["body"])
    assert body["temperature"] == 0.25 and body["seed"] == 7 and body["max_completion_tokens"] == 50
    assert body["tomorrows_parameter"] == {"deep": [1, "é"]} and body["stop"] == ["x"]


def a_secret_put_into_the_body_by_mistake_stays_out_of_the_record() -> None:
    secret = "sk-by-mistake-0123456789"
    names = ("api_key", "X-Api-Key", "apiKey", "authorization", "auth_token", "clientSecret", "password", "aws_access_key_id")
    world.mock.reset()
    answer = say("hi", max_tokens=40, extra_body={**dict.fromkeys(names, secret), "token_policy": "strict", "tomorrow": "kept"})
    assert json.loads(world.mock.requests()[0]["body"])["api_key"] == secret, "the request goes out as it came"
    interaction = world.trace(answer.id)["interaction"]
    kept = interaction["parameters"]
    assert secret not in json.dumps(interaction) and {kept[name] for name in names} == {"(hidden)"}, kept
    assert (kept["max_tokens"], kept["token_policy"], kept["tomorrow"]) == (40, "strict", "kept"), kept


def an_answer_too_large_to_be_shown_is_told_by_its_length() -> None:
    answer = say("hi [mock huge=12]")
    interaction = world.trace(answer.id)["interaction"]
    asked, said = interaction["messages"]
    assert json.loads(asked["body"])["content"] == "hi [mock huge=12]" and "body_bytes" not in asked, asked
    assert said["body"] is None and said["body_bytes"] >= 12 << 20, said
    shown = world.corbel.cli("trace", "show", answer.id, "--messages")
    assert shown.returncode == 0 and "too many to be shown" in shown.stdout and len(shown.stdout) < 1 << 20, shown.stdout[:2000]


def a_whole_conversation_reaches_the_upstream() -> None:
    world.mock.reset()
    messages = [
        {"role": "system", "content": "Be brief. ünïcödé 🙂 \u0000"},
        {"role": "user", "content": [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}}]},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"input": "x"}'}}]},
        {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
        {"role": "user", "content": "and now?"},
    ]
    world.client.chat.completions.create(model="gpt-x", messages=messages, tools=[WEATHER])
    sent = json.loads(world.mock.requests()[0]["body"])
    assert sent["messages"] == messages and sent["tools"] == [WEATHER]


def a_stream_gives_the_same_text() -> None:
    chunks = list(world.client.chat.completions.create(model="gpt-x", messages=user("one two three"), stream=True))
    assert said(chunks) == "You said: one two three" == say("one two three").choices[0].message.content
    assert chunks[0].choices[0].delta.role == "assistant" and chunks[-1].choices[0].finish_reason == "stop"
    assert len({chunk.id for chunk in chunks}) == 1 and all(chunk.object == "chat.completion.chunk" for chunk in chunks)
    assert all(chunk.choices[0].finish_reason is None for chunk in chunks[:-1]) and all(chunk.usage is None for chunk in chunks)


def include_usage_adds_one_chunk_with_it() -> None:
    options = {"include_usage": True}
    *chunks, last = world.client.chat.completions.create(model="gpt-x", messages=user("hi"), stream=True, stream_options=options)
    assert last.choices == [] and last.usage.prompt_tokens == 1 and last.usage.completion_tokens == 3 and last.usage.total_tokens == 4
    assert all(chunk.usage is None and len(chunk.choices) == 1 for chunk in chunks)


def chunks_are_passed_on_as_they_come() -> None:
    began = time.monotonic()
    stream = world.client.chat.completions.create(model="gpt-x", messages=user("[mock pace=100 chunks=10]"), stream=True)
    times = [time.monotonic() - began for chunk in stream if chunk.choices and chunk.choices[0].delta.content]
    assert times[0] < 0.5 and times[-1] > 0.8 and max(b - a for a, b in zip(times, times[1:])) < 0.35, times


def the_streaming_helper_assembles_the_answer() -> None:
    with world.client.chat.completions.stream(model="gpt-x", messages=user("a b c"), stream_options={"include_usage": True}) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_completion()
    assert {"chunk", "content.delta", "content.done"} <= kinds
    assert final.choices[0].message.content == "You said: a b c" and final.usage.completion_tokens == 5


def a_tool_is_called_plain_and_streamed() -> None:
    (call,) = say("Grüße", tools=[WEATHER], tool_choice="required").choices[0].message.tool_calls
    assert call.function.name == "weather" and json.loads(call.function.arguments) == {"input": "Grüße"} and call.id.startswith("call_")
    with world.client.chat.completions.stream(model="gpt-x", messages=user("Grüße [mock tool-call=2]"), tools=[WEATHER]) as stream:
        message = stream.get_final_completion().choices[0]
    assert message.finish_reason == "tool_calls" and len(message.message.tool_calls) == 2
    assert all(json.loads(each.function.arguments)["input"].startswith("Grüße") for each in message.message.tool_calls)


def a_cut_answer_says_so() -> None:
    answer = say("a b c d e", max_tokens=3)
    assert answer.choices[0].finish_reason == "length" and answer.usage.completion_tokens == 3
    assert [c.choices[0].finish_reason for c in world.client.chat.completions.create(model="gpt-x", messages=user("a b c d e"), max_tokens=3, stream=True)][-1] == "length"


def an_anthropic_upstream_looks_like_any_other() -> None:
    text = "one two [mock cached-tokens=3 prompt-tokens=10]"
    answer = say(text, model="claude-x")
    assert answer.choices[0].message.content == "You said: " + text and answer.choices[0].finish_reason == "stop"
    assert answer.usage.prompt_tokens == 10 and answer.usage.prompt_tokens_details.cached_tokens == 3
    chunks = list(world.client.chat.completions.create(model="claude-x", messages=user(text), stream=True, stream_options={"include_usage": True}))
    assert said(chunks) == "You said: " + text and chunks[-1].usage.prompt_tokens == 10 and chunks[-1].usage.prompt_tokens_details.cached_tokens == 3
    (call,) = say("hi", model="claude-x", tools=[WEATHER], tool_choice="required").choices[0].message.tool_calls
    assert call.function.name == "weather" and json.loads(call.function.arguments) == {"input": "hi"}


def an_anthropic_upstream_gets_system_prompt_and_tool_results_its_own_way() -> None:
    world.mock.reset()
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "weather?"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"input": "x"}'}}]},
        {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
    ]
    world.client.chat.completions.create(model="claude-x", messages=messages, tools=[WEATHER])
    (request,) = world.mock.requests()
    body = json.loads(request["body"])
    assert request["path"] == "/v1/messages" and request["header"]["anthropic-version"] and request["header"]["x-api-key"] == world.UPSTREAM_KEY
    assert "Be brief." in json.dumps(body["system"]) and body["max_tokens"] > 0 and body["tools"][0]["name"] == "weather"
    assert [message["role"] for message in body["messages"]] == ["user", "assistant", "user"]
    assert body["messages"][1]["content"][0] == {"type": "tool_use", "id": "call_1", "name": "weather", "input": {"input": "x"}}
    assert body["messages"][2]["content"][0]["type"] == "tool_result" and body["messages"][2]["content"][0]["tool_use_id"] == "call_1"


def sse_variations_of_an_upstream_make_no_difference() -> None:
    for directive in ("bytewise", "crlf comments", "gzip", "http10", "connection-close", "headers=60", "pace=1"):
        text = f"one two [mock {directive}]"
        assert said(world.client.chat.completions.create(model="gpt-x", messages=user(text), stream=True)) == "You said: " + text, directive
        assert say(text).choices[0].message.content == "You said: " + text, directive


def a_long_answer_and_a_long_line_come_through_whole() -> None:
    assert len(said(world.client.chat.completions.create(model="gpt-x", messages=user("[mock huge=2]"), stream=True))) == 2 << 20
    assert len(say("[mock huge=2]").choices[0].message.content) == 2 << 20
    assert len(said(world.client.chat.completions.create(model="gpt-x", messages=user("[mock long-line=200]"), stream=True))) > 200 * 1024


def many_callers_at_once_get_their_own_answers() -> None:
    async def one(client: object, number: int) -> bool:
        text = f"caller {number} [mock pace=2]"
        create = client.chat.completions.create  # type: ignore[attr-defined]
        if number % 2:
            return (await create(model="gpt-x", messages=user(text))).choices[0].message.content == "You said: " + text
        got = [c.choices[0].delta.content or "" async for c in await create(model="gpt-x", messages=user(text), stream=True)]
        return "".join(got) == "You said: " + text

    async def all_of_them() -> list[bool]:
        async with world.make_async_client() as client:
            return await asyncio.gather(*(one(client, number) for number in range(100)))

    assert all(asyncio.run(all_of_them()))


def models_are_listed_and_found() -> None:
    listed = {model.id: model for model in world.client.models.list()}
    assert {"gpt-x", "docs", "claude-x", "text-embedding-3-small"} <= set(listed) and all(m.object == "model" for m in listed.values())
    assert world.client.models.retrieve("gpt-x").id == "gpt-x"


def an_answer_that_comes_the_other_way_is_given_as_it_was_asked_for() -> None:
    """Servers that always stream, or never do: a frame is no whole answer, and a whole answer no chunk."""
    asked = "hello [mock other-way]"
    for _ in range(5):
        whole = say(asked)
        assert (whole.object, whole.choices[0].message.content, whole.choices[0].finish_reason) == ("chat.completion", f"You said: {asked}", "stop"), whole
    chunks = list(world.client.chat.completions.create(model="gpt-x", messages=user(asked), stream=True))
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"} and chunks[-1].choices[0].finish_reason == "stop", chunks
    assert said(chunks) == f"You said: {asked}", chunks
    whole = world.client.chat.completions.create(model="gpt-x", messages=user("hello [mock other-way tool-call]"), tools=[WEATHER])
    assert whole.choices[0].message.tool_calls[0].function.name == "weather" and whole.choices[0].finish_reason == "tool_calls", whole
    assert world.client.completions.create(model="gpt-x", prompt=asked).choices[0].text == f"You said: {asked}"
