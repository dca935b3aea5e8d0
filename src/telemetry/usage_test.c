/*
 * usage_test.c - worked examples: what providers say, what is kept of it, and what it costs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "telemetry/price.h"
#include "telemetry/usage_part.h"

/* Picodollars a token: text 1000, what is cached 100, cached sound 300, sound 8000, pictures 5000; answers 4000, reasoning 6000, spoken 16000, painted 30000. */
static const struct price price = { .input = 1000, .cached_input = 100, .cached_audio = 300, .cache_write = 1250, .audio_input = 8000, .image_input = 5000, .output = 4000,
	.reasoning = 6000, .audio_output = 16000, .image_output = 30000, .search = 2000000000, .web_search = 10000000000 };

static struct usage
fitted(struct usage usage)
{
	usage_fit(&usage);
	return usage;
}

static void
parts_that_fit_stay_as_they_are(void **state)
{
	const struct usage said = { .input = 100, .cached_input = 40, .cached_audio = 40, .audio_input = 30, .image_input = 20, .output = 50, .reasoning = 20, .audio_output = 30 };
	const struct usage kept = fitted(said);

	(void)state;
	assert_true(usage_equal(&said, &kept));
	assert_int_equal(price_cost_nanos(&price, &kept), (40 * 300 + 30 * 8000 + 20 * 5000 + 10 * 1000 + 20 * 6000 + 30 * 16000) / 1000);
}

static void
a_token_that_was_cached_is_not_counted_as_sound_too(void **state)
{
	/* 100 tokens, 80 of them sound, 90 cached: at least 70 are both, and nobody says which */
	const struct usage kept = fitted((struct usage){ .input = 100, .cached_input = 90, .audio_input = 80 });

	(void)state;
	assert_int_equal(kept.cached_input, 90);
	assert_int_equal(kept.audio_input, 10);
	assert_int_equal(price_cost_nanos(&price, &kept), (90 * 100 + 10 * 8000) / 1000);
}

static void
parts_are_never_more_than_their_whole(void **state)
{
	const struct usage kept = fitted((struct usage){ .input = 10, .cached_input = 30, .cached_audio = 50, .cache_write = 5, .audio_input = 7, .image_input = 9, .output = 4,
		.reasoning = 3, .audio_output = 3, .image_output = 3 });
	const struct usage below = fitted((struct usage){ .input = 10, .cached_input = -5, .output = -1, .reasoning = 3, .searches = -2 });

	(void)state;
	assert_int_equal(kept.cached_input, 10);
	assert_int_equal(kept.cached_audio, 10);
	assert_int_equal(kept.cache_write + kept.audio_input + kept.image_input, 0);
	assert_int_equal(kept.reasoning, 3);
	assert_int_equal(kept.audio_output, 1);
	assert_int_equal(kept.image_output, 0);
	assert_int_equal(below.cached_input + below.output + below.reasoning + below.searches, 0);
	assert_int_equal(price_cost_nanos(&price, &below), 10);
}

/* Any figures at all: parts add up to no more than the whole, and the cost is that of tokens which are there. */
static void
no_figures_make_more_tokens_than_there_are(void **state)
{
	uint64_t random = 7;

	(void)state;
	for (int round = 0; round < 10000; round++) {
		struct usage usage = { .input = 0 };
		int64_t *all[USAGE_QUANTITIES], dearest = 30000;

		usage_quantities(&usage, all);
		for (size_t i = 0; i < USAGE_QUANTITIES; i++) {
			random = random * 6364136223846793005u + 1442695040888963407u;
			*all[i] = (int64_t)(random >> 57) - 10;
		}
		usage.searches = usage.web_searches = usage.images = 0;
		usage_fit(&usage);
		for (size_t i = 0; i < USAGE_QUANTITIES; i++)
			assert_true(*all[i] >= 0);
		assert_true(usage.cached_input + usage.cache_write + usage.audio_input + usage.image_input <= usage.input);
		assert_true(usage.cached_audio <= usage.cached_input);
		assert_true(usage.reasoning + usage.audio_output + usage.image_output <= usage.output);
		assert_true(price_cost_nanos(&price, &usage) * 1000 <= (usage.input + usage.output) * dearest + 1000);
	}
}

