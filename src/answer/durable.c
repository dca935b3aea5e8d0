/*
 * durable.c - streams that go on, in memory: the list of those that are made here, what each has said, and its bounds. See durable.h.
 *
 * A stream belongs to its request's fiber and loop; what others see of it (the feed, the names, how much is stored) is immutable, or under the lock. Whoever found one holds it. To end one from elsewhere, a post goes
 * to its loop, where `open` says whether its request is still there.
 */
#include <stdlib.h>

#include "answer/durable_inside.h"
#include "base/clock.h"
#include "base/metric.h"
#include "rt/fiber.h"

static const int64_t LEASE_US = 15 * USEC_PER_SEC;

static struct metric left_total = METRIC_COUNTER("corbel_left_streams_total", "Streams that were to go on when their client left, and whose client did, by what became of them.", "result");
static struct metric open_streams = METRIC_GAUGE("corbel_durable_streams", "Streams in the making that go on when their client leaves.");

static const struct err too_large = { .kind = ERR_TOO_LARGE, .message = STR_INIT("the answer is longer than may be kept for a client that comes back") };
static const struct err no_room = { .kind = ERR_BUSY, .message = STR_INIT("no more of the answer could be kept for a client that comes back: the server keeps as much as it may of others") };
static const struct err too_many = { .kind = ERR_BUSY, .message = STR_INIT("too many answers go on without their clients") };

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

bool
durable_left(const struct durable *durable)
{
	return durable->keeper.left || http_exchange_scope(durable->http)->cancelled;
}

const struct err *
durable_cut(const struct durable *durable)
{
	return durable->cut;
}

/* Names go to rows and into answers: what is too long or no plain text is none. */
static bool
name_fits(struct str name)
{
	for (size_t i = 0; i < name.len; i++)
		if ((unsigned char)name.ptr[i] < ' ' || (unsigned char)name.ptr[i] >= 0x7f)
			return false;
	return name.len <= DURABLE_ALIAS_MAX;
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
	if (atomic_fetch_add(&durable->durables->left, 1) < durable->durables->bounds.left_max)
		return NULL;
	metric_add(&left_total, 1, STR("refused"));
	return &too_many;
}

/* Room for so many bytes more; NULL, or which bound is met. */
static const struct err *
claim_room(struct durable *durable, size_t size)
{
	struct durables *durables = durable->durables;

	if (atomic_fetch_add(&durables->bytes, size) + size > durables->bounds.all_bytes_max) {
		atomic_fetch_sub(&durables->bytes, size);
		return &no_room;
	}
	durable->taken_bytes += size;
	return NULL;
}

static const struct err *
take(struct sse_keeper *keeper, struct str events, int64_t last)
{
	struct durable *durable = (struct durable *)keeper;
	const struct err *err = keeper->left ? count_left(durable) : NULL;

	if (!err)
		err = claim_room(durable, events.len + 64);
	if (!err && feed_append(durable->feed, last, events))
		err = &too_large;
	if (!err)
		durable->taken_last = last;
	durable->cut = err;
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
		return err_new(arena, ERR_INVALID, "the id of a stream that is to go on may have at most %d characters of ASCII, and no control characters", DURABLE_ALIAS_MAX);
	err = durable_insert(durables->store, arena, spec, durables_owner(durables));
	if (err)
		return err;
	durable = mem_zalloc(sizeof(*durable));
	*durable = (struct durable){ .keeper.take = take,
		.durables = durables,
		.kind = spec->kind,
		.tenant = spec->tenant,
		.feed = feed_new(durables->bounds.bytes_max),
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

	durable->sealed = true;
	if (!numbered || !buf_init_held(numbered, arena, 2 * events.len + KIB(64)))
		return &err_no_memory;
	sse_number(numbered, events, &next);
	durable->end = buf_str(numbered);
	durable->end_last = next - 1;
	return buf_err(numbered);
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
durable_find(struct durables *durables, int64_t tenant, enum durable_kind kind, struct str id, struct str key_id)
{
	struct durable *found;

	pthread_mutex_lock(&durables->lock);
	for (found = durables->first; found; found = found->next)
		if (found->tenant == tenant && found->kind == kind && (str_eq_c(id, found->id) || (id.len && str_eq_c(id, found->alias))) &&
			(key_id.len == 0 || str_eq_c(key_id, found->key_id)))
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

	/* One that is sealed has its row ended by its own commit, which whoever renews the lease may see while the end is on its way to a slow client. */
	if (durable->open && !durable->sealed && (!ending->alone || http_exchange_scope(durable->http)->cancelled))
		scope_cancel(&durable->scope, ending->why);
	durable_unref(durable);
	free(ending);
}

void
durable_end_there(struct durable *durable, const struct err *why, bool alone)
{
	struct ending *ending = mem_zalloc(sizeof(*ending));

	atomic_fetch_add(&durable->refs, 1);
	*ending = (struct ending){ durable, why, alone };
	loop_post(durable->loop, ending_arrive, ending);
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
