/*
 * hook.c - events into the outbox, and the keeper: a fiber that puts the configuration's webhooks in force and runs a fiber for each of them. See hook.h.
 *
 * Which webhooks there are stands in the database, so that all nodes write events for all of them; where they are and what signs stands in the configuration alone.
 */
#include "hook/hook.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "conf/watch.h"
#include "hook/hook_sql.h"
#include "hook/inside.h"
#include "json/json.h"
#include "rt/fiber.h"

#define TURN_US (60 * USEC_PER_SEC)
#define REMOVED_KEPT_US (7 * 86400 * USEC_PER_SEC)

/* The bits of all webhooks in force: what is written down is decided by the table, this only spares the asking. */
static atomic_uint wanted;

bool
hook_wanted(enum conf_event event)
{
	return atomic_load_explicit(&wanted, memory_order_relaxed) & 1u << event;
}

MAY_PARK const struct err *
hook_put(struct tx *tx, enum conf_event event, int64_t at_us, struct str data)
{
	struct id id = id_new();

	if (!hook_wanted(event))
		return NULL;
	return tx_send(tx, &stmt_webhook_event_put, PARAMS(V_TEXT(id_str(&id)), V_INT(event), V_INT(at_us), V_TEXT(data), V_INT(1 << event)));
}

MAY_PARK const struct err *
hooks_wanted_load(struct hooks *hooks, struct arena *arena)
{
	struct rows rows;
	unsigned all = 0;
	const struct err *err = store_query(hooks->store, arena, &stmt_webhook_events_wanted, NO_PARAMS, &rows);

	for (size_t i = 0; !err && i < rows.count; i++)
		all |= (unsigned)rows_int(&rows, i, 0);
	if (!err)
		atomic_store(&wanted, all);
	return err;
}

/* --- the configuration --- */

struct sync {
	const struct conf_webhook *list;
	size_t count;
	struct str names; /* JSON */
};

static MAY_PARK const struct err *
sync_table(struct tx *tx, void *arg)
{
	const struct sync *sync = arg;
	int64_t now_us = clock_wall_us();
	const struct err *err = tx_exec(tx, &stmt_webhook_remove, PARAMS(V_TEXT(sync->names), V_INT(now_us)), NULL);

	for (size_t i = 0; i < sync->count && !err; i++) {
		err = tx_exec(tx, &stmt_webhook_put, PARAMS(V_TEXT(sync->list[i].name), V_INT(sync->list[i].events), V_INT(now_us)), NULL);
		if (!err)
			err = tx_exec(tx, &stmt_webhook_state_put, PARAMS(V_TEXT(sync->list[i].name)), NULL);
	}
	return err ? err : tx_notify(tx, HOOK_TOPIC);
}

static MAY_PARK const struct err *
table_write(struct hooks *hooks, struct arena *arena, const struct conf *conf)
{
	struct sync sync;
	struct json_out json;
	struct buf names;

	sync.list = conf_webhooks(conf, &sync.count);
	buf_init(&names, arena, KIB(256));
	json_out_init(&json, &names);
	json_begin_array(&json);
	for (size_t i = 0; i < sync.count; i++)
		json_put_string(&json, sync.list[i].name);
	json_end_array(&json);
	sync.names = buf_str(&names);
	return names.failed ? &err_no_memory : store_tx(hooks->store, arena, sync_table, &sync);
}

static const struct err *
couriers_start(struct hooks *hooks, struct conf *conf)
{
	size_t count;
	const struct conf_webhook *list = conf_webhooks(conf, &count);
	const struct err *err = NULL;

	scope_init(&hooks->delivery, NULL, INT64_MAX);
	hooks->delivering = true;
	for (size_t i = 0; i < count && !err; i++) {
		struct courier *courier = mem_zalloc(sizeof(*courier));

		*courier = (struct courier){ hooks, conf_ref(conf), &list[i] };
		err = fiber_go("webhook", &hooks->delivery, courier_run, courier);
		if (err) {
			conf_unref(courier->conf);
			free(courier);
		}
	}
	return err;
}

static MAY_PARK void
couriers_stop(struct hooks *hooks)
{
	if (hooks->delivering)
		scope_stop(&hooks->delivery);
	hooks->delivering = false;
}

/* Puts in force what is configured now. */
static MAY_PARK const struct err *
put_in_force(struct hooks *hooks, struct arena *arena)
{
	struct conf *conf = conf_watch_get(hooks->watch);
	const struct err *err = table_write(hooks, arena, conf);

	couriers_stop(hooks);
	if (!err)
		err = hooks_wanted_load(hooks, arena);
	if (!err)
		err = couriers_start(hooks, conf);
	conf_unref(conf);
	return err;
}

