"""Limits: official clients of keys with rates, models and networks of their own see 429 with what is left, 401 and 403, and nothing of it goes upstream."""

from __future__ import annotations

import concurrent.futures
import json
import re
import time
import uuid
from typing import Any

import anthropic
import openai
import own_world
import world
from world import raises, say, user


def made(*options: str, name: str = "") -> tuple[str, openai.OpenAI]:
    """A new key's id, and a client that has it."""
    done = world.corbel.cli("key", "create", "--name", name or "limits", "--json", *options)
    assert done.returncode == 0, done.stderr
    key = json.loads(done.stdout)
    return key["id"], world.make_client(api_key=key["key"])


def run(*arguments: str) -> Any:
    done = world.corbel.cli(*arguments, "--json")
    assert done.returncode == 0, (arguments, done.stderr)
    return json.loads(done.stdout)


def ask(client: openai.OpenAI, text: str = "hi", model: str = "gpt-x", **more: Any) -> Any:
    return client.chat.completions.with_raw_response.create(model=model, messages=user(text), **more)


def fresh(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


def a_spent_rate_is_a_rate_limit_error_with_a_delay() -> None:
    _, client = made("--requests-per-minute", "3")
    for left in (2, 1, 0):
        headers = ask(client).headers
        assert headers["x-ratelimit-limit-requests"] == "3" and headers["x-ratelimit-remaining-requests"] == str(left), dict(headers)
        assert re.fullmatch(r"(\d+m)?\d+(\.\d+)?m?s", headers["x-ratelimit-reset-requests"]), dict(headers)
    world.mock.reset()
    error = raises(openai.RateLimitError, lambda: ask(client))
    assert error.code == "rate_limit_exceeded" and "3 requests per minute" in error.message, error.body
    assert 1 <= int(error.response.headers["retry-after"]) <= 20 and error.response.headers["x-ratelimit-remaining-requests"] == "0"
    assert world.mock.requests() == [], "nothing goes upstream"


def a_client_that_waits_as_it_is_told_gets_its_answer() -> None:
    _, client = made("--requests-per-minute", "60")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: ask(client), range(59)))
    ask(client)
    began = time.monotonic()
    assert ask(client.with_options(max_retries=3)).http_response.status_code == 200
    assert time.monotonic() - began < 10


def tokens_are_reserved_before_and_corrected_after() -> None:
    _, client = made("--tokens-per-minute", "2000")
    first = ask(client, "[mock prompt-tokens=100 completion-tokens=50]", max_tokens=1500)
    assert int(first.headers["x-ratelimit-limit-tokens"]) == 2000
    assert int(first.headers["x-ratelimit-remaining-tokens"]) <= 500, "what it may take is reserved while it runs"
    second = ask(client, "[mock prompt-tokens=100 completion-tokens=50]", max_tokens=10)
    assert 1700 < int(second.headers["x-ratelimit-remaining-tokens"]) < 1900, "what it did not take was given back"
    ask(client, "[mock prompt-tokens=5000 completion-tokens=50]", max_tokens=10)  # more than anybody could have known
    error = raises(openai.RateLimitError, lambda: ask(client, max_tokens=10))
    assert "tokens per minute" in error.message and int(error.response.headers["retry-after"]) > 60, (error.message, error.response.headers)


def calls_at_once_are_limited_and_a_finished_one_makes_room() -> None:
    _, client = made("--concurrency", "2")
    streams = [client.chat.completions.create(model="gpt-x", messages=user("[mock endless pace=10]"), stream=True) for _ in range(2)]
    for stream in streams:
        next(iter(stream))
    error = raises(openai.RateLimitError, lambda: ask(client))
    assert "2 calls at once" in error.message, error.message
    streams[0].close()
    world.harness.wait_for(lambda: not _refused(client), 5, "the place of a client that left")
    streams[1].close()


