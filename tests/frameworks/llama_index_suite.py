"""LlamaIndex: OpenAILike over chat completions."""

from __future__ import annotations

import sys

import pydantic
from llama_index.core.llms import ChatMessage
from llama_index.core.program import FunctionCallingProgram, LLMTextCompletionProgram
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai_like import OpenAILike
from world import KEY, MODELS, URL, run, says


class Asked(pydantic.BaseModel):
    """What was asked."""

    input: str


class Answer(pydantic.BaseModel):
    """An answer."""

    value: int


def _llm(model: str) -> OpenAILike:
    return OpenAILike(model=model, api_base=f"{URL}/v1", api_key=KEY, is_chat_model=True, is_function_calling_model=True, max_retries=0, timeout=30)


def _weather(input: str) -> str:  # noqa: A002
    """Tells the weather."""
    return f"sunny in {input}"


def it_answers() -> None:
    for model in MODELS:
        assert _llm(model).chat([ChatMessage(role="user", content="one two")]).message.content == "You said: one two"
        assert str(_llm(model).complete("one")) == "You said: one"


def it_streams() -> None:
    for model in MODELS:
        pieces = list(_llm(model).stream_chat([ChatMessage(role="user", content="one two three")]))
        assert len(pieces) > 1 and "".join(piece.delta or "" for piece in pieces) == pieces[-1].message.content == "You said: one two three", pieces


async def it_streams_without_blocking() -> None:
    for model in MODELS:
        stream = await _llm(model).astream_chat([ChatMessage(role="user", content="one two")])
        assert "".join([piece.delta or "" async for piece in stream]) == "You said: one two"


def it_calls_a_tool() -> None:
    tool = FunctionTool.from_defaults(fn=_weather, name="weather")
    for model in MODELS:
        llm = _llm(model)
        answer = llm.chat_with_tools([tool], user_msg="Berlin", tool_required=True)
        calls = llm.get_tool_calls_from_response(answer)
        assert [(call.tool_name, call.tool_kwargs) for call in calls] == [("weather", {"input": "Berlin"})], calls
        result = llm.predict_and_call([tool], user_msg="Rome [mock tool-call times pace=" + str(11 + MODELS.index(model)) + "]")
        assert "sunny in Rome" in str(result.sources), result


def it_gives_structured_output_by_a_tool() -> None:
    for model in MODELS:
        program = FunctionCallingProgram.from_defaults(output_cls=Asked, prompt_template_str="{text}", llm=_llm(model), tool_required=True)
        assert program(text="this") == Asked(input="this")


def it_gives_structured_output_as_text() -> None:
    for model in MODELS:
        program = LLMTextCompletionProgram.from_defaults(output_cls=Answer, prompt_template_str="{text}", llm=_llm(model))
        assert program(text=says('{"value": 4}')) == Answer(value=4)


if __name__ == "__main__":
    sys.exit(run("llama-index", globals()))
