"""Responses to a provider that speaks the API itself: what only it knows survives, and what is stored stays here."""

from __future__ import annotations

import json
from typing import Any

import openai
import world
from world import raises

SEARCH = [{"type": "web_search"}]
WEATHER = [{"type": "function", "name": "weather", "parameters": {"type": "object"}}]


def respond(text: Any, model: str = "native", **more: Any) -> Any:
    return world.client.responses.create(model=model, input=text, **more)


def sent() -> list[Any]:
    """The bodies that the upstream got."""
    return [json.loads(request["body"]) for request in world.mock.requests()]


def a_request_goes_out_as_it_came_and_is_stored_here_alone() -> None:
    world.mock.reset()
    answer = respond("Hello there", instructions="Be brief.", metadata={"a": "b"}, max_output_tokens=50)
    assert answer.output_text == "You said: Hello there" and answer.status == "completed" and answer.id.startswith("resp_"), answer
    assert answer.instructions == "Be brief." and answer.metadata == {"a": "b"} and answer.store is True
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (2, 4)
    (request,) = world.mock.requests()
    body = json.loads(request["body"])
    assert request["path"] == "/v1/responses" and body["store"] is False and body["instructions"] == "Be brief." and body["model"] == "gpt-x"
    assert body["input"] == [{"role": "user", "content": "Hello there"}] and body["max_output_tokens"] == 50
    stored = world.client.responses.retrieve(answer.id)
    assert stored.output_text == answer.output_text and stored.output[0].id == answer.output[0].id


def azure_has_its_own_address_for_it() -> None:
    world.mock.reset()
    assert respond("Hello there", model="native-azure", tools=SEARCH).output_text == "You said: Hello there"
    (request,) = world.mock.requests()
    assert request["path"] == "/openai/v1/responses" and request["query"] == "" and request["header"]["api-key"] == world.UPSTREAM_KEY
    assert json.loads(request["body"])["model"] == "my-deployment"


def events_have_our_numbers_and_our_response() -> None:
    events = list(respond("one two", stream=True, tools=SEARCH, reasoning={"effort": "low", "summary": "auto"}))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    types = [event.type for event in events]
    assert types[:2] == ["response.created", "response.in_progress"] and types[-1] == "response.completed", types
    assert "response.web_search_call.searching" in types and "response.output_text.delta" in types
    final = events[-1].response
    assert {event.response.id for event in events if hasattr(event, "response")} == {final.id}
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == final.output_text == "You said: one two"
    assert [item.type for item in final.output] == ["web_search_call", "message"], final.output
    record = world.trace(final.id)["interaction"]
    assert record["outcome"] == "ok" and json.loads(record["messages"][-1]["body"])["content"] == "You said: one two", record
    assert record["usage"]["web_searches"] == 1, record["usage"]


def tools_that_the_provider_runs_itself_are_known_to_it_alone() -> None:
    answer = respond("look it up", tools=SEARCH)
    assert [item.type for item in answer.output] == ["web_search_call", "message"], answer.output
    assert [item.type for item in world.client.responses.retrieve(answer.id).output] == ["web_search_call", "message"]
    world.mock.reset()
    for model in ("gpt-x", "claude-x"):
        error = raises(openai.BadRequestError, lambda: respond("look it up", model=model, tools=SEARCH))
        assert error.code == "unsupported_tool", error.body
        error = raises(openai.BadRequestError, lambda: respond("x", model=model, extra_body={"tomorrow": 1}))
        assert error.code == "unknown_parameter", error.body
    assert world.mock.requests() == []
    respond("x", extra_body={"tomorrow": {"deep": [1]}})
    assert sent()[0]["tomorrow"] == {"deep": [1]}


def a_call_with_such_a_tool_goes_only_where_it_is_known() -> None:
    answer = respond("look it up", model="native-first", tools=SEARCH)
    assert answer.output_text == "You said: look it up"
    error = raises(openai.APIError, lambda: respond("look it up [mock status=500]", model="native-first", tools=SEARCH))
    assert error.status_code >= 500, error.body
    assert respond("no tools [mock status=500 times=1]", model="native-first").output_text.startswith("You said: no tools")


