/*
 * entry.c - see entry.h. Deleting goes in steps of STEP rows with rests between, so that answers never wait for it.
 */
#include "cache/entry.h"

#include "base/clock.h"
#include "cache/cache_sql.h"
#include "rt/fiber.h"

enum { STEP = 500 };
static const int64_t REST_US = 100 * USEC_PER_MS;

static void
entry_read(const struct rows *rows, int64_t tenant, struct cache_entry *out)
{
	*out = (struct cache_entry){ .tenant = tenant, .created_us = rows_int(rows, 0, 0), .interaction = rows_text(rows, 0, 1), .provider = rows_text(rows, 0, 2),
		.target_model = rows_text(rows, 0, 3), .input = rows_int(rows, 0, 4), .output = rows_int(rows, 0, 5), .cost_nanos = rows_int(rows, 0, 6), .body = rows_text(rows, 0, 7), .expires_us = rows_int(rows, 0, 8) };
}

MAY_PARK const struct err *
entry_find(struct store *store, struct arena *arena, int64_t tenant, const unsigned char *hash, int64_t after_us, struct cache_entry *out, bool *found)
{
	struct str key = str_n((const char *)hash, HASH_SHA256_SIZE);
	struct rows rows;
	const struct err *err = store_query(store, arena, &stmt_cache_find, PARAMS(V_INT(tenant), V_BLOB(key), V_INT(clock_wall_us()), V_INT(after_us)), &rows);

	*found = !err && rows.count > 0;
	if (*found) {
		entry_read(&rows, tenant, out);
		memcpy(out->hash, hash, sizeof(out->hash));
	}
	return err;
}

MAY_PARK const struct err *
entry_get(struct store *store, struct arena *arena, int64_t tenant, int64_t id, struct cache_entry *out, bool *found)
{
	struct rows rows;
	const struct err *err = store_query(store, arena, &stmt_cache_get, PARAMS(V_INT(tenant), V_INT(id)), &rows);

	*found = !err && rows.count > 0;
	if (*found)
		entry_read(&rows, tenant, out);
	return err;
}

MAY_PARK const struct err *
entry_near(struct store *store, struct arena *arena, int64_t tenant, const unsigned char *near, struct str embedder, int64_t after_us, int64_t most, struct rows *out)
{
	struct str key = str_n((const char *)near, HASH_SHA256_SIZE);

	return store_query(store, arena, &stmt_cache_near, PARAMS(V_INT(tenant), V_BLOB(key), V_TEXT(embedder), V_INT(clock_wall_us()), V_INT(after_us), V_INT(most)), out);
}

MAY_PARK const struct err *
entry_put(struct tx *tx, const struct cache_entry *entry)
{
	struct str hash = str_n((const char *)entry->hash, sizeof(entry->hash));

	return tx_send(tx, &stmt_cache_put,
		PARAMS(V_INT(entry->tenant), V_BLOB(hash), V_TEXT(entry->model), V_BLOB(entry->interaction), V_TEXT(entry->provider), V_TEXT(entry->target_model),
			V_INT(entry->created_us), V_INT(entry->expires_us), V_INT(entry->body.len + (entry->vector.ptr ? entry->vector.len : 0)), V_INT(entry->input),
			V_INT(entry->output), V_INT(entry->cost_nanos), entry->near.ptr ? V_BLOB(entry->near) : V_NULL, V_TEXT_OR_NULL(entry->embedder),
			entry->vector.ptr ? V_BLOB(entry->vector) : V_NULL, V_BLOB(entry->body)));
}

MAY_PARK const struct err *
entry_stats(struct store *store, struct arena *arena, int64_t tenant, struct cache_figures **out, size_t *count)
{
	struct rows rows;
	const struct err *err = tenant ? store_query(store, arena, &stmt_cache_stats, PARAMS(V_INT(tenant)), &rows) : store_query(store, arena, &stmt_cache_stats_all, NO_PARAMS, &rows);

	*count = 0;
	if (err)
		return err;
	*out = arena_array(arena, rows.count + 1, sizeof(**out));
	if (!*out)
		return &err_no_memory;
	for (; *count < rows.count; (*count)++)
		(*out)[*count] = (struct cache_figures){ rows_text(&rows, *count, 0), rows_int(&rows, *count, 1), rows_int(&rows, *count, 2) };
	return NULL;
}

/* --- deleting --- */

struct step {
	const struct stmt *stmt;
	const struct value *params;
	bool told;      /* all nodes are to know at once */
	int64_t deleted;
};

static MAY_PARK const struct err *
delete_some(struct tx *tx, void *arg)
{
	struct step *step = arg;
	struct rows result;
	const struct err *err = tx_exec(tx, step->stmt, step->params, &result);

	step->deleted = err ? 0 : result.changed;
	return !err && step->told && step->deleted ? tx_notify(tx, CACHE_TOPIC) : err;
}

MAY_PARK const struct err *
entry_clear(struct store *store, struct arena *arena, int64_t tenant, struct str model, int64_t *deleted)
{
	struct step step = { &stmt_cache_clear, PARAMS(V_INT(tenant), V_TEXT(model), V_INT(STEP)), true, STEP };
	const struct err *err = NULL;

	*deleted = 0;
	while (!err && step.deleted == STEP) {
		err = store_tx(store, arena, delete_some, &step);
		*deleted += err ? 0 : step.deleted;
	}
	return err;
}

static MAY_PARK const struct err *
expire(struct store *store, struct arena *arena)
{
	struct step step = { &stmt_cache_expire, PARAMS(V_INT(clock_wall_us()), V_INT(STEP)), false, STEP };
	const struct err *err = NULL;

	while (!err && step.deleted == STEP) {
		err = store_tx(store, arena, delete_some, &step);
		if (!err && step.deleted == STEP)
			err = fiber_sleep_us(REST_US);
	}
	return err;
}

/* The oldest of them, as many as are too much, at most STEP. */
static MAY_PARK const struct err *
drop_oldest(struct store *store, struct arena *arena, int64_t *too_much)
{
	struct rows rows;
	const struct err *err = store_query(store, arena, &stmt_cache_oldest, PARAMS(V_INT(STEP)), &rows);
	int64_t last = 0;

	if (err)
		return err;
	if (rows.count == 0)
		*too_much = 0;
	for (size_t i = 0; i < rows.count && *too_much > 0; i++) {
		last = rows_int(&rows, i, 0);
		*too_much -= rows_int(&rows, i, 1);
	}
	return last ? store_tx(store, arena, delete_some, &(struct step){ &stmt_cache_drop, PARAMS(V_INT(last)), false, 0 }) : NULL;
}

MAY_PARK const struct err *
entry_sweep(struct store *store, struct arena *arena, int64_t bytes_max, int64_t bytes_now)
{
	const struct err *err = expire(store, arena);
	int64_t too_much = bytes_max ? bytes_now - bytes_max : 0;

	while (!err && too_much > 0) {
		err = drop_oldest(store, arena, &too_much);
		if (!err && too_much > 0)
			err = fiber_sleep_us(REST_US);
	}
	return err;
}
