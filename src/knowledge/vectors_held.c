/*
 * vectors_held.c - what is held of collections' vectors, and how it follows the database.
 *
 * A collection is brought up to date when it is searched and something may have changed; one fiber does it, the others wait for it. What came is read by its number, what
 * went is in vector_drop. Copies in memory are bounded: the one that was not searched for the longest time goes first.
 */
#include "knowledge/vectors_held.h"

#include <stdlib.h>

#include "base/clock.h"
#include "knowledge/search_sql.h"

#define HELD_BYTES_MAX ((size_t)2 << 30)
#define COUNT_AGE_US (10 * USEC_PER_SEC)
enum { LOAD_ROWS = 4096, COUNTED_OFTEN_MAX = 20000 /* a count of more takes milliseconds */ };

/* ---- which collections are held ---- */

static void
held_free(struct held *held)
{
	vector_table_free(held->table);
	gate_fini(&held->gate);
	free((void *)held->key.ptr);
	free(held);
}

static void
all_stale(void *arg)
{
	struct vectors *vectors = arg;
	const struct map_entry *entry;

	pthread_mutex_lock(&vectors->lock);
	for (size_t i = 0; (entry = map_next(&vectors->held, &i));)
		atomic_store(&((struct held *)entry->value)->stale, true);
	pthread_mutex_unlock(&vectors->lock);
}

const struct err *
vectors_open(struct store *store, struct pool *pool, unsigned slices, struct arena *arena, struct vectors **out)
{
	struct vectors *vectors = arena_zalloc(arena, sizeof(*vectors));

	if (!vectors)
		return &err_no_memory;
	vectors->store = store;
	vectors->pool = pool;
	vectors->slices = slices < VECTORS_SLICES_MAX ? slices : VECTORS_SLICES_MAX;
	pthread_mutex_init(&vectors->lock, NULL);
	store_listen(store, VECTORS_TOPIC, all_stale, vectors);
	*out = vectors;
	return NULL;
}

void
vectors_close(struct vectors *vectors)
{
	const struct map_entry *entry;

	for (size_t i = 0; (entry = map_next(&vectors->held, &i));)
		held_free(entry->value);
	map_fini(&vectors->held);
	pthread_mutex_destroy(&vectors->lock);
}

void
vectors_changed(struct vectors *vectors, int64_t collection)
{
	const struct map_entry *entry;

	pthread_mutex_lock(&vectors->lock);
	for (size_t i = 0; (entry = map_next(&vectors->held, &i));) {
		struct held *held = entry->value;

		if (held->collection == collection)
			atomic_store(&held->stale, true);
	}
	pthread_mutex_unlock(&vectors->lock);
}

static struct held *
held_get(struct vectors *vectors, struct str key, const struct vector_query *query)
{
	struct held *held;

	pthread_mutex_lock(&vectors->lock);
	held = map_get(&vectors->held, key);
	if (!held) {
		char *bytes = mem_alloc(key.len);

		memcpy(bytes, key.ptr, key.len);
		held = mem_zalloc(sizeof(*held));
		held->key = str_n(bytes, key.len);
		held->model = str_slice(held->key, key.len - query->model.len, key.len);
		held->collection = query->collection;
		gate_init(&held->gate);
		atomic_init(&held->stale, true);
		map_put(&vectors->held, held->key, held);
	}
	held->users++;
	held->used_us = clock_mono_us();
	pthread_mutex_unlock(&vectors->lock);
	return held;
}

/* Under the lock: frees tables that nobody uses, the longest unused first, until the rest fits. */
static void
held_trim(struct vectors *vectors)
{
	for (;;) {
		const struct map_entry *entry;
		struct held *oldest = NULL;
		size_t bytes = 0;

		for (size_t i = 0; (entry = map_next(&vectors->held, &i));) {
			struct held *held = entry->value;

			bytes += held->table ? vector_table_bytes(held->table) : 0;
			if (held->users == 0 && (!oldest || held->used_us < oldest->used_us))
				oldest = held;
		}
		if (bytes <= HELD_BYTES_MAX || !oldest)
			return;
		map_remove(&vectors->held, oldest->key);
		held_free(oldest);
	}
}

