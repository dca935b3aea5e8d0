"""Budgets: official clients get 402 before money is spent and do not retry it; what is charged is what the records say, whatever races, breaks off or is retried."""

from __future__ import annotations

import concurrent.futures
import json
from typing import Any

import openai
import world
from limit_tests import fresh, made, run
from world import raises, user

NANOS = 1_000_000_000


def budget(amount: str, *options: str) -> str:
    """A new budget's id."""
    return run("budget", "create", fresh("budget"), "--amount", amount, *options)["id"]


def spent(identity: str) -> int:
    return run("budget", "show", identity)["current"]["spent_nanodollars"]


def ask(client: openai.OpenAI, text: str = "[mock prompt-tokens=100 completion-tokens=50]", model: str = "priced", **more: Any) -> Any:
    return client.chat.completions.with_raw_response.create(model=model, messages=user(text), **{"max_tokens": 50, **more})


def cost_of(response: Any) -> int:
    return world.trace(response.headers["x-request-id"])["interaction"]["cost_nanodollars"]


def _refusals() -> float:
    page = world.corbel.call("GET", "/metrics")[2].decode()
    return sum(float(line.split()[-1]) for line in page.splitlines() if line.startswith("corbel_budget_refusals_total{"))


def a_spent_budget_is_a_402_that_no_client_retries() -> None:
    key, client = made()
    name = budget("0.30", "--key-id", key)
    charged = cost_of(ask(client))
    assert charged == 100 * 1_000_000 + 50 * 2_000_000, "the price of the target counts"
    assert spent(name) == charged
    world.mock.reset()
    before = _refusals()
    error = raises(openai.APIStatusError, lambda: ask(client.with_options(max_retries=5)))
    assert error.status_code == 402 and error.code == "budget_exceeded" and error.type == "insufficient_quota", error.body
    assert error.response.headers["x-should-retry"] == "false" and "retry-after" not in error.response.headers
    assert "has not enough left" in error.message and "begins anew at" in error.message, error.message
    assert _refusals() == before + 1, "the client asked once"
    assert world.mock.requests() == [], "nothing goes upstream"
    run("budget", "update", name, "--amount", "5")
    ask(client)
    run("budget", "update", name, "--amount", "0.000000001")
    error = raises(openai.APIStatusError, lambda: ask(client))
    assert "is spent: $0.400000" in error.message, error.message


def calls_that_race_cannot_overrun_a_budget() -> None:
    key, client = made()
    name = budget("2", "--key-id", key)

    def one(turn: int) -> str:
        try:
            ask(client.with_options(max_retries=4), f"[mock prompt-tokens=20 completion-tokens={turn % 40} pace=5] go")
        except openai.RateLimitError:
            return "held"
        except openai.APIStatusError as error:
            assert error.status_code == 402, error
            return "spent"
        return "answered"

    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        outcomes = list(pool.map(one, range(120)))
    total = spent(name)
    assert total <= 2 * NANOS and outcomes.count("answered") >= 12, (total, {outcome: outcomes.count(outcome) for outcome in set(outcomes)})
    status, _, body = world.corbel.call("GET", "/admin/v1/traces?limit=1000")
    assert status == 200
    assert total == sum(row["cost_nanodollars"] for row in json.loads(body)["data"] if row["key_id"] == key), "the budget says what the records say"


def all_budgets_bind_and_a_refusal_holds_none_of_them() -> None:
    team = fresh("team")
    run("team", "create", team)
    key, client = made("--team", team)
    wide, narrow = budget("10", "--key-id", key), budget("0.25", "--team", team)
    ask(client)
    error = raises(openai.APIStatusError, lambda: ask(client))
    assert error.status_code == 402 and "of this team" in error.message, error.message
    assert spent(wide) == spent(narrow) == 200_000_000
    assert run("budget", "close", narrow)["closed_us"]
    ask(client)
    assert spent(wide) == 400_000_000 and spent(narrow) == 200_000_000


