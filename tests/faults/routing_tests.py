"""Routing under faults: who is asked after whom, what the client gets, and what the record says about it. Each test starts a world of its own: breakers and cooldowns remember."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import common
import harness

BAD, GOOD = "bad", "good"


@contextmanager
def world(models: list[dict[str, Any]], fault: str = "", **bad: Any) -> Iterator[tuple[harness.Corbel, harness.Mock]]:
    """A corbel with two providers over one mock: `good`, and `bad`, each of whose calls carries the fault."""
    with harness.Mock() as mock:
        timeouts = {"headers_timeout": "1s", "idle_timeout": "1s", "connect_timeout": "1s"}
        good = {"name": GOOD, "kind": "openai", "base_url": f"{mock.url}/v1", **timeouts}
        claude = {"name": "claude", "kind": "anthropic", "base_url": mock.url, **timeouts}
        broken = {"name": BAD, "kind": "openai", "base_url": f"{mock.url}/v1", **timeouts, **bad}
        if fault:
            broken["headers"] = {"x-mock": fault}
        with harness.Corbel({"providers": [good, broken, claude], "models": models}) as corbel:
            yield corbel, mock


def target(provider: str, model: str = "gpt-x", **more: Any) -> dict[str, Any]:
    return {"provider": provider, "model": model, **more}


def both(**more: Any) -> list[dict[str, Any]]:
    return [{"name": "m", "strategy": "priority", "targets": [target(BAD), target(GOOD)], **more}]


def trace(corbel: harness.Corbel, headers: dict[str, str]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The record, and the spans of its attempts in order."""
    status, _, body = corbel.call("GET", f"/admin/v1/traces/{headers['x-request-id']}")
    assert status == 200, body
    shown = json.loads(body)
    attempts = [span for span in shown["spans"] if "corbel.attempt" in span["attributes"]]
    return shown["interaction"], sorted(attempts, key=lambda span: span["attributes"]["corbel.attempt"])


def answered(body: bytes) -> str:
    return json.loads(body)["choices"][0]["message"]["content"]


def asked(mock: harness.Mock) -> list[str]:
    """Which provider each request was for: those of `bad` carry the fault."""
    return [BAD if "x-mock" in request["header"] else GOOD for request in mock.requests() if request["method"] == "POST"]


def each_failure_before_the_answer_moves_on_and_is_on_record() -> None:
    for fault, cause, error_type in (
        ("status=500", "error", "upstream"),
        ("status=503", "error", "unavailable"),
        ("status=429 retry-after=9", "rate_limit", "rate_limited"),
        ("status=401", "credentials", "upstream"),
        ("status=404", "credentials", "not_found"),
        ("reset", "error", "upstream"),
        ("close", "error", "upstream"),
        ("truncate=3", "error", "upstream"),
        ("garbage", "error", "upstream"),
        ("stall", "timeout", "timeout"),
    ):
        with world(both(), fault) as (corbel, mock):
            status, headers, body = common.ask(corbel, "hello there", "m")
            assert status == 200 and answered(body) == "You said: hello there", (fault, status, body)
            record, attempts = trace(corbel, headers)
            assert (record["outcome"], record["provider"], record["attempts"], record["route"]) == ("ok", GOOD, 2, "m"), (fault, record)
            assert [span["attributes"]["corbel.provider"] for span in attempts] == [BAD, GOOD], attempts
            assert (attempts[0]["attributes"]["corbel.cause"], attempts[0]["error_type"]) == (cause, error_type), (fault, attempts[0])
            assert "corbel.cause" not in attempts[1]["attributes"] and attempts[1]["error_type"] == "", attempts[1]


def a_target_that_is_not_there_is_passed_by() -> None:
    with world(both(), base_url="http://127.0.0.1:9/v1") as (corbel, mock):
        status, headers, body = common.ask(corbel, "hi", "m")
        assert status == 200 and trace(corbel, headers)[0]["attempts"] == 2, body


