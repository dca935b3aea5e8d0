"""The table of OpenAI's CreateChatCompletionRequest: what becomes of each member at each kind of target. How to read it: `members.py`."""

from __future__ import annotations

from typing import Any

import kinds
import members
from members import PASSED, nothing, refused, to
from openai.types.chat import completion_create_params as params

WIRE = list(kinds.LIKE)  # servers over OpenAI's wire
SERVICES = ["mistral", "groq", "deepseek", "xai", "together", "fireworks", "openrouter", "perplexity"]
OTHERS = ("anthropic", "gemini", "bedrock", "cohere")  # whose wires are other ones

table = members.Request(
    name="CreateChatCompletionRequest",
    path="/v1/chat/completions",
    types=[params.CompletionCreateParamsNonStreaming, params.CompletionCreateParamsStreaming],
    base={"messages": [{"role": "user", "content": "What does the autovacuum launcher start?"}]},
    columns={
        "openai": ["gpt-x", "azure"],
        "anthropic": ["claude-x"],
        "gemini": ["gemini", "vertex"],
        "bedrock": ["bedrock"],
        "cohere": ["cohere"],
        "extractive": ["docs-extractive"],
        **{kind: [kind] for kind in WIRE},
    },
    groups={"other": list(OTHERS), "wire": WIRE},
    merged=("wire",),
)
row = table.row

WEATHER: Any = {"type": "function", "function": {"name": "weather", "description": "Tells it", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}
OTHER: Any = {"type": "function", "function": {"name": "other", "parameters": {"type": "object"}}}
SHELL: Any = {"type": "custom", "custom": {"name": "shell", "description": "Runs it", "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: /[a-z]+/"}}}}
CALL: Any = {"id": "call_0001", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}
PIXEL = "data:image/png;base64,iVBORw0KGgo="
PDF = "data:application/pdf;base64,JVBERi0="
ASK = {"role": "user", "content": "What does the autovacuum launcher start?"}
HINT = nothing("a hint")
NO_MODEL = nothing("nothing is generated")
QUOTED = members.answers("no effect: nothing is generated", lambda answer, _: "autovacuum workers" in answer["choices"][0]["message"]["content"])
TEXT = nothing("the answer is text")
NO_TOOLS = {"extractive": refused("tools"), "perplexity": refused("tools")}
OF_MESSAGES = refused("messages")


def at_some(cell: Any, *which: str, others: Any = PASSED) -> dict[str, Any]:
    """For the group `wire`: a cell for some of its kinds, and what the others do."""
    return {"others": others, **dict.fromkeys(which, cell)}


def messages(*before: Any) -> dict[str, Any]:
    return {"messages": [*before, ASK]}


def with_tools(**more: Any) -> dict[str, Any]:
    return {"tools": [WEATHER], **more}


# --- messages

AS_SYSTEM = to({"messages": [{"role": "system", "content": "Be brief"}, ASK]}, "role system")
for role in ("developer", "system"):
    row(
        f"messages[{role}].content",
        "Be brief",
        body=lambda text, role=role: messages({"role": role, "content": text}),
        anthropic=to({"system": [{"text": "Be brief"}]}),
        gemini=to({"systemInstruction": {"parts": [{"text": "Be brief"}]}}),
        bedrock=to({"system": [{"text": "Be brief"}]}),
        cohere=to({"messages": [{"role": "system", "content": [{"type": "text", "text": "Be brief"}]}, {"role": "user"}]}, "role system"),
        extractive=QUOTED,
        wire=PASSED if role == "system" else at_some(PASSED, "groq", "openrouter", others=AS_SYSTEM),
    )
    row(
        f"messages[{role}].content[text].text",
        "Be brief",
        body=lambda text, role=role: messages({"role": role, "content": [{"type": "text", "text": text}]}),
        anthropic=to({"system": [{"text": "Be brief"}]}),
        gemini=to({"systemInstruction": {"parts": [{"text": "Be brief"}]}}),
        bedrock=to({"system": [{"text": "Be brief"}]}),
        cohere=to({"messages": [{"role": "system", "content": [{"text": "Be brief"}]}, {"role": "user"}]}, "role system"),
        extractive=QUOTED,
        wire=PASSED if role == "system" else at_some(PASSED, "groq", "openrouter", others=to({"messages": [{"role": "system", "content": [{"text": "Be brief"}]}, ASK]}, "role system")),
    )
