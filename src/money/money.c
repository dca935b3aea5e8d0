/*
 * money.c - the keeper: a fiber on loop 0 that reads changed budgets, gives back what is idle, renews the node's lease and closes what dead nodes held.
 *
 * On a database of its own there are no other nodes: what is open when the program starts was held by a process that is no more. On a shared one a node lives as
 * long as its row in money_node says. A node that could not renew in time stops using its blocks before others may close them.
 */
#include "money/money.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "money/inside.h"
#include "money/money_sql.h"
#include "rt/fiber.h"

#define LEASE_US (30 * USEC_PER_SEC)
#define LEASE_MARGIN_US (5 * USEC_PER_SEC)
#define RENEW_US (8 * USEC_PER_SEC)
#define TURN_US USEC_PER_SEC
#define IDLE_US (5 * USEC_PER_SEC)

static struct metric alerts_total = METRIC_COUNTER("corbel_budget_alerts_total", "Thresholds of budgets that were crossed.", "budget", "percent");

static bool
is_shared(const struct money *money)
{
	return store_engine_of(money->store) == STORE_POSTGRES;
}

/* --- giving back --- */

void
alerts_tell(const struct alerts *alerts)
{
	for (size_t i = 0; i < alerts->count; i++) {
		char percent[8];
		int len = snprintf(percent, sizeof(percent), "%d", (int)alerts->list[i].percent);

		metric_add(&alerts_total, 1, str_of(alerts->list[i].name), str_n(percent, (size_t)len));
		log_warn("a budget has reached a threshold", LOG_STR("budget", str_of(alerts->list[i].name)), LOG_INT("percent", alerts->list[i].percent),
			LOG_INT("spent_nanodollars", alerts->list[i].spent_nanos), LOG_INT("limit_nanodollars", alerts->list[i].limit_nanos));
	}
}

/* What can be closed of an account: retired or idle blocks without calls. Locked. */
static void
pick_blocks(struct account *account, int64_t since_us, struct close_list *list)
{
	for (struct block *block = account->blocks; block && list->count < COUNT(list->blocks); block = block->next) {
		if (block->calls > 0 || block->closing || (!block->retired && block->used_us > since_us))
			continue;
		block->retired = block->closing = true;
		list->blocks[list->count].tenant = account->tenant;
		memcpy(list->blocks[list->count++].id, block->id, sizeof(block->id));
	}
}

/* Forgets what was closed, or lets it be tried again. Locked. */
static void
drop_blocks(struct account *account, bool closed)
{
	for (struct block **at = &account->blocks, *block; (block = *at);) {
		if (block->closing && closed && block->calls == 0) {
			*at = block->next;
			free(block);
			continue;
		}
		block->closing = false;
		at = &block->next;
	}
}

/* Gives back what one account does not need. True when it has blocks left. */
static MAY_PARK bool
account_return(struct account *account, struct close_list *list, int64_t since_us)
{
	struct arena *scratch = arena_new(KIB(256));
	const struct err *err = NULL;
	bool has_blocks, skip;

	list->count = 0;
	pthread_mutex_lock(&account->lock);
	skip = account->granting; /* it closes them itself */
	if (!skip)
		pick_blocks(account, since_us, list);
	if (list->count)
		account->granting = true;
	has_blocks = account->blocks != NULL;
	pthread_mutex_unlock(&account->lock);
	if (!list->count) {
		arena_free(scratch);
		return has_blocks;
	}
	err = store_tx(account->money->store, scratch, close_blocks, list);
	if (err)
		log_warn("what a budget lent could not be given back", LOG_ERR("error", err));
	else
		alerts_tell(&list->alerts);
	pthread_mutex_lock(&account->lock);
	drop_blocks(account, !err);
	account->granting = false;
	has_blocks = account->blocks != NULL;
	account_wake(account);
	pthread_mutex_unlock(&account->lock);
	arena_free(scratch);
	return has_blocks;
}

/*
 * An account without blocks leaves the list and, when nobody else has it, the map: the next call makes it anew. True when it stays, having got a block meanwhile or a
 * refusal to remember.
 */
static bool
account_stays(struct account *account)
{
	struct account_shard *shard = &account->money->accounts[map_hash(account->key) % ACCOUNT_SHARDS];
	bool stays;

	pthread_mutex_lock(&shard->lock);
	pthread_mutex_lock(&account->lock);
	stays = account->blocks || account->granting || clock_mono_us() < account->refused_until_us || atomic_load(&account->refs) > 2; /* the map's and the list's */
	if (!stays)
		map_remove(&shard->by_key, account->key);
	pthread_mutex_unlock(&account->lock);
	pthread_mutex_unlock(&shard->lock);
	return stays;
}

