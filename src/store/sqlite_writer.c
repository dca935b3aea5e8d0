/*
 * sqlite_writer.c - the one thread that writes to SQLite.
 *
 * Transactions wait in a queue. The thread takes all that wait (bounded), runs them in one SQLite transaction, commits once, and wakes them
 * together: they share the fsync. There is no artificial delay: while one group is at its fsync, the next one gathers, and before it is taken a loop on the
 * same core may end its turn.
 *
 * - A savepoint each would cost a quarter of the work, and nearly all members succeed; so a group is first run without. When a member fails,
 *   everything is rolled back and run again, each in a savepoint, to which the failing ones are rolled back; and for a while so are the next groups.
 * - Some errors (a full disk above all) make SQLite roll back everything, and a commit may fail as a whole. Then the group is run again one by one,
 *   so that each member gets its own outcome and one that needs too much room takes nobody with it.
 * - A member lies in the frame of its fiber, which waits to the end whatever happens to its scope; from the wake on it is gone.
 */
#include <errno.h>
#include <sched.h>

#include "base/clock.h"
#include "base/fault.h"
#include "rt/fiber.h"
#include "store/sqlite.h"

FAULT(store_commit);    /* the commit fails as on a full disk */
FAULT(store_committed); /* after the commit, before anybody knows */

enum {
	GROUP_MAX = 128,
	QUEUE_MAX = 4096,
	TOPICS_MAX = 8,
	MEMBER_BYTES_MAX = 256 << 20,
	CAREFUL_GROUPS = 32, /* with savepoints, after a failure */
	VACUUM_PAGES = 512,
	EMPTY_KEPT = 1024, /* pages: they will be wanted again */
};
#define MEMBER_TIME_MAX_US (30 * USEC_PER_SEC)
#define IDLE_US USEC_PER_SEC
#define VACUUM_PAUSE_US (50 * USEC_PER_MS)

static struct metric commits =
	METRIC_COUNTER("corbel_store_commits_total", "Commits of SQLite: each shared by the transactions that waited together.");
static struct metric queue = METRIC_GAUGE("corbel_store_queue", "Transactions that wait for SQLite's writer.");

enum step { BEGIN, COMMIT, ROLLBACK, SAVE, RELEASE, UNDO };

static const char *const step_sql[] = {
	[BEGIN] = "begin immediate",
	[COMMIT] = "commit",
	[ROLLBACK] = "rollback",
	[SAVE] = "savepoint member",
	[RELEASE] = "release member",
	[UNDO] = "rollback to member",
};

struct sqlite_member {
	struct sqlite_member *next;
	tx_fn *fn;
	void *arg;
	struct waiter waiter;
	const struct err *err; /* in err_arena, which the fiber frees */
	struct arena *err_arena;
	struct topic *topics[TOPICS_MAX];
	unsigned topic_count;
};

struct sqlite_tx {
	struct tx base;
	struct sqlite_writer *writer;
	struct sqlite_member *member;
};

const struct err *
sqlite_writer_exec(struct tx *base, const struct stmt *stmt, const struct value *params, struct rows *out)
{
	struct sqlite_tx *tx = (struct sqlite_tx *)base;
	struct sqlite_writer *writer = tx->writer;
	int64_t changed;
	const struct err *err = sqlite_conn_run(&writer->conn, stmt, params, &writer->rows, &changed, base->arena);

	if (err || !out)
		return err;
	out->changed = changed;
	return stmt->columns ? rowbuf_move(&writer->rows, base->arena, out) : NULL;
}

const struct err *
sqlite_writer_notify(struct tx *base, struct topic *topic)
{
	struct sqlite_member *member = ((struct sqlite_tx *)base)->member;

	for (unsigned i = 0; i < member->topic_count; i++) {
		if (member->topics[i] == topic)
			return NULL;
	}
	if (member->topic_count == TOPICS_MAX)
		return err_detail(base->arena, &err_internal, "a transaction notifies at most %d topics", TOPICS_MAX);
	member->topics[member->topic_count++] = topic;
	return NULL;
}

static const struct err *
take_step(struct sqlite_writer *writer, enum step step)
{
	int code = sqlite3_step(writer->steps[step]);

	writer->begun += step == BEGIN;
	sqlite3_reset(writer->steps[step]);
	return sqlite_conn_err(&writer->conn, code, step_sql[step], writer->arena);
}

static void
member_end(struct sqlite_member *member, const struct err *err)
{
	arena_free(member->err_arena);
	member->err_arena = err ? arena_new(KIB(16)) : NULL;
	member->err = err ? err_copy(member->err_arena, err) : NULL;
}