row(
    "messages[user].content[text].text",
    "What does the autovacuum launcher start?",
    body=lambda text: {"messages": [{"role": "user", "content": [{"type": "text", "text": text}]}]},
    anthropic=to({"messages": [{"role": "user", "content": [{"type": "text", "text": ASK["content"]}]}]}),
    gemini=to({"contents": [{"role": "user", "parts": [{"text": ASK["content"]}]}]}),
    bedrock=to({"messages": [{"role": "user", "content": [{"text": ASK["content"]}]}]}),
    cohere=to({"messages": [{"role": "user", "content": [{"type": "text", "text": ASK["content"]}]}]}),
    extractive=members.answers("the question", lambda answer, _: "autovacuum workers" in answer["choices"][0]["message"]["content"]),
)
image = lambda url, **more: {"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "image_url", "image_url": {"url": url, **more}}]}]}  # noqa: E731
row(
    "messages[user].content[image_url].image_url.url",
    PIXEL,
    body=image,
    note="`data:`",
    anthropic=to({"messages": [{"content": [{}, {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}]}]}),
    gemini=to({"contents": [{"parts": [{}, {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}]}]}),
    bedrock=to({"messages": [{"content": [{}, {"image": {"format": "png", "source": {"bytes": "iVBORw0KGgo="}}}]}]}),
    cohere=to({"messages": [{"content": [{}, {"type": "image_url", "image_url": {"url": PIXEL}}]}]}),
    extractive=OF_MESSAGES,
)
row(
    "messages[user].content[image_url].image_url.url",
    "https://example.org/a.png",
    body=image,
    note="`https:`",
    anthropic=to({"messages": [{"content": [{}, {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}}]}]}),
    gemini=to({"contents": [{"parts": [{}, {"fileData": {"mimeType": "image/png", "fileUri": "https://example.org/a.png"}}]}]}),
    bedrock=OF_MESSAGES,
    cohere=to({"messages": [{"content": [{}, {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}]}]}),
    extractive=OF_MESSAGES,
)
SEEN = nothing("images are seen as they are")
row(
    "messages[user].content[image_url].image_url.detail",
    *("auto", "high", "low", "original"),
    body=lambda detail: image(PIXEL, detail=detail),
    other=SEEN,
    cohere=to(lambda detail: {"messages": [{"content": [{}, {"image_url": {"detail": detail}}]}]}),
    extractive=OF_MESSAGES,
)
sound = lambda **more: {"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav", **more}}]}]}  # noqa: E731
row(
    "messages[user].content[input_audio].input_audio.data",
    "UklGRg==",
    body=lambda data: sound(data=data),
    other=OF_MESSAGES,
    gemini=to({"contents": [{"parts": [{}, {"inlineData": {"data": "UklGRg=="}}]}]}),
    extractive=OF_MESSAGES,
)
row(
    "messages[user].content[input_audio].input_audio.format",
    *("mp3", "wav"),
    body=lambda name: sound(format=name),
    other=OF_MESSAGES,
    gemini=to(lambda name: {"contents": [{"parts": [{}, {"inlineData": {"mimeType": f"audio/{name}"}}]}]}),
    extractive=OF_MESSAGES,
)
paper = lambda **file: {"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "file", "file": file}]}]}  # noqa: E731
row(
    "messages[user].content[file].file.file_data",
    PDF,
    body=lambda data: paper(file_data=data),
    anthropic=to({"messages": [{"content": [{}, {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}}]}]}),
    gemini=to({"contents": [{"parts": [{}, {"inlineData": {"mimeType": "application/pdf", "data": "JVBERi0="}}]}]}),
    bedrock=to({"messages": [{"content": [{}, {"document": {"format": "pdf", "source": {"bytes": "JVBERi0="}}}]}]}),
    cohere=OF_MESSAGES,
    extractive=OF_MESSAGES,
)
row("messages[user].content[file].file.file_id", "file-1", body=lambda ident: paper(file_id=ident), other=OF_MESSAGES, extractive=OF_MESSAGES)
row(
    "messages[user].content[file].file.filename",
    "a.pdf",
    body=lambda name: paper(file_data=PDF, filename=name),
    anthropic=to({"messages": [{"content": [{}, {"type": "document", "title": "a.pdf"}]}]}),
    gemini=nothing("the service has no names of files"),
    bedrock=nothing("files get neutral names, as the service advises"),
    cohere=OF_MESSAGES,
    extractive=OF_MESSAGES,
)
for role in ("developer", "system", "user", "assistant"):
    row(
        f"messages[{role}].name",
        "ann",
        body=lambda name, role=role: messages({"role": role, "content": "x", "name": name}),
        other=refused("messages[0].name"),
        extractive=refused("messages[0].name"),
        wire=at_some(OF_MESSAGES, "groq", "mistral", others=PASSED if role != "developer" else to({"messages": [{"role": "system", "name": "ann"}, ASK]}, "as it is")),
    )
    if role == "developer":
        table.rows[-1].cells["openrouter"] = PASSED

# what the model said, and what its tools gave
ANN = [{"role": "user"}, {"role": "assistant", "content": [{"type": "text", "text": "Workers"}]}, {"role": "user"}]
for member, part in (("text].text", {"type": "text", "text": "Workers"}), ("refusal].refusal", {"type": "refusal", "refusal": "Workers"})):
    row(
        f"messages[assistant].content[{member}",
        part,
        body=lambda part: messages(ASK, {"role": "assistant", "content": [part]}),
        anthropic=to({"messages": ANN}),
        gemini=to({"contents": [{"role": "user"}, {"role": "model", "parts": [{"text": "Workers"}]}, {"role": "user"}]}),
        bedrock=to({"messages": [{"role": "user"}, {"role": "assistant", "content": [{"text": "Workers"}]}, {"role": "user"}]}),
        cohere=to({"messages": ANN}),
        extractive=members.answers("for the question that a follow-up asks", lambda answer, _: answer["choices"][0]["message"]["content"]),
    )
