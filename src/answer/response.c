/*
 * response.c - writing and reading stored responses. See response.h; the tables are explained in migrations/0700_response.sql.
 */
#include "answer/response.h"

#include "answer/answer_sql.h"
#include "answer/response_inside.h"
#include "base/clock.h"

enum { ITEMS_MAX = 16384, CHAIN_MAX = 8192 };

/* --- writing --- */

const struct err *
response_kept_prepare(struct arena *arena, struct response_kept *kept)
{
	kept->hashes = arena_array(arena, kept->item_count + 1, sizeof(*kept->hashes));
	if (!kept->hashes)
		return &err_no_memory;
	for (size_t i = 0; i < kept->item_count; i++)
		hash_sha256(kept->items[i].body, kept->hashes[i]);
	hash_sha256(kept->head, kept->head_hash);
	kept->day = response_today();
	return NULL;
}

/* Behind what the conversation has. */
static MAY_PARK const struct err *
write_to_conversation(struct tx *tx, const struct response_kept *kept)
{
	struct rows last;
	const struct err *err = tx_exec(tx, &stmt_item_last, PARAMS(V_INT(kept->tenant), V_TEXT(kept->conversation)), &last);
	int64_t position = err ? 0 : rows_int(&last, 0, 0);

	for (size_t i = 0; i < kept->item_count && !err; i++)
		err = response_item_put_row(tx, kept->tenant, kept->conversation, ++position, &kept->items[i], kept->hashes[i]);
	return err ? err : tx_exec(tx, &stmt_conversation_use, PARAMS(V_INT(kept->tenant), V_TEXT(kept->conversation), V_INT(kept->completed_us), V_INT(kept->local_only)), NULL);
}

/* What this goes on from is used today. */
static MAY_PARK const struct err *
touch_context(struct tx *tx, const struct response_kept *kept)
{
	const struct err *err = NULL;

	for (size_t i = 0; i < kept->context_count && !err; i++)
		if (kept->context[i].stale)
			err = tx_exec(tx, &stmt_item_body_touch,
				PARAMS(V_INT(kept->tenant), V_BLOB(str_n((const char *)kept->context[i].hash, HASH_SHA256_SIZE)), V_INT(kept->day)), NULL);
	return err;
}

static bool
ended_well(const struct response_kept *kept)
{
	return str_eq_c(kept->status, "completed") || str_eq_c(kept->status, "incomplete");
}

MAY_PARK const struct err *
response_kept_write(struct tx *tx, const struct response_kept *kept)
{
	const struct err *err;
	bool there = true, cancel;

	if ((kept->background || kept->begun) && kept->completed_us) { /* deleted or ended meanwhile: it stays so */
		const struct response_progress alive = { .tenant = kept->tenant, .id = kept->id };

		err = response_progress(tx, &alive, &there, &cancel);
		if (err || !there)
			return err;
	}
	err = response_body_put(tx, kept->tenant, kept->head_hash, kept->day, kept->head);
	if (!err)
		err = tx_exec(tx, &stmt_response_put,
			PARAMS(V_INT(kept->tenant), V_TEXT(kept->id), V_INT(kept->created_us), V_INT(kept->completed_us), V_TEXT(kept->status), V_INT(kept->background),
				V_TEXT(kept->previous), V_TEXT(kept->conversation), V_TEXT(kept->request_id),
				V_BLOB(str_n((const char *)kept->head_hash, HASH_SHA256_SIZE)), V_TEXT(kept->error), V_TEXT(kept->incomplete), V_TEXT(kept->usage),
				V_TEXT(kept->owner), V_INT(kept->lease_until_us), V_INT(kept->local_only)),
			NULL);
	for (size_t i = 0; i < kept->item_count && !err; i++) {
		err = response_body_put(tx, kept->tenant, kept->hashes[i], kept->day, kept->items[i].body);
		if (!err)
			err = response_item_put_row(tx, kept->tenant, kept->id, (int64_t)i + 1, &kept->items[i], kept->hashes[i]);
	}
	if (!err)
		err = response_events_put(tx, kept->tenant, kept->id, kept->first, kept->last, kept->frames);
	if (!err)
		err = touch_context(tx, kept);
	return err || !kept->conversation.len || !ended_well(kept) ? err : write_to_conversation(tx, kept);
}

/* --- reading --- */

static const struct err *
no_response(struct arena *arena, struct str id, const char *param)
{
	return err_param(arena, ERR_NOT_FOUND, param, "not_found", "there is no response '%" STR_F "'", STR_A(str_slice(id, 0, 100)));
}

