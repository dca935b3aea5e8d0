"""Instructor: structured output over OpenAI's client (tools, JSON schema) and over Anthropic's."""

from __future__ import annotations

import sys

import anthropic
import instructor
import openai
import pydantic
from instructor.core import InstructorRetryException
from world import KEY, MODELS, URL, run, says


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


def _user(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def a_tool_carries_the_structure() -> None:
    client = instructor.from_openai(OPENAI, mode=instructor.Mode.TOOLS)
    for model in MODELS:
        answer, raw = client.chat.completions.create_with_completion(model=model, response_model=Asked, messages=_user("this"))
        assert answer.input == "this" and raw.usage.total_tokens > 0, raw


def a_schema_carries_the_structure() -> None:
    client = instructor.from_openai(OPENAI, mode=instructor.Mode.JSON_SCHEMA)
    for model in MODELS:
        assert client.chat.completions.create(model=model, response_model=Answer, messages=_user(says('{"value": 4}'))).value == 4


def the_structure_streams_in_parts() -> None:
    client = instructor.from_openai(OPENAI, mode=instructor.Mode.TOOLS)
    for model in MODELS:
        parts = list(client.chat.completions.create_partial(model=model, response_model=Asked, messages=_user("one two three four")))
        assert parts[-1].input == "one two three four", parts


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


def anthropics_tools_carry_the_structure() -> None:
    client = instructor.from_anthropic(CLAUDE, mode=instructor.Mode.TOOLS)
    for model in MODELS:
        assert client.messages.create(model=model, max_tokens=100, response_model=Asked, messages=_user("this")).input == "this"


if __name__ == "__main__":
    sys.exit(run("instructor", globals()))
