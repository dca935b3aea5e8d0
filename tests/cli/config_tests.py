"""Providers and models changed from the command line, and what becomes of them when the file or the environment changes underneath."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

from common import corbel, directory, expect
from harness import Corbel, Mock, Server, wait_for

KEY = "upstream-key"


def config(mock_url: str, *models: str) -> dict[str, Any]:
    provider = {"name": "main", "kind": "openai", "base_url": f"{mock_url}/v1", "api_key": KEY}
    return {"providers": [provider], "models": [{"name": name, "targets": [{"provider": "main", "model": "gpt-x"}]} for name in models or ("first",)]}


def ask(server: Corbel, model: str) -> int:
    return server.call("POST", "/v1/chat/completions", {"model": model, "messages": [{"role": "user", "content": "hello"}]})[0]


def shown(server: Corbel) -> Any:
    return json.loads(server.call("GET", "/admin/v1/configuration")[2])


def write(server: Corbel, content: Any) -> None:
    """Replaces the file, and waits until the server has looked at it."""
    fresh = server.file.with_suffix(".new")
    fresh.write_text(json.dumps(content))
    fresh.replace(server.file)


def a_provider_and_a_model_are_set_used_shown_and_removed() -> None:
    with Mock("--key", KEY) as mock, Corbel(config(mock.url)) as server:
        done = server.cli("provider", "set", "second", "--kind", "openai", "--base-url", f"{mock.url}/v1", "--api-key", KEY, "--reason", "a spare")
        expect(done, 0, "# store, put there by version 1", 'api_key: "(hidden)"')
        assert KEY not in done.stdout
        expect(server.cli("model", "set", "fast", "--target", "second:gpt-x,main:gpt-y", "--strategy", "priority", "--fallback", "first"), 0, "strategy: priority", "- provider: second")
        assert ask(server, "fast") == 200
        expect(server.cli("model", "set", "fast", "--capture", "usage"), 0, "strategy: priority", "capture: usage", "version 3")
        expect(server.cli("provider", "set", "second", "--max-concurrency", "7"), 0, "max_concurrency: 7", 'api_key: "(hidden)"')
        assert ask(server, "fast") == 200
        expect(server.cli("model", "ls"), 0, "first", "file", "fast", "store", "second:gpt-x, main:gpt-y, else first")
        expect(server.cli("provider", "ls"), 0, "second", "(hidden)", mock.url)
        expect(server.cli("model", "show", "fast"), 0, "name: fast")
        expect(server.cli("model", "show", "slow"), 1, 'there is no model "slow"')
        expect(server.cli("provider", "rm", "second"), 1, 'model fast: targets[0].provider: there is no provider "second"')
        expect(server.cli("model", "rm", "fast", "--reason", "done"), 0, "removed from the store; version 5")
        expect(server.cli("model", "rm", "first"), 1, "take it out there")
        expect(server.cli("provider", "rm", "second"), 0)
        expect(server.cli("config", "versions"), 0, "a spare", "done", "put", "delete")
        expect(server.cli("config", "versions", "2"), 0, "# model fast", "strategy: priority")
        expect(server.cli("config", "rollback", "4"), 0, "rolled back; version 7")
        assert ask(server, "fast") == 200
        assert json.loads(server.cli("model", "show", "fast", "--json").stdout)["origin"] == "store"


def what_is_wrong_on_the_command_line_is_told() -> None:
    with Mock() as mock, Corbel(config(mock.url)) as server:
        expect(server.cli("model", "set", "x"), 2, "give a file")
        expect(server.cli("model", "set", "x", "--target", "main"), 2, "PROVIDER:MODEL")
        expect(server.cli("provider", "set", "x", "--hosted", "perhaps"), 2, "yes or no")
        expect(server.cli("model", "set", "x", "--target", "mian:y"), 1, 'did you mean "main"?')
        expect(server.cli("provider", "set", "x", "--kind", "opnai"), 1, 'did you mean "openai"?')
        expect(server.cli("config", "rollback", "one"), 2, "whole number")
        expect(server.cli("config", "rollback", "9"), 1, "the last one is 0")
        server.cli("model", "set", "x", "--target", "main:y")
        expect(server.cli("model", "set", "x", "--target", "main:z", "--if-version", "0"), 1, "was changed in version 1")


def a_file_of_entries_is_checked_and_applied_whole() -> None:
    with Mock("--key", KEY) as mock, Corbel(config(mock.url)) as server, directory() as scratch:
        file = Path(scratch) / "more.yaml"
        file.write_text("models:\n  # a comment\n  - name: yaml-one\n    targets: [{provider: main, model: gpt-x, weight: 2}]\n    retry: {max: 1}\n  - name: yaml-two\n    split: [{model: yaml-won}]\n")
        expect(server.cli("config", "apply", file, "--dry-run"), 1, 'model yaml-two: split: there is no model "yaml-won"; did you mean "yaml-one"?')
        expect(server.cli("config", "apply", file), 1, "yaml-won")
        file.write_text(file.read_text().replace("yaml-won", "yaml-one"))
        expect(server.cli("config", "apply", file, "--dry-run"), 0, "good; not applied")
        assert ask(server, "yaml-two") == 404
        expect(server.cli("config", "apply", file, "--reason", "both"), 0, "in force; version 1")
        assert ask(server, "yaml-two") == 200
        expect(server.cli("config", "apply", file), 0, "nothing changed; version 1")
        file.write_text("remove: {models: [yaml-two, yaml-one]}\n")
        expect(server.cli("config", "apply", file), 0, "version 2")
        assert ask(server, "yaml-one") == 404
        file.write_text("{name: one, targets: [{provider: main, model: gpt-x}]}")
        expect(server.cli("model", "set", "one", file), 0, "name: one")
        file.write_text("a: [")
        expect(server.cli("model", "set", "one", file), 2, f"{file}:", "closing bracket")


def what_is_exported_passes_check() -> None:
    with Mock("--key", KEY) as mock, Corbel({**config(mock.url), "embeddings": {"threads": 1}}) as server, directory() as scratch:
        body = {"kind": "anthropic", "api_key": "sk-1", "headers": {"x-a": "b: c", "yes": "#no"}, "breaker": {"failures": 3, "window": "5s"}, "hosted": False, "max_concurrency": 4}
        assert server.call("PUT", "/admin/v1/providers/odd%3Aname-1", {**body, "base_url": "http://127.0.0.1:9"})[0] == 201
        model = {"targets": [{"provider": "odd:name-1", "model": "null", "price": {"input": 0.15, "output": 2}}], "knowledge": {"collection": "on", "instructions": 'say "no"\nor: - yes'}}
        assert server.call("PUT", "/admin/v1/models/m%2F1", {**model, "fallbacks": [{"on": ["timeout", "error"], "model": "first"}]})[0] == 201
        done = server.cli("config", "export")
        expect(done, 0, "${ODD_NAME_1_API_KEY:-hidden}", "threads: 1")
        file = Path(scratch) / "exported.yaml"
        file.write_text(done.stdout)
        expect(corbel("check", "-c", file), 0, "2 providers, 2 models")
        with Corbel(done.stdout, env={"MAIN_API_KEY": KEY}) as copy:
            assert ask(copy, "first") == 200
            both = [json.loads(each.call("GET", "/admin/v1/models/m%2F1")[2])["configuration"] for each in (server, copy)]
            assert both[0] == both[1], both


def a_provider_is_tested_and_told_what_to_do() -> None:
    with Mock("--key", KEY) as mock, Corbel(config(mock.url)) as server:
        expect(server.cli("provider", "test", "main"), 0, "main answered with gpt-x in ")
        assert server.call("PUT", "/admin/v1/providers/wrong", {"kind": "openai", "base_url": f"{mock.url}/v1", "api_key": "no"})[0] == 201
        expect(server.cli("provider", "test", "wrong"), 1, "no model has a target at")
        expect(server.cli("provider", "test", "wrong", "--model", "gpt-x"), 1, "credentials", "look at api_key")
        assert server.call("PUT", "/admin/v1/providers/gone", {"kind": "openai", "base_url": "http://127.0.0.1:9/v1"})[0] == 201
        done = server.cli("provider", "test", "gone", "-m", "gpt-x", "--json")
        outcome = json.loads(done.stdout)
        assert done.returncode == 1 and not outcome["ok"] and "listens at base_url" in outcome["error"]["advice"], outcome
        failing = {"kind": "openai", "base_url": f"{mock.url}/v1", "api_key": KEY, "headers": {"x-mock": "status=503"}}
        assert server.call("PUT", "/admin/v1/providers/failing", failing)[0] == 201
        expect(server.cli("provider", "test", "failing", "-m", "gpt-x"), 1, "the provider answers, but says that it cannot serve now")
        assert server.call("PUT", "/admin/v1/providers/claude", {"kind": "anthropic", "base_url": mock.url, "api_key": KEY})[0] == 201
        expect(server.cli("provider", "test", "claude", "-m", "claude-x"), 0, "claude answered with claude-x")
        for kind, path in (("gemini", "/v1beta"), ("cohere", ""), ("mistral", "/v1"), ("ollama", "/v1")):
            assert server.call("PUT", f"/admin/v1/providers/of-{kind}", {"kind": kind, "base_url": mock.url + path, "api_key": KEY})[0] == 201
            expect(server.cli("provider", "test", f"of-{kind}", "-m", "some-model"), 0, "answered with some-model")
        expect(server.cli("provider", "test", "nobody"), 1, 'there is no provider "nobody"')


def entries_outlive_a_restart_and_their_secrets_open_with_the_key_of_the_data_directory() -> None:
    with Mock("--key", KEY) as mock, directory() as scratch:
        data = Path(scratch) / "data"
        with Corbel(config(mock.url), data=data) as server:
            expect(server.cli("provider", "set", "sealed", "--kind", "openai", "--base-url", f"{mock.url}/v1", "--api-key", KEY), 0)
            expect(server.cli("model", "set", "kept", "--target", "sealed:gpt-x"), 0)
            server.stop()
        assert (data / "master.key").stat().st_mode & 0o777 == 0o600
        assert all(KEY.encode() not in file.read_bytes() for file in data.iterdir() if file.is_file())
        with Corbel(config(mock.url), data=data) as server:
            assert ask(server, "kept") == 200
            server.stop()
        (data / "master.key").rename(data / "elsewhere")
        try:
            with Corbel(config(mock.url), data=data):
                raise AssertionError("started without its master key")
        except RuntimeError as error:
            assert "provider sealed: api_key: was sealed with the master key" in str(error) and "--file-only" in str(error), error
        with Corbel(config(mock.url), "--file-only", data=data) as server:
            assert ask(server, "first") == 200 and ask(server, "kept") == 404
            stored = shown(server)["stored"]
            assert stored["state"] == "refused" and (stored["version"], stored["version_in_force"]) == (2, 0) and "master key" in stored["first_mistake"], stored
            expect(server.cli("provider", "set", "sealed", "--kind", "openai", "--base-url", f"{mock.url}/v1", "--api-key", KEY), 0)
            assert ask(server, "kept") == 200 and shown(server)["stored"]["state"] == "in force"


def the_file_changes_underneath_and_both_are_checked() -> None:
    with Mock("--key", KEY) as mock, Corbel(config(mock.url, "first", "second")) as server:
        over = {"targets": [{"provider": "main", "model": "over"}], "fallbacks": [{"model": "second"}]}
        assert server.call("PUT", "/admin/v1/models/first", over)[0] == 201
        write(server, config(mock.url, "first", "second", "third"))
        wait_for(lambda: ask(server, "third") == 200, 5, "the new model of the file")
        assert json.loads(server.call("GET", "/admin/v1/models/first")[2])["replaces_file"]
        write(server, config(mock.url, "first", "third"))  # good alone; but the store's first leans on second
        wait_for(lambda: shown(server)["file"]["state"] == "refused", 5, "the file to be refused")
        assert 'model first: fallbacks: there is no model "second"' in shown(server)["file"]["first_mistake"]
        assert ask(server, "second") == 200
        expect(server.cli("model", "rm", "first"), 0)
        os.kill(server.pid, signal.SIGHUP)
        wait_for(lambda: ask(server, "second") == 404, 5, "the file to be in force")
        assert shown(server)["file"]["state"] == "in force" and ask(server, "first") == 200


def a_stream_in_flight_survives_a_reload_of_the_file() -> None:
    with Mock("--key", KEY) as mock, Corbel(config(mock.url, "first")) as server:
        connection = server.connect()
        body = json.dumps({"model": "first", "stream": True, "messages": [{"role": "user", "content": "[mock chunks=60 pace=30]"}]})
        connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json", "authorization": f"Bearer {server.key}"})
        response = connection.getresponse()
        response.read(10)
        write(server, config(mock.url, "other"))
        wait_for(lambda: ask(server, "other") == 200, 5, "the new file")
        assert ask(server, "first") == 404
        assert response.read().rstrip().endswith(b"data: [DONE]")


def an_admin_of_another_tenant_may_not_touch_the_configuration() -> None:
    with Corbel({}) as server:
        expect(server.cli("tenant", "create", "guests"), 0)
        secret = server.cli("key", "create", "--scope", "admin", "--tenant", "guests").stdout.strip()
        for method, path in (("GET", "configuration"), ("DELETE", "models/docs"), ("GET", "providers")):
            assert Server.call(server, method, f"/admin/v1/{path}", headers={"authorization": f"Bearer {secret}"})[0] == 403
        expect(server.cli("model", "rm", "docs"), 1, "is built in as long as the file has no list of models")
        expect(server.cli("model", "set", "docs", "--collection", "manual"), 0, "collection: manual")
        began = time.monotonic()
        expect(server.cli("config", "rollback", "0"), 0)
        assert time.monotonic() - began < 5


TESTS = [
    a_provider_and_a_model_are_set_used_shown_and_removed,
    what_is_wrong_on_the_command_line_is_told,
    a_file_of_entries_is_checked_and_applied_whole,
    what_is_exported_passes_check,
    a_provider_is_tested_and_told_what_to_do,
    entries_outlive_a_restart_and_their_secrets_open_with_the_key_of_the_data_directory,
    the_file_changes_underneath_and_both_are_checked,
    a_stream_in_flight_survives_a_reload_of_the_file,
    an_admin_of_another_tenant_may_not_touch_the_configuration,
]
