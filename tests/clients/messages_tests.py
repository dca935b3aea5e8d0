"""Anthropic Messages: what its official client gets, from an upstream of its own dialect and from one of OpenAI's, and what those were asked."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any, Optional

import anthropic
import pydantic
import world
from cancel_tests import cancelled_within_100_ms
from world import raises, user

OWN, OTHER = "claude-x", "gpt-x"
BOTH = (OWN, OTHER)
WEATHER = {"name": "weather", "description": "Tells the weather", "input_schema": {"type": "object", "properties": {"input": {"type": "string"}}}}
SIGNATURE = "EqQBCgIYAhIkMock0nly7Signature+Of/The=Mock"


def ask(text: str, model: str = OWN, **more: Any) -> Any:
    return world.claude.messages.create(**{"model": model, "max_tokens": 100, "messages": user(text), **more})


def streamed(text: str, model: str = OWN, **more: Any) -> list[Any]:
    return list(ask(text, model, stream=True, **more))


def asked(path: str | None = None) -> Any:
    """The body of the last request that the upstream got."""
    return json.loads(world.mock.requests(path)[-1]["body"])


def check_order(events: list[Any]) -> list[Any]:
    """The published order of events, blocks one after the other; the blocks as they were put together."""
    kinds = [event.type for event in events]
    assert kinds[0] == "message_start" and kinds[-2:] == ["message_delta", "message_stop"], kinds
    assert kinds.count("message_start") == 1 and kinds.count("message_delta") == 1, kinds
    blocks: list[Any] = []
    is_open = False
    for event in events[1:-2]:
        if event.type == "content_block_start":
            assert not is_open and event.index == len(blocks), kinds
            is_open = True
            blocks.append({"kind": event.content_block.type, "text": "", "citations": [], "signature": "", "start": event.content_block})
        else:
            assert is_open and event.index == len(blocks) - 1, kinds
            is_open = event.type != "content_block_stop"
        if event.type == "content_block_delta":
            delta, block = event.delta, blocks[-1]
            block["signature"] += getattr(delta, "signature", "")
            block["text"] += getattr(delta, "text", getattr(delta, "partial_json", getattr(delta, "thinking", "")))
            if delta.type == "citations_delta":
                block["citations"].append(delta.citation)
    assert not is_open
    return blocks


def a_plain_message_has_text_usage_and_ids() -> None:
    for model in BOTH:
        answer = ask("Hello there", model)
        assert answer.type == "message" and answer.role == "assistant" and answer.content[0].text == "You said: Hello there", answer
        assert answer.stop_reason == "end_turn" and answer.stop_sequence is None and answer.id and answer.model == model
        assert (answer.usage.input_tokens, answer.usage.output_tokens) == (2, 4), answer.usage
        assert answer._request_id and world.trace(answer._request_id)["interaction"]["response_id"] == answer.id


def a_streamed_message_has_the_published_order() -> None:
    for model in BOTH:
        events = streamed("one two three", model)
        (block,) = check_order(events)
        assert block["kind"] == "text" and block["text"] == "You said: one two three"
        start, end = events[0].message, events[-2]
        assert start.content == [] and start.stop_reason is None and start.usage.input_tokens > 0 and start.model == model
        assert end.delta.stop_reason == "end_turn" and end.usage.output_tokens == 5 and end.usage.input_tokens == 3, end
        assert world.trace(start.id)["interaction"]["outcome"] == "ok"
        check_order(streamed("one [mock no-done]", model))


def every_frame_has_its_event_line() -> None:
    for model in BOTH:
        body = {"model": model, "max_tokens": 9, "stream": True, "messages": user("a b")}
        status, headers, data = world.corbel.call("POST", "/v1/messages", body, {"x-api-key": world.corbel.key, "authorization": ""})
        assert status == 200 and headers["content-type"].startswith("text/event-stream") and headers["request-id"]
        frames = data.decode().strip().split("\n\n")
        for frame in frames:
            name, content = frame.split("\n")
            assert name == f"event: {json.loads(content.removeprefix('data: '))['type']}", frame
        assert any(frame.startswith("event: ping") for frame in frames) and "[DONE]" not in data.decode()


def frames_of_the_same_dialect_pass_unchanged() -> None:
    """Byte for byte, whole and streamed: what the mock sends is what the client gets."""
    text = "a b [mock thinking redacted server-tool cite cached-tokens=1 cache-write-tokens=1]"
    for stream in (False, True):
        body = {"model": OWN, "max_tokens": 50, "stream": stream, "messages": user(text)}
        direct = world.mock.call("POST", "/v1/messages", body, {"x-api-key": world.UPSTREAM_KEY})[2].decode()
        through = world.corbel.call("POST", "/v1/messages", body)[2].decode()
        ids = [line for line in direct.split('"') if line.startswith("msg_")]
        assert through.replace(json_id(through), ids[0]) == direct, (direct, through)


def json_id(text: str) -> str:
    return next(piece for piece in text.split('"') if piece.startswith("msg_"))


def the_stream_helper_assembles_the_message() -> None:
    for model in BOTH:
        with world.claude.messages.stream(model=model, max_tokens=100, messages=user("a b c")) as stream:
            assert "".join(stream.text_stream) == "You said: a b c"
            final = stream.get_final_message()
        assert final.content[0].text == "You said: a b c" and final.usage.output_tokens == 5 and final.stop_reason == "end_turn"


def a_tool_is_called_plain_and_streamed() -> None:
    for model in BOTH:
        answer = ask("Grüße", model, tools=[WEATHER], tool_choice={"type": "any"})
        (call,) = answer.content
        assert call.type == "tool_use" and call.name == "weather" and call.input == {"input": "Grüße"} and call.id and answer.stop_reason == "tool_use", answer
        events = streamed("Grüße [mock tool-call=3]", model, tools=[WEATHER])
        blocks = check_order(events)
        assert [block["kind"] for block in blocks] == ["tool_use"] * 3 and len({block["start"].id for block in blocks}) == 3
        assert all(json.loads(block["text"])["input"].startswith("Grüße") for block in blocks)
        assert events[-2].delta.stop_reason == "tool_use"


def interleaved_tool_calls_come_one_after_the_other() -> None:
    blocks = check_order(streamed("hi [mock tool-call=3 interleave]", OTHER, tools=[WEATHER]))
    assert [block["kind"] for block in blocks] == ["tool_use"] * 3
    assert all(json.loads(block["text"]) == {"input": "hi [mock tool-call=3 interleave]"} for block in blocks)


def a_forced_call_that_ends_with_stop_is_still_tool_use() -> None:
    """OpenAI says "stop" where a call was forced; a loop over tools would end there."""
    answer = ask("hi [mock finish=stop]", OTHER, tools=[WEATHER], tool_choice={"type": "tool", "name": "weather"})
    assert answer.stop_reason == "tool_use"


def arguments_that_are_no_object_are_an_error_and_never_bad_json() -> None:
    text = """hi [mock tool-call=1 args='{"input": ']"""
    error = raises(anthropic.InternalServerError, lambda: ask(text, OTHER, tools=[WEATHER]))
    assert "weather" in error.message
    cut = ask(text.replace("tool-call=1", "tool-call=1 finish=length"), OTHER, tools=[WEATHER])
    assert cut.stop_reason == "max_tokens" and cut.content[0].input == {}


def a_loop_over_tools_runs_to_its_end() -> None:
    """The client's own runner: it calls the tool, sends the result, and takes the final answer."""
    called: list[str] = []

    @anthropic.beta_tool
    def weather(input: str) -> str:  # noqa: A002 - the mock calls it so
        """Tells the weather.

        Args:
            input: The place.
        """
        called.append(input)
        return "sunny"

    for model in BOTH:
        world.mock.reset()
        called.clear()
        # The runner first asks the server to hold the conversation (a thread); neither upstream does, and it goes on without. The mock counts the request it refused.
        text = f"Paris [mock tool-call=1 times={2 if model == OWN else 1}]"
        runner = world.claude.beta.messages.tool_runner(model=model, max_tokens=100, tools=[weather], messages=user(text))
        final = runner.until_done()
        assert called == [text] and final.content[0].text == "You said: " + text, (called, final)
        sent = asked()["messages"]
        assert "sunny" in json.dumps(sent[-1]) and len(sent) == 3, sent


