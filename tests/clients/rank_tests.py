"""Rerank as Jina's clients ask for it, and moderations; Cohere's own client is in cohere_suite.py."""

from __future__ import annotations

import json
from typing import Any

import openai
import world
from world import raises

DOCUMENTS = ["Carson City is the capital of Nevada.", "Reranking is fun!", "Paris is the capital of France."]
QUERY = "what is the capital of France"


def rank(model: str = "rerank-jina", path: str = "/v1/rerank", key: str = "", **more: Any) -> tuple[int, Any, str]:
    """Status, body and request id of a request without any client's help."""
    headers = {"authorization": f"Bearer {key}"} if key else {}
    status, got, body = world.corbel.call("POST", path, {"model": model, "query": QUERY, "documents": DOCUMENTS, **more}, headers)
    return status, json.loads(body), got["x-request-id"]


def record_of(identity: str) -> Any:
    return world.trace(identity)["interaction"]


def jina_s_shape_has_usage_and_documents() -> None:
    world.mock.reset()
    status, answer, _ = rank(top_n=2)
    assert status == 200 and answer["model"] == "rerank-jina" and answer["usage"]["total_tokens"] > 10, answer
    assert [(result["index"], result["document"]["text"]) for result in answer["results"]] == [(2, DOCUMENTS[2]), (0, DOCUMENTS[0])], answer
    (request,) = world.mock.requests()
    assert request["path"] == "/v1/rerank" and json.loads(request["body"]) == {
        "model": "jina-reranker",
        "query": QUERY,
        "documents": DOCUMENTS,
        "top_n": 2,
        "return_documents": False,
    }
    assert "document" not in rank(return_documents=False)[1]["results"][0]
    assert rank(path="/rerank")[1]["results"][0]["index"] == 2


def what_is_not_known_passes_to_a_server_over_jina_s_wire_and_to_no_other() -> None:
    world.mock.reset()
    assert rank(truncate_prompt_tokens=100)[0] == 200
    assert json.loads(world.mock.requests()[0]["body"])["truncate_prompt_tokens"] == 100
    status, error, _ = rank("rerank-cohere", truncate_prompt_tokens=100)
    assert status == 400 and "truncate_prompt_tokens" in error["message"] and error["detail"] == error["message"], error
    assert rank("rerank-cohere", path="/v2/rerank", max_tokens_per_doc=100)[0] == 200
    assert json.loads(world.mock.requests()[-1]["body"])["max_tokens_per_doc"] == 100
    status, error, _ = rank("rerank-cohere", documents=[{"image": "https://example.org/a.png"}])
    assert status == 400 and error["param"] == "documents", error
    assert rank(documents=["a", {"image": "https://example.org/a.png"}])[0] == 200


def search_units_and_tokens_are_recorded_and_priced() -> None:
    _, answer, request_id = rank("rerank-cohere", path="/v2/rerank", documents=DOCUMENTS * 50)
    record = record_of(request_id)
    assert record["operation"] == "rerank" and record["usage"]["search_units"] == 2 and record["response_id"] == answer["id"], record
    assert record["cost_nanodollars"] == 2 * 2_000_000 and record["price_version"].startswith("builtin"), "two dollars a thousand"
    _, answer, request_id = rank("rerank-jina")
    record = record_of(request_id)
    assert "search_units" not in record["usage"] and record["usage"]["input_tokens"] == answer["usage"]["total_tokens"]
    assert record["cost_nanodollars"] == answer["usage"]["total_tokens"] * 1_000_000
    _, _, request_id = rank("rerank-cohere", query="[mock no-usage]")
    assert record_of(request_id)["usage"]["search_units"] == 1 and record_of(request_id)["usage"]["estimated"]
    _, _, request_id = rank("rerank-jina", query="[mock no-usage]")
    assert record_of(request_id)["usage"]["input_tokens"] > 10 and record_of(request_id)["usage"]["estimated"]


def a_search_is_paid_by_its_budget() -> None:
    made = world.corbel.cli("key", "create", "--name", world.unique("ranks"), "--json")
    key = json.loads(made.stdout)
    done = world.corbel.cli("budget", "create", world.unique("ranks"), "--amount", "0.003", "--key-id", key["id"], "--json")
    assert done.returncode == 0, done.stderr
    assert rank("rerank-cohere", key=key["key"])[0] == 200
    status, error, _ = rank("rerank-cohere", key=key["key"])
    assert status == 402 and error["message"], error


