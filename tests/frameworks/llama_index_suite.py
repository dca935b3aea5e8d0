"""LlamaIndex: OpenAILike over chat completions."""

from __future__ import annotations

import sys
from typing import Any

import pydantic
from llama_index.core.llms import ChatMessage
from llama_index.core.program import FunctionCallingProgram, LLMTextCompletionProgram
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai_like import OpenAILike, OpenAILikeResponses
from world import CHAT, KEY, RESPONSES, URL, Way, calls_once, flow, run, says


class Asked(pydantic.BaseModel):
    """What was asked."""

    input: str


class Answer(pydantic.BaseModel):
    """An answer."""

    value: int


def _llm(model: str) -> OpenAILike:
    return OpenAILike(model=model, api_base=f"{URL}/v1", api_key=KEY, is_chat_model=True, is_function_calling_model=True, should_use_structured_outputs=True, max_retries=0, timeout=30)


def _responses(model: str) -> OpenAILikeResponses:
    return OpenAILikeResponses(model=model, api_base=f"{URL}/v1", api_key=KEY, is_function_calling_model=True, should_use_structured_outputs=True, max_retries=0, timeout=30)


def _weather(input: str) -> str:  # noqa: A002
    """Tells the weather."""
    return f"sunny in {input}"


WAYS = [Way("llama-index-llms-openai-like", CHAT, _llm), Way("llama-index-llms-openai-like", RESPONSES, _responses)]


@flow("basic", WAYS)
def it_answers(llm: Any) -> None:
    assert llm.chat([ChatMessage(role="user", content="one two")]).message.content == "You said: one two"
    assert str(llm.complete("one")) == "You said: one"


@flow("stream", WAYS)
def it_streams(llm: Any) -> None:
    pieces = list(llm.stream_chat([ChatMessage(role="user", content="one two three")]))
    assert len(pieces) > 1 and "".join(piece.delta or "" for piece in pieces) == pieces[-1].message.content == "You said: one two three", pieces


@flow("stream", WAYS)
async def it_streams_without_blocking(llm: Any) -> None:
    stream = await llm.astream_chat([ChatMessage(role="user", content="one two")])
    assert "".join([piece.delta or "" async for piece in stream]) == "You said: one two"


@flow("tool call", WAYS)
def it_calls_a_tool(llm: Any) -> None:
    tool = FunctionTool.from_defaults(fn=_weather, name="weather")
    answer = llm.chat_with_tools([tool], user_msg="Berlin", tool_required=True)
    calls = llm.get_tool_calls_from_response(answer)
    assert [(call.tool_name, call.tool_kwargs) for call in calls] == [("weather", {"input": "Berlin"})], calls
    result = llm.predict_and_call([tool], user_msg=calls_once("Rome"))
    assert "sunny in Rome" in str(result.sources), result


@flow("structured output", WAYS)
def it_gives_structured_output_by_a_tool(llm: Any) -> None:
    program = FunctionCallingProgram.from_defaults(output_cls=Asked, prompt_template_str="{text}", llm=llm, tool_required=True)
    assert program(text="this") == Asked(input="this")


@flow("structured output", WAYS)
def it_gives_structured_output_as_text(llm: Any) -> None:
    program = LLMTextCompletionProgram.from_defaults(output_cls=Answer, prompt_template_str="{text}", llm=llm)
    assert program(text=says('{"value": 4}')) == Answer(value=4)


@flow("structured output", WAYS)
def it_gives_structured_output_by_a_schema(llm: Any) -> None:
    assert llm.as_structured_llm(Answer).complete(says('{"value": 4}')).raw == Answer(value=4)


if __name__ == "__main__":
    sys.exit(run("llama-index", globals()))
