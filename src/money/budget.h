/*
 * budget.h - money is reserved before a call goes upstream and settled in the commit of its record, so that a budget is not overrun by calls that run at once.
 *
 * Each budget that binds a caller (its tenant's, team's, key's, end user's) must have room for what the call may cost; all or none are taken. The reservation is taken in memory
 * from a block that the node holds durably (see migrations/0800_budget.sql); a node asks the database only when its block is used up. Calls are charged to the
 * period in which they begin.
 */
#pragma once

#include "access/access.h"
#include "money/period.h"

struct money;
struct tx;
struct block;

enum { BUDGET_PARTS_MAX = 16 };

/* What one call has reserved. In the memory of its request. */
struct budget_claim {
	struct money *money;
	int64_t tenant;
	struct {
		struct block *block;
		int64_t reserved_nanos;
	} parts[BUDGET_PARTS_MAX];
	size_t count;
	struct str interaction;  /* 16 bytes; set by whoever settles */
	int64_t amount_nanos;    /* what it cost; likewise */
};

/* True when at least one budget binds this caller. Any loop. */
bool budget_binds(struct money *money, const struct identity *identity, struct str user);

/*
 * Reserves `nanos` for a call that begins at `at_us` (wall). ERR_QUOTA: a budget is spent, or has not enough left for this call; the message says which budget and
 * when it begins anew. ERR_RATE_LIMITED: what is left is held by calls in flight. On an error nothing is held. `user` as of access_user_id. Any loop.
 */
MAY_PARK const struct err *budget_reserve(struct money *money, struct arena *arena, const struct identity *identity, struct str user, int64_t at_us,
	int64_t nanos, struct budget_claim *out);

/* Within the record's transaction: writes what the call cost. `arg` is a struct budget_claim. A tx_fn: touches nothing but the claim's plain values. */
MAY_PARK const struct err *budget_settle(struct tx *tx, void *arg);

/* The names of the blocks that a claim has taken from: what budget_settle_lost needs. Views, as long as the claim. */
size_t budget_claim_blocks(const struct budget_claim *claim, struct str out[BUDGET_PARTS_MAX]);

/* As budget_settle, for a call whose process is gone with its claim. */
MAY_PARK const struct err *budget_settle_lost(struct tx *tx, int64_t tenant, const struct str *blocks, size_t count, struct str interaction, int64_t amount_nanos);

/*
 * After that transaction: `err` is how it ended. Committed: what was reserved too much is free again. Failed: nothing was spent. ERR_UNKNOWN_OUTCOME: taken as spent
 * until the block is closed, when the database knows. Exactly once for each budget_reserve that has returned NULL. Any loop.
 */
void budget_end(struct budget_claim *claim, const struct err *err);

/*
 * Entries of blocks that were closed before this time (wall) go, in small steps; what they sum up to stays in their blocks. For the retention of the ledger: before_us is of a time whose
 * calls the ledger has forgotten.
 */
struct store;
MAY_PARK const struct err *budget_fold(struct store *store, struct arena *arena, int64_t before_us);

/* --- keeping them --- */

struct budget_row {
	struct str id, name, kind, holder, period, alerts;
	int64_t limit_nanos, created_us, closed_us;
	int64_t starts_us, ends_us;               /* the current period; ends_us INT64_MAX: never */
	int64_t spent_nanos, held_nanos;          /* of the current period; 0 for a budget of each user */
};

struct budget_spec {
	struct str name;      /* 1..100 bytes */
	enum holder_kind kind;
	struct str holder;    /* team or key (id, or a team's name); user: its name, empty for each of them; empty for the tenant */
	enum period period;
	int64_t limit_nanos;  /* above 0 */
	struct str alerts;    /* percents from 1 to 100, separated by blanks or commas; empty: 80 and 100; "none" */
};

MAY_PARK const struct err *budget_create(struct money *money, struct access *access, struct arena *arena, int64_t tenant, const struct budget_spec *spec,
	struct budget_row *out);

/* The newest first. */
MAY_PARK const struct err *budget_list(
	struct money *money, struct arena *arena, int64_t tenant, struct str after, unsigned limit, struct budget_row **out, size_t *count);

/* By id or name. ERR_NOT_FOUND. */
MAY_PARK const struct err *budget_show(struct money *money, struct arena *arena, int64_t tenant, struct str id, struct budget_row *out);

/* What is NULL or 0 stays. `close`: it binds nobody from now on. */
MAY_PARK const struct err *budget_update(struct money *money, struct arena *arena, int64_t tenant, struct str id, struct str name, int64_t limit_nanos,
	struct str alerts, bool close, struct budget_row *out);
