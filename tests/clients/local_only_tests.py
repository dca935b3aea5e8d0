"""What is local_only never reaches a hosted provider: of a tenant, a key or a collection, by whatever way. One mock stands for the providers of others, one for our own; the secret may appear at ours alone."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anthropic
import harness
import openai
import own_world
import world
from world import raises, user

SECRET = "marmalade-quincunx"
TEXT = f"# Vault\n\nThe vault of the house opens with the word {SECRET}.\n"
QUESTION = "Which word opens the vault of the house?"
TELL = f"{QUESTION} [mock say='The word is {SECRET}.']"


class House:
    """A server with hosted providers and one of our own, and all that it needs to be asked."""

    def __init__(self, corbel: own_world.Node, theirs: harness.Mock, ours: harness.Mock) -> None:
        self.corbel, self.theirs, self.ours = corbel, theirs, ours
        self.admin = own_world.client_of(corbel)

    def key(self, *options: str, scope: str = "model.use,knowledge.read,knowledge.write") -> openai.OpenAI:
        made = json.loads(self.cli("key", "create", "--name", world.unique("key"), "--scope", scope, "--json", *options).stdout)
        return own_world.client_of(self.corbel, made["key"])

    def cli(self, *words: str) -> subprocess.CompletedProcess[str]:
        done = self.corbel.cli(*words)
        assert done.returncode == 0, (words, done.stderr)
        return done

    def store(self, client: openai.OpenAI, text: str = TEXT, **more: Any) -> Any:
        """A store with one document, the secret's, which can be searched. `more`: members of ours."""
        store = client.vector_stores.create(name=world.unique("vault"), extra_body=more)
        batch = client.vector_stores.file_batches.upload_and_poll(store.id, files=[("vault.md", text.encode())], poll_interval_ms=20)
        assert batch.status == "completed" and batch.file_counts.completed == 1, batch
        return client.vector_stores.retrieve(store.id)

    def documents(self, collection: str) -> list[dict[str, Any]]:
        return json.loads(self.cli("document", "ls", collection, "--json").stdout)["data"]

    def leaked(self) -> list[str]:
        """The requests at hosted providers that have the secret."""
        return [request["path"] for request in self.theirs.requests() if SECRET in request["body"] or SECRET in json.dumps(request["headers"])]

    def told(self) -> int:
        """How many requests at our own provider have it."""
        return sum(SECRET in request["body"] for request in self.ours.requests())


def _model(name: str, *providers: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "strategy": "priority", "targets": [{"provider": provider, "model": "gpt-x"} for provider in providers], **more}


def _cache(**more: Any) -> dict[str, Any]:
    return {"ttl": "1h", "semantic": {"threshold": 0.9}, **more}


@contextmanager
def _house(embeddings: str = "theirs", models: tuple[dict[str, Any], ...] = ()) -> Iterator[House]:
    with own_world.store() as stored, harness.Mock() as theirs, harness.Mock() as ours:
        providers = [
            {"name": "theirs", "kind": "openai", "base_url": f"{theirs.url}/v1"},
            {"name": "claude", "kind": "anthropic", "base_url": theirs.url},
            {"name": "ours", "kind": "openai", "base_url": f"{ours.url}/v1", "hosted": False},
        ]
        config = {
            **stored,
            "providers": providers,
            "embeddings": {"provider": embeddings, "model": "embed"},
            "models": [
                _model("m", "theirs"),
                _model("claude-m", "claude"),
                _model("legacy", "theirs"),
                _model("home", "ours"),
                _model("both", "theirs", "ours", fallbacks=[{"model": "m"}], shadow={"provider": "theirs", "model": "candidate", "share": 1}),
                {"name": "halves", "split": [{"model": "m", "weight": 1}, {"model": "claude-m", "weight": 1}]},
                _model("kept", "theirs", cache=_cache()),
                _model("kept-home", "ours", cache=_cache()),
                _model("embed", "theirs", type="embeddings"),
                _model("ranks", "theirs", type="rerank"),
                _model("judges", "theirs", type="moderations"),
                *models,
            ],
        }
        with own_world.Node(config) as corbel:
            yield House(corbel, theirs, ours)


