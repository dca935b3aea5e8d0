/*
 * places.c - see places.h.
 */
#include "infer/places.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>


struct str
place_in_cache(struct arena *arena, const char *path)
{
	const char *cache = getenv("CORBEL_CACHE"), *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");

	if (cache && *cache)
		return arena_printf(arena, "%s/%s", cache, path);
	if (xdg && *xdg)
		return arena_printf(arena, "%s/corbel/%s", xdg, path);
	return arena_printf(arena, "%s/.cache/corbel/%s", home ? home : "", path);
}

/* The first of the usual places where `path` holds `file`; without any, the first. */
static struct str
place_with(struct arena *arena, const char *path, const char *file)
{
	const struct str places[] = { place_in_cache(arena, path), arena_printf(arena, "/usr/local/share/corbel/%s", path),
		arena_printf(arena, "/usr/share/corbel/%s", path) };

	for (size_t i = 0; i < COUNT(places); i++) {
		struct str whole = places[i].ptr ? arena_printf(arena, "%" STR_F "/%s", STR_A(places[i]), file) : str_n(NULL, 0);

		if (whole.ptr && access(whole.ptr, R_OK) == 0)
			return places[i];
	}
	return places[0];
}

struct str
place_of_model(struct arena *arena)
{
	return place_with(arena, "models/all-MiniLM-L6-v2", "corbel-model.json");
}

struct str
place_of_tokenizers(struct arena *arena)
{
	return place_with(arena, "tokenizers", "o200k_base.tiktoken");
}

const struct err *
place_read(struct arena *arena, struct str dir, const char *name, size_t max, struct str *out)
{
	struct str path = arena_printf(arena, "%" STR_F "/%s", STR_A(dir), name);
	char *bytes = arena_alloc(arena, max + 1);
	FILE *file;
	size_t len;

	if (!path.ptr || !bytes)
		return &err_no_memory;
	file = fopen(path.ptr, "rbe");
	if (!file)
		return err_new(arena, ERR_UNAVAILABLE, "%" STR_F " is missing", STR_A(path));
	len = fread(bytes, 1, max + 1, file);
	fclose(file);
	if (len > max)
		return err_new(arena, ERR_UNAVAILABLE, "%" STR_F " is larger than %zu bytes", STR_A(path), max);
	*out = str_n(bytes, len);
	return NULL;
}
