"""The table of OpenAI's CreateResponse: what becomes of each member at each kind of target. How to read it: `members.py`."""

from __future__ import annotations

import json
from typing import Any

import members
import samples
import world
from members import PASSED, nothing, refused, to
from openai.types.responses import input_token_count_params
from openai.types.responses import response_create_params as params
from openai.types.responses import tool_param

QUESTION = "What does the autovacuum launcher start?"
ASK: Any = {"role": "user", "content": QUESTION}
OTHERS = ("chat", "anthropic", "gemini", "bedrock", "cohere")  # who do not speak the Responses API

table = members.Request(
    name="CreateResponse",
    path="/v1/responses",
    types=[params.ResponseCreateParamsNonStreaming, params.ResponseCreateParamsStreaming],
    base={"input": [ASK]},
    columns={"responses": ["native", "native-azure"], "chat": ["gpt-x", "azure"], "anthropic": ["claude-x"], "gemini": ["gemini", "vertex"], "bedrock": ["bedrock"], "cohere": ["cohere"]},
    groups={"other": list(OTHERS), "far": list(OTHERS[1:])},
)
row = table.row

PIXEL = "data:image/png;base64,iVBORw0KGgo="
PDF = "data:application/pdf;base64,JVBERi0="
SCHEMA: Any = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False}
WEATHER: Any = {"type": "function", "name": "weather", "description": "Tells it", "parameters": SCHEMA, "strict": None}
SHELL: Any = {"type": "custom", "name": "shell", "description": "Runs it"}
CALL: Any = {"type": "function_call", "call_id": "call_0001", "name": "weather", "arguments": '{"city": "Paris"}'}
OUTPUT: Any = {"type": "function_call_output", "call_id": "call_0001", "output": "sunny"}
HINT = nothing("a hint")
HERE = nothing("done here")
UNKNOWN = refused(code="unknown_parameter")
CUSTOM_ONLY_THERE = refused("tools", "unsupported_tool")


def items(*given: Any) -> dict[str, Any]:
    return {"input": list(given)}


def said(role: str, text: str) -> dict[str, Any]:
    """A turn of one text on each wire; others, in front of it and behind it, are not looked at."""
    around: list[Any] = [{}] if role == "assistant" else []
    if role in ("system", "developer"):
        return {
            "chat": to({"messages": [{"role": "system", "content": text}, {}]}, "role system"),
            "anthropic": to({"system": [{"text": text}], "messages": [{}]}),
            "gemini": to({"systemInstruction": {"parts": [{"text": text}]}, "contents": [{}]}),
            "bedrock": to({"system": [{"text": text}], "messages": [{}]}),
            "cohere": to({"messages": [{"role": "system", "content": [{"text": text}]}, {}]}, "role system"),
        }
    return {
        "chat": to({"messages": [*around, {"role": role, "content": text}, *around]}),
        "anthropic": to({"messages": [*around, {"role": role, "content": [{"type": "text", "text": text}]}, *around]}),
        "gemini": to({"contents": [*around, {"role": "model" if role == "assistant" else "user", "parts": [{"text": text}]}, *around]}),
        "bedrock": to({"messages": [*around, {"role": role, "content": [{"text": text}]}, *around]}),
        "cohere": to({"messages": [*around, {"role": role, "content": [{"type": "text", "text": text}]}, *around]}),
    }


def shown(chat: Any, anthropic: Any, gemini: Any, bedrock: Any, cohere: Any) -> dict[str, Any]:
    """The parts of the only turn, on each wire; a cell stays one."""

    def turn(list_name: str, content: str, parts: Any) -> Any:
        return parts if isinstance(parts, members.Cell) else to({list_name: [{"role": "user", content: parts}]})

    return {
        "chat": turn("messages", "content", chat),
        "anthropic": turn("messages", "content", anthropic),
        "gemini": turn("contents", "parts", gemini),
        "bedrock": turn("messages", "content", bedrock),
        "cohere": turn("messages", "content", cohere),
    }


def at(*more: dict[str, Any], other: Any, **cells: Any) -> dict[str, Any]:
    """One cell for all who do not speak the Responses API (`other`), but for those that are named; the last word counts."""
    every = {**dict.fromkeys(OTHERS, other), **cells}
    for named in more:
        every.update(named)
    return every


# --- settings of the whole

