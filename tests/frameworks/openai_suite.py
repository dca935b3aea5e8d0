"""OpenAI's own client for Python, strict about types: chat completions and the Responses API."""

from __future__ import annotations

import json
import sys
from typing import Any

import openai
import pydantic
from world import CHAT, KEY, RESPONSES, URL, Way, flow, run, says

CLIENT = openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0, timeout=30, _strict_response_validation=True)


class Answer(pydantic.BaseModel):
    value: int


class _Chat:
    schema = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"], "additionalProperties": False}

    def __init__(self, model: str) -> None:
        self.model = model
        self.tools: list[Any] = [{"type": "function", "function": {"name": "weather", "description": "Tells the weather.", "strict": True, "parameters": self.schema}}]

    def answer(self, text: str) -> tuple[str, int]:
        answer = CLIENT.chat.completions.create(model=self.model, messages=[{"role": "user", "content": text}])
        assert answer.usage and answer.choices[0].finish_reason == "stop"
        return answer.choices[0].message.content or "", answer.usage.completion_tokens

    def pieces(self, text: str) -> list[str]:
        stream = CLIENT.chat.completions.create(model=self.model, messages=[{"role": "user", "content": text}], stream=True, stream_options={"include_usage": True})
        chunks = list(stream)
        assert chunks[-1].usage and not chunks[-1].choices and chunks[-2].choices[0].finish_reason == "stop", chunks[-2:]
        return [piece for chunk in chunks for choice in chunk.choices if (piece := choice.delta.content)]

    def tool(self, text: str, result: str) -> tuple[str, Any, str]:
        messages: list[Any] = [{"role": "user", "content": text}]
        answer = CLIENT.chat.completions.create(model=self.model, messages=messages, tools=self.tools, tool_choice="required")
        assert answer.choices[0].finish_reason == "tool_calls"
        call: Any = answer.choices[0].message.tool_calls[0]  # type: ignore[index]
        messages += [answer.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": result}, {"role": "user", "content": "and?"}]
        final = CLIENT.chat.completions.create(model=self.model, messages=messages, tools=self.tools)
        return call.function.name, json.loads(call.function.arguments), final.choices[0].message.content or ""

    def parsed(self, text: str) -> Any:
        return CLIENT.chat.completions.parse(model=self.model, messages=[{"role": "user", "content": text}], response_format=Answer).choices[0].message.parsed


class _Responses(_Chat):
    def __init__(self, model: str) -> None:
        self.model = model
        self.tools = [{"type": "function", "name": "weather", "description": "Tells the weather.", "strict": True, "parameters": self.schema}]

    def answer(self, text: str) -> tuple[str, int]:
        answer = CLIENT.responses.create(model=self.model, input=text)
        assert answer.usage and answer.status == "completed"
        return answer.output_text, answer.usage.output_tokens

    def pieces(self, text: str) -> list[str]:
        events = list(CLIENT.responses.create(model=self.model, input=text, stream=True))
        assert events[0].type == "response.created" and events[-1].type == "response.completed", events
        return [event.delta for event in events if event.type == "response.output_text.delta"]

    def tool(self, text: str, result: str) -> tuple[str, Any, str]:
        answer = CLIENT.responses.create(model=self.model, input=text, tools=self.tools, tool_choice="required")
        call = next(item for item in answer.output if item.type == "function_call")
        items: list[Any] = [{"type": "function_call_output", "call_id": call.call_id, "output": result}, {"role": "user", "content": "and?"}]
        final = CLIENT.responses.create(model=self.model, input=items, previous_response_id=answer.id, tools=self.tools)
        return call.name, json.loads(call.arguments), final.output_text

    def parsed(self, text: str) -> Any:
        return CLIENT.responses.parse(model=self.model, input=text, text_format=Answer).output_parsed


WAYS = [Way("openai", CHAT, _Chat), Way("openai", RESPONSES, _Responses)]


@flow("basic", WAYS)
def it_answers_with_text_and_usage(model: _Chat) -> None:
    assert model.answer("one two") == ("You said: one two", 4)


@flow("stream", WAYS)
def it_streams(model: _Chat) -> None:
    pieces = model.pieces("one two three")
    assert len(pieces) > 1 and "".join(pieces) == "You said: one two three", pieces


@flow("tool call", WAYS)
def it_calls_a_tool_and_goes_on_from_its_result(model: _Chat) -> None:
    assert model.tool("Berlin", "sunny") == ("weather", {"input": "Berlin"}, "You said: and?")


@flow("structured output", WAYS)
def it_parses_an_answer_by_a_schema(model: _Chat) -> None:
    assert model.parsed(says('{"value": 4}')) == Answer(value=4)


if __name__ == "__main__":
    sys.exit(run("openai", globals()))
