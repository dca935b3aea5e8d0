"""What is billed beside plain tokens: searches in the web and search units are reserved before they are made; the hour in a provider's cache, tiers and long prompts have their prices, from the answer to the proof of the books."""

from __future__ import annotations

import collections
import concurrent.futures
import csv
import io
import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anthropic
import openai
import own_world
import world
from ledger_tests import table_file
from world import raises, user

SEARCH = 100_000_000  # nanodollars: a tenth of a dollar each
TOKEN = 1_000  # a thousandth of a thousandth


def _search_tool(**more: Any) -> Any:
    return {"type": "web_search_20250305", "name": "web_search", **more}


def _config() -> dict[str, Any]:
    def provider(name: str, kind: str) -> dict[str, Any]:
        return {"name": name, "kind": kind, "base_url": world.mock.url, "api_key": world.UPSTREAM_KEY}

    price = {"input": 1, "output": 1, "web_search": 100}
    return {
        "providers": [
            provider("claude", "anthropic"), {**provider("main", "openai"), "base_url": f"{world.mock.url}/v1"}, provider("ranks", "cohere"),
            *({**provider(name, kind), "base_url": f"{world.mock.url}/v1"} for name, kind in (("deep", "deepseek"), ("router", "openrouter"), ("grok", "xai"))),
        ],
        "models": [
            {"name": "searches", "targets": [{"provider": "claude", "model": "claude-x", "price": price}]},
            {"name": "hour", "targets": [{"provider": "claude", "model": "claude-x", "price": {"input": 1000, "cache_write": 1250, "cache_write_1h": 2000, "output": 5000}}]},
            {"name": "dear-hour", "targets": [{"provider": "claude", "model": "claude-x", "price": {"input": 1, "cache_write_1h": 1_000_000, "output": 1}}]},
            {"name": "tabled", "targets": [{"provider": "claude", "model": "billing-claude"}]},
            {"name": "hours", "targets": [{"provider": "deep", "model": "billing-hours"}]},
            {"name": "routed", "targets": [{"provider": "router", "model": "r", "price": price}]},
            {"name": "grok", "targets": [{"provider": "grok", "model": "g", "price": price}]},
            {"name": "tiers", "targets": [{"provider": "main", "model": "billing-tiers"}]},
            {"name": "ranks", "type": "rerank", "targets": [{"provider": "ranks", "model": "rerank-v3.5"}]},
        ],
    }


@contextmanager
def _served() -> Iterator[tuple[own_world.Node, Any, Any]]:
    with own_world.store() as store, own_world.Node({**store, **_config()}) as corbel:
        yield corbel, anthropic.Anthropic(base_url=corbel.url, api_key=corbel.key, max_retries=0, timeout=30), store


def budget(corbel: Any, dollars: float) -> None:
    status, _, body = corbel.call("POST", "/admin/v1/budgets", {"name": "all", "period": "total", "limit_nanodollars": int(dollars * 1e9)})
    assert status == 201, body


def spent(corbel: Any) -> int:
    return json.loads(corbel.call("GET", "/admin/v1/budgets/all")[2])["current"]["spent_nanodollars"]


def _record_of(corbel: Any, answer: Any) -> dict[str, Any]:
    return json.loads(corbel.call("GET", f"/admin/v1/traces/{answer.headers['x-request-id']}")[2])["interaction"]


def _look_up(client: anthropic.Anthropic, searches: int, **tool: Any) -> Any:
    text = f"[mock prompt-tokens=10 completion-tokens=5 web-searches={searches} pace=5] look it up"
    return client.messages.with_raw_response.create(model="searches", max_tokens=10, messages=[{"role": "user", "content": text}], tools=[_search_tool(**tool)])


def calls_that_race_cannot_overrun_a_budget_by_searches() -> None:
    with _served() as (corbel, client, _):
        budget(corbel, 2)

        def one(turn: int) -> str:
            try:
                _look_up(client, turn % 4, max_uses=3)
            except anthropic.RateLimitError:
                return "held"
            except anthropic.APIStatusError as error:
                assert error.status_code == 402, error
                return "spent"
            return "answered"

        with concurrent.futures.ThreadPoolExecutor(24) as pool:
            outcomes = collections.Counter(pool.map(one, range(160)))
        total = spent(corbel)
        assert 1_500_000_000 < total <= 2_000_000_000 and outcomes["answered"] >= 6 and outcomes["held"] + outcomes["spent"] > 0, (total, outcomes)
        rows = json.loads(corbel.call("GET", "/admin/v1/traces?limit=1000")[2])["data"]
        assert total == sum(row["cost_nanodollars"] for row in rows), "the budget says what the records say"
        books = json.loads(corbel.cli("verify", "--json").stdout)
        assert books["good"] and books["unproved_entries"] == 0, books


