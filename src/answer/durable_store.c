/*
 * durable_store.c - the rows of streams that go on. See durable.h; the table is explained in migrations/0701_stream.sql.
 */
#include "answer/answer_sql.h"
#include "answer/durable_inside.h"
#include "base/clock.h"

struct beginning {
	const struct durable_spec *spec;
	struct str owner;
};

static MAY_PARK const struct err *
insert_tx(struct tx *tx, void *arg)
{
	const struct beginning *beginning = arg;
	const struct durable_spec *spec = beginning->spec;

	if (spec->kind == DURABLE_RESPONSE)
		return response_kept_write(tx, spec->response);
	return tx_exec(tx, &stmt_stream_insert,
		PARAMS(V_INT(spec->tenant), V_TEXT(spec->id), V_TEXT(spec->alias), V_TEXT(spec->key_id), V_INT(spec->kind), V_INT(clock_wall_us()), V_TEXT(beginning->owner),
			V_INT(durable_lease_us())),
		NULL);
}

MAY_PARK const struct err *
durable_insert(struct store *store, struct arena *arena, const struct durable_spec *spec, struct str owner)
{
	struct beginning beginning = { spec, owner };

	return store_tx(store, arena, insert_tx, &beginning);
}

static MAY_PARK const struct err *
write_one(struct tx *tx, struct durable_write *write, int64_t lease_until_us)
{
	struct rows rows;
	const struct err *err;

	if (write->kind == DURABLE_RESPONSE) {
		const struct response_progress progress = { .tenant = write->tenant,
			.id = write->id,
			.lease_until_us = lease_until_us,
			.frames = write->events,
			.first = write->first,
			.last = write->last };

		return response_progress(tx, &progress, &write->there, &write->cancel);
	}
	err = tx_exec(tx, &stmt_stream_renew, PARAMS(V_INT(write->tenant), V_TEXT(write->id), V_INT(lease_until_us), V_TEXT(write->alias)), &rows);
	if (err)
		return err;
	write->there = rows.count > 0;
	write->cancel = write->there && rows_int(&rows, 0, 0) != 0;
	return write->there ? response_events_put(tx, write->tenant, write->id, write->first, write->last, write->events) : NULL;
}

static MAY_PARK const struct err *
batch_tx(struct tx *tx, void *arg)
{
	struct durable_batch *batch = arg;
	int64_t lease_until_us = durable_lease_us();
	const struct err *err = NULL;

	for (size_t i = 0; i < batch->count && !err; i++)
		err = write_one(tx, &batch->writes[i], lease_until_us);
	return err;
}

MAY_PARK const struct err *
durable_batch_write(struct store *store, struct arena *arena, struct durable_batch *batch)
{
	return store_tx(store, arena, batch_tx, batch);
}

MAY_PARK const struct err *
durable_end_in(struct tx *tx, const struct durable_write *write, bool seen)
{
	bool response = write->kind == DURABLE_RESPONSE;
	struct rows rows;
	const struct err *err = response ? tx_exec(tx, &stmt_response_there, PARAMS(V_INT(write->tenant), V_TEXT(write->id)), &rows)
					 : tx_exec(tx, &stmt_stream_end,
						   PARAMS(V_INT(write->tenant), V_TEXT(write->id), V_INT(clock_wall_us()), V_TEXT(write->alias), V_INT(seen)), &rows);

	if (err || !(response ? rows.count : (size_t)rows.changed)) /* it was ended by others, or deleted */
		return err;
	err = response_events_put(tx, write->tenant, write->id, write->first, write->last, write->events);
	return err ? err : response_events_put(tx, write->tenant, write->id, write->last + 1, write->end_last, write->end);
}

/* --- reading --- */

