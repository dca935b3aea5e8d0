/*
 * balance_test.c - shares, sticking, breakers and budgets: the parts of routing that are figures alone. Seeds are fixed: a run gives what the last one gave.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "gateway/balance.h"
#include "gateway/breaker.h"
#include "gateway/retry.h"
#include "gateway/state.h"

enum { KEYS = 20000, TARGETS = 4 };

static uint64_t
key_of(unsigned i)
{
	char text[32];
	int len = snprintf(text, sizeof(text), "user-%u", i);

	return balance_key(str_n(text, (size_t)len), 0);
}

static void
fill(struct choice *choices, const int64_t *weights, size_t count)
{
	for (size_t i = 0; i < count; i++)
		choices[i] = (struct choice){ .hash = conf_hash(str_n("abcdefgh" + i, 1)), .weight = weights[i], .index = i };
}

static size_t
first_of(enum conf_strategy strategy, uint64_t key, const struct choice *from, size_t count)
{
	struct choice sorted[TARGETS];

	memcpy(sorted, from, count * sizeof(*from));
	balance_order(strategy, key, sorted, count);
	return sorted[0].index;
}

/* The sum of squared deviations from what the weights ask for, each in units of what it asks for. */
static double
chi_square(const unsigned *counts, const int64_t *weights, size_t count, unsigned total)
{
	double sum = 0, all = 0;

	for (size_t i = 0; i < count; i++)
		all += (double)weights[i];
	for (size_t i = 0; i < count; i++) {
		double expected = total * (double)weights[i] / all;

		sum += weights[i] ? (counts[i] - expected) * (counts[i] - expected) / expected : counts[i];
	}
	return sum;
}

static void
keys_are_shared_out_by_weight(void **state)
{
	static const int64_t weights[TARGETS] = { 1, 2, 5, 12 };
	struct choice choices[TARGETS];
	unsigned counts[TARGETS] = { 0 };

	(void)state;
	fill(choices, weights, TARGETS);
	for (unsigned i = 0; i < KEYS; i++)
		counts[first_of(CONF_WEIGHTED, key_of(i), choices, TARGETS)]++;
	assert_true(chi_square(counts, weights, TARGETS, KEYS) < 16.27); /* three degrees of freedom: one seed in a thousand exceeds it */
}

static void
the_arms_of_a_split_get_their_shares(void **state)
{
	struct conf_arm arms[] = { { .weight = 95, .hash = conf_hash(STR("stable")) }, { .weight = 5, .hash = conf_hash(STR("canary")) }, { .weight = 0, .hash = conf_hash(STR("off")) } };
	static const int64_t weights[] = { 95, 5, 0 };
	unsigned counts[3] = { 0 };

	(void)state;
	for (unsigned i = 0; i < KEYS; i++)
		counts[balance_arm(arms, 3, key_of(i)) - arms]++;
	assert_int_equal(counts[2], 0);
	assert_true(chi_square(counts, weights, 3, KEYS) < 10.83); /* one degree */
}

static void
a_target_that_goes_takes_only_its_own_keys_along(void **state)
{
	static const int64_t weights[TARGETS] = { 3, 1, 4, 2 };
	struct choice choices[TARGETS];
	unsigned moved = 0, own = 0;

	(void)state;
	fill(choices, weights, TARGETS);
	for (unsigned i = 0; i < KEYS; i++) {
		size_t all = first_of(CONF_WEIGHTED, key_of(i), choices, TARGETS), less = first_of(CONF_WEIGHTED, key_of(i), choices, TARGETS - 1);

		own += all == TARGETS - 1;
		moved += all != less;
	}
	assert_int_equal(moved, own);
	assert_true(own > 0);
}

static void
a_larger_weight_takes_keys_and_gives_none_away(void **state)
{
	static const int64_t before[TARGETS] = { 1, 1, 1, 1 }, after[TARGETS] = { 1, 1, 1, 2 };
	struct choice choices[TARGETS], larger[TARGETS];

	(void)state;
	fill(choices, before, TARGETS);
	fill(larger, after, TARGETS);
	for (unsigned i = 0; i < KEYS; i++) {
		size_t was = first_of(CONF_WEIGHTED, key_of(i), choices, TARGETS), is = first_of(CONF_WEIGHTED, key_of(i), larger, TARGETS);

		assert_true(was == is || is == TARGETS - 1);
	}
}

static void
keys_are_the_same_on_every_node_and_for_good(void **state)
{
	(void)state;
	assert_int_equal(conf_hash(STR("abc")), 0xeacf018fbf1678ba); /* SHA-256, its first eight bytes, little end first */
	assert_int_equal(balance_key(STR("user-1"), 0), balance_key(STR("user-1"), 0));
	assert_int_not_equal(balance_key(STR("user-1"), 0), balance_key(STR("user-1"), 1));
	assert_true(balance_share(balance_key(STR("user-1"), 0)) >= 0 && balance_share(UINT64_MAX) < 1);
}

