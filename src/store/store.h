/*
 * store.h - the one database behind everything, with two engines: SQLite inside the process, PostgreSQL beside it.
 *
 * SQL is written in .sql files beside the module that owns the tables; a build step (tools/sql/gen.py) turns each named query into a `struct stmt` with its text per
 * engine. Parameters are $1…$n in order. Times are bigint microseconds UTC. docs/internals/store.md: how to add a query or a migration.
 *
 *	-- name: key_by_hash
 *	select id, scopes from access_key where hash = $1;
 *	-- name: search_words :sqlite          (a variant where the engines must differ; the other one says :postgres)
 *
 * Migrations are files of the same kind, `src/<room>/migrations/NNNN_title.sql` with sections `-- :both`, `-- :sqlite`, `-- :postgres`; they run in order of number, over all rooms, under a lock,
 * each in one transaction; a database with a newer schema is refused.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

enum store_engine { STORE_SQLITE, STORE_POSTGRES };

enum value_type { VALUE_NULL, VALUE_INT, VALUE_REAL, VALUE_TEXT, VALUE_BLOB };

struct value {
	enum value_type type;
	union {
		int64_t integer;
		double real;
		struct str text; /* VALUE_TEXT (valid UTF-8 without zero bytes) and VALUE_BLOB */
	};
};

#define V_NULL ((struct value){ .type = VALUE_NULL })
#define V_INT(x) ((struct value){ .type = VALUE_INT, .integer = (int64_t)(x) })
#define V_REAL(x) ((struct value){ .type = VALUE_REAL, .real = (x) })
#define V_TEXT(x) ((struct value){ .type = VALUE_TEXT, .text = (x) })
#define V_BLOB(x) ((struct value){ .type = VALUE_BLOB, .text = (x) })

/* Text, or NULL when ptr is NULL. */
#define V_TEXT_OR_NULL(x) ((x).ptr ? V_TEXT(x) : V_NULL)

/* The parameters of a statement, in order: PARAMS(V_INT(1), V_TEXT(name)). */
#define PARAMS(...) ((const struct value[]){ __VA_ARGS__ })
#define NO_PARAMS NULL

struct stmt {
	const char *name;
	const char *sql[2];       /* by engine */
	unsigned params, columns; /* columns 0: no result */
	bool writes;              /* insert, update, delete: not allowed in store_query */
};

/* One step of the schema. Generated. The number is unique over all rooms (docs/internals/store.md has the ranges). */
struct migration {
	int number; /* 1…9999; 0 ends a list */
	const char *title;
	const char *sql[2]; /* by engine; statements ended by semicolons, or empty */
};

/* What one room keeps in the database: generated as `<room>_schema`. */
struct store_schema {
	const char *room;
	const struct stmt *const *statements; /* ends with NULL */
	const struct migration *migrations;   /* rising; ends with number 0 */
};

/* A result, row after row. Cells are typed by the engine's answer: booleans are integers, numbers that fit are VALUE_INT. */
struct rows {
	struct value *cells;
	size_t count, columns;
	int64_t changed; /* rows written, for a statement without a result */
};

static inline const struct value *
rows_at(const struct rows *rows, size_t row, size_t column)
{
	return &rows->cells[row * rows->columns + column];
}

/* The cell as the type asked for; NULL (and other types) give 0 or an empty view. */
int64_t rows_int(const struct rows *rows, size_t row, size_t column);
double rows_real(const struct rows *rows, size_t row, size_t column);
struct str rows_text(const struct rows *rows, size_t row, size_t column);
bool rows_null(const struct rows *rows, size_t row, size_t column);

struct store;
struct tx;
struct runtime;

enum store_durability {
	STORE_DURABLE_POWER,   /* a commit survives loss of power (fsync, shared by a group) */
	STORE_DURABLE_PROCESS, /* a commit survives the end of the process */
};

struct store_spec {
	struct str url; /* "sqlite:PATH", "postgres://…", or "postgres:" and a conninfo ("postgres:host=/run/pg dbname=corbel") */
	enum store_durability durability;
	unsigned readers;                          /* SQLite: reader threads (0: cores, 2..8); PostgreSQL: connections a loop (0: 8) */
	size_t result_bytes_max;                   /* of one query's rows; more is ERR_TOO_LARGE. 0: 64 MiB */
	const struct store_schema *const *schemas; /* of all rooms; ends with NULL; must outlive the store */
};

