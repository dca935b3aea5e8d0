/*
 * sqlite.c - the SQLite engine: opening the file, reads on threads of their own, the integrity check.
 *
 * One thread writes (sqlite_writer.c); readers have their own read-only connections and see what was committed before they began. The file is
 * corbel's own (application_id "crbl") and readable by its owner alone.
 */
#include "store/sqlite.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/migrate.h"

enum {
	APPLICATION_ID = 0x6372626c, /* "crbl" */
	READERS_MIN = 2,
	READERS_MAX = 8,
	READ_QUEUE_MAX = 1024,
	SLOW_QUEUE_MAX = 4,
	STATEMENT_SPILL = 4 << 20, /* bytes a savepoint keeps in memory before it needs a file */
};
#define READ_TIME_MAX_US (30 * USEC_PER_SEC)

/* One read, handed to a thread. Rows and error are gathered off the caller's arena, which other fibers may be using. */
struct read {
	struct sqlite_store *store;
	const struct stmt *stmt;
	const struct value *params;
	struct rowbuf rows;
	int64_t deadline_us;
	struct arena *arena; /* for an error */
	const struct err *err;
};

static struct sqlite_reader *
reader_take(struct sqlite_store *store)
{
	struct sqlite_reader *reader;

	pthread_mutex_lock(&store->reader_lock);
	reader = store->free_readers;
	store->free_readers = reader->next;
	pthread_mutex_unlock(&store->reader_lock);
	return reader;
}

static void
reader_give(struct sqlite_store *store, struct sqlite_reader *reader)
{
	pthread_mutex_lock(&store->reader_lock);
	reader->next = store->free_readers;
	store->free_readers = reader;
	pthread_mutex_unlock(&store->reader_lock);
}

static void
read_run(void *arg)
{
	struct read *read = arg;
	struct sqlite_reader *reader = reader_take(read->store);
	int64_t changed;

	reader->conn.deadline_us = read->deadline_us;
	read->err = sqlite_conn_run(&reader->conn, read->stmt, read->params, &read->rows, &changed, read->arena);
	reader_give(read->store, reader);
}

static MAY_PARK const struct err *
sqlite_query(struct store *base, struct arena *arena, const struct stmt *stmt, const struct value *params, struct rows *out)
{
	struct sqlite_store *store = (struct sqlite_store *)base;
	struct read read = { .store = store, .stmt = stmt, .params = params };
	int64_t left = scope_left_us();
	const struct err *err;

	read.deadline_us = clock_mono_us() + (left < READ_TIME_MAX_US ? left : READ_TIME_MAX_US);
	read.arena = arena_new(KIB(16));
	rowbuf_init(&read.rows, base->result_bytes_max);
	err = offload(store->read_pool, read_run, &read);
	if (!err && read.err)
		err = err_copy(arena, read.err);
	else if (!err)
		err = rowbuf_move(&read.rows, arena, out);
	rowbuf_fini(&read.rows);
	arena_free(read.arena);
	return err;
}

static MAY_PARK const struct err *
sqlite_tx(struct store *base, struct arena *arena, tx_fn *fn, void *arg, bool reserved)
{
	return sqlite_writer_tx(&((struct sqlite_store *)base)->writer, arena, fn, arg, reserved);
}

struct verify {
	struct sqlite_store *store;
	struct rowbuf rows;
	struct arena *arena;
	const struct err *err;
};

/* Runs a check whose first row says what is wrong; `clean` is what it says when nothing is, NULL: no row at all. */
static const struct err *
check_with(struct verify *verify, struct sqlite_conn *conn, const struct stmt *stmt, const char *clean)
{
	struct rows rows;
	const struct err *err;
	int64_t changed;

	err = sqlite_conn_run(conn, stmt, NO_PARAMS, &verify->rows, &changed, verify->arena);
	if (!err)
		err = rowbuf_move(&verify->rows, verify->arena, &rows);
	if (err || rows.count == 0 || (clean && str_eq_c(rows_text(&rows, 0, 0), clean)))
		return err;
	err = err_new(verify->arena, ERR_IO, "the database file is damaged; restore a backup");
	return err_detail(verify->arena, err, "%s: %" STR_F, stmt->name, STR_A(rows_text(&rows, 0, 0)));
}

