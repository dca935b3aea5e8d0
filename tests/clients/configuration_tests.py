"""Providers and models changed while official clients call them: nothing restarts, nothing in flight notices, and a broken change changes nothing."""

from __future__ import annotations

import concurrent.futures
import json
import time
from typing import Any
from urllib.parse import quote

import openai
import world
from world import raises, said, say, user

Answer = tuple[int, dict[str, str], Any]


def _call(method: str, path: str, body: Any = None, **headers: str) -> Answer:
    status, found, data = world.corbel.call(method, f"/admin/v1/{path}", body, {name.replace("_", "-"): value for name, value in headers.items()})
    return status, found, json.loads(data)


def _put(kind: str, name: str, body: Any, **headers: str) -> Any:
    status, _, answer = _call("PUT", f"{kind}s/{quote(name, safe='')}", body, **headers)
    assert status in (200, 201), answer
    return answer


def _remove(*entries: tuple[str, str]) -> None:
    removed = {kind: [name for what, name in entries if what == kind] for kind in ("providers", "models")}
    status, _, answer = _call("PATCH", "configuration", {"remove": removed})
    assert status == 200, answer


def _version() -> int:
    return _call("GET", "configuration")[2]["stored"]["version"]


def _target(model: str, provider: str = "main", **more: Any) -> Any:
    return {"targets": [{"provider": provider, "model": model, **more}]}


def a_model_is_added_and_answers_at_once_while_a_stream_goes_on() -> None:
    name = world.unique("added")
    stream = iter(world.client.chat.completions.create(model="gpt-x", messages=user("[mock chunks=40 pace=20]"), stream=True))
    next(stream)
    answer = _put("model", name, _target("fresh-upstream"))
    assert answer["origin"] == "store" and answer["configuration"] == {"name": name, **_target("fresh-upstream")}, answer
    assert say("hello", model=name).choices[0].message.content == "You said: hello"
    assert name in [model.id for model in world.client.models.list()]
    assert len(said(stream).split()) >= 35
    _remove(("models", name))
    assert raises(openai.NotFoundError, lambda: say("hello", model=name)).code == "model_not_found"


def a_stream_ends_on_the_target_it_began_with() -> None:
    name, world_mock = world.unique("moved"), world.mock
    _put("model", name, _target("before"))
    world_mock.reset()
    stream = iter(world.client.chat.completions.create(model=name, messages=user("[mock chunks=40 pace=20]"), stream=True))
    first = next(stream)
    _put("model", name, _target("after"))
    assert say("hello", model=name).model == "after"
    _remove(("models", name))
    rest = list(stream)
    assert first.model == "before" and {chunk.model for chunk in rest} == {"before"} and rest[-1].choices[0].finish_reason == "stop"
    record = world.trace(first.id)["interaction"]
    assert (record["outcome"], record["target_model"]) == ("ok", "before"), record
    assert record["config_version"].rpartition("+")[2].isdigit(), record["config_version"]


def a_provider_given_through_the_api_is_called_with_its_key_which_nobody_sees_again() -> None:
    provider, model = world.unique("provider"), world.unique("model")
    body = {"kind": "openai", "base_url": f"{world.mock.url}/v1", "api_key": "wrong-at-first", "headers": {"x-team": "blue-7"}}
    shown = _put("provider", provider, body)
    assert shown["configuration"]["api_key"] == shown["configuration"]["headers"]["x-team"] == "(hidden)", shown
    _put("model", model, _target("gpt-x", provider))
    assert raises(openai.APIStatusError, lambda: say("hello", model=model)).status_code >= 400
    _put("provider", provider, {**shown["configuration"], "api_key": world.UPSTREAM_KEY})
    world.mock.reset()
    assert say("hello", model=model).choices[0].message.content == "You said: hello"
    assert world.mock.requests()[-1]["header"]["x-team"] == "blue-7"
    shown = _call("GET", f"providers/{provider}")[2]
    again = _put("provider", provider, {**shown["configuration"], "max_concurrency": 9})  # what was hidden stays
    assert again["changed_in"] > shown["changed_in"] and say("hello", model=model).choices
    for path in ("configuration", f"providers/{provider}", f"configuration/versions/{shown['changed_in']}", "configuration/versions?limit=5"):
        text = json.dumps(_call("GET", path)[2])
        assert world.UPSTREAM_KEY not in text and "blue-7" not in text, path
    assert world.UPSTREAM_KEY not in world.corbel.errors()
    _remove(("providers", provider), ("models", model))


