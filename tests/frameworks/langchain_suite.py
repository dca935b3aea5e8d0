"""LangChain: ChatOpenAI over chat completions and the Responses API, ChatAnthropic over Messages, embeddings."""

from __future__ import annotations

import sys

import pydantic
from langchain_anthropic import ChatAnthropic
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from world import KEY, MODELS, URL, run, says


class Answer(pydantic.BaseModel):
    """An answer."""

    value: int


class Asked(pydantic.BaseModel):
    """What was asked."""

    input: str


@tool
def weather(input: str) -> str:  # noqa: A002 - the mock calls it with this name
    """Tells the weather."""
    return f"sunny in {input}"


def _openai(model: str, **more: object) -> ChatOpenAI:
    return ChatOpenAI(model=model, base_url=f"{URL}/v1", api_key=KEY, max_retries=0, timeout=30, stream_usage=True, **more)


def _all() -> list[object]:
    """Each dialect, to each upstream."""
    claudes = [ChatAnthropic(model=model, base_url=URL, api_key=KEY, max_retries=0, timeout=30) for model in MODELS]
    return [*(_openai(model) for model in MODELS), *(_openai(model, use_responses_api=True) for model in MODELS), *claudes]


def it_answers_with_text_and_usage() -> None:
    for chat in _all():
        answer = chat.invoke("one two")
        assert answer.text == "You said: one two", answer
        assert answer.usage_metadata["output_tokens"] == 4 and answer.usage_metadata["input_tokens"] > 0, answer.usage_metadata


def it_streams() -> None:
    for chat in _all():
        pieces = [chunk for chunk in chat.stream("one two three")]
        assert "".join(piece.text for piece in pieces) == "You said: one two three" and len([piece for piece in pieces if piece.text]) > 1, pieces
        whole = pieces[0]
        for piece in pieces[1:]:
            whole += piece
        assert whole.usage_metadata["output_tokens"] == 5, whole.usage_metadata


async def it_streams_without_blocking() -> None:
    for chat in _all():
        assert "".join([chunk.text async for chunk in chat.astream("one two")]) == "You said: one two"


def it_calls_a_tool_and_goes_on_from_its_result() -> None:
    for chat in _all():
        with_tool = chat.bind_tools([weather], tool_choice="any")
        asked = HumanMessage("Berlin")
        called = with_tool.invoke([asked])
        assert [call["name"] for call in called.tool_calls] == ["weather"] and called.tool_calls[0]["args"] == {"input": "Berlin"}, called
        result: ToolMessage = weather.invoke(called.tool_calls[0])
        answer = chat.bind_tools([weather]).invoke([asked, called, result, HumanMessage("and?")])
        assert answer.text == "You said: and?", answer


def tool_calls_stream_in_pieces() -> None:
    for chat in _all():
        whole = None
        for piece in chat.bind_tools([weather], tool_choice="any").stream("Berlin"):
            whole = piece if whole is None else whole + piece
        assert [(call["name"], call["args"]) for call in whole.tool_calls] == [("weather", {"input": "Berlin"})], whole


def it_gives_structured_output_by_a_tool() -> None:
    for chat in _all():
        method = {} if isinstance(chat, ChatAnthropic) else {"method": "function_calling"}
        assert chat.with_structured_output(Asked, **method).invoke("this") == Asked(input="this")


def it_gives_structured_output_by_a_schema() -> None:
    for chat in _all():
        if not isinstance(chat, ChatAnthropic):
            assert chat.with_structured_output(Answer, method="json_schema").invoke(says('{"value": 4}')) == Answer(value=4)


def it_embeds() -> None:
    embeddings = OpenAIEmbeddings(model="embed-x", base_url=f"{URL}/v1", api_key=KEY, check_embedding_ctx_length=False, dimensions=64)
    first, second = embeddings.embed_documents(["one two", "three"])
    assert len(first) == len(second) == 64 and first == embeddings.embed_query("one two")


if __name__ == "__main__":
    sys.exit(run("langchain", globals()))
