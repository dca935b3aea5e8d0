/*
 * budget.c - reserving from blocks in memory, and giving back. See budget.h.
 *
 * Of an account one fiber at a time asks the database for a block; others that find too little wait for it. Locks are held for a few instructions; the database is asked
 * without any.
 */
#include "money/budget.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/dollars.h"
#include "base/metric.h"
#include "money/inside.h"
#include "rt/fiber.h"

static struct metric refused = METRIC_COUNTER("corbel_budget_refusals_total", "Calls refused by a budget; holder is whose it was.", "holder", "reason");

/* How often and how long a call waits for what others hold, before it is told to come again. */
#define TRY_AGAIN_US (100 * USEC_PER_MS)
#define PATIENCE_US (600 * USEC_PER_MS)
#define REFUSAL_US USEC_PER_SEC

/* --- accounts --- */

void
account_unref(struct account *account)
{
	if (!account || atomic_fetch_sub_explicit(&account->refs, 1, memory_order_acq_rel) != 1)
		return;
	budget_unref(account->budget);
	pthread_mutex_destroy(&account->lock);
	free(account);
}

static struct account *
account_new(struct money *money, struct budget *budget, struct str key, struct str holder, int64_t starts_us, int64_t ends_us)
{
	struct account *account = mem_zalloc(sizeof(*account) + key.len + holder.len);
	char *text = (char *)(account + 1);

	atomic_init(&account->refs, 1);
	account->money = money;
	memcpy(text, key.ptr, key.len);
	account->key = str_n(text, key.len);
	memcpy(text + key.len, holder.ptr, holder.len);
	account->holder = str_n(text + key.len, holder.len);
	account->tenant = budget->tenant;
	account->starts_us = starts_us;
	account->ends_us = ends_us;
	account->budget = budget;
	budget_ref(budget);
	pthread_mutex_init(&account->lock, NULL);
	return account;
}

/* A changed budget takes the old one's place: what was refused under the old one is asked anew, and what was granted is given back. */
static void
account_use_budget(struct account *account, struct budget *budget)
{
	struct budget *old = NULL;

	pthread_mutex_lock(&account->lock);
	if (account->budget != budget) {
		old = account->budget;
		account->budget = budget;
		budget_ref(budget);
		account->refused_until_us = 0;
		for (struct block *block = account->blocks; block; block = block->next)
			block->retired = true;
	}
	pthread_mutex_unlock(&account->lock);
	budget_unref(old);
}

struct account *
account_of(struct money *money, struct budget *budget, struct str user, int64_t at_us)
{
	struct str holder = budget->kind == HOLDER_USER && budget->holder.len == 0 ? user : STR_EMPTY, key;
	int64_t starts_us, ends_us;
	struct account_shard *shard;
	struct account *account;
	char text[MONEY_KEY_MAX];

	period_bounds(budget->period, at_us, &starts_us, &ends_us);
	key = money_key(text, starts_us, budget->id, holder); /* of each budget, the id has the same length */
	shard = &money->accounts[map_hash(key) % ACCOUNT_SHARDS];
	pthread_mutex_lock(&shard->lock);
	account = map_get(&shard->by_key, key);
	if (!account) {
		account = account_new(money, budget, key, holder, starts_us, ends_us);
		map_put(&shard->by_key, account->key, account); /* held by the map… */
		atomic_fetch_add_explicit(&account->refs, 1, memory_order_relaxed); /* …and by the list */
		pthread_mutex_lock(&money->active_lock);
		account->next_active = money->active;
		money->active = account;
		pthread_mutex_unlock(&money->active_lock);
	}
	atomic_fetch_add_explicit(&account->refs, 1, memory_order_relaxed);
	pthread_mutex_unlock(&shard->lock);
	account_use_budget(account, budget);
	return account;
}

/* --- blocks --- */

static bool
lease_holds(const struct money *money, const struct block *block)
{
	return atomic_load(&((struct money *)money)->epoch) == block->epoch && clock_mono_us() < atomic_load(&((struct money *)money)->lease_until_us);
}

/* Takes from the first block when it has enough. Locked. */
static struct block *
take(struct account *account, int64_t nanos)
{
	struct block *block = account->blocks;

	if (!block || block->retired || block->left_nanos < nanos || !lease_holds(account->money, block))
		return NULL;
	block->left_nanos -= nanos;
	block->calls++;
	block->used_us = clock_mono_us();
	return block;
}

