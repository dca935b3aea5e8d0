"""The tables of OpenAI's CreateCompletionRequest, CreateEmbeddingRequest and CreateModerationRequest. How to read them: `members.py`."""

from __future__ import annotations

from typing import Any

import kinds
import members
from members import PASSED, nothing, refused, to
from openai.types import completion_create_params, embedding_create_params, moderation_create_params

WIRE = list(kinds.LIKE)
# Over OpenAI's wire without legacy completions: asked as a chat, as all others are.
CHATS = ["mistral", "groq", "deepseek", "xai", "perplexity"]
COMPLETES = [kind for kind in WIRE if kind not in CHATS]

completions = members.Request(
    name="CreateCompletionRequest",
    path="/v1/completions",
    types=[completion_create_params.CompletionCreateParamsNonStreaming, completion_create_params.CompletionCreateParamsStreaming],
    base={"prompt": "Once upon"},
    columns={"openai": ["gpt-x"], "chat": ["chats-only"], "anthropic": ["claude-x"], "gemini": ["gemini"], "bedrock": ["bedrock"], "cohere": ["cohere"], **{kind: [kind] for kind in COMPLETES}},
    groups={"other": ["chat", "anthropic", "gemini", "bedrock", "cohere"], "wire": COMPLETES},
    merged=("wire",),
)
row = completions.row
ONLY = refused()


def at_some(cell: Any, *which: str, others: Any = PASSED) -> dict[str, Any]:
    return {"others": others, **dict.fromkeys(which, cell)}


ASKED = [{"role": "user", "content": [{"type": "text", "text": "Once upon"}]}]
row(
    "prompt",
    "Once upon",
    some=True,
    chat=to({"messages": [{"role": "user", "content": "Once upon"}]}),
    anthropic=to({"messages": ASKED}),
    gemini=to({"contents": [{"role": "user", "parts": [{"text": "Once upon"}]}]}),
    bedrock=to({"messages": [{"role": "user", "content": [{"text": "Once upon"}]}]}),
    cohere=to({"messages": ASKED}),
)
row("prompt", ["Once", "Twice"], note="texts", other=ONLY, wire=at_some(refused(), "together", "openrouter", "ollama", "lmstudio"))
row("prompt", [1, 2, 3], [[1, 2], [3]], note="tokens", other=ONLY, wire=at_some(refused(), "together", "openrouter", "ollama", "tgi", "lmstudio"))
row("suffix", "the end", other=ONLY, wire=at_some(PASSED, "ollama", others=refused()))
row("best_of", 2, other=ONLY, wire=refused())
row("echo", True, other=ONLY, wire=at_some(PASSED, "together", "fireworks", "vllm", others=refused()))
row("logprobs", 1, other=ONLY, wire=at_some(refused(), "openrouter", "ollama", "tgi", "lmstudio"))
row("logit_bias", {"5": 1}, other=ONLY, wire=at_some(refused(), "ollama", "tgi"))
row(
    "n",
    2,
    chat=PASSED,
    anthropic=ONLY,
    gemini=to({"generationConfig": {"candidateCount": 2}}),
    bedrock=ONLY,
    cohere=ONLY,
    wire=at_some(refused(), "openrouter", "ollama", "tgi", "llamacpp", "lmstudio"),
)
row(
    "max_tokens",
    20,
    some=True,
    chat=to({"max_completion_tokens": 20}),
    anthropic=to({"max_tokens": 20}),
    gemini=to({"generationConfig": {"maxOutputTokens": 20}}),
    bedrock=to({"inferenceConfig": {"maxTokens": 20}}),
    cohere=to({"max_tokens": 20}),
)
row("max_tokens", 0, other=ONLY)
row("temperature", 0.5, chat=PASSED, anthropic=to({"temperature": 0.5}), gemini=to({"generationConfig": {"temperature": 0.5}}), bedrock=to({"inferenceConfig": {"temperature": 0.5}}), cohere=to({"temperature": 0.5}))
row("top_p", 0.5, chat=PASSED, anthropic=to({"top_p": 0.5}), gemini=to({"generationConfig": {"topP": 0.5}}), bedrock=to({"inferenceConfig": {"topP": 0.5}}), cohere=to({"p": 0.5}))
for name, there in (("frequency_penalty", "frequencyPenalty"), ("presence_penalty", "presencePenalty")):
    row(name, 0.5, chat=PASSED, anthropic=ONLY, gemini=to({"generationConfig": {there: 0.5}}), bedrock=ONLY, cohere=to({name: 0.5}))
