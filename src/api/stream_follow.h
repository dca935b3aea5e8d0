/*
 * stream_follow.h - the events of a stream that is made elsewhere, or was: read from its rows and sent, again and again, until its end.
 */
#pragma once

#include "api/dialect.h"

struct follower {
	struct api_request *request;
	struct sse_writer *writer;
	struct arena *page;        /* of one look at the rows; errors of follow_rows may lie in it */
	struct str id;
	int64_t after;             /* the number of the last event that was sent */
	bool any, ended;           /* something was sent; and the end with it */

	/* The number of an event; -1: it has none. */
	int64_t (*number)(struct str event);

	/* Whether an event is the last of its stream. NULL: events do not say so. */
	bool (*is_last)(struct str event);

	/* There is nothing new: whether the stream has ended. One that nobody goes on with is given its end. */
	MAY_PARK const struct err *(*look_after)(struct follower *follower, bool *finished);

	/* The events of a stream that has ended are all sent, and none was the last: ends the answer. */
	MAY_PARK const struct err *(*end)(struct follower *follower);
};

/* What of a run of events lies behind `after`, in one write; with `last`, or behind the last event, the answer ends. */
MAY_PARK const struct err *follow_send(struct follower *follower, struct str run, bool last);

/* Sends what the rows have and get, up to the end. ERR_CANCELLED: this server stops. */
MAY_PARK const struct err *follow_rows(struct follower *follower);

/* The last event of all that is stored, and its number: -1 and nothing, where there is none. */
MAY_PARK const struct err *follow_last(struct follower *follower, struct str *out, int64_t *number);
