/*
 * inside.h - within the room: budgets and blocks in memory, and the transactions on them.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "base/map.h"
#include "base/random.h"
#include "money/budget.h"
#include "money/money.h"
#include "rt/scope.h"
#include "rt/wait.h"
#include "store/store.h"

#define BUDGET_TOPIC "budget"        /* a budget has changed */
#define PRICE_TOPIC "price"          /* a table was imported */
#define BUDGET_WANTED "budget_wanted" /* somebody lacks what idle blocks hold */

enum { ACCOUNT_SHARDS = 16, BLOCK_ID = 24 };

/* A budget as it is in force: immutable and counted. */
struct budget {
	atomic_uint refs;
	int64_t tenant, limit_nanos;
	enum holder_kind kind;
	enum period period;
	struct str id, name, holder; /* behind the budget */
	struct budget *next;         /* of the same holder; under money->budgets_lock */
};

/* What this node holds of one period of one budget, for one holder. */
struct account {
	atomic_uint refs;
	struct money *money;
	struct str key, holder;      /* behind the account */
	int64_t tenant, starts_us, ends_us;
	pthread_mutex_t lock;        /* of what stands below; never held across a wait */
	struct budget *budget;       /* held; replaced when the budget changes */
	struct block *blocks;        /* open ones, the newest first; calls are taken from the first if it is not retired */
	bool granting;               /* a fiber asks the database for another block */
	struct grant_wait *waits;
	int64_t refused_nanos;       /* a call of this much was refused… */
	int64_t refused_until_us;    /* …and is again until then, without asking; monotonic */
	bool exhausted;              /* what was refused was spent, not merely held */
	int64_t spent_nanos;         /* as the database said then */
	struct account *next_active; /* in money->active, from its first use until it is let go */
};

struct block {
	struct account *account;     /* held */
	char id[BLOCK_ID + 1];
	int64_t left_nanos;          /* what no call has reserved or spent; may fall below 0 when a call cost more than it reserved */
	int64_t used_us;             /* monotonic */
	unsigned calls;              /* in flight */
	uint64_t epoch;              /* of the lease under which it was granted */
	bool retired;                /* takes no more calls */
	bool closing;                /* the keeper has it */
	struct block *next;
};

struct grant_wait {
	struct grant_wait *next;
	struct waiter *waiter;       /* counted */
};

struct account_shard {
	pthread_mutex_t lock;
	struct map by_key;
};

struct money {
	struct store *store;
	struct loop *home;
	struct id node;
	pthread_rwlock_t budgets_lock; /* of by_holder and the lists in it */
	struct map by_holder;        /* money_key of tenant, kind and holder, to the first budget */
	struct map by_id;            /* loop 0's */
	atomic_size_t budget_count;
	_Atomic int64_t seen;        /* the revision that is in force; written on loop 0 */
	struct account_shard accounts[ACCOUNT_SHARDS];
	pthread_mutex_t active_lock;
	struct account *active;      /* all accounts; held */
	_Atomic int64_t lease_until_us; /* monotonic: until then, nobody takes our blocks for a dead node's; INT64_MAX on a database of its own */
	_Atomic uint64_t epoch;
	struct scope scope;
	struct waiter *idle;
	struct arena *kept;          /* of this object: names of the price tables that are loaded */
	struct map prices;           /* those names; loop 0's */
	bool stale, wanted, unpriced; /* what notices have said; loop 0's */
};

/* Room for a key of one of the maps: what is fixed in it, and a name (of an end user above all: access_user_id bounds it). */
enum { MONEY_KEY_MAX = 256 };

/* A key of one of the maps, as bytes: a number, and texts of which all but the last have one length. They are looked up in every call, which is why they are not printed. */
struct str money_key(char out[MONEY_KEY_MAX], int64_t number, struct str first, struct str last);

void budget_ref(struct budget *budget);
void budget_unref(struct budget *budget);

/* The budgets that bind, held: at most BUDGET_PARTS_MAX. */
size_t budgets_find(struct money *money, const struct identity *identity, struct str user, struct budget **out);

/* Reads what has changed. On loop 0. */
MAY_PARK const struct err *budgets_load(struct money *money, struct arena *arena);
void budgets_fini(struct money *money);

/* Puts in force what price tables there are. On loop 0. */
MAY_PARK const struct err *prices_load(struct money *money, struct arena *arena);

/* The account of a budget's period, held, made when it is not there. */
struct account *account_of(struct money *money, struct budget *budget, struct str user, int64_t at_us);
void account_unref(struct account *account);

/* Wakes those that wait for a grant. Locked. */
void account_wake(struct account *account);

/* Closes blocks that nobody needs: those that are retired, and those not used since `since_us`. On loop 0. */
MAY_PARK void blocks_return(struct money *money, int64_t since_us);

/* --- reports: usage.c, usage_tags.c --- */

/* A row of a report's statement: the group, calls, quantities, sums. The group's text is the rows'. */
struct usage_row;
void usage_row_read(const struct rows *rows, size_t row, struct usage_row *out);

/* usage_report by tag; `range` are the ids of interactions from which and up to which. */
MAY_PARK const struct err *usage_by_tag(struct money *money, struct arena *arena, int64_t tenant, const struct value range[2], struct usage_row **out, size_t *count);

/* --- transactions: budget_tx.c --- */

/* Thresholds of budgets that a transaction has found crossed. */
struct alerts {
	struct { char name[104]; int64_t percent, spent_nanos, limit_nanos; } list[64];
	size_t count;
};

/* Tells the log and the metrics of them, after the commit. */
void alerts_tell(const struct alerts *alerts);

struct grant {
	struct money *money;
	const struct account *account;
	const struct budget *budget;
	int64_t wanted_nanos;
	char close[8][BLOCK_ID + 1]; /* blocks without calls, to be closed first */
	size_t close_count;
	char id[BLOCK_ID + 1];       /* of the new block */
	/* out */
	int64_t granted_nanos;       /* 0: refused */
	int64_t limit_nanos, spent_nanos, held_nanos;
	bool closed;                 /* the budget has been */
	bool told;                   /* that it is spent, or that callers are refused, has been in this period */
	struct alerts alerts;
};

/* A tx_fn: closes, then grants what is wanted or more, or refuses. */
MAY_PARK const struct err *grant_block(struct tx *tx, void *arg);

struct close_list {
	struct { int64_t tenant; char id[BLOCK_ID + 1]; } blocks[64];
	size_t count;
	struct alerts alerts; /* out */
};
MAY_PARK const struct err *close_blocks(struct tx *tx, void *arg);
