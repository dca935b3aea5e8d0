/*
 * money_test.c - periods, prices by table, and reports, on each engine that is there.
 */
#include "money/test_money.h"
#include "json/json.h"
#include "money/prices.h"
#include "money/usage.h"
#include "telemetry/price.h"

/* The table of the file that PyPI's litellm carries, cut to what tells cases apart. */
static const char table[] =
	"{\"sample_spec\":{\"litellm_provider\":\"openai\",\"input_cost_per_token\":1},"
	"\"money-test-small\":{\"litellm_provider\":\"openai\",\"mode\":\"chat\",\"input_cost_per_token\":1.5e-07,\"output_cost_per_token\":6e-07,"
	"\"cache_read_input_token_cost\":7.5e-08,\"max_output_tokens\":16384},"
	"\"mistral/money-test\":{\"litellm_provider\":\"mistral\",\"input_cost_per_token\":3.75e-08,\"output_cost_per_token\":0,\"input_cost_per_audio_token\":1e-6},"
	"\"money-test-senses\":{\"litellm_provider\":\"gemini\",\"input_cost_per_token\":3e-07,\"output_cost_per_token\":2.5e-06,\"cache_read_input_token_cost\":3e-08,"
	"\"cache_read_input_audio_token_cost\":1e-07,\"input_cost_per_image_token\":0,\"output_cost_per_image_token\":3e-05,"
	"\"search_context_cost_per_query\":{\"search_context_size_low\":0.005,\"search_context_size_medium\":0.01}},"
	"\"money-test-long\":{\"litellm_provider\":\"vertex_ai-language-models\",\"input_cost_per_token\":1.25e-06,\"output_cost_per_token\":1e-05,\"cache_read_input_token_cost\":1.25e-07,"
	"\"input_cost_per_token_above_200k_tokens\":2.5e-06,\"output_cost_per_token_above_200k_tokens\":1.5e-05,\"input_cost_per_token_priority\":2.25e-06,"
	"\"input_cost_per_token_above_200k_tokens_priority\":4.5e-06,\"input_cost_per_token_ultrafast\":7.5e-06,\"output_cost_per_token_above_200k_tokens_ultrafast\":9e-05,\"output_cost_per_token_flex\":5e-06,\"input_cost_per_token_batches\":1e-09,"
	"\"search_context_cost_per_query\":{\"search_context_size_medium\":0.035}},"
	"\"money-test-hour\":{\"litellm_provider\":\"anthropic\",\"input_cost_per_token\":3e-06,\"output_cost_per_token\":1.5e-05,\"cache_creation_input_token_cost\":3.75e-06,"
	"\"cache_creation_input_token_cost_above_1hr\":6e-06,\"cache_creation_input_token_cost_above_1hr_above_200k_tokens\":1.2e-05,\"input_cost_per_token_above_200k_tokens\":6e-06,"
	"\"provider_specific_entry\":{\"us\":1.1,\"fast\":2.5}},"
	"\"xai/money-test-x\":{\"litellm_provider\":\"xai\",\"input_cost_per_token\":1e-06,\"input_cost_per_token_above_200k_tokens\":2e-06},"
	"\"perplexity/money-test-p\":{\"litellm_provider\":\"perplexity\",\"input_cost_per_token\":2e-06,\"citation_cost_per_token\":2e-06,"
	"\"search_context_cost_per_query\":{\"search_context_size_low\":0.005,\"search_context_size_medium\":0.008,\"search_context_size_high\":0.012}},"
	"\"money-test-thinks\":{\"litellm_provider\":\"gemini\",\"input_cost_per_token\":1e-06,\"output_cost_per_token\":2e-06,\"output_cost_per_reasoning_token\":2e-06,"
	"\"output_cost_per_token_flex\":1e-06},"
	"\"money-test-half\":{\"litellm_provider\":\"fireworks_ai\",\"input_cost_per_token\":1e-06,\"output_cost_per_token\":2e-06,\"input_cost_per_token_priority\":1.5e-06},"
	"\"rerank-money-test\":{\"litellm_provider\":\"cohere\",\"mode\":\"rerank\",\"input_cost_per_query\":0.002,\"input_cost_per_token\":0.0},"
	"\"money-test-free\":{\"litellm_provider\":\"nobody\",\"input_cost_per_token\":1},"
	"\"deepseek/money-test-hours\":{\"litellm_provider\":\"deepseek\",\"input_cost_per_token\":1.32e-06,\"output_cost_per_token\":3.96e-06,\"cache_read_input_token_cost\":4.4e-08,"
	"\"off_peak_pricing\":{\"input_cost_per_token\":6.6e-07,\"output_cost_per_token\":1.98e-06,\"cache_read_input_token_cost\":2.2e-08,"
	"\"windows\":[{\"hours_utc\":[\"00:00-01:00\",\"04:00-06:00\",\"10:00-00:00\"],\"weekdays\":[1,2,3,4,5]},{\"hours_utc\":\"00:00-00:00\",\"weekdays\":[6,7]}]}},"
	"\"money-test-night\":{\"litellm_provider\":\"deepseek\",\"input_cost_per_token\":2e-06,\"off_peak_pricing\":{\"hours_utc\":\"16:30-00:30\",\"input_cost_per_token\":5e-07}},"
	"\"money-test-strange\":{\"litellm_provider\":\"deepseek\",\"input_cost_per_token\":2e-06,\"off_peak_pricing\":{\"hours_utc\":[\"16:30-00:30\",\"01:10-02:00\"],\"input_cost_per_token\":5e-07}},"
	"\"money-test-odd\":{\"litellm_provider\":\"openai\",\"input_cost_per_token\":\"cheap\"}}";

