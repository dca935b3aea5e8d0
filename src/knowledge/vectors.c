/*
 * vectors.c - searching vectors on either engine, and writing them.
 *
 * Both engines give candidates by scores that are a little off: SQLite from bytes in memory, PostgreSQL from half precision. The best of them are scored again from the
 * vectors themselves.
 */
#include "knowledge/vectors.h"

#include <stdlib.h>

#include "base/buf.h"
#include "json/json.h"
#include "knowledge/search_sql.h"
#include "knowledge/vectors_held.h"
#include "rt/group.h"

enum {
	GRAPH_DIMENSIONS = 384,  /* that the migration made an index for */
	EXACT_ROWS_MAX = 20000,  /* pgvector: what it compares one by one in a few milliseconds */
	RESCORED = 128,          /* of the scan's candidates, that are scored exactly */
	DROPS_KEPT = 65536,
};

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
	struct slice slices[VECTORS_SLICES_MAX];
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
	struct held *held;
	const struct err *err;

	*out = (struct vector_hits){ 0 };
	err = held_take(vectors, arena, query, &held);
	if (err)
		return err;
	out->vectors = in_memory ? vector_table_count(held->table) : atomic_load(&held->count);
	err = in_memory ? scan(vectors, held, arena, query, out) : ask_index(vectors, held, arena, query, out);
	if (!err && out->count > 0)
		err = rescore(vectors, arena, query, in_memory && out->count > RESCORED ? RESCORED : out->count, out);
	held_release(vectors, held);
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
	return err ? err : tx_notify(tx, VECTORS_TOPIC);
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
	return err ? err : tx_notify(tx, VECTORS_TOPIC);
}
