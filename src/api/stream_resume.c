/*
 * stream_resume.c - see stream_resume.h.
 *
 * A stream that is made in this process is followed in memory. Any other, and what memory does not have of it, is read from its rows, which are looked at again and again until the row of the stream says that it
 * has ended, or that its process is gone.
 */
#include "api/stream_resume.h"

#include "api/ai_sdk.h"
#include "api/anthropic.h"
#include "api/stream_follow.h"
#include "api/stream_settle.h"
#include "base/clock.h"

enum { HEARTBEAT_US = 15 * 1000000, WAIT_US = 60 * 1000000, PAGE_ARENA_MAX = 128 * 1024 * 1024 };

struct resumed {
	struct follower follower;
	enum durable_kind kind;
};

/* --- whose it is --- */

/* The key whose streams the caller may take; empty: all of its tenant. */
static struct str
key_of(const struct identity *identity)
{
	return identity->scopes & 1u << SCOPE_ADMIN ? STR_EMPTY : str_of(identity->key_id);
}

/* The stream in this process or else its row; false: there is none for this caller. */
static MAY_PARK const struct err *
look_up(struct api_request *request, enum durable_kind kind, struct str id, struct durable **here, struct durable_stored *stored, bool *found)
{
	struct app *app = request->app;
	int64_t tenant = request->identity->tenant;
	struct str key = key_of(request->identity);

	*here = durable_find(app->durables, tenant, kind, id, key);
	*found = *here != NULL;
	return *here ? NULL : durable_get(app->store, request->arena, tenant, kind, id, key, stored, found);
}

/* --- sending --- */

/* In memory, as far as that goes: `ended` if that is to the end. */
static MAY_PARK const struct err *
follow_here(struct follower *follower, const struct durable *durable)
{
	struct feed *feed = durable_feed(durable);
	struct feed_place place = { 0 };
	const struct err *err = NULL;
	struct str run;
	int64_t mark;

	for (bool last = false; !err && !last;) {
		last = feed_ended(feed); /* before what there is is read, or something may be missed */
		while (!err && feed_next(feed, &place, &run, &mark))
			if (mark > follower->after)
				err = follow_send(follower, run, false);
		if (err || last)
			break;
		err = feed_wait(feed, &place, WAIT_US);
		if (err && err->kind == ERR_TIMEOUT && !scope_check())
			err = NULL;
	}
	if (!err && durable_finished(durable))
		err = follow_send(follower, STR_EMPTY, true);
	return err;
}

static const struct err server_ended = { .kind = ERR_UNAVAILABLE, .message = STR_INIT("the server ended before the answer was complete; what it had said by then is above") };

/* The end of a stream that nobody goes on with, as its protocol says that something went wrong, with numbers from *next on. */
static const struct err *
put_lost(const struct resumed *resumed, int64_t *next, struct buf *out)
{
	const struct error_shape *shape = resumed->kind == DURABLE_MESSAGES ? &anthropic_errors : &openai_errors;
	struct json_out json;
	struct buf events, body;

	buf_init(&events, resumed->follower.page, KIB(16));
	buf_init(out, resumed->follower.page, KIB(16));
	if (resumed->kind == DURABLE_UI) {
		ai_sdk_put_error(&events, &server_ended);
	} else {
		buf_init(&body, resumed->follower.page, KIB(4));
		json_out_init(&json, &body);
		shape->write(&json, &server_ended, resumed->follower.id);
		dialect_frame_add(&events, resumed->kind == DURABLE_MESSAGES ? STR("error") : STR_EMPTY, buf_str(&body));
	}
	sse_number(out, buf_str(&events), next);
	return events.failed ? &err_no_memory : buf_err(out);
}

static MAY_PARK const struct err *
end_lost(struct resumed *resumed, const struct durable_stored *stored)
{
	struct follower *follower = &resumed->follower;
	const struct api_request *request = follower->request;
	struct buf events;
	struct str last;
	int64_t first = -1, next;
	const struct err *err = stream_settle(request->app, request->identity->tenant, follower->id); /* no end without a record */

	if (!err)
		err = follow_last(follower, &last, &first);
	next = ++first;
	if (!err)
		err = put_lost(resumed, &next, &events);
	return err ? err : durable_end(request->app->store, follower->page, request->identity->tenant, stored, buf_str(&events), first, next - 1);
}

/* Whether the stream has ended; one that nobody goes on with gets its end now, and the next look finds it, or that somebody does. */
static MAY_PARK const struct err *
look_after(struct follower *follower, bool *finished)
{
	struct resumed *resumed = (struct resumed *)follower;
	const struct api_request *request = follower->request;
	struct durable_stored stored;
	bool found;
	const struct err *err = durable_get(request->app->store, follower->page, request->identity->tenant, resumed->kind, follower->id, key_of(request->identity), &stored, &found);

	*finished = !err && (!found || stored.ended_us);
	if (err || *finished || !durable_abandoned(request->app->durables, stored.owner, stored.lease_until_us))
		return err;
	return end_lost(resumed, &stored);
}

