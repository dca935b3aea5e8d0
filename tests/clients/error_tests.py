"""Errors: the client's own exception classes tell them apart, in OpenAI's shape, before and within a stream."""

from __future__ import annotations

import json
import time

import anthropic
import openai
import world
from world import raises, said, say, user


def shape(error: openai.APIStatusError) -> None:
    """The four members of OpenAI's error, and a request id."""
    body = json.loads(error.response.text)
    assert set(body) == {"error"} and {"message", "type", "param", "code"} <= set(body["error"]) and body["error"]["message"], body
    assert error.request_id


def a_bad_key_is_an_authentication_error() -> None:
    for key in ("wrong", "cb_" + "x" * 49, world.corbel.key[:-1], world.corbel.key + "x"):
        client = world.make_client(api_key=key)
        error = raises(openai.AuthenticationError, lambda: client.models.list())
        shape(error)
        assert error.status_code == 401 and error.code == "invalid_api_key", error.body


def no_key_is_an_authentication_error() -> None:
    for headers in ({"authorization": ""}, {"authorization": "Bearer"}, {"authorization": "Basic eDp5"}):
        status, _, data = world.corbel.call("POST", "/v1/chat/completions", {"model": "gpt-x", "messages": user("hi")}, headers)
        assert status == 401 and json.loads(data)["error"]["message"], (headers, status, data)


def an_unknown_model_is_not_found() -> None:
    error = raises(openai.NotFoundError, lambda: say("hi", model="no-such-model"))
    shape(error)
    assert error.code == "model_not_found" and "no-such-model" in error.message
    raises(openai.NotFoundError, lambda: world.client.models.retrieve("no-such-model"))
    raises(openai.NotFoundError, lambda: world.client.embeddings.create(model="no-such-model", input="x"))


def an_unknown_path_is_not_found_in_the_same_shape() -> None:
    shape(raises(openai.NotFoundError, lambda: world.client.get("/no/such/path", cast_to=object)))


def a_wrong_method_is_refused_in_the_same_shape() -> None:
    error = raises(openai.APIStatusError, lambda: world.client.delete("/chat/completions", cast_to=object))
    shape(error)
    assert error.status_code == 405, error


def bad_bodies_are_bad_requests() -> None:
    message = {"role": "user", "content": "hi"}
    for body, param in (
        ({"messages": [message]}, "model"),
        ({"model": "gpt-x"}, "messages"),
        ({"model": "gpt-x", "messages": []}, "messages"),
        ({"model": "gpt-x", "messages": "hi"}, "messages"),
        ({"model": "gpt-x", "messages": [{"role": "stranger", "content": "x"}]}, "messages"),
        ({"model": "gpt-x", "messages": [{"content": "x"}]}, "messages"),
        ({"model": 5, "messages": [message]}, "model"),
        ({"model": "gpt-x", "messages": [message], "stream": "yes"}, "stream"),
        ({"model": "gpt-x", "messages": [message], "temperature": "hot"}, "temperature"),
    ):
        error = raises(openai.BadRequestError, lambda: world.client.post("/chat/completions", body=body, cast_to=object))
        shape(error)
        assert error.type == "invalid_request_error" and (error.param or "").startswith(param), (body, error.body)


def bodies_that_are_no_json_are_bad_requests() -> None:
    for data in (b"", b"{", b"null", b'"text"', b'{"model":"gpt-x",}', b'{"model":"\xff"}', b"[" * 100_000, b'{"model": 1e999999999999}'):
        status, _, body = world.corbel.call("POST", "/v1/chat/completions", data)
        assert status == 400 and json.loads(body)["error"]["type"] == "invalid_request_error", (data[:40], status, body)


MESSAGES = '"messages":[{"role":"user","content":"hi"}]'
SPOKEN = {  # a request of each dialect, without its braces
    "/v1/chat/completions": f'"model":"gpt-x",{MESSAGES}',
    "/v1/completions": '"model":"gpt-x","prompt":"hi"',
    "/v1/responses": '"model":"gpt-x","input":"hi"',
    "/v1/messages": f'"model":"gpt-x","max_tokens":10,{MESSAGES}',
    "/v1/ai-sdk/chat": '"id":"c","model":"gpt-x","messages":[{"id":"m","role":"user","parts":[{"type":"text","text":"hi"}]}]',
    "/v1/embeddings": '"model":"gpt-x","input":"hi"',
    "/v1/moderations": '"model":"gpt-x","input":"hi"',
    "/v1/rerank": '"model":"gpt-x","query":"hi","documents":["hi"]',
}


