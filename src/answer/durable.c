/*
 * durable.c - streams that go on, in memory: the list of those that are made here, and the fiber that writes them down. See durable.h.
 *
 * A stream belongs to its request's fiber and loop; what others see of it (the feed, the names, how much is stored) is immutable, or under the lock. Whoever found one holds it. To end one from elsewhere, a post goes
 * to its loop, where `open` says whether its request is still there.
 */
#include "answer/durable_inside.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/random.h"
#include "rt/fiber.h"

enum { BYTES_MAX = 16 * 1024 * 1024, LEFT_MAX = 1024, ALIAS_MAX = 200, EVENTS_MAX = 1024 * 1024, SCRATCH_MAX = 16 * 1024 * 1024 };
#define ALL_BYTES_MAX ((size_t)1024 * 1024 * 1024)

static const int64_t LEASE_US = 15 * USEC_PER_SEC, TICK_US = 200 * USEC_PER_MS, RENEW_US = 3 * USEC_PER_SEC, RETAIN_US = 60 * USEC_PER_SEC, ALONE_US = 600 * USEC_PER_SEC;

static struct metric left_total = METRIC_COUNTER("corbel_left_streams_total", "Streams that were to go on when their client left, and whose client did, by what became of them.", "result");
static struct metric open_streams = METRIC_GAUGE("corbel_durable_streams", "Streams in the making that go on when their client leaves.");

static const struct err stopped = { .kind = ERR_CANCELLED, .message = STR_INIT("the server was stopped before the answer was complete") };
static const struct err too_long = { .kind = ERR_TIMEOUT, .message = STR_INIT("the answer went on for too long after its client had left") };
static const struct err unwanted = { .kind = ERR_CANCELLED, .code = STR_INIT("cancelled"), .message = STR_INIT("the answer was cancelled") };
static const struct err too_many = { .kind = ERR_BUSY, .message = STR_INIT("too many answers go on without their clients") };

struct durables {
	struct store *store;
	const atomic_bool *stopping;
	struct scope scope;        /* of the fibers */
	struct id owner;
	atomic_size_t bytes;       /* of all feeds */
	atomic_uint left;          /* streams without a client */
	pthread_mutex_t lock;
	struct durable *first;     /* the newest first */
};

struct durable {
	struct sse_keeper keeper;
	struct durable *next, **link;
	struct durables *durables;
	atomic_int refs;
	enum durable_kind kind;
	int64_t tenant;
	char id[ALIAS_MAX + 1], key_id[KEY_ID_SIZE];
	struct feed *feed;

	/* Under the lock. */
	char alias[ALIAS_MAX + 1];
	struct feed_place stored;  /* behind what is in rows */
	int64_t stored_last;       /* number of the last event there; -1: none */
	int64_t renewed_us, looked_us; /* monotonic: its lease was, and the fiber has */

	/* Of its request, on its loop. */
	bool open;
	struct loop *loop;
	struct http_exchange *http;
	struct scope scope;
	int64_t taken_last;        /* number of the last event in the feed; -1: none */
	size_t taken_bytes;
	atomic_int_fast64_t left_us; /* monotonic, when the client was found to have left; 0: it is there */
	bool left_counted;
	struct str end;            /* sealed */
	int64_t end_last;
	atomic_bool finished;
};

struct str
durables_owner(const struct durables *durables)
{
	return id_str(&durables->owner);
}

int64_t
durable_lease_us(void)
{
	return clock_wall_us() + LEASE_US;
}

bool
durable_abandoned(const struct durables *durables, struct str owner, int64_t lease_until_us)
{
	bool alone = store_engine_of(durables->store) == STORE_SQLITE;

	return lease_until_us < clock_wall_us() || (alone && !str_eq(owner, durables_owner(durables)));
}

/* --- one stream --- */

void
durable_unref(struct durable *durable)
{
	if (!durable || atomic_fetch_sub(&durable->refs, 1) > 1)
		return;
	feed_unref(durable->feed);
	free(durable);
}

struct feed *
durable_feed(const struct durable *durable)
{
	return durable->feed;
}

struct str
durable_id(const struct durable *durable)
{
	return str_of(durable->id);
}

struct str
durable_key(const struct durable *durable)
{
	return str_of(durable->key_id);
}

bool
durable_left(const struct durable *durable)
{
	return durable->keeper.left || http_exchange_scope(durable->http)->cancelled;
}

bool
durable_cut(const struct durable *durable)
{
	return durable->keeper.failed;
}

/* Names go to rows and into answers: what is too long or no plain text is none. */
static bool
name_fits(struct str name)
{
	for (size_t i = 0; i < name.len; i++)
		if ((unsigned char)name.ptr[i] < ' ' || (unsigned char)name.ptr[i] >= 0x7f)
			return false;
	return name.len <= ALIAS_MAX;
}

