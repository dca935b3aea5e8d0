"""Questions from the command line, and the records of their answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from common import corbel, expect
from harness import Corbel, Mock


@contextmanager
def world() -> Iterator[tuple[Corbel, Mock]]:
    with Mock() as mock:
        target = {"provider": "main", "model": "gpt-x", "price": {"input": 1000, "output": 2000}}
        config = {
            "providers": [{"name": "main", "kind": "openai", "base_url": f"{mock.url}/v1"}],
            "models": [{"name": name, "targets": [target]} for name in ("docs", "other")],
        }
        with Corbel(config) as server:
            yield server, mock


def a_question_is_answered_as_it_is_written() -> None:
    with world() as (server, mock):
        done = server.cli("ask", "how", "are you?")
        expect(done, 0)
        assert done.stdout == "You said: how are you?\n", done.stdout
        sent = json.loads(mock.requests("/v1/chat/completions")[0]["body"])
        assert sent["stream"] is True and sent["model"] == "gpt-x", sent


def a_question_can_come_from_standard_input() -> None:
    with world() as (server, _):
        done = corbel("ask", "-", env={"CORBEL_URL": server.url, "CORBEL_KEY": server.key}, text="what is\nthis?")
        expect(done, 0, "You said: what is", "this?")


def another_model_can_be_asked_and_json_had() -> None:
    with world() as (server, _):
        answer = json.loads(server.cli("ask", "--json", "-m", "other", "hello").stdout)
        assert answer["choices"][0]["message"]["content"] == "You said: hello", answer
        assert json.loads(server.cli("trace", "ls", "--json").stdout)["data"][0]["model"] == "other"
        expect(server.cli("ask", "-m", "none", "hello"), 1, "none")


def an_answer_that_breaks_off_is_a_failure_with_what_came() -> None:
    with world() as (server, _):
        done = server.cli("ask", "one two three four [mock close=4 pace=20]")
        expect(done, 1, "corbel: ")
        assert done.stdout.startswith("You said:"), done.stdout
        expect(server.cli("ask", "[mock status=500]"), 1, "corbel: ")


def an_answer_cannot_play_with_the_terminal() -> None:
    with world() as (server, _):
        done = server.cli("ask", "[mock say='a\x1b]0;title\x07\x1b[31mred']")
        expect(done, 0)
        assert "\x1b" not in done.stdout and "\x07" not in done.stdout, repr(done.stdout)
        done = server.cli("ask", "--model", "no\x1b]0;title\x07such", "Hello?")
        assert done.returncode != 0 and "such" in done.stderr, done.stderr
        assert "\x1b" not in done.stderr and "\x07" not in done.stderr, repr(done.stderr)


def a_record_is_listed_and_shown_by_each_of_its_names() -> None:
    with world() as (server, _):
        expect(server.cli("ask", "hello"), 0)
        row = json.loads(server.cli("trace", "ls", "--json").stdout)["data"][0]
        expect(server.cli("trace", "ls"), 0, row["request_id"], "docs", "ok")
        for name in ("request_id", "response_id", "trace_id"):
            done = server.cli("trace", "show", row[name])
            expect(done, 0, row["request_id"], "main gpt-x", "1 in, 3 out", "$0.007000", "finish stop", "chat gpt-x")
            assert "You said" not in done.stdout
        expect(server.cli("trace", "show", "--messages", row["request_id"]), 0, "You said: hello")
        expect(server.cli("trace", "show", "none"), 1, "none")


def records_are_paged() -> None:
    with world() as (server, _):
        for i in range(3):
            expect(server.cli("ask", str(i)), 0)
        first = json.loads(server.cli("trace", "ls", "--json", "--limit", "2").stdout)["data"]
        rest = json.loads(server.cli("trace", "ls", "--json", "--after", first[-1]["request_id"]).stdout)["data"]
        assert len(first) == 2 and len(rest) == 1 and rest[0]["request_id"] < first[1]["request_id"] < first[0]["request_id"]


TESTS = [
    a_question_is_answered_as_it_is_written,
    a_question_can_come_from_standard_input,
    another_model_can_be_asked_and_json_had,
    an_answer_that_breaks_off_is_a_failure_with_what_came,
    an_answer_cannot_play_with_the_terminal,
    a_record_is_listed_and_shown_by_each_of_its_names,
    records_are_paged,
]
