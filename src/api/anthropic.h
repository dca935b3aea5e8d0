/*
 * anthropic.h - the dialect of Anthropic's Messages: a request to the inner form, events to named frames or to a whole message.
 */
#pragma once

#include "api/anthropic_answer.h"
#include "api/dialect.h"
#include "net/sse.h"

/* {"type":"error","error":{"type","message"},"request_id"}, with Anthropic's statuses. */
extern const struct error_shape anthropic_errors;

/* Whether the caller is a client of Anthropic's: it says the version of the API that it speaks. */
bool anthropic_speaks(const struct api_request *request);

/* GET /v1/models and /v1/models/{id} in Anthropic's shape. */
MAY_PARK const struct err *anthropic_models_list(struct api_request *request);
MAY_PARK const struct err *anthropic_models_get(struct api_request *request);

/*
 * ERR_INVALID names the field in the way of Anthropic ("messages.2.content.0"). `to_answer`: max_tokens is required. Views point into json, which lives as long as the
 * arena.
 */
const struct err *anthropic_parse(struct arena *arena, const struct json *json, struct str text, bool to_answer, struct call **out);

/* An answer being written: as a stream, or gathered and written whole. */
struct anthropic_encoder {
	struct encoder base;
	struct api_request *request;
	const struct call *call;
	struct sse_writer *stream;      /* NULL until the first event, and for a whole answer */
	struct anthropic_answer answer;
	struct buf frames;              /* not sent yet… */
	size_t before_last;             /* …of which so many bytes came before what is marked `last`; SIZE_MAX: all */
	bool ended;                     /* the last two frames are in `frames` */
	bool hiding;                    /* reasoning that is not to be shown has begun */
	struct str whole;               /* the upstream's answer, when it can go out as it is */
};

/* NULL, or err_no_memory. */
const struct err *anthropic_encoder_init(struct anthropic_encoder *encoder, struct api_request *request, const struct call *call);
