/*
 * budget_tx.c - the transactions on budgets: granting a block, closing blocks, settling a call. The invariants stand at the head of migrations/0800_budget.sql.
 */
#include "base/clock.h"
#include "hook/hook.h"
#include "json/json.h"
#include "money/inside.h"
#include "money/money_sql.h"

/* A new block is this part of what is left, so that a budget is used up in few grants and no node holds much of it. */
enum { SHARE = 8 };

/*
 * The block that was last found open, and in which commit: calls that share one often spend the same budget. Only close_block closes a block, and forgets it here; on PostgreSQL nothing is remembered.
 */
static _Thread_local struct {
	uint64_t commit;
	int64_t tenant;
	char id[BLOCK_ID];
} open_block;

static bool
is_known_open(const struct tx *tx, int64_t tenant, struct str id)
{
	return tx_commit(tx) && open_block.commit == tx_commit(tx) && open_block.tenant == tenant && str_eq(id, str_n(open_block.id, BLOCK_ID));
}

static void
know_open(const struct tx *tx, int64_t tenant, struct str id)
{
	if (id.len != BLOCK_ID)
		return;
	open_block.commit = tx_commit(tx);
	open_block.tenant = tenant;
	memcpy(open_block.id, id.ptr, BLOCK_ID);
}

static int
next_number(struct str *list)
{
	struct str word;
	int64_t number = 0;

	while (str_split(list, ' ', &word))
		if (str_to_i64(word, &number))
			return (int)number;
	return 0;
}

/* The highest threshold that `spent` has reached; 0: none. */
static int64_t
reached(struct str alerts, int64_t spent, int64_t limit)
{
	int64_t highest = 0, percent;

	while ((percent = next_number(&alerts)) > 0)
		if (limit > 0 && (double)spent >= (double)limit * (double)percent / 100)
			highest = percent;
	return highest;
}

/* A period of a budget, for one holder. */
struct period_key {
	int64_t tenant, starts_us;
	struct str budget, holder;
};

/* For the log and the metrics, once the transaction has committed. */
static void
alert_add(struct alerts *list, struct str name, int64_t percent, int64_t spent, int64_t limit)
{
	if (list->count == COUNT(list->list))
		return;
	name = str_slice(name, 0, sizeof(list->list[0].name) - 1);
	memset(&list->list[list->count], 0, sizeof(list->list[0]));
	memcpy(list->list[list->count].name, name.ptr, name.len);
	list->list[list->count].percent = percent;
	list->list[list->count].spent_nanos = spent;
	list->list[list->count++].limit_nanos = limit;
}

/* For webhooks, in the commit that has found it. `refused`: what a call might have cost that the budget could not pay; 0: a threshold was crossed. */
static MAY_PARK const struct err *
tell_alert(struct tx *tx, const struct period_key *key, const struct rows *budget, int64_t percent, int64_t spent, int64_t refused)
{
	enum conf_event event = percent >= 100 || refused ? CONF_EVENT_BUDGET_SPENT : CONF_EVENT_BUDGET_THRESHOLD;
	struct arena *arena = tx_arena(tx);
	struct json_out json;
	struct buf text;

	if (!hook_wanted(event))
		return NULL;
	buf_init(&text, arena, KIB(8));
	json_out_init(&json, &text);
	json_begin_object(&json);
	json_set_string(&json, "id", key->budget);
	json_set_string(&json, "name", rows_text(budget, 0, 3));
	json_set_string(&json, "tenant", arena_printf(arena, "%lld", (long long)key->tenant));
	json_set_string(&json, "holder_kind", rows_text(budget, 0, 4));
	json_set_string(&json, "holder", key->holder.len ? key->holder : rows_text(budget, 0, 5));
	json_set_int(&json, "period_starts_us", key->starts_us);
	json_set_int(&json, "percent", percent);
	json_set_int(&json, "spent_nanodollars", spent);
	json_set_int(&json, "limit_nanodollars", rows_int(budget, 0, 0));
	if (refused)
		json_set_int(&json, "refused_nanodollars", refused);
	json_end_object(&json);
	return text.failed ? &err_no_memory : hook_put(tx, event, clock_wall_us(), buf_str(&text));
}

static MAY_PARK const struct err *
note_alert(struct tx *tx, struct alerts *list, const struct period_key *key, int64_t spent, int64_t alerted, bool refused)
{
	struct rows rows;
	const struct err *err = tx_exec(tx, &stmt_budget_limit, PARAMS(V_INT(key->tenant), V_TEXT(key->budget)), &rows);
	int64_t percent = err || rows.count == 0 ? 0 : reached(rows_text(&rows, 0, 2), spent, rows_int(&rows, 0, 0));

	if (err || percent <= alerted)
		return err;
	if (percent < 100 || !refused) { /* that it is spent is told once a period */
		alert_add(list, rows_text(&rows, 0, 3), percent, spent, rows_int(&rows, 0, 0));
		err = tell_alert(tx, key, &rows, percent, spent, 0);
	}
	if (err)
		return err;
	return tx_exec(tx, &stmt_budget_period_alerted,
		PARAMS(V_INT(key->tenant), V_TEXT(key->budget), V_INT(key->starts_us), V_TEXT(key->holder), V_INT(percent)), NULL);
}

