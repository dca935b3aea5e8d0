/*
 * entry.h - kept answers in the database.
 */
#pragma once

#include "crypto/hash.h"
#include "store/store.h"

struct cache_entry {
	int64_t tenant;
	unsigned char hash[HASH_SHA256_SIZE];
	struct str model, provider, target_model;
	struct str interaction;      /* 16 bytes */
	int64_t created_us, expires_us, input, output, cost_nanos;
	struct str body;
	struct str near, embedder, vector; /* ptr NULL: none */
};

/* found false: there is none that is younger than `after_us` (wall time of its making) and has not expired. */
MAY_PARK const struct err *entry_find(struct store *store, struct arena *arena, int64_t tenant, const unsigned char *hash, int64_t after_us, struct cache_entry *out, bool *found);

/* The same by the number of an entry that entry_near has found; it may be gone by now. */
MAY_PARK const struct err *entry_get(struct store *store, struct arena *arena, int64_t tenant, int64_t id, struct cache_entry *out, bool *found);

/* Ids and vectors of the newest entries of this kind, at most `most`: columns id, vector. */
MAY_PARK const struct err *entry_near(struct store *store, struct arena *arena, int64_t tenant, const unsigned char *near, struct str embedder, int64_t after_us, int64_t most,
	struct rows *out);

/* Within a transaction. One that is there is replaced. */
MAY_PARK const struct err *entry_put(struct tx *tx, const struct cache_entry *entry);

struct cache_figures {
	struct str model;
	int64_t entries, bytes;
};

/* By model; tenant 0: of all tenants together. */
MAY_PARK const struct err *entry_stats(struct store *store, struct arena *arena, int64_t tenant, struct cache_figures **out, size_t *count);

/* Notices of this: entries were forgotten by entry_clear, on whatever node. */
#define CACHE_TOPIC "cache"

/* Deletes a tenant's entries of a model (empty: of all), a few in each transaction. *deleted: how many, also beside an error. */
MAY_PARK const struct err *entry_clear(struct store *store, struct arena *arena, int64_t tenant, struct str model, int64_t *deleted);

/* Deletes what has expired, and the oldest entries until the rest takes no more than `bytes_max` (0: no limit), a few at a time with rests between. */
MAY_PARK const struct err *entry_sweep(struct store *store, struct arena *arena, int64_t bytes_max, int64_t bytes_now);
