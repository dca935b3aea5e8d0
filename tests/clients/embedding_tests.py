"""Embeddings: the model in the process, and one behind a provider."""

from __future__ import annotations

import json
import math

import openai
import world
from world import cosine, raises

LOCAL = "all-MiniLM-L6-v2"


def embed(texts: object, model: str = LOCAL, **more: object) -> list[list[float]]:
    """Vectors as the client decodes them. It asks for base64 of its own accord, which its own strict check would refuse."""
    answer = world.make_client(_strict_response_validation=False).embeddings.create(model=model, input=texts, **more)
    assert answer.object == "list" and answer.usage.prompt_tokens > 0 and [item.index for item in answer.data] == list(range(len(answer.data)))
    return [item.embedding for item in answer.data]


def the_local_model_gives_unit_vectors() -> None:
    (vector,) = embed("How do I create an index?")
    assert len(vector) == 384 and math.isclose(math.sqrt(sum(x * x for x in vector)), 1, rel_tol=1e-3)


def texts_of_like_meaning_are_near() -> None:
    question, paraphrase, other = embed(["How do I create an index?", "What is the way to build an index?", "The cat sat on the mat."])
    assert cosine(question, paraphrase) > 0.7 > 0.3 > cosine(question, other)


def base64_and_float_are_the_same_vector() -> None:
    (default,) = embed("one two three")
    floats = world.client.embeddings.create(model=LOCAL, input="one two three", encoding_format="float").data[0].embedding
    assert max(abs(a - b) for a, b in zip(default, floats)) < 1e-6


def a_batch_is_as_good_as_single_calls() -> None:
    texts = [f"text number {i} " + "word " * (i * 7 % 120) for i in range(40)]
    together = embed(texts)
    # Not equal: int8 activations share one scale over all texts of a batch.
    assert all(cosine(together[i], embed(texts[i])[0]) > 0.985 for i in (0, 7, 39))


def hard_texts_are_embedded() -> None:
    assert len(embed(["日本語 🙂 ünïcödé", "a" * 5000, "\x01\x02", " . ", "word " * 5000])) == 5


def a_provider_may_embed_too() -> None:
    (vector,) = embed("the quick brown fox", model="text-embedding-3-small", dimensions=256)
    near, far = embed(["a quick fox", "postgres settings"], model="text-embedding-3-small", dimensions=256)
    assert len(vector) == 256 and cosine(vector, near) > cosine(vector, far)


def tokens_are_for_a_provider_that_counts_them() -> None:
    world.mock.reset()
    for tokens in ([1, 2, 3], [[1, 2], [3]]):
        assert embed(tokens, model="text-embedding-3-small")
        assert json.loads(world.mock.requests()[-1]["body"])["input"] == tokens
        error = raises(openai.BadRequestError, lambda: embed(tokens))
        assert (error.param, error.code) == ("input", "unsupported_parameter"), error.body


def a_provider_s_answer_may_be_larger_than_an_exchange_s_memory() -> None:
    texts = [f"text {number}" for number in range(1200)]
    for encoding in ("float", "base64"):
        status, _, body = world.corbel.call("POST", "/v1/embeddings", {"model": "text-embedding-3-small", "input": texts, "encoding_format": encoding})
        assert status == 200 and len(json.loads(body)["data"]) == len(texts), (status, body[:300])


def bad_inputs_are_bad_requests() -> None:
    for value in ("", [], ["a", ""], 5, {"a": 1}, [["x"]], [1, "x"], [[1], []], [1.5], [-1]):
        raises(openai.BadRequestError, lambda: world.client.post("/embeddings", body={"model": LOCAL, "input": value}, cast_to=object))
    raises(openai.BadRequestError, lambda: world.client.embeddings.create(model=LOCAL, input="x", dimensions=5000))


def a_provider_that_was_never_asked_gives_as_many_vectors_as_a_request_may_want() -> None:
    setup = {"providers": world.config(world.mock.url)["providers"], "models": [], "embeddings": {"provider": "main", "model": "text-embedding-3-small"}}
    with world.harness.Corbel(setup, model=True) as own:
        texts = [f"text {number}" for number in range(2048)]
        for encoding in ("float", "base64"):
            status, _, body = own.call("POST", "/v1/embeddings", {"model": "text-embedding-3-small", "input": texts, "encoding_format": encoding})
            assert status == 200 and len(json.loads(body)["data"]) == len(texts), (status, body[:300])
