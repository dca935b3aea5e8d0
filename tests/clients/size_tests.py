"""Texts as large as the limit of a request lets in: each endpoint serves them, or says in its own words what is too much; it never fails.

The mock is told to answer shortly, and counts what it got, so that nothing is cut or left out on the way.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import anthropic
import openai
import own_world
import world

SHORT = " [mock say='short']"
LARGE, NEAR_THE_LIMIT = 4_700_000, 60 * 1024 * 1024  # of the 64 MiB that a body may have, with what JSON adds

_PROVIDERS = {
    "openai": {"kind": "openai", "at": "/v1", "apis": ["embeddings", "completions", "moderations", "rerank"]},
    "speaks": {"kind": "openai", "at": "/v1", "apis": ["responses"]},
    "claude": {"kind": "anthropic", "at": "/v1"},
    "cohere": {"kind": "cohere", "at": ""},
    "gemini": {"kind": "gemini", "at": "/v1beta"},
    "mistral": {"kind": "mistral", "at": "/v1", "headers": {"x-mock": "like='mistral'"}},
    "bedrock": {"kind": "bedrock", "at": "", "region": "eu-central-1"},
}
CHATS = ("openai", "speaks", "claude", "cohere", "gemini", "mistral", "bedrock")


class Place:
    """A server of its own, whose records keep no texts, and clients at it."""

    def __init__(self, mock: world.harness.Mock, corbel: world.harness.Corbel) -> None:
        self.mock, self.corbel = mock, corbel
        self.client = own_world.client_of(corbel, timeout=120)
        self.claude = anthropic.Anthropic(base_url=corbel.url, api_key=corbel.key, max_retries=0, timeout=120)

    def received(self) -> int:
        """The bytes of the body that the mock got last."""
        return self.mock.requests()[-1]["body_bytes"]

    def post(self, path: str, body: Any) -> Any:
        status, headers, answer = self.corbel.call("POST", path, json.dumps(body, ensure_ascii=False).encode())
        assert status < 500, (path, status, answer[:500])
        return status, headers, answer


@contextmanager
def _place(capture: str = "usage") -> Iterator[Place]:
    with own_world.store() as store, world.harness.Mock("--key", world.UPSTREAM_KEY) as mock:
        providers = [{"name": name, "api_key": world.UPSTREAM_KEY, "base_url": mock.url + more.pop("at"), **more} for name, more in ((name, dict(more)) for name, more in _PROVIDERS.items())]
        models: list[dict[str, Any]] = [{"name": name, "capture": capture, "targets": [{"provider": name, "model": f"{name}-x"}]} for name in CHATS]
        models += [
            {"name": f"{kind}-{provider}", "type": kind, "targets": [{"provider": provider, "model": "x"}]}
            for kind, providers_ in (("embeddings", ("openai", "mistral")), ("moderations", ("openai", "mistral")), ("rerank", ("openai", "cohere")))
            for provider in providers_
        ]
        with world.harness.Corbel({**store, "providers": providers, "models": models}) as corbel:
            yield Place(mock, corbel)


def _text(size: int) -> str:
    """Words, as a text has them, and characters that JSON escapes."""
    line = "the quick brown fox, and \"what it said\": ünïcödé 🙂\n"
    return (line * (size // len(line.encode()) + 1)).encode()[:size].decode(errors="ignore")


Asks = dict[str, Callable[[str], Any]]


def _openai_asks(place: Place, model: str) -> Asks:
    chat, responses = place.client.chat.completions, place.client.responses
    return {
        "chat": lambda text: chat.create(model=model, messages=world.user(text + SHORT)),
        "chat, a stream": lambda text: list(chat.create(model=model, messages=world.user(text + SHORT), stream=True)),
        "chat, system": lambda text: chat.create(model=model, messages=[{"role": "system", "content": text}, {"role": "user", "content": SHORT}]),
        "response": lambda text: responses.create(model=model, input=text + SHORT, store=False),
        "response, a stream": lambda text: list(responses.create(model=model, input=text + SHORT, stream=True, store=False)),
        "response, items": lambda text: responses.create(model=model, input=[{"role": "user", "content": [{"type": "input_text", "text": text}, {"type": "input_text", "text": SHORT}]}], store=False),
    }


def _messages_asks(place: Place, model: str) -> Asks:
    messages = place.claude.messages
    result = [{"role": "user", "content": "?"}, {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}]}]
    return {
        "messages": lambda text: messages.create(model=model, max_tokens=50, messages=[{"role": "user", "content": text + SHORT}]),
        "messages, system": lambda text: messages.create(model=model, max_tokens=50, system=text, messages=[{"role": "user", "content": SHORT}]),
        "messages, a stream": lambda text: list(messages.create(model=model, max_tokens=50, system=text, messages=[{"role": "user", "content": SHORT}], stream=True)),
        "messages, a result of two texts": lambda text: messages.create(
            model=model,
            max_tokens=50,
            messages=[
                *result,  # type: ignore[list-item]
                {
                    "role": "user",
                    "content": [
                        {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": half} for half in (text[: len(text) // 2], text[len(text) // 2 :])]},
                        {"type": "text", "text": SHORT},
                    ],
                },
            ],
            tools=[{"name": "look", "input_schema": {"type": "object"}}],
        ),
    }


def _other_asks(place: Place) -> Asks:
    client = place.client
    ai_sdk = lambda text: {"id": "c", "model": "openai", "messages": [{"id": "m", "role": "user", "parts": [{"type": "text", "text": text + SHORT}]}]}  # noqa: E731
    return {
        "completions": lambda text: client.completions.create(model="openai", prompt=text + SHORT),
        "completions of a chat": lambda text: client.completions.create(model="gemini", prompt=text + SHORT),
        "moderations": lambda text: client.moderations.create(model="moderations-openai", input=text),
        "moderations, a list": lambda text: client.moderations.create(model="moderations-mistral", input=[text]),
        "rerank": lambda text: place.post("/v1/rerank", {"model": "rerank-openai", "query": "fox", "documents": ["short", text]}),
        "rerank at Cohere": lambda text: place.post("/v2/rerank", {"model": "rerank-cohere", "query": "fox", "documents": ["short", {"text": text}]}),
        "AI SDK": lambda text: place.post("/v1/ai-sdk/chat", ai_sdk(text)),
    }


def _served(place: Place, asks: Asks, size: int) -> None:
    text = _text(size)
    for name, ask in asks.items():
        place.mock.reset()
        try:
            answer = ask(text)
        except openai.APIStatusError as error:
            raise AssertionError((name, size, error.status_code, str(error.body)[:500])) from error
        except anthropic.APIStatusError as error:
            raise AssertionError((name, size, error.status_code, str(error.body)[:500])) from error
        assert not (isinstance(answer, tuple) and answer[0] != 200), (name, size, answer)
        assert place.received() >= len(text.encode()), (name, size, place.received())


def a_large_text_is_served_by_every_endpoint_whoever_answers() -> None:
    with _place() as place:
        for model in CHATS:
            _served(place, _openai_asks(place, model), LARGE)
            _served(place, _messages_asks(place, model) if model != "speaks" else {}, LARGE)
        _served(place, _other_asks(place), LARGE)


def _some(asks: Asks, *names: str) -> Asks:
    return {name: asks[name] for name in names}


def a_text_just_under_the_limit_is_served_too() -> None:
    with _place() as place:
        _served(place, _some(_openai_asks(place, "openai"), "chat", "response"), NEAR_THE_LIMIT)
        _served(place, _some(_openai_asks(place, "speaks"), "response, a stream"), NEAR_THE_LIMIT)
        _served(place, _some(_messages_asks(place, "claude"), "messages, system", "messages, a result of two texts"), NEAR_THE_LIMIT)


def a_text_just_under_the_limit_is_served_by_other_endpoints_too() -> None:
    with _place() as place:
        _served(place, _some(_other_asks(place), "completions", "moderations", "rerank", "AI SDK"), NEAR_THE_LIMIT)


def what_a_response_repeats_has_a_limit_that_is_told() -> None:
    with _place() as place:
        create = place.client.responses.create
        for model in ("openai", "speaks", "claude"):
            text = _text(LARGE)
            for stream in (False, True):
                answer = create(model=model, instructions=text, input=SHORT, store=False, stream=stream)
                assert (list(answer)[-1].response if stream else answer).instructions == text
            for more in ({"instructions": _text(20_000_000)}, {"tools": [{"type": "function", "name": "f", "description": _text(20_000_000), "parameters": {"type": "object"}, "strict": False}]}):
                error = world.raises(openai.APIStatusError, lambda: create(model=model, input=SHORT, **more))
                assert error.status_code == 413 and error.code is None and "at most 16 MiB together" in error.message, error.body
        place.mock.reset()


def a_large_response_is_kept_and_gone_on_from() -> None:
    """More than a request's own memory, in several turns; beyond what is read at once the caller is told so."""
    with _place() as place:
        create, text = place.client.responses.create, _text(12_000_000)
        previous = None
        for turn in range(4):
            answer = create(model="openai", input=f"{turn} {text}{SHORT}", **({"previous_response_id": previous} if previous else {}))
            assert answer.output_text == "short" and place.received() >= (turn + 1) * len(text.encode()), turn
            previous = answer.id
        items = place.client.responses.input_items.list(previous).data
        assert items[0].content[0].text == f"3 {text}{SHORT}", "input items"
        assert place.client.responses.retrieve(previous).output_text == "short"
        again = create(model="openai", input=[{"type": "item_reference", "id": items[0].id}])
        assert again.output_text == "short" and place.received() >= len(text.encode())
        conversation = place.client.conversations.create().id
        for _ in range(19):
            place.client.conversations.items.create(conversation, items=[{"type": "message", "role": "user", "content": text[:3_500_000]}])
        error = world.raises(openai.APIStatusError, lambda: create(model="openai", input="?", conversation=conversation))
        assert error.status_code == 413 and error.param == "conversation" and "begin a new conversation" in error.message, error.body


