/*
 * stream_resume.h - streams that are taken up again: the rest of one, as it goes on or after its end. See answer/durable.h for what is kept, and for how long.
 *
 * Who may: the key that asked for the answer, and admins of its tenant. For all others there is no such stream.
 */
#pragma once

#include "api/dialect.h"

enum stream_want {
	STREAM_REST,        /* everything behind `after`, also of a stream that has ended */
	STREAM_UNSEEN,      /* everything, of one that is in progress or whose end no client has had; else *found is false */
};

/*
 * Answers with the events of the stream of this id or alias behind number `after` (-1: all). *found false, and nothing answered: there is none. One that nobody goes on with any more gets its end now: an
 * error event of its protocol. Headers of the answer are set before.
 */
MAY_PARK const struct err *stream_resume(struct api_request *request, enum durable_kind kind, struct str id, int64_t after, enum stream_want want, bool *found);

/* Ends the stream of this id or alias, wherever it is made. *found false: there is none. */
MAY_PARK const struct err *stream_cancel(struct api_request *request, enum durable_kind kind, struct str id, bool *found);

/* The header Last-Event-ID; -1 without one. ERR_INVALID. */
const struct err *stream_last_event_id(struct api_request *request, int64_t *out);

/* The whole of GET and of POST …/cancel for a stream whose id is the path's parameter: ERR_NOT_FOUND where there is none. */
MAY_PARK const struct err *stream_get_answer(struct api_request *request, enum durable_kind kind);
MAY_PARK const struct err *stream_cancel_answer(struct api_request *request, enum durable_kind kind);
