/*
 * testing.h - for the tests of every room that has tables: an empty database of its own, on either engine, removed afterwards.
 *
 * PostgreSQL is there when CORBEL_TEST_POSTGRES is the conninfo of a server where databases may be made (tests/lib/postgres.sh starts one).
 */
#pragma once

#include "store/store.h"

/* What fails ends the program: a fiber is no place to jump out of. */
#define CHECK(condition) ((condition) ? (void)0 : check_failed(#condition, __FILE__, __LINE__))
_Noreturn void check_failed(const char *what, const char *file, int line);

/* As CHECK(!err), but prints the error. */
#define CHECK_OK(err) check_ok(err, __FILE__, __LINE__)
void check_ok(const struct err *err, const char *file, int line);

/* CHECKs that there is an error of this kind. */
#define CHECK_ERR(err, kind) check_err(err, kind, __FILE__, __LINE__)
void check_err(const struct err *err, enum err_kind kind, const char *file, int line);

struct testing;

bool testing_has(enum store_engine engine);

/* A new, empty database, and a runtime that runs. The program ends when it cannot be had. */
struct testing *testing_new(enum store_engine engine, unsigned loops);
void testing_free(struct testing *testing);

/* "sqlite:…" or a conninfo; zero-terminated. */
struct str testing_url(const struct testing *testing);
struct runtime *testing_runtime(const struct testing *testing);

/* Opens the store with these schemas; the caller closes it before testing_free. Commits do not wait for the disk, or do (`durable`). */
struct store *testing_open(struct testing *testing, const struct store_schema *const *schemas);
struct store *testing_open_durable(struct testing *testing, const struct store_schema *const *schemas);

/* Runs fn(arg) as a fiber of the loop and waits for its end. Not from a loop's thread. */
void testing_on_loop(struct testing *testing, unsigned loop, void (*fn)(void *arg), void *arg);

/* The same on every loop at once. */
void testing_on_loops(struct testing *testing, void (*fn)(void *arg), void *arg);

/* All in one: opens a store and runs fn(store, arg) on loop 0. */
void testing_run(
	enum store_engine engine, const struct store_schema *const *schemas, void (*fn)(struct store *store, void *arg), void *arg);

/* Prepares every statement of the schemas on the database, which has them, and compares the counts of parameters and columns. Blocks. */
void testing_check_statements(struct testing *testing, const struct store_schema *const *schemas);
