/*
 * response_background.c - what is stored of responses in the making: their lease, their events, and their end when nobody goes on with them. See response.h.
 */
#include "answer/answer_sql.h"
#include "answer/durable.h"
#include "answer/response_inside.h"

/* A row of events is at most so long, or one event: a result holds one row at least, and the rows of one look. */
enum { ROW_BYTES = 1024 * 1024, ROWS_A_LOOK = 16 };

bool
response_unfinished(const struct response_stored *stored)
{
	return str_eq_c(stored->status, "queued") || str_eq_c(stored->status, "in_progress");
}

static MAY_PARK const struct err *
put_row(struct tx *tx, int64_t tenant, struct str id, int64_t first, int64_t last, struct str frames)
{
	return tx_exec(tx, &stmt_response_event_insert, PARAMS(V_INT(tenant), V_TEXT(id), V_INT(last), V_INT(first), V_BLOB(frames)), NULL);
}

MAY_PARK const struct err *
response_events_put(struct tx *tx, int64_t tenant, struct str id, int64_t first, int64_t last, struct str frames)
{
	struct str rest = frames, event;
	const struct err *err = NULL;

	for (int64_t next = first; !err && frames.len > ROW_BYTES && next < last && durable_next_event(&rest, &event);) {
		size_t size = (size_t)(rest.ptr - frames.ptr);
		struct str behind = rest, following;

		next++;
		if (size < ROW_BYTES && durable_next_event(&behind, &following) && size + following.len <= ROW_BYTES)
			continue;
		err = put_row(tx, tenant, id, first, next - 1, str_slice(frames, 0, size));
		frames = rest;
		first = next;
	}
	return err || !frames.len ? err : put_row(tx, tenant, id, first, last, frames);
}

MAY_PARK const struct err *
response_progress(struct tx *tx, const struct response_progress *progress, bool *there, bool *cancel)
{
	const struct value *key = PARAMS(V_INT(progress->tenant), V_TEXT(progress->id), V_TEXT(STR("in_progress")));
	struct rows rows;
	const struct err *err = tx_exec(tx, &stmt_response_set_status, key, NULL);

	if (!err)
		err = tx_exec(tx, &stmt_response_renew, PARAMS(V_INT(progress->tenant), V_TEXT(progress->id), V_INT(progress->lease_until_us)), &rows);
	if (err)
		return err;
	*there = rows.count > 0;
	*cancel = *there && rows_int(&rows, 0, 0) != 0;
	return *there ? response_events_put(tx, progress->tenant, progress->id, progress->first, progress->last, progress->frames) : NULL;
}

MAY_PARK const struct err *
response_events(struct store *store, struct arena *arena, int64_t tenant, struct str id, int64_t after, struct str **out, size_t *count)
{
	struct rows rows;
	const struct err *err = store_query(store, arena, &stmt_response_event_after, PARAMS(V_INT(tenant), V_TEXT(id), V_INT(after), V_INT(ROWS_A_LOOK)), &rows);

	if (err && (err->kind == ERR_TOO_LARGE || err->kind == ERR_NO_MEMORY)) /* several events that are very long: one by one */
		err = store_query(store, arena, &stmt_response_event_after, PARAMS(V_INT(tenant), V_TEXT(id), V_INT(after), V_INT(1)), &rows);
	*count = 0;
	if (err)
		return err;
	*out = arena_array(arena, rows.count + 1, sizeof(**out));
	if (!*out)
		return &err_no_memory;
	for (; *count < rows.count; ++*count)
		(*out)[*count] = rows_text(&rows, *count, 1);
	return NULL;
}

MAY_PARK const struct err *
response_events_last(struct store *store, struct arena *arena, int64_t tenant, struct str id, struct str *out, int64_t *number)
{
	struct rows rows;
	const struct err *err = store_query(store, arena, &stmt_response_event_last, PARAMS(V_INT(tenant), V_TEXT(id)), &rows);
	bool any = !err && rows.count;

	*number = any ? rows_int(&rows, 0, 0) : -1;
	*out = any ? rows_text(&rows, 0, 1) : STR_EMPTY;
	return err;
}

struct wish {
	int64_t tenant;
	struct str id;
};

static MAY_PARK const struct err *
want_cancel_tx(struct tx *tx, void *arg)
{
	const struct wish *wish = arg;

	return tx_exec(tx, &stmt_response_want_cancel, PARAMS(V_INT(wish->tenant), V_TEXT(wish->id)), NULL);
}

MAY_PARK const struct err *
response_want_cancel(struct store *store, struct arena *arena, int64_t tenant, struct str id)
{
	struct wish wish = { tenant, id };

	return store_tx(store, arena, want_cancel_tx, &wish);
}

/* Whoever ends it first has ended it: the others change nothing. Nor has one effect whose lease was renewed: its process is there after all, and may have said more. */
static MAY_PARK const struct err *
end_tx(struct tx *tx, void *arg)
{
	const struct response_end *end = arg;
	int64_t day = response_today(), position = 0;
	struct rows rows;
	const struct err *err = tx_exec(tx, &stmt_response_end,
		PARAMS(V_INT(end->tenant), V_TEXT(end->id), V_TEXT(end->status), V_INT(end->completed_us), V_TEXT(end->error), V_TEXT(STR_EMPTY), V_TEXT(STR_EMPTY),
			V_INT(end->lease_until_us)),
		&rows);

	if (err || !rows.changed)
		return err;
	err = tx_exec(tx, &stmt_item_last, PARAMS(V_INT(end->tenant), V_TEXT(end->id)), &rows);
	if (!err)
		position = rows_int(&rows, 0, 0);
	for (size_t i = 0; i < end->count && !err; i++) {
		err = response_body_put(tx, end->tenant, end->items[i].hash, day, end->items[i].body);
		if (!err)
			err = response_item_put_row(tx, end->tenant, end->id, ++position, &end->items[i], end->items[i].hash);
	}
	return err ? err : response_events_put(tx, end->tenant, end->id, end->sequence, end->sequence, end->frames);
}

MAY_PARK const struct err *
response_end(struct store *store, struct arena *arena, struct response_end *end)
{
	for (size_t i = 0; i < end->count; i++)
		hash_sha256(end->items[i].body, end->items[i].hash);
	return store_tx(store, arena, end_tx, end);
}
