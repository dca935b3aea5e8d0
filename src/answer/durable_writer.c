/*
 * durable_writer.c - what of the streams that go on is written down, and when: a few times a second what they have said and that their process is alive, their end in the commit of the answer's record, and that
 * those past their time are deleted. See durable.h.
 *
 * One fiber writes for all streams of the process, many in a transaction, so that the cost of a stream does not depend on the disk. It also ends those that have gone on for too long. Between two looks at the
 * streams it deletes a few of the old ones at most: what is being said is never behind by more than that.
 */
#include <stdlib.h>

#include "answer/durable_inside.h"
#include "base/clock.h"
#include "base/log.h"
#include "rt/fiber.h"

enum { EVENTS_MAX = 1024 * 1024, SCRATCH_MAX = 16 * 1024 * 1024, STEPS_A_TICK = 4 };

static const int64_t TICK_US = 200 * USEC_PER_MS, RENEW_US = 3 * USEC_PER_SEC, RETAIN_US = 60 * USEC_PER_SEC;

static const struct err stopped = { .kind = ERR_CANCELLED, .message = STR_INIT("the server was stopped before the answer was complete") };
static const struct err too_long = { .kind = ERR_TIMEOUT, .message = STR_INIT("the answer went on for too long after its client had left") };
static const struct err unwanted = { .kind = ERR_CANCELLED, .code = STR_INIT("cancelled"), .message = STR_INIT("the answer was cancelled") };
static const struct err given_up = { .kind = ERR_UNAVAILABLE, .retryable = true, .message = STR_INIT("the database could not be written to for so long that the answer was given up") };

const struct durable_bounds durable_bounds_default = {
	.bytes_max = (size_t)16 * 1024 * 1024,
	.all_bytes_max = (size_t)1024 * 1024 * 1024,
	.left_max = 1024,
	.alone_us = 600 * USEC_PER_SEC,
};

/* --- what is written of one --- */

/* What is in the feed behind a place, put together; some of it, if it is much. */
static void
gather(struct durable *durable, struct durable_write *write, struct arena *arena, size_t max)
{
	struct feed_place ahead = write->place;
	struct str first = STR_EMPTY, entry;
	struct buf *joined = NULL;
	int64_t mark;

	while (write->events.len < max && feed_next(durable->feed, &ahead, &entry, &mark)) {
		if (!first.len) {
			write->events = first = entry; /* one entry alone need not be copied: it stays where it is */
		} else {
			if (!joined) {
				joined = arena_alloc(arena, sizeof(*joined));
				if (!joined || !buf_init_held(joined, arena, 2 * durable->durables->bounds.bytes_max))
					return;
				buf_add(joined, first);
			}
			buf_add(joined, entry);
			if (joined->failed)
				return;
			write->events = buf_str(joined);
		}
		write->last = mark;
		write->place = ahead;
	}
}

/* Under the lock. */
static struct durable_write
write_of(struct durable *durable, struct arena *arena)
{
	return (struct durable_write){ .durable = durable,
		.kind = durable->kind,
		.tenant = durable->tenant,
		.id = str_of(durable->id),
		.alias = arena_dup(arena, str_of(durable->alias)),
		.events = STR_EMPTY,
		.place = durable->stored,
		.first = durable->stored_last + 1,
		.last = durable->stored_last };
}

MAY_PARK const struct err *
durable_store_in(struct tx *tx, void *arg)
{
	struct durable *durable = arg;
	struct durable_write write;

	pthread_mutex_lock(&durable->durables->lock);
	write = write_of(durable, tx_arena(tx));
	pthread_mutex_unlock(&durable->durables->lock);
	if (!write.alias.ptr)
		return &err_no_memory;
	gather(durable, &write, tx_arena(tx), SIZE_MAX);
	if (write.last != durable->taken_last)
		return &err_no_memory;
	write.end = durable->end;
	write.end_last = durable->end_last;
	return durable_end_in(tx, &write, !durable->keeper.left);
}

void
durable_stop(struct durable *durable)
{
	durable_end_there(durable, &unwanted, false);
}

/* --- the fiber that writes them down --- */

