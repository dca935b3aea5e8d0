"""Vector stores: made, filled, searched, and forgotten at once."""

from __future__ import annotations

import openai
import world
from world import MANUAL, make_store, raises, search, unique


def upload(name: str, text: str) -> str:
    return world.client.files.create(file=(name, text.encode()), purpose="assistants").id


def a_store_is_made_changed_listed_and_deleted() -> None:
    stores = world.client.vector_stores
    name = unique("store")
    made = stores.create(name=name, metadata={"team": "docs"}, expires_after={"anchor": "last_active_at", "days": 3})
    assert made.object == "vector_store" and made.name == name and made.metadata == {"team": "docs"} and made.status == "completed"
    assert made.file_counts.total == 0 and made.usage_bytes == 0 and made.expires_after.days == 3 and made.expires_at > made.created_at
    changed = stores.update(made.id, name=name + "-b", metadata={"team": "ops"})
    assert changed.name == name + "-b" and stores.retrieve(made.id).metadata == {"team": "ops"}
    assert made.id in [store.id for store in stores.list(limit=100)]
    deleted = stores.delete(made.id)
    assert deleted.deleted and deleted.object == "vector_store.deleted"
    raises(openai.NotFoundError, lambda: stores.retrieve(made.id))
    raises(openai.NotFoundError, lambda: search(made.id, "x"))


def stores_are_listed_page_by_page() -> None:
    made = [world.client.vector_stores.create(name=unique("page")).id for _ in range(5)]
    assert [store.id for store in world.client.vector_stores.list(limit=2)][:5] == made[::-1]
    backwards = world.client.vector_stores.list(limit=2, before=made[1])
    assert [store.id for store in backwards.data] == [made[3], made[2]] or [store.id for store in backwards.data] == [made[2], made[3]][::-1]
    for identity in made:
        world.client.vector_stores.delete(identity)


def a_file_is_added_and_found() -> None:
    store = world.client.vector_stores.create(name=unique("one"))
    file_id = upload("vacuum.md", MANUAL["vacuum.md"])
    added = world.client.vector_stores.files.create_and_poll(file_id, vector_store_id=store.id, attributes={"year": 2024, "kind": "manual", "draft": False}, poll_interval_ms=20)
    assert added.status == "completed" and added.last_error is None and added.id == file_id and added.vector_store_id == store.id and added.usage_bytes > 0
    assert added.attributes == {"year": 2024, "kind": "manual", "draft": False} and added.object == "vector_store.file"
    hits = search(store.id, "What starts the autovacuum workers?")
    assert hits[0].file_id == file_id and hits[0].filename == "vacuum.md" and 0 <= hits[0].score <= 1 and hits[0].attributes == added.attributes
    assert "launcher" in "".join(part.text for part in hits[0].content) and all(part.type == "text" for part in hits[0].content)
    counted = world.client.vector_stores.retrieve(store.id)
    assert counted.file_counts.completed == counted.file_counts.total == 1 and counted.usage_bytes > 0


def a_batch_of_ids_or_of_uploads_is_followed_to_its_end() -> None:
    store = world.client.vector_stores.create(name=unique("batch"))
    ids = [upload(name, text) for name, text in MANUAL.items()]
    batch = world.client.vector_stores.file_batches.create_and_poll(store.id, file_ids=ids, attributes={"set": "a"}, poll_interval_ms=20)
    assert batch.status == "completed" and batch.file_counts.completed == batch.file_counts.total == len(ids) and batch.object == "vector_store.files_batch"
    assert sorted(file.id for file in world.client.vector_stores.file_batches.list_files(batch.id, vector_store_id=store.id)) == sorted(ids)
    assert all(file.attributes == {"set": "a"} for file in world.client.vector_stores.files.list(store.id))
    assert world.client.vector_stores.file_batches.retrieve(batch.id, vector_store_id=store.id).id == batch.id
    more = world.client.vector_stores.file_batches.create_and_poll(store.id, files=[{"file_id": upload("new.txt", "entirely new words"), "attributes": {"set": "b"}}], poll_interval_ms=20)
    assert more.file_counts.completed == 1 and search(store.id, "entirely new words")[0].attributes == {"set": "b"}


