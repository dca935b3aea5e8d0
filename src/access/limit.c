/*
 * limit.c - claim of calls. See limit.h.
 *
 * On a database that nodes share, a holder's permits come out of its share (share.h); else out of its buckets. Holders are locked one after the other, never two at once; when one refuses, what the others before it have counted is given back.
 */
#include "access/limit.h"

#include "access/inside.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/metric.h"

#include <stdlib.h>

static struct metric refused = METRIC_COUNTER("corbel_limit_refusals_total", "Calls refused by a limit; holder is whose it was.", "holder", "kind");

enum refusal { REFUSED_NOT, REFUSED_REQUESTS, REFUSED_TOKENS, REFUSED_CONCURRENCY };

/* When a slot may be free again is not known: soon. */
#define CONCURRENCY_WAIT_US USEC_PER_SEC

/* Remembers the tighter of two. */
static void
figures_note(struct limit_figures *figures, const struct bucket *bucket)
{
	int64_t remaining = bucket_remaining(bucket);

	if (bucket->limit == 0 || (figures->limit && figures->remaining <= remaining))
		return;
	*figures = (struct limit_figures){ bucket->limit, remaining, bucket_reset_us(bucket) };
}

/* As the figures of a bucket are, of one that nodes share. */
static void
figures_note_shared(struct limit_figures *figures, const struct holder *holder, int64_t limit, bool tokens)
{
	int64_t remaining = limit ? share_remaining(holder, tokens) : 0;

	if (limit == 0 || (figures->limit && figures->remaining <= remaining))
		return;
	*figures = (struct limit_figures){ limit, remaining, (int64_t)((double)(limit - remaining) * 60e6 / (double)limit) };
}

/* Takes one call from the node's share of one holder's limits. */
static MAY_PARK const struct err *
share_holder_take(struct limit_claim *claim, struct arena *arena, size_t index, enum refusal *refusal, int64_t *wait_us)
{
	static const enum refusal refusals[] = { [SHARE_LACKS_NOTHING] = REFUSED_NOT, [SHARE_LACKS_REQUESTS] = REFUSED_REQUESTS, [SHARE_LACKS_TOKENS] = REFUSED_TOKENS,
		[SHARE_LACKS_SLOTS] = REFUSED_CONCURRENCY };
	struct holder *holder = claim->holders[index];
	const struct limits *limits = &claim->limits[index];
	enum share_lack lack = SHARE_LACKS_NOTHING;
	const struct err *err = share_take(claim->access->shares, arena, holder, limits, claim->tokens, &lack, wait_us);

	*refusal = refusals[lack];
	pthread_mutex_lock(&holder->lock);
	figures_note_shared(&claim->requests_left, holder, limits->requests_per_minute, false);
	figures_note_shared(&claim->tokens_left, holder, limits->tokens_per_minute, true);
	pthread_mutex_unlock(&holder->lock);
	return err;
}

/* Takes one call from one holder, all of it or nothing. */
static enum refusal
holder_take(struct limit_claim *claim, size_t index, int64_t now_us, int64_t *wait_us)
{
	struct holder *holder = claim->holders[index];
	const struct limits *limits = &claim->limits[index];
	enum refusal refusal = REFUSED_NOT;

	pthread_mutex_lock(&holder->lock);
	holder->used_us = now_us;
	bucket_advance(&holder->requests, limits->requests_per_minute, now_us);
	bucket_advance(&holder->tokens, limits->tokens_per_minute, now_us);
	*wait_us = CONCURRENCY_WAIT_US;
	if (limits->concurrency && holder->running >= limits->concurrency)
		refusal = REFUSED_CONCURRENCY;
	else if ((*wait_us = bucket_take(&holder->requests, 1)) > 0)
		refusal = REFUSED_REQUESTS;
	else if ((*wait_us = bucket_take(&holder->tokens, claim->tokens)) > 0)
		refusal = REFUSED_TOKENS;
	if (refusal == REFUSED_TOKENS)
		bucket_correct(&holder->requests, -1);
	if (refusal == REFUSED_NOT)
		holder->running++;
	figures_note(&claim->requests_left, &holder->requests);
	figures_note(&claim->tokens_left, &holder->tokens);
	pthread_mutex_unlock(&holder->lock);
	return refusal;
}