def _refused(client: openai.OpenAI) -> bool:
    try:
        ask(client)
    except openai.RateLimitError:
        return True
    return False


def the_limits_of_a_team_bind_all_its_keys() -> None:
    team = fresh("team")
    run("team", "create", team, "--requests-per-minute", "4")
    clients = [made("--team", team)[1] for _ in range(2)]
    for turn in range(4):
        ask(clients[turn % 2])
    error = raises(openai.RateLimitError, lambda: ask(clients[0]))
    assert "this team may use 4 requests" in error.message, error.message
    run("team", "update", team, "--requests-per-minute", "none")
    ask(clients[1])
    assert world.corbel.cli("team", "close", team).returncode == 0
    raises(openai.AuthenticationError, lambda: ask(clients[0]))
    done = world.corbel.cli("key", "create", "--team", team)
    assert done.returncode == 1 and "no open team" in done.stderr, done


def each_end_user_has_a_limit_of_its_own() -> None:
    _, client = made("--user-requests-per-minute", "2")
    for name in ("ann", "bob", "ann", "bob"):
        ask(client, user=name)
    error = raises(openai.RateLimitError, lambda: ask(client, user="ann"))
    assert "this user may use 2 requests" in error.message, error.message
    raises(openai.RateLimitError, lambda: ask(client, safety_identifier="bob"))
    ask(client, user="carol")
    ask(client)


def many_callers_at_once_get_what_the_limit_says_and_no_more() -> None:
    _, client = made("--requests-per-minute", "20")
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        refused = list(pool.map(lambda _: _refused(client), range(80)))
    allowed = 20 + 20 * (time.monotonic() - began) / 60
    assert 20 <= refused.count(False) <= allowed + 1, (refused.count(False), allowed)


def a_key_is_for_its_models_only() -> None:
    _, client = made("--model", "gpt-*,renamed")
    ask(client)
    ask(client, model="renamed")
    error = raises(openai.PermissionDeniedError, lambda: ask(client, model="with-fallback"))
    assert error.code == "model_not_allowed" and error.param == "model", error.body
    raises(openai.PermissionDeniedError, lambda: client.embeddings.create(model="text-embedding-3-small", input="x"))


def a_key_is_for_its_networks_only() -> None:
    identity, client = made("--network", "10.0.0.0/8,2001:db8::/32")
    error = raises(openai.PermissionDeniedError, lambda: client.models.list())
    assert error.code == "network_not_allowed", error.body
    run("key", "update", identity, "--network", "127.0.0.0/8")
    client.models.list()
    done = world.corbel.cli("key", "update", identity, "--network", "10.0.0.1/8")
    assert done.returncode == 1 and "CIDR" in done.stderr, done


def models_that_a_key_may_not_use_are_not_listed() -> None:
    _, client = made("--model", "gpt-*,claude-x")
    names = [model.id for model in client.models.list()]
    assert "gpt-x" in names and "claude-x" in names and all(name.startswith("gpt-") or name == "claude-x" for name in names), names
    assert client.models.retrieve("gpt-x").id == "gpt-x"
    raises(openai.NotFoundError, lambda: client.models.retrieve("renamed"))
    claude = world.make_claude(api_key=client.api_key)
    assert [model.id for model in claude.models.list(limit=1)] == names, "page by page"
    raises(anthropic.NotFoundError, lambda: claude.models.retrieve("renamed"))


def what_is_local_only_reaches_no_other_provider() -> None:
    _, client = made("--local-only", "yes")
    world.mock.reset()
    error = raises(openai.PermissionDeniedError, lambda: ask(client))
    assert error.code == "local_only", error.body
    raises(openai.PermissionDeniedError, lambda: client.embeddings.create(model="text-embedding-3-small", input="x"))
    assert world.mock.requests() == []
    here = json.loads(world.corbel.call("GET", "/readyz")[2])["embeddings"]
    assert client.embeddings.create(model=here, input="x", encoding_format="float").data, "the model in the process is ours"


