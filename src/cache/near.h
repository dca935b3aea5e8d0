/*
 * near.h - kept answers found by what their question means: the nearest question of the same key without it (cache_near_key), above a threshold.
 *
 * Questions are embedded by the server's own model and kept as a byte a dimension; cosines are right to about a thousandth. The newest questions are compared one by one, as
 * many as the configuration says, in a few microseconds for a thousand.
 */
#pragma once

#include "cache/cache.h"
#include "cache/entry.h"
#include "crypto/hash.h"

/* A question that can be compared. */
struct near {
	unsigned char key[HASH_SHA256_SIZE];
	struct str embedder;   /* the model that made the vector; empty: it cannot be compared, and what is below means nothing */
	struct str vector;     /* as it is kept: its scale, then the bytes */
	unsigned dimensions;
};

/*
 * Embeds the question. One that is longer than the model reads is not comparable, and neither is any when there is no model or it fails: out->embedder is empty then. NULL,
 * ERR_CANCELLED, ERR_NO_MEMORY.
 */
MAY_PARK const struct err *near_make(struct embedder *embedder, struct arena *arena, const unsigned char *key, struct str question, struct near *out);

/* The nearest kept answer that is younger than `after_us` and at least as near as the threshold; *found false: there is none. */
MAY_PARK const struct err *near_find(struct store *store, struct arena *arena, int64_t tenant, const struct near *near, const struct conf_semantic *semantic, int64_t after_us,
	struct cache_entry *out, double *similarity, bool *found);
