"""Streams that go on when their client leaves: cut in the middle and taken up again by official clients, nothing lost and nothing doubled, also from a server that was killed."""

from __future__ import annotations

import concurrent.futures
import http.client
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import anthropic
import openai
import own_world
import world
from anthropic.types import RawMessageStreamEvent
from limit_tests import made, run
from openai.types.chat import ChatCompletionChunk
from world import raises, user

PACED = "one two 🙂 [mock pace=20 chunks=40]"
FOREVER = "[mock endless pace=20]"
CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"


def _body(path: str, text: str, model: str) -> dict[str, Any]:
    return {"model": model, "stream": True, "max_tokens": 100000, "messages": user(text)}


def _begin(path: str, text: str, model: str, corbel: Any = None, key: str = "") -> tuple[http.client.HTTPConnection, http.client.HTTPResponse, str]:
    """A stream by hand, with its id."""
    corbel = corbel or world.corbel
    connection = corbel.connect()
    headers = {"content-type": "application/json", "authorization": f"Bearer {key or corbel.key}"}
    connection.request("POST", path, json.dumps(_body(path, text, model)), headers)
    answer = connection.getresponse()
    assert answer.status == 200, answer.read()
    return connection, answer, answer.headers["x-corbel-stream"]


def _call(method: str, path: str, corbel: Any = None, key: str = "", **headers: str) -> tuple[int, dict[str, str], bytes]:
    """A request with a key of its own; on PostgreSQL only the first server has one on its disk."""
    corbel = corbel or world.corbel
    return world.harness.Server.call(corbel, method, path, headers={"authorization": f"Bearer {key or corbel.key}", **headers})


def _events(data: bytes) -> list[bytes]:
    *events, rest = data.split(b"\n\n")
    assert not rest, rest
    return [event for event in events if not event.startswith(b":")]


def _number(event: bytes) -> int:
    return int(event.split(b"id: ")[1].split(b"\n")[0])


def _left_after(count: int, path: str, text: str, model: str) -> tuple[str, list[bytes]]:
    """A stream whose client leaves after so many events; its id and those."""
    connection, answer, identity = _begin(path, text, model)
    seen: list[bytes] = []
    while len(seen) < count:
        event = b""
        while not event.endswith(b"\n\n"):
            event += answer.readline()
        seen.append(event[:-2])
    answer.close()
    connection.close()
    return identity, seen


def _where(path: str, identity: str) -> str:
    return f"{path}/{identity}" + ("/stream" if path == MESSAGES else "")


def _rest(path: str, identity: str, after: int | None = None, corbel: Any = None, key: str = "", status: int = 200) -> list[bytes]:
    got, _, data = _call("GET", _where(path, identity), corbel, key, accept="text/event-stream", **({} if after is None else {"last-event-id": str(after)}))
    assert got == status, (got, data)
    return _events(data) if status == 200 else [data]


WAYS = ((CHAT, "going-on", b"data: [DONE]"), (MESSAGES, "claude-going-on", b"event: message_stop"), (CHAT, "claude-going-on", b"data: [DONE]"), (MESSAGES, "going-on", b"event: message_stop"))


def a_stream_cut_in_the_middle_is_taken_up_without_an_event_lost_or_doubled() -> None:
    for path, model, end in WAYS:
        world.mock.reset()
        identity, seen = _left_after(9, path, PACED, model)
        rest = _rest(path, identity, _number(seen[-1]))
        assert [_number(event) for event in seen + rest] == list(range(len(seen) + len(rest))), path
        assert end in rest[-1] and len(rest) > 20
        uncut = _rest(path, identity)
        assert seen + rest == uncut, path
        assert _rest(path, identity, _number(rest[-1])) == []
        assert world.mock.wait_ended()["end"] == "answered" and len(world.mock.requests()) == 1, "one call upstream, and to its end"


def it_is_the_answer_that_a_client_which_stays_gets() -> None:
    connection, answer, identity = _begin(CHAT, PACED, "going-on")
    whole = _events(answer.read())
    connection.close()
    assert whole == _rest(CHAT, identity)
    plain = b"".join(chunk for chunk in world.client.chat.completions.with_raw_response.create(model="gpt-x", messages=user(PACED), stream=True).http_response.iter_bytes())
    text = [json.loads(event.split(b"data: ")[1])["choices"] for event in _events(plain)[:-1]]
    assert text == [json.loads(event.split(b"data: ")[1])["choices"] for event in whole[:-1]] and b"id: " not in plain