/* --- what is configured no more --- */

struct forgetting {
	struct str name;
	int64_t left; /* out: about; 0 when all is gone */
};

static MAY_PARK const struct err *
forget_step(struct tx *tx, void *arg)
{
	struct forgetting *work = arg;
	struct rows events, messages;
	const struct err *err = tx_exec(tx, &stmt_webhook_events_forget, PARAMS(V_TEXT(work->name), V_INT(HOOK_STEP)), &events);

	if (!err)
		err = tx_exec(tx, &stmt_webhook_messages_forget, PARAMS(V_TEXT(work->name), V_INT(HOOK_STEP)), &messages);
	work->left = err ? 0 : events.changed + messages.changed;
	if (err || work->left)
		return err;
	err = tx_exec(tx, &stmt_webhook_state_forget, PARAMS(V_TEXT(work->name)), NULL);
	return err ? err : tx_exec(tx, &stmt_webhook_forget, PARAMS(V_TEXT(work->name)), NULL);
}

/* One step for one webhook that was removed a week ago; true when there may be more. */
static MAY_PARK bool
forget_removed(struct hooks *hooks, struct arena *arena)
{
	struct rows rows;
	const struct err *err = store_query(hooks->store, arena, &stmt_webhook_removed, PARAMS(V_INT(clock_wall_us() - REMOVED_KEPT_US)), &rows);
	struct forgetting work;

	if (err || rows.count == 0)
		return false;
	work.name = rows_text(&rows, 0, 0);
	return !store_tx(hooks->store, arena, forget_step, &work);
}

/* --- the keeper --- */

static void
wake(struct hooks *hooks)
{
	if (hooks->idle)
		wait_wake(hooks->idle);
}

static void
on_table(void *arg)
{
	struct hooks *hooks = arg;

	hooks->unread = true;
	wake(hooks);
}

void
hooks_changed(struct hooks *hooks)
{
	if (!hooks)
		return;
	hooks->stale = true;
	wake(hooks);
}

/* True when the next turn need not wait. */
static MAY_PARK bool
turn(struct hooks *hooks, struct arena *scratch)
{
	const struct err *err = NULL;

	if (hooks->stale) {
		hooks->stale = false;
		err = put_in_force(hooks, scratch);
		hooks->stale = hooks->stale || err;
	}
	if (hooks->unread && !err) {
		hooks->unread = false;
		err = hooks_wanted_load(hooks, scratch);
		hooks->unread = hooks->unread || err;
	}
	if (err && err->kind != ERR_CANCELLED)
		log_warn("webhooks cannot be put in force", LOG_ERR("error", err));
	return !err && forget_removed(hooks, scratch);
}

static MAY_PARK void
keeper(void *arg)
{
	struct hooks *hooks = arg;
	struct arena *scratch = arena_new(MIB(4));
	const struct err *err = NULL;

	while (!err || err->kind != ERR_CANCELLED) {
		struct waiter idle;
		bool more = turn(hooks, scratch);

		arena_reset(scratch);
		waiter_init(&idle);
		hooks->idle = &idle;
		err = wait_for_us(&idle, more || hooks->stale || hooks->unread ? USEC_PER_SEC : TURN_US);
		hooks->idle = NULL;
	}
	arena_free(scratch);
}

MAY_PARK const struct err *
hooks_open(struct store *store, struct conf_watch *watch, struct arena *arena, struct hooks **out)
{
	struct hooks *hooks = mem_zalloc(sizeof(*hooks));
	const struct err *err;

	*out = NULL;
	hooks->store = store;
	hooks->watch = watch;
	hooks->node = id_new();
	scope_init(&hooks->scope, NULL, INT64_MAX);
	err = put_in_force(hooks, arena);
	if (!err)
		err = fiber_go("webhooks", &hooks->scope, keeper, hooks);
	if (err) {
		couriers_stop(hooks);
		scope_fini(&hooks->scope);
		free(hooks);
		return err;
	}
	store_listen(store, HOOK_TOPIC, on_table, hooks);
	*out = hooks;
	return NULL;
}

MAY_PARK void
hooks_stop(struct hooks *hooks)
{
	scope_stop(&hooks->scope);
	couriers_stop(hooks);
}

void
hooks_free(struct hooks *hooks)
{
	free(hooks);
}
