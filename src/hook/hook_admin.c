/*
 * hook_admin.c - what operators see of webhooks, and replaying. See hook.h.
 */
#include "base/clock.h"
#include "hook/hook_sql.h"
#include "hook/inside.h"

enum { COUNTED_MAX = 100000 };

static MAY_PARK const struct err *
counts_read(struct store *store, struct arena *arena, struct hook_row *row)
{
	struct rows rows;
	const struct err *err = store_query(store, arena, &stmt_webhook_events_count, PARAMS(V_TEXT(row->name), V_INT(COUNTED_MAX)), &rows);

	if (err)
		return err;
	row->waiting = rows_int(&rows, 0, 0);
	row->waiting_more = row->waiting == COUNTED_MAX;
	err = store_query(store, arena, &stmt_webhook_message_count, PARAMS(V_TEXT(row->name)), &rows);
	if (err)
		return err;
	row->waiting += rows_int(&rows, 0, 0);
	row->dead = rows_int(&rows, 0, 1);
	return NULL;
}

MAY_PARK const struct err *
hooks_list(struct store *store, struct arena *arena, struct hook_row **out, size_t *count)
{
	struct rows rows;
	const struct err *err = store_query(store, arena, &stmt_webhook_list, NO_PARAMS, &rows);
	struct hook_row *list = err ? NULL : arena_array(arena, rows.count, sizeof(*list));

	if (!list)
		return err ? err : &err_no_memory;
	for (size_t i = 0; i < rows.count && !err; i++) {
		list[i] = (struct hook_row){ .name = rows_text(&rows, i, 0),
			.events = (unsigned)rows_int(&rows, i, 1),
			.full_us = rows_int(&rows, i, 2),
			.gone_us = rows_int(&rows, i, 3),
			.removed_us = rows_int(&rows, i, 4),
			.delivered_us = rows_int(&rows, i, 7),
			.failed_us = rows_int(&rows, i, 8),
			.error = rows_text(&rows, i, 9) };
		err = counts_read(store, arena, &list[i]);
	}
	*out = list;
	*count = rows.count;
	return err;
}

static const struct err *
no_such_webhook(struct arena *arena, struct str name)
{
	return err_new(arena, ERR_NOT_FOUND, "there is no webhook \"%" STR_F "\"; webhooks are in the configuration", STR_A(str_slice(name, 0, 100)));
}

MAY_PARK const struct err *
hook_messages(struct store *store, struct arena *arena, struct str name, struct str state, struct str after, unsigned limit, struct hook_message **out, size_t *count)
{
	struct rows rows;
	const struct err *err = store_query(store, arena, &stmt_webhook_full_since, PARAMS(V_TEXT(name)), &rows);
	struct hook_message *list;

	if (!err && rows.count == 0)
		err = no_such_webhook(arena, name);
	if (!err)
		err = store_query(store, arena, &stmt_webhook_message_page, PARAMS(V_TEXT(name), V_TEXT(after), V_TEXT(state), V_INT(limit)), &rows);
	if (err)
		return err;
	*out = list = arena_array(arena, rows.count, sizeof(*list));
	*count = rows.count;
	for (size_t i = 0; list && i < rows.count; i++)
		list[i] = (struct hook_message){ .id = rows_text(&rows, i, 0),
			.event = (enum conf_event)rows_int(&rows, i, 1),
			.events = rows_int(&rows, i, 2),
			.created_us = rows_int(&rows, i, 3),
			.attempts = rows_int(&rows, i, 4),
			.next_us = rows_int(&rows, i, 5),
			.state = rows_text(&rows, i, 6),
			.ended_us = rows_int(&rows, i, 7),
			.status = rows_int(&rows, i, 8),
			.error = rows_text(&rows, i, 9) };
	return list ? NULL : &err_no_memory;
}

struct replay {
	struct str name, message;
	int64_t from_us, to_us, count;
};

static MAY_PARK const struct err *
replay(struct tx *tx, void *arg)
{
	struct replay *work = arg;
	struct value name = V_TEXT(work->name), now = V_INT(clock_wall_us());
	struct rows rows;
	const struct err *err = tx_exec(tx, &stmt_webhook_full_since, PARAMS(name), &rows);

	work->count = 0;
	if (!err && rows.count == 0)
		return no_such_webhook(tx_arena(tx), work->name);
	if (!err && work->message.len)
		err = tx_exec(tx, &stmt_webhook_replay_one, PARAMS(name, V_TEXT(work->message), now), &rows);
	else if (!err && work->from_us >= 0)
		err = tx_exec(tx, &stmt_webhook_replay_time, PARAMS(name, now, V_INT(work->from_us), V_INT(work->to_us)), &rows);
	else if (!err)
		err = tx_exec(tx, &stmt_webhook_replay_dead, PARAMS(name, now), &rows);
	if (err)
		return err;
	work->count = rows.changed;
	if (work->message.len && !work->count)
		return err_new(tx_arena(tx), ERR_NOT_FOUND, "this webhook has no message \"%" STR_F "\" (any more)", STR_A(str_slice(work->message, 0, 100)));
	err = tx_exec(tx, &stmt_webhook_not_gone, PARAMS(name), NULL);
	return err ? err : tx_notify(tx, HOOK_TOPIC);
}

MAY_PARK const struct err *
hook_replay(struct store *store, struct arena *arena, struct str name, struct str message, int64_t from_us, int64_t to_us, int64_t *count)
{
	struct replay work = { name, message, from_us, to_us, 0 };
	const struct err *err = store_tx(store, arena, replay, &work);

	*count = work.count;
	return err;
}
