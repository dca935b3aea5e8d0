/*
 * openai_chat.h - the dialect of OpenAI chat completions: a request to the inner form, events to chunks or to a whole answer.
 */
#pragma once

#include "api/dialect.h"
#include "net/sse.h"

/* ERR_INVALID names the field in the way of OpenAI ("messages[2].content"). Views point into json, which lives as long as the arena. */
const struct err *openai_chat_parse(struct arena *arena, const struct json *json, struct str text, struct call **out);

/*
 * temperature, top_p, max_tokens (from tokens_min on), n, stop, seed and the penalties of call->source: the same in chat and legacy completions.
 */
const struct err *openai_sampling_parse(struct arena *arena, struct call *call, int64_t tokens_min);

/* The member "usage" of both. */
void openai_usage_put(struct json_out *out, const struct usage *usage);

/* After an error, for both: NULL when the stream had begun and the error went out as its last event; else the error. `stream` may be NULL. */
MAY_PARK const struct err *openai_stream_fail(struct api_request *request, struct sse_writer *stream, const struct err *err);

enum { ENCODER_CHOICES_MAX = 16 };

/* An answer being written: as a stream, or gathered and written whole. */
struct openai_encoder {
	struct encoder base;
	struct api_request *request;
	const struct call *call;
	struct sse_writer *stream;      /* NULL until the first event, and for a whole answer */
	struct str id, model;
	int64_t created;
	struct buf tail;                /* frames of the end, for one write */
	struct buf citations;           /* JSON objects, comma between */
	struct str whole;               /* the upstream's answer, when it can go out as it is */
	struct openai_choice *choices[ENCODER_CHOICES_MAX];
	struct usage usage;
	bool usage_known;
};

/* NULL, or err_no_memory. */
const struct err *openai_encoder_init(struct openai_encoder *encoder, struct api_request *request, const struct call *call);
