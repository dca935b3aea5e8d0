/*
 * token_count.h - how many tokens a call's input has, before it is made.
 */
#pragma once

#include "answer/answer.h"

/*
 * Asks the provider where it counts by itself and speaks the call's dialect (Anthropic), and counts as gateway/count.h says otherwise. A call without a model is allowed. What a collection would add is not counted: it is not searched. ERR_NOT_FOUND for an
 * unknown model, and the provider's errors. `local_only`: no hosted provider is asked.
 */
MAY_PARK const struct err *token_count(const struct answer_services *services, struct arena *arena, const struct conf *conf, const struct call *call, bool local_only, int64_t *out);
