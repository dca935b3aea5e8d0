"""Upstreams that say what no service should: nothing of it may reach those it is not meant for."""

from __future__ import annotations

import concurrent.futures
import http.client
import json
import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
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


def long_responses_are_whole_for_who_stays_and_for_who_comes_back_and_one_that_is_too_long_fails() -> None:
    with harness.Mock() as mock, harness.Corbel(_going_on(mock)) as corbel:
        for size, status in ((14, "completed"), (26, "failed")):
            ask = {"model": "m", "input": f"[mock huge={size}]"}
            first, headers, said = _begun(corbel, "POST", "/v1/responses", {**ask, "stream": True})
            time.sleep(0.5)  # a client that is behind
            events = said(None)
            first.close()
            identity = headers["x-corbel-stream"]
            assert f"event: response.{status}\n".encode() in events[-60 << 20 :], events[-300:]
            again = corbel.call("GET", f"/v1/responses/{identity}?stream=true")
            assert again[0] == 200 and (again[2] == events or status == "failed"), (size, again[0], len(again[2]), len(events))
            background = json.loads(corbel.call("POST", "/v1/responses", {**ask, "background": True})[2])["id"]
            for one in (identity, background):
                harness.wait_for(lambda one=one: _response(corbel, one)["status"] not in ("queued", "in_progress"), 30, "its end")
                stored = _response(corbel, one)
                assert stored["status"] == status and corbel.call("GET", f"/v1/responses/{one}/input_items")[0] == 200, (size, stored["status"])
                if status == "completed":
                    assert len(stored["output"][0]["content"][0]["text"]) == size << 20
                else:
                    assert "longer than" in stored["error"]["message"], stored["error"]
            assert common.record(corbel, headers["x-request-id"])["outcome"] == ("ok" if status == "completed" else "error")


def _response(corbel: harness.Corbel, identity: str) -> Any:
    status, _, body = corbel.call("GET", f"/v1/responses/{identity}")
    assert status == 200, (status, body[:300])
    return json.loads(body)


def a_long_response_whose_server_was_killed_is_read_with_its_text_so_far() -> None:
    with tempfile.TemporaryDirectory() as place, harness.Mock() as mock:
        data = Path(place) / "data"
        with harness.Corbel(_going_on(mock), data=data) as first:
            identity = json.loads(first.call("POST", "/v1/responses", {"model": "m", "input": "[mock huge=16 stall=900]", "background": True})[2])["id"]
            database = sqlite3.connect(next(data.glob("*.db")))
            harness.wait_for(lambda: (database.execute("select sum(length(frames)) from response_event").fetchone()[0] or 0) > 14 << 20, 20, "its events")
            database.close()
            first.kill()
        with harness.Corbel(_going_on(mock), data=data) as second:
            lost = _response(second, identity)
            assert lost["status"] == "failed" and len(lost["output"][0]["content"][0]["text"]) > 13 << 20, lost["status"]
            status, _, events = second.call("GET", f"/v1/responses/{identity}?stream=true")
            assert status == 200 and b"event: response.failed\n" in events


def many_streams_that_say_much_at_once_are_all_kept() -> None:
    with harness.Mock() as mock, harness.Corbel(_going_on(mock)) as corbel:
        ask = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "[mock huge=1]"}]}
        with concurrent.futures.ThreadPoolExecutor(70) as pool:
            made = list(pool.map(lambda _: corbel.call("POST", "/v1/chat/completions", ask), range(70)))
        for status, headers, events in made:
            assert status == 200 and events.endswith(b"data: [DONE]\n\n") and len(events) > 1 << 20
            assert corbel.call("GET", f"/v1/chat/completions/{headers['x-corbel-stream']}?stream=true")[2] == events


def _usage(corbel: harness.Corbel, headers: dict[str, str]) -> dict[str, Any]:
    record = common.record(corbel, headers["x-request-id"])
    return {**record["usage"], "cost": record["cost_nanodollars"]}


def _counts(upstream: scripted.Scripted, **more: Any) -> dict[str, Any]:
    """Two models at a server that never says what was used; one of them over the Responses API."""
    price = {"input": 1000, "output": 2000, "web_search": 10}
    chats = {"name": "chats", "kind": "openai", "base_url": f"{upstream.url}/v1"}
    models = [{"name": name, "targets": [{"provider": name, "model": "gpt-4o", "price": price}], **more} for name in ("chats", "speaks")]
    return {"providers": [chats, {**chats, "name": "speaks", "apis": ["responses"]}, {**chats, "name": "copied"}], "models": models}