/* Retires all blocks and names those without calls for closing, which the grant's transaction does first. Locked. */
static void
retire_all(struct account *account, struct grant *grant)
{
	for (struct block *block = account->blocks; block; block = block->next) {
		block->retired = true;
		if (block->calls == 0 && !block->closing && grant->close_count < COUNT(grant->close)) {
			block->closing = true;
			memcpy(grant->close[grant->close_count++], block->id, sizeof(block->id));
		}
	}
}

/* Takes the blocks that the grant has closed out of memory, or leaves them to the keeper when it has failed. Locked. */
static void
closed_by(struct account *account, const struct grant *grant, bool done)
{
	for (struct block **at = &account->blocks, *block; (block = *at);) {
		bool mine = false;

		for (size_t i = 0; i < grant->close_count; i++)
			mine = mine || memcmp(grant->close[i], block->id, BLOCK_ID) == 0;
		if (mine && done) {
			*at = block->next;
			free(block);
			continue;
		}
		if (mine)
			block->closing = false;
		at = &block->next;
	}
}

void
account_wake(struct account *account)
{
	while (account->waits) {
		struct grant_wait *wait = account->waits;

		account->waits = wait->next;
		wait_wake(wait->waiter);
		waiter_unref(wait->waiter);
		free(wait);
	}
}

static MAY_PARK const struct err *
wait_for_grant(struct account *account)
{
	struct grant_wait *wait = mem_zalloc(sizeof(*wait));
	struct waiter *waiter = waiter_new();
	const struct err *err;

	wait->waiter = waiter_ref(waiter);
	wait->next = account->waits;
	account->waits = wait;
	pthread_mutex_unlock(&account->lock);
	err = wait_for(waiter);
	waiter_unref(waiter);
	pthread_mutex_lock(&account->lock);
	return err;
}

static void
granted(struct account *account, const struct grant *grant)
{
	struct block *block = mem_zalloc(sizeof(*block));

	block->account = account;
	memcpy(block->id, grant->id, sizeof(block->id));
	block->left_nanos = grant->granted_nanos;
	block->used_us = clock_mono_us();
	block->epoch = atomic_load(&account->money->epoch);
	block->next = account->blocks;
	account->blocks = block;
}

/* Asks the database for a block of at least `nanos`. Locked before and after, not meanwhile. */
static MAY_PARK const struct err *
ask(struct account *account, struct arena *arena, int64_t nanos, bool *got, bool *unbound)
{
	struct grant *grant = arena_zalloc(arena, sizeof(*grant));
	struct budget *budget = account->budget;
	struct id id = id_new();
	const struct err *err;

	*got = *unbound = false;
	if (!grant)
		return &err_no_memory;
	*grant = (struct grant){ .money = account->money, .account = account, .budget = budget, .wanted_nanos = nanos };
	memcpy(grant->id, id.hex, BLOCK_ID);
	account->granting = true;
	budget_ref(budget);
	retire_all(account, grant);
	pthread_mutex_unlock(&account->lock);
	err = store_tx(account->money->store, arena, grant_block, grant);
	if (!err)
		alerts_tell(&grant->alerts);
	pthread_mutex_lock(&account->lock);
	closed_by(account, grant, !err);
	*got = !err && grant->granted_nanos > 0;
	*unbound = !err && grant->closed;
	if (*got) {
		granted(account, grant);
	} else if (!err) {
		account->exhausted = grant->limit_nanos - grant->spent_nanos < nanos;
		account->refused_nanos = nanos;
		account->spent_nanos = grant->spent_nanos;
		account->refused_until_us = account->exhausted ? clock_mono_us() + REFUSAL_US : 0;
	}
	account->granting = false;
	account_wake(account);
	budget_unref(budget);
	return err;
}

/* --- refusals --- */

static const struct err *
refuse(struct arena *arena, const struct account *account, int64_t nanos)
{
	const struct budget *budget = account->budget;
	const char *kind = holder_kind_name(budget->kind);
	struct str limit = dollars_text(arena, budget->limit_nanos), spent = dollars_text(arena, account->spent_nanos), wanted = dollars_text(arena, nanos);
	char resets[CLOCK_TEXT_SIZE];
	struct str when = STR_EMPTY;
	const struct err *err;
	struct err *late;

	metric_add(&refused, 1, str_of(kind), account->exhausted ? STR("spent") : STR("held"));
	if (!account->exhausted) {
		err = err_param(arena, ERR_RATE_LIMITED, NULL, "budget_held", "calls in flight hold the rest of the budget \"%" STR_F "\" of this %s; try again when they have ended",
			STR_A(budget->name), kind);
		late = arena_alloc(arena, sizeof(*late));
		if (!late)
			return err;
		*late = *err;
		late->retry_after_us = USEC_PER_SEC;
		return late;
	}
	if (account->ends_us != INT64_MAX) {
		clock_text(account->ends_us, resets);
		when = arena_printf(arena, "; it begins anew at %.19sZ", resets);
	}
	if (account->spent_nanos >= budget->limit_nanos)
		return err_param(arena, ERR_QUOTA, NULL, "budget_exceeded", "the budget \"%" STR_F "\" of this %s is spent: %" STR_F " of %" STR_F "%" STR_F, STR_A(budget->name), kind,
			STR_A(spent), STR_A(limit), STR_A(when));
	return err_param(arena, ERR_QUOTA, NULL, "budget_exceeded",
		"the budget \"%" STR_F "\" of this %s has not enough left: %" STR_F " of %" STR_F " are spent, and this call may cost %" STR_F "%" STR_F, STR_A(budget->name), kind,
		STR_A(spent), STR_A(limit), STR_A(wanted), STR_A(when));
}

