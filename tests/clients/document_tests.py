"""Documents by path, and the pages that citations lead to: for whoever holds the link, and nothing more."""

from __future__ import annotations

import concurrent.futures
import hashlib
import json
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import answer_tests
import world
from world import MANUAL, unique


def call(method: str, path: str, body: object = None, **headers: str) -> tuple[int, object]:
    status, _, data = world.corbel.call(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    return status, json.loads(data)


def put(collection: str, path: str, text: str, sha256: str | None = None) -> tuple[int, dict[str, object]]:
    data = text.encode()
    return call(
        "PUT", f"/admin/v1/collections/{quote(collection, safe='')}/documents?path={quote(path, safe='')}", data, x_content_sha256=sha256 or hashlib.sha256(data).hexdigest()
    )


def document(collection: str, path: str) -> dict[str, object]:
    status, found = call("GET", f"/admin/v1/collections/{collection}/documents/{quote(path, safe='')}")
    assert status == 200, found
    return found


def searchable(collection: str, path: str) -> dict[str, object]:
    """The document, once its newest version is read to the end."""
    return world.harness.wait_for(lambda: (d := document(collection, path))["status"] in ("ready", "failed") and d, 30, f"{path} to be indexed")


def link() -> tuple[str, dict[str, str]]:
    """Path and query of a citation's link."""
    parts = urlsplit(answer_tests.ask("docs").choices[0].message.annotations[0].url_citation.url)
    return parts.path, dict(parse_qsl(parts.query))


def opened(path: str, query: dict[str, str], **headers: str) -> tuple[int, dict[str, str], str]:
    """As a browser opens a link, without a key."""
    status, received, data = world.harness.Server.call(world.corbel, "GET", f"{path}?{urlencode(query)}", None, headers)
    return status, received, data.decode()


def a_link_opens_its_passage_without_a_key() -> None:
    path, query = link()
    status, headers, page = opened(path, query)
    assert status == 200 and headers["content-type"] == "text/html; charset=utf-8" and '<section id="cited" class="cited"' in page and "autovacuum launcher" in page, page
    assert "vacuum.md" in page and "version 1, the current one" in page and "Routine Vacuuming" in page
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy and "script" not in policy and "unsafe" not in policy and "<script" not in page
    assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "no-referrer" and headers["cache-control"].startswith("private")


def a_link_opens_nothing_else() -> None:
    path, query = link()
    other = path[:-1] + ("0" if path[-1] != "0" else "1")
    assert opened(other, query)[0] == 401
    for change in ({"from": str(int(query["from"]) + 1)}, {"tenant": "2"}, {"sig": "0" * 32}, {"sig": ""}, {"sig": query["sig"][:-1]}, {"tenant": "x"}):
        assert opened(path, {**query, **change})[0] == 401, change
    for name in ("sig", "tenant"):
        assert opened(path, {key: value for key, value in query.items() if key != name})[0] == 401, name
    for change in ({"count": "2"}, {"count": "0"}, {"from": "-1"}, {"from": "x"}):
        assert opened(path, {**query, **change})[0] in (400, 401), change


def a_key_opens_any_passage_of_its_documents() -> None:
    path, query = link()
    status, _, data = world.corbel.call("GET", f"{path}?from=0&count=3", None, {"accept": "application/json"})
    shown = json.loads(data)
    assert status == 200 and shown["object"] == "document.passages" and shown["path"] == "vacuum.md" and shown["version"] == 1 and shown["current"] is True
    assert [passage["passage"] for passage in shown["data"] if passage["cited"]] == list(range(min(3, shown["passages"])))
    assert call("GET", f"{path}?from=100000")[0] == 404 and call("GET", "/documents/ver_none")[0] == 404
    assert opened(path, {"from": query["from"]}, authorization="Bearer nonsense")[0] == 401


def a_page_shows_strangers_text_as_text() -> None:
    name = unique("hostile")
    text = "<script>alert(1)</script> & \"quoted\" 'text'"
    status, made = put(name, "<img src=x onerror=alert(2)>.txt", text)
    assert status == 201, made
    found = searchable(name, "<img src=x onerror=alert(2)>.txt")
    _, headers, page = world.corbel.call("GET", f"/documents/{found['version_id']}")
    assert b"<script" not in page and b"<img" not in page and b"&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;quoted&quot; &#39;text&#39;" in page, page
    assert headers["x-content-type-options"] == "nosniff"


def a_page_says_when_there_is_a_newer_version() -> None:
    name = unique("versions")
    assert put(name, "a/b.txt", "The first text, about marmots.")[0] == 201
    first = searchable(name, "a/b.txt")
    assert put(name, "a/b.txt", "The second text, about otters.")[1]["version"] == 2
    second = searchable(name, "a/b.txt")
    assert second["id"] == first["id"] and second["version_id"] != first["version_id"] and second["version"] == 2
    _, _, old = world.corbel.call("GET", f"/documents/{first['version_id']}")
    _, _, new = world.corbel.call("GET", f"/documents/{second['version_id']}")
    assert b"marmots" in old and b"not the current one" in old and b"otters" in new and b"the current one" in new and b"not the current one" not in new
    assert call("DELETE", f"/admin/v1/collections/{name}/documents/a/b.txt")[1]["id"] == second["id"]
    assert all(call("GET", f"/documents/{version['version_id']}")[0] == 404 for version in (first, second))


def the_same_bytes_again_change_nothing() -> None:
    name = unique("same")
    status, made = put(name, "x.txt", "some text")
    assert status == 201 and made["changed"] is True and made["version"] == 1 and made["document_id"]
    status, again = put(name, "x.txt", "some text")
    assert status == 200 and again["changed"] is False and again["version"] == 1 and again["document_id"] == made["document_id"]


def known_documents_need_not_be_sent() -> None:
    name = unique("known")
    digest = hashlib.sha256(b"some text").hexdigest()
    body = {"documents": [{"path": "x.txt", "sha256": digest}, {"path": "y.txt", "sha256": digest}, {"path": "x.txt", "sha256": "0" * 64}, {"path": "x.txt", "sha256": "z" * 64}]}
    assert call("POST", f"/admin/v1/collections/{name}/documents/known", body) == (200, {"known": [False] * 4})
    assert put(name, "x.txt", "some text")[0] == 201
    assert call("POST", f"/admin/v1/collections/{name}/documents/known", body) == (200, {"known": [True, False, False, False]})
    assert call("POST", f"/admin/v1/collections/{name}/documents/known", {"documents": [{"path": "x.txt"}]})[0] == 400


def a_broken_transfer_is_not_stored() -> None:
    name = unique("broken")
    status, error = put(name, "x.txt", "some text", sha256="0" * 64)
    assert status == 400 and error["error"]["param"] == "x-content-sha256"
    assert call("PUT", f"/admin/v1/collections/{name}/documents?path=x.txt", b"text")[0] == 400
    assert call("GET", f"/admin/v1/collections/{name}")[0] == 404


def a_bad_path_is_refused() -> None:
    name = unique("paths")
    for path in ("", "a\nb", "x" * 1025):
        assert put(name, path, "text")[0] == 400, path
    for raw in ("%ff.txt", "a%00b"):
        status, _ = call("PUT", f"/admin/v1/collections/{name}/documents?path={raw}", b"text", x_content_sha256=hashlib.sha256(b"text").hexdigest())
        assert status in (201, 400), (raw, status)
    assert call("GET", "/admin/v1/collections/%ff")[0] == 400


def first_uploads_at_once_make_one_collection() -> None:
    name = unique("at-once")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda i: put(name, f"{i}.txt", f"text number {i}"), range(16)))
    assert all(status == 201 for status, _ in made), made
    _, listed = call("GET", "/admin/v1/collections?limit=100")
    (own,) = [collection for collection in listed["data"] if collection["name"] == name]
    assert own["documents"] == 16 and call("GET", f"/admin/v1/collections/{name}")[1]["id"] == own["id"]


