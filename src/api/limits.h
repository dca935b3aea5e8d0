/*
 * limits.h - a model call's way through the limits of its caller, for every protocol: before it costs anything, and when it is over.
 */
#pragma once

#include "access/limit.h"
#include "api/api.h"

/* How a protocol names the headers that tell what is left. */
enum limit_headers { LIMIT_HEADERS_OPENAI, LIMIT_HEADERS_ANTHROPIC };

/*
 * Checks that the caller may use the model, counts the call against all limits (access/limit.h) and puts the headers on the answer, also on that of the error it returns.
 * `tokens`: an estimate of input and output. Whoever calls it settles with limit_settle.
 */
MAY_PARK const struct err *limits_enter(
	struct api_request *request, enum limit_headers headers, struct str model, struct str user, int64_t tokens, struct limit_claim **out);

/* Sets x-ratelimit-… or anthropic-ratelimit-…; of what has no limit, nothing. Before the answer begins. */
void limits_put_headers(struct api_request *request, enum limit_headers headers, const struct limit_claim *claim);
