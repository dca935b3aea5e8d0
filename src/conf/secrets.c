/*
 * secrets.c - see secrets.h.
 */
#include "conf/secrets.h"

#include "base/buf.h"
#include "base/fault.h"
#include "base/random.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

FAULT(secrets_kept);    /* the former key has its file, and the new one none */
FAULT(secrets_renewed); /* the new key has its file, and nothing is sealed with it */

/* The former key of the configuration, and that of the file. */
enum { OTHER_GIVEN, OTHER_FILE, OTHERS = SECRETS_KEYS_MAX - 1 };

enum { KEY_BYTES = 32, KEY_LEN = 2 * KEY_BYTES, PATH_BYTES = 4200, FILE_BYTES = PATH_BYTES + 32 };

struct secrets {
	pthread_mutex_t lock; /* of what follows */
	struct seal_key key;  /* that seals */
	bool has_key, given, alone;
	struct seal_key others[OTHERS]; /* that open */
	bool opens[OTHERS];   /* which of them are there */
	char dir[PATH_BYTES], path[FILE_BYTES], previous[FILE_BYTES];
};

/* --- files --- */

static void
other_put(struct secrets *secrets, size_t place, const struct seal_key *key)
{
	secrets->others[place] = *key;
	secrets->opens[place] = true;
}

/* The text of a key in a file. *found false: there is no file. */
static const struct err *
file_read(const char *path, struct arena *arena, char text[KEY_LEN], bool *found)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	unsigned char bytes[KEY_BYTES];
	struct stat about;
	bool whole, own;

	*found = fd >= 0;
	if (fd < 0)
		return errno == ENOENT ? NULL : err_new(arena, ERR_IO, "the master key %s cannot be read: %s", path, strerror(errno));
	own = fstat(fd, &about) == 0 && about.st_uid == geteuid() && (about.st_mode & 077) == 0;
	whole = own && read(fd, text, KEY_LEN) == KEY_LEN && hex_decode(str_n(text, KEY_LEN), bytes);
	explicit_bzero(bytes, sizeof(bytes));
	close(fd);
	if (!own)
		return err_new(arena, ERR_FORBIDDEN, "the master key %s must belong to the user who runs this server and be readable by nobody else (chmod 600)", path);
	if (!whole)
		return err_new(arena, ERR_INVALID, "the master key %s is cut off: expected %d hex digits; restore it from where it was copied to", path, KEY_LEN);
	return NULL;
}

