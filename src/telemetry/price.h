/*
 * price.h - what usage costs: versions of a price table, each in force from an instant on, and the exact cost of a usage.
 *
 * Below all versions lies a small table of public list prices that is built in. A version never changes and never goes, so a price that was found stays true as
 * long as the process lives.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

#include "telemetry/usage.h"

/*
 * 1e-12 US dollar for a token, an image, a request, a search unit, a search in the web: a millionth of a dollar for a million tokens is exact. What it says holds for a call of the usual service with a
 * prompt of any length, but for what `steps` say otherwise.
 */
struct price {
	struct str version;
	int64_t input, cached_input, cache_write, output, reasoning, audio_input, audio_output, image, request, search, cached_audio, image_input, image_output, web_search;
	int64_t cache_write_1h, citation;
	int64_t web_search_low, web_search_high; /* where little, or much, of what was found is read */
	int64_t web_search_once;                 /* 1: a call's searches cost what one does */
	const struct price_step *steps;          /* live as long as the version, as what follows */
	size_t step_count;
	const struct price_off_peak *off_peak;   /* what it is at some hours of the week instead; NULL: the same at all */
};

/* Half hours of the week, from Monday 00:00 UTC on: a bit for each, the first is the lowest of the first byte. */
enum { PRICE_HALF_HOURS = 2 * 24 * 7, PRICE_HOURS_BYTES = PRICE_HALF_HOURS / 8 };

/* What calls of a tier cost whose prompt, with all that was cached of it, is longer than so many tokens. */
struct price_step {
	enum usage_tier tier;
	int64_t above; /* -1: all of them */
	struct price price; /* without steps */
};

struct price_off_peak {
	unsigned char hours[PRICE_HOURS_BYTES];
	struct price price; /* without steps */
};

/* The one that holds for a usage: the price itself, or that of a step: the longest of the usage's tier, else of the standard one. */
const struct price *price_for(const struct price *price, const struct usage *usage);

/* Prices in dollars for a million tokens (1e-6 dollar each); `reasoning` is as output, sound and pictures as the rest, and what is not a token is free. */
struct price price_of_dollars(double input, double cached_input, double cache_write, double output);

/* That of a configuration. */
struct conf_price;
struct price price_of_config(const struct conf_price *price);

/*
 * The price that is in force at an instant: of the newest version that has begun by then and knows the model of this kind of provider; else an older one's, at last the built-in. A
 * model is known by its name or by a shorter one that ends where its parts do ("gpt-4o" for "gpt-4o-2024-08-06"). False when it has no price.
 */
bool price_find(struct str provider_kind, struct str model, int64_t at_us, struct price *out);

/* Whether a version's name is that of a price in the configuration. */
bool price_is_config(struct str version);

/* Whether a version's name is that of the table that is built into this program. */
bool price_is_built_in(struct str version);

/*
 * The price that a version gave a model for calls of an instant, now as then: of the configuration ("config:[…]", whose name says it all), of the built-in table, or of `table` when its id is `version`. False: this program does not
 * know it.
 */
struct price_version;
bool price_of_version(const struct price_version *table, struct str version, struct str provider_kind, struct str model, int64_t at_us, struct price *out);

/* In 1e-9 dollar, rounded once to the nearest. Parts are taken out of their wholes: no token is counted twice (telemetry/usage.h). */
int64_t price_cost_nanos(const struct price *price, const struct usage *usage);

/* A version being put together; see price_version_publish. */
struct price_version *price_version_new(struct str id, int64_t effective_us);

/* Copies the price, its steps and what it is off its peak. False when the model has a price in this version already: the first one counts. */
bool price_version_add(struct price_version *version, struct str provider_kind, struct str model, const struct price *price);
struct str price_version_id(const struct price_version *version);
size_t price_version_count(const struct price_version *version);

/* Puts it in force for the rest of the process. One that is there already is dropped. Any thread. */
void price_version_publish(struct price_version *version);
void price_version_drop(struct price_version *version);