/* `requests` and `tokens` are given back; below 0 more is taken. */
static void
holder_give(const struct limit_claim *claim, struct holder *holder, int64_t requests, int64_t tokens)
{
	pthread_mutex_lock(&holder->lock);
	if (claim->access->shares) {
		share_give(holder, requests, tokens);
	} else {
		holder->running--;
		bucket_correct(&holder->requests, -requests);
		bucket_correct(&holder->tokens, -tokens);
	}
	pthread_mutex_unlock(&holder->lock);
}

static const struct err *
refuse(struct arena *arena, const struct limit_claim *claim, size_t index, enum refusal refusal, int64_t wait_us)
{
	const char *kind = holder_kind_name(claim->holders[index]->kind);
	const struct limits *limits = &claim->limits[index];
	const struct err *err;
	struct err *late;

	metric_add(&refused, 1, str_of(kind),
		refusal == REFUSED_REQUESTS ? STR("requests") : refusal == REFUSED_TOKENS ? STR("tokens") : STR("concurrency"));
	if (refusal == REFUSED_CONCURRENCY)
		err = err_param(arena, ERR_RATE_LIMITED, NULL, "rate_limit_exceeded", "this %s may have %lld calls at once, and has them; try again when one has ended", kind,
			(long long)limits->concurrency);
	else
		err = err_param(arena, ERR_RATE_LIMITED, NULL, "rate_limit_exceeded", "this %s may use %lld %s per minute; try again in %.1f s", kind,
			(long long)(refusal == REFUSED_REQUESTS ? limits->requests_per_minute : limits->tokens_per_minute),
			refusal == REFUSED_REQUESTS ? "requests" : "tokens", (double)wait_us / 1e6);
	late = arena_alloc(arena, sizeof(*late));
	if (!late)
		return err;
	*late = *err;
	late->retry_after_us = wait_us;
	return late;
}

static bool
any_limit(const struct limits *limits)
{
	return limits->requests_per_minute || limits->tokens_per_minute || limits->concurrency;
}

static void
holder_add(struct limit_claim *claim, struct holder *holder, const struct limits *limits)
{
	claim->limits[claim->count] = *limits;
	claim->holders[claim->count++] = holder;
}

/* One of the caller's holders, and its end user when its policy limits each of them; all that have a limit now are counted. */
static const struct err *
gather_one(struct limit_claim *claim, struct holder *holder, struct str user)
{
	struct policy *policy = holder_policy(holder);
	const struct err *err = NULL;

	if (!policy)
		return NULL;
	if (any_limit(&policy->limits))
		holder_add(claim, holder_ref(holder), &policy->limits);
	if (user.len && any_limit(&policy->user)) {
		struct holder *each = user_holder(claim->access, holder, user);

		if (each)
			holder_add(claim, each, &policy->user);
		else
			err = &err_busy;
	}
	policy_unref(policy);
	return err;
}

static const struct err *
gather(struct limit_claim *claim, const struct identity *identity, struct str user)
{
	const struct err *err = NULL;

	for (size_t i = 0; i < COUNT(identity->holders) && !err; i++)
		if (identity->holders[i])
			err = gather_one(claim, identity->holders[i], user);
	return err;
}

static void
settle_late(void *arg)
{
	struct limit_claim *claim = arg;

	limit_settle(claim, claim->tokens);
	for (size_t i = 0; i < claim->count; i++)
		holder_unref(claim->holders[i]);
}

MAY_PARK const struct err *
limit_admit(struct access *access, struct arena *arena, const struct identity *identity, struct str user, int64_t tokens, struct limit_claim **out)
{
	struct limit_claim *claim = arena_zalloc(arena, sizeof(*claim));
	int64_t now_us = clock_mono_us(), wait_us = 0;
	enum refusal refusal = REFUSED_NOT;
	const struct err *err;
	size_t i;

	*out = claim;
	if (!claim || !arena_on_free(arena, settle_late, claim))
		return &err_no_memory;
	claim->access = access;
	claim->tokens = tokens;
	err = gather(claim, identity, user);
	if (err)
		return err;
	for (i = 0; i < claim->count && !refusal && !err; i++) {
		if (access->shares)
			err = share_holder_take(claim, arena, i, &refusal, &wait_us);
		else
			refusal = holder_take(claim, i, now_us, &wait_us);
	}
	claim->open = !refusal && !err;
	if (claim->open)
		return NULL;
	for (size_t taken = 0; taken + 1 < i; taken++)
		holder_give(claim, claim->holders[taken], 1, tokens);
	return err ? err : refuse(arena, claim, i - 1, refusal, wait_us);
}

