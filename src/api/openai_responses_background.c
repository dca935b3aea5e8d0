/*
 * openai_responses_background.c - responses that go on when the client leaves.
 *
 * A job is a copy of its request on loop 0: an arena, a snapshot of the configuration and a scope of its own. It is acknowledged with the commit that stores the response as queued. What it says
 * goes to the table of events a few times a second, and everybody reads it from there: the client that asked, one that comes back, another process. The row has a lease that the job renews; one that
 * runs out, or whose process is known to be gone, is read as failed (openai_responses_recover.c).
 */
#include "api/openai_responses_background.h"

#include <stdlib.h>

#include "access/holder.h"
#include "api/stream_settle.h"
#include "base/clock.h"
#include "base/log.h"
#include "conf/watch.h"
#include "rt/group.h"
#include "telemetry/retention.h"

enum { JOBS_MAX = 256, ARENA_MAX = 16 * 1024 * 1024, FRAMES_MAX = 256 * 1024 * 1024, RETAIN_ARENA_MAX = 4 * 1024 * 1024 };
static const int64_t LEASE_US = 15 * USEC_PER_SEC, TICK_US = 200 * USEC_PER_MS, RENEW_US = 3 * USEC_PER_SEC, RETAIN_US = 600 * USEC_PER_SEC, SETTLE_US = 5 * USEC_PER_SEC;
static const int64_t CANCEL_WAIT_US = 10 * USEC_PER_SEC, CANCEL_POLL_US = 20 * USEC_PER_MS;

struct background {
	struct app *app;
	struct loop *loop;
	struct scope scope;        /* of the jobs */
	atomic_uint count;         /* of jobs */
	struct job *jobs;          /* on its loop */
};

struct job {
	struct job *next, **link;
	struct background *background;
	struct responses_output output; /* where the encoder's events go */
	struct arena *arena;
	struct conf *conf;
	struct api_request request; /* as it came, without a client */
	struct http_exchange http;  /* has the headers that links are made from, and no connection */
	struct identity identity;
	struct responses_ask *ask;
	struct responses_encoder *encoder;
	struct group group;         /* the answer, and who keeps the row */
	bool running;               /* the group is open */
	struct buf frames;          /* not written yet */
	int64_t first, last;        /* their sequence numbers */
	int64_t renewed_us;
	const struct err *why;      /* the answer failed */
};

/* --- making one --- */

static void
job_free(struct job *job)
{
	atomic_fetch_sub(&job->background->count, 1);
	for (size_t i = 0; i < COUNT(job->identity.holders); i++)
		holder_unref(job->identity.holders[i]);
	conf_unref(job->conf);
	buf_fini(&job->frames);
	arena_free(job->arena);
	free(job);
}

/* What of the request's headers still counts when it is answered: links are made for the host, the cache is asked, and a call has its place in the queue. */
static const struct str kept_headers[] = { STR_INIT("host"), STR_INIT("cache-control"), STR_INIT("x-corbel-cache"), STR_INIT("x-corbel-priority") };

static const struct err *
job_copy(struct job *job, const struct api_request *from)
{
	struct arena *arena = job->arena, *json = json_arena(arena, from->body.len);
	const struct http_headers *sent = &from->http->headers;
	struct http_header *headers = arena_array(arena, sent->count + 1, sizeof(*headers));
	size_t count = 0;
	struct api_request *request = &job->request;

	if (!json || !headers)
		return &err_no_memory;
	for (size_t i = 0; i < sent->count; i++) {
		size_t kept = 0;

		while (kept < COUNT(kept_headers) && !str_eq_ci(sent->list[i].name, kept_headers[kept]))
			kept++;
		if (kept == COUNT(kept_headers))
			continue;
		headers[count] = (struct http_header){ kept_headers[kept], arena_dup(arena, sent->list[i].value) };
		if (!headers[count++].value.ptr)
			return &err_no_memory;
	}
	job->http = (struct http_exchange){ .arena = arena, .headers = { headers, count }, .received_us = clock_mono_us(), .status = 200 }; /* nothing can be put on it any more */
	job->identity = *from->identity;
	for (size_t i = 0; i < COUNT(job->identity.holders); i++)
		if (job->identity.holders[i])
			holder_ref(job->identity.holders[i]);
	*request = (struct api_request){
		.app = from->app,
		.http = &job->http,
		.arena = arena,
		.route = from->route,
		.conf = job->conf,
		.identity = &job->identity,
		.body = arena_dup_large(arena, from->body),
		.request_id = arena_dup(arena, from->request_id),
	};
	if (request->request_id.ptr)
		request->trace = trace_new(arena, request->request_id, http_header_get(&from->http->headers, STR("traceparent")));
	if (!request->body.ptr || !request->trace)
		return &err_no_memory;
	return json_parse(json, request->body, &request->json);
}

