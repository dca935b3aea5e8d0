/*
 * sweep_test.c - kept answers that are to go, on each engine that is there: what has expired, the oldest where all take too much, and what somebody clears. Each goes in small steps.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include <stdatomic.h>

#include "base/test_clock.h"
#include "cache/cache.h"
#include "cache/cache_sql.h"
#include "cache/entry.h"
#include "cache/front.h"
#include "conf/conf.h"
#include "conf/watch.h"
#include "rt/fiber.h"
#include "store/testing.h"

enum { TENANT = 1, OTHER = 2, STEP = 500, BYTES = 1000 };

static const struct store_schema *const schemas[] = { &cache_schema, NULL };
static const struct err planned = { .kind = ERR_UNAVAILABLE, .message = STR_INIT("planned") };
static atomic_uint notices;

static void
on_notice(void *arg)
{
	(void)arg;
	atomic_fetch_add(&notices, 1);
}

struct some {
	unsigned from, count;
	int64_t tenant, expires_us;
	const char *model;
};

static MAY_PARK const struct err *
put_some(struct tx *tx, void *arg)
{
	static const char body[BYTES];
	const struct some *some = arg;
	const struct err *err = NULL;

	for (unsigned i = some->from; i < some->from + some->count && !err; i++) {
		struct cache_entry entry = { .tenant = some->tenant, .model = str_of(some->model), .provider = STR("west"), .target_model = STR("gpt"), .interaction = STR("0123456789abcdef"),
			.created_us = clock_wall_us(), .expires_us = some->expires_us, .body = str_n(body, sizeof(body)) };

		memcpy(entry.hash, &i, sizeof(i));
		err = entry_put(tx, &entry);
	}
	return err;
}

static MAY_PARK void
put(struct store *store, unsigned from, unsigned count, int64_t tenant, const char *model, int64_t expires_us)
{
	struct arena *arena = arena_new(MIB(16));

	CHECK_OK(store_tx(store, arena, put_some, &(struct some){ from, count, tenant, expires_us, model }));
	arena_free(arena);
}

static MAY_PARK int64_t
count(struct store *store, int64_t tenant)
{
	struct arena *arena = arena_new(MIB(1));
	struct cache_figures *figures;
	int64_t entries = 0;
	size_t models;

	CHECK_OK(entry_stats(store, arena, tenant, &figures, &models));
	for (size_t i = 0; i < models; i++)
		entries += figures[i].entries;
	arena_free(arena);
	return entries;
}

static MAY_PARK bool
is_there(struct store *store, int64_t tenant, unsigned number)
{
	unsigned char hash[HASH_SHA256_SIZE] = { 0 };
	struct arena *arena = arena_new(MIB(1));
	struct cache_entry entry;
	bool found;

	memcpy(hash, &number, sizeof(number));
	CHECK_OK(entry_find(store, arena, tenant, hash, 0, &entry, &found));
	arena_free(arena);
	return found;
}

/* --- what goes --- */

static MAY_PARK void
expired(struct store *store, void *arg)
{
	struct arena *arena = arena_new(MIB(1));
	int64_t now_us = clock_wall_us();

	(void)arg;
	put(store, 0, 2 * STEP + 200, TENANT, "m", now_us - 1);
	put(store, 2000, 10, TENANT, "m", now_us + 3600 * USEC_PER_SEC);
	store_fail_nth(store, 0, 2, &planned);
	CHECK_ERR(entry_sweep(store, arena, 0, 0), ERR_UNAVAILABLE);
	store_fail_nth(store, 0, 0, NULL);
	CHECK(count(store, TENANT) == STEP + 200 + 10); /* one step was committed, and no more than that */
	CHECK_OK(entry_sweep(store, arena, 0, 0));
	CHECK(count(store, TENANT) == 10 && is_there(store, TENANT, 2009));
	arena_free(arena);
}

static MAY_PARK void
oldest(struct store *store, void *arg)
{
	struct arena *arena = arena_new(MIB(1));
	int64_t later_us = clock_wall_us() + 3600 * USEC_PER_SEC;

	(void)arg;
	put(store, 0, STEP + 100, TENANT, "m", later_us);
	put(store, 1000, 20, OTHER, "m", later_us);
	CHECK_OK(entry_sweep(store, arena, (STEP + 120) * BYTES, (STEP + 120) * BYTES));
	CHECK(count(store, 0) == STEP + 120);
	CHECK_OK(entry_sweep(store, arena, (STEP + 115) * BYTES, (STEP + 120) * BYTES));
	CHECK(count(store, 0) == STEP + 115 && !is_there(store, TENANT, 4) && is_there(store, TENANT, 5));
	store_fail_nth(store, 0, 3, &planned); /* the first is for what has expired: nothing */
	CHECK_ERR(entry_sweep(store, arena, 5 * BYTES, (STEP + 115) * BYTES), ERR_UNAVAILABLE);
	store_fail_nth(store, 0, 0, NULL);
	CHECK(count(store, 0) == 115);
	CHECK_OK(entry_sweep(store, arena, 5 * BYTES, 115 * BYTES));
	CHECK(count(store, TENANT) == 0 && count(store, OTHER) == 5 && is_there(store, OTHER, 1019)); /* the newest, whose ever they are */
	arena_free(arena);
}

