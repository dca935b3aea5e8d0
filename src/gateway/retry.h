/*
 * retry.h - whether a call is repeated, and when: jittered backoff, the provider's Retry-After, and a budget that successes pay for.
 *
 * The budget keeps repeats from making an outage worse: when nothing succeeds, it is spent after a handful of them, and everybody fails once instead of several times.
 */
#pragma once

#include <stdatomic.h>

#include "conf/routing.h"

/* One for each model's name, shared by all loops, kept through reloads. */
struct retry_budget {
	atomic_int spent; /* thousandths of a repeat below the reserve; 0: all of it is there; below 0: more than that */
};

/* A success pays for `share` repeats. */
void retry_pay(struct retry_budget *budget, double share);

/* Takes one repeat. False: it is spent. */
bool retry_take(struct retry_budget *budget);

/* Repeats that are left, for people. */
double retry_left(struct retry_budget *budget);

/*
 * How long to wait before repeat `repeat` (0…) when the provider asked for `asked_us` (0: it did not): at least that long, and at least half of the doubled backoff, with `random` for
 * the jitter. -1: it asks for more than we are to wait.
 */
int64_t retry_delay_us(const struct conf_retry *conf, unsigned repeat, int64_t asked_us, uint64_t random);
