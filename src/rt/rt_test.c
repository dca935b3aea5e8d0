/*
 * rt_test.c - fibers, waits, scopes and pools on real loops and the real clock. tests/sim has the virtual one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include <fcntl.h>
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

struct background {
	struct scope scope;
	int ended;
};

/* Goes on in a shielded scope after it was cancelled, as what must be put in order does. */
static void
background_fiber(void *arg)
{
	struct background *background = arg;
	struct scope shield;

	assert_ptr_equal(fiber_sleep_us(3600 * USEC_PER_SEC), &err_cancelled);
	scope_open_shielded(&shield, USEC_PER_SEC);
	assert_null(fiber_sleep_us(5 * USEC_PER_MS));
	scope_close(&shield);
	background->ended++;
}

static void
background_starter(void *arg)
{
	struct background *background = arg;

	background_fiber(background);
	assert_null(fiber_go("late", &background->scope, background_fiber, background));
}

static void
stop_background(void *arg)
{
	struct background background = { .ended = 0 };
	struct scope over;

	(void)arg;
	scope_init(&background.scope, NULL, INT64_MAX);
	assert_null(fiber_go("first", &background.scope, background_fiber, &background));
	assert_null(fiber_go("second", &background.scope, background_starter, &background));
	assert_null(fiber_sleep_us(2 * USEC_PER_MS));
	scope_open(&over, 0); /* who stops is in a hurry, and waits all the same */
	scope_stop(&background.scope);
	assert_int_equal(background.ended, 3);
	assert_int_equal(loop_fibers(loop_current()), 1);
	scope_close(&over);
}

static void
stopping_a_scope_waits_for_its_fibers_and_those_they_start(void **state)
{
	(void)state;
	runtime_run_one(stop_background, NULL);
}

static void
stop_nothing(void *arg)
{
	struct scope scope;

	(void)arg;
	scope_init(&scope, NULL, INT64_MAX);
	scope_stop(&scope);
}

