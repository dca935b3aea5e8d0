/*
 * secrets.c - see secrets.h.
 */
#include "conf/secrets.h"

#include "base/random.h"
#include "crypto/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEY_BYTES = 32, KEY_LEN = 2 * KEY_BYTES, PATH_BYTES = 4200 };

struct secrets {
	pthread_mutex_t lock; /* of what follows */
	struct seal_key key;
	bool has_key, alone;
	char dir[PATH_BYTES], path[PATH_BYTES + 16];
};

/* The key in the file. NULL and *found false: there is no file. */
static const struct err *
file_read(struct secrets *secrets, struct arena *arena, bool *found)
{
	int fd = open(secrets->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	unsigned char bytes[KEY_BYTES];
	struct stat about;
	char text[KEY_LEN];
	bool whole, own;

	*found = fd >= 0;
	if (fd < 0)
		return errno == ENOENT ? NULL : err_new(arena, ERR_IO, "the master key %s cannot be read: %s", secrets->path, strerror(errno));
	own = fstat(fd, &about) == 0 && about.st_uid == geteuid() && (about.st_mode & 077) == 0;
	whole = own && read(fd, text, sizeof(text)) == KEY_LEN && hex_decode(str_n(text, KEY_LEN), bytes);
	close(fd);
	if (!own)
		return err_new(arena, ERR_FORBIDDEN, "the master key %s must belong to the user who runs this server and be readable by nobody else (chmod 600)", secrets->path);
	if (!whole)
		return err_new(arena, ERR_INVALID, "the master key %s is cut off: expected %d hex digits; restore it from where it was copied to", secrets->path, KEY_LEN);
	seal_key_of(str_n(text, KEY_LEN), &secrets->key);
	secrets->has_key = true;
	return NULL;
}

/* Durable under its name before it is used. */
static const struct err *
file_make(struct secrets *secrets, struct arena *arena)
{
	char fresh[PATH_BYTES + 24], text[KEY_LEN + 1];
	unsigned char bytes[KEY_BYTES];
	int fd, dir_fd;
	bool done;

	random_bytes(bytes, sizeof(bytes));
	hex_encode(bytes, sizeof(bytes), text);
	text[KEY_LEN] = '\n';
	snprintf(fresh, sizeof(fresh), "%s.new", secrets->path);
	unlink(fresh);
	fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	done = fd >= 0 && write(fd, text, sizeof(text)) == (ssize_t)sizeof(text) && fsync(fd) == 0;
	if (fd >= 0)
		close(fd);
	done = done && rename(fresh, secrets->path) == 0;
	dir_fd = done ? open(secrets->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	done = dir_fd >= 0 && fsync(dir_fd) == 0;
	if (dir_fd >= 0)
		close(dir_fd);
	if (!done)
		return err_new(arena, ERR_IO, "the master key cannot be written to %s: %s", secrets->path, strerror(errno));
	seal_key_of(str_n(text, KEY_LEN), &secrets->key);
	secrets->has_key = true;
	return NULL;
}

const struct err *
secrets_open(const struct secrets_spec *spec, struct arena *arena, struct secrets **out)
{
	struct secrets *secrets;
	const struct err *err = NULL;
	bool found;

	*out = NULL;
	if (spec->data_dir.len >= PATH_BYTES)
		return err_new(arena, ERR_INVALID, "the data directory's name is too long");
	secrets = mem_zalloc(sizeof(*secrets));
	pthread_mutex_init(&secrets->lock, NULL);
	secrets->alone = spec->alone;
	snprintf(secrets->dir, sizeof(secrets->dir), "%" STR_F, STR_A(spec->data_dir));
	snprintf(secrets->path, sizeof(secrets->path), "%s/master.key", secrets->dir);
	if (spec->given.len > 0) {
		seal_key_of(spec->given, &secrets->key);
		secrets->has_key = true;
	} else {
		err = file_read(secrets, arena, &found);
	}
	if (err)
		secrets_free(secrets);
	else
		*out = secrets;
	return err;
}

void
secrets_free(struct secrets *secrets)
{
	if (!secrets)
		return;
	pthread_mutex_destroy(&secrets->lock);
	memset(&secrets->key, 0, sizeof(secrets->key));
	free(secrets);
}

/* The key, made if it may be. */
static const struct err *
key_get(struct secrets *secrets, struct arena *arena, struct seal_key *out)
{
	const struct err *err = NULL;

	pthread_mutex_lock(&secrets->lock);
	if (!secrets->has_key && secrets->alone)
		err = file_make(secrets, arena);
	else if (!secrets->has_key)
		err = err_new(arena, ERR_UNSUPPORTED,
			"this would be kept in the database in the clear: write \"${NAME}\" to take it from the environment of every node, or set CORBEL_MASTER_KEY (32 random "
			"characters or more, the same on every node) so that it can be sealed");
	*out = secrets->key;
	pthread_mutex_unlock(&secrets->lock);
	return err;
}

const struct err *
secrets_seal(struct secrets *secrets, struct arena *arena, struct str about, struct str text, struct str *out)
{
	struct seal_key key;
	struct buf sealed;
	const struct err *err = key_get(secrets, arena, &key);

	if (err)
		return err;
	buf_init(&sealed, arena, 2 * SEAL_MAX + KIB(1));
	if (!seal(&key, about, text, &sealed))
		return err_new(arena, ERR_TOO_LARGE, "too long to be sealed: at most %d bytes", SEAL_MAX);
	*out = buf_str(&sealed);
	return NULL;
}

const struct err *
secrets_unseal(struct secrets *secrets, struct arena *arena, struct str about, struct str sealed, struct str *out)
{
	struct seal_key key = { .id = "" };
	struct buf text;
	bool has_key = false;

	if (secrets) {
		pthread_mutex_lock(&secrets->lock);
		has_key = secrets->has_key;
		key = secrets->key;
		pthread_mutex_unlock(&secrets->lock);
	}
	buf_init(&text, arena, SEAL_MAX + 1);
	if (has_key && seal_open(&key, about, sealed, &text)) {
		*out = buf_str(&text);
		return NULL;
	}
	if (!has_key)
		return err_new(arena, ERR_INVALID, "was sealed with the master key %" STR_F ", and this node has none: set CORBEL_MASTER_KEY, or put master.key back into the data directory",
			STR_A(seal_id(sealed)));
	if (!str_eq(seal_id(sealed), str_n(key.id, SEAL_ID_LEN)))
		return err_new(arena, ERR_INVALID, "was sealed with the master key %" STR_F ", and this node has %.*s: give it the former key, or set this secret again",
			STR_A(seal_id(sealed)), SEAL_ID_LEN, key.id);
	return err_new(arena, ERR_INVALID, "was changed in the database since it was sealed: set this secret again");
}