row(
    "messages[assistant].refusal",
    "Workers",
    body=lambda text: messages(ASK, {"role": "assistant", "content": None, "refusal": text}),
    anthropic=to({"messages": ANN}),
    gemini=to({"contents": [{"role": "user"}, {"role": "model", "parts": [{"text": "Workers"}]}, {"role": "user"}]}),
    bedrock=to({"messages": [{"role": "user"}, {"role": "assistant", "content": [{"text": "Workers"}]}, {"role": "user"}]}),
    cohere=to({"messages": ANN}),
    extractive=members.answers("for the question that a follow-up asks", lambda answer, _: answer["choices"][0]["message"]["content"]),
)
row(
    "messages[assistant].audio.id",
    "audio_1",
    body=lambda ident: messages(ASK, {"role": "assistant", "content": None, "audio": {"id": ident}}),
    other=refused("messages[1].audio"),
    extractive=refused("messages[1].audio"),
    wire=at_some(PASSED, "openrouter", others=OF_MESSAGES),
)
for member in ("arguments", "name"):
    row(
        f"messages[assistant].function_call.{member}",
        "{}" if member == "arguments" else "weather",
        body=lambda text, member=member: messages(ASK, {"role": "assistant", "content": None, "function_call": {"name": "weather", "arguments": "{}", member: text}}),
        other=refused("messages[1].function_call"),
        extractive=refused("messages[1].function_call"),
        wire=at_some(PASSED, "groq", "fireworks", others=OF_MESSAGES),
    )
for member in ("content", "name"):
    row(
        f"messages[function].{member}",
        "weather",
        body=lambda text, member=member: messages(
            ASK, {"role": "assistant", "content": None, "function_call": {"name": "weather", "arguments": "{}"}}, {"role": "function", "name": "weather", "content": "21", member: text}
        ),
        other=refused("messages[1].function_call"),
        extractive=refused("messages[1].function_call"),
        wire=at_some(PASSED, "groq", "fireworks", others=OF_MESSAGES),
    )
called = lambda **more: {"messages": [ASK, {"role": "assistant", "content": None, "tool_calls": [{**CALL, **more}]}, {"role": "tool", "tool_call_id": more.get("id", "call_0001"), "content": "21"}], "tools": [WEATHER]}  # noqa: E731
TURNS = [
    ("anthropic", "messages", {"content": [{"type": "tool_use", "id": "call_0001", "name": "weather", "input": {"city": "Paris"}}]}, {"content": [{"type": "tool_result", "tool_use_id": "call_0001", "content": "21"}]}),
    ("gemini", "contents", {"parts": [{"functionCall": {"id": "call_0001", "name": "weather", "args": {"city": "Paris"}}}]}, {"parts": [{"functionResponse": {"id": "call_0001", "name": "weather", "response": {"result": "21"}}}]}),
    ("bedrock", "messages", {"content": [{"toolUse": {"toolUseId": "call_0001", "name": "weather", "input": {"city": "Paris"}}}]}, {"content": [{"toolResult": {"toolUseId": "call_0001", "content": [{"text": "21"}]}}]}),
    ("cohere", "messages", {"role": "assistant", "tool_calls": [CALL]}, {"role": "tool", "tool_call_id": "call_0001", "content": "21"}),
]  # fmt: skip
CALLED = {column: to({name: [{}, call, {}]}) for column, name, call, _ in TURNS}
RESULT = {column: to({name: [{}, {}, result]}) for column, name, _, result in TURNS}
TOOLS_REFUSED = {"perplexity": refused("tools")}
for member, value in (("id", "call_0001"), ("function.name", "weather"), ("function.arguments", '{"city": "Paris"}')):
    row(
        f"messages[assistant].tool_calls[function].{member}",
        value,
        body=lambda _: called(),
        **CALLED,
        extractive=refused("tools"),
        wire={**TOOLS_REFUSED, "mistral": to({"messages": [{}, {"tool_calls": [{"function": CALL["function"]}]}, {}]}, "as it is" if member != "id" else "nine letters and digits made from it")},
    )
for member, content in (("content[text].text", [{"type": "text", "text": "21"}]), ("tool_call_id", "21")):
    row(
        f"messages[tool].{member}",
        content,
        body=lambda content: {**called(), "messages": [*called()["messages"][:2], {"role": "tool", "tool_call_id": "call_0001", "content": content}]},
        **RESULT,
        extractive=refused("tools"),
        wire={**TOOLS_REFUSED, "mistral": to({"messages": [{}, {}, {"role": "tool", "content": content}]}, "as it is" if member != "tool_call_id" else "nine letters and digits made from it")},
    )
for member in ("id", "custom.input", "custom.name"):
    row(
        f"messages[assistant].tool_calls[custom].{member}",
        "call_0001",
        body=lambda _: {"messages": [ASK, {"role": "assistant", "content": None, "tool_calls": [{"id": "call_0001", "type": "custom", "custom": {"name": "shell", "input": "ls"}}]}, {"role": "tool", "tool_call_id": "call_0001", "content": "a"}]},
        others=refused("messages", "unsupported_tool"),
        openai=PASSED,
    )

