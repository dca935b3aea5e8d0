/*
 * walk.c - directories, depth first, names in order. See walk.h.
 */
#include "cli/walk.h"

#include "base/map.h"
#include "text/utf8.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

struct walker {
	struct arena *arena;
	struct walk *out;
	struct map seen; /* paths that stand already */
	struct str prefix;
	size_t files_cap, skips_cap;
	const struct err *err;
};

/* Doubles a list in the arena when it is full. */
static bool
list_grow(struct walker *w, void **list, size_t count, size_t *cap, size_t size)
{
	size_t wanted = *cap ? *cap * 2 : 64;
	void *grown;

	if (count < *cap)
		return true;
	grown = arena_array(w->arena, wanted, size);
	if (!grown) {
		w->err = &err_no_memory;
		return false;
	}
	if (count)
		memcpy(grown, *list, count * size);
	*list = grown;
	*cap = wanted;
	return true;
}

static void
skip(struct walker *w, const char *file, const char *why)
{
	void *list = w->out->skipped;

	if (!list_grow(w, &list, w->out->skip_count, &w->skips_cap, sizeof(*w->out->skipped)))
		return;
	w->out->skipped = list;
	w->out->skipped[w->out->skip_count++] = (struct walk_skip){ file, why };
}

static void
file_add(struct walker *w, const char *file, struct str path, int64_t bytes)
{
	void *list = w->out->files;

	if (w->prefix.len > 0)
		path = arena_printf(w->arena, "%" STR_F "%" STR_F, STR_A(w->prefix), STR_A(path));
	if (w->out->count == WALK_FILES_MAX) {
		w->err = err_new(w->arena, ERR_TOO_LARGE, "more than %d files", WALK_FILES_MAX);
		return;
	}
	if (path.len > WALK_PATH_MAX || !utf8_valid(path)) {
		skip(w, file, path.len > WALK_PATH_MAX ? "its path is longer than 1024 bytes" : "its name is not valid UTF-8");
		return;
	}
	if (map_get(&w->seen, path)) {
		skip(w, file, "another file of this run has the same path in the collection");
		return;
	}
	if (!list_grow(w, &list, w->out->count, &w->files_cap, sizeof(*w->out->files)))
		return;
	w->out->files = list;
	map_put(&w->seen, path, w);
	w->out->files[w->out->count++] = (struct walk_file){ file, path, bytes };
	w->out->bytes += bytes;
}

static int
visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void directory_walk(struct walker *w, const char *directory, struct str path, unsigned depth);

/* One entry below a directory. */
static void
entry_walk(struct walker *w, const char *file, struct str path, unsigned depth)
{
	struct stat found;

	if (lstat(file, &found) != 0)
		skip(w, file, strerror(errno));
	else if (S_ISREG(found.st_mode))
		file_add(w, file, path, found.st_size);
	else if (S_ISDIR(found.st_mode))
		directory_walk(w, file, path, depth + 1);
	else if (!S_ISLNK(found.st_mode))
		skip(w, file, "not a file");
}

static void
directory_walk(struct walker *w, const char *directory, struct str path, unsigned depth)
{
	struct dirent **entries = NULL;
	int count;

	if (depth > WALK_DEPTH_MAX) {
		skip(w, directory, "nested too deeply");
		return;
	}
	count = scandir(directory, &entries, visible, alphasort);
	if (count < 0)
		skip(w, directory, strerror(errno));
	for (int i = 0; i < count; i++) {
		struct str name = str_of(entries[i]->d_name);
		struct str file = arena_printf(w->arena, "%s/%" STR_F, directory, STR_A(name));
		struct str inside =
			path.len ? arena_printf(w->arena, "%" STR_F "/%" STR_F, STR_A(path), STR_A(name)) : arena_dup(w->arena, name);

		if (!file.ptr || !inside.ptr)
			w->err = &err_no_memory;
		if (!w->err)
			entry_walk(w, file.ptr, inside, depth);
		free(entries[i]);
	}
	free(entries);
}

static struct str
base_name(struct str path)
{
	size_t at = path.len;

	while (at > 0 && path.ptr[at - 1] != '/')
		at--;
	return str_slice(path, at, path.len);
}

/* A path that was given: followed when it is a symbolic link. */
static void
given_walk(struct walker *w, struct str given)
{
	const char *file;
	struct stat found;

	while (given.len > 1 && str_ends(given, STR("/")))
		given.len--;
	file = arena_cstr(w->arena, given);
	if (!file)
		w->err = &err_no_memory;
	else if (stat(file, &found) != 0)
		w->err = err_new(w->arena, ERR_NOT_FOUND, "%s: %s", file, strerror(errno));
	else if (S_ISDIR(found.st_mode))
		directory_walk(w, file, STR_EMPTY, 0);
	else if (S_ISREG(found.st_mode))
		file_add(w, file, base_name(str_of(file)), found.st_size);
	else
		w->err = err_new(w->arena, ERR_INVALID, "%s is neither a file nor a directory", file);
}

const struct err *
walk_paths(struct arena *arena, const struct str *paths, size_t count, struct str prefix, struct walk *out)
{
	struct walker w = { .arena = arena, .out = out, .prefix = prefix, .seen = MAP_EMPTY };

	*out = (struct walk){ 0 };
	for (size_t i = 0; i < count && !w.err; i++)
		given_walk(&w, paths[i]);
	map_fini(&w.seen);
	return w.err;
}
