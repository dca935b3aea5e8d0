"""Embeddings by providers whose wire for them is not OpenAI's: OpenAI's client is in front of each, unchanged."""

from __future__ import annotations

import base64
import json
import struct
import time
from typing import Any

import kinds
import openai
import world
from budget_tests import budget, spent
from cancel_tests import cancelled_within_100_ms, hang_up
from limit_tests import made
from world import cosine, raises

MODELS = [f"embed-{name}" for name in kinds.EMBED_WIRES]
# How many texts a request takes there.
TAKES = {"cohere": 96, "gemini": 100, "titan": 1, "bedrock-cohere": 96, "vertex": 205, "vertex-gemini": 1, "vertex-gemini-2": 1}
UNPRICED = {"embed-vertex", "embed-bedrock-cohere"}  # text-embedding-005 goes by characters, and a region's profile has no list price
NANOS_A_TOKEN = {"gemini": 2_000_000, "cohere": 1_000_000}  # of the models that have a price


def _create(model: str, texts: Any, client: openai.OpenAI | None = None, **more: Any) -> Any:
    """As the client asks by itself: in base64, which its own strict check would refuse."""
    return (client or world.make_client(_strict_response_validation=False)).embeddings.create(model=model, input=texts, **more)


def _record(client: openai.OpenAI, model: str, texts: Any) -> Any:
    raw = client.embeddings.with_raw_response.create(model=model, input=texts)
    return raw.parse(), world.trace(raw.headers["x-request-id"])["interaction"]


def _bodies() -> list[Any]:
    return [json.loads(request["body"]) for request in world.mock.requests() if request["method"] == "POST" and request["path"] != "/token"]


def every_wire_embeds_for_openai_s_client() -> None:
    for model in MODELS:
        answer, record = _record(world.make_client(_strict_response_validation=False), model, ["the quick brown fox", "a quick fox", "postgres settings"])
        assert answer.object == "list" and answer.model == model and [item.index for item in answer.data] == [0, 1, 2], answer
        question, near, far = (item.embedding for item in answer.data)
        assert cosine(question, near) > 0.5 > cosine(question, far), model
        assert answer.usage.prompt_tokens == answer.usage.total_tokens == 9, (model, answer.usage)
        assert record["operation"] == "embeddings" and record["usage"]["input_tokens"] == 9 and not record["usage"]["estimated"], (model, record)
        assert (record["cost_nanodollars"] > 0 and record["price_version"].startswith("builtin")) == (model not in UNPRICED), (model, record)


def both_encodings_are_the_same_vector() -> None:
    for model in MODELS:
        floats = world.client.embeddings.create(model=model, input="one two three", encoding_format="float").data[0].embedding
        status, _, body = world.corbel.call("POST", "/v1/embeddings", {"model": model, "input": "one two three", "encoding_format": "base64"})
        text = json.loads(body)["data"][0]["embedding"]
        decoded = struct.unpack(f"<{len(floats)}f", base64.b64decode(text))
        assert status == 200 and max(abs(a - b) for a, b in zip(decoded, floats)) < 1e-6, model
        assert _create(model, "one two three").data[0].embedding == list(decoded), model


def dimensions_are_asked_for_where_a_model_has_them() -> None:
    for model in MODELS:
        assert len(_create(model, "one", dimensions=256).data[0].embedding) == 256, model
    world.mock.reset()
    for model in ("embed-fixed", "embed-fixed-titan", "embed-fixed-bedrock"):
        error = raises(openai.BadRequestError, lambda: _create(model, "one", dimensions=256))
        assert (error.param, error.code) == ("dimensions", "unsupported_parameter"), error.body
    assert world.mock.requests() == []
    assert [len(_create(model, "one").data[0].embedding) for model in ("embed-fixed", "embed-fixed-titan", "embed-fixed-bedrock")] == [1536, 1536, 1024]


def what_a_wire_does_not_know_is_refused_before_it_is_asked() -> None:
    world.mock.reset()
    for model in MODELS:
        for tokens in ([1, 2, 3], [[1, 2], [3]]):
            error = raises(openai.BadRequestError, lambda: _create(model, tokens))
            assert (error.param, error.code) == ("input", "unsupported_parameter") and "send texts" in error.message, error.body
        error = raises(openai.BadRequestError, lambda: _create(model, "one", extra_body={"tomorrow": 1}))
        assert (error.param, error.code) == ("tomorrow", "unsupported_parameter"), error.body
        raises(openai.BadRequestError, lambda: _create(model, ["one", ""]))
    error = raises(openai.BadRequestError, lambda: _create("embed-nova", "one"))
    assert error.code == "unsupported_model" and "Titan's" in error.message, error.body
    assert world.mock.requests() == []
    assert _create("embed-or-tokens", [1, 2, 3]).data, "the next target reads them"