def a_conversation_with_tools_reaches_an_upstream_of_another_dialect() -> None:
    world.mock.reset()
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "look", "cache_control": {"type": "ephemeral", "ttl": "1h"}}, {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}]},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "signed", "signature": SIGNATURE},
                {"type": "redacted_thinking", "data": "xyz"},
                {"type": "tool_use", "id": "t1", "name": "weather", "input": {"input": "x"}},
                {"type": "tool_use", "id": "t2", "name": "weather", "input": {"input": "y"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "sunny"}, {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}]},
                {"type": "tool_result", "tool_use_id": "t2", "content": "no such place", "is_error": True},
                {"type": "text", "text": "go on"},
            ],
        },
    ]
    ask(
        "",
        OTHER,
        messages=messages,
        system=[{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        tools=[{**WEATHER, "cache_control": {"type": "ephemeral"}}],
        tool_choice={"type": "auto", "disable_parallel_tool_use": True},
        stop_sequences=["###"],
        metadata={"user_id": "u1"},
        extra_body={"temperature": 0.5, "top_p": 0.9},
    )
    sent = asked("/v1/chat/completions")
    assert "cache_control" not in json.dumps(sent)
    assert [message["role"] for message in sent["messages"]] == ["system", "user", "assistant", "tool", "tool", "user", "user"], sent["messages"]
    system, first, calls, result, failed, picture, last = sent["messages"]
    assert system["content"] == "Be brief." and first["content"][1] == {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    assert calls["content"] is None and [call["id"] for call in calls["tool_calls"]] == ["t1", "t2"] and SIGNATURE not in json.dumps(sent)
    assert json.loads(calls["tool_calls"][0]["function"]["arguments"]) == {"input": "x"}
    assert result["tool_call_id"] == "t1" and result["content"].startswith("sunny") and failed["tool_call_id"] == "t2" and "failed: no such place" in failed["content"]
    assert picture["content"][0]["image_url"]["url"] == "https://example.com/a.png" and last["content"] == "go on"
    assert sent["tools"][0]["function"] == {"name": "weather", "description": "Tells the weather", "parameters": WEATHER["input_schema"]}
    assert sent["tool_choice"] == "auto" and sent["parallel_tool_calls"] is False and sent["stop"] == ["###"] and sent["user"] == "u1"
    assert sent["temperature"] == 0.5 and sent["top_p"] == 0.9 and sent["max_completion_tokens"] == 100


def a_request_of_the_same_dialect_reaches_the_upstream_as_it_came() -> None:
    world.mock.reset()
    mark = {"type": "ephemeral", "ttl": "1h"}
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "hi", "cache_control": mark}]},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "x", "signature": SIGNATURE}, {"type": "tool_use", "id": "t", "name": "weather", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "is_error": True, "content": [{"type": "text", "text": "no"}]}]},
    ]
    body = {
        "model": OWN,
        "max_tokens": 50,
        "system": [{"type": "text", "text": "s", "cache_control": mark}],
        "messages": messages,
        "tools": [{**WEATHER, "cache_control": mark}, {"type": "web_search_20250305", "name": "web_search", "max_uses": 2}],
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "tomorrows_parameter": {"deep": [1, "é"]},
    }
    raw = json.dumps(body, ensure_ascii=False, indent=1)
    headers = {"anthropic-version": "2023-06-01", "anthropic-beta": "one-2026-01-01,two-2026-01-02", "x-api-key": world.corbel.key}
    status, _, _ = world.corbel.call("POST", "/v1/messages", raw.encode(), headers)
    (request,) = world.mock.requests()
    assert status == 200 and request["body"] == raw and request["header"]["anthropic-beta"] == headers["anthropic-beta"], request
    assert request["header"]["x-api-key"] == world.UPSTREAM_KEY and world.corbel.key not in json.dumps(request["headers"])


