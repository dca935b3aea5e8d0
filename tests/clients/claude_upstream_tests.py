"""OpenAI's client and a model at Anthropic: what the client gets, and what Anthropic was asked."""

from __future__ import annotations

import json
from typing import Any

import openai
import pydantic
import world
from world import raises, said, say, user

WEATHER = {"type": "function", "function": {"name": "weather", "strict": True, "parameters": {"type": "object", "properties": {"input": {"type": "string"}}}}}


def sent_by(text: str, **more: Any) -> Any:
    """What Anthropic was asked for a question."""
    world.mock.reset()
    say(text, model="claude-x", **more)
    return json.loads(world.mock.requests()[-1]["body"])


def parallel_tools_are_streamed_to_openais_client() -> None:
    with world.client.chat.completions.stream(model="claude-x", messages=user("Grüße [mock tool-call=3 thinking redacted]"), tools=[WEATHER]) as stream:
        choice = stream.get_final_completion().choices[0]
    calls = choice.message.tool_calls
    assert choice.finish_reason == "tool_calls" and len({call.id for call in calls}) == 3, choice
    assert all(call.function.name == "weather" and json.loads(call.function.arguments)["input"].startswith("Grüße") for call in calls)


def a_loop_over_tools_goes_round() -> None:
    text = "Paris [mock tool-call=1]"
    first = say(text, model="claude-x", tools=[WEATHER]).choices[0].message
    messages = [*user(text), first, {"role": "tool", "tool_call_id": first.tool_calls[0].id, "content": "sunny"}, *user("and?")]
    sent: Any = None
    world.mock.reset()
    assert world.client.chat.completions.create(model="claude-x", messages=messages, tools=[WEATHER]).choices[0].message.content == "You said: and?"
    sent = json.loads(world.mock.requests()[-1]["body"])["messages"]
    assert [message["role"] for message in sent] == ["user", "assistant", "user"] and sent[1]["content"][0]["input"] == {"input": text}
    assert sent[2]["content"] == [{"type": "tool_result", "tool_use_id": first.tool_calls[0].id, "content": "sunny"}, {"type": "text", "text": "and?"}]


def thinking_is_reasoning_content() -> None:
    message = say("hi [mock thinking]", model="claude-x").choices[0].message
    assert message.reasoning_content == "Let me think about this." and message.content.startswith("You said")
    chunks = list(world.client.chat.completions.create(model="claude-x", messages=user("hi [mock thinking]"), stream=True))
    assert "".join(getattr(chunk.choices[0].delta, "reasoning_content", "") or "" for chunk in chunks if chunk.choices) == message.reasoning_content
    assert said(chunks) == message.content


class _Person(pydantic.BaseModel):
    name: str
    age: int


def a_structured_answer_is_parsed() -> None:
    world.mock.reset()
    answer = world.client.chat.completions.parse(model="claude-x", messages=user("""[mock say='{"name":"Ada","age":36}']"""), response_format=_Person)
    assert answer.choices[0].message.parsed == _Person(name="Ada", age=36)
    wanted = json.loads(world.mock.requests()[-1]["body"])["output_config"]["format"]
    assert wanted["type"] == "json_schema" and wanted["schema"]["properties"]["age"]["type"] == "integer"


def settings_are_translated() -> None:
    sent = sent_by("hi", reasoning_effort="high", stop=["###"], max_completion_tokens=77, user="u1", temperature=0.5, parallel_tool_calls=False, tools=[WEATHER], tool_choice="required")
    assert sent["output_config"] == {"effort": "high"} and sent["stop_sequences"] == ["###"] and sent["max_tokens"] == 77
    assert sent["metadata"] == {"user_id": "u1"} and sent["temperature"] == 0.5 and sent["tool_choice"] == {"type": "any", "disable_parallel_tool_use": True}
    assert sent["tools"][0]["strict"] is True and sent["tools"][0]["input_schema"] == WEATHER["function"]["parameters"]
    assert sent_by("hi", extra_body={"thinking": {"type": "enabled", "budget_tokens": 2048}})["thinking"] == {"type": "enabled", "budget_tokens": 2048}


def images_files_and_cache_marks_are_translated() -> None:
    mark = {"type": "ephemeral", "ttl": "1h"}
    content = [
        {"type": "text", "text": "look", "cache_control": mark},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBE", "filename": "a.pdf"}},
    ]
    world.mock.reset()
    world.client.chat.completions.create(model="claude-x", messages=[{"role": "user", "content": content}])
    blocks = json.loads(world.mock.requests()[-1]["body"])["messages"][0]["content"]
    assert blocks[0] == {"type": "text", "text": "look", "cache_control": mark}
    assert blocks[1]["source"] == {"type": "base64", "media_type": "image/png", "data": "AAAA"} and blocks[2]["source"] == {"type": "url", "url": "https://example.com/a.png"}
    assert blocks[3] == {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"}, "title": "a.pdf"}


def what_anthropic_cannot_do_is_refused_before_anything_is_sent() -> None:
    cases: list[tuple[str, dict[str, Any]]] = [
        ("n", {"n": 2}),
        ("logprobs", {"logprobs": True}),
        ("response_format", {"response_format": {"type": "json_object"}}),
        ("seed", {"seed": 7}),
        ("frequency_penalty", {"frequency_penalty": 0.5}),
        ("temperature", {"temperature": 1.5}),
        ("logit_bias", {"logit_bias": {"5": 1}}),
        ("tomorrows_parameter", {"extra_body": {"tomorrows_parameter": 1}}),
    ]
    for param, more in cases:
        world.mock.reset()
        error = raises(openai.BadRequestError, lambda: say("hi", model="claude-x", **more))
        assert error.param == param and error.code == "unsupported_parameter" and world.mock.requests() == [], (param, error.body)


def reasons_and_details_of_usage_are_translated() -> None:
    for reason, wanted in (("refusal", "content_filter"), ("max_tokens", "length"), ("stop_sequence", "stop"), ("pause_turn", "stop"), ("model_context_window_exceeded", "length")):
        assert say(f"hi [mock finish={reason}]", model="claude-x").choices[0].finish_reason == wanted