def a_stream_that_breaks_before_its_first_word_moves_on_unseen() -> None:
    for fault in ("reset=1", "close=1", "end=1", "stall=1", "error-event=1", "status=500"):
        with world(both(), fault) as (corbel, mock):
            status, headers, body = common.ask(corbel, "one two three", "m", stream=True)
            events = common.events_of(body)
            assert status == 200 and events[-1] == "[DONE]", (fault, body)
            text = "".join(choice["delta"].get("content") or "" for event in events[:-1] for choice in json.loads(event)["choices"])
            assert text == "You said: one two three", (fault, text)
            assert len({json.loads(event)["id"] for event in events[:-1]}) == 1, fault
            record, attempts = trace(corbel, headers)
            assert record["outcome"] == "ok" and record["attempts"] == 2, (fault, record)


def a_stream_that_breaks_later_is_an_error_unless_told_otherwise() -> None:
    for fault in ("reset=4", "end=4", "stall=4", "error-event=4"):
        with world(both(), fault) as (corbel, mock):
            status, headers, body = common.ask(corbel, "one two three four", "m", stream=True)
            events = common.events_of(body)
            assert status == 200 and "[DONE]" not in events and "error" in json.loads(events[-1]), (fault, body)
            record, attempts = trace(corbel, headers)
            assert record["outcome"] == "error" and record["attempts"] == 1 and len(attempts) == 1, (fault, record)
            assert asked(mock) == [BAD], asked(mock)


def a_broken_stream_is_continued_as_one_answer() -> None:
    for fault in ("reset=4", "end=4", "truncate=4", "stall=4", "error-event=4"):
        for provider in (GOOD, "claude"):
            models = [{"name": "m", "strategy": "priority", "targets": [target(BAD), target(provider)], "on_broken_stream": "continue"}]
            with world(models, fault) as (corbel, mock):
                status, headers, body = common.ask(corbel, "one two three four", "m", stream=True, stream_options={"include_usage": True})
                events = common.events_of(body)
                assert status == 200 and events[-1] == "[DONE]", (fault, provider, body)
                chunks = [json.loads(event) for event in events[:-1]]
                assert len({chunk["id"] for chunk in chunks}) == 1 and len({chunk["model"] for chunk in chunks}) == 1, (fault, chunks)
                choices = [choice for chunk in chunks for choice in chunk["choices"]]
                assert sum("role" in choice["delta"] for choice in choices) == 1, choices
                assert [choice["finish_reason"] for choice in choices if choice["finish_reason"]] == ["stop"], choices
                text = "".join(choice["delta"].get("content") or "" for choice in choices)

                first, second = [request for request in mock.requests() if request["method"] == "POST"]
                *_, partial = json.loads(second["body"])["messages"]
                said = partial["content"] if isinstance(partial["content"], str) else partial["content"][0]["text"]
                assert partial["role"] == "assistant" and text.startswith(said) and said, (fault, partial, text)
                assert said == said.rstrip() and text.count("You said") == 2, (said, text)  # the mock begins anew; a model would go on

                record, attempts = trace(corbel, headers)
                assert record["outcome"] == "ok" and record["attempts"] == 2 and record["provider"] == provider, record
                assert attempts[0]["attributes"]["corbel.cause"] in ("error", "timeout") and attempts[1]["attributes"]["corbel.continued"], attempts
                output = [message for message in record["messages"] if message["direction"] == "output"]
                assert json.loads(output[0]["body"])["content"] == text, output
                usage = record["usage"]
                last = attempts[1]["attributes"]
                assert usage["estimated"] and usage["input_tokens"] > last["gen_ai.usage.input_tokens"], (usage, last)
                assert usage["output_tokens"] > last["gen_ai.usage.output_tokens"], (usage, last)
                (told,) = [chunk["usage"] for chunk in chunks if chunk.get("usage")]
                assert (told["prompt_tokens"], told["completion_tokens"]) == (usage["input_tokens"], usage["output_tokens"]), (told, usage)


