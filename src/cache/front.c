/*
 * front.c - see front.h. Answers are counted: one that leaves while somebody gives it out is freed by the last who holds it.
 */
#include "cache/front.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/map.h"

enum { STAMPS = 64, SHARE = 8, AROUND = 192 /* of an answer: its arena, its place in the map */ };

struct held {
	struct front_answer answer;
	struct held *newer, *older; /* in the order in which they were given */
	struct arena *arena;        /* that it lies in */
	atomic_uint holders;        /* the front is one */
	size_t bytes;
	int64_t fresh_until_us;     /* monotonic */
};

struct front {
	pthread_mutex_t lock;
	struct map by_hash;
	struct held *newest, *oldest;
	size_t bytes;
	uint64_t stamps[STAMPS];    /* by the first bits of a key: moved when something leaves */
};

struct front *
front_new(void)
{
	struct front *front = mem_zalloc(sizeof(*front));

	pthread_mutex_init(&front->lock, NULL);
	return front;
}

void
front_release(void *answer)
{
	struct held *held = answer;

	if (atomic_fetch_sub(&held->holders, 1) == 1)
		arena_free(held->arena);
}

static struct str
key_of(const unsigned char *hash)
{
	return str_n((const char *)hash, HASH_SHA256_SIZE);
}

/* --- the order; under the lock --- */

static void
unlink_it(struct front *front, struct held *held)
{
	*(held->newer ? &held->newer->older : &front->newest) = held->older;
	*(held->older ? &held->older->newer : &front->oldest) = held->newer;
}

static void
link_newest(struct front *front, struct held *held)
{
	held->newer = NULL;
	held->older = front->newest;
	*(front->newest ? &front->newest->newer : &front->oldest) = held;
	front->newest = held;
}

static void
remove_it(struct front *front, struct held *held)
{
	unlink_it(front, held);
	map_remove(&front->by_hash, key_of(held->answer.entry.hash));
	front->bytes -= held->bytes;
	front_release(held);
}

/* --- looking --- */

struct front_answer *
front_get(struct front *front, int64_t tenant, const unsigned char *hash, int64_t after_us, uint64_t *stamp)
{
	struct held *held;
	const struct cache_entry *entry;

	pthread_mutex_lock(&front->lock);
	held = map_get(&front->by_hash, key_of(hash));
	entry = held ? &held->answer.entry : NULL;
	if (held && held->fresh_until_us < clock_mono_us()) {
		remove_it(front, held);
		held = NULL;
	}
	if (held && (entry->tenant != tenant || entry->created_us <= after_us || entry->expires_us <= clock_wall_us()))
		held = NULL;
	if (held) {
		atomic_fetch_add(&held->holders, 1);
		unlink_it(front, held);
		link_newest(front, held);
	}
	*stamp = front->stamps[hash[0] % STAMPS];
	pthread_mutex_unlock(&front->lock);
	return held ? &held->answer : NULL;
}

/* --- coming and going --- */

/* In an arena of its own, which fits it; NULL: it does not. */
static struct held *
held_new(const struct cache_entry *entry, const struct stored *stored, size_t bytes_max)
{
	struct arena *arena = arena_new(bytes_max);
	struct held *held = arena_zalloc(arena, sizeof(*held));
	struct cache_entry *copy = held ? &held->answer.entry : NULL;

	if (!held || !stored_copy(arena, stored, &held->answer.stored)) {
		arena_free(arena);
		return NULL;
	}
	*copy = *entry;
	copy->model = STR_EMPTY;
	copy->provider = arena_dup(arena, entry->provider);
	copy->target_model = arena_dup(arena, entry->target_model);
	copy->interaction = arena_dup(arena, entry->interaction);
	copy->body = copy->near = copy->embedder = copy->vector = STR_EMPTY;
	held->arena = arena;
	if (!copy->provider.ptr || !copy->target_model.ptr || !copy->interaction.ptr) {
		arena_free(arena);
		return NULL;
	}
	held->bytes = arena_held(arena) + AROUND;
	held->fresh_until_us = clock_mono_us() + FRONT_FRESH_US;
	atomic_init(&held->holders, 1);
	return held;
}

void
front_put(struct front *front, const struct cache_entry *entry, const struct stored *stored, uint64_t stamp, size_t bytes_max)
{
	struct held *held = held_new(entry, stored, bytes_max / SHARE), *before;

	pthread_mutex_lock(&front->lock);
	if (held && front->stamps[entry->hash[0] % STAMPS] != stamp) {
		front_release(held);
		held = NULL;
	}
	before = held ? map_get(&front->by_hash, key_of(entry->hash)) : NULL;
	if (before)
		remove_it(front, before);
	while (front->oldest && front->bytes + (held ? held->bytes : 0) > bytes_max)
		remove_it(front, front->oldest);
	if (held) {
		map_put(&front->by_hash, key_of(held->answer.entry.hash), held);
		link_newest(front, held);
		front->bytes += held->bytes;
	}
	pthread_mutex_unlock(&front->lock);
}

void
front_drop(struct front *front, const unsigned char *hash)
{
	struct held *held;

	pthread_mutex_lock(&front->lock);
	front->stamps[hash[0] % STAMPS]++;
	held = map_get(&front->by_hash, key_of(hash));
	if (held)
		remove_it(front, held);
	pthread_mutex_unlock(&front->lock);
}

void
front_clear(struct front *front)
{
	pthread_mutex_lock(&front->lock);
	for (unsigned i = 0; i < STAMPS; i++)
		front->stamps[i]++;
	while (front->oldest)
		remove_it(front, front->oldest);
	pthread_mutex_unlock(&front->lock);
}

void
front_free(struct front *front)
{
	if (!front)
		return;
	front_clear(front);
	map_fini(&front->by_hash);
	pthread_mutex_destroy(&front->lock);
	free(front);
}

size_t
front_bytes(struct front *front)
{
	size_t bytes;

	pthread_mutex_lock(&front->lock);
	bytes = front->bytes;
	pthread_mutex_unlock(&front->lock);
	return bytes;
}
