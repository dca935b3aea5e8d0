/*
 * share.c - permits in memory, taken and asked for; what the keeper (share_keeper.c) tells of one holder. See share.h.
 *
 * Of a holder one fiber at a time asks the database; others that find too little wait for it. Locks are held for a few instructions, never across a wait: what is asked for is told by a
 * copy, and the answer is added to what the share has become meanwhile.
 */
#include "access/share.h"

#include <stdio.h>
#include <stdlib.h>

#include "access/share_inside.h"
#include "base/clock.h"
#include "base/log.h"
#include "rt/fiber.h"
#include "rt/wait.h"

enum { KEY_MAX = 256 };

#define IDLE_US (2 * USEC_PER_SEC)
#define PATIENCE_US (300 * USEC_PER_MS) /* for others to give back what they do not need */
#define TRY_AGAIN_US (40 * USEC_PER_MS)
#define NOTIFY_US (100 * USEC_PER_MS)
#define REFUSAL_US USEC_PER_SEC
#define CONTENDED_US (200 * USEC_PER_MS) /* how long a refusal for what others hold is remembered: they may give it back */

struct share_wait {
	struct share_wait *next;
	struct waiter *waiter; /* counted */
};

/* --- within the lock --- */

/* What was had under a lease that is over is had no more; calls that run keep running. */
static void
check_epoch(struct shares *shares, struct holder *holder)
{
	struct share *share = &holder->share;
	uint64_t epoch = atomic_load(&shares->epoch);

	if (share->epoch == epoch && clock_mono_us() < atomic_load(&shares->until_us))
		return;
	share->requests = share->requests < 0 ? share->requests : 0;
	share->tokens = share->tokens < 0 ? share->tokens : 0;
	share->slots = 0;
	share->epoch = epoch;
}

static double
tokens_needed(const struct limits *limits, int64_t tokens)
{
	return (double)(tokens < limits->tokens_per_minute ? tokens : limits->tokens_per_minute);
}

/* Takes it all, or nothing and false. */
static bool
take(struct holder *holder, const struct limits *limits, int64_t tokens)
{
	struct share *share = &holder->share;

	if (limits->requests_per_minute && share->requests + 0.001 < 1)
		return false;
	if (limits->tokens_per_minute && share->tokens + 0.001 < tokens_needed(limits, tokens))
		return false;
	if (limits->concurrency && holder->running >= share->slots)
		return false;
	share->requests -= limits->requests_per_minute ? 1 : 0;
	share->tokens -= limits->tokens_per_minute ? (double)tokens : 0;
	share->changed = true;
	holder->running++;
	holder->used_us = clock_mono_us();
	return true;
}

/* What was refused lately for want of no more than this is refused again. */
static bool
refused_lately(const struct holder *holder, const struct limits *limits, int64_t tokens, int64_t now_us)
{
	const struct share *share = &holder->share;

	if (now_us >= share->refused_us || memcmp(&share->limits, limits, sizeof(*limits)) != 0)
		return false;
	if (share->refused == SHARE_LACKS_SLOTS)
		return holder->running >= share->slots;
	return share->refused == SHARE_LACKS_REQUESTS || share->refused_tokens <= tokens_needed(limits, tokens);
}

static void
ask_fill(struct shares *shares, struct holder *holder, const struct limits *limits, int64_t tokens, struct share_ask *ask)
{
	struct share *share = &holder->share;
	double *const has[2] = { &share->requests, &share->tokens };
	const double wants[2] = { limits->requests_per_minute ? 1 : 0, limits->tokens_per_minute ? tokens_needed(limits, tokens) : 0 };

	share->limits = *limits;
	ask->limits = *limits;
	for (int i = 0; i < 2; i++) {
		ask->debt[i] = *has[i] < 0 ? *has[i] : 0;
		*has[i] -= ask->debt[i];
		ask->keep[i] = *has[i];
		ask->need[i] = wants[i] - *has[i];
	}
	ask->slots_keep = share->slots;
	ask->slots_need = limits->concurrency && holder->running >= share->slots ? holder->running + 1 - share->slots : 0;
	ask->notify = clock_mono_us() - atomic_load(&shares->notified_us) > NOTIFY_US;
}

/* For the keeper: tells what is there, and gives back all of it or what no call needs. */
static void
ask_fill_back(struct holder *holder, struct share_ask *ask)
{
	struct share *share = &holder->share;
	double *const has[2] = { &share->requests, &share->tokens };
	int64_t spare = share->slots > holder->running ? share->slots - holder->running : 0;

	for (int i = 0; i < 2; i++) {
		ask->back[i] = ask->keep[i];
		ask->keep[i] = 0;
		*has[i] -= ask->back[i];
		ask->need[i] = 0;
	}
	share->slots -= spare;
	ask->slots_keep = share->slots;
}

