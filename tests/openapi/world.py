"""The world of the OpenAPI tests: a mock upstream, a corbel with everything in its configuration, and things in it that requests can be about."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import harness

KEY = "upstream-key"
CITED = "The autovacuum launcher starts the workers [1]."  # as a model would that has read its passages
MODELS = {"chat": ["gpt-x", "claude-x", "docs"], "embeddings": ["embed-x"], "moderations": ["moderation-x"], "rerank": ["rerank-x"]}


def config(mock_url: str) -> dict[str, Any]:
    def provider(name: str, kind: str, path: str = "/v1", **more: Any) -> dict[str, Any]:
        return {"name": name, "kind": kind, "base_url": f"{mock_url}{path}", "api_key": KEY, **more}

    def model(name: str, provider_name: str = "main", **more: Any) -> dict[str, Any]:
        return {"name": name, "targets": [{"provider": provider_name, "model": name, "price": {"input": 1, "output": 2}}], **more}

    return {
        "providers": [provider("main", "openai"), provider("claude", "anthropic"), provider("cohere", "cohere", ""), provider("speaks", "openai", apis=["completions"]), provider("answers", "openai", apis=["responses"]), provider("cites", "openai", headers={"x-mock": f"say='{CITED}'"})],
        "models": [
            model("gpt-x"),
            model("claude-x", "claude"),
            model("docs", knowledge={"collection": "manual"}),
            model("cited", "cites", knowledge={"collection": "manual"}),
            model("legacy", "speaks"),
            model("native", "answers"),
            model("cached", cache={}),
            model("going-on", on_disconnect="continue"),
            model("embed-x", type="embeddings"),
            model("moderation-x", type="moderations"),
            model("rerank-x", "cohere", type="rerank"),
        ],
        "webhooks": [{"name": "billing", "url": "http://127.0.0.1:9/hook", "secret": "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=", "allow_private": True}],
    }


def call(corbel: harness.Corbel, method: str, path: str, body: Any = None, **headers: str) -> Any:
    """The answer to a request that must succeed."""
    status, _, data = corbel.call(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    assert status < 300, (method, path, status, data)
    return json.loads(data)


def put(corbel: harness.Corbel, collection: str, path: str, text: bytes) -> Any:
    return call(corbel, "PUT", f"/admin/v1/collections/{collection}/documents?path={path}", text, x_content_sha256=hashlib.sha256(text).hexdigest())


def fill(corbel: harness.Corbel) -> dict[str, list[str]]:
    """Makes what requests can be about; what to put for a parameter of a path: by the path up to it, or by its name."""
    admin, chat = "/admin/v1", {"model": "gpt-x", "messages": [{"role": "user", "content": "hello"}]}
    document = put(corbel, "manual", "vacuum.md", b"# Vacuuming\n\nThe autovacuum launcher starts the workers.\n")["document_id"]
    own = call(corbel, "GET", f"{admin}/keys")["data"][0]["id"]
    key = call(corbel, "POST", f"{admin}/keys", {"name": "made", "scopes": ["model.use"]})["id"]
    team = call(corbel, "POST", f"{admin}/teams", {"name": "search"})["id"]
    tenant = call(corbel, "POST", f"{admin}/tenants", {"name": "other"})["id"]
    budget = call(corbel, "POST", f"{admin}/budgets", {"name": "daily", "limit_nanodollars": 10**15, "period": "day"})["id"]
    response = call(corbel, "POST", "/v1/responses", {"model": "gpt-x", "input": "hello"})["id"]
    talk = call(corbel, "POST", "/v1/conversations", {"items": [{"role": "user", "content": "hello"}]})["id"]
    item = call(corbel, "GET", f"/v1/conversations/{talk}/items")["data"][0]["id"]
    store = call(corbel, "GET", "/v1/vector_stores")["data"][0]["id"]
    form = b'--x\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nassistants\r\n--x\r\ncontent-disposition: form-data; name="file"; filename="a.txt"\r\n\r\nA wombat digs.\r\n--x--\r\n'
    file = call(corbel, "POST", "/v1/files", form, content_type="multipart/form-data; boundary=x")["id"]
    batch = call(corbel, "POST", f"/v1/vector_stores/{store}/file_batches", {"file_ids": [file]})["id"]
    call(corbel, "POST", "/v1/chat/completions", chat)
    call(corbel, "POST", "/v1/messages", {**chat, "model": "claude-x", "max_tokens": 9})
    trace = call(corbel, "GET", f"{admin}/traces")["data"][0]["request_id"]
    return {
        # The key that asks, and its tenant: a test that revokes them sees no more than that; and the providers that calls go to.
        "own": [own, "1", "default", "admin", "main", "claude"],
        "/admin/v1/keys": [key],
        "/admin/v1/teams": [team],
        "/admin/v1/tenants": [tenant],
        "/admin/v1/budgets": [budget],
        "/admin/v1/traces": [trace],
        "/admin/v1/collections": ["manual"],
        "/admin/v1/providers": ["main", "claude"],
        "/admin/v1/models": ["gpt-x", "docs"],
        "/admin/v1/webhooks": ["billing"],
        "/v1/files": [file],
        "/v1/vector_stores": [store],
        "document": [document],
        "version": ["1"],
        "model": MODELS["chat"],
        "file_id": [file],
        "batch_id": [batch],
        "response_id": [response],
        "conversation_id": [talk],
        "item_id": [item],
    }
