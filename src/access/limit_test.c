/*
 * limit_test.c - the arithmetic of limits on a clock of its own, and what policies allow.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "access/bucket.h"
#include "access/policy.h"
#include "base/clock.h"

static void
a_bucket_begins_full_and_fills_steadily(void **state)
{
	struct bucket bucket = { 0 };
	int64_t now_us = 1000;

	(void)state;
	bucket_advance(&bucket, 60, now_us);
	for (int i = 0; i < 60; i++)
		assert_int_equal(bucket_take(&bucket, 1), 0);
	assert_int_equal(bucket_remaining(&bucket), 0);
	assert_in_range(bucket_take(&bucket, 1), USEC_PER_SEC - 2000, USEC_PER_SEC + 1);
	assert_in_range(bucket_reset_us(&bucket), 60 * USEC_PER_SEC - 1, 60 * USEC_PER_SEC);
	now_us += USEC_PER_SEC;
	bucket_advance(&bucket, 60, now_us);
	assert_int_equal(bucket_take(&bucket, 1), 0);
	assert_true(bucket_take(&bucket, 1) > 0);
	bucket_advance(&bucket, 60, now_us + 3600 * USEC_PER_SEC);
	assert_int_equal(bucket_remaining(&bucket), 60);
}

/* Whoever waits as long as it was told is let in, whatever the limit and the moment: a seeded walk. */
static void
the_wait_that_is_told_suffices(void **state)
{
	uint64_t random = 42;
	int64_t now_us = 0;

	(void)state;
	for (int turn = 0; turn < 20000; turn++) {
		struct bucket bucket = { 0 };
		int64_t limit, amount, wait_us;

		random = random * 6364136223846793005u + 1442695040888963407u;
		limit = 1 + (int64_t)(random >> 33) % 1000000;
		amount = 1 + (int64_t)(random >> 13) % (2 * limit);
		now_us += (int64_t)(random >> 50);
		bucket_advance(&bucket, limit, now_us);
		bucket_correct(&bucket, (int64_t)(random >> 7) % (3 * limit));
		wait_us = bucket_take(&bucket, amount);
		if (wait_us == 0)
			continue;
		bucket_advance(&bucket, limit, now_us + wait_us);
		assert_int_equal(bucket_take(&bucket, amount), 0);
	}
}

/* Over any stretch of time no more is granted than a full bucket and what flowed in: a seeded walk of a greedy client. */
static void
a_greedy_client_gets_no_more_than_the_limit(void **state)
{
	uint64_t random = 7;
	struct bucket bucket = { 0 };
	int64_t now_us = 0, granted = 0;

	(void)state;
	bucket_advance(&bucket, 600, 0);
	for (int turn = 0; turn < 100000; turn++) {
		random = random * 6364136223846793005u + 1442695040888963407u;
		now_us += (int64_t)(random >> 48);
		bucket_advance(&bucket, 600, now_us);
		granted += bucket_take(&bucket, 1) == 0;
		assert_true((double)granted <= 600.0 + 1 + 600.0 * (double)now_us / 60e6);
	}
	assert_true((double)granted >= 0.99 * 600.0 * (double)now_us / 60e6);
}

static void
what_was_used_beyond_the_limit_is_waited_for(void **state)
{
	struct bucket bucket = { 0 };

	(void)state;
	bucket_advance(&bucket, 1000, 0);
	assert_int_equal(bucket_take(&bucket, 100), 0);
	bucket_correct(&bucket, 2900); /* it took 3,000 in the end */
	assert_int_equal(bucket_remaining(&bucket), 0);
	assert_in_range(bucket_take(&bucket, 1), 120 * USEC_PER_SEC, 121 * USEC_PER_SEC);
	bucket_advance(&bucket, 1000, 240 * USEC_PER_SEC);
	assert_int_equal(bucket_take(&bucket, 5000), 0); /* more than a minute's worth: from a full bucket, on credit */
	assert_true(bucket_take(&bucket, 1) > 240 * USEC_PER_SEC);
}

static void
changing_a_limit_forgives_no_use(void **state)
{
	struct bucket bucket = { 0 };

	(void)state;
	bucket_advance(&bucket, 10, 0);
	for (int i = 0; i < 10; i++)
		assert_int_equal(bucket_take(&bucket, 1), 0);
	bucket_advance(&bucket, 15, 0);
	assert_int_equal(bucket_remaining(&bucket), 5);
	bucket_advance(&bucket, 3, 0);
	assert_int_equal(bucket_remaining(&bucket), 0);
	bucket_advance(&bucket, 0, 0);
	assert_int_equal(bucket_take(&bucket, 1000), 0);
}