def a_broken_stream_with_a_tool_call_is_never_continued() -> None:
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    with world(both(on_broken_stream="continue"), "tool-call args='{\"a\": \"b c d e f g\"}' reset=4") as (corbel, mock):
        status, headers, body = common.ask(corbel, "call it", "m", stream=True, tools=tools)
        events = common.events_of(body)
        assert "[DONE]" not in events and "error" in json.loads(events[-1]), body
        assert trace(corbel, headers)[0]["attempts"] == 1


def retry_after_is_obeyed_and_a_long_one_is_passed_on() -> None:
    one = [{"name": "m", "targets": [target(BAD)], "retry": {"max": 2, "backoff": "20ms", "retry_after_max": "3s"}}]
    with world(one, "status=429 retry-after=1 times=1") as (corbel, mock):
        status, headers, body = common.ask(corbel, "hi", "m")
        first, second = mock.requests("/v1/chat/completions")
        assert status == 200 and second["start_s"] - first["end_s"] >= 0.99, (status, body, second["start_s"] - first["end_s"])
        assert trace(corbel, headers)[0]["attempts"] == 2
    with world(one, "status=429 retry-after=7") as (corbel, mock):
        before = time.monotonic()
        status, headers, body = common.ask(corbel, "hi", "m")
        assert status == 429 and headers["retry-after"] == "7" and time.monotonic() - before < 3, (status, headers)
        assert len(asked(mock)) == 1


def the_retry_budget_holds_when_everything_fails() -> None:
    one = [{"name": "m", "targets": [target(BAD)], "retry": {"max": 3, "backoff": "1ms", "budget": 0.1}}]
    with world(one, "status=500", breaker={"failures": 0}) as (corbel, mock):
        for _ in range(30):
            assert common.ask(corbel, "hi", "m")[0] == 502
        assert len(asked(mock)) == 30 + 10, len(asked(mock))  # the reserve, and not ninety


def a_breaker_opens_steers_away_and_recovers() -> None:
    with world(both(), "status=500 times=3", breaker={"failures": 3, "open": "1s"}) as (corbel, mock):
        for _ in range(3):
            assert common.ask(corbel, "hi", "m")[0] == 200
        assert asked(mock) == [BAD, GOOD] * 3
        mock.reset()
        states = targets(corbel)
        assert states[BAD]["breaker"] == "open" and states[GOOD]["breaker"] == "closed" and states[BAD]["open_for_us"] > 0, states
        assert b'corbel_target_breaker_open{provider="bad",model="gpt-x"} 1' in corbel.call("GET", "/metrics")[2]
        for _ in range(5):
            assert common.ask(corbel, "hi", "m")[0] == 200
        assert asked(mock) == [GOOD] * 5
        time.sleep(1.05)
        mock.reset()  # this forgets `times`, too: the probe fails
        assert targets(corbel)[BAD]["breaker"] == "half_open"
        assert common.ask(corbel, "hi", "m")[0] == 200
        assert asked(mock) == [BAD, GOOD]
        for _ in range(3):
            assert common.ask(corbel, "hi", "m")[0] == 200
        assert asked(mock)[2:] == [GOOD] * 3, "open for twice as long"


def a_breaker_that_refuses_answers_at_once() -> None:
    one = [{"name": "m", "targets": [target(BAD)]}]
    with world(one, "status=500 times=2", breaker={"failures": 2, "open": "1s", "refuse": True}) as (corbel, mock):
        assert [common.ask(corbel, "hi", "m")[0] for _ in range(2)] == [502, 502]
        status, headers, body = common.ask(corbel, "hi", "m")
        assert status == 503 and headers["retry-after"] == "1" and len(asked(mock)) == 2, (status, headers)
        record, attempts = trace(corbel, headers)
        assert record["outcome"] == "error" and record["attempts"] == 0 and not attempts and record["usage"]["input_tokens"] == 0, record
        time.sleep(1.05)
        assert common.ask(corbel, "hi", "m")[0] == 200  # the probe
        assert targets(corbel)[BAD]["breaker"] == "closed"


