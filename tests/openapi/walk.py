"""A walk through the API: one request at least for each operation of the document, in a world where it can succeed, and each answer held against the document.

Schemathesis makes requests up, and what is made up is mostly refused; this sees to it that every operation is known by its success. The document is closed first: a member of an answer that it does not name is a mistake,
unless the schema itself says `additionalProperties`. Requests and answers are read with models made from the document too (models.py).
"""

from __future__ import annotations

import hashlib
import json
import time
import urllib.parse
from collections.abc import Iterator
from typing import Any

import harness
import jsonschema_rs
from models import Models

USER = [{"role": "user", "content": "hello"}]
ASKED = [{"role": "user", "content": "What starts the workers?"}]
WEATHER = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}
ANSWER = {"type": "object", "properties": {"value": {"type": "integer"}}, "required": ["value"], "additionalProperties": False}
PICTURE, PAGES = "data:image/png;base64,AAAA", "data:application/pdf;base64,AAAA"
RATS = b"# Rats\n\nRats dig.\n"
TOLD = {  # kinds of events that the walk must have seen
    "ChatEvent": {"chat.completion.chunk", "error"},
    "CompletionEvent": {"text_completion", "error"},
    "MessageEvent": {"message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "message_stop", "ping", "error"},
    "UiChunk": {"start", "start-step", "text-delta", "reasoning-delta", "tool-input-start", "tool-input-delta", "tool-input-available", "tool-input-error", "source-url", "finish-step", "finish", "error"},
    "ResponseEvent": {f"response.{kind}" for kind in ("created", "completed", "failed", "output_item.added", "content_part.done", "output_text.delta", "output_text.annotation.added", "reasoning_text.delta", "reasoning_summary_text.done", "function_call_arguments.done", "file_search_call.searching")},
}
ENDLESS = [{"role": "user", "content": "[mock endless pace=20]"}]


def closed(schema: Any) -> Any:
    """The schema, with no members but those that it names where it names any."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: {key: closed(each) for key, each in value.items()} if name in ("properties", "$defs", "schemas") else closed(value) for name, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and "additionalProperties" not in schema:
        made["unevaluatedProperties"] = False
    return made


def references(value: Any) -> Iterator[str]:
    """The names of the components that are referred to."""
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"].removeprefix("#/components/schemas/")
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from references(each)


def events(data: bytes) -> Iterator[tuple[str, str]]:
    """The name and the data of each event of a stream."""
    for event in data.decode().replace("\r\n", "\n").split("\n\n"):
        fields = [line.partition(":") for line in event.split("\n") if line and not line.startswith(":")]
        values = {name: value.removeprefix(" ") for name, _, value in fields if name != "data"}
        if told := [value.removeprefix(" ") for name, _, value in fields if name == "data"]:
            yield values.get("event", ""), "\n".join(told)


class Walk:
    """Asks, and remembers what was seen of each operation and what was wrong with it."""

    def __init__(self, corbel: harness.Corbel, document: Any, models: Models) -> None:
        self.corbel, self.document, self.models = corbel, document, models
        self.components = closed(document["components"])
        self.operations = {f"{method.upper()} {path}": operation for path, methods in document["paths"].items() for method, operation in methods.items()}
        self.seen: set[str] = set()
        self.kinds: dict[str, set[str]] = {}  # of events, by the schema that they were held against
        self.validators: dict[str, jsonschema_rs.Draft202012Validator] = {}
        self.wrong: dict[str, str] = {}

    def _check(self, operation: str, status: int, kind: str, data: bytes) -> str:
        """What is wrong with an answer; empty: nothing."""
        described = self.operations[operation]["responses"].get(str(status))
        if described is None:
            return f"status {status} is not in the document"
        if status == 204:
            return "a body where there is none" if data else ""
        content = described["content"].get(kind.split(";")[0])
        if content is None:
            return f"media type {kind} is not in the document"
        if kind.startswith("application/json"):
            if "schema" not in content:
                return "its answer is not described"
            return self._invalid(content["schema"], json.loads(data))
        if kind.startswith("text/event-stream"):
            return self._check_events(content.get("schema"), data)
        return ""

    def _invalid(self, schema: Any, value: Any) -> str:
        name = json.dumps(schema)
        if name not in self.validators:
            self.validators[name] = jsonschema_rs.Draft202012Validator({**closed(schema), "components": self.components})
        for error in self.validators[name].iter_errors(value):
            return f"{'.'.join(str(part) for part in error.instance_path)}: {error.message}"[:1000] + f"\n{json.dumps(value)[:2000]}"
        return self.models.wrong(schema, value)

    def _check_request(self, operation: str, body: Any) -> str:
        schema = self.operations[operation].get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
        return self._invalid(schema, body) if "$ref" in schema else ""

    def _check_events(self, schema: Any, data: bytes) -> str:
        if schema is None:
            return "its events are not described"
        of_data, *of_end = schema["properties"]["data"]["anyOf"]
        kinds = self.kinds.setdefault(of_data["contentSchema"]["$ref"].removeprefix("#/components/schemas/"), set())
        last = ""
        for name, last in events(data):
            if {"const": last} in of_end:
                continue
            value = json.loads(last)
            if wrong := self._invalid(of_data["contentSchema"], value):
                return wrong
            if name and name != value["type"]:
                return f"the event {name} has the type {value['type']}"
            kinds.add(value.get("type") or value.get("object") or "error")
        return "" if last else "a stream without events"

    def do(self, operation: str, body: Any = None, query: str = "", headers: dict[str, str] | None = None, **params: str) -> Any:
        """The answer to a request that must succeed."""
        method, path = operation.split(" ")
        for name, value in params.items():
            path = path.replace(f"{{{name}}}", urllib.parse.quote(value, safe="/"))
        status, got, data = self.corbel.call(method, path + (f"?{query}" if query else ""), body, headers)
        kind = got.get("content-type", "")
        wrong = f"{status}: {data[:1000]!r}" if status >= 300 else self._check(operation, status, kind, data) or self._check_request(operation, body)
        if wrong:
            self.wrong.setdefault(operation, wrong)
        else:
            self.seen.add(operation)
        return json.loads(data) if kind.startswith("application/json") else data

    def stream(self, path: str, body: Any) -> tuple[str, Any]:
        """A stream's id, and the connection it comes on."""
        connection = self.corbel.connect()
        connection.request("POST", path, json.dumps({**body, "stream": True}), {"content-type": "application/json", "authorization": f"Bearer {self.corbel.key}"})
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        return answer.headers["x-corbel-stream"], connection


def _multipart(name: str, data: str, **fields: str) -> tuple[bytes, dict[str, str]]:
    parts = [f'--x\r\ncontent-disposition: form-data; name="{field}"\r\n\r\n{value}\r\n' for field, value in fields.items()]
    parts.append(f'--x\r\ncontent-disposition: form-data; name="file"; filename="{name}"\r\ncontent-type: text/plain\r\n\r\n{data}\r\n--x--\r\n')
    return "".join(parts).encode(), {"content-type": "multipart/form-data; boundary=x"}


def streams(walk: Walk) -> None:
    """Streams of every dialect with all that they may tell of: thoughts, calls of tools, citations, what a provider runs itself, and errors in the middle."""
    said = ("hello", "hello [mock thinking]", "hello [mock tool-call=2 interleave]", "hello [mock error-event=3]", "hello [mock end=3]", "hello [mock chunks=40]", "hello [mock redacted server-tool cite]", "hello [mock thinking tool-call]", "hello [mock tool-call args='{']")
    functions = [{"type": "function", "function": {"name": "weather", "parameters": WEATHER}}]
    for model in ("gpt-x", "claude-x", "native"):
        for text in said if model != "native" else said[:6]:
            asked = [{"role": "user", "content": text}]
            walk.do("POST /v1/chat/completions", {"model": model, "messages": asked, "tools": functions, "stream": True, "stream_options": {"include_usage": "chunks" in text}})
            walk.do("POST /v1/messages", {"model": model, "max_tokens": 100, "messages": asked, "tools": [{"name": "weather", "input_schema": WEATHER}], "stream": True})
            walk.do("POST /v1/ai-sdk/chat", {"id": "walk", "model": model, "messages": [{"id": "u1", "role": "user", "parts": [{"type": "text", "text": text}]}], "tools": functions})
            tools = [{"type": "function", "name": "weather", "parameters": WEATHER, "strict": False}]
            for reasoning in ({}, {"reasoning": {"summary": "auto"}, "include": ["reasoning.encrypted_content"]}):
                walk.do("POST /v1/responses", {"model": model, "input": text, "tools": tools, "stream": True, **(reasoning if "tool" not in text else {})})
    for model in ("gpt-x", "claude-x", "legacy"):
        for text in ("hello", "hello [mock error-event=3]", "hello [mock chunks=9]"):
            walk.do("POST /v1/completions", {"model": model, "prompt": text, "stream": True, "stream_options": {"include_usage": True}})
    walk.do("POST /v1/chat/completions", {"model": "cited", "messages": ASKED, "stream": True})
    walk.do("POST /v1/messages", {"model": "cited", "max_tokens": 100, "messages": ASKED, "stream": True})
    walk.do("POST /v1/ai-sdk/chat", {"id": "walk", "model": "cited", "messages": [{"id": "u1", "role": "user", "parts": [{"type": "text", "text": ASKED[0]["content"]}]}]})
    walk.do("POST /v1/responses", {"model": "cited", "input": ASKED[0]["content"], "stream": True})


def chats(walk: Walk) -> None:
    chat = "POST /v1/chat/completions"
    tools = [{"type": "function", "function": {"name": "weather", "parameters": WEATHER}}]
    for model in ("gpt-x", "claude-x"):
        walk.do(chat, {"model": model, "messages": USER})
        walk.do(chat, {"model": model, "messages": USER, "tools": tools, "tool_choice": "required"})
        walk.do(chat, {"model": model, "messages": USER, "stream": True})
        walk.do(chat, {"model": model, "messages": [{"role": "user", "content": "hello [mock thinking cached-tokens=1 prompt-tokens=9]"}]})
        shown = [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": PICTURE}}, {"type": "file", "file": {"file_data": PAGES, "filename": "a.pdf"}}]
        call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
        talk = [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": shown}, {"role": "assistant", "tool_calls": [call]}, {"role": "tool", "tool_call_id": "c1", "content": "sunny"}]
        walk.do(chat, {"model": model, "messages": talk, "tools": tools, "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "weather"}}]}}})
        walk.do(chat, {"model": model, "messages": talk, "tools": tools, "tool_choice": {"type": "function", "function": {"name": "weather"}}})
        shape = {"type": "json_schema", "json_schema": {"name": "a", "schema": ANSWER, "strict": True}}
        walk.do(chat, {"model": model, "messages": [{"role": "user", "content": "[mock say='{\"value\": 4}']"}], "response_format": shape})
    custom = [{"type": "custom", "custom": {"name": "query", "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: /a+/"}}}}]
    asked = {"model": "gpt-x", "messages": [{"role": "user", "content": "aaa"}], "tools": custom, "tool_choice": {"type": "custom", "custom": {"name": "query"}}}
    for stream in (False, True):
        walk.do(chat, {**asked, "stream": stream, "later": 1})  # a member that the document does not know
    named = [*USER, {"role": "assistant", "content": None, "function_call": {"name": "weather", "arguments": "{}"}}, {"role": "function", "name": "weather", "content": "sunny"}]
    walk.do(chat, {"model": "gpt-x", "messages": named})
    for more in ({}, {"logprobs": True, "top_logprobs": 2}, {"tools": tools, "tool_choice": "required"}):
        for stream in (False, True):
            walk.do(chat, {"model": "gpt-x", "messages": USER, "n": 3, "stream": stream, **more})
    walk.do(chat, {"model": "cited", "messages": ASKED})
    walk.do(chat, {"model": "collection/manual", "messages": [{"role": "user", "content": "What starts the workers?"}]})
    walk.do("POST /v1/completions", {"model": "gpt-x", "prompt": "hello"})
    walk.do("POST /v1/completions", {"model": "claude-x", "prompt": "hello"})
    walk.do("POST /v1/completions", {"model": "legacy", "prompt": ["hello", "there"], "logprobs": 1})
    identity, connection = walk.stream("/v1/chat/completions", {"model": "going-on", "messages": ENDLESS})
    walk.do("POST /v1/chat/completions/{completion_id}/cancel", completion_id=identity)
    walk.do("GET /v1/chat/completions/{completion_id}", query="stream=true", completion_id=identity)
    connection.close()


def messages(walk: Walk) -> None:
    create = "POST /v1/messages"
    tools = [{"name": "weather", "input_schema": WEATHER}]
    for model in ("gpt-x", "claude-x"):
        body = {"model": model, "max_tokens": 100, "messages": USER}
        walk.do(create, body)
        walk.do(create, {**body, "tools": tools, "tool_choice": {"type": "any"}})
        walk.do(create, {**body, "stream": True})
        walk.do(create, {**body, "messages": [{"role": "user", "content": "hello [mock thinking cached-tokens=1 prompt-tokens=9]"}]})
        walk.do("POST /v1/messages/count_tokens", {"model": model, "messages": USER})
    result = {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "sunny"}, {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}]}
    pages = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "AAAA"}, "title": "A", "cache_control": {"type": "ephemeral"}}
    talk = [{"role": "user", "content": [pages, {"type": "text", "text": "hello [mock redacted server-tool cite]"}]}]
    used = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "weather", "input": {}}]}, {"role": "user", "content": [result]}]
    hosted = {"type": "web_search_20250305", "name": "web_search", "max_uses": 3}
    for stream in (False, True):
        body = {"model": "claude-x", "max_tokens": 3000, "stream": stream}
        walk.do(create, {**body, "messages": talk, "tools": [*tools, hosted], "tool_choice": {"type": "auto", "disable_parallel_tool_use": True}, "system": [{"type": "text", "text": "Be brief."}]})
        walk.do(create, {**body, "messages": used, "tools": tools, "thinking": {"type": "enabled", "budget_tokens": 1024}})
    walk.do(create, {"model": "cited", "max_tokens": 100, "messages": ASKED})
    identity, connection = walk.stream("/v1/messages", {"model": "going-on", "max_tokens": 100000, "messages": ENDLESS})
    walk.do("POST /v1/messages/{message_id}/cancel", message_id=identity)
    walk.do("GET /v1/messages/{message_id}/stream", query="stream=true", message_id=identity)
    connection.close()