/* Runs the member's function in a fresh arena. What it wrote is to be kept (NULL) or undone. */
static const struct err *
member_run(struct sqlite_writer *writer, struct sqlite_member *member)
{
	struct sqlite_tx tx = { .base = { .store = writer->store, .arena = writer->arena, .commit = writer->begun }, .writer = writer, .member = member };

	const struct err *err;

	arena_reset(writer->arena);
	member->topic_count = 0;
	writer->conn.deadline_us = clock_mono_us() + MEMBER_TIME_MAX_US;
	err = tx_run(&tx.base, member->fn, member->arg);
	writer->conn.deadline_us = INT64_MAX;
	return err;
}

static const struct err *
commit(struct sqlite_writer *writer)
{
	static const struct err full = { .kind = ERR_UNAVAILABLE, .retryable = true, .message = STR_INIT("the disk of the store is full") };
	const struct err *err = fault_hit(&fault_store_commit) ? &full : take_step(writer, COMMIT);

	fault_hit(&fault_store_committed);
	metric_series_add(writer->commits, 1);
	return err;
}

/* Ends an open transaction, if SQLite has not done so itself. */
static void
abandon(struct sqlite_writer *writer)
{
	if (!sqlite3_get_autocommit(writer->conn.db))
		take_step(writer, ROLLBACK);
}

/* One member in a transaction of its own. */
static void
run_alone(struct sqlite_writer *writer, struct sqlite_member *member)
{
	const struct err *err = take_step(writer, BEGIN);

	if (!err)
		err = member_run(writer, member);
	if (!err)
		err = commit(writer);
	member_end(member, err);
	abandon(writer);
}

/* One member of many, in a savepoint or not. False: the transaction is lost, with all that was in it. */
static bool
run_member(struct sqlite_writer *writer, struct sqlite_member *member, bool saved)
{
	const struct err *err;

	if (saved && take_step(writer, SAVE))
		return false;
	err = member_run(writer, member);
	if (err && !saved)
		return false;
	member_end(member, err);
	if (sqlite3_get_autocommit(writer->conn.db))
		return false;
	return !saved || (!(err && take_step(writer, UNDO)) && !take_step(writer, RELEASE));
}

/* All members in one transaction. False: nothing of it is committed. */
static bool
run_together(struct sqlite_writer *writer, struct sqlite_member *const *members, size_t count, bool saved)
{
	bool done = !take_step(writer, BEGIN);

	for (size_t i = 0; i < count && done; i++)
		done = run_member(writer, members[i], saved);
	done = done && !commit(writer);
	abandon(writer);
	return done;
}

/* As cheaply as it goes. */
static void
run_members(struct sqlite_writer *writer, struct sqlite_member *const *members, size_t count)
{
	if (count > 1 && writer->careful == 0) {
		if (run_together(writer, members, count, false))
			return;
		writer->careful = CAREFUL_GROUPS;
	}
	if (count > 1 && run_together(writer, members, count, true)) {
		writer->careful--;
		return;
	}
	for (size_t i = 0; i < count; i++)
		run_alone(writer, members[i]);
}

static void
run_group(struct sqlite_writer *writer, struct sqlite_member *const *members, size_t count)
{
	struct waiter *waiters[GROUP_MAX];

	run_members(writer, members, count);
	for (size_t i = 0; i < count; i++) {
		for (unsigned t = 0; t < members[i]->topic_count && !members[i]->err; t++)
			topic_post(members[i]->topics[t]);
		waiters[i] = &members[i]->waiter;
	}
	wait_wake_all(waiters, count);
}

/* Gives room back to the file system once a good part of the file is empty, a little at a time. True: there is more to do. */
static bool
vacuum_some(struct sqlite_writer *writer)
{
	int64_t empty, pages;
	char sql[64];

	arena_reset(writer->arena);
	if (sqlite_conn_int(&writer->conn, "pragma freelist_count", writer->arena, &empty) ||
		sqlite_conn_int(&writer->conn, "pragma page_count", writer->arena, &pages))
		return false;
	if (empty < EMPTY_KEPT || empty < pages / 4)
		return false;
	sqlite3_snprintf(sizeof(sql), sql, "pragma incremental_vacuum(%d)", VACUUM_PAGES);
	return !sqlite_conn_exec(&writer->conn, sql, writer->arena);
}