def a_shadow_is_asked_with_the_caller_s_betas() -> None:
    """It is asked when the request, and the memory of its headers, may be gone."""
    world.mock.reset()
    betas = [f"{'b' * 200}-{i}" for i in range(8)]
    for beta in betas:
        ask("hi", "claude-watched", extra_headers={"anthropic-beta": beta})
    until = time.monotonic() + 10
    while len(shadows := [request for request in world.mock.requests() if "claude-shadow" in request["body"]]) < len(betas) and time.monotonic() < until:
        time.sleep(0.05)
    assert sorted(request["header"]["anthropic-beta"] for request in shadows) == betas


def a_renamed_model_changes_nothing_else() -> None:
    world.mock.reset()
    ask("hi", "claude-renamed", extra_body={"tomorrows_parameter": 1})
    assert asked()["model"] == "claude-upstream" and asked()["tomorrows_parameter"] == 1


def thinking_passes_both_ways_with_its_signature() -> None:
    answer = ask("hi [mock thinking redacted]", thinking={"type": "enabled", "budget_tokens": 1024})
    thought, redacted, text = answer.content
    assert thought.type == "thinking" and thought.signature == SIGNATURE and redacted.type == "redacted_thinking" and text.type == "text"
    blocks = check_order(streamed("hi [mock thinking redacted]"))
    assert [block["kind"] for block in blocks] == ["thinking", "redacted_thinking", "text"]
    assert blocks[0]["signature"] == SIGNATURE and blocks[1]["start"].data == redacted.data
    world.mock.reset()
    ask("", messages=[*user("hi"), {"role": "assistant", "content": answer.content}, *user("and?")])
    assert asked()["messages"][1]["content"][:2] == [{"type": "thinking", "thinking": thought.thinking, "signature": SIGNATURE}, {"type": "redacted_thinking", "data": redacted.data}]


