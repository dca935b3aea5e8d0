/*
 * message.c - events into messages: the oldest that belong together, in the envelope that Standard Webhooks recommends.
 *
 * Entries of the ledger travel together, everything else alone. Events are read outside the transaction that takes them away, so that it meets no commit that writes others: the
 * lease says that nobody else takes them.
 */
#include "base/clock.h"
#include "hook/hook_sql.h"
#include "hook/inside.h"
#include "json/json.h"

enum { BODY_MAX = 1024 * 1024, BODY_FULL = 128 * 1024 };

struct making {
	const struct hooks *hooks;
	struct str webhook, id, body, taken; /* taken: JSON list of ids */
	int64_t event, events;
};

static MAY_PARK const struct err *
take(struct tx *tx, void *arg)
{
	const struct making *making = arg;
	const struct err *err = lease_check(tx, making->hooks, making->webhook);

	if (!err)
		err = tx_exec(tx, &stmt_webhook_message_put,
			PARAMS(V_TEXT(making->webhook), V_TEXT(making->id), V_INT(making->event), V_INT(making->events), V_INT(clock_wall_us()), V_TEXT(making->body)), NULL);
	return err ? err : tx_exec(tx, &stmt_webhook_events_drop, PARAMS(V_TEXT(making->webhook), V_TEXT(making->taken)), NULL);
}

/* Columns as in webhook_events_next. */
static void
put_body(struct json_out *json, struct making *making, const struct rows *rows)
{
	struct str type = str_of(conf_event_name((enum conf_event)making->event));
	char at[CLOCK_TEXT_SIZE];

	clock_text(rows_int(rows, 0, 2), at);
	json_begin_object(json);
	json_set_string(json, "type", type);
	json_set_string(json, "timestamp", str_of(at));
	if (making->event != CONF_EVENT_USAGE) {
		json_set_raw(json, "data", rows_text(rows, 0, 3));
		making->events = 1;
		json_end_object(json);
		return;
	}
	json_set_object(json, "data");
	json_set_array(json, "entries");
	for (size_t i = 0; i < rows->count && rows_int(rows, i, 1) == CONF_EVENT_USAGE && json->buf->len < BODY_FULL; i++) {
		json_put_raw(json, rows_text(rows, i, 3));
		making->events++;
	}
	json_end_array(json);
	json_end_object(json);
	json_end_object(json);
}

MAY_PARK const struct err *
message_make(struct hooks *hooks, struct arena *arena, struct str webhook, bool *made)
{
	struct making making = { .hooks = hooks, .webhook = webhook };
	struct buf body, taken;
	struct json_out json;
	struct id id = id_new();
	struct rows rows;
	const struct err *err = store_query(hooks->store, arena, &stmt_webhook_events_next, PARAMS(V_TEXT(webhook), V_INT(HOOK_BATCH)), &rows);

	*made = false;
	if (err || rows.count == 0)
		return err;
	making.event = rows_int(&rows, 0, 1);
	making.id = arena_printf(arena, "msg_%s", id.hex);
	buf_init(&body, arena, BODY_MAX);
	json_out_init(&json, &body);
	put_body(&json, &making, &rows);
	buf_init(&taken, arena, KIB(16));
	json_out_init(&json, &taken);
	json_begin_array(&json);
	for (int64_t i = 0; i < making.events; i++)
		json_put_string(&json, rows_text(&rows, (size_t)i, 0));
	json_end_array(&json);
	if (body.failed || taken.failed || !making.id.ptr)
		return &err_no_memory;
	making.body = buf_str(&body);
	making.taken = buf_str(&taken);
	err = store_tx(hooks->store, arena, take, &making);
	*made = !err;
	return err;
}
