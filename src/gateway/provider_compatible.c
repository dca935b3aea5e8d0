/*
 * provider_compatible.c - the servers that speak OpenAI's chat completions with differences of their own: a row each.
 *
 * Where each difference is published stands above its row. None of them documents tools of the type custom. None of these servers is tested live.
 */
#include "gateway/provider_openai.h"

#define HINTS "user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key", "prompt_cache_retention", "prompt_cache_options"

/*
 * docs.mistral.ai, API, "Chat Completion": members beyond the documented ones are answered with 422 (extra_forbidden); max_tokens, random_seed; no role developer. Ids of tool calls
 * are nine letters and digits (mistral-common, validator). Usage comes in the last chunk of every stream.
 */
static const struct openai_traits mistral = {
	.functions_only = true,
	.refuses = { "logit_bias", "verbosity", "modalities", "audio", "web_search_options", "functions", "function_call", "moderation" },
	.drops = { "user", "store", "service_tier", "safety_identifier", "prompt_cache_key", "prompt_cache_retention", "prompt_cache_options" },
	.renames = { { "max_completion_tokens", "max_tokens" }, { "seed", "random_seed" }, { "dimensions", "output_dimension" } },
	.embeds_texts = true,
	.stream_options_unknown = true,
	.developer_unknown = true,
	.names_unknown = true,
	.tool_id_len = 9,
};

/* console.groq.com/docs/openai, "Currently unsupported OpenAI features": 400 for logprobs, logit_bias, top_logprobs, messages[].name, and n other than 1. Reasoning in `reasoning`. */
static const struct openai_traits groq = {
	.functions_only = true,
	.refuses = { "logprobs", "top_logprobs", "logit_bias", "n", "verbosity", "modalities", "audio", "web_search_options", "moderation" },
	.drops = { "store", "safety_identifier", "prompt_cache_key", "prompt_cache_retention", "prompt_cache_options", "prediction" },
	.names_unknown = true,
};

/*
 * api-docs.deepseek.com, "Create Chat Completion": max_tokens; roles system, user, assistant, tool; response_format text or json_object; cached tokens in prompt_cache_hit_tokens; reasoning in
 * reasoning_content; keep-alive comments in a stream. One choice.
 */
static const struct openai_traits deepseek = {
	.functions_only = true,
	.refuses = { "n", "logit_bias", "seed", "verbosity", "modalities", "audio", "web_search_options", "functions", "function_call", "parallel_tool_calls", "moderation" },
	.drops = { HINTS, "prediction" },
	.renames = { { "max_completion_tokens", "max_tokens" } },
	.developer_unknown = true,
	.schema_unknown = true,
};

/* docs.x.ai, REST API reference, "Chat completions": logit_bias is not supported; completion_tokens leave out reasoning_tokens, which are billed beside them; usage says the cost in 1e-10 dollar; errors are {code, error: text}. */
static const struct openai_traits xai = {
	.functions_only = true,
	.refuses = { "logit_bias", "verbosity", "modalities", "audio", "functions", "function_call", "moderation" },
	.drops = { "metadata", "store", "safety_identifier", "prompt_cache_key", "prompt_cache_retention", "prompt_cache_options", "service_tier", "prediction" },
	.developer_unknown = true,
	.reasoning_apart = true,
	.cost = COST_TICKS,
};

/* docs.together.ai, "Chat completions": max_tokens; roles system, user, assistant, tool; usage in the last chunk. Reasoning in `reasoning`. */
static const struct openai_traits together = {
	.functions_only = true,
	.completion_refuses = { "suffix", "best_of" },
	.embedding_refuses = { "dimensions" },
	.embeds_texts = true,
	.prompts = PROMPTS_ONE_TEXT,
	.refuses = { "verbosity", "modalities", "audio", "web_search_options", "functions", "function_call", "parallel_tool_calls", "moderation" },
	.drops = { HINTS, "prediction" },
	.renames = { { "max_completion_tokens", "max_tokens" } },
	.developer_unknown = true,
};

/* docs.fireworks.ai, "Create chat completion": max_tokens; usage in the last chunk; reasoning in reasoning_content. */
static const struct openai_traits fireworks = {
	.functions_only = true,
	.completion_refuses = { "suffix", "best_of" },
	.refuses = { "verbosity", "modalities", "audio", "web_search_options", "moderation" },
	.drops = { "store", "safety_identifier", "prompt_cache_retention", "prompt_cache_options" },
	.renames = { { "max_completion_tokens", "max_tokens" } },
	.developer_unknown = true,
};