def a_cooldown_of_one_is_no_reason_to_fail() -> None:
    with world(both(), "status=429 retry-after=30 times=1") as (corbel, mock):
        for _ in range(4):
            assert common.ask(corbel, "hi", "m")[0] == 200
        assert asked(mock) == [BAD] + [GOOD] * 4
        assert 25e6 < targets(corbel)[BAD]["cooling_for_us"] <= 30e6


def targets(corbel: harness.Corbel) -> dict[str, dict[str, Any]]:
    status, _, body = corbel.call("GET", "/admin/v1/targets")
    assert status == 200, body
    return {row["provider"]: row for row in json.loads(body)["data"]}


def fallbacks_go_by_cause() -> None:
    models = [
        {"name": "m", "targets": [target(BAD)], "fallbacks": [{"on": "context_window", "model": "long"}, {"on": ["rate_limit", "timeout"], "model": "spare"}]},
        {"name": "long", "targets": [target(GOOD, "long-model")]},
        {"name": "spare", "targets": [target(GOOD, "spare-model")]},
    ]
    for fault, expected in (("status=429 retry-after=5", "spare"), ("stall", "spare"), ("status=413", "long"), ("status=500", None), ("status=400", None)):
        with world(models, fault) as (corbel, mock):
            status, headers, body = common.ask(corbel, "hi", "m")
            record, _ = trace(corbel, headers)
            if expected:
                assert status == 200 and (record["route"], record["target_model"]) == (expected, f"{expected}-model"), (fault, record)
                assert record["model"] == "m" and record["attempts"] == 2
            else:
                assert status in (400, 502) and record["route"] == "m" and record["attempts"] == 1, (fault, status, record)


def a_conversation_stays_with_its_target_and_shares_are_kept() -> None:
    models = [
        {"name": "m", "sticky": "user", "targets": [target(GOOD, "one"), target(GOOD, "two"), target(GOOD, "three")]},
        {"name": "ab", "sticky": "user", "split": [{"model": "a", "weight": 3}, {"model": "b", "weight": 1}]},
        {"name": "a", "targets": [target(GOOD, "arm-a")]},
        {"name": "b", "targets": [target(GOOD, "arm-b")]},
    ]
    with world(models) as (corbel, mock):
        seen: dict[str, set[str]] = {}
        arms: Counter[str] = Counter()
        for user in range(40):
            for _ in range(2):
                _, headers, _ = common.ask(corbel, "hi", "m", user=f"user {user}")
                seen.setdefault(f"user {user}", set()).add(common.record(corbel, headers["x-request-id"])["target_model"])
            _, headers, _ = common.ask(corbel, "hi", "ab", user=f"user {user}")
            record = common.record(corbel, headers["x-request-id"])
            assert record["model"] == "ab" and record["target_model"] == f"arm-{record['route']}" and record["config_version"], record
            arms[record["route"]] += 1
        assert all(len(chosen) == 1 for chosen in seen.values()), seen
        assert {model for chosen in seen.values() for model in chosen} == {"one", "two", "three"}
        assert 20 <= arms["a"] <= 38 and arms["a"] + arms["b"] == 40, arms


def concurrently(count: int, call: Any) -> list[Any]:
    results: list[Any] = [None] * count

    def run(i: int) -> None:
        results[i] = call(i)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def a_full_queue_refuses_with_a_time_to_come_again() -> None:
    one = [{"name": "m", "targets": [target(BAD)]}]
    with world(one, "slow-headers=300", max_concurrency=2, queue_max=2) as (corbel, mock):
        results = concurrently(10, lambda _: common.ask(corbel, "hi", "m"))
        statuses = Counter(status for status, _, _ in results)
        assert statuses == {200: 4, 503: 6}, statuses
        assert len(asked(mock)) == 4
        for status, headers, body in results:
            if status == 503:
                assert int(headers["retry-after"]) >= 1 and common.error_of(body)["code"] == "queue_full", body
                assert common.record(corbel, headers["x-request-id"])["attempts"] == 0