def openais_client_takes_a_chat_up_by_the_id_of_its_chunks() -> None:
    stream = world.client.chat.completions.create(model="going-on", messages=user(PACED), stream=True)
    seen = [chunk for chunk, _ in zip(stream, range(12))]
    stream.response.close()

    def resume(after: int) -> Any:
        options: Any = {"headers": {"Last-Event-ID": str(after)}, "params": {"stream": "true"}}
        return world.client.get(f"/chat/completions/{seen[0].id}", cast_to=ChatCompletionChunk, options=options, stream=True, stream_cls=openai.Stream[ChatCompletionChunk])

    rest = list(resume(len(seen) - 1))
    assert rest[-1].choices[0].finish_reason == "stop"
    assert [chunk.to_dict() for chunk in seen + rest] == [chunk.to_dict() for chunk in world.client.get(
        f"/chat/completions/{seen[0].id}", cast_to=ChatCompletionChunk, options={"params": {"stream": "true"}}, stream=True, stream_cls=openai.Stream[ChatCompletionChunk])]  # fmt: skip
    assert len(world.said(iter(seen + rest)).split()) == 40


def anthropics_client_takes_a_message_up() -> None:
    stream = world.claude.messages.create(model="claude-going-on", max_tokens=1000, messages=user(PACED), stream=True)
    first = [event for event, _ in zip(stream, range(9))]
    stream.response.close()
    options: Any = {"headers": {"accept": "application/json"}}  # as that client sends it by itself: the path says that it is a stream
    whole = list(world.claude.get(f"{MESSAGES}/{first[0].message.id}/stream", cast_to=RawMessageStreamEvent, options=options, stream=True, stream_cls=anthropic.Stream[RawMessageStreamEvent]))
    assert [event.to_dict() for event in whole[: len(first)]] == [event.to_dict() for event in first] and whole[-1].type == "message_stop"
    assert len("".join(event.delta.text for event in whole if event.type == "content_block_delta").split()) == 40


def a_response_is_streamed_again_though_it_is_not_in_the_background() -> None:
    with world.client.responses.create(model="going-on", input=PACED, stream=True) as stream:
        first = [event for event, _ in zip(stream, range(8))]
    identity = first[0].response.id
    assert world.client.responses.retrieve(identity).status == "in_progress"
    rest = list(world.client.responses.retrieve(identity, stream=True, starting_after=first[-1].sequence_number))
    assert [event.sequence_number for event in first + rest] == list(range(len(first) + len(rest))) and rest[-1].type == "response.completed"
    deltas = "".join(event.delta for event in first + rest if event.type == "response.output_text.delta")
    assert deltas == rest[-1].response.output_text == world.client.responses.retrieve(identity).output_text and len(deltas.split()) == 40
    assert world.client.responses.create(model="gpt-x", input="more", previous_response_id=identity).status == "completed"
    assert [event.to_dict() for event in world.client.responses.retrieve(identity, stream=True)] == [event.to_dict() for event in first + rest]


def a_response_that_is_not_to_be_stored_ends_with_its_client() -> None:
    world.mock.reset()
    stream = world.client.responses.create(model="going-on", input=FOREVER, stream=True, store=False)
    next(stream)
    assert "x-corbel-stream" not in stream.response.headers
    stream.response.close()
    assert world.mock.wait_ended()["end"] in ("peer-closed", "peer-reset")


def the_record_is_one_and_says_that_the_client_left() -> None:
    identity, _ = _left_after(5, CHAT, PACED, "going-on-priced")
    _rest(CHAT, identity)
    record = world.trace(identity)
    interaction = record["interaction"]
    assert interaction["outcome"] == "ok" and interaction["usage"]["output_tokens"] == 40 and interaction["cost_nanodollars"] > 0, interaction
    assert record["spans"][0]["attributes"]["corbel.client_left"] is True
    listed = json.loads(world.corbel.cli("trace", "ls", "--limit", "50", "--json").stdout)["data"]
    assert sum(record["request_id"] == identity for record in listed) == 1


