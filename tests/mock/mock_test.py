#!/usr/bin/env python3
"""The wires, the faults and the record of mock-upstream, and the figures of load-gen, over plain sockets."""

from __future__ import annotations

import base64
import gzip
import http.client
import json
import math
import socket
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
import harness  # noqa: E402

CHAT, MESSAGES, EMBEDDINGS = "/v1/chat/completions", "/v1/messages", "/v1/embeddings"
mock: harness.Mock


def chat(text: str = "Hello there", **more: Any) -> dict[str, Any]:
    return {"model": "gpt-x", "messages": [{"role": "user", "content": text}], **more}


def message(text: str = "Hello there", **more: Any) -> dict[str, Any]:
    return chat(text, **{"model": "claude-x", "max_tokens": 100, **more})


def ask(body: Any, path: str = CHAT) -> Any:
    """A request that is answered with 200 and JSON."""
    status, headers, data = mock.call("POST", path, body)
    assert status == 200, (status, data)
    assert headers["content-type"] == "application/json", headers
    return json.loads(data)


def stream(body: Any, path: str = CHAT) -> list[str]:
    """The events of a stream, each without its blank line."""
    status, headers, data = mock.call("POST", path, {**body, "stream": True})
    assert status == 200, (status, data)
    assert headers["content-type"].startswith("text/event-stream"), headers
    assert data.endswith(b"\n\n"), data[-80:]
    return data.decode().removesuffix("\n\n").split("\n\n")


def chunks(events: list[str]) -> list[Any]:
    """The JSON of OpenAI events, without [DONE]."""
    return [json.loads(event.removeprefix("data: ")) for event in events if event != "data: [DONE]"]


def text_of(events: list[str]) -> str:
    return "".join(choice["delta"].get("content") or "" for chunk in chunks(events) for choice in chunk["choices"])


def raw(body: Any, path: str = CHAT) -> socket.socket:
    """A connection on which a request has been sent."""
    data = json.dumps(body).encode()
    connection = mock.connect()
    connection.connect()
    assert connection.sock
    connection.sock.sendall(b"POST %s HTTP/1.1\r\nhost: m\r\ncontent-length: %d\r\n\r\n%s" % (path.encode(), len(data), data))
    sock = connection.sock
    connection.sock = None  # so that it outlives the connection object
    return sock


def read_all(sock: socket.socket) -> tuple[bytes, bool]:
    """What arrives until the end, and whether that was a reset."""
    data = b""
    while True:
        try:
            got = sock.recv(65536)
        except ConnectionResetError:
            return data, True
        if not got:
            return data, False
        data += got


def raises(kind: type[BaseException], call: Any) -> BaseException:
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


# OpenAI's wire


def a_plain_answer_echoes_the_last_user_message() -> None:
    answer = ask({"model": "m", "messages": [{"role": "user", "content": "one"}, {"role": "assistant", "content": "x"}, {"role": "user", "content": 'two "é"\n'}]})
    assert answer["choices"][0]["message"] == {"role": "assistant", "content": 'You said: two "é"\n', "refusal": None, "annotations": []}
    assert (answer["object"], answer["model"], answer["choices"][0]["finish_reason"]) == ("chat.completion", "m", "stop")
    assert answer["usage"]["prompt_tokens"] == 4 and answer["usage"]["completion_tokens"] == 4 and answer["usage"]["total_tokens"] == 8


def the_text_parts_of_a_message_are_joined() -> None:
    parts = [{"type": "text", "text": "one "}, {"type": "image_url", "image_url": {"url": "data:"}}, {"type": "text", "text": "two"}]
    assert ask({"model": "m", "messages": [{"role": "user", "content": parts}]})["choices"][0]["message"]["content"] == "You said: one two"


def a_stream_is_role_words_finish_and_done() -> None:
    events = stream(chat("a b  c"))
    first, *words, finish = chunks(events)
    assert events[-1] == "data: [DONE]" and first["choices"][0]["delta"] == {"role": "assistant", "content": "", "refusal": None}
    assert [chunk["choices"][0]["delta"]["content"] for chunk in words] == ["You", " said:", " a", " b", "  c"]
    assert finish["choices"][0]["delta"] == {} and finish["choices"][0]["finish_reason"] == "stop"
    assert all(chunk["choices"][0]["finish_reason"] is None for chunk in [first, *words])
    assert len({(chunk["id"], chunk["created"], chunk["model"]) for chunk in chunks(events)}) == 1


def usage_is_streamed_only_where_it_is_asked_for() -> None:
    assert all("usage" not in chunk for chunk in chunks(stream(chat())))
    *others, last = chunks(stream(chat(stream_options={"include_usage": True})))
    assert all(chunk["usage"] is None for chunk in others)
    assert last["choices"] == [] and last["usage"]["completion_tokens"] == 4


