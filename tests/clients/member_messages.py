"""The tables of Anthropic's Messages and of its count of tokens: what becomes of each member at each kind of target. How to read them: `members.py`."""

from __future__ import annotations

import json
from typing import Any

import members
from anthropic.types import message_count_tokens_params, message_create_params
from members import PASSED, nothing, refused, to

QUESTION = "What does the autovacuum launcher start?"
ASK: Any = {"role": "user", "content": QUESTION}
OTHERS = ("chat", "gemini", "bedrock", "bedrock (Claude)", "cohere")

table = members.Request(
    name="Anthropic's Messages",
    path="/v1/messages",
    types=[message_create_params.MessageCreateParamsNonStreaming, message_create_params.MessageCreateParamsStreaming],
    base={"max_tokens": 50, "messages": [ASK]},
    columns={"anthropic": ["claude-x"], "chat": ["gpt-x", "azure"], "gemini": ["gemini", "vertex"], "bedrock": ["bedrock"], "bedrock (Claude)": ["bedrock-claude"], "cohere": ["cohere"]},
    groups={"other": list(OTHERS), "aws": ["bedrock", "bedrock (Claude)"]},
    headers={"anthropic-version": "2023-06-01"},
)
row = table.row

PNG, PDF = "iVBORw0KGgo=", "JVBERi0="
SCHEMA: Any = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False}
WEATHER: Any = {"name": "weather", "description": "Tells it", "input_schema": SCHEMA}
CALL: Any = {"type": "tool_use", "id": "toolu_01", "name": "weather", "input": {"city": "Paris"}}
RESULT: Any = {"type": "tool_result", "tool_use_id": "toolu_01", "content": "sunny"}
CACHE = ({"type": "ephemeral", "ttl": "5m"}, {"type": "ephemeral", "ttl": "1h"})
CITED: Any = [{"type": "char_location", "cited_text": "x", "document_index": 0, "document_title": None, "start_char_index": 0, "end_char_index": 1}]
HINT = nothing("a hint")
BEFORE = nothing("a memory")


def messages(*given: Any) -> dict[str, Any]:
    return {"messages": list(given)}


def user(*blocks: Any) -> dict[str, Any]:
    return messages({"role": "user", "content": list(blocks)})


def turn(chat: Any, gemini: Any, bedrock: Any, cohere: Any, role: str = "user", around: int = 0, aws: Any = None) -> dict[str, Any]:
    """What a turn has on each wire, among so many others before and behind it; a cell stays one."""
    rest: list[Any] = [{}] * around

    def as_cell(list_name: str, content: str, name: str, has: Any) -> Any:
        return has if isinstance(has, members.Cell) else to({list_name: [*rest, {"role": name, content: has}, *rest]})

    return {
        "chat": as_cell("messages", "content", role, chat),
        "gemini": as_cell("contents", "parts", "model" if role == "assistant" else role, gemini),
        "aws": aws or as_cell("messages", "content", role, bedrock),
        "cohere": as_cell("messages", "content", role, cohere),
    }


def text(said: str, role: str = "user", around: int = 0) -> dict[str, Any]:
    return turn(said, [{"text": said}], [{"text": said}], [{"type": "text", "text": said}], role, around)


def marked(path: str, *blocks: Any, list_name: str = "messages") -> Any:
    """A point of Bedrock's cache behind a block."""

    def body(value: Any) -> Any:
        point = {"cachePoint": {"type": "default", "ttl": value["ttl"]}}
        return {list_name: [*blocks, point]} if list_name == "system" else {"messages": [{path: [*blocks, point]}]}

    return to(body, "a cache point")


# --- settings of the whole