def _refused(path: str, body: str) -> tuple[str, dict]:
    headers = {"anthropic-version": "2023-06-01"} if path == "/v1/messages" else {}
    status, _, data = world.corbel.call("POST", path, ("{" + body + "}").encode(), headers)
    answer = json.loads(data)
    assert status == 400, (path, body, status, answer)
    error = answer.get("error", answer)
    return error["message"], error


def a_fraction_where_a_whole_number_is_asked_is_refused_in_every_dialect() -> None:
    """It was cut to the next lower number, or left out, in silence. 1.0 too: servers differ in what they read, and some get it as it came."""
    world.mock.reset()
    for path, names in (
        ("/v1/chat/completions", ("n", "max_tokens", "max_completion_tokens", "top_logprobs", "seed", "top_k", "thinking.budget_tokens")),
        ("/v1/completions", ("n", "max_tokens", "seed", "best_of")),
        ("/v1/responses", ("max_output_tokens", "max_tool_calls", "top_logprobs")),
        ("/v1/messages", ("max_tokens", "top_k", "thinking.budget_tokens")),
        ("/v1/embeddings", ("dimensions",)),
        ("/v1/rerank", ("top_n",)),
    ):
        spoken = SPOKEN[path].replace('"max_tokens":10,', "")
        for name in names:
            for number in ("1.5", "0.1", "1.0", "1e0", '"1"', "true", "1e300"):
                written = f'"thinking":{{"type":"enabled","budget_tokens":{number}}}' if name == "thinking.budget_tokens" else f'"{name}":{number}'
                needed = '"max_tokens":9,' if path == "/v1/messages" and name != "max_tokens" else ""
                message, error = _refused(path, f"{needed}{written},{spoken}")
                assert message.startswith(f"{name}: expected a whole number"), (path, written, message)
                assert error.get("param", name) == name and error.get("code") in (None, "invalid_type"), error
    error = raises(openai.BadRequestError, lambda: say("hi", n=1.5))
    shape(error)
    assert error.param == "n" and error.code == "invalid_type", error.body
    raises(anthropic.BadRequestError, lambda: world.claude.messages.create(model="gpt-x", max_tokens=1.5, messages=user("hi")))
    assert world.mock.requests() == []


def metadata_over_openais_bounds_is_refused() -> None:
    world.mock.reset()
    for metadata, param in (
        ({f"key {i}": "x" for i in range(17)}, "metadata"),
        ({"k" * 65: "x"}, "metadata"),
        ({"": "x"}, "metadata"),
        ({"\u00e9" * 65: "x"}, "metadata"),
        ({"key": "v" * 513}, "metadata.key"),
        ({"key": 1}, "metadata.key"),
        ("text", "metadata"),
    ):
        asks = (
            lambda: say("hi", metadata=metadata),
            lambda: world.client.responses.create(model="gpt-x", input="hi", metadata=metadata),
            lambda: world.client.completions.create(model="gpt-x", prompt="hi", extra_body={"metadata": metadata}),
            lambda: world.client.conversations.create(metadata=metadata),
            lambda: world.client.vector_stores.create(name="bounds", metadata=metadata),
        )
        for ask in asks:
            error = raises(openai.BadRequestError, ask)
            shape(error)
            assert (error.param or "").startswith("metadata") and (ask in asks[3:] or error.param == param), (metadata, error.body)
    assert world.mock.requests() == []
    most = {"\u00e9" * 62 + f"{i:02}": "\u00fc" * 512 for i in range(16)}
    assert say("hi", metadata=most).choices[0].message.content == "You said: hi"
    assert json.loads(world.mock.requests()[-1]["body"])["metadata"] == most
    assert world.client.responses.create(model="gpt-x", input="hi", metadata=most).metadata == most
    talk = world.client.conversations.create(metadata=most)
    assert talk.metadata == most
    world.client.conversations.delete(talk.id)


