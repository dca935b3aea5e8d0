/*
 * file_batch.c - files put into a collection together, in one commit. See knowledge.h.
 */
#include "knowledge/inside.h"

enum { MEMBERS_MAX = 2000 };

struct batch_tx {
	int64_t tenant, collection, row;
	struct str id;
	struct put *puts;
	size_t count;
};

static const struct err *
not_found(struct arena *arena, struct str id)
{
	return err_param(arena, ERR_NOT_FOUND, "batch_id", "not_found", "there is no file batch '%" STR_F "' in this collection", STR_A(str_slice(id, 0, 100)));
}

const struct err *
file_batch_row(struct knowledge *k, struct arena *arena, int64_t tenant, int64_t collection, struct str id, int64_t *row)
{
	struct rows rows;
	const struct err *err = store_query(k->store, arena, &stmt_file_batch_by_key, PARAMS(V_INT(tenant), V_INT(collection), V_TEXT(id)), &rows);

	if (!err && rows.count == 0)
		err = not_found(arena, id);
	if (!err)
		*row = rows_int(&rows, 0, 0);
	return err;
}

const struct err *
file_batch_get(struct knowledge *k, struct arena *arena, int64_t tenant, struct str collection, struct str id, struct file_batch *out)
{
	struct collection found;
	struct rows rows, counts;
	const struct err *err = collection_get(k, arena, tenant, collection, &found);

	if (!err)
		err = store_query(k->store, arena, &stmt_file_batch_by_key, PARAMS(V_INT(tenant), V_INT(found.row), V_TEXT(id)), &rows);
	if (!err && rows.count == 0)
		err = not_found(arena, id);
	if (!err)
		err = store_query(k->store, arena, &stmt_file_batch_count, PARAMS(V_INT(rows_int(&rows, 0, 0))), &counts);
	if (err)
		return err;
	*out = (struct file_batch){ .id = rows_text(&rows, 0, 1), .collection_id = found.id, .created_us = rows_int(&rows, 0, 2), .cancelled = rows_int(&rows, 0, 3) };
	for (size_t i = 0; i < counts.count; i++)
		if (rows_int(&counts, i, 0) >= 0 && rows_int(&counts, i, 0) < VERSION_STATUSES)
			out->by_status[rows_int(&counts, i, 0)] = rows_int(&counts, i, 1);
	return NULL;
}

static MAY_PARK const struct err *
create_tx(struct tx *tx, void *arg)
{
	const struct batch_tx *batch = arg;
	struct rows rows;
	const struct err *err = tx_exec(tx, &stmt_file_batch_insert,
		PARAMS(V_INT(batch->tenant), V_TEXT(batch->id), V_INT(batch->collection), V_INT(clock_wall_us())), &rows);

	for (size_t i = 0; !err && i < batch->count; i++) {
		struct put *put = &batch->puts[i];

		err = put_in_tx(tx, put);
		if (!err)
			err = tx_exec(tx, &stmt_file_batch_member_insert, PARAMS(V_INT(rows_int(&rows, 0, 0)), V_INT(put->document), V_INT(put->version)), NULL);
	}
	return err ? err : work_notify(tx);
}

const struct err *
file_batch_create(struct knowledge *k, struct arena *arena, int64_t tenant, struct str collection, const struct document_source *sources, size_t count,
	struct file_batch *out)
{
	struct batch_tx batch = { .tenant = tenant, .id = public_id_new(arena, "vsfb_"), .puts = arena_array(arena, count, sizeof(struct put)), .count = count };
	const struct err *err;

	if (count == 0 || count > MEMBERS_MAX)
		return err_param(arena, ERR_INVALID, "file_ids", NULL, "a batch has 1 to %d files", MEMBERS_MAX);
	if (!batch.puts || !batch.id.ptr)
		return &err_no_memory;
	err = collection_row(k, arena, tenant, collection, &batch.collection);
	for (size_t i = 0; !err && i < count; i++)
		err = put_prepare(k, arena, tenant, batch.collection, &sources[i], &batch.puts[i]);
	if (!err)
		err = store_tx(k->store, arena, create_tx, &batch);
	return err ? err : file_batch_get(k, arena, tenant, collection, batch.id, out);
}

static MAY_PARK const struct err *
cancel_tx(struct tx *tx, void *arg)
{
	const struct batch_tx *batch = arg;
	const struct err *err = tx_exec(tx, &stmt_file_batch_cancel, PARAMS(V_INT(batch->row)), NULL);

	return err ? err : tx_exec(tx, &stmt_file_batch_versions_cancel, PARAMS(V_INT(batch->row)), NULL);
}

const struct err *
file_batch_cancel(struct knowledge *k, struct arena *arena, int64_t tenant, struct str collection, struct str id, struct file_batch *out)
{
	struct batch_tx batch = { .tenant = tenant };
	const struct err *err = collection_row(k, arena, tenant, collection, &batch.collection);

	if (!err)
		err = file_batch_row(k, arena, tenant, batch.collection, id, &batch.row);
	if (!err)
		err = store_tx(k->store, arena, cancel_tx, &batch);
	return err ? err : file_batch_get(k, arena, tenant, collection, id, out);
}