/* openrouter.ai/docs/api: `models` and `preset` name other models than the one that was asked for and allowed; unknown members are passed on or ignored by its providers; max_tokens; error codes are numbers; an error in a stream is a chunk with `error` and finish_reason "error"; comments in a stream; usage says the cost in credits, which are dollars. */
static const struct openai_traits openrouter = {
	.functions_only = true,
	.refuses = { "models", "preset", "n", "functions", "function_call", "moderation" },
	.completion_refuses = { "suffix", "best_of", "echo", "logprobs" },
	.prompts = PROMPTS_ONE_TEXT,
	.renames = { { "max_completion_tokens", "max_tokens" } },
	.cost = COST_DOLLARS,
};

/* docs.perplexity.ai, "Chat completions": max_tokens; no tools; usage in every chunk; sources in `citations` and `search_results`; each request has a fee by its search_context_size, of deep research each query. */
static const struct openai_traits perplexity = {
	.functions_only = true,
	.refuses = { "tools", "tool_choice", "n", "logprobs", "top_logprobs", "logit_bias", "seed", "modalities", "audio", "functions", "function_call", "parallel_tool_calls", "verbosity", "moderation" },
	.drops = { HINTS, "prediction" },
	.renames = { { "max_completion_tokens", "max_tokens" } },
	.stream_options_unknown = true,
	.developer_unknown = true,
	.searches = true,
	.cost = COST_TOTAL,
};

/* docs.ollama.com/api/openai-compatibility: the list of members; max_tokens; one choice; images as base64 data; no key. Reasoning in `reasoning`. */
static const struct openai_traits ollama = {
	.functions_only = true,
	.completion_refuses = { "best_of", "echo", "logprobs" },
	.embeds_texts = true,
	.prompts = PROMPTS_ONE_TEXT,
	.refuses = { "n", "logit_bias", "logprobs", "top_logprobs", "verbosity", "modalities", "audio", "web_search_options", "functions", "function_call", "tool_choice", "parallel_tool_calls", "moderation" },
	.renames = { { "max_completion_tokens", "max_tokens" } },
	.developer_unknown = true,
};

/* docs.vllm.ai, "OpenAI-compatible server": roles go to the model's template, which knows no developer as a rule; reasoning in reasoning_content, in `reasoning` since 0.11. No key unless --api-key. */
static const struct openai_traits vllm = {
	.functions_only = true,
	.completion_refuses = { "suffix", "best_of" },
	.refuses = { "verbosity", "modalities", "audio", "web_search_options", "functions", "function_call", "moderation" },
	.developer_unknown = true,
};

/* huggingface.co/docs/text-generation-inference, "Messages API": max_tokens; one choice; errors are {error: text, error_type}. */
static const struct openai_traits tgi = {
	.functions_only = true,
	.completion_refuses = { "suffix", "best_of", "echo", "logprobs", "logit_bias" },
	.prompts = PROMPTS_TEXTS,
	.refuses = { "n", "logit_bias", "verbosity", "reasoning_effort", "modalities", "audio", "web_search_options", "functions", "function_call", "parallel_tool_calls", "moderation" },
	.drops = { HINTS, "prediction" },
	.renames = { { "max_completion_tokens", "max_tokens" } },
	.developer_unknown = true,
	.schema_unknown = true,
};

/* github.com/ggml-org/llama.cpp, tools/server/README.md: max_tokens; error codes are numbers; reasoning in reasoning_content. */
static const struct openai_traits llamacpp = {
	.functions_only = true,
	.completion_refuses = { "n", "suffix", "best_of", "echo" },
	.embedding_refuses = { "dimensions" },
	.refuses = { "verbosity", "modalities", "audio", "web_search_options", "functions", "function_call", "moderation" },
	.renames = { { "max_completion_tokens", "max_tokens" } },
	.developer_unknown = true,
};

/* lmstudio.ai/docs, "OpenAI compatibility endpoints": the list of members; max_tokens; errors are {error: text} or OpenAI's. */
static const struct openai_traits lmstudio = {
	.functions_only = true,
	.completion_refuses = { "suffix", "best_of", "echo" },
	.embedding_refuses = { "dimensions" },
	.embeds_texts = true,
	.prompts = PROMPTS_ONE_TEXT,
	.refuses = { "n", "logprobs", "top_logprobs", "verbosity", "modalities", "audio", "web_search_options", "functions", "function_call", "parallel_tool_calls", "moderation" },
	.drops = { HINTS, "prediction" },
	.renames = { { "max_completion_tokens", "max_tokens" } },
	.developer_unknown = true,
};

#define ROW(name) { .kind = #name, .openai = true, .dialect = DIALECT_OPENAI_CHAT, .traits = &name, .address = openai_address, .request = openai_request, .frame = openai_frame, .end = openai_end, .body = openai_body, .failure = openai_failure }

const struct provider providers_compatible[] = { ROW(mistral), ROW(groq), ROW(deepseek), ROW(xai), ROW(together), ROW(fireworks), ROW(openrouter), ROW(perplexity), ROW(ollama),
	ROW(vllm), ROW(tgi), ROW(llamacpp), ROW(lmstudio) };
const size_t providers_compatible_count = COUNT(providers_compatible);