def two_who_take_it_up_at_once_get_the_same() -> None:
    identity, seen = _left_after(3, CHAT, PACED, "going-on")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        several = list(pool.map(lambda after: _rest(CHAT, identity, after), (2, 2, 9, None)))
    assert several[0] == several[1] and seen + several[0] == several[3] and several[2] == several[0][7:]


def nobody_else_may_take_it_up() -> None:
    key, client = made("--scope", "model.use")
    identity, _ = _left_after(3, CHAT, PACED, "going-on")
    error = raises(openai.NotFoundError, lambda: client.get(f"/chat/completions/{identity}?stream=true", cast_to=object))
    assert error.code == "not_found" and "an hour" in error.message
    tenant = f"streams-{time.monotonic_ns()}"
    run("tenant", "create", tenant)
    stranger = run("key", "create", "--tenant", tenant)["key"]
    for path, model in ((CHAT, "going-on"), (MESSAGES, "claude-going-on")):
        identity, _ = _left_after(3, path, PACED, model)
        _rest(path, identity, key=stranger, status=404)
        assert len(_rest(path, identity)) > 30
    of_key, _, own = _begin(CHAT, PACED, "going-on", key=client.api_key)
    of_key.close()
    assert _rest(CHAT, own, key=client.api_key) == _rest(CHAT, own), "its own key may, and an admin"


def a_chat_of_the_same_name_hides_nobody_elses() -> None:
    _, client = made("--scope", "model.use")
    chat = f"chat-{time.monotonic_ns()}"
    for key, say in ((client.api_key, "first"), (world.corbel.key, "second")):
        body = {"id": chat, "model": "going-on", "messages": [{"id": "1", "role": "user", "parts": [{"type": "text", "text": f"{say} {PACED}"}]}]}
        connection = world.corbel.connect()
        connection.request("POST", "/v1/ai-sdk/chat", json.dumps(body), {"content-type": "application/json", "authorization": f"Bearer {key}"})
        assert connection.getresponse().readline().startswith(b"id: ")
        connection.close()
    texts = [_call("GET", f"/v1/ai-sdk/chat/{chat}/stream", key=key) for key in (client.api_key, world.corbel.key)]
    assert [status for status, _, _ in texts] == [200, 200], texts
    assert texts[0][2] != texts[1][2], "each gets the stream of its own"


def what_is_asked_wrongly_is_told_so() -> None:
    identity, _ = _left_after(2, CHAT, "hi", "going-on")
    call = world.corbel.call
    assert call("GET", f"{CHAT}/{identity}", headers={"accept": "text/event-stream", "last-event-id": "x"})[0] == 400
    status, _, body = call("GET", f"{CHAT}/{identity}")
    assert status == 400 and b"text/event-stream" in body
    status, _, body = call("GET", f"{MESSAGES}/none/stream", headers={"accept": "text/event-stream"})
    assert status == 404 and json.loads(body)["error"]["type"] == "not_found_error"


def a_stream_that_goes_on_can_be_cancelled() -> None:
    for path, model in ((CHAT, "going-on"), (MESSAGES, "claude-going-on")):
        world.mock.reset()
        identity, _ = _left_after(3, path, FOREVER, model)
        status, _, _ = world.corbel.call("POST", f"{path}/{identity}/cancel")
        assert status == 204
        assert world.mock.wait_ended()["end"] in ("peer-closed", "peer-reset")
        assert b"error" in _rest(path, identity)[-1]
        assert world.trace(identity)["interaction"]["outcome"] == "cancelled"
    with world.client.responses.create(model="going-on", input=FOREVER, stream=True) as stream:
        identity = next(stream).response.id
    assert world.client.responses.cancel(identity).status == "cancelled"


def an_answer_that_fails_ends_with_the_error_for_those_who_come_back() -> None:
    for path, model in ((CHAT, "going-on"), (MESSAGES, "claude-going-on")):
        identity, seen = _left_after(3, path, "a b c d e f [mock close=9 pace=40]", model)
        rest = _rest(path, identity, _number(seen[-1]))
        assert b'"error"' in rest[-1] and b"[DONE]" not in rest[-1] and _number(rest[-1]) == len(seen + rest) - 1
        assert world.trace(identity)["interaction"]["outcome"] == "error"