/*
 * A client that had more than was stored gets the end all the same: it must not take what it has for whole. The end of a stream that was lost has the numbers of events that its process may have said and not
 * stored, so that a client which names such a number may have had either: it is told of the loss, if need be once more.
 */
static MAY_PARK const struct err *
send_end(struct follower *follower)
{
	const struct resumed *resumed = (const struct resumed *)follower;
	struct str last = STR_EMPTY;
	int64_t number = -1, next;
	const struct err *err = follower->any ? NULL : follow_last(follower, &last, &number);
	struct buf lost;

	follower->ended = true;
	if (err || !last.len)
		return err ? err : sse_end(follower->writer, STR_EMPTY);
	next = resumed->kind == DURABLE_UI ? number - 1 : number; /* its error has two events */
	err = put_lost(resumed, &next, &lost);
	if (!err && str_ends(buf_str(&lost), last))
		last = buf_str(&lost);
	else if (follower->after <= number)
		last = STR_EMPTY;
	return err ? err : sse_end(follower->writer, last);
}

MAY_PARK const struct err *
stream_resume(struct api_request *request, enum durable_kind kind, struct str id, int64_t after, enum stream_want want, bool *found)
{
	struct resumed resumed = {
		.follower = { .request = request, .after = after, .number = durable_number, .look_after = look_after, .end = send_end },
		.kind = kind,
	};
	struct follower *follower = &resumed.follower;
	struct durable_stored stored;
	struct durable *here;
	const struct err *err = look_up(request, kind, id, &here, &stored, found);

	if (!err && *found && !here && want == STREAM_UNSEEN && stored.ended_us && stored.seen)
		*found = false;
	if (err || !*found)
		return err;
	follower->page = arena_new(PAGE_ARENA_MAX);
	follower->id = arena_dup(request->arena, here ? durable_id(here) : stored.id);
	err = follower->id.ptr ? sse_open(request->http, HEARTBEAT_US, &follower->writer) : &err_no_memory;
	if (!err && here)
		err = follow_here(follower, here);
	durable_unref(here);
	follower->any = false; /* of the rows */
	if (!err && !follower->ended)
		err = follow_rows(follower);
	if (!err && kind == DURABLE_UI)
		err = durable_seen(request->app->store, follower->page, request->identity->tenant, follower->id);
	err = err ? err_copy(request->arena, err) : NULL;
	arena_free(follower->page);
	return err;
}

MAY_PARK const struct err *
stream_cancel(struct api_request *request, enum durable_kind kind, struct str id, bool *found)
{
	struct durable_stored stored;
	struct durable *here;
	const struct err *err = look_up(request, kind, id, &here, &stored, found);

	if (!err && *found)
		err = durable_want_cancel(request->app->store, request->arena, request->identity->tenant, here ? durable_id(here) : stored.id);
	if (here)
		durable_stop(here);
	durable_unref(here);
	return err;
}

const struct err *
stream_last_event_id(struct api_request *request, int64_t *out)
{
	struct str text = http_header_get(&request->http->headers, STR("last-event-id"));

	*out = -1;
	if (!text.ptr || !text.len || (str_to_i64(text, out) && *out >= 0))
		return NULL;
	return err_param(request->arena, ERR_INVALID, "last-event-id", NULL, "the header Last-Event-ID must be the id of an event of this stream: a whole number from 0 on");
}

/* --- whole answers --- */

static const struct err *
no_stream(struct api_request *request)
{
	return err_param(request->arena, ERR_NOT_FOUND, "id", "not_found",
		"there is no stream '%" STR_F "' that could be taken up: streams are kept for an hour, where their model has on_disconnect: continue", STR_A(str_slice(request->params[0], 0, 100)));
}

/* A list of media types that names event streams or is none. */
static bool
wants_stream(struct api_request *request)
{
	struct str accept = http_header_get(&request->http->headers, STR("accept")), stream = api_query(request, "stream");

	return (accept.ptr && str_find(accept, STR("text/event-stream"), 0) != SIZE_MAX) || (stream.ptr && str_eq_c(stream, "true"));
}

MAY_PARK const struct err *
stream_get_answer(struct api_request *request, enum durable_kind kind)
{
	bool found = false;
	int64_t after;
	const struct err *err = stream_last_event_id(request, &after);

	if (!err && kind == DURABLE_CHAT && !wants_stream(request)) /* the others' paths say that it is a stream */
		err = err_param(request->arena, ERR_UNSUPPORTED, "accept", NULL, "answers of this protocol are kept as streams only: ask with 'Accept: text/event-stream' or '?stream=true'");
	if (!err)
		err = stream_resume(request, kind, request->params[0], after, STREAM_REST, &found);
	return err || found ? err : no_stream(request);
}

MAY_PARK const struct err *
stream_cancel_answer(struct api_request *request, enum durable_kind kind)
{
	bool found = false;
	const struct err *err = stream_cancel(request, kind, request->params[0], &found);

	if (err || found)
		return err ? err : http_answer(request->http, 204, STR_EMPTY, STR_EMPTY);
	return no_stream(request);
}
