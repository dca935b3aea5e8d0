/*
 * vectors.c - searching vectors on either engine, and what both need: a copy or a count of a collection that follows the database.
 *
 * A `held` collection is brought up to date when it is searched and something may have changed; one fiber does it, the others wait for it. What came is read by its
 * number, what went is in vector_drop. Copies in memory are bounded: the one that was not searched for the longest time goes first.
 */
#include "knowledge/vectors.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/map.h"
#include "json/json.h"
#include "knowledge/gate.h"
#include "knowledge/search_sql.h"
#include "knowledge/vectors_memory.h"
#include "rt/group.h"

#define HELD_BYTES_MAX ((size_t)2 << 30)
#define COUNT_AGE_US (10 * USEC_PER_SEC)
enum {
	SLICES_MAX = 16,
	LOAD_ROWS = 4096,
	EXACT_ROWS_MAX = 20000,  /* pgvector: what it compares one by one in a few milliseconds */
	GRAPH_DIMENSIONS = 384,  /* that the migration made an index for */
	RESCORED = 128,          /* of the scan's candidates, that are scored exactly */
	DROPS_KEPT = 65536,
};
static const char topic[] = "search_vectors";

/* A collection's vectors of one model. */
struct held {
	struct str key;
	int64_t collection;
	struct str model;
	struct gate gate;           /* what follows */
	struct vector_table *table; /* SQLite; NULL until it is loaded */
	int64_t seq, drop_seq;      /* of what it knows */
	atomic_bool stale;          /* something may have changed since it began to follow */
	atomic_bool following;      /* somebody is inside the gate: what he knows already is not there yet */
	atomic_size_t count;        /* PostgreSQL */
	_Atomic int64_t counted_us; /* 0: never */
	unsigned users;             /* under vectors.lock, as `used_us` */
	int64_t used_us;
};

struct vectors {
	struct store *store;
	struct pool *pool;
	unsigned slices;
	pthread_mutex_t lock;
	struct map held;            /* key -> struct held */
};

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
	vectors->slices = slices < SLICES_MAX ? slices : SLICES_MAX;
	pthread_mutex_init(&vectors->lock, NULL);
	store_listen(store, topic, all_stale, vectors);
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