def documents_are_listed_by_state_and_page_by_page() -> None:
    name = unique("listed")
    for i in range(5):
        put(name, f"{i}.txt", f"text number {i}")
    put(name, "image.png", "\x00binary")
    for path in ("0.txt", "4.txt", "image.png"):
        searchable(name, path)
    base = f"/admin/v1/collections/{name}/documents"
    paths, after = [], ""
    while True:
        _, page = call("GET", f"{base}?limit=2&order=asc&after={after}")
        paths += [item["path"] for item in page["data"]]
        after = page["last_id"]
        if not page["has_more"]:
            break
    assert paths == [*(f"{i}.txt" for i in range(5)), "image.png"]
    _, failed = call("GET", f"{base}?status=failed")
    assert [item["path"] for item in failed["data"]] == ["image.png"] and failed["data"][0]["error_message"]
    assert call("GET", f"{base}?status=odd")[0] == 400
    status, deleted = call("DELETE", f"/admin/v1/collections/{name}")
    assert status == 200 and deleted["deleted"] and call("GET", base)[0] == 404


def search_explains_itself() -> None:
    store = world.make_store(unique("explain"), MANUAL)

    def explained(**more: object) -> dict[str, object]:
        status, page = call("POST", f"/v1/vector_stores/{store.id}/search", {"query": "autovacuum launcher", "explain": True, **more})
        assert status == 200, page
        return page

    page = explained(max_num_results=2)
    best = page["data"][0]
    assert best["explain"]["words_rank"] == 1 and best["explain"]["vector_rank"] == 1 and best["explain"]["version_id"] and best["explain"]["heading_path"], best
    assert len(page["data"]) == 2 and page["dropped"] and all(hit["explain"]["dropped"] for hit in page["dropped"]) and page["words_only"] is False and page["vectors_share"] == 1
    kept = {hit["filename"] for hit in explained(filters={"type": "eq", "key": "missing", "value": 1})["data"]}
    assert not kept
    words = explained(ranking_options={"hybrid_search": {"embedding_weight": 0, "text_weight": 1}})
    assert words["vector_weight"] == 0 and words["data"][0]["filename"] == "vacuum.md"
    several = explained(query=["autovacuum launcher", "pgbouncer port"], max_num_results=3)
    assert {"vacuum.md", "ports.csv"} <= {hit["filename"] for hit in several["data"]} and len(several["data"]) <= 3 and several["search_query"] == ["autovacuum launcher", "pgbouncer port"]
    status, error = call("POST", f"/v1/vector_stores/{store.id}/search", {"query": "x", "ranking_options": {"hybrid_search": {"embedding_weight": 0, "text_weight": 0}}})
    assert status == 400 and error["error"]["param"] == "ranking_options.hybrid_search"

