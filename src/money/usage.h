/*
 * usage.h - reports from the ledger, and pricing it again.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "telemetry/usage.h"

struct money;

enum usage_by { USAGE_BY_TENANT, USAGE_BY_TEAM, USAGE_BY_KEY, USAGE_BY_USER, USAGE_BY_MODEL, USAGE_BY_TAG, USAGE_BY_DAY, USAGE_BYS };

/* "tenant", "team", "key", "user", "model", "tag", "day". */
const char *usage_by_name(enum usage_by by);
bool usage_by_parse(struct str name, enum usage_by *out);

/* The sum of one group. `group` is an id, a name, a tag ("name=value") or a day ("2026-11-28"); empty for what has none. */
struct usage_row {
	struct str group;
	int64_t calls;
	struct usage usage;
	int64_t corrections_nanos, amount_nanos; /* the amount has the corrections in it */
	int64_t saved_tokens, saved_nanos; /* of answers that came from the cache */
	int64_t reported_calls, reported_nanos; /* of which the provider has said what they cost, and what it said */
};

/*
 * The dearest group first, days in order; at most 10,000 groups. By tag, a call with several tags is in the group of each; ERR_INVALID: the time
 * has more than 100,000 different tags. `tenant` does not matter for USAGE_BY_TENANT. Times are wall time, from inclusive,
 * to exclusive, to the millisecond.
 */
MAY_PARK const struct err *usage_report(struct money *money, struct arena *arena, int64_t tenant, enum usage_by by, int64_t from_us, int64_t to_us,
	struct usage_row **out, size_t *count);

/* The smallest id of an interaction of a time (wall), which is written to `out`: ids begin with 48 bits of milliseconds (base/random.h). */
struct str usage_id_at(int64_t wall_us, unsigned char out[16]);

/* What pricing a stretch of time again would change, or has changed, for one model. */
struct reprice_row {
	struct str model;
	int64_t calls, before_nanos, after_nanos;
};

/*
 * Prices the settlements of a stretch again, by the tables as they are now, at the instant of each; their corrections count as theirs. With `apply`, writes the differences as
 * correction entries. What the configuration priced stays, and so does what has no price. A second run changes nothing. Budgets are not moved.
 */
MAY_PARK const struct err *usage_reprice(struct money *money, struct arena *arena, int64_t tenant, int64_t from_us, int64_t to_us, bool apply, struct reprice_row **out,
	size_t *count);
