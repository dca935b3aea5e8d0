/*
 * sqlite_conn.c - see sqlite_conn.h.
 */
#include "store/sqlite_conn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/engine.h"
#include "store/sqlite_log.h"

enum {
	ROW_BYTES_MAX = 600 << 20, /* two of the largest values */
	PROGRESS_STEPS = 20000,    /* of SQLite's machine between two looks at the clock: well under a millisecond */
};

/* What the program can tell its caller about a result code, by primary code. The rest is ours: ERR_INTERNAL. */
static const struct {
	int code;
	enum err_kind kind;
	const char *message;
} codes[] = {
	{ SQLITE_CONSTRAINT_UNIQUE, ERR_CONFLICT, "this exists already" },
	{ SQLITE_CONSTRAINT_PRIMARYKEY, ERR_CONFLICT, "this exists already" },
	{ SQLITE_CONSTRAINT_ROWID, ERR_CONFLICT, "this exists already" },
	{ SQLITE_CONSTRAINT_FOREIGNKEY, ERR_CONFLICT, "what this refers to does not exist, or it is still referred to" },
	{ SQLITE_CONSTRAINT, ERR_INVALID, "a value is outside what is allowed" },
	{ SQLITE_FULL, ERR_UNAVAILABLE, "the disk of the store is full" },
	{ SQLITE_READONLY, ERR_UNAVAILABLE, "the store cannot be written" },
	{ SQLITE_CANTOPEN, ERR_UNAVAILABLE, "the database file cannot be opened" },
	{ SQLITE_PERM, ERR_UNAVAILABLE, "the database file cannot be opened" },
	{ SQLITE_AUTH, ERR_UNAVAILABLE, "the database file cannot be opened" },
	{ SQLITE_BUSY, ERR_BUSY, "another program has locked the database" },
	{ SQLITE_LOCKED, ERR_BUSY, "another program has locked the database" },
	{ SQLITE_INTERRUPT, ERR_TIMEOUT, "the database took too long" },
	{ SQLITE_IOERR, ERR_IO, "reading or writing the database failed" },
	{ SQLITE_CORRUPT, ERR_IO, "the database file is damaged" },
	{ SQLITE_NOTADB, ERR_IO, "the file is not a database" },
	{ SQLITE_TOOBIG, ERR_TOO_LARGE, "a value is too large for the store" },
	{ SQLITE_NOMEM, ERR_NO_MEMORY, "the database is out of memory" },
};

const struct err *
sqlite_conn_err(struct sqlite_conn *conn, int code, const char *doing, struct arena *arena)
{
	const struct err *err = &err_internal;

	if (code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE)
		return NULL;
	for (size_t i = 0; i < COUNT(codes); i++) {
		if (codes[i].code == code || codes[i].code == (code & 0xff)) {
			err = err_new(arena, codes[i].kind, "%s", codes[i].message);
			break;
		}
	}
	return err_detail(arena, err, "%s: %s (SQLite error %d)", doing, sqlite3_errmsg(conn->db), code);
}

const struct err *
sqlite_conn_exec(struct sqlite_conn *conn, const char *sql, struct arena *arena)
{
	return sqlite_conn_err(conn, sqlite3_exec(conn->db, sql, NULL, NULL, NULL), sql, arena);
}

const struct err *
sqlite_conn_int(struct sqlite_conn *conn, const char *sql, struct arena *arena, int64_t *out)
{
	sqlite3_stmt *handle = NULL;
	int code = sqlite3_prepare_v2(conn->db, sql, -1, &handle, NULL);

	*out = 0;
	if (code == SQLITE_OK)
		code = sqlite3_step(handle);
	if (code == SQLITE_ROW)
		*out = sqlite3_column_int64(handle, 0);
	if (code != SQLITE_ROW && code != SQLITE_DONE) {
		const struct err *err = sqlite_conn_err(conn, code, sql, arena);

		sqlite3_finalize(handle);
		return err;
	}
	sqlite3_finalize(handle);
	return NULL;
}

static int
interrupt_at_deadline(void *arg)
{
	struct sqlite_conn *conn = arg;

	return clock_mono_us() > conn->deadline_us;
}

/*
 * A file that is there is left alone, not even opened: closing any descriptor of a file drops every POSIX lock that this program holds on it, and
 * SQLite's own locks with them (sqlite.org/howtocorrupt.html, 2.2).
 */
static const struct err *
create_private(const char *path, struct arena *arena)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0 && errno == EEXIST)
		return NULL;
	if (fd < 0)
		return err_new(arena, ERR_UNAVAILABLE, "the database file %s cannot be created: %s", path, strerror(errno));
	close(fd);
	return NULL;
}

static const struct err *
configure(struct sqlite_conn *conn, enum sqlite_role role, enum store_durability durability, struct arena *arena)
{
	/* auto_vacuum counts only before the first table. The WAL is checkpointed by its own thread (sqlite_wal.c), never inside a commit. */
	static const char writer[] = "pragma auto_vacuum = incremental; pragma journal_mode = wal; pragma wal_autocheckpoint = 0;"
				     "pragma journal_size_limit = 67108864; pragma foreign_keys = on; pragma temp_store = memory;"
				     "pragma cache_size = -16384; pragma trusted_schema = off;";
	static const char reader[] =
		"pragma query_only = on; pragma temp_store = memory; pragma cache_size = -4096; pragma mmap_size = 268435456;"
		"pragma trusted_schema = off;";
	const struct err *err = sqlite_conn_exec(conn, role == SQLITE_WRITER ? writer : reader, arena);

	if (!err && role == SQLITE_WRITER)
		err = sqlite_conn_exec(
			conn, durability == STORE_DURABLE_POWER ? "pragma synchronous = full" : "pragma synchronous = normal", arena);
	return err;
}

