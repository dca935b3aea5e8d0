/*
 * openai_responses_background.h - responses that are made while nobody waits: their jobs, and their streams.
 */
#pragma once

#include "api/openai_responses.h"

struct background;

/* Makes what runs the jobs, on the calling loop, and deletes what is past its retention from time to time. ERR_BUSY: no fiber is to be had. */
const struct err *background_start(struct app *app, struct background **out);

/* Ends all jobs, whose responses then say that the server was stopped; waits for them. On its loop. */
MAY_PARK void background_stop(struct background *background);

/* Answers a request for a background response: stores it as queued, begins its job, and gives it out or streams it. */
MAY_PARK const struct err *background_create(struct api_request *request);

/* Streams the events of a background response behind number `after`, up to its end. */
MAY_PARK const struct err *background_follow(struct api_request *request, struct str id, int64_t after);

/*
 * A response that is still in the making although the process that made it is gone: it is ended as failed, with the text so far, and read again into `stored`. `why`: it is known to be in nobody's hands,
 * whatever its row says, and for what reason; NULL: as its row says. No effect on any other response.
 */
MAY_PARK const struct err *background_recover(struct api_request *request, struct response_stored *stored, const struct err *why);

/* What background_recover writes: the items of the events so far, and the event that ends them. */
struct recovered {
	struct response_item *items;
	size_t count;
	int64_t last;              /* sequence number of the last event */
	bool ended;                /* it is a terminal one */
};
MAY_PARK const struct err *background_replay(struct api_request *request, struct str id, struct arena *arena, struct recovered *out);

api_handler_fn responses_cancel;
