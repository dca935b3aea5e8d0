"""The ledger: reports say what the records say, prices are imported and the past is priced again, and `corbel verify` finds the books in order after all of it."""

from __future__ import annotations

import csv
import io
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import openai
import world
from budget_tests import ask, cost_of
from limit_tests import fresh, made, run
from world import raises, user


def report(by: str, *options: str) -> dict[str, Any]:
    """The groups of a report by their names."""
    return {row["group"]: row for row in run("usage", "report", "--by", by, *options)["data"]}


def table_file(scratch: str, **models: dict[str, Any]) -> str:
    """A price table in the shape of LiteLLM's file."""
    path = Path(scratch) / "prices.json"
    path.write_text(json.dumps({"sample_spec": {"litellm_provider": "one of …", "input_cost_per_token": 0.0}, **models}))
    return str(path)


def reports_say_what_the_records_say() -> None:
    tenant, team = fresh("tenant"), fresh("team")
    number = run("tenant", "create", tenant, "--tag", "plan=gold")["id"]
    team_id = run("team", "create", team, "--tenant", tenant, "--tag", "app=team")["id"]
    first = run("key", "create", "--tenant", tenant, "--team", team, "--tag", "app=chat,env=prod")
    second = run("key", "create", "--tenant", tenant)
    for key, name in ((first, "ann"), (first, "bob"), (second, "ann")):
        ask(world.make_client(api_key=key["key"]), user=name)
    one = 200_000_000
    of = ("--tenant", tenant)
    assert report("key", *of)[first["id"]]["amount_nanodollars"] == 2 * one and report("key", *of)[second["id"]]["calls"] == 1
    assert report("team", *of)[team_id]["amount_nanodollars"] == 2 * one and report("team", *of)[""]["amount_nanodollars"] == one
    assert {name: row["amount_nanodollars"] for name, row in report("user", *of).items()} == {"ann": 2 * one, "bob": one}
    assert report("model", *of)["gpt-x"] == {
        "group": "gpt-x", "calls": 3, "input_tokens": 300, "cached_input_tokens": 0, "cache_write_tokens": 0, "output_tokens": 150, "reasoning_tokens": 0,
        "amount_nanodollars": 3 * one,
    }  # fmt: skip
    tags = {name: row["calls"] for name, row in report("tag", *of).items()}
    assert tags == {"plan=gold": 3, "app=chat": 2, "env=prod": 2}, "the key's tag goes before the team's"
    assert report("day", *of)[time.strftime("%Y-%m-%d", time.gmtime())]["calls"] == 3
    assert report("tenant")[number]["amount_nanodollars"] == 3 * one
    assert report("model", *of, "--to", "2026-01-01") == {}
    done = world.corbel.cli("usage", "report", "--by", "user", "--csv", *of)
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [row["group"] for row in rows] == ["ann", "bob"] and rows[0]["amount_nanodollars"] == str(2 * one), done.stdout
    assert "total $0.600000" in world.corbel.cli("usage", "report", *of).stdout


