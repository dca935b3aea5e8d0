/*
 * collection.c - collections: made, found, listed, changed, deleted. See knowledge.h.
 */
#include "knowledge/inside.h"

enum { COL_ROW, COL_ID, COL_NAME, COL_DESCRIPTION, COL_METADATA, COL_TOKENS, COL_OVERLAP, COL_EXPIRES, COL_CREATED, COL_ACTIVE, COL_LOCAL };
enum { NAME_MAX_BYTES = 256 };
#define USEC_PER_DAY (86400 * USEC_PER_SEC)

static const struct err *
not_found(struct arena *arena, struct str key)
{
	return err_param(arena, ERR_NOT_FOUND, NULL, "not_found", "there is no collection (vector store) '%" STR_F "'", STR_A(str_slice(key, 0, NAME_MAX_BYTES)));
}

static void
collection_read(const struct rows *rows, size_t row, struct collection *out)
{
	*out = (struct collection){
		.row = rows_int(rows, row, COL_ROW),
		.id = rows_text(rows, row, COL_ID),
		.name = rows_text(rows, row, COL_NAME),
		.description = rows_text(rows, row, COL_DESCRIPTION),
		.metadata = rows_text(rows, row, COL_METADATA),
		.chunk_tokens_max = (unsigned)rows_int(rows, row, COL_TOKENS),
		.chunk_tokens_overlap = (unsigned)rows_int(rows, row, COL_OVERLAP),
		.expires_after_days = rows_int(rows, row, COL_EXPIRES),
		.created_us = rows_int(rows, row, COL_CREATED),
		.last_active_us = rows_int(rows, row, COL_ACTIVE),
		.local_only = rows_int(rows, row, COL_LOCAL) != 0,
	};
	out->expired = out->expires_after_days && out->last_active_us + out->expires_after_days * USEC_PER_DAY < clock_wall_us();
}

static MAY_PARK const struct err *
collection_fill(struct knowledge *k, struct arena *arena, struct collection *c)
{
	int64_t *by_status[] = { [VERSION_QUEUED] = &c->queued, [VERSION_WORDS] = &c->words_only, [VERSION_READY] = &c->ready,
		[VERSION_FAILED] = &c->failed, [VERSION_CANCELLED] = &c->cancelled, [VERSION_HELD] = &c->held };
	struct rows rows;
	const struct err *err = store_query(k->store, arena, &stmt_collection_count, PARAMS(V_INT(c->row)), &rows);

	for (size_t i = 0; !err && i < rows.count; i++) {
		int64_t status = rows_int(&rows, i, 0);

		if (status >= 0 && status < (int64_t)COUNT(by_status))
			*by_status[status] = rows_int(&rows, i, 1);
		c->documents += rows_int(&rows, i, 1);
		c->bytes += rows_int(&rows, i, 2);
		c->chunks += rows_int(&rows, i, 3);
		c->chunks_embedded += rows_int(&rows, i, 4);
	}
	return err;
}

const struct err *
collection_row(struct knowledge *k, struct arena *arena, int64_t tenant, struct str id_or_name, int64_t *row)
{
	struct rows rows;
	const struct err *err = store_query(k->store, arena, &stmt_collection_by_key, PARAMS(V_INT(tenant), V_TEXT(id_or_name)), &rows);

	if (err || rows.count == 0)
		return err ? err : not_found(arena, id_or_name);
	*row = rows_int(&rows, 0, COL_ROW);
	return NULL;
}

const struct err *
collection_get(struct knowledge *k, struct arena *arena, int64_t tenant, struct str id_or_name, struct collection *out)
{
	struct rows rows;
	const struct err *err = store_query(k->store, arena, &stmt_collection_by_key, PARAMS(V_INT(tenant), V_TEXT(id_or_name)), &rows);

	if (err || rows.count == 0)
		return err ? err : not_found(arena, id_or_name);
	collection_read(&rows, 0, out);
	return collection_fill(k, arena, out);
}