/* Input, cached input and output of a prompt in a tier. */
static bool
costs(const struct price *price, int64_t prompt, enum usage_tier tier, int64_t input, int64_t cached, int64_t output)
{
	const struct price *step = price_for(price, &(struct usage){ .input = prompt, .tier = tier });

	return step->input == input && step->cached_input == cached && step->output == output;
}

/* Of the table above: what a tier or a length does not name costs as in the usual one, or as for the next shorter one. */
static void
check_steps(void)
{
	struct price price;

	CHECK(price_find(STR("vertex"), STR("money-test-long"), 1000, &price));
	CHECK(costs(&price, 200000, USAGE_STANDARD, 1250000, 125000, 10000000));
	CHECK(costs(&price, 200001, USAGE_STANDARD, 2500000, 125000, 15000000));
	CHECK(costs(&price, 200000, USAGE_PRIORITY, 2250000, 125000, 10000000));
	CHECK(costs(&price, 200001, USAGE_PRIORITY, 4500000, 125000, 15000000));
	CHECK(costs(&price, 200000, USAGE_FLEX, 1250000, 125000, 5000000));
	CHECK(costs(&price, 200000, USAGE_ULTRAFAST, 7500000, 125000, 10000000));
	CHECK(costs(&price, 200001, USAGE_ULTRAFAST, 2500000, 125000, 90000000));
	CHECK(price.web_search_once == 1 && price.web_search == 35000000000);
	CHECK(price_find(STR("anthropic"), STR("money-test-hour"), 1000, &price));
	CHECK(price.cache_write == 3750000 && price.cache_write_1h == 6000000 && !price.web_search_once);
	CHECK(price_for(&price, &(struct usage){ .input = 200001 })->cache_write_1h == 12000000);
	CHECK(costs(&price, 1000, USAGE_FAST_MODE, 7500000, 7500000, 37500000) && costs(&price, 200001, USAGE_FAST_MODE, 15000000, 15000000, 37500000));
	CHECK(price_for(&price, &(struct usage){ .input = 200001, .tier = USAGE_FAST_MODE })->cache_write_1h == 30000000);
	CHECK(price_find(STR("gemini"), STR("money-test-thinks"), 1000, &price));
	CHECK(price.reasoning == 2000000 && price_for(&price, &(struct usage){ .tier = USAGE_FLEX })->reasoning == 1000000); /* as its output there */
	CHECK(price.web_search == 35000000000 && price.web_search_once == 1);
	CHECK(price_find(STR("fireworks"), STR("money-test-half"), 1000, &price));
	CHECK(costs(&price, 1000, USAGE_STANDARD, 1000000, 500000, 2000000) && costs(&price, 1000, USAGE_PRIORITY, 1500000, 750000, 2000000));
	CHECK(price_find(STR("xai"), STR("money-test-x"), 1000, &price));
	CHECK(costs(&price, 199999, USAGE_STANDARD, 1000000, 1000000, 0) && costs(&price, 200000, USAGE_STANDARD, 2000000, 2000000, 0));
	CHECK(price.web_search == 5000000000);
	CHECK(price_find(STR("perplexity"), STR("money-test-p"), 1000, &price));
	CHECK(price.web_search_low == 5000000000 && price.web_search == 8000000000 && price.web_search_high == 12000000000 && price.citation == 2000000 && price.step_count == 0);
}

static int64_t
input_at(const char *model, const char *day, int64_t minutes)
{
	struct price price;
	int64_t at_us;

	CHECK(period_day_parse(str_of(day), &at_us));
	CHECK(price_find(STR("deepseek"), str_of(model), at_us + minutes * 60 * INT64_C(1000000), &price));
	CHECK(!price.off_peak || price.input != price.off_peak->price.input);
	return price.input;
}