def members_of_a_wire_s_own_reach_it() -> None:
    world.mock.reset()
    _create("embed-cohere", "one")
    _create("embed-cohere", "one", extra_body={"input_type": "search_query", "truncate": "END", "max_tokens": 100, "priority": 3})
    _create("embed-gemini", "one", extra_body={"task_type": "RETRIEVAL_QUERY", "title": "t"})
    _create("embed-titan", "one", extra_body={"normalize": False})
    _create("embed-bedrock-cohere", "one", extra_body={"input_type": "clustering", "max_tokens": 100})
    _create("embed-vertex", "one", extra_body={"task_type": "RETRIEVAL_QUERY", "title": "t", "auto_truncate": False})
    _create("embed-vertex-gemini-2", "one", dimensions=128, extra_body={"task_type": "RETRIEVAL_QUERY", "title": "t", "auto_truncate": False})
    plain, full, google, titan, bedrock, vertex, content = _bodies()
    assert plain == {"model": "embed-v4.0", "texts": ["one"], "input_type": "search_document", "embedding_types": ["float"]}, plain
    assert full == {**plain, "input_type": "search_query", "truncate": "END", "max_tokens": 100, "priority": 3}, full
    assert google == {"requests": [{"model": "models/gemini-embedding-001", "content": {"parts": [{"text": "one"}]}, "taskType": "RETRIEVAL_QUERY", "title": "t"}]}, google
    assert titan == {"inputText": "one", "normalize": False} and bedrock == {"texts": ["one"], "input_type": "clustering", "max_tokens": 100, "embedding_types": ["float"]}, (titan, bedrock)
    assert vertex == {"instances": [{"content": "one", "task_type": "RETRIEVAL_QUERY", "title": "t"}], "parameters": {"autoTruncate": False}}, vertex
    config = {"outputDimensionality": 128, "taskType": "RETRIEVAL_QUERY", "title": "t", "autoTruncate": False}
    assert content == {"content": {"parts": [{"text": "one"}]}, "embedContentConfig": config}, content
    error = raises(openai.BadRequestError, lambda: _create("embed-cohere", "one", extra_body={"input_type": "nonsense"}))
    assert "input_type" in error.message, error.body


def an_array_longer_than_a_request_becomes_several_with_one_bill() -> None:
    texts = [f"text number {number}" for number in range(205)]
    for name, takes in TAKES.items():
        world.mock.reset()
        answer, record = _record(world.make_client(_strict_response_validation=False), f"embed-{name}", texts)
        wanted = [len(texts[at : at + takes]) for at in range(0, len(texts), takes)]
        got = [len(body.get("texts") or body.get("requests") or body.get("instances") or [None]) for body in _bodies()]
        assert got == wanted, (name, got)
        assert [item.index for item in answer.data] == list(range(205)) and answer.usage.prompt_tokens == 3 * 205, (name, answer.usage)
        for place in {0, takes - 1, takes % 205, 204}:
            assert cosine(answer.data[place].embedding, _create(f"embed-{name}", texts[place]).data[0].embedding) > 0.999999, (name, place)
        assert record["usage"]["input_tokens"] == 3 * 205 and record["attempts"] == 1, (name, record)


def tokens_that_no_one_counts_are_estimated() -> None:
    for model in MODELS:
        answer, record = _record(world.make_client(_strict_response_validation=False), model, ["one two three four [mock no-usage]"])
        assert record["usage"]["estimated"] and record["usage"]["input_tokens"] == answer.usage.prompt_tokens > 3, (model, record)


def the_faults_of_every_wire_are_the_client_s_own_errors() -> None:
    for model in MODELS:
        error = raises(openai.RateLimitError, lambda: _create(model, "[mock status=429 retry-after=7]"))
        assert error.response.headers["retry-after"] == "7", (model, error.response.headers)
        error = raises(openai.BadRequestError, lambda: _create(model, "[mock status=400]"))
        assert "as asked for" in error.message, (model, error.message)
        for directive in ("status=500", "status=503", "reset", "close", "truncate", "garbage", "reset=3", "close=3", "length-over=5", "content-type='text/html' garbage=0"):
            error = raises(openai.InternalServerError, lambda: _create(model, f"one two [mock {directive}]"))
            assert error.status_code in (500, 502, 503), (model, directive, error)
    for model in ("embed-wrong", "embed-titan-wrong"):
        error = raises(openai.InternalServerError, lambda: _create(model, "one"))
        assert "credentials" in error.message and "wrong" not in error.message, error.message