void
limit_settle(struct limit_claim *claim, int64_t tokens)
{
	if (!claim || !claim->open)
		return;
	claim->open = false;
	for (size_t i = 0; i < claim->count; i++)
		holder_give(claim, claim->holders[i], 0, claim->tokens - tokens);
}

/* --- policies --- */

bool
limit_allows_model(const struct identity *identity, struct str model)
{
	bool allowed = true;

	for (size_t i = 0; i < COUNT(identity->holders) && allowed; i++) {
		struct policy *policy = identity->holders[i] ? holder_policy(identity->holders[i]) : NULL;

		allowed = !policy || policy_allows_model(policy, model);
		policy_unref(policy);
	}
	return allowed;
}

const struct err *
limit_model(const struct identity *identity, struct arena *arena, struct str model)
{
	for (size_t i = 0; i < COUNT(identity->holders); i++) {
		struct policy *policy = identity->holders[i] ? holder_policy(identity->holders[i]) : NULL;
		bool allowed = !policy || policy_allows_model(policy, model);

		policy_unref(policy);
		if (!allowed)
			return err_param(arena, ERR_FORBIDDEN, "model", "model_not_allowed", "this %s may not use the model '%" STR_F "'",
				holder_kind_name(identity->holders[i]->kind), STR_A(str_slice(model, 0, 200)));
	}
	return NULL;
}

static bool
is_local_only(const struct policy *policy)
{
	return policy->local_only;
}

static bool
is_batch(const struct policy *policy)
{
	return policy->batch;
}

/* Whether a policy of the caller's says so. */
static bool
any_policy(const struct identity *identity, bool (*says)(const struct policy *policy))
{
	bool said = false;

	for (size_t i = 0; i < COUNT(identity->holders) && !said; i++) {
		struct policy *policy = identity->holders[i] ? holder_policy(identity->holders[i]) : NULL;

		said = policy && says(policy);
		policy_unref(policy);
	}
	return said;
}

bool
limit_local_only(const struct identity *identity)
{
	return any_policy(identity, is_local_only);
}

bool
limit_batch(const struct identity *identity)
{
	return any_policy(identity, is_batch);
}

struct tags {
	struct tag list[3 * 20];
	size_t count;
};

static int
by_name(const void *a, const void *b)
{
	return str_cmp(((const struct tag *)a)->name, ((const struct tag *)b)->name);
}

/* The first of a name stays: holders come with the key first. */
static void
tags_add(struct tags *tags, struct arena *arena, const struct tag *tag)
{
	for (size_t i = 0; i < tags->count; i++)
		if (str_eq(tags->list[i].name, tag->name))
			return;
	if (tags->count < COUNT(tags->list))
		tags->list[tags->count++] = (struct tag){ arena_dup(arena, tag->name), arena_dup(arena, tag->value) };
}

struct str
limit_tags(const struct identity *identity, struct arena *arena)
{
	struct tags tags = { .count = 0 };
	struct buf text;

	for (size_t i = 0; i < COUNT(identity->holders); i++) {
		struct policy *policy = identity->holders[i] ? holder_policy(identity->holders[i]) : NULL;

		for (size_t t = 0; policy && t < policy->tag_count; t++)
			tags_add(&tags, arena, &policy->tags[t]);
		policy_unref(policy);
	}
	if (tags.count == 0)
		return STR_EMPTY;
	qsort(tags.list, tags.count, sizeof(tags.list[0]), by_name);
	buf_init(&text, arena, COUNT(tags.list) * 200);
	for (size_t i = 0; i < tags.count; i++)
		buf_printf(&text, "%s%" STR_F "=%" STR_F, i ? "\n" : "", STR_A(tags.list[i].name), STR_A(tags.list[i].value));
	return text.failed ? STR_EMPTY : buf_str(&text);
}
