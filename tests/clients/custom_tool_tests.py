"""Custom tools, whose input is text and no JSON: in chat completions and in the Responses API, to targets that know them and to those that do not."""

from __future__ import annotations

import json
import uuid
from typing import Any

import kinds
import openai
import world
from world import raises, user

COMMAND = "ls -l | sort --reverse | head"
GRAMMAR = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: /[a-z]+/"}}
SHELL: Any = {"type": "custom", "custom": {"name": "shell", "description": "Runs a command.", "format": GRAMMAR}}
PLAIN: Any = {"type": "custom", "custom": {"name": "note"}}
WEATHER: Any = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
NAMED: Any = {"type": "custom", "custom": {"name": "shell"}}
OWN_SHELL: Any = {"type": "custom", "name": "shell", "description": "Runs a command.", "format": {"type": "grammar", **GRAMMAR["grammar"]}}
OWN_WEATHER: Any = {"type": "function", "name": "weather", "parameters": {"type": "object"}}
HISTORY: Any = [
    {"role": "user", "content": "list"},
    {"role": "assistant", "content": None, "tool_calls": [{"id": "call_1", "type": "custom", "custom": {"name": "shell", "input": "ls -l"}}]},
    {"role": "tool", "tool_call_id": "call_1", "content": "a\nb"},
]


def _chat(text: str, model: str = "gpt-x", **more: Any) -> Any:
    return world.client.chat.completions.create(model=model, messages=user(text), **more)


def _sent() -> Any:
    """The body of the last request that the upstream got."""
    return json.loads(world.mock.requests()[-1]["body"])


def _streamed(**body: Any) -> tuple[str, list[str]]:
    """The kind and the pieces of the input of a streamed call. The client's own types know only functions in a chunk, so it must not check them."""
    chunks = world.make_client(_strict_response_validation=False).chat.completions.create(stream=True, **body)
    calls = [call.model_dump() for chunk in chunks for choice in chunk.choices for call in choice.delta.tool_calls or []]
    assert calls[0]["id"] and calls[0]["custom"]["name"] == "shell", calls
    return calls[0]["type"], [call["custom"]["input"] for call in calls]


def a_custom_tool_is_called_whole_and_streamed() -> None:
    for model in ("gpt-x", "azure"):
        world.mock.reset()
        answer = _chat('say "x" é', model, tools=[SHELL], tool_choice=NAMED)
        (call,) = answer.choices[0].message.tool_calls
        assert (call.type, call.custom.name, call.custom.input) == ("custom", "shell", 'say "x" é') and answer.choices[0].finish_reason == "tool_calls", answer
        assert _sent()["tools"] == [SHELL] and _sent()["tool_choice"] == NAMED, _sent()
        kind, pieces = _streamed(model=model, messages=user('say "x" é to all'), tools=[SHELL, WEATHER], tool_choice="required")
        assert kind == "custom" and "".join(pieces) == 'say "x" é to all' and len(pieces) > 2, pieces


def a_call_of_a_custom_tool_is_in_the_record() -> None:
    answer = _chat("ls", tools=[SHELL], tool_choice=NAMED)
    (call,) = json.loads(world.trace(answer.id)["interaction"]["messages"][-1]["body"])["tool_calls"]
    assert call["type"] == "custom" and call["custom"] == {"name": "shell", "input": "ls"}, call


def the_choice_among_allowed_tools_passes() -> None:
    choice = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [NAMED]}}
    world.mock.reset()
    (call,) = _chat("ls", tools=[WEATHER, SHELL], tool_choice=choice).choices[0].message.tool_calls
    assert call.custom.name == "shell" and _sent()["tool_choice"] == choice and _sent()["tools"] == [WEATHER, SHELL], _sent()
    functions = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "weather"}}]}}
    other = {"type": "function", "function": {"name": "other", "parameters": {"type": "object"}}}
    for model in ("groq", "mistral", "claude-x"):
        world.mock.reset()
        _chat("hi", model, tools=[WEATHER, other], tool_choice=functions)
        assert len(_sent()["tools"]) == 1 and "weather" in json.dumps(_sent()["tools"]), _sent()
        assert _sent()["tool_choice"] in ("auto", {"type": "auto"}), _sent()
    error = raises(openai.BadRequestError, lambda: _chat("x", tools=[WEATHER], tool_choice=choice))
    assert error.param == "tool_choice", error.body