/* Turns the block's entries into what its period has spent, and gives the rest back. A block that is closed already stays as it is. */
static MAY_PARK const struct err *
close_block(struct tx *tx, struct alerts *alerts, int64_t tenant, const char *id)
{
	struct str block = str_of(id);
	struct rows rows, sum;
	struct period_key key = { .tenant = tenant };
	int64_t settled, granted;
	const struct err *err = tx_exec(tx, &stmt_budget_block_get, PARAMS(V_INT(tenant), V_TEXT(block)), &rows);

	open_block.commit = 0;
	if (err || rows.count == 0 || rows_int(&rows, 0, 4))
		return err;
	key.budget = rows_text(&rows, 0, 0);
	key.starts_us = rows_int(&rows, 0, 1);
	key.holder = rows_text(&rows, 0, 2);
	granted = rows_int(&rows, 0, 3);
	err = tx_exec(tx, &stmt_budget_block_sum, PARAMS(V_INT(tenant), V_TEXT(block)), &sum);
	if (err)
		return err;
	settled = rows_int(&sum, 0, 0);
	err = tx_exec(tx, &stmt_budget_block_close, PARAMS(V_INT(tenant), V_TEXT(block), V_INT(settled), V_INT(clock_wall_us())), NULL);
	if (!err)
		err = tx_exec(tx, &stmt_budget_period_settle,
			PARAMS(V_INT(tenant), V_TEXT(key.budget), V_INT(key.starts_us), V_TEXT(key.holder), V_INT(granted), V_INT(settled)), &rows);
	if (err || rows.count == 0)
		return err;
	return note_alert(tx, alerts, &key, rows_int(&rows, 0, 0), rows_int(&rows, 0, 1), rows_int(&rows, 0, 2) != 0);
}

MAY_PARK const struct err *
close_blocks(struct tx *tx, void *arg)
{
	struct close_list *list = arg;
	const struct err *err = NULL;

	list->alerts.count = 0;
	for (size_t i = 0; i < list->count && !err; i++)
		err = close_block(tx, &list->alerts, list->blocks[i].tenant, list->blocks[i].id);
	return err;
}

static MAY_PARK const struct err *
period_read(struct tx *tx, struct grant *grant)
{
	const struct account *account = grant->account;
	struct value tenant = V_INT(account->tenant), budget = V_TEXT(grant->budget->id), starts = V_INT(account->starts_us), holder = V_TEXT(account->holder);
	struct rows rows;
	const struct err *err = tx_exec(tx, &stmt_budget_limit, PARAMS(tenant, budget), &rows);

	if (err)
		return err;
	grant->closed = rows.count == 0 || rows_int(&rows, 0, 1);
	grant->limit_nanos = rows.count ? rows_int(&rows, 0, 0) : 0;
	err = tx_exec(tx, &stmt_budget_period_add, PARAMS(tenant, budget, starts, holder), NULL);
	if (!err)
		err = tx_exec(tx, &stmt_budget_period_get, PARAMS(tenant, budget, starts, holder), &rows);
	if (err)
		return err;
	grant->spent_nanos = rows_int(&rows, 0, 0);
	grant->held_nanos = rows_int(&rows, 0, 1);
	grant->told = rows_int(&rows, 0, 2) >= 100 || rows_int(&rows, 0, 3) != 0;
	return NULL;
}

/*
 * A call is refused for want of money. That is told once a period as if all were spent, since what is left may be too little for most calls from now on. Not for a call that the whole
 * budget could not pay: that says nothing of the budget.
 */
static MAY_PARK const struct err *
note_refusal(struct tx *tx, struct grant *grant)
{
	const struct account *account = grant->account;
	const struct period_key key = { account->tenant, account->starts_us, grant->budget->id, account->holder };
	struct rows rows;
	const struct err *err;

	if (grant->told || grant->wanted_nanos > grant->limit_nanos)
		return NULL;
	err = tx_exec(tx, &stmt_budget_limit, PARAMS(V_INT(key.tenant), V_TEXT(key.budget)), &rows);
	if (err || rows.count == 0 || rows_text(&rows, 0, 2).len == 0) /* nothing is to be told of it */
		return err;
	alert_add(&grant->alerts, rows_text(&rows, 0, 3), 100, grant->spent_nanos, grant->limit_nanos);
	err = tell_alert(tx, &key, &rows, (int64_t)((double)grant->spent_nanos * 100 / (double)grant->limit_nanos), grant->spent_nanos, grant->wanted_nanos);
	return err ? err : tx_exec(tx, &stmt_budget_period_refused,
				   PARAMS(V_INT(key.tenant), V_TEXT(key.budget), V_INT(key.starts_us), V_TEXT(key.holder), V_INT(clock_wall_us())), NULL);
}