/* One turn at getting a block: NULL and no *out means try again. Locked. */
static MAY_PARK const struct err *
account_turn(struct account *account, struct arena *arena, int64_t nanos, bool *unbound, bool *refused_now, struct block **out)
{
	bool got = false;
	const struct err *err;

	*out = take(account, nanos);
	*refused_now = !*out && clock_mono_us() < account->refused_until_us && nanos >= account->refused_nanos;
	if (*out || *refused_now)
		return NULL;
	if (account->granting)
		return wait_for_grant(account);
	err = ask(account, arena, nanos, &got, unbound);
	if (err || *unbound)
		return err;
	if (got) {
		*out = take(account, nanos);
		return *out ? NULL : err_new(arena, ERR_UNAVAILABLE, "this node's lease on budgets has run out; try again");
	}
	*refused_now = account->exhausted;
	if (*refused_now)
		return NULL;
	pthread_mutex_unlock(&account->lock);
	err = fiber_sleep_us(TRY_AGAIN_US); /* for others to give back, and calls to end */
	pthread_mutex_lock(&account->lock);
	return err;
}

/* A block with this much taken from it; NULL without an error: the budget was closed meanwhile. */
static MAY_PARK const struct err *
account_take(struct account *account, struct arena *arena, int64_t nanos, struct block **out)
{
	int64_t until_us = clock_mono_us() + PATIENCE_US;
	bool unbound = false, refused_now = false;
	const struct err *err = NULL;

	*out = NULL;
	pthread_mutex_lock(&account->lock);
	while (!err && !*out && !unbound && !refused_now && clock_mono_us() < until_us)
		err = account_turn(account, arena, nanos, &unbound, &refused_now, out);
	if (!err && !*out && !unbound)
		err = refuse(arena, account, nanos);
	pthread_mutex_unlock(&account->lock);
	return err;
}

/* --- calls --- */

static void
block_end(struct block *block, int64_t back_nanos, bool retire)
{
	struct account *account = block->account;

	pthread_mutex_lock(&account->lock);
	block->left_nanos += back_nanos;
	block->calls--;
	block->used_us = clock_mono_us();
	block->retired = block->retired || retire;
	pthread_mutex_unlock(&account->lock);
	account_unref(account);
}

MAY_PARK const struct err *
budget_reserve(struct money *money, struct arena *arena, const struct identity *identity, struct str user, int64_t at_us, int64_t nanos, struct budget_claim *out)
{
	struct budget *budgets[BUDGET_PARTS_MAX];
	size_t count = nanos > 0 ? budgets_find(money, identity, user, budgets) : 0;
	const struct err *err = NULL;

	*out = (struct budget_claim){ .money = money, .tenant = identity->tenant };
	for (size_t i = 0; i < count; i++) {
		struct account *account = err ? NULL : account_of(money, budgets[i], user, at_us);
		struct block *block = NULL;

		if (account)
			err = account_take(account, arena, nanos, &block);
		if (block) {
			out->parts[out->count].block = block;
			out->parts[out->count++].reserved_nanos = nanos;
		} else {
			account_unref(account);
		}
		budget_unref(budgets[i]);
	}
	if (err)
		budget_end(out, err);
	return err;
}

void
budget_end(struct budget_claim *claim, const struct err *err)
{
	bool unknown = err && err->kind == ERR_UNKNOWN_OUTCOME;

	for (size_t i = 0; i < claim->count; i++) {
		int64_t reserved = claim->parts[i].reserved_nanos;

		block_end(claim->parts[i].block, err && !unknown ? reserved : reserved - claim->amount_nanos, unknown);
	}
	claim->count = 0;
}
