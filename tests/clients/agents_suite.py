"""Agent libraries over the Responses API and chat completions: openai-agents and pydantic-ai, in an environment of their own. Prints how many facts hold, last."""

from __future__ import annotations

import asyncio
import os
import sys
import traceback

os.environ["OPENAI_AGENTS_DISABLE_TRACING"] = "1"  # it would send traces elsewhere

import agents
import openai
import pydantic
import pydantic_ai
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel, OpenAIResponsesModelSettings
from pydantic_ai.providers.openai import OpenAIProvider

CLIENT = openai.AsyncOpenAI(base_url=f"{os.environ['CORBEL_URL']}/v1", api_key=os.environ["CORBEL_KEY"], max_retries=0, timeout=30)
MODELS = ("gpt-x", "claude-x")


class Answer(pydantic.BaseModel):
    value: int


@agents.function_tool
def weather(input: str) -> str:  # noqa: A002 - the mock calls it with this name
    """Tells the weather."""
    return f"sunny in {input}"


def _agent(model: str, chat: bool = False, **more: object) -> agents.Agent:
    kind = agents.OpenAIChatCompletionsModel if chat else agents.OpenAIResponsesModel
    return agents.Agent(name="a", instructions="Be brief.", model=kind(model=model, openai_client=CLIENT), **more)


async def an_agent_calls_its_tool_and_goes_on() -> None:
    for model in MODELS:
        for chat in (False, True):
            settings = agents.ModelSettings(tool_choice="required")
            result = await agents.Runner.run(_agent(model, chat, tools=[weather], model_settings=settings), "Berlin")
            kinds = [item.type for item in result.new_items]
            assert kinds[:2] == ["tool_call_item", "tool_call_output_item"] and kinds[-1] == "message_output_item", kinds
            assert "sunny in Berlin" in str(result.to_input_list()) and result.final_output.startswith("You said:")


async def an_agent_streams() -> None:
    for model in MODELS:
        result = agents.Runner.run_streamed(_agent(model), "one two three")
        pieces = [event.data.delta async for event in result.stream_events() if event.type == "raw_response_event" and event.data.type == "response.output_text.delta"]
        assert len(pieces) > 1 and "".join(pieces) == result.final_output == "You said: one two three"


async def an_agent_goes_on_from_a_stored_response_and_in_a_conversation() -> None:
    first = await agents.Runner.run(_agent("gpt-x"), "first")
    second = await agents.Runner.run(_agent("gpt-x"), "second", previous_response_id=first.last_response_id)
    assert second.final_output == "You said: second" and second.last_response_id != first.last_response_id
    talk = await CLIENT.conversations.create()
    for text in ("one", "two"):
        assert (await agents.Runner.run(_agent("claude-x"), text, conversation_id=talk.id)).final_output == f"You said: {text}"
    texts = [item.content[0].text async for item in CLIENT.conversations.items.list(talk.id, order="asc")]
    assert texts == ["one", "You said: one", "two", "You said: two"], texts


async def an_agent_gives_structured_output() -> None:
    result = await agents.Runner.run(_agent("gpt-x", output_type=Answer), """[mock say='{"value": 4}']""")
    assert result.final_output == Answer(value=4)


def _pydantic(model: str, chat: bool, **more: object) -> pydantic_ai.Agent:
    provider = OpenAIProvider(openai_client=CLIENT)
    return pydantic_ai.Agent(OpenAIChatModel(model, provider=provider) if chat else OpenAIResponsesModel(model, provider=provider), **more)


async def pydantic_ai_answers_streams_and_calls_tools() -> None:
    for model in MODELS:
        for chat in (False, True):
            agent = _pydantic(model, chat, instructions="Be brief.")
            result = await agent.run("one two")
            assert result.output == "You said: one two" and result.usage.output_tokens == 4, result
            async with agent.run_stream("one two three") as stream:
                assert await stream.get_output() == "You said: one two three"
            again = await agent.run("more", message_history=result.all_messages())
            assert again.output == "You said: more"


async def pydantic_ai_runs_a_tool() -> None:
    for i, model in enumerate(MODELS):
        for chat in (False, True):
            agent = _pydantic(model, chat)
            seen: list[str] = []

            @agent.tool_plain
            def look_up(input: str) -> str:  # noqa: A002
                seen.append(input)
                return "42"

            result = await agent.run(f"what? [mock tool-call times pace={2 * i + chat + 1}]")  # once for each: they are told apart by the pace
            assert len(seen) == 1 and result.output.startswith("You said:"), (seen, result)


async def pydantic_ai_goes_on_from_a_stored_response() -> None:
    agent = _pydantic("gpt-x", False)
    first = await agent.run("first")
    second = await agent.run("second", message_history=first.all_messages(), model_settings=OpenAIResponsesModelSettings(openai_previous_response_id="auto"))
    assert second.output == "You said: second"


async def _run(only: str) -> int:
    passed = failed = 0
    for name, fact in list(globals().items()):
        if not asyncio.iscoroutinefunction(fact) or fact.__module__ != "__main__" or name.startswith("_") or only not in name:
            continue
        try:
            await asyncio.wait_for(fact(), 60)
        except Exception:  # noqa: BLE001 - whatever it is, the fact does not hold
            failed += 1
            print(f"FAILED  agents: {name.replace('_', ' ')}\n{traceback.format_exc()}", flush=True)
        else:
            passed += 1
            print(f"ok      agents: {name.replace('_', ' ')}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(_run(sys.argv[1] if len(sys.argv) > 1 else "")))
