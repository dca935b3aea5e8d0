/*
 * postgres.h - the parts of the PostgreSQL engine.
 *
 * postgres.c          the engine's table: opening, reads
 * postgres_loop.c     the connections of each loop
 * postgres_tx.c       transactions
 * postgres_listen.c   notices from all nodes
 * postgres_conn.c     a connection: requests in flight, answers, loss
 * postgres_connect.c  resolving and connecting without blocking the loop
 * postgres_migrate.c  the schema, once, at the start, blocking
 * postgres_value.c    parameters, cells, errors
 *
 * Everything but opening and migrating happens on loops: each has connections of its own, and nothing is locked.
 */
#pragma once

#include <libpq-fe.h>

#include "base/clock.h"
#include "rt/group.h"
#include "rt/loop_timer.h"
#include "rt/pool.h"
#include "rt/wait.h"
#include "rt/watch.h"
#include "store/engine.h"
#include "store/rowbuf.h"
#include "store/stmt_table.h"

/* No statement runs longer on the server; a caller whose scope ends earlier says so with its request. */
#define PG_STATEMENT_MAX_US (30 * USEC_PER_SEC)

/* What libpq is given, beside what it finds in the environment. */
enum { PG_OPTIONS_MAX = 64 };
struct pg_options {
	const char *keywords[PG_OPTIONS_MAX], *values[PG_OPTIONS_MAX]; /* end with NULL */
};

struct postgres_store {
	struct store base;
	struct runtime *runtime;
	struct arena *arena; /* of the options */
	struct pg_options options;
	struct pool *resolver;    /* names are looked up there: libpq would block */
	struct pg_loop **loops;   /* by the loop's index */
	unsigned lanes, tx_conns; /* connections of each loop */
};

enum pg_outcome {
	PG_PENDING,
	PG_ANSWERED, /* by the server: rows, or an error with its sqlstate */
	PG_LOST,     /* the connection broke after it was sent: nobody knows */
	PG_REFUSED,  /* it was never sent: no connection could be had */
};

/* One statement and what goes before it, up to the next synchronisation point of the connection's pipeline. */
struct pg_request {
	struct pg_request *next;
	const struct stmt *stmt;
	const struct value *params; /* the caller's, until it is sent */
	const char *begin;          /* a statement to run before, or NULL */
	int64_t timeout_us;         /* of this statement on the server; 0: the connection's own */

	struct waiter waiter;
	enum pg_outcome outcome;
	bool sent, abandoned; /* abandoned: nobody waits any more; it is freed when it ends */
	bool prepares, prepared;
	unsigned step, steps; /* commands answered and sent; the last one is the statement */
	struct rowbuf rows;
	int64_t changed;
	char tag[16];      /* "COMMIT" */
	char sqlstate[6];  /* empty: no error */
	char message[256]; /* the server's, for our log */
};

enum pg_state { PG_CLOSED, PG_CONNECTING, PG_READY };

struct pg_conn {
	struct postgres_store *store;
	struct pg_loop *loop;
	enum pg_state state;
	PGconn *pg;
	struct watch *watch;
	struct stmt_table prepared;
	struct pg_request *first, **last; /* sent ones, then those that wait for the connection */
	unsigned pending;
	bool owned; /* by a transaction */
	bool listens;
	void (*on_change)(struct pg_conn *conn); /* after it became ready or closed; may be NULL */
	void (*on_notice)(struct pg_conn *conn, const char *topic);
};

/*
 * A loop's connections. It begins with the loop, and ends on the loop's thread: when the store is closed, or with the loop, whatever comes first. So it is held twice.
 */
struct pg_loop {
	struct postgres_store *store;
	struct loop *loop;
	atomic_int refs;
	pthread_mutex_t lock; /* of the phase */
	pthread_cond_t ended;
	enum { PG_LOOP_NEW, PG_LOOP_BEGUN, PG_LOOP_ENDED } phase;
	struct pg_listener *listener; /* of loop 0 */
	struct pg_conn *lanes, *tx;
	struct semaphore tx_permits;
	unsigned tx_waiting;
	unsigned connecting; /* fibers that are */
	unsigned failures;   /* in a row: connecting is not tried again before retry_at_us */
	int64_t retry_at_us;
	char failure[256]; /* the last one's reason, for our log */
};