def prices_are_imported_and_the_past_is_priced_again() -> None:
    tenant = fresh("tenant")
    run("tenant", "create", tenant)
    client = world.make_client(api_key=run("key", "create", "--tenant", tenant)["key"])
    text = "[mock prompt-tokens=1000 cached-tokens=400 completion-tokens=100]"
    before = [cost_of_tenant(client, text, tenant) for _ in range(3)]
    assert before == [0, 0, 0], "no price is known"
    ask(client, text)  # by the price of its target, which stays
    with tempfile.TemporaryDirectory() as scratch:
        cheap = {"litellm_provider": "openai", "input_cost_per_token": 3.75e-08, "cache_read_input_token_cost": 1e-08, "output_cost_per_token": 2e-06}
        done = world.corbel.cli("price", "import", table_file(scratch, **{"ledger-model": cheap}), "--from", "2026-01-01")
        assert done.returncode == 0 and "1 models" in done.stdout, done
        listed = run("price", "ls")["data"]
        assert done.stdout.split(":")[0] in {version["id"] for version in listed}
        done = world.corbel.cli("price", "import", table_file(scratch, **{"x": {"litellm_provider": "openai"}}))
        assert done.returncode == 1 and "no model in this table has a price" in done.stderr, done
    each = 600 * 37_500 // 1000 + 400 * 10 + 100 * 2000
    assert cost_of_tenant(client, text, tenant) == each, "in force at once"
    of = ("--tenant", tenant, "--from", "2026-01-01")
    preview = {row["model"]: row for row in run("usage", "reprice", "--preview", *of)["data"]}
    assert preview == {"ledger-model": {"model": "ledger-model", "calls": 4, "before_nanodollars": each, "after_nanodollars": 4 * each}}, preview
    assert report("model", "--tenant", tenant)["ledger-model"]["amount_nanodollars"] == each, "a preview changes nothing"
    assert run("usage", "reprice", "--apply", *of)["applied"]
    assert report("model", "--tenant", tenant)["ledger-model"] | {"calls": 4, "amount_nanodollars": 4 * each} == report("model", "--tenant", tenant)["ledger-model"]
    again = {row["model"]: row for row in run("usage", "reprice", "--preview", *of)["data"]}
    assert again["ledger-model"]["before_nanodollars"] == again["ledger-model"]["after_nanodollars"] == 4 * each
    done = world.corbel.cli("usage", "reprice", "--from", "2026-01-01")
    assert done.returncode == 2 and "--preview and --apply" in done.stderr, done
    done = world.corbel.cli("usage", "report", "--from", "2026-02-30")
    assert done.returncode == 2 and "expected a day" in done.stderr, done


def cost_of_tenant(client: openai.OpenAI, text: str, tenant: str) -> int:
    """What one more call of the model without a price of its own adds to the tenant's ledger."""
    before = sum(row["amount_nanodollars"] for row in report("model", "--tenant", tenant).values())
    ask(client, text, model="ledger")
    return sum(row["amount_nanodollars"] for row in report("model", "--tenant", tenant).values()) - before


def figures_are_for_those_who_may_see_them() -> None:
    _, client = made()
    for path in ("/usage", "/prices"):
        status, _, _ = world.corbel.call("GET", f"/admin/v1{path}", headers={"authorization": f"Bearer {client.api_key}"})
        assert status == 403, path
    tenant = fresh("tenant")
    run("tenant", "create", tenant)
    key = {"authorization": f"Bearer {run('key', 'create', '--tenant', tenant, '--scope', 'admin')['key']}"}
    assert world.corbel.call("GET", "/admin/v1/usage?by=model", headers=key)[0] == 200
    for method, path in (("GET", "/usage?by=tenant"), ("POST", "/verify"), ("POST", "/prices")):
        assert world.corbel.call(method, f"/admin/v1{path}", {} if method == "POST" else None, headers=key)[0] == 403, path
    assert world.corbel.call("GET", "/admin/v1/usage?by=colour")[0] == 400
    assert world.corbel.call("POST", "/admin/v1/usage/reprice", {"from_us": 0}, headers=key)[0] == 200
    assert world.corbel.call("POST", "/admin/v1/usage/reprice", {"from_us": 0, "apply": True}, headers=key)[0] == 403
    run("budget", "create", "whole", "--tenant", tenant, "--amount", "5")
    for method in ("PATCH", "DELETE"):
        status, _, _ = world.corbel.call(method, "/admin/v1/budgets/whole", {"limit_nanodollars": 10**12} if method == "PATCH" else None, headers=key)
        assert status == 403, "what the operator gives a tenant, its admins do not widen"


def a_refusal_and_a_failure_cost_nothing_and_are_in_the_books() -> None:
    key, client = made()
    raises(openai.InternalServerError, lambda: ask(client, "[mock status=500]"))
    raises(openai.NotFoundError, lambda: client.chat.completions.create(model="no-such-model", messages=user("hi")))
    found = report("key")[key]
    assert found["calls"] == 2 and found["amount_nanodollars"] == 0, found


def the_books_are_right_after_everything() -> None:
    _, client = made()
    assert cost_of(ask(client)) == 200_000_000
    done = world.corbel.cli("verify")
    checked = 7 if world.STORE else 8  # PostgreSQL's soundness is checked with its own tools
    assert done.returncode == 0 and "WRONG" not in done.stdout and done.stdout.count("ok ") == checked, done
