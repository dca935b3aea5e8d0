/*
 * retry.c - see retry.h.
 */
#include "gateway/retry.h"

enum { ONE = 1000, RESERVE = 10 * ONE, SAVED_MAX = 90 * ONE };

void
retry_pay(struct retry_budget *budget, double share)
{
	int spent = atomic_load_explicit(&budget->spent, memory_order_relaxed);

	if (spent > -SAVED_MAX) /* a race saves a little more than the most: no harm */
		atomic_fetch_sub_explicit(&budget->spent, (int)(share * ONE), memory_order_relaxed);
}

bool
retry_take(struct retry_budget *budget)
{
	int spent = atomic_load_explicit(&budget->spent, memory_order_relaxed);

	do {
		if (spent + ONE > RESERVE)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(&budget->spent, &spent, spent + ONE, memory_order_relaxed, memory_order_relaxed));
	return true;
}

double
retry_left(struct retry_budget *budget)
{
	return (double)(RESERVE - atomic_load_explicit(&budget->spent, memory_order_relaxed)) / ONE;
}

int64_t
retry_delay_us(const struct conf_retry *conf, unsigned repeat, int64_t asked_us, uint64_t random)
{
	int64_t backoff_us = conf->backoff_us, half_us;

	for (; repeat > 0 && backoff_us < conf->backoff_max_us; repeat--)
		backoff_us *= 2;
	if (backoff_us > conf->backoff_max_us)
		backoff_us = conf->backoff_max_us;
	half_us = backoff_us / 2;
	backoff_us = half_us + (int64_t)(random % (uint64_t)(half_us + 1));
	if (asked_us > conf->retry_after_max_us)
		return -1;
	/* All who were told the same time would come back at the same moment. */
	return asked_us > 0 ? asked_us + (int64_t)(random % (uint64_t)(conf->backoff_us / 4 + 1)) + (backoff_us > asked_us ? backoff_us - asked_us : 0) : backoff_us;
}
