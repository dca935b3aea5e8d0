/*
 * verify.h - the invoice is the sum of the records, and every amount is what its quantities cost: asked of the database, while it serves.
 *
 * The ledger is walked in pages, so that a large one takes time and not memory: a run goes as far as its time lasts and says where to go on.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

struct money;

enum { VERIFY_EXAMPLES = 10, VERIFY_EXAMPLE_SIZE = 120 };

enum verify_check {
	VERIFY_UNPAID,      /* every interaction is in the ledger */
	VERIFY_UNRECORDED,  /* every settlement has its interaction */
	VERIFY_AMOUNTS,     /* every amount is what its quantities cost at its prices */
	VERIFY_PARTS,       /* what several targets answered in turn adds up */
	VERIFY_REPRICED,    /* every correction by prices comes to what they say */
	VERIFY_BY_HAND,     /* every correction by hand says who and why */
	VERIFY_ORPHANS,     /* every correction has its settlement, and the corrections before it */
	VERIFY_HOLDERS,     /* every entry is of whom its interaction is, and its key is one of its tenant's */
	VERIFY_HOURS,       /* every hour of the ledger has what was counted there */
	VERIFY_ENTRIES,     /* budgets were charged what the ledger says */
	VERIFY_BLOCKS,      /* closed blocks are the sums of their entries */
	VERIFY_SPENT,       /* periods have spent what their closed blocks say */
	VERIFY_HELD,        /* periods hold what their open blocks say */
	VERIFY_STORE,       /* the store is sound */
	VERIFY_CHECKS
};

struct verify_result {
	int64_t wrong;                                      /* how many rows contradict it; of a check that looks at 1,000 at most: at least so many */
	char examples[VERIFY_EXAMPLES][VERIFY_EXAMPLE_SIZE]; /* ids of the first of them; zero-terminated */
	struct str detail;                                  /* empty, or why it failed or was not asked here */
};

struct verify_run {
	/* what to check */
	int64_t from_us, to_us;  /* interactions of this time, to the millisecond; budgets are checked whole */
	struct str place;        /* empty: from the beginning; else what an earlier run has left */
	int64_t time_us;         /* how long this run may take, about */
	/* what was found since that place */
	struct verify_result results[VERIFY_CHECKS];
	int64_t interactions, entries, amount_nanos, budget_entries;
	int64_t sealed;          /* entries that are in counted hours: one of them would be missed */
	int64_t unknown;         /* entries whose price version is of another release, or older than its record: their amounts are not proved */
	struct arena *arena;     /* what verify_go was given */
	struct str next;         /* where to go on; empty: all is checked */
};

/* "every interaction is in the ledger"… */
const char *verify_name(enum verify_check check);

/* Goes on from run->place. ERR_INVALID: that is no place. For operators. */
MAY_PARK const struct err *verify_go(struct money *money, struct arena *arena, struct verify_run *run);
