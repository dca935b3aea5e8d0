/*
 * price.c - versions of the price table in memory, the built-in list prices, and the exact cost of a usage. See price.h.
 *
 * The versions stand in a list, the latest to begin first. They are added under a lock and never taken away, so finding needs none. Built-in prices are the
 * providers' public list prices in US dollars a million tokens.
 */
#include "telemetry/price.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/map.h"
#include "conf/models.h"
#include "json/json.h"
#include "telemetry/usage.h"

#define BUILT_IN "builtin-2026-11"
#define BUILT_IN_FIRST "builtin-2026-01" /* the same table, without searches in the web and the hour in the cache: entries name it */

/* Dollars a thousand searches in the web. */
#define SEARCH_ANTHROPIC 10

enum { KEY_MAX = 400, VERSION_ARENA_MAX = 64 * 1024 * 1024 };

static const struct {
	struct str provider, model;
	double input, cached_input, cache_write, output; /* dollars a million tokens; cache_write 0: as input */
	double search;                                   /* dollars a thousand search units */
} rows[] = {
	{ STR_INIT("openai"), STR_INIT("gpt-4o"), 2.5, 1.25, 0, 10 },
	{ STR_INIT("openai"), STR_INIT("gpt-4o-mini"), 0.15, 0.075, 0, 0.6 },
	{ STR_INIT("openai"), STR_INIT("gpt-4.1"), 2, 0.5, 0, 8 },
	{ STR_INIT("openai"), STR_INIT("gpt-4.1-mini"), 0.4, 0.1, 0, 1.6 },
	{ STR_INIT("openai"), STR_INIT("gpt-4.1-nano"), 0.1, 0.025, 0, 0.4 },
	{ STR_INIT("openai"), STR_INIT("gpt-5"), 1.25, 0.125, 0, 10 },
	{ STR_INIT("openai"), STR_INIT("gpt-5-mini"), 0.25, 0.025, 0, 2 },
	{ STR_INIT("openai"), STR_INIT("gpt-5-nano"), 0.05, 0.005, 0, 0.4 },
	{ STR_INIT("openai"), STR_INIT("o3"), 2, 0.5, 0, 8 },
	{ STR_INIT("openai"), STR_INIT("o4-mini"), 1.1, 0.275, 0, 4.4 },
	{ STR_INIT("openai"), STR_INIT("text-embedding-3-small"), 0.02, 0.02, 0, 0 },
	{ STR_INIT("openai"), STR_INIT("text-embedding-3-large"), 0.13, 0.13, 0, 0 },
	{ STR_INIT("openai"), STR_INIT("omni-moderation"), 0, 0, 0, 0 },
	{ STR_INIT("openai"), STR_INIT("text-moderation"), 0, 0, 0, 0 },
	{ STR_INIT("gemini"), STR_INIT("gemini-embedding-001"), 0.15, 0.15, 0, 0 },
	{ STR_INIT("gemini"), STR_INIT("gemini-embedding-2"), 0.2, 0.2, 0, 0 },
	{ STR_INIT("vertex"), STR_INIT("gemini-embedding-001"), 0.15, 0.15, 0, 0 },
	{ STR_INIT("vertex"), STR_INIT("gemini-embedding-2"), 0.2, 0.2, 0, 0 },
	{ STR_INIT("bedrock"), STR_INIT("amazon.titan-embed-text-v2"), 0.02, 0.02, 0, 0 },
	{ STR_INIT("bedrock"), STR_INIT("cohere.embed-english-v3"), 0.1, 0.1, 0, 0 },
	{ STR_INIT("bedrock"), STR_INIT("cohere.embed-multilingual-v3"), 0.1, 0.1, 0, 0 },
	{ STR_INIT("bedrock"), STR_INIT("cohere.embed-v4"), 0.12, 0.12, 0, 0 },
	{ STR_INIT("cohere"), STR_INIT("embed-v4.0"), 0.12, 0.12, 0, 0 },
	{ STR_INIT("cohere"), STR_INIT("embed-english-v3.0"), 0.1, 0.1, 0, 0 },
	{ STR_INIT("cohere"), STR_INIT("embed-multilingual-v3.0"), 0.1, 0.1, 0, 0 },
	{ STR_INIT("cohere"), STR_INIT("rerank-v3.5"), 0, 0, 0, 0, 2 },
	{ STR_INIT("cohere"), STR_INIT("rerank-english-v3.0"), 0, 0, 0, 0, 2 },
	{ STR_INIT("cohere"), STR_INIT("rerank-multilingual-v3.0"), 0, 0, 0, 0, 2 },
	{ STR_INIT("anthropic"), STR_INIT("claude-opus-4"), 15, 1.5, 18.75, 75 },
	{ STR_INIT("anthropic"), STR_INIT("claude-opus-4-5"), 5, 0.5, 6.25, 25 },
	{ STR_INIT("anthropic"), STR_INIT("claude-sonnet-4"), 3, 0.3, 3.75, 15 },
	{ STR_INIT("anthropic"), STR_INIT("claude-haiku-4-5"), 1, 0.1, 1.25, 5 },
	{ STR_INIT("anthropic"), STR_INIT("claude-3-5-haiku"), 0.8, 0.08, 1, 4 },
};

