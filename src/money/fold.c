/*
 * fold.c - entries of budgets whose time is over, folded into their blocks: see migrations/0802_fold.sql.
 *
 * A step takes at most STEP entries of one block in one transaction, and rests, so that answers never wait for it.
 */
#include "base/clock.h"
#include "money/inside.h"
#include "money/money_sql.h"
#include "rt/fiber.h"

enum { STEP = 500 };

#define REST_US (200 * USEC_PER_MS)

struct folding {
	int64_t before_us;
	bool any; /* out: there was a block to fold */
};

static MAY_PARK const struct err *
fold_some(struct tx *tx, void *arg)
{
	struct folding *work = arg;
	int64_t sum = 0;
	struct rows block, entries;
	struct value tenant, id;
	const struct err *err = tx_exec(tx, &stmt_budget_block_to_fold, PARAMS(V_INT(work->before_us)), &block);

	work->any = !err && block.count > 0;
	if (!work->any)
		return err;
	tenant = V_INT(rows_int(&block, 0, 0));
	id = V_TEXT(rows_text(&block, 0, 1));
	err = tx_exec(tx, &stmt_budget_entry_some, PARAMS(tenant, id, V_INT(STEP)), &entries);
	for (size_t i = 0; !err && i < entries.count; i++)
		sum += rows_int(&entries, i, 1);
	if (!err && entries.count)
		err = tx_exec(tx, &stmt_budget_entry_drop, PARAMS(tenant, id, V_BLOB(rows_text(&entries, entries.count - 1, 0))), NULL);
	return err ? err : tx_exec(tx, &stmt_budget_block_fold, PARAMS(tenant, id, V_INT(sum), V_INT(entries.count < STEP)), NULL);
}

MAY_PARK const struct err *
budget_fold(struct store *store, struct arena *arena, int64_t before_us)
{
	struct folding work = { before_us, true };
	const struct err *err = NULL;

	while (!err && work.any) {
		err = store_tx(store, arena, fold_some, &work);
		if (!err && work.any)
			err = fiber_sleep_us(REST_US);
	}
	return err;
}
