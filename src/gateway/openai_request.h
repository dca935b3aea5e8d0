/*
 * openai_request.h - the body of a chat completion for a call that came in another dialect.
 */
#pragma once

#include "gateway/provider.h"

/* ERR_UNSUPPORTED names what this wire cannot say. What has been written by then is of no use. */
const struct err *openai_body_put(struct json_out *out, const struct call *call, const struct target *target, struct arena *arena);