struct price_version {
	_Atomic(struct price_version *) next;
	struct arena *arena; /* with the version in it */
	struct str id;
	int64_t effective_us;
	struct map prices;   /* "kind/model" to struct price */
};

static _Atomic(struct price_version *) newest;
static pthread_mutex_t adding = PTHREAD_MUTEX_INITIALIZER;

/* --- versions --- */

struct price_version *
price_version_new(struct str id, int64_t effective_us)
{
	struct arena *arena = arena_new(VERSION_ARENA_MAX);
	struct price_version *version = arena_zalloc(arena, sizeof(*version));

	if (!version) {
		arena_free(arena);
		return NULL;
	}
	version->arena = arena;
	version->id = arena_dup(arena, id);
	version->effective_us = effective_us;
	return version;
}

bool
price_version_add(struct price_version *version, struct str provider_kind, struct str model, const struct price *price)
{
	struct str key = arena_printf(version->arena, "%" STR_F "/%" STR_F, STR_A(provider_kind), STR_A(model));
	struct price *copy = arena_alloc(version->arena, sizeof(*copy));
	struct price_step *steps = price->step_count ? arena_array(version->arena, price->step_count, sizeof(*steps)) : NULL;
	struct price_off_peak *off_peak = price->off_peak ? arena_alloc(version->arena, sizeof(*off_peak)) : NULL;

	if (!key.ptr || !copy || (price->step_count && !steps) || (price->off_peak && !off_peak) || key.len >= KEY_MAX || map_get(&version->prices, key))
		return false;
	*copy = *price;
	copy->version = version->id;
	for (size_t i = 0; i < price->step_count; i++) {
		steps[i] = price->steps[i];
		steps[i].price.version = version->id;
	}
	copy->steps = steps;
	if (off_peak) {
		*off_peak = *price->off_peak;
		off_peak->price.version = version->id;
		copy->off_peak = off_peak;
	}
	map_put(&version->prices, key, copy);
	return true;
}

struct str
price_version_id(const struct price_version *version)
{
	return version->id;
}

size_t
price_version_count(const struct price_version *version)
{
	return version->prices.used;
}

void
price_version_drop(struct price_version *version)
{
	map_fini(&version->prices);
	arena_free(version->arena);
}

void
price_version_publish(struct price_version *version)
{
	_Atomic(struct price_version *) *at = &newest;
	bool known = false;

	pthread_mutex_lock(&adding);
	for (struct price_version *other = newest; other; other = other->next)
		known = known || str_eq(other->id, version->id);
	while (!known && *at && (*at)->effective_us > version->effective_us)
		at = &(*at)->next;
	if (!known) {
		version->next = *at;
		*at = version;
	}
	pthread_mutex_unlock(&adding);
	if (known)
		price_version_drop(version);
}

/* --- finding --- */

/* The price of "kind/model", or of the longest beginning of it that ends before a '-', '@', ':' or '.'. */
static const struct price *
look_up(const struct price_version *version, struct str key, size_t kind_len)
{
	const struct price *price = map_get(&version->prices, key);

	while (!price && key.len > kind_len) {
		char end = key.ptr[--key.len];

		if ((end == '-' || end == '@' || end == ':' || end == '.') && key.len > kind_len)
			price = map_get(&version->prices, key);
	}
	return price;
}