static void
wake_all(struct share *share)
{
	while (share->waits) {
		struct share_wait *wait = share->waits;

		share->waits = wait->next;
		wait_wake(wait->waiter);
		waiter_unref(wait->waiter);
		free(wait);
	}
}

/* The answer, or that there was none: then what was told or given back is there as before. */
static void
ask_apply(struct holder *holder, const struct share_ask *ask, uint64_t epoch, const struct err *err)
{
	struct share *share = &holder->share;
	bool same = share->epoch == epoch;

	share->asking = false;
	wake_all(share);
	if (err) {
		share->requests += ask->debt[0] + (same ? ask->back[0] : 0);
		share->tokens += ask->debt[1] + (same ? ask->back[1] : 0);
		share->changed = true;
		return;
	}
	share->requests += same ? ask->got[0] : 0;
	share->tokens += same ? ask->got[1] : 0;
	share->slots += same ? ask->slots_got : 0;
	share->requests_level = ask->level[0];
	share->tokens_level = ask->level[1];
	share->level_us = clock_mono_us();
}

static void
list_put(struct shares *shares, struct holder *holder)
{
	if (holder->share.listed)
		return;
	holder->share.listed = true;
	holder_ref(holder);
	pthread_mutex_lock(&shares->lock);
	holder->share.next = shares->first;
	shares->first = holder;
	pthread_mutex_unlock(&shares->lock);
}

/* --- asking --- */

static struct str
key_of(char out[KEY_MAX], const struct holder *holder)
{
	int len = snprintf(out, KEY_MAX, "%s %lld %" STR_F, holder_kind_name(holder->kind), (long long)holder->tenant, STR_A(holder->id));

	return str_n(out, len < KEY_MAX ? (size_t)len : KEY_MAX - 1);
}

/* Locked before and after, not meanwhile. */
static MAY_PARK const struct err *
ask_database(struct shares *shares, struct arena *arena, struct holder *holder, struct share_ask *ask)
{
	uint64_t epoch = holder->share.epoch;
	char key[KEY_MAX];
	const struct err *err;

	ask->shares = shares;
	ask->key = key_of(key, holder);
	holder->share.asking = true;
	holder->share.changed = false;
	pthread_mutex_unlock(&holder->lock);
	err = store_tx(shares->store, arena, share_ask_tx, ask);
	if (!err && ask->contended && ask->notify)
		atomic_store(&shares->notified_us, clock_mono_us());
	pthread_mutex_lock(&holder->lock);
	ask_apply(holder, ask, epoch, err);
	return err;
}

static MAY_PARK const struct err *
wait_for_answer(struct holder *holder)
{
	struct share_wait *wait = mem_zalloc(sizeof(*wait));
	struct waiter *waiter = waiter_new();
	const struct err *err;

	wait->waiter = waiter_ref(waiter);
	wait->next = holder->share.waits;
	holder->share.waits = wait;
	pthread_mutex_unlock(&holder->lock);
	err = wait_for(waiter);
	waiter_unref(waiter);
	pthread_mutex_lock(&holder->lock);
	return err;
}

static void
refusal_note(struct share *share, const struct share_ask *ask, const struct limits *limits, int64_t tokens)
{
	int64_t most_us = ask->contended ? CONTENDED_US : REFUSAL_US;

	share->refused = ask->lack;
	share->refused_tokens = tokens_needed(limits, tokens);
	share->refused_us = clock_mono_us() + (ask->wait_us < most_us ? ask->wait_us : most_us);
}

