/*
 * sqlite_conn.h - one connection to the SQLite file, its prepared statements, and errors in our terms.
 *
 * A connection is used by one thread at a time; nothing in it is locked.
 */
#pragma once

#include <sqlite3.h>

#include "store/rowbuf.h"
#include "store/stmt_table.h"

struct sqlite_conn {
	sqlite3 *db;
	struct stmt_table prepared; /* sqlite3_stmt */
	int64_t deadline_us;        /* of the statement that runs: then it is interrupted with ERR_TIMEOUT */
};

enum sqlite_role { SQLITE_READER, SQLITE_WRITER };

/* For a lock that another program holds: one that starts or ends just now while opening; later a backup tool, or the sqlite3 shell. */
enum { OPENING_TIMEOUT_MS = 30000, BUSY_TIMEOUT_MS = 5000 };

/* Opens the file (a writer creates it, for its owner alone). On error nothing is left open. */
const struct err *sqlite_conn_open(
	struct sqlite_conn *conn, const char *path, enum sqlite_role role, enum store_durability durability, struct arena *arena);
void sqlite_conn_close(struct sqlite_conn *conn);

/* Runs a statement to its end; its rows go to `rows`. *changed: rows written. */
const struct err *sqlite_conn_run(struct sqlite_conn *conn, const struct stmt *stmt, const struct value *params, struct rowbuf *rows,
	int64_t *changed, struct arena *arena);

/* Prepares a statement, or finds it prepared. */
const struct err *sqlite_conn_prepare(struct sqlite_conn *conn, const struct stmt *stmt, struct arena *arena, sqlite3_stmt **out);

/* Runs statements without parameters or rows. */
const struct err *sqlite_conn_exec(struct sqlite_conn *conn, const char *sql, struct arena *arena);

/* The first cell of the first row of a statement, 0 when there is none. */
const struct err *sqlite_conn_int(struct sqlite_conn *conn, const char *sql, struct arena *arena, int64_t *out);

/* The error behind a result code; `doing` says what failed, for the log. NULL for success. */
const struct err *sqlite_conn_err(struct sqlite_conn *conn, int code, const char *doing, struct arena *arena);
