"""openai-agents over the Responses API and chat completions."""

from __future__ import annotations

import os
import sys
from typing import Any

os.environ["OPENAI_AGENTS_DISABLE_TRACING"] = "1"  # it would send traces elsewhere

import agents
import openai
import pydantic
from world import CHAT, KEY, RESPONSES, URL, Way, flow, run, says


class Answer(pydantic.BaseModel):
    value: int


@agents.function_tool
def weather(input: str) -> str:  # noqa: A002 - the mock calls it with this name
    """Tells the weather."""
    return f"sunny in {input}"


def _client() -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0, timeout=30)


def _responses(model: str) -> Any:
    return agents.OpenAIResponsesModel(model=model, openai_client=_client())


def _chat(model: str) -> Any:
    return agents.OpenAIChatCompletionsModel(model=model, openai_client=_client())


def _agent(model: Any, **more: Any) -> agents.Agent:
    return agents.Agent(name="a", instructions="Be brief.", model=model, **more)


WAYS = [Way("openai-agents", CHAT, _chat), Way("openai-agents", RESPONSES, _responses)]


@flow("basic", WAYS)
async def an_agent_answers(model: Any) -> None:
    result = await agents.Runner.run(_agent(model), "one two")
    assert result.final_output == "You said: one two" and result.raw_responses[0].usage.output_tokens == 4, result.raw_responses


@flow("stream", WAYS)
async def an_agent_streams(model: Any) -> None:
    result = agents.Runner.run_streamed(_agent(model), "one two three")
    pieces = [event.data.delta async for event in result.stream_events() if event.type == "raw_response_event" and event.data.type == "response.output_text.delta"]
    assert len(pieces) > 1 and "".join(pieces) == result.final_output == "You said: one two three"


@flow("tool call", WAYS)
async def an_agent_calls_its_tool_and_goes_on(model: Any) -> None:
    settings = agents.ModelSettings(tool_choice="required")
    result = await agents.Runner.run(_agent(model, tools=[weather], model_settings=settings), "Berlin")
    kinds = [item.type for item in result.new_items]
    assert kinds[:2] == ["tool_call_item", "tool_call_output_item"] and kinds[-1] == "message_output_item", kinds
    assert "sunny in Berlin" in str(result.to_input_list()) and result.final_output.startswith("You said:")


@flow("structured output", WAYS)
async def an_agent_gives_structured_output(model: Any) -> None:
    result = await agents.Runner.run(_agent(model, output_type=Answer), says('{"value": 4}'))
    assert result.final_output == Answer(value=4)


async def an_agent_goes_on_from_a_stored_response_and_in_a_conversation() -> None:
    first = await agents.Runner.run(_agent(_responses("gpt-x")), "first")
    second = await agents.Runner.run(_agent(_responses("gpt-x")), "second", previous_response_id=first.last_response_id)
    assert second.final_output == "You said: second" and second.last_response_id != first.last_response_id
    client = _client()
    talk = await client.conversations.create()
    for text in ("one", "two"):
        assert (await agents.Runner.run(_agent(_responses("claude-x")), text, conversation_id=talk.id)).final_output == f"You said: {text}"
    items: Any = client.conversations.items.list(talk.id, order="asc")
    texts = [item.content[0].text async for item in items]
    assert texts == ["one", "You said: one", "two", "You said: two"], texts


if __name__ == "__main__":
    sys.exit(run("agents", globals()))