def a_member_that_stands_twice_is_refused_in_every_dialect() -> None:
    """Which of the two counts is the reader's choice: what one server checked, the next would not read."""
    world.mock.reset()
    for path, body in SPOKEN.items():
        for more, named in (
            ('"model":"another"', "model stands twice"),
            ('"mod\\u0065l":"another"', "model stands twice"),
            ('"Model":"another"', 'Model differs from "model" in case alone'),
            ('"x":{"y":[{"z":1,"z":2}]}', "x.y[0].z stands twice"),
        ):
            message, error = _refused(path, f"{body},{more}")
            assert named in message, (path, more, message)
            if path == "/v1/messages":
                assert error["type"] == "invalid_request_error", error
            elif path == "/v1/chat/completions":
                assert error["code"] == "repeated_member" and error["param"] in ("model", "Model", "x.y[0].z"), error
    for more in ('"stream":true,"stream_options":{"include_usage":true,"include_usage":false}', '"n":1,"n":100', '"tools":[{"type":"function","function":{"name":"a","name":"b"}}]'):
        assert "stands twice" in _refused("/v1/chat/completions", f"{SPOKEN['/v1/chat/completions']},{more}")[0]
    assert world.mock.requests() == []


def a_member_in_another_case_is_refused_where_a_server_might_read_it() -> None:
    world.mock.reset()
    for path in ("/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/messages"):
        for member in ("Stream", "STREAM", "\u017ftream"):
            message, _ = _refused(path, f'{SPOKEN[path]},"{member}":true')
            assert message.startswith("stream: must be written in lower-case"), (path, message)
    assert world.mock.requests() == []
    stream = world.client.chat.completions.create(model="gpt-x", messages=user("hi"), stream=True, extra_body={"stream_options": {"include_usage": True, "Include_Usage": False}})
    assert said(stream) == "You said: hi"
    (request,) = world.mock.requests()
    assert json.loads(request["body"])["stream_options"] == {"include_usage": True}, request


def what_is_ours_in_the_ai_sdk_s_requests_stands_once() -> None:
    world.mock.reset()
    schema = '"schema":{"type":"object"}'
    message, error = _refused("/v1/ai-sdk/object", f'"model":"gpt-x","prompt":"hi",{schema},"response_format":{{"type":"text"}}')
    assert error["code"] == "repeated_member" and error["param"] == "response_format" and world.mock.requests() == [], message


def two_bounds_of_an_answer_that_differ_are_refused() -> None:
    message, error = _refused("/v1/chat/completions", f'{SPOKEN["/v1/chat/completions"]},"max_completion_tokens":1,"max_tokens":100000')
    assert error["param"] == "max_tokens" and "max_completion_tokens" in message
    assert say("hi", max_completion_tokens=50, max_tokens=50).choices[0].message.content == "You said: hi"


def nothing_goes_upstream_for_a_bad_request() -> None:
    world.mock.reset()
    raises(openai.BadRequestError, lambda: world.client.post("/chat/completions", body={"model": "gpt-x"}, cast_to=object))
    raises(openai.NotFoundError, lambda: say("hi", model="no-such-model"))
    assert world.mock.requests() == []


def an_upstream_rate_limit_is_one_with_its_delay() -> None:
    error = raises(openai.RateLimitError, lambda: say("[mock status=429 retry-after=7]"))
    shape(error)
    assert error.response.headers["retry-after"] == "7"


def a_delay_that_is_a_date_is_understood() -> None:
    error = raises(openai.RateLimitError, lambda: say("[mock status=429 retry-after=7 retry-date]"))
    assert error.response.headers["retry-after"] == "7"


def an_upstream_failure_is_a_server_error() -> None:
    for directive in ("status=500", "status=503", "reset", "close", "truncate", "garbage", "content-type='text/html' garbage", "reset=3", "close=3", "length-over=5"):
        error = raises(openai.InternalServerError, lambda: say(f"[mock {directive}]"))
        shape(error)
        assert error.status_code in (500, 502, 503), (directive, error)


def an_upstream_that_refuses_our_key_is_not_the_callers_fault() -> None:
    error = raises(openai.APIStatusError, lambda: say("[mock status=401]"))
    assert error.status_code >= 500, error


def an_upstream_that_refuses_the_request_tells_why() -> None:
    error = raises(openai.BadRequestError, lambda: say("[mock status=400]"))
    shape(error)
    assert "as asked for" in error.message, error.message