MAY_PARK const struct err *
response_get(struct store *store, struct arena *arena, int64_t tenant, struct str id, const char *param, struct response_stored *out)
{
	struct rows rows;
	const struct err *err = store_query(store, arena, &stmt_response_get, PARAMS(V_INT(tenant), V_TEXT(id)), &rows);

	if (err || rows.count == 0)
		return err ? err : no_response(arena, id, param);
	*out = (struct response_stored){
		.id = rows_text(&rows, 0, 0),
		.created_us = rows_int(&rows, 0, 1),
		.completed_us = rows_int(&rows, 0, 2),
		.status = rows_text(&rows, 0, 3),
		.background = rows_int(&rows, 0, 4) != 0,
		.previous = rows_text(&rows, 0, 5),
		.conversation = rows_text(&rows, 0, 6),
		.error = rows_text(&rows, 0, 7),
		.incomplete = rows_text(&rows, 0, 8),
		.usage = rows_text(&rows, 0, 9),
		.owner = rows_text(&rows, 0, 10),
		.lease_until_us = rows_int(&rows, 0, 11),
		.cancel = rows_int(&rows, 0, 12) != 0,
		.head = rows_text(&rows, 0, 13),
	};
	return NULL;
}

static void
read_item(const struct rows *rows, size_t row, struct response_item *out)
{
	struct str hash = rows_text(rows, row, 3);

	*out = (struct response_item){
		.id = rows_text(rows, row, 0),
		.output = rows_int(rows, row, 1) != 0,
		.position = rows_int(rows, row, 2),
		.stale = rows_int(rows, row, 4) < response_today(),
		.body = rows_null(rows, row, 5) ? str_n(NULL, 0) : rows_text(rows, row, 5),
	};
	if (hash.len == HASH_SHA256_SIZE)
		memcpy(out->hash, hash.ptr, HASH_SHA256_SIZE);
}

static const struct err *
read_items(struct arena *arena, const struct rows *rows, struct response_item **out, size_t *count)
{
	struct response_item *items = arena_array(arena, rows->count + 1, sizeof(*items));

	*out = items;
	*count = rows->count;
	if (!items)
		return &err_no_memory;
	for (size_t i = 0; i < rows->count; i++)
		read_item(rows, i, &items[i]);
	return NULL;
}

MAY_PARK const struct err *
response_items(struct store *store, struct arena *arena, int64_t tenant, struct str owner, struct response_item **out, size_t *count)
{
	struct rows rows;
	const struct err *err = store_query(store, arena, &stmt_item_list, PARAMS(V_INT(tenant), V_TEXT(owner), V_INT(ITEMS_MAX)), &rows);

	return err ? err : read_items(arena, &rows, out, count);
}

static MAY_PARK const struct err *
check_chain(struct store *store, struct arena *arena, int64_t tenant, struct str id)
{
	struct rows rows;
	const struct err *err = store_query(store, arena, &stmt_response_chain_missing, PARAMS(V_INT(tenant), V_TEXT(id)), &rows);
	struct str bad;

	if (err || rows.count == 0)
		return err;
	bad = rows_text(&rows, 0, 0);
	if (!rows_null(&rows, 0, 1))
		return err_param(arena, ERR_CONFLICT, "previous_response_id", "previous_response_not_completed",
			"the response '%" STR_F "' is %" STR_F ": one can go on only from a response that is completed", STR_A(bad), STR_A(rows_text(&rows, 0, 1)));
	if (str_eq(bad, id))
		return err_param(arena, ERR_NOT_FOUND, "previous_response_id", "previous_response_not_found", "there is no response '%" STR_F "'", STR_A(str_slice(id, 0, 100)));
	return err_param(arena, ERR_NOT_FOUND, "previous_response_id", "previous_response_not_found",
		"the response '%" STR_F "', from which '%" STR_F "' goes on, was deleted", STR_A(bad), STR_A(str_slice(id, 0, 100)));
}

MAY_PARK const struct err *
response_chain(struct store *store, struct arena *arena, int64_t tenant, struct str id, size_t max, struct response_item **out, size_t *count)
{
	struct rows rows;
	const struct err *err = check_chain(store, arena, tenant, id);

	if (!err)
		err = store_query(store, arena, &stmt_response_chain, PARAMS(V_INT(tenant), V_TEXT(id), V_INT(max + 1)), &rows);
	if (err)
		return err;
	if (rows.count > max)
		return err_param(arena, ERR_TOO_LARGE, "previous_response_id", NULL, "this conversation has over %zu items: begin a new one", max);
	err = read_items(arena, &rows, out, count);
	for (size_t i = 0; !err && i < *count; i++)
		(*out)[i].local_only = rows_int(&rows, i, 6) != 0;
	return err;
}

MAY_PARK const struct err *
response_item_page(struct store *store, struct arena *arena, int64_t tenant, struct str owner, bool input_only, bool descending, struct str after, unsigned limit,
	struct response_item **out, size_t *count, bool *more)
{
	int64_t position = descending ? INT64_MAX : 0;
	const struct err *err = NULL;
	struct rows rows;