def encrypted_reasoning_comes_back_as_it_was() -> None:
    world.mock.reset()
    first = respond("think [mock thinking]", reasoning={"effort": "low"}, include=["reasoning.encrypted_content"])
    reasoning = first.output[0]
    assert reasoning.type == "reasoning" and reasoning.encrypted_content and reasoning.summary[0].text, first.output
    respond("and now", previous_response_id=first.id, reasoning={"effort": "low"})
    body = sent()[1]
    assert "previous_response_id" not in body and [item.get("type", "message") for item in body["input"]] == ["message", "reasoning", "message", "message"], body
    assert body["input"][1]["encrypted_content"] == reasoning.encrypted_content and body["input"][1]["id"] == reasoning.id
    assert body["include"] == ["reasoning.encrypted_content"]
    hidden = respond("think [mock thinking]", reasoning={"effort": "low"})
    assert hidden.output[0].encrypted_content is None and not world.client.responses.retrieve(hidden.id).output[0].encrypted_content
    world.mock.reset()
    respond("on", previous_response_id=hidden.id)
    assert sent()[0]["input"][1]["encrypted_content"], "it was kept all the same"


def a_tool_call_and_its_result_go_through() -> None:
    first = respond("weather?", tools=WEATHER, tool_choice="required")
    call = first.output[0]
    assert call.type == "function_call" and json.loads(call.arguments) == {"input": "weather?"}, first.output
    world.mock.reset()
    second = respond([{"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}], previous_response_id=first.id, tools=WEATHER)
    assert second.output_text
    assert [item.get("type", "message") for item in sent()[0]["input"]] == ["message", "function_call", "function_call_output"]
    events = list(respond("weather?", tools=WEATHER, tool_choice="required", stream=True))
    arguments = "".join(event.delta for event in events if event.type == "response.function_call_arguments.delta")
    assert json.loads(arguments) == {"input": "weather?"} and events[-1].response.output[0].name == "weather"


def items_of_kinds_that_are_not_known_here_pass() -> None:
    world.mock.reset()
    items = [{"type": "message", "role": "user", "content": "hi"}, {"type": "tomorrows_item", "call_id": "call_1", "output": "x"}]
    answer = respond(items)
    assert sent()[0]["input"] == items, sent()[0]["input"]
    respond("more", previous_response_id=answer.id)
    assert [item.get("type", "message") for item in sent()[1]["input"]] == ["message", "tomorrows_item", "message", "message"], sent()[1]["input"]
    assert "id" not in sent()[1]["input"][1], "the name is ours"
    search = respond("look it up", tools=SEARCH)
    world.mock.reset()
    respond("more", previous_response_id=search.id)
    assert sent()[0]["input"][1]["id"] == search.output[0].id, "and this one the provider's"
    error = raises(openai.BadRequestError, lambda: respond(items, model="gpt-x"))
    assert error.code == "unsupported_item", error.body
    error = raises(openai.BadRequestError, lambda: respond("more", model="gpt-x", previous_response_id=answer.id))
    assert error.code == "unsupported_item", error.body


def conversations_and_background_stay_ours() -> None:
    conversation = world.client.conversations.create()
    respond("first", conversation=conversation.id)
    world.mock.reset()
    respond("second", conversation=conversation.id)
    body = sent()[0]
    assert "conversation" not in body and len(body["input"]) == 3, body
    job = respond("in the background", background=True, tools=SEARCH)
    done = world.harness.wait_for(lambda: next((r for r in [world.client.responses.retrieve(job.id)] if r.status == "completed"), None), 10, "the job")
    assert done.output_text == "You said: in the background" and done.output[0].type == "web_search_call"
    events = list(world.client.responses.retrieve(job.id, stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events))) and events[-1].type == "response.completed"


def what_is_cut_is_incomplete() -> None:
    for stream in (False, True):
        got = respond("a b c d", max_output_tokens=2, stream=stream)
        answer = list(got)[-1].response if stream else got
        assert answer.status == "incomplete" and answer.incomplete_details.reason == "max_output_tokens" and answer.output_text == "You said:", answer


def failures_of_such_a_provider_are_those_of_others() -> None:
    raises(openai.RateLimitError, lambda: respond("[mock status=429]"))
    for directive in ("status=500", "reset", "truncate=2", "garbage=1", "content-type='text/html' garbage=0"):
        raises(openai.InternalServerError, lambda: respond(f"[mock {directive}]"))
    for directive in ("reset=7", "close=7", "end=7", "error-event=7", "truncate=7", "garbage=6"):
        events = list(respond(f"a b c d e [mock {directive}]", stream=True))
        assert events[-1].type == "response.failed" and events[-1].response.error.message, (directive, events[-1])
        assert world.trace(events[-1].response.id)["interaction"]["outcome"] == "error"
