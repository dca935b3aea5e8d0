/*
 * first_key.c - the admin key of a database that has no key yet.
 *
 * The file comes before the row: a crash between the two leaves a file whose key the next start takes up, never a row whose secret nobody has.
 * Of two nodes that start at once on one database, the transaction lets one win; the other removes the file it wrote.
 */
#include "access/access_sql.h"
#include "access/inside.h"

#include "base/clock.h"
#include "base/random.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct first_key {
	struct key_row row;
	bool inserted;
};

/* The key that an earlier, interrupted start has left, if it is whole. */
static struct str
file_read(struct arena *arena, const char *path)
{
	char *text = arena_alloc(arena, SECRET_LEN);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t got = -1;

	if (fd >= 0 && text)
		got = read(fd, text, SECRET_LEN);
	if (fd >= 0)
		close(fd);
	return got == SECRET_LEN && secret_well_formed(str_n(text, SECRET_LEN)) ? str_n(text, SECRET_LEN) : STR_EMPTY;
}

/* Durable before it returns: the new name is in the directory on disk. */
static const struct err *
file_write(struct arena *arena, struct str dir, const char *path, struct str secret)
{
	struct str text = arena_printf(arena, "%" STR_F "\n", STR_A(secret)), fresh = arena_printf(arena, "%s.new", path);
	const char *dir_path = arena_cstr(arena, dir);
	int fd, dir_fd;
	bool done;

	if (!text.ptr || !fresh.ptr || !dir_path)
		return &err_no_memory;
	unlink(fresh.ptr);
	fd = open(fresh.ptr, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	done = fd >= 0 && write(fd, text.ptr, text.len) == (ssize_t)text.len && fsync(fd) == 0;
	if (fd >= 0)
		close(fd);
	done = done && rename(fresh.ptr, path) == 0;
	dir_fd = done ? open(dir_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	done = dir_fd >= 0 && fsync(dir_fd) == 0;
	if (dir_fd >= 0)
		close(dir_fd);
	return done ? NULL : err_new(arena, ERR_IO, "the admin key cannot be written to %s: %s", path, strerror(errno));
}

static MAY_PARK const struct err *
insert_if_none(struct tx *tx, void *arg)
{
	struct first_key *first = arg;
	const struct err *err;
	struct rows rows;

	first->inserted = false;
	err = tx_exec(tx, &stmt_key_count, NO_PARAMS, &rows);
	if (err || rows_int(&rows, 0, 0) > 0)
		return err;
	err = key_row_insert(tx, &first->row);
	if (err)
		return err;
	first->inserted = true;
	return tx_notify(tx, KEY_TOPIC);
}

const struct err *
first_key_make(struct access *access, struct arena *arena, struct str data_dir, struct str *made)
{
	struct first_key first = {
		.row = { .tenant = TENANT_DEFAULT, .name = STR("admin"), .scopes = 1u << SCOPE_ADMIN, .created_us = clock_wall_us(), .team = STR_EMPTY, .policy = STR("{}") }
	};
	struct str path = arena_printf(arena, "%" STR_F "/admin.key", STR_A(data_dir));
	const struct err *err;
	struct id id = id_new();
	char secret[SECRET_LEN];
	struct rows rows;
	bool wrote;

	*made = STR_EMPTY;
	err = store_query(access->store, arena, &stmt_key_count, NO_PARAMS, &rows);
	if (err || rows_int(&rows, 0, 0) > 0)
		return err;
	first.row.id = arena_printf(arena, "key_%s", id.hex);
	if (!path.ptr || !first.row.id.ptr)
		return &err_no_memory;
	first.row.secret = file_read(arena, path.ptr);
	wrote = first.row.secret.len == 0;
	if (wrote) {
		secret_new(secret);
		first.row.secret = arena_dup(arena, str_n(secret, sizeof(secret)));
		err = first.row.secret.ptr ? file_write(arena, data_dir, path.ptr, first.row.secret) : &err_no_memory;
	}
	if (!err)
		err = store_tx(access->store, arena, insert_if_none, &first);
	if (err)
		return err;
	if (first.inserted)
		*made = first.row.secret;
	else if (wrote)
		unlink(path.ptr);
	return NULL;
}
