/*
 * pending.h - the record and the bill of answers whose process was killed.
 *
 * An answer that goes on without its client (durable.h, and background responses) can be taken up after a kill, so it must have a record then, too. With the first event of its provider a row says what the
 * record will need: who asked what, whom, at which price, out of which budgets. The record's commit deletes it. A row whose process is gone is settled by whoever finds it: with what was stored of the answer,
 * its usage estimated from that, once.
 */
#pragma once

#include "answer/answer.h"

/* The answer has begun: its row. Nothing for one that ends with its client, or that no provider was asked for. */
MAY_PARK const struct err *pending_put(const struct answer_services *services, struct answer *answer, struct str response_id, struct str served_model);

/* Within the record's transaction. ERR_CONFLICT: another process has taken this one for dead and made the record. */
MAY_PARK const struct err *pending_drop(struct tx *tx, const struct answer *answer);

/* One that was lost. */
struct pending_lost {
	int64_t tenant;
	struct str interaction;    /* 16 bytes */
	struct str stream, bill;
	int64_t lease_until_us;    /* of its process; 0: not known any more */
};

/* Some of those whose process is gone, the oldest first; `owner`: this process. */
MAY_PARK const struct err *pending_find(struct store *store, struct arena *arena, struct str owner, struct pending_lost **out, size_t *count);

/* Those of one stream or response, if its process is gone. */
MAY_PARK const struct err *pending_find_of(struct store *store, struct arena *arena, int64_t tenant, struct str stream, struct str owner, struct pending_lost **out, size_t *count);

/* Commits the record, the entry in the ledger and those in the budgets of an answer that had said this when its process was killed. No effect where others have done so meanwhile, or where its process
 * turned out to be alive. */
MAY_PARK const struct err *pending_settle(struct store *store, struct tokenizers *tokenizers, struct arena *arena, const struct pending_lost *lost, struct str said);