MAY_PARK const struct err *
durable_get(struct store *store, struct arena *arena, int64_t tenant, enum durable_kind kind, struct str id, struct str key_id, struct durable_stored *out, bool *found)
{
	const struct value *params = PARAMS(V_INT(tenant), V_TEXT(id), V_INT(kind), V_TEXT(key_id));
	struct rows rows;
	const struct err *err = store_query(store, arena, &stmt_stream_get, params, &rows);

	if (!err && rows.count == 0)
		err = store_query(store, arena, &stmt_stream_find, params, &rows);
	*found = !err && rows.count > 0;
	if (!*found)
		return err;
	*out = (struct durable_stored){
		.id = rows_text(&rows, 0, 0),
		.alias = rows_text(&rows, 0, 1),
		.key_id = rows_text(&rows, 0, 2),
		.owner = rows_text(&rows, 0, 3),
		.created_us = rows_int(&rows, 0, 4),
		.ended_us = rows_int(&rows, 0, 5),
		.seen = rows_int(&rows, 0, 6) != 0,
		.lease_until_us = rows_int(&rows, 0, 7),
	};
	return NULL;
}

struct lost {
	int64_t tenant, first, last;
	const struct durable_stored *stored;
	struct str events;
};

/* Not if its lease was renewed since it was found to be over: its process is there after all, and may have said more. */
static MAY_PARK const struct err *
end_tx(struct tx *tx, void *arg)
{
	const struct lost *lost = arg;
	struct rows rows;
	const struct err *err = tx_exec(tx, &stmt_stream_end_lost,
		PARAMS(V_INT(lost->tenant), V_TEXT(lost->stored->id), V_INT(clock_wall_us()), V_INT(lost->stored->lease_until_us)), &rows);

	return err || !rows.changed ? err : response_events_put(tx, lost->tenant, lost->stored->id, lost->first, lost->last, lost->events);
}

MAY_PARK const struct err *
durable_end(struct store *store, struct arena *arena, int64_t tenant, const struct durable_stored *stored, struct str events, int64_t first, int64_t last)
{
	struct lost lost = { tenant, first, last, stored, events };

	return store_tx(store, arena, end_tx, &lost);
}

struct named {
	const struct stmt *stmt;
	int64_t tenant;
	struct str id;
};

static MAY_PARK const struct err *
named_tx(struct tx *tx, void *arg)
{
	const struct named *named = arg;

	return tx_exec(tx, named->stmt, PARAMS(V_INT(named->tenant), V_TEXT(named->id)), NULL);
}

MAY_PARK const struct err *
durable_seen(struct store *store, struct arena *arena, int64_t tenant, struct str id)
{
	struct named named = { &stmt_stream_seen, tenant, id };

	return store_tx(store, arena, named_tx, &named);
}

MAY_PARK const struct err *
durable_want_cancel(struct store *store, struct arena *arena, int64_t tenant, struct str id)
{
	struct named named = { &stmt_stream_want_cancel, tenant, id };

	return store_tx(store, arena, named_tx, &named);
}

/* --- retention --- */

static MAY_PARK const struct err *
delete_tx(struct tx *tx, void *arg)
{
	const struct rows *rows = arg;
	const struct err *err = NULL;

	for (size_t i = 0; i < rows->count && !err; i++) {
		const struct value *params = PARAMS(V_INT(rows_int(rows, i, 0)), V_TEXT(rows_text(rows, i, 1)));

		err = tx_exec(tx, &stmt_stream_delete, params, NULL);
		if (!err)
			err = tx_exec(tx, &stmt_response_event_delete, params, NULL);
	}
	return err;
}

MAY_PARK const struct err *
durable_retain(struct store *store, struct arena *arena, int64_t before_us, bool *more)
{
	struct rows rows;
	const struct err *err = store_query(store, arena, &stmt_stream_retain, PARAMS(V_INT(before_us), V_INT(clock_wall_us()), V_INT(DURABLE_STEP)), &rows);

	if (!err && rows.count)
		err = store_tx(store, arena, delete_tx, &rows);
	*more = !err && rows.count == DURABLE_STEP;
	return err;
}