const struct err *
collection_generation(struct knowledge *k, struct arena *arena, int64_t tenant, struct str id_or_name, struct collection *out)
{
	struct rows rows;
	const struct err *err = store_query(k->store, arena, &stmt_collection_generation, PARAMS(V_INT(tenant), V_TEXT(id_or_name)), &rows);

	if (err || rows.count == 0)
		return err ? err : not_found(arena, id_or_name);
	*out = (struct collection){ .row = rows_int(&rows, 0, 0), .generation = rows_int(&rows, 0, 1), .expires_after_days = rows_int(&rows, 0, 2), .last_active_us = rows_int(&rows, 0, 3),
		.local_only = rows_int(&rows, 0, 4) != 0, .name = rows_text(&rows, 0, 5), .id = rows_text(&rows, 0, 6) };
	return NULL;
}

struct collection_tx {
	int64_t tenant, row;
	struct str id;
	const struct collection *wanted;
	bool only_first;       /* make it only when nothing is found by its name */
	int64_t now_us;
};

/* The name, unless another collection is found by it already: then this one is found by its id alone. */
static MAY_PARK const struct err *
handle_choose(struct tx *tx, int64_t tenant, struct str name, struct value *out)
{
	struct rows rows;
	const struct err *err = tx_exec(tx, &stmt_collection_handle_taken, PARAMS(V_INT(tenant), V_TEXT(name)), &rows);

	*out = !err && name.len && rows.count == 0 ? V_TEXT(name) : V_NULL;
	return err;
}

static MAY_PARK const struct err *
create_tx(struct tx *tx, void *arg)
{
	const struct collection_tx *c = arg;
	const struct collection *wanted = c->wanted;
	struct value handle;
	const struct err *err = handle_choose(tx, c->tenant, wanted->name, &handle);

	if (err || (c->only_first && handle.type == VALUE_NULL))
		return err;
	return tx_exec(tx, &stmt_collection_insert,
		PARAMS(V_INT(c->tenant), V_TEXT(c->id), V_TEXT(wanted->name), handle, V_TEXT(wanted->description),
			V_TEXT(wanted->metadata.len ? wanted->metadata : STR("{}")), V_INT(wanted->chunk_tokens_max), V_INT(wanted->chunk_tokens_overlap),
			V_INT(wanted->expires_after_days), V_INT(c->now_us), V_INT(wanted->local_only)),
		NULL);
}

/* *id: of the new one, if it was made. */
static MAY_PARK const struct err *
create(struct knowledge *k, struct arena *arena, int64_t tenant, const struct collection *wanted, bool only_first, struct str *id)
{
	struct collection_tx tx = { .tenant = tenant, .wanted = wanted, .only_first = only_first, .now_us = clock_wall_us(), .id = public_id_new(arena, "vs_") };

	if (wanted->name.len > NAME_MAX_BYTES)
		return err_param(arena, ERR_INVALID, "name", NULL, "a name has at most %d bytes", NAME_MAX_BYTES);
	if (str_starts(wanted->name, STR("vs_")))
		return err_param(arena, ERR_INVALID, "name", NULL, "a name must not begin with 'vs_', which begins ids");
	*id = tx.id;
	return tx.id.ptr ? store_tx(k->store, arena, create_tx, &tx) : &err_no_memory;
}

const struct err *
collection_create(struct knowledge *k, struct arena *arena, int64_t tenant, const struct collection *wanted, struct collection *out)
{
	struct str id;
	const struct err *err = create(k, arena, tenant, wanted, false, &id);

	return err ? err : collection_get(k, arena, tenant, id, out);
}

const struct err *
collection_ensure(struct knowledge *k, struct arena *arena, int64_t tenant, struct str name, struct collection *out)
{
	const struct collection wanted = { .name = name, .description = STR_EMPTY, .metadata = STR_EMPTY };
	const struct err *err = collection_get(k, arena, tenant, name, out);
	struct str id;

	if (!err || err->kind != ERR_NOT_FOUND)
		return err;
	err = create(k, arena, tenant, &wanted, true, &id);
	return err ? err : collection_get(k, arena, tenant, name, out);
}