/* Appends to the frames that wait to be written. */
static const struct err *
job_event(struct responses_output *output, struct str name, struct str data)
{
	struct job *job = (struct job *)((char *)output - offsetof(struct job, output));

	dialect_frame_add(&job->frames, name, data);
	job->last = job->encoder->sequence - 1;
	return buf_err(&job->frames);
}

/* All that is left to say goes into the commit of the record. */
static const struct err *
job_last(struct responses_output *output, struct str tail, struct response_kept *kept)
{
	struct job *job = (struct job *)((char *)output - offsetof(struct job, output));

	buf_add(&job->frames, tail);
	kept->frames = buf_str(&job->frames);
	kept->first = job->first;
	kept->last = job->encoder->sequence - 1;
	return buf_err(&job->frames);
}

static MAY_PARK const struct err *
store_tx_kept(struct tx *tx, void *arg)
{
	return response_kept_write(tx, arg);
}

/* Durable from here on: created and queued are its first events. */
static MAY_PARK const struct err *
job_store(struct job *job)
{
	struct responses_ask *ask = job->ask;
	struct response_kept kept;
	const struct err *err = responses_encoder_announce(job->encoder, "response.created", STR("queued"));

	if (!err)
		err = responses_encoder_announce(job->encoder, "response.queued", STR("queued"));
	if (err)
		return err;
	kept = (struct response_kept){
		.tenant = job->identity.tenant,
		.id = ask->id,
		.status = STR("queued"),
		.previous = ask->previous,
		.conversation = ask->conversation,
		.request_id = job->request.request_id,
		.created_us = ask->created_us,
		.background = true,
		.local_only = responses_begin_local(ask),
		.head = ask->head_text,
		.error = STR_EMPTY,
		.incomplete = STR_EMPTY,
		.usage = STR_EMPTY,
		.owner = durables_owner(job->background->app->durables),
		.lease_until_us = clock_wall_us() + LEASE_US,
		.items = ask->items,
		.item_count = ask->item_count,
		.frames = buf_str(&job->frames),
		.first = 0,
		.last = job->last,
	};
	err = response_kept_prepare(job->arena, &kept);
	if (!err)
		err = store_tx(job->request.app->store, job->arena, store_tx_kept, &kept);
	if (!err) {
		buf_clear(&job->frames);
		job->first = job->last + 1;
	}
	return err;
}

static MAY_PARK const struct err *
job_make(struct job *job, const struct api_request *from)
{
	const struct err *err = job_copy(job, from);

	job->encoder = arena_alloc(job->arena, sizeof(*job->encoder));
	if (!err && !job->encoder)
		err = &err_no_memory;
	if (!err)
		err = responses_parse(&job->request, job->arena, &job->ask);
	if (!err)
		err = dialect_priority(&job->request, job->ask->call); /* refused now rather than when it runs */
	if (!err)
		err = responses_context(job->ask);
	if (!err)
		err = responses_encoder_init(job->encoder, job->ask, &job->output);
	if (!err)
		job->encoder->base.going_on = job->ask->id;
	if (!err)
		job->ask->call->stream = true; /* from the provider, so that there is something to read meanwhile */
	return err ? err : job_store(job);
}

/* --- running it --- */

struct flush {
	struct response_progress progress;
	bool there, cancel;
};

static MAY_PARK const struct err *
flush_tx(struct tx *tx, void *arg)
{
	struct flush *flush = arg;

	flush->progress.lease_until_us = clock_wall_us() + LEASE_US;
	return response_progress(tx, &flush->progress, &flush->there, &flush->cancel);
}