def interactive_calls_pass_a_flood_of_batch() -> None:
    one = [{"name": "m", "targets": [target(BAD)]}]
    with world(one, "slow-headers=200", max_concurrency=4) as (corbel, mock):
        batch = threading.Thread(target=concurrently, args=(24, lambda i: ask_in_batch(corbel, by_header=i % 2 == 0)))
        batch.start()
        harness.wait_for(lambda: targets(corbel)[BAD]["provider_waiting_batch"] > 10, 5, "a queue")
        for _ in range(5):
            before = time.monotonic()
            status, _, body = common.ask(corbel, "hi", "m")
            assert status == 200 and time.monotonic() - before < 1, f"an interactive call took {time.monotonic() - before:.3f} s behind batch calls of 0.2 s"
        batch.join()
        shown = targets(corbel)[BAD]
        assert shown["provider_in_use"] == 0 and shown["provider_waiting_batch"] == 0, shown


def ask_in_batch(corbel: harness.Corbel, by_header: bool) -> Any:
    body = {"model": "m", "messages": [{"role": "user", "content": "bulk"}]}
    if by_header:
        return corbel.call("POST", "/v1/chat/completions", body, {"x-corbel-priority": "batch"})
    return corbel.call("POST", "/v1/chat/completions", {**body, "service_tier": "flex"})


def a_client_that_leaves_the_queue_takes_no_place() -> None:
    one = [{"name": "m", "targets": [target(BAD)]}]
    with world(one, "slow-headers=3000", max_concurrency=1, headers_timeout="8s") as (corbel, mock):
        holder = threading.Thread(target=common.ask, args=(corbel, "hi", "m"))
        holder.start()
        harness.wait_for(lambda: targets(corbel)[BAD]["provider_in_use"] == 1, 5, "a call")
        connection = corbel.connect()
        body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "gone"}]})
        connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json", "authorization": f"Bearer {corbel.key}"})
        harness.wait_for(lambda: targets(corbel)[BAD]["provider_waiting"] == 1, 5, "a queue")
        connection.close()
        harness.wait_for(lambda: targets(corbel)[BAD]["provider_waiting"] == 0, 2, "the queue to be empty")
        holder.join()
        assert len(asked(mock)) == 1


def a_reload_keeps_what_is_known_and_streams_finish_on_what_they_began_with() -> None:
    with world(both(), "status=500 times=2", breaker={"failures": 2, "open": "30s"}) as (corbel, mock):
        for _ in range(2):
            assert common.ask(corbel, "hi", "m")[0] == 200
        assert targets(corbel)[BAD]["breaker"] == "open"
        config = json.loads(corbel.file.read_text())
        result: list[Any] = []
        stream = threading.Thread(target=lambda: result.append(common.ask(corbel, "[mock chunks=20 pace=60]", "m", stream=True)))
        stream.start()
        time.sleep(0.2)
        config["models"].append({"name": "new", "targets": [target(GOOD)]})
        config["models"][0]["strategy"] = "weighted"
        corbel.file.write_text(json.dumps(config))
        harness.wait_for(lambda: common.ask(corbel, "hi", "new")[0] == 200, 5, "the new model")
        assert targets(corbel)[BAD]["breaker"] == "open"
        stream.join()
        status, _, body = result[0]
        assert status == 200 and common.events_of(body)[-1] == "[DONE]"


def shadows(corbel: harness.Corbel) -> list[dict[str, Any]]:
    status, _, body = corbel.call("GET", "/admin/v1/traces?limit=100")
    assert status == 200, body
    return [row for row in json.loads(body)["data"] if row["operation"] == "shadow"]


