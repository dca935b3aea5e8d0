"""What stands inside the members of Responses and Messages and has no place in the tables of members: what is answered of it, headers, who is counted, what is left out on purpose."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import openai
import world
from world import raises, user

WEATHER: Any = {"type": "function", "name": "weather", "parameters": {"type": "object"}}
THINK: Any = {"type": "enabled", "budget_tokens": 2000}


def _respond(model: str, **more: Any) -> Any:
    return world.client.responses.create(model=model, **{"input": "Hi", **more})


def _ask(model: str, **more: Any) -> Any:
    return world.claude.messages.create(model=model, max_tokens=3000, messages=user("Hi [mock thinking]"), **more)


def _sent() -> Any:
    """The body of the last request that the upstream got."""
    return json.loads(world.mock.requests()[-1]["body"])


def what_a_provider_of_responses_says_beside_its_items_reaches_the_client() -> None:
    moderation: Any = {"model": "omni-moderation-latest"}
    for stream in (False, True):
        got = _respond("native", moderation=moderation, service_tier="flex", stream=stream)
        answer = list(got)[-1].response if stream else got
        assert answer.moderation.input.code == "mock" and answer.service_tier == "default", "what was served, not what was asked for"
        kept = world.client.responses.retrieve(answer.id)
        assert kept.moderation == answer.moderation and kept.service_tier == "default" and kept.model == "native" and kept.store is True, kept


def a_stored_prompt_needs_no_input() -> None:
    world.mock.reset()
    prompt: Any = {"id": "pmpt_1"}
    assert world.client.responses.create(model="native", prompt=prompt).status == "completed"
    assert _sent()["prompt"] == prompt and _sent()["input"] == [], _sent()


def parts_of_kinds_that_are_not_known_here_pass() -> None:
    world.mock.reset()
    content = [{"type": "input_text", "text": "Hi"}, {"type": "tomorrows_part", "deep": [1]}, {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo="}]
    items: Any = [{"role": "user", "content": content}]
    _respond("native", input=items)
    assert _sent()["input"] == items, _sent()
    world.mock.reset()
    error = raises(openai.BadRequestError, lambda: _respond("gpt-x", input=items))
    assert error.code == "unsupported_content" and error.param == "input[0].content" and world.mock.requests() == [], error.body


def a_search_that_is_chosen_against_stays_here() -> None:
    world.mock.reset()
    search: Any = {"type": "file_search", "vector_store_ids": ["vs_of_ours"]}
    _respond("native", tools=[search, WEATHER], tool_choice="none")
    assert _sent()["tools"] == [WEATHER], _sent()
    choice: Any = {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "weather"}]}
    answer = _respond("gpt-x", tools=[search, WEATHER], tool_choice=choice)
    assert [item.type for item in answer.output] != ["file_search_call", "message"] and len(_sent()["tools"]) == 1, answer.output


def a_choice_of_a_tool_that_is_not_there_is_refused() -> None:
    world.mock.reset()
    missing: Any = {"type": "function", "name": "news"}
    for model in ("gpt-x", "native", "claude-x"):
        for tools, choice in (([], "required"), ([WEATHER], missing), ([WEATHER], {"type": "allowed_tools", "mode": "auto", "tools": [missing]})):
            error = raises(openai.BadRequestError, lambda: _respond(model, tools=tools, tool_choice=choice))
            assert error.param == "tool_choice", (model, error.body)
    assert world.mock.requests() == []


def conversations_keep_items_that_only_some_models_can_be_told() -> None:
    call: Any = {"type": "shell_call", "call_id": "c1", "action": {"commands": ["ls"]}}
    conversation = world.client.conversations.create(items=[call])
    world.mock.reset()
    _respond("native", conversation=conversation.id)
    assert _sent()["input"][0]["type"] == "shell_call", _sent()
    for nothing in ({}, {"type": "item_reference", "id": "msg_1"}):
        error = raises(openai.BadRequestError, lambda nothing=nothing: world.client.conversations.create(items=[nothing]))
        assert "needs a 'type'" in error.message, error.body
    world.mock.reset()
    other = world.client.conversations.create(items=[call])
    error = raises(openai.BadRequestError, lambda: _respond("gpt-x", conversation=other.id))
    assert error.code == "unsupported_item" and world.mock.requests() == [], error.body


def refusals_name_the_member_as_the_caller_does() -> None:
    picture: Any = [{"role": "user", "content": [{"type": "input_file", "file_url": "https://example.com/a.pdf"}]}]
    for model, more, param in (
        ("gpt-x", {"input": picture}, "input"),
        ("claude-x", {"text": {"verbosity": "low"}}, "text.verbosity"),
        ("claude-x", {"text": {"format": {"type": "json_object"}}}, "text.format"),
        ("groq", {"top_logprobs": 2}, "top_logprobs"),
        ("groq", {"include": ["message.output_text.logprobs"]}, "include"),
        ("gemini", {"reasoning": {"effort": "none"}}, "reasoning.effort"),
    ):
        error = raises(openai.BadRequestError, lambda model=model, more=more: _respond(model, **more))
        assert error.param == param and error.body["message"].startswith(f"{param}: "), error.body
    schema: Any = {"format": {"type": "json_schema", "schema": {"type": "object"}}}
    tool: Any = {"name": "f", "input_schema": {"type": "object"}}
    single: Any = {"type": "auto", "disable_parallel_tool_use": True}
    for model, more, member in (
        ("deepseek", {"output_config": schema}, "output_config.format"),
        ("gemini", {"stop_sequences": list("abcdef")}, "stop_sequences"),
        ("cohere", {"tools": [tool], "tool_choice": single}, "tool_choice.disable_parallel_tool_use"),
    ):
        refusal = raises(anthropic.BadRequestError, lambda: _ask(model, **more))
        assert refusal.body["error"]["message"].startswith(f"{member}: "), refusal.body


def thinking_that_is_not_to_be_shown_has_no_text() -> None:
    for model in ("openrouter", "gemini", "bedrock-claude"):
        shown, hidden = (_ask(model, thinking=thinking).content for thinking in (THINK, {**THINK, "display": "omitted"}))
        assert [block.type for block in hidden] == [block.type for block in shown], (shown, hidden)
        assert shown[0].thinking and hidden[0].thinking == "" and bool(hidden[0].signature) == bool(shown[0].signature), (model, shown, hidden)
        with world.claude.messages.stream(model=model, max_tokens=3000, messages=user("Hi [mock thinking]"), thinking={**THINK, "display": "omitted"}) as stream:
            deltas = [event.delta.thinking for event in stream if event.type == "content_block_delta" and event.delta.type == "thinking_delta"]
            final = stream.get_final_message()
        assert not any(deltas) and final.content[0].type == "thinking" and final.content[0].thinking == "" and "text" in [block.type for block in final.content], (model, final)
        assert bool(final.content[0].signature) == bool(shown[0].signature), (model, final)


def who_a_request_is_attributed_to_is_for_anthropic_alone() -> None:
    world.mock.reset()
    _ask("claude-x", user_profile_id="profile_1")
    assert world.mock.requests()[0]["header"]["anthropic-user-profile-id"] == "profile_1"
    error = raises(anthropic.BadRequestError, lambda: _ask("gpt-x", user_profile_id="profile_1"))
    assert "user_profile_id" in error.message
    for model in ("gpt-x", "claude-x"):
        error = raises(anthropic.BadRequestError, lambda: _ask(model, workspace_id="wrkspc_1"))
        assert "workspace_id" in error.message, "the key at the provider is not the caller's"
    assert len(world.mock.requests()) == 1


def members_of_the_wrong_kind_are_refused() -> None:
    for member, value in (("tools", {}), ("stop_sequences", "END"), ("thinking", "enabled"), ("thinking", {"type": "enabled"}), ("output_config", []), ("metadata", "x")):
        error = raises(anthropic.BadRequestError, lambda: _ask("gpt-x", extra_body={member: value}))
        assert member in error.message, (member, error.message)
    for member, value in (("service_tier", 1), ("truncation", []), ("max_tool_calls", 0), ("stream_options", "x"), ("prompt_cache_key", {})):
        refusal = raises(openai.BadRequestError, lambda: _respond("gpt-x", extra_body={member: value}))
        assert refusal.param == member, refusal.body


def betas_are_asked_for_by_anthropic_s_client_and_reach_anthropic_alone() -> None:
    beta, edits = "context-management-2025-06-27", {"edits": [{"type": "clear_tool_uses_20250919", "keep": {"type": "tool_uses", "value": 3}}]}
    create = world.claude.beta.messages.create
    world.mock.reset()
    create(model="claude-x", max_tokens=50, messages=user("Hi"), betas=[beta], context_management=edits)  # type: ignore[call-overload]
    (request,) = world.mock.requests()
    assert request["header"]["anthropic-beta"] == beta and json.loads(request["body"])["context_management"] == edits, request
    error = raises(anthropic.BadRequestError, lambda: create(model="gpt-x", max_tokens=50, messages=user("Hi"), betas=[beta], context_management=edits))  # type: ignore[call-overload]
    assert "context_management" in error.message and len(world.mock.requests()) == 1, error.body
    assert create(model="gpt-x", max_tokens=50, messages=user("Hi"), betas=[beta]).content[0].text == "You said: Hi"
    assert "anthropic-beta" not in world.mock.requests()[-1]["header"], "the header alone asks another provider for nothing"


def a_message_of_the_system_may_only_change_the_output() -> None:
    changed = [{"role": "user", "content": "Hi"}, {"role": "system", "output_config": {"effort": "low"}}]
    world.mock.reset()
    world.claude.beta.messages.create(model="claude-x", max_tokens=50, messages=changed, betas=["mid-conversation-output-config-2026-07-01"])  # type: ignore[arg-type]
    assert _sent()["messages"] == changed
    error = raises(anthropic.BadRequestError, lambda: world.claude.messages.create(model="claude-x", max_tokens=50, messages=[{"role": "system"}]))  # type: ignore[typeddict-item]
    assert "messages.0.content" in error.message, error.body
