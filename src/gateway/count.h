/*
 * count.h - how many tokens a call's input is, for when the provider does not say: before the call, or when its stream was cut.
 *
 * Texts are counted; what providers put around them is taken by OpenAI's rule of 3 tokens a message and 3 for the answer's beginning (OpenAI Cookbook, "How to count tokens
 * with tiktoken"). A tool is its name, its description and its schema as JSON. An image counts 85 in low detail and 765 otherwise (1024 x 1024 in OpenAI's guide to
 * vision); files and audio, whose size in tokens is not known from outside, count a flat 1,500.
 */
#pragma once

#include "gateway/call.h"
#include "infer/tokenizers.h"

/* Messages and tools by the tokenizer of `model`, the target's name; *how tells how well. `barred`: with the tools that the choice bars (provider_gets_barred). */
MAY_PARK int64_t call_tokens(struct tokenizers *tokenizers, struct arena *arena, const struct call *call, bool barred, struct str model, enum tokens_how *how);

/* What call_tokens counts, copied into the arena, to be counted when the call is gone. NULL: no memory. */
struct call_texts;
struct call_texts *call_texts_keep(struct arena *arena, const struct call *call, bool barred);
MAY_PARK int64_t call_texts_tokens(struct tokenizers *tokenizers, const struct call_texts *texts, struct str model, enum tokens_how *how);

/* The same by the texts' lengths, at once. */
int64_t call_tokens_estimate(struct arena *arena, const struct call *call, bool barred);
