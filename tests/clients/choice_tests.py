"""Several answers to one question (`n`) and the chances of their words (`logprobs`), through the official client: as the provider sent them, charged once, on record, kept and given again."""

from __future__ import annotations

import json
import uuid
from typing import Any

import openai
import world
from world import raises, user

WEATHER: Any = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {"input": {"type": "string"}}}}}
FORCED: Any = {"tools": [WEATHER], "tool_choice": "required"}
ASKS: tuple[dict[str, Any], ...] = ({}, {"logprobs": True}, {"logprobs": True, "top_logprobs": 3}, FORCED)


def _raw(model: str, text: str, **more: Any) -> Any:
    return world.client.chat.completions.with_raw_response.create(model=model, messages=user(text), **more)


def _record(response: Any) -> Any:
    return world.trace(response.headers["x-request-id"])["interaction"]


def _upstream(body: dict[str, Any]) -> bytes:
    """What the mock answers to the same request without corbel between."""
    status, _, answer = world.mock.call("POST", "/v1/chat/completions", body, {"authorization": f"Bearer {world.UPSTREAM_KEY}", "content-type": "application/json"})
    assert status == 200, answer
    return answer


def _bare(value: Any) -> Any:
    """Without what each answer has of its own: ids, and padding."""
    if isinstance(value, dict):
        return {key: _bare(each) for key, each in value.items() if key not in ("id", "created", "obfuscation")}
    return [_bare(each) for each in value] if isinstance(value, list) else value


def _events(answer: bytes) -> list[Any]:
    lines = [line.removeprefix("data: ") for line in answer.decode().split("\n") if line.startswith("data: ")]
    assert lines[-1] == "[DONE]", lines
    return [json.loads(line) for line in lines[:-1]]


def three_answers_come_as_the_provider_sent_them() -> None:
    for more in ASKS:
        body = {"model": "gpt-x", "messages": user("one two"), "n": 3, **more}
        answer = _raw("gpt-x", "one two", n=3, **more)
        assert _bare(json.loads(answer.content)) == _bare(json.loads(_upstream(body))), more
        parsed = answer.parse()
        assert [choice.index for choice in parsed.choices] == [0, 1, 2], parsed
        if more == FORCED:
            calls = [choice.message.tool_calls[0] for choice in parsed.choices]
            assert len({call.id for call in calls}) == 3 and {call.function.name for call in calls} == {"weather"}, calls
            continue
        assert [choice.message.content for choice in parsed.choices] == ["You said: one two", "You said: one two #1", "You said: one two #2"], parsed
        for choice in parsed.choices:
            if not more:
                assert choice.logprobs is None
                continue
            tokens = choice.logprobs.content
            assert "".join(token.token for token in tokens) == choice.message.content, tokens
            assert all(bytes(token.bytes).decode() == token.token and len(token.top_logprobs) == more.get("top_logprobs", 0) for token in tokens), tokens


def three_streamed_answers_come_as_the_provider_sent_them() -> None:
    for more in ASKS:
        for options in ({}, {"stream_options": {"include_usage": True}}):
            body = {"model": "gpt-x", "messages": user("one two"), "n": 3, "stream": True, **more, **options}
            status, _, answer = world.corbel.call("POST", "/v1/chat/completions", body)
            assert status == 200, answer
            got, sent = _events(answer), _events(_upstream(body))
            # what follows the first finish waits for the record, and comes in the same order
            assert _bare(got) == _bare(sent), (more, options)
            for chunk in got:
                assert ("usage" in chunk) == bool(options), "the member is there for those who asked for it"
                assert not chunk["choices"] or chunk.get("usage") is None, chunk
            roles = [choice["index"] for chunk in got for choice in chunk["choices"] if choice["delta"].get("role")]
            assert roles == [0, 1, 2], roles


def the_client_puts_three_streamed_answers_together() -> None:
    for more in ASKS:
        with world.client.chat.completions.stream(model="gpt-x", messages=user("one two"), n=3, stream_options={"include_usage": True}, **more) as stream:
            answer = stream.get_final_completion()
        whole = world.client.chat.completions.create(model="gpt-x", messages=user("one two"), n=3, **more)
        for got, wanted in zip(answer.choices, whole.choices, strict=True):
            assert (got.message.content or "", got.finish_reason) == (wanted.message.content or "", wanted.finish_reason), (got, wanted)
            assert [call.function.arguments for call in got.message.tool_calls or []] == [call.function.arguments for call in wanted.message.tool_calls or []]
            assert (got.logprobs.content if got.logprobs else None) == (wanted.logprobs.content if wanted.logprobs else None)
        assert answer.usage == whole.usage, (answer.usage, whole.usage)


def three_answers_are_charged_once_with_the_provider_s_usage_and_recorded() -> None:
    for stream in (False, True):
        response = _raw("priced", "one two", n=3, stream=stream, **({"stream_options": {"include_usage": True}} if stream else {}))
        usage = list(response.parse())[-1].usage if stream else response.parse().usage
        record = _record(response)
        assert (usage.prompt_tokens, usage.completion_tokens) == (2, 3 * 4 + 2), usage
        assert (record["usage"]["input_tokens"], record["usage"]["output_tokens"]) == (2, 14) and record["attempts"] == 1, record
        assert record["cost_nanodollars"] == 2 * 1_000_000 + 14 * 2_000_000, record
        said = [json.loads(message["body"])["content"] for message in record["messages"] if message["direction"] == "output"]
        assert said == ["You said: one two", "You said: one two #1", "You said: one two #2"], said