row("max_tokens", 50, chat=to({"max_completion_tokens": 50}), gemini=to({"generationConfig": {"maxOutputTokens": 50}}), aws=to({"inferenceConfig": {"maxTokens": 50}}))
row("max_tokens", 0, other=refused())
row("cache_control", *CACHE, whole=True, aws=to(lambda value: {"messages": [{"content": [{"text": QUESTION}, {"cachePoint": {"type": "default", "ttl": value["ttl"]}}]}]}, "a cache point at the end"), **dict.fromkeys(("chat", "gemini", "cohere"), HINT))
row("container", "container_1", {"id": "container_1", "skills": [{"type": "anthropic", "skill_id": "pdf", "version": "latest"}, {"type": "custom", "skill_id": "mine", "version": "1"}]}, whole=True, other=refused())
row("diagnostics", {"previous_message_id": "msg_1"}, whole=True, other=HINT)
row("inference_geo", "eu", other=refused())
row("metadata.user_id", "somebody", body=lambda value: {"metadata": {"user_id": value}}, chat=to({"user": "somebody"}), gemini=HINT, aws=HINT, cohere=HINT)
row("service_tier", "auto", "standard_only", other=HINT)
row("speed", "fast", "standard", other=HINT)
row("stop_sequences", ["END"], chat=to({"stop": ["END"]}), gemini=to({"generationConfig": {"stopSequences": ["END"]}}), aws=to({"inferenceConfig": {"stopSequences": ["END"]}}))
row("stop_sequences", [str(i) for i in range(6)], chat=to({"stop": [str(i) for i in range(6)]}), gemini=refused(), aws=to({"inferenceConfig": {"stopSequences": [str(i) for i in range(6)]}}), cohere=refused(), note="more than five")
row("stream", False, gemini=nothing(), aws=nothing(), chat=nothing())
row("stream", True, gemini=to(path="streamGenerateContent", says="another address"), aws=to(path="converse-stream", says="another address"))
row("user_profile_id", "profile_1", other=refused(), note="the client sends a header")
row("workspace_id", "wrkspc_1", other=refused(), note="the client sends a header, which is refused everywhere: the key at the provider is the server's")
row("output_config.effort", "low", "medium", "high", "xhigh", "max", body=lambda value: {"output_config": {"effort": value}}, chat=to(lambda value: {"reasoning_effort": "xhigh" if value == "max" else value}), gemini=to(lambda value: {"generationConfig": {"thinkingConfig": {"thinkingLevel": value if value in ("low", "medium") else "high"}}}), aws=to(lambda value: {"outputConfig": {"effort": value}}), cohere=to({"thinking": {"type": "enabled"}}))
row("output_config.format[json_schema].schema", SCHEMA, body=lambda value: {"output_config": {"format": {"type": "json_schema", "schema": value}}}, chat=to({"response_format": {"type": "json_schema", "json_schema": {"schema": SCHEMA, "strict": True}}}), gemini=to({"generationConfig": {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA}}), aws=to({"outputConfig": {"textFormat": {"structure": {"jsonSchema": {"schema": json.dumps(SCHEMA, separators=(",", ":"))}}}}}), cohere=to({"response_format": {"type": "json_object", "json_schema": SCHEMA}}))
THINK = {"thinking": {"type": "enabled", "budget_tokens": 2000}}
row("thinking[enabled].budget_tokens", 2000, body=lambda value: THINK, chat=to({"reasoning_effort": "low"}), gemini=to({"generationConfig": {"thinkingConfig": {"thinkingBudget": 2000}}}), bedrock=refused(), cohere=to({"thinking": {"type": "enabled", "token_budget": 2000}}), **{"bedrock (Claude)": to({"additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 2000}}})})
for kind, more in (("enabled", THINK["thinking"]), ("adaptive", {"type": "adaptive"})):
    shown = nothing("`omitted`: the answer shows no text of it")
    row(f"thinking[{kind}].display", "summarized", "omitted", body=lambda value, more=more: {"thinking": {**more, "display": value}}, other=shown, **({"bedrock": refused()} if kind == "enabled" else {}))
for kind in ("adaptive", "disabled"):
    row(f"thinking[{kind}]", {"type": kind}, body=lambda value: {"thinking": value}, other=nothing("left to the model"))
row("thinking[between_tools]", {"type": "between_tools"}, body=lambda value: {"thinking": value}, other=refused())
row("system", "Be brief", chat=to({"messages": [{"role": "system", "content": "Be brief"}, {}]}), gemini=to({"systemInstruction": {"parts": [{"text": "Be brief"}]}}), aws=to({"system": [{"text": "Be brief"}]}), cohere=to({"messages": [{"role": "system", "content": [{"text": "Be brief"}]}, {}]}))
SYSTEM = {"chat": to({"messages": [{"role": "system", "content": "Be brief"}, {}]}), "gemini": to({"systemInstruction": {"parts": [{"text": "Be brief"}]}}), "aws": to({"system": [{"text": "Be brief"}]}), "cohere": to({"messages": [{"role": "system", "content": [{"text": "Be brief"}]}, {}]})}
row("system[text].text", "Be brief", body=lambda value: {"system": [{"type": "text", "text": value}]}, **SYSTEM)
row("system[text].cache_control", *CACHE, body=lambda value: {"system": [{"type": "text", "text": "Be brief", "cache_control": value}]}, whole=True, other=HINT, aws=marked("", {"text": "Be brief"}, list_name="system"))
row("system[text].citations", CITED, body=lambda value: {"system": [{"type": "text", "text": "Be brief", "citations": value}]}, whole=True, other=BEFORE)
for name, value in (("temperature", 0.5), ("top_p", 0.5), ("top_k", 3)):
    if name in message_create_params.MessageCreateParamsBase.__annotations__:  # models since Claude Opus 4.7 have none of these
        raise AssertionError(f"{name} is back")
row("temperature", 0.5, gemini=to({"generationConfig": {"temperature": 0.5}}), aws=to({"inferenceConfig": {"temperature": 0.5}}), note="of older models")
row("top_p", 0.5, gemini=to({"generationConfig": {"topP": 0.5}}), aws=to({"inferenceConfig": {"topP": 0.5}}), cohere=to({"p": 0.5}), note="of older models")
row("top_k", 3, chat=refused(), gemini=to({"generationConfig": {"topK": 3}}), bedrock=refused(), cohere=to({"k": 3}), note="of older models", **{"bedrock (Claude)": to({"additionalModelRequestFields": {"top_k": 3}})})
for name, value in (("mcp_servers", [{"type": "url", "name": "docs", "url": "https://mcp.example/sse"}]), ("context_management", {"edits": [{"type": "clear_tool_uses_20250919"}]}), ("fallbacks", [{"model": "claude-y"}]), ("tomorrow", 1)):
    row(name, value, other=refused(), note="any that is not known" if name == "tomorrow" else "a beta")
row("output_config.task_budget", {"type": "tokens", "total": 20000}, body=lambda value: {"output_config": {"task_budget": value}}, other=refused("output_config.task_budget"), note="a beta")

# --- tools


def offered(*tools: Any, **more: Any) -> dict[str, Any]:
    return {"tools": list(tools), **more}


def function(**more: Any) -> dict[str, Any]:
    def named(schema: str) -> dict[str, Any]:
        return {schema if name == "input_schema" else name: value for name, value in more.items()}

    spec = {"inputSchema" if name == "input_schema" else name: {"json": value} if name == "input_schema" else value for name, value in more.items()}
    return {
        "chat": to({"tools": [{"type": "function", "function": named("parameters")}]}),
        "gemini": to({"tools": [{"functionDeclarations": [named("parametersJsonSchema")]}]}),
        "aws": to({"toolConfig": {"tools": [{"toolSpec": spec}]}}),
        "cohere": to({"tools": [{"type": "function", "function": named("parameters")}]}),
    }


for name in ("name", "description"):
    row(f"tools[custom].{name}", WEATHER[name], body=lambda value: offered(WEATHER), **function(**{name: WEATHER[name]}))
row("tools[custom].input_schema", SCHEMA, body=lambda value: offered(WEATHER), whole=True, **function(input_schema=SCHEMA))
row("tools[custom].strict", True, body=lambda value: offered({**WEATHER, "strict": value}), **{**function(strict=True), "gemini": nothing("has no counterpart"), "cohere": to({"strict_tools": True})})
row("tools[custom].cache_control", *CACHE, body=lambda value: offered({**WEATHER, "cache_control": value}), whole=True, other=HINT, aws=to(lambda value: {"toolConfig": {"tools": [{}, {"cachePoint": {"type": "default", "ttl": value["ttl"]}}]}}, "a cache point"))
row("tools[custom].eager_input_streaming", True, False, body=lambda value: offered({**WEATHER, "eager_input_streaming": value}), other=HINT)
row("tools[custom].defer_loading", False, body=lambda value: offered({**WEATHER, "defer_loading": value}), other=nothing())
row("tools[custom].defer_loading", True, body=lambda value: offered({**WEATHER, "defer_loading": value}), other=refused("tools.0.defer_loading"))
row("tools[custom].allowed_callers", ["direct"], body=lambda value: offered({**WEATHER, "allowed_callers": value}), other=nothing())
RUNNERS = ["code_execution_20250825", "code_execution_20260120", "code_execution_20260521"]
row("tools[custom].allowed_callers", *([runner] for runner in RUNNERS), body=lambda value: offered({**WEATHER, "allowed_callers": value}), other=refused("tools.0.allowed_callers"))
row("tools[custom].input_examples", [{"city": "Paris"}], body=lambda value: offered({**WEATHER, "input_examples": value}), other=refused("tools.0.input_examples"))
OWN: dict[str, dict[str, Any]] = {
    "bash_20250124": {"name": "bash"},
    "code_execution_20250522": {"name": "code_execution"},
    "code_execution_20250825": {"name": "code_execution"},
    "code_execution_20260120": {"name": "code_execution"},
    "code_execution_20260521": {"name": "code_execution"},
    "browser_toolset_20260801": {},
    "memory_20250818": {"name": "memory"},
    "computer_toolset_20260801": {},
    "text_editor_20250124": {"name": "str_replace_editor"},
    "text_editor_20250429": {"name": "str_replace_based_edit_tool"},
    "text_editor_20250728": {"name": "str_replace_based_edit_tool", "max_characters": 1000},
    "web_search_20250305": {"name": "web_search", "max_uses": 3},
    "web_search_20260209": {"name": "web_search"},
    "web_search_20260318": {"name": "web_search"},
    "web_fetch_20250910": {"name": "web_fetch"},
    "web_fetch_20260209": {"name": "web_fetch"},
    "web_fetch_20260309": {"name": "web_fetch"},
    "web_fetch_20260318": {"name": "web_fetch"},
}
for name, more in OWN.items():
    row(f"tools[{name}]", {"type": name, **more}, body=lambda value: offered(value), whole=True, other=refused("tools"))
FINDERS = ("tool_search_tool_bm25", "tool_search_tool_regex")
row("tools.type", *FINDERS, *(f"{name}_20251119" for name in FINDERS), body=lambda value: offered({"type": value, "name": value.removesuffix("_20251119")}), other=refused("tools"))
row("tools.name", *FINDERS, body=lambda value: offered({"type": value, "name": value}), other=refused("tools"))
FINDER = {"type": FINDERS[0], "name": FINDERS[0]}
row("tools.cache_control", *CACHE, body=lambda value: offered({**FINDER, "cache_control": value}), whole=True, other=refused("tools"))
row("tools.allowed_callers", ["direct"], *([runner] for runner in RUNNERS), body=lambda value: offered({**FINDER, "allowed_callers": value}), other=refused("tools"))
for name in ("defer_loading", "strict"):
    row(f"tools.{name}", True, body=lambda value, name=name: offered({**FINDER, name: value}), other=refused("tools"))


def chosen(kind: str, **more: Any) -> dict[str, Any]:
    return offered(WEATHER, tool_choice={"type": kind, **more})


CHOICES: dict[str, dict[str, Any]] = {
    "auto": {"chat": to({"tool_choice": "auto"}), "gemini": to({"toolConfig": {"functionCallingConfig": {"mode": "AUTO"}}}), "aws": to({"toolConfig": {"toolChoice": {"auto": {}}}}), "cohere": nothing()},
    "any": {"chat": to({"tool_choice": "required"}), "gemini": to({"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}), "aws": to({"toolConfig": {"toolChoice": {"any": {}}}}), "cohere": to({"tool_choice": "REQUIRED"})},
    "tool": {
        "chat": to({"tool_choice": {"type": "function", "function": {"name": "weather"}}}),
        "gemini": to({"toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["weather"]}}}),
        "aws": to({"toolConfig": {"toolChoice": {"tool": {"name": "weather"}}}}),
        "cohere": refused(),
    },
    "none": {"chat": to({"tool_choice": "none"}), "gemini": to({"toolConfig": {"functionCallingConfig": {"mode": "NONE"}}}), "aws": to(without=["toolConfig"], says="the tools are left out"), "cohere": to({"tool_choice": "NONE"})},
}
ONE_AT_A_TIME = refused("tool_choice")
for kind, cells in CHOICES.items():
    named = {"name": "weather"} if kind == "tool" else {}
    row("tool_choice[tool].name" if kind == "tool" else f"tool_choice[{kind}]", "weather" if kind == "tool" else {"type": kind}, body=lambda value, kind=kind, named=named: chosen(kind, **named), **cells)
    if kind != "none":
        row(
            f"tool_choice[{kind}].disable_parallel_tool_use",
            True,
            body=lambda value, kind=kind, named=named: chosen(kind, disable_parallel_tool_use=value, **named),
            chat=to({"parallel_tool_calls": False}),
            gemini=ONE_AT_A_TIME,
            aws=ONE_AT_A_TIME,
            cohere=ONE_AT_A_TIME,
        )
row("tool_choice[any]", {"type": "any"}, body=lambda value: {"tool_choice": value}, other=refused(), note="without tools")
row("tool_choice[tool].name", "news", body=lambda value: offered(WEATHER, tool_choice={"type": "tool", "name": value}), other=refused(), note="not among the tools")

# --- messages

for role in ("user", "assistant"):
    around = 1 if role == "assistant" else 0
    others: list[Any] = [ASK] * around

    def in_turn(*blocks: Any, role: str = role, others: list[Any] = others) -> dict[str, Any]:
        return messages(*others, {"role": role, "content": list(blocks)}, *others)

    row(f"messages[{role}].content", "Ünïcode", body=lambda value, role=role, others=others: messages(*others, {"role": role, "content": value}, *others), **text("Ünïcode", role, around))
    row(f"messages[{role}].content[text].text", "Ünïcode", body=lambda value, in_turn=in_turn: in_turn({"type": "text", "text": value}), **text("Ünïcode", role, around))
    row(f"messages[{role}].content[text].cache_control", *CACHE, body=lambda value, in_turn=in_turn: in_turn({"type": "text", "text": "x", "cache_control": value}), whole=True, other=HINT, aws=to(lambda value, around=around: {"messages": [*[{}] * around, {"content": [{"text": "x"}, {"cachePoint": {"type": "default", "ttl": value["ttl"]}}]}, *[{}] * around]}, "a cache point"))
    row(f"messages[{role}].content[text].citations", CITED, body=lambda value, in_turn=in_turn: in_turn({"type": "text", "text": "x", "citations": value}), whole=True, other=BEFORE)
    row(f"messages[{role}].content[container_upload]", {"type": "container_upload", "file_id": "file_1"}, body=lambda value, in_turn=in_turn: in_turn({"type": "text", "text": "x"}, value), whole=True, other=refused("messages"))
    SERVED: dict[str, Any] = {
        "server_tool_use": {"id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}},
        "web_search_tool_result": {"tool_use_id": "srvtoolu_1", "content": []},
        "web_fetch_tool_result": {"tool_use_id": "srvtoolu_1", "content": {"type": "web_fetch_tool_result_error", "error_code": "unavailable"}},
        "code_execution_tool_result": {"tool_use_id": "srvtoolu_1", "content": {"type": "code_execution_result", "stdout": "", "stderr": "", "return_code": 0, "content": []}},
        "bash_code_execution_tool_result": {"tool_use_id": "srvtoolu_1", "content": {"type": "bash_code_execution_result", "stdout": "", "stderr": "", "return_code": 0, "content": []}},
        "text_editor_code_execution_tool_result": {"tool_use_id": "srvtoolu_1", "content": {"type": "text_editor_code_execution_create_result", "is_file_update": False}},
        "tool_search_tool_result": {"tool_use_id": "srvtoolu_1", "content": {"type": "tool_search_tool_search_result", "tool_references": []}},
    }
    for name, more in SERVED.items():
        row(f"messages[{role}].content[{name}]", {"type": name, **more}, body=lambda value, in_turn=in_turn: in_turn({"type": "text", "text": "x"}, value), whole=True, other=refused("messages"))
row("messages[system].content", "Ünïcode", body=lambda value: messages(ASK, {"role": "system", "content": value}), chat=to({"messages": [{}, {"role": "system", "content": "Ünïcode"}]}), gemini=to({"systemInstruction": {"parts": [{"text": "Ünïcode"}]}}), aws=to({"system": [{"text": "Ünïcode"}]}), cohere=to({"messages": [{}, {"role": "system", "content": [{"text": "Ünïcode"}]}]}))
row("messages[system].content[text].text", "Ünïcode", body=lambda value: messages(ASK, {"role": "system", "content": [{"type": "text", "text": value}]}), chat=to({"messages": [{}, {"role": "system", "content": "Ünïcode"}]}), gemini=to({"systemInstruction": {"parts": [{"text": "Ünïcode"}]}}), aws=to({"system": [{"text": "Ünïcode"}]}), cohere=to({"messages": [{}, {"role": "system", "content": [{"text": "Ünïcode"}]}]}))
row("messages[system].content[text].cache_control", *CACHE, body=lambda value: messages(ASK, {"role": "system", "content": [{"type": "text", "text": "x", "cache_control": value}]}), whole=True, other=HINT, aws=marked("", {"text": "x"}, list_name="system"))
row("messages[system].content[text].citations", CITED, body=lambda value: messages(ASK, {"role": "system", "content": [{"type": "text", "text": "x", "citations": value}]}), whole=True, other=BEFORE)

# --- images and documents: of a user's turn, and in results of tools (below)


def image(kind: str = "image/png") -> Any:
    return {"type": "image", "source": {"type": "base64", "media_type": kind, "data": PNG}}


for name in ("data", "media_type"):
    row(
        f"messages[user].content[image].source[base64].{name}",
        *((PNG,) if name == "data" else ("image/jpeg", "image/png", "image/gif", "image/webp")),
        body=lambda value, name=name: user(image(value if name == "media_type" else "image/png")),
        **turn(
            to(lambda value: {"messages": [{"content": [{"type": "image_url", "image_url": {"url": f"data:{value if '/' in value else 'image/png'};base64,{PNG}"}}]}]}),
            to(lambda value: {"contents": [{"parts": [{"inlineData": {"mimeType": value if "/" in value else "image/png", "data": PNG}}]}]}),
            to(lambda value: {"messages": [{"content": [{"image": {"format": value.split("/")[1] if "/" in value else "png", "source": {"bytes": PNG}}}]}]}),
            to(lambda value: {"messages": [{"content": [{"type": "image_url", "image_url": {"url": f"data:{value if '/' in value else 'image/png'};base64,{PNG}"}}]}]}),
        ),
    )
LINK = "https://example.com/a.png"
row("messages[user].content[image].source[url].url", LINK, body=lambda value: user({"type": "image", "source": {"type": "url", "url": value}}), **turn([{"type": "image_url", "image_url": {"url": LINK}}], [{"fileData": {"mimeType": "image/png", "fileUri": LINK}}], refused("messages"), [{"type": "image_url", "image_url": {"url": LINK}}]))
row("messages[user].content[image].source[file].file_id", "file_1", body=lambda value: user({"type": "image", "source": {"type": "file", "file_id": value}}), other=refused("messages"))
row("messages[user].content[image].cache_control", *CACHE, body=lambda value: user({**image(), "cache_control": value}), whole=True, other=HINT, aws=marked("content", {}))
row("messages[user].content[image].transformations.oversized_image", "downsize", body=lambda value: user({**image(), "transformations": {"oversized_image": value}}), other=nothing())
row("messages[user].content[image].transformations.oversized_image", "error", body=lambda value: user({**image(), "transformations": {"oversized_image": value}}), other=refused("messages.0.content.0.transformations"))


def document(**more: Any) -> Any:
    return {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": PDF}, **more}


FILE = turn([{"type": "file", "file": {"file_data": f"data:application/pdf;base64,{PDF}"}}], [{"inlineData": {"mimeType": "application/pdf", "data": PDF}}], [{"document": {"format": "pdf", "source": {"bytes": PDF}}}], refused("messages"))
row("messages[user].content[document].source[base64].data", PDF, body=lambda value: user(document()), **FILE)
row("messages[user].content[document].source[base64].media_type", "application/pdf", body=lambda value: user(document()), **FILE)
row("messages[user].content[document].source[url].url", "https://example.com/a.pdf", body=lambda value: user({"type": "document", "source": {"type": "url", "url": value}}), **turn(refused("messages"), [{"fileData": {"mimeType": "application/pdf", "fileUri": "https://example.com/a.pdf"}}], refused("messages"), refused("messages")))
row("messages[user].content[document].source[file].file_id", "file_1", body=lambda value: user({"type": "document", "source": {"type": "file", "file_id": value}}), other=refused("messages"))
for name, value in (("data", "Ünïcode"), ("media_type", "text/plain")):
    row(f"messages[user].content[document].source[text].{name}", value, body=lambda value: user({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Ünïcode"}}), **text("Ünïcode"))
row("messages[user].content[document].source[content].content", "Ünïcode", body=lambda value: user({"type": "document", "source": {"type": "content", "content": value}}), **text("Ünïcode"))
row("messages[user].content[document].source[content].content[text]", {"type": "text", "text": "x"}, body=lambda value: user({"type": "document", "title": "T", "source": {"type": "content", "content": [value]}}), whole=True, **turn([{"text": "T\n"}, {"text": "x"}], [{"text": "T\n"}, {"text": "x"}], [{"text": "T\n"}, {"text": "x"}], [{"text": "T\n"}, {"text": "x"}]))
row("messages[user].content[document].source[content].content[image]", image(), body=lambda value: user({"type": "document", "title": "T", "source": {"type": "content", "content": [value]}}), whole=True, **turn([{"text": "T\n"}, {"type": "image_url"}], [{"text": "T\n"}, {"inlineData": {"mimeType": "image/png"}}], [{"text": "T\n"}, {"image": {"format": "png"}}], [{"text": "T\n"}, {"type": "image_url"}]))
row("messages[user].content[document].cache_control", *CACHE, body=lambda value: user(document(cache_control=value)), whole=True, other=HINT, aws=marked("content", {}), cohere=refused("messages"))
row("messages[user].content[document].citations.enabled", False, body=lambda value: user(document(citations={"enabled": value})), other=nothing(), cohere=refused("messages"))
row("messages[user].content[document].citations.enabled", True, body=lambda value: user(document(citations={"enabled": value})), other=refused("messages"))
row("messages[user].content[document].title", "T", body=lambda value: user(document(title=value)), **{**FILE, "chat": to({"messages": [{"content": [{"file": {"filename": "T"}}]}]}), "gemini": nothing("files have none"), "aws": nothing("files have neutral names")})
row("messages[user].content[document].context", "C", body=lambda value: user(document(context=value)), **turn([{"text": "C"}, {"type": "file"}], [{"text": "C"}, {}], [{"text": "C"}, {}], refused("messages")))
FOUND: Any = {"type": "search_result", "source": "https://example.com", "title": "T", "content": [{"type": "text", "text": "x"}]}
IN_WORDS = [{"text": "T\nhttps://example.com\n"}, {"text": "x"}]
for name in ("content", "source", "title"):
    row(f"messages[user].content[search_result].{name}", FOUND[name], body=lambda value: user(FOUND), whole=True, **turn(IN_WORDS, IN_WORDS, IN_WORDS, IN_WORDS))
row("messages[user].content[search_result].cache_control", *CACHE, body=lambda value: user({**FOUND, "cache_control": value}), whole=True, other=HINT, aws=to(lambda value: {"messages": [{"content": [{"text": IN_WORDS[0]["text"]}, {"cachePoint": {"ttl": value["ttl"]}}, {"text": "x"}]}]}, "a cache point"))
row("messages[user].content[search_result].citations.enabled", False, body=lambda value: user({**FOUND, "citations": {"enabled": value}}), other=nothing())
row("messages[user].content[search_result].citations.enabled", True, body=lambda value: user({**FOUND, "citations": {"enabled": value}}), other=refused("messages"))

# --- thinking, calls and results

THOUGHT = {"type": "thinking", "thinking": "Hm", "signature": "sealed"}
SAID = {"type": "text", "text": "x"}
for role in ("user", "assistant"):
    for name, block in (("thinking].thinking", THOUGHT), ("thinking].signature", THOUGHT), ("redacted_thinking].data", {"type": "redacted_thinking", "data": "sealed"})):
        leaf = name.split(".")[1]
        row(f"messages[{role}].content[{name}", block[leaf], body=lambda value, role=role, block=block: messages(*([ASK] if role == "assistant" else []), {"role": role, "content": [block, SAID]}, *([ASK] if role == "assistant" else [])), **{column: to(cell.body, "left out: only its signer can read it") for column, cell in text("x", role, 1 if role == "assistant" else 0).items()})
IN_CHAT = [{}, {"role": "assistant", "tool_calls": [{"id": "toolu_01", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Paris"}'}}]}, {"role": "tool", "tool_call_id": "toolu_01", "content": "sunny"}]
IN_AWS = [{}, {"content": [{"toolUse": {"toolUseId": "toolu_01", "name": "weather", "input": {"city": "Paris"}}}]}, {"content": [{"toolResult": {"toolUseId": "toolu_01", "content": [{"text": "sunny"}]}}]}]
CALLED = {
    "chat": to({"messages": IN_CHAT}),
    "gemini": to({"contents": [{}, {"parts": [{"functionCall": {"id": "toolu_01", "name": "weather", "args": {"city": "Paris"}}}]}, {"parts": [{"functionResponse": {"name": "weather", "response": {"result": "sunny"}}}]}]}),
    "aws": to({"messages": IN_AWS}),
    "cohere": to({"messages": IN_CHAT}),
}


def called(call: dict[str, Any] | None = None, result: dict[str, Any] | None = None) -> dict[str, Any]:
    return messages(ASK, {"role": "assistant", "content": [{**CALL, **(call or {})}]}, {"role": "user", "content": [{**RESULT, **(result or {})}]}) | offered(WEATHER)


def in_aws(kind: str) -> Any:
    """A cache point behind the call or its result."""

    def body(value: Any) -> Any:
        point = {"cachePoint": {"type": "default", "ttl": value["ttl"]}}
        return {"messages": [{}, {"content": [{}, *([point] if kind == "tool_use" else [])]}, {"content": [{}, *([point] if kind == "tool_result" else [])]}]}

    return to(body, "a cache point")


for role in ("user", "assistant"):
    for name in ("id", "input", "name"):
        row(f"messages[{role}].content[tool_use].{name}", CALL[name], body=lambda value: called(), **CALLED)
    for name in ("tool_use_id", "content"):
        row(f"messages[{role}].content[tool_result].{name}", RESULT[name], body=lambda value: called(), **CALLED)
    row(f"messages[{role}].content[tool_use].cache_control", *CACHE, body=lambda value: called({"cache_control": value}), whole=True, other=HINT, aws=in_aws("tool_use"))
    row(f"messages[{role}].content[tool_result].cache_control", *CACHE, body=lambda value: called(None, {"cache_control": value}), whole=True, other=HINT, aws=in_aws("tool_result"))
    row(f"messages[{role}].content[tool_use].caller", {"type": "direct"}, body=lambda value: called({"caller": value}), whole=True, other=nothing())
    row(f"messages[{role}].content[tool_use].caller", *({"type": runner, "tool_id": "srvtoolu_1"} for runner in RUNNERS[:2]), body=lambda value: called({"caller": value}), whole=True, other=refused("messages.1.content.0.caller"))
    row(f"messages[{role}].content[tool_use].toolset_name", "browser", body=lambda value: called({"toolset_name": value}), other=refused("messages.1.content.0.toolset_name"))
    row(f"messages[{role}].content[tool_result].toolset_name", "browser", body=lambda value: called(None, {"toolset_name": value}), other=refused("messages.2.content.0.toolset_name"))
    row(f"messages[{role}].content[tool_result].is_error", True, body=lambda value: called(None, {"is_error": value}), chat=to({"messages": [{}, {}, {"content": "The tool failed: sunny"}]}), gemini=to({"contents": [{}, {}, {"parts": [{"functionResponse": {"response": {"error": "sunny"}}}]}]}), aws=to({"messages": [{}, {}, {"content": [{"toolResult": {"status": "error"}}]}]}), cohere=to({"messages": [{}, {}, {"content": "The tool failed: sunny"}]}))
    row(f"messages[{role}].content[tool_result].is_error", False, body=lambda value: called(None, {"is_error": value}), other=nothing())
    row(f"messages[{role}].content[tool_result].content[text]", {"type": "text", "text": "sunny"}, body=lambda value: called(None, {"content": [value]}), whole=True, **CALLED)
    row(
        f"messages[{role}].content[tool_result].content[image]",
        image(),
        body=lambda value: called(None, {"content": [value]}),
        whole=True,
        chat=to({"messages": [{}, {}, {"role": "tool"}, {"role": "user", "content": [{"type": "image_url"}]}]}, "in a user's message behind it"),
        gemini=to({"contents": [{}, {}, {"parts": [{"functionResponse": {}}, {"inlineData": {"mimeType": "image/png"}}]}]}, "behind it"),
        aws=to({"messages": [{}, {}, {"content": [{"toolResult": {"content": [{"image": {"format": "png"}}]}}]}]}),
        cohere=refused("messages"),
    )
    row(
        f"messages[{role}].content[tool_result].content[document]",
        document(),
        body=lambda value: called(None, {"content": [value]}),
        whole=True,
        chat=to({"messages": [{}, {}, {"role": "tool"}, {"role": "user", "content": [{"type": "file"}]}]}, "in a user's message behind it"),
        gemini=to({"contents": [{}, {}, {"parts": [{"functionResponse": {}}, {"inlineData": {"mimeType": "application/pdf"}}]}]}, "behind it"),
        aws=to({"messages": [{}, {}, {"content": [{"toolResult": {"content": [{"document": {"format": "pdf"}}]}}]}]}),
        cohere=refused("messages"),
    )
    row(f"messages[{role}].content[tool_result].content[search_result]", FOUND, body=lambda value: called(None, {"content": [value]}), whole=True, other=to(says="text"))
    row(f"messages[{role}].content[tool_result].content[tool_reference]", {"type": "tool_reference", "tool_name": "weather"}, body=lambda value: called(None, {"content": [value]}), whole=True, other=refused("messages"))
    row(f"messages[{role}].content[tool_result].content[browser_state]", {"type": "browser_state", "tabs": []}, body=lambda value: called(None, {"content": [value]}), whole=True, other=refused("messages"))
for name, block in (("image", image()), ("document", document()), ("search_result", FOUND)):
    row(f"messages[assistant].content[{name}]", block, body=lambda value: messages(ASK, {"role": "assistant", "content": [value]}, ASK), whole=True, other=to(says="as in a user's message"), **({"cohere": refused("messages")} if name == "document" else {}))

# --- the count of tokens: Anthropic's own, and an estimate for others

counted = members.Request(
    name="Anthropic's count of tokens",
    path="/v1/messages/count_tokens",
    types=[message_count_tokens_params.MessageCountTokensParams],
    base={"messages": [ASK]},
    columns={"anthropic": ["claude-x"], "others": ["gpt-x", "gemini", "bedrock-claude"]},
    headers=table.headers,
)
COUNTED = set(message_count_tokens_params.MessageCountTokensParams.__annotations__)
ESTIMATE = members.answers("an estimate", lambda answer, value: answer["input_tokens"] > 0)


def _counts(cells: dict[str, members.Cell]) -> members.Cell:
    """What only Anthropic knows is refused; what a wire cannot say may be counted all the same."""
    others = [cells[column] for column in OTHERS]
    return others[0] if others[0].kind == "refused" and all(cell == others[0] for cell in others) else ESTIMATE


for known in table.rows:
    if known.top in COUNTED and known.body(known.values[0]).keys() <= COUNTED:
        counted.rows.append(members.Row(known.member, known.values, {"anthropic": PASSED, "others": _counts(known.cells)}, known.body, known.note, known.all_values, known.whole))
