"""Answers from one's own documents, by naming a model: cited, streamed, on record, and honest when there is nothing to say."""

from __future__ import annotations

import http.client
import json
from urllib.parse import urlsplit

import openai
import world
from world import CITED_TEXT, MANUAL, raises, user

QUESTION = "What starts the autovacuum workers?"


def with_manual() -> None:
    """The collection that the configuration binds `docs` to; made by the first test that needs it."""
    if not any(store.name == "manual" for store in world.client.vector_stores.list(limit=100)):
        world.make_store("manual", MANUAL)


def check_citations(text: str, annotations: list) -> None:
    """Each marks a place in the text and links to a page that shows the passage, without a key."""
    assert annotations
    for annotation in annotations:
        assert annotation["type"] == "url_citation", annotation
        citation = annotation["url_citation"]
        marked = text[citation["start_index"] : citation["end_index"]]
        assert marked.startswith("[") and marked.endswith("]"), (marked, citation)
        assert citation["title"]
        check_page(citation["url"])


def check_page(url: str) -> None:
    """The page shows the passage to whoever has its address."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    connection.request("GET", f"{parts.path}?{parts.query}")
    response = connection.getresponse()
    page = response.read().decode()
    connection.close()
    assert response.status == 200 and "launcher" in page, (response.status, page[:300])


def ask(model: str, question: str = QUESTION, **more: object) -> openai.types.chat.ChatCompletion:
    with_manual()
    return world.client.chat.completions.create(model=model, messages=user(question), **more)


def an_answer_is_cited() -> None:
    message = ask("docs").choices[0].message
    assert message.content == CITED_TEXT
    check_citations(message.content, [annotation.model_dump() for annotation in message.annotations])


def a_streamed_answer_is_cited_before_its_finish() -> None:
    with_manual()
    chunks = list(world.client.chat.completions.create(model="docs", messages=user(QUESTION), stream=True))
    assert world.said(chunks) == CITED_TEXT
    cited = [(i, getattr(c.choices[0].delta, "annotations", None)) for i, c in enumerate(chunks) if c.choices and getattr(c.choices[0].delta, "annotations", None)]
    finish = next(i for i, c in enumerate(chunks) if c.choices and c.choices[0].finish_reason)
    assert cited and all(i <= finish for i, _ in cited)
    check_citations(CITED_TEXT, [annotation for _, annotations in cited for annotation in annotations])


def the_model_is_given_the_passages_and_the_question() -> None:
    with_manual()
    world.mock.reset()
    ask("docs-echo")
    sent = json.loads(world.mock.requests("/v1/chat/completions")[-1]["body"])
    assert "autovacuum launcher" in json.dumps(sent["messages"]) and sent["messages"][-1]["role"] == "user" and QUESTION in sent["messages"][-1]["content"]


def a_follow_up_question_is_understood_from_what_was_said() -> None:
    with_manual()
    world.mock.reset()
    messages = [*user("Tell me about GIN indexes."), {"role": "assistant", "content": "They are inverted indexes."}, *user("And what is it good for?")]
    world.client.chat.completions.create(model="docs-echo", messages=messages)
    sent = json.dumps(json.loads(world.mock.requests("/v1/chat/completions")[-1]["body"])["messages"])
    assert "multiple component values" in sent


def the_extractive_model_quotes_and_says_so() -> None:
    answer = ask("docs-extractive")
    message = answer.choices[0].message
    assert "The autovacuum launcher starts the autovacuum workers for all databases." in message.content and "extract" in message.content.lower()
    check_citations(message.content, [annotation.model_dump() for annotation in message.annotations])
    streamed = list(world.client.chat.completions.create(model="docs-extractive", messages=user(QUESTION), stream=True, stream_options={"include_usage": True}))
    assert world.said(streamed) == message.content and streamed[-1].usage is not None


def nothing_relevant_is_said_and_not_guessed() -> None:
    for model in ("docs", "docs-extractive"):
        world.mock.reset()
        message = ask(model, "Which opera did Verdi premiere in Cairo?").choices[0].message
        assert not message.annotations and message.content and message.content != CITED_TEXT and "Verdi" not in message.content.replace("Which opera did Verdi", ""), message


def an_answer_is_on_record_with_its_sources() -> None:
    answer = ask("docs")
    record = json.dumps(world.trace(answer.id))
    assert '"docs"' in record and "vacuum.md" in record and answer.id in record and str(answer.usage.completion_tokens) in record
    by_request = world.trace(answer._request_id or "")
    assert json.dumps(by_request) == record


def a_model_whose_collection_is_missing_says_what_to_do() -> None:
    """Runs before the collection is made, by its place in the list of tests."""
    error = raises(openai.NotFoundError, lambda: world.client.chat.completions.create(model="docs", messages=user("hi")))
    assert "corbel ingest" in error.message and "manual" in error.message


def what_is_removed_is_no_longer_cited() -> None:
    with_manual()
    store = next(store for store in world.client.vector_stores.list(limit=100) if store.name == "manual")
    extra = world.client.files.create(file=("quokka.txt", b"The quokka is a small macropod that lives on Rottnest Island."), purpose="assistants")
    world.client.vector_stores.files.create_and_poll(extra.id, vector_store_id=store.id, poll_interval_ms=20)
    assert "Rottnest" in (ask("docs-extractive", "Where does the quokka live?").choices[0].message.content or "")
    world.client.files.delete(extra.id)
    assert "Rottnest" not in (ask("docs-extractive", "Where does the quokka live?").choices[0].message.content or "")