static void
name_put(char *to, struct str name)
{
	if (name.len)
		memcpy(to, name.ptr, name.len);
	to[name.len] = '\0';
}

void
durable_alias(struct durable *durable, struct str alias)
{
	if (!alias.len || !name_fits(alias))
		return;
	pthread_mutex_lock(&durable->durables->lock);
	if (!durable->alias[0])
		name_put(durable->alias, alias);
	pthread_mutex_unlock(&durable->durables->lock);
}

/* The client has left: from now on the stream counts, and its time runs. */
static const struct err *
count_left(struct durable *durable)
{
	if (durable->left_counted)
		return NULL;
	durable->left_counted = true;
	atomic_store(&durable->left_us, clock_mono_us());
	if (atomic_fetch_add(&durable->durables->left, 1) < LEFT_MAX)
		return NULL;
	metric_add(&left_total, 1, STR("refused"));
	return &too_many;
}

static const struct err *
take(struct sse_keeper *keeper, struct str events, int64_t last)
{
	struct durable *durable = (struct durable *)keeper;
	size_t size = events.len + 64;
	const struct err *err = keeper->left ? count_left(durable) : NULL;

	if (!err && atomic_fetch_add(&durable->durables->bytes, size) > ALL_BYTES_MAX - size) {
		atomic_fetch_sub(&durable->durables->bytes, size);
		err = &too_many;
	}
	if (err)
		return err;
	durable->taken_bytes += size;
	err = feed_append(durable->feed, last, events);
	if (!err)
		durable->taken_last = last;
	return err;
}

static void
enlist(struct durables *durables, struct durable *durable)
{
	pthread_mutex_lock(&durables->lock);
	durable->next = durables->first;
	durable->link = &durables->first;
	if (durable->next)
		durable->next->link = &durable->next;
	durables->first = durable;
	pthread_mutex_unlock(&durables->lock);
	metric_add(&open_streams, 1);
}

MAY_PARK const struct err *
durable_open(struct durables *durables, struct arena *arena, const struct durable_spec *spec, struct durable **out)
{
	struct durable *durable;
	const struct err *err;

	if (!name_fits(spec->id) || !name_fits(spec->alias))
		return err_new(arena, ERR_INVALID, "the id of a stream that is to go on may have at most %d characters of ASCII, and no control characters", ALIAS_MAX);
	err = durable_insert(durables->store, arena, spec, durables_owner(durables));
	if (err)
		return err;
	durable = mem_zalloc(sizeof(*durable));
	*durable = (struct durable){ .keeper.take = take,
		.durables = durables,
		.kind = spec->kind,
		.tenant = spec->tenant,
		.feed = feed_new(BYTES_MAX),
		.stored_last = -1,
		.renewed_us = clock_mono_us(),
		.open = true,
		.loop = loop_current(),
		.http = spec->http,
		.taken_last = -1 };
	atomic_init(&durable->refs, 1);
	name_put(durable->id, spec->id);
	name_put(durable->alias, spec->alias);
	memcpy(durable->key_id, spec->key_id.ptr, spec->key_id.len < KEY_ID_SIZE ? spec->key_id.len : KEY_ID_SIZE - 1);
	scope_open_shielded(&durable->scope, INT64_MAX);
	spec->http->keeper = &durable->keeper;
	enlist(durables, durable);
	*out = durable;
	return NULL;
}

const struct err *
durable_seal(struct durable *durable, struct arena *arena, struct str events)
{
	struct buf *numbered = arena_alloc(arena, sizeof(*numbered));
	int64_t next = durable->taken_last + 1;

	if (!numbered || !buf_init_held(numbered, arena, 2 * events.len + KIB(64)))
		return &err_no_memory;
	sse_number(numbered, events, &next);
	durable->end = buf_str(numbered);
	durable->end_last = next - 1;
	return buf_err(numbered);
}

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
				if (!joined || !buf_init_held(joined, arena, 2 * (size_t)BYTES_MAX))
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
	struct buf *all = arena_alloc(tx_arena(tx), sizeof(*all));

	pthread_mutex_lock(&durable->durables->lock);
	write = write_of(durable, tx_arena(tx));
	pthread_mutex_unlock(&durable->durables->lock);
	if (!all || !write.alias.ptr || !buf_init_held(all, tx_arena(tx), 4 * (size_t)BYTES_MAX + durable->end.len))
		return &err_no_memory;
	gather(durable, &write, tx_arena(tx), SIZE_MAX);
	buf_add(all, write.events);
	buf_add(all, durable->end);
	if (all->failed || write.last != durable->taken_last)
		return &err_no_memory;
	write.events = buf_str(all);
	write.last = durable->end_last;
	return durable_end_in(tx, &write, !durable->keeper.left);
}