# marks of OpenAI's prompt cache
MARKED: Any = [
    *((role, {"type": "text", "text": "x"}) for role in ("developer", "system", "user", "assistant", "tool")),
    ("user", {"type": "image_url", "image_url": {"url": PIXEL}}),
    ("user", {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}),
    ("user", {"type": "file", "file": {"file_data": PDF}}),
]
DROP_MARKS = ("mistral", "groq", "deepseek", "xai", "together", "fireworks", "perplexity", "tgi", "lmstudio")
for role, part in MARKED:

    def marked(mark: Any, role: str = role, part: Any = part) -> Any:
        said = {"role": role, "content": [{**part, "prompt_cache_breakpoint": {"mode": "explicit", **mark}}]}
        if role != "tool":
            return messages(*([ASK] if role == "assistant" else []), said)
        return {**called(), "messages": [*called()["messages"][:2], {**said, "tool_call_id": "call_0001"}]}

    for member, values in (("mode", ["explicit"]), ("ttl", ["12h", "30m"])):
        whole = {"input_audio": ("anthropic", "bedrock", "cohere"), "file": ("cohere",)}.get(part["type"], ())
        row(
            f"messages[{role}].content[{part['type']}].prompt_cache_breakpoint.{member}",
            *values,
            body=lambda value, marked=marked, member=member: marked({member: value}),
            other=HINT,
            **{column: OF_MESSAGES for column in whole},
            extractive=refused("tools") if role == "tool" else OF_MESSAGES if part["type"] != "text" else NO_MODEL,
            wire={**at_some(HINT, *DROP_MARKS), **(TOOLS_REFUSED if role == "tool" else {})},
        )
        if role == "developer":
            table.rows[-1].cells.update({kind: to({"messages": [{"role": "system"}, ASK]}, "as it is") for kind in WIRE if kind not in (*DROP_MARKS, "openrouter")})

# --- sampling

row(
    "temperature",
    0.5,
    anthropic=to({"temperature": 0.5}),
    gemini=to({"generationConfig": {"temperature": 0.5}}),
    bedrock=to({"inferenceConfig": {"temperature": 0.5}}),
    cohere=to({"temperature": 0.5}),
    extractive=NO_MODEL,
)
row("temperature", 1.5, note="over 1", anthropic=refused(), gemini=to({"generationConfig": {"temperature": 1.5}}), bedrock=to({"inferenceConfig": {"temperature": 1.5}}), cohere=refused(), extractive=NO_MODEL)
row("top_p", 0.5, anthropic=to({"top_p": 0.5}), gemini=to({"generationConfig": {"topP": 0.5}}), bedrock=to({"inferenceConfig": {"topP": 0.5}}), cohere=to({"p": 0.5}), extractive=NO_MODEL)
for name, there in (("frequency_penalty", "frequencyPenalty"), ("presence_penalty", "presencePenalty")):
    row(name, 0.5, anthropic=refused(), gemini=to({"generationConfig": {there: 0.5}}), bedrock=refused(), cohere=to({name: 0.5}), extractive=NO_MODEL)
    row(name, -0.5, note="below 0", anthropic=refused(), gemini=to({"generationConfig": {there: -0.5}}), bedrock=refused(), cohere=refused(), extractive=NO_MODEL)
row(
    "seed",
    7,
    anthropic=refused(),
    gemini=to({"generationConfig": {"seed": 7}}),
    bedrock=refused(),
    cohere=to({"seed": 7}),
    extractive=NO_MODEL,
    wire={"mistral": to({"random_seed": 7}, without=["seed"]), **dict.fromkeys(("deepseek", "perplexity"), refused())},
)
row("logit_bias", {"5": 1}, other=refused(), extractive=refused(), wire=at_some(refused(), "mistral", "groq", "deepseek", "xai", "perplexity", "ollama", "tgi"))
NO_LOGPROBS = at_some(refused(), "groq", "perplexity", "ollama", "lmstudio")
row("logprobs", True, other=refused(), extractive=refused(), wire=NO_LOGPROBS)
row("top_logprobs", 2, body=lambda count: {"logprobs": True, "top_logprobs": count}, other=refused("logprobs"), extractive=refused("logprobs"), wire=at_some(refused("logprobs"), "groq", "perplexity", "ollama", "lmstudio"))
row(
    "n",
    2,
    anthropic=refused(),
    gemini=to({"generationConfig": {"candidateCount": 2}}),
    bedrock=refused(),
    cohere=refused(),
    extractive=refused(),
    wire=at_some(refused(), "groq", "deepseek", "openrouter", "perplexity", "ollama", "tgi", "lmstudio"),
)
MAX = ("mistral", "deepseek", "together", "fireworks", "openrouter", "perplexity", "ollama", "tgi", "llamacpp", "lmstudio")
for name in ("max_completion_tokens", "max_tokens"):
    row(
        name,
        20,
        anthropic=to({"max_tokens": 20}),
        gemini=to({"generationConfig": {"maxOutputTokens": 20}}),
        bedrock=to({"inferenceConfig": {"maxTokens": 20}}),
        cohere=to({"max_tokens": 20}),
        extractive=members.answers("the answer is cut", lambda answer, _: answer["choices"][0]["finish_reason"] == "length" and 10 < answer["usage"]["completion_tokens"] <= 20),
        wire=at_some(to({"max_tokens": 20}, without=["max_completion_tokens"]), *MAX) if name == "max_completion_tokens" else PASSED,
    )
