/*
 * cohere_request.h - a call as the body of Cohere's chat, version 2.
 */
#pragma once

#include "gateway/provider.h"

/* Refuses what the wire cannot say. */
const struct err *cohere_body_put(struct json_out *out, const struct call *call, const struct target *target, struct arena *arena);
