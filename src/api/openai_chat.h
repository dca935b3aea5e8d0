/*
 * openai_chat.h - the dialect of OpenAI chat completions: a request to the inner form, events to chunks or to a whole answer.
 */
#pragma once

#include "api/openai_encode.h"

/* ERR_INVALID names the field in the way of OpenAI ("messages[2].content"). Views point into json, which lives as long as the arena. */
const struct err *openai_chat_parse(struct arena *arena, const struct json *json, struct str text, struct call **out);

/*
 * temperature, top_p, max_tokens (from tokens_min on), n, stop, seed and the penalties of call->source: the same in chat and legacy completions.
 */
const struct err *openai_sampling_parse(struct arena *arena, struct call *call, int64_t tokens_min);

/* An answer being written. */
struct chat_encoder {
	struct openai_encoder common;
	struct buf citations;           /* JSON objects, comma between */
	struct openai_choice *choices[ENCODER_CHOICES_MAX];
	unsigned begun;                 /* of a stream written here: a bit for each choice that has said its role */
};

/* NULL, or err_no_memory. */
const struct err *chat_encoder_init(struct chat_encoder *encoder, struct api_request *request, const struct call *call);