static void
each_strategy_prefers_what_it_is_named_for(void **state)
{
	static const int64_t weights[TARGETS] = { 1, 1, 4, 0 };
	struct choice choices[TARGETS];

	(void)state;
	fill(choices, weights, TARGETS);
	for (size_t i = 0; i < TARGETS; i++) {
		choices[i].price = 10 - (double)i;
		choices[i].latency_us = 1000 * (double)(i + 1);
		choices[i].busy = 3;
	}
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(first_of(CONF_PRIORITY, key_of(i), choices, TARGETS), 0);
		assert_int_equal(first_of(CONF_CHEAPEST, key_of(i), choices, TARGETS), 3);
		assert_int_equal(first_of(CONF_LEAST_LATENCY, key_of(i), choices, TARGETS), 0);
		assert_int_equal(first_of(CONF_LEAST_BUSY, key_of(i), choices, TARGETS), 2);
		assert_true(first_of(CONF_WEIGHTED, key_of(i), choices, TARGETS) != 3);
	}
	choices[0].busy = 9; /* quick, but with a queue in front of it */
	assert_int_equal(first_of(CONF_LEAST_LATENCY, 1, choices, TARGETS), 1);
	choices[2].latency_us = 0; /* not known: worth finding out */
	assert_int_equal(first_of(CONF_LEAST_LATENCY, 1, choices, TARGETS), 2);
}

static void
a_latency_is_forgotten_in_time(void **state)
{
	struct latency latency = { 0 };

	(void)state;
	latency_add(&latency, 100000, 0);
	assert_true(fabs(latency_now(&latency, 0) - 100000) < 1);
	assert_true(fabs(latency_now(&latency, 20 * USEC_PER_SEC) - 50000) < 1);
	latency_add(&latency, 20000, 20 * USEC_PER_SEC);
	assert_true(fabs(latency_now(&latency, 20 * USEC_PER_SEC) - 80000) < 1);
}

static const struct conf_breaker breaker_conf = { .failures = 3, .ratio = 0.5, .window_us = 10 * USEC_PER_SEC, .open_us = 4 * USEC_PER_SEC };

static void
fail_times(struct breaker *breaker, unsigned times, int64_t now_us)
{
	for (unsigned i = 0; i < times; i++)
		breaker_report(breaker, &breaker_conf, BREAKER_FAILED, false, now_us);
}

static void
a_breaker_opens_lets_one_probe_through_and_closes(void **state)
{
	struct breaker breaker = { 0 };
	int64_t now_us = USEC_PER_SEC;

	(void)state;
	fail_times(&breaker, 2, now_us);
	assert_true(breaker_passes(&breaker, now_us));
	fail_times(&breaker, 1, now_us);
	assert_false(breaker_passes(&breaker, now_us));
	assert_int_equal(breaker_phase(&breaker, now_us), BREAKER_OPEN);
	assert_int_equal(breaker_wait_us(&breaker, now_us + USEC_PER_SEC), 3 * USEC_PER_SEC);
	now_us += 4 * USEC_PER_SEC;
	assert_int_equal(breaker_phase(&breaker, now_us), BREAKER_HALF_OPEN);
	assert_true(breaker_passes(&breaker, now_us));
	assert_true(breaker_enter(&breaker, now_us));
	assert_false(breaker_passes(&breaker, now_us)); /* one at a time */
	assert_false(breaker_enter(&breaker, now_us));
	assert_true(breaker_report(&breaker, &breaker_conf, BREAKER_WENT_WELL, true, now_us));
	assert_int_equal(breaker_phase(&breaker, now_us), BREAKER_CLOSED);
}

static void
a_failed_probe_opens_it_for_twice_as_long(void **state)
{
	struct breaker breaker = { 0 };
	int64_t now_us = USEC_PER_SEC;

	(void)state;
	fail_times(&breaker, 3, now_us);
	for (int doubling = 1; doubling <= 5; doubling++) {
		now_us += breaker_wait_us(&breaker, now_us);
		assert_true(breaker_enter(&breaker, now_us));
		breaker_report(&breaker, &breaker_conf, BREAKER_FAILED, true, now_us);
		assert_int_equal(breaker_wait_us(&breaker, now_us), (4 * USEC_PER_SEC) << (doubling < 3 ? doubling : 3));
	}
}