def padding_is_left_out_where_it_is_not_wanted() -> None:
    assert all("obfuscation" in chunk for chunk in chunks(stream(chat())))
    assert all("obfuscation" not in chunk for chunk in chunks(stream(chat(stream_options={"include_obfuscation": False}))))


TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {}}}, {"type": "function", "function": {"name": "time"}}]


def a_forced_tool_is_called_with_json_arguments() -> None:
    answer = ask(chat('"x" é', tools=TOOLS, tool_choice={"type": "function", "function": {"name": "time"}}))
    (call,) = answer["choices"][0]["message"]["tool_calls"]
    assert call["function"]["name"] == "time" and json.loads(call["function"]["arguments"]) == {"input": '"x" é'}
    assert answer["choices"][0]["finish_reason"] == "tool_calls" and answer["choices"][0]["message"]["content"] is None


def streamed_tool_calls_come_as_fragments_by_index() -> None:
    calls: dict[int, dict[str, str]] = {}
    for chunk in chunks(stream(chat("Grüße aus Köln [mock tool-call=2]", tools=TOOLS))):
        for call in chunk["choices"][0]["delta"].get("tool_calls", []):
            if "id" in call:
                calls[call["index"]] = {"id": call["id"], "name": call["function"]["name"], "arguments": ""}
            calls[call["index"]]["arguments"] += call["function"]["arguments"]
    assert len(calls) == 2 and len({call["id"] for call in calls.values()}) == 2
    assert all(json.loads(call["arguments"])["input"].startswith("Grüße") and call["name"] == "weather" for call in calls.values())


def max_tokens_cuts_the_answer() -> None:
    answer = ask(chat("a b c d", max_tokens=3))
    assert answer["choices"][0]["message"]["content"] == "You said: a" and answer["choices"][0]["finish_reason"] == "length"
    assert text_of(stream(chat("a b c d", max_completion_tokens=3))) == "You said: a"


def bodies_the_service_refuses_get_its_400() -> None:
    for body in (b"{", b'{"model":"m","messages":[{}],}', b'{"a":"\xff"}', {"messages": []}, {"model": "m"}, {"model": "m", "messages": []}, [], b"[" * 100000):
        status, headers, data = mock.call("POST", CHAT, body)
        error = json.loads(data)["error"]
        assert status == 400 and set(error) == {"message", "type", "param", "code"} and error["type"] == "invalid_request_error", (body, data)
        assert headers["x-request-id"].startswith("req_")


def unknown_paths_and_methods_are_errors_in_the_services_shape() -> None:
    for method, path, expected in (("GET", "/v1/nothing", 404), ("GET", CHAT, 405), ("GET", "/_mock/nothing", 404)):
        status, _, data = mock.call(method, path)
        assert status == expected and json.loads(data)["error"]["message"], data


def models_are_listed_in_either_dialect() -> None:
    listed = json.loads(mock.call("GET", "/v1/models")[2])
    assert listed["object"] == "list" and {"gpt-x", "mock-fast"} <= {model["id"] for model in listed["data"]}
    listed = json.loads(mock.call("GET", "/v1/models", headers={"anthropic-version": "2023-06-01"})[2])
    assert listed["has_more"] is False and listed["data"][0]["type"] == "model" and listed["last_id"] == listed["data"][-1]["id"]


def a_key_is_wanted_where_one_is_set() -> None:
    with harness.Mock("--key", "secret") as strict:
        assert strict.call("POST", CHAT, chat())[0] == 401
        assert strict.call("POST", CHAT, chat(), {"authorization": "Bearer wrong"})[0] == 401
        assert strict.call("POST", CHAT, chat(), {"authorization": "Bearer secret"})[0] == 200
        assert json.loads(strict.call("POST", MESSAGES, message(), {"x-api-key": "wrong"})[2])["error"]["type"] == "authentication_error"
        assert strict.call("POST", MESSAGES, message(), {"x-api-key": "secret"})[0] == 200


# Anthropic's wire


def sse(events: list[str]) -> list[tuple[str, Any]]:
    """Named events; the name stands in the data too."""
    parsed = []
    for event in events:
        name, data = event.split("\n")
        parsed.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
        assert parsed[-1][0] == parsed[-1][1]["type"]
    return parsed


def an_anthropic_answer_has_blocks_and_usage_without_cached_tokens() -> None:
    answer = ask(message("a b c [mock cached-tokens=2]", system="be brief"), MESSAGES)
    assert answer["type"] == "message" and answer["content"] == [{"type": "text", "text": "You said: a b c [mock cached-tokens=2]"}]
    assert answer["stop_reason"] == "end_turn" and answer["usage"]["input_tokens"] == 5 and answer["usage"]["cache_read_input_tokens"] == 2