/* What it is at an instant (1970 began on a Thursday). */
static const struct price *
at_hour(const struct price *price, int64_t at_us)
{
	int64_t half = (at_us / (1800 * INT64_C(1000000)) + 3 * 48) % PRICE_HALF_HOURS;

	return price->off_peak && at_us >= 0 && price->off_peak->hours[half / 8] >> half % 8 & 1 ? &price->off_peak->price : price;
}

static int64_t
per_thousand(double dollars)
{
	return (int64_t)(dollars * 1e9 + 0.5);
}

static bool
built_in(struct str provider_kind, struct str model, struct str version, struct price *out)
{
	size_t best = SIZE_MAX;

	for (size_t i = 0; i < COUNT(rows); i++)
		if (str_eq(provider_kind, rows[i].provider) && str_starts(model, rows[i].model) && (best == SIZE_MAX || rows[i].model.len > rows[best].model.len))
			best = i;
	if (best == SIZE_MAX)
		return false;
	*out = price_of_dollars(rows[best].input, rows[best].cached_input, rows[best].cache_write > 0 ? rows[best].cache_write : rows[best].input, rows[best].output);
	if (str_eq_c(provider_kind, "anthropic") && str_eq_c(version, BUILT_IN)) {
		out->cache_write_1h = 2 * out->input;
		out->web_search = out->web_search_low = out->web_search_high = per_thousand(SEARCH_ANTHROPIC);
	}
	out->search = (int64_t)(rows[best].search * 1e9 + 0.5);
	out->version = version;
	return true;
}

/* Runs here: no price a token. */
static bool
is_ours(struct str provider_kind)
{
	return str_eq_c(provider_kind, "extractive") || str_eq_c(provider_kind, "local");
}

bool
price_find(struct str provider_kind, struct str model, int64_t at_us, struct price *out)
{
	const struct price_version *version = newest;
	char text[KEY_MAX];
	int len;

	if (is_ours(provider_kind)) {
		*out = (struct price){ .version = STR(BUILT_IN) };
		return true;
	}
	len = version ? snprintf(text, sizeof(text), "%" STR_F "/%" STR_F, STR_A(provider_kind), STR_A(model)) : 0;
	for (; version && len > 0 && len < KEY_MAX; version = version->next) {
		const struct price *price = version->effective_us <= at_us ? look_up(version, str_n(text, (size_t)len), provider_kind.len + 1) : NULL;

		if (!price)
			continue;
		*out = *at_hour(price, at_us);
		return true;
	}
	return built_in(provider_kind, model, STR(BUILT_IN), out);
}

#define CONFIG "config:"

bool
price_is_config(struct str version)
{
	return str_starts(version, STR(CONFIG));
}

bool
price_is_built_in(struct str version)
{
	return str_eq_c(version, BUILT_IN) || str_eq_c(version, BUILT_IN_FIRST);
}

static bool
config_price(struct str version, struct price *out)
{
	struct arena *scratch = arena_new(KIB(16));
	const struct json *list = NULL;
	struct conf_price price = { .given = true };
	double *parts[CONF_PRICES];
	bool good = !json_parse(scratch, str_slice(version, sizeof(CONFIG) - 1, version.len), &list) && json_is(list, JSON_ARRAY);
	size_t count = json_count(list);

	good = good && (count == 4 || count == 5 || count == CONF_PRICES - 1 || count == CONF_PRICES); /* with search, with all of the first releases, and with all */
	conf_price_parts(&price, parts);
	for (struct json_iter it = json_iter(good ? list : NULL); json_next(&it);)
		*parts[it.index] = json_number(it.value, 0);
	arena_free(scratch);
	if (count < CONF_PRICES)
		price.cache_write_1h = price.cache_write;
	if (count < CONF_PRICES - 1) {
		*out = price_of_dollars(price.input, price.cached_input, price.cache_write, price.output);
		out->search = per_thousand(price.search);
	} else {
		*out = price_of_config(&price);
	}
	return good;
}

