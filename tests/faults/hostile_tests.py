"""Upstreams that say what no service should: nothing of it may reach those it is not meant for."""

from __future__ import annotations

import http.client
import json
import sqlite3
import time
from collections.abc import Callable
from typing import Any

import common
import harness
import scripted

SECRET = "sk-0123456789abcdefghij"


def _leaks(corbel: harness.Corbel, answer: tuple[int, dict[str, str], bytes]) -> None:
    """The answer is an error without the secret, and so is its record."""
    status, headers, body = answer
    assert status >= 400 and SECRET[:8].encode() not in body and b"(hidden)" in body, (status, body)
    trace = corbel.call("GET", f"/admin/v1/traces/{headers['x-request-id']}")[2]
    assert SECRET[:8].encode() not in trace, trace


def a_key_is_hidden_wherever_a_provider_repeats_it() -> None:
    def refuse(_path: str, headers: dict[str, str], _body: bytes) -> scripted.Answer:
        key = headers.get("authorization", "").removeprefix("Bearer ") or headers["x-api-key"]
        error = {"type": key, "message": "x" * 1000 + key, "param": key, "code": f"{key}_is_wrong", "details": {"error_code": key}}
        return scripted.said({"type": "error", "error": error, "message": key}, 400)

    with scripted.Scripted(refuse) as upstream:
        openai = {"name": "main", "kind": "openai", "base_url": f"{upstream.url}/v1", "api_key": SECRET, "apis": ["responses", "embeddings"]}
        claude = {"name": "claude", "kind": "anthropic", "base_url": upstream.url, "api_key": SECRET}
        models = [{"name": name, "targets": [{"provider": provider, "model": name}], "capture": "full"} for name, provider in (("gpt-x", "main"), ("claude-x", "claude"))]
        embeds = {"name": "embeds", "type": "embeddings", "targets": [{"provider": "main", "model": "e"}]}
        with harness.Corbel({"providers": [openai, claude], "models": [*models, embeds]}) as corbel:
            for model in ("gpt-x", "claude-x"):
                for stream in (False, True):
                    _leaks(corbel, common.ask(corbel, "hello", model, stream=stream))
                _leaks(corbel, corbel.call("POST", "/v1/responses", {"model": model, "input": "hello"}))
                _leaks(corbel, corbel.call("POST", "/v1/messages", {"model": model, "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}))
            _leaks(corbel, corbel.call("POST", "/v1/embeddings", {"model": "embeds", "input": "hello"}))
            counted = corbel.call("POST", "/v1/messages/count_tokens", {"model": "claude-x", "messages": [{"role": "user", "content": "hi"}]})
            assert counted[0] == 400 and SECRET[:8].encode() not in counted[2], counted
            tried = corbel.call("POST", "/admin/v1/providers/test", {"provider": "main", "model": "gpt-x"})
            assert SECRET[:8].encode() not in tried[2] and b"hidden" in tried[2], tried
            assert SECRET[:8] not in corbel.errors(), corbel.errors()


def _embeds(answer: Callable[[str, dict[str, str], bytes], scripted.Answer], until: Callable[[harness.Corbel], Any]) -> None:
    """One document in a server that has its vectors from a service which was not asked anything yet."""
    with scripted.Scripted(answer) as upstream:
        provider = {"name": "main", "kind": "openai", "base_url": f"{upstream.url}/v1", "api_key": SECRET}
        with harness.Corbel({"providers": [provider], "embeddings": {"provider": "main", "model": "e"}}) as corbel:
            (corbel.data / "a.md").write_text("# Words\n\nSome of them.\n")
            assert corbel.cli("ingest", "--collection", "c", corbel.data / "a.md").returncode == 0
            harness.wait_for(lambda: until(corbel), 10, "what the service leads to")
            common.alive(corbel)


def a_service_that_refuses_to_embed_is_waited_for_and_the_log_does_not_have_its_key() -> None:
    def refuse(_path: str, headers: dict[str, str], _body: bytes) -> scripted.Answer:
        return scripted.said({"error": {"message": f"{headers['authorization']} is wrong"}}, 401)

    def said(corbel: harness.Corbel) -> bool:
        assert SECRET[:8] not in corbel.errors(), corbel.errors()
        return "401" in corbel.errors() and "(hidden)" in corbel.errors()

    _embeds(refuse, said)


def documents_are_embedded_by_a_service_whose_dimensions_nobody_has_said() -> None:
    def vectors(_path: str, _headers: dict[str, str], body: bytes) -> scripted.Answer:
        texts = json.loads(body)["input"]
        return scripted.said({"data": [{"index": index, "embedding": [0.6, 0.8, 0]} for index in range(len(texts))], "usage": {"prompt_tokens": 1}})

    _embeds(vectors, lambda corbel: json.loads(corbel.cli("document", "ls", "--json", "c").stdout)["data"][0]["chunks_embedded"] == 1)


def who_follows_a_stream_that_was_lost_while_the_database_stalled_gets_no_clean_end() -> None:
    """A second reader has more in memory than the rows ever got: the record could not be committed, and the lease is over when it could be again."""
    with harness.Mock() as mock, harness.Corbel(_going_on(mock)) as corbel:
        first, headers, said = _begun(corbel, "POST", "/v1/chat/completions", {"model": "m", "stream": True, "messages": [{"role": "user", "content": "[mock chunks=100 pace=20]"}]})
        said(b"data: ")
        second, _, heard = _begun(corbel, "GET", f"/v1/chat/completions/{headers['x-corbel-stream']}?stream=true")
        database = sqlite3.connect(next(corbel.data.glob("*.db")), timeout=20, isolation_level=None)
        heard(b"data: ")
        database.execute("begin immediate")
        assert database.execute("update answer_stream set lease_until_us = 1 where ended_us = 0").rowcount == 1
        whole = said(None)
        assert b"[DONE]" not in whole and b'"error"' in whole, whole[-300:]
        time.sleep(1.5)  # and neither can what was said, which is written beside it
        database.execute("commit")
        lost = heard(None)
        assert lost.count(b"data: ") > 50 and b"[DONE]" not in lost and b"ended before the answer was complete" in lost[-600:], lost[-600:]
        first.close()
        second.close()


def _going_on(mock: harness.Mock) -> dict[str, Any]:
    provider = {"name": "main", "kind": "openai", "base_url": f"{mock.url}/v1"}
    return {"providers": [provider], "models": [{"name": "m", "on_disconnect": "continue", "targets": [{"provider": "main", "model": "gpt-x"}]}]}


def _begun(corbel: harness.Corbel, method: str, path: str, body: Any = None) -> tuple[http.client.HTTPConnection, dict[str, str], Callable[[bytes | None], bytes]]:
    """A request on its way: its connection, the answer's headers, and what reads up to a line with this in it, or to the end."""
    connection = corbel.connect()
    connection.request(method, path, body and json.dumps(body), {"content-type": "application/json", "authorization": f"Bearer {corbel.key}"})
    answer = connection.getresponse()
    assert answer.status == 200, answer.read()

    def read(until: bytes | None) -> bytes:
        said = b""
        while until is None or until not in said:
            line = answer.readline()
            if not line:
                return said
            said += line
        return said

    return connection, {name.lower(): value for name, value in answer.getheaders()}, read


TESTS = [
    who_follows_a_stream_that_was_lost_while_the_database_stalled_gets_no_clean_end,
    a_key_is_hidden_wherever_a_provider_repeats_it,
    a_service_that_refuses_to_embed_is_waited_for_and_the_log_does_not_have_its_key,
    documents_are_embedded_by_a_service_whose_dimensions_nobody_has_said,
]
