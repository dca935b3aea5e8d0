"""Pydantic AI over chat completions, the Responses API and Messages."""

from __future__ import annotations

import sys
from typing import Any

import anthropic
import openai
import pydantic
import pydantic_ai
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel, OpenAIResponsesModelSettings
from pydantic_ai.profiles import ModelProfile
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider
from world import CHAT, KEY, MESSAGES, RESPONSES, URL, Way, calls_once, flow, run, says


class Answer(pydantic.BaseModel):
    value: int


class Asked(pydantic.BaseModel):
    input: str


def _openai() -> OpenAIProvider:
    return OpenAIProvider(openai_client=openai.AsyncOpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0, timeout=30))


def _chat(model: str) -> Any:
    return OpenAIChatModel(model, provider=_openai())


def _responses(model: str) -> Any:
    return OpenAIResponsesModel(model, provider=_openai())


def _claude(model: str) -> Any:
    return AnthropicModel(model, provider=AnthropicProvider(anthropic_client=anthropic.AsyncAnthropic(base_url=URL, api_key=KEY, max_retries=0, timeout=30)), profile=ModelProfile(supports_json_schema_output=True))


WAYS = [Way("pydantic-ai-slim", CHAT, _chat), Way("pydantic-ai-slim", RESPONSES, _responses), Way("pydantic-ai-slim", MESSAGES, _claude)]


@flow("basic", WAYS)
async def it_answers_and_goes_on(model: Any) -> None:
    agent = pydantic_ai.Agent(model, instructions="Be brief.")
    result = await agent.run("one two")
    assert result.output == "You said: one two" and result.usage.output_tokens == 4, result
    assert (await agent.run("more", message_history=result.all_messages())).output == "You said: more"


@flow("stream", WAYS)
async def it_streams(model: Any) -> None:
    async with pydantic_ai.Agent(model).run_stream("one two three") as stream:
        pieces = [piece async for piece in stream.stream_text(delta=True, debounce_by=None)]
    assert len(pieces) > 1 and "".join(pieces) == "You said: one two three", pieces


@flow("tool call", WAYS)
async def it_runs_a_tool(model: Any) -> None:
    agent, seen = pydantic_ai.Agent(model), []

    @agent.tool_plain
    def look_up(input: str) -> str:  # noqa: A002
        seen.append(input)
        return "42"

    result = await agent.run(calls_once("what?"))
    assert len(seen) == 1 and result.output.startswith("You said:"), (seen, result)


@flow("structured output", WAYS)
async def it_gives_structured_output_by_a_tool(model: Any) -> None:
    assert (await pydantic_ai.Agent(model, output_type=Asked).run("this")).output == Asked(input="this")


@flow("structured output", WAYS)
async def it_gives_structured_output_by_a_schema(model: Any) -> None:
    assert (await pydantic_ai.Agent(model, output_type=pydantic_ai.NativeOutput(Answer)).run(says('{"value": 4}'))).output == Answer(value=4)


async def it_goes_on_from_a_stored_response() -> None:
    agent = pydantic_ai.Agent(_responses("gpt-x"))
    first = await agent.run("first")
    second = await agent.run("second", message_history=first.all_messages(), model_settings=OpenAIResponsesModelSettings(openai_previous_response_id="auto"))
    assert second.output == "You said: second"


if __name__ == "__main__":
    sys.exit(run("pydantic-ai", globals()))
