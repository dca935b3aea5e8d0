"""Configuration and command line: what is told, and how commands end."""

from __future__ import annotations

import re
from pathlib import Path

from common import corbel, directory, expect
from harness import ROOT

MISTAKES = """\
servr:
  listen: x
server:
  idle_timout: 5s
  loops: many
providers:
  - {name: main, kind: opnai, base_url: "ftp://x", api_key: "${CORBEL_TEST_NOT_SET}"}
models:
  - {name: a, targets: [{provider: mian, model: x}]}
  - {name: a, knowledge: {collection: c, top_k: 500}}
"""


def check_tells_every_mistake_with_its_line_and_the_nearest_key() -> None:
    with directory() as path:
        file = Path(path) / "corbel.yaml"
        file.write_text(MISTAKES)
        done = corbel("check", "-c", file)
    places = [
        (1, 1, 'did you mean "server"'),
        (4, 3, 'did you mean "idle_timeout"'),
        (5, 10, "a whole number from 0 to 64"),
        (7, 24, 'did you mean "openai"'),
        (7, 42, "http:// or https://"),
        (7, 62, "CORBEL_TEST_NOT_SET is not set"),
        (9, 36, 'did you mean "main"'),
        (10, 5, 'a second model is named "a"'),
        (10, 49, "from 1 to 50"),
    ]
    expect(done, 1, *[f"{file}:{line}:{column}: " for line, column, _ in places], *[text for _, _, text in places])
    assert len(done.stderr.splitlines()) == len(places) + 1, done.stderr


def check_passes_what_serve_would_take() -> None:
    with directory() as path:
        file = Path(path) / "corbel.yaml"
        file.write_text("server: {grace: 5s}\nproviders: [{name: p, kind: openai}]\nmodels: [{name: m, targets: [{provider: p, model: x}]}]\n")
        expect(corbel("check", "-c", file), 0, "good; 1 provider, 1 model")


def check_finds_the_file_in_the_working_directory() -> None:
    with directory() as path:
        (Path(path) / "corbel.yaml").write_text("servr: 1\n")
        expect(corbel("check", cwd=path), 1, "corbel.yaml:1:1")
        expect(corbel("check", "-c", "/nowhere/corbel.yaml", cwd=path), 1, "/nowhere/corbel.yaml: cannot be read")


def check_looks_at_the_environment_too() -> None:
    with directory() as path:
        expect(corbel("check", cwd=path, env={"CORBEL_LOG_LEVEL": "loud"}), 1, "CORBEL_LOG_LEVEL: expected one of debug, info")
        for listen in ("8321", "localhost", "1:2:3", "a:70000", "[::1:1", "unix:x"):
            expect(corbel("check", cwd=path, env={"CORBEL_LISTEN": listen}), 1, "CORBEL_LISTEN: expected HOST:PORT")
        for listen in ("127.0.0.1:0", "localhost:1", "[::1]:65535", "unix:/x"):
            expect(corbel("check", cwd=path, env={"CORBEL_LISTEN": listen}), 0)
        done = corbel("check", cwd=path, env={"CORBEL_ADMIN_KEY": "short", "CORBEL_STORE": "mysql://user:password@host"})
        expect(done, 1, "CORBEL_ADMIN_KEY: expected a key of at least 8", "CORBEL_STORE: expected sqlite:PATH", "2 mistakes")
        assert "short" not in done.stderr and "password" not in done.stderr


def the_reference_of_the_configuration_is_the_one_in_the_tree() -> None:
    done = corbel("check", "--reference")
    expect(done, 0)
    assert done.stdout == (ROOT / "docs/configuration.md").read_text(), "run: build/corbel check --reference >docs/configuration.md"


def the_reference_of_the_command_line_is_the_one_in_the_tree() -> None:
    done = corbel("help", "--reference")
    expect(done, 0)
    assert done.stdout == (ROOT / "docs/cli.md").read_text(), "run: build/corbel help --reference >docs/cli.md"


def every_command_in_the_list_has_help() -> None:
    listed = corbel("help").stdout
    names = re.findall(r"^  (\w+(?: \w+)?)  +\S", listed, re.M)
    assert {"serve", "check", "ask", "ingest", "key create", "key revoke", "trace show", "collection rm", "backup", "version"} <= set(names), names
    for name in names:
        expect(corbel("help", *name.split()), 0, f"usage: corbel {name}")
        expect(corbel(*name.split(), "--help"), 0, f"usage: corbel {name}")


def a_wrong_command_line_ends_with_2_and_names_the_nearest() -> None:
    expect(corbel(), 2, "usage: corbel COMMAND")
    expect(corbel("srve"), 2, 'did you mean "serve"')
    expect(corbel("serve", "--listne", "x"), 2, "did you mean --listen")
    expect(corbel("serve", "--listen"), 2, "--listen needs a value")
    expect(corbel("ask", "--json=x", "q"), 2, "--json takes no value")
    expect(corbel("key", "revoke"), 2, "usage: corbel key revoke ID...")
    expect(corbel("key"), 2, "key create")


def version_is_one_line() -> None:
    for word in ("version", "--version"):
        done = corbel(word)
        expect(done, 0)
        assert re.fullmatch(r"corbel \d+\.\d+\.\d+\n", done.stdout), done.stdout


TESTS = [
    check_tells_every_mistake_with_its_line_and_the_nearest_key,
    check_passes_what_serve_would_take,
    check_finds_the_file_in_the_working_directory,
    check_looks_at_the_environment_too,
    the_reference_of_the_configuration_is_the_one_in_the_tree,
    the_reference_of_the_command_line_is_the_one_in_the_tree,
    every_command_in_the_list_has_help,
    a_wrong_command_line_ends_with_2_and_names_the_nearest,
    version_is_one_line,
]