def a_store_may_be_made_with_its_files() -> None:
    store = world.client.vector_stores.create(name=unique("born"), file_ids=[upload("backup.txt", MANUAL["backup.txt"])])
    ready = world.harness.wait_for(lambda: (s := world.client.vector_stores.retrieve(store.id)).file_counts.completed == 1 and s, 20, "the file")
    assert ready.status == "completed" and search(store.id, "pg_restore")[0].filename == "backup.txt"


def search_finds_by_words_and_by_meaning() -> None:
    store = make_store(unique("search"), MANUAL)
    assert search(store.id, "autovacuum_naptime")[0].filename == "vacuum.md"
    assert search(store.id, "inverted index for arrays")[0].filename == "indexes.md"
    assert search(store.id, "how do I save my data so that I can recover it later")[0].filename == "backup.txt"
    assert "6432" in "".join(part.text for part in search(store.id, "pgbouncer port")[0].content)
    assert search(store.id, ["autovacuum_naptime", "pg_dump"], max_num_results=10)
    assert len(search(store.id, "database", max_num_results=1)) == 1
    assert search(store.id, "the zebra plays chess", ranking_options={"score_threshold": 0.99}) == []
    assert world.client.vector_stores.search(store.id, query="pg_dump").object == "vector_store.search_results.page"


def search_heeds_the_filter() -> None:
    store = world.client.vector_stores.create(name=unique("filter"))
    for index in range(6):
        attributes = {"number": index, "half": index / 2, "even": index % 2 == 0, "name": f"n{index}"}
        world.client.vector_stores.files.create_and_poll(upload(f"doc{index}.txt", f"common words about topic {index}"), vector_store_id=store.id, attributes=attributes, poll_interval_ms=20)

    def found(**condition: object) -> list[str]:
        return sorted(hit.filename[3] for hit in search(store.id, "common words topic", filters=condition, max_num_results=50))

    def test(kind: str, key: str, value: object) -> dict[str, object]:
        return {"type": kind, "key": key, "value": value}

    assert found(**test("eq", "name", "n3")) == ["3"] and found(**test("ne", "number", 3)) == ["0", "1", "2", "4", "5"]
    assert found(**test("gt", "number", 3)) == ["4", "5"] and found(**test("gte", "number", 4)) == ["4", "5"]
    assert found(**test("lt", "half", 0.75)) == ["0", "1"] and found(**test("lte", "half", 0.5)) == ["0", "1"] and found(**test("eq", "even", True)) == ["0", "2", "4"]
    assert found(**test("in", "name", ["n1", "n2", "zz"])) == ["1", "2"] and found(**test("nin", "number", [0, 1, 2])) == ["3", "4", "5"]
    both = [test("eq", "even", True), test("gt", "number", 0)]
    assert found(type="and", filters=both) == ["2", "4"]
    assert found(type="or", filters=[test("eq", "number", 5), {"type": "and", "filters": both}]) == ["2", "4", "5"]
    assert found(**test("eq", "missing", 1)) == []
    for bad in ({"type": "like", "key": "name", "value": "n"}, {"type": "eq", "key": "name"}, {"type": "and"}, {"type": "in", "key": "name", "value": "n1"}, "name = n1"):
        raises(openai.BadRequestError, lambda: world.client.post(f"/vector_stores/{store.id}/search", body={"query": "x", "filters": bad}, cast_to=object))


def attributes_can_change_and_search_sees_it() -> None:
    store = make_store(unique("attributes"), {"a.txt": "some words here"})
    (file,) = world.client.vector_stores.files.list(store.id)
    updated = world.client.vector_stores.files.update(file.id, vector_store_id=store.id, attributes={"color": "blue"})
    assert updated.attributes == {"color": "blue"}
    assert search(store.id, "words", filters={"type": "eq", "key": "color", "value": "blue"})[0].attributes == {"color": "blue"}


def a_removed_file_is_gone_from_search_at_once() -> None:
    store = make_store(unique("remove"), MANUAL)
    gone = next(file for file in world.client.vector_stores.files.list(store.id) if world.client.files.retrieve(file.id).filename == "vacuum.md")
    deleted = world.client.vector_stores.files.delete(gone.id, vector_store_id=store.id)
    assert deleted.deleted and deleted.object == "vector_store.file.deleted"
    assert all(hit.file_id != gone.id for hit in search(store.id, "autovacuum launcher", max_num_results=50))
    raises(openai.NotFoundError, lambda: world.client.vector_stores.files.retrieve(gone.id, vector_store_id=store.id))
    assert world.client.files.retrieve(gone.id).id == gone.id  # the file itself stays