/* Opens, checks and migrates. Blocks; call at start, before the loops serve. ERR_CONFLICT: the schema is newer than this program. */
const struct err *store_open(const struct store_spec *spec, struct runtime *runtime, struct arena *arena, struct store **out);

/* Waits for what is in flight. The runtime's fibers have ended or wait for nothing of the store. Blocks. */
void store_close(struct store *store);

enum store_engine store_engine_of(const struct store *store);

/* A number from 1 on that no other store of this process has had or will have. */
uint64_t store_serial(const struct store *store);

/* A read. Rows and their text lie in the arena. */
MAY_PARK const struct err *store_query(
	struct store *store, struct arena *arena, const struct stmt *stmt, const struct value *params, struct rows *out);

/* What runs in a transaction: see store_tx. */
typedef MAY_PARK const struct err *tx_fn(struct tx *tx, void *arg);

/*
 * Runs fn inside one transaction: on SQLite on the writer thread, as a member of a group commit; on PostgreSQL on this fiber over a connection of its own. fn may run
 * more than once, so it resets its outputs first; it waits on nothing but tx, calls no user code, and does not touch what belongs to a loop. Errors it returns are allocated
 * in tx_arena(tx) and copied to `arena`. The call returns after the commit, or with the error after the rollback; once begun it is not cancelled. Serialization
 * failures and connections lost before the commit are retried (at most 20 times); a lost answer to a commit is ERR_UNKNOWN_OUTCOME. A full queue is ERR_BUSY.
 */
MAY_PARK const struct err *store_tx(struct store *store, struct arena *arena, tx_fn *fn, void *arg);

MAY_PARK const struct err *tx_exec(
	struct tx *tx, const struct stmt *stmt, const struct value *params, struct rows *out); /* out may be NULL */

/*
 * As tx_exec, for a statement among many whose result nobody looks at: on PostgreSQL it leaves without waiting for the answers of those before it. So its error may come
 * from a later call, or with the commit.
 */
MAY_PARK const struct err *tx_send(struct tx *tx, const struct stmt *stmt, const struct value *params);

/* Lives until the end of the transaction; what fn allocates here must not leave it. Rows of tx_exec lie here. */
struct arena *tx_arena(struct tx *tx);
struct store *tx_store(struct tx *tx);

/*
 * Which commit this transaction goes into, where several share one: those with the same number, which only one thread ever sees, run one after the other, with nothing else between them. 0: it has its own.
 */
uint64_t tx_commit(const struct tx *tx);

/* One settlement reserved for later, so that settling never finds the queue full. Given back by the store_tx_reserved that uses it, or by store_release. */
const struct err *store_reserve(struct store *store);
void store_release(struct store *store);
MAY_PARK const struct err *store_tx_reserved(struct store *store, struct arena *arena, tx_fn *fn, void *arg);

/*
 * Change notices: tx_notify takes effect with the commit; then every node's listeners of the topic are called, on loop 0, outside fibers, in well under a second, also
 * once after a lost connection has come back (something may have changed). Topics are literals.
 */
MAY_PARK const struct err *tx_notify(struct tx *tx, const char *topic);
void store_listen(struct store *store, const char *topic, void (*fn)(void *arg), void *arg);

/* A consistent copy into a new SQLite file while serving; ERR_UNSUPPORTED on PostgreSQL (the message names pg_dump). */
MAY_PARK const struct err *store_backup(struct store *store, struct arena *arena, struct str path);

/* The engine's own integrity check. NULL when it passes. */
MAY_PARK const struct err *store_verify(struct store *store, struct arena *arena);

/* NULL when a trivial read works now, else why not: for /readyz. */
MAY_PARK const struct err *store_ready(struct store *store, struct arena *arena);

/* For the tests: from now on the nth call of tx_exec or store_query, or the nth commit, fails once with `err`. 0: off. */
void store_fail_nth(struct store *store, long calls, long commits, const struct err *err);