def _refused(call: Any) -> None:
    error = raises(openai.PermissionDeniedError, call)
    assert error.code == "local_only", error.body


def _search_tool(store: Any) -> list[dict[str, Any]]:
    return [{"type": "file_search", "vector_store_ids": [store.id]}]


# --- a tenant, a key ---


def no_call_of_a_local_only_key_leaves_the_house() -> None:
    with _house() as house:
        client = house.key("--local-only", "yes")
        claude = anthropic.Anthropic(base_url=house.corbel.url, api_key=client.api_key, max_retries=0, timeout=30)
        for model in ("m", "claude-m", "halves", "kept"):
            _refused(lambda model=model: client.chat.completions.create(model=model, messages=user(SECRET)))
            _refused(lambda model=model: client.responses.create(model=model, input=SECRET))
            raises(anthropic.PermissionDeniedError, lambda model=model: claude.messages.create(model=model, max_tokens=9, messages=user(SECRET)))
            _refused(lambda model=model: list(client.chat.completions.create(model=model, messages=user(SECRET), stream=True)))
        _refused(lambda: client.completions.create(model="legacy", prompt=SECRET))
        _refused(lambda: client.embeddings.create(model="embed", input=SECRET))
        _refused(lambda: client.moderations.create(model="judges", input=SECRET))
        status, _, body = house.corbel.call("POST", "/v1/rerank", {"model": "ranks", "query": SECRET, "documents": [SECRET]}, {"authorization": f"Bearer {client.api_key}"})
        assert status == 403 and b"operator" in body, body
        assert claude.messages.count_tokens(model="claude-m", messages=user(SECRET)).input_tokens > 0, "counted here"
        assert client.chat.completions.create(model="both", messages=user(SECRET)).choices[0].message.content, "by our own target, without its shadow"
        for _ in range(2):
            assert client.chat.completions.create(model="kept-home", messages=user(SECRET)).choices[0].message.content, "whose meaning is asked of nobody"
        assert house.theirs.requests() == [] and house.told() == 2, house.leaked()


def documents_of_a_local_only_caller_are_found_by_words_alone() -> None:
    with _house() as house:
        for client in (house.key("--local-only", "yes"), _of_tenant(house, "--local-only", "yes")):
            store = house.store(client)
            assert store.local_only is True and store.file_counts.completed == 1 and store.status == "completed"
            (hit,) = client.vector_stores.search(store.id, query=QUESTION)
            assert SECRET in hit.content[0].text
        store = house.store(house.key("--local-only", "yes"))
        (document,) = house.documents(store.id)
        assert document["status"] == "held" and "local_only" in document["error_message"] and document["chunks_embedded"] == 0, document
        collection = json.loads(house.cli("collection", "show", store.id, "--json").stdout)
        assert collection["held"] == 1 and collection["local_only"] is True, collection
        assert len(json.loads(house.cli("document", "ls", store.id, "--status", "held", "--json").stdout)["data"]) == 1
        assert house.theirs.requests() == []
        open_store = house.store(house.admin)
        assert open_store.local_only is False and house.leaked() == ["/v1/embeddings"], "what is not marked is embedded, or this test proves nothing"


def _of_tenant(house: House, *policy: str) -> openai.OpenAI:
    name = world.unique("tenant")
    house.cli("tenant", "create", name, *policy)
    return house.key("--tenant", name)


def a_tenant_that_is_marked_later_is_embedded_no_further() -> None:
    with _house() as house:
        name = world.unique("tenant")
        house.cli("tenant", "create", name)
        client = house.key("--tenant", name)
        store = client.vector_stores.create(name="mixed")
        client.vector_stores.files.upload_and_poll(vector_store_id=store.id, file=("open.md", b"# Open\n\nNothing is secret yet.\n"), poll_interval_ms=20)
        before = len(house.theirs.requests())
        assert before > 0
        house.cli("tenant", "update", name, "--local-only", "yes")
        file = client.vector_stores.files.upload_and_poll(vector_store_id=store.id, file=("vault.md", TEXT.encode()), poll_interval_ms=20)
        assert file.status == "completed"
        assert SECRET in client.vector_stores.search(store.id, query=QUESTION).data[0].content[0].text
        assert len(house.theirs.requests()) == before, house.leaked()


