"""Two nodes on one database: what one is told, the other knows."""

from __future__ import annotations

import concurrent.futures
import contextlib
import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import common
import harness

PAGES = ("routine-vacuuming.html", "indexes-[a-m]*.html", "sql-vacuum.html", "sql-reindex.html", "sql-c[l-o]*.html")
QUESTION = "Which process starts the autovacuum workers?"

mock: harness.Mock
a: common.Node
b: common.Node


@contextlib.contextmanager
def world() -> Iterator[None]:
    global mock, a, b
    with harness.Mock() as mock, contextlib.ExitStack() as stack:
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            both = [pool.submit(common.Node, common.config(mock.url), model=True) for _ in range(2)]
        a, b = (stack.enter_context(node.result()) for node in both)
        yield
        assert (a.stop(30), b.stop(30)) == (0, 0)


def put(node: common.Node, collection: str, path: str, text: str) -> None:
    data = text.encode()
    where = f"/admin/v1/collections/{collection}/documents?path={quote(path, safe='')}"
    status, _, body = node.call("PUT", where, data, {"x-content-sha256": hashlib.sha256(data).hexdigest()})
    assert status in (200, 201), (status, body)


def collection(node: common.Node, name: str) -> Any:
    status, found = node.get(f"/admin/v1/collections/{name}")
    assert status == 200, found
    return found


def search(node: common.Node, store: str, query: str, **more: Any) -> list[Any]:
    status, found = node.get(f"/v1/vector_stores/{store}/search", "POST", {"query": query, **more})
    assert status == 200, found
    return found["data"]


def answered(node: common.Node, text: str, model: str) -> tuple[str, Any]:
    """The request id and the answer."""
    status, headers, body = node.ask(text, model)
    assert status == 200, (status, body)
    return headers["x-request-id"], json.loads(body)


def two_nodes_that_start_at_once_make_one_schema() -> None:
    assert common.sql("select count(*), count(distinct name) from shared_secret") == [["1", "1"]]
    assert a.get("/readyz")[0] == b.get("/readyz")[0] == 200


def a_directory_ingested_on_one_node_is_searched_by_meaning_on_the_other() -> None:
    with tempfile.TemporaryDirectory(prefix="corbel-pages-") as scratch:
        pages = [page for pattern in PAGES for page in common.MANUAL.glob(pattern)]
        assert len(pages) > 10
        for page in pages:
            shutil.copy(page, scratch)
        done = a.cli("ingest", scratch, "--collection", "manual", "--wait", "ready")
        assert done.returncode == 0, done.stderr
    found = collection(b, "manual")
    hits = search(b, found["id"], QUESTION)
    assert "autovacuum" in json.dumps(hits[:3]), hits[:3]
    status, other = b.get(f"/v1/vector_stores/{found['id']}/files?limit=100")
    assert status == 200 and len(other["data"]) == len(pages) and {file["status"] for file in other["data"]} == {"completed"}
    vectors, chunks = common.sql("select (select count(*) from chunk_vector), (select count(*) from chunk)")[0]
    assert int(vectors) == int(chunks) > 100, (vectors, chunks)


def an_answer_is_cited_and_its_link_opens_on_the_other_node() -> None:
    request_id, answer = answered(b, QUESTION, "docs")
    notes = answer["choices"][0]["message"]["annotations"]
    assert notes and "launcher" in answer["choices"][0]["message"]["content"], answer
    link = urlsplit(notes[0]["url_citation"]["url"])
    status, _, page = harness.Server.call(a, "GET", f"{link.path}?{link.query}")
    assert status == 200 and b"autovacuum launcher" in page, (status, page[:300])
    forged = link.query[:-1] + ("0" if link.query[-1] != "0" else "1")
    assert harness.Server.call(a, "GET", f"{link.path}?{forged}")[0] == 401
    status, trace = a.get(f"/admin/v1/traces/{request_id}")
    assert status == 200 and any(source["cited"] for source in trace["interaction"]["sources"]), trace


