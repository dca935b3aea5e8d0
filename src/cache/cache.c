/*
 * cache.c - see cache.h.
 */
#include "cache/cache.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "cache/entry.h"
#include "cache/front.h"
#include "conf/conf.h"
#include "conf/watch.h"
#include "rt/fiber.h"

enum { ARENA_MAX = 4 * 1024 * 1024 };
static const int64_t ROUND_US = 60 * USEC_PER_SEC;

enum { BYTES_MAX, MEMORY_MAX };
static const struct setting rows[] = {
	[BYTES_MAX] = { .name = "cache.max_bytes", .type = SETTING_BYTES, .initial = "1GiB", .min = "1MiB", .max = "1TiB", .reloadable = true,
		.help = "What kept answers may take in the database, all models and tenants together; the oldest go first. Looked at once a minute." },
	[MEMORY_MAX] = { .name = "cache.memory_max", .type = SETTING_BYTES, .initial = "64MiB", .min = "0", .max = "64GiB", .reloadable = true,
		.help = "What the kept answers that were given last may take in this process's memory, in front of the database; 0: every hit reads the database." },
};
const struct setting_table cache_settings = SETTING_TABLE(rows);

static struct metric lookups =
	METRIC_COUNTER("corbel_cache_lookups_total", "Calls of models that have a cache: hit, semantic, shared (with an identical call in flight), miss, refresh, bypass.", "model", "result");
static struct metric reads = METRIC_COUNTER("corbel_cache_reads_total", "Kept answers that were read from the database, since they were not in memory.", "model");
static struct metric stores = METRIC_COUNTER("corbel_cache_stores_total", "Answers that were kept (stored), or why they were not.", "model", "result");
static struct metric saved_tokens = METRIC_COUNTER("corbel_cache_saved_tokens_total", "Tokens of answers that needed no call upstream.", "model", "kind");
static struct metric saved_dollars = METRIC_COUNTER("corbel_cache_saved_dollars_total", "What those calls would have cost, in US dollars.", "model");
static struct metric entries = METRIC_GAUGE("corbel_cache_entries", "Kept answers in the database, as of the last minute.", "model");
static struct metric bytes = METRIC_GAUGE("corbel_cache_bytes", "What they take there.", "model");
static struct metric memory = METRIC_GAUGE("corbel_cache_memory_bytes", "What kept answers take in memory, as of the last minute.");

/* --- what is counted --- */

struct str
cache_result_name(enum cache_result result)
{
	static const struct str names[] = { [CACHE_OFF] = STR_INIT(""), [CACHE_HIT] = STR_INIT("hit"), [CACHE_SEMANTIC] = STR_INIT("semantic"), [CACHE_SHARED] = STR_INIT("shared"),
		[CACHE_MISS] = STR_INIT("miss"), [CACHE_REFRESH] = STR_INIT("refresh"), [CACHE_BYPASS] = STR_INIT("bypass") };

	return names[result];
}

void
cache_count(struct str model, enum cache_result result)
{
	metric_add(&lookups, 1, model, cache_result_name(result));
}

void
cache_count_read(struct str model)
{
	metric_add(&reads, 1, model);
}

void
cache_count_stored(struct str model, const char *result)
{
	metric_add(&stores, 1, model, str_of(result));
}

void
cache_count_saved(struct str model, const struct usage *usage, int64_t cost_nanos)
{
	metric_add(&saved_tokens, (double)usage->input, model, STR("input"));
	metric_add(&saved_tokens, (double)usage->output, model, STR("output"));
	metric_add(&saved_dollars, (double)cost_nanos / 1e9, model);
}

/* --- what a request says --- */

static const struct err *
read_own(struct arena *arena, struct str word, struct cache_control *out)
{
	word = str_trim(word);
	out->asked = str_eq_ci(word, STR("use"));
	out->no_read = str_eq_ci(word, STR("refresh")) || str_eq_ci(word, STR("off"));
	out->no_store = str_eq_ci(word, STR("off"));
	if (!out->asked && !out->no_read)
		return err_param(arena, ERR_INVALID, "x-corbel-cache", NULL, "the header x-corbel-cache must be use, refresh or off");
	return NULL;
}

static void
read_directives(struct str rest, struct cache_control *out)
{
	struct str piece;
	int64_t seconds, age_us;

	while (rest.ptr && str_split(&rest, ',', &piece)) {
		piece = str_trim(piece);
		out->no_read = out->no_read || str_eq_ci(piece, STR("no-cache"));
		out->no_store = out->no_store || str_eq_ci(piece, STR("no-store"));
		if (piece.len <= 8 || !str_eq_ci(str_slice(piece, 0, 8), STR("max-age=")) || !str_to_i64(str_slice(piece, 8, piece.len), &seconds) || seconds < 0)
			continue;
		age_us = seconds < INT64_MAX / USEC_PER_SEC ? seconds * USEC_PER_SEC : INT64_MAX;
		out->age_max_us = age_us < out->age_max_us ? age_us : out->age_max_us;
	}
}

