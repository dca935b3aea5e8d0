/*
 * sqlite_backup.c - a consistent copy of the database while it is being written.
 *
 * The copy is made by SQLite's backup interface in small steps, from one read transaction: all steps see the same state, nobody waits for it, and
 * only the write-ahead log cannot start over meanwhile. It is made beside its place and renamed when it is whole and on the disk, so that a file
 * under the final name is always a good one.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fault.h"
#include "store/sqlite.h"

FAULT(store_backup_step);

enum { STEP_PAGES = 512, STEP_PAUSE_US = 500 };

struct backup {
	struct sqlite_store *store;
	const char *path;    /* where it shall be */
	const char *partial; /* where it is made */
	struct arena *arena; /* for an error: the caller's own is not ours on this thread */
	const struct err *err;
};

static const struct err *
copy_pages(struct sqlite_conn *from, struct sqlite_conn *to, struct arena *arena)
{
	sqlite3_backup *backup = sqlite3_backup_init(to->db, "main", from->db, "main");
	int code;

	if (!backup)
		return sqlite_conn_err(to, sqlite3_extended_errcode(to->db), "backup", arena);
	do {
		code = fault_hit(&fault_store_backup_step) ? SQLITE_FULL : sqlite3_backup_step(backup, STEP_PAGES);
		usleep(STEP_PAUSE_US); /* leaves the disk to the commits */
	} while (code == SQLITE_OK);
	sqlite3_backup_finish(backup);
	return sqlite_conn_err(to, code, "backup", arena);
}

static const struct err *
copy_database(struct backup *backup)
{
	struct sqlite_conn from, to = { .db = NULL };
	struct sqlite_store *store = backup->store;
	const struct err *err = sqlite_conn_open(&from, store->path, SQLITE_READER, store->durability, backup->arena);
	int64_t unused;
	int code;

	if (err)
		return err;
	code = sqlite3_open_v2(backup->partial, &to.db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
	err = sqlite_conn_err(&to, code, "open the copy", backup->arena);
	/* A crash leaves only a partial file, so it needs no journal; it is synced once, at the end. */
	if (!err)
		err = sqlite_conn_exec(&to, "pragma journal_mode = off; pragma synchronous = off", backup->arena);
	if (!err)
		err = sqlite_conn_exec(&from, "begin", backup->arena);
	if (!err) /* the first read fixes the state that is copied */
		err = sqlite_conn_int(&from, "select count(*) from sqlite_schema", backup->arena, &unused);
	if (!err)
		err = copy_pages(&from, &to, backup->arena);
	sqlite_conn_close(&to);
	sqlite_conn_close(&from);
	return err;
}

static const struct err *
system_err(struct backup *backup, const char *doing)
{
	return err_new(backup->arena, errno == ENOSPC ? ERR_UNAVAILABLE : ERR_IO, "%s %s: %s", doing, backup->path, strerror(errno));
}

/* The bytes, then the name. */
static const struct err *
settle(struct backup *backup)
{
	char *slash, directory[4096];
	int fd = open(backup->partial, O_RDONLY | O_CLOEXEC);
	bool synced = fd >= 0 && fsync(fd) == 0;

	if (fd >= 0)
		close(fd);
	if (!synced || rename(backup->partial, backup->path) != 0)
		return system_err(backup, "cannot finish the copy");
	snprintf(directory, sizeof(directory), "%s", backup->path);
	slash = strrchr(directory, '/');
	if (slash)
		slash[slash == directory] = '\0';
	fd = open(slash ? directory : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	synced = fd >= 0 && fsync(fd) == 0;
	if (fd >= 0)
		close(fd);
	return synced ? NULL : system_err(backup, "cannot finish the copy");
}

static void
backup_run(void *arg)
{
	struct backup *backup = arg;
	int fd = open(backup->partial, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0) {
		backup->err = system_err(backup, "cannot write the copy");
		return;
	}
	close(fd);
	backup->err = copy_database(backup);
	if (!backup->err)
		backup->err = settle(backup);
	if (backup->err)
		unlink(backup->partial);
}

const struct err *
sqlite_backup(struct store *base, struct arena *arena, struct str path)
{
	struct sqlite_store *store = (struct sqlite_store *)base;
	struct backup backup = { .store = store };
	const struct err *err;

	if (path.len == 0 || path.len > 4000 || memchr(path.ptr, '\0', path.len))
		return err_param(arena, ERR_INVALID, "path", NULL, "the path of the copy is empty or too long");
	backup.path = arena_cstr(arena, path);
	backup.partial = arena_printf(arena, "%" STR_F ".partial", STR_A(path)).ptr;
	if (!backup.path || !backup.partial)
		return &err_no_memory;
	if (access(backup.path, F_OK) == 0)
		return err_param(arena, ERR_CONFLICT, "path", NULL, "%s exists already; a copy goes to a new file", backup.path);
	backup.arena = arena_new(KIB(16));
	err = offload(store->slow_pool, backup_run, &backup);
	if (!err)
		err = err_copy(arena, backup.err);
	arena_free(backup.arena);
	return err;
}