def the_calls_of_three_answers_are_recorded_though_they_come_by_turns() -> None:
    for stream in (False, True):
        response = _raw("gpt-x", "one two [mock tool-call=2 interleave]", n=3, stream=stream, tools=[WEATHER])
        list(response.parse())
        said = [json.loads(message["body"])["tool_calls"] for message in _record(response)["messages"] if message["direction"] == "output"]
        assert len(said) == 3 and all([json.loads(call["function"]["arguments"])["input"].startswith("one two") for call in calls] == [True, True] for calls in said), said
        assert len({call["id"] for calls in said for call in calls}) == 6, said


def three_answers_are_kept_and_given_again_whole_and_streamed() -> None:
    for more in ({}, FORCED):
        for first_streams in (False, True):
            question = f"one two {uuid.uuid4().hex}"
            seen = []
            for number, stream in enumerate((first_streams, False, True, True)):
                options = {"stream_options": {"include_usage": True}} if stream else {}
                raw = _raw("cached", question, n=3, stream=stream, **more, **options)
                assert raw.headers["x-corbel-cache"] == ("miss" if number == 0 else "hit"), (number, dict(raw.headers))
                if not stream:
                    answer = raw.parse()
                    seen.append(([(choice.message.content or "", choice.finish_reason, [call.function.arguments for call in choice.message.tool_calls or []]) for choice in answer.choices], answer.usage.total_tokens))
                    continue
                chunks = list(raw.parse())
                said = []
                for index in range(3):
                    deltas = [choice for chunk in chunks for choice in chunk.choices if choice.index == index]
                    assert [choice.delta.role for choice in deltas if choice.delta.role] == ["assistant"] and deltas[0].delta.role == "assistant", (number, index, deltas[:2])
                    calls = "".join(call.function.arguments or "" for choice in deltas for call in choice.delta.tool_calls or [])
                    said.append(("".join(choice.delta.content or "" for choice in deltas), next(choice.finish_reason for choice in deltas if choice.finish_reason), [calls] if calls else []))
                assert all(chunk.usage is None for chunk in chunks[:-1]) and "usage" in chunks[0].model_fields_set, "null in all but the last"
                seen.append((said, chunks[-1].usage.total_tokens))
                if number:
                    assert _record(raw)["cost_nanodollars"] == 0
            assert seen[0] == seen[1] == seen[2] == seen[3], seen


def answers_with_chances_are_not_kept() -> None:
    question = f"one {uuid.uuid4().hex}"
    for _ in range(2):
        assert _raw("cached", question, n=3, logprobs=True).headers["x-corbel-cache"].startswith("bypass"), "they are not kept"


def what_a_provider_s_wire_has_no_word_for_is_refused_before_it_is_asked() -> None:
    for more, param, models in (
        ({"n": 3}, "n", ("claude-x", "bedrock", "cohere", "groq", "deepseek", "perplexity", "tgi", "ollama")),
        ({"logprobs": True}, "logprobs", ("claude-x", "bedrock", "cohere", "gemini", "groq", "ollama")),
        ({"logprobs": True, "top_logprobs": 2}, "logprobs", ("claude-x", "cohere")),
    ):
        for model in models:
            for stream in (False, True):
                world.mock.reset()
                error = raises(openai.BadRequestError, lambda: world.client.chat.completions.create(model=model, messages=user("hi"), stream=stream, **more))
                assert error.code == "unsupported_parameter" and error.param in (param, "top_logprobs"), (model, error.body)
                assert world.mock.requests() == [], model
                assert world.trace(error.response.headers["x-request-id"])["interaction"]["cost_nanodollars"] == 0


def several_answers_of_gemini_s_are_written_in_this_dialect() -> None:
    """Its own word for them is candidateCount."""
    world.mock.reset()
    try:
        world.client.chat.completions.create(model="gemini", messages=user("hi"), n=2)
    except openai.APIStatusError:
        pass
    assert json.loads(world.mock.requests()[-1]["body"])["generationConfig"]["candidateCount"] == 2


def a_mistake_in_n_or_in_logprobs_is_told() -> None:
    for more, param in (({"n": 0}, "n"), ({"n": 17}, "n"), ({"n": "3"}, "n"), ({"n": -1}, "n")):
        world.mock.reset()
        error = raises(openai.BadRequestError, lambda: world.client.chat.completions.create(model="gpt-x", messages=user("hi"), **more))
        assert error.param == param and world.mock.requests() == [], (more, error.body)
    for more in ({"logprobs": True, "top_logprobs": 21}, {"top_logprobs": 2}):  # the provider's to say
        error = raises(openai.BadRequestError, lambda: world.client.chat.completions.create(model="gpt-x", messages=user("hi"), **more))
        assert "top_logprobs" in error.message, error.body