def a_shadow_is_on_record_and_nowhere_else() -> None:
    for stream in (False, True):
        for fault, outcome in (("", "ok"), ("status=500", "error"), ("stall=2", "error")):
            models = [{"name": "m", "targets": [target(GOOD)], "shadow": target(BAD, "candidate", share=1)}]
            with world(models, fault, idle_timeout="3s") as (corbel, mock):
                before = time.monotonic()
                status, headers, body = common.ask(corbel, "hello there", "m", stream=stream, user="u")
                assert status == 200 and b"candidate" not in body and time.monotonic() - before < 2.5, (fault, body)
                (row,) = harness.wait_for(lambda: shadows(corbel), 10, "the shadow's record")
                assert (row["outcome"], row["target_model"], row["provider"], row["model"]) == (outcome, "candidate", BAD, "m"), (fault, row)
                assert row["key_id"] == "" and row["trace_id"] == trace(corbel, headers)[0]["trace_id"] and row["request_id"] != headers["x-request-id"], row
                record, _ = trace(corbel, headers)
                assert record["operation"] == "chat" and record["provider"] == GOOD and record["attempts"] == 1, record
                sent = [json.loads(request["body"]) for request in mock.requests() if request["method"] == "POST"]
                assert [body["model"] for body in sent] == ["gpt-x", "candidate"] and sent[0]["messages"] == sent[1]["messages"], sent
                if outcome == "ok":
                    shadow = common.record(corbel, row["request_id"])
                    assert [json.loads(message["body"])["content"] for message in shadow["messages"]] == ["You said: hello there"], shadow
                    assert shadow["usage"]["output_tokens"] == record["usage"]["output_tokens"] > 0 and not shadow["usage"]["estimated"], shadow


def shadows_keep_their_share_and_their_place_behind_everybody() -> None:
    models = [
        {"name": "some", "targets": [target(GOOD)], "shadow": target(BAD, "candidate", share=0.25)},
        {"name": "all", "targets": [target(GOOD)], "shadow": target(BAD, "candidate", share=1)},
    ]
    with world(models) as (corbel, mock):
        for _ in range(80):
            assert common.ask(corbel, "hi", "some")[0] == 200
        count = sum(json.loads(request["body"])["model"] == "candidate" for request in mock.requests() if request["method"] == "POST")
        assert 6 <= count <= 36, count
    with world(models, "slow-headers=600", max_concurrency=2) as (corbel, mock):
        for _ in range(6):
            before = time.monotonic()
            assert common.ask(corbel, "hi", "all")[0] == 200 and time.monotonic() - before < 0.5
        assert len([name for name in asked(mock) if name == BAD]) == 1  # half of two places, and nobody waits
        assert b'corbel_shadow_calls_total{model="all",result="dropped"} 5' in corbel.call("GET", "/metrics")[2]


def a_server_that_stops_does_not_wait_for_its_shadows() -> None:
    models = [{"name": "m", "targets": [target(GOOD)], "shadow": target(BAD, "candidate", share=1)}]
    with world(models, "stall", headers_timeout="30s") as (corbel, mock):
        assert common.ask(corbel, "hi", "m")[0] == 200
        harness.wait_for(lambda: mock.stats()["open_exchanges"] == 1, 5, "the shadow")
        before = time.monotonic()
        assert corbel.stop() == 0 and time.monotonic() - before < 5, corbel.errors()[-2000:]


