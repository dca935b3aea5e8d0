/*
 * cache.h - answers that are kept and given again: the parts that answer/cached.c puts together, and what runs beside them.
 *
 * key.h says what an answer is kept under, stored.h in what form, entry.h where, front.h which of them in memory too; flight.h lets identical calls in flight share one. Off unless a model's configuration says so.
 */
#pragma once

#include "base/setting.h"
#include "cache/flight.h"
#include "conf/models.h"
#include "net/http.h"

struct conf;
struct conf_watch;
struct embedder;
struct front;
struct store;

struct cache {
	struct store *store;
	struct embedder *embedder; /* NULL: nothing is found by its meaning */
	struct flights *flights;
	struct front *front;
	struct sweeper *sweeper;
};

/* On the calling loop, where a fiber deletes what has expired, and counts. */
const struct err *cache_start(struct store *store, struct embedder *embedder, struct conf_watch *watch, struct cache **out);

/* When nothing is in flight any more. Freed after the store, whose notices it listens to; NULL is allowed. */
MAY_PARK void cache_stop(struct cache *cache);
void cache_free(struct cache *cache);

/* What kept answers may take in memory, by the configuration. */
size_t cache_memory_max(const struct conf *conf);

/* entry_clear, and gone from memory: here by the time that it returns, on other nodes a moment later. */
MAY_PARK const struct err *cache_clear(struct cache *cache, struct arena *arena, int64_t tenant, struct str model, int64_t *deleted);

extern const struct setting_table cache_settings;

/* What a request says of the cache. */
struct cache_control {
	bool no_read;         /* the answer is to be a new one */
	bool no_store;        /* it is not to be kept */
	bool asked;           /* "use": for models that want to be asked */
	int64_t age_max_us;   /* an older one does not do; INT64_MAX: any */
};

/*
 * From the headers. x-corbel-cache (use, refresh, off) wins over Cache-Control (no-cache, no-store, max-age), which is then not looked at. ERR_INVALID: a word that is none of these in the
 * former; what Cache-Control may say besides is ignored, as HTTP has it.
 */
const struct err *cache_control_read(struct arena *arena, const struct http_headers *headers, struct cache_control *out);

/* How a call and the cache met: the word in the x-corbel-cache header, the record and the metric. */
enum cache_result {
	CACHE_OFF,      /* the model has none */
	CACHE_HIT,      /* a kept answer to this very call */
	CACHE_SEMANTIC, /* one to a question that means the same */
	CACHE_SHARED,   /* that of an identical call in flight */
	CACHE_MISS,
	CACHE_REFRESH,  /* the request wanted a new one, which is kept */
	CACHE_BYPASS,   /* neither looked for nor kept */
};
struct str cache_result_name(enum cache_result result); /* "hit", "miss"…; empty for CACHE_OFF */

/* Metrics, by the model of the configuration. */
void cache_count(struct str model, enum cache_result result);
void cache_count_read(struct str model); /* a kept answer came from the database */
void cache_count_stored(struct str model, const char *result); /* "stored", or why not: a word of stored_unfit and the like */
void cache_count_saved(struct str model, const struct usage *usage, int64_t cost_nanos);