void
held_release(struct vectors *vectors, struct held *held)
{
	pthread_mutex_lock(&vectors->lock);
	held->users--;
	if (atomic_exchange(&vectors->grown, false))
		held_trim(vectors);
	pthread_mutex_unlock(&vectors->lock);
}

/* ---- following the database, inside the gate ---- */

/* What a worker thread does with rows that were read. */
struct change {
	struct vector_table *table;
	const struct rows *added, *dropped;
	unsigned dimensions;
	struct arena *arena;
	bool failed;
};

static void
apply_added(struct change *change)
{
	size_t most = change->added->count, count = 0, size = change->dimensions * sizeof(float);
	int64_t *chunks = arena_array(change->arena, most, sizeof(*chunks)), *versions = arena_array(change->arena, most, sizeof(*versions));
	const float **vectors = arena_array(change->arena, most, sizeof(*vectors));
	float *aligned = arena_array(change->arena, most, size);

	change->failed = !chunks || !versions || !vectors || !aligned;
	for (size_t i = 0; i < most && !change->failed; i++) {
		struct str bytes = rows_text(change->added, i, 3);

		if (bytes.len != size)
			continue; /* of another length than the model's: not comparable */
		chunks[count] = rows_int(change->added, i, 1);
		versions[count] = rows_int(change->added, i, 2);
		vectors[count] = memcpy(aligned + count * change->dimensions, bytes.ptr, size);
		count++;
	}
	if (!change->failed)
		vector_table_add(change->table, chunks, versions, vectors, count);
}

static int
by_value(const void *x, const void *y)
{
	const int64_t *a = x, *b = y;

	return *a < *b ? -1 : *a > *b;
}

static void
apply_dropped(struct change *change)
{
	size_t count = change->dropped->count;
	int64_t *versions = arena_array(change->arena, count, sizeof(*versions));

	change->failed = !versions;
	for (size_t i = 0; i < count && versions; i++)
		versions[i] = rows_int(change->dropped, i, 1);
	if (!versions)
		return;
	qsort(versions, count, sizeof(*versions), by_value);
	vector_table_drop(change->table, &(struct id_set){ versions, count });
}

static void
apply(void *arg)
{
	struct change *change = arg;

	if (change->added)
		apply_added(change);
	else
		apply_dropped(change);
}

static MAY_PARK const struct err *
follow_added(struct vectors *vectors, struct held *held, unsigned dimensions, struct arena *errors, size_t *count)
{
	struct arena *arena = arena_new(MIB(128));
	struct rows rows = { 0 };
	const struct err *err = store_query(vectors->store, arena, &stmt_vectors_since,
		PARAMS(V_INT(held->collection), V_TEXT(held->model), V_INT(held->seq), V_INT(LOAD_ROWS)), &rows);
	struct change change = { .table = held->table, .added = &rows, .dimensions = dimensions, .arena = arena };

	*count = rows.count;
	if (!err && rows.count > 0) {
		err = offload(vectors->pool, apply, &change);
		if (!err && change.failed)
			err = &err_no_memory;
		if (!err)
			held->seq = rows_int(&rows, rows.count - 1, 0);
		atomic_store(&vectors->grown, true);
	}
	err = err ? err_copy(errors, err) : NULL;
	arena_free(arena);
	return err;
}

