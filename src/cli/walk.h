/*
 * walk.h - the files below some paths, in a stable order, as an ingest wants them.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

struct walk_file {
	const char *file; /* to open */
	struct str path;  /* its name in the collection: relative to the directory that was given, or the file's own name */
	int64_t bytes;
};

struct walk_skip {
	const char *file;
	const char *why;
};

struct walk {
	struct walk_file *files;
	size_t count;
	struct walk_skip *skipped; /* by name or kind alone; the content has not been looked at */
	size_t skip_count;
	int64_t bytes; /* of all files */
};

enum { WALK_FILES_MAX = 2000000, WALK_DEPTH_MAX = 64, WALK_PATH_MAX = 1024 /* what the API takes */ };

/*
 * Hidden names and symbolic links below a directory are left out silently, what cannot be read or is no file is in `skipped`. Files with a path that stands already are skipped.
 * ERR_NOT_FOUND: a path that was given is not there; ERR_TOO_LARGE: too many files. Blocks.
 */
const struct err *walk_paths(struct arena *arena, const struct str *paths, size_t count, struct str prefix, struct walk *out);
