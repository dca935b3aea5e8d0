/*
 * map.h - string keys to pointers: open addressing, SipHash-1-3 with a key drawn at start, so that strangers cannot choose collisions.
 *
 * The map keeps the key's bytes as given (they must outlive the entry), never the value's. On the heap; not for use by two threads at once.
 */
#pragma once

#include "base/str.h"

struct map_entry {
	struct str key;
	void *value;
	uint64_t hash; /* 0: free, 1: deleted */
};

struct map {
	struct map_entry *entries;
	size_t capacity, used, filled; /* filled counts deleted places too */
};

#define MAP_EMPTY ((struct map){ 0 })

void map_fini(struct map *map);
void *map_get(const struct map *map, struct str key);

/* Returns the value it replaced, or NULL. value is not NULL. */
void *map_put(struct map *map, struct str key, void *value);

/* Returns the removed value, or NULL. */
void *map_remove(struct map *map, struct str key);

/* for (size_t i = 0; (entry = map_next(map, &i));) in no particular order; no changes meanwhile. */
const struct map_entry *map_next(const struct map *map, size_t *position);

/* The keyed hash itself, for other tables. Never 0 or 1. */
uint64_t map_hash(struct str key);