def a_history_with_calls_of_custom_tools_passes() -> None:
    world.mock.reset()
    assert world.client.chat.completions.create(model="gpt-x", messages=HISTORY, tools=[SHELL]).choices[0].message.content
    assert _sent()["messages"] == HISTORY
    broken: Any = [*HISTORY[:1], {"role": "assistant", "tool_calls": [{"id": "call_1", "type": "custom", "custom": {"name": "shell"}}]}]
    error = raises(openai.BadRequestError, lambda: world.client.chat.completions.create(model="gpt-x", messages=broken))
    assert "'input'" in error.message, error.body


def a_server_that_knows_no_custom_tools_is_not_asked() -> None:
    known = ("azure", "azure-entra")
    world.mock.reset()
    for model in ("claude-x", *(kind for kind in kinds.KINDS if kind not in known)):
        error = raises(openai.BadRequestError, lambda: _chat("ls", model, tools=[PLAIN]))
        assert error.code == "unsupported_tool" and error.param == "tools" and "custom tools" in error.message, (model, error.body)
        error = raises(openai.BadRequestError, lambda: world.client.chat.completions.create(model=model, messages=HISTORY))
        assert error.code == "unsupported_tool" and error.param == "messages", (model, error.body)
    assert world.mock.requests() == []


def a_custom_tool_that_says_too_little_is_refused() -> None:
    for tool, why in (
        ({"type": "custom", "custom": {}}, "'name'"),
        ({"type": "custom", "custom": {"name": "x", "format": {"type": "grammar"}}}, "'definition'"),
        ({"type": "custom", "custom": {"name": "x", "format": {"type": "verse"}}}, "'format'"),
    ):
        error = raises(openai.BadRequestError, lambda: _chat("x", tools=[tool]))
        assert error.param == "tools" and why in error.message, error.body


def a_kept_call_of_a_custom_tool_is_given_again() -> None:
    text = f"ls {uuid.uuid4().hex}"
    ask = {"model": "cached", "messages": user(text), "tools": [SHELL], "tool_choice": NAMED}
    said = [world.client.chat.completions.with_raw_response.create(**ask) for _ in range(2)]
    assert [raw.headers["x-corbel-cache"] for raw in said] == ["miss", "hit"]
    assert [raw.parse().choices[0].message.tool_calls[0].custom.input for raw in said] == [text, text]
    kind, pieces = _streamed(**ask)
    assert kind == "custom" and "".join(pieces) == text
    other = {**SHELL["custom"], "format": {"type": "grammar", "grammar": {"syntax": "regex", "definition": "[a-z]+"}}}
    fresh = world.client.chat.completions.with_raw_response.create(**{**ask, "tools": [{"type": "custom", "custom": other}]})
    assert fresh.headers["x-corbel-cache"] == "miss", "another grammar is another question"


def a_grammar_counts_among_the_tokens() -> None:
    count = world.client.responses.input_tokens.count
    bare = count(model="gpt-x", input="x", tools=[{"type": "custom", "name": "shell"}]).input_tokens
    assert count(model="gpt-x", input="x", tools=[OWN_SHELL]).input_tokens > bare + 3