def a_mark_in_the_middle_of_a_document_stops_its_embedding() -> None:
    """Of the tenant's policy, while the collection has no mark: what is not embedded yet is not embedded by others any more."""
    with _house() as house:
        name = world.unique("tenant")
        house.cli("tenant", "create", name)
        client = house.key("--tenant", name)
        text = "".join(f"# Chapter {i}\n\n{' '.join(f'word{i}x{j}' for j in range(60))} [mock slow-headers=400]\n\n" for i in range(700))
        store = client.vector_stores.create(name="long", chunking_strategy={"type": "static", "static": {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 0}}, file_ids=[
            client.files.create(file=("long.md", text.encode()), purpose="assistants").id
        ])
        harness.wait_for(lambda: len(house.theirs.requests("/v1/embeddings")) >= 2, 20, "the first slices to be embedded")
        house.cli("tenant", "update", name, "--local-only", "yes")
        seen = len(house.theirs.requests("/v1/embeddings"))
        harness.wait_for(lambda: client.vector_stores.retrieve(store.id).file_counts.completed == 1, 20, "the rest to be held")
        assert len(house.theirs.requests("/v1/embeddings")) <= seen + 1, "one slice may have been under way"
        assert client.vector_stores.retrieve(store.id).local_only is False
        house.cli("tenant", "update", name, "--local-only", "no")
        harness.wait_for(lambda: len(house.theirs.requests("/v1/embeddings")) > seen + 1, 20, "it to go on without the mark")


def embeddings_of_our_own_take_what_is_local_only() -> None:
    with _house(embeddings="ours") as house:
        store = house.store(house.key("--local-only", "yes"))
        (document,) = house.documents(store.id)
        assert document["status"] == "ready" and store.local_only is True and house.theirs.requests() == [] and house.told() == 1, document


def a_file_of_a_local_only_key_binds_who_uses_it() -> None:
    with _house() as house:
        file = house.key("--local-only", "yes").files.create(file=("vault.txt", TEXT.encode()), purpose="user_data")
        store = house.admin.vector_stores.create(name="others")
        house.admin.vector_stores.files.create_and_poll(file.id, vector_store_id=store.id, poll_interval_ms=20)
        assert house.admin.vector_stores.retrieve(store.id).local_only is True
        with_file = [{"role": "user", "content": [{"type": "input_file", "file_id": file.id}, {"type": "input_text", "text": QUESTION}]}]
        _refused(lambda: house.admin.responses.create(model="m", input=with_file))
        house.admin.responses.create(model="home", input=with_file)
        assert house.theirs.requests() == []


# --- a collection ---


