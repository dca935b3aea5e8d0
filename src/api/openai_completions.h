/*
 * openai_completions.h - the dialect of OpenAI's legacy completions: a prompt to the inner form, events to chunks or to a whole answer.
 */
#pragma once

#include "api/openai_chat.h"

enum { COMPLETION_PROMPTS_MAX = 2048 };

/* ERR_INVALID names the field in the way of OpenAI. Views point into json, which lives as long as the arena. */
const struct err *openai_completion_parse(struct arena *arena, const struct json *json, struct str text, struct call **out);

/* An answer being written. */
struct completion_encoder {
	struct openai_encoder common;
	struct buf texts[ENCODER_CHOICES_MAX];      /* of a whole answer, like what follows */
	enum finish finishes[ENCODER_CHOICES_MAX];
	unsigned choices;                           /* so far */
};

/* NULL, or err_no_memory. */
const struct err *completion_encoder_init(struct completion_encoder *encoder, struct api_request *request, const struct call *call);