def a_broken_change_is_refused_whole_and_says_where() -> None:
    name, before = world.unique("broken"), _version()
    status, _, answer = _call("PUT", f"models/{name}", {**_target("x", "mian", wieght=2), "strategy": "wieghted"})
    assert status == 400 and answer["error"]["code"] == "invalid_configuration" and answer["error"]["param"] == "targets[0].provider", answer
    assert 'there is no provider "mian"; did you mean "main"?' in answer["error"]["message"], answer
    status, _, checked = _call("POST", "configuration/check", {"models": [{"name": name, **_target("x", wieght=2), "strategy": "wieghted"}]})
    assert status == 200 and not checked["valid"], checked
    assert [(problem["path"], problem["message"].rpartition("did you mean ")[2]) for problem in checked["problems"]] == [
        ("targets[0].wieght", '"weight"?'),
        ("strategy", '"weighted"?'),
    ], checked
    assert _version() == before and _call("GET", f"models/{name}")[0] == 404


def what_others_lean_on_cannot_be_taken_away() -> None:
    provider, first, second, split = (world.unique(what) for what in ("leaned", "first", "second", "split"))
    _put("provider", provider, {"kind": "openai", "base_url": f"{world.mock.url}/v1", "api_key": world.UPSTREAM_KEY})
    _put("model", first, _target("gpt-x", provider))
    _put("model", second, {**_target("gpt-x"), "fallbacks": [{"model": first}]})
    _put("model", split, {"split": [{"model": first}, {"model": second}]})
    before = _version()
    for method, path, body, told in (
        ("DELETE", f"providers/{provider}", None, f'model {first}: targets[0].provider: there is no provider "{provider}"'),
        ("DELETE", f"models/{first}", None, f'model {second}: fallbacks: there is no model "{first}"'),
        ("PUT", f"models/{split}", {"split": [{"model": split}]}, "splits go round in a circle"),
        ("PUT", f"models/{first}", {**_target("gpt-x"), "fallbacks": [{"model": first}]}, f'"{first}" falls back to itself'),
        ("PUT", f"models/{first}", {**_target("gpt-x", provider), "knowledge": {"collection": "c", "local_only": True}}, "local_only leaves no target"),
        ("DELETE", "models/gpt-x", None, "take it out there"),
    ):
        status, _, answer = _call(method, path, body)
        assert status in (400, 409) and told in answer["error"]["message"], answer
    assert _version() == before and say("hello", model=first).choices
    _remove(("models", split), ("models", second), ("models", first), ("providers", provider))
    assert _version() == before + 1


def models_that_stand_in_for_each_other_are_put_together_and_taken_away_together() -> None:
    left, right = (world.unique(what) for what in ("left", "right"))
    each = [{"name": name, **_target("gpt-x"), "fallbacks": [{"model": other}]} for name, other in ((left, right), (right, left))]
    status, _, answer = _call("PUT", f"models/{left}", {key: value for key, value in each[0].items() if key != "name"})
    assert status == 400 and f'there is no model "{right}"' in answer["error"]["message"], answer
    status, _, checked = _call("POST", "configuration/check", {"models": each})
    assert status == 200 and checked["valid"], checked
    status, _, answer = _call("PATCH", "configuration", {"models": each})
    assert status == 200, answer
    assert {left, right} <= {model.id for model in world.client.models.list()} and say("hello", model=left).choices
    status, _, answer = _call("DELETE", f"models/{left}")
    assert status in (400, 409) and f'there is no model "{left}"' in answer["error"]["message"], answer
    _remove(("models", left), ("models", right))


def the_store_stands_over_the_file_until_it_is_removed() -> None:
    try:
        answer = _put("model", "renamed", _target("over-the-file"))
        assert answer["origin"] == "store" and answer["replaces_file"], answer
        assert say("hello", model="renamed").model == "over-the-file"
    finally:
        status, _, answer = _call("DELETE", "models/renamed")
    assert status == 200, answer
    assert say("hello", model="renamed").model == "gpt-upstream"
    assert _call("GET", "models/renamed")[2]["origin"] == "file"