row(
    "stop",
    "workers",
    ["END", "workers"],
    anthropic=to(lambda stop: {"stop_sequences": stop if isinstance(stop, list) else [stop]}),
    gemini=to(lambda stop: {"generationConfig": {"stopSequences": stop if isinstance(stop, list) else [stop]}}),
    bedrock=to(lambda stop: {"inferenceConfig": {"stopSequences": stop if isinstance(stop, list) else [stop]}}),
    cohere=to(lambda stop: {"stop_sequences": stop if isinstance(stop, list) else [stop]}),
    extractive=members.answers("the answer is cut", lambda answer, _: "These sentences" in answer["choices"][0]["message"]["content"] and "workers" not in answer["choices"][0]["message"]["content"]),
)

# --- what is asked for

row(
    "reasoning_effort",
    "none",
    some=True,
    anthropic=to({"thinking": {"type": "disabled"}}),
    gemini=refused(),
    bedrock=nothing("reasoning is asked for or not there"),
    cohere=to({"thinking": {"type": "disabled"}}),
    extractive=NO_MODEL,
    wire={"tgi": refused()},
)
row(
    "reasoning_effort",
    "minimal",
    some=True,
    anthropic=to({"output_config": {"effort": "low"}}),
    gemini=to({"generationConfig": {"thinkingConfig": {"thinkingLevel": "minimal"}}}),
    bedrock=to({"outputConfig": {"effort": "low"}}),
    cohere=to({"thinking": {"type": "enabled"}}),
    extractive=NO_MODEL,
    wire={"tgi": refused()},
)
for efforts in (["low", "medium", "high"], ["xhigh", "max"]):
    row(
        "reasoning_effort",
        *efforts,
        some=True,
        anthropic=to(lambda effort: {"output_config": {"effort": effort}}),
        gemini=to(lambda effort: {"generationConfig": {"thinkingConfig": {"thinkingLevel": effort if effort in ("low", "medium") else "high"}}}),
        bedrock=to(lambda effort: {"outputConfig": {"effort": effort}}),
        cohere=to({"thinking": {"type": "enabled"}}),
        extractive=NO_MODEL,
        wire={"tgi": refused()},
    )
row("verbosity", "low", "medium", "high", other=refused(), extractive=refused(), wire=at_some(PASSED, "openrouter", others=refused()))
row("modalities", ["text"], some=True, other=TEXT, extractive=TEXT, wire=at_some(PASSED, "openrouter", others=TEXT))
row("modalities", ["text", "audio"], ["audio"], other=refused(), extractive=refused(), wire=at_some(PASSED, "openrouter", others=refused()))
audio = lambda **more: {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "mp3", **more}}  # noqa: E731
NO_AUDIO = at_some(PASSED, "openrouter", others=refused("modalities"))
row("audio.format", *("aac", "flac", "mp3", "opus", "pcm16", "wav"), body=lambda name: audio(format=name), other=refused("modalities"), extractive=refused("modalities"), wire=NO_AUDIO)
row("audio.voice.id", "voice_1", body=lambda ident: audio(voice={"id": ident}), other=refused("modalities"), extractive=refused("modalities"), wire=NO_AUDIO)