static void
held_put(struct vectors *vectors, struct held *held, bool followed)
{
	pthread_mutex_lock(&vectors->lock);
	held->users--;
	if (followed)
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
	return !atomic_load(&held->stale) || (atomic_load(&held->count) > EXACT_ROWS_MAX && age_us < USEC_PER_SEC);
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

/* ---- SQLite: the scan in memory ---- */

struct slice {
	struct vectors *vectors;
	struct vector_table *table;
	const struct vector_query *query;
	unsigned number, of;
	struct top top;
};

static void
slice_scan(void *arg)
{
	struct slice *slice = arg;

	vector_table_scan(slice->table, slice->query->vector, &slice->query->versions, slice->number, slice->of, &slice->top);
}

static MAY_PARK const struct err *
slice_run(void *arg)
{
	struct slice *slice = arg;

	return offload(slice->vectors->pool, slice_scan, slice);
}

static MAY_PARK const struct err *
scan(struct vectors *vectors, struct held *held, struct arena *arena, const struct vector_query *query, struct vector_hits *out)
{
	struct slice slices[SLICES_MAX];
	struct group group;
	const struct err *err = NULL, *failed;

	group_open(&group);
	for (unsigned i = 0; i < vectors->slices && !err; i++) {
		slices[i] = (struct slice){ .vectors = vectors, .table = held->table, .query = query, .number = i, .of = vectors->slices };
		err = top_init(&slices[i].top, arena, query->depth) ? group_go(&group, "vector scan", slice_run, &slices[i]) : &err_no_memory;
	}
	if (err)
		group_cancel(&group, err);
	failed = group_wait(&group);
	err = err ? err : failed;
	if (err)
		return err;
	for (unsigned i = 1; i < vectors->slices; i++)
		for (size_t at = 0; at < slices[i].top.count; at++)
			top_add(&slices[0].top, slices[i].top.list[at]);
	top_finish(&slices[0].top);
	out->list = slices[0].top.list;
	out->count = slices[0].top.count;
	return NULL;
}

/* ---- PostgreSQL: pgvector ---- */

static const struct err *
vector_text(struct arena *arena, const float *vector, unsigned dimensions, struct str *out)
{
	struct buf buf;

	buf_init(&buf, arena, (size_t)dimensions * 16 + 8);
	for (unsigned i = 0; i < dimensions; i++)
		buf_printf(&buf, "%c%.6g", i ? ',' : '[', (double)vector[i]);
	buf_add_byte(&buf, ']');
	*out = buf_str(&buf);
	return buf_err(&buf);
}

const struct err *
ids_json(struct arena *arena, const int64_t *ids, size_t count, struct str *out)
{
	struct json_out json;
	struct buf buf;

	buf_init(&buf, arena, count * 21 + 8);
	json_out_init(&json, &buf);
	json_begin_array(&json);
	for (size_t i = 0; i < count; i++)
		json_put_int(&json, ids[i]);
	json_end_array(&json);
	*out = buf_str(&buf);
	return buf_err(&buf);
}

static MAY_PARK const struct err *
ask_index(struct vectors *vectors, struct held *held, struct arena *arena, const struct vector_query *query, struct vector_hits *out)
{
	size_t count = atomic_load(&held->count), candidates = query->versions.list && query->chunks < count ? query->chunks : count;
	bool exact = query->dimensions != GRAPH_DIMENSIONS || candidates <= EXACT_ROWS_MAX;
	struct str vector, versions = str_n(NULL, 0);
	struct rows rows;
	const struct err *err = vector_text(arena, query->vector, query->dimensions, &vector);

	if (!err && query->versions.list)
		err = ids_json(arena, query->versions.list, query->versions.count, &versions);
	if (!err)
		err = store_query(vectors->store, arena, exact ? &stmt_vector_index_exact : &stmt_vector_index_nearest,
			PARAMS(V_INT(query->collection), V_TEXT(query->model), V_TEXT(vector), V_TEXT_OR_NULL(versions), V_INT(query->depth)), &rows);
	if (err)
		return err;
	out->list = arena_array(arena, rows.count, sizeof(*out->list));
	if (!out->list)
		return &err_no_memory;
	for (; out->count < rows.count; out->count++)
		out->list[out->count].chunk = rows_int(&rows, out->count, 0);
	return NULL;
}

/* ---- exact scores ---- */

static void
score_exactly(struct vector_hits *hits, size_t count, const struct vector_query *query, int64_t chunk, struct str bytes)
{
	double sum = 0;

	if (bytes.len != query->dimensions * sizeof(float))
		return;
	for (unsigned i = 0; i < query->dimensions; i++) {
		float number;

		memcpy(&number, bytes.ptr + i * sizeof(number), sizeof(number));
		sum += (double)number * (double)query->vector[i];
	}
	for (size_t i = 0; i < count; i++)
		if (hits->list[i].chunk == chunk)
			hits->list[i].score = sum;
}

static int
best_first(const void *x, const void *y)
{
	return scored_better(x, y) ? -1 : scored_better(y, x);
}

static MAY_PARK const struct err *
rescore(struct vectors *vectors, struct arena *arena, const struct vector_query *query, size_t count, struct vector_hits *out)
{
	int64_t *ids = arena_array(arena, count, sizeof(*ids));
	struct str json;
	struct rows rows;
	const struct err *err;

	if (!ids)
		return &err_no_memory;
	for (size_t i = 0; i < count; i++)
		ids[i] = out->list[i].chunk;
	err = ids_json(arena, ids, count, &json);
	if (!err)
		err = store_query(vectors->store, arena, &stmt_vectors_of, PARAMS(V_TEXT(query->model), V_TEXT(json)), &rows);
	if (err)
		return err;
	for (size_t i = 0; i < rows.count; i++)
		score_exactly(out, count, query, rows_int(&rows, i, 0), rows_text(&rows, i, 1));
	qsort(out->list, out->count, sizeof(*out->list), best_first);
	return NULL;
}

const struct err *
vectors_search(struct vectors *vectors, struct arena *arena, const struct vector_query *query, struct vector_hits *out)
{
	bool in_memory = store_engine_of(vectors->store) == STORE_SQLITE;
	struct str key = arena_printf(arena, "%lld/%u/%" STR_F, (long long)query->collection, query->dimensions, STR_A(query->model));
	struct held *held;
	const struct err *err;
	bool followed;

	*out = (struct vector_hits){ 0 };
	if (!key.ptr)
		return &err_no_memory;
	held = held_get(vectors, key, query);
	followed = in_memory && atomic_load(&held->stale);
	err = held_follow(vectors, held, query->dimensions, arena);
	if (!err) {
		out->vectors = in_memory ? vector_table_count(held->table) : atomic_load(&held->count);
		err = in_memory ? scan(vectors, held, arena, query, out) : ask_index(vectors, held, arena, query, out);
	}
	if (!err && out->count > 0)
		err = rescore(vectors, arena, query, in_memory && out->count > RESCORED ? RESCORED : out->count, out);
	held_put(vectors, held, followed);
	return err;
}

/* ---- writing ---- */

const struct err *
vectors_add(struct tx *tx, int64_t collection, int64_t version, const int64_t *chunks, const float *vectors, size_t count, unsigned dimensions, struct str model)
{
	bool indexed = store_engine_of(tx_store(tx)) == STORE_POSTGRES;
	const struct err *err = NULL;
	struct str text;

	for (size_t i = 0; i < count && !err; i++) {
		const float *vector = vectors + i * dimensions;

		err = tx_exec(tx, &stmt_vector_put,
			PARAMS(V_INT(chunks[i]), V_INT(collection), V_INT(version), V_TEXT(model), V_BLOB(str_n((const char *)vector, dimensions * sizeof(float)))), NULL);
		if (err || !indexed)
			continue;
		err = vector_text(tx_arena(tx), vector, dimensions, &text);
		if (!err)
			err = tx_exec(tx, &stmt_vector_index_put, PARAMS(V_INT(chunks[i]), V_INT(collection), V_INT(version), V_TEXT(model), V_TEXT(text)), NULL);
	}
	return err ? err : tx_notify(tx, topic);
}

const struct err *
vectors_remove(struct tx *tx, int64_t collection, int64_t version)
{
	struct rows rows;
	const struct err *err;

	if (store_engine_of(tx_store(tx)) == STORE_POSTGRES) {
		err = tx_exec(tx, &stmt_vector_index_drop, PARAMS(V_INT(version)), NULL);
	} else {
		err = tx_exec(tx, &stmt_vector_drop_note, PARAMS(V_INT(collection), V_INT(version)), &rows);
		if (!err)
			err = tx_exec(tx, &stmt_vector_drop_forget, PARAMS(V_INT(rows_int(&rows, 0, 0) - DROPS_KEPT)), NULL);
	}
	return err ? err : tx_notify(tx, topic);
}