def searches_are_reserved_by_what_the_request_allows_and_settled_by_what_was_made() -> None:
    with _served() as (corbel, client, _):
        budget(corbel, 0.95)
        world.mock.reset()
        error = raises(anthropic.APIStatusError, lambda: _look_up(client, 0))
        assert error.status_code == 402 and "has not enough left" in str(error), "ten searches are assumed where none are said"
        raises(anthropic.APIStatusError, lambda: _look_up(client, 0, max_uses=10))
        assert world.mock.requests() == [] and spent(corbel) == 0
        assert _record_of(corbel, _look_up(client, 2, max_uses=9))["usage"]["web_searches"] == 2
        assert spent(corbel) == 2 * SEARCH + 15 * TOKEN
        _look_up(client, 0, max_uses=7)
        assert spent(corbel) == 2 * SEARCH + 30 * TOKEN, "what was reserved and not used is free again"
        raises(anthropic.APIStatusError, lambda: _look_up(client, 0, max_uses=8))


def search_units_are_reserved() -> None:
    with _served() as (corbel, _, _):
        budget(corbel, 0.003)
        world.mock.reset()

        def rank(documents: int) -> int:
            return corbel.call("POST", "/v1/rerank", {"model": "ranks", "query": "which", "documents": [f"one {i}" for i in range(documents)]})[0]

        assert rank(101) == 402, "two units of a fifth of a cent"
        assert world.mock.requests() == []
        assert rank(100) == 200 and spent(corbel) == 2_000_000
        assert rank(1) == 402 and spent(corbel) == 2_000_000


def the_hour_in_the_cache_is_priced_reported_and_proved() -> None:
    with _served() as (corbel, client, store):
        text = "[mock prompt-tokens=1000 cache-write-tokens=300 cache-write-1h-tokens=200 completion-tokens=10]"
        cost = (700 * 1000 + 100 * 1250 + 200 * 2000 + 10 * 5000) * 1000
        for stream in (False, True):
            answer = client.messages.with_raw_response.create(model="hour", max_tokens=20, messages=[{"role": "user", "content": text}], stream=stream)
            if stream:
                list(answer.parse())
            else:
                assert answer.parse().usage.cache_creation.ephemeral_1h_input_tokens == 200
            record = _record_of(corbel, answer)
            assert record["usage"]["cache_write_1h_tokens"] == 200 and record["usage"]["cache_write_tokens"] == 300 and record["cost_nanodollars"] == cost, record
        rows = list(csv.DictReader(io.StringIO(corbel.cli("usage", "report", "--csv").stdout)))
        assert [(row["cache_write_1h_tokens"], row["amount_nanodollars"]) for row in rows] == [("400", str(2 * cost))], rows
        assert json.loads(corbel.cli("verify", "--json").stdout)["good"]
        own_world.change(corbel, store, "update usage_entry set cache_write_1h = cache_write_1h + 1 where entry = 0")
        assert corbel.cli("verify").returncode == 1


TIERS = {
    "litellm_provider": "openai",
    "input_cost_per_token": 2e-06,
    "output_cost_per_token": 8e-06,
    "input_cost_per_token_flex": 1e-06,
    "output_cost_per_token_flex": 4e-06,
    "input_cost_per_token_priority": 4e-06,
    "input_cost_per_token_above_200k_tokens": 3e-06,
    "output_cost_per_token_above_200k_tokens": 9e-06,
}
CLAUDE = {
    "litellm_provider": "anthropic",
    "input_cost_per_token": 3e-06,
    "output_cost_per_token": 15e-06,
    "cache_creation_input_token_cost": 3.75e-06,
    "search_context_cost_per_query": {"search_context_size_medium": 0.01},
    "provider_specific_entry": {"fast": 2.0},
}