static void
verify_run(void *arg)
{
	static const struct stmt integrity = { "integrity_check", { "pragma integrity_check(10)", "" }, .columns = 1 };
	static const struct stmt foreign = { "foreign_key_check", { "select \"table\" from pragma_foreign_key_check limit 1", "" },
		.columns = 1 };
	struct verify *verify = arg;
	struct sqlite_conn conn;

	verify->err = sqlite_conn_open(&conn, verify->store->path, SQLITE_READER, verify->store->durability, verify->arena);
	if (verify->err)
		return;
	verify->err = check_with(verify, &conn, &integrity, "ok");
	if (!verify->err)
		verify->err = check_with(verify, &conn, &foreign, NULL);
	sqlite_conn_close(&conn);
}

static MAY_PARK const struct err *
sqlite_verify(struct store *base, struct arena *arena)
{
	struct sqlite_store *store = (struct sqlite_store *)base;
	struct verify verify = { .store = store, .arena = arena_new(MIB(1)) };
	const struct err *err;

	rowbuf_init(&verify.rows, KIB(256));
	err = offload(store->slow_pool, verify_run, &verify);
	if (!err)
		err = err_copy(arena, verify.err);
	rowbuf_fini(&verify.rows);
	arena_free(verify.arena);
	return err;
}

static const struct err *
migrator_exec(void *conn, struct arena *arena, const char *sql)
{
	return sqlite_conn_exec(conn, sql, arena);
}

static const struct err *
migrator_applied(void *arg, struct arena *arena, int **numbers, size_t *count)
{
	struct sqlite_conn *conn = arg;
	const struct err *err;
	sqlite3_stmt *handle = NULL;
	int64_t size;
	int code;

	*count = 0;
	err = sqlite_conn_int(conn, "select count(*) from store_migration", arena, &size);
	if (err)
		return err;
	*numbers = arena_array(arena, (size_t)size, sizeof(**numbers));
	if (!*numbers)
		return &err_no_memory;
	code = sqlite3_prepare_v2(conn->db, "select number from store_migration", -1, &handle, NULL);
	while (code == SQLITE_OK || code == SQLITE_ROW) {
		code = sqlite3_step(handle);
		if (code == SQLITE_ROW)
			(*numbers)[(*count)++] = sqlite3_column_int(handle, 0);
	}
	err = sqlite_conn_err(conn, code, "read migrations", arena);
	sqlite3_finalize(handle);
	return err;
}

/* A new file becomes corbel's; another program's file is left alone. */
static const struct err *
claim_file(struct sqlite_conn *conn, struct arena *arena)
{
	char claim[64];
	int64_t id, tables, wal;
	const struct err *err = sqlite_conn_int(conn, "pragma application_id", arena, &id);

	if (!err)
		err = sqlite_conn_int(conn, "select count(*) from sqlite_schema", arena, &tables);
	if (!err)
		err = sqlite_conn_int(conn, "select count(*) from pragma_journal_mode where journal_mode = 'wal'", arena, &wal);
	if (err)
		return err;
	if (!wal)
		return err_new(arena, ERR_UNAVAILABLE, "the file system of the database file does not support shared memory");
	if (id == APPLICATION_ID)
		return NULL;
	if (id != 0 || tables != 0)
		return err_new(arena, ERR_CONFLICT, "the database file belongs to another program");
	sqlite3_snprintf(sizeof(claim), claim, "pragma application_id = %d", APPLICATION_ID);
	return sqlite_conn_exec(conn, claim, arena);
}

