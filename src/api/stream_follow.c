/*
 * stream_follow.c - see stream_follow.h.
 */
#include "api/stream_follow.h"

#include "rt/fiber.h"

enum { POLL_US = 50 * 1000 };

MAY_PARK const struct err *
follow_send(struct follower *follower, struct str run, bool last)
{
	struct str event, rest = run, news = STR_EMPTY;

	while (!follower->ended && durable_next_event(&rest, &event)) {
		int64_t number = follower->number(event);

		if (number <= follower->after)
			continue;
		if (!news.len)
			news = event;
		news.len = (size_t)(event.ptr + event.len - news.ptr);
		follower->after = number;
		follower->ended = follower->is_last && follower->is_last(event);
	}
	follower->any = follower->any || news.len;
	follower->ended = follower->ended || last;
	if (follower->ended)
		return sse_end(follower->writer, news);
	return news.len ? sse_send_raw(follower->writer, news) : NULL;
}

static MAY_PARK const struct err *
send_rows(struct follower *follower, bool *any)
{
	const struct api_request *request = follower->request;
	struct str *runs;
	size_t count = 0;
	const struct err *err;

	arena_reset(follower->page);
	err = response_events(request->app->store, follower->page, request->identity->tenant, follower->id, follower->after, &runs, &count);
	for (size_t i = 0; !err && !follower->ended && i < count; i++)
		err = follow_send(follower, runs[i], false);
	*any = count > 0;
	return err;
}

MAY_PARK const struct err *
follow_rows(struct follower *follower)
{
	bool any, finished = false;
	const struct err *err = NULL;

	while (!err && !follower->ended) {
		bool last = finished; /* it had ended before this look at its events */

		err = send_rows(follower, &any);
		if (err || any)
			continue;
		if (last)
			return follower->end(follower);
		err = follower->look_after(follower, &finished);
		if (!err && atomic_load(&follower->request->app->stopping))
			err = &err_cancelled;
		if (!err && !finished)
			err = fiber_sleep_us(POLL_US);
	}
	return err;
}

MAY_PARK const struct err *
follow_last(struct follower *follower, struct str *out, int64_t *number)
{
	const struct api_request *request = follower->request;
	struct str run, event;
	const struct err *err;

	*out = STR_EMPTY;
	err = response_events_last(request->app->store, follower->page, request->identity->tenant, follower->id, &run, number);
	while (!err && durable_next_event(&run, &event))
		*out = event;
	return err;
}