row("access_programs", *({"cyber": level} for level in ("standard", "daybreak_blue", "daybreak_red")), whole=True, other=UNKNOWN)
row("background", False, others=HERE, note="what `true` does: responses.md")
row("context_management", [{"type": "compaction", "compact_threshold": 1000}], whole=True, other=UNKNOWN)
row("image", *({"context_compression": mode} for mode in ("auto", "enabled", "disabled")), whole=True, other=UNKNOWN)
row("moderation", {"model": "omni-moderation-latest", "policy": {"input": {"mode": "block"}, "output": {"mode": "score"}}}, whole=True, other=UNKNOWN)
row("prompt", {"id": "pmpt_1", "version": "2", "variables": {"city": "Paris"}}, whole=True, other=refused())
row("instructions", "Be brief", **said("system", "Be brief"))
row("max_tool_calls", 3, other=nothing("only the provider's own tools count"))
row("metadata", {"a": "b"}, other=nothing("repeated in the response"))
row("parallel_tool_calls", True, body=lambda value: {"tools": [WEATHER], "parallel_tool_calls": value}, other=nothing())
row(
    "parallel_tool_calls",
    False,
    body=lambda value: {"tools": [WEATHER], "parallel_tool_calls": value},
    chat=to({"parallel_tool_calls": False}),
    anthropic=to({"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}),
    gemini=refused(),
    bedrock=refused(),
    cohere=refused(),
)
row("store", True, False, others=HERE)
row("stream", False, others=nothing())
row("stream", True, gemini=to(path="streamGenerateContent", says="another address"), bedrock=to(path="converse-stream", says="another address"))
row("stream_options.include_obfuscation", True, False, body=lambda value: {"stream": True, "stream_options": {"include_obfuscation": value}}, other=nothing("streams of ours have none"))
row("truncation", "disabled", other=nothing())
row("truncation", "auto", other=refused())

# --- hints

row("prompt_cache_key", "key", chat=PASSED, far=HINT)
row("prompt_cache_options.mode", "implicit", "explicit", body=lambda value: {"prompt_cache_options": {"mode": value}}, other=HINT)
row("prompt_cache_options.ttl", "30m", "12h", body=lambda value: {"prompt_cache_options": {"ttl": value}}, other=HINT)
row("prompt_cache_options.prewarm", True, body=lambda value: {"prompt_cache_options": {"prewarm": value}}, other=refused("prompt_cache_options.prewarm"))
row("prompt_cache_options.comparison_response_id", "resp_1", body=lambda value: {"prompt_cache_options": {"comparison_response_id": value}}, other=refused("prompt_cache_options.comparison_response_id"))
row("prompt_cache_retention", "in_memory", "24h", chat=PASSED, far=HINT)
row("safety_identifier", "somebody", chat=PASSED, far={"others": HINT, "anthropic": to({"metadata": {"user_id": "somebody"}})})
row("service_tier", "auto", "default", "flex", "scale", "priority", "fast", "ultrafast", chat=PASSED, far=HINT)
row("user", "somebody", chat=PASSED, far={"others": HINT, "anthropic": to({"metadata": {"user_id": "somebody"}})})

# --- what is generated

row("max_output_tokens", 50, **at(other=to({"max_tokens": 50}), chat=to({"max_completion_tokens": 50}), gemini=to({"generationConfig": {"maxOutputTokens": 50}}), bedrock=to({"inferenceConfig": {"maxTokens": 50}})))
row("temperature", 0.5, gemini=to({"generationConfig": {"temperature": 0.5}}), bedrock=to({"inferenceConfig": {"temperature": 0.5}}))
row("top_p", 0.5, gemini=to({"generationConfig": {"topP": 0.5}}), bedrock=to({"inferenceConfig": {"topP": 0.5}}), cohere=to({"p": 0.5}))
row("top_logprobs", 2, chat=to({"logprobs": True, "top_logprobs": 2}), far=refused())
row("include", ["message.output_text.logprobs"], chat=to({"logprobs": True}), far=refused())
row(
    "include",
    *([name] for name in ("file_search_call.results", "web_search_call.results", "web_search_call.action.sources", "message.input_image.image_url", "computer_call_output.output.image_url")),
    *([name] for name in ("code_interpreter_call.outputs", "reasoning.encrypted_content")),
    other=nothing("of the answer alone"),
)
row("reasoning.context", "auto", body=lambda value: {"reasoning": {"context": value}}, other=nothing())
row("reasoning.context", "current_turn", "all_turns", body=lambda value: {"reasoning": {"context": value}}, other=refused("reasoning.context"))
row("reasoning.mode", "standard", body=lambda value: {"reasoning": {"mode": value}}, other=nothing())
row("reasoning.mode", "pro", body=lambda value: {"reasoning": {"mode": value}}, other=refused("reasoning.mode"))


def effort(value: str) -> dict[str, Any]:
    return {"reasoning": {"effort": value}}


row(
    "reasoning.effort",
    *("minimal", "low", "medium", "high", "xhigh", "max"),
    body=effort,
    chat=to(lambda value: {"reasoning_effort": value}),
    anthropic=to(lambda value: {"output_config": {"effort": "low" if value == "minimal" else value}}),
    gemini=to(lambda value: {"generationConfig": {"thinkingConfig": {"thinkingLevel": value if value in ("minimal", "low", "medium") else "high"}}}),
    bedrock=to(lambda value: {"outputConfig": {"effort": "low" if value == "minimal" else value}}),
    cohere=to({"thinking": {"type": "enabled"}}),
)
row(
    "reasoning.effort",
    "none",
    body=effort,
    chat=to({"reasoning_effort": "none"}),
    anthropic=to({"thinking": {"type": "disabled"}}),
    gemini=refused("reasoning.effort"),
    bedrock=nothing(),
    cohere=to({"thinking": {"type": "disabled"}}),
)
for name in ("summary", "generate_summary"):
    row(f"reasoning.{name}", "auto", "concise", "detailed", body=lambda value, name=name: {"reasoning": {name: value}}, other=nothing("the form of the answer's reasoning"))
row("text.verbosity", "low", "medium", "high", body=lambda value: {"text": {"verbosity": value}}, chat=to(lambda value: {"verbosity": value}), far=refused("text.verbosity"))
row("text.format[text]", {"type": "text"}, body=lambda value: {"text": {"format": value}}, other=nothing())
row(
    "text.format[json_object]",
    {"type": "json_object"},
    body=lambda value: {"text": {"format": value}},
    chat=to({"response_format": {"type": "json_object"}}),
    anthropic=refused("text.format"),
    gemini=to({"generationConfig": {"responseMimeType": "application/json"}}),
    bedrock=refused("text.format"),
    cohere=to({"response_format": {"type": "json_object"}}),
)


def as_schema(**more: Any) -> dict[str, Any]:
    return {"text": {"format": {"type": "json_schema", "name": "place", "schema": SCHEMA, **more}}}


def chat_schema(**more: Any) -> Any:
    return to({"response_format": {"type": "json_schema", "json_schema": more}})


def bedrock_schema(**more: Any) -> Any:
    return to({"outputConfig": {"textFormat": {"structure": {"jsonSchema": more}}}})


row(
    "text.format[json_schema].schema",
    SCHEMA,
    body=lambda value: as_schema(),
    chat=chat_schema(schema=SCHEMA),
    anthropic=to({"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}}),
    gemini=to({"generationConfig": {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA}}),
    bedrock=bedrock_schema(schema=json.dumps(SCHEMA, separators=(",", ":"))),
    cohere=to({"response_format": {"type": "json_object", "json_schema": SCHEMA}}),
)
TOLD = {**SCHEMA, "description": "A place"}
row("text.format[json_schema].name", "place", body=lambda value: as_schema(), chat=chat_schema(name="place"), bedrock=bedrock_schema(name="place"), **dict.fromkeys(("anthropic", "gemini", "cohere"), to(says="left out")))
row(
    "text.format[json_schema].description",
    "A place",
    body=lambda value: as_schema(description=value),
    chat=chat_schema(description="A place"),
    bedrock=bedrock_schema(description="A place"),
    anthropic=to({"output_config": {"format": {"schema": TOLD}}}),
    gemini=to({"generationConfig": {"responseJsonSchema": TOLD}}),
    cohere=to({"response_format": {"json_schema": TOLD}}),
)
row("text.format[json_schema].strict", True, body=lambda value: as_schema(strict=value), chat=chat_schema(strict=True), far=nothing("they know one way"))
row("text.format[json_schema].strict", False, body=lambda value: as_schema(strict=value), other=nothing())

# --- tools


def offered(*tools: Any, **more: Any) -> dict[str, Any]:
    return {"tools": list(tools), **more}


def function(**more: Any) -> dict[str, Any]:
    """A function with these members, on each wire."""
    schema = {"parameters": "input_schema"}
    return {
        "chat": to({"tools": [{"type": "function", "function": more}]}),
        "anthropic": to({"tools": [{schema.get(name, name): value for name, value in more.items()}]}),
        "gemini": to({"tools": [{"functionDeclarations": [{"parametersJsonSchema" if name == "parameters" else name: value for name, value in more.items()}]}]}),
        "bedrock": to({"toolConfig": {"tools": [{"toolSpec": {"inputSchema" if name == "parameters" else name: {"json": value} if name == "parameters" else value for name, value in more.items()}}]}}),
        "cohere": to({"tools": [{"type": "function", "function": more}]}),
    }


for name in ("name", "description", "parameters"):
    row(f"tools[function].{name}", WEATHER[name], body=lambda value: offered(WEATHER), **function(**{name: WEATHER[name]}))
row(
    "tools[function].strict",
    True,
    body=lambda value: offered({**WEATHER, "strict": value}),
    **{**function(strict=True), "gemini": nothing("has no counterpart"), "cohere": to({"strict_tools": True})},
)
row("tools[function].strict", False, body=lambda value: offered({**WEATHER, "strict": value}), other=nothing())
for kind, tool in (("function", WEATHER), ("custom", SHELL)):
    unlike: dict[str, Any] = dict.fromkeys(OTHERS[1:], CUSTOM_ONLY_THERE) if kind == "custom" else {}
    for name in ("async", "defer_loading"):
        row(f"tools[{kind}].{name}", True, body=lambda value, tool=tool, name=name: offered({**tool, name: value}), other=refused(f"tools[0].{name}"))
        row(f"tools[{kind}].{name}", False, body=lambda value, tool=tool, name=name: offered({**tool, name: value}), **at(unlike, other=nothing()))
    row(f"tools[{kind}].allowed_callers", ["direct"], body=lambda value, tool=tool: offered({**tool, "allowed_callers": value}), **at(unlike, other=nothing()))
    row(f"tools[{kind}].allowed_callers", ["direct", "programmatic"], body=lambda value, tool=tool: offered({**tool, "allowed_callers": value}), other=refused("tools[0].allowed_callers"))
row("tools[function].output_schema", SCHEMA, body=lambda value: offered({**WEATHER, "output_schema": value}), other=refused("tools[0].output_schema"))
for name in ("name", "description"):
    row(f"tools[custom].{name}", SHELL[name], body=lambda value: offered(SHELL), chat=to({"tools": [{"type": "custom", "custom": {name: SHELL[name]}}]}), far=CUSTOM_ONLY_THERE)
row("tools[custom].format[text]", {"type": "text"}, body=lambda value: offered({**SHELL, "format": value}), chat=nothing(), far=CUSTOM_ONLY_THERE)
for name, values in (("syntax", ("lark", "regex")), ("definition", ("[a-z]+",))):
    row(
        f"tools[custom].format[grammar].{name}",
        *values,
        body=lambda value, name=name: offered({**SHELL, "format": {"type": "grammar", "syntax": "regex", "definition": "[a-z]+", name: value}}),
        chat=to(lambda value, name=name: {"tools": [{"custom": {"format": {"type": "grammar", "grammar": {name: value}}}}]}),
        far=CUSTOM_ONLY_THERE,
    )
HOSTED: dict[str, Any] = {
    "computer": {"type": "computer"},
    "computer_use_preview": {"type": "computer_use_preview", "display_width": 800, "display_height": 600, "environment": "linux"},
    "mcp": {"type": "mcp", "server_label": "docs", "server_url": "https://mcp.example/sse", "require_approval": "never"},
    "code_interpreter": {"type": "code_interpreter", "container": {"type": "auto"}},
    "programmatic_tool_calling": {"type": "programmatic_tool_calling"},
    "image_generation": {"type": "image_generation", "quality": "low"},
    "local_shell": {"type": "local_shell"},
    "shell": {"type": "shell", "environment": {"type": "local"}},
    "namespace": {"type": "namespace", "name": "crm", "description": "Customers", "tools": [WEATHER]},
    "tool_search": {"type": "tool_search", "execution": "server"},
    "apply_patch": {"type": "apply_patch"},
}
for name, tool in HOSTED.items():
    row(f"tools[{name}]", tool, body=lambda value: offered(value), other=refused("tools", "unsupported_tool"))
for kind in members._parts(tool_param.ToolParam):  # what stands inside them, from the package's types; those of searches in the web have no one type
    if members._mark(kind) in ("[function]", "[custom]", "[file_search]"):
        continue
    for path, found in samples.grouped(samples.below(kind, "tools")).items():
        if path not in ("tools", f"tools{members._mark(kind)}"):
            wholes = {json.dumps(value): tool for value, tool in found}
            row(path, *(value for value, _ in found), body=lambda value, wholes=wholes: offered(wholes[json.dumps(value)]), other=refused("tools", "unsupported_tool"))
FOUND = to(says="the search is made here", without=["tools"])
_stores: list[str] = []


def search(**more: Any) -> dict[str, Any]:
    """A file_search, which is made here whoever answers: what the vector store has stands in the conversation."""
    if not _stores:
        _stores.append(world.make_store(world.unique("members"), {"vacuum.md": "The autovacuum launcher starts the autovacuum workers.\n"}).id)
    return offered({"type": "file_search", "vector_store_ids": _stores, **more})


row("tools[file_search].vector_store_ids", ["vs_…"], body=lambda value: search(), others=FOUND)
row("tools[file_search].max_num_results", 3, body=lambda value: search(max_num_results=value), others=FOUND)
COMPARED = {**dict.fromkeys(("eq", "ne"), "b"), **dict.fromkeys(("gt", "gte", "lt", "lte"), 1), **dict.fromkeys(("in", "nin"), ["b", 1])}
row("tools[file_search].filters.key", "a", body=lambda value: search(filters={"type": "eq", "key": value, "value": "b"}), others=FOUND)
row("tools[file_search].filters.value", "b", 1.5, True, body=lambda value: search(filters={"type": "eq", "key": "a", "value": value}), others=FOUND)
row("tools[file_search].filters.type", *COMPARED, body=lambda value: search(filters={"type": value, "key": "a", "value": COMPARED[value]}), others=FOUND)
ONE: Any = {"type": "eq", "key": "a", "value": "b"}
row("tools[file_search].filters.type", "and", "or", body=lambda value: search(filters={"type": value, "filters": [ONE, {"type": "or", "filters": [ONE]}]}), others=FOUND)
row("tools[file_search].filters.filters", [ONE], body=lambda value: search(filters={"type": "and", "filters": value}), whole=True, others=FOUND)
row("tools[file_search].ranking_options.ranker", "auto", "default-2024-11-15", body=lambda value: search(ranking_options={"ranker": value}), others=FOUND, note="there is one ranker")
row("tools[file_search].ranking_options.score_threshold", 0.1, body=lambda value: search(ranking_options={"score_threshold": value}), others=FOUND)
for name in ("embedding_weight", "text_weight"):
    weights = {"embedding_weight": 0.5, "text_weight": 0.5}
    row(f"tools[file_search].ranking_options.hybrid_search.{name}", 0.5, body=lambda value: search(ranking_options={"hybrid_search": weights}), others=FOUND)

# --- tool_choice

row("tool_choice", "auto", body=lambda value: offered(WEATHER, tool_choice=value), **at(other=to({"tool_choice": "auto"}), anthropic=to({"tool_choice": {"type": "auto"}}), gemini=to({"toolConfig": {"functionCallingConfig": {"mode": "AUTO"}}}), bedrock=to({"toolConfig": {"toolChoice": {"auto": {}}}}), cohere=nothing()))
row("tool_choice", "none", body=lambda value: offered(WEATHER, tool_choice=value), **at(other=to({"tool_choice": "none"}), anthropic=to({"tool_choice": {"type": "none"}}), gemini=to({"toolConfig": {"functionCallingConfig": {"mode": "NONE"}}}), bedrock=to(without=["toolConfig"], says="the tools are left out"), cohere=to({"tool_choice": "NONE"})))
ANY = at(
    other=to({"tool_choice": "required"}),
    anthropic=to({"tool_choice": {"type": "any"}}),
    gemini=to({"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}),
    bedrock=to({"toolConfig": {"toolChoice": {"any": {}}}}),
    cohere=to({"tool_choice": "REQUIRED"}),
)
row("tool_choice", "required", body=lambda value: offered(WEATHER, tool_choice=value), **ANY)
row(
    "tool_choice[function].name",
    "weather",
    body=lambda value: offered(WEATHER, tool_choice={"type": "function", "name": value}),
    chat=to({"tool_choice": {"type": "function", "function": {"name": "weather"}}}),
    anthropic=to({"tool_choice": {"type": "tool", "name": "weather"}}),
    gemini=to({"toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["weather"]}}}),
    bedrock=to({"toolConfig": {"toolChoice": {"tool": {"name": "weather"}}}}),
    cohere=refused(),
)
row("tool_choice[custom].name", "shell", body=lambda value: offered(SHELL, tool_choice={"type": "custom", "name": value}), chat=to({"tool_choice": {"type": "custom", "custom": {"name": "shell"}}}), far=CUSTOM_ONLY_THERE)
NEWS = {"type": "function", "name": "news", "parameters": SCHEMA, "strict": None}


def allowed(mode: str) -> dict[str, Any]:
    return offered(WEATHER, NEWS, tool_choice={"type": "allowed_tools", "mode": mode, "tools": [{"type": "function", "name": "news"}]})


for name, values in (("mode", ("required",)), ("tools", ("required",))):
    row(f"tool_choice[allowed_tools].{name}", *values, body=allowed, **{column: to({**cell.body, **function(name="news")[column].body, **({"toolConfig": {"tools": [{"toolSpec": {"name": "news"}}], "toolChoice": {"any": {}}}} if column == "bedrock" else {})}, "only these are offered") for column, cell in ANY.items()})
row("tool_choice[allowed_tools].mode", "auto", body=allowed, **{column: to(cell.body, "only these are offered") for column, cell in function(name="news").items()})
ONLY_THERE = refused("tools", "unsupported_tool")
CHOSEN = ("web_search_preview", "web_search_preview_2025_03_11", "computer", "computer_use", "computer_use_preview", "image_generation", "code_interpreter")
row("tool_choice.type", *CHOSEN, body=lambda value: offered({"type": value}, tool_choice={"type": value}), other=ONLY_THERE)
row("tool_choice.type", "file_search", body=lambda value: search() | {"tool_choice": {"type": value}}, others=FOUND)
for kind in ("mcp", "programmatic_tool_calling", "apply_patch", "shell"):
    extra = {"server_label": "docs", "name": "search"} if kind == "mcp" else {}
    row(f"tool_choice[{kind}]", {"type": kind, **extra}, body=lambda value: offered(HOSTED[value["type"]], tool_choice=value), whole=True, other=ONLY_THERE)
    row(f"tool_choice[{kind}]", {"type": kind, **extra}, body=lambda value: {"tool_choice": value}, whole=True, other=refused(), note="without such a tool")

# --- input

row("input", QUESTION, body=lambda value: {"input": value}, responses=to({"input": [{"role": "user", "content": QUESTION}]}), **said("user", QUESTION))
row("input[message].content", QUESTION, body=lambda value: items({"type": "message", "role": "user", "content": value}), **said("user", QUESTION))
for role in ("user", "system", "developer", "assistant"):
    before, after = [ASK] if role == "assistant" else [], [] if role == "user" else [ASK]
    row("input[message].role", role, body=lambda value, before=before, after=after: items(*before, {"role": value, "content": "Ünïcode"}, *after), **said(role, "Ünïcode"))
row("input[message].status", "in_progress", "completed", "incomplete", body=lambda value: items({"type": "message", "role": "user", "content": [{"type": "input_text", "text": "x"}], "status": value}), other=nothing("a memory"))
for name in ("message", "assistant"):
    row(f"input[{name}].phase", "commentary", "final_answer", body=lambda value: items(ASK, {"type": "message", "role": "assistant", "content": "x", "phase": value}, ASK), other=nothing("a name for what was said"))


def part(kind: str, **more: Any) -> dict[str, Any]:
    return items({"role": "user", "content": [{"type": kind, **more}]})


row("input[message].content[input_text].text", "Ünïcode", body=lambda value: part("input_text", text=value), **said("user", "Ünïcode"))
DETAIL = to(says="`image_url.detail`")
MARK = {"mode": "explicit", "ttl": "30m"}
PARTS: dict[str, Any] = {"input_text": {"text": "x"}, "input_image": {"image_url": PIXEL}, "input_file": {"file_data": PDF, "filename": "a.pdf"}}
NO_FILES = {"cohere": refused("input")}
for place in ("input[message].content", "input[function_call_output].output", "input[custom_tool_call_output].output"):

    def placed(kind: str, place: str = place, **more: Any) -> dict[str, Any]:
        one = {"type": kind, **more}
        if "[message]" in place:
            return items({"role": "user", "content": [one]})
        custom = "custom" in place
        call = {"type": "custom_tool_call", "call_id": "call_0001", "name": "shell", "input": "ls"} if custom else CALL
        return items(ASK, call, {"type": "custom_tool_call_output" if custom else "function_call_output", "call_id": "call_0001", "output": [one]})

    custom: dict[str, Any] = dict.fromkeys(OTHERS[1:], refused("input", "unsupported_tool")) if "custom" in place else {}
    for kind, inner in PARTS.items():
        there = {} if kind == "input_text" else NO_FILES if kind == "input_file" or "[message]" not in place else {}
        row(f"{place}[{kind}].prompt_cache_breakpoint", MARK, {**MARK, "ttl": "12h"}, body=lambda value, kind=kind, inner=inner, placed=placed: placed(kind, **inner, prompt_cache_breakpoint=value), whole=True, **at(there, custom, other=HINT))
    row(f"{place}[input_image].detail", "low", "high", "auto", "original", body=lambda value, placed=placed: placed("input_image", image_url=PIXEL, detail=value), **at({"cohere": DETAIL} if "[message]" in place else NO_FILES, custom, other=HINT, chat=DETAIL))
    row(f"{place}[input_file].detail", "low", "high", "auto", body=lambda value, placed=placed: placed("input_file", **PARTS["input_file"], detail=value), **at(NO_FILES, custom, other=HINT))
row(
    "input[message].content[input_image].image_url",
    PIXEL,
    body=lambda value: part("input_image", image_url=value),
    **shown(
        [{"type": "image_url", "image_url": {"url": PIXEL}}],
        [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}],
        [{"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}],
        [{"image": {"format": "png", "source": {"bytes": "iVBORw0KGgo="}}}],
        [{"type": "image_url", "image_url": {"url": PIXEL}}],
    ),
)
row(
    "input[message].content[input_image].image_url",
    "https://example.com/a.png",
    body=lambda value: part("input_image", image_url=value),
    **shown(
        [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}],
        [{"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}],
        [{"fileData": {"mimeType": "image/png", "fileUri": "https://example.com/a.png"}}],
        refused("input"),
        [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}],
    ),
)
for name in ("file_data", "filename"):
    row(
        f"input[message].content[input_file].{name}",
        PARTS["input_file"][name],
        body=lambda value: part("input_file", **PARTS["input_file"]),
        **shown(
            [{"type": "file", "file": {"file_data": PDF, "filename": "a.pdf"}}],
            [{"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}, "title": "a.pdf"}],
            [{"inlineData": {"mimeType": "application/pdf", "data": "JVBERi0="}}],
            [{"document": {"format": "pdf", "source": {"bytes": "JVBERi0="}}}],
            refused("input"),
        ),
    )
row(
    "input[message].content[input_file].file_url",
    "https://example.com/a.pdf",
    body=lambda value: part("input_file", file_url=value),
    **shown(
        refused("input"),
        [{"type": "document", "source": {"type": "url", "url": "https://example.com/a.pdf"}}],
        [{"fileData": {"mimeType": "application/pdf", "fileUri": "https://example.com/a.pdf"}}],
        refused("input"),
        refused("input"),
    ),
)
_files: dict[str, str] = {}


def file_id(name: str, content: bytes, purpose: Any) -> str:
    """A file of ours, whose bytes go to the provider."""
    if name not in _files:
        _files[name] = world.client.files.create(file=(name, content), purpose=purpose).id
    return _files[name]


BYTES = to(says="the file's bytes")
row("input[message].content[input_image].file_id", "a file's", body=lambda value: part("input_image", file_id=file_id("a.png", b"\x89PNG\r\n\x1a\n", "vision")), others=BYTES)
row("input[message].content[input_file].file_id", "a file's", body=lambda value: part("input_file", file_id=file_id("a.pdf", b"%PDF-", "user_data")), **at(NO_FILES, other=BYTES), responses=BYTES)
for kind, call in (("function_call_output", CALL), ("custom_tool_call_output", {"type": "custom_tool_call", "call_id": "call_0001", "name": "shell", "input": "ls"})):
    refusals: dict[str, Any] = dict.fromkeys(OTHERS[1:], refused("input", "unsupported_tool")) if kind.startswith("custom") else {}
    for name, value in (("input_image].image_url", PIXEL), ("input_file].file_data", PDF), ("input_file].filename", "a.pdf"), ("input_text].text", "sunny")):
        inner_kind, inner_name = name.split("].")
        row(
            f"input[{kind}].output[{name}",
            value,
            body=lambda value, kind=kind, call=call, inner_kind=inner_kind, inner_name=inner_name: items(ASK, call, {"type": kind, "call_id": "call_0001", "output": [{"type": inner_kind, **PARTS[inner_kind], inner_name: value}]}),
            **at({} if inner_kind == "input_text" else NO_FILES, refusals, other=to(says="as in a message")),
        )
    for name in ("input_image", "input_file"):
        source = ("a.png", b"\x89PNG\r\n\x1a\n", "vision") if name == "input_image" else ("a.pdf", b"%PDF-", "user_data")
        row(f"input[{kind}].output[{name}].file_id", "a file's", body=lambda value, kind=kind, call=call, name=name, source=source: items(ASK, call, {"type": kind, "call_id": "call_0001", "output": [{"type": name, "file_id": file_id(*source)}]}), **at(NO_FILES, refusals, other=BYTES), responses=BYTES)
    row(f"input[{kind}].output[input_file].file_url", "https://example.com/a.pdf", body=lambda value, kind=kind, call=call: items(ASK, call, {"type": kind, "call_id": "call_0001", "output": [{"type": "input_file", "file_url": value}]}), **at(NO_FILES, refusals, other=to(says="as in a message"), chat=refused("input"), bedrock=refused("input")))

# --- what the model has said

ANSWER: Any = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [{"type": "output_text", "text": "It starts workers", "annotations": []}]}


def answered(**more: Any) -> dict[str, Any]:
    return items(ASK, {**ANSWER, "content": [{**ANSWER["content"][0], **more}]}, ASK)


row("input[assistant].content[output_text].text", "Ünïcode", body=lambda value: items(ASK, {**ANSWER, "content": [{"type": "output_text", "text": value, "annotations": []}]}, ASK), responses=to(says="without its id"), **said("assistant", "Ünïcode"))
CITATIONS: Any = [{"type": "url_citation", "url": "https://example.com", "title": "t", "start_index": 0, "end_index": 2}, {"type": "file_citation", "file_id": "file_1", "filename": "a", "index": 1}]
WITHOUT_ID = to(says="without its id")
row("input[assistant].content[output_text].annotations", CITATIONS, body=lambda value: answered(annotations=value), whole=True, responses=WITHOUT_ID, other=nothing("a memory"))
row("input[assistant].content[output_text].logprobs", [{"token": "a", "logprob": -0.1, "bytes": [97], "top_logprobs": []}], body=lambda value: answered(logprobs=value), whole=True, responses=WITHOUT_ID, other=nothing("a memory"))
row("input[assistant].content[refusal].refusal", "I will not", body=lambda value: items(ASK, {**ANSWER, "content": [{"type": "refusal", "refusal": value}]}, ASK), responses=WITHOUT_ID, **{**said("assistant", "I will not"), "chat": to({"messages": [{}, {"role": "assistant", "content": [{"type": "refusal", "refusal": "I will not"}]}, {}]})})
row("input[assistant].id", "msg_1", body=lambda value: items(ASK, {**ANSWER, "id": value}, ASK), others=nothing("items are kept here"))
row("input[assistant].status", "in_progress", "completed", "incomplete", body=lambda value: items(ASK, {**ANSWER, "status": value}, ASK), responses=WITHOUT_ID, other=nothing("a memory"))
row("input[assistant].type", "message", body=lambda value: items(ASK, {**ANSWER, "type": value}, ASK), responses=WITHOUT_ID, **said("assistant", "It starts workers"))
THOUGHT: Any = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm"}], "content": [{"type": "reasoning_text", "text": "Hmm"}], "encrypted_content": "sealed", "status": "completed"}
LEFT_OUT = {name: to(cell.body, "left out") for name, cell in said("assistant", "It starts workers").items()}
for name in ("id", "status"):
    row(f"input[reasoning].{name}", THOUGHT[name], body=lambda value: items(ASK, THOUGHT, ANSWER, ASK), some=True, responses=to(says="as it is"), other=nothing("a memory"))
row("input[reasoning].status", "in_progress", "incomplete", body=lambda value: items(ASK, {**THOUGHT, "status": value}, ANSWER, ASK), responses=to(says="as it is"), other=nothing("a memory"))


def thought(**more: Any) -> dict[str, Any]:
    return items(ASK, {"type": "reasoning", "id": "rs_1", "summary": [], **more}, ANSWER, ASK)


AS_REASONING = {**LEFT_OUT, "chat": to({"messages": [{}, {"role": "assistant", "reasoning_content": "Hm"}, {}]})}
row("input[reasoning].summary[summary_text].text", "Hm", body=lambda value: thought(summary=[{"type": "summary_text", "text": value}]), responses=to(says="left out: nothing is kept there"), **AS_REASONING)
row("input[reasoning].content[reasoning_text].text", "Hm", body=lambda value: thought(content=[{"type": "reasoning_text", "text": value}]), responses=to(says="left out: nothing is kept there"), **AS_REASONING)
row("input[reasoning].encrypted_content", "sealed", body=lambda value: thought(encrypted_content=value), responses=to({"input": [{}, {"type": "reasoning", "id": "rs_1", "encrypted_content": "sealed"}, {}, {}]}), **{**LEFT_OUT, "anthropic": to({"messages": [{}, {"content": [{"type": "thinking", "signature": "sealed"}, {}]}, {}]})}, note="only its signer can read it")

# --- calls and their results

IN_CHAT = {"messages": [{}, {"role": "assistant", "tool_calls": [{"id": "call_0001", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}]}, {"role": "tool", "tool_call_id": "call_0001"}]}
CALLED = {
    "chat": to({"messages": [*IN_CHAT["messages"][:2], {"role": "tool", "tool_call_id": "call_0001", "content": "sunny"}]}),
    "anthropic": to({"messages": [{}, {"content": [{"type": "tool_use", "id": "call_0001", "name": "weather", "input": {"city": "Paris"}}]}, {"content": [{"type": "tool_result", "tool_use_id": "call_0001", "content": "sunny"}]}]}),
    "gemini": to({"contents": [{}, {"parts": [{"functionCall": {"id": "call_0001", "name": "weather", "args": {"city": "Paris"}}}]}, {"parts": [{"functionResponse": {"name": "weather", "response": {"result": "sunny"}}}]}]}),
    "bedrock": to({"messages": [{}, {"content": [{"toolUse": {"toolUseId": "call_0001", "name": "weather", "input": {"city": "Paris"}}}]}, {"content": [{"toolResult": {"toolUseId": "call_0001", "content": [{"text": "sunny"}]}}]}]}),
    "cohere": to({"messages": [{}, {"tool_calls": [{"id": "call_0001", "function": {"name": "weather"}}]}, {"role": "tool", "tool_call_id": "call_0001", "content": "sunny"}]}),
}


def called(call: dict[str, Any] | None = None, output: dict[str, Any] | None = None) -> dict[str, Any]:
    return items(ASK, {**CALL, **(call or {})}, {**OUTPUT, **(output or {})}) | offered(WEATHER)


for name in ("arguments", "call_id", "name"):
    row(f"input[function_call].{name}", CALL[name], body=lambda value: called(), **CALLED)
for name in ("call_id", "output"):
    row(f"input[function_call_output].{name}", OUTPUT[name], body=lambda value: called(), **CALLED)
OF_ITEMS = nothing("a memory")
row("input[function_call].id", "fc_1", body=lambda value: called({"id": value}), others=OF_ITEMS)
row("input[function_call_output].id", "fco_1", body=lambda value: called(None, {"id": value}), others=OF_ITEMS)
row("input[function_call_output].name", "weather", body=lambda value: called(None, {"name": value}), **{name: to(cell.body, "left out: its call says it") for name, cell in CALLED.items()})
for index, kind in ((1, "function_call"), (2, "function_call_output")):

    def both(member: Any, index: int = index) -> dict[str, Any]:
        return called(*((member, None) if index == 1 else (None, member)))

    row(f"input[{kind}].status", "in_progress", "completed", "incomplete", body=lambda value, both=both: both({"status": value}), other=OF_ITEMS)
    row(f"input[{kind}].namespace", "crm", body=lambda value, both=both: both({"namespace": value}), other=refused(f"input[{index}].namespace"))
    row(f"input[{kind}].caller", {"type": "direct"}, body=lambda value, both=both: both({"caller": value}), whole=True, other=nothing())
    row(f"input[{kind}].caller", {"type": "program", "caller_id": "prog_1"}, body=lambda value, both=both: both({"caller": value}), whole=True, other=refused(f"input[{index}].caller"))
row("input[function_call].async", True, body=lambda value: called({"async": value}), other=refused("input[1].async"))
RAN: Any = {"type": "custom_tool_call", "call_id": "call_0001", "name": "shell", "input": "ls"}
RAN_OUTPUT: Any = {"type": "custom_tool_call_output", "call_id": "call_0001", "output": "a"}
REFUSED_ITEM = refused("input", "unsupported_tool")
RUN = {"chat": to({"messages": [{}, {"tool_calls": [{"id": "call_0001", "type": "custom", "custom": {"name": "shell", "input": "ls"}}]}, {"role": "tool", "tool_call_id": "call_0001", "content": "a"}]}), "far": REFUSED_ITEM}
for name in ("call_id", "name", "input"):
    row(f"input[custom_tool_call].{name}", RAN[name], body=lambda value: items(ASK, RAN, RAN_OUTPUT), **RUN)
for name in ("call_id", "output"):
    row(f"input[custom_tool_call_output].{name}", RAN_OUTPUT[name], body=lambda value: items(ASK, RAN, RAN_OUTPUT), **RUN)
for index, kind in ((1, "custom_tool_call"), (2, "custom_tool_call_output")):

    def ran(member: Any, index: int = index) -> dict[str, Any]:
        return items(ASK, {**RAN, **(member if index == 1 else {})}, {**RAN_OUTPUT, **(member if index == 2 else {})})

    row(f"input[{kind}].id", "ctc_1", body=lambda value, ran=ran: ran({"id": value}), responses=OF_ITEMS, chat=OF_ITEMS, far=REFUSED_ITEM)
    row(f"input[{kind}].caller", {"type": "program", "caller_id": "prog_1"}, body=lambda value, ran=ran: ran({"caller": value}), whole=True, other=refused(f"input[{index}].caller"))
row("input[custom_tool_call].namespace", "crm", body=lambda value: items(ASK, {**RAN, "namespace": value}, RAN_OUTPUT), other=refused("input[1].namespace"))
row("input[custom_tool_call].async", True, body=lambda value: items(ASK, {**RAN, "async": value}, RAN_OUTPUT), other=refused("input[1].async"))

# --- items that only OpenAI's own tools make, and those that say how to go on

THERE: dict[str, Any] = {
    "computer_call": {"id": "cu_1", "call_id": "c1", "pending_safety_checks": [], "status": "completed", "action": {"type": "screenshot"}},
    "computer_call_output": {"call_id": "c1", "output": {"type": "computer_screenshot", "image_url": PIXEL}},
    "web_search_call": {"id": "ws_1", "status": "completed", "action": {"type": "search", "query": "x", "queries": ["x"]}},
    "tool_search_call": {"arguments": {}, "call_id": "c1", "execution": "client"},
    "tool_search_output": {"tools": [WEATHER], "call_id": "c1", "execution": "client"},
    "configuration_update": {"reasoning": {"effort": "low"}},
    "compaction": {"encrypted_content": "sealed"},
    "image_generation_call": {"id": "ig_1", "result": None, "status": "completed"},
    "code_interpreter_call": {"id": "ci_1", "code": "1", "container_id": "cntr_1", "outputs": None, "status": "completed"},
    "local_shell_call": {"id": "ls_1", "call_id": "c1", "action": {"type": "exec", "command": ["ls"], "env": {}}, "status": "completed"},
    "local_shell_call_output": {"id": "lso_1", "output": "a"},
    "shell_call": {"call_id": "c1", "action": {"commands": ["ls"]}},
    "shell_call_output": {"call_id": "c1", "output": [{"stdout": "a", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}]},
    "apply_patch_call": {"call_id": "c1", "status": "completed", "operation": {"type": "delete_file", "path": "a"}},
    "apply_patch_call_output": {"call_id": "c1", "status": "completed"},
    "mcp_list_tools": {"id": "mcpl_1", "server_label": "docs", "tools": []},
    "mcp_approval_request": {"id": "mcpr_1", "arguments": "{}", "name": "search", "server_label": "docs"},
    "mcp_approval_response": {"approval_request_id": "mcpr_1", "approve": True},
    "mcp_call": {"id": "mcp_1", "arguments": "{}", "name": "search", "server_label": "docs"},
    "compaction_trigger": {},
    "program": {"id": "prog_1", "call_id": "c1", "code": "1", "fingerprint": "f"},
    "program_output": {"id": "po_1", "call_id": "c1", "result": "1", "status": "completed"},
}
for name, more in THERE.items():
    row(f"input[{name}]", {"type": name, **more}, body=lambda value: items(ASK, value), whole=True, other=refused("input[1].type", "unsupported_item"))
row("input[developer]", {"type": "additional_tools", "role": "developer", "tools": [WEATHER]}, body=lambda value: items(ASK, value), whole=True, other=refused("input[1].type", "unsupported_item"), note="additional_tools")
FOUND_BEFORE: Any = {"type": "file_search_call", "id": "fs_1", "queries": ["x"], "status": "completed", "results": None}
row("input[file_search_call]", FOUND_BEFORE, body=lambda value: items(value, ASK), whole=True, responses=to({"input": [ASK]}, "left out: the answer has what was found"), **said("user", QUESTION))

# --- what is kept here


def stored() -> Any:
    """A conversation: a question and its answer."""
    question = {"type": "message", "role": "user", "content": "Hi"}
    answer = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "You said: Hi", "annotations": []}]}
    return world.client.conversations.create(items=[question, answer])  # type: ignore[list-item]


def stored_answer() -> str:
    """The id of its answer."""
    return next(item.id for item in world.client.conversations.items.list(stored().id) if item.type == "message" and item.role == "assistant" and item.id)


def answer_before() -> str:
    """The id of a response that said the same."""
    return world.client.responses.create(model="gpt-x", input="Hi").id


BEFORE = {"responses": to({"input": [{"role": "user"}, {"role": "assistant"}, ASK]}, "all that was said before"), **{name: to(cell.body, "all that was said before") for name, cell in said("assistant", "You said: Hi").items()}}
row("conversation", "conv_…", body=lambda value: {"conversation": stored().id}, **BEFORE)
row("conversation.id", "conv_…", body=lambda value: {"conversation": {"id": stored().id}}, **BEFORE)
row("previous_response_id", "resp_…", body=lambda value: {"previous_response_id": answer_before()}, **BEFORE)
row("input[item_reference].id", "msg_…", body=lambda value: items(ASK, {"type": "item_reference", "id": stored_answer()}, ASK), **BEFORE)

# --- the count of tokens, which is an estimate of ours: nobody else is asked

counted = members.Request(
    name="TokenCountsBody",
    path="/v1/responses/input_tokens",
    types=[input_token_count_params.InputTokenCountParams],
    base={"input": [ASK]},
    columns={"responses": ["native"], "others": ["gpt-x", "gemini"]},
)
COUNTED = set(input_token_count_params.InputTokenCountParams.__annotations__)
ESTIMATE = members.answers("an estimate", lambda answer, value: answer["input_tokens"] > 0)


def _counts(cells: dict[str, members.Cell]) -> members.Cell:
    """What only OpenAI knows is refused; what a wire cannot say may be counted all the same."""
    others = [cells[column] for column in OTHERS]
    return others[0] if others[0].kind == "refused" and all(cell == others[0] for cell in others) else ESTIMATE


for known in table.rows:
    if known.top in COUNTED:
        counted.rows.append(members.Row(known.member, known.values, {"responses": ESTIMATE, "others": _counts(known.cells)}, known.body, known.note, known.all_values, known.whole))
counted.row("model", "gpt-x", others=ESTIMATE)
counted.row("personality", "friendly", "pragmatic", responses=ESTIMATE, others=UNKNOWN)