def the_same_failures_before_a_stream_are_the_same_errors() -> None:
    def stream(text: str) -> object:
        return world.client.chat.completions.create(model="gpt-x", messages=user(text), stream=True)

    raises(openai.RateLimitError, lambda: stream("[mock status=429]"))
    raises(openai.InternalServerError, lambda: stream("[mock status=500]"))
    raises(openai.InternalServerError, lambda: stream("[mock reset]"))


def a_stream_that_breaks_never_ends_cleanly() -> None:
    for directive in ("reset=4", "close=4", "end=4", "error-event=4", "truncate=4", "garbage=3"):
        error = raises(openai.APIError, lambda: said(world.client.chat.completions.create(model="gpt-x", messages=user(f"a b c d e [mock {directive}]"), stream=True)))
        assert error.message, directive


def an_anthropic_stream_that_breaks_never_ends_cleanly() -> None:
    for directive in ("reset=5", "close=5", "end=5", "error-event=5", "no-done end=6"):
        raises(openai.APIError, lambda: said(world.client.chat.completions.create(model="claude-x", messages=user(f"a b c [mock {directive}]"), stream=True)))
    raises(openai.InternalServerError, lambda: say("[mock status=529]", model="claude-x"))


def invalid_utf8_from_upstream_never_reaches_a_client() -> None:
    for stream in (False, True):
        _, _, data = world.corbel.call("POST", "/v1/chat/completions", {"model": "gpt-x", "stream": stream, "messages": user("a b [mock bad-utf8]")})
        data.decode()


def the_client_retries_what_may_pass() -> None:
    world.mock.reset()
    began = time.monotonic()
    answer = world.make_client(max_retries=3).chat.completions.create(model="gpt-x", messages=user("[mock status=429 retry-after=0 times=1]"))
    assert answer.choices[0].message.content and len(world.mock.requests()) == 2 and time.monotonic() - began < 5


def another_target_answers_where_the_first_is_down() -> None:
    world.mock.reset()
    assert say("hi there", model="with-fallback").choices[0].message.content == "You said: hi there"
    assert said(world.client.chat.completions.create(model="with-fallback", messages=user("hi there"), stream=True)) == "You said: hi there"
    assert len(world.mock.requests()) >= 4


def a_key_without_the_scope_is_refused() -> None:
    made = world.corbel.cli("key", "create", "--name", world.unique("reader"), "--scope", "knowledge.read", "--json")
    assert made.returncode == 0, made.stderr
    secret = json.loads(made.stdout)["key"]
    reader = world.make_client(api_key=secret)
    list(reader.vector_stores.list())
    error = raises(openai.PermissionDeniedError, lambda: reader.chat.completions.create(model="gpt-x", messages=user("hi")))
    shape(error)
    assert "model.use" in error.message
    raises(openai.PermissionDeniedError, lambda: reader.vector_stores.create(name="x"))


def a_base_url_without_its_v1_or_with_one_too_many_is_told() -> None:
    client = world.make_client(base_url=world.corbel.url)
    error = raises(openai.NotFoundError, lambda: client.chat.completions.create(model="gpt-x", messages=user("hi")))
    shape(error)
    assert error.code == "unknown_url" and "/v1/chat/completions" in error.message and "must end in /v1" in error.message, error.message
    claude = world.make_claude(base_url=f"{world.corbel.url}/v1")
    refused = raises(anthropic.NotFoundError, lambda: claude.messages.create(model="claude-x", max_tokens=9, messages=user("hi")))
    assert "must end without /v1" in refused.message and refused.type == "not_found_error", refused.body


def a_tool_of_a_type_that_nobody_knows_is_refused_by_it() -> None:
    for model in ("gpt-x", "claude-x"):
        error = raises(openai.BadRequestError, lambda: say("hi", model=model, tools=[{"type": "verse", "verse": {"name": "x"}}]))
        shape(error)
        assert error.code == "unsupported_parameter" and "tools[0]" in error.message and "'verse'" in error.message, error.message


def errors_leave_the_connection_usable() -> None:
    for _ in range(20):
        raises(openai.NotFoundError, lambda: say("hi", model="no-such-model"))
        raises(openai.RateLimitError, lambda: say("[mock status=429]"))
        assert say("hi").choices[0].message.content == "You said: hi"