static void
patterns_match_runs_of_anything(void **state)
{
	static const struct {
		const char *pattern, *text;
		bool matches;
	} cases[] = { { "gpt-4o", "gpt-4o", true }, { "gpt-4o", "gpt-4o-mini", false }, { "gpt-*", "gpt-4o", true }, { "*", "", true }, { "", "", true },
		{ "", "x", false }, { "*mini", "gpt-4o-mini", true }, { "g*o*i", "gpt-4o-mini", true }, { "g*o*j", "gpt-4o-mini", false }, { "a*b*c", "abbc", true },
		{ "**a**", "xax", true }, { "a*a", "a", false }, { "[a]*", "a", false } };

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(pattern_matches(str_of(cases[i].pattern), str_of(cases[i].text)), cases[i].matches);
}

static void
a_member_of_a_policy_is_given_once(void **state)
{
	struct arena *arena = arena_new(MIB(1));
	struct policy *policy;
	const struct err *err = policy_parse(arena, STR("{\"models\":[\"a\"],\"models\":[\"b\",\"c\"]}"), &policy);

	assert_non_null(err);
	err = policy_parse(arena, STR("{\"user\":{\"concurrency\":1,\"concurrency\":9}}"), &policy);

	(void)state;
	assert_int_equal(err->kind, ERR_INVALID);
	arena_free(arena);
}

static bool
allows(const char *networks, const char *peer)
{
	struct arena *arena = arena_new(MIB(1));
	struct policy *policy;
	const struct err *err = policy_parse(arena, arena_printf(arena, "{\"networks\":[%s]}", networks), &policy);
	bool allowed;

	assert_null(err);
	allowed = policy_allows_peer(policy, str_of(peer));
	policy_unref(policy);
	arena_free(arena);
	return allowed;
}

static void
networks_hold_their_addresses_and_no_others(void **state)
{
	(void)state;
	assert_true(allows("\"10.0.0.0/8\"", "10.255.0.1:9"));
	assert_false(allows("\"10.0.0.0/8\"", "11.0.0.1:9"));
	assert_true(allows("\"192.0.2.7\"", "192.0.2.7:1"));
	assert_false(allows("\"192.0.2.7\"", "192.0.2.6:1"));
	assert_true(allows("\"192.0.2.0/25\"", "192.0.2.127:1"));
	assert_false(allows("\"192.0.2.0/25\"", "192.0.2.128:1"));
	assert_true(allows("\"10.0.0.0/8\",\"2001:db8::/32\"", "[2001:db8:1::2]:44"));
	assert_false(allows("\"2001:db8::/32\"", "[2001:db9::1]:44"));
	assert_true(allows("\"0.0.0.0/0\"", "203.0.113.9:1"));
	assert_false(allows("\"0.0.0.0/0\"", "[2001:db8::1]:1"));
	assert_true(allows("\"127.0.0.1\"", "unix:/run/corbel"));
	assert_true(allows("\"10.0.0.0/8\"", "[::ffff:10.1.2.3]:5"));
	assert_false(allows("\"10.0.0.0/8\"", "nonsense"));
	assert_true(allows("", "203.0.113.9:1"));
}

static void
networks_that_are_none_are_refused(void **state)
{
	static const char *const texts[] = { "", "10", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.1/8", "10.0.0.0/8/8", "::/129", "localhost", "1.2.3.4.5", "/8" };
	struct network network;

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++)
		assert_false(network_parse(str_of(texts[i]), &network));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_member_of_a_policy_is_given_once),
		cmocka_unit_test(a_bucket_begins_full_and_fills_steadily),
		cmocka_unit_test(the_wait_that_is_told_suffices),
		cmocka_unit_test(a_greedy_client_gets_no_more_than_the_limit),
		cmocka_unit_test(what_was_used_beyond_the_limit_is_waited_for),
		cmocka_unit_test(changing_a_limit_forgives_no_use),
		cmocka_unit_test(patterns_match_runs_of_anything),
		cmocka_unit_test(networks_hold_their_addresses_and_no_others),
		cmocka_unit_test(networks_that_are_none_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