/* At some hours of the week a model costs less. A schedule that is not understood whole changes nothing. */
static void
check_hours(void)
{
	static const struct {
		const char *model, *day;
		int64_t minutes, input;
	} cases[] = {
		{ "money-test-hours", "2026-11-30", 0, 660000 }, /* a Monday */
		{ "money-test-hours", "2026-11-30", 59, 660000 },
		{ "money-test-hours", "2026-11-30", 60, 1320000 },
		{ "money-test-hours", "2026-11-30", 4 * 60 - 1, 1320000 },
		{ "money-test-hours", "2026-11-30", 4 * 60, 660000 },
		{ "money-test-hours", "2026-11-30", 6 * 60, 1320000 },
		{ "money-test-hours", "2026-11-30", 10 * 60, 660000 },
		{ "money-test-hours", "2026-12-04", 24 * 60 - 1, 660000 }, /* a Friday's end */
		{ "money-test-hours", "2026-12-05", 2 * 60, 660000 },
		{ "money-test-hours", "2026-12-06", 7 * 60, 660000 },
		{ "money-test-hours", "2026-12-07", 2 * 60, 1320000 },
		{ "money-test-night", "2026-11-29", 16 * 60 + 29, 2000000 },
		{ "money-test-night", "2026-11-29", 16 * 60 + 30, 500000 },
		{ "money-test-night", "2026-11-29", 0, 500000 },
		{ "money-test-night", "2026-11-29", 30, 2000000 },
		{ "money-test-strange", "2026-11-29", 17 * 60, 2000000 },
	};
	struct price price;

	for (size_t i = 0; i < COUNT(cases); i++)
		CHECK(input_at(cases[i].model, cases[i].day, cases[i].minutes) == cases[i].input);
	CHECK(price_find(STR("deepseek"), STR("money-test-hours"), 1000 + INT64_C(1764460800000000), &price)); /* Sunday, 2025-11-30 */
	CHECK(price.output == 1980000 && price.reasoning == 1980000 && price.cached_input == 22000 && price.cache_write == 660000 && str_starts(price.version, STR("litellm-")));
}

static MAY_PARK void
prices_case(struct fixture *f)
{
	struct money *money = opened(f);
	const struct json *json;
	struct price_row row, again, *list;
	struct price_version *version;
	struct price price;
	size_t count;

	CHECK_OK(json_parse(f->arena, str_of(table), &json));
	CHECK_OK(prices_import(money, f->arena, json, 1000, &row));
	CHECK(row.rows == 13 && str_starts(row.id, STR("litellm-")));
	CHECK(!price_find(STR("openai"), STR("money-test-small"), 999, &price));
	CHECK(price_find(STR("openai"), STR("money-test-small-2026-01-01"), 1000, &price));
	CHECK(price.input == 150000 && price.cached_input == 75000 && price.cache_write == 150000 && price.output == 600000 && price.reasoning == 600000);
	CHECK(price_find(STR("mistral"), STR("money-test"), 1000, &price));
	CHECK(price.input == 37500 && price.audio_input == 1000000 && price.output == 0);
	CHECK(price.image_input == 37500 && price.cached_audio == 37500 && price.web_search == 0); /* as text, where the table says nothing */
	CHECK(price_find(STR("gemini"), STR("money-test-senses"), 1000, &price));
	CHECK(price.cached_audio == 100000 && price.image_input == 0 && price.image_output == 30000000 && price.web_search == 10000000000);
	CHECK(price_find(STR("cohere"), STR("rerank-money-test"), 1000, &price));
	CHECK(price.search == 2000000000 && price.input == 0);
	CHECK(!price_find(STR("openai"), STR("money-test-odd"), 1000, &price));
	check_steps();
	check_hours();
	CHECK_OK(prices_import(money, f->arena, json, 1000, &again));
	CHECK(str_eq(row.id, again.id));
	CHECK_OK(prices_list(money, f->arena, &list, &count));
	CHECK(count == 1 && list[0].rows == 13 && list[0].effective_us == 1000);
	CHECK_OK(json_parse(f->arena, STR("{\"a\":{},\"b\":5}"), &json));
	version = prices_version(f->arena, STR("old"), 0, STR("[[\"openai\",\"m\",{\"input\":1000,\"cached_input\":100,\"output\":4000}]]"));
	CHECK(version && price_of_version(version, STR("old"), STR("openai"), STR("m"), 0, &price));
	CHECK(price.image_input == 1000 && price.image_output == 4000 && price.cached_audio == 100 && price.audio_input == 0); /* as it was written before pictures had prices */
	price_version_drop(version);
	CHECK_ERR(prices_import(money, f->arena, json, 0, &row), ERR_INVALID);
	closed(f, money);
}

enum { SETS = 10500 };