const struct err *
sqlite_conn_open(struct sqlite_conn *conn, const char *path, enum sqlite_role role, enum store_durability durability, struct arena *arena)
{
	const int flags = role == SQLITE_WRITER ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
	const struct err *err = role == SQLITE_WRITER ? create_private(path, arena) : NULL;
	int code;

	*conn = (struct sqlite_conn){ .deadline_us = INT64_MAX };
	if (err)
		return err;
	code = sqlite3_open_v2(path, &conn->db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, role == SQLITE_WRITER ? sqlite_log_vfs() : NULL);
	err = sqlite_conn_err(conn, code, "open", arena);
	if (!err) {
		sqlite3_busy_timeout(conn->db, OPENING_TIMEOUT_MS);
		sqlite3_limit(conn->db, SQLITE_LIMIT_LENGTH, ROW_BYTES_MAX);
		sqlite3_progress_handler(conn->db, PROGRESS_STEPS, interrupt_at_deadline, conn);
		err = configure(conn, role, durability, arena);
		sqlite3_busy_timeout(conn->db, BUSY_TIMEOUT_MS);
	}
	if (err)
		sqlite_conn_close(conn);
	return err;
}

void
sqlite_conn_close(struct sqlite_conn *conn)
{
	for (size_t i = 0; i < conn->prepared.capacity; i++)
		sqlite3_finalize(conn->prepared.entries[i].value);
	stmt_table_fini(&conn->prepared);
	sqlite3_close(conn->db);
	*conn = (struct sqlite_conn){ 0 };
}

const struct err *
sqlite_conn_prepare(struct sqlite_conn *conn, const struct stmt *stmt, struct arena *arena, sqlite3_stmt **out)
{
	void **known = stmt_table_at(&conn->prepared, stmt);
	int code;

	*out = *known;
	if (*out)
		return NULL;
	code = sqlite3_prepare_v3(conn->db, stmt->sql[STORE_SQLITE], -1, SQLITE_PREPARE_PERSISTENT, out, NULL);
	if (code != SQLITE_OK)
		return sqlite_conn_err(conn, code, stmt->name, arena);
	if (sqlite3_bind_parameter_count(*out) != (int)stmt->params || sqlite3_column_count(*out) != (int)stmt->columns) {
		sqlite3_finalize(*out);
		return err_detail(arena, &err_internal, "%s has other parameters or columns than declared", stmt->name);
	}
	*known = *out;
	return NULL;
}

/* The values outlive the statement's run, so nothing is copied. A null pointer would bind NULL, so empty values point somewhere. */
static int
bind(sqlite3_stmt *handle, int at, const struct value *value)
{
	const char *bytes = value->text.ptr ? value->text.ptr : "";

	switch (value->type) {
	case VALUE_INT:
		return sqlite3_bind_int64(handle, at, value->integer);
	case VALUE_REAL:
		return sqlite3_bind_double(handle, at, value->real);
	case VALUE_TEXT:
		return sqlite3_bind_text64(handle, at, bytes, value->text.len, SQLITE_STATIC, SQLITE_UTF8);
	case VALUE_BLOB:
		return sqlite3_bind_blob64(handle, at, bytes, value->text.len, SQLITE_STATIC);
	case VALUE_NULL:
		break;
	}
	return sqlite3_bind_null(handle, at);
}

static struct value
cell_of(sqlite3_stmt *handle, int column)
{
	struct value value = V_NULL;

	switch (sqlite3_column_type(handle, column)) {
	case SQLITE_INTEGER:
		return V_INT(sqlite3_column_int64(handle, column));
	case SQLITE_FLOAT:
		return V_REAL(sqlite3_column_double(handle, column));
	case SQLITE_TEXT:
		value.type = VALUE_TEXT;
		break;
	case SQLITE_BLOB:
		value.type = VALUE_BLOB;
		break;
	default:
		return value;
	}
	value.text.ptr = sqlite3_column_blob(handle, column);
	value.text.len = (size_t)sqlite3_column_bytes(handle, column);
	return value;
}

const struct err *
sqlite_conn_run(struct sqlite_conn *conn, const struct stmt *stmt, const struct value *params, struct rowbuf *rows, int64_t *changed,
	struct arena *arena)
{
	sqlite3_stmt *handle;
	const struct err *err = sqlite_conn_prepare(conn, stmt, arena, &handle);
	int code = SQLITE_OK;

	if (err)
		return err;
	rowbuf_begin(rows, stmt->columns);
	for (unsigned i = 0; i < stmt->params && code == SQLITE_OK; i++)
		code = bind(handle, (int)i + 1, &params[i]);
	if (code == SQLITE_OK) {
		while ((code = sqlite3_step(handle)) == SQLITE_ROW && !rowbuf_failed(rows)) {
			for (unsigned column = 0; column < stmt->columns; column++)
				rowbuf_add(rows, cell_of(handle, (int)column));
		}
	}
	err = sqlite_conn_err(conn, code, stmt->name, arena);
	*changed = stmt->writes ? sqlite3_changes64(conn->db) : 0;
	sqlite3_reset(handle);
	return err;
}