def reasoning_of_another_upstream_is_thinking_without_a_signature() -> None:
    answer = ask("hi [mock thinking like=openrouter]", OTHER)
    thought, text = answer.content
    assert thought.type == "thinking" and thought.thinking == "Let me think about this." and thought.signature == "" and text.text.startswith("You said")
    blocks = check_order(streamed("hi [mock thinking like=openrouter]", OTHER))
    assert [(block["kind"], block["text"]) for block in blocks][0] == ("thinking", thought.thinking) and blocks[1]["kind"] == "text"
    turn = [*user("hi"), {"role": "assistant", "content": answer.content}, *user("and?")]
    world.mock.reset()
    ask("", OTHER, messages=turn)
    assert asked()["messages"][1]["reasoning_content"] == thought.thinking
    ask("", OWN, messages=turn)
    assert [block["type"] for block in asked("/v1/messages")["messages"][1]["content"]] == ["text"]


def a_wish_for_thinking_is_an_effort_elsewhere() -> None:
    for thinking, effort in (({"type": "enabled", "budget_tokens": 1024}, "low"), ({"type": "enabled", "budget_tokens": 20000}, "high"), ({"type": "adaptive"}, None), ({"type": "disabled"}, None)):
        world.mock.reset()
        ask("hi", OTHER, thinking=thinking)
        assert asked().get("reasoning_effort") == effort, thinking
    ask("hi", OTHER, output_config={"effort": "max"})
    assert asked()["reasoning_effort"] == "xhigh"


class _Person(pydantic.BaseModel):
    name: str
    age: int


def a_structured_answer_is_parsed() -> None:
    said = """[mock say='{"name":"Ada","age":36}']"""
    for model in BOTH:
        world.mock.reset()
        answer = world.claude.messages.parse(model=model, max_tokens=100, messages=user(said), output_format=_Person)
        assert answer.parsed_output == _Person(name="Ada", age=36)
        sent = asked()
        if model == OWN:
            assert sent["output_config"]["format"]["type"] == "json_schema"
        else:
            wanted = sent["response_format"]["json_schema"]
            assert sent["response_format"]["type"] == "json_schema" and wanted["strict"] is True and wanted["schema"]["properties"]["age"], sent


class _Loose(pydantic.BaseModel):
    name: str
    nick: Optional[str] = None


def a_schema_that_is_not_strict_is_not_called_so() -> None:
    world.mock.reset()
    world.claude.messages.parse(model=OTHER, max_tokens=100, messages=user("""[mock say='{"name":"Ada"}']"""), output_format=_Loose)
    assert "strict" not in asked()["response_format"]["json_schema"]