def a_search_keeps_to_its_filters() -> None:
    store = collection(a, "manual")["id"]
    status, files = a.get(f"/v1/vector_stores/{store}/files?limit=100")
    assert status == 200
    names = {hit["filename"]: hit["file_id"] for hit in search(a, store, "vacuum", max_num_results=50)}
    assert len(names) > 1, names
    chosen = "sql-vacuum.html"
    status, changed = a.get(f"/v1/vector_stores/{store}/files/{names[chosen]}", "POST", {"attributes": {"kind": "command", "level": 3}})
    assert status == 200, changed
    for wanted in (
        {"type": "eq", "key": "kind", "value": "command"},
        {"type": "and", "filters": [{"type": "gte", "key": "level", "value": 3}, {"type": "ne", "key": "kind", "value": "other"}]},
    ):
        hits = search(b, store, "vacuum", filters=wanted)
        assert hits and {hit["filename"] for hit in hits} == {chosen}, hits
    assert not search(b, store, "vacuum", filters={"type": "eq", "key": "level", "value": 4})


def a_deleted_document_is_found_on_neither_node() -> None:
    store = collection(a, "manual")["id"]
    victim = "sql-reindex.html"
    assert victim in {hit["filename"] for hit in search(b, store, "rebuild an index with REINDEX")}
    status, deleted = a.get(f"/admin/v1/collections/manual/documents/{victim}", "DELETE")
    assert status == 200, deleted
    for node in (a, b):
        assert victim not in {hit["filename"] for hit in search(node, store, "rebuild an index with REINDEX", max_num_results=50)}
        assert node.get(f"/admin/v1/collections/manual/documents/{victim}")[0] == 404


def a_key_made_on_one_node_is_valid_and_then_revoked_on_the_other_within_a_second() -> None:
    status, made = a.get("/admin/v1/keys", "POST", {"name": "shared", "scopes": ["model.use"]})
    assert status == 201, made
    harness.wait_for(lambda: b.get("/v1/models", key=made["key"])[0] == 200, 1, "the key to be valid on the other node")
    assert a.get(f"/admin/v1/keys/{made['id']}", "DELETE")[0] == 200
    harness.wait_for(lambda: b.get("/v1/models", key=made["key"])[0] == 401, 1, "the key to be refused on the other node")


def documents_sent_to_both_nodes_at_once_are_read_once_each() -> None:
    documents = {f"note-{number}.md": f"# Note {number}\n\nThe word of note {number} is zebra{number}.\n" for number in range(40)}

    def send(item: tuple[int, tuple[str, str]]) -> None:
        put((a, b)[item[0] % 2], "notes", *item[1])

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(send, enumerate(documents.items())))
    harness.wait_for(lambda: collection(a, "notes")["ready"] == len(documents), 60, "all notes to be ready")
    twice = "select d.path, count(*) from chunk c join document_version v on v.id = c.version_id join document d on d.id = v.document_id where d.path like 'note-%' group by 1 having count(*) <> 1"
    assert common.sql(twice) == []
    store = collection(b, "notes")["id"]
    for number in (0, 17, 39):
        assert search(b, store, f"zebra{number}")[0]["filename"] == f"note-{number}.md"


def many_answers_with_the_same_words_are_all_recorded() -> None:
    text = f"the same words for all {time.monotonic_ns()}"
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        done = list(pool.map(lambda turn: (a, b)[turn % 2].ask(text), range(128)))
    assert [status for status, _, _ in done] == [200] * len(done), [body for status, _, body in done if status != 200][:2]
    ids = ",".join(f"'{headers['x-request-id']}'" for _, headers, _ in done)
    assert common.sql(f"select count(*), count(distinct id) from interaction where encode(id, 'hex') in ({ids}) and outcome = 'ok'") == [["128", "128"]]
    status, list_ = b.get("/admin/v1/traces?limit=1000")
    assert status == 200 and {headers["x-request-id"] for _, headers, _ in done} <= {row["request_id"] for row in list_["data"]}


def zero_bytes_in_a_request_are_recorded_all_the_same() -> None:
    status, headers, body = a.ask("before\0after", "gpt-x", user="u\0v")
    assert status == 200, body
    status, headers, body = a.ask("text", "no\0model")
    assert status == 404, (status, body)
    status, trace = b.get(f"/admin/v1/traces/{headers['x-request-id']}")
    assert status == 200 and trace["interaction"]["outcome"] == "error", trace


def keyed(node: common.Node, key: str, text: str, **more: Any) -> tuple[int, dict[str, str], bytes]:
    body = {"model": "priced", "messages": [{"role": "user", "content": text}], "max_tokens": 30, **more}
    return node.call("POST", "/v1/chat/completions", body, {"authorization": f"Bearer {key}"})


