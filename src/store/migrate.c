/*
 * migrate.c - see migrate.h.
 *
 * Each round begins under the lock, reads what has been applied, and applies the first that is missing. So it does not matter whether another program
 * did some of them meanwhile, and a round that fails leaves a schema that some earlier program knew.
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

/* The first step that has not been applied, or NULL; ERR_CONFLICT for an applied one that the plan does not have. */
static const struct err *
plan_next(const struct plan *plan, const int *applied, size_t count, struct arena *arena, const struct migration **out)
{
	size_t known = 0;

	*out = NULL;
	for (size_t i = 0; i < plan->count; i++) {
		if (contains(applied, count, plan->steps[i]->number))
			known++;
		else if (!*out)
			*out = plan->steps[i];
	}
	if (known == count)
		return NULL;
	return err_new(arena, ERR_CONFLICT,
		"the database was made by a newer version of this program; install that version, or restore a backup from before it");
}

/* One round: *done when nothing was missing. The transaction is open and stays open. */
static const struct err *
apply_next(const struct migrator *migrator, const struct plan *plan, struct arena *arena, bool *done)
{
	const struct migration *step;
	const struct err *err;
	struct str record;
	int *applied;
	size_t count;

	err = migrator->exec(migrator->conn, arena,
		"create table if not exists store_migration (number integer primary key, title text not null, applied_us bigint not null)");
	if (!err)
		err = migrator->applied(migrator->conn, arena, &applied, &count);
	if (!err)
		err = plan_next(plan, applied, count, arena, &step);
	if (err)
		return err;
	*done = !step;
	if (!step)
		return NULL;
	err = migrator->exec(migrator->conn, arena, step->sql[migrator->engine]);
	if (err)
		return err_wrap(arena, err, "migration %04d_%s failed", step->number, step->title);
	record = arena_printf(arena, "insert into store_migration (number, title, applied_us) values (%d, '%s', %lld)", step->number,
		step->title, (long long)clock_wall_us());
	return record.ptr ? migrator->exec(migrator->conn, arena, record.ptr) : &err_no_memory;
}

const struct err *
migrate(const struct migrator *migrator, const struct store_schema *const *schemas, struct arena *arena)
{
	struct plan plan;
	const struct err *err = plan_make(schemas, arena, &plan);
	bool done = false;

	while (!err && !done) {
		err = migrator->exec(migrator->conn, arena, migrator->begin);
		if (err)
			return err;
		err = apply_next(migrator, &plan, arena, &done);
		if (!err)
			err = migrator->exec(migrator->conn, arena, "commit");
		if (err)
			migrator->exec(migrator->conn, arena, "rollback"); /* its own failure says nothing new */
	}
	return err;
}
