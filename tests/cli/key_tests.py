"""The life of a key, and how client commands find server and key."""

from __future__ import annotations

import http.server
import json
import os
import re
import sqlite3
import subprocess
import threading
import time
from pathlib import Path

from common import corbel, directory, expect
from harness import Corbel, Server, program, wait_for


def status_with(server: Corbel, key: str, path: str = "/v1/models") -> int:
    return Server.call(server, "GET", path, headers={"authorization": f"Bearer {key}"})[0]


def created(server: Corbel, *options: str) -> tuple[str, str]:
    """A new key's id and secret."""
    done = server.cli("key", "create", "--json", *options)
    expect(done, 0)
    made = json.loads(done.stdout)
    return made["id"], made["key"]


def a_key_is_made_used_listed_and_revoked() -> None:
    with Corbel({}) as server:
        done = server.cli("key", "create", "--name", "my app")
        expect(done, 0)
        secret = done.stdout.strip()
        assert re.fullmatch(r"cb_[0-9A-Za-z]{49}", secret), done.stdout
        assert status_with(server, secret) == 200
        listed = json.loads(server.cli("key", "ls", "--json").stdout)["data"]
        assert [key["name"] for key in listed] == ["my app", "admin"]
        assert listed[0]["scopes"] == ["model.use", "knowledge.read"] and secret.startswith(listed[0]["prefix"])
        assert secret not in json.dumps(listed)
        expect(server.cli("key", "ls"), 0, "my app", listed[0]["id"], "valid")
        expect(server.cli("key", "revoke", listed[0]["id"]), 0, "revoked")
        assert status_with(server, secret) == 401
        expect(server.cli("key", "ls"), 0, "revoked")
        expect(server.cli("key", "revoke", listed[0]["id"]), 1, "no valid key")


def a_mark_that_comes_later_says_what_it_does_not_hold_for() -> None:
    with Corbel({}) as server:
        key, _ = created(server)
        expect(server.cli("team", "create", "search"), 0)
        for thing, name in (("key", key), ("team", "search")):
            done = server.cli(thing, "update", name, "--local-only", "yes")
            assert done.returncode == 0 and "what was uploaded before is not marked" in done.stderr, done
            done = server.cli(thing, "update", name, "--local-only", "no")
            assert done.returncode == 0 and not done.stderr, done
        for name, mark in (("open", "no"), ("bound", "yes")):
            expect(server.cli("collection", "update", name, "--local-only", mark), 0)
        header, *rows = server.cli("collection", "ls").stdout.splitlines()
        column = header.index("LOCAL ONLY")
        assert {row.split()[0]: row[column:].split()[0] for row in rows} == {"open": "-", "bound": "yes"}, rows
        listed = json.loads(server.cli("collection", "ls", "--json").stdout)["data"]
        assert {item["name"]: item["local_only"] for item in listed} == {"open": False, "bound": True}, listed


def a_secret_is_nowhere_in_the_database() -> None:
    with Corbel({}) as server:
        _, secret = created(server, "--name", "hidden")
        server.stop()
        for file in server.data.iterdir():
            if file.name != "admin.key":
                assert secret[12:].encode() not in file.read_bytes(), file
        with sqlite3.connect(server.data / "corbel.db") as database:
            assert database.execute("select count(*) from access_key").fetchone() == (2,)


def a_name_cannot_play_with_the_terminal() -> None:
    wild = "one\ntwo\tthree\x1b[2J\x7f\u009b31m\u0085end\rover"
    with Corbel({}) as server:
        status, _, body = server.call("POST", "/admin/v1/keys", {"name": wild, "scopes": ["model.use"]})
        assert status in (200, 201), body
        done = subprocess.run([program("corbel"), "key", "ls"], env={**os.environ, "CORBEL_URL": server.url, "CORBEL_KEY": server.key}, capture_output=True, check=True)
        (row,) = (line for line in done.stdout.split(b"\n") if b"three" in line)
        assert b"one two three[2J31mend over" in row and len(done.stdout.strip().split(b"\n")) == 3, done.stdout
        assert not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]", done.stdout), done.stdout
        done = subprocess.run([program("corbel"), "key", "ls", "--json"], env={**os.environ, "CORBEL_URL": server.url, "CORBEL_KEY": server.key}, capture_output=True, check=True)
        assert not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]", done.stdout), done.stdout
        assert json.loads(done.stdout)["data"][0]["name"] == wild


def scopes_are_enforced() -> None:
    with Corbel({}) as server:
        _, reader = created(server, "--scope", "trace.read")
        assert status_with(server, reader, "/admin/v1/traces") == 200
        assert status_with(server, reader, "/admin/v1/keys") == 403
        assert status_with(server, reader, "/v1/models") == 403
        expect(corbel("key", "ls", "--url", server.url, "--key", reader), 4, '"admin"')
        expect(server.cli("key", "create", "--scope", "everything"), 1, "scopes")


def a_key_expires() -> None:
    with Corbel({}) as server:
        _, secret = created(server, "--expires", "3s")
        assert status_with(server, secret) == 200
        wait_for(lambda: status_with(server, secret) == 401, 6, "the key to expire")
        expect(server.cli("key", "create", "--expires", "soon"), 2, "expected a duration")
        expect(server.cli("key", "ls"), 0, "expired")