def a_budget_is_shared_by_both_nodes_and_neither_overrun_nor_lost() -> None:
    status, made = a.get("/admin/v1/keys", "POST", {"name": "spender", "scopes": ["model.use"]})
    assert status == 201, made
    status, budget = a.get("/admin/v1/budgets", "POST", {"name": "shared", "key": made["id"], "period": "total", "limit_nanodollars": 3_000_000_000})
    assert status == 201, budget
    path = f"/admin/v1/budgets/{budget['id']}"
    harness.wait_for(lambda: b.get("/v1/models", key=made["key"])[0] == 200, 2, "the key on the other node")
    time.sleep(1)  # the notice of the budget: in force everywhere within a second

    def one(turn: int) -> int:
        for _ in range(4):  # held by calls in flight: again, as an official client would
            status, headers, body = keyed((a, b)[turn % 2], made["key"], f"[mock prompt-tokens=20 completion-tokens={turn % 30} pace=3] go")
            if status != 429:
                break
            time.sleep(float(headers["retry-after-ms"]) / 1000)
        assert status in (200, 402, 429), (status, body)
        return status

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(one, range(120)))
    entries = f"select count(*), coalesce(sum(amount_nanos), 0) from usage_entry where key_id = '{made['id']}' and amount_nanos > 0"
    count, charged = (int(figure) for figure in common.sql(entries)[0])
    spent = [node.get(path)[1]["current"]["spent_nanodollars"] for node in (a, b)]
    assert spent == [charged, charged], (spent, charged)
    assert 2_500_000_000 < charged <= 3_000_000_000 and count == statuses.count(200), (charged, count, statuses)
    assert statuses.count(402) > 0, statuses
    status, headers, body = keyed(b, made["key"], "no more", max_tokens=3000)
    assert status == 402 and headers["x-should-retry"] == "false", (status, body)
    harness.wait_for(lambda: a.get(path)[1]["current"]["held_nanodollars"] == 0, 15, "both nodes to give back what they hold")


def a_model_put_on_one_node_answers_on_the_other_within_a_second() -> None:
    target = {"targets": [{"provider": "main", "model": "gpt-x"}]}
    status, answer = a.get("/admin/v1/models/both-nodes", "PUT", target)
    assert status == 201 and answer["changed_in"] == 1, answer
    began = time.monotonic()
    harness.wait_for(lambda: b.ask("hello", "both-nodes")[0] == 200, 5, "the other node to know the model")
    assert time.monotonic() - began < 1
    assert b.get("/admin/v1/configuration")[1]["stored"] == {"state": "in force", "mistakes": 0, "version": 1, "version_in_force": 1}
    assert b.get("/admin/v1/models/both-nodes", "DELETE")[0] == 200
    harness.wait_for(lambda: a.ask("hello", "both-nodes")[0] == 404, 1, "the first node to know that it is gone")


def writers_on_both_nodes_lose_nothing_and_one_of_two_with_a_condition_wins() -> None:
    target = {"targets": [{"provider": "main", "model": "gpt-x"}]}
    head = a.get("/admin/v1/configuration")[1]["stored"]["version"]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        put = [pool.submit((a, b)[n % 2].get, f"/admin/v1/models/raced-{n}", "PUT", target) for n in range(16)]
        answers = [one.result() for one in put]
    assert sorted(answer["changed_in"] for _, answer in answers) == list(range(head + 1, head + 17)), answers
    assert common.sql(f"select count(*), count(distinct hash) from configuration_version where version > {head}") == [["16", "16"]]
    harness.wait_for(lambda: all(node.get("/admin/v1/configuration")[1]["stored"]["version_in_force"] == head + 16 for node in (a, b)), 2, "both nodes to agree")
    etag = {"if-match": f'"{head + 16}"'}
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        put = [pool.submit(node.call, "PUT", "/admin/v1/models/raced-0", {**target, "capture": how}, etag) for node, how in ((a, "none"), (b, "usage"))]
        statuses = sorted(one.result()[0] for one in put)
    assert statuses == [200, 412], statuses
    assert a.get("/admin/v1/configuration/rollback", "POST", {"version": head})[0] == 200
    harness.wait_for(lambda: b.ask("hello", "raced-3")[0] == 404, 1, "the other node to have rolled back")