	if (after.len) {
		err = store_query(store, arena, &stmt_item_position, PARAMS(V_INT(tenant), V_TEXT(owner), V_TEXT(after)), &rows);
		if (!err && rows.count == 0)
			err = err_param(arena, ERR_INVALID, "after", NULL, "after: there is no item '%" STR_F "' here", STR_A(str_slice(after, 0, 100)));
		if (err)
			return err;
		position = rows_int(&rows, 0, 0);
	}
	err = store_query(store, arena, descending ? &stmt_item_page_down : &stmt_item_page_up,
		PARAMS(V_INT(tenant), V_TEXT(owner), V_INT(input_only ? 0 : 1), V_INT(position), V_INT(limit + 1)), &rows);
	if (err)
		return err;
	*more = rows.count > limit;
	if (*more)
		rows.count = limit;
	return read_items(arena, &rows, out, count);
}

MAY_PARK const struct err *
response_item_get(struct store *store, struct arena *arena, int64_t tenant, struct str owner, struct str id, struct response_item *out)
{
	struct rows rows;
	const struct err *err = owner.len ? store_query(store, arena, &stmt_item_in, PARAMS(V_INT(tenant), V_TEXT(owner), V_TEXT(id)), &rows)
					  : store_query(store, arena, &stmt_item_find, PARAMS(V_INT(tenant), V_TEXT(id)), &rows);

	if (err)
		return err;
	if (rows.count == 0)
		return err_param(arena, ERR_NOT_FOUND, "id", "not_found", "there is no item '%" STR_F "'", STR_A(str_slice(id, 0, 100)));
	read_item(&rows, 0, out);
	out->local_only = !owner.len && rows_int(&rows, 0, 6) != 0;
	return NULL;
}

/* --- deleting --- */

struct deletion {
	int64_t tenant;
	struct str id;
	int64_t deleted;
};

static MAY_PARK const struct err *
delete_tx(struct tx *tx, void *arg)
{
	struct deletion *deletion = arg;
	const struct value *params = PARAMS(V_INT(deletion->tenant), V_TEXT(deletion->id));
	struct rows result;
	const struct err *err = tx_exec(tx, &stmt_response_delete, params, &result);

	deletion->deleted = err ? 0 : result.changed;
	if (!err)
		err = tx_exec(tx, &stmt_item_delete_all, params, NULL);
	return err ? err : tx_exec(tx, &stmt_response_event_delete, params, NULL);
}

MAY_PARK const struct err *
response_delete(struct store *store, struct arena *arena, int64_t tenant, struct str id)
{
	struct deletion deletion = { .tenant = tenant, .id = id };
	const struct err *err = store_tx(store, arena, delete_tx, &deletion);

	return err || deletion.deleted ? err : no_response(arena, id, "response_id");
}

/* --- retention --- */

enum { STEP = 100 };

static MAY_PARK const struct err *
retain_owners(struct store *store, struct arena *arena, const struct stmt *stmt, int64_t before_us, tx_fn *fn)
{
	const struct err *err = NULL;
	struct rows rows = { .count = STEP };

	while (!err && rows.count == STEP) {
		err = store_query(store, arena, stmt, PARAMS(V_INT(before_us), V_INT(STEP)), &rows);
		for (size_t i = 0; !err && i < rows.count; i++) {
			struct deletion deletion = { .tenant = rows_int(&rows, i, 0), .id = rows_text(&rows, i, 1) };

			err = store_tx(store, arena, fn, &deletion);
		}
	}
	return err;
}

static MAY_PARK const struct err *
delete_conversation_tx(struct tx *tx, void *arg)
{
	const struct deletion *deletion = arg;
	const struct value *params = PARAMS(V_INT(deletion->tenant), V_TEXT(deletion->id));
	const struct err *err = tx_exec(tx, &stmt_conversation_delete, params, NULL);

	return err ? err : tx_exec(tx, &stmt_item_delete_all, params, NULL);
}

struct bodies {
	int64_t day, deleted;
};

static MAY_PARK const struct err *
delete_bodies_tx(struct tx *tx, void *arg)
{
	struct bodies *bodies = arg;
	struct rows result;
	const struct err *err = tx_exec(tx, &stmt_retain_item_bodies, PARAMS(V_INT(bodies->day), V_INT(STEP)), &result);

	bodies->deleted = err ? 0 : result.changed;
	return err;
}

MAY_PARK const struct err *
response_retain(struct store *store, struct arena *arena, int64_t before_us)
{
	struct bodies bodies = { .day = before_us / (86400 * USEC_PER_SEC), .deleted = STEP };
	const struct err *err = retain_owners(store, arena, &stmt_retain_responses, before_us, delete_tx);

	if (!err)
		err = retain_owners(store, arena, &stmt_retain_conversations, before_us, delete_conversation_tx);
	while (!err && bodies.deleted == STEP)
		err = store_tx(store, arena, delete_bodies_tx, &bodies);
	return err;
}
