"""LangChain: ChatOpenAI over chat completions and the Responses API, ChatAnthropic over Messages, embeddings."""

from __future__ import annotations

import sys
from typing import Any

import pydantic
from langchain_anthropic import ChatAnthropic
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from world import CHAT, KEY, MESSAGES, RESPONSES, URL, Way, flow, run, says


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


def _openai(model: str, **more: Any) -> ChatOpenAI:
    return ChatOpenAI(model=model, base_url=f"{URL}/v1", api_key=KEY, max_retries=0, timeout=30, stream_usage=True, **more)


def _responses(model: str) -> ChatOpenAI:
    return _openai(model, use_responses_api=True)


def _claude(model: str) -> ChatAnthropic:
    return ChatAnthropic(model=model, base_url=URL, api_key=KEY, max_retries=0, timeout=30)


WAYS = [Way("langchain-openai", CHAT, _openai), Way("langchain-openai", RESPONSES, _responses), Way("langchain-anthropic", MESSAGES, _claude)]


@flow("basic", WAYS)
def it_answers_with_text_and_usage(chat: Any) -> None:
    answer = chat.invoke("one two")
    assert answer.text == "You said: one two", answer
    assert answer.usage_metadata["output_tokens"] == 4 and answer.usage_metadata["input_tokens"] > 0, answer.usage_metadata


@flow("stream", WAYS)
def it_streams(chat: Any) -> None:
    pieces = list(chat.stream("one two three"))
    assert "".join(piece.text for piece in pieces) == "You said: one two three" and len([piece for piece in pieces if piece.text]) > 1, pieces
    whole = pieces[0]
    for piece in pieces[1:]:
        whole += piece
    assert whole.usage_metadata["output_tokens"] == 5, whole.usage_metadata


@flow("stream", WAYS)
async def it_streams_without_blocking(chat: Any) -> None:
    assert "".join([chunk.text async for chunk in chat.astream("one two")]) == "You said: one two"


@flow("tool call", WAYS)
def it_calls_a_tool_and_goes_on_from_its_result(chat: Any) -> None:
    asked = HumanMessage("Berlin")
    called = chat.bind_tools([weather], tool_choice="any").invoke([asked])
    assert [call["name"] for call in called.tool_calls] == ["weather"] and called.tool_calls[0]["args"] == {"input": "Berlin"}, called
    result: ToolMessage = weather.invoke(called.tool_calls[0])
    answer = chat.bind_tools([weather]).invoke([asked, called, result, HumanMessage("and?")])
    assert answer.text == "You said: and?", answer


@flow("tool call", WAYS)
def tool_calls_stream_in_pieces(chat: Any) -> None:
    whole = None
    for piece in chat.bind_tools([weather], tool_choice="any").stream("Berlin"):
        whole = piece if whole is None else whole + piece
    assert whole and [(call["name"], call["args"]) for call in whole.tool_calls] == [("weather", {"input": "Berlin"})], whole


@flow("structured output", WAYS)
def it_gives_structured_output_by_a_tool(chat: Any) -> None:
    assert chat.with_structured_output(Asked, method="function_calling").invoke("this") == Asked(input="this")


@flow("structured output", WAYS)
def it_gives_structured_output_by_a_schema(chat: Any) -> None:
    assert chat.with_structured_output(Answer, method="json_schema").invoke(says('{"value": 4}')) == Answer(value=4)


def it_embeds() -> None:
    embeddings = OpenAIEmbeddings(model="embed-x", base_url=f"{URL}/v1", api_key=KEY, check_embedding_ctx_length=False, dimensions=64)
    first, second = embeddings.embed_documents(["one two", "three"])
    assert len(first) == len(second) == 64 and first == embeddings.embed_query("one two")


if __name__ == "__main__":
    sys.exit(run("langchain", globals()))