def a_deleted_file_is_gone_from_every_store_at_once() -> None:
    file_id = upload("shared.txt", "platypus facts")
    stores = [world.client.vector_stores.create(name=unique("shared")).id for _ in range(2)]
    for store in stores:
        world.client.vector_stores.files.create_and_poll(file_id, vector_store_id=store, poll_interval_ms=20)
        assert search(store, "platypus")[0].file_id == file_id
    world.client.files.delete(file_id)
    assert all(search(store, "platypus") == [] for store in stores)


def a_broken_file_fails_by_itself_and_says_why() -> None:
    store = world.client.vector_stores.create(name=unique("broken"))
    uploads = [("good.txt", b"good words"), ("broken.pdf", b"%PDF-1.7 this is not one"), ("image.png", b"\x89PNG\r\n\x1a\n" + b"\0" * 100)]
    batch = world.client.vector_stores.file_batches.upload_and_poll(store.id, files=uploads, poll_interval_ms=20)
    assert batch.file_counts.completed == 1 and batch.file_counts.failed == 2 and batch.status in ("completed", "failed"), batch
    failed = list(world.client.vector_stores.files.list(store.id, filter="failed"))
    assert len(failed) == 2 and {file.last_error.code for file in failed} <= {"unsupported_file", "invalid_file"} and all(file.last_error.message for file in failed)
    assert search(store.id, "good words")[0].filename == "good.txt"


def a_files_text_can_be_read_back() -> None:
    store = make_store(unique("content"), {"vacuum.md": MANUAL["vacuum.md"]})
    (file,) = world.client.vector_stores.files.list(store.id)
    text = "".join(part.text for part in world.client.vector_stores.files.content(file.id, vector_store_id=store.id))
    assert "autovacuum launcher" in text and "two billion transactions" in text


def chunks_are_as_small_as_asked() -> None:
    long_text = "\n\n".join(f"Paragraph {i} speaks about subject number {i} at some length, and then it ends." for i in range(200))
    strategy = {"type": "static", "static": {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 20}}
    store = world.client.vector_stores.create(name=unique("chunks"))
    added = world.client.vector_stores.files.create_and_poll(upload("long.txt", long_text), vector_store_id=store.id, chunking_strategy=strategy, poll_interval_ms=20)
    assert added.chunking_strategy.type == "static" and added.chunking_strategy.static.max_chunk_size_tokens == 100
    (hit, *_) = search(store.id, "subject number 150")
    assert "150" in hit.content[0].text and len(hit.content[0].text.split()) <= 100
    wrong = {"type": "static", "static": {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 80}}
    raises(openai.BadRequestError, lambda: world.client.vector_stores.files.create(store.id, file_id=added.id, chunking_strategy=wrong))


def unknown_stores_files_and_batches_are_not_found() -> None:
    store = world.client.vector_stores.create(name=unique("empty"))
    raises(openai.NotFoundError, lambda: world.client.vector_stores.retrieve("vs_none"))
    raises(openai.NotFoundError, lambda: world.client.vector_stores.files.create("vs_none", file_id="file-none"))
    raises(openai.NotFoundError, lambda: world.client.vector_stores.files.create(store.id, file_id="file-none"))
    raises(openai.NotFoundError, lambda: world.client.vector_stores.files.retrieve("file-none", vector_store_id=store.id))
    raises(openai.NotFoundError, lambda: world.client.vector_stores.file_batches.retrieve("vsfb_none", vector_store_id=store.id))
    raises(openai.NotFoundError, lambda: search("vs_none", "x"))


def bad_requests_are_named() -> None:
    store = world.client.vector_stores.create(name=unique("bad"))
    for path, body in (
        (f"/vector_stores/{store.id}/search", {}),
        (f"/vector_stores/{store.id}/search", {"query": 5}),
        (f"/vector_stores/{store.id}/search", {"query": "x", "max_num_results": 1000}),
        (f"/vector_stores/{store.id}/files", {}),
        (f"/vector_stores/{store.id}/file_batches", {}),
        ("/vector_stores", {"metadata": "x"}),
        ("/vector_stores", {"expires_after": {"anchor": "created_at", "days": 1}}),
    ):
        error = raises(openai.BadRequestError, lambda: world.client.post(path, body=body, cast_to=object))
        assert error.message, (path, body)
