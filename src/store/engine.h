/*
 * engine.h - what a database engine does for the store. store.c is the only caller of the table; each engine is one row of it.
 *
 * An engine allocates its own struct, whose first member is `struct store`. store.c has checked what can be checked without a database (the
 * parameters, reads that write), and counts calls for store_fail_nth.
 */
#pragma once

#include <stdatomic.h>

#include "base/metric.h"
#include "store/notice.h"
#include "store/store.h"

struct engine {
	enum store_engine id;

	/* Connects, checks and migrates; *out is then ready for all below. On error nothing is left. Blocks. */
	const struct err *(*open)(const struct store_spec *spec, struct runtime *runtime, struct arena *arena, struct store **out);

	/* Ends threads and connections, frees everything. Blocks. */
	void (*close)(struct store *store);

	/* A read; rows to the arena. */
	MAY_PARK const struct err *(*query)(
		struct store *store, struct arena *arena, const struct stmt *stmt, const struct value *params, struct rows *out);

	/* A transaction, as store_tx says. `reserved`: it is admitted even when the queue is full. Calls tx_run for the body. */
	MAY_PARK const struct err *(*tx)(struct store *store, struct arena *arena, tx_fn *fn, void *arg, bool reserved);

	/* One statement of a transaction; errors and rows lie in tx->arena. `out` NULL: nobody waits for its answer; an error may come with a later statement or the commit. */
	MAY_PARK const struct err *(*exec)(struct tx *tx, const struct stmt *stmt, const struct value *params, struct rows *out);

	/* Calls the topic's listeners, here and on other nodes, if the transaction commits. */
	MAY_PARK const struct err *(*notify)(struct tx *tx, struct topic *topic);

	MAY_PARK const struct err *(*backup)(struct store *store, struct arena *arena, struct str path);
	MAY_PARK const struct err *(*verify)(struct store *store, struct arena *arena);
};

extern const struct engine sqlite_engine, postgres_engine;

struct store {
	const struct engine *engine;
	uint64_t serial;
	struct notices notices;
	size_t result_bytes_max;
	struct metric_series *committed, *failed, *seconds;
	atomic_uint reserved;               /* slots given out by store_reserve */
	atomic_long fail_call, fail_commit; /* countdowns; 0: off */
	const struct err *fail_err;
};

struct tx {
	struct store *store;
	struct arena *arena;
	uint64_t commit;          /* see tx_commit */
	const struct err *failed; /* the first error of a statement: nothing more is run, and nothing committed */
};

/* Fills in what all engines share. */
void store_init(struct store *store, const struct engine *engine, const struct store_spec *spec, struct runtime *runtime);
void store_fini(struct store *store);

/*
 * Runs fn with tx, then says whether to commit (NULL) or to roll back. The error lies in tx->arena or is static. It waits where the engine's exec does: on
 * a fiber with PostgreSQL, never on SQLite's writer thread.
 */
const struct err *tx_run(struct tx *tx, tx_fn *fn, void *arg);