/* Durable under its name when it returns. */
static const struct err *
file_write(const struct secrets *secrets, struct arena *arena, const char *path, const char text[KEY_LEN])
{
	char fresh[FILE_BYTES + 8];
	int fd, dir_fd;
	bool done;

	snprintf(fresh, sizeof(fresh), "%s.new", path);
	unlink(fresh);
	fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	done = fd >= 0 && write(fd, text, KEY_LEN) == KEY_LEN && write(fd, "\n", 1) == 1 && fsync(fd) == 0;
	if (fd >= 0)
		close(fd);
	done = done && rename(fresh, path) == 0;
	dir_fd = done ? open(secrets->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	done = dir_fd >= 0 && fsync(dir_fd) == 0;
	if (dir_fd >= 0)
		close(dir_fd);
	return done ? NULL : err_new(arena, ERR_IO, "the master key cannot be written to %s: %s", path, strerror(errno));
}

/* Makes a key and its file, and seals with it from now on. */
static const struct err *
file_make(struct secrets *secrets, struct arena *arena)
{
	unsigned char bytes[KEY_BYTES];
	char text[KEY_LEN];
	const struct err *err;

	random_bytes(bytes, sizeof(bytes));
	hex_encode(bytes, sizeof(bytes), text);
	err = file_write(secrets, arena, secrets->path, text);
	if (!err)
		seal_key_of(str_n(text, KEY_LEN), &secrets->key);
	secrets->has_key = secrets->has_key || !err;
	explicit_bzero(bytes, sizeof(bytes));
	explicit_bzero(text, sizeof(text));
	return err;
}

static const struct err *
files_read(struct secrets *secrets, struct arena *arena)
{
	struct seal_key former;
	char text[KEY_LEN];
	bool found = false;
	const struct err *err = file_read(secrets->path, arena, text, &found);

	if (!err && found) {
		seal_key_of(str_n(text, KEY_LEN), &secrets->key);
		secrets->has_key = true;
	}
	if (!err)
		err = file_read(secrets->previous, arena, text, &found);
	if (!err && found) {
		seal_key_of(str_n(text, KEY_LEN), &former);
		other_put(secrets, OTHER_FILE, &former);
		explicit_bzero(&former, sizeof(former));
	}
	explicit_bzero(text, sizeof(text));
	return err;
}

/* --- the keys --- */

const struct err *
secrets_open(const struct secrets_spec *spec, struct arena *arena, struct secrets **out)
{
	struct seal_key former;
	struct secrets *secrets;
	const struct err *err = NULL;

	*out = NULL;
	if (spec->data_dir.len >= PATH_BYTES)
		return err_new(arena, ERR_INVALID, "the data directory's name is too long");
	secrets = mem_zalloc(sizeof(*secrets));
	pthread_mutex_init(&secrets->lock, NULL);
	secrets->alone = spec->alone;
	secrets->given = spec->given.len > 0;
	snprintf(secrets->dir, sizeof(secrets->dir), "%" STR_F, STR_A(spec->data_dir));
	snprintf(secrets->path, sizeof(secrets->path), "%s/master.key", secrets->dir);
	snprintf(secrets->previous, sizeof(secrets->previous), "%s/master.key.previous", secrets->dir);
	if (spec->previous.len > 0) {
		seal_key_of(spec->previous, &former);
		other_put(secrets, OTHER_GIVEN, &former);
		explicit_bzero(&former, sizeof(former));
	}
	if (secrets->given) {
		seal_key_of(spec->given, &secrets->key);
		secrets->has_key = true;
	} else {
		err = files_read(secrets, arena);
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
	explicit_bzero(secrets, sizeof(*secrets));
	free(secrets);
}

void
secrets_ids(struct secrets *secrets, struct secrets_ids *out)
{
	*out = (struct secrets_ids){ .count = 0 };
	if (!secrets)
		return;
	pthread_mutex_lock(&secrets->lock);
	out->count = 1;
	if (secrets->has_key)
		memcpy(out->list[0], secrets->key.id, SEAL_ID_LEN);
	for (size_t i = 0; i < OTHERS; i++)
		if (secrets->opens[i])
			memcpy(out->list[out->count++], secrets->others[i].id, SEAL_ID_LEN);
	pthread_mutex_unlock(&secrets->lock);
}

/* The key that seals, made if it may be. */
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

/* The key of an id, else the one that seals. False: there is none at all. */
static bool
key_find(struct secrets *secrets, struct str id, struct seal_key *out)
{
	bool any;

	*out = (struct seal_key){ .id = "" };
	if (!secrets)
		return false;
	pthread_mutex_lock(&secrets->lock);
	any = secrets->has_key;
	*out = secrets->key;
	for (size_t i = 0; i < OTHERS; i++) {
		if (secrets->opens[i] && (!any || str_eq(id, str_n(secrets->others[i].id, SEAL_ID_LEN))))
			*out = secrets->others[i]; /* one of the same id is the same key */
		any = any || secrets->opens[i];
	}
	pthread_mutex_unlock(&secrets->lock);
	return any;
}

const struct err *
secrets_renew(struct secrets *secrets, struct arena *arena)
{
	struct seal_key former, in_file;
	char text[KEY_LEN];
	bool found = false;
	const struct err *err = NULL;

	if (secrets->given || !secrets->alone)
		return err_new(arena, ERR_UNSUPPORTED, "the master key is not in a file of this server: start every node with the new one as CORBEL_MASTER_KEY and the former as "
						       "CORBEL_PREVIOUS_MASTER_KEY, and seal without a new key");
	pthread_mutex_lock(&secrets->lock);
	former = secrets->key;
	if (secrets->has_key)
		err = file_read(secrets->path, arena, text, &found);
	if (!err && secrets->has_key && !found)
		err = err_new(arena, ERR_IO, "the master key %s is gone: put it back first", secrets->path);
	if (!err && found) { /* what is kept as the former key must be the one that has sealed */
		seal_key_of(str_n(text, KEY_LEN), &in_file);
		if (memcmp(in_file.id, former.id, SEAL_ID_LEN) != 0)
			err = err_new(arena, ERR_CONFLICT, "the master key %s is not the one that this server began with: put that back (%.*s), or start the server with the new one and the former as "
						       "CORBEL_PREVIOUS_MASTER_KEY, and seal without a new key", secrets->path, SEAL_ID_LEN, former.id);
		explicit_bzero(&in_file, sizeof(in_file));
	}
	if (!err && found)
		err = file_write(secrets, arena, secrets->previous, text);
	explicit_bzero(text, sizeof(text));
	if (!err && fault_hit(&fault_secrets_kept))
		err = &err_internal;
	if (!err)
		err = file_make(secrets, arena);
	if (!err && found)
		other_put(secrets, OTHER_FILE, &former);
	if (!err && fault_hit(&fault_secrets_renewed))
		err = &err_internal;
	pthread_mutex_unlock(&secrets->lock);
	explicit_bzero(&former, sizeof(former));
	return err;
}

/* --- secrets --- */

const struct err *
secrets_seal(struct secrets *secrets, struct arena *arena, struct str about, struct str text, struct str *out)
{
	struct seal_key key;
	struct buf sealed;
	const struct err *err = key_get(secrets, arena, &key);
	bool done;

	if (err)
		return err;
	buf_init(&sealed, arena, 2 * SEAL_MAX + KIB(1));
	done = seal(&key, about, text, &sealed);
	explicit_bzero(&key, sizeof(key));
	if (!done)
		return err_new(arena, ERR_TOO_LARGE, "too long to be sealed: at most %d bytes", SEAL_MAX);
	*out = buf_str(&sealed);
	return NULL;
}

/* Appends what was sealed. */
static const struct err *
open_into(struct secrets *secrets, struct arena *arena, struct str about, struct str sealed, struct buf *text)
{
	struct str id = seal_id(sealed);
	struct seal_key key;
	char key_id[SEAL_ID_LEN];
	bool any = key_find(secrets, id, &key), done = any && seal_open(&key, about, sealed, text);

	memcpy(key_id, key.id, SEAL_ID_LEN);
	explicit_bzero(&key, sizeof(key));
	if (done)
		return NULL;
	if (!any)
		return err_new(arena, ERR_INVALID, "was sealed with the master key %" STR_F ", and this node has none: set CORBEL_MASTER_KEY, or put master.key back into the data directory",
			STR_A(id));
	if (!str_eq(id, str_n(key_id, SEAL_ID_LEN)))
		return err_new(arena, ERR_INVALID, "was sealed with the master key %" STR_F ", and this node has %.*s: give it the former key (CORBEL_PREVIOUS_MASTER_KEY), or set this secret again",
			STR_A(id), SEAL_ID_LEN, key_id);
	return err_new(arena, ERR_INVALID, "was changed in the database since it was sealed: set this secret again");
}

const struct err *
secrets_unseal(struct secrets *secrets, struct arena *arena, struct str about, struct str sealed, struct str *out)
{
	struct buf text;
	const struct err *err;

	buf_init(&text, arena, SEAL_MAX + 1);
	err = open_into(secrets, arena, about, sealed, &text);
	if (!err)
		*out = buf_str(&text);
	return err;
}

const struct err *
secrets_reseal(struct secrets *secrets, struct arena *arena, struct str about, struct str sealed, struct str *out)
{
	struct secrets_ids ids;
	struct buf text;
	const struct err *err;

	buf_init(&text, NULL, SEAL_MAX + 1);
	err = open_into(secrets, arena, about, sealed, &text);
	*out = sealed;
	secrets_ids(secrets, &ids);
	if (!err && !str_eq_c(seal_id(sealed), ids.list[0]))
		err = secrets_seal(secrets, arena, about, buf_str(&text), out);
	if (text.ptr)
		explicit_bzero(text.ptr, text.len);
	buf_fini(&text);
	return err;
}
