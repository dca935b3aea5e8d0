"""A configuration of LiteLLM's proxy, imported and served: official clients use the names it gave, and calls go the ways it said."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import world
from world import user

ENV = {"TEST_MASTER_KEY": "sk-master-key", "TEST_UPSTREAM_KEY": world.UPSTREAM_KEY}


def _config(mock_url: str) -> str:
    return f"""
model_list:
  - model_name: gpt-4o
    litellm_params: {{model: openai/gpt-east, api_base: os.environ/TEST_BASE, api_key: os.environ/TEST_UPSTREAM_KEY, weight: 2, input_cost_per_token: 0.001, output_cost_per_token: 0.002}}
  - model_name: gpt-4o
    litellm_params: {{model: azure/gpt-west, api_base: "{mock_url}/", api_key: os.environ/TEST_UPSTREAM_KEY, api_version: 2024-10-21, weight: 1}}
  - model_name: claude
    litellm_params: {{model: anthropic/claude-x, api_base: "{mock_url}", api_key: os.environ/TEST_UPSTREAM_KEY}}
  - model_name: down
    litellm_params: {{model: openai/gpt-down, api_base: os.environ/TEST_BASE, api_key: os.environ/TEST_UPSTREAM_KEY, extra_headers: {{x-mock: status=503}}}}
  - model_name: narrow
    litellm_params: {{model: openai/mock-fault-status-413, api_base: os.environ/TEST_BASE, api_key: os.environ/TEST_UPSTREAM_KEY}}
  - model_name: embed
    litellm_params: {{model: openai/text-embedding-x, api_base: os.environ/TEST_BASE, api_key: os.environ/TEST_UPSTREAM_KEY}}
    model_info: {{mode: embedding}}
  - model_name: embed-cohere
    litellm_params: {{model: cohere/embed-v4.0, api_base: "{mock_url}/v2/embed", api_key: os.environ/TEST_UPSTREAM_KEY}}
    model_info: {{mode: embedding}}
  - model_name: embed-gemini
    litellm_params: {{model: gemini/gemini-embedding-001, api_base: "{mock_url}/v1beta", api_key: os.environ/TEST_UPSTREAM_KEY}}
    model_info: {{mode: embedding}}
  - model_name: embed-titan
    litellm_params: {{model: "bedrock/amazon.titan-embed-text-v2:0", aws_bedrock_runtime_endpoint: "{mock_url}", aws_region_name: eu-central-1, aws_access_key_id: AKIDMOCK, aws_secret_access_key: os.environ/TEST_UPSTREAM_KEY}}
    model_info: {{mode: embedding}}
router_settings:
  model_group_alias: {{gpt-4: gpt-4o}}
  fallbacks: [{{down: [claude]}}, {{claude: [down]}}]
  context_window_fallbacks: [{{narrow: [claude]}}]
litellm_settings: {{num_retries: 1}}
general_settings: {{master_key: os.environ/TEST_MASTER_KEY}}
"""


@contextmanager
def _imported() -> Iterator[tuple[world.openai.OpenAI, world.harness.Corbel, world.harness.Mock]]:
    with tempfile.TemporaryDirectory(prefix="corbel-import-") as folder, world.harness.Mock("--key", world.UPSTREAM_KEY) as mock:
        theirs = Path(folder) / "config.yaml"
        theirs.write_text(_config(mock.url))
        env = {**ENV, "TEST_BASE": f"{mock.url}/v1"}
        command = [str(world.harness.program("corbel")), "import", "litellm", str(theirs), "--strict"]
        done = subprocess.run(command, env={**os.environ, **env}, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0 and "0 not taken over" in done.stderr, done
        with world.harness.Corbel(done.stdout, env=env) as corbel:
            client = world.make_client(base_url=f"{corbel.url}/v1", api_key=ENV["TEST_MASTER_KEY"])
            yield client, corbel, mock
            client.close()


def _record(corbel: world.harness.Corbel, identity: str) -> dict[str, object]:
    """By the master key of the old configuration, which is an admin key here."""
    status, _, body = world.harness.Server.call(corbel, "GET", f"/admin/v1/traces/{identity}", headers={"authorization": f"Bearer {ENV['TEST_MASTER_KEY']}"})
    assert status == 200, body
    return world.json.loads(body)["interaction"]


def an_imported_configuration_serves_the_clients_of_the_old_one() -> None:
    with _imported() as (client, _, mock):
        assert {"gpt-4o", "gpt-4", "claude", "embed"} <= {model.id for model in client.models.list()}
        for model in ("gpt-4o", "gpt-4", "claude"):
            assert client.chat.completions.create(model=model, messages=user("hello")).choices[0].message.content == "You said: hello"
            assert world.said(client.chat.completions.create(model=model, messages=user("one two"), stream=True)) == "You said: one two"
        for model in ("embed", "embed-cohere", "embed-gemini", "embed-titan"):
            assert len(client.embeddings.create(model=model, input=["one", "two"], encoding_format="float").data) == 2, model
        for _ in range(60):
            client.chat.completions.create(model="gpt-4o", messages=user("again"))
        paths = Counter("azure" if "/deployments/gpt-west" in request["path"] else "openai" for request in mock.requests() if "again" in (request["body"] or ""))
        assert min(paths["openai"], paths["azure"]) > 3, f"two to one: {paths}"


def an_imported_configuration_falls_back_and_prices_as_it_said() -> None:
    with _imported() as (client, corbel, _):
        for model in ("down", "narrow"):
            answer = client.chat.completions.create(model=model, messages=user("hello"))
            assert answer.choices[0].message.content == "You said: hello", model
            assert _record(corbel, answer.id)["route"] == "claude", model
        text = "[mock prompt-tokens=100 completion-tokens=10]"
        answers = [client.chat.completions.create(model="gpt-4o", messages=user(text)) for _ in range(12)]
        assert 120_000_000 in {_record(corbel, answer.id)["cost_nanodollars"] for answer in answers}
