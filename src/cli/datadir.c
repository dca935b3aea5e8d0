/*
 * datadir.c - the data directory and its lock. See datadir.h.
 *
 * The lock is flock(2) on corbel.lock: the kernel gives it up when the process ends, so that no stale lock is ever left. The file's contents, process and URL,
 * are for people and clients; they count only while the lock is held.
 */
#include "cli/datadir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SMALL_FILE_MAX = 4096 };

/* A small file whole, without the line break at its end; ptr NULL when it cannot be read. */
static struct str
small_file(struct arena *arena, struct str dir, const char *name)
{
	struct str path = arena_printf(arena, "%" STR_F "/%s", STR_A(dir), name);
	char *text = arena_alloc(arena, SMALL_FILE_MAX);
	int fd = path.ptr && text ? open(path.ptr, O_RDONLY | O_CLOEXEC) : -1;
	ssize_t got = fd >= 0 ? read(fd, text, SMALL_FILE_MAX) : -1;

	if (fd >= 0)
		close(fd);
	return got < 0 ? (struct str){ NULL, 0 } : str_trim(str_n(text, (size_t)got));
}

static const struct err *
make(struct arena *arena, char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdir(path, 0700); /* what matters is whether the last one is there */
		*slash = '/';
	}
	if (mkdir(path, 0700) == 0 || errno == EEXIST)
		return NULL;
	return err_new(arena, ERR_IO, "the data directory %s cannot be made: %s", path, strerror(errno));
}

static const struct err *
lock(struct arena *arena, struct datadir *dir)
{
	struct str path = arena_printf(arena, "%" STR_F "/corbel.lock", STR_A(dir->path)), text;

	dir->lock_fd = open(path.ptr, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (dir->lock_fd < 0)
		return err_new(arena, ERR_IO, "the data directory cannot be used: %" STR_F ": %s", STR_A(path), strerror(errno));
	if (flock(dir->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return NULL;
	text = small_file(arena, dir->path, "corbel.lock");
	close(dir->lock_fd);
	return err_new(arena, ERR_CONFLICT, "the data directory %" STR_F " is in use by another server (process %" STR_F ")",
		STR_A(dir->path), STR_A(text.len ? str_slice(text, 0, str_find_byte(text, '\n', 0)) : STR("unknown")));
}

static const struct err *
write_lock(struct datadir *dir, struct arena *arena, struct str text)
{
	if (ftruncate(dir->lock_fd, 0) == 0 && pwrite(dir->lock_fd, text.ptr, text.len, 0) == (ssize_t)text.len)
		return NULL;
	return err_new(arena, ERR_IO, "%" STR_F "/corbel.lock cannot be written: %s", STR_A(dir->path), strerror(errno));
}

const struct err *
datadir_open(struct arena *arena, struct str path, struct datadir *out)
{
	char *wanted = arena_cstr(arena, path), *absolute;
	const struct err *err = wanted ? make(arena, wanted) : &err_no_memory;

	if (err)
		return err;
	absolute = realpath(wanted, NULL);
	if (!absolute)
		return err_new(arena, ERR_IO, "the data directory %s cannot be found: %s", wanted, strerror(errno));
	out->path = arena_dup(arena, str_of(absolute));
	free(absolute);
	err = lock(arena, out);
	return err ? err : write_lock(out, arena, arena_printf(arena, "%ld\n", (long)getpid()));
}

const struct err *
datadir_tell(struct datadir *dir, struct arena *arena, struct str url)
{
	return write_lock(dir, arena, arena_printf(arena, "%ld\n%" STR_F "\n", (long)getpid(), STR_A(url)));
}

void
datadir_close(struct datadir *dir)
{
	if (ftruncate(dir->lock_fd, 0) == 0) /* else an old address stands there, where nothing answers */
		fsync(dir->lock_fd);
	close(dir->lock_fd);
}

struct str
datadir_server_url(struct arena *arena, struct str path)
{
	struct str text = small_file(arena, path, "corbel.lock"), line;
	struct str none = { NULL, 0 };

	if (!text.ptr || !str_split(&text, '\n', &line) || !str_split(&text, '\n', &line) || !str_starts(line, STR("http")))
		return none;
	return line;
}

struct str
datadir_admin_key(struct arena *arena, struct str path)
{
	struct str key = small_file(arena, path, "admin.key");

	return key.ptr ? key : STR_EMPTY;
}