def an_anthropic_stream_has_its_events_in_order() -> None:
    events = sse(stream(message("a b [mock thinking]"), MESSAGES))
    names = [name for name, _ in events]
    assert names[0] == "message_start" and names[-3:] == ["content_block_stop", "message_delta", "message_stop"] and "ping" in names
    blocks = {data["index"]: data["content_block"]["type"] for name, data in events if name == "content_block_start"}
    assert blocks == {0: "thinking", 1: "text"}
    assert "".join(data["delta"].get("text", "") for name, data in events if name == "content_block_delta") == "You said: a b [mock thinking]"
    assert any(data["delta"]["type"] == "signature_delta" for name, data in events if name == "content_block_delta")
    assert events[-2][1]["delta"]["stop_reason"] == "end_turn" and events[-2][1]["usage"]["output_tokens"] == 6


def anthropic_tool_use_streams_its_input_as_json() -> None:
    tools = [{"name": "weather", "input_schema": {}}]
    whole = ask(message("hi", tools=tools, tool_choice={"type": "any"}), MESSAGES)
    assert whole["stop_reason"] == "tool_use" and whole["content"][0]["name"] == "weather" and whole["content"][0]["input"] == {"input": "hi"}
    events = sse(stream(message("hi", tools=tools, tool_choice={"type": "tool", "name": "weather"}), MESSAGES))
    joined = "".join(data["delta"]["partial_json"] for name, data in events if name == "content_block_delta")
    assert json.loads(joined) == {"input": "hi"}


def anthropic_blocks_of_every_kind_stream_what_the_whole_answer_has() -> None:
    body = message("a [mock thinking redacted server-tool cite stop-sequence='##' cache-write-tokens=1]")
    whole = ask(body, MESSAGES)
    kinds = ["thinking", "redacted_thinking", "server_tool_use", "web_search_tool_result", "text"]
    assert [block["type"] for block in whole["content"]] == kinds and whole["content"][-1]["citations"]
    assert (whole["stop_reason"], whole["stop_sequence"], whole["usage"]["cache_creation_input_tokens"]) == ("stop_sequence", "##", 1)
    events = sse(stream(body, MESSAGES))
    assert [data["content_block"]["type"] for name, data in events if name == "content_block_start"] == kinds
    assert [data["delta"]["citation"] for name, data in events if data.get("delta", {}).get("type") == "citations_delta"] == whole["content"][-1]["citations"]
    tools = sse(stream(message("hi [mock thinking redacted tool-call=2]"), MESSAGES))
    assert [data["content_block"]["type"] for name, data in tools if name == "content_block_start"] == ["thinking", "redacted_thinking", "tool_use", "tool_use"]


def anthropic_counts_tokens_and_holds_no_threads() -> None:
    assert ask(message("one two three", system="four", max_tokens=None), MESSAGES + "/count_tokens") == {"input_tokens": 4}
    status, _, data = mock.call("POST", MESSAGES, message("hi", thread={"type": "create"}))
    assert status == 400 and json.loads(data)["error"]["details"] == {"error_code": "thread_unsupported_request"}


def openai_tool_calls_can_interleave() -> None:
    deltas = [chunk["choices"][0]["delta"].get("tool_calls", []) for chunk in chunks(stream(chat("hi [mock tool-call=2 interleave]"))) if chunk["choices"]]
    order = [call["index"] for calls in deltas for call in calls]
    assert order[:6] == [0, 1, 0, 1, 0, 1], order
    for index in (0, 1):
        assert json.loads("".join(call["function"]["arguments"] for calls in deltas for call in calls if call["index"] == index))["input"].startswith("hi")


GEMINI = "/v1beta/models/gemini-2.5-flash:"


def contents(text: str, **more: Any) -> dict[str, Any]:
    return {"contents": [{"role": "user", "parts": [{"text": text}]}], **more}


def a_gemini_answer_has_candidates_and_usage() -> None:
    answer = ask(contents("a b [mock thinking]"), GEMINI + "generateContent")
    thought, text = answer["candidates"][0]["content"]["parts"]
    assert thought["thought"] and text["text"].startswith("You said: a b") and text["thoughtSignature"]
    assert answer["candidates"][0]["finishReason"] == "STOP" and answer["usageMetadata"]["thoughtsTokenCount"] == 5


def a_gemini_stream_is_responses_with_crlf_and_no_end_of_its_own() -> None:
    status, headers, data = mock.call("POST", GEMINI + "streamGenerateContent?alt=sse", contents("a b"))
    assert status == 200 and headers["content-type"] == "text/event-stream" and data.endswith(b"}\r\n\r\n")
    frames = [json.loads(frame.removeprefix("data: ")) for frame in data.decode().strip().split("\r\n\r\n")]
    assert "".join(part["text"] for frame in frames for part in frame["candidates"][0]["content"]["parts"]) == "You said: a b"
    assert [frame["candidates"][0].get("finishReason") for frame in frames[-2:]] == [None, "STOP"]