def a_key_for_batch_waits_behind_the_others() -> None:
    config = own_world.priced()
    config["providers"][0] |= {"max_concurrency": 4, "headers": {"x-mock": "slow-headers=400"}}
    with own_world.store() as store, own_world.Node({**store, **config}) as corbel, concurrent.futures.ThreadPoolExecutor(8) as pool:
        made = json.loads(corbel.cli("key", "create", "--name", "bulk", "--priority", "batch", "--json").stdout)
        assert made["policy"] == {"priority": "batch"} and "batch" in corbel.cli("key", "show", made["id"]).stdout
        bulk, waited = own_world.client_of(corbel, made["key"]), own_world.client_of(corbel)
        for headers in ({}, {"x-corbel-priority": "interactive"}):
            calls = [pool.submit(ask, bulk, model="priced", extra_headers=headers) for _ in range(6)]
            world.harness.wait_for(lambda: _target(corbel)["provider_waiting_batch"] >= 3, 5, "a queue")
            began = time.monotonic()
            ask(waited, model="priced")
            assert time.monotonic() - began < 0.8, "who waits goes first"
            for call in calls:
                call.result()
        done = corbel.cli("key", "update", made["id"], "--priority", "none", "--json")
        assert json.loads(done.stdout)["policy"] == {}
        assert "batch or none" in corbel.cli("key", "update", made["id"], "--priority", "soon").stderr


def _target(corbel: Any) -> dict[str, Any]:
    (target,) = json.loads(corbel.call("GET", "/admin/v1/targets")[2])["data"]
    return target


def embeddings_are_limited_like_answers() -> None:
    _, client = made("--requests-per-minute", "1")
    headers = client.embeddings.with_raw_response.create(model="text-embedding-3-small", input="x").headers
    assert headers["x-ratelimit-remaining-requests"] == "0"
    raises(openai.RateLimitError, lambda: client.embeddings.create(model="text-embedding-3-small", input="x"))


def anthropics_client_sees_its_own_headers_and_errors() -> None:
    _, other = made("--requests-per-minute", "2", "--tokens-per-minute", "9000")
    client = world.make_claude(api_key=other.api_key)

    def one(**more: Any) -> Any:
        return client.messages.with_raw_response.create(model="claude-x", max_tokens=20, messages=user("hi"), **more)

    headers = one().headers
    assert headers["anthropic-ratelimit-requests-limit"] == "2" and headers["anthropic-ratelimit-requests-remaining"] == "1", dict(headers)
    assert int(headers["anthropic-ratelimit-tokens-remaining"]) < 9000
    assert not [name for name in headers if "put-tokens" in name], "limits count tokens of both kinds together"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", headers["anthropic-ratelimit-requests-reset"]) and not [name for name in headers if name.startswith("x-ratelimit")]
    one()
    error = raises(anthropic.RateLimitError, one)
    assert error.body["error"]["type"] == "rate_limit_error" and int(error.response.headers["retry-after"]) >= 1, error.body
    key, other = made()
    run("budget", "create", fresh("claude"), "--amount", "0.01", "--key-id", key)
    client = world.make_claude(api_key=other.api_key, max_retries=4)
    error = raises(anthropic.APIStatusError, lambda: client.messages.create(model="priced-claude", max_tokens=20, messages=user("hi")))
    assert error.status_code == 402 and error.response.headers["x-should-retry"] == "false" and error.body["error"]["type"] == "billing_error", error.body
    _, other = made("--user-requests-per-minute", "1")
    client = world.make_claude(api_key=other.api_key)
    one(metadata={"user_id": "ann"})
    raises(anthropic.RateLimitError, lambda: one(metadata={"user_id": "ann"}))
    one(metadata={"user_id": "bob"})


def a_key_without_limits_has_no_such_headers() -> None:
    headers = world.client.chat.completions.with_raw_response.create(model="gpt-x", messages=user("hi")).headers
    assert not [name for name in headers if "ratelimit" in name]