def failures_go_to_the_next_target_and_else_to_the_client() -> None:
    assert rank("rerank-spare")[0] == 200
    for directive, wanted in (("status=429", 429), ("status=500", 502), ("truncate=2", 502), ("garbage=1", 502), ("content-type='text/html' garbage=0", 502), ("reset", 502), ("close=2", 502)):
        for model in ("rerank-cohere", "rerank-jina"):
            status, error, request_id = rank(model, query=f"[mock {directive}]")
            assert status == wanted and error["message"], (directive, model, status, error)
            assert record_of(request_id)["outcome"] == "error"


def bad_requests_name_their_field() -> None:
    for more, param in (
        ({"query": ""}, "query"),
        ({"query": 5}, "query"),
        ({"documents": []}, "documents"),
        ({"documents": "text"}, "documents"),
        ({"documents": [1]}, "documents"),
        ({"documents": [{"title": "x"}]}, "documents"),
        ({"top_n": 0}, "top_n"),
        ({"top_n": "x"}, "top_n"),
        ({"return_documents": 1}, "return_documents"),
    ):
        for path in ("/v1/rerank", "/v2/rerank"):
            status, error, _ = rank(path=path, **more)
            assert status == 400 and error["param"] == param and param in error["message"], (more, error)
    assert rank("gpt-x")[0] == 404 and rank("no-such")[0] == 404


def a_hosted_reranker_is_not_for_what_must_stay_here() -> None:
    made = json.loads(world.corbel.cli("key", "create", "--name", world.unique("here"), "--local-only", "yes", "--json").stdout)
    world.mock.reset()
    status, error, _ = rank("rerank-cohere", key=made["key"])
    assert status == 403 and error["code"] == "local_only" and world.mock.requests() == [], error
    assert rank("rerank-here", key=made["key"])[0] == 200


# --- moderations ---


def texts_are_moderated() -> None:
    for model, category in (("omni-moderation-latest", "violence"), ("mistral-moderation", "violence_and_threats")):
        client = world.client if model.startswith("omni") else world.make_client(_strict_response_validation=False)
        answer = client.moderations.create(model=model, input="I will kill them")
        assert answer.id and answer.results[0].flagged is True, answer
        assert answer.results[0].to_dict()["categories"][category] is True and answer.results[0].to_dict()["category_scores"][category] > 0.9
        answer = client.moderations.create(model=model, input=["hello", "kill"])
        assert [result.flagged for result in answer.results] == [False, True], answer


def parts_and_images_reach_the_provider_as_they_came() -> None:
    world.mock.reset()
    parts = [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]
    answer = world.client.moderations.create(model="omni-moderation-latest", input=parts)
    assert len(answer.results) == 1 and not answer.results[0].flagged
    (request,) = world.mock.requests()
    assert request["path"] == "/v1/moderations" and json.loads(request["body"]) == {"model": "omni-moderation-latest", "input": parts}
    error = raises(openai.BadRequestError, lambda: world.client.moderations.create(model="mistral-moderation", input=parts))
    assert error.param == "input" and len(world.mock.requests()) == 1, error.body


def without_a_model_it_is_the_first_for_moderations() -> None:
    assert world.client.moderations.create(input="hello").model == "omni-moderation-latest"


def moderations_are_recorded_and_free_at_openai() -> None:
    raw = world.client.moderations.with_raw_response.create(model="omni-moderation-latest", input="one two three")
    record = record_of(raw.headers["x-request-id"])
    assert record["operation"] == "moderations" and record["cost_nanodollars"] == 0 and record["price_version"] and record["usage"]["estimated"], record
    raw = world.make_client(_strict_response_validation=False).moderations.with_raw_response.create(model="mistral-moderation", input="one two three")
    record = record_of(raw.headers["x-request-id"])
    assert record["usage"]["input_tokens"] == 3 and not record["usage"]["estimated"], record


def bad_moderations_are_bad_requests() -> None:
    for value in ([], 5, {"a": 1}, [5], [{"type": "image_url"}], [{"type": "audio", "text": "x"}]):
        error = raises(openai.BadRequestError, lambda: world.client.post("/moderations", body={"model": "omni-moderation-latest", "input": value}, cast_to=object))
        assert error.param == "input", (value, error.body)
    raises(openai.NotFoundError, lambda: world.client.moderations.create(model="gpt-x", input="x"))
    raises(openai.RateLimitError, lambda: world.client.moderations.create(model="omni-moderation-latest", input="[mock status=429]"))
    for directive in ("status=500", "truncate=2", "garbage=1", "reset"):
        raises(openai.InternalServerError, lambda: world.client.moderations.create(model="omni-moderation-latest", input=f"[mock {directive}]"))