def more_than_may_be_kept_goes_to_a_client_that_stays_and_is_cut_for_one_that_comes_back() -> None:
    connection, answer, identity = _begin(CHAT, "[mock huge=20]", "going-on")
    whole = _events(answer.read())
    connection.close()
    assert whole[-1].endswith(b"data: [DONE]") and sum(map(len, whole)) > 20 << 20
    kept = _rest(CHAT, identity)
    assert sum(map(len, kept)) < 17 << 20 and b"longer than may be kept" in kept[-1]
    assert kept[:-1] == whole[: len(kept) - 1]
    world.mock.reset()
    identity, _ = _left_after(3, CHAT, "[mock endless]", "going-on")
    assert world.mock.wait_ended(30)["end"] in ("peer-closed", "peer-reset"), "past what may be kept it ends, since nobody is there"
    world.mock.reset()
    with world.client.responses.create(model="going-on", input="[mock endless]", stream=True) as stream:
        identity = next(stream).response.id
    assert world.mock.wait_ended(30)["end"] in ("peer-closed", "peer-reset")
    *_, last = world.client.responses.retrieve(identity, stream=True)
    assert last.type == "response.failed" and "longer than may be kept" in last.response.error.message, last.response.error


def _own_world(place: str) -> tuple[dict[str, Any], Path]:
    provider = {"name": "m", "kind": "openai", "base_url": f"{world.mock.url}/v1", "api_key": world.UPSTREAM_KEY}
    models = [{"name": "going-on", "on_disconnect": "continue", "targets": [{"provider": "m", "model": "gpt-x"}]}]
    return {**world.STORE, "providers": [provider], "models": models}, Path(place) / "data"


def after_a_kill_there_is_the_text_so_far_and_a_clear_end() -> None:
    with tempfile.TemporaryDirectory() as place:
        config, data = _own_world(place)
        first = world.harness.Corbel(config, data=data)
        key = first.key if not world.STORE else world.corbel.key
        begun = []
        for path in (CHAT, MESSAGES):
            connection, answer, identity = _begin(path, "[mock chunks=2000 pace=20]", "going-on", first, key)
            read = answer.read(6000)
            begun.append((path, identity, _events(read[: read.rindex(b"\n\n") + 2]), connection))
        client = openai.OpenAI(base_url=f"{first.url}/v1", api_key=key, max_retries=0, timeout=30)
        stream = client.responses.create(model="going-on", input="[mock chunks=2000 pace=20]", stream=True)
        heard = [next(stream) for _ in range(20)]
        time.sleep(0.5)  # so that what was heard is stored
        first.kill()
        with world.harness.Corbel(config, data=data) as second:
            for path, identity, seen, _ in begun:
                rest = _rest(path, identity, _number(seen[-1]), second, key)
                numbers = [_number(event) for event in seen + rest]
                assert numbers == list(range(len(numbers))) and len(rest) > 3, numbers
                assert b"ended before the answer was complete" in rest[-1] and b"[DONE]" not in rest[-1]
                assert seen + rest == _rest(path, identity, None, second, key)
                for number in (numbers[-1] - 1, numbers[-1], numbers[-1] + 1, 10_000):
                    assert _rest(path, identity, number, second, key) == rest[-1:], (number, "who had more than was stored is told, too")
            client = openai.OpenAI(base_url=f"{second.url}/v1", api_key=key, max_retries=0, timeout=30)
            rest = list(client.responses.retrieve(heard[0].response.id, stream=True, starting_after=heard[-1].sequence_number))
            assert rest[-1].type == "response.failed" and rest[-1].response.output_text.startswith("You said:")
            assert [event.sequence_number for event in heard + rest] == list(range(len(heard + rest)))
            assert client.responses.retrieve(heard[0].response.id).status == "failed"
            for number in (rest[-1].sequence_number, rest[-1].sequence_number + 1, 10_000):
                assert list(client.responses.retrieve(heard[0].response.id, stream=True, starting_after=number)) == rest[-1:], (number, "who had more than was stored is told, too")


def _json(corbel: Any, *arguments: str) -> Any:
    done = corbel.cli(*arguments, "--json")
    assert done.returncode == 0, (arguments, done.stderr)
    return json.loads(done.stdout)