def a_rollback_puts_back_what_was_and_leaves_the_history() -> None:
    name = world.unique("rolled")
    _put("model", name, _target("one"))
    first = _version()
    _put("model", name, _target("two"))
    _call("DELETE", f"models/{name}?reason={quote('not wanted')}")
    status, headers, answer = _call("POST", "configuration/rollback", {"version": first, "reason": "it was better"})
    assert status == 200 and answer["version"] == first + 3 and headers["etag"] == f'"{first + 3}"', answer
    assert say("hello", model=name).model == "one"
    rows = _call("GET", "configuration/versions?limit=4")[2]["data"]
    assert [row["action"] for row in rows] == ["rollback", "delete", "put", "put"] and rows[0]["hash"] == rows[3]["hash"] != rows[2]["hash"], rows
    assert [rows[0]["reason"], rows[1]["reason"]] == ["it was better", "not wanted"] and rows[0]["actor"], rows
    changes = _call("GET", f"configuration/versions/{first + 3}")[2]["changes"]
    assert changes == [{"kind": "model", "name": name, "removed": False, "configuration": {"name": name, **_target("one")}}], changes
    assert _call("POST", "configuration/rollback", {"version": 10**9})[0] == 404
    _remove(("models", name))


def two_writers_who_read_the_same_do_not_overwrite_each_other() -> None:
    name = world.unique("raced")
    _put("model", name, _target("start"))
    etag = _call("GET", f"models/{name}")[1]["etag"]
    _put("model", world.unique("other"), _target("elsewhere"))  # another entry: none of theirs
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: _call("PUT", f"models/{name}", _target(f"writer-{n}"), if_match=etag), range(8)))
    statuses = [status for status, _, _ in answers]
    assert sorted(statuses) == [200] + [412] * 7, statuses
    winner = answers[statuses.index(200)][2]["configuration"]["targets"][0]["model"]
    assert say("hello", model=name).model == winner
    assert answers[statuses.index(412)][2]["error"]["code"] == "version_mismatch"
    assert _call("PUT", f"models/{name}", _target("x"), if_none_match="*")[0] == 412
    assert _call("PUT", f"models/{world.unique('none')}", _target("x"), if_match="*")[0] == 412
    assert _call("PUT", f"models/{name}", _target("x"), if_match="nonsense")[0] == 400


def writers_without_a_condition_all_come_in_one_after_the_other() -> None:
    names, before = [world.unique(f"many-{n}") for n in range(24)], _version()
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda name: _put("model", name, _target("gpt-x")), names))
    assert sorted(answer["changed_in"] for answer in answers) == list(range(before + 1, before + 25))
    _remove(*(("models", name) for name in names))


def the_same_again_makes_no_version() -> None:
    name = world.unique("same")
    _put("model", name, _target("gpt-x"))
    before = _version()
    _put("model", name, _target("gpt-x"))
    assert _version() == before
    _remove(("models", name))


def several_entries_change_as_one_version_or_not_at_all() -> None:
    provider, model, before = world.unique("together"), world.unique("together"), _version()
    change = {
        "providers": [{"name": provider, "kind": "openai", "base_url": f"{world.mock.url}/v1", "api_key": world.UPSTREAM_KEY}],
        "models": [{"name": model, **_target("gpt-x", provider)}],
    }
    broken = {**change, "models": [*change["models"], {"name": world.unique("bad"), **_target("x", "nobody")}]}
    assert _call("PATCH", "configuration", broken)[0] == 400 and _version() == before
    assert _call("POST", "configuration/check", change)[2]["valid"] and _version() == before
    status, _, answer = _call("PATCH", "configuration?reason=both", change)
    assert status == 200 and answer["version"] == before + 1, answer
    assert say("hello", model=model).choices
    assert _call("PATCH", "configuration", {"models": [change["models"][0]] * 2})[2]["error"]["code"] == "named_twice"
    assert _call("PATCH", "configuration", {"modles": []})[0] == 400
    _remove(("providers", provider), ("models", model))


