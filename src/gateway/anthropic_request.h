/*
 * anthropic_request.h - the body of a message request, for Anthropic and for whoever else serves its wire.
 */
#pragma once

#include "gateway/provider.h"

/*
 * Writes all members but "model" and "stream" into the object that is open in `out`. A call that came in the same dialect is written as it came. ERR_UNSUPPORTED names what this wire cannot
 * say; what has been written by then is of no use.
 */
const struct err *anthropic_members_put(struct json_out *out, const struct call *call, struct arena *arena);

/* The whole HTTP request for `path` ("/v1/messages") of an Anthropic target. */
const struct err *anthropic_http(const struct call *call, const struct target *target, struct arena *arena, const char *path, struct http_call_spec *out);