bool
price_of_version(const struct price_version *table, struct str version, struct str provider_kind, struct str model, int64_t at_us, struct price *out)
{
	char text[KEY_MAX];
	int len = snprintf(text, sizeof(text), "%" STR_F "/%" STR_F, STR_A(provider_kind), STR_A(model));
	const struct price *price;

	if (price_is_config(version))
		return config_price(version, out);
	if (price_is_built_in(version)) {
		*out = (struct price){ .version = version };
		return is_ours(provider_kind) || built_in(provider_kind, model, version, out);
	}
	if (!table || !str_eq(table->id, version) || len <= 0 || len >= KEY_MAX)
		return false;
	price = look_up(table, str_n(text, (size_t)len), provider_kind.len + 1);
	if (price)
		*out = *at_hour(price, at_us);
	return price != NULL;
}

/* --- costs --- */

static int64_t
pico(double dollars_a_million)
{
	return (int64_t)(dollars_a_million * 1e6 + 0.5);
}

struct price
price_of_dollars(double input, double cached_input, double cache_write, double output)
{
	return (struct price){ .input = pico(input),
		.cached_input = pico(cached_input),
		.cache_write = pico(cache_write),
		.cache_write_1h = pico(cache_write),
		.output = pico(output),
		.reasoning = pico(output),
		.audio_input = pico(input),
		.audio_output = pico(output),
		.cached_audio = pico(cached_input),
		.image_input = pico(input),
		.image_output = pico(output) };
}

struct price
price_of_config(const struct conf_price *from)
{
	struct price price = price_of_dollars(from->input, from->cached_input, from->cache_write, from->output);

	price.search = per_thousand(from->search);
	price.audio_input = pico(from->audio_input);
	price.audio_output = pico(from->audio_output);
	price.image_input = pico(from->image_input);
	price.image_output = pico(from->image_output);
	price.cached_audio = pico(from->cached_audio);
	price.web_search = price.web_search_low = price.web_search_high = per_thousand(from->web_search);
	price.cache_write_1h = pico(from->cache_write_1h);
	price.version = from->version;
	return price;
}

static int64_t
at_least_0(int64_t value)
{
	return value > 0 ? value : 0;
}

const struct price *
price_for(const struct price *price, const struct usage *usage)
{
	const struct price_step *best = NULL;

	for (size_t i = 0; i < price->step_count; i++) {
		const struct price_step *step = &price->steps[i];
		bool own = step->tier == usage->tier, better = !best || (own ? best->tier != usage->tier || step->above > best->above : best->tier != usage->tier && step->above > best->above);

		if ((own || step->tier == USAGE_STANDARD) && usage->input > step->above && better)
			best = step;
	}
	return best ? &best->price : price;
}

/* What was looked up in the web. */
static __int128
searches_cost(const struct price *price, const struct usage *usage)
{
	int64_t middle = at_least_0(usage->web_searches - usage->web_searches_low - usage->web_searches_high);

	if (price->web_search_once)
		return usage->web_searches ? price->web_search : 0;
	return (__int128)middle * price->web_search + (__int128)usage->web_searches_low * price->web_search_low + (__int128)usage->web_searches_high * price->web_search_high;
}

int64_t
price_cost_nanos(const struct price *whole, const struct usage *usage)
{
	const struct price *price = price_for(whole, usage);
	int64_t fresh = at_least_0(usage->input - usage->cached_input - usage->cache_write - usage->audio_input - usage->image_input);
	int64_t plain = at_least_0(usage->output - usage->reasoning - usage->audio_output - usage->image_output);
	__int128 sum = (__int128)fresh * price->input + (__int128)(usage->cached_input - usage->cached_audio) * price->cached_input +
		(__int128)usage->cached_audio * price->cached_audio + (__int128)(usage->cache_write - usage->cache_write_1h) * price->cache_write +
		(__int128)usage->cache_write_1h * price->cache_write_1h + (__int128)usage->audio_input * price->audio_input + (__int128)usage->image_input * price->image_input +
		(__int128)plain * price->output + (__int128)usage->reasoning * price->reasoning + (__int128)usage->audio_output * price->audio_output +
		(__int128)usage->image_output * price->image_output + (__int128)usage->images * price->image + (__int128)usage->searches * price->search +
		(__int128)usage->citations * price->citation + searches_cost(price, usage) + (usage->input || usage->output || usage->searches ? price->request : 0);

	sum = (sum + 500) / 1000;
	return sum > INT64_MAX / 4 ? INT64_MAX / 4 : (int64_t)sum;
}
