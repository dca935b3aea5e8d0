/*
 * feed_test.c - one writes, many follow.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "rt/feed.h"
#include "rt/group.h"

static void
entries_come_in_order_from_the_first_for_each_follower(void **state)
{
	struct feed *feed = feed_new(1 << 20);
	struct feed_place one = { 0 }, two = { 0 };
	struct str entry;
	int64_t mark = 0;

	(void)state;
	assert_false(feed_next(feed, &one, &entry, &mark));
	assert_null(feed_append(feed, 1, STR("a")));
	assert_null(feed_append(feed, 1, STR_EMPTY));
	assert_true(feed_next(feed, &one, &entry, &mark) && str_eq_c(entry, "a"));
	assert_null(feed_append(feed, 1, STR("ccc")));
	assert_true(feed_next(feed, &one, &entry, &mark) && entry.len == 0);
	assert_true(feed_next(feed, &one, &entry, &mark) && str_eq_c(entry, "ccc"));
	assert_false(feed_next(feed, &one, &entry, &mark) || feed_ended(feed));
	assert_true(feed_next(feed, &two, &entry, &mark) && str_eq_c(entry, "a"));
	feed_end(feed);
	assert_true(feed_ended(feed));
	assert_true(feed_next(feed, &two, &entry, &mark) && feed_next(feed, &two, &entry, &mark) && str_eq_c(entry, "ccc"));
	assert_false(feed_next(feed, &two, &entry, &mark));
	feed_unref(feed);
}

static void
a_feed_at_its_bound_takes_no_more_and_keeps_what_it_has(void **state)
{
	struct feed *feed = feed_new(44);
	struct feed_place place = { 0 };
	struct str entry;
	int64_t mark = 0;

	(void)state;
	assert_null(feed_append(feed, 1, STR("0123456789")));
	assert_int_equal(feed_append(feed, 1, STR("0123456789"))->kind, ERR_TOO_LARGE);
	assert_null(feed_append(feed, 1, STR("ab")));
	assert_int_equal(feed_bytes(feed), 44);
	assert_true(feed_next(feed, &place, &entry, &mark) && str_eq_c(entry, "0123456789"));
	assert_true(feed_next(feed, &place, &entry, &mark) && str_eq_c(entry, "ab"));
	feed_unref(feed);
}

enum { ENTRIES = 3000, LOOPS = 3, FOLLOWERS = 4 };

/* What entry number `i` is: its number, then as many letters as make blocks of all sizes be used. */
static struct str
entry_of(unsigned i, char *room)
{
	int len = snprintf(room, 16, "%u ", i);
	size_t tail = i % 500 == 7 ? 100000 : i * 37 % 300;

	memset(room + len, 'a' + (int)(i % 26), tail);
	return str_n(room, (size_t)len + tail);
}

struct story {
	struct feed *feed;
	sem_t done;
	atomic_uint right;
};

static MAY_PARK void
follow(void *arg)
{
	struct story *story = arg;
	struct feed_place place = { 0 };
	char *room = malloc(200000);
	const struct err *err = NULL;
	struct str entry;
	int64_t mark = 0;
	unsigned count = 0;

	for (bool last = false; !err && !last;) {
		last = feed_ended(story->feed); /* before what was there is read, or an entry may be missed */
		while (feed_next(story->feed, &place, &entry, &mark))
			count += mark == count && str_eq(entry, entry_of(count, room));
		if (!last)
			err = feed_wait(story->feed, &place, 20 * USEC_PER_SEC);
	}
	if (!err && count == ENTRIES)
		atomic_fetch_add(&story->right, 1);
	free(room);
	sem_post(&story->done);
}

static MAY_PARK void
write_all(void *arg)
{
	struct story *story = arg;
	char *room = malloc(200000);

	for (unsigned i = 0; i < ENTRIES; i++) {
		assert_null(feed_append(story->feed, i, entry_of(i, room)));
		if (i % 50 == 0)
			assert_null(fiber_sleep_us(100));
	}
	feed_end(story->feed);
	free(room);
	sem_post(&story->done);
}

static void
go_follow(void *arg)
{
	for (int i = 0; i < FOLLOWERS; i++)
		assert_null(fiber_go("follower", NULL, follow, arg));
}

static void
go_write(void *arg)
{
	assert_null(fiber_go("writer", NULL, write_all, arg));
}

static void
followers_on_other_loops_get_every_entry_whole(void **state)
{
	struct story story = { .feed = feed_new(64 << 20) };
	struct runtime *runtime = runtime_new(LOOPS);

	(void)state;
	sem_init(&story.done, 0, 0);
	runtime_start(runtime);
	for (unsigned i = 0; i < LOOPS; i++)
		loop_post(runtime_loop(runtime, i), go_follow, &story);
	loop_post(runtime_loop(runtime, 0), go_write, &story);
	for (int i = 0; i < LOOPS * FOLLOWERS + 1; i++)
		while (sem_wait(&story.done))
			;
	runtime_stop(runtime);
	runtime_free(runtime);
	assert_int_equal(atomic_load(&story.right), LOOPS * FOLLOWERS);
	feed_unref(story.feed);
	sem_destroy(&story.done);
}

static MAY_PARK void
give_up(void *arg)
{
	struct feed *feed = feed_new(100);
	struct feed_place place = { 0 };
	struct str entry;
	int64_t mark = 0;

	(void)arg;
	assert_int_equal(feed_wait(feed, &place, USEC_PER_MS)->kind, ERR_TIMEOUT);
	assert_null(feed_append(feed, 1, STR("x"))); /* nobody is in the line any more */
	assert_null(feed_wait(feed, &place, USEC_PER_SEC));
	assert_true(feed_next(feed, &place, &entry, &mark));
	feed_end(feed);
	assert_null(feed_wait(feed, &place, USEC_PER_SEC));
	feed_unref(feed);
}

static void
a_follower_that_gives_up_leaves_the_line(void **state)
{
	(void)state;
	runtime_run_one(give_up, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_come_in_order_from_the_first_for_each_follower),
		cmocka_unit_test(a_feed_at_its_bound_takes_no_more_and_keeps_what_it_has),
		cmocka_unit_test(followers_on_other_loops_get_every_entry_whole),
		cmocka_unit_test(a_follower_that_gives_up_leaves_the_line),
	};

	return cmocka_run_group_tests_name("feed", tests, NULL, NULL);
}
