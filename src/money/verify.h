/*
 * verify.h - the invoice is the sum of the records: asked of the database, while it serves.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

struct money;

struct verify_row {
	const char *name; /* "records are in the ledger"; a literal */
	int64_t wrong;    /* how many rows contradict it */
	struct str detail; /* empty, or why it failed (wrong is not 0) or was not asked here */
};

struct verify_totals {
	int64_t interactions, entries, amount_nanos, budget_entries;
};

/* Each check is one statement, and sees one state of the database. Reads everything: for operators. */
MAY_PARK const struct err *verify_run(struct money *money, struct arena *arena, struct verify_row **out, size_t *count, struct verify_totals *totals);