/* A header may come in several lines, from the client and from proxies: all of Cache-Control count. Of our own there is one. */
const struct err *
cache_control_read(struct arena *arena, const struct http_headers *headers, struct cache_control *out)
{
	struct str own = http_header_get(headers, STR("x-corbel-cache"));

	*out = (struct cache_control){ .age_max_us = INT64_MAX };
	for (size_t i = 0; own.ptr && i < headers->count; i++)
		if (str_eq_ci(headers->list[i].name, STR("x-corbel-cache")) && !str_eq_ci(headers->list[i].value, own))
			return err_param(arena, ERR_INVALID, "x-corbel-cache", NULL, "the header x-corbel-cache is there more than once and says different things; send it once");
	if (own.ptr)
		return read_own(arena, own, out);
	for (size_t i = 0; i < headers->count; i++)
		if (str_eq_ci(headers->list[i].name, STR("cache-control")))
			read_directives(headers->list[i].value, out);
	return NULL;
}

/* --- sweeping --- */

struct sweeper {
	struct scope scope; /* of the fiber */
	struct store *store;
	struct front *front;
	struct conf_watch *watch;
};

/* Gauges of models that have no entries any more go back to 0. */
static MAY_PARK const struct err *
measure(struct sweeper *sweeper, struct conf *conf, struct arena *arena, int64_t *total)
{
	struct cache_figures *figures;
	const struct conf_model *models;
	size_t count, model_count;
	const struct err *err = entry_stats(sweeper->store, arena, 0, &figures, &count);

	*total = 0;
	if (err)
		return err;
	models = conf_models(conf, &model_count);
	for (size_t i = 0; i < model_count; i++) {
		if (!models[i].cache.given)
			continue;
		metric_set(&entries, 0, models[i].name);
		metric_set(&bytes, 0, models[i].name);
	}
	for (size_t i = 0; i < count; i++) {
		metric_set(&entries, (double)figures[i].entries, figures[i].model);
		metric_set(&bytes, (double)figures[i].bytes, figures[i].model);
		*total += figures[i].bytes;
	}
	return NULL;
}

static MAY_PARK void
sweep_fiber(void *arg)
{
	struct sweeper *sweeper = arg;
	struct arena *arena = arena_new(ARENA_MAX);

	while (!fiber_sleep_us(ROUND_US)) {
		struct conf *conf = conf_watch_get(sweeper->watch);
		int64_t total;
		const struct err *err = measure(sweeper, conf, arena, &total);

		metric_set(&memory, (double)front_bytes(sweeper->front));
		if (!err)
			err = entry_sweep(sweeper->store, arena, conf_int(conf, &rows[BYTES_MAX]), total);
		if (err && err->kind != ERR_CANCELLED)
			log_warn("the cache could not be swept", LOG_ERR("error", err));
		conf_unref(conf);
		arena_reset(arena);
	}
	arena_free(arena);
}

/* Models that are to find answers by their meaning find none without a model for that. */
static void
warn_without_model(const struct embedder *embedder, struct conf_watch *watch)
{
	struct conf *conf = conf_watch_get(watch);
	size_t count;
	const struct conf_model *models = conf_models(conf, &count);

	for (size_t i = 0; i < count && !embedder; i++)
		if (models[i].cache.semantic.given)
			log_warn("no embedding model: the cache finds the very same questions alone", LOG_STR("model", models[i].name));
	conf_unref(conf);
}

static void
on_notice(void *arg)
{
	front_clear(arg);
}

const struct err *
cache_start(struct store *store, struct embedder *embedder, struct conf_watch *watch, struct cache **out)
{
	struct cache *cache = mem_zalloc(sizeof(*cache));
	struct sweeper *sweeper = mem_zalloc(sizeof(*sweeper));
	const struct err *err;

	warn_without_model(embedder, watch);
	*cache = (struct cache){ .store = store, .embedder = embedder, .flights = flights_new(), .front = front_new(), .sweeper = sweeper };
	*sweeper = (struct sweeper){ .store = store, .front = cache->front, .watch = watch };
	scope_init(&sweeper->scope, NULL, INT64_MAX);
	err = fiber_go("cache sweeper", &sweeper->scope, sweep_fiber, sweeper);
	if (err) {
		scope_fini(&sweeper->scope);
		cache_free(cache);
		return err;
	}
	store_listen(store, CACHE_TOPIC, on_notice, cache->front);
	*out = cache;
	return NULL;
}

MAY_PARK void
cache_stop(struct cache *cache)
{
	scope_stop(&cache->sweeper->scope);
}

void
cache_free(struct cache *cache)
{
	if (!cache)
		return;
	flights_free(cache->flights);
	front_free(cache->front);
	free(cache->sweeper);
	free(cache);
}

size_t
cache_memory_max(const struct conf *conf)
{
	return (size_t)conf_int(conf, &rows[MEMORY_MAX]);
}

MAY_PARK const struct err *
cache_clear(struct cache *cache, struct arena *arena, int64_t tenant, struct str model, int64_t *deleted)
{
	const struct err *err = entry_clear(cache->store, arena, tenant, model, deleted);

	front_clear(cache->front); /* after the commit, and also when only some are gone */
	return err;
}
