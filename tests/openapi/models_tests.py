"""Answers of corbel, whole and as streams, read with models that datamodel-code-generator makes of the OpenAPI document, and told apart by their types alone.

walk.py reads every answer that it gets with them too; here stands what such a client can do with it.
"""

from __future__ import annotations

import json
from typing import Any

import harness
import walk
from models import Models

USER = [{"role": "user", "content": "hello"}]
TOOL = {"name": "weather", "parameters": walk.WEATHER}


class Reading:
    """Facts about the answers of a corbel in the world of world.py."""

    def __init__(self, corbel: harness.Corbel, models: Models) -> None:
        self.corbel, self.models = corbel, models
        self.document = json.loads(corbel.call("GET", "/openapi.json")[2])

    def _call(self, asks: str, answers: str, path: str, body: Any, status: int = 200, **headers: str) -> Any:
        """The answer, read; the request is written by its own model, as a client's would be."""
        sent = body if not asks else json.loads(getattr(self.models.module, asks).model_validate(body).model_dump_json(by_alias=True, exclude_unset=True))
        assert sent == body, (sent, body)
        got, _, data = self.corbel.call("POST" if body is not None else "GET", path, sent, {name.replace("_", "-"): value for name, value in headers.items()})
        assert got == status, (got, data)
        return self.models.read(answers, json.loads(data))

    def _events(self, asks: str, reads: str, path: str, body: Any) -> list[Any]:
        """The events of a stream, read; `[DONE]` is none."""
        status, _, data = self.corbel.call("POST", path, {**body, "stream": True})
        assert status == 200, data
        self.models.read(asks, {**body, "stream": True})
        return [self.models.read(reads, json.loads(event)) for _, event in walk.events(data) if event != "[DONE]"]

    def datamodel_code_generator_makes_a_model_of_every_schema_with_its_members(self) -> None:
        for name, schema in self.document["components"]["schemas"].items():
            fields = getattr(getattr(self.models.module, name), "model_fields", {}).items()
            missing = set(schema.get("properties", {})) - {field.alias or own for own, field in fields}
            assert not missing or "properties" not in schema, (name, missing)

    def chat_completions_are_read(self) -> None:
        for model in ("gpt-x", "claude-x"):
            body = {"model": model, "messages": USER}
            said = self._call("ChatRequest", "ChatCompletion", "/v1/chat/completions", body)
            assert said.choices[0].message.content == "You said: hello" and said.usage.total_tokens > 0, said
            tools = [{"type": "function", "function": TOOL}]
            called = self._call("ChatRequest", "ChatCompletion", "/v1/chat/completions", {**body, "tools": tools, "tool_choice": "required"})
            call = called.choices[0].message.tool_calls[0].root
            assert isinstance(call, self.models.module.ChatFunctionCall) and call.function.name == "weather", call

    def streams_of_chat_completions_are_read(self) -> None:
        for model in ("gpt-x", "claude-x"):
            chunks = self._events("ChatRequest", "ChatEvent", "/v1/chat/completions", {"model": model, "messages": USER, "stream_options": {"include_usage": True}})
            assert "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices) == "You said: hello", chunks
            assert chunks[-1].usage.total_tokens > 0, chunks[-1]
            broken = self._events("ChatRequest", "ChatEvent", "/v1/chat/completions", {"model": model, "messages": [{"role": "user", "content": "hello [mock error-event=3]"}]})
            assert isinstance(broken[-1], self.models.module.Error), broken

    def responses_are_read(self) -> None:
        kinds = self.models.module
        for model in ("gpt-x", "claude-x"):
            body = {"model": model, "input": "hello [mock thinking]", "reasoning": {"effort": "high"}, "max_output_tokens": 5000}
            items = [item.root for item in self._call("ResponseRequest", "Response", "/v1/responses", body).output]
            said = [part.root for item in items if isinstance(item, kinds.ResponseMessage) for part in item.content]
            assert [part.text for part in said if isinstance(part, kinds.ResponseOutputText)] == ["You said: hello [mock thinking]"], items
            assert model == "gpt-x" or isinstance(items[0], kinds.ResponseReasoningItem), items
            tools = [{"type": "function", **TOOL, "strict": False}]
            called = self._call("ResponseRequest", "Response", "/v1/responses", {"model": model, "input": "hello", "tools": tools, "tool_choice": "required"})
            assert isinstance(called.output[0].root, kinds.ResponseFunctionCall) and called.output[0].root.name == "weather", called
        hosted = self._call("ResponseRequest", "Response", "/v1/responses", {"model": "native", "input": "hello", "tools": [{"type": "web_search"}]})
        assert isinstance(hosted.output[0].root, kinds.ResponseHostedItem) and hosted.output[0].root.type == "web_search_call", hosted

    def streams_of_responses_are_read(self) -> None:
        kinds = self.models.module
        for model in ("gpt-x", "claude-x", "native"):
            events = self._events("ResponseRequest", "ResponseEvent", "/v1/responses", {"model": model, "input": "hello"})
            assert "".join(event.delta for event in events if isinstance(event, kinds.ResponseTextDeltaEvent)) == "You said: hello", events
            assert isinstance(events[-1], kinds.ResponseStateEvent) and events[-1].type == "response.completed", events[-1]
            assert events[-1].response.output[0].root.content[0].root.text == "You said: hello", events[-1]
            assert [event.sequence_number for event in events] == list(range(len(events))), events

    def messages_are_read(self) -> None:
        kinds = self.models.module
        for model in ("gpt-x", "claude-x"):
            body = {"model": model, "max_tokens": 3000, "messages": USER}
            said = self._call("MessageRequest", "Message", "/v1/messages", body)
            assert [block.root.text for block in said.content if isinstance(block.root, kinds.MessageText)] == ["You said: hello"], said
            tools = [{"name": "weather", "input_schema": walk.WEATHER}]
            called = self._call("MessageRequest", "Message", "/v1/messages", {**body, "tools": tools, "tool_choice": {"type": "any"}})
            assert isinstance(called.content[0].root, kinds.MessageToolUse) and called.content[0].root.input == {"input": "hello"}, called
        asked = [{"role": "user", "content": [{"type": "text", "text": "hello [mock redacted server-tool cite]"}]}]
        blocks = [block.root for block in self._call("MessageRequest", "Message", "/v1/messages", {**body, "messages": asked}).content]
        assert [type(block) for block in blocks] == [kinds.MessageRedactedThinking, kinds.MessageHostedBlock, kinds.MessageHostedBlock, kinds.MessageText], blocks
        assert isinstance(blocks[-1].citations[0].root, kinds.MessageSearchCitation), blocks[-1]

    def streams_of_messages_are_read(self) -> None:
        kinds = self.models.module
        for model in ("gpt-x", "claude-x"):
            body = {"model": model, "max_tokens": 3000, "messages": USER}
            events = self._events("MessageRequest", "MessageEvent", "/v1/messages", body)
            deltas = [event.delta for event in events if isinstance(event, kinds.MessageBlockDeltaEvent)]
            assert "".join(delta.text for delta in deltas if isinstance(delta, kinds.MessageTextDelta)) == "You said: hello", events
            assert isinstance(events[-1], kinds.MessageStopEvent), events[-1]
            broken = self._events("MessageRequest", "MessageEvent", "/v1/messages", {**body, "messages": [{"role": "user", "content": "hello [mock error-event=3]"}]})
            assert isinstance(broken[-1], kinds.AnthropicError), broken

    def embeddings_are_read(self) -> None:
        for encoding, kind in (("float", list), ("base64", str)):
            made = self._call("EmbeddingRequest", "EmbeddingList", "/v1/embeddings", {"model": "embed-x", "input": ["one", "two"], "encoding_format": encoding})
            assert [type(each.embedding) for each in made.data] == [kind, kind], made

    def rerank_is_read(self) -> None:
        body = {"model": "rerank-x", "query": "capital", "documents": ["Fun", "Paris is a capital"]}
        assert self._call("RerankRequest", "Rerank", "/v2/rerank", body).results[0].index == 1

    def moderations_are_read(self) -> None:
        parts = [{"type": "text", "text": "kill"}, {"type": "text", "text": "hello"}]
        made = self._call("ModerationRequest", "Moderation", "/v1/moderations", {"input": parts, "model": "moderation-x"})
        assert made.results[0].flagged, made

    def models_are_read_in_both_dialects(self) -> None:
        own = self._call("", "AnyModelList", "/v1/models", None)
        theirs = self._call("", "AnyModelList", "/v1/models", None, anthropic_version="2023-06-01")
        assert isinstance(own, self.models.module.ModelList) and isinstance(theirs, self.models.module.AnthropicModelList)
        assert {model.id for model in own.data} >= {"gpt-x"} and {model.id for model in theirs.data} >= {"gpt-x"}

    def every_page_of_the_administration_is_read(self) -> None:
        paths = self.document["paths"]
        read = 0
        for path, methods in paths.items():
            if path.startswith("/admin/") and "get" in methods and "{" not in path:
                schema = methods["get"]["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
                self._call("", schema, path + ("?by=day" if path.endswith("/usage") else ""), None)
                read += 1
        assert read >= 15, read

    def refusals_are_read_in_the_shape_of_each_dialect(self) -> None:
        nobody = {"model": "nobody", "messages": USER, "max_tokens": 9}
        assert self._call("ChatRequest", "Error", "/v1/chat/completions", nobody, 404).error.code == "model_not_found"
        assert self._call("", "Error", "/v1/responses", {"model": "gpt-x", "input": 1}, 400).error.param == "input"
        assert self._call("", "Error", "/v1/embeddings", {"model": "embed-x"}, 400).error.param == "input"
        assert self._call("", "Error", "/admin/v1/keys", {"name": 1}, 400).error.type == "invalid_request_error"
        assert self._call("MessageRequest", "AnthropicError", "/v1/messages", nobody, 404).error.type == "not_found_error"
        assert self._call("", "AnthropicError", "/v1/messages", {"model": "gpt-x", "messages": USER}, 400).error.type == "invalid_request_error"
        assert self._call("", "RerankError", "/v2/rerank", {"model": "rerank-x", "documents": []}, 400).message

    def tests(self) -> list:
        return [getattr(self, name) for name in vars(type(self)) if not name.startswith("_") and name != "tests"]
