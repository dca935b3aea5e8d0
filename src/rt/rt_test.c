/*
 * rt_test.c - fibers, waits, scopes and pools on real loops and the real clock. tests/sim has the virtual one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "rt/fiber.h"
#include "rt/loop.h"
#include "rt/pool.h"
#include "rt/scope.h"
#include "rt/wait.h"

static void
sleep_past_its_deadline(void *arg)
{
	struct scope scope;
	int64_t start = clock_mono_us();

	scope_open(&scope, 20 * USEC_PER_MS);
	*(const struct err **)arg = fiber_sleep_us(USEC_PER_SEC);
	scope_close(&scope);
	assert_in_range(clock_mono_us() - start, 20 * USEC_PER_MS, 900 * USEC_PER_MS);
	assert_null(fiber_sleep_us(USEC_PER_MS));
}

static void
a_scope_deadline_ends_a_sleep_and_not_the_one_after_it(void **state)
{
	const struct err *err = NULL;

	(void)state;
	runtime_run_one(sleep_past_its_deadline, &err);
	assert_non_null(err);
	assert_int_equal(err->kind, ERR_TIMEOUT);
}

static void
sleeper(void *arg)
{
	*(const struct err **)arg = fiber_sleep_us(3600 * USEC_PER_SEC);
}

static void
cancel_a_sleeper(void *arg)
{
	struct scope scope;

	scope_init(&scope, NULL, INT64_MAX);
	assert_null(fiber_go("sleeper", &scope, sleeper, arg));
	assert_null(fiber_sleep_us(2 * USEC_PER_MS));
	scope_cancel(&scope, &err_cancelled);
	assert_null(*(const struct err **)arg); /* it has not run inside the canceller */
	assert_null(fiber_yield());
	assert_ptr_equal(*(const struct err **)arg, &err_cancelled);
	scope_fini(&scope);
}

static void
cancelling_a_scope_ends_the_waits_below_it_at_the_next_turn(void **state)
{
	const struct err *err = NULL;

	(void)state;
	runtime_run_one(cancel_a_sleeper, &err);
}

static void *
wake_from_a_thread(void *arg)
{
	usleep(3000);
	wait_wake(arg);
	return NULL;
}

static void
wait_for_a_thread(void *arg)
{
	pthread_t thread;
	struct waiter waiter;

	(void)arg;
	for (int i = 0; i < 20; i++) {
		waiter_init(&waiter);
		pthread_create(&thread, NULL, wake_from_a_thread, &waiter);
		assert_null(wait_for(&waiter));
		assert_null(wait_for(&waiter)); /* kept */
		pthread_join(thread, NULL);
	}
}

static void
a_wake_from_another_thread_arrives(void **state)
{
	(void)state;
	runtime_run_one(wait_for_a_thread, NULL);
}

struct work {
	struct pool *pool;
	int ran;
};

static void
work_run(void *arg)
{
	struct work *work = arg;

	usleep(20000);
	work->ran++;
}

static void
offload_twice(void *arg)
{
	struct work *work = arg;
	struct scope scope;

	assert_null(offload(work->pool, work_run, work));
	assert_int_equal(work->ran, 1);
	scope_open(&scope, 5 * USEC_PER_MS);
	assert_null(offload(work->pool, work_run, work)); /* had begun: waits for its end */
	assert_int_equal(work->ran, 2);
	assert_int_equal(scope_check()->kind, ERR_TIMEOUT);
	assert_int_equal(offload(work->pool, work_run, work)->kind, ERR_TIMEOUT);
	scope_close(&scope);
}

static void
offload_waits_for_a_job_that_has_begun(void **state)
{
	struct work work = { .pool = pool_new("test", 1, 4) };

	(void)state;
	runtime_run_one(offload_twice, &work);
	pool_free(work.pool);
	assert_in_range(work.ran, 2, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_scope_deadline_ends_a_sleep_and_not_the_one_after_it),
		cmocka_unit_test(cancelling_a_scope_ends_the_waits_below_it_at_the_next_turn),
		cmocka_unit_test(a_wake_from_another_thread_arrives),
		cmocka_unit_test(offload_waits_for_a_job_that_has_begun),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