def responses_carry_custom_tools_over_to_chat() -> None:
    for model in ("gpt-x", "azure"):
        world.mock.reset()
        first = world.client.responses.create(model=model, input="ls -l", tools=[OWN_SHELL], tool_choice={"type": "custom", "name": "shell"})
        (call,) = first.output
        assert (call.type, call.name, call.input) == ("custom_tool_call", "shell", "ls -l") and call.call_id and call.id.startswith("ctc_"), first.output
        body = _sent()
        assert body["tools"] == [SHELL] and body["tool_choice"] == NAMED, body
        output: Any = {"type": "custom_tool_call_output", "call_id": call.call_id, "output": "a\nb"}
        second = world.client.responses.create(model=model, input=[output], previous_response_id=first.id, tools=[OWN_SHELL])
        assert second.output_text and _sent()["messages"][1]["tool_calls"] == [{"id": call.call_id, "type": "custom", "custom": {"name": "shell", "input": "ls -l"}}], _sent()
        assert _sent()["messages"][2] == {"role": "tool", "tool_call_id": call.call_id, "content": "a\nb"}, _sent()
        assert world.client.responses.retrieve(first.id).output == first.output


def streamed_inputs_have_events_of_their_own() -> None:
    for model, path in (("gpt-x", "/v1/chat/completions"), ("native", "/v1/responses")):
        world.mock.reset()
        events = list(world.client.responses.create(model=model, input=COMMAND, tools=[OWN_SHELL], tool_choice="required", stream=True))
        assert world.mock.requests()[0]["path"] == path and [event.sequence_number for event in events] == list(range(len(events)))
        deltas = [event.delta for event in events if event.type == "response.custom_tool_call_input.delta"]
        (done,) = [event for event in events if event.type == "response.custom_tool_call_input.done"]
        assert "".join(deltas) == done.input == COMMAND and len(deltas) > 1, events
        (item,) = [event.item for event in events if event.type == "response.output_item.added"]
        assert item.type == "custom_tool_call" and item.input == "" and item.id == done.item_id
        (call,) = events[-1].response.output
        assert call.type == "custom_tool_call" and call.input == COMMAND and not any("function_call" in event.type for event in events)
        record = json.loads(world.trace(events[-1].response.id)["interaction"]["messages"][-1]["body"])
        assert record["tool_calls"][0]["custom"] == {"name": "shell", "input": COMMAND}, record


def a_provider_of_responses_gets_them_as_they_came() -> None:
    world.mock.reset()
    first = world.client.responses.create(model="native", input="ls", tools=[OWN_SHELL, OWN_WEATHER], tool_choice="required")
    assert _sent()["tools"] == [OWN_SHELL, OWN_WEATHER] and first.output[0].type == "custom_tool_call" and first.output[0].input == "ls", first.output
    output: Any = {"type": "custom_tool_call_output", "call_id": first.output[0].call_id, "output": "a"}
    world.client.responses.create(model="native", input=[output], previous_response_id=first.id, tools=[OWN_SHELL])
    assert [item.get("type", "message") for item in _sent()["input"]] == ["message", "custom_tool_call", "custom_tool_call_output"], _sent()
    record = json.loads(world.trace(first.id)["interaction"]["messages"][-1]["body"])
    assert record["tool_calls"][0]["custom"] == {"name": "shell", "input": "ls"}, record


def responses_with_custom_tools_are_refused_where_nobody_knows_them() -> None:
    world.mock.reset()
    history: Any = [{"role": "user", "content": "x"}, {"type": "custom_tool_call", "call_id": "call_1", "name": "shell", "input": "ls"}, {"type": "custom_tool_call_output", "call_id": "call_1", "output": "a"}]
    for model in ("claude-x", "gemini", "bedrock", "cohere", "vllm"):
        error = raises(openai.BadRequestError, lambda: world.client.responses.create(model=model, input="x", tools=[OWN_SHELL]))
        assert error.code == "unsupported_tool" and error.param == "tools", (model, error.body)
        error = raises(openai.BadRequestError, lambda: world.client.responses.create(model=model, input=history))
        assert error.code == "unsupported_tool" and error.param == "input", (model, error.body)
    assert world.mock.requests() == []
