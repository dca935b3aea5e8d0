/*
 * dialect.h - what every dialect in which models are asked has in common: a file parses its requests to the inner form, a file encodes events to its answers, and
 * dialect_answer does the rest.
 */
#pragma once

#include "answer/answer.h"
#include "answer/durable.h"
#include "api/api.h"
#include "gateway/event.h"

/* An answer being written in one dialect, as a stream or gathered and written whole. The first member of each dialect's own. */
struct encoder {
	struct sink sink;

	/* Writes the end: the last events, or the whole answer. */
	MAY_PARK const struct err *(*end)(struct encoder *encoder);

	/* After an error: NULL when a stream had begun and the error went out as its last event; else the error, for an ordinary error answer. */
	MAY_PARK const struct err *(*fail)(struct encoder *encoder, const struct err *err);

	struct answer_keep *keep;   /* what is kept of the answer in its record's commit, or NULL: answer/answer.h */
	struct str response_id;     /* the answer's id, where it is ours; else empty */

	struct str going_on;        /* of an answer that is made without its client from its beginning on: its response's id */

	/* Of streams that may go on when their client leaves (api/stream_keep.h); DURABLE_NONE: this one never does. */
	enum durable_kind kind;
	struct str stream_alias;    /* what its client knows it by, beside the request's id, if that is known before the answer begins */
	struct str id;              /* of the answer as the client sees it, once it has begun */

	/* The events of the end as `end` or, after an error, `fail` will send them, behind what is in `out`; once all events of the answer are in. */
	const struct err *(*last)(struct encoder *encoder, const struct err *err, struct buf *out);

	/* DURABLE_RESPONSE: its row as it begins, and from then on `keep` ends that row, whatever happens. */
	const struct err *(*begin)(struct encoder *encoder, struct str owner, struct response_kept *out);
};

/* Whether nobody waits for the call, as its request says: OpenAI's service_tier "flex", or the header x-corbel-priority, whatever the dialect. ERR_INVALID: the header says neither. dialect_answer asks too. */
const struct err *dialect_priority(struct api_request *request, struct call *call);

/*
 * Answers the call: the pipeline of answer/answer.h with this encoder at its end. The record is committed before the end is written, and when it returns an error, too.
 * `root` is the request's span.
 */
MAY_PARK const struct err *dialect_answer(struct api_request *request, struct call *call, struct encoder *encoder, struct span *root);

/* How many tokens the call's input has (answer/token_count.h). */
MAY_PARK const struct err *dialect_token_count(struct api_request *request, const struct call *call, int64_t *out);

/* "data: …" as one frame behind what is in `out`, after an "event: …" line where there is a name. */
void dialect_frame_add(struct buf *out, struct str name, struct str data);

/* A number among the members of call->source; NaN when it is missing or null. ERR_INVALID: it is none from `min` to `max`. */
const struct err *dialect_number_parse(struct arena *arena, const struct call *call, const char *field, double min, double max, double *out);

/*
 * A whole number; `initial` when it is missing or null. ERR_INVALID, in `field`: it is none ("invalid_type"), or not from `min` to `max`. 1.0 is none either: OpenAI refuses it, other servers
 * read 1 or pass over it, and to some of them the request goes as it came.
 */
const struct err *dialect_integer_parse(struct arena *arena, const struct json *value, const char *field, int64_t min, int64_t max, int64_t initial, int64_t *out);