def breakers_of_what_did_not_change_stay_as_they_are() -> None:
    provider, model = world.unique("fragile"), world.unique("fragile")
    body = {"kind": "openai", "base_url": f"{world.mock.url}/v1", "api_key": world.UPSTREAM_KEY, "headers": {"x-mock": "status=500"}}
    _put("provider", provider, {**body, "breaker": {"failures": 2, "ratio": 0, "open": "1h", "refuse": True}})
    _put("model", model, _target("gpt-x", provider))
    for _ in range(2):
        raises(openai.APIStatusError, lambda: say("hello", model=model))

    def breaker() -> str:
        return next(row["breaker"] for row in _call("GET", "targets")[2]["data"] if row["provider"] == provider)

    assert breaker() == "open"
    _put("model", world.unique("bystander"), _target("gpt-x"))
    _put("model", model, {**_target("gpt-x", provider), "capture": "usage"})
    assert breaker() == "open" and raises(openai.APIStatusError, lambda: say("hello", model=model)).status_code == 503
    _remove(("models", model), ("providers", provider))


def a_secret_header_that_the_provider_says_back_is_hidden_from_clients_and_records() -> None:
    provider, model, secret = world.unique("echo"), world.unique("echo"), "hdr-7f3a9c-secret"
    base = {"kind": "openai", "base_url": f"{world.mock.url}/v1", "api_key": world.UPSTREAM_KEY, "breaker": {"failures": 0}}
    for value in (secret, f"Bearer {secret}"):  # the mock says back what is no directive
        _put("provider", provider, {**base, "headers": {"x-mock": value}})
        _put("model", model, _target("gpt-x", provider))
        for stream in (False, True):
            error = raises(openai.BadRequestError, lambda stream=stream: world.client.chat.completions.create(model=model, messages=user("hello"), stream=stream))
            assert error.code == "mock_directive" and "not a directive" in error.message, error.body
            assert secret not in error.message, error.body
    traces = world.corbel.call("GET", "/admin/v1/traces?limit=50")[2]
    assert model in traces.decode() if isinstance(traces, bytes) else model in traces
    assert secret not in (traces.decode() if isinstance(traces, bytes) else traces)
    _remove(("models", model), ("providers", provider))


def a_price_put_through_the_api_is_that_of_the_next_call() -> None:
    name, costs = world.unique("priced"), []
    for dollars in (1000, 3000):
        _put("model", name, _target("gpt-x", price={"input": dollars, "output": dollars}))
        answer = say("hello", model=name)
        tokens = answer.usage.prompt_tokens + answer.usage.completion_tokens
        costs.append(world.trace(answer.id)["interaction"]["cost_nanodollars"] / tokens)
    assert costs == [1_000_000, 3_000_000], costs
    _remove(("models", name))


def only_the_operator_may_look_or_change() -> None:
    made = world.corbel.call("POST", "/admin/v1/keys", {"name": world.unique("user"), "scopes": ["model.use", "metrics.read"]})
    key = {"authorization": f"Bearer {json.loads(made[2])['key']}"}
    for method, path, body in (("GET", "configuration", None), ("PUT", "models/x", _target("gpt-x")), ("GET", "providers", None), ("GET", "configuration/versions", None)):
        assert world.corbel.call(method, f"/admin/v1/{path}", body, key)[0] == 403, path


def names_with_slashes_and_colons_are_entries_too() -> None:
    name = f"team/blue:{time.monotonic_ns()}"
    assert _put("model", name, _target("gpt-x"))["name"] == name
    assert say("hello", model=name).choices and _call("GET", f"models/{quote(name, safe='')}")[0] == 200
    _remove(("models", name))
    assert _call("PUT", f"models/{quote('bad name', safe='')}", _target("gpt-x"))[0] == 400


def all_that_the_store_adds_can_be_taken_back_at_once() -> None:
    """The last one here: other tests start nodes on the same database, whose files know none of these providers."""

    def added(kind: str) -> list[str]:
        return [entry["name"] for entry in _call("GET", f"{kind}?limit=1000")[2]["data"] if entry["origin"] == "store"]

    _put("model", world.unique("late"), _target("gpt-x"))
    assert added("models")
    _remove(*((kind, name) for kind in ("providers", "models") for name in added(kind)))
    assert not added("models") and not added("providers")