/* A ledger whose calls have a tag in common and each one of its own, and one without any. */
static MAY_PARK const struct err *
write_tagged(struct tx *tx, void *arg)
{
	const struct err *err = NULL;

	(void)arg;
	for (int i = 0; i <= SETS && !err; i++) {
		unsigned char id[16] = { 0, 0, 0, 0, 1, 0, (unsigned char)(i >> 8), (unsigned char)i };
		char tags[64] = "";

		if (i < SETS)
			(void)snprintf(tags, sizeof(tags), "app=web\nrequest=%d", i);
		err = tx_send(tx, &stmt_usage_correct,
			PARAMS(V_INT(TENANT_DEFAULT), V_BLOB(str_n((const char *)id, sizeof(id))), V_INT(0), V_INT(256000), V_TEXT(STR("key_x")), V_TEXT(STR("p")), V_TEXT(STR("m")), V_TEXT(STR_EMPTY),
				V_INT(i < SETS ? 1 + (i == 77) : 5), V_TEXT(STR_EMPTY), V_TEXT(STR_EMPTY), V_TEXT(str_of(tags)), V_TEXT(STR("openai")), V_TEXT(STR_EMPTY), V_TEXT(STR_EMPTY),
				V_TEXT(STR_EMPTY)));
	}
	return err;
}

static MAY_PARK void
tags_case(struct fixture *f)
{
	struct money *money = opened(f);
	struct usage_row *rows;
	size_t count;

	CHECK_OK(store_tx(f->store, f->arena, write_tagged, NULL));
	CHECK_OK(usage_report(money, f->arena, TENANT_DEFAULT, USAGE_BY_TAG, 0, INT64_C(1000000000), &rows, &count));
	CHECK(count == 10000); /* the dearest of all */
	CHECK(str_eq_c(rows[0].group, "app=web") && rows[0].calls == SETS && rows[0].amount_nanos == SETS + 1);
	CHECK(rows[1].group.len == 0 && rows[1].amount_nanos == 5 && str_eq_c(rows[2].group, "request=77") && rows[2].amount_nanos == 2);
	CHECK(rows[9999].calls == 1 && rows[9999].amount_nanos == 1);
	CHECK_OK(usage_report(money, f->arena, TENANT_DEFAULT, USAGE_BY_TAG, INT64_C(500000000), INT64_C(1000000000), &rows, &count));
	CHECK(count == 0);
	closed(f, money);
}

static void
periods_begin_and_end_where_calendars_say(void **state)
{
	static const struct {
		enum period period;
		int64_t at, starts, ends; /* seconds */
	} cases[] = {
		{ PERIOD_DAY, 1764350075, 1764288000, 1764374400 },
		{ PERIOD_WEEK, 1764350075, 1763942400, 1764547200 },   /* Friday 2025-11-28: from Monday 24 to Monday 1 */
		{ PERIOD_MONTH, 1764350075, 1761955200, 1764547200 },
		{ PERIOD_MONTH, 1709164800, 1706745600, 1709251200 },  /* 2024-02-29 */
		{ PERIOD_MONTH, 1735689599, 1733011200, 1735689600 },  /* the last second of 2024 */
		{ PERIOD_MONTH, 1735689600, 1735689600, 1738368000 },
		{ PERIOD_WEEK, 0, -259200, 345600 },
		{ PERIOD_MONTH, 951782400, 949363200, 951868800 },     /* 2000-02-29 */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		int64_t starts, ends;

		period_bounds(cases[i].period, cases[i].at * USEC_PER_SEC, &starts, &ends);
		assert_int_equal(starts / USEC_PER_SEC, cases[i].starts);
		assert_int_equal(ends / USEC_PER_SEC, cases[i].ends);
	}
}

static void
days_are_read_and_wrong_ones_refused(void **state)
{
	static const char *const wrong[] = { "", "2026-11-31", "2025-02-29", "2026-13-01", "2026-00-10", "2026-1-1", "2026/11/28", "1969-12-31", "20261128xx", "2026-11-00" };
	int64_t us;

	(void)state;
	assert_true(period_day_parse(STR("2025-11-28"), &us) && us == 1764288000 * USEC_PER_SEC);
	assert_true(period_day_parse(STR("2024-02-29"), &us) && period_day_parse(STR("1970-01-01"), &us) && us == 0);
	for (size_t i = 0; i < COUNT(wrong); i++)
		assert_false(period_day_parse(str_of(wrong[i]), &us));
}

ON_EACH_ENGINE(an_imported_table_is_a_version_in_force_from_its_day, prices_case);
ON_EACH_ENGINE(a_report_by_tag_has_every_set_of_tags, tags_case);

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(periods_begin_and_end_where_calendars_say),
		cmocka_unit_test(days_are_read_and_wrong_ones_refused),
		cmocka_unit_test(an_imported_table_is_a_version_in_force_from_its_day),
		cmocka_unit_test(a_report_by_tag_has_every_set_of_tags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
