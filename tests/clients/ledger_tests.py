"""The ledger: reports say what the records say, prices are imported and the past is priced again, and `corbel verify` finds the books in order after all of it."""

from __future__ import annotations

import csv
import io
import json
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import openai
import own_world
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
        "audio_input_tokens": 0, "audio_output_tokens": 0, "images": 0, "search_units": 0, "cached_audio_tokens": 0, "image_input_tokens": 0, "image_output_tokens": 0, "web_searches": 0,
        "cache_write_1h_tokens": 0, "citation_tokens": 0, "web_searches_low": 0, "web_searches_high": 0,
        "corrections_nanodollars": 0, "amount_nanodollars": 3 * one, "saved_tokens": 0, "saved_nanodollars": 0, "reported_calls": 0, "reported_nanodollars": 0,
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


def no_name_is_a_formula_in_a_file() -> None:
    """End users choose their names, and their operator opens the file with a spreadsheet."""
    tenant = fresh("tenant")
    run("tenant", "create", tenant)
    client = world.make_client(api_key=run("key", "create", "--tenant", tenant)["key"])
    formulas = ('=HYPERLINK("http://127.0.0.1/?x="&A1,"open")', "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1+1", "\uff201")
    plain = ("ann", 'a,"b"', "a\n=1", "1=1", "\u00fc=")
    for name in formulas + plain:
        ask(client, user=name)
    options = ("usage", "report", "--by", "user", "--tenant", tenant)
    rows = csv.DictReader(io.StringIO(world.corbel.cli(*options, "--csv").stdout, newline=""))
    assert {row["group"] for row in rows} == {"'" + name.replace("\r", "\n") for name in formulas} | set(plain)  # the pipe to us makes lines of both
    assert {row["group"] for row in run(*options)["data"]} == set(formulas + plain)


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
    now = report("model", "--tenant", tenant)["ledger-model"]
    assert now | {"calls": 4, "amount_nanodollars": 4 * each, "corrections_nanodollars": 3 * each} == now, now
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


def a_correction_is_an_entry_with_a_reason() -> None:
    tenant = fresh("tenant")
    run("tenant", "create", tenant)
    key = run("key", "create", "--tenant", tenant, "--scope", "admin,model.use")["key"]
    request = ask(world.make_client(api_key=key)).headers["x-request-id"]
    of = ("--tenant", tenant)
    done = world.corbel.cli("usage", "correct", request, "--amount=-0.05", "--reason", "they complained", *of)
    assert done.returncode == 0 and "$0.150000 now" in done.stdout, done
    row = report("model", *of)["gpt-x"]
    assert row["amount_nanodollars"] == 150_000_000 and row["corrections_nanodollars"] == -50_000_000 and row["calls"] == 1, row
    assert "of which corrections -$0.050000" in world.corbel.cli("usage", "report", *of).stdout
    again = run("usage", "correct", request, "--amount", "0.01", "--reason", "and back", *of)
    assert again["entry"] == 2 and again["sum_nanodollars"] == 160_000_000 and again["by"] and again["reason"] == "and back", again
    for options, said in (
        (("--amount=-1", "--reason", "x"), "less than nothing"),
        (("--amount", "1", "--reason", " "), "why"),
        (("--amount", "0", "--reason", "x"), "dollars"),
        (("--reason", "x"), "needed"),
    ):
        done = world.corbel.cli("usage", "correct", request, *options, *of)
        assert done.returncode in (1, 2) and said in done.stderr, (options, done)
    assert "not in the ledger" in world.corbel.cli("usage", "correct", "0" * 32, "--amount", "1", "--reason", "x").stderr
    body = {"request_id": request, "amount_nanodollars": -1, "reason": "mine"}
    assert world.corbel.call("POST", "/admin/v1/usage/corrections", body, {"authorization": f"Bearer {key}"})[0] == 403, "nobody corrects his own invoice"