static void
a_probe_whose_caller_left_decides_nothing(void **state)
{
	struct breaker breaker = { 0 };
	int64_t now_us = USEC_PER_SEC;

	(void)state;
	fail_times(&breaker, 3, now_us);
	now_us += 4 * USEC_PER_SEC;
	assert_true(breaker_enter(&breaker, now_us));
	assert_false(breaker_report(&breaker, &breaker_conf, BREAKER_SAYS_NOTHING, true, now_us));
	assert_true(breaker_passes(&breaker, now_us));
}

static void
few_failures_among_many_calls_open_nothing(void **state)
{
	struct breaker breaker = { 0 };
	int64_t now_us = USEC_PER_SEC;

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		breaker_report(&breaker, &breaker_conf, BREAKER_WENT_WELL, false, now_us);
	fail_times(&breaker, 99, now_us);
	assert_true(breaker_passes(&breaker, now_us));
	fail_times(&breaker, 1, now_us);
	assert_false(breaker_passes(&breaker, now_us));
}

static void
failures_count_for_the_length_of_the_window(void **state)
{
	struct breaker breaker = { 0 };

	(void)state;
	fail_times(&breaker, 2, USEC_PER_SEC);
	fail_times(&breaker, 2, 30 * USEC_PER_SEC);
	assert_true(breaker_passes(&breaker, 30 * USEC_PER_SEC));
	fail_times(&breaker, 1, 36 * USEC_PER_SEC); /* the half before still counts */
	assert_false(breaker_passes(&breaker, 36 * USEC_PER_SEC));
}

static void
a_breaker_of_zero_never_opens(void **state)
{
	struct conf_breaker never = breaker_conf;
	struct breaker breaker = { 0 };

	(void)state;
	never.failures = 0;
	for (unsigned i = 0; i < 1000; i++)
		breaker_report(&breaker, &never, BREAKER_FAILED, false, USEC_PER_SEC);
	assert_true(breaker_passes(&breaker, USEC_PER_SEC));
}

static void
repeats_are_paid_for_by_successes(void **state)
{
	struct retry_budget budget = { 0 };
	unsigned taken = 0;

	(void)state;
	while (retry_take(&budget))
		taken++;
	assert_int_equal(taken, 10);
	for (unsigned i = 0; i < 50; i++)
		retry_pay(&budget, 0.2);
	for (taken = 0; retry_take(&budget); taken++)
		;
	assert_int_equal(taken, 10); /* a fifth of fifty */
	for (unsigned i = 0; i < 100000; i++)
		retry_pay(&budget, 0.2);
	assert_true(retry_left(&budget) <= 100.5); /* what is saved up is bounded */
}

static void
backoff_doubles_is_jittered_and_obeys_retry_after(void **state)
{
	static const struct conf_retry conf = { .backoff_us = 100000, .backoff_max_us = 1000000, .retry_after_max_us = 5000000 };

	(void)state;
	for (unsigned repeat = 0; repeat < 8; repeat++) {
		int64_t full_us = repeat < 4 ? 100000 << repeat : 1000000;

		for (uint64_t random = 0; random < 1000; random++) {
			int64_t us = retry_delay_us(&conf, repeat, 0, random * UINT64_C(0x9e3779b97f4a7c15));

			assert_true(us >= full_us / 2 && us <= full_us);
			us = retry_delay_us(&conf, repeat, 3000000, random * UINT64_C(0x9e3779b97f4a7c15));
			assert_true(us >= 3000000 && us <= 3025000);
		}
	}
	assert_int_equal(retry_delay_us(&conf, 0, 5000001, 0), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_shared_out_by_weight),
		cmocka_unit_test(the_arms_of_a_split_get_their_shares),
		cmocka_unit_test(a_target_that_goes_takes_only_its_own_keys_along),
		cmocka_unit_test(a_larger_weight_takes_keys_and_gives_none_away),
		cmocka_unit_test(keys_are_the_same_on_every_node_and_for_good),
		cmocka_unit_test(each_strategy_prefers_what_it_is_named_for),
		cmocka_unit_test(a_latency_is_forgotten_in_time),
		cmocka_unit_test(a_breaker_opens_lets_one_probe_through_and_closes),
		cmocka_unit_test(a_failed_probe_opens_it_for_twice_as_long),
		cmocka_unit_test(a_probe_whose_caller_left_decides_nothing),
		cmocka_unit_test(few_failures_among_many_calls_open_nothing),
		cmocka_unit_test(failures_count_for_the_length_of_the_window),
		cmocka_unit_test(a_breaker_of_zero_never_opens),
		cmocka_unit_test(repeats_are_paid_for_by_successes),
		cmocka_unit_test(backoff_doubles_is_jittered_and_obeys_retry_after),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