/* ---- postgres_value.c */

/* Sends the statement by its name, in text but for blobs. False: libpq has no memory, or the connection is bad. */
bool pg_send_stmt(PGconn *pg, const struct stmt *stmt, const struct value *params);

/* Adds the result's rows. */
void pg_add_rows(struct rowbuf *rows, const PGresult *result);

/* The error of an answered request, or NULL. */
const struct err *pg_request_err(const struct pg_request *request, struct arena *arena);

/* Whether the transaction may well succeed when it is run again. */
bool pg_is_conflict(const char *sqlstate);

/* Whether the server has ended the connection with this error. */
bool pg_is_goodbye(const char *sqlstate);

/* ---- postgres_conn.c */

void pg_conn_init(struct pg_conn *conn, struct pg_loop *loop);

/* A new request, on the heap; the parameters stay the caller's and live until it ends or is given up. */
struct pg_request *pg_request_new(struct store *store, const struct stmt *stmt, const struct value *params);
void pg_request_free(struct pg_request *request);

/* Hands the request to the connection, which connects if it must. Never parks. The request is sent or ended (PG_REFUSED) soon. */
void pg_conn_submit(struct pg_conn *conn, struct pg_request *request);

/*
 * Waits for the end of a submitted request: NULL, and its outcome says which; or the scope's error: then the request is given up and must not be
 * touched any more.
 */
MAY_PARK const struct err *pg_request_wait(struct pg_conn *conn, struct pg_request *request);

/* Closes the connection; its requests end as PG_LOST or PG_REFUSED. */
void pg_conn_lose(struct pg_conn *conn);

/* A new connection is ready (or NULL: it could not be had). For postgres_connect.c. */
void pg_conn_connected(struct pg_conn *conn, PGconn *pg);

/* ---- postgres_connect.c */

/* Starts a fiber that connects and then calls pg_conn_connected. */
void pg_connect_start(struct pg_conn *conn);

/* Whether connecting is worth a try now. */
bool pg_connect_due(const struct pg_loop *loop);

/* ERR_UNAVAILABLE, with the reason for our log and when to try again. */
const struct err *pg_unavailable(const struct pg_loop *loop, struct arena *arena);

/* ---- postgres_loop.c */

/* Made with the store, held by it and by the loop, on which it begins soon. */
struct pg_loop *pg_loop_new(struct postgres_store *store, struct loop *loop);

/* Closes the loop's connections, on their loop; waits for that. From a thread that has no loop. */
void pg_loop_close(struct pg_loop *loop);

/* The calling loop's. */
struct pg_loop *pg_loop_here(struct postgres_store *store);

/* A lane for a read, the idlest there is; NULL when all are full. */
struct pg_conn *pg_loop_lane(struct pg_loop *loop);

/* A connection for a transaction. The caller holds a permit, so there is one. */
struct pg_conn *pg_loop_take(struct pg_loop *loop);
void pg_loop_give(struct pg_loop *loop, struct pg_conn *conn);

/* ---- postgres_tx.c */

MAY_PARK const struct err *postgres_tx(struct store *store, struct arena *arena, tx_fn *fn, void *arg, bool reserved);
MAY_PARK const struct err *postgres_exec(struct tx *tx, const struct stmt *stmt, const struct value *params, struct rows *out);
MAY_PARK const struct err *postgres_notify(struct tx *tx, struct topic *topic);

/* ---- postgres_listen.c */

/* On loop 0. */
struct pg_listener *pg_listener_new(struct pg_loop *loop);
void pg_listener_free(struct pg_listener *listener);

/* ---- postgres_migrate.c */

const struct err *pg_migrate(const struct pg_options *options, const struct store_schema *const *schemas, struct arena *arena);
