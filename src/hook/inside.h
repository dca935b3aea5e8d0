/*
 * inside.h - within the room: a webhook that is being delivered to.
 */
#pragma once

#include "base/random.h"
#include "hook/hook.h"
#include "rt/scope.h"
#include "rt/wait.h"
#include "store/store.h"

#define HOOK_TOPIC "webhook" /* which webhooks there are, or what they want, has changed */

enum { HOOK_BATCH = 100, HOOK_STEP = 500 };

struct hooks {
	struct store *store;
	struct conf_watch *watch;
	struct id node;
	struct scope scope;     /* of the keeper */
	struct scope delivery;  /* of the fibers that deliver; below no other */
	bool delivering;
	bool stale, unread;     /* the configuration, or the table, has changed */
	struct waiter *idle;
};

/* Delivers to one webhook until its scope is cancelled. `arg` is a struct courier, freed at its end. */
struct courier {
	struct hooks *hooks;
	struct conf *conf;      /* held */
	const struct conf_webhook *webhook;
};
MAY_PARK void courier_run(void *arg);

/* The next message out of the oldest events; false when there are none. */
MAY_PARK const struct err *message_make(struct hooks *hooks, struct arena *arena, struct str webhook, bool *made);

/* Which events any webhook wants, out of the table. */
MAY_PARK const struct err *hooks_wanted_load(struct hooks *hooks, struct arena *arena);

/* True when this node holds the webhook's lease, which it renews. On a database of its own it always does. */
MAY_PARK const struct err *lease_take(struct hooks *hooks, struct arena *arena, struct str webhook, bool *mine);

/* Within a transaction of the lease's holder: ERR_CONFLICT when another node has it now. */
MAY_PARK const struct err *lease_check(struct tx *tx, const struct hooks *hooks, struct str webhook);