row("seed", 7, chat=PASSED, anthropic=ONLY, gemini=to({"generationConfig": {"seed": 7}}), bedrock=ONLY, cohere=to({"seed": 7}))
row(
    "stop",
    ["END"],
    chat=PASSED,
    anthropic=to({"stop_sequences": ["END"]}),
    gemini=to({"generationConfig": {"stopSequences": ["END"]}}),
    bedrock=to({"inferenceConfig": {"stopSequences": ["END"]}}),
    cohere=to({"stop_sequences": ["END"]}),
)
HINT = nothing("a hint")
row("user", "ann", chat=PASSED, anthropic=to({"metadata": {"user_id": "ann"}}), gemini=HINT, bedrock=HINT, cohere=HINT, wire=at_some(HINT, "together", "tgi", "lmstudio"))
AND_USAGE = to({"stream": True, "stream_options": {"include_usage": True}}, "as it is, and usage is asked for")
row(
    "stream",
    True,
    some=True,
    openai=AND_USAGE,
    chat=AND_USAGE,
    anthropic=to({"stream": True}),
    gemini=to(path=":streamGenerateContent", says="`:streamGenerateContent`"),
    bedrock=to(path="/converse-stream", says="`/converse-stream`"),
    cohere=to({"stream": True}),
    wire=AND_USAGE,
)
row("stream", False, some=True, other=nothing("it is the rule"))
USAGE = to({"stream_options": {"include_usage": True}}, "usage is always asked for, and told to clients that ask")
row(
    "stream_options.include_usage",
    *(True, False),
    body=lambda value: {"stream": True, "stream_options": {"include_usage": value}},
    openai=USAGE,
    other=nothing("usage always comes, and is told to clients that ask"),
    chat=USAGE,
    wire=USAGE,
)
row(
    "stream_options.include_obfuscation",
    *(True, False),
    body=lambda value: {"stream": True, "stream_options": {"include_obfuscation": value}},
    openai=to(lambda value: {"stream_options": {"include_obfuscation": value}}, "as it is"),
    other=nothing("nothing is added to the chunks"),
    wire=nothing("nothing is added to the chunks"),
)
row("a_member_of_tomorrow", {"a": 1}, note="any that is not above", other=ONLY)

embeddings = members.Request(
    name="CreateEmbeddingRequest",
    path="/v1/embeddings",
    types=[embedding_create_params.EmbeddingCreateParams],
    base={"input": "one two"},
    columns={
        "openai": ["text-embedding-3-small"],
        "built in": ["all-MiniLM-L6-v2"],
        **{kind: [f"embed-{kind}"] for kind in kinds.EMBED_WIRES},
        **{kind: [f"embed-{kind}"] for kind in kinds.EMBEDS},
    },
    groups={"wire": kinds.EMBEDS, "own": list(kinds.EMBED_WIRES)},
    merged=("wire",),
)
row = embeddings.row


def at_each(*texts: str) -> dict[str, Any]:
    """What is sent for texts to kinds with a wire of their own for embeddings; one that takes a single text is seen with the last."""
    cohere, last = to({"texts": list(texts)}), texts[-1]
    cells = {
        "cohere": cohere,
        "gemini": to({"requests": [{"content": {"parts": [{"text": text}]}} for text in texts]}),
        "titan": to({"inputText": last}),
        "bedrock-cohere": cohere,
        "vertex": to({"instances": [{"content": text} for text in texts]}),
        "vertex-gemini": to({"instances": [{"content": last}]}),
        "vertex-gemini-2": to({"content": {"parts": [{"text": last}]}}),
    }
    assert set(cells) == set(kinds.EMBED_WIRES), cells
    return cells


row(
    "input",
    "one two",
    **{"built in": members.answers("as it is", lambda answer, _: len(answer["data"]) == 1)},
    own=at_each("one two"),
    some=True,
)
row(
    "input",
    ["one", "two"],
    note="texts",
    **{"built in": members.answers("as it is", lambda answer, _: len(answer["data"]) == 2)},
    own=at_each("one", "two"),
)
row("input", [1, 2, 3], [[1, 2], [3]], note="tokens", **{"built in": refused()}, own=refused(), wire=at_some(PASSED, "fireworks", "vllm", "llamacpp", others=refused()))
row(
    "dimensions",
    256,
    **{"built in": refused(says="unless it is 384")},
    own={
        **dict.fromkeys(("cohere", "bedrock-cohere"), to({"output_dimension": 256})),
        "gemini": to({"requests": [{"outputDimensionality": 256}]}),
        "titan": to({"dimensions": 256}),
        **dict.fromkeys(("vertex", "vertex-gemini"), to({"parameters": {"outputDimensionality": 256}})),
        "vertex-gemini-2": to({"embedContentConfig": {"outputDimensionality": 256}}),
    },
    wire={"mistral": to({"output_dimension": 256}, without=["dimensions"]), **dict.fromkeys(("together", "llamacpp", "lmstudio"), refused())},
)
ENCODED = members.answers("as it is", lambda answer, form: isinstance(answer["data"][0]["embedding"], str) == (form == "base64"))
row("encoding_format", *("float", "base64"), **{"built in": ENCODED}, own=ENCODED)
row("user", "ann", **{"built in": HINT}, own=HINT, wire=at_some(HINT, "mistral", "together", "lmstudio"))

moderations = members.Request(
    name="CreateModerationRequest",
    path="/v1/moderations",
    types=[moderation_create_params.ModerationCreateParams],
    base={"input": "I am well"},
    columns={"openai": ["omni-moderation-latest"], "mistral": ["mistral-moderation"]},
)
row = moderations.row
row("input", "I am well", ["I am well", "and so are you"])
row("input[text].text", "I am well", body=lambda text: {"input": [{"type": "text", "text": text}]})
row("input[image_url].image_url.url", "https://example.org/a.png", body=lambda url: {"input": [{"type": "image_url", "image_url": {"url": url}}]}, mistral=refused("input"))