/* Notes are kept for a while only: a copy that has missed some is read anew. */
static MAY_PARK const struct err *
follow_dropped(struct vectors *vectors, struct held *held, struct arena *arena)
{
	struct rows known, rows;
	struct change change = { .table = held->table, .dropped = &rows, .arena = arena };
	const struct err *err = store_query(vectors->store, arena, &stmt_vectors_dropped_known, NO_PARAMS, &known);

	if (err)
		return err;
	if (rows_int(&known, 0, 0) > held->drop_seq + 1 && held->seq > 0) {
		vector_table_clear(held->table);
		held->seq = 0;
	}
	if (held->seq == 0) { /* what was dropped so far is not read at all */
		held->drop_seq = rows_int(&known, 0, 1);
		return NULL;
	}
	err = store_query(vectors->store, arena, &stmt_vectors_dropped_since, PARAMS(V_INT(held->collection), V_INT(held->drop_seq)), &rows);
	if (err || rows.count == 0)
		return err;
	err = offload(vectors->pool, apply, &change);
	if (!err && change.failed)
		err = &err_no_memory;
	if (!err)
		held->drop_seq = rows_int(&rows, rows.count - 1, 0);
	return err;
}

static MAY_PARK const struct err *
follow_memory(struct vectors *vectors, struct held *held, unsigned dimensions, struct arena *arena)
{
	const struct err *err;
	size_t count = LOAD_ROWS;

	if (!held->table)
		held->table = vector_table_new(dimensions);
	err = follow_dropped(vectors, held, arena);
	while (!err && count == LOAD_ROWS)
		err = follow_added(vectors, held, dimensions, arena, &count);
	return err;
}

/* PostgreSQL: how many there are decides how they are searched; a count may be a little old. */
static MAY_PARK const struct err *
follow_count(struct vectors *vectors, struct held *held, struct arena *arena)
{
	struct rows rows;
	const struct err *err;

	atomic_store(&held->stale, false);
	err = store_query(vectors->store, arena, &stmt_vector_index_count, PARAMS(V_INT(held->collection), V_TEXT(held->model)), &rows);
	if (!err) {
		atomic_store(&held->count, (size_t)rows_int(&rows, 0, 0));
		atomic_store(&held->counted_us, clock_mono_us());
	}
	return err;
}

/* Counting many takes milliseconds: while they change, it is done now and then. */
static bool
count_is_fresh(struct held *held)
{
	int64_t age_us = clock_mono_us() - atomic_load(&held->counted_us);

	if (atomic_load(&held->counted_us) == 0 || age_us > COUNT_AGE_US)
		return false;
	return !atomic_load(&held->stale) || (atomic_load(&held->count) > COUNTED_OFTEN_MAX && age_us < USEC_PER_SEC);
}

static MAY_PARK const struct err *
held_follow(struct vectors *vectors, struct held *held, unsigned dimensions, struct arena *arena)
{
	bool in_memory = store_engine_of(vectors->store) == STORE_SQLITE;
	const struct err *err = NULL;

	if (!in_memory)
		return count_is_fresh(held) ? NULL : follow_count(vectors, held, arena);
	if (!atomic_load(&held->stale) && !atomic_load(&held->following))
		return NULL;
	gate_enter(&held->gate);
	atomic_store(&held->following, true);
	if (atomic_exchange(&held->stale, false)) /* before reading: what changes meanwhile makes it stale again */
		err = follow_memory(vectors, held, dimensions, arena);
	if (err)
		atomic_store(&held->stale, true);
	atomic_store(&held->following, false);
	gate_leave(&held->gate);
	return err;
}

/* Only ever upwards. */
static void
note_generation(struct held *held, int64_t generation)
{
	int64_t known = atomic_load(&held->generation);

	while (known < generation && !atomic_compare_exchange_weak(&held->generation, &known, generation))
		;
}

const struct err *
held_take(struct vectors *vectors, struct arena *arena, const struct vector_query *query, struct held **out)
{
	struct str key = arena_printf(arena, "%lld/%u/%" STR_F, (long long)query->collection, query->dimensions, STR_A(query->model));
	const struct err *err;

	if (!key.ptr)
		return &err_no_memory;
	*out = held_get(vectors, key, query);
	if (atomic_load(&(*out)->generation) < query->generation) /* a commit that this node has not been told of yet */
		atomic_store(&(*out)->stale, true);
	err = held_follow(vectors, *out, query->dimensions, arena);
	if (err)
		held_release(vectors, *out);
	else
		note_generation(*out, query->generation);
	return err;
}
