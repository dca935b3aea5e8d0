/*
 * openai_completions.h - the dialect of OpenAI's legacy completions: a prompt to the inner form, events to chunks or to a whole answer.
 */
#pragma once

#include "api/openai_chat.h"

enum { COMPLETION_PROMPTS_MAX = 2048 };

/* ERR_INVALID names the field in the way of OpenAI. Views point into json, which lives as long as the arena. */
const struct err *openai_completion_parse(struct arena *arena, const struct json *json, struct str text, struct call **out);

/* An answer being written: as a stream, or gathered and written whole. */
struct completion_encoder {
	struct encoder base;
	struct api_request *request;
	const struct call *call;
	struct sse_writer *stream;      /* NULL until the first event, and for a whole answer */
	struct str id, model;
	int64_t created;
	struct buf tail;                /* frames of the end, for one write */
	struct str whole;               /* the upstream's answer, when it can go out as it is */
	struct buf texts[ENCODER_CHOICES_MAX];
	enum finish finishes[ENCODER_CHOICES_MAX];
	unsigned choices;               /* of a whole answer, so far */
	struct usage usage;
	bool usage_known;
};

/* NULL, or err_no_memory. */
const struct err *completion_encoder_init(struct completion_encoder *encoder, struct api_request *request, const struct call *call);