def a_literal_secret_is_refused_where_other_nodes_could_not_open_it() -> None:
    body = {"kind": "openai", "base_url": "http://127.0.0.1:9/v1", "api_key": "sk-literal"}
    status, answer = a.get("/admin/v1/providers/secretive", "PUT", body)
    assert status == 400 and "CORBEL_MASTER_KEY" in answer["error"]["message"] and answer["error"]["param"] == "api_key", answer
    assert a.get("/admin/v1/providers/secretive", "PUT", {**body, "api_key": "${HOME}"})[0] == 201
    assert a.get("/admin/v1/providers/secretive", "DELETE")[0] == 200


def a_node_that_cannot_follow_keeps_what_it_has_and_says_why() -> None:
    body = {"kind": "openai", "base_url": f"{mock.url}/v1", "api_key": "${ONLY_ON_THE_THIRD}"}
    before = a.get("/admin/v1/configuration")[1]["stored"]["version"]
    with common.Node(common.config(mock.url), env={"ONLY_ON_THE_THIRD": "a-token"}) as c:
        assert c.get("/admin/v1/providers/lonely", "PUT", body)[0] == 201
        assert c.get("/admin/v1/models/lonely", "PUT", {"targets": [{"provider": "lonely", "model": "gpt-x"}]})[0] == 201
        assert c.ask("hello", "lonely")[0] == 200
        stored = harness.wait_for(lambda: (s := a.get("/admin/v1/configuration")[1]["stored"])["version"] == before + 2 and s, 2, "the first node to have read it")
        assert stored["state"] == "refused" and stored["version_in_force"] == before, stored
        assert "provider lonely: api_key: the environment variable ONLY_ON_THE_THIRD is not set" in stored["first_mistake"], stored
        assert 'corbel_configuration_refused{source="store"} 1' in a.call("GET", "/metrics")[2].decode()
        assert a.ask("hello")[0] == 200 and a.ask("hello", "lonely")[0] == 404
        assert c.get("/admin/v1/configuration/rollback", "POST", {"version": before})[0] == 200
    harness.wait_for(lambda: a.get("/admin/v1/configuration")[1]["stored"]["version_in_force"] == before + 3, 2, "the first node to follow again")


def nodes_with_one_master_key_open_what_the_other_sealed() -> None:
    env = {"CORBEL_MASTER_KEY": "a master key of the tests, of more than 32 characters"}
    before = a.get("/admin/v1/configuration")[1]["stored"]["version"]
    body = {"kind": "openai", "base_url": f"{mock.url}/v1", "api_key": "sk-sealed-by-one-node"}
    with common.Node(common.config(mock.url), env=env) as one, common.Node(common.config(mock.url), env=env) as other:
        change = {"providers": [{"name": "sealed", **body}], "models": [{"name": "sealed", "targets": [{"provider": "sealed", "model": "gpt-x"}]}]}
        assert one.get("/admin/v1/configuration", "PATCH", change)[0] == 200
        harness.wait_for(lambda: other.ask("hello", "sealed")[0] == 200, 2, "the other node to know the provider")
        assert mock.requests()[-1]["header"]["authorization"] == "Bearer sk-sealed-by-one-node"
        assert common.sql(f"select count(*) from configuration_entry where version > {before} and body like '%sk-sealed%'") == [["0"]]
        assert one.get("/admin/v1/configuration/rollback", "POST", {"version": before})[0] == 200
    harness.wait_for(lambda: b.get("/admin/v1/configuration")[1]["stored"]["state"] == "in force", 2, "nodes without the key to follow again")