/* Waits for work, at most idle_us (0: for ever), and takes what there is. */
static size_t
take_group(struct sqlite_writer *writer, struct sqlite_member **members, int64_t idle_us, bool *closing)
{
	size_t count = 0;
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += (long)(idle_us % USEC_PER_SEC) * 1000;
	until.tv_sec += idle_us / USEC_PER_SEC + until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&writer->lock);
	writer->sleeping = true;
	while (!writer->first && !writer->closing) {
		if (idle_us == 0)
			pthread_cond_wait(&writer->wake, &writer->lock);
		else if (pthread_cond_timedwait(&writer->wake, &writer->lock, &until) == ETIMEDOUT)
			break;
	}
	writer->sleeping = false;
	if (writer->queued > 1) { /* where there are many, a loop on the same core comes first: what it brings yet shares the commit. Elsewhere this returns at once. */
		pthread_mutex_unlock(&writer->lock);
		sched_yield();
		pthread_mutex_lock(&writer->lock);
	}
	while (writer->first && count < GROUP_MAX) {
		members[count] = writer->first;
		writer->first = members[count++]->next;
	}
	if (!writer->first)
		writer->last = &writer->first;
	writer->queued -= (unsigned)count;
	metric_series_set(writer->queue, writer->queued);
	*closing = writer->closing;
	pthread_mutex_unlock(&writer->lock);
	return count;
}

static void *
writer_main(void *arg)
{
	struct sqlite_writer *writer = arg;
	struct sqlite_member *members[GROUP_MAX];
	int64_t idle_us = 0;
	bool closing = false;
	size_t count;

	pthread_setname_np(pthread_self(), "store-write");
	while ((count = take_group(writer, members, idle_us, &closing)) || !closing) {
		if (count) {
			run_group(writer, members, count);
			idle_us = IDLE_US;
		} else if (vacuum_some(writer)) {
			idle_us = VACUUM_PAUSE_US;
		} else {
			idle_us = 0;
			sqlite_wal_rest(writer->wal);
		}
		sqlite_wal_committed(writer->wal, &writer->conn);
	}
	return NULL;
}

static int
on_wal(void *arg, sqlite3 *db, const char *name, int frames)
{
	struct sqlite_writer *writer = arg;

	(void)db;
	(void)name;
	writer->wal->frames = frames;
	return SQLITE_OK;
}

const struct err *
sqlite_writer_start(struct sqlite_writer *writer, struct store *store, struct sqlite_wal *wal, struct arena *arena)
{
	pthread_condattr_t monotonic;

	writer->store = store;
	writer->wal = wal;
	writer->commits = metric_series(&commits);
	writer->queue = metric_series(&queue);
	writer->last = &writer->first;
	for (size_t i = 0; i < COUNT(step_sql); i++) {
		int code = sqlite3_prepare_v3(writer->conn.db, step_sql[i], -1, SQLITE_PREPARE_PERSISTENT, &writer->steps[i], NULL);

		if (code != SQLITE_OK)
			return sqlite_conn_err(&writer->conn, code, step_sql[i], arena);
	}
	sqlite3_wal_hook(writer->conn.db, on_wal, writer);
	rowbuf_init(&writer->rows, store->result_bytes_max);
	writer->arena = arena_new(MEMBER_BYTES_MAX);
	pthread_mutex_init(&writer->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&writer->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	writer->running = pthread_create(&writer->thread, NULL, writer_main, writer) == 0;
	return writer->running ? NULL : err_new(arena, ERR_UNAVAILABLE, "no thread is to be had for the store");
}

void
sqlite_writer_stop(struct sqlite_writer *writer)
{
	if (writer->running) {
		pthread_mutex_lock(&writer->lock);
		writer->closing = true;
		pthread_cond_signal(&writer->wake);
		pthread_mutex_unlock(&writer->lock);
		pthread_join(writer->thread, NULL);
	}
	for (size_t i = 0; i < COUNT(step_sql); i++)
		sqlite3_finalize(writer->steps[i]);
	rowbuf_fini(&writer->rows);
	arena_free(writer->arena);
	sqlite_conn_close(&writer->conn);
}

const struct err *
sqlite_writer_tx(struct sqlite_writer *writer, struct arena *arena, tx_fn *fn, void *arg, bool reserved)
{
	struct sqlite_member member = { .fn = fn, .arg = arg };
	const struct err *err;
	bool wake;

	waiter_init(&member.waiter);
	pthread_mutex_lock(&writer->lock);
	if (writer->queued >= QUEUE_MAX && !reserved) {
		pthread_mutex_unlock(&writer->lock);
		return &err_busy;
	}
	*writer->last = &member;
	writer->last = &member.next;
	writer->queued++;
	wake = writer->sleeping;
	writer->sleeping = false; /* one signal is enough */
	pthread_mutex_unlock(&writer->lock);
	if (wake) {
		fiber_yield(); /* what the other fibers of this turn bring shares the commit */
		pthread_cond_signal(&writer->wake);
	}
	wait_end(&member.waiter);
	err = err_copy(arena, member.err);
	arena_free(member.err_arena);
	return err;
}