def sound_pictures_and_searches_are_priced_reported_and_proved() -> None:
    config = own_world.priced()
    price = {**world.DEAR, "audio_input": 8000, "audio_output": 16000, "image_input": 3000, "image_output": 20000, "cached_audio": 400, "web_search": 10}
    config["providers"].append({"name": "claude", "kind": "anthropic", "base_url": world.mock.url, "api_key": world.UPSTREAM_KEY})
    config["models"][0]["targets"][0]["price"] = price
    config["models"].append({"name": "searches", "targets": [{"provider": "claude", "model": "claude-x", "price": price}]})
    heard = "prompt-tokens=1000 completion-tokens=100 audio-tokens=500 image-tokens=200 cached-tokens=300 cached-audio-tokens=250 audio-output-tokens=60 image-output-tokens=10"
    with own_world.store() as store, own_world.Node({**store, **config}) as corbel:
        client = own_world.client_of(corbel)
        kept = {"input_tokens": 1000, "cached_input_tokens": 300, "cached_audio_tokens": 250, "audio_input_tokens": 250, "image_input_tokens": 200}
        kept |= {"output_tokens": 100, "audio_output_tokens": 60, "image_output_tokens": 10}
        cost = (50 * 100 + 250 * 400 + 250 * 8000 + 200 * 3000 + 250 * 1000 + 30 * 2000 + 60 * 16000 + 10 * 20000) * 1000
        for stream in (False, True):
            answer = client.chat.completions.with_raw_response.create(model="priced", messages=user(f"[mock {heard}]"), stream=stream, max_tokens=100)
            if stream:
                list(answer.parse())
            record = json.loads(corbel.call("GET", f"/admin/v1/traces/{answer.headers['x-request-id']}")[2])["interaction"]
            assert record["usage"] | kept == record["usage"] and record["cost_nanodollars"] == cost, record
        client.chat.completions.create(model="searches", messages=user("[mock prompt-tokens=10 completion-tokens=5 web-searches=3]"), max_tokens=100)
        rows = {row["group"]: row for row in json.loads(corbel.cli("usage", "report", "--by", "model", "--json").stdout)["data"]}
        assert rows["gpt-x"] | {name: 2 * tokens for name, tokens in kept.items()} == rows["gpt-x"] and rows["gpt-x"]["amount_nanodollars"] == 2 * cost, rows
        assert rows["claude-x"]["web_searches"] == 3 and rows["claude-x"]["amount_nanodollars"] == 3 * 10_000_000 + 10 * 1_000_000 + 5 * 2_000_000, rows
        table = list(csv.DictReader(io.StringIO(corbel.cli("usage", "report", "--by", "model", "--csv").stdout)))
        assert {row["group"]: row["image_input_tokens"] for row in table} == {"gpt-x": "400", "claude-x": "0"}, table

        def books() -> Any:
            return json.loads(corbel.cli("verify", "--json").stdout)

        assert books()["good"] and books()["unproved_entries"] == 0, books()
        for column in ("image_input", "cached_audio", "web_searches"):
            own_world.change(corbel, store, f"update usage_entry set {column} = {column} + 1 where entry = 0")
            assert not books()["good"], column
            own_world.change(corbel, store, f"update usage_entry set {column} = {column} - 1 where entry = 0")
        assert books()["good"]


def corrections_that_race_are_all_written_once() -> None:
    """By hand and by prices at the same time, of the same requests: each takes its place behind the others, and none is refused for it."""
    config = own_world.priced()
    config["models"].append({"name": "tabled", "targets": [{"provider": "main", "model": "race-table"}]})
    with own_world.store() as store, own_world.Node({**store, **config}) as corbel:
        client = own_world.client_of(corbel)
        requests = [ask(client, "[mock prompt-tokens=10 completion-tokens=5]", model="tabled").headers["x-request-id"] for _ in range(30)]
        table = lambda price: {"race-table": {"litellm_provider": "openai", "input_cost_per_token": price * 1e-6, "output_cost_per_token": 2e-6}}  # noqa: E731
        refused: list[Any] = []

        def call(path: str, body: dict[str, Any], wanted: int) -> None:
            status, _, answer = corbel.call("POST", f"/admin/v1{path}", body)
            if status != wanted:
                refused.append((path, status, answer))

        def by_hand(number: int) -> None:
            for turn in range(len(requests)):
                call("/usage/corrections", {"request_id": requests[turn], "amount_nanodollars": 1000 + number, "reason": "a race"}, 201)

        def by_prices(number: int) -> None:
            for turn in range(8):
                call("/prices?effective_us=1767225600000000", table(1 + 2 * turn + number), 201)
                call("/usage/reprice", {"from_us": 0, "apply": True}, 200)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(2) for work in (by_hand, by_hand, by_prices)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert not refused, refused[:3]
        call("/prices?effective_us=1767225600000000", table(50), 201)
        call("/usage/reprice", {"from_us": 0, "apply": True}, 200)
        (row,) = json.loads(corbel.cli("usage", "report", "--json").stdout)["data"]
        assert row["amount_nanodollars"] == len(requests) * (10 * 50_000 + 5 * 2000 + 2 * 1000 + 2 * 1001), row
        books = json.loads(corbel.cli("verify", "--json").stdout)
        assert books["good"] and books["unproved_entries"] == 0, books