/* Writes what was said since, and renews the lease. Somebody may have asked for its end, or deleted it. */
static MAY_PARK const struct err *
job_flush(struct job *job)
{
	struct arena *scratch = arena_new(KIB(64));
	struct flush flush = { .progress = { .tenant = job->identity.tenant,
				       .id = job->ask->id,
				       .frames = arena_dup_large(scratch, buf_str(&job->frames)),
				       .first = job->first,
				       .last = job->last } };
	const struct err *err = flush.progress.frames.ptr ? store_tx(job->request.app->store, scratch, flush_tx, &flush) : &err_no_memory;

	if (!err) {
		buf_consume(&job->frames, flush.progress.frames.len);
		job->first = flush.progress.last + 1;
		job->renewed_us = clock_mono_us();
		if (flush.cancel || !flush.there) {
			job->output.cancelled = true;
			group_cancel(&job->group, &err_cancelled);
		}
	}
	err = err && err->kind == ERR_CANCELLED ? &err_cancelled : NULL; /* a busy store: the next tick tries again */
	arena_free(scratch);
	return err;
}

static MAY_PARK const struct err *
job_keep(void *arg)
{
	struct job *job = arg;
	const struct err *err = NULL;

	while (!err) {
		err = fiber_sleep_us(TICK_US);
		if (!err && (job->frames.len || clock_mono_us() - job->renewed_us >= RENEW_US))
			err = job_flush(job);
	}
	return NULL;
}

static MAY_PARK const struct err *
job_answer(void *arg)
{
	struct job *job = arg;
	struct span *root = span_open(job->request.trace, SPAN_SERVER, STR("POST /v1/responses"));
	const struct err *err = responses_encoder_announce(job->encoder, "response.in_progress", STR("in_progress"));

	if (!err)
		err = job_flush(job);
	if (!err)
		err = dialect_answer(&job->request, job->ask->call, &job->encoder->base, root);
	job->why = err;
	if (err)
		log_info("a background response failed", LOG_STR("response_id", job->ask->id), LOG_STR("request_id", job->request.request_id), LOG_ERR("error", err));
	group_cancel(&job->group, &err_cancelled); /* nothing is left to be kept */
	return NULL;
}

/* When not even the record could be written, the row still says that it is in the making: it says at least that it failed, now or by its lease. */
static MAY_PARK void
job_close(struct job *job)
{
	struct scope scope;
	struct response_stored stored;

	scope_open_shielded(&scope, CANCEL_WAIT_US);
	if (!response_get(job->request.app->store, job->arena, job->identity.tenant, job->ask->id, "response_id", &stored) && response_unfinished(&stored))
		(void)background_recover(&job->request, &stored, job->why ? job->why : &err_internal);
	scope_close(&scope);
}

static MAY_PARK void
job_main(void *arg)
{
	struct job *job = arg;

	group_open(&job->group);
	job->running = true;
	if (!group_go(&job->group, "background-keeper", job_keep, job))
		(void)group_go(&job->group, "background-answer", job_answer, job);
	(void)group_wait(&job->group);
	job->running = false;
	*job->link = job->next;
	if (job->next)
		job->next->link = job->link;
	job_close(job);
	job_free(job);
}

/* On the jobs' loop, outside fibers. */
static void
job_arrive(void *arg)
{
	struct job *job = arg;
	struct background *background = job->background;

	job->link = &background->jobs;
	job->next = background->jobs;
	if (job->next)
		job->next->link = &job->next;
	background->jobs = job;
	if (!fiber_go("background", &background->scope, job_main, job))
		return;
	background->jobs = job->next; /* no stack: its lease runs out, and it reads as failed */
	if (job->next)
		job->next->link = &background->jobs;
	job_free(job);
}

/* --- requests --- */

/* The response as it is now, before the job can change it. */
static const struct err *
take_queued(struct api_request *request, struct job *job, struct json_out *json)
{
	struct buf *body = arena_alloc(request->arena, sizeof(*body));

	if (!body || !buf_init_held(body, request->arena, FRAMES_MAX))
		return &err_no_memory;
	json_out_init(json, body);
	responses_encoder_put(job->encoder, json);
	return buf_err(body);
}

MAY_PARK const struct err *
background_create(struct api_request *request)
{
	struct background *background = request->app->background;
	struct job *job;
	struct json_out queued;
	const struct err *err;
	struct str id = STR_EMPTY;

	if (atomic_fetch_add(&background->count, 1) >= JOBS_MAX || atomic_load(&request->app->stopping)) {
		atomic_fetch_sub(&background->count, 1);
		return err_new(request->arena, ERR_BUSY, "%d background responses are in the making: try again later, or without 'background'", JOBS_MAX);
	}
	job = mem_zalloc(sizeof(*job));
	*job = (struct job){ .background = background,
		.output = { .event = job_event, .last = job_last },
		.arena = arena_new(ARENA_MAX),
		.conf = conf_watch_get(request->app->watch) };
	buf_init(&job->frames, NULL, FRAMES_MAX);
	err = job_make(job, request);
	if (!err) {
		id = arena_dup(request->arena, job->ask->id);
		err = id.ptr ? take_queued(request, job, &queued) : &err_no_memory;
	}
	if (err) {
		err = err_copy(request->arena, err);
		job_free(job);
		return err;
	}
	loop_post(background->loop, job_arrive, job); /* it is the loop's from here on */
	return json_bool(json_get(request->json, "stream"), false) ? background_follow(request, id, -1) : api_answer_json(request, 200, &queued);
}