static void
list_put(struct money *money, struct account *account)
{
	pthread_mutex_lock(&money->active_lock);
	account->next_active = money->active;
	money->active = account;
	pthread_mutex_unlock(&money->active_lock);
}

MAY_PARK void
blocks_return(struct money *money, int64_t since_us)
{
	struct arena *scratch = arena_new(MIB(4));
	struct close_list *list = arena_zalloc(scratch, sizeof(*list));
	struct account *all, *account;

	pthread_mutex_lock(&money->active_lock);
	all = money->active;
	money->active = NULL;
	pthread_mutex_unlock(&money->active_lock);
	while ((account = all)) {
		all = account->next_active;
		if (account_return(account, list, since_us) || account_stays(account)) {
			list_put(money, account);
			continue;
		}
		account_unref(account); /* the map's */
		account_unref(account); /* the list's */
	}
	arena_free(scratch);
}

/* --- other nodes --- */

static MAY_PARK const struct err *
renew(struct tx *tx, void *arg)
{
	struct money *money = arg;
	int64_t now_us = clock_wall_us();
	const struct err *err = tx_exec(tx, &stmt_money_node_renew, PARAMS(V_TEXT(id_str(&money->node)), V_INT(now_us + LEASE_US)), NULL);

	return err ? err : tx_exec(tx, &stmt_money_node_forget, PARAMS(V_INT(now_us - 10 * LEASE_US)), NULL);
}

/* A lease that has run out is taken anew under another epoch: the blocks of the old one may have been closed. */
static MAY_PARK const struct err *
lease_renew(struct money *money, struct arena *scratch)
{
	int64_t began_us = clock_mono_us();
	const struct err *err;

	if (!is_shared(money)) {
		atomic_store(&money->lease_until_us, INT64_MAX);
		return NULL;
	}
	err = store_tx(money->store, scratch, renew, money);
	if (err)
		return err;
	if (began_us >= atomic_load(&money->lease_until_us))
		atomic_fetch_add(&money->epoch, 1);
	atomic_store(&money->lease_until_us, began_us + LEASE_US - LEASE_MARGIN_US);
	return NULL;
}

/* Closes what dead nodes held. */
static MAY_PARK const struct err *
orphans_close(struct money *money, struct arena *scratch)
{
	struct close_list *list = arena_zalloc(scratch, sizeof(*list));
	const struct err *err;
	struct rows rows;

	do {
		err = list ? store_query(money->store, scratch, &stmt_budget_block_orphans, PARAMS(V_TEXT(id_str(&money->node)), V_INT(clock_wall_us())), &rows)
			   : &err_no_memory;
		for (size_t i = 0; !err && i < rows.count && i < COUNT(list->blocks); i++) {
			struct str id = rows_text(&rows, i, 1);

			list->blocks[i].tenant = rows_int(&rows, i, 0);
			memset(list->blocks[i].id, 0, sizeof(list->blocks[i].id));
			memcpy(list->blocks[i].id, id.ptr, id.len < BLOCK_ID ? id.len : BLOCK_ID);
			list->count = i + 1;
		}
		if (!err && rows.count)
			err = store_tx(money->store, scratch, close_blocks, list);
		if (!err && rows.count)
			alerts_tell(&list->alerts);
	} while (!err && rows.count);
	return err;
}

/* --- the fiber --- */

static void
wake(struct money *money)
{
	if (money->idle)
		wait_wake(money->idle);
}

static void
on_change(void *arg)
{
	struct money *money = arg;

	money->stale = true;
	wake(money);
}

static void
on_price(void *arg)
{
	struct money *money = arg;

	money->unpriced = true;
	wake(money);
}

static void
on_wanted(void *arg)
{
	struct money *money = arg;

	money->wanted = true;
	wake(money);
}

static void
warn(const char *what, const struct err *err)
{
	if (err && err->kind != ERR_CANCELLED)
		log_warn("budgets cannot be kept up to date", LOG_STR("what", str_of(what)), LOG_ERR("error", err));
}

/* Whether anything may be held: of budgets that are closed by now, too. */
static bool
has_accounts(struct money *money)
{
	bool any;

	pthread_mutex_lock(&money->active_lock);
	any = money->active != NULL;
	pthread_mutex_unlock(&money->active_lock);
	return any;
}

