"""file_search in responses: our vector stores are searched before the model is asked, and what it says is cited."""

from __future__ import annotations

import contextlib
import json

import openai
import world
from world import raises

SAYS = "[mock say='Ünïcode 🙂: the launcher starts the workers [1]. That is all.']"


def _tool(store: object, **more: object) -> list:
    return [{"type": "file_search", "vector_store_ids": [store.id], **more}]


def an_answer_cites_the_files_that_were_found() -> None:
    store = world.make_store(world.unique("files"), world.MANUAL)
    for model in ("gpt-x", "claude-x"):
        world.mock.reset()
        answer = world.client.responses.create(
            model=model, input=f"What does the autovacuum launcher start? {SAYS}", tools=_tool(store, max_num_results=3), include=["file_search_call.results"]
        )
        search, message = answer.output
        assert search.type == "file_search_call" and search.status == "completed" and search.queries[0].startswith("What does the autovacuum launcher")
        assert 1 <= len(search.results) <= 3 and search.results[0].filename == "vacuum.md" and "launcher" in search.results[0].text
        (citation,) = message.content[0].annotations
        assert citation.type == "file_citation" and citation.file_id == search.results[0].file_id and citation.filename == "vacuum.md"
        assert message.content[0].text[citation.index :].startswith("[1]"), citation
        assert "autovacuum launcher starts" in world.mock.requests()[-1]["body"]
        assert world.trace(answer.id)["interaction"]["sources"][0]["path"] == "vacuum.md"
        plain = world.client.responses.retrieve(answer.id)
        assert plain.output[0].results is None and world.client.responses.retrieve(answer.id, include=["file_search_call.results"]).output[0].results


def a_stream_tells_of_the_search_and_of_citations() -> None:
    store = world.make_store(world.unique("files"), world.MANUAL)
    events = list(world.client.responses.create(model="gpt-x", input=f"What does the autovacuum launcher start? {SAYS}", tools=_tool(store), stream=True))
    kinds = [event.type for event in events]
    assert kinds[:7] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.file_search_call.in_progress",
        "response.file_search_call.searching",
        "response.file_search_call.completed",
        "response.output_item.done",
    ]
    assert kinds[-5:] == ["response.output_text.annotation.added", "response.output_text.done", "response.content_part.done", "response.output_item.done", "response.completed"]
    annotation = events[-5].annotation
    assert annotation.type == "file_citation" and events[-1].response.output[1].content[0].annotations[0].to_dict() == annotation.to_dict()


def filters_and_choices_hold() -> None:
    store = world.make_store(world.unique("files"), world.MANUAL)
    nothing = world.client.responses.create(
        model="gpt-x", input="autovacuum launcher", tools=_tool(store, filters={"type": "eq", "key": "team", "value": "none"}), include=["file_search_call.results"]
    )
    assert nothing.output[0].results == [] and nothing.output[1].type == "message"
    unasked = world.client.responses.create(model="gpt-x", input="autovacuum launcher", tools=_tool(store), tool_choice="none")
    assert [item.type for item in unasked.output] == ["message"]
    error = raises(openai.NotFoundError, lambda: world.client.responses.create(model="gpt-x", input="x", tools=[{"type": "file_search", "vector_store_ids": ["vs_none"]}]))
    assert error.code == "vector_store_not_found"
    more = world.client.responses.create(model="gpt-x", input="and that?", previous_response_id=nothing.id)
    assert more.status == "completed"


def a_model_bound_to_a_collection_cites_its_pages() -> None:
    if not any(store.name == "manual" for store in world.client.vector_stores.list()):
        world.make_store("manual", world.MANUAL)
    world.harness.wait_for(lambda: world.search(next(s.id for s in world.client.vector_stores.list() if s.name == "manual"), "autovacuum launcher"), 20, "the manual")
    answer = world.client.responses.create(model="docs", input="What does the autovacuum launcher start?")
    (citation,) = answer.output[0].content[0].annotations
    assert citation.type == "url_citation" and citation.url.startswith("http") and answer.output_text[citation.start_index : citation.end_index] == "[1]"
    events = list(world.client.responses.create(model="docs", input="What does the autovacuum launcher start?", stream=True))
    assert "response.output_text.annotation.added" in [event.type for event in events]
    assert json.loads(events[-1].response.to_json())["output"][0]["content"][0]["annotations"][0]["type"] == "url_citation"
    store = next(store for store in world.client.vector_stores.list() if store.name == "manual")
    raises(openai.BadRequestError, lambda: world.client.responses.create(model="docs", input="x", tools=[{"type": "file_search", "vector_store_ids": [store.id]}]))


def a_key_that_may_not_read_documents_reaches_none_through_a_model() -> None:
    """With model.use alone: neither by file_search, nor by the built-in model over a collection, nor by a file's id. A model that the operator has bound to a collection answers."""
    store = world.make_store(world.unique("private"), world.MANUAL)
    stored = world.client.files.create(file=("b.pdf", b"%PDF-1.4 rosemary"), purpose="user_data")
    made = json.loads(world.corbel.cli("key", "create", "--name", world.unique("blind"), "--scope", "model.use", "--json").stdout)
    blind = world.make_client(api_key=made["key"])
    question = "What does the autovacuum launcher start?"
    asked = [{"role": "user", "content": [{"type": "input_file", "file_id": stored.id}, {"type": "input_text", "text": "what is it?"}]}]
    for ask in (
        lambda client: client.responses.create(model="gpt-x", input=question, tools=_tool(store)),
        lambda client: client.chat.completions.create(model=f"collection/{store.id}", messages=world.user(question)),
        lambda client: client.responses.create(model="gpt-x", input=asked),
    ):
        world.mock.reset()
        error = raises(openai.PermissionDeniedError, lambda ask=ask: ask(blind))
        assert "knowledge.read" in error.message and world.mock.requests() == [], error
        ask(world.client)
    with contextlib.suppress(openai.NotFoundError):  # no other test has made the manual yet
        assert blind.chat.completions.create(model="docs", messages=world.user(question)).choices