def a_master_key_is_changed_node_by_node_while_calls_go_on() -> None:
    old, new, strange = ({"CORBEL_MASTER_KEY": f"the {word} master key of the tests, 32 characters and more"} for word in ("old", "new", "strange"))
    body = {"kind": "openai", "base_url": f"{mock.url}/v1"}
    before = a.get("/admin/v1/configuration")[1]["stored"]["version"]

    def node(seals: dict[str, str], opens: dict[str, str] | None = None) -> common.Node:
        return common.Node(common.config(mock.url), env={**seals, **({"CORBEL_PREVIOUS_MASTER_KEY": opens["CORBEL_MASTER_KEY"]} if opens else {})})

    def put(at: common.Node, name: str, secret: str) -> None:
        change = {"providers": [{"name": name, **body, "api_key": secret}], "models": [{"name": name, "targets": [{"provider": name, "model": "gpt-x"}]}]}
        status, answer = at.get("/admin/v1/configuration", "PATCH", change)
        assert status == 200, answer

    def knows(at: common.Node, name: str, secret: str) -> None:
        harness.wait_for(lambda: at.ask("hello", name)[0] == 200, 3, f"{name} to be known")
        assert mock.requests()[-1]["header"]["authorization"] == f"Bearer {secret}"

    def keys(at: common.Node) -> dict[str, int]:
        return {row["key"]: row["secrets"] for row in at.get("/admin/v1/configuration/secrets")[1]["data"]}

    others = keys(a)  # of tests before this one
    with node(strange) as stranger:
        put(stranger, "lost", "sk-of-a-lost-key")
        put(stranger, "lost", "${HOME}")  # what the earlier version keeps, nobody can open
    with node(old) as one, node(old) as two:
        put(one, "kept", "sk-kept")
        put(two, "later", "sk-later")
        knows(two, "kept", "sk-kept")
        with node(old, new) as third, node(new, old) as fourth:  # of each pair the former would be stopped now
            put(fourth, "late", "sk-late")
            knows(third, "late", "sk-late")
            assert third.get("/admin/v1/configuration")[1]["stored"]["state"] == "in force"
    with node(new, old) as one, node(new, old) as two, concurrent.futures.ThreadPoolExecutor(2) as pool:
        assert len(keys(one)) == len(others) + 3
        status, refused = one.get("/admin/v1/configuration/secrets/reseal", "POST", {})
        assert status == 400 and refused["error"]["code"] == "secret_unreadable" and "provider lost: api_key" in refused["error"]["message"], refused
        assert len(keys(one)) == len(others) + 3, "all of it or nothing"
        calls = [pool.submit(lambda at=at: [at.ask("hello", "kept")[0] for _ in range(60)]) for at in (one, two)]
        status, done = one.get("/admin/v1/configuration/secrets/reseal", "POST", {"leave_unreadable": True, "reason": "yearly"})
        assert status == 200 and (done["secrets"], done["kept"], done["unreadable"]) == (2, 1, 1 + sum(others.values())), done
        assert {code for call in calls for code in call.result()} == {200}
        assert keys(two)[done["key"]] == 3, keys(two)
        assert two.get("/admin/v1/providers/kept", "PUT", {**body, "api_key": "(hidden)", "headers": {"x-team": "blue"}})[0] == 200
        assert len(set(keys(two)) - set(others)) == 2, "what the other node kept was what had been written"
        knows(two, "kept", "sk-kept")
        status, again = two.get("/admin/v1/configuration/secrets/reseal", "POST", {"leave_unreadable": True})
        assert status == 200 and again["secrets"] == 0 and again["kept"] == 5, again
        racing = [pool.submit(put, two, f"racing-{number}", "sk-racing") for number in range(8)]
        assert one.get("/admin/v1/configuration/secrets/reseal", "POST", {"leave_unreadable": True})[0] == 200
        for one_put in racing:
            one_put.result()
    with node(new) as one:
        for name, secret in (("kept", "sk-kept"), ("later", "sk-later"), ("late", "sk-late"), ("racing-7", "sk-racing")):
            knows(one, name, secret)
        assert one.get("/admin/v1/configuration/rollback", "POST", {"version": before})[0] == 200
    harness.wait_for(lambda: b.get("/admin/v1/configuration")[1]["stored"]["state"] == "in force", 2, "nodes without the key to follow again")


TESTS = [
    two_nodes_that_start_at_once_make_one_schema,
    a_directory_ingested_on_one_node_is_searched_by_meaning_on_the_other,
    an_answer_is_cited_and_its_link_opens_on_the_other_node,
    a_search_keeps_to_its_filters,
    a_deleted_document_is_found_on_neither_node,
    a_key_made_on_one_node_is_valid_and_then_revoked_on_the_other_within_a_second,
    documents_sent_to_both_nodes_at_once_are_read_once_each,
    many_answers_with_the_same_words_are_all_recorded,
    zero_bytes_in_a_request_are_recorded_all_the_same,
    a_budget_is_shared_by_both_nodes_and_neither_overrun_nor_lost,
    a_model_put_on_one_node_answers_on_the_other_within_a_second,
    writers_on_both_nodes_lose_nothing_and_one_of_two_with_a_condition_wins,
    a_literal_secret_is_refused_where_other_nodes_could_not_open_it,
    a_node_that_cannot_follow_keeps_what_it_has_and_says_why,
    nodes_with_one_master_key_open_what_the_other_sealed,
    a_master_key_is_changed_node_by_node_while_calls_go_on,
]
