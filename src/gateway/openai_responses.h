/*
 * openai_responses.h - OpenAI's Responses API, as targets that have it speak it.
 */
#pragma once

#include "gateway/provider.h"

/* POST /responses: for calls that came in that dialect alone. */
extern const struct provider wire_openai_responses;

/*
 * Whether the target takes a Responses request as it came: there is one, its provider has the endpoint, and nothing was searched for the call, whose passages stand in messages of ours.
 */
bool openai_responds(const struct call *call, const struct target *target);