/* What is made anew is among the newest, also where it takes the place of the oldest. */
static MAY_PARK void
renewed(struct store *store, void *arg)
{
	struct arena *arena = arena_new(MIB(1));
	int64_t later_us = clock_wall_us() + 3600 * USEC_PER_SEC;

	(void)arg;
	put(store, 0, 10, TENANT, "m", later_us);
	put(store, 0, 3, TENANT, "m", later_us);
	CHECK(count(store, TENANT) == 10);
	CHECK_OK(entry_sweep(store, arena, 6 * BYTES, 10 * BYTES));
	for (unsigned i = 0; i < 10; i++)
		CHECK(is_there(store, TENANT, i) == (i < 3 || i > 6));
	arena_free(arena);
}

static MAY_PARK void
cleared(struct store *store, void *arg)
{
	struct arena *arena = arena_new(MIB(1));
	int64_t later_us = clock_wall_us() + 3600 * USEC_PER_SEC, deleted;

	(void)arg;
	store_listen(store, CACHE_TOPIC, on_notice, NULL);
	put(store, 0, STEP + 10, TENANT, "m", later_us);
	put(store, 1000, 5, TENANT, "other", later_us);
	put(store, 2000, 5, OTHER, "m", later_us);
	store_fail_nth(store, 0, 2, &planned);
	CHECK_ERR(entry_clear(store, arena, TENANT, STR("m"), &deleted), ERR_UNAVAILABLE);
	store_fail_nth(store, 0, 0, NULL);
	CHECK(deleted == STEP && count(store, TENANT) == 15);
	atomic_store(&notices, 0);
	CHECK_OK(entry_clear(store, arena, TENANT, STR("m"), &deleted));
	CHECK(deleted == 10 && count(store, TENANT) == 5 && count(store, OTHER) == 5);
	for (int waited = 0; !atomic_load(&notices) && waited < 200; waited++)
		CHECK_OK(fiber_sleep_us(10 * USEC_PER_MS));
	CHECK(atomic_load(&notices) > 0);
	arena_free(arena);
}

/* --- by the fiber of a process --- */

static struct conf_watch *
watch_new(struct arena *arena)
{
	static const struct setting_table *const tables[] = { &cache_settings, NULL };
	static const char *const environment[] = { NULL };
	static const struct conf_spec spec = { .path = STR_INIT(""), .tables = tables, .environment = environment };
	struct problems problems;
	struct conf *conf;

	problems_init(&problems, arena);
	CHECK_OK(conf_parse(&spec, STR("cache: {max_bytes: 1MiB}"), &problems, &conf));
	return conf_watch_new(&spec, conf);
}

/* Once a minute: here the clock is put ahead, while no query runs whose deadline that would pass. */
static MAY_PARK void
by_the_process(struct store *store, void *arg)
{
	struct arena *arena = arena_new(MIB(16));
	struct conf_watch *watch = watch_new(arena);
	struct cache *cache;

	CHECK_OK(cache_start(store, NULL, watch, &cache));
	put(store, 0, STEP + 10, TENANT, "m", clock_wall_us() + 30 * USEC_PER_SEC);
	put(store, 1000, 1200, TENANT, "m", clock_wall_us() + 3600 * USEC_PER_SEC);
	CHECK_OK(fiber_sleep_us(50 * USEC_PER_MS));
	CHECK(count(store, TENANT) == STEP + 10 + 1200);
	test_clock_pass(61 * USEC_PER_SEC);
	for (int waited = 0; count(store, TENANT) > 1049 && waited < 1000; waited++)
		CHECK_OK(fiber_sleep_us(10 * USEC_PER_MS));
	CHECK(count(store, TENANT) <= 1049 && !is_there(store, TENANT, 0) && is_there(store, TENANT, 2199)); /* and of the others what is over 1 MiB */
	cache_stop(cache);
	conf_watch_free(watch);
	arena_free(arena);
	*(struct cache **)arg = cache;
}

static void
on_each(void (*fn)(struct store *store, void *arg), void *arg)
{
	for (int engine = STORE_SQLITE; engine <= STORE_POSTGRES; engine++)
		if (testing_has((enum store_engine)engine))
			testing_run((enum store_engine)engine, schemas, fn, arg);
}

static void
what_has_expired_goes_in_steps(void **state)
{
	(void)state;
	on_each(expired, NULL);
}

static void
the_oldest_go_until_the_rest_fits(void **state)
{
	(void)state;
	on_each(oldest, NULL);
}

static void
what_is_made_anew_goes_last(void **state)
{
	(void)state;
	on_each(renewed, NULL);
}

static void
what_is_cleared_goes_in_steps_and_all_nodes_are_told(void **state)
{
	(void)state;
	on_each(cleared, NULL);
}

static void
a_process_sweeps_once_a_minute(void **state)
{
	(void)state;
	for (int engine = STORE_SQLITE; engine <= STORE_POSTGRES; engine++) {
		struct cache *cache = NULL;

		if (!testing_has((enum store_engine)engine))
			continue;
		test_clock_begin();
		testing_run((enum store_engine)engine, schemas, by_the_process, &cache);
		test_clock_end();
		cache_free(cache); /* after the store, whose notices it heard */
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_has_expired_goes_in_steps),
		cmocka_unit_test(the_oldest_go_until_the_rest_fits),
		cmocka_unit_test(what_is_made_anew_goes_last),
		cmocka_unit_test(what_is_cleared_goes_in_steps_and_all_nodes_are_told),
		cmocka_unit_test(a_process_sweeps_once_a_minute),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
