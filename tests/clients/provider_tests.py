"""The official client in front of every kind of provider: plain, streamed with usage, tools, errors, and what the record says."""

from __future__ import annotations

import json
import time

import kinds
import openai
import world
from world import raises, said, say, user

TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}]
WITHOUT_TOOLS = {"perplexity"}
WITHOUT_CHOICE = {"ollama"}  # leaves tool_choice unread


def _upstream(model: str) -> list[dict]:
    """Requests that the mock got for a model, oldest first."""
    return [request for request in world.mock.requests() if f"{model}-model" in request["path"] + (request.get("body") or "")]


def _usage(identity: str) -> dict:
    return world.trace(identity)["interaction"]["usage"]


def every_kind_answers_and_its_usage_is_recorded() -> None:
    for kind in kinds.KINDS:
        answer = say("alpha beta", model=kind)
        assert answer.choices[0].message.content == "You said: alpha beta" and answer.choices[0].finish_reason == "stop", (kind, answer)
        assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (2, 4), (kind, answer.usage)
        usage = _usage(answer.id)
        assert (usage["input_tokens"], usage["output_tokens"], usage["estimated"]) == (2, 4, False), (kind, usage)


def every_kind_streams_and_ends_with_usage() -> None:
    for kind in kinds.KINDS:
        chunks = list(world.client.chat.completions.create(model=kind, messages=user("alpha beta"), stream=True, stream_options={"include_usage": True}))
        assert "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices) == "You said: alpha beta", (kind, chunks)
        last = chunks[-1]
        assert last.choices == [] and (last.usage.prompt_tokens, last.usage.completion_tokens) == (2, 4), (kind, last)
        usage = _usage(next(chunk.id for chunk in chunks if chunk.id))
        assert (usage["input_tokens"], usage["output_tokens"], usage["estimated"]) == (2, 4, False), (kind, usage)


def every_kind_calls_tools_whole_and_streamed() -> None:
    for kind in kinds.KINDS:
        if kind in WITHOUT_TOOLS:
            continue
        answer = say("Paris [mock tool-call]", model=kind, tools=TOOLS) if kind in WITHOUT_CHOICE else say("Paris", model=kind, tools=TOOLS, tool_choice="required")
        (call,) = answer.choices[0].message.tool_calls
        assert call.function.name == "weather" and json.loads(call.function.arguments)["input"].startswith("Paris"), (kind, answer)
        stream = world.client.chat.completions.create(model=kind, messages=user("Paris [mock tool-call=2]"), tools=TOOLS, stream=True)
        ids, arguments, finish = {}, {}, None
        for chunk in stream:
            for choice in chunk.choices:
                finish = choice.finish_reason or finish
                for piece in choice.delta.tool_calls or []:
                    ids[piece.index] = piece.id or ids.get(piece.index)
                    arguments[piece.index] = arguments.get(piece.index, "") + (piece.function.arguments or "")
        assert finish == "tool_calls" and set(ids) == {0, 1} and all(ids.values()), (kind, ids, finish)
        assert all(json.loads(text)["input"].startswith("Paris") for text in arguments.values()), (kind, arguments)


