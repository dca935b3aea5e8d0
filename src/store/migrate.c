/*
 * migrate.c - see migrate.h.
 *
 * One transaction, under the lock: what has been applied is read in it, and all that is missing is applied. So it does not matter whether another program did some of it
 * meanwhile, a failure leaves the schema that an earlier program knew, and a new database waits for the disk once.
 */
#include "store/migrate.h"

#include <stdlib.h>

#include "base/clock.h"

struct plan {
	const struct migration **steps; /* of all rooms, rising */
	size_t count;
};

static int
by_number(const void *a, const void *b)
{
	return (*(const struct migration *const *)a)->number - (*(const struct migration *const *)b)->number;
}

static const struct err *
plan_make(const struct store_schema *const *schemas, struct arena *arena, struct plan *out)
{
	size_t count = 0;

	for (size_t s = 0; schemas[s]; s++) {
		for (const struct migration *step = schemas[s]->migrations; step->number; step++)
			count++;
	}
	*out = (struct plan){ arena_array(arena, count, sizeof(*out->steps)), 0 };
	if (!out->steps)
		return &err_no_memory;
	for (size_t s = 0; schemas[s]; s++) {
		for (const struct migration *step = schemas[s]->migrations; step->number; step++)
			out->steps[out->count++] = step;
	}
	qsort(out->steps, out->count, sizeof(*out->steps), by_number);
	for (size_t i = 1; i < count; i++) {
		if (out->steps[i]->number == out->steps[i - 1]->number)
			return err_new(arena, ERR_INTERNAL, "two migrations have the number %04d: %s and %s", out->steps[i]->number,
				out->steps[i - 1]->title, out->steps[i]->title);
	}
	return NULL;
}

static bool
contains(const int *numbers, size_t count, int number)
{
	for (size_t i = 0; i < count; i++) {
		if (numbers[i] == number)
			return true;
	}
	return false;
}

/* The steps that have not been applied; ERR_CONFLICT for an applied one that the plan does not have. */
static const struct err *
plan_missing(const struct plan *plan, const int *applied, size_t count, struct arena *arena, struct plan *out)
{
	*out = (struct plan){ arena_array(arena, plan->count, sizeof(*out->steps)), 0 };
	if (!out->steps)
		return &err_no_memory;
	for (size_t i = 0; i < plan->count; i++) {
		if (!contains(applied, count, plan->steps[i]->number))
			out->steps[out->count++] = plan->steps[i];
	}
	if (plan->count - out->count == count)
		return NULL;
	return err_new(arena, ERR_CONFLICT,
		"the database was made by a newer version of this program; install that version, or restore a backup from before it");
}

static const struct err *
apply(const struct migrator *migrator, const struct migration *step, struct arena *arena)
{
	const struct err *err = migrator->exec(migrator->conn, arena, step->sql[migrator->engine]);
	struct str record;

	if (err)
		return err_wrap(arena, err, "migration %04d_%s failed", step->number, step->title);
	record = arena_printf(arena, "insert into store_migration (number, title, applied_us) values (%d, '%s', %lld)", step->number,
		step->title, (long long)clock_wall_us());
	return record.ptr ? migrator->exec(migrator->conn, arena, record.ptr) : &err_no_memory;
}

/* The transaction is open and stays open. */
static const struct err *
apply_missing(const struct migrator *migrator, const struct plan *plan, struct arena *arena)
{
	struct plan missing;
	const struct err *err;
	int *applied;
	size_t count;

	err = migrator->exec(migrator->conn, arena,
		"create table if not exists store_migration (number integer primary key, title text not null, applied_us bigint not null)");
	if (!err)
		err = migrator->applied(migrator->conn, arena, &applied, &count);
	if (!err)
		err = plan_missing(plan, applied, count, arena, &missing);
	for (size_t i = 0; !err && i < missing.count; i++)
		err = apply(migrator, missing.steps[i], arena);
	return err;
}

const struct err *
migrate(const struct migrator *migrator, const struct store_schema *const *schemas, struct arena *arena)
{
	struct plan plan;
	const struct err *err = plan_make(schemas, arena, &plan);

	if (!err)
		err = migrator->exec(migrator->conn, arena, migrator->begin);
	if (err)
		return err;
	err = apply_missing(migrator, &plan, arena);
	if (!err)
		err = migrator->exec(migrator->conn, arena, "commit");
	if (err)
		migrator->exec(migrator->conn, arena, "rollback"); /* its own failure says nothing new */
	return err;
}
