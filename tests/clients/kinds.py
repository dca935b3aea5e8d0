"""Providers of every kind in front of the same mock, for the client tests: what the configuration says, and what the mock is asked to be like."""

from __future__ import annotations

from typing import Any

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
KINDS = ["azure", "azure-entra", *LIKE]


def providers(mock_url: str, key: str) -> list[dict[str, Any]]:
    entra = {"tenant_id": "mock-tenant", "client_id": "mock-client", "client_secret": key, "authority_url": mock_url}
    return [
        {"name": "azure", "kind": "azure", "base_url": mock_url, "api_key": key},
        {"name": "azure-entra", "kind": "azure", "base_url": mock_url, **entra},
        {"name": "azure-wrong", "kind": "azure", "base_url": mock_url, **entra, "client_secret": "wrong"},
        *({"name": kind, "kind": kind, "base_url": f"{mock_url}/v1", "api_key": key, "headers": {"x-mock": f"like='{like}'"}} for kind, like in LIKE.items()),
    ]


def models() -> list[dict[str, Any]]:
    """A model named after each provider."""
    return [{"name": name, "targets": [{"provider": name, "model": f"{name}-model"}]} for name in [*KINDS, "azure-wrong"]]