def vertex_gets_no_more_tokens_in_a_request_than_it_takes() -> None:
    world.mock.reset()
    texts = ["word " * 1000] * 30  # some 30,000 tokens, where 20,000 are taken
    answer = _create("embed-vertex", texts)
    assert len(answer.data) == 30 and answer.usage.prompt_tokens == 30_000, answer.usage
    assert len(_bodies()) > 2 and sum(len(body["instances"]) for body in _bodies()) == 30


def a_request_that_fails_is_repeated_without_those_before_it() -> None:
    world.mock.reset()
    texts = [f"text {number}" for number in range(205)]
    texts[150] = "text [mock status=500 times=1]"
    answer, record = _record(world.make_client(_strict_response_validation=False), "embed-again", texts)
    assert [len(body["requests"]) for body in _bodies()] == [100, 100, 100, 5], "the second one twice"
    tokens = sum(len(text.split()) for text in texts)
    assert len(answer.data) == 205 and answer.usage.prompt_tokens == tokens and record["attempts"] == 2, (answer.usage, record)
    assert record["usage"]["input_tokens"] == tokens and record["cost_nanodollars"] == tokens * NANOS_A_TOKEN["gemini"], record


def what_a_target_was_paid_before_it_failed_is_on_the_bill() -> None:
    key, strict = made()
    client = world.make_client(api_key=strict.api_key, _strict_response_validation=False)
    name = budget("100", "--key-id", key)
    world.mock.reset()
    texts = [f"text {number}" for number in range(205)]
    texts[150] = "text [mock status=500 times=1]"
    answer, record = _record(client, "embed-chain", texts)
    paid, tokens = 200, sum(len(text.split()) for text in texts)
    cost = paid * NANOS_A_TOKEN["gemini"] + tokens * NANOS_A_TOKEN["cohere"]
    assert len(answer.data) == 205 and len(answer.data[0].embedding) == 1536, "all of the second target's"
    assert record["cost_nanodollars"] == cost and record["usage"]["input_tokens"] == paid + tokens, record
    assert spent(name) == cost, "the budget pays what the record says"
    texts[150] = "text [mock status=500]"
    raw = raises(openai.InternalServerError, lambda: _create("embed-again", texts, client))
    record = world.trace(raw.response.headers["x-request-id"])["interaction"]
    assert record["outcome"] == "error" and record["usage"]["input_tokens"] == 200 and record["cost_nanodollars"] == 200 * NANOS_A_TOKEN["gemini"], record
    assert spent(name) == cost + record["cost_nanodollars"]
    assert world.corbel.cli("verify").returncode == 0, "the books agree"


def a_client_that_leaves_ends_the_requests_that_would_follow() -> None:
    left = hang_up({"model": "embed-titan", "input": ["one two [mock slow-headers=400]"] * 20}, read=False, path="/v1/embeddings")
    record = cancelled_within_100_ms(left)
    sent = len(_bodies())
    assert sent < 4 and record["operation"] == "embeddings" and record["input_tokens"] > 0, (sent, record)
    time.sleep(0.5)
    assert len(_bodies()) == sent, "nothing is asked after that"


def a_budget_that_is_too_small_is_told_before_anybody_is_asked() -> None:
    key, client = made()
    budget("0.001", "--key-id", key)
    world.mock.reset()
    error = raises(openai.APIStatusError, lambda: _create("embed-chain", "one two three four five six", client))
    assert error.status_code == 402 and world.mock.requests() == [], error.body


def what_must_stay_here_reaches_none_of_them() -> None:
    secret = json.loads(world.corbel.cli("key", "create", "--name", world.unique("here"), "--local-only", "yes", "--json").stdout)["key"]
    client = world.make_client(api_key=secret)
    world.mock.reset()
    for model in MODELS:
        error = raises(openai.PermissionDeniedError, lambda: _create(model, "one", client))
        assert error.code == "local_only", error.body
    assert world.mock.requests() == []