def a_tool_s_result_goes_back_in_the_provider_s_form() -> None:
    call = {"id": "call_of_another_provider", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    for kind in kinds.KINDS:
        if kind in WITHOUT_TOOLS:
            continue
        messages = [*user("Paris?"), {"role": "assistant", "content": None, "tool_calls": [call]}, {"role": "tool", "tool_call_id": call["id"], "content": "21 degrees"}]
        answer = world.client.chat.completions.create(model=kind, messages=messages, tools=TOOLS)
        assert answer.choices[0].message.content, (kind, answer)


def the_errors_of_every_kind_are_the_client_s_own() -> None:
    for kind in kinds.KINDS:
        error = raises(openai.RateLimitError, lambda: say("[mock status=429 retry-after=7]", model=kind))
        assert error.response.headers["retry-after"] == "7", (kind, error.response.headers)
        error = raises(openai.BadRequestError, lambda: say("[mock status=400]", model=kind))
        assert "as asked for" in error.message, (kind, error.message)
        for directive in ("status=500", "status=503", "reset", "close", "truncate", "garbage"):
            error = raises(openai.InternalServerError, lambda: say(f"one two three [mock {directive}]", model=kind))
            assert error.status_code in (500, 502, 503), (kind, directive, error)


def a_stream_of_any_kind_that_breaks_never_ends_cleanly() -> None:
    for kind in kinds.KINDS:
        for directive in ("reset=4", "close=4", "end=4", "error-event=4", "truncate=4", "garbage=4"):
            error = raises(openai.APIError, lambda: said(world.client.chat.completions.create(model=kind, messages=user(f"a b c d e [mock {directive}]"), stream=True)))
            assert error.message, (kind, directive)


def reasoning_is_one_thing_under_many_names() -> None:
    for kind in ("mistral", "groq", "deepseek", "xai", "openrouter"):
        chunks = list(world.client.chat.completions.create(model=kind, messages=user("hi [mock thinking]"), stream=True))
        deltas = [choice.delta.model_dump() for chunk in chunks for choice in chunk.choices]
        assert any(delta.get("reasoning_content") or delta.get("reasoning") for delta in deltas), (kind, deltas)
        assert all(isinstance(delta.get("content"), (str, type(None))) for delta in deltas), (kind, deltas)


def reasoning_that_is_counted_apart_is_output_in_the_record() -> None:
    answer = say("hi [mock thinking]", model="xai")
    usage = _usage(answer.id)
    assert usage["output_tokens"] == answer.usage.completion_tokens + 5 and usage["reasoning_tokens"] == 5, usage


# What a kind cannot do


def what_a_kind_refuses_is_refused_before_it_is_asked() -> None:
    world.mock.reset()
    for kind, options in (
        ("groq", {"logprobs": True}),
        ("groq", {"n": 2}),
        ("mistral", {"logit_bias": {"5": 1}}),
        ("deepseek", {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}}),
        ("perplexity", {"tools": TOOLS}),
    ):
        error = raises(openai.BadRequestError, lambda: say("hi", model=kind, **options))
        assert error.param in options and kind in error.message, (kind, error.body)
    error = raises(openai.BadRequestError, lambda: world.client.chat.completions.create(model="groq", messages=[{"role": "user", "name": "ann", "content": "hi"}]))
    assert "groq" in error.message
    assert world.mock.requests() == []


def mere_hints_are_left_out_and_members_are_renamed() -> None:
    world.mock.reset()
    messages = [{"role": "developer", "content": "be brief"}, *user("hi")]
    world.client.chat.completions.create(model="mistral", messages=messages, user="u", store=False, seed=7, max_completion_tokens=50, stream=True).close()
    (request,) = _upstream("mistral")
    body = json.loads(request["body"])
    assert body["max_tokens"] == 50 and body["random_seed"] == 7 and body["messages"][0]["role"] == "system", body
    assert not {"user", "store", "seed", "max_completion_tokens", "stream_options"} & set(body), body


# Azure


def azure_is_asked_by_deployment_version_and_key() -> None:
    world.mock.reset()
    say("hi", model="azure")
    (request,) = _upstream("azure")
    assert request["path"] == "/openai/deployments/azure-model/chat/completions" and request["query"] == "api-version=2024-10-21", request
    assert request["header"]["api-key"] == world.UPSTREAM_KEY and "authorization" not in request["header"]


def azure_embeds_by_deployment_too() -> None:
    for model in ("embed-azure", "embed-azure-entra"):
        world.mock.reset()
        vector = world.client.embeddings.create(model=model, input=["hi"], encoding_format="float").data[0].embedding
        assert vector and all(isinstance(number, float) for number in vector)
        (request,) = [request for request in world.mock.requests() if request["path"].endswith("/embeddings")]
        assert request["path"] == f"/openai/deployments/{model.removeprefix('embed-')}-embed/embeddings" and request["query"] == "api-version=2024-10-21", request
        assert ("api-key" in request["header"]) == (model == "embed-azure"), request["header"]


def an_entra_token_is_fetched_once_for_many() -> None:
    world.mock.reset()
    for _ in range(3):
        say("hi", model="azure-entra")
    asked = [request for request in world.mock.requests() if request["path"].endswith("/oauth2/v2.0/token")]
    shown = [request["header"]["authorization"] for request in _upstream("azure-entra")]
    assert len(asked) <= 1 and len(shown) == 3 and len(set(shown)) == 1 and shown[0].startswith("Bearer mock-token"), (asked, shown)


def a_wrong_client_secret_is_not_the_caller_s_fault() -> None:
    began = time.monotonic()
    for _ in range(3):
        error = raises(openai.InternalServerError, lambda: say("hi", model="azure-wrong"))
        assert "Entra" in error.message and "invalid_client" in error.message and world.UPSTREAM_KEY not in error.message, error.message
    assert time.monotonic() - began < 10


def azure_s_filter_is_a_content_filter_error() -> None:
    error = raises(openai.BadRequestError, lambda: say("hi [mock filter-prompt]", model="azure"))
    assert error.code == "content_filter" and "content management policy" in error.message, error.body