def gemini_refuses_what_the_service_refuses() -> None:
    call = {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]}
    for body in ({}, {"contents": []}, contents("x", tomorrow=1), {"contents": [*contents("x")["contents"], call, *contents("y")["contents"]]}):
        status, _, data = mock.call("POST", GEMINI + "generateContent", body)
        assert status == 400 and json.loads(data)["error"]["status"] == "INVALID_ARGUMENT", (body, data)
    with harness.Mock("--key", "secret") as strict:
        status, _, data = strict.call("POST", GEMINI + "generateContent", contents("x"), {"x-goog-api-key": "wrong"})
        assert status == 400 and json.loads(data)["error"]["details"][0]["reason"] == "API_KEY_INVALID"
        assert strict.call("POST", "/v1/projects/p/locations/l/publishers/google/models/m:generateContent", contents("x"))[0] == 401


CONVERSE = "/model/anthropic.x-v1%3A0/converse"


def turns(text: str, **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [{"text": text}]}], **more}


def event_messages(data: bytes) -> list[tuple[str, Any]]:
    """The messages of an AWS event stream by type, their checksums checked."""
    found = []
    while data:
        total, header_len, crc = struct.unpack(">III", data[:12])
        message, data = data[:total], data[total:]
        assert zlib.crc32(message[:8]) == crc and zlib.crc32(message[:-4]) == struct.unpack(">I", message[-4:])[0]
        headers = message[12 : 12 + header_len]
        name = headers[headers.index(b"-type\x07") + 8 :][: headers[headers.index(b"-type\x07") + 7]].decode()
        found.append((name, json.loads(message[12 + header_len : -4])))
    return found


def a_bedrock_answer_has_output_and_usage_without_cached_tokens() -> None:
    answer = ask(turns("a b c [mock cached-tokens=2]"), CONVERSE)
    assert answer["output"]["message"]["content"][0]["text"].startswith("You said: a b c") and answer["stopReason"] == "end_turn"
    assert (answer["usage"]["inputTokens"], answer["usage"]["cacheReadInputTokens"], answer["usage"]["totalTokens"]) == (3, 2, 12)


def a_bedrock_stream_is_messages_with_checksums() -> None:
    status, headers, data = mock.call("POST", CONVERSE + "-stream", turns("a b"))
    assert status == 200 and headers["content-type"] == "application/vnd.amazon.eventstream"
    messages = event_messages(data)
    assert [name for name, _ in messages][0::len(messages) - 1] == ["messageStart", "metadata"] and messages[-2][1]["stopReason"] == "end_turn"
    assert "".join(body["delta"]["text"] for name, body in messages if name == "contentBlockDelta") == "You said: a b"


def bedrock_wants_turns_and_a_signature() -> None:
    for body in ({}, {"messages": []}, {"messages": [{"role": "assistant", "content": [{"text": "x"}]}]}, turns("")):
        status, headers, _ = mock.call("POST", CONVERSE, body)
        assert status == 400 and headers["x-amzn-errortype"].startswith("ValidationException"), body
    with harness.Mock("--key", "secret") as strict:
        assert strict.call("POST", CONVERSE, turns("x"), {"authorization": "Bearer secret"})[0] == 200
        for shown in ("", "Bearer other", "AWS4-HMAC-SHA256 Credential=AKIDMOCK/20260101/r/bedrock/aws4_request, SignedHeaders=host;x-amz-date, Signature=00"):
            assert strict.call("POST", CONVERSE, turns("x"), {"authorization": shown, "x-amz-date": "20260101T000000Z"})[0] == 403, shown


def cohere_answers_and_streams_typed_events() -> None:
    answer = ask({"model": "m", "messages": [{"role": "user", "content": "a b"}]}, "/v2/chat")
    assert answer["message"]["content"][0]["text"] == "You said: a b" and answer["usage"]["billed_units"]["output_tokens"] == 4
    events = stream({"model": "m", "messages": [{"role": "user", "content": "a b"}]}, "/v2/chat")
    assert events[-1] == "data: [DONE]" and events[0].startswith("event: message-start\ndata: ") and json.loads(events[-2].split("data: ")[1])["delta"]["finish_reason"] == "COMPLETE"
    status, _, data = mock.call("POST", "/v2/chat", {"model": "m", "messages": [{"role": "user", "content": "x"}], "top_p": 1})
    assert status == 400 and "unknown field" in json.loads(data)["message"]


def token_endpoints_refuse_wrong_secrets_and_assertions() -> None:
    with harness.Mock("--key", "secret") as strict:
        form = b"grant_type=client_credentials&client_id=c&scope=https%3A%2F%2Fcognitiveservices.azure.com%2F.default&client_secret="
        assert strict.call("POST", "/t/oauth2/v2.0/token", form + b"wrong")[0] == 401
        status, _, data = strict.call("POST", "/t/oauth2/v2.0/token", form + b"secret")
        token = json.loads(data)["access_token"]
        path = "/openai/deployments/d/chat/completions?api-version=2024-10-21"
        assert strict.call("POST", path, chat(), {"authorization": f"Bearer {token}"})[0] == 200
        assert strict.call("POST", path, chat(), {"authorization": "Bearer other"})[0] == 401
        assert strict.call("POST", path.split("?")[0], chat(), {"api-key": "secret"})[0] == 404
        strict.call("GET", "/_mock/service-account")
        form = b"grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.AAAA"
        status, _, data = strict.call("POST", "/token", form)
        assert status == 400 and json.loads(data)["error"] == "invalid_grant", data


