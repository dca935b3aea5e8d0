"""The official client of Cohere, both versions of it, in an environment of its own. Prints how many facts hold, last."""

from __future__ import annotations

import asyncio
import os
import sys
import traceback

import cohere

URL, KEY = os.environ["CORBEL_URL"], os.environ["CORBEL_KEY"]
FIRST, SECOND = cohere.Client(KEY, base_url=URL), cohere.ClientV2(KEY, base_url=URL)
DOCUMENTS = ["Carson City is the capital of Nevada.", "Reranking is fun!", "Paris is the capital of France."]
QUERY = "what is the capital of France"
MODELS = ("rerank-cohere", "rerank-jina", "rerank-vllm", "rerank-data")


def _raises(kind: type[Exception], call: object) -> Exception:
    try:
        call()  # type: ignore[operator]
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


def version_2_ranks_documents_at_every_kind_of_target() -> None:
    for model in MODELS:
        answer = SECOND.rerank(model=model, query=QUERY, documents=DOCUMENTS)
        assert [result.index for result in answer.results] == [2, 0, 1] and answer.results[0].relevance_score > answer.results[1].relevance_score, (model, answer)
        assert answer.id and answer.meta and answer.meta.api_version and answer.meta.api_version.version == "2", answer
        units = answer.meta.billed_units
        assert units and (units.search_units == 1 if model == "rerank-cohere" else (units.input_tokens or 0) > 10), (model, units)
        assert [result.index for result in SECOND.rerank(model=model, query=QUERY, documents=DOCUMENTS, top_n=1).results] == [2]


def version_1_ranks_documents_and_gives_them_back() -> None:
    for model in MODELS:
        answer = FIRST.rerank(model=model, query=QUERY, documents=DOCUMENTS, top_n=2, return_documents=True)
        assert [(result.index, result.document.text) for result in answer.results] == [(2, DOCUMENTS[2]), (0, DOCUMENTS[0])], (model, answer)
        answer = FIRST.rerank(model=model, query=QUERY, documents=[{"text": text} for text in DOCUMENTS], return_documents=False)
        assert [result.index for result in answer.results] == [2, 0, 1] and all(result.document is None for result in answer.results), answer


def a_hundred_documents_more_are_a_search_unit_more() -> None:
    answer = SECOND.rerank(model="rerank-cohere", query=QUERY, documents=DOCUMENTS * 50)
    assert len(answer.results) == 150 and answer.meta.billed_units.search_units == 2, answer.meta


def errors_have_their_classes() -> None:
    _raises(cohere.errors.UnauthorizedError, lambda: cohere.ClientV2("wrong", base_url=URL).rerank(model="rerank-cohere", query="q", documents=["a"]))
    error = _raises(cohere.errors.NotFoundError, lambda: SECOND.rerank(model="no-such-model", query="q", documents=["a"]))
    assert "no-such-model" in error.body["message"], error.body
    error = _raises(cohere.errors.BadRequestError, lambda: SECOND.rerank(model="rerank-cohere", query="q", documents=[]))
    assert "documents" in error.body["message"], error.body
    error = _raises(cohere.errors.BadRequestError, lambda: FIRST.rerank(model="rerank-cohere", query="q", documents=["a"], rank_fields=["a"]))
    assert "rank_fields" in error.body["message"], error.body
    error = _raises(cohere.errors.BadRequestError, lambda: FIRST.rerank(model="rerank-cohere", query="q", documents=["a"], max_chunks_per_doc=3))
    assert "max_chunks_per_doc" in error.body["message"], error.body
    _raises(cohere.errors.TooManyRequestsError, lambda: SECOND.rerank(model="rerank-cohere", query="[mock status=429]", documents=["a"], request_options={"max_retries": 0}))


async def _asynchronously() -> None:
    client = cohere.AsyncClientV2(KEY, base_url=URL)
    answers = await asyncio.gather(*(client.rerank(model=model, query=QUERY, documents=DOCUMENTS) for model in MODELS * 3))
    assert all(answer.results[0].index == 2 for answer in answers)


def the_asynchronous_client_ranks_too() -> None:
    asyncio.run(_asynchronously())


def _run(only: str) -> int:
    passed = failed = 0
    for name, fact in list(globals().items()):
        if not callable(fact) or getattr(fact, "__module__", "") != "__main__" or name.startswith("_") or only not in name:
            continue
        try:
            fact()
        except Exception:  # noqa: BLE001 - whatever it is, the fact does not hold
            failed += 1
            print(f"FAILED  cohere: {name.replace('_', ' ')}\n{traceback.format_exc()}", flush=True)
        else:
            passed += 1
            print(f"ok      cohere: {name.replace('_', ' ')}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(_run(sys.argv[1] if len(sys.argv) > 1 else ""))