MAY_PARK const struct err *
grant_block(struct tx *tx, void *arg)
{
	struct grant *grant = arg;
	const struct account *account = grant->account;
	int64_t left, amount;
	const struct err *err = NULL;

	grant->granted_nanos = 0;
	grant->alerts.count = 0;
	for (size_t i = 0; i < grant->close_count && !err; i++)
		err = close_block(tx, &grant->alerts, account->tenant, grant->close[i]);
	if (!err)
		err = period_read(tx, grant);
	if (err || grant->closed)
		return err;
	left = grant->limit_nanos - grant->spent_nanos - grant->held_nanos;
	if (left < grant->wanted_nanos) /* somebody may hold what he does not need */
		return grant->limit_nanos - grant->spent_nanos >= grant->wanted_nanos ? tx_notify(tx, BUDGET_WANTED) : note_refusal(tx, grant);
	amount = left / SHARE > grant->wanted_nanos ? left / SHARE : grant->wanted_nanos;
	err = tx_exec(tx, &stmt_budget_period_hold,
		PARAMS(V_INT(account->tenant), V_TEXT(grant->budget->id), V_INT(account->starts_us), V_TEXT(account->holder), V_INT(amount)), NULL);
	if (!err)
		err = tx_exec(tx, &stmt_budget_block_add,
			PARAMS(V_INT(account->tenant), V_TEXT(str_of(grant->id)), V_TEXT(grant->budget->id), V_INT(account->starts_us), V_TEXT(account->holder),
				V_TEXT(id_str(&grant->money->node)), V_INT(amount), V_INT(clock_wall_us())),
			NULL);
	grant->granted_nanos = err ? 0 : amount;
	return err;
}

/* A block that was closed meanwhile, as a dead node's, is corrected: what was spent is spent. */
static MAY_PARK const struct err *
settle_late(struct tx *tx, int64_t tenant, struct str block, const struct rows *found, int64_t amount)
{
	struct rows rows;
	const struct err *err = tx_exec(tx, &stmt_budget_block_late, PARAMS(V_INT(tenant), V_TEXT(block), V_INT(amount)), NULL);

	return err ? err : tx_exec(tx, &stmt_budget_period_settle, PARAMS(V_INT(tenant), V_TEXT(rows_text(found, 0, 0)), V_INT(rows_int(found, 0, 1)),
				V_TEXT(rows_text(found, 0, 2)), V_INT(0), V_INT(amount)), &rows);
}

MAY_PARK const struct err *
budget_settle_lost(struct tx *tx, int64_t tenant, const struct str *blocks, size_t count, struct str interaction, int64_t amount_nanos)
{
	const struct err *err = NULL;

	for (size_t i = 0; i < count && !err; i++) {
		bool open = is_known_open(tx, tenant, blocks[i]);
		struct rows found;

		if (!open) {
			err = tx_exec(tx, &stmt_budget_block_get, PARAMS(V_INT(tenant), V_TEXT(blocks[i])), &found);
			if (!err && found.count == 0)
				return err_new(tx_arena(tx), ERR_INTERNAL, "a block of a budget is gone");
			open = !err && !rows_int(&found, 0, 4);
			if (open)
				know_open(tx, tenant, blocks[i]);
		}
		if (!err)
			err = tx_exec(tx, &stmt_budget_entry_add, PARAMS(V_INT(tenant), V_TEXT(blocks[i]), V_BLOB(interaction), V_INT(amount_nanos)), NULL);
		if (!err && !open)
			err = settle_late(tx, tenant, blocks[i], &found, amount_nanos);
	}
	return err;
}

size_t
budget_claim_blocks(const struct budget_claim *claim, struct str out[BUDGET_PARTS_MAX])
{
	for (size_t i = 0; i < claim->count; i++)
		out[i] = str_n(claim->parts[i].block->id, BLOCK_ID);
	return claim->count;
}

MAY_PARK const struct err *
budget_settle(struct tx *tx, void *arg)
{
	const struct budget_claim *claim = arg;
	struct str blocks[BUDGET_PARTS_MAX];
	size_t count = budget_claim_blocks(claim, blocks);

	return budget_settle_lost(tx, claim->tenant, blocks, count, claim->interaction, claim->amount_nanos);
}