def azure_s_words_about_the_prompt_reach_the_client() -> None:
    chunks = list(world.client.chat.completions.create(model="azure", messages=user("hi"), stream=True))
    assert chunks[0].model_dump()["prompt_filter_results"][0]["prompt_index"] == 0
    assert said(iter(chunks)) == "You said: hi"
    answer = say("hi", model="azure").model_dump()
    assert answer["choices"][0]["content_filter_results"]["hate"]["filtered"] is False and answer["prompt_filter_results"]


# Gemini and Vertex


def images_reach_every_kind() -> None:
    pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    content = [{"type": "text", "text": "what is it?"}, {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{pixel}"}}]
    for kind in kinds.KINDS:
        world.mock.reset()
        answer = world.client.chat.completions.create(model=kind, messages=[{"role": "system", "content": "look"}, {"role": "user", "content": content}])
        assert answer.choices[0].message.content == "You said: what is it?", (kind, answer)
        (request,) = _upstream(kind)
        assert pixel in request["body"] and ("image/png" in request["body"] or '"png"' in request["body"]), request["body"]


def what_other_wires_cannot_say_is_refused_before_they_are_asked() -> None:
    for kind in kinds.OTHER_WIRES:
        world.mock.reset()
        for options in ({"logprobs": True}, {"extra_body": {"tomorrow": 1}}, {"logit_bias": {"5": 1}}, {"n": 9}):
            error = raises(openai.BadRequestError, lambda: say("hi", model=kind, **options))
            assert error.code in ("unsupported_parameter", None), (kind, error.body)
        assert _upstream(kind) == []


def cached_and_thought_tokens_are_in_the_record() -> None:
    answer = say("a b [mock thinking cached-tokens=1]", model="gemini")
    assert answer.usage.completion_tokens_details.reasoning_tokens == 5 and answer.usage.prompt_tokens_details.cached_tokens == 1, answer.usage
    usage = _usage(answer.id)
    assert usage["reasoning_tokens"] == 5 and usage["cached_input_tokens"] == 1 and usage["output_tokens"] == answer.usage.completion_tokens, usage
    assert answer.choices[0].message.model_dump()["reasoning_content"] == "Let me think about this."


def a_thought_s_signature_comes_back_with_its_call() -> None:
    ask = user("Paris [mock thinking tool-call=2]")
    for streamed in (False, True):
        if streamed:
            with world.client.chat.completions.stream(model="gemini-3", messages=ask, tools=TOOLS) as stream:
                message = stream.get_final_completion().choices[0].message
        else:
            message = world.client.chat.completions.create(model="gemini-3", messages=ask, tools=TOOLS).choices[0].message
        said_back = message.model_dump(exclude_none=True, exclude={"parsed"})
        for call in said_back["tool_calls"]:
            call["function"].pop("parsed_arguments", None)
        results = [{"role": "tool", "tool_call_id": call.id, "content": "21"} for call in message.tool_calls]
        answer = world.client.chat.completions.create(model="gemini-3", messages=[*ask, said_back, *results], tools=TOOLS)
        assert answer.choices[0].message.content or answer.choices[0].message.tool_calls
        for call in said_back["tool_calls"]:  # without it the service refuses: the mock does too
            call.pop("extra_content", None)
        error = raises(openai.BadRequestError, lambda: world.client.chat.completions.create(model="gemini-3", messages=[*ask, said_back, *results], tools=TOOLS))
        assert "thought_signature" in error.message


def a_prompt_that_gemini_blocks_is_a_content_filter_error() -> None:
    for stream in (False, True):
        error = raises(openai.BadRequestError, lambda: say("hi [mock filter-prompt]", model="gemini", stream=stream))
        assert error.code == "content_filter" and "PROHIBITED_CONTENT" in error.message, error.body


def a_filtered_answer_says_so() -> None:
    assert say("hi [mock finish=SAFETY]", model="gemini").choices[0].finish_reason == "content_filter"
    assert say("one two three", model="gemini", max_tokens=2).choices[0].finish_reason == "length"
    raises(openai.InternalServerError, lambda: say("hi [mock finish=MALFORMED_FUNCTION_CALL]", model="gemini"))


def a_wrong_key_of_ours_is_not_the_caller_s_fault() -> None:
    for model in ("gemini-wrong", "bedrock-wrong"):
        error = raises(openai.InternalServerError, lambda: say("hi", model=model))
        assert "credentials" in error.message, error.message


def vertex_is_asked_with_a_token_for_a_signed_assertion() -> None:
    world.mock.reset()
    say("hi", model="vertex")
    (request,) = [request for request in world.mock.requests() if "vertex-model" in request["path"]]
    assert request["path"] == "/v1/projects/mock-project/locations/europe-west4/publishers/google/models/vertex-model:generateContent"
    assert request["header"]["authorization"].startswith("Bearer mock-token")


# Bedrock and Cohere


def bedrock_is_asked_for_a_model_whose_name_needs_encoding() -> None:
    world.mock.reset()
    assert say("hi there", model="bedrock-claude").choices[0].message.content == "You said: hi there"
    assert said(world.client.chat.completions.create(model="bedrock-claude", messages=user("hi there"), stream=True)) == "You said: hi there"
    (plain, stream) = [request for request in world.mock.requests() if request["path"].startswith("/model/")]
    assert plain["path"] == "/model/eu.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse" and stream["path"].endswith("/converse-stream"), (plain["path"], stream["path"])
    assert "x-amz-security-token" in plain["header"]["authorization"] and plain["header"]["x-amz-security-token"] == "mock-session"


def bedrock_s_usage_counts_cached_tokens_as_input() -> None:
    for stream in (False, True):
        text = "a b c [mock cached-tokens=3]"
        if stream:
            chunks = list(world.client.chat.completions.create(model="bedrock", messages=user(text), stream=True, stream_options={"include_usage": True}))
            usage, identity = chunks[-1].usage, chunks[0].id
        else:
            answer = say(text, model="bedrock")
            usage, identity = answer.usage, answer.id
        assert usage.prompt_tokens == 5 and usage.prompt_tokens_details.cached_tokens == 3, usage
        recorded = _usage(identity)
        assert recorded["input_tokens"] == 5 and recorded["cached_input_tokens"] == 3, recorded


def reasoning_of_bedrock_and_cohere_is_shown() -> None:
    for kind in ("bedrock", "cohere"):
        message = say("hi [mock thinking]", model=kind).choices[0].message.model_dump()
        assert message["reasoning_content"] == "Let me think about this.", (kind, message)
        chunks = list(world.client.chat.completions.create(model=kind, messages=user("hi [mock thinking]"), stream=True))
        assert any(choice.delta.model_dump().get("reasoning_content") for chunk in chunks for choice in chunk.choices), kind


def a_frame_that_is_damaged_on_its_way_is_an_error() -> None:
    error = raises(openai.APIError, lambda: said(world.client.chat.completions.create(model="bedrock", messages=user("a b c d [mock garbage=3]"), stream=True)))
    assert "damaged" in error.message, error.message


def cohere_s_citations_are_annotations() -> None:
    message = say("hi [mock cite]", model="cohere").choices[0].message
    (annotation,) = message.annotations
    assert annotation.url_citation.url == "https://example.org/mock" and (annotation.url_citation.start_index, annotation.url_citation.end_index) == (0, 3)
    chunks = list(world.client.chat.completions.create(model="cohere", messages=user("hi [mock cite]"), stream=True))
    found = [annotation for chunk in chunks for choice in chunk.choices for annotation in choice.delta.model_dump().get("annotations") or []]
    assert [annotation["url_citation"]["title"] for annotation in found] == ["Mock"], chunks


# Dialects that carry what these providers sign


def claude_s_client_brings_signatures_back_where_they_came_from() -> None:
    tool = {"name": "weather", "description": "Tells it", "input_schema": {"type": "object", "properties": {"input": {"type": "string"}}}}
    asked = user("Paris [mock thinking tool-call=2]")
    options = {"max_tokens": 4000, "tools": [tool], "thinking": {"type": "enabled", "budget_tokens": 1024}}
    for model, signed in (("gemini-3", "thoughtSignature"), ("bedrock-claude", "reasoningText")):
        for streamed in (False, True):
            if streamed:
                with world.claude.messages.stream(model=model, messages=asked, **options) as stream:
                    message = stream.get_final_message()
            else:
                message = world.claude.messages.create(model=model, messages=asked, **options)
            calls = [block for block in message.content if block.type == "tool_use"]
            assert message.stop_reason == "tool_use" and len(calls) == 2 and any(block.type == "thinking" for block in message.content), message
            said_back = [block.model_dump(exclude_none=True, exclude={"caller"}) for block in message.content]
            results = [{"type": "tool_result", "tool_use_id": call.id, "content": "21"} for call in calls]
            turns = [*asked, {"role": "assistant", "content": said_back}, {"role": "user", "content": results}]
            answer = world.claude.messages.create(model=model, messages=turns, **options)  # the mock refuses other signatures than its own
            assert answer.content and signed in world.mock.requests()[-1]["body"], (model, answer)