def stop_reasons_are_anthropics() -> None:
    assert ask("a b c d e", max_tokens=3).stop_reason == "max_tokens" == ask("a b c d e", OTHER, max_tokens=3).stop_reason
    assert ask("hi [mock finish=content_filter]", OTHER).stop_reason == "refusal"
    for reason in ("pause_turn", "refusal", "model_context_window_exceeded"):
        assert ask(f"hi [mock finish={reason}]").stop_reason == reason
        assert streamed(f"hi [mock finish={reason}]")[-2].delta.stop_reason == reason
    answer = ask("hi [mock stop-sequence='###']")
    assert answer.stop_reason == "stop_sequence" and answer.stop_sequence == "###"


def cached_tokens_are_counted_apart() -> None:
    text = "hi [mock prompt-tokens=100 cached-tokens=60 cache-write-tokens=30 completion-tokens=7]"
    for usage in (ask(text).usage, streamed(text)[-2].usage):
        assert (usage.input_tokens, usage.cache_read_input_tokens, usage.cache_creation_input_tokens, usage.output_tokens) == (10, 60, 30, 7), usage
    other = "hi [mock prompt-tokens=100 cached-tokens=60 completion-tokens=7]"
    for usage in (ask(other, OTHER).usage, streamed(other, OTHER)[-2].usage):
        assert (usage.input_tokens, usage.cache_read_input_tokens, usage.output_tokens) == (40, 60, 7), usage


def a_stream_with_a_cache_costs_what_the_whole_answer_costs() -> None:
    """10 tokens read at 3 dollars a million, 60 from the cache at 0.3, 30 into it at 3.75, 7 written at 15: in 1e-9 dollars."""
    text = "hi [mock prompt-tokens=100 cached-tokens=60 cache-write-tokens=30 completion-tokens=7]"
    cost = 10 * 3000 + 60 * 300 + 30 * 3750 + 7 * 15000
    whole, stream = ask(text, "claude-priced"), streamed(text, "claude-priced")
    chat = world.client.chat.completions.create(model="claude-priced", messages=user(text), stream=True)
    for identity in (whole.id, stream[0].message.id, [chunk.id for chunk in chat][0]):
        interaction = world.trace(identity)["interaction"]
        assert interaction["cost_nanodollars"] == cost and interaction["usage"]["input_tokens"] == 100 and interaction["usage"]["cached_input_tokens"] == 60, interaction


def usage_that_nobody_reports_is_estimated() -> None:
    usage = streamed("one two three [mock no-usage]", OTHER)[-2].usage
    assert usage.input_tokens > 0 and usage.output_tokens > 0
    assert ask("one two three [mock no-usage]", OTHER).usage.output_tokens > 0


def documents_and_search_results_reach_another_dialect_as_text_and_files() -> None:
    world.mock.reset()
    content = [
        {"type": "document", "title": "Guide", "source": {"type": "text", "media_type": "text/plain", "data": "plain words"}},
        {"type": "document", "title": "paper.pdf", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"}},
        {"type": "search_result", "source": "https://example.com", "title": "Found", "content": [{"type": "text", "text": "a passage"}]},
        {"type": "text", "text": "Sum it up."},
    ]
    ask("", OTHER, messages=[{"role": "user", "content": content}])
    parts = asked()["messages"][0]["content"]
    assert parts[0] == {"type": "text", "text": "Guide\nplain words"} and parts[1] == {"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBE", "filename": "paper.pdf"}}
    assert parts[2]["text"] == "Found\nhttps://example.com\n" and parts[3]["text"] == "a passage" and parts[4]["text"] == "Sum it up."


