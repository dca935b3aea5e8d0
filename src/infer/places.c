/*
 * places.c - see places.h.
 */
#include "infer/places.h"

#include <stdlib.h>
#include <unistd.h>

#define MODEL "models/all-MiniLM-L6-v2"

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

struct str
place_of_model(struct arena *arena)
{
	const struct str places[] = { place_in_cache(arena, MODEL), STR("/usr/local/share/corbel/" MODEL), STR("/usr/share/corbel/" MODEL) };

	for (size_t i = 0; i < COUNT(places); i++) {
		struct str file = places[i].ptr ? arena_printf(arena, "%" STR_F "/corbel-model.json", STR_A(places[i])) : str_n(NULL, 0);

		if (file.ptr && access(file.ptr, R_OK) == 0)
			return places[i];
	}
	return places[0];
}
