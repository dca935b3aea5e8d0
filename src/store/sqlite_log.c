/*
 * sqlite_log.c - see sqlite_log.h.
 *
 * SQLite writes each frame of its log in two calls, the frame's head (24 bytes) and its page, so a commit of seven pages is fourteen system calls that are paid by a request which waits.
 * This VFS gathers writes that follow one another in the file, and passes them on in one. Nobody can tell, because a frame counts for others only once the frame that ends its commit
 * has been written: that one is never held back. Its head is known by its bytes 4 to 7, the size of the database after the commit, which are zero in all others
 * (sqlite.org/fileformat2.html, 4.1). What is read, synced, cut or measured is written first.
 *
 * A write that fails ends the transaction: SQLite's pager rolls back all of it. So what was held then is dropped; where it is asked for by a read it is kept, and may be written later.
 *
 * All other files are the default VFS's own, without anything in between.
 */
#include "store/sqlite_log.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
	FRAME_HEAD = 24,
	FRAMES_MAX = 31, /* SQLite's own VFS for Unix takes less than 128 KiB in a call */
	HELD_MAX = FRAMES_MAX * (FRAME_HEAD + 4096),
};

struct log_file {
	sqlite3_file base;
	sqlite3_file *real; /* right behind this struct */
	char *held;         /* what is not written yet; from the first write on */
	int length;
	sqlite3_int64 start; /* its place in the file */
	bool last;           /* the frame whose head came last ends a commit */
};

static struct log_file *
log_of(sqlite3_file *file)
{
	return (struct log_file *)file;
}

static int
write_held(struct log_file *log)
{
	int code = log->length ? log->real->pMethods->xWrite(log->real, log->held, log->length, log->start) : SQLITE_OK;

	if (code == SQLITE_OK)
		log->length = 0;
	return code;
}

static bool
ends_commit(const char *head)
{
	return head[4] || head[5] || head[6] || head[7];
}

static int
gather(struct log_file *log, const void *bytes, int size, sqlite3_int64 offset)
{
	bool head = size == FRAME_HEAD, end = !head && log->last;
	int code = SQLITE_OK;

	if (!log->held)
		log->held = malloc(HELD_MAX);
	if (offset != log->start + log->length || size > HELD_MAX - log->length)
		code = write_held(log);
	if (code != SQLITE_OK)
		return code;
	log->last = head && ends_commit(bytes);
	if (!log->held || size > HELD_MAX)
		return log->real->pMethods->xWrite(log->real, bytes, size, offset);
	if (!log->length)
		log->start = offset;
	memcpy(log->held + log->length, bytes, (size_t)size);
	log->length += size;
	return end ? write_held(log) : SQLITE_OK;
}

static int
log_write(sqlite3_file *file, const void *bytes, int size, sqlite3_int64 offset)
{
	struct log_file *log = log_of(file);
	int code = gather(log, bytes, size, offset);

	if (code != SQLITE_OK)
		log->length = 0;
	return code;
}

static int
log_read(sqlite3_file *file, void *out, int size, sqlite3_int64 offset)
{
	struct log_file *log = log_of(file);
	int code = write_held(log);

	return code == SQLITE_OK ? log->real->pMethods->xRead(log->real, out, size, offset) : code;
}

static int
log_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	struct log_file *log = log_of(file);
	int code = write_held(log);

	return code == SQLITE_OK ? log->real->pMethods->xTruncate(log->real, size) : code;
}

static int
log_sync(sqlite3_file *file, int flags)
{
	struct log_file *log = log_of(file);
	int code = write_held(log);

	return code == SQLITE_OK ? log->real->pMethods->xSync(log->real, flags) : code;
}

static int
log_size(sqlite3_file *file, sqlite3_int64 *out)
{
	struct log_file *log = log_of(file);
	int code = write_held(log);

	return code == SQLITE_OK ? log->real->pMethods->xFileSize(log->real, out) : code;
}

/* What is still held is of no commit. */
static int
log_close(sqlite3_file *file)
{
	struct log_file *log = log_of(file);

	free(log->held);
	log->held = NULL;
	log->length = 0;
	return log->real->pMethods->xClose(log->real);
}

static int
log_lock(sqlite3_file *file, int level)
{
	return log_of(file)->real->pMethods->xLock(log_of(file)->real, level);
}

static int
log_unlock(sqlite3_file *file, int level)
{
	return log_of(file)->real->pMethods->xUnlock(log_of(file)->real, level);
}

static int
log_check_reserved_lock(sqlite3_file *file, int *out)
{
	return log_of(file)->real->pMethods->xCheckReservedLock(log_of(file)->real, out);
}

static int
log_file_control(sqlite3_file *file, int op, void *arg)
{
	return log_of(file)->real->pMethods->xFileControl(log_of(file)->real, op, arg);
}

static int
log_sector_size(sqlite3_file *file)
{
	return log_of(file)->real->pMethods->xSectorSize(log_of(file)->real);
}

static int
log_device_characteristics(sqlite3_file *file)
{
	return log_of(file)->real->pMethods->xDeviceCharacteristics(log_of(file)->real);
}

/* Version 1: a log is neither mapped nor shared memory. */
static const sqlite3_io_methods log_methods = {
	.iVersion = 1,
	.xClose = log_close,
	.xRead = log_read,
	.xWrite = log_write,
	.xTruncate = log_truncate,
	.xSync = log_sync,
	.xFileSize = log_size,
	.xLock = log_lock,
	.xUnlock = log_unlock,
	.xCheckReservedLock = log_check_reserved_lock,
	.xFileControl = log_file_control,
	.xSectorSize = log_sector_size,
	.xDeviceCharacteristics = log_device_characteristics,
};

static sqlite3_vfs *real_vfs;
static sqlite3_vfs log_vfs;
static pthread_once_t registering = PTHREAD_ONCE_INIT;

static int
log_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
	struct log_file *log = log_of(file);
	int code;

	(void)vfs;
	if (!(flags & SQLITE_OPEN_WAL))
		return real_vfs->xOpen(real_vfs, name, file, flags, out_flags);
	*log = (struct log_file){ .real = (sqlite3_file *)(log + 1) };
	code = real_vfs->xOpen(real_vfs, name, log->real, flags, out_flags);
	if (log->real->pMethods) /* open, or to be closed all the same */
		log->base.pMethods = &log_methods;
	return code;
}

/* A copy of the real one's row, so that all but opening files is done by its own functions. */
static void
register_vfs(void)
{
	real_vfs = sqlite3_vfs_find(NULL);
	if (!real_vfs)
		return;
	log_vfs = *real_vfs;
	log_vfs.pNext = NULL;
	log_vfs.zName = "corbel-log";
	log_vfs.szOsFile = real_vfs->szOsFile + (int)sizeof(struct log_file);
	log_vfs.xOpen = log_open;
	if (sqlite3_vfs_register(&log_vfs, 0) != SQLITE_OK)
		real_vfs = NULL;
}

const char *
sqlite_log_vfs(void)
{
	pthread_once(&registering, register_vfs);
	return real_vfs ? log_vfs.zName : NULL;
}