/* Streams that have something to be written, or whose lease is to be renewed, each held, and each once in a tick. Ends what has gone on for too long. */
static void
choose(struct durables *durables, struct arena *arena, int64_t tick_us, struct durable_batch *batch)
{
	bool stopping = atomic_load(durables->stopping);

	batch->count = 0;
	pthread_mutex_lock(&durables->lock);
	for (struct durable *durable = durables->first; durable && batch->count < DURABLE_BATCH; durable = durable->next) {
		int64_t left_us = atomic_load(&durable->left_us);
		struct feed_place place = durable->stored;
		struct str entry;
		int64_t mark;

		if (durable->looked_us == tick_us)
			continue;
		durable->looked_us = tick_us;
		if (stopping)
			durable_end_there(durable, &stopped, true);
		if (left_us && tick_us - left_us > durables->bounds.alone_us)
			durable_end_there(durable, &too_long, false);
		if (tick_us - durable->renewed_us < RENEW_US && !feed_next(durable->feed, &place, &entry, &mark))
			continue;
		atomic_fetch_add(&durable->refs, 1);
		batch->writes[batch->count++] = write_of(durable, arena);
	}
	pthread_mutex_unlock(&durables->lock);
}

static void
note_stored(struct durables *durables, const struct durable_write *write)
{
	pthread_mutex_lock(&durables->lock);
	write->durable->stored = write->place;
	write->durable->stored_last = write->last;
	write->durable->renewed_us = clock_mono_us();
	pthread_mutex_unlock(&durables->lock);
	if (write->cancel || !write->there) /* a response may have been deleted; another stream's row is gone or ended only where its lease was over */
		durable_end_there(write->durable, write->cancel || write->kind == DURABLE_RESPONSE ? &unwanted : &given_up, false);
}

/* One batch; false when there was none. */
static MAY_PARK bool
write_batch(struct durables *durables, struct durable_batch *batch, struct arena *arena, int64_t tick_us)
{
	const struct err *err;

	arena_reset(arena);
	choose(durables, arena, tick_us, batch);
	if (!batch->count)
		return false;
	for (size_t i = 0; i < batch->count; i++)
		gather(batch->writes[i].durable, &batch->writes[i], arena, EVENTS_MAX);
	err = durable_batch_write(durables->store, arena, batch);
	for (size_t i = 0; i < batch->count; i++) {
		if (!err) /* else a busy store: the next tick tries again */
			note_stored(durables, &batch->writes[i]);
		durable_unref(batch->writes[i].durable);
	}
	return !err && batch->count == DURABLE_BATCH;
}

/* Some of those past their time; false: all that there were. */
static MAY_PARK bool
retain(struct durables *durables, struct arena *arena)
{
	const struct err *err = NULL;
	bool more = true;

	for (int step = 0; step < STEPS_A_TICK && more && !err; step++) {
		arena_reset(arena);
		err = durable_retain(durables->store, arena, clock_wall_us() - DURABLE_KEPT_US, &more);
	}
	if (err && err->kind != ERR_CANCELLED)
		log_warn("streams that are past their time could not be deleted", LOG_ERR("error", err));
	return more && !err;
}

static MAY_PARK void
write_fiber(void *arg)
{
	struct durables *durables = arg;
	struct durable_batch *batch = mem_zalloc(sizeof(*batch));
	struct arena *arena = arena_new(SCRATCH_MAX);
	int64_t retained_us = clock_mono_us();
	bool more = false;

	while (!fiber_sleep_us(TICK_US)) {
		int64_t tick_us = clock_mono_us();

		while (write_batch(durables, batch, arena, tick_us))
			;
		if (!more && tick_us - retained_us < RETAIN_US)
			continue;
		more = retain(durables, arena);
		retained_us = tick_us;
	}
	arena_free(arena);
	free(batch);
}

const struct err *
durables_start(struct store *store, const struct durable_bounds *bounds, const atomic_bool *stopping, struct durables **out)
{
	struct durables *durables = mem_zalloc(sizeof(*durables));
	const struct err *err;

	durables->store = store;
	durables->bounds = *bounds;
	durables->stopping = stopping;
	durables->owner = id_new();
	pthread_mutex_init(&durables->lock, NULL);
	scope_init(&durables->scope, NULL, INT64_MAX);
	err = fiber_go("streams-writer", &durables->scope, write_fiber, durables);
	if (err) {
		scope_fini(&durables->scope);
		pthread_mutex_destroy(&durables->lock);
		free(durables);
		return err;
	}
	*out = durables;
	return NULL;
}

MAY_PARK void
durables_stop(struct durables *durables)
{
	scope_stop(&durables->scope);
	pthread_mutex_destroy(&durables->lock);
	free(durables);
}