def a_tenant_sees_nothing_of_another() -> None:
    name = fresh("tenant")
    tenant = run("tenant", "create", name, "--concurrency", "50")
    assert tenant["policy"] == {"concurrency": 50}
    key = run("key", "create", "--tenant", name, "--scope", "admin,trace.read")
    client = world.make_client(api_key=key["key"])
    say("of the first tenant")
    assert client.chat.completions.create(model="gpt-x", messages=user("of the second")).choices
    status, _, body = world.corbel.call("GET", "/admin/v1/traces?limit=1000", headers={"authorization": f"Bearer {key['key']}"})
    assert status == 200 and len(json.loads(body)["data"]) == 1, body
    for path in ("/admin/v1/tenants", "/admin/v1/keys?tenant=default", "/metrics", "/admin/v1/targets", "/admin/v1/usage?by=tenant", "/admin/v1/webhooks", "/admin/v1/configuration"):
        status, _, body = world.corbel.call("GET", path, headers={"authorization": f"Bearer {key['key']}"})
        assert status == 403 and json.loads(body)["error"]["code"] == "operator_only", (path, status, body)
    status, _, _ = world.corbel.call("POST", "/admin/v1/backup", {"path": "/tmp/never"}, {"authorization": f"Bearer {key['key']}"})
    assert status == 403
    assert [row["id"] for row in run("key", "ls", "--tenant", name)["data"]] == [key["id"]]
    assert world.corbel.cli("tenant", "close", name).returncode == 0
    raises(openai.AuthenticationError, lambda: client.models.list())


def what_the_command_line_sets_it_shows() -> None:
    identity, _ = made("--requests-per-minute", "60", "--user-tokens-per-minute", "9", "--tag", "env=prod,app=chat", name=fresh("shown"))
    assert run("key", "show", identity)["policy"] == {"requests_per_minute": 60, "user": {"tokens_per_minute": 9}, "tags": {"env": "prod", "app": "chat"}}
    changed = run("key", "update", identity, "--tokens-per-minute", "5000", "--tag", "none", "--expires", "1h", "--scope", "model.use")
    assert changed["policy"] == {"requests_per_minute": 60, "user": {"tokens_per_minute": 9}, "tokens_per_minute": 5000}, changed
    assert changed["scopes"] == ["model.use"] and changed["expires_us"] > time.time() * 1e6
    assert run("key", "update", identity, "--expires", "never")["expires_us"] == 0
    shown = world.corbel.cli("key", "show", identity)
    assert "60 rpm" in shown.stdout and "each user 9 tpm" in shown.stdout, shown.stdout
    for options, said in ((("--requests-per-minute", "0"), "above 0"), (("--local-only", "perhaps"), "yes or no"), (("--tag", "x"), "NAME=VALUE")):
        done = world.corbel.cli("key", "update", identity, *options)
        assert done.returncode == 2 and said in done.stderr, done


def policies_that_make_no_sense_are_refused() -> None:
    for policy, said in (
        ({"rpm": 5}, "one of requests_per_minute"),
        ({"requests_per_minute": 0}, "from 1"),
        ({"requests_per_minute": "5"}, "from 1"),
        ({"user": {"models": []}}, "user"),
        ({"models": "gpt-4o"}, "list"),
        ({"networks": ["nowhere"]}, "CIDR"),
        ({"tags": {"a": 1}}, "texts"),
        ({"local_only": "yes"}, "true or false"),
        ({"priority": "soon"}, "batch"),
        ({"models": ["x" * 300]}, "256"),
        ({"models": ["m"] * 101}, "100"),
    ):
        status, _, body = world.corbel.call("POST", "/admin/v1/keys", {"name": "x", "scopes": ["model.use"], "policy": policy})
        assert status == 400 and said in json.loads(body)["error"]["message"], (policy, status, body)