static const struct err *
open_file(struct sqlite_store *store, const struct store_spec *spec, struct arena *arena)
{
	struct migrator migrator = { &store->writer.conn, STORE_SQLITE, "begin immediate", migrator_exec, migrator_applied };
	const struct err *err = sqlite_conn_open(&store->writer.conn, store->path, SQLITE_WRITER, spec->durability, arena);

	if (err)
		return err;
	sqlite3_busy_timeout(store->writer.conn.db, OPENING_TIMEOUT_MS);
	err = claim_file(&store->writer.conn, arena);
	if (!err)
		err = migrate(&migrator, spec->schemas, arena);
	sqlite3_busy_timeout(store->writer.conn.db, BUSY_TIMEOUT_MS);
	return err;
}

static const struct err *
open_readers(struct sqlite_store *store, const struct store_spec *spec, struct arena *arena)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned wanted = spec->readers ? spec->readers : (unsigned)cores;

	wanted = wanted < READERS_MIN ? READERS_MIN : wanted > READERS_MAX ? READERS_MAX : wanted;
	store->readers = mem_zalloc(wanted * sizeof(*store->readers));
	for (; store->reader_count < wanted; store->reader_count++) {
		struct sqlite_reader *reader = &store->readers[store->reader_count];
		const struct err *err = sqlite_conn_open(&reader->conn, store->path, SQLITE_READER, spec->durability, arena);

		if (err)
			return err;
		reader_give(store, reader);
	}
	store->read_pool = pool_new("store-read", wanted, READ_QUEUE_MAX);
	store->slow_pool = pool_new("store-slow", 1, SLOW_QUEUE_MAX);
	return NULL;
}

/* Also ends what sqlite_open has begun and not finished. */
static void
sqlite_close(struct store *base)
{
	struct sqlite_store *store = (struct sqlite_store *)base;

	if (store->read_pool)
		pool_free(store->read_pool);
	if (store->slow_pool)
		pool_free(store->slow_pool);
	sqlite_wal_close(&store->wal);
	for (unsigned i = 0; i < store->reader_count; i++)
		sqlite_conn_close(&store->readers[i].conn);
	sqlite_writer_stop(&store->writer); /* the last: closing it moves the whole log into the file */
	store_fini(base);
	free(store->readers);
	free(store->path);
	free(store);
}

/* Once a process, before SQLite is first used. A savepoint's undo log would otherwise go to a file from 64 KiB on. */
static void
configure_library(void)
{
	sqlite3_config(SQLITE_CONFIG_STMTJRNL_SPILL, STATEMENT_SPILL);
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); /* a lock at each allocation, for figures that nobody reads */
}

static const struct err *
sqlite_open(const struct store_spec *spec, struct runtime *runtime, struct arena *arena, struct store **out)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct sqlite_store *store = mem_zalloc(sizeof(*store));
	struct str path = str_slice(spec->url, sizeof("sqlite:") - 1, spec->url.len);
	const struct err *err;

	pthread_once(&once, configure_library);
	store_init(&store->base, &sqlite_engine, spec, runtime);
	pthread_mutex_init(&store->reader_lock, NULL);
	store->durability = spec->durability;
	store->path = mem_zalloc(path.len + 1);
	memcpy(store->path, path.ptr, path.len);
	err = open_file(store, spec, arena);
	if (!err)
		err = sqlite_wal_open(&store->wal, store->path, spec->durability, arena);
	if (!err)
		err = open_readers(store, spec, arena);
	if (!err)
		err = sqlite_writer_start(&store->writer, &store->base, &store->wal, arena);
	if (err)
		sqlite_close(&store->base);
	else
		*out = &store->base;
	return err;
}

const struct engine sqlite_engine = {
	.id = STORE_SQLITE,
	.open = sqlite_open,
	.close = sqlite_close,
	.query = sqlite_query,
	.tx = sqlite_tx,
	.exec = sqlite_writer_exec,
	.notify = sqlite_writer_notify,
	.backup = sqlite_backup,
	.verify = sqlite_verify,
};