def _without_usage(path: str, _headers: dict[str, str], body: bytes) -> scripted.Answer:
    ask = json.loads(body)
    if path.endswith("/chat/completions"):
        return scripted.said({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [{"index": 0, "message": {"role": "assistant", "content": "ready"}, "finish_reason": "stop"}]})
    searches = [{"type": "web_search_call", "id": f"ws_{n}", "status": "completed", "action": {"type": "search", "query": "q"}} for n in range(3)]
    head = {"id": "resp_1", "object": "response", "created_at": 1, "model": "m", "status": "in_progress", "output": []}
    done = {**head, "status": "completed", "output": searches}
    if not ask.get("stream"):
        return scripted.said(done)
    events = [{"type": "response.created", "response": head}]
    events += [{"type": "response.output_item.done", "output_index": n, "item": item} for n, item in enumerate(searches)]
    return scripted.stream(*events, *([] if "break" in str(ask["input"]) else [{"type": "response.completed", "response": done}]), done=False)


def searches_in_the_web_are_paid_also_where_an_answer_has_no_usage_or_no_end() -> None:
    with scripted.Scripted(_without_usage) as upstream, harness.Corbel(_counts(upstream)) as corbel:
        for text, stream in (("whole", False), ("stream", True), ("break", True)):
            _, headers, body = corbel.call("POST", "/v1/responses", {"model": "speaks", "input": text, "stream": stream, "tools": [{"type": "web_search"}]})
            used = _usage(corbel, headers)
            assert used["web_searches"] == 3 and used["estimated"] and used["cost"] >= 3 * 10_000_000, (text, used, body[-300:])


def _tool(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "description": f"a tool that is described at some length, {name}", "parameters": {"type": "object", "properties": {}}}}


def tools_that_are_sent_are_counted_though_the_choice_bars_them() -> None:
    with scripted.Scripted(_without_usage) as upstream, harness.Corbel(_counts(upstream)) as corbel:
        tools = [_tool(name) for name in "abc"]
        choice = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "a"}}]}}
        used = [_usage(corbel, common.ask(corbel, "hi", "chats", **more)[1]) for more in ({"tools": tools}, {"tools": tools, "tool_choice": choice}, {"tools": tools[:1]})]
        assert all(one["estimated"] for one in used) and used[0]["input_tokens"] == used[1]["input_tokens"] > 2 * used[2]["input_tokens"] > 20, used


def what_a_shadow_read_is_counted_where_nobody_says_it() -> None:
    with scripted.Scripted(_without_usage) as upstream:
        shadow = {"provider": "copied", "model": "gpt-4o", "share": 1, "price": {"input": 1000, "output": 2000}}
        with harness.Corbel(_counts(upstream, shadow=shadow)) as corbel:
            for _ in range(2):  # the first reads the vocabulary
                _, headers, _ = common.ask(corbel, "some words that cost something", "chats", tools=[_tool("a")])
            own = _usage(corbel, headers)

            def cast() -> list[dict[str, Any]]:
                return [row for row in json.loads(corbel.call("GET", "/admin/v1/traces")[2])["data"] if row["operation"] == "shadow" and row["trace_id"] == headers["x-request-id"]]

            (row,) = harness.wait_for(cast, 10, "the shadow's record")
            assert (row["input_tokens"], row["output_tokens"]) == (own["input_tokens"], own["output_tokens"]) and row["tokens_estimated"], (row, own)
            assert row["cost_nanodollars"] == own["cost"] > row["input_tokens"] * 1_000_000 > 0, (row, own)


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
        said = answer.read() if until is None else b""
        while until and until not in said:
            line = answer.readline()
            if not line:
                return said
            said += line
        return said

    return connection, {name.lower(): value for name, value in answer.getheaders()}, read


TESTS = [
    searches_in_the_web_are_paid_also_where_an_answer_has_no_usage_or_no_end,
    tools_that_are_sent_are_counted_though_the_choice_bars_them,
    what_a_shadow_read_is_counted_where_nobody_says_it,
    long_responses_are_whole_for_who_stays_and_for_who_comes_back_and_one_that_is_too_long_fails,
    a_long_response_whose_server_was_killed_is_read_with_its_text_so_far,
    many_streams_that_say_much_at_once_are_all_kept,
    who_follows_a_stream_that_was_lost_while_the_database_stalled_gets_no_clean_end,
    a_key_is_hidden_wherever_a_provider_repeats_it,
    a_service_that_refuses_to_embed_is_waited_for_and_the_log_does_not_have_its_key,
    documents_are_embedded_by_a_service_whose_dimensions_nobody_has_said,
]
