"""LiteLLM's client: OpenAI's chat and Responses, Anthropic's Messages, embeddings."""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from pathlib import Path
from typing import Any

import litellm
import pydantic
from world import CHAT, KEY, MESSAGES, MODELS, RESPONSES, UPSTREAM_KEY, URL, Way, flow, run, says

SCHEMA = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"], "additionalProperties": False}
TOOLS = [{"type": "function", "function": {"name": "weather", "description": "Tells the weather.", "parameters": SCHEMA}}]
OWN_TOOLS = [{"type": "function", "name": "weather", "description": "Tells the weather.", "parameters": SCHEMA}]


class Asked(pydantic.BaseModel):
    input: str


def _openai(model: str) -> dict[str, str]:
    return {"model": f"openai/{model}", "api_base": f"{URL}/v1", "api_key": KEY}


def _claude(model: str) -> dict[str, str]:
    return {"model": f"anthropic/{model}", "api_base": URL, "api_key": KEY}


COMPLETION = [Way("litellm", CHAT, _openai), Way("litellm", MESSAGES, _claude)]
OWN = [Way("litellm", RESPONSES, _openai)]
WAYS = [_openai(model) for model in MODELS] + [_claude(model) for model in MODELS]


def _user(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


@flow("basic", COMPLETION)
def it_answers_with_text_and_usage(way: dict[str, str]) -> None:
    answer: Any = litellm.completion(messages=_user("one two"), num_retries=0, **way)
    assert answer.choices[0].message.content == "You said: one two" and answer.usage.completion_tokens == 4, answer


@flow("stream", COMPLETION)
def it_streams(way: dict[str, str]) -> None:
    chunks: list[Any] = list(litellm.completion(messages=_user("one two three"), stream=True, stream_options={"include_usage": True}, **way))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "You said: one two three", chunks
    whole: Any = litellm.stream_chunk_builder(chunks)
    assert whole.usage.completion_tokens == 5 and whole.choices[0].finish_reason == "stop", whole


@flow("stream", COMPLETION)
async def it_streams_without_blocking(way: dict[str, str]) -> None:
    stream: Any = await litellm.acompletion(messages=_user("one two"), stream=True, **way)
    assert "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]) == "You said: one two"


@flow("tool call", COMPLETION)
def it_calls_a_tool_and_goes_on_from_its_result(way: dict[str, str]) -> None:
    answer: Any = litellm.completion(messages=_user("Berlin"), tools=TOOLS, tool_choice="required", **way)
    call = answer.choices[0].message.tool_calls[0]
    assert call.function.name == "weather" and json.loads(call.function.arguments) == {"input": "Berlin"}, call
    messages = [*_user("Berlin"), answer.choices[0].message.model_dump(exclude_none=True), {"role": "tool", "tool_call_id": call.id, "content": "sunny"}, *_user("and?")]
    final: Any = litellm.completion(messages=messages, tools=TOOLS, **way)
    assert final.choices[0].message.content == "You said: and?", final


@flow("structured output", COMPLETION)
def it_gives_structured_output(way: dict[str, str]) -> None:
    # To Anthropic it asks for a tool that it names itself; the mock calls that with what was asked, so both answer to one schema.
    text = "this" if way["model"].startswith("anthropic/") else says('{"input": "this"}')
    answer: Any = litellm.completion(messages=_user(text), response_format=Asked, **way)
    assert Asked.model_validate_json(answer.choices[0].message.content) == Asked(input="this"), answer


@flow("basic", OWN)
def a_response_has_text_and_usage(way: dict[str, str]) -> None:
    answer: Any = litellm.responses(input="one two", **way)
    assert answer.output_text == "You said: one two" and answer.usage.output_tokens == 4, answer


@flow("stream", OWN)
def a_response_streams(way: dict[str, str]) -> None:
    events: list[Any] = list(litellm.responses(input="one two three", stream=True, **way))
    pieces = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert events[-1].type == "response.completed" and len(pieces) > 1 and "".join(pieces) == "You said: one two three", events


@flow("tool call", OWN)
def a_response_calls_a_tool_and_goes_on_from_its_result(way: dict[str, str]) -> None:
    answer: Any = litellm.responses(input="Berlin", tools=OWN_TOOLS, tool_choice="required", **way)
    call = next(item for item in answer.output if item.type == "function_call")
    assert call.name == "weather" and json.loads(call.arguments) == {"input": "Berlin"}, answer
    items = [{"type": "message", "role": "user", "content": "Berlin"}, {"type": "function_call", "call_id": call.call_id, "name": call.name, "arguments": call.arguments}]
    items += [{"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}, {"type": "message", "role": "user", "content": "and?"}]
    assert litellm.responses(input=items, tools=OWN_TOOLS, **way).output_text == "You said: and?"  # type: ignore[union-attr]


@flow("structured output", OWN)
def a_response_has_a_structure(way: dict[str, str]) -> None:
    answer: Any = litellm.responses(input=says('{"input": "this"}'), text_format=Asked, **way)
    assert Asked.model_validate_json(answer.output_text) == Asked(input="this"), answer


def it_knows_what_kind_of_error_it_got() -> None:
    for way in WAYS:
        for kind, directive in ((litellm.RateLimitError, "status=429"), (litellm.BadRequestError, "status=400")):
            try:
                litellm.completion(messages=_user(f"[mock {directive}]"), num_retries=0, max_retries=0, **way)
            except kind:
                continue
            raise AssertionError(f"no {kind.__name__}")


def it_embeds() -> None:
    answer = litellm.embedding(model="openai/embed-x", input=["one two", "three"], api_base=f"{URL}/v1", api_key=KEY, encoding_format="float")
    assert len(answer.data) == 2 and len(answer.data[0]["embedding"]) > 1


FIGURES = "prompt-tokens=1000 completion-tokens=300 "
# Usages that two readers could read in two ways. What is cached of OpenAI's sound is told by the newer shape alone.
USAGES = {
    "openai/gpt-audio": (
        FIGURES,
        FIGURES + "audio-tokens=400 audio-output-tokens=250",
        FIGURES + "audio-tokens=900 cached-tokens=800",
        FIGURES + "audio-tokens=900 cached-tokens=800 cached-audio-tokens=700",
        FIGURES + "audio-tokens=300 image-tokens=200 cached-tokens=600",
    ),
    "gemini/gemini-2.5-flash": (
        FIGURES + "audio-tokens=400 image-tokens=200",
        FIGURES + "cached-tokens=500 cached-audio-tokens=300 audio-tokens=400",
        FIGURES + "thinking audio-tokens=100",
        FIGURES + "web-searches=3",  # one price a prompt
        FIGURES + "cached-tokens=500 cached-audio-tokens=300 audio-tokens=400 tier=ON_DEMAND_FLEX",
        *(f"{FIGURES}thinking tier={tier}" for tier in ("ON_DEMAND", "ON_DEMAND_PRIORITY", "ON_DEMAND_FLEX")),
    ),
    "gemini/gemini-2.5-pro": tuple(
        f"prompt-tokens={prompt} completion-tokens=300 cached-tokens=150 tier={tier}" for prompt in (200000, 200001) for tier in ("ON_DEMAND", "ON_DEMAND_PRIORITY", "ON_DEMAND_FLEX")
    ),
    "gemini/gemini-2.5-computer-use-preview-10-2025": (FIGURES + "web-searches=3",),  # what a prompt costs where the table does not say
    "gemini/gemini-3.1-flash-lite-preview": (FIGURES + "web-searches=3",),  # each query has its price
    "openai/gpt-5.4": tuple(
        f"prompt-tokens={prompt} completion-tokens=300 cached-tokens=150 tier={tier}" for prompt in (272000, 272001) for tier in ("default", "flex", "priority")
    ),
    "openai/gpt-6-astra": tuple(
        f"prompt-tokens={prompt} completion-tokens=300 cached-tokens=150 tier={tier}" for prompt in (272000, 272001) for tier in ("ultrafast", "fast", "flex")
    ),
    "anthropic/claude-sonnet-4-5": (
        FIGURES + "cached-tokens=300 cache-write-tokens=200",
        FIGURES + "cached-tokens=300 cache-write-tokens=200 cache-write-1h-tokens=150",
        FIGURES + "cache-write-tokens=200 cache-write-1h-tokens=200 web-searches=2",
        FIGURES + "cache-write-tokens=200 tier=priority",
        FIGURES + "web-searches=3",
        "prompt-tokens=300000 completion-tokens=300 cache-write-tokens=200 cache-write-1h-tokens=150",
    ),
    "anthropic/claude-opus-4-5": (FIGURES + "cache-write-tokens=300 cache-write-1h-tokens=299",),
    "anthropic/claude-opus-5": (FIGURES + "cached-tokens=100 cache-write-tokens=300 cache-write-1h-tokens=200 tier=fast", FIGURES + "tier=standard"),
    "deepseek/deepseek-v4-pro": ("like=deepseek " + FIGURES, "like=deepseek cached-tokens=400 " + FIGURES),  # by the hour of the week
    "xai/grok-4.3": (
        *(f"like=xai prompt-tokens={prompt} completion-tokens=300 cached-tokens=150" for prompt in (199999, 200000, 200001)),
        "like=xai thinking " + FIGURES,
    ),
}


def _ask(path: str, body: dict[str, Any] | None = None) -> tuple[Any, str]:
    """A call without a library: what it answers, and the id of the request."""
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(f"{URL}{path}", data, {"authorization": f"Bearer {KEY}", "content-type": "application/json"})  # noqa: S310 - our own server
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        return json.load(answer), answer.headers["x-request-id"]


def _import_its_table() -> None:
    table = Path(litellm.__file__).with_name("model_prices_and_context_window_backup.json")
    _ask("/admin/v1/prices", json.loads(table.read_text()))


def _record(model: str, text: str) -> Any:
    """What the record says of a call that the mock answers with these figures."""
    _, request_id = _ask("/v1/chat/completions", {"model": model, "messages": _user(f"[mock {text}]")})
    return _ask(f"/admin/v1/traces/{request_id}")[0]["interaction"]


def it_comes_to_the_same_price_by_its_own_table() -> None:
    _import_its_table()
    mock = os.environ["MOCK_URL"]
    bases = {"openai": f"{mock}/v1", "gemini": f"{mock}/v1beta/models/{{}}", "anthropic": mock, "xai": f"{mock}/v1", "deepseek": f"{mock}/v1"}
    for model, texts in USAGES.items():
        kind, name = model.split("/")
        for text in texts:
            messages = _user(f"[mock {text}]")
            answer = litellm.completion(model=model, messages=messages, api_base=bases[kind].format(name), api_key=UPSTREAM_KEY, num_retries=0)
            record = _record(name, text)
            theirs = round(litellm.completion_cost(answer) * 1e9)
            assert record["cost_nanodollars"] == theirs > 0, (model, text, theirs, record["cost_nanodollars"], record["usage"], answer.usage)


def it_comes_to_the_same_price_for_what_perplexity_looks_up() -> None:
    """It does not read these figures from an answer itself, so its calculator is given them: the reasoning of deep research as a part of the completion, as it takes them."""
    _import_its_table()
    for model, searches, citations, reasoning in (("sonar", 1, 0, 0), ("sonar-deep-research", 54, 0, 0), ("sonar-deep-research", 54, 8014, 92431)):
        record = _record(model, f"like=perplexity prompt-tokens=1188 completion-tokens=4240 web-searches={searches} citation-tokens={citations} research-tokens={reasoning}")
        usage = litellm.Usage(prompt_tokens=1188, completion_tokens=4240 + reasoning, total_tokens=5428 + reasoning, prompt_tokens_details={"web_search_requests": searches})
        usage.citation_tokens, usage.reasoning_tokens = citations, reasoning  # type: ignore[attr-defined]
        theirs = round(sum(litellm.cost_per_token(model=f"perplexity/{model}", usage_object=usage)) * 1e9)
        assert record["cost_nanodollars"] == theirs > 0, (model, theirs, record["cost_nanodollars"], record["usage"])


if __name__ == "__main__":
    litellm.suppress_debug_info = True
    sys.exit(run("litellm", globals()))