const struct err *
collection_list(struct knowledge *k, struct arena *arena, int64_t tenant, const struct page_spec *spec, struct collection **out, size_t *count, bool *more)
{
	int64_t after = 0, before = 0;
	const struct err *err = NULL;
	struct keyset keyset;
	struct rows rows;

	if (spec->after.len)
		err = collection_row(k, arena, tenant, spec->after, &after);
	if (!err && spec->before.len)
		err = collection_row(k, arena, tenant, spec->before, &before);
	if (err)
		return err;
	keyset_make(spec, after, before, &keyset);
	err = store_query(k->store, arena, keyset.down ? &stmt_collection_page_down : &stmt_collection_page_up,
		PARAMS(V_INT(tenant), V_INT(keyset.low), V_INT(keyset.high), V_INT(keyset.limit + 1)), &rows);
	if (err)
		return err;
	*count = keyset_count(&keyset, &rows, more);
	*out = arena_array(arena, *count, sizeof(**out));
	if (!*out)
		return &err_no_memory;
	for (size_t i = 0; i < *count && !err; i++) {
		collection_read(&rows, keyset_row(&keyset, *count, i), &(*out)[i]);
		err = collection_fill(k, arena, &(*out)[i]);
	}
	return err;
}

static MAY_PARK const struct err *
update_tx(struct tx *tx, void *arg)
{
	const struct collection_tx *c = arg;
	const struct collection *wanted = c->wanted;
	struct value handle;
	const struct err *err;
	struct rows rows;

	/* A collection keeps its handle as long as it keeps its name. */
	err = tx_exec(tx, &stmt_collection_by_key, PARAMS(V_INT(c->tenant), V_TEXT(wanted->name)), &rows);
	if (!err && rows.count && rows_int(&rows, 0, COL_ROW) == c->row)
		handle = V_TEXT(wanted->name);
	else if (!err)
		err = handle_choose(tx, c->tenant, wanted->name, &handle);
	if (err)
		return err;
	err = tx_exec(tx, &stmt_collection_update,
		PARAMS(V_INT(c->tenant), V_INT(c->row), V_TEXT(wanted->name), handle, V_TEXT(wanted->description), V_TEXT(wanted->metadata),
			V_INT(wanted->expires_after_days), V_INT(wanted->local_only)),
		NULL);
	if (!err && !wanted->local_only) /* what was held back for its mark may be embedded now */
		err = tx_exec(tx, &stmt_version_look_again, PARAMS(V_INT(c->tenant), V_INT(c->row)), NULL);
	return err ? err : work_notify(tx);
}

const struct err *
collection_update(struct knowledge *k, struct arena *arena, int64_t tenant, struct str id, const struct collection *wanted, struct collection *out)
{
	struct collection_tx tx = { .tenant = tenant, .wanted = wanted };
	const struct err *err;

	if (wanted->name.len > NAME_MAX_BYTES || str_starts(wanted->name, STR("vs_")))
		return err_param(arena, ERR_INVALID, "name", NULL, "a name has at most %d bytes and does not begin with 'vs_'", NAME_MAX_BYTES);
	err = collection_row(k, arena, tenant, id, &tx.row);
	if (!err)
		err = store_tx(k->store, arena, update_tx, &tx);
	return err ? err : collection_get(k, arena, tenant, id, out);
}

static MAY_PARK const struct err *
delete_tx(struct tx *tx, void *arg)
{
	const struct collection_tx *c = arg;
	const struct err *err = tx_exec(tx, &stmt_collection_mark_deleted, PARAMS(V_INT(c->tenant), V_INT(c->row), V_INT(c->now_us)), NULL);

	return err ? err : work_notify(tx);
}

const struct err *
collection_delete(struct knowledge *k, struct arena *arena, int64_t tenant, struct str id_or_name)
{
	struct collection_tx tx = { .tenant = tenant, .now_us = clock_wall_us() };
	const struct err *err = collection_row(k, arena, tenant, id_or_name, &tx.row);

	return err ? err : store_tx(k->store, arena, delete_tx, &tx);
}

static MAY_PARK const struct err *
used_tx(struct tx *tx, void *arg)
{
	const struct collection_tx *c = arg;

	return tx_exec(tx, &stmt_collection_touch, PARAMS(V_INT(c->row), V_INT(c->now_us)), NULL);
}

const struct err *
collection_used(struct knowledge *k, struct arena *arena, const struct collection *collection)
{
	struct collection_tx tx = { .row = collection->row, .now_us = clock_wall_us() };

	if (!collection->expires_after_days || tx.now_us - collection->last_active_us < 3600 * USEC_PER_SEC)
		return NULL;
	return store_tx(k->store, arena, used_tx, &tx);
}