def anthropic_errors_have_their_own_shape() -> None:
    for body, expected, kind in ((message("[mock status=529]"), 529, "overloaded_error"), (message("[mock status=429]"), 429, "rate_limit_error"), (message(max_tokens=None), 400, "invalid_request_error")):
        status, headers, data = mock.call("POST", MESSAGES, body)
        error = json.loads(data)
        assert status == expected and error["type"] == "error" and error["error"]["type"] == kind and error["request_id"] == headers["request-id"], data


# Embeddings


def embed(text: Any, **more: Any) -> list[Any]:
    return [item["embedding"] for item in ask({"model": "e", "input": text, **more}, EMBEDDINGS)["data"]]


def embeddings_are_unit_vectors_and_the_same_every_time() -> None:
    first, second = embed(["the quick brown fox", "the quick brown fox"])
    assert len(first) == 1536 and first == second and math.isclose(sum(x * x for x in first), 1, rel_tol=1e-5)
    assert len(embed("x", dimensions=64)[0]) == 64


def texts_that_share_words_are_near() -> None:
    fox, foxes, other = embed(["the quick brown fox", "a quick fox", "postgres vacuum settings"])
    near, far = (sum(x * y for x, y in zip(fox, vector)) for vector in (foxes, other))
    assert near > 0.3 > 0.15 > abs(far), (near, far)


def base64_embeddings_are_the_same_floats() -> None:
    packed = base64.b64decode(embed("one two", encoding_format="base64", dimensions=8)[0])
    assert all(math.isclose(a, b, rel_tol=1e-6) for a, b in zip(struct.unpack("<8f", packed), embed("one two", dimensions=8)[0]))


def token_lists_are_embedded_too() -> None:
    assert len(embed([1, 2, 3], dimensions=4)) == 1 and len(embed([[1, 2], [3]], dimensions=4)) == 2


def empty_inputs_are_refused() -> None:
    for value in ("", [], ["a", ""], 5, None):
        assert mock.call("POST", EMBEDDINGS, {"model": "e", "input": value})[0] == 400, value


# Directives


def a_model_name_steers() -> None:
    status, headers, data = mock.call("POST", CHAT, chat(model="mock-fault-status-429+retry-after=7"))
    assert status == 429 and headers["retry-after"] == "7" and json.loads(data)["error"]["code"] == "rate_limit_exceeded"
    for status in (500, 503):
        assert mock.call("POST", CHAT, chat(model=f"mock-fault-status-{status}"))[0] == status


def a_header_steers_and_the_message_wins() -> None:
    assert mock.call("POST", CHAT, chat(), {"x-mock": "status=500"})[0] == 500
    assert mock.call("POST", CHAT, chat("[mock status=503]"), {"x-mock": "status=500"})[0] == 503


def a_directive_in_quotes_may_hold_anything() -> None:
    assert ask(chat("x [mock say='see [1], and; so + on' chunks=6]"))["choices"][0]["message"]["content"] == "see [1], and; so + on"


def unknown_directives_are_refused() -> None:
    for text in ("[mock nonsense]", "[mock chunks]", "[mock pace=soon]", "[mock say='open]"):
        status, _, data = mock.call("POST", CHAT, chat(text))
        expected = 200 if text.endswith("open]") else 400  # without its closing quote it is no directive at all
        assert status == expected, (text, data)
        assert status == 200 or json.loads(data)["error"]["code"] == "mock_directive"


def times_limits_how_often_a_fault_strikes() -> None:
    body = chat("[mock status=500 times=2]")
    mock.reset()
    assert [mock.call("POST", CHAT, body)[0] for _ in range(4)] == [500, 500, 200, 200]
    mock.reset()
    assert mock.call("POST", CHAT, body)[0] == 500


def slow_headers_and_pace_take_their_time() -> None:
    began = time.monotonic()
    ask(chat("[mock slow-headers=150]"))
    assert 0.15 <= time.monotonic() - began < 2
    began = time.monotonic()
    assert len(stream(chat("[mock pace=20 chunks=8]"))) == 11
    assert 0.2 <= time.monotonic() - began < 2


def the_number_of_chunks_is_as_asked() -> None:
    assert len(chunks(stream(chat("[mock chunks=500]")))) == 502
    assert ask(chat("a [mock say='one two' chunks=5]"))["choices"][0]["message"]["content"] == "one two one two one"


