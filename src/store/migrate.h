/*
 * migrate.h - brings a database's schema up to this program's: the same steps for both engines, over a few operations of each.
 */
#pragma once

#include "store/store.h"

/* What an engine gives. All block; errors lie in the arena. */
struct migrator {
	void *conn;
	enum store_engine engine;

	/* Begins a transaction that no other migrating program has open at the same time. */
	const char *begin;

	/* Runs statements separated by semicolons. */
	const struct err *(*exec)(void *conn, struct arena *arena, const char *sql);

	/* The numbers in store_migration. */
	const struct err *(*applied)(void *conn, struct arena *arena, int **numbers, size_t *count);
};

/*
 * Applies what is missing, in order of number, all of it in one transaction; many programs may do so at once. ERR_CONFLICT: the database has a
 * migration that is not in `schemas`.
 */
const struct err *migrate(const struct migrator *migrator, const struct store_schema *const *schemas, struct arena *arena);
