/*
 * map.c - the hash table. See map.h. SipHash: Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012; here with 1 and 3 rounds.
 */
#include "base/map.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/random.h"

static uint64_t seed[2];

static void
seed_draw(void)
{
	random_bytes(seed, sizeof(seed));
}

static uint64_t
rotate(uint64_t x, int bits)
{
	return x << bits | x >> (64 - bits);
}

static void
sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[0] = rotate(v[0], 32);
	v[2] += v[3];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

uint64_t
map_hash(struct str key)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	uint64_t v[4], word, hash;
	size_t i;

	pthread_once(&once, seed_draw);
	v[0] = seed[0] ^ 0x736f6d6570736575u;
	v[1] = seed[1] ^ 0x646f72616e646f6du;
	v[2] = seed[0] ^ 0x6c7967656e657261u;
	v[3] = seed[1] ^ 0x7465646279746573u;
	for (i = 0; i + 8 <= key.len; i += 8) {
		memcpy(&word, key.ptr + i, 8);
		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}
	word = (uint64_t)key.len << 56;
	for (size_t shift = 0; i < key.len; i++, shift += 8)
		word |= (uint64_t)(unsigned char)key.ptr[i] << shift;
	v[3] ^= word;
	sip_round(v);
	v[0] ^= word;
	v[2] ^= 0xff;
	for (i = 0; i < 3; i++)
		sip_round(v);
	hash = v[0] ^ v[1] ^ v[2] ^ v[3];
	return hash > 1 ? hash : hash + 2;
}

/* The entry of the key, or the free place where a search for it ends (NULL in an empty map). */
static struct map_entry *
find(const struct map *map, struct str key, uint64_t hash)
{
	if (map->capacity == 0)
		return NULL;
	for (size_t i = hash & (map->capacity - 1);; i = (i + 1) & (map->capacity - 1)) {
		struct map_entry *entry = &map->entries[i];

		if (entry->hash == 0 || (entry->hash == hash && str_eq(entry->key, key)))
			return entry;
	}
}

static void
resize(struct map *map, size_t capacity)
{
	struct map old = *map;
	const struct map_entry *entry;

	*map = (struct map){ .entries = mem_zalloc(capacity * sizeof(*map->entries)), .capacity = capacity };
	for (size_t i = 0; (entry = map_next(&old, &i));)
		*find(map, entry->key, entry->hash) = *entry;
	map->used = map->filled = old.used;
	free(old.entries);
}

void
map_fini(struct map *map)
{
	free(map->entries);
	*map = MAP_EMPTY;
}

void *
map_get(const struct map *map, struct str key)
{
	struct map_entry *entry = find(map, key, map_hash(key));

	return entry && entry->hash ? entry->value : NULL;
}

void *
map_put(struct map *map, struct str key, void *value)
{
	uint64_t hash = map_hash(key);
	struct map_entry *entry;
	void *old = NULL;

	if ((map->filled + 1) * 4 > map->capacity * 3)
		resize(map, map->used * 2 < 8 ? 8 : map->capacity * (map->used * 2 > map->capacity ? 2 : 1));
	entry = find(map, key, hash);
	if (entry->hash) {
		old = entry->value;
	} else {
		map->used++;
		map->filled++;
	}
	*entry = (struct map_entry){ key, value, hash };
	return old;
}

void *
map_remove(struct map *map, struct str key)
{
	struct map_entry *entry = find(map, key, map_hash(key));
	void *value;

	if (!entry || !entry->hash)
		return NULL;
	value = entry->value;
	*entry = (struct map_entry){ .hash = 1 };
	map->used--;
	return value;
}

const struct map_entry *
map_next(const struct map *map, size_t *position)
{
	while (*position < map->capacity) {
		const struct map_entry *entry = &map->entries[(*position)++];

		if (entry->hash > 1)
			return entry;
	}
	return NULL;
}