def what_only_anthropic_can_do_is_refused_elsewhere_before_anything_is_sent() -> None:
    cited = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x"}, "citations": {"enabled": True}}
    server_tool = {"type": "web_search_20250305", "name": "web_search"}
    cases: list[tuple[str, dict[str, Any]]] = [
        ("web_search_20250305", {"tools": [server_tool]}),
        ("citations", {"messages": [{"role": "user", "content": [cited]}]}),
        ("container", {"extra_body": {"container": "c1"}}),
        ("tomorrows_parameter", {"extra_body": {"tomorrows_parameter": 1}}),
        ("top_k", {"extra_body": {"top_k": 5}}),
        ("server_tool_use", {"messages": [*user("hi"), {"role": "assistant", "content": [{"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}]}]}),
    ]
    for named, more in cases:
        world.mock.reset()
        error = raises(anthropic.BadRequestError, lambda: ask("hi", OTHER, **more))
        assert named in error.message and world.mock.requests() == [], (named, error.message)
        assert ask("hi", OWN, **more).type == "message", named


def a_server_tools_blocks_come_through() -> None:
    kinds = [block.type for block in ask("hi [mock server-tool cite]").content]
    assert kinds == ["server_tool_use", "web_search_tool_result", "text"]
    blocks = check_order(streamed("hi [mock server-tool cite]"))
    assert [block["kind"] for block in blocks] == kinds and blocks[-1]["citations"][0].type == "search_result_location"


def tokens_are_counted_by_the_upstream_or_estimated() -> None:
    world.mock.reset()
    more: dict[str, Any] = {"messages": user("one two three"), "system": "four five", "tools": [WEATHER]}
    assert world.claude.messages.count_tokens(model=OWN, **more).input_tokens == 5
    (request,) = world.mock.requests()
    assert request["path"] == "/v1/messages/count_tokens" and "max_tokens" not in request["body"]
    small = world.claude.messages.count_tokens(model=OTHER, **more).input_tokens
    large = world.claude.messages.count_tokens(model=OTHER, **{**more, "messages": user("one two three " * 100)}).input_tokens
    assert 0 < small < large and len(world.mock.requests()) == 1
    raises(anthropic.NotFoundError, lambda: world.claude.messages.count_tokens(model="no-such-model", messages=user("x")))
    raises(anthropic.RateLimitError, lambda: world.claude.messages.count_tokens(model=OWN, messages=user("[mock status=429]")))


def a_key_counts_no_tokens_of_a_model_that_it_may_not_use() -> None:
    """The conversation may go to the model's provider for it."""
    made = json.loads(world.corbel.cli("key", "create", "--name", world.unique("counts"), "--scope", "model.use", "--model", "gpt-x", "--json").stdout)
    narrow = world.make_claude(api_key=made["key"])
    world.mock.reset()
    assert narrow.messages.count_tokens(model="gpt-x", messages=user("one two")).input_tokens > 0
    error = raises(anthropic.PermissionDeniedError, lambda: narrow.messages.count_tokens(model=OWN, messages=user("one two")))
    assert OWN in error.message and world.mock.requests() == []
    status, _, data = world.corbel.call("POST", "/v1/responses/input_tokens", {"model": OWN, "input": "one two"}, {"authorization": f"Bearer {made['key']}"})
    assert status == 403 and json.loads(data)["error"]["code"] == "model_not_allowed", data


def models_come_in_pages_of_anthropics_shape() -> None:
    whole = [model.id for model in world.claude.models.list(limit=1000)]
    assert {"gpt-x", "claude-x", "docs"} <= set(whole) and whole == [model.id for model in world.claude.models.list(limit=2)]
    page = world.claude.models.list(limit=3)
    assert page.has_more and page.first_id == whole[0] and page.last_id == whole[2]
    before = world.claude.models.list(limit=2, before_id=whole[3])
    assert [model.id for model in before.data] == whole[1:3] and before.has_more
    last = world.claude.models.list(limit=1000, after_id=whole[-2])
    assert [model.id for model in last.data] == whole[-1:] and last.has_more is False
    model = world.claude.models.retrieve("claude-x")
    assert model.type == "model" and model.display_name and model.lifecycle == "active"
    raises(anthropic.NotFoundError, lambda: world.claude.models.retrieve("no-such-model"))
    raises(anthropic.NotFoundError, lambda: world.claude.models.list(after_id="no-such-model"))
    raises(anthropic.BadRequestError, lambda: world.claude.models.list(limit=0))
    assert all(model.object == "model" for model in world.client.models.list())


def either_way_to_show_a_key_is_taken() -> None:
    for headers in ({"x-api-key": world.corbel.key, "authorization": ""}, {"authorization": f"Bearer {world.corbel.key}"}):
        assert world.corbel.call("POST", "/v1/messages", {"model": OWN, "max_tokens": 9, "messages": user("hi")}, headers)[0] == 200


def errors_have_anthropics_shape_types_and_statuses() -> None:
    def failure(kind: type[anthropic.APIStatusError], status: int, name: str, call: Callable[[], Any]) -> None:
        error = raises(kind, call)
        body = json.loads(error.response.text)
        assert error.status_code == status and set(body) == {"type", "error", "request_id"} and body["type"] == "error", (error.status_code, body)
        assert body["error"]["type"] == name == error.type and body["error"]["message"] and body["request_id"] == error.request_id, body

    stranger = world.make_claude(api_key="wrong")
    failure(anthropic.AuthenticationError, 401, "authentication_error", lambda: stranger.messages.create(model=OWN, max_tokens=9, messages=user("hi")))
    failure(anthropic.AuthenticationError, 401, "authentication_error", lambda: stranger.models.list())
    made = world.corbel.cli("key", "create", "--name", world.unique("reader"), "--scope", "knowledge.read", "--json")
    reader = world.make_claude(api_key=json.loads(made.stdout)["key"])
    failure(anthropic.PermissionDeniedError, 403, "permission_error", lambda: reader.messages.create(model=OWN, max_tokens=9, messages=user("hi")))
    failure(anthropic.NotFoundError, 404, "not_found_error", lambda: ask("hi", "no-such-model"))
    failure(anthropic.NotFoundError, 404, "not_found_error", lambda: world.claude.messages.batches.list())
    failure(anthropic.BadRequestError, 400, "invalid_request_error", lambda: ask("hi", messages=[]))
    failure(anthropic.RequestTooLargeError, 413, "request_too_large", lambda: ask("x" * (65 << 20)))
    for model in BOTH:
        failure(anthropic.BadRequestError, 400, "invalid_request_error", lambda: ask("[mock status=400]", model))
        failure(anthropic.RateLimitError, 429, "rate_limit_error", lambda: ask("[mock status=429]", model))
        failure(anthropic.InternalServerError, 500, "api_error", lambda: ask("[mock status=500]", model))
        failure(anthropic.InternalServerError, 500, "api_error", lambda: ask("[mock reset]", model))
        failure(anthropic.InternalServerError, 529, "overloaded_error", lambda: ask("[mock status=529]", model))
        failure(anthropic.InternalServerError, 504, "timeout_error", lambda: ask("[mock status=504]", model))
        failure(anthropic.RateLimitError, 429, "rate_limit_error", lambda: ask("[mock status=429]", model, stream=True))
    error = raises(anthropic.RateLimitError, lambda: ask("[mock status=429 retry-after=7]"))
    assert error.response.headers["retry-after"] == "7"


def mistakes_are_named_by_their_place() -> None:
    text = {"type": "text", "text": "x"}
    cases: list[tuple[str, dict[str, Any]]] = [
        ("max_tokens", {"max_tokens": "many"}),
        ("messages.0.role", {"messages": [{"role": "tool", "content": "x"}]}),
        ("messages.0.content.1", {"messages": [{"role": "user", "content": [text, {"type": "text"}]}]}),
        ("messages.0.content.0", {"messages": [{"role": "user", "content": [{"type": "tool_result"}]}]}),
        ("messages.0.content.0", {"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "base64"}}]}]}),
        ("tools.0.input_schema", {"tools": [{"name": "x"}]}),
        ("tool_choice", {"tool_choice": {"type": "sometimes"}}),
        ("system", {"system": 7}),
        ("temperature", {"extra_body": {"temperature": 2}}),
        ("output_config.format", {"output_config": {"format": {"type": "xml"}}}),
    ]
    for place, more in cases:
        assert place in raises(anthropic.BadRequestError, lambda: ask("hi", **more)).message, place
    status, _, data = world.corbel.call("POST", "/v1/messages", {"model": OWN, "messages": user("hi")})
    assert status == 400 and "max_tokens" in json.loads(data)["error"]["message"]


def a_stream_that_breaks_ends_in_an_error_and_is_on_record() -> None:
    """A stream that dies must not look like an answer, neither to the client nor in the record."""
    for model in BOTH:
        for directive in ("reset=4", "close=4", "end=4", "error-event=4", "truncate=4", "garbage=4"):
            seen: list[Any] = []

            def read() -> None:
                seen.extend(streamed_slowly(f"a b c d e [mock {directive}]", model, seen))

            error = raises(anthropic.APIError, read)
            kinds = [event.type for event in seen]
            assert kinds[0] == "message_start" and kinds.count("message_start") == 1 and "message_stop" not in kinds and "message_delta" not in kinds, (directive, kinds)
            assert error.message
            interaction = world.trace(seen[0].message.id)["interaction"]
            assert interaction["outcome"] == "error" and interaction["error_message"], (directive, interaction)


def streamed_slowly(text: str, model: str, seen: list[Any]) -> Iterator[Any]:
    for event in ask(text, model, stream=True):
        seen.append(event)
    return iter(())


def the_error_in_a_stream_has_its_type() -> None:
    body = {"model": OWN, "max_tokens": 50, "stream": True, "messages": user("a b c d [mock error-event=5]")}
    data = world.corbel.call("POST", "/v1/messages", body)[2].decode()
    name, content = data.strip().split("\n\n")[-1].split("\n")
    error = json.loads(content.removeprefix("data: "))
    assert name == "event: error" and error["type"] == "error" and error["error"]["type"] == "overloaded_error" and error["request_id"], data


def the_client_retries_what_may_pass() -> None:
    for model in BOTH:
        world.mock.reset()
        client = world.make_claude(max_retries=3)
        answer = client.messages.create(model=model, max_tokens=9, messages=user("[mock status=529 retry-after=0 times=1]"))
        assert answer.content and len(world.mock.requests()) == 2


def a_closed_stream_ends_the_upstream_call_and_is_on_record() -> None:
    for model in BOTH:
        world.mock.reset()
        stream = ask("[mock chunks=10000 pace=20]", model, stream=True)
        seen = [event for event, _ in zip(stream, range(8))]
        request_id = stream.response.headers["request-id"]
        left = time.monotonic()
        stream.response.close()
        record = cancelled_within_100_ms(left)
        assert record["request_id"] == request_id and record["tokens_estimated"], record
        assert record["output_tokens"] >= 2 and record["input_tokens"] > 0 and seen, record


def an_answer_from_documents_is_cited() -> None:
    """Our passages are search results: a citation names the page, the passage and its text."""
    import answer_tests

    answer_tests.with_manual()
    for model in ("docs", "docs-claude"):
        answer = ask(answer_tests.QUESTION, model)
        (text,) = answer.content
        assert text.text == world.CITED_TEXT, text
        (block,) = check_order(streamed(answer_tests.QUESTION, model))
        assert block["text"] == world.CITED_TEXT
        for citations in (text.citations, block["citations"]):
            (citation,) = citations
            assert citation.type == "search_result_location" and "launcher" in citation.cited_text and citation.title and citation.search_result_index == 0, citation
            answer_tests.check_page(citation.source)
    world.mock.reset()
    ask(answer_tests.QUESTION, "docs-claude", system="Be brief.", extra_body={"tomorrows_parameter": 1})
    sent = asked()
    assert "launcher" in sent["system"][0]["text"] and sent["system"][1]["text"] == "Be brief." and sent["tomorrows_parameter"] == 1
    extractive = ask(answer_tests.QUESTION, "docs-extractive")
    assert extractive.content[0].citations and extractive.stop_reason == "end_turn"


def another_target_answers_where_the_first_is_down() -> None:
    for model in ("with-fallback", "claude-fallback"):
        assert ask("hi there", model).content[0].text == "You said: hi there"
        assert check_order(streamed("hi there", model))[0]["text"] == "You said: hi there"


def a_broken_stream_is_continued_by_another_target_in_the_same_block() -> None:
    for second in ("main", "claude"):
        world.mock.reset()
        events = streamed("one two three four", f"claude-continued-{second}")
        (block,) = check_order(events)
        assert block["text"].startswith("You said:") and block["text"].endswith("one two three four") and events[-2].delta.stop_reason == "end_turn" and events[-2].usage.output_tokens > 0, (second, block)
        record = world.trace(events[0].message.id)["interaction"]
        assert record["outcome"] == "ok" and record["attempts"] == 2 and record["provider"] == second, record