kind = lambda name: {"response_format": {"type": name}}  # noqa: E731
row("response_format", "text", body=kind, some=True, other=TEXT, extractive=TEXT, wire=PASSED)
row(
    "response_format",
    "json_object",
    body=kind,
    some=True,
    anthropic=refused(),
    gemini=to({"generationConfig": {"responseMimeType": "application/json"}}),
    bedrock=refused(),
    cohere=to({"response_format": {"type": "json_object"}}),
    extractive=refused(),
)
row("response_format", "a_format_of_tomorrow", body=kind, note="of no known type", other=refused(), extractive=refused(), wire=PASSED)
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
schema = lambda **more: {"response_format": {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA, **more}}}  # noqa: E731
NO_SCHEMA = at_some(refused("response_format"), "deepseek", "tgi")
row(
    "response_format[json_schema].json_schema.schema",
    SCHEMA,
    body=lambda value: schema(schema=value),
    anthropic=to({"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}}),
    gemini=to({"generationConfig": {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA}}),
    bedrock=to({"outputConfig": {"textFormat": {"type": "json_schema"}}}),
    cohere=to({"response_format": {"type": "json_object", "json_schema": SCHEMA}}),
    extractive=refused(),
    wire=NO_SCHEMA,
)
row(
    "response_format[json_schema].json_schema.name",
    "place",
    body=lambda value: schema(name=value),
    anthropic=to({"output_config": {"format": {"schema": SCHEMA}}}, "no effect: schemas have no name"),
    gemini=to({"generationConfig": {"responseJsonSchema": SCHEMA}}, "no effect: schemas have no name"),
    bedrock=to({"outputConfig": {"textFormat": {"structure": {"jsonSchema": {"name": "place"}}}}}),
    cohere=to({"response_format": {"json_schema": SCHEMA}}, "no effect: schemas have no name"),
    extractive=refused(),
    wire=NO_SCHEMA,
)
TOLD = {**SCHEMA, "description": "Where it is"}
row(
    "response_format[json_schema].json_schema.description",
    "Where it is",
    body=lambda value: schema(description=value),
    anthropic=to({"output_config": {"format": {"schema": TOLD}}}),
    gemini=to({"generationConfig": {"responseJsonSchema": TOLD}}),
    bedrock=to({"outputConfig": {"textFormat": {"structure": {"jsonSchema": {"description": "Where it is"}}}}}),
    cohere=to({"response_format": {"json_schema": TOLD}}),
    extractive=refused(),
    wire=NO_SCHEMA,
)
row("response_format[json_schema].json_schema.strict", True, body=lambda value: schema(strict=value), other=nothing("schemas are always kept to"), extractive=refused(), wire=NO_SCHEMA)

# --- tools

functions = lambda name, value: {"tools": [{"type": "function", "function": {**WEATHER["function"], name: value}}]}  # noqa: E731
for name, there in (("name", "name"), ("description", "description")):
    row(
        f"tools[function].function.{name}",
        "sky",
        body=lambda value, name=name: functions(name, value),
        anthropic=to({"tools": [{there: "sky"}]}),
        gemini=to({"tools": [{"functionDeclarations": [{there: "sky"}]}]}),
        bedrock=to({"toolConfig": {"tools": [{"toolSpec": {there: "sky"}}]}}),
        cohere=to({"tools": [{"function": {there: "sky"}}]}),
        extractive=refused(),
        wire={"perplexity": refused()},
    )
row(
    "tools[function].function.parameters",
    SCHEMA,
    body=lambda value: functions("parameters", value),
    anthropic=to({"tools": [{"input_schema": SCHEMA}]}),
    gemini=to({"tools": [{"functionDeclarations": [{"parametersJsonSchema": SCHEMA}]}]}),
    bedrock=to({"toolConfig": {"tools": [{"toolSpec": {"inputSchema": {"json": SCHEMA}}}]}}),
    cohere=to({"tools": [{"function": {"parameters": SCHEMA}}]}),
    extractive=refused(),
    wire={"perplexity": refused()},
)
row(
    "tools[function].function.strict",
    True,
    body=lambda value: functions("strict", value),
    anthropic=to({"tools": [{"strict": True}]}),
    gemini=nothing("the service has no switch for it"),
    bedrock=to({"toolConfig": {"tools": [{"toolSpec": {"strict": True}}]}}),
    cohere=to({"strict_tools": True}),
    extractive=refused(),
    wire={"perplexity": refused()},
)
NO_CUSTOM = refused("tools", "unsupported_tool")
custom = lambda **more: {"tools": [{"type": "custom", "custom": {**SHELL["custom"], **more}}]}  # noqa: E731
row("tools[custom].custom.name", "shell", body=lambda value: custom(name=value), others=NO_CUSTOM, openai=PASSED)
row("tools[custom].custom.description", "Runs it", body=lambda value: custom(description=value), others=NO_CUSTOM, openai=PASSED)
row("tools[custom].custom.format[text]", {"type": "text"}, body=lambda value: custom(format=value), others=NO_CUSTOM, openai=PASSED)
row("tools[custom].custom.format[grammar].grammar.definition", "start: /[a-z]+/", body=lambda _: custom(), others=NO_CUSTOM, openai=PASSED)
row("tools[custom].custom.format[grammar].grammar.syntax", *("lark", "regex"), body=lambda syntax: custom(format={"type": "grammar", "grammar": {"syntax": syntax, "definition": "[a-z]+"}}), others=NO_CUSTOM, openai=PASSED)
choice = lambda value: {"tools": [WEATHER, OTHER], "tool_choice": value}  # noqa: E731
row(
    "tool_choice",
    "none",
    body=choice,
    some=True,
    anthropic=to({"tool_choice": {"type": "none"}}),
    gemini=to({"toolConfig": {"functionCallingConfig": {"mode": "NONE"}}}),
    bedrock=to({}, "tools are left out; refused where the conversation has called some", without=["toolConfig"]),
    cohere=to({"tool_choice": "NONE"}),
    extractive=QUOTED,
    wire={"perplexity": refused("tools"), "ollama": refused("tool_choice")},
)
row(
    "tool_choice",
    "auto",
    body=choice,
    some=True,
    anthropic=to({"tool_choice": {"type": "auto"}}),
    gemini=to({"toolConfig": {"functionCallingConfig": {"mode": "AUTO"}}}),
    bedrock=to({"toolConfig": {"toolChoice": {"auto": {}}}}),
    cohere=to({}, "no effect: it is the rule", without=["tool_choice"]),
    extractive=refused("tools"),
    wire={"perplexity": refused("tools"), "ollama": to({}, "no effect: it is the rule", without=["tool_choice"])},
)
row(
    "tool_choice",
    "required",
    body=choice,
    some=True,
    anthropic=to({"tool_choice": {"type": "any"}}),
    gemini=to({"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}),
    bedrock=to({"toolConfig": {"toolChoice": {"any": {}}}}),
    cohere=to({"tool_choice": "REQUIRED"}),
    extractive=refused("tools"),
    wire={"perplexity": refused("tools"), "ollama": refused("tool_choice")},
)
row(
    "tool_choice[function].function.name",
    "weather",
    body=lambda name: choice({"type": "function", "function": {"name": name}}),
    anthropic=to({"tool_choice": {"type": "tool", "name": "weather"}}),
    gemini=to({"toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["weather"]}}}),
    bedrock=to({"toolConfig": {"toolChoice": {"tool": {"name": "weather"}}}}),
    cohere=refused("tool_choice"),
    extractive=refused("tools"),
    wire={"perplexity": refused("tools"), "ollama": refused("tool_choice")},
)
row("tool_choice[custom].custom.name", "shell", body=lambda name: {"tools": [SHELL], "tool_choice": {"type": "custom", "custom": {"name": name}}}, others=NO_CUSTOM, openai=PASSED)
allowed = lambda mode: choice({"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": [{"type": "function", "function": {"name": "weather"}}]}})  # noqa: E731
ONLY = "only these tools are sent"
for member, modes in (("mode", ["auto"]), ("mode", ["required"]), ("tools", ["auto"])):
    row(
        f"tool_choice[allowed_tools].allowed_tools.{member}",
        *modes,
        body=allowed,
        some=True,
        anthropic=to(lambda mode: {"tools": [{"name": "weather"}], "tool_choice": {"type": "any" if mode == "required" else "auto"}}, ONLY),
        gemini=to(lambda mode: {"tools": [{"functionDeclarations": [{"name": "weather"}]}], "toolConfig": {"functionCallingConfig": {"mode": "ANY" if mode == "required" else "AUTO"}}}, ONLY),
        bedrock=to(lambda mode: {"toolConfig": {"tools": [{"toolSpec": {"name": "weather"}}], "toolChoice": {"any" if mode == "required" else "auto": {}}}}, ONLY),
        cohere=to({"tools": [{"function": {"name": "weather"}}]}, ONLY),
        extractive=refused("tools"),
        wire={"others": to(lambda mode: {"tools": [WEATHER], "tool_choice": mode}, ONLY), "perplexity": refused("tools"), "ollama": to({"tools": [WEATHER]}, ONLY) if modes == ["auto"] else refused("tool_choice")},
    )
SERIAL = ("deepseek", "together", "ollama", "tgi", "lmstudio")
row(
    "parallel_tool_calls",
    False,
    some=True,
    body=lambda value: with_tools(parallel_tool_calls=value),
    anthropic=to({"tool_choice": {"disable_parallel_tool_use": True}}),
    gemini=refused(),
    bedrock=refused(),
    cohere=refused(),
    extractive=refused("tools"),
    wire={**at_some(refused(), *SERIAL), "perplexity": refused("tools")},
)
row(
    "parallel_tool_calls",
    True,
    some=True,
    body=lambda value: with_tools(parallel_tool_calls=value),
    other=nothing("it is the rule"),
    extractive=refused("tools"),
    wire={**at_some(nothing("it is the rule"), *SERIAL), "perplexity": refused("tools")},
)
OLD = at_some(PASSED, "groq", "fireworks", others=refused("functions"))
for name, value in (("name", "weather"), ("description", "Tells it"), ("parameters", {"type": "object"})):
    row(f"functions.{name}", value, body=lambda value, name=name: {"functions": [{"name": "weather", name: value}]}, other=refused("functions"), extractive=refused("functions"), wire=OLD)
row("function_call", *("auto", "none"), body=lambda value: {"functions": [WEATHER["function"]], "function_call": value}, other=refused("functions"), extractive=refused("functions"), wire=OLD)
row("function_call.name", "weather", body=lambda name: {"functions": [WEATHER["function"]], "function_call": {"name": name}}, other=refused("functions"), extractive=refused("functions"), wire=OLD)

# --- hosted by OpenAI

SEARCHES = at_some(PASSED, "xai", "openrouter", "perplexity", others=refused())
row("web_search_options.search_context_size", *("low", "medium", "high"), body=lambda size: {"web_search_options": {"search_context_size": size}}, other=refused(), extractive=refused(), wire=SEARCHES)
for name, value in (("city", "Paris"), ("country", "FR"), ("region", "IDF"), ("timezone", "Europe/Paris")):
    row(
        f"web_search_options.user_location[approximate].approximate.{name}",
        value,
        body=lambda value, name=name: {"web_search_options": {"user_location": {"type": "approximate", "approximate": {name: value}}}},
        other=refused(),
        extractive=refused(),
        wire=SEARCHES,
    )
row("moderation.model", "omni-moderation-latest", body=lambda model: {"moderation": {"model": model}}, others=refused(), openai=PASSED)
for side in ("input", "output"):
    row(f"moderation.policy.{side}.mode", *("block", "score"), body=lambda mode, side=side: {"moderation": {"model": "omni-moderation-latest", "policy": {side: {"mode": mode}}}}, others=refused(), openai=PASSED)

# --- hints

LIKE_MISTRAL = ("deepseek", "together", "perplexity", "tgi", "lmstudio")
ALL_HINTS = ("mistral", *LIKE_MISTRAL)
GUESS = nothing("it makes an answer faster, and changes none")
for member, content in (("content", "x"), ("content[text].text", [{"type": "text", "text": "x"}])):
    row(f"prediction[content].{member}", content, body=lambda content: {"prediction": {"type": "content", "content": content}}, other=GUESS, extractive=GUESS, wire=at_some(GUESS, "groq", "xai", *LIKE_MISTRAL))
for member, values in (("mode", ["explicit"]), ("ttl", ["12h", "30m"])):
    row(
        f"prediction[content].content[text].prompt_cache_breakpoint.{member}",
        *values,
        body=lambda value, member=member: {"prediction": {"type": "content", "content": [{"type": "text", "text": "x", "prompt_cache_breakpoint": {"mode": "explicit", member: value}}]}},
        other=HINT,
        extractive=HINT,
        wire=at_some(HINT, "groq", "xai", *LIKE_MISTRAL),
    )
row("metadata", {"a": "b"}, other=HINT, extractive=HINT, wire=at_some(HINT, "xai", *LIKE_MISTRAL))
row("store", True, False, other=nothing("nothing is stored"), extractive=nothing("nothing is stored"), wire=at_some(nothing("nothing is stored"), "groq", "xai", "fireworks", *ALL_HINTS))
row("service_tier", *("auto", "default", "fast", "flex", "priority", "scale"), note="`flex`: a batch call, for the queues of this server", other=HINT, extractive=HINT, wire=at_some(HINT, "xai", *ALL_HINTS))
row("user", "ann", anthropic=to({"metadata": {"user_id": "ann"}}), gemini=HINT, bedrock=HINT, cohere=HINT, extractive=HINT, note="budgets and limits of the user count it", wire=at_some(HINT, *ALL_HINTS))
row("safety_identifier", "ann", anthropic=to({"metadata": {"user_id": "ann"}}), gemini=HINT, bedrock=HINT, cohere=HINT, extractive=HINT, note="as `user`", wire=at_some(HINT, "groq", "xai", "fireworks", *ALL_HINTS))
row("prompt_cache_key", "k", other=HINT, extractive=HINT, wire=at_some(HINT, "groq", "xai", *ALL_HINTS))
row("prompt_cache_retention", *("24h", "in_memory"), other=HINT, extractive=HINT, wire=at_some(HINT, "groq", "xai", "fireworks", *ALL_HINTS))
NEW_HINT = at_some(HINT, "groq", "xai", "fireworks", *ALL_HINTS)
row("prompt_cache_options.mode", *("explicit", "implicit"), body=lambda mode: {"prompt_cache_options": {"mode": mode}}, other=HINT, extractive=HINT, wire=NEW_HINT)
row("prompt_cache_options.ttl", "30m", body=lambda ttl: {"prompt_cache_options": {"ttl": ttl}}, other=HINT, extractive=HINT, wire=NEW_HINT)

# --- streams

NO_OPTIONS = ("mistral", "perplexity")
row(
    "stream",
    True,
    some=True,
    openai=to({"stream": True, "stream_options": {"include_usage": True}}, "as it is, and usage is asked for"),
    anthropic=to({"stream": True}),
    gemini=to(path=":streamGenerateContent", says="`:streamGenerateContent`"),
    bedrock=to(path="/converse-stream", says="`/converse-stream`"),
    cohere=to({"stream": True}),
    extractive=members.answers("as it is", lambda answer, _: True),
    wire={"others": to({"stream": True, "stream_options": {"include_usage": True}}, "as it is, and usage is asked for"), **dict.fromkeys(NO_OPTIONS, to({"stream": True}, "as it is", without=["stream_options"]))},
)
row("stream", False, some=True, other=nothing("it is the rule"), extractive=nothing("it is the rule"), wire=PASSED)
streamed = lambda **options: {"stream": True, "stream_options": options}  # noqa: E731
USAGE = "usage is always asked for, and told to clients that ask"
row(
    "stream_options.include_usage",
    *(True, False),
    body=lambda value: streamed(include_usage=value),
    openai=to({"stream_options": {"include_usage": True}}, USAGE),
    other=nothing("usage always comes, and is told to clients that ask"),
    extractive=members.answers("as it is", lambda answer, _: True),
    wire={"others": to({"stream_options": {"include_usage": True}}, USAGE), **dict.fromkeys(NO_OPTIONS, nothing("usage always comes, and is told to clients that ask"))},
)
row(
    "stream_options.include_obfuscation",
    *(True, False),
    body=lambda value: streamed(include_obfuscation=value),
    openai=to(lambda value: {"stream_options": {"include_obfuscation": value}}, "as it is"),
    other=nothing("nothing is added to the chunks"),
    extractive=members.answers("no effect: nothing is added to the chunks", lambda answer, _: True),
    wire=nothing("nothing is added to the chunks"),
)

# --- and what nobody knows

row("a_member_of_tomorrow", {"a": 1}, note="any that is not above", others=refused(), openai=PASSED, wire={"mistral": members.PASSED_AND_REFUSED})
