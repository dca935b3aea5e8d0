/*
 * snapshot_test.c - what is replaced while others read it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include <stdlib.h>

#include "base/arena.h"
#include "base/snapshot.h"

enum { READERS = 4, REPLACEMENTS = 20000 };

struct pair {
	struct snapshot base;
	long one, other; /* always equal, until it is freed */
};

static struct snapshot_cell cell;
static atomic_long living;
static atomic_bool done;

static void
pair_free(struct snapshot *snapshot)
{
	struct pair *pair = (struct pair *)snapshot;

	pair->other = -1;
	free(pair);
	atomic_fetch_sub(&living, 1);
}

static struct snapshot *
pair_new(long number)
{
	struct pair *pair = mem_zalloc(sizeof(*pair));

	snapshot_init(&pair->base, pair_free);
	pair->one = pair->other = number;
	atomic_fetch_add(&living, 1);
	return &pair->base;
}

static void *
reader(void *arg)
{
	long last = 0, *wrong = arg;

	while (!atomic_load(&done)) {
		struct pair *pair = snapshot_cell_get(&cell);

		*wrong += pair->one != pair->other || pair->one < last;
		last = pair->one;
		snapshot_unref(&pair->base);
	}
	return NULL;
}

static void
readers_see_whole_and_ever_newer_snapshots_and_none_is_left_over(void **state)
{
	pthread_t threads[READERS];
	long wrong[READERS] = { 0 };

	(void)state;
	snapshot_cell_init(&cell);
	assert_null(snapshot_cell_get(&cell));
	snapshot_cell_set(&cell, pair_new(0));
	for (int i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, reader, &wrong[i]), 0);
	for (long n = 1; n <= REPLACEMENTS; n++)
		snapshot_cell_set(&cell, pair_new(n));
	atomic_store(&done, true);
	for (int i = 0; i < READERS; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(wrong[i], 0);
	}
	assert_int_equal(atomic_load(&living), 1);
	snapshot_cell_fini(&cell);
	assert_int_equal(atomic_load(&living), 0);
}

static void
a_reference_outlives_the_cell(void **state)
{
	struct pair *pair;

	(void)state;
	snapshot_cell_init(&cell);
	snapshot_cell_set(&cell, pair_new(7));
	pair = snapshot_cell_get(&cell);
	snapshot_cell_fini(&cell);
	assert_int_equal(pair->one, 7);
	snapshot_unref(&pair->base);
	snapshot_unref(NULL);
	assert_int_equal(atomic_load(&living), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(readers_see_whole_and_ever_newer_snapshots_and_none_is_left_over),
		cmocka_unit_test(a_reference_outlives_the_cell),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