static void
what_is_no_token_has_a_price_of_its_own(void **state)
{
	(void)state;
	assert_int_equal(price_cost_nanos(&price, &(struct usage){ .searches = 3 }), 3 * 2000000);
	assert_int_equal(price_cost_nanos(&price, &(struct usage){ .input = 1, .web_searches = 2 }), 1 + 2 * 10000000);
}

static void
what_is_kept_for_an_hour_has_its_price(void **state)
{
	const struct price hour = { .input = 3000, .cache_write = 3750, .cache_write_1h = 6000 };
	const struct usage kept = fitted((struct usage){ .input = 100, .cache_write = 50, .cache_write_1h = 70 });

	(void)state;
	assert_int_equal(kept.cache_write_1h, 50);
	assert_int_equal(price_cost_nanos(&hour, &(struct usage){ .input = 1000, .cache_write = 500, .cache_write_1h = 200 }), (500 * 3000 + 300 * 3750 + 200 * 6000) / 1000);
}

static void
searches_cost_by_what_is_read_of_them(void **state)
{
	struct price sizes = { .web_search_low = 5000000000, .web_search = 8000000000, .web_search_high = 12000000000, .citation = 2000000 };

	(void)state;
	assert_int_equal(price_cost_nanos(&sizes, &(struct usage){ .web_searches = 6, .web_searches_low = 3, .web_searches_high = 1, .citations = 7 }),
		3 * 5000000 + 2 * 8000000 + 12000000 + 7 * 2000);
	sizes.web_search_once = 1;
	assert_int_equal(price_cost_nanos(&sizes, &(struct usage){ .web_searches = 6 }), 8000000);
	assert_int_equal(price_cost_nanos(&sizes, &(struct usage){ .output = 1 }), 0);
}

static void
a_long_prompt_and_a_tier_have_their_prices(void **state)
{
	static const struct price_step steps[] = { { USAGE_STANDARD, 200000, { .input = 2000 } }, { USAGE_STANDARD, 128000, { .input = 1500 } },
		{ USAGE_PRIORITY, -1, { .input = 5000 } }, { USAGE_PRIORITY, 200000, { .input = 7000 } } };
	const struct price tiers = { .input = 1000, .steps = steps, .step_count = COUNT(steps) };
	static const struct {
		int64_t input;
		enum usage_tier tier;
		int64_t price;
	} rows[] = { { 128000, USAGE_STANDARD, 1000 }, { 128001, USAGE_STANDARD, 1500 }, { 200001, USAGE_STANDARD, 2000 }, { 0, USAGE_PRIORITY, 5000 },
		{ 150000, USAGE_PRIORITY, 5000 }, { 200001, USAGE_PRIORITY, 7000 }, { 10, USAGE_FLEX, 1000 }, { 150000, USAGE_FLEX, 1500 } };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(price_for(&tiers, &(struct usage){ .input = rows[i].input, .tier = rows[i].tier })->input, rows[i].price);
	assert_int_equal(price_cost_nanos(&tiers, &(struct usage){ .input = 200001 }), 200001 * 2); /* all of it, not what is above */
}

/* What entries name stays what it was: of the first table, searches and the hour were free or as the rest. */
static void
the_built_in_table_of_before_is_known_still(void **state)
{
	struct price then, now;

	(void)state;
	assert_true(price_of_version(NULL, STR("builtin-2026-01"), STR("anthropic"), STR("claude-sonnet-4-5"), 0, &then));
	assert_true(price_find(STR("anthropic"), STR("claude-sonnet-4-5"), 0, &now));
	assert_true(str_eq_c(now.version, "builtin-2026-11") && str_eq_c(then.version, "builtin-2026-01"));
	assert_int_equal(then.web_search, 0);
	assert_int_equal(then.cache_write_1h, 3750000);
	assert_int_equal(now.web_search, 10000000000);
	assert_int_equal(now.cache_write_1h, 2 * now.input);
	assert_false(price_of_version(NULL, STR("builtin-2025-01"), STR("anthropic"), STR("claude-sonnet-4-5"), 0, &then));
}

