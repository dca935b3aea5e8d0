"""Anthropic's own client for Python, strict about types: Messages."""

from __future__ import annotations

import sys
from typing import Any

import anthropic
import pydantic
from world import KEY, MESSAGES, URL, Way, flow, run, says

CLIENT = anthropic.Anthropic(base_url=URL, api_key=KEY, max_retries=0, timeout=30, _strict_response_validation=True)
WEATHER: Any = {"name": "weather", "description": "Tells the weather.", "input_schema": {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}}
WAYS = [Way("anthropic", MESSAGES, str)]


class Answer(pydantic.BaseModel):
    value: int


def _user(text: str) -> Any:
    return {"role": "user", "content": text}


@flow("basic", WAYS)
def it_answers_with_text_and_usage(model: str) -> None:
    answer = CLIENT.messages.create(model=model, max_tokens=100, messages=[_user("one two")])
    assert (answer.content[0].text, answer.usage.output_tokens, answer.stop_reason) == ("You said: one two", 4, "end_turn"), answer  # type: ignore[union-attr]


@flow("stream", WAYS)
def it_streams(model: str) -> None:
    with CLIENT.messages.stream(model=model, max_tokens=100, messages=[_user("one two three")]) as stream:
        pieces = list(stream.text_stream)
        final = stream.get_final_message()
    assert len(pieces) > 1 and "".join(pieces) == "You said: one two three" and final.usage.output_tokens == 5, (pieces, final)


@flow("tool call", WAYS)
def it_calls_a_tool_and_goes_on_from_its_result(model: str) -> None:
    answer = CLIENT.messages.create(model=model, max_tokens=100, messages=[_user("Berlin")], tools=[WEATHER], tool_choice={"type": "any"})
    call: Any = answer.content[-1]
    assert (answer.stop_reason, call.type, call.name, call.input) == ("tool_use", "tool_use", "weather", {"input": "Berlin"}), answer
    result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "sunny"}, {"type": "text", "text": "and?"}]}
    messages: Any = [_user("Berlin"), {"role": "assistant", "content": answer.content}, result]
    final = CLIENT.messages.create(model=model, max_tokens=100, messages=messages, tools=[WEATHER])
    assert final.content[0].text == "You said: and?", final  # type: ignore[union-attr]


@flow("structured output", WAYS)
def it_parses_an_answer_by_a_schema(model: str) -> None:
    answer = CLIENT.messages.parse(model=model, max_tokens=100, messages=[_user(says('{"value": 4}'))], output_format=Answer)
    assert answer.parsed_output == Answer(value=4), answer


if __name__ == "__main__":
    sys.exit(run("anthropic", globals()))