static MAY_PARK void
turn(struct money *money, struct arena *scratch, int64_t *renew_us)
{
	const struct err *err;

	if (money->stale) {
		money->stale = false;
		err = budgets_load(money, scratch);
		money->stale = money->stale || err;
		warn("reading them", err);
	}
	if (money->unpriced) {
		money->unpriced = false;
		warn("prices", prices_load(money, scratch));
	}
	if (atomic_load(&money->budget_count) == 0 && !has_accounts(money))
		return;
	if (clock_mono_us() >= *renew_us) {
		err = lease_renew(money, scratch);
		warn("the node's lease", err);
		if (!err && is_shared(money))
			warn("what dead nodes held", orphans_close(money, scratch));
		*renew_us = clock_mono_us() + (err ? TURN_US : RENEW_US);
	}
	blocks_return(money, money->wanted ? INT64_MAX : clock_mono_us() - IDLE_US);
	money->wanted = false;
}

static MAY_PARK void
keeper(void *arg)
{
	struct money *money = arg;
	struct arena *scratch = arena_new(MIB(16));
	const struct err *err = NULL;
	int64_t renew_us = 0;

	while (!err || err->kind != ERR_CANCELLED) {
		struct waiter idle;

		turn(money, scratch, &renew_us);
		arena_reset(scratch);
		waiter_init(&idle);
		money->idle = &idle;
		err = money->stale || money->wanted || money->unpriced ? scope_check() : wait_for_us(&idle, TURN_US);
		money->idle = NULL;
		if (!err || err->kind == ERR_TIMEOUT)
			err = fiber_yield();
	}
	arena_free(scratch);
}

MAY_PARK const struct err *
money_open(struct store *store, struct arena *arena, struct money **out)
{
	struct money *money = mem_zalloc(sizeof(*money));
	const struct err *err;

	*out = NULL;
	money->store = store;
	money->node = id_new();
	pthread_rwlock_init(&money->budgets_lock, NULL);
	pthread_mutex_init(&money->active_lock, NULL);
	for (size_t i = 0; i < ACCOUNT_SHARDS; i++)
		pthread_mutex_init(&money->accounts[i].lock, NULL);
	money->kept = arena_new(MIB(1));
	err = budgets_load(money, arena);
	if (!err)
		err = prices_load(money, arena);
	if (!err)
		err = lease_renew(money, arena);
	if (!err)
		err = orphans_close(money, arena);
	scope_init(&money->scope, NULL, INT64_MAX);
	if (!err)
		err = fiber_go("money", &money->scope, keeper, money);
	if (err) {
		scope_fini(&money->scope);
		money_free(money);
		return err;
	}
	store_listen(store, BUDGET_TOPIC, on_change, money);
	store_listen(store, BUDGET_WANTED, on_wanted, money);
	store_listen(store, PRICE_TOPIC, on_price, money);
	*out = money;
	return NULL;
}

static MAY_PARK const struct err *
leave(struct tx *tx, void *arg)
{
	struct money *money = arg;

	return tx_exec(tx, &stmt_money_node_leave, PARAMS(V_TEXT(id_str(&money->node))), NULL);
}

MAY_PARK void
money_stop(struct money *money)
{
	struct arena *scratch = arena_new(MIB(1));

	scope_stop(&money->scope);
	for (int round = 0; round < 16 && money->active; round++) /* a round closes up to 64 blocks of an account */
		blocks_return(money, INT64_MAX);
	if (is_shared(money))
		warn("leaving", store_tx(money->store, scratch, leave, money));
	arena_free(scratch);
}

void
money_free(struct money *money)
{
	struct account *account;

	if (!money)
		return;
	while ((account = money->active)) {
		money->active = account->next_active;
		for (struct block *block; (block = account->blocks);) {
			account->blocks = block->next;
			free(block);
		}
		account_unref(account);
	}
	for (size_t i = 0; i < ACCOUNT_SHARDS; i++) {
		const struct map_entry *entry;

		for (size_t at = 0; (entry = map_next(&money->accounts[i].by_key, &at));)
			account_unref(entry->value);
		map_fini(&money->accounts[i].by_key);
		pthread_mutex_destroy(&money->accounts[i].lock);
	}
	budgets_fini(money);
	map_fini(&money->prices);
	arena_free(money->kept);
	pthread_rwlock_destroy(&money->budgets_lock);
	pthread_mutex_destroy(&money->active_lock);
	free(money);
}