/* One turn at getting what lacks. *done: taken, or refused for good. Locked. */
static MAY_PARK const struct err *
turn_take(struct shares *shares, struct arena *arena, struct holder *holder, const struct limits *limits, int64_t tokens, struct share_ask *ask, bool *done)
{
	struct share *share = &holder->share;
	int64_t now_us = clock_mono_us();
	const struct err *err;

	check_epoch(shares, holder);
	*done = take(holder, limits, tokens);
	if (*done) {
		ask->lack = SHARE_LACKS_NOTHING;
		return NULL;
	}
	if (now_us >= atomic_load(&shares->until_us))
		return err_new(arena, ERR_UNAVAILABLE, "this node's lease on limits has run out; try again");
	*done = refused_lately(holder, limits, tokens, now_us);
	if (*done) {
		ask->lack = share->refused;
		ask->wait_us = share->refused_us - now_us;
		return NULL;
	}
	*done = limits->concurrency && holder->running >= limits->concurrency; /* all of them here: nobody else has any */
	if (*done) {
		ask->lack = SHARE_LACKS_SLOTS;
		ask->wait_us = USEC_PER_SEC;
		return NULL;
	}
	if (share->asking)
		return wait_for_answer(holder);
	*ask = (struct share_ask){ .wait_us = 0 };
	ask_fill(shares, holder, limits, tokens, ask);
	list_put(shares, holder);
	err = ask_database(shares, arena, holder, ask);
	if (err || !ask->lack)
		return err; /* the next turn takes it, unless another call was faster */
	if (!ask->contended) {
		refusal_note(share, ask, limits, tokens);
		*done = true;
		return NULL;
	}
	pthread_mutex_unlock(&holder->lock);
	err = fiber_sleep_us(TRY_AGAIN_US);
	pthread_mutex_lock(&holder->lock);
	return err;
}

MAY_PARK const struct err *
share_take(struct shares *shares, struct arena *arena, struct holder *holder, const struct limits *limits, int64_t tokens, enum share_lack *lack, int64_t *wait_us)
{
	struct share_ask *ask = arena_zalloc(arena, sizeof(*ask));
	int64_t until_us = clock_mono_us() + PATIENCE_US;
	const struct err *err = ask ? NULL : &err_no_memory;
	bool done = false;

	if (err)
		return err;
	pthread_mutex_lock(&holder->lock);
	do
		err = turn_take(shares, arena, holder, limits, tokens, ask, &done);
	while (!err && !done && clock_mono_us() < until_us);
	if (!err && !done && ask->lack)
		refusal_note(&holder->share, ask, limits, tokens);
	if (!err && !done && !ask->lack) { /* it came for others, again and again */
		ask->lack = limits->concurrency && holder->running >= holder->share.slots ? SHARE_LACKS_SLOTS
			    : limits->requests_per_minute				    ? SHARE_LACKS_REQUESTS
											    : SHARE_LACKS_TOKENS;
		ask->wait_us = KEEPER_TURN_US;
	}
	pthread_mutex_unlock(&holder->lock);
	*lack = ask->lack;
	*wait_us = ask->wait_us > 0 ? ask->wait_us : 1;
	return err;
}

void
share_give(struct holder *holder, int64_t requests, int64_t tokens)
{
	struct share *share = &holder->share;

	holder->running--;
	share->requests += share->limits.requests_per_minute ? (double)requests : 0;
	share->tokens += share->limits.tokens_per_minute ? (double)tokens : 0;
	share->changed = true;
}

int64_t
share_remaining(const struct holder *holder, bool tokens)
{
	const struct share *share = &holder->share;
	int64_t limit = tokens ? share->limits.tokens_per_minute : share->limits.requests_per_minute;
	double left = tokens ? share->tokens + share->tokens_level : share->requests + share->requests_level;

	left += (double)limit * (double)(clock_mono_us() - share->level_us) / 60e6;
	left = left < (double)limit ? left : (double)limit;
	return left > 0 ? (int64_t)(left + 0.001) : 0;
}

/* --- telling --- */

MAY_PARK bool
share_tell(struct shares *shares, struct holder *holder, bool all)
{
	struct arena *scratch = arena_new(KIB(64));
	struct share_ask *ask = arena_zalloc(scratch, sizeof(*ask));
	struct share *share = &holder->share;
	const struct err *err = NULL;
	bool idle, stays, something;

	pthread_mutex_lock(&holder->lock);
	check_epoch(shares, holder);
	idle = all || clock_mono_us() - holder->used_us > IDLE_US;
	something = share->requests != 0 || share->tokens != 0 || share->slots > holder->running;
	if (ask && !share->asking && (share->changed || (idle && something))) {
		ask_fill(shares, holder, &share->limits, 0, ask);
		ask->need[0] = ask->need[1] = 0;
		ask->slots_need = 0;
		ask->notify = false;
		if (idle)
			ask_fill_back(holder, ask);
		err = ask_database(shares, scratch, holder, ask);
	}
	stays = err || share->asking || share->changed || share->requests != 0 || share->tokens != 0 || share->slots > 0 || holder->running > 0;
	if (!stays)
		share->listed = false;
	pthread_mutex_unlock(&holder->lock);
	if (err && err->kind != ERR_CANCELLED)
		log_warn("what a limit has let through could not be told", LOG_ERR("error", err));
	arena_free(scratch);
	return stays;
}