def ai_sdk(walk: Walk) -> None:
    says = [{"id": "u1", "role": "user", "parts": [{"type": "text", "text": "hello"}]}]
    walk.do("POST /v1/ai-sdk/chat", {"id": "walk", "model": "gpt-x", "messages": says})
    walk.do("GET /v1/ai-sdk/chat/{chat_id}/stream", chat_id="nobody")
    walk.do("POST /v1/ai-sdk/object", {"model": "gpt-x", "prompt": "[mock say='{\"value\": 4}']", "schema": ANSWER})
    endless = [{"id": "u1", "role": "user", "parts": [{"type": "text", "text": ENDLESS[0]["content"]}]}]
    _, connection = walk.stream("/v1/ai-sdk/chat", {"id": "endless", "model": "going-on", "messages": endless})
    walk.do("POST /v1/ai-sdk/chat/{chat_id}/cancel", chat_id="endless")
    connection.close()


def responses(walk: Walk) -> None:
    create, one = "POST /v1/responses", "{response_id}"
    tools = [{"type": "function", "name": "weather", "parameters": WEATHER, "strict": False}]
    for model in ("gpt-x", "claude-x"):
        stored = walk.do(create, {"model": model, "input": "hello", "metadata": {"a": "b"}, "user": "ann"})
        walk.do(create, {"model": model, "input": "hello", "tools": tools, "tool_choice": "required", "instructions": "Be brief."})
        walk.do(create, {"model": model, "input": "hello", "stream": True})
        walk.do(create, {"model": model, "input": "[mock chunks=40]", "max_output_tokens": 16})
        walk.do(create, {"model": model, "input": "hello [mock thinking]", "reasoning": {"effort": "high"}, "max_output_tokens": 5000})
        walk.do(create, {"model": model, "input": "[mock say='{\"value\": 4}']", "text": {"format": {"type": "json_schema", "name": "a", "schema": ANSWER, "strict": True}}})
        walk.do(f"GET /v1/responses/{one}", response_id=stored["id"])
        walk.do(f"GET /v1/responses/{one}/input_items", response_id=stored["id"])
    custom = {"type": "custom", "name": "query", "format": {"type": "grammar", "syntax": "regex", "definition": "a+"}}
    call = {"type": "custom_tool_call", "call_id": "c1", "name": "query", "input": "aaa"}
    shown = [{"type": "input_text", "text": "look"}, {"type": "input_image", "image_url": PICTURE, "detail": "low"}, {"type": "input_file", "file_data": PAGES, "filename": "a.pdf"}]
    thought = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "x"}
    talk = [{"role": "user", "content": shown}, thought, call, {"type": "custom_tool_call_output", "call_id": "c1", "output": "done"}, {"type": "message", "role": "user", "content": "hello"}]
    for model in ("gpt-x", "native"):
        for stream in (False, True):
            walk.do(create, {"model": model, "input": talk, "tools": [custom], "tool_choice": {"type": "custom", "name": "query"}, "stream": stream})
    for stream in (False, True):
        walk.do(create, {"model": "native", "input": "hello", "tools": [{"type": "web_search", "search_context_size": "low"}, *tools], "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "web_search"}]}, "stream": stream})
    walk.do(create, {"model": "cited", "input": ASKED[0]["content"], "store": False})
    walk.do(create, {"model": "claude-x", "input": "hello [mock thinking]", "include": ["reasoning.encrypted_content"], "store": False})
    walk.do("POST /v1/responses/input_tokens", {"model": "gpt-x", "input": "hello"})
    queued = walk.do(create, {"model": "gpt-x", "input": "[mock endless pace=20]", "background": True})
    walk.do(f"POST /v1/responses/{one}/cancel", response_id=queued["id"])
    failed = walk.do(create, {"model": "gpt-x", "input": "[mock status=400]", "background": True})
    harness.wait_for(lambda: walk.do(f"GET /v1/responses/{one}", response_id=failed["id"])["status"] == "failed", 15, "a failure")
    walk.do(f"DELETE /v1/responses/{one}", response_id=failed["id"])


def conversations(walk: Walk) -> None:
    one, items = "/v1/conversations/{conversation_id}", "/v1/conversations/{conversation_id}/items"
    talk = walk.do("POST /v1/conversations", {"metadata": {"a": "b"}, "items": [{"role": "user", "content": "hello"}]})["id"]
    walk.do(f"GET {one}", conversation_id=talk)
    walk.do(f"POST {one}", {"metadata": {"c": "d"}}, conversation_id=talk)
    call = [{"type": "function_call", "call_id": "c1", "name": "weather", "arguments": "{}"}, {"type": "function_call_output", "call_id": "c1", "output": "sunny"}]
    image = {"role": "user", "content": [{"type": "input_image", "image_url": "data:image/png;base64,AAAA"}, {"type": "input_text", "text": "look"}]}
    made = walk.do(f"POST {items}", {"items": [{"role": "user", "content": "more"}, image, *call]}, conversation_id=talk)["data"]
    walk.do("POST /v1/responses", {"model": "claude-x", "input": "hello", "conversation": talk})
    walk.do(f"GET {items}", conversation_id=talk)
    for item in made:
        walk.do(f"GET {items}/{{item_id}}", conversation_id=talk, item_id=item["id"])
    walk.do(f"DELETE {items}/{{item_id}}", conversation_id=talk, item_id=made[0]["id"])
    walk.do(f"DELETE {one}", conversation_id=talk)


def others(walk: Walk) -> None:
    for encoding in ("float", "base64"):
        for given in ("one", ["one", "two"], [1, 2, 3], [[1, 2], [3]]):
            walk.do("POST /v1/embeddings", {"model": "embed-x", "input": given, "encoding_format": encoding})
    walk.do("POST /v1/moderations", {"input": ["kill", "hello"]})
    ranked = {"model": "rerank-x", "query": "capital", "documents": ["Paris is a capital", "Fun"]}
    walk.do("POST /v1/rerank", ranked)
    walk.do("POST /rerank", {**ranked, "return_documents": False})
    walk.do("POST /v2/rerank", {**ranked, "top_n": 1})
    for speaks in ({}, {"anthropic-version": "2023-06-01"}):
        walk.do("GET /v1/models", headers=speaks)
        walk.do("GET /v1/models/{model}", headers=speaks, model="gpt-x")
    for path in ("/healthz", "/readyz", "/metrics", "/openapi.json"):
        walk.do(f"GET {path}")


def files(walk: Walk) -> None:
    body, headers = _multipart("rodents.txt", "The capybara is the largest rodent.", purpose="assistants")
    file = walk.do("POST /v1/files", body, headers=headers)["id"]
    walk.do("GET /v1/files")
    walk.do("GET /v1/files/{id}", id=file)
    walk.do("GET /v1/files/{id}/content", id=file)
    stores, one = "/v1/vector_stores", "/v1/vector_stores/{id}"
    store = walk.do(f"POST {stores}", {"name": "walk", "metadata": {"a": "b"}})["id"]
    walk.do(f"GET {stores}")
    walk.do(f"POST {one}", {"name": "walked", "expires_after": {"anchor": "last_active_at", "days": 3}}, id=store)
    walk.do(f"GET {one}", id=store)
    walk.do(f"POST {one}/files", {"file_id": file, "attributes": {"animal": True, "legs": 4}}, id=store)
    harness.wait_for(lambda: walk.do(f"GET {one}/files/{{file_id}}", id=store, file_id=file)["status"] == "completed", 15, "the file")
    walk.do(f"GET {one}/files", id=store)
    walk.do(f"GET {one}/files/{{file_id}}/content", id=store, file_id=file)
    walk.do(f"POST {one}/files/{{file_id}}", {"attributes": {"animal": "yes"}}, id=store, file_id=file)
    for explain in (False, True):
        walk.do(f"POST {one}/search", {"query": "largest rodent", "explain": explain}, id=store)
    static = {"type": "static", "static": {"max_chunk_size_tokens": 200, "chunk_overlap_tokens": 50}}
    batch = walk.do(f"POST {one}/file_batches", {"file_ids": [file], "chunking_strategy": static}, id=store)["id"]
    walk.do(f"GET {one}/file_batches/{{batch_id}}", id=store, batch_id=batch)
    walk.do(f"GET {one}/file_batches/{{batch_id}}/files", id=store, batch_id=batch)
    cancelled = walk.do(f"POST {one}/file_batches", {"file_ids": [file]}, id=store)["id"]
    walk.do(f"POST {one}/file_batches/{{batch_id}}/cancel", id=store, batch_id=cancelled)
    walk.do("POST /v1/responses", {"model": "gpt-x", "input": "largest rodent", "tools": [{"type": "file_search", "vector_store_ids": [store]}], "include": ["file_search_call.results"]})
    walk.do("POST /v1/responses", {"model": "gpt-x", "input": "largest rodent", "tools": [{"type": "file_search", "vector_store_ids": [store]}], "stream": True})
    broken, headers = _multipart("broken.pdf", "%PDF-1.7 and no more", purpose="assistants")
    bad = walk.do("POST /v1/files", broken, headers=headers)["id"]
    walk.do(f"POST {one}/files", {"file_id": bad}, id=store)
    harness.wait_for(lambda: walk.do(f"GET {one}/files/{{file_id}}", id=store, file_id=bad)["status"] == "failed", 15, "a file that fails")
    walk.do(f"DELETE {one}/files/{{file_id}}", id=store, file_id=file)
    walk.do(f"DELETE {one}", id=store)
    walk.do("DELETE /v1/files/{id}", id=file)


def knowledge(walk: Walk) -> None:
    documents = "/admin/v1/collections/{name}/documents"
    for _ in range(2):
        walk.do(f"PUT {documents}", RATS, query="path=rats.md", headers={"x-content-sha256": hashlib.sha256(RATS).hexdigest()}, name="walk")
    found = harness.wait_for(lambda: (seen := walk.do(f"GET {documents}/{{document}}", name="walk", document="rats.md"))["searchable"] and seen, 15, "the document")
    walk.do(f"GET {documents}", name="walk")
    walk.do(f"POST {documents}/known", {"documents": [{"path": "rats.md", "sha256": "0" * 64}]}, name="walk")
    walk.do("GET /admin/v1/collections")
    walk.do("GET /admin/v1/collections/{name}", name="walk")
    walk.do("GET /documents/{version_id}", version_id=found["version_id"])
    walk.do(f"DELETE {documents}/{{document}}", name="walk", document="rats.md")
    walk.do("PUT /admin/v1/collections/{name}", {"local_only": True}, name="walk")
    walk.do("DELETE /admin/v1/collections/{name}", name="walk")


def configuration(walk: Walk) -> None:
    at = "/admin/v1/configuration"
    provider = {"kind": "openai", "base_url": "http://127.0.0.1:9/v1", "api_key": "secret"}
    for _ in range(2):
        walk.do("PUT /admin/v1/providers/{name}", provider, name="walk")
        walk.do("PUT /admin/v1/models/{name}", {"targets": [{"provider": "walk", "model": "m", "price": {"input": 1, "output": 2}}], "cache": {}}, name="walk")
    for kind, name in (("providers", "walk"), ("models", "walk"), ("providers", "main"), ("models", "docs")):
        walk.do(f"GET /admin/v1/{kind}")
        walk.do(f"GET /admin/v1/{kind}/{{name}}", name=name)
    walk.do("POST /admin/v1/providers/test", {"provider": "main"})
    walk.do("POST /admin/v1/providers/test", {"provider": "walk"})
    walk.do(f"GET {at}")
    walk.do(f"POST {at}/check", {"models": [{"name": "x", "targets": [{"provider": "none", "model": "m"}]}]})
    walk.do(f"POST {at}/check", {"models": [{"name": "x", "targets": [{"provider": "main", "model": "m"}]}]})
    version = walk.do(f"PATCH {at}", {"models": [{"name": "x", "targets": [{"provider": "main", "model": "m"}]}], "remove": {"models": ["walk"]}})["version"]
    walk.do(f"GET {at}/versions")
    walk.do(f"GET {at}/versions/{{version}}", version=str(version))
    walk.do(f"POST {at}/rollback", {"version": version - 1})
    walk.do(f"GET {at}/secrets")
    walk.do(f"POST {at}/secrets/reseal", {})
    for kind in ("models", "providers"):
        walk.do(f"DELETE /admin/v1/{kind}/{{name}}", name="walk")
    walk.do("GET /admin/v1/targets")


def access(walk: Walk) -> None:
    policy = {"requests_per_minute": 100, "tokens_per_minute": 10**6, "concurrency": 5, "user": {"concurrency": 1}, "models": ["gpt-*"], "networks": ["127.0.0.1"], "local_only": False, "priority": "batch", "tags": {"a": "b"}}
    for kind, body in (("keys", {"name": "walk", "scopes": ["model.use"], "expires_in_seconds": 100}), ("teams", {"name": "walkers"}), ("tenants", {"name": "walkers"})):
        made = walk.do(f"POST /admin/v1/{kind}", {**body, "policy": policy})["id"]
        walk.do(f"GET /admin/v1/{kind}")
        walk.do(f"GET /admin/v1/{kind}/{{id}}", id=made)
        walk.do(f"PATCH /admin/v1/{kind}/{{id}}", {"name": "walked", "policy": {"tags": {"c": "d"}, "user": None, "priority": None}}, id=made)
        walk.do(f"DELETE /admin/v1/{kind}/{{id}}", id=made)


def money(walk: Walk) -> None:
    walk.do("POST /admin/v1/budgets", {"name": "for good", "limit_nanodollars": 10**15, "period": "total"})
    budget = walk.do("POST /admin/v1/budgets", {"name": "walk", "limit_nanodollars": 10**12, "period": "month", "alerts": [80]})["id"]
    walk.do("GET /admin/v1/budgets")
    walk.do("GET /admin/v1/budgets/{id}", id=budget)
    walk.do("PATCH /admin/v1/budgets/{id}", {"limit_nanodollars": 10**13}, id=budget)
    walk.do("DELETE /admin/v1/budgets/{id}", id=budget)
    for by in ("tenant", "team", "key", "user", "model", "day"):
        walk.do("GET /admin/v1/usage", query=f"by={by}")
    walk.do("POST /admin/v1/prices", {"gpt-x": {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6, "mode": "chat", "litellm_provider": "openai"}})
    walk.do("GET /admin/v1/prices")
    walk.do("POST /admin/v1/usage/reprice", {"from_us": 0})
    one = walk.do("GET /admin/v1/traces")["data"][0]
    walk.do("POST /admin/v1/usage/corrections", {"request_id": one["request_id"], "amount_nanodollars": 1, "reason": "a walk"})
    walk.do("POST /admin/v1/verify", {})
    walk.do("GET /admin/v1/cache")
    for _ in range(2):
        walk.do("POST /v1/chat/completions", {"model": "cached", "messages": USER})
    walk.do("GET /admin/v1/cache")
    for trace in walk.do("GET /admin/v1/traces", query="limit=1000")["data"]:
        walk.do("GET /admin/v1/traces/{id}", id=trace["request_id"])
    walk.do("DELETE /admin/v1/cache")
    walk.do("POST /admin/v1/backup", {"path": str(walk.corbel.data / f"walk-{time.time_ns()}.db")})


def webhooks(walk: Walk) -> None:
    walk.do("GET /admin/v1/webhooks")
    walk.do("GET /admin/v1/webhooks/{name}/messages", name="billing")
    walk.do("POST /admin/v1/webhooks/{name}/replay", {}, name="billing")


PARTS = (streams, chats, messages, ai_sdk, responses, conversations, others, files, knowledge, configuration, access, money, webhooks)


def go(corbel: harness.Corbel, models: Models) -> tuple[list[str], dict[str, str]]:
    """Operations that were seen to succeed with nothing wrong, and what is wrong with the others."""
    walk = Walk(corbel, json.loads(corbel.call("GET", "/openapi.json")[2]), models)
    schemas, named = set(walk.document["components"]["schemas"]), set(references(walk.document))
    assert named == schemas, f"not there: {named - schemas}; not used: {schemas - named}"
    for part in PARTS:
        part(walk)
    for schema, kinds in TOLD.items():
        if missing := kinds - walk.kinds.get(schema, set()):
            walk.wrong[f"events of {schema}"] = f"never seen: {sorted(missing)}"
    unseen = {name: "was never asked" for name in walk.operations if name not in walk.seen}
    return [name for name in walk.operations if name in walk.seen and name not in walk.wrong], {**unseen, **walk.wrong}