def what_is_local_only_reaches_no_hosted_provider() -> None:
    knowledge = {"collection": "papers", "local_only": True}
    with harness.Mock() as mock:
        hosted = {"name": BAD, "kind": "openai", "base_url": f"{mock.url}/v1"}
        ours = {"name": GOOD, "kind": "openai", "base_url": f"{mock.url}/v1", "hosted": False, "headers": {"x-ours": "1"}, "headers_timeout": "1s"}
        models = [
            {"name": "m", "knowledge": knowledge, "targets": [target(BAD), target(GOOD)], "fallbacks": [{"model": "away"}], "shadow": target(BAD, "candidate", share=1)},
            {"name": "away", "targets": [target(BAD)]},
        ]
        with harness.Corbel({"providers": [hosted, ours], "models": models}) as corbel:
            (corbel.data.parent / "secret.md").write_text("# Secret\n\nThe vault opens with the word marmalade.\n")
            done = corbel.cli("ingest", corbel.data.parent / "secret.md", "--collection", "papers")
            assert done.returncode == 0, done.stderr
            for text in ("Which word opens the vault?", "Which word opens the vault? [mock status=500]", "Which word opens the vault? [mock stall]"):
                for _ in range(4):
                    common.ask(corbel, text, "m")
            posts = [request for request in mock.requests() if request["method"] == "POST"]
            assert len(posts) >= 12 and all("x-ours" in request["header"] for request in posts), [request["header"] for request in posts]
            assert b'result="local_only"' in corbel.call("GET", "/metrics")[2]


def ten_thousand_models_are_served() -> None:
    models = [{"name": f"m{i}", "targets": [{"provider": GOOD, "model": f"x{i % 500}"}]} for i in range(10000)]
    with harness.Mock() as mock:
        config = {"providers": [{"name": GOOD, "kind": "openai", "base_url": f"{mock.url}/v1"}], "models": models}
        with harness.Corbel(json.dumps(config), model=True) as corbel:
            for name in ("m0", "m9999"):
                assert common.ask(corbel, "hi", name)[0] == 200
            assert common.ask(corbel, "hi", "m10000")[0] == 404
            status, _, body = corbel.call("GET", "/admin/v1/targets")
            assert status == 200 and len(json.loads(body)["data"]) == 500
            status, _, body = corbel.call("GET", "/admin/v1/configuration")
            assert status == 200 and len(json.loads(body)["models"]) == 10000


def the_quickest_target_is_found_and_kept() -> None:
    models = [{"name": "m", "strategy": "least_latency", "targets": [target(BAD), target(GOOD)]}]
    with world(models, "slow-headers=300") as (corbel, mock):
        for _ in range(12):
            assert common.ask(corbel, "hi", "m")[0] == 200
        assert 1 <= asked(mock).count(BAD) <= 2, asked(mock)
        assert targets(corbel)[BAD]["whole_answer_us"] > 200_000


TESTS = [
    a_shadow_is_on_record_and_nowhere_else,
    shadows_keep_their_share_and_their_place_behind_everybody,
    a_server_that_stops_does_not_wait_for_its_shadows,
    what_is_local_only_reaches_no_hosted_provider,
    ten_thousand_models_are_served,
    the_quickest_target_is_found_and_kept,
    each_failure_before_the_answer_moves_on_and_is_on_record,
    a_target_that_is_not_there_is_passed_by,
    a_stream_that_breaks_before_its_first_word_moves_on_unseen,
    a_stream_that_breaks_later_is_an_error_unless_told_otherwise,
    a_broken_stream_is_continued_as_one_answer,
    a_broken_stream_with_a_tool_call_is_never_continued,
    retry_after_is_obeyed_and_a_long_one_is_passed_on,
    the_retry_budget_holds_when_everything_fails,
    a_breaker_opens_steers_away_and_recovers,
    a_breaker_that_refuses_answers_at_once,
    a_cooldown_of_one_is_no_reason_to_fail,
    fallbacks_go_by_cause,
    a_conversation_stays_with_its_target_and_shares_are_kept,
    a_full_queue_refuses_with_a_time_to_come_again,
    interactive_calls_pass_a_flood_of_batch,
    a_client_that_leaves_the_queue_takes_no_place,
    a_reload_keeps_what_is_known_and_streams_finish_on_what_they_began_with,
]
