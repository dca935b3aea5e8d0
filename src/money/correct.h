/*
 * correct.h - corrections of the ledger: rows of their own, never a change of what is written. By prices (usage_reprice), or by hand with a reason.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

struct money;
struct tx;

struct correction {
	int64_t tenant;
	struct str interaction;         /* 16 bytes */
	int64_t entry;                  /* 1… */
	int64_t at_us;
	struct str key_id, team, user, tags, provider, provider_kind, model; /* as the settlement has them */
	struct str price_version, parts; /* by prices; else empty */
	int64_t amount_nanos;           /* what is added; may be below 0 */
	struct str reason, made_by;     /* by hand; else empty */
};

/* Within a transaction: writes it, and the event for webhooks. */
MAY_PARK const struct err *correction_write(struct tx *tx, const struct correction *correction);

enum { CORRECTIONS_MAX = 100, REASON_MAX = 500 };

/*
 * Corrects one interaction by hand: `request_id` (32 hex digits) costs so much more, or less, for a reason; `made_by`: the key. What all its entries come to does not fall below 0. Budgets are not
 * moved. ERR_NOT_FOUND: it is not in the ledger. *out: what was written; *sum_nanos: what it costs now.
 */
MAY_PARK const struct err *usage_correct(struct money *money, struct arena *arena, int64_t tenant, struct str request_id, int64_t amount_nanos, struct str reason,
	struct str made_by, struct correction *out, int64_t *sum_nanos);