void
durable_finish(struct durable *durable, bool committed)
{
	/* Without room in the feed, as after a failed commit, followers find the end in the rows. */
	bool whole = committed && durable->end.ptr && !durable->keeper.failed && !feed_append(durable->feed, durable->end_last, durable->end);

	atomic_store(&durable->finished, whole);
	feed_end(durable->feed);
	if (durable->left_counted && !durable->keeper.failed)
		metric_add(&left_total, 1, committed ? STR("ended") : STR("failed"));
}

bool
durable_finished(const struct durable *durable)
{
	return atomic_load(&durable->finished);
}

void
durable_close(struct durable *durable)
{
	struct durables *durables = durable->durables;

	durable->open = false;
	durable->http->keeper = NULL;
	scope_close(&durable->scope);
	pthread_mutex_lock(&durables->lock);
	*durable->link = durable->next;
	if (durable->next)
		durable->next->link = durable->link;
	pthread_mutex_unlock(&durables->lock);
	metric_add(&open_streams, -1);
	atomic_fetch_sub(&durables->bytes, durable->taken_bytes);
	if (durable->left_counted)
		atomic_fetch_sub(&durables->left, 1);
	durable_unref(durable);
}

struct durable *
durable_find(struct durables *durables, int64_t tenant, enum durable_kind kind, struct str id)
{
	struct durable *found;

	pthread_mutex_lock(&durables->lock);
	for (found = durables->first; found; found = found->next)
		if (found->tenant == tenant && found->kind == kind && (str_eq_c(id, found->id) || (id.len && str_eq_c(id, found->alias))))
			break;
	if (found)
		atomic_fetch_add(&found->refs, 1);
	pthread_mutex_unlock(&durables->lock);
	return found;
}

/* --- ending one from elsewhere --- */

struct ending {
	struct durable *durable;
	const struct err *why;
	bool alone; /* only if its client has left */
};

static void
ending_arrive(void *arg)
{
	struct ending *ending = arg;
	struct durable *durable = ending->durable;

	if (durable->open && (!ending->alone || http_exchange_scope(durable->http)->cancelled))
		scope_cancel(&durable->scope, ending->why);
	durable_unref(durable);
	free(ending);
}

static void
end_there(struct durable *durable, const struct err *why, bool alone)
{
	struct ending *ending = mem_zalloc(sizeof(*ending));

	atomic_fetch_add(&durable->refs, 1);
	*ending = (struct ending){ durable, why, alone };
	loop_post(durable->loop, ending_arrive, ending);
}

void
durable_stop(struct durable *durable)
{
	end_there(durable, &unwanted, false);
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
			end_there(durable, &stopped, true);
		if (left_us && tick_us - left_us > ALONE_US)
			end_there(durable, &too_long, false);
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
	if (write->cancel || !write->there)
		end_there(write->durable, &unwanted, false);
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

static MAY_PARK void
retain(struct durables *durables, struct arena *arena)
{
	const struct err *err;

	arena_reset(arena);
	err = durable_retain(durables->store, arena, clock_wall_us() - DURABLE_KEPT_US);
	if (err && err->kind != ERR_CANCELLED)
		log_warn("streams that are past their time could not be deleted", LOG_ERR("error", err));
}

static MAY_PARK void
write_fiber(void *arg)
{
	struct durables *durables = arg;
	struct durable_batch *batch = mem_zalloc(sizeof(*batch));
	struct arena *arena = arena_new(SCRATCH_MAX);
	int64_t retained_us = clock_mono_us();

	while (!fiber_sleep_us(TICK_US)) {
		int64_t tick_us = clock_mono_us();

		while (write_batch(durables, batch, arena, tick_us))
			;
		if (tick_us - retained_us < RETAIN_US)
			continue;
		retain(durables, arena);
		retained_us = tick_us;
	}
	arena_free(arena);
	free(batch);
}

const struct err *
durables_start(struct store *store, const atomic_bool *stopping, struct durables **out)
{
	struct durables *durables = mem_zalloc(sizeof(*durables));
	const struct err *err;

	durables->store = store;
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

/* --- events --- */

int64_t
durable_number(struct str event)
{
	size_t at = str_starts(event, STR("id: ")) ? 0 : str_find(event, STR("\nid: "), 0), end;
	int64_t number;

	if (at == SIZE_MAX)
		return -1;
	at += event.ptr[at] == '\n' ? 5 : 4;
	end = str_find_byte(event, '\n', at);
	return str_to_i64(str_slice(event, at, end == SIZE_MAX ? event.len : end), &number) ? number : -1;
}

bool
durable_next_event(struct str *rest, struct str *event)
{
	size_t end = str_find(*rest, STR("\n\n"), 0);

	if (end == SIZE_MAX)
		return false;
	*event = str_slice(*rest, 0, end + 2);
	*rest = str_slice(*rest, end + 2, rest->len);
	return true;
}