def usage_figures_are_as_asked() -> None:
    usage = ask(chat("[mock prompt-tokens=100 completion-tokens=20 cached-tokens=60]"))["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["prompt_tokens_details"]["cached_tokens"]) == (100, 20, 60)
    assert "usage" not in ask(chat("[mock no-usage]"))


# Faults


def a_peer_that_leaves_a_stalled_answer_is_seen_at_once() -> None:
    for text, head in (("[mock stall]", False), ("[mock stall=2]", True)):
        for body in (chat(text), chat(text, stream=True)):
            mock.reset()
            sock = raw(body)
            if head:
                assert sock.recv(65536).startswith(b"HTTP/1.1 200")
            time.sleep(0.05)
            assert mock.requests()[0]["end"] is None and mock.stats()["open_exchanges"] == 1
            left = time.monotonic()
            sock.close()
            record = mock.wait_ended()
            assert record["end"] in ("peer-closed", "peer-reset") and -0.005 <= record["peer_closed_s"] - left < 0.1, record


def a_reset_is_a_reset_wherever_it_comes() -> None:
    assert read_all(raw(chat("[mock reset]"))) == (b"", True)
    for body in (chat("[mock reset=3]"), chat("[mock reset=3]", stream=True)):
        data, reset = read_all(raw(body))
        assert reset and b"\r\n\r\n" in data and not data.endswith(b"0\r\n\r\n")
    assert mock.requests()[-1]["end"] == "mock-reset"


def a_close_leaves_the_body_incomplete() -> None:
    assert read_all(raw(chat("[mock close]"))) == (b"", False)
    for body in (chat("[mock close=2]"), chat("[mock close=2]", stream=True)):
        raises(http.client.IncompleteRead, lambda: mock.call("POST", CHAT, body))
    assert mock.wait_ended()["end"] == "mock-closed"


def an_end_is_complete_http_without_a_finish() -> None:
    events = stream(chat("[mock end=4]"))
    assert len(events) == 4 and "[DONE]" not in events[-1] and all(c["choices"][0]["finish_reason"] is None for c in chunks(events))


def truncated_json_is_complete_http() -> None:
    status, _, data = mock.call("POST", CHAT, chat("[mock truncate]"))
    assert status == 200 and len(data) > 50
    raises(json.JSONDecodeError, lambda: json.loads(data))
    status, _, data = mock.call("POST", CHAT, chat("[mock truncate]", stream=True))
    assert status == 200 and not data.endswith(b"\n")


def an_error_event_ends_a_stream() -> None:
    events = stream(chat("[mock error-event=2]"))
    assert len(events) == 3 and json.loads(events[-1].removeprefix("data: "))["error"]["type"] == "server_error"
    assert sse(stream(message("[mock error-event=2]"), MESSAGES))[-1][1]["error"]["type"] == "overloaded_error"


def garbage_is_no_json() -> None:
    events = stream(chat("[mock garbage=1]"))
    raises(json.JSONDecodeError, lambda: json.loads(events[1].removeprefix("data: ")))
    assert events[-1] == "data: [DONE]" and json.loads(events[2].removeprefix("data: "))
    raises(json.JSONDecodeError, lambda: json.loads(mock.call("POST", CHAT, chat("[mock garbage]"))[2]))


def bad_utf8_is_bad() -> None:
    for body in (chat("[mock bad-utf8]"), chat("[mock bad-utf8]", stream=True)):
        data = mock.call("POST", CHAT, body)[2]
        raises(UnicodeDecodeError, data.decode)


def huge_answers_are_whole() -> None:
    assert len(ask(chat("[mock huge=3]"))["choices"][0]["message"]["content"]) == 3 << 20
    assert len(text_of(stream(chat("[mock huge=3]")))) == 3 << 20


def endless_answers_go_on_until_the_peer_leaves() -> None:
    for body in (chat("[mock endless]"), chat("[mock endless]", stream=True)):
        sock, got = raw(body), 0
        while got < 4 << 20:
            got += len(sock.recv(1 << 20))
        sock.close()
        assert mock.wait_ended()["end"] in ("peer-closed", "peer-reset")


def a_long_line_is_one_event() -> None:
    assert max(len(event) for event in stream(chat("[mock long-line=300]"))) > 300 * 1024


def sse_variations_keep_the_contents() -> None:
    status, _, data = mock.call("POST", CHAT, chat("[mock crlf comments]", stream=True))
    lines = data.decode().split("\r\n")
    assert status == 200 and "\n" not in "".join(lines) and lines.count(": keep-alive") > 5 and "data: [DONE]" in lines
    assert stream(chat("[mock no-done]"))[-1].endswith("}")


def gzip_bodies_unpack() -> None:
    for body in (chat("[mock gzip]"), chat("[mock gzip]", stream=True), chat("[mock gzip huge=1]")):
        status, headers, data = mock.call("POST", CHAT, body)
        plain = gzip.decompress(data)
        assert status == 200 and headers["content-encoding"] == "gzip" and (b"chat.completion" in plain)


def http_framings_differ_and_bodies_do_not() -> None:
    plain = ask(chat("x"))["choices"]
    for text in ("chunked", "bytewise", "http10", "connection-close", "headers=80", "chunked connection-close"):
        body = chat("x", model=f"mock-fault-{text.replace(' ', '+')}")
        status, headers, data = mock.call("POST", CHAT, body)
        assert status == 200 and json.loads(data)["choices"] == plain, text
        assert ("transfer-encoding" in headers) == ("chunked" in text or text == "bytewise") and ("content-length" in headers) == (text in ("connection-close", "headers=80"))
        assert (headers["connection"] == "close") == ("close" in text or text == "http10")
    data, reset = read_all(raw(chat("x", model="mock-fault-bytewise+connection-close")))
    assert data.count(b"\r\n1\r\n") > 500 and not reset


def content_length_may_lie() -> None:
    raises(http.client.IncompleteRead, lambda: mock.call("POST", CHAT, chat("[mock length-over=5]")))
    raises(json.JSONDecodeError, lambda: json.loads(mock.call("POST", CHAT, chat("[mock length-under=5]"))[2]))


def the_content_type_may_be_wrong() -> None:
    assert mock.call("POST", CHAT, chat("[mock content-type='text/html; charset=x']"))[1]["content-type"] == "text/html; charset=x"


# HTTP and the record


def requests_on_one_connection_are_answered_in_turn() -> None:
    bodies = [json.dumps(chat(f"number {i}")).encode() for i in range(20)]
    connection = mock.connect()
    connection.connect()
    assert connection.sock
    connection.sock.sendall(b"".join(b"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: %d\r\n\r\n%s" % (len(b), b) for b in bodies))
    data = b""
    while data.count(b"You said:") < 20:
        data += connection.sock.recv(65536)
    assert [data.index(b"number %d\"" % i) for i in range(20)] == sorted(data.index(b"number %d\"" % i) for i in range(20))
    connection.close()


def request_bodies_may_be_chunked_late_or_in_small_parts() -> None:
    data = json.dumps(chat("z" * 3000)).encode()
    connection = mock.connect()
    connection.request("POST", CHAT, (data[i : i + 7] for i in range(0, len(data), 7)), {"transfer-encoding": "chunked"}, encode_chunked=True)
    assert connection.getresponse().read().count(b"z" * 3000) == 1
    connection.connect()
    assert connection.sock
    connection.sock.sendall(b"POST %s HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: %d\r\n\r\n" % (CHAT.encode(), len(data)))
    assert connection.sock.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    for i in range(0, len(data), 500):
        connection.sock.sendall(data[i : i + 500])
        time.sleep(0.001)
    assert connection.sock.recv(100).startswith(b"HTTP/1.1 200")
    connection.close()


def what_is_no_http_is_refused_and_closed() -> None:
    for junk in (b"\x16\x03\x01 hello\r\n\r\n", b"POST /x HTTP/1.1\r\ncontent-length: x\r\n\r\n", b"POST /x HTTP/1.1\r\ncontent-length: 999999999999\r\n\r\n", b"GET / HTTP/1.1\r\na:" + b"b" * 400000):
        connection = mock.connect()
        connection.connect()
        assert connection.sock
        connection.sock.sendall(junk)
        connection.sock.shutdown(socket.SHUT_WR)
        data, _ = read_all(connection.sock)
        assert data == b"" or data.startswith(b"HTTP/1.1 400"), data
        connection.close()
    assert mock.call("POST", CHAT, chat())[0] == 200


def the_record_shows_a_request_as_it_came() -> None:
    mock.reset()
    mock.call("POST", CHAT + "?a=b", chat("é"), {"X-Thing": "one", "authorization": "Bearer k"})
    mock.call("POST", CHAT, b"\xff\xfe")
    first, second = mock.requests(CHAT)
    assert first["query"] == "a=b" and ["X-Thing", "one"] in first["headers"] and json.loads(first["body"]) == chat("é")
    assert first["end"] == "answered" and first["pieces"] == 1 and first["start_ms"] <= first["first_byte_ms"] <= first["end_ms"]
    assert base64.b64decode(second["body_base64"]) == b"\xff\xfe" and second["body_bytes"] == 2
    assert mock.stats()["requests"] == 2


def the_record_is_bounded() -> None:
    with harness.Mock() as small:
        body = json.dumps(chat("x")).encode()
        connection = small.connect()
        for _ in range(4500):
            connection.request("POST", CHAT, body)
            connection.getresponse().read()
        connection.close()
        records = small.requests()
        assert len(records) == 4096 and records[-1]["id"] == 4500
        data = json.dumps(chat("y" * 5_000_000)).encode()
        for _ in range(3):
            assert small.call("POST", CHAT, data)[0] == 200
        assert small.requests()[-1]["body_cut"] and len(small.requests()[-1]["body"]) == 1 << 20


def a_thousand_open_streams_are_held_and_their_end_is_seen() -> None:
    mock.reset()
    socks = [raw(chat("[mock chunks=100000 pace=1000]", stream=True)) for _ in range(1000)]
    assert all(sock.recv(15) == b"HTTP/1.1 200 OK" for sock in socks) and mock.stats()["open_exchanges"] == 1000
    for sock in socks:
        sock.close()
    harness.wait_for(lambda: mock.stats()["open_exchanges"] == 0, 5, "all streams to end")
    stats = mock.stats()
    assert stats["peer_closed"] + stats["peer_reset"] == 1000


# The fast path and the load generator


def the_canned_answer_has_its_size() -> None:
    answer = mock.call("POST", CHAT, chat(model="mock-fast"))[2]
    assert len(answer) == 1050 and json.loads(answer)["usage"]["total_tokens"] == 114


def the_canned_stream_is_twenty_events_and_done() -> None:
    for usage in (False, True):
        body = chat(model="mock-fast", stream=True, stream_options={"include_usage": usage})
        sock = raw(body)
        data = b""
        while not data.endswith(b"0\r\n\r\n"):
            data += sock.recv(65536)
        sock.close()
        events = stream(body)
        assert 5250 < len(data) < 5350, len(data)
        assert len(events) == 21 and events[-1] == "data: [DONE]" and len(chunks(events)) == 20
        assert sum(chunk["choices"][0]["finish_reason"] == "stop" for chunk in chunks(events) if chunk["choices"]) == 1
        assert (chunks(events)[-1].get("usage") is not None) == usage and (chunks(events)[-1]["choices"] == []) == usage


def load(*options: str, body: Any = None) -> tuple[int, Any]:
    command = [str(harness.program("load-gen")), "--url", mock.url + CHAT, "--data", json.dumps(body or chat(model="mock-fast")), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def load_counts_what_it_asked_for() -> None:
    mock.reset()
    status, figures = load("--requests", "500", "--connections", "8", "--pid", str(mock.pid))
    assert status == 0 and figures["requests"] == 500 == mock.stats()["canned"] and figures["errors"] == 0
    assert figures["body_bytes"] == 500 * 1050 and figures["latency_us"]["count"] == 500
    latency = figures["latency_us"]
    assert 0 < latency["p50"] <= latency["p90"] <= latency["p99"] <= latency["p999"] <= latency["max"] and figures["server"]["rss_kb"] > 500


def load_sees_streams_through() -> None:
    status, figures = load("--requests", "50", "--connections", "4", "--stream", body=chat(model="mock-fast", stream=True))
    assert status == 0 and figures["events"] == 50 * 21 and figures["first_chunk_us"]["count"] == 50
    status, figures = load("--requests", "5", "--stream", body=chat("[mock end=3]", stream=True))
    assert status == 1 and figures["errors_by"]["broken"] == 5
    status, figures = load("--requests", "3", "--stream", body=chat("[mock bytewise crlf]", stream=True))
    assert status == 0 and figures["events"] > 15, figures


def load_tells_errors_apart() -> None:
    for text, kind in (("status=500", "status"), ("reset", "connect"), ("reset=3", "broken"), ("close=3", "broken")):
        status, figures = load("--requests", "5", body=chat(f"[mock {text}]"))
        assert status == 1 and figures["errors_by"][kind] == 5 == figures["errors"], (text, figures)
    assert load("--requests", "5", "--status", "500", body=chat("[mock status=500]"))[0] == 0


def load_measures_time_to_the_first_chunk_and_to_the_last() -> None:
    _, figures = load("--requests", "2", "--stream", body=chat("[mock slow-headers=100 pace=20 chunks=8]", stream=True))
    assert 100_000 <= figures["first_chunk_us"]["p50"] < 400_000 and figures["latency_us"]["p50"] >= figures["first_chunk_us"]["p50"] + 180_000


def an_open_loop_charges_a_stall_to_all_that_waited() -> None:
    _, figures = load("--rate", "100", "--duration", "1", "--connections", "1", body=chat("[mock slow-headers=100]"))
    assert figures["latency_us"]["p50"] > 200_000, figures


def load_reports_streams_that_are_still_open() -> None:
    _, figures = load("--duration", "0.5", "--connections", "200", "--stream", body=chat("[mock chunks=100000 pace=500]", stream=True))
    assert figures["open"] == 200 and figures["first_chunk_us"]["count"] == 200 and figures["requests"] == 0


if __name__ == "__main__":
    suite = [value for name, value in list(globals().items()) if callable(value) and value.__module__ == __name__ and value.__code__.co_argcount == 0]
    with harness.Mock() as mock:
        code = harness.run(suite, *sys.argv[1:])
        if mock.stop() != 0:
            sys.exit(f"mock-upstream ended badly:\n{mock.errors()}")
    sys.exit(code)
