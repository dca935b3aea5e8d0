"""`corbel import litellm`: what it prints, where it writes, and how it ends."""

from __future__ import annotations

import json
import stat
from pathlib import Path

from common import corbel, directory, expect

CONFIG = """\
model_list:
  - model_name: gpt
    litellm_params: {model: openai/gpt-x, api_key: os.environ/TEST_OPENAI_KEY, temperature: 0.2}
  - model_name: claude
    litellm_params: {model: anthropic/claude-x, api_key: sk-secret-text}
router_settings: {redis_host: localhost, num_retries: 2}
"""


def import_prints_a_configuration_that_check_takes() -> None:
    with directory() as path:
        (Path(path) / "config.yaml").write_text(CONFIG)
        done = corbel("import", "litellm", "config.yaml", cwd=path)
        expect(done, 0, "config.yaml:3:1: not taken over: litellm_params.temperature: ", "config.yaml:6:1: not taken over: router_settings.redis_host: ")
        expect(done, 0, "2 providers, 2 models; 2 not taken over, 0 not quite the same", "Set these, then run corbel check: TEST_OPENAI_KEY")
        assert "#   config.yaml:6 router_settings.redis_host: " in done.stdout and "sk-secret-text" not in done.stderr, done
        (Path(path) / "corbel.yaml").write_text(done.stdout)
        expect(corbel("check", cwd=path), 1, "TEST_OPENAI_KEY is not set")
        expect(corbel("check", cwd=path, env={"TEST_OPENAI_KEY": "k"}), 0, "good; 2 providers, 2 models")


def import_writes_a_new_file_for_its_owner_alone() -> None:
    with directory() as path:
        (Path(path) / "config.yaml").write_text(CONFIG)
        done = corbel("import", "litellm", "config.yaml", "--output", "made.yaml", cwd=path, env={"TEST_OPENAI_KEY": "k"})
        expect(done, 0, "2 providers, 2 models")
        made = Path(path) / "made.yaml"
        assert done.stdout == "" and stat.S_IMODE(made.stat().st_mode) == 0o600, done
        expect(corbel("check", "-c", made, env={"TEST_OPENAI_KEY": "k"}), 0, "good")
        expect(corbel("import", "litellm", "config.yaml", "--output", "made.yaml", cwd=path), 1, "it is there already")


def import_sums_up_as_json() -> None:
    with directory() as path:
        (Path(path) / "config.yaml").write_text(CONFIG)
        summary = json.loads(corbel("import", "litellm", "config.yaml", "--json", cwd=path).stdout)
    assert (summary["providers"], summary["models"], summary["targets"], summary["checked"]) == (2, 2, 2, False), summary
    assert summary["environment"] == [{"name": "TEST_OPENAI_KEY", "required": True, "set": False}], summary
    assert [(note["line"], note["setting"]) for note in summary["left_out"]] == [(3, "litellm_params.temperature"), (6, "router_settings.redis_host")], summary
    assert summary["configuration"].startswith("# Made by "), summary


def import_ends_with_1_when_there_is_nothing_to_go_by() -> None:
    with directory() as path:
        (Path(path) / "list.yaml").write_text("- a\n")
        (Path(path) / "broken.yaml").write_text("model_list: [\n")
        (Path(path) / "config.yaml").write_text(CONFIG)
        (Path(path) / "large.yaml").write_text("# " + "x" * (1 << 20))
        expect(corbel("import", "litellm", "list.yaml", cwd=path), 1, "list.yaml:1:1: expected a configuration of LiteLLM's proxy")
        expect(corbel("import", "litellm", "broken.yaml", cwd=path), 1, "broken.yaml:")
        expect(corbel("import", "litellm", "large.yaml", cwd=path), 1, "larger than a configuration may be")
        expect(corbel("import", "litellm", "none.yaml", cwd=path), 1, "cannot read none.yaml")
        expect(corbel("import", "litellm", "config.yaml", "--strict", cwd=path), 1, "2 not taken over")
        expect(corbel("import", "litellm", cwd=path), 2, "usage: corbel import litellm CONFIG.yaml")


TESTS = [
    import_prints_a_configuration_that_check_takes,
    import_writes_a_new_file_for_its_owner_alone,
    import_sums_up_as_json,
    import_ends_with_1_when_there_is_nothing_to_go_by,
]
