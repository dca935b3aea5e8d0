/*
 * usage.h - what a call has used, by kind, in one form for all providers; and the list of kinds that the ledger, reports and price tables go by.
 */
#pragma once

#include "base/arena.h"

struct rows;

/* The kinds of service that have prices of their own. Their numbers are kept in the ledger. */
enum usage_tier { USAGE_STANDARD, USAGE_FLEX, USAGE_PRIORITY, USAGE_ULTRAFAST, USAGE_FAST_MODE, USAGE_TIERS };

/* As a provider says it ("flex", "ON_DEMAND_PRIORITY", …), and as we do ("standard", "flex", "priority", "ultrafast", "fast_mode": Anthropic's). What is none of these is standard. */
enum usage_tier usage_tier_of(struct str text);
struct str usage_tier_name(enum usage_tier tier);

/*
 * Tokens by kind, and what else is billed. `input` and `output` are wholes, as OpenAI and OTel count; the others are parts of them, and no token is in two parts: input is cached, written,
 * fresh sound, fresh pictures, and text; output is reasoning, sound, pictures, and text. What is cached is cached whatever it was; `cached_audio` says how much of it was sound.
 */
struct usage {
	int64_t input, cached_input, cache_write, output, reasoning;
	int64_t audio_input, audio_output; /* tokens of sound: fresh ones */
	int64_t images;                    /* pictures made, where they are billed one by one */
	int64_t searches;                  /* search units, as reranking is billed */
	int64_t cached_audio;              /* part of cached_input */
	int64_t image_input, image_output; /* tokens of pictures: fresh ones */
	int64_t web_searches;              /* that the provider has made */
	int64_t cache_write_1h;            /* part of cache_write: kept for an hour instead of minutes */
	int64_t citations;                 /* tokens of what was found in the web, where they are billed beside the rest */
	int64_t web_searches_low, web_searches_high; /* parts of web_searches: those of which little, or much, was read */
	enum usage_tier tier;              /* how the provider has served it */
	bool reported;                     /* the provider says what it has cost there… */
	int64_t reported_nanos;            /* …this: kept beside our own price, which is what is billed */
	bool known;                        /* the provider said so */
	bool estimated;                    /* counted by us: the provider said nothing, or the stream was cut */
};

enum { USAGE_QUANTITIES = 17 };

/* The quantities in the order in which they are kept and read: that of the columns `input … searches, cached_audio … web_searches_high`. */
void usage_quantities(struct usage *usage, int64_t *out[USAGE_QUANTITIES]);

/* Their names in answers, messages and reports: "input_tokens", …. */
extern const char *const usage_names[USAGE_QUANTITIES];

/* Both together; known when b is, of the tier of a. */
struct usage usage_sum(const struct usage *a, const struct usage *b);
bool usage_equal(const struct usage *a, const struct usage *b);

/* The quantities of a row that has them from this column on, in order. */
struct usage usage_of_row(const struct rows *rows, size_t row, size_t column);

/* The tier in a row's column; one that is not known here is standard. */
enum usage_tier usage_tier_of_row(const struct rows *rows, size_t row, size_t column);

/*
 * What a provider said, with parts that fit: none is below 0, and together they are no more than their whole. Providers count what is cached as text, sound or picture a second time, and few say which; a token
 * that could be both is a cached one, then a written one, then sound, then a picture. Every decoder ends with it.
 */
void usage_fit(struct usage *usage);