def texts_with_a_limit_of_their_own_are_refused_by_name() -> None:
    with _place() as place:
        for size in (LARGE, NEAR_THE_LIMIT):
            text = _text(size)
            error = world.raises(openai.BadRequestError, lambda: place.client.embeddings.create(model="embeddings-openai", input=text))
            assert error.param == "input" and "at most 1 MiB" in error.message, error.body
            status, _, body = place.post("/v1/rerank", {"model": "rerank-openai", "query": text, "documents": ["a"]})
            assert status == 400 and json.loads(body)["param"] == "query" and "at most 1 MiB" in json.loads(body)["message"], body
        texts = [_text(1_000_000)] * 60
        place.mock.reset()
        assert len(place.client.embeddings.create(model="embeddings-openai", input=texts, encoding_format="float").data) == 60 and place.received() > 60_000_000
        place.client.embeddings.create(model="embeddings-mistral", input=texts, encoding_format="float")


def a_large_answer_of_many_vectors_is_read() -> None:
    """More than a request's own memory: 2,048 vectors of numbers."""
    with _place() as place:
        answer = place.client.embeddings.create(model="embeddings-openai", input=[f"text {number}" for number in range(2048)], dimensions=1536, encoding_format="float")
        assert len(answer.data) == 2048 and len(answer.data[-1].embedding) == 1536


def over_the_limit_is_a_413_in_the_words_of_the_protocol() -> None:
    with _place() as place:
        text = "x" * (65 * 1024 * 1024)
        error = world.raises(openai.APIStatusError, lambda: place.client.responses.create(model="openai", input=text))
        assert error.status_code == 413 and error.body["message"], error.body  # type: ignore[index]
        other = world.raises(anthropic.APIStatusError, lambda: place.claude.messages.create(model="claude", max_tokens=5, messages=[{"role": "user", "content": text}]))
        assert other.status_code == 413 and other.body["error"]["type"] == "request_too_large", other.body  # type: ignore[index]