def an_answer_whose_server_was_killed_has_its_record_and_is_charged_once() -> None:
    with tempfile.TemporaryDirectory() as place, own_world.store() as store:
        config, data = _own_world(place)
        target = {"provider": "m", "model": "gpt-x", "price": world.DEAR}
        config = {**config, **store, "models": [{"name": "going-on", "on_disconnect": "continue", "capture": "full", "targets": [target]}]}
        config["access"] = {"admin_key": own_world.Node.key}
        first = own_world.Node(config, data=data)
        made = _json(first, "key", "create", "--name", "left")
        budget = _json(first, "budget", "create", "enough", "--amount", "1000", "--key-id", made["id"])["id"]
        ids = []
        open_ones = []
        for path in (CHAT, MESSAGES):
            connection, answer, identity = _begin(path, "[mock chunks=2000 pace=20]", "going-on", first, made["key"])
            answer.read(6000)
            ids.append(identity)
            open_ones.append(connection)
        client = openai.OpenAI(base_url=f"{first.url}/v1", api_key=made["key"], max_retries=0, timeout=30)
        stream = client.responses.create(model="going-on", input="[mock chunks=2000 pace=20]", stream=True)
        ids.append([next(stream) for _ in range(40)][0].response.id)
        ids.append(client.responses.create(model="going-on", input="[mock chunks=2000 pace=20]", background=True).id)
        time.sleep(1)
        first.kill()
        totals = []
        for _ in range(2):
            with own_world.Node(config, data=data) as corbel:
                for identity in ids:
                    url = f"/admin/v1/traces/{identity}"
                    world.harness.wait_for(lambda: corbel.call("GET", url)[0] == 200, 40, f"the record of {identity}")
                    whole = json.loads(corbel.call("GET", url)[2])
                    record = whole["interaction"]
                    assert (record["outcome"], record["key_id"], record["target_model"], record["provider"]) == ("error", made["id"], "gpt-x", "m"), record
                    assert record["usage"]["estimated"] and 10 < record["usage"]["output_tokens"] < 500 and record["usage"]["input_tokens"] > 3, record
                    assert record["cost_nanodollars"] == record["usage"]["input_tokens"] * 1_000_000 + record["usage"]["output_tokens"] * 2_000_000, record
                    assert "ended before the answer was complete" in json.dumps(whole) and "You said:" in json.dumps(record["messages"]), whole
                report = _json(corbel, "usage", "report", "--by", "key")["data"]
                (charged,) = [row["amount_nanodollars"] for row in report if row["group"] == made["id"]]
                spent = _json(corbel, "budget", "show", budget)["current"]["spent_nanodollars"]
                assert charged == spent == sum(json.loads(corbel.call("GET", f"/admin/v1/traces/{identity}")[2])["interaction"]["cost_nanodollars"] for identity in ids)
                assert corbel.cli("verify").returncode == 0, corbel.cli("verify").stdout
                totals.append((charged, _json(corbel, "verify")["interactions"]))
                corbel.kill()
        assert totals[0] == totals[1] and totals[0][1] == 4, totals


def a_server_that_is_stopped_does_not_wait_for_those_who_left() -> None:
    with tempfile.TemporaryDirectory() as place:
        config, data = _own_world(place)
        first = world.harness.Corbel(config, data=data)
        key = first.key if not world.STORE else world.corbel.key
        connection, answer, identity = _begin(CHAT, FOREVER, "going-on", first, key)
        answer.read(2000)
        answer.close()
        connection.close()
        began = time.monotonic()
        assert first.stop() == 0 and time.monotonic() - began < 5
        with world.harness.Corbel(config, data=data) as second:
            events = _rest(CHAT, identity, None, second, key)
            assert len(events) > 3 and b"stopped before the answer was complete" in events[-1], events[-1]


def another_node_follows_it_live() -> None:
    if not world.STORE:
        return  # SQLite has one
    with tempfile.TemporaryDirectory() as place:
        config, data = _own_world(place)
        with world.harness.Corbel(config, data=data) as other:
            identity, seen = _left_after(5, CHAT, PACED, "going-on")
            began = time.monotonic()
            rest = _rest(CHAT, identity, _number(seen[-1]), other, world.corbel.key)
            assert time.monotonic() - began > 0.3, "it was still in the making"
            assert rest[-1].endswith(b"data: [DONE]") and seen + rest == _rest(CHAT, identity)
            identity, _ = _left_after(3, CHAT, FOREVER, "going-on")
            assert _call("POST", f"{CHAT}/{identity}/cancel", other, world.corbel.key)[0] == 204
            assert b"cancelled" in _rest(CHAT, identity)[-1], "and ends it"
