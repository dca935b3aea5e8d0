/*
 * money.h - what calls may cost and have cost: budgets here, prices and the ledger beside it. One per process.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

struct money;
struct store;

/*
 * Loads the budgets and starts the fiber that keeps them true, on loop 0. On a database of its own (SQLite) it takes back what an earlier process held; on a
 * shared one, what dead nodes held, once their lease is over.
 */
MAY_PARK const struct err *money_open(struct store *store, struct arena *arena, struct money **out);

/* Gives back what this node holds, and ends the fiber. On loop 0, when no call is in flight. */
MAY_PARK void money_stop(struct money *money);

/* After the store has been closed. NULL is allowed. */
void money_free(struct money *money);