def a_revoked_key_stays_revoked_after_a_restart() -> None:
    with directory() as path:
        with Corbel({}, data=Path(path)) as server:
            identifier, secret = created(server)
            _, kept = created(server)
            expect(server.cli("key", "revoke", identifier), 0)
            server.kill()
        with Corbel({}, data=Path(path)) as server:
            assert status_with(server, secret) == 401 and status_with(server, kept) == 200


def revoking_takes_effect_within_a_second_under_load() -> None:
    with Corbel({}) as server:
        identifier, secret = created(server)
        ended: list[float] = []

        def use() -> None:
            while status_with(server, secret) == 200:
                pass
            ended.append(time.monotonic())

        users = [threading.Thread(target=use) for _ in range(4)]
        for user in users:
            user.start()
        time.sleep(0.2)
        assert not ended
        expect(server.cli("key", "revoke", identifier), 0)
        revoked = time.monotonic()
        for user in users:
            user.join(5)
        assert len(ended) == 4 and max(ended) - revoked < 1, [at - revoked for at in ended]


def a_client_finds_server_and_key_by_the_data_directory() -> None:
    with Corbel({}) as server:
        expect(corbel("key", "ls", "--data", server.data), 0, "admin")
        expect(corbel("key", "ls", env={"CORBEL_DATA": str(server.data)}), 0, "admin")
        expect(corbel("key", "ls", "--url", server.url), 4, "give a key with --key or CORBEL_KEY")
        expect(corbel("key", "ls", env={"CORBEL_URL": server.url, "CORBEL_KEY": server.key}), 0, "admin")
        expect(corbel("key", "ls", "--url", server.url, "--key", server.key[:-1] + "!"), 4, "mistyped")


def the_key_of_the_data_directory_is_sent_to_this_machine_only() -> None:
    seen: list[str | None] = []

    class Stranger(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # noqa: N802 - the name is the library's
            seen.append(self.headers.get("authorization"))
            self.send_error(401)

        def log_message(self, *_: object) -> None:
            pass

    stranger = http.server.HTTPServer(("127.0.0.2", 0), Stranger)  # not one of this machine's usual names
    threading.Thread(target=stranger.serve_forever, daemon=True).start()
    try:
        with Corbel({}) as server:
            url = f"http://127.0.0.2:{stranger.server_port}"
            expect(corbel("key", "ls", "--data", server.data, "--url", url), 4, "for a server on this machine only")
            assert seen == [None]
    finally:
        stranger.shutdown()
        stranger.server_close()


def a_server_that_is_not_there_ends_with_3() -> None:
    expect(corbel("trace", "ls", "--url", "http://127.0.0.1:9", "--key", "x"), 3, "http://127.0.0.1:9 does not answer")


def a_backup_made_while_serving_starts_as_a_server_of_its_own() -> None:
    with Corbel({}) as server, directory() as path:
        _, secret = created(server, "--name", "in the copy")
        copy = Path(path) / "data" / "corbel.db"
        copy.parent.mkdir()
        expect(server.cli("backup", str(copy)), 0, str(copy))
        expect(server.cli("backup", str(copy)), 1)
        _, later = created(server, "--name", "after the copy")
        with Corbel({}, data=copy.parent) as restored:
            assert status_with(restored, secret) == 200
            assert status_with(restored, later) == 401


def two_nodes_on_one_database_share_keys_and_what_happens_to_them() -> None:
    server = os.environ.get("CORBEL_TEST_POSTGRES")
    assert server, "run by suite.sh, which starts a PostgreSQL"
    name = f"corbel_cli_{os.getpid()}"
    store = {"store": {"url": f"postgres:{server} dbname={name}"}}
    subprocess.run(["psql", server, "-qc", f"create database {name}"], check=True)
    try:
        with Corbel(store) as one, Corbel(store) as two:
            assert not (two.data / "admin.key").exists(), "the first node made the one admin key"
            identifier, secret = created(one)
            wait_for(lambda: status_with(two, secret) == 200, 1, "the key on the other node")
            expect(one.cli("key", "revoke", identifier), 0)
            wait_for(lambda: status_with(two, secret) == 401, 1, "the key's end on the other node")
            assert status_with(two, one.key) == 200
            expect(one.cli("backup", "/tmp/never"), 1, "pg_dump")
    finally:
        subprocess.run(["psql", server, "-qc", f"drop database {name} with (force)"], check=True)


TESTS = [
    two_nodes_on_one_database_share_keys_and_what_happens_to_them,
    a_key_is_made_used_listed_and_revoked,
    a_name_cannot_play_with_the_terminal,
    a_secret_is_nowhere_in_the_database,
    scopes_are_enforced,
    a_key_expires,
    a_revoked_key_stays_revoked_after_a_restart,
    revoking_takes_effect_within_a_second_under_load,
    a_client_finds_server_and_key_by_the_data_directory,
    the_key_of_the_data_directory_is_sent_to_this_machine_only,
    a_server_that_is_not_there_ends_with_3,
    a_backup_made_while_serving_starts_as_a_server_of_its_own,
]
