/*
 * openai_completions.h - OpenAI's legacy completions, as targets that have them speak them.
 */
#pragma once

#include "gateway/provider.h"

/* POST /completions, over the same kinds as chat completions; its answers are read by the same decoder. */
extern const struct provider wire_openai_completions;

/*
 * Whether the target takes a legacy completion as it is: its provider has the endpoint and, at OpenAI itself, the model is one of those that are served there. A call that a collection
 * has been searched for is a conversation by then.
 */
bool openai_completes(const struct call *call, const struct target *target);

/* ERR_UNSUPPORTED when a legacy completion asks for what cannot be said in a chat, and the wire has nothing but that. NULL for every other call. */
const struct err *openai_completions_fit(const struct call *call, const struct provider *wire, struct arena *arena);
