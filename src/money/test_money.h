/*
 * test_money.h - for unit tests: a store of either engine, and the money of one node or several in it.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "access/access_sql.h"
#include "base/clock.h"
#include "money/inside.h"
#include "money/money_sql.h"
#include "rt/fiber.h"
#include "rt/group.h"
#include "store/testing.h"
#include "telemetry/telemetry_sql.h"

static const struct store_schema *const schemas[] = { &access_schema, &telemetry_schema, &money_schema, NULL };

enum { NODES_MAX = 4 };

struct fixture {
	struct store *store;
	struct arena *arena;
	char dir[64];
	struct access *access;
	struct money *stopped[NODES_MAX];
	size_t stopped_count;
	uint64_t random;
	unsigned asked;
};

static inline uint64_t
draw(struct fixture *f)
{
	f->random = f->random * 6364136223846793005u + 1442695040888963407u;
	return f->random >> 20;
}

static inline MAY_PARK struct money *
opened(struct fixture *f)
{
	struct money *money;

	CHECK_OK(money_open(f->store, f->arena, &money));
	return money;
}

static inline MAY_PARK void
closed(struct fixture *f, struct money *money)
{
	money_stop(money);
	f->stopped[f->stopped_count++] = money;
}

static inline struct identity
caller(void)
{
	return (struct identity){ .tenant = TENANT_DEFAULT, .key_id = "key_x" };
}

static inline MAY_PARK struct budget_row
made(struct fixture *f, struct money *money, const char *name, int64_t limit)
{
	struct budget_spec spec = { .name = str_of(name), .kind = HOLDER_TENANT, .period = PERIOD_MONTH, .limit_nanos = limit };
	struct budget_row row;

	CHECK_OK(budget_create(money, f->access, f->arena, TENANT_DEFAULT, &spec, &row));
	return row;
}

static inline MAY_PARK const struct err *
reserve(struct fixture *f, struct money *money, int64_t nanos, struct budget_claim *claim)
{
	struct identity identity = caller();

	return budget_reserve(money, f->arena, &identity, STR_EMPTY, clock_wall_us(), nanos, claim);
}

struct run {
	MAY_PARK void (*fn)(struct fixture *f);
	struct fixture fixture;
};

static inline MAY_PARK void
run_in(struct store *store, void *arg)
{
	struct run *run = arg;
	struct fixture *f = &run->fixture;
	struct access_spec spec = { .store = store, .admin_key = STR("the key of the test"), .data_dir = STR("/nowhere") };
	struct str none;

	f->store = store;
	f->arena = arena_new(MIB(64));
	f->random = 11;
	CHECK_OK(access_open(&spec, f->arena, &f->access, &none));
	run->fn(f);
	access_stop(f->access);
	arena_free(f->arena);
}

static inline void
on_each_engine(void (*fn)(struct fixture *f))
{
	for (int engine = STORE_SQLITE; engine <= STORE_POSTGRES; engine++) {
		struct run run = { .fn = fn };

		if (testing_has((enum store_engine)engine))
			testing_run((enum store_engine)engine, schemas, run_in, &run);
		for (size_t i = 0; i < run.fixture.stopped_count; i++)
			money_free(run.fixture.stopped[i]);
		access_free(run.fixture.access);
	}
}

#define ON_EACH_ENGINE(name, fn)                                                                                                           \
	static void name(void **state)                                                                                                     \
	{                                                                                                                                  \
		(void)state;                                                                                                               \
		on_each_engine(fn);                                                                                                        \
	}                                                                                                                                  \
	static void name(void **state)