def each_end_user_has_a_budget_of_its_own() -> None:
    name = fresh("tenant")
    run("tenant", "create", name)
    key = run("key", "create", "--tenant", name)["key"]
    run("budget", "create", "each", "--amount", "0.30", "--each-user", "--tenant", name)
    client = world.make_client(api_key=key)
    ask(client, user="ann")
    error = raises(openai.APIStatusError, lambda: ask(client, user="ann"))
    assert error.status_code == 402 and "of this user" in error.message, error.message
    ask(client, user="bob")
    ask(client)


def a_model_without_a_price_is_refused_where_a_budget_binds() -> None:
    key, client = made()
    ask(client, model="gpt-x")
    budget("5", "--key-id", key)
    world.mock.reset()
    error = raises(openai.BadRequestError, lambda: ask(client, model="gpt-x"))
    assert error.code == "price_unknown" and "give the target a price" in error.message, error.body
    assert world.mock.requests() == []


def what_fails_upstream_costs_nothing() -> None:
    key, client = made()
    name = budget("5", "--key-id", key)
    raises(openai.InternalServerError, lambda: ask(client, "[mock status=500]"))
    raises(openai.RateLimitError, lambda: ask(client, "[mock status=429]"))
    assert spent(name) == 0
    ask(client)
    assert spent(name) == 200_000_000


def a_stream_that_is_left_is_charged_for_what_it_wrote() -> None:
    key, client = made()
    name = budget("50", "--key-id", key)
    stream = client.chat.completions.create(model="priced", messages=user("[mock chunks=300 pace=10]"), stream=True, max_tokens=400)
    for _, _ in zip(range(10), stream):
        pass
    stream.close()
    world.harness.wait_for(lambda: spent(name) > 0, 5, "the charge of a stream that was left")
    current = run("budget", "show", name)["current"]
    assert 20_000_000 < current["spent_nanodollars"] < 1_000_000_000, current


def cached_tokens_of_a_stream_are_charged_once_at_their_price() -> None:
    key, client = made()
    name = budget("50", "--key-id", key)
    for model in ("priced", "priced-claude"):
        before = spent(name)
        stream = client.chat.completions.create(
            model=model,
            messages=user("[mock prompt-tokens=1000 cached-tokens=800 completion-tokens=10]"),
            stream=True,
            max_tokens=100,
            stream_options={"include_usage": True},
        )
        usage = [chunk.usage for chunk in stream if chunk.usage][-1]
        assert usage.prompt_tokens == 1000 and usage.prompt_tokens_details.cached_tokens == 800, (model, usage)
        assert spent(name) - before == 200 * 1_000_000 + 800 * 100_000 + 10 * 2_000_000, model


def embeddings_are_charged_like_answers() -> None:
    key, client = made()
    name = budget("0.000001", "--key-id", key)
    client.embeddings.create(model="text-embedding-3-small", input="five words of some text", encoding_format="float")
    first = spent(name)
    assert 0 < first < 1000, first
    error = raises(openai.APIStatusError, lambda: client.embeddings.create(model="text-embedding-3-small", input="word " * 5000))
    assert error.status_code == 402, error
    assert spent(name) == first


def what_a_budget_is_asked_for_must_make_sense() -> None:
    for options, said in (
        (("--amount", "0"), "US dollars above 0"),
        (("--amount", "1.0000000001"), "9 decimals"),
        (("--amount", "5", "--period", "year"), "period"),
        (("--amount", "5", "--team", "nobody"), "no team"),
        (("--amount", "5", "--alert", "120"), "alerts"),
    ):
        done = world.corbel.cli("budget", "create", fresh("odd"), *options)
        assert done.returncode in (1, 2) and said in done.stderr, (options, done)
    name = fresh("twice")
    run("budget", "create", name, "--amount", "1", "--period", "total")
    done = world.corbel.cli("budget", "create", name, "--amount", "1")
    assert done.returncode == 1 and "already" in done.stderr, done
    run("budget", "close", name)
