/*
 * sqlite_wal.c - keeps the write-ahead log short without making commits wait.
 *
 * A checkpoint copies the log's pages into the file and syncs it. Inside a commit, where SQLite does it by default, that is milliseconds for whoever
 * comes by; so a thread of its own does it, beside the writer. But a log is started over only when everything in it has been copied and nobody reads
 * from it, and under constant writing that moment never comes by itself. So from RESTART_FRAMES on the writer, as soon as the thread has done a checkpoint, copies what has come meanwhile, which is
 * little, and waits for the readers: shortly at first, and for longer once the log is large.
 */
#include "base/clock.h"
#include "store/sqlite.h"

enum {
	FRAMES_MIN = 64,       /* 256 KiB: a checkpoint has at least these */
	FRAMES_MAX = 1000,     /* 4 MiB: and is not put off for longer than these */
	MUCH_PER_MS = 12,      /* frames: more than 48 MiB a second */
	RESTART_FRAMES = 8000, /* 32 MiB */
	RETRY_FRAMES = 1000,
	LARGE_FRAMES = 65536,  /* 256 MiB */
	RESTART_WAIT_MS = 10,
	LARGE_WAIT_MS = 2000,
	FRAME_BYTES = 4096 + 24,
};

/* Between two checkpoints. Where commits do not sync the log its checkpoint does, and whoever writes behind that waits: there fewer are better. */
#define PAUSE_US (20 * USEC_PER_MS)
#define UNSYNCED_PAUSE_US (50 * USEC_PER_MS)

static struct metric log_bytes = METRIC_GAUGE("corbel_store_log_bytes", "Length of SQLite's write-ahead log.");

static void *
wal_main(void *arg)
{
	struct sqlite_wal *wal = arg;

	pthread_setname_np(pthread_self(), "store-wal");
	pthread_mutex_lock(&wal->lock);
	for (;;) {
		while (!wal->due && !wal->closing)
			pthread_cond_wait(&wal->wake, &wal->lock);
		if (wal->closing)
			break;
		wal->due = false;
		wal->busy = true;
		pthread_mutex_unlock(&wal->lock);
		/* An error here leaves the log as it is; the disk's trouble is seen by the next commit. */
		sqlite3_wal_checkpoint_v2(wal->conn.db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
		pthread_mutex_lock(&wal->lock);
		wal->busy = false;
	}
	pthread_mutex_unlock(&wal->lock);
	return NULL;
}

const struct err *
sqlite_wal_open(struct sqlite_wal *wal, const char *path, enum store_durability durability, struct arena *arena)
{
	const struct err *err = sqlite_conn_open(&wal->conn, path, SQLITE_WRITER, durability, arena);

	if (err)
		return err;
	wal->bytes = metric_series(&log_bytes);
	wal->pause_us = durability == STORE_DURABLE_POWER ? PAUSE_US : UNSYNCED_PAUSE_US;
	pthread_mutex_init(&wal->lock, NULL);
	pthread_cond_init(&wal->wake, NULL);
	wal->running = pthread_create(&wal->thread, NULL, wal_main, wal) == 0;
	if (wal->running)
		return NULL;
	sqlite_conn_close(&wal->conn);
	return err_new(arena, ERR_UNAVAILABLE, "no thread is to be had for the store");
}

void
sqlite_wal_close(struct sqlite_wal *wal)
{
	if (!wal->running)
		return;
	pthread_mutex_lock(&wal->lock);
	wal->closing = true;
	pthread_cond_signal(&wal->wake);
	pthread_mutex_unlock(&wal->lock);
	pthread_join(wal->thread, NULL);
	pthread_cond_destroy(&wal->wake);
	pthread_mutex_destroy(&wal->lock);
	sqlite_conn_close(&wal->conn);
}

/* True when the thread is at rest; with `due`, it is told to work. */
static bool
poke(struct sqlite_wal *wal, bool due)
{
	bool rests;

	pthread_mutex_lock(&wal->lock);
	if (due) {
		wal->due = true;
		pthread_cond_signal(&wal->wake);
	}
	rests = !wal->busy && !wal->due;
	pthread_mutex_unlock(&wal->lock);
	return rests;
}

/* What a checkpoint has to sync, commits wait for on the same disk: so it is small. Where much is written that would make too many, and pages that are written again and again are copied each time. */
static bool
is_due(const struct sqlite_wal *wal)
{
	int since = wal->frames - wal->asked_at;
	int64_t now_us = since < FRAMES_MIN ? 0 : clock_mono_us(), passed_us = now_us - wal->asked_us;

	return since >= FRAMES_MIN && (since >= FRAMES_MAX || (passed_us >= wal->pause_us && since <= passed_us * MUCH_PER_MS / USEC_PER_MS));
}

/* Whether the thread has been asked to copy a long log since it was last tried to start it over; then only what has come meanwhile is left. */
static bool
is_to_restart(const struct sqlite_wal *wal)
{
	return wal->asked_at >= RESTART_FRAMES && wal->asked_at - wal->tried_at >= RETRY_FRAMES;
}

void
sqlite_wal_committed(struct sqlite_wal *wal, struct sqlite_conn *writer)
{
	bool restart;

	metric_series_set(wal->bytes, (double)wal->frames * FRAME_BYTES);
	if (wal->frames < wal->asked_at) /* the log has started over */
		wal->asked_at = wal->tried_at = 0;
	restart = is_to_restart(wal);
	if (!restart && !is_due(wal))
		return;
	if (!poke(wal, false)) /* what it was asked for last is being done */
		return;
	if (!restart) {
		wal->asked_us = clock_mono_us();
		wal->asked_at = wal->frames;
		poke(wal, true);
		return;
	}
	wal->tried_at = wal->frames;
	sqlite3_busy_timeout(writer->db, wal->frames < LARGE_FRAMES ? RESTART_WAIT_MS : LARGE_WAIT_MS);
	sqlite3_wal_checkpoint_v2(writer->db, NULL, SQLITE_CHECKPOINT_RESTART, NULL, NULL);
	sqlite3_busy_timeout(writer->db, BUSY_TIMEOUT_MS);
}

void
sqlite_wal_rest(struct sqlite_wal *wal)
{
	if (wal->frames == wal->asked_at)
		return;
	wal->asked_at = wal->frames;
	poke(wal, true);
}
