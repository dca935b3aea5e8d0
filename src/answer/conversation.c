/*
 * conversation.c - conversations: lists of items that responses are added to. See response.h.
 */
#include "answer/answer_sql.h"
#include "answer/response_inside.h"
#include "base/clock.h"
#include "base/random.h"

static const struct err *
no_conversation(struct arena *arena, struct str id, const char *param)
{
	return err_param(arena, ERR_NOT_FOUND, param, "not_found", "there is no conversation '%" STR_F "'", STR_A(str_slice(id, 0, 100)));
}

/* One change of a conversation. */
struct change {
	int64_t tenant;
	struct str id, metadata, item;
	int64_t now_us, day;
	struct response_item *items;
	size_t count;
	bool local_only;
	int64_t changed;
};

static struct change
change_of(int64_t tenant, struct str id)
{
	return (struct change){ .tenant = tenant, .id = id, .now_us = clock_wall_us(), .day = response_today() };
}

static MAY_PARK const struct err *
add_items(struct tx *tx, const struct change *change)
{
	struct rows last;
	const struct err *err = tx_exec(tx, &stmt_item_last, PARAMS(V_INT(change->tenant), V_TEXT(change->id)), &last);
	int64_t position = err ? 0 : rows_int(&last, 0, 0);

	for (size_t i = 0; i < change->count && !err; i++) {
		const struct response_item *item = &change->items[i];

		err = response_body_put(tx, change->tenant, item->hash, change->day, item->body);
		if (!err)
			err = response_item_put_row(tx, change->tenant, change->id, ++position, item, item->hash);
	}
	return err;
}

static void
hash_items(struct response_item *items, size_t count)
{
	for (size_t i = 0; i < count; i++)
		hash_sha256(items[i].body, items[i].hash);
}

static MAY_PARK const struct err *
create_tx(struct tx *tx, void *arg)
{
	const struct change *change = arg;
	const struct err *err = tx_exec(tx, &stmt_conversation_insert,
		PARAMS(V_INT(change->tenant), V_TEXT(change->id), V_INT(change->now_us), V_TEXT(change->metadata), V_INT(change->local_only)), NULL);

	return err ? err : add_items(tx, change);
}

MAY_PARK const struct err *
conversation_create(struct store *store, struct arena *arena, int64_t tenant, struct str metadata, bool local_only, struct response_item *items, size_t count,
	struct conversation *out)
{
	struct id id = id_new();
	struct change change = change_of(tenant, arena_printf(arena, "conv_%" STR_F, STR_A(id_str(&id))));

	if (!change.id.ptr)
		return &err_no_memory;
	change.metadata = metadata;
	change.local_only = local_only;
	change.items = items;
	change.count = count;
	hash_items(items, count);
	*out = (struct conversation){ .id = change.id, .metadata = metadata, .created_us = change.now_us, .local_only = local_only };
	return store_tx(store, arena, create_tx, &change);
}

MAY_PARK const struct err *
conversation_get(struct store *store, struct arena *arena, int64_t tenant, struct str id, const char *param, struct conversation *out)
{
	struct rows rows;
	const struct err *err = store_query(store, arena, &stmt_conversation_get, PARAMS(V_INT(tenant), V_TEXT(id)), &rows);

	if (err || rows.count == 0)
		return err ? err : no_conversation(arena, id, param);
	*out = (struct conversation){ .id = rows_text(&rows, 0, 0), .created_us = rows_int(&rows, 0, 1), .metadata = rows_text(&rows, 0, 2), .local_only = rows_int(&rows, 0, 3) != 0 };
	return NULL;
}

static MAY_PARK const struct err *
set_tx(struct tx *tx, void *arg)
{
	struct change *change = arg;
	struct rows result;
	const struct err *err = tx_exec(tx, &stmt_conversation_set,
		PARAMS(V_INT(change->tenant), V_TEXT(change->id), V_TEXT(change->metadata), V_INT(change->now_us)), &result);

	change->changed = err ? 0 : result.changed;
	return err;
}

MAY_PARK const struct err *
conversation_set(struct store *store, struct arena *arena, int64_t tenant, struct str id, struct str metadata, struct conversation *out)
{
	struct change change = change_of(tenant, id);
	const struct err *err;

	change.metadata = metadata;
	err = store_tx(store, arena, set_tx, &change);
	return err ? err : conversation_get(store, arena, tenant, id, "conversation_id", out);
}

static MAY_PARK const struct err *
delete_tx(struct tx *tx, void *arg)
{
	struct change *change = arg;
	const struct value *params = PARAMS(V_INT(change->tenant), V_TEXT(change->id));
	struct rows result;
	const struct err *err = tx_exec(tx, &stmt_conversation_delete, params, &result);

	change->changed = err ? 0 : result.changed;
	return err ? err : tx_exec(tx, &stmt_item_delete_all, params, NULL);
}

MAY_PARK const struct err *
conversation_delete(struct store *store, struct arena *arena, int64_t tenant, struct str id)
{
	struct change change = change_of(tenant, id);
	const struct err *err = store_tx(store, arena, delete_tx, &change);

	return err || change.changed ? err : no_conversation(arena, id, "conversation_id");
}

static MAY_PARK const struct err *
add_tx(struct tx *tx, void *arg)
{
	struct change *change = arg;
	struct rows result;
	const struct err *err =
		tx_exec(tx, &stmt_conversation_use, PARAMS(V_INT(change->tenant), V_TEXT(change->id), V_INT(change->now_us), V_INT(change->local_only)), &result);

	change->changed = err ? 0 : result.changed;
	return err || !change->changed ? err : add_items(tx, change);
}

MAY_PARK const struct err *
conversation_add(struct store *store, struct arena *arena, int64_t tenant, struct str id, bool local_only, struct response_item *items, size_t count)
{
	struct change change = change_of(tenant, id);
	const struct err *err;

	change.local_only = local_only;
	change.items = items;
	change.count = count;
	hash_items(items, count);
	err = store_tx(store, arena, add_tx, &change);
	return err || change.changed ? err : no_conversation(arena, id, "conversation_id");
}

static MAY_PARK const struct err *
item_delete_tx(struct tx *tx, void *arg)
{
	struct change *change = arg;
	struct rows result;
	const struct err *err = tx_exec(tx, &stmt_item_delete, PARAMS(V_INT(change->tenant), V_TEXT(change->id), V_TEXT(change->item)), &result);

	change->changed = err ? 0 : result.changed;
	return err;
}

MAY_PARK const struct err *
conversation_item_delete(struct store *store, struct arena *arena, int64_t tenant, struct str id, struct str item)
{
	struct change change = change_of(tenant, id);
	const struct err *err;

	change.item = item;
	err = store_tx(store, arena, item_delete_tx, &change);
	if (err || change.changed)
		return err;
	return err_param(arena, ERR_NOT_FOUND, "item_id", "not_found", "there is no item '%" STR_F "' in this conversation", STR_A(str_slice(item, 0, 100)));
}
