"""Instructor: structured output over OpenAI's client (tools, JSON schema, the Responses API) and over Anthropic's."""

from __future__ import annotations

import sys
from typing import Any

import anthropic
import instructor
import openai
import pydantic
from instructor.core import InstructorRetryException
from world import CHAT, KEY, MESSAGES, MODELS, RESPONSES, URL, Way, flow, run, says


class Asked(pydantic.BaseModel):
    """What was asked."""

    input: str


class Answer(pydantic.BaseModel):
    """An answer."""

    value: int


class Even(pydantic.BaseModel):
    """An even number."""

    value: int

    @pydantic.field_validator("value")
    @classmethod
    def _even(cls, value: int) -> int:
        if value % 2:
            raise ValueError("expected an even number")
        return value


OPENAI = openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0, timeout=30)
ASYNC = openai.AsyncOpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0, timeout=30)
CLAUDE = anthropic.Anthropic(base_url=URL, api_key=KEY, max_retries=0, timeout=30)


def _user(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


class _Chat:
    tools, schema = instructor.Mode.TOOLS, instructor.Mode.JSON_SCHEMA
    more: dict[str, Any] = {}

    def __init__(self, model: str) -> None:
        self.model = model

    def client(self, mode: instructor.Mode) -> instructor.Instructor:
        return instructor.from_openai(OPENAI, mode=mode)

    def ask(self, mode: instructor.Mode, text: str, kind: Any) -> Any:
        return self.client(mode).create(model=self.model, response_model=kind, messages=_user(text), **self.more)


class _Responses(_Chat):
    tools, schema = instructor.Mode.RESPONSES_TOOLS, instructor.Mode.RESPONSES_TOOLS


class _Messages(_Chat):
    tools, schema = instructor.Mode.ANTHROPIC_TOOLS, instructor.Mode.ANTHROPIC_JSON
    more = {"max_tokens": 100}

    def client(self, mode: instructor.Mode) -> instructor.Instructor:
        return instructor.from_anthropic(CLAUDE, mode=mode)


WAYS = [Way("instructor", CHAT, _Chat), Way("instructor", RESPONSES, _Responses), Way("instructor", MESSAGES, _Messages)]


@flow("basic", WAYS)
def it_passes_a_plain_answer_through(way: _Chat) -> None:
    answer = way.ask(way.tools, "one two", None)
    text = answer.choices[0].message.content if type(way) is _Chat else answer.output_text if type(way) is _Responses else answer.content[0].text
    assert text == "You said: one two", answer


@flow("stream", WAYS)
def the_structure_streams_in_parts(way: _Chat) -> None:
    parts = list(way.client(way.tools).create_partial(model=way.model, response_model=Asked, messages=_user("one two three four"), **way.more))
    assert len(parts) > 1 and parts[-1].input == "one two three four", parts


@flow("tool call", WAYS)
def a_tool_carries_the_structure(way: _Chat) -> None:
    answer, raw = way.client(way.tools).create_with_completion(model=way.model, response_model=Asked, messages=_user("this"), **way.more)
    assert answer.input == "this" and raw.usage, raw


@flow("structured output", WAYS)
def a_schema_carries_the_structure(way: _Chat) -> None:
    if type(way) is _Responses:
        assert way.ask(way.schema, "this", Asked).input == "this"
    else:
        assert way.ask(way.schema, says('{"value": 4}'), Answer).value == 4


async def it_works_without_blocking() -> None:
    client = instructor.from_openai(ASYNC, mode=instructor.Mode.TOOLS)
    for model in MODELS:
        assert (await client.chat.completions.create(model=model, response_model=Asked, messages=_user("this"))).input == "this"


def what_does_not_fit_is_asked_again() -> None:
    client = instructor.from_openai(OPENAI, mode=instructor.Mode.JSON_SCHEMA)
    for model in MODELS:
        try:
            client.chat.completions.create(model=model, response_model=Even, messages=_user(says('{"value": 3}')), max_retries=1)
        except InstructorRetryException as error:
            assert error.n_attempts == 2, error.n_attempts
            assert "even number" in str(error), error
        else:
            raise AssertionError("an odd number passed")


if __name__ == "__main__":
    sys.exit(run("instructor", globals()))
