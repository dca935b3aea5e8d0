"""Files: what is acknowledged is there, whole, until it is deleted."""

from __future__ import annotations

import json
import os

import openai
import world
from world import raises, unique


def upload(name: str, data: bytes, purpose: str = "assistants", **more: object) -> openai.types.FileObject:
    return world.client.files.create(file=(name, data), purpose=purpose, **more)


def a_file_comes_back_as_it_was() -> None:
    data = os.urandom(300_000) + "é🙂\r\n--boundary--\r\n".encode()
    made = upload("räksmörgås file.bin", data)
    assert made.object == "file" and made.bytes == len(data) and made.filename == "räksmörgås file.bin" and made.purpose == "assistants"
    assert made.status in ("uploaded", "processed")
    assert world.client.files.content(made.id).read() == data and world.client.files.retrieve(made.id) == made


def an_empty_name_or_no_file_is_a_bad_request() -> None:
    raises(openai.BadRequestError, lambda: upload("", b"x"))
    for body in ({}, {"purpose": "assistants"}):
        raises(openai.BadRequestError, lambda: world.client.post("/files", body=body, cast_to=object))


def a_file_needs_a_known_purpose() -> None:
    assert raises(openai.BadRequestError, lambda: upload("x.txt", b"x", purpose="mischief")).param == "purpose"


def multipart_bodies_are_read_strictly() -> None:
    part = b'--b\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nassistants\r\n'
    file = b'--b\r\ncontent-disposition: form-data; name="file"; filename="f.txt"\r\n\r\nhello\r\n'
    kind = {"content-type": "multipart/form-data; boundary=b"}
    status, _, data = world.corbel.call("POST", "/v1/files", part + file + b"--b--\r\n", kind)
    assert status == 200 and json.loads(data)["bytes"] == 5, data
    status, _, data = world.corbel.call("POST", "/v1/files", file + part + b"--b--\r\n", kind)
    assert status == 200 and json.loads(data)["bytes"] == 5, data
    for body in (part + file, part + file + b"--b", b"", b"--b--\r\n", file + b"--b--\r\n", part + file.replace(b"\r\n\r\n", b"\r\n") + b"--b--\r\n", b"x" * 100_000):
        status, _, data = world.corbel.call("POST", "/v1/files", body, kind)
        assert status == 400 and json.loads(data)["error"]["type"] == "invalid_request_error", (body[:80], status, data)
    for kind_value in ("multipart/form-data", "multipart/form-data; boundary=", "text/plain", "application/json"):
        status, _, data = world.corbel.call("POST", "/v1/files", part + file + b"--b--\r\n", {"content-type": kind_value})
        assert status == 400, (kind_value, status, data)


def an_empty_file_is_kept_or_refused_but_not_lost() -> None:
    try:
        made = upload("empty.txt", b"")
    except openai.BadRequestError:
        return
    assert world.client.files.content(made.id).read() == b""


def files_are_listed_page_by_page() -> None:
    made = [upload(unique("page") + ".txt", b"x").id for _ in range(7)]
    listed = [file.id for file in world.client.files.list(limit=3)]  # iterating goes through all pages
    assert listed[:7] == made[::-1] and len(listed) == len(set(listed))
    first = world.client.files.list(limit=3, order="asc")
    assert len(first.data) == 3 and first.has_more and first.data[0].created_at <= first.data[-1].created_at
    assert [file.id for file in world.client.files.list(limit=2, after=made[5])][:2] == [made[4], made[3]]
    assert all(file.purpose == "user_data" for file in world.client.files.list(purpose="user_data"))


def a_wrong_page_is_a_bad_request() -> None:
    for query in ({"limit": 0}, {"limit": "many"}, {"order": "sideways"}):
        raises(openai.BadRequestError, lambda: world.client.get("/files", cast_to=object, options={"params": query}))


def a_deleted_file_is_gone() -> None:
    made = upload("gone.txt", b"bye")
    deleted = world.client.files.delete(made.id)
    assert deleted.deleted and deleted.id == made.id and deleted.object == "file"
    raises(openai.NotFoundError, lambda: world.client.files.retrieve(made.id))
    raises(openai.NotFoundError, lambda: world.client.files.content(made.id))
    raises(openai.NotFoundError, lambda: world.client.files.delete(made.id))
    assert made.id not in [file.id for file in world.client.files.list(limit=100)]


def an_unknown_file_is_not_found() -> None:
    for identity in ("file-doesnotexist", "x" * 300, "%00", "..%2f..%2fetc%2fpasswd"):
        status, _, data = world.corbel.call("GET", f"/v1/files/{identity}")
        assert status in (400, 404) and json.loads(data)["error"]["message"], (identity, status, data)