/* Sent to the jobs' loop: the job of this id, if it is there, ends. */
struct ending {
	struct background *background;
	int64_t tenant;
	char id[64];
};

static void
ending_arrive(void *arg)
{
	struct ending *ending = arg;

	for (struct job *job = ending->background->jobs; job; job = job->next) {
		if (job->identity.tenant != ending->tenant || !str_eq_c(job->ask->id, ending->id) || !job->running)
			continue;
		job->output.cancelled = true;
		group_cancel(&job->group, &err_cancelled);
	}
	free(ending);
}

static void
end_job(struct background *background, int64_t tenant, struct str id)
{
	struct ending *ending = mem_zalloc(sizeof(*ending));

	ending->background = background;
	ending->tenant = tenant;
	memcpy(ending->id, id.ptr, id.len < sizeof(ending->id) ? id.len : sizeof(ending->id) - 1);
	loop_post(background->loop, ending_arrive, ending);
}

MAY_PARK const struct err *
responses_cancel(struct api_request *request)
{
	struct store *store = request->app->store;
	int64_t tenant = request->identity->tenant, until = clock_mono_us() + CANCEL_WAIT_US;
	struct response_stored stored;
	const struct err *err = response_get(store, request->arena, tenant, request->params[0], "response_id", &stored);

	if (!err && !stored.owner.len)
		err = err_param(request->arena, ERR_INVALID, "response_id", NULL,
			"only a response that goes on without its client can be cancelled: one in the background, or of a model with on_disconnect: continue; closing the connection ends any other");
	if (!err && response_unfinished(&stored))
		err = response_want_cancel(store, request->arena, tenant, stored.id);
	if (!err && response_unfinished(&stored))
		end_job(request->app->background, tenant, stored.id);
	while (!err && response_unfinished(&stored) && clock_mono_us() < until) {
		err = fiber_sleep_us(CANCEL_POLL_US);
		if (!err)
			err = response_get(store, request->arena, tenant, request->params[0], "response_id", &stored);
		if (!err)
			err = background_recover(request, &stored, NULL);
	}
	return err ? err : responses_stored_answer(request, &stored);
}

/* --- start and stop --- */

static MAY_PARK void
retain(struct background *background, struct arena *arena)
{
	struct conf *conf = conf_watch_get(background->app->watch);
	int64_t kept_us = retention_limits_of(conf).bodies;
	const struct err *err = response_retain(background->app->store, arena, clock_wall_us() - kept_us);

	conf_unref(conf);
	if (err && err->kind != ERR_CANCELLED)
		log_warn("retention could not delete responses", LOG_ERR("error", err));
	arena_reset(arena);
}

/* Answers of killed servers are settled at once after the start, and on a shared database again and again. */
static MAY_PARK void
keep_fiber(void *arg)
{
	struct background *background = arg;
	struct arena *arena = arena_new(RETAIN_ARENA_MAX);
	int64_t retained_us = clock_mono_us();
	bool settled = false;

	do {
		settled = settled || stream_settle_lost(background->app);
		if (clock_mono_us() - retained_us < RETAIN_US)
			continue;
		retain(background, arena);
		retained_us = clock_mono_us();
	} while (!fiber_sleep_us(SETTLE_US));
	arena_free(arena);
}

const struct err *
background_start(struct app *app, struct background **out)
{
	struct background *background = mem_zalloc(sizeof(*background));
	const struct err *err;

	background->app = app;
	background->loop = loop_current();
	scope_init(&background->scope, NULL, INT64_MAX);
	err = fiber_go("responses-keeper", &background->scope, keep_fiber, background);
	if (err) {
		scope_fini(&background->scope);
		free(background);
		return err;
	}
	*out = background;
	return NULL;
}

MAY_PARK void
background_stop(struct background *background)
{
	scope_stop(&background->scope);
	free(background);
}
