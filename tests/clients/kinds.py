"""Providers of every kind in front of the same mock, for the client tests: what the configuration says, and what the mock is asked to be like."""

from __future__ import annotations

import tempfile
import urllib.request
from pathlib import Path
from typing import Any

_folder = tempfile.TemporaryDirectory(prefix="corbel-kinds-")

# Kinds over OpenAI's wire, and the server that the mock plays for them.
LIKE = {
    "mistral": "mistral",
    "groq": "groq",
    "deepseek": "deepseek",
    "xai": "xai",
    "openrouter": "openrouter",
    "perplexity": "perplexity",
    "tgi": "tgi",
    "together": "deepseek",
    "fireworks": "deepseek",
    "ollama": "tgi",
    "vllm": "openrouter",
    "llamacpp": "openrouter",
    "lmstudio": "tgi",
}
EMBEDS = ["mistral", "together", "fireworks", "ollama", "vllm", "llamacpp", "lmstudio"]
# Embeddings on wires of their own: the model's name here is "embed-" and this; its provider and its name there.
EMBED_WIRES = {
    "cohere": ("cohere", "embed-v4.0"),
    "gemini": ("gemini", "gemini-embedding-001"),
    "titan": ("bedrock", "amazon.titan-embed-text-v2:0"),
    "bedrock-cohere": ("bedrock-key", "eu.cohere.embed-v4:0"),
    "vertex": ("vertex", "text-embedding-005"),
    "vertex-gemini": ("vertex", "gemini-embedding-001"),
    "vertex-gemini-2": ("vertex", "gemini-embedding-2"),
}
KINDS = ["azure", "azure-entra", "gemini", "vertex", "vertex-inline", "bedrock", "bedrock-key", "cohere", *LIKE]
# Whose wire is not OpenAI's: answers are written anew.
OTHER_WIRES = ["gemini", "vertex", "vertex-inline", "bedrock", "cohere"]


def providers(mock_url: str, key: str) -> list[dict[str, Any]]:
    account = urllib.request.urlopen(f"{mock_url}/_mock/service-account").read().decode()
    file = Path(_folder.name) / "service-account.json"
    file.write_text(account)
    entra = {"tenant_id": "mock-tenant", "client_id": "mock-client", "client_secret": key, "authority_url": mock_url}
    return [
        {"name": "azure", "kind": "azure", "base_url": mock_url, "api_key": key},
        {"name": "azure-entra", "kind": "azure", "base_url": mock_url, **entra},
        {"name": "azure-wrong", "kind": "azure", "base_url": mock_url, **entra, "client_secret": "wrong"},
        {"name": "gemini", "kind": "gemini", "base_url": f"{mock_url}/v1beta", "api_key": key},
        {"name": "gemini-wrong", "kind": "gemini", "base_url": f"{mock_url}/v1beta", "api_key": "wrong"},
        {"name": "vertex", "kind": "vertex", "base_url": f"{mock_url}/v1", "location": "europe-west4", "credentials": str(file)},
        {"name": "vertex-inline", "kind": "vertex", "base_url": f"{mock_url}/v1", "project": "other-project", "credentials": account},
        {
            "name": "bedrock",
            "kind": "bedrock",
            "base_url": mock_url,
            "region": "eu-central-1",
            "access_key_id": "AKIDMOCK",
            "secret_access_key": key,
            "session_token": "mock-session",
        },
        {"name": "bedrock-key", "kind": "bedrock", "base_url": mock_url, "region": "eu-central-1", "api_key": key},
        {"name": "bedrock-wrong", "kind": "bedrock", "base_url": mock_url, "region": "eu-central-1", "access_key_id": "AKIDMOCK", "secret_access_key": "wrong"},
        {"name": "cohere", "kind": "cohere", "base_url": mock_url, "api_key": key},
        *({"name": kind, "kind": kind, "base_url": f"{mock_url}/v1", "api_key": key, "headers": {"x-mock": f"like='{like}'"}} for kind, like in LIKE.items()),
    ]


def models() -> list[dict[str, Any]]:
    """A model named after each provider."""
    named = [{"name": name, "targets": [{"provider": name, "model": f"{name}-model"}]} for name in [*KINDS, "azure-wrong", "gemini-wrong", "bedrock-wrong"]]
    claude = {"name": "bedrock-claude", "targets": [{"provider": "bedrock", "model": "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"}]}
    embed = [{"name": f"embed-{name}", "type": "embeddings", "targets": [{"provider": name, "model": f"{name}-embed"}]} for name in ["azure", "azure-entra", *EMBEDS]]
    wires = [{"name": f"embed-{name}", "type": "embeddings", "targets": [{"provider": provider, "model": model}]} for name, (provider, model) in EMBED_WIRES.items()]
    priced = {name: {"provider": provider, "model": model, "price": {"input": dollars}} for (name, (provider, model)), dollars in zip(EMBED_WIRES.items(), range(1000, 10000, 1000))}
    others = [
        {"name": "embed-fixed", "type": "embeddings", "targets": [{"provider": "cohere", "model": "embed-english-v3.0"}]},
        {"name": "embed-fixed-titan", "type": "embeddings", "targets": [{"provider": "bedrock", "model": "amazon.titan-embed-text-v1"}]},
        {"name": "embed-fixed-bedrock", "type": "embeddings", "targets": [{"provider": "bedrock", "model": "cohere.embed-english-v3"}]},
        {"name": "embed-nova", "type": "embeddings", "targets": [{"provider": "bedrock", "model": "amazon.nova-2-multimodal-embeddings-v1:0"}]},
        {"name": "embed-titan-wrong", "type": "embeddings", "targets": [{"provider": "bedrock-wrong", "model": "amazon.titan-embed-text-v2:0"}]},
        {"name": "embed-wrong", "type": "embeddings", "targets": [{"provider": "gemini-wrong", "model": "gemini-embedding-001"}]},
        {"name": "embed-chain", "type": "embeddings", "strategy": "priority", "targets": [{**priced["gemini"], "model": "gemini-embedding-first"}, {**priced["cohere"], "model": "embed-v4.0-second"}]},
        {"name": "embed-again", "type": "embeddings", "retry": {"max": 1, "backoff": "1ms", "budget": 10}, "targets": [{**priced["gemini"], "model": "gemini-embedding-again"}]},
        {"name": "embed-or-tokens", "type": "embeddings", "strategy": "priority", "targets": [priced["cohere"], {"provider": "main", "model": "text-embedding-3-small"}]},
    ]
    return [*named, *embed, *wires, *others, claude, {"name": "gemini-3", "targets": [{"provider": "gemini", "model": "gemini-3-pro"}]}]
