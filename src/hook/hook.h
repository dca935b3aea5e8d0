/*
 * hook.h - what happened, told to other servers: an outbox that is written in the commit of what it tells of, and its delivery as Standard Webhooks.
 *
 * At least once and in order for each webhook: a message is delivered before the next is tried, and one that cannot be delivered in time is dead and kept. See
 * docs/money.md for what receivers see, migrations/0900_webhook.sql for how it is kept.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "conf/webhooks.h"

struct conf_watch;
struct hooks;
struct store;
struct tx;

/* Whether any webhook wants this: what no one wants need not be put into words. One load; any thread. */
bool hook_wanted(enum conf_event event);

/* Within the transaction of what happened at `at_us` (wall): writes the event down for each webhook that wants it. `data`: a JSON object. */
MAY_PARK const struct err *hook_put(struct tx *tx, enum conf_event event, int64_t at_us, struct str data);

/* Puts the configuration's webhooks in force and starts to deliver, on the calling loop. One per process. */
MAY_PARK const struct err *hooks_open(struct store *store, struct conf_watch *watch, struct arena *arena, struct hooks **out);

/* The configuration has changed. On the same loop. NULL is allowed. */
void hooks_changed(struct hooks *hooks);

/* Ends what is being delivered and gives the leases back. On the same loop. */
MAY_PARK void hooks_stop(struct hooks *hooks);

/* After the store has been closed. NULL is allowed. */
void hooks_free(struct hooks *hooks);

/* --- for operators --- */

struct hook_row {
	struct str name, error;
	unsigned events;             /* bits */
	int64_t waiting;             /* events and messages that are yet to be delivered… */
	bool waiting_more;           /* …or more: not all were counted */
	int64_t dead, delivered_us, failed_us, full_us, gone_us, removed_us; /* times 0: never */
};

MAY_PARK const struct err *hooks_list(struct store *store, struct arena *arena, struct hook_row **out, size_t *count);

struct hook_message {
	struct str id, state, error; /* "pending", "delivered", "dead" */
	enum conf_event event;
	int64_t events, created_us, attempts, next_us, ended_us, status;
};

/* The newest first. `state` and `after` may be empty. ERR_NOT_FOUND: no such webhook. */
MAY_PARK const struct err *hook_messages(
	struct store *store, struct arena *arena, struct str name, struct str state, struct str after, unsigned limit, struct hook_message **out, size_t *count);

/*
 * Delivers kept messages once more: the one of an id, or those made from `from_us` to just before `to_us` whatever became of them, or (from_us below 0) those that are dead. A webhook that had answered 410
 * is tried again. *count: how many.
 */
MAY_PARK const struct err *hook_replay(struct store *store, struct arena *arena, struct str name, struct str message, int64_t from_us, int64_t to_us, int64_t *count);