def a_marked_collection_reaches_no_hosted_target_by_any_way() -> None:
    bound = {"collection": "bound"}
    with _house(models=(_model("open", "theirs", knowledge=bound), _model("open-both", "theirs", "ours", knowledge=bound), _model("open-kept", "theirs", knowledge=bound, cache=_cache()))) as house:
        assert "true" in house.cli("collection", "update", "bound", "--local-only", "yes").stdout
        for store in (house.store(house.admin, local_only=True), _put(house, "bound")):
            assert store.local_only is True
            for model in ("m", "claude-m", "halves", "kept"):
                _refused(lambda model=model, store=store: house.admin.responses.create(model=model, input=QUESTION, tools=_search_tool(store)))
                _refused(lambda model=model, store=store: list(house.admin.responses.create(model=model, input=QUESTION, tools=_search_tool(store), stream=True)))
            assert house.admin.responses.create(model="home", input=QUESTION, tools=_search_tool(store)).status == "completed"
            assert house.admin.responses.create(model="both", input=QUESTION, tools=_search_tool(store)).status == "completed", "our own target; no fallback, no shadow"
            assert SECRET in house.admin.vector_stores.search(store.id, query=QUESTION).data[0].content[0].text
        claude = anthropic.Anthropic(base_url=house.corbel.url, api_key=house.admin.api_key, max_retries=0, timeout=30)
        for model in ("open", "open-kept"):
            _refused(lambda model=model: house.admin.chat.completions.create(model=model, messages=user(QUESTION)))
            raises(anthropic.PermissionDeniedError, lambda model=model: claude.messages.create(model=model, max_tokens=9, messages=user(QUESTION)))
        assert house.admin.chat.completions.create(model="open-both", messages=user(QUESTION)).choices
        innocent = house.store(house.admin, "# Garden\n\nThe garden of the house has a pond.\n")
        seen = len(house.theirs.requests())
        both = [{"type": "file_search", "vector_store_ids": [innocent.id, store.id]}]
        _refused(lambda: house.admin.responses.create(model="m", input=QUESTION, tools=both))
        assert len(house.theirs.requests()) == seen, "not even the question is embedded"
        assert house.leaked() == [] and house.told() == 5, (house.leaked(), house.told())


def a_mark_that_comes_later_holds_from_then_on_and_admins_take_it_away() -> None:
    with _house() as house:
        store = house.store(house.admin)
        assert house.admin.responses.create(model="m", input=QUESTION, tools=_search_tool(store)).status == "completed"
        house.theirs.wait_ended()
        assert "/v1/chat/completions" in house.leaked(), "without the mark it goes out, or the other tests prove nothing"
        writer = house.key()
        assert writer.vector_stores.update(store.id, extra_body={"local_only": True}).local_only is True
        house.theirs.reset()
        _refused(lambda: writer.responses.create(model="m", input=QUESTION, tools=_search_tool(store)))
        writer.vector_stores.search(store.id, query=QUESTION)
        second = writer.vector_stores.files.upload_and_poll(vector_store_id=store.id, file=("second.md", f"# Again\n\n{SECRET}, said again.\n".encode()), poll_interval_ms=20)
        assert second.status == "completed" and sorted(document["status"] for document in house.documents(store.id)) == ["held", "ready"]
        assert house.theirs.requests() == []
        _refused(lambda: writer.vector_stores.update(store.id, extra_body={"local_only": False}))
        assert writer.vector_stores.update(store.id, name="renamed").local_only is True
        bound = house.key("--local-only", "yes", scope="admin")
        _refused(lambda: bound.vector_stores.update(store.id, extra_body={"local_only": False}))
        raises(openai.BadRequestError, lambda: writer.vector_stores.update(store.id, extra_body={"local_only": "yes"}))
        assert "false" in house.cli("collection", "update", store.id, "--local-only", "no").stdout
        harness.wait_for(lambda: all(document["status"] == "ready" for document in house.documents(store.id)), 10, "what was held to be embedded")
        assert house.leaked(), "it may go out again"
        assert house.corbel.cli("collection", "update", store.id).returncode == 2
        status, _, body = house.corbel.call("PUT", f"/admin/v1/collections/{store.id}", {"local_only": True, "note": "x"})
        assert status == 400, body


def a_model_that_says_local_only_binds_its_collection_for_all() -> None:
    """A configuration alone does it, whatever other models and the collection itself say."""
    private = _model("private", "ours", knowledge={"collection": "secrets", "local_only": True})
    with _house(embeddings="ours", models=(private, _model("open", "theirs", knowledge={"collection": "secrets"}))) as house:
        store = _put(house, "secrets")
        assert store.local_only is True
        assert SECRET in house.admin.chat.completions.create(model="private", messages=user(TELL)).choices[0].message.content
        _refused(lambda: house.admin.chat.completions.create(model="open", messages=user(QUESTION)))
        _refused(lambda: house.admin.responses.create(model="m", input=QUESTION, tools=_search_tool(store)))
        raises(openai.BadRequestError, lambda: house.admin.vector_stores.update(store.id, extra_body={"local_only": False}))
        renamed = house.admin.vector_stores.update(store.id, name="no-secrets")
        assert renamed.local_only is True, "by another name too"
        _refused(lambda: house.admin.responses.create(model="m", input=QUESTION, tools=_search_tool(store)))
        assert house.theirs.requests() == []