def tiers_and_long_prompts_are_priced_again_and_proved() -> None:
    with _served() as (corbel, client, store), tempfile.TemporaryDirectory() as scratch:
        chat = own_world.client_of(corbel)

        def ask(prompt: int, tier: str) -> dict[str, Any]:
            text = f"[mock prompt-tokens={prompt} completion-tokens=100 tier={tier}]"
            return _record_of(corbel, chat.chat.completions.with_raw_response.create(model="tiers", messages=user(text), max_tokens=100))

        before = ask(100, "flex")
        assert before["cost_nanodollars"] == 0 and before["usage"]["service_tier"] == "flex", "no price is known"
        assert corbel.cli("price", "import", table_file(scratch, **{"billing-tiers": TIERS, "billing-claude": CLAUDE}), "--from", "2026-01-01").returncode == 0
        costs = [ask(*call)["cost_nanodollars"] for call in ((100, "flex"), (100, "default"), (100, "priority"), (200_000, "default"), (200_001, "default"), (200_001, "flex"))]
        assert costs == [500_000, 1_000_000, 1_200_000, 400_800_000, 600_903_000, 600_903_000], costs
        text = "[mock prompt-tokens=1000 cache-write-tokens=300 cache-write-1h-tokens=200 completion-tokens=10 web-searches=2]"
        answer = client.messages.with_raw_response.create(model="tabled", max_tokens=20, messages=[{"role": "user", "content": text}])
        plain = 700 * 3000 + 300 * 3750 + 10 * 15000 + 2 * 10_000_000
        assert _record_of(corbel, answer)["cost_nanodollars"] == plain, "as the short ones, where the table knows no other"
        CLAUDE_HOUR = {**CLAUDE, "cache_creation_input_token_cost_above_1hr": 6e-06}
        assert corbel.cli("price", "import", table_file(scratch, **{"billing-tiers": TIERS, "billing-claude": CLAUDE_HOUR}), "--from", "2026-02-01").returncode == 0
        done = json.loads(corbel.cli("usage", "reprice", "--from", "2026-01-01", "--apply", "--json").stdout)
        rows = {row["model"]: row["after_nanodollars"] - row["before_nanodollars"] for row in done["data"]}
        assert rows == {"billing-tiers": 500_000, "billing-claude": 200 * 2250}, rows
        books = json.loads(corbel.cli("verify", "--json").stdout)
        assert books["good"] and books["unproved_entries"] == 0, books
        for column, bad, good in (("tier", "tier > 0", "tier > 9"), ("cache_write_1h", "cache_write_1h > 0", "cache_write_1h > 9")):
            own_world.change(corbel, store, f"update usage_entry set {column} = {column} + 10 where entry = 0 and {bad}")
            assert not json.loads(corbel.cli("verify", "--json").stdout)["good"], column
            own_world.change(corbel, store, f"update usage_entry set {column} = {column} - 10 where entry = 0 and {good}")
        assert corbel.cli("verify").returncode == 0


def hours_of_the_week_have_their_prices() -> None:
    """The schedule is that of the clock: open all week, or for an hour that is far from now."""
    usual = {"litellm_provider": "deepseek", "input_cost_per_token": 2e-06, "output_cost_per_token": 8e-06, "cache_read_input_token_cost": 1e-06}
    less = {"input_cost_per_token": 1e-06, "output_cost_per_token": 3e-06, "cache_read_input_token_cost": 1e-07}
    far = (time.gmtime().tm_hour + 12) % 24
    closed = {"windows": [{"hours_utc": f"{far:02}:00-{(far + 1) % 24:02}:00", "weekdays": [1, 2, 3, 4, 5, 6, 7]}]}
    with _served() as (corbel, _, _), tempfile.TemporaryDirectory() as scratch:
        chat = own_world.client_of(corbel)

        def ask() -> int:
            text = "[mock like=deepseek prompt-tokens=1000 cached-tokens=400 completion-tokens=100]"
            return _record_of(corbel, chat.chat.completions.with_raw_response.create(model="hours", messages=user(text), max_tokens=100))["cost_nanodollars"]

        for day, hours, cost in ((1, closed, 600 * 2000 + 400 * 1000 + 100 * 8000), (2, {"hours_utc": "00:00-00:00"}, 600 * 1000 + 400 * 100 + 100 * 3000)):
            table = {"billing-hours": {**usual, "off_peak_pricing": {**less, **hours}}}
            assert corbel.cli("price", "import", table_file(scratch, **table), "--from", f"2026-01-{day:02}").returncode == 0
            assert ask() == cost
        assert corbel.cli("usage", "reprice", "--from", "2026-01-01", "--apply").returncode == 0
        (row,) = json.loads(corbel.cli("usage", "report", "--by", "model", "--json").stdout)["data"]
        assert row["amount_nanodollars"] == 2 * cost and row["calls"] == 2, row
        books = json.loads(corbel.cli("verify", "--json").stdout)
        assert books["good"] and books["unproved_entries"] == 0, books
        budget(corbel, 0.0005)
        assert ask() == cost, "reserved at the price of this hour: at the other the answer alone may come to 800 microdollars"
        assert raises(openai.APIStatusError, ask).status_code == 402


