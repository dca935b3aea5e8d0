/*
 * provider_openai.h - what the servers that speak OpenAI's chat completions share.
 */
#pragma once

#include "gateway/openai_traits.h"

/* The functions of struct provider, for rows over this file; they look at target->kind->traits. */
const struct err *openai_address(const struct target *target, const char *endpoint, struct arena *arena, struct http_call_spec *out);
const struct err *openai_request(const struct call *call, const struct target *target, struct arena *arena, struct http_call_spec *out);
MAY_PARK const struct err *openai_frame(struct decoder *decoder, struct str name, struct str data);
MAY_PARK const struct err *openai_end(struct decoder *decoder);
MAY_PARK const struct err *openai_body(struct decoder *decoder, struct str body);
void openai_failure(struct arena *arena, int status, const struct http_headers *headers, struct str body, struct failure *out);

/* The parts of a usage whose wholes and cached tokens stand in it already, from the details of both APIs; usage_fit ends it. Sound and pictures that were cached are known by `cached_tokens_details`. */
void openai_usage_details(struct usage *usage, const struct json *input, const struct json *output);

/* What the provider's usage says that the call costs, where its kind does: `usage` is that of either API. */
void openai_usage_cost(const struct provider *kind, const struct json *usage, struct usage *out);

/* The headers of every request, the configuration's own last. */
const struct err *openai_headers(const struct target *target, struct arena *arena, bool stream, struct http_call_spec *out);

/* Method, body and the headers that say nothing about who calls, in this dialect of OpenAI's: openai_request without URL and key. */
const struct err *openai_write(const struct call *call, const struct target *target, enum dialect dialect, struct arena *arena, struct http_call_spec *out);
