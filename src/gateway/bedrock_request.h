/*
 * bedrock_request.h - a call as the body of Bedrock's Converse.
 */
#pragma once

#include "gateway/provider.h"

/*
 * Signatures of reasoning are opaque and go back unchanged; this mark tells them from other providers', which stay behind. What follows the second is content that was redacted.
 */
#define BEDROCK_SIGNATURE "bedrock:"
#define BEDROCK_REDACTED "bedrock:redacted:"

/* Refuses what the wire cannot say. */
const struct err *bedrock_body_put(struct json_out *out, const struct call *call, const struct target *target, struct arena *arena);
