/*
 * sqlite.h - the parts of the SQLite engine.
 *
 * sqlite.c         the engine's table: opening, reads on threads of their own, integrity check
 * sqlite_writer.c  the one thread that writes: group commit
 * sqlite_wal.c     moves the write-ahead log into the file, on a thread of its own
 * sqlite_backup.c  a consistent copy while serving
 * sqlite_conn.c    a connection
 * sqlite_log.c     the log's file: a commit in one write
 */
#pragma once

#include <pthread.h>

#include "rt/pool.h"
#include "store/engine.h"
#include "store/sqlite_conn.h"

/* The thread that checkpoints. The writer tells it after each commit how long the log is. */
struct sqlite_wal {
	struct sqlite_conn conn;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool running, due, busy, closing;
	int frames; /* the writer's: length of the log after its last commit */
	struct metric_series *bytes;
	int asked_at, tried_at; /* the writer's: when it last asked for a checkpoint, tried to start the log over */
	int64_t asked_us, pause_us;
};

struct sqlite_member;

struct sqlite_writer {
	struct store *store;
	struct sqlite_wal *wal;
	struct sqlite_conn conn;
	sqlite3_stmt *steps[6]; /* begin, commit…: see sqlite_writer.c */
	struct rowbuf rows;
	struct arena *arena; /* of the member that runs */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct sqlite_member *first, **last; /* the queue */
	unsigned queued;
	unsigned careful; /* groups still to be run with savepoints */
	bool running, sleeping, closing;
	struct metric_series *commits, *queue;
	uint64_t begun; /* transactions of SQLite's */
};

struct sqlite_reader {
	struct sqlite_reader *next;
	struct sqlite_conn conn;
};

struct sqlite_store {
	struct store base;
	char *path;
	enum store_durability durability;
	struct sqlite_wal wal;
	struct sqlite_writer writer;
	struct pool *read_pool; /* as many threads as readers, so that a thread always finds a free one */
	struct pool *slow_pool; /* one thread: backup, integrity check */
	struct sqlite_reader *readers, *free_readers;
	unsigned reader_count;
	pthread_mutex_t reader_lock;
};

const struct err *sqlite_wal_open(struct sqlite_wal *wal, const char *path, enum store_durability durability, struct arena *arena);

/* Nothing when it was not opened. */
void sqlite_wal_close(struct sqlite_wal *wal);

/* After a commit, on the writer's thread, outside a transaction. */
void sqlite_wal_committed(struct sqlite_wal *wal, struct sqlite_conn *writer);

/* Nothing has been written for a while: what is in the log goes into the file. */
void sqlite_wal_rest(struct sqlite_wal *wal);

/* writer->conn is open. */
const struct err *sqlite_writer_start(struct sqlite_writer *writer, struct store *store, struct sqlite_wal *wal, struct arena *arena);

/* Ends after what is queued. Nothing when it was not started. */
void sqlite_writer_stop(struct sqlite_writer *writer);

MAY_PARK const struct err *sqlite_writer_tx(struct sqlite_writer *writer, struct arena *arena, tx_fn *fn, void *arg, bool reserved);
const struct err *sqlite_writer_exec(struct tx *tx, const struct stmt *stmt, const struct value *params, struct rows *out);
const struct err *sqlite_writer_notify(struct tx *tx, struct topic *topic);

MAY_PARK const struct err *sqlite_backup(struct store *store, struct arena *arena, struct str path);