def what_a_provider_says_a_call_costs_is_kept_beside_our_price() -> None:
    with _served() as (corbel, _, _):
        chat = own_world.client_of(corbel)
        for model, said in (("routed", "like=openrouter reported-cost=1234567"), ("grok", "like=xai reported-cost=250"), ("routed", "like=openrouter")):
            for stream in (False, True):
                text = f"[mock {said} prompt-tokens=100 completion-tokens=50]"
                answer = chat.chat.completions.with_raw_response.create(model=model, messages=user(text), max_tokens=100, stream=stream)
                if stream:
                    list(answer.parse())
                record = _record_of(corbel, answer)
                assert record["cost_nanodollars"] == 150 * TOKEN, "what is billed is our price"
                assert record.get("reported_nanodollars") == {"routed": 1234567, "grok": 250}[model] if "cost" in said else "reported_nanodollars" not in record, (said, record)
        rows = {row["group"]: row for row in json.loads(corbel.cli("usage", "report", "--by", "model", "--json").stdout)["data"]}
        assert (rows["r"]["calls"], rows["r"]["reported_calls"], rows["r"]["reported_nanodollars"]) == (4, 2, 2 * 1234567), rows
        assert (rows["g"]["reported_calls"], rows["g"]["reported_nanodollars"]) == (2, 500), rows
        assert "of 4 calls their providers say that they cost $0.002470" in corbel.cli("usage", "report").stdout, corbel.cli("usage", "report").stdout
        assert json.loads(corbel.cli("verify", "--json").stdout)["good"]


def the_tier_and_the_hour_are_reserved() -> None:
    with _served() as (corbel, _, _), tempfile.TemporaryDirectory() as scratch:
        assert corbel.cli("price", "import", table_file(scratch, **{"billing-tiers": {**TIERS, "output_cost_per_token_priority": 0.1}}), "--from", "2026-01-01").returncode == 0
        budget(corbel, 1)
        chat = own_world.client_of(corbel)
        dear = lambda: chat.chat.completions.create(model="tiers", messages=user("hi"), max_tokens=100, service_tier="priority")  # noqa: E731
        assert raises(openai.APIStatusError, dear).status_code == 402, "ten cents a token"
        chat.chat.completions.create(model="tiers", messages=user("hi"), max_tokens=100)
        claude = anthropic.Anthropic(base_url=corbel.url, api_key=corbel.key, max_retries=0)

        def mark(ttl: str) -> Any:
            text = {"type": "text", "text": "hi", "cache_control": {"type": "ephemeral", "ttl": ttl}}
            return claude.messages.create(model="dear-hour", max_tokens=1, messages=[{"role": "user", "content": [text]}])

        assert raises(anthropic.APIStatusError, lambda: mark("1h")).status_code == 402, "a dollar a token"
        mark("5m")
        assert corbel.cli("price", "import", table_file(scratch, **{"billing-claude": {**CLAUDE, "provider_specific_entry": {"fast": 100}}}), "--from", "2026-02-01").returncode == 0
        quick = lambda **more: claude.messages.create(model="tabled", max_tokens=1000, messages=user("hi"), **more)  # noqa: E731
        assert raises(anthropic.APIStatusError, lambda: quick(extra_body={"speed": "fast"})).status_code == 402, "a hundred times as dear"
        quick()
