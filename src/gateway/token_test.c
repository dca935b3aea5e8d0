/*
 * token_test.c - tokens that expire: one fetch for all who wait, renewal behind the users, failures that are not repeated at once. The token service is a function here, the clock our own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "base/test_clock.h"
#include "gateway/token.h"
#include "rt/group.h"

static unsigned fetched;
static bool failing;
static int64_t lifetime_us, asks_for_us;

/* The loop sees the new time at its next turn. */
static MAY_PARK void
pass(int64_t us)
{
	test_clock_pass(us);
	assert_null(fiber_yield());
}

static MAY_PARK const struct err *
fetch(const struct token_source *source, struct arena *arena, struct token_grant *out)
{
	const struct err *err = fiber_sleep_us(20 * USEC_PER_MS);
	static struct err failure;

	fetched++;
	if (!err && failing) {
		failure = *err_new(arena, ERR_UPSTREAM, "no token");
		failure.retry_after_us = asks_for_us;
		err = &failure;
	}
	*out = (struct token_grant){ arena_printf(arena, "%" STR_F "-%u", STR_A(source->id), fetched), lifetime_us };
	return err;
}

static const struct token_source source = { fetch, STR_INIT("http://x"), STR_INIT("id"), STR_INIT("secret"), STR_INIT(""), STR_INIT(""), STR_INIT("") };

static MAY_PARK void
assert_token(struct arena *arena, const char *expected)
{
	struct str token;

	assert_null(token_get(&source, arena, &token));
	assert_string_equal(arena_cstr(arena, token), expected);
}

static MAY_PARK const struct err *
ask(void *arg)
{
	assert_token(arg, "id-1");
	return NULL;
}

static MAY_PARK void
one_fetch_serves_all_who_wait(void *arg)
{
	struct arena *arena = arena_new(MIB(1));
	struct group group;

	(void)arg;
	group_open(&group);
	for (unsigned i = 0; i < 20; i++)
		assert_null(group_go(&group, "asker", ask, arena));
	assert_null(group_wait(&group));
	assert_int_equal(fetched, 1);
	arena_free(arena);
}

static MAY_PARK const struct err *
give_up(void *arg)
{
	struct scope scope;
	struct str token;
	const struct err *err;

	scope_open(&scope, USEC_PER_MS);
	err = token_get(&source, arg, &token);
	scope_close(&scope);
	assert_int_equal(err->kind, ERR_TIMEOUT);
	return NULL;
}

static MAY_PARK void
a_caller_that_leaves_takes_nobody_s_token_with_it(void *arg)
{
	struct arena *arena = arena_new(MIB(1));
	struct group group;

	(void)arg;
	group_open(&group);
	assert_null(group_go(&group, "leaver", give_up, arena));
	assert_null(group_go(&group, "asker", ask, arena));
	assert_null(group_wait(&group));
	assert_int_equal(fetched, 1);
	arena_free(arena);
}

static MAY_PARK void
renewal_goes_on_behind_the_users(void *arg)
{
	struct arena *arena = arena_new(MIB(1));

	(void)arg;
	assert_token(arena, "id-1");
	pass(lifetime_us - 200 * USEC_PER_SEC); /* soon over, not yet */
	assert_token(arena, "id-1");
	assert_null(fiber_sleep_us(60 * USEC_PER_MS));
	assert_token(arena, "id-2");
	pass(lifetime_us); /* over: everyone waits */
	assert_token(arena, "id-3");
	assert_int_equal(fetched, 3);
	arena_free(arena);
}

static MAY_PARK void
a_failure_is_told_and_not_repeated_at_once(void *arg)
{
	struct arena *arena = arena_new(MIB(1));
	const struct err *err;
	struct str token;

	(void)arg;
	failing = true;
	for (unsigned i = 0; i < 5; i++) {
		err = token_get(&source, arena, &token);
		assert_int_equal(err->kind, ERR_UPSTREAM);
		assert_true(str_eq_c(err->message, "no token"));
	}
	assert_int_equal(fetched, 1);
	failing = false;
	pass(2 * USEC_PER_SEC);
	assert_token(arena, "id-2");
	arena_free(arena);
}

static MAY_PARK void
a_service_that_says_when_is_left_alone_until_then(void *arg)
{
	struct arena *arena = arena_new(MIB(1));
	const struct err *err;
	struct str token;

	(void)arg;
	failing = true;
	asks_for_us = 60 * USEC_PER_SEC;
	err = token_get(&source, arena, &token);
	assert_in_range(err->retry_after_us, 59 * USEC_PER_SEC, 60 * USEC_PER_SEC);
	failing = false;
	pass(50 * USEC_PER_SEC);
	err = token_get(&source, arena, &token);
	assert_in_range(err->retry_after_us, 8 * USEC_PER_SEC, 10 * USEC_PER_SEC);
	assert_int_equal(fetched, 1);
	pass(11 * USEC_PER_SEC);
	assert_token(arena, "id-2");
	arena_free(arena);
}

static MAY_PARK void
a_token_that_is_refused_is_thrown_away_once_a_minute(void *arg)
{
	struct arena *arena = arena_new(MIB(1));

	(void)arg;
	assert_token(arena, "id-1");
	assert_true(token_refused(&source, STR("id-1")));
	assert_token(arena, "id-2");
	assert_true(token_refused(&source, STR("id-1"))); /* another caller had it too: there is a new one already */
	assert_token(arena, "id-2");
	assert_false(token_refused(&source, STR("id-2")));
	assert_token(arena, "id-2");
	pass(61 * USEC_PER_SEC);
	assert_true(token_refused(&source, STR("id-2")));
	assert_token(arena, "id-3");
	arena_free(arena);
}

static void
run(void (*fn)(void *arg))
{
	asks_for_us = 0;
	fetched = 0;
	failing = false;
	lifetime_us = 3600 * USEC_PER_SEC;
	test_clock_begin();
	runtime_run_one(fn, NULL);
	test_clock_end();
	token_end();
}

#define IN_A_FIBER(fn) \
	static void test_##fn(void **state) \
	{ \
		(void)state; \
		run(fn); \
	}
IN_A_FIBER(one_fetch_serves_all_who_wait)
IN_A_FIBER(a_caller_that_leaves_takes_nobody_s_token_with_it)
IN_A_FIBER(renewal_goes_on_behind_the_users)
IN_A_FIBER(a_failure_is_told_and_not_repeated_at_once)
IN_A_FIBER(a_service_that_says_when_is_left_alone_until_then)
IN_A_FIBER(a_token_that_is_refused_is_thrown_away_once_a_minute)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_fetch_serves_all_who_wait),
		cmocka_unit_test(test_a_caller_that_leaves_takes_nobody_s_token_with_it),
		cmocka_unit_test(test_renewal_goes_on_behind_the_users),
		cmocka_unit_test(test_a_failure_is_told_and_not_repeated_at_once),
		cmocka_unit_test(test_a_service_that_says_when_is_left_alone_until_then),
		cmocka_unit_test(test_a_token_that_is_refused_is_thrown_away_once_a_minute),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