# --- what was answered ---


def what_was_answered_under_local_only_is_continued_there_alone() -> None:
    private = _model("private", "ours", knowledge={"collection": "secrets", "local_only": True}, on_disconnect="continue")
    with _house(embeddings="ours", models=(private,)) as house:
        store, ask = _put(house, "secrets"), house.admin.responses.create
        talk = house.admin.conversations.create()
        first = ask(model="private", input=TELL)
        assert SECRET in first.output_text
        streamed = list(ask(model="private", input=TELL, stream=True))[-1].response
        behind = ask(model="private", input=TELL, background=True)
        harness.wait_for(lambda: house.admin.responses.retrieve(behind.id).status == "completed", 10, "the background response")
        searched = ask(model="home", input=TELL, tools=_search_tool(store))
        by_key = house.key("--local-only", "yes").responses.create(model="home", input=TELL)
        later = ask(model="home", input="Thanks.", previous_response_id=first.id)
        for before in (first, streamed, behind, searched, by_key, later):
            _refused(lambda before=before: ask(model="m", input="And now?", previous_response_id=before.id))
            _refused(lambda before=before: list(ask(model="claude-m", input="And now?", previous_response_id=before.id, stream=True)))
            assert ask(model="home", input="And now?", previous_response_id=before.id).status == "completed"
        ask(model="m", input="Good day.", conversation=talk.id)
        assert len(house.theirs.requests()) == 1, "an innocent conversation goes out"
        ask(model="private", input=TELL, conversation=talk.id)
        _refused(lambda: ask(model="m", input="And now?", conversation=talk.id))
        reference = [{"type": "item_reference", "id": first.output[0].id}, {"role": "user", "content": "And now?"}]
        _refused(lambda: ask(model="m", input=reference))
        mine = house.key("--local-only", "yes").conversations.create(items=[{"type": "message", "role": "user", "content": SECRET}])
        _refused(lambda: ask(model="m", input="And now?", conversation=mine.id))
        gone = ask(model="m", input="And now?", previous_response_id=first.id, background=True)
        ended = harness.wait_for(lambda: (now := house.admin.responses.retrieve(gone.id)).status == "failed" and now, 10, "the background response to be refused")
        assert ended.error.message and house.leaked() == [], ended
        assert len(house.theirs.requests()) == 1


def kept_answers_are_compared_at_home_or_not_at_all() -> None:
    """A cache that looks for questions that mean the same embeds them: for nobody who is local_only, by no key and by no collection."""
    bound = _model("asked", "ours", knowledge={"collection": "bound"}, cache=_cache())
    with _house(models=(bound,)) as house:
        house.cli("collection", "update", "bound", "--local-only", "yes")
        _put(house, "bound")
        client = house.key("--local-only", "yes")
        for _ in range(2):
            client.chat.completions.create(model="kept-home", messages=user(SECRET))
            house.admin.chat.completions.create(model="asked", messages=user(f"{QUESTION} {SECRET}"))
        assert house.theirs.requests() == []
        house.admin.chat.completions.create(model="kept-home", messages=user(SECRET))
        assert house.leaked() == ["/v1/embeddings"], "without a mark the question is embedded, or this test proves nothing"


def _put(house: House, name: str) -> Any:
    status, _, body = house.corbel.call("PUT", f"/admin/v1/collections/{name}/documents?path=vault.md", TEXT.encode(), {"x-content-sha256": hashlib.sha256(TEXT.encode()).hexdigest()})
    assert status == 201, body
    (store,) = [store for store in house.admin.vector_stores.list() if store.name == name]
    harness.wait_for(lambda: house.admin.vector_stores.search(store.id, query=QUESTION).data, 10, "the document")
    return store