CHEAP = {"litellm_provider": "openai", "input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06}


def whatever_is_corrupted_is_found() -> None:
    """Each kind of row is changed in the database behind the server's back, found by its request, and put right again."""
    broken = {"name": "breaks", "kind": "openai", "base_url": f"{world.mock.url}/v1", "api_key": world.UPSTREAM_KEY, "headers": {"x-mock": "reset=4"}}
    config = own_world.priced()
    config["providers"].append(broken)
    config["models"] += [
        {"name": "later", "targets": [{"provider": "main", "model": "ledger-model"}]},
        {
            "name": "continued",
            "strategy": "priority",
            "on_broken_stream": "continue",
            "targets": [{"provider": name, "model": "gpt-x", "price": world.DEAR} for name in ("breaks", "main")],
        },
    ]
    with own_world.store() as store, own_world.Node({**store, **config}) as corbel, tempfile.TemporaryDirectory() as scratch:
        client = own_world.client_of(corbel)
        corbel.call("POST", "/admin/v1/budgets", {"name": "all", "period": "total", "limit_nanodollars": 10**12})
        plain, other = (ask(client).headers["x-request-id"] for _ in range(2))
        stream = client.chat.completions.create(model="continued", messages=user("[mock chunks=9]"), stream=True, max_tokens=50)
        assert world.said(stream)
        corbel.call("DELETE", "/admin/v1/budgets/all")
        later = ask(client, model="later").headers["x-request-id"]
        for command in (
            ("price", "import", table_file(scratch, **{"ledger-model": CHEAP}), "--from", "2026-01-01"),
            ("usage", "reprice", "--from", "2026-01-01", "--apply"),
            ("usage", "correct", other, "--amount", "0.5", "--reason", "a test"),
            ("usage", "correct", other, "--amount=-0.1", "--reason", "and back"),
        ):
            done = corbel.cli(*command)
            assert done.returncode == 0, done
        books = json.loads(corbel.cli("verify", "--json").stdout)
        assert books["good"] and books["ledger_entries"] == 7 and books["interactions"] == 4 and books["unproved_entries"] == 0, books
        held = _wait_closed(corbel)
        (continued,) = {row["request_id"] for row in json.loads(corbel.call("GET", "/admin/v1/traces")[2])["data"]} - {plain, other, later}

        def entry(request: str, number: int = 0) -> str:
            return f"where interaction = {own_world.blob(request)} and entry = {number}"

        def copied(tenant: str, request: str, number: str) -> str:
            """A second row of what a settlement says, elsewhere."""
            columns = "at_us, key_id, provider, model, input, cached_input, cache_write, output, reasoning, estimated, price_version, amount_nanos, provider_kind"
            return f"insert into usage_entry (tenant, interaction, entry, {columns}) select {tenant}, {request}, {number}, {columns} from usage_entry {entry(plain)}"

        cost, sums, owners = "every amount is what its quantities cost", "what several targets answered adds up", "every entry is of whom its interaction is"
        repriced, recorded = "every correction comes to what its prices say", "every settlement has its interaction"
        moved = "update usage_entry set tenant = {0} where interaction = {1}; update interaction set tenant = {0} where id = {1}"
        nobody = plain[:-2] + ("00" if plain.endswith("ff") else "ff")
        this, forged = own_world.blob(plain), own_world.blob(nobody)
        for name, change, undo, request in (
            (cost, f"update usage_entry set amount_nanos = amount_nanos + 1 {entry(plain)}", f"update usage_entry set amount_nanos = amount_nanos - 1 {entry(plain)}", plain),
            (cost, f"update usage_entry set input = input + 1 {entry(plain)}", f"update usage_entry set input = input - 1 {entry(plain)}", plain),
            (cost, f"update usage_entry set cached_input = 1 {entry(plain)}", f"update usage_entry set cached_input = 0 {entry(plain)}", plain),
            (cost, f"update usage_entry set price_version = 'none' {entry(plain)}", f"update usage_entry set price_version = '{held}' {entry(plain)}", plain),
            (cost, f"update usage_entry set price_version = '' {entry(plain)}", f"update usage_entry set price_version = '{held}' {entry(plain)}", plain),
            (cost, f"update usage_entry set tier = 9 {entry(plain)}", f"update usage_entry set tier = 0 {entry(plain)}", plain),
            (sums, "update usage_entry set tier = 1 where parts <> ''", "update usage_entry set tier = 0 where parts <> ''", continued),
            (owners, f"update usage_entry set key_id = 'key_other' {entry(plain)}", f"update usage_entry set key_id = 'admin' {entry(plain)}", plain),
            (owners, f"update usage_entry set at_us = at_us + 86400000000 {entry(plain)}", f"update usage_entry set at_us = at_us - 86400000000 {entry(plain)}", plain),
            (owners, f"update usage_entry set team = 'team_other' {entry(other, 1)}", f"update usage_entry set team = '' {entry(other, 1)}", other),
            (owners, moved.format(2, this), moved.format(1, this), plain),
            ("every interaction is in the ledger", f"update usage_entry set tenant = 2 {entry(later)}", f"update usage_entry set tenant = 1 {entry(later)}", later),
            (recorded, copied("2", "interaction", "0"), f"delete from usage_entry {entry(plain)} and tenant = 2", plain),
            (repriced, copied("tenant", "interaction", "1"), f"delete from usage_entry {entry(plain, 1)}", plain),
            (recorded, copied("tenant", forged, "0"), f"delete from usage_entry where interaction = {forged}", nobody),
            (repriced, "update price_version set body = replace(body, ',', ', ')", "update price_version set body = replace(body, ', ', ',')", later),
            (
                "closed blocks are the sums of their entries",
                f"update budget_entry set tenant = 2 where interaction = {this}",
                f"update budget_entry set tenant = 1 where interaction = {this}",
                "",
            ),
            (sums, "update usage_entry set output = output + 1 where parts <> ''", "update usage_entry set output = output - 1 where parts <> ''", ""),
            (sums, "update usage_entry set parts = replace(parts, '\"gpt-x\"', '\"gpt-x')  where parts <> ''", "update usage_entry set parts = replace(parts, '\"gpt-x', '\"gpt-x\"') where parts <> ''", ""),
            (
                repriced,
                f"update usage_entry set amount_nanos = amount_nanos + 1 {entry(later, 1)}",
                f"update usage_entry set amount_nanos = amount_nanos - 1 {entry(later, 1)}",
                later,
            ),
            (
                "every correction by hand says who and why",
                f"update usage_entry set reason = '' {entry(other, 1)}",
                f"update usage_entry set reason = 'a test' {entry(other, 1)}",
                other,
            ),
            (
                "budgets were charged what the ledger says",
                f"update budget_entry set amount_nanos = amount_nanos + 1 where interaction = {own_world.blob(plain)}",
                f"update budget_entry set amount_nanos = amount_nanos - 1 where interaction = {own_world.blob(plain)}",
                plain,
            ),
            ("closed blocks are the sums of their entries", "update budget_block set settled_nanos = settled_nanos + 1", "update budget_block set settled_nanos = settled_nanos - 1", ""),
            ("periods have spent what their closed blocks say", "update budget_period set spent_nanos = spent_nanos + 1", "update budget_period set spent_nanos = spent_nanos - 1", ""),
            ("periods hold what their open blocks say", "update budget_period set held_nanos = held_nanos + 1", "update budget_period set held_nanos = held_nanos - 1", ""),
            ("closed blocks are the sums of their entries", f"delete from budget_entry where interaction = {this}", "", ""),
            ("every correction has all entries before it", f"delete from usage_entry {entry(other, 1)}", "", other),
            ("every correction has all entries before it", f"delete from usage_entry {entry(later)}", "", later),
            ("every interaction is in the ledger", f"delete from usage_entry where interaction = {this}", "", plain),  # its tenant's first
            ("every interaction is in the ledger", f"delete from usage_entry where interaction = {own_world.blob(other)}", "", other),
            (recorded, f"delete from interaction where id = {own_world.blob(continued)}", "", continued),
        ):
            for statement in change.split("; "):
                own_world.change(corbel, store, statement)
            done = corbel.cli("verify", "--json")
            found = {check["name"]: check for check in json.loads(done.stdout)["checks"] if check["wrong"]}
            assert done.returncode == 1 and name in found, (change, found)
            assert not request or request in found[name]["examples"], (change, found)
            if undo:
                for statement in undo.split("; "):
                    own_world.change(corbel, store, statement)
                assert corbel.cli("verify").returncode == 0, undo
        done = corbel.cli("verify", "--to", "2026-01-01")
        assert "0 interactions, 0 entries" in done.stdout, done


def _wait_closed(corbel: world.harness.Corbel) -> str:
    """Waits until the closed budget's blocks are given back; the version of the configuration's price."""
    budget = lambda: json.loads(corbel.call("GET", "/admin/v1/budgets/all")[2])["current"]  # noqa: E731
    world.harness.wait_for(lambda: budget()["held_nanodollars"] == 0, 15, "the blocks to come back")
    return "config:[1000.0,100.0,1250.0,2000.0]"


def the_books_are_right_after_everything() -> None:
    _, client = made()
    assert cost_of(ask(client)) == 200_000_000
    done = world.corbel.cli("verify")
    checked = 13 if world.STORE else 14  # PostgreSQL's soundness is checked with its own tools
    assert done.returncode == 0 and "WRONG" not in done.stdout and done.stdout.count("ok ") == checked, done