static void
stopping_a_scope_without_fibers_does_not_wait(void **state)
{
	(void)state;
	runtime_run_one(stop_nothing, NULL);
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

/* Two loops and two pool threads: wakes that cross threads race with timeouts, which is the case counted waiters are for. */
enum { RACERS = 200, ROUNDS = 20 };

struct race {
	struct pool *pool;
	atomic_uint ended, woken, timed_out, late;
};

struct late_wake {
	struct waiter *waiter;
	struct race *race;
};

static void
wake_late(void *arg)
{
	struct late_wake *late = arg;

	wait_wake(late->waiter);
	waiter_unref(late->waiter);
	atomic_fetch_add(&late->race->late, 1);
	free(late);
}

static void
racer(void *arg)
{
	struct race *race = arg;

	for (int round = 0; round < ROUNDS; round++) {
		struct late_wake *late = malloc(sizeof(*late));
		struct waiter *waiter = waiter_new();

		*late = (struct late_wake){ waiter_ref(waiter), race };
		assert_null(pool_submit(race->pool, wake_late, late));
		atomic_fetch_add(wait_for_us(waiter, round % 3 * 50) ? &race->timed_out : &race->woken, 1);
		waiter_unref(waiter);
	}
	atomic_fetch_add(&race->ended, 1);
}

static void
start_racers(void *arg)
{
	for (int i = 0; i < RACERS; i++)
		assert_null(fiber_go("racer", NULL, racer, arg));
}

static void
wakes_of_other_threads_may_come_after_the_wait_has_ended(void **state)
{
	struct race race = { .pool = pool_new("racers", 2, 4 * RACERS * ROUNDS) };
	struct runtime *runtime = runtime_new(2);

	(void)state;
	runtime_start(runtime);
	loop_post(runtime_loop(runtime, 0), start_racers, &race);
	loop_post(runtime_loop(runtime, 1), start_racers, &race);
	while (atomic_load(&race.ended) < 2 * RACERS)
		usleep(1000);
	runtime_stop(runtime);
	pool_free(race.pool); /* before the loops, whose mailboxes its threads know */
	runtime_free(runtime);
	assert_int_equal(race.woken + race.timed_out, 2 * RACERS * ROUNDS);
	assert_int_equal(race.late, 2 * RACERS * ROUNDS);
}

static void
keep_waiter(void *arg)
{
	struct waiter *waiter = waiter_new();

	*(struct waiter **)arg = waiter_ref(waiter);
	assert_non_null(wait_for_us(waiter, 1));
	waiter_unref(waiter);
}

static void
keep_waiter_start(void *arg)
{
	assert_null(fiber_go("keeper", NULL, keep_waiter, arg));
}

/* Under AddressSanitizer, the end of the program says whether it was let go. */
static void
a_wake_after_the_loops_have_ended_lets_its_waiter_go(void **state)
{
	struct runtime *runtime = runtime_new(1);
	struct waiter *waiter = NULL;

	(void)state;
	runtime_start(runtime);
	loop_post(runtime_loop(runtime, 0), keep_waiter_start, &waiter);
	runtime_stop(runtime);
	assert_non_null(waiter);
	wait_wake(waiter);
	waiter_unref(waiter);
	runtime_free(runtime);
}

enum { POSTS = 2000 };

static void
note_post(void *arg)
{
	unsigned *seen = arg; /* on the loop's thread alone */

	++*seen;
}

static void *
post_many(void *arg)
{
	void **args = arg;

	for (int i = 0; i < POSTS; i++)
		loop_post(args[0], note_post, args[1]);
	return NULL;
}

static void
posts_of_many_threads_all_arrive(void **state)
{
	struct runtime *runtime = runtime_new(1);
	unsigned seen = 0;
	void *args[] = { runtime_loop(runtime, 0), &seen };
	pthread_t threads[3];

	(void)state;
	runtime_start(runtime);
	for (size_t i = 0; i < COUNT(threads); i++)
		pthread_create(&threads[i], NULL, post_many, args);
	for (size_t i = 0; i < COUNT(threads); i++)
		pthread_join(threads[i], NULL);
	runtime_stop(runtime);
	runtime_free(runtime);
	assert_int_equal(seen, COUNT(threads) * POSTS);
}

static void
wait_all(void *arg)
{
	*(const struct err **)arg = fiber_sleep_us(3600 * USEC_PER_SEC);
}

static void
start_sleeper(void *arg)
{
	assert_null(fiber_go("sleeper", NULL, wait_all, arg));
}

static void
stopping_the_runtime_cancels_its_fibers(void **state)
{
	struct runtime *runtime = runtime_new(2);
	const struct err *err[2] = { NULL };

	(void)state;
	runtime_start(runtime);
	loop_post(runtime_loop(runtime, 0), start_sleeper, &err[0]);
	loop_post(runtime_loop(runtime, 1), start_sleeper, &err[1]);
	usleep(10000);
	runtime_stop(runtime);
	runtime_free(runtime);
	assert_ptr_equal(err[0], &err_cancelled);
	assert_ptr_equal(err[1], &err_cancelled);
}

static void
wait_on_pipe(void *arg)
{
	int fds[2], ready;
	struct scope scope;

	(void)arg;
	assert_int_equal(pipe2(fds, O_NONBLOCK | O_CLOEXEC), 0);
	assert_null(fd_wait(fds[1], FD_READ | FD_WRITE, &ready));
	assert_int_equal(ready, FD_WRITE);
	scope_open(&scope, 5 * USEC_PER_MS);
	assert_int_equal(fd_wait(fds[0], FD_READ, &ready)->kind, ERR_TIMEOUT);
	assert_int_equal(ready, 0);
	scope_close(&scope);
	assert_int_equal(write(fds[1], "x", 1), 1);
	for (int i = 0; i < 100; i++) {
		assert_null(fd_wait(fds[0], FD_READ, &ready));
		assert_int_equal(ready, FD_READ);
	}
	close(fds[0]);
	close(fds[1]);
	assert_int_equal(fd_wait(open("/etc/passwd", O_RDONLY | O_CLOEXEC), FD_READ, &ready)->kind, ERR_INTERNAL);
}

static void
a_descriptor_is_waited_for_again_and_again(void **state)
{
	(void)state;
	runtime_run_one(wait_on_pipe, NULL);
}

static void
shielded(void *arg)
{
	struct scope scope, shield;

	(void)arg;
	scope_open(&scope, USEC_PER_MS);
	assert_int_equal(fiber_sleep_us(USEC_PER_SEC)->kind, ERR_TIMEOUT);
	scope_open_shielded(&shield, 50 * USEC_PER_MS);
	assert_null(scope_check());
	assert_null(fiber_sleep_us(5 * USEC_PER_MS));
	assert_int_equal(fiber_sleep_us(USEC_PER_SEC)->kind, ERR_TIMEOUT);
	scope_close(&shield);
	assert_int_equal(scope_check()->kind, ERR_TIMEOUT);
	scope_close(&scope);
}

static void
a_shield_outlives_its_parents_deadline_until_its_own(void **state)
{
	(void)state;
	runtime_run_one(shielded, NULL);
}

static void
nap(void *arg)
{
	(void)arg;
	usleep(20000);
}

static void
overfill(void *arg)
{
	struct pool *pool = arg;
	unsigned refused = 0;

	for (int i = 0; i < 8; i++)
		refused += pool_submit(pool, nap, NULL) != NULL;
	assert_in_range(refused, 5, 6); /* one runs, two wait; the one may not have begun yet */
}

static void
a_full_pool_refuses(void **state)
{
	struct pool *pool = pool_new("small", 1, 2);

	(void)state;
	runtime_run_one(overfill, pool);
	pool_free(pool);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_scope_deadline_ends_a_sleep_and_not_the_one_after_it),
		cmocka_unit_test(cancelling_a_scope_ends_the_waits_below_it_at_the_next_turn),
		cmocka_unit_test(stopping_a_scope_waits_for_its_fibers_and_those_they_start),
		cmocka_unit_test(stopping_a_scope_without_fibers_does_not_wait),
		cmocka_unit_test(a_wake_from_another_thread_arrives),
		cmocka_unit_test(offload_waits_for_a_job_that_has_begun),
		cmocka_unit_test(wakes_of_other_threads_may_come_after_the_wait_has_ended),
		cmocka_unit_test(a_wake_after_the_loops_have_ended_lets_its_waiter_go),
		cmocka_unit_test(posts_of_many_threads_all_arrive),
		cmocka_unit_test(stopping_the_runtime_cancels_its_fibers),
		cmocka_unit_test(a_descriptor_is_waited_for_again_and_again),
		cmocka_unit_test(a_shield_outlives_its_parents_deadline_until_its_own),
		cmocka_unit_test(a_full_pool_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