static void
a_price_of_the_configuration_is_read_from_its_name(void **state)
{
	struct price found;

	(void)state;
	assert_true(price_of_version(NULL, STR("config:[1,0.1,1.25,4]"), STR("openai"), STR("m"), 0, &found));
	assert_int_equal(found.image_input, 1000000);
	assert_int_equal(found.cached_audio, 100000);
	assert_true(price_of_version(NULL, STR("config:[1,0.1,1.25,4,2]"), STR("cohere"), STR("m"), 0, &found));
	assert_int_equal(found.search, 2000000000);
	assert_int_equal(found.audio_output, 4000000);
	assert_true(price_of_version(NULL, STR("config:[1,0.1,1.25,4,0,8,16,3,20,0.4,10]"), STR("openai"), STR("m"), 0, &found));
	assert_int_equal(found.audio_input, 8000000);
	assert_int_equal(found.audio_output, 16000000);
	assert_int_equal(found.image_input, 3000000);
	assert_int_equal(found.image_output, 20000000);
	assert_int_equal(found.cached_audio, 400000);
	assert_int_equal(found.web_search, 10000000000);
	assert_int_equal(found.cache_write_1h, 1250000);
	assert_true(price_of_version(NULL, STR("config:[1,0.1,1.25,4,0,8,16,3,20,0.4,10,2]"), STR("openai"), STR("m"), 0, &found));
	assert_int_equal(found.cache_write_1h, 2000000);
	assert_false(price_of_version(NULL, STR("config:[1,0.1,1.25,4,0,8]"), STR("openai"), STR("m"), 0, &found));
}

static void
parts_of_a_call_keep_every_quantity(void **state)
{
	struct arena *arena = arena_new(MIB(1));
	const struct usage_part part = { STR("cohere"), STR("m"), STR("v"), { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, USAGE_FLEX, false, false }, 14 };
	struct usage_part back[USAGE_PARTS_MAX];
	size_t count;

	(void)state;
	assert_true(usage_parts_read(arena, usage_parts_write(arena, &part, 1), back, &count));
	assert_int_equal(count, 1);
	assert_true(usage_equal(&part.usage, &back[0].usage));
	assert_int_equal(back[0].cost_nanos, 14);
	assert_int_equal(back[0].usage.tier, USAGE_FLEX);
	assert_int_equal(back[0].usage.web_searches_high, 17);
	assert_true(usage_parts_read(arena, STR("[[\"openai\",\"gpt-x\",\"v\",[1,2,3,4,5,6,7,8,9,10,11,12,13],9]]"), back, &count)); /* before the hour, citations and tiers */
	assert_int_equal(back[0].usage.web_searches, 13);
	assert_false(usage_parts_read(arena, STR("[[\"openai\",\"gpt-x\",\"v\",[1,2,3,4,5,6,7,8],9,\"cheap\"]]"), back, &count));
	assert_true(usage_parts_read(arena, STR("[[\"openai\",\"gpt-x\",\"v\",[1,2,3,4,5,6,7,8],9]]"), back, &count)); /* as it was written before sound and pictures had prices */
	assert_int_equal(back[0].usage.images, 8);
	assert_int_equal(back[0].usage.searches, 0);
	assert_false(usage_parts_read(arena, STR("[[\"openai\",\"gpt-x\",\"v\",[1,2,3],9]]"), back, &count));
	arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_that_fit_stay_as_they_are),
		cmocka_unit_test(a_token_that_was_cached_is_not_counted_as_sound_too),
		cmocka_unit_test(parts_are_never_more_than_their_whole),
		cmocka_unit_test(no_figures_make_more_tokens_than_there_are),
		cmocka_unit_test(what_is_no_token_has_a_price_of_its_own),
		cmocka_unit_test(what_is_kept_for_an_hour_has_its_price),
		cmocka_unit_test(searches_cost_by_what_is_read_of_them),
		cmocka_unit_test(a_long_prompt_and_a_tier_have_their_prices),
		cmocka_unit_test(the_built_in_table_of_before_is_known_still),
		cmocka_unit_test(a_price_of_the_configuration_is_read_from_its_name),
		cmocka_unit_test(parts_of_a_call_keep_every_quantity),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
