/*
 * billed_test.c - what providers bill beside plain tokens: how each wire says it, and what a call may come to before it is made.
 */
#include <stdio.h>

#include "gateway/test_provider.h"

#include "gateway/bound.h"
#include "gateway/openai_responses.h"
#include "telemetry/price.h"

/* What a whole answer of this kind of provider is read to have used. */
static struct usage
used(const char *kind, const char *model, const char *body)
{
	struct fixture fixture;
	struct usage usage;

	begin(&fixture, provider_find(str_of(kind)));
	fixture.target.model = str_of(model);
	assert_null(fixture.target.kind->body(&fixture.decoder, str_of(body)));
	usage = fixture.decoder.usage;
	end(&fixture);
	assert_true(usage.known);
	return usage;
}

#define MESSAGE(usage) "{\"id\":\"m\",\"type\":\"message\",\"content\":[{\"type\":\"text\",\"text\":\"Hi\"}],\"stop_reason\":\"end_turn\",\"usage\":{\"input_tokens\":10,\"output_tokens\":5" usage "}}"
#define CHAT(members, usage) "{\"id\":\"c\",\"choices\":[{\"index\":0,\"message\":{\"content\":\"Hi\"},\"finish_reason\":\"stop\"}]" members ",\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":5" usage "}}"

static void
anthropic_tells_the_hour_and_the_tier(void **state)
{
	struct usage usage = used("anthropic", "m",
		MESSAGE(",\"cache_creation_input_tokens\":300,\"cache_creation\":{\"ephemeral_5m_input_tokens\":100,\"ephemeral_1h_input_tokens\":200},\"service_tier\":\"priority\""));

	(void)state;
	assert_int_equal(usage.input, 310);
	assert_int_equal(usage.cache_write, 300);
	assert_int_equal(usage.cache_write_1h, 200);
	assert_int_equal(usage.tier, USAGE_PRIORITY);
	usage = used("anthropic", "m", MESSAGE(",\"service_tier\":\"standard\",\"speed\":\"fast\""));
	assert_int_equal(usage.tier, USAGE_FAST_MODE);
	usage = used("anthropic", "m", MESSAGE(",\"cache_creation_input_tokens\":300,\"cache_creation\":null,\"service_tier\":\"standard\""));
	assert_int_equal(usage.cache_write_1h, 0);
	assert_int_equal(usage.tier, USAGE_STANDARD);
}

/* Its message_delta repeats the sums and not what they consist of. A search counts when it begins, until the end says how many were billed. */
static void
a_stream_of_anthropic_keeps_what_it_began_with(void **state)
{
	static const char *const frames[] = {
		"{\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"usage\":{\"input_tokens\":10,\"cache_creation_input_tokens\":300,\"cache_creation\":{\"ephemeral_5m_input_tokens\":100,"
		"\"ephemeral_1h_input_tokens\":200},\"output_tokens\":1}}}",
		"{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"server_tool_use\",\"id\":\"s1\",\"name\":\"web_search\",\"input\":{}}}",
		"{\"type\":\"content_block_stop\",\"index\":0}",
		"{\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"server_tool_use\",\"id\":\"s2\",\"name\":\"web_search\",\"input\":{}}}",
		"{\"type\":\"content_block_stop\",\"index\":1}",
		NULL,
	};
	static const char *const last[] = {
		"{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"input_tokens\":10,\"cache_creation_input_tokens\":300,\"output_tokens\":9,"
		"\"server_tool_use\":{\"web_search_requests\":1}}}",
		"{\"type\":\"message_stop\"}",
		NULL,
	};
	struct fixture fixture;

	(void)state;
	begin(&fixture, &provider_anthropic);
	fixture.call.stream = true;
	assert_null(feed(&fixture, frames));
	assert_int_equal(fixture.decoder.usage.web_searches, 2); /* should it be cut here */
	assert_null(feed(&fixture, last));
	assert_int_equal(fixture.decoder.usage.web_searches, 1); /* the other one failed, and is not billed */
	assert_int_equal(fixture.decoder.usage.cache_write, 300);
	assert_int_equal(fixture.decoder.usage.cache_write_1h, 200);
	end(&fixture);
}

static void
bedrock_tells_the_hour_and_the_tier(void **state)
{
	struct usage usage = used("bedrock", "m",
		"{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":[{\"text\":\"Hi\"}]}},\"stopReason\":\"end_turn\",\"serviceTier\":{\"type\":\"flex\"},\"usage\":{\"inputTokens\":10,\"outputTokens\":5,"
		"\"totalTokens\":315,\"cacheWriteInputTokens\":300,\"cacheDetails\":[{\"ttl\":\"1h\",\"inputTokens\":200},{\"ttl\":\"5m\",\"inputTokens\":100}]}}");

	(void)state;
	assert_int_equal(usage.input, 310);
	assert_int_equal(usage.cache_write_1h, 200);
	assert_int_equal(usage.tier, USAGE_FLEX);
}

static void
google_tells_queries_and_the_kind_of_traffic(void **state)
{
	struct usage usage = used("gemini", "m",
		"{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hi\"}]},\"finishReason\":\"STOP\",\"index\":0,\"groundingMetadata\":{\"webSearchQueries\":[\"a\",\"\",\"b\"]}}],"
		"\"usageMetadata\":{\"promptTokenCount\":10,\"candidatesTokenCount\":5,\"trafficType\":\"ON_DEMAND_PRIORITY\"}}");

	(void)state;
	assert_int_equal(usage.web_searches, 2);
	assert_int_equal(usage.tier, USAGE_PRIORITY);
	usage = used("gemini", "m",
		"{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hi\"}]},\"finishReason\":\"STOP\",\"index\":0}],"
		"\"usageMetadata\":{\"promptTokenCount\":10,\"candidatesTokenCount\":5,\"serviceTier\":\"flex\"}}");
	assert_int_equal(usage.tier, USAGE_FLEX);
}

static void
openai_and_xai_tell_the_tier_and_searches(void **state)
{
	struct usage usage = used("openai", "m", CHAT(",\"service_tier\":\"flex\"", ""));

	(void)state;
	assert_int_equal(usage.tier, USAGE_FLEX);
	usage = used("openai", "m", CHAT(",\"service_tier\":\"default\"", ""));
	assert_int_equal(usage.tier, USAGE_STANDARD);
	usage = used("openai", "m", CHAT(",\"service_tier\":\"ultrafast\"", ""));
	assert_int_equal(usage.tier, USAGE_ULTRAFAST);
	usage = used("openai", "m", CHAT(",\"service_tier\":\"fast\"", ""));
	assert_int_equal(usage.tier, USAGE_PRIORITY);
	usage = used("xai", "m", CHAT("", ",\"num_sources_used\":0,\"server_side_tool_usage_details\":{\"web_search_calls\":4}"));
	assert_int_equal(usage.web_searches, 4);
}

static void
some_providers_say_what_a_call_costs(void **state)
{
	static const struct {
		const char *kind, *usage;
		bool reported;
		int64_t nanos;
	} cases[] = {
		{ "openrouter", ",\"cost\":0.95,\"cost_details\":{\"upstream_inference_cost\":19}", true, 950000000 },
		{ "openrouter", ",\"cost\":0", true, 0 },
		{ "openrouter", ",\"cost\":-1", false, 0 },
		{ "openrouter", ",\"cost\":\"0.1\"", false, 0 },
		{ "openrouter", "", false, 0 },
		{ "xai", ",\"cost_in_usd_ticks\":37756000", true, 3775600 },
		{ "xai", ",\"cost_in_usd_ticks\":5", true, 1 },
		{ "xai", ",\"cost_in_usd_ticks\":99999999999999999", false, 0 },
		{ "xai", ",\"cost\":1", false, 0 },
		{ "perplexity", ",\"cost\":{\"request_cost\":0.006,\"total_cost\":0.0064}", true, 6400000 },
		{ "perplexity", ",\"cost\":1", false, 0 },
		{ "openai", ",\"cost\":1,\"cost_in_usd_ticks\":1", false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[512];
		struct usage usage;

		(void)snprintf(text, sizeof(text), CHAT("", "%s"), cases[i].usage);
		usage = used(cases[i].kind, "m", text);
		assert_int_equal(usage.reported, cases[i].reported);
		assert_int_equal(usage.reported_nanos, cases[i].nanos);
	}
}

/* The figures of a bill of Perplexity's that its user has published, and what they cost at its list prices: 2, 8, 2 and 3 dollars a million tokens, 5 a thousand searches. */
static void
perplexity_bills_requests_and_research(void **state)
{
	struct usage usage = used("perplexity", "sonar-deep-research",
		"{\"id\":\"c\",\"choices\":[{\"index\":0,\"message\":{\"content\":\"Hi\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":1188,\"completion_tokens\":4240,\"total_tokens\":5428,"
		"\"citation_tokens\":8014,\"num_search_queries\":54,\"reasoning_tokens\":92431}}");
	const struct price list = { .input = 2000000, .output = 8000000, .reasoning = 3000000, .citation = 2000000, .web_search = 5000000000, .web_search_low = 5000000000, .web_search_high = 5000000000 };

	(void)state;
	assert_int_equal(usage.output, 4240 + 92431);
	assert_int_equal(usage.web_searches, 54);
	assert_int_equal(price_cost_nanos(&list, &usage), 2376000 + 33920000 + 16028000 + 277293000 + 270000000); /* the bill: $0.59962 */
	usage = used("perplexity", "sonar-pro", CHAT("", ",\"search_context_size\":\"high\",\"num_search_queries\":3,\"citation_tokens\":50"));
	assert_int_equal(usage.web_searches, 1); /* a request's fee */
	assert_int_equal(usage.web_searches_high, 1);
	usage = used("perplexity", "sonar", CHAT("", ""));
	assert_int_equal(usage.web_searches_low, 1);
	assert_int_equal(usage.output, 5);
}

/* Each search once: those of a stream that is cut, and those of one whose end does not say again what it consisted of. */
static void
searches_of_a_response_are_counted_once(void **state)
{
#define SEARCHED(id, action) "{\"type\":\"web_search_call\",\"id\":\"" id "\",\"status\":\"completed\",\"action\":{\"type\":\"" action "\"}}"
#define DONE(item) "{\"type\":\"response.output_item.done\",\"output_index\":0,\"item\":" item "}"
#define COMPLETED(output) \
	"{\"type\":\"response.completed\",\"response\":{\"id\":\"r\",\"status\":\"completed\",\"output\":[" output "],\"service_tier\":\"flex\",\"usage\":{\"input_tokens\":9,\"output_tokens\":2}}}"
	static const char *const ends[] = { COMPLETED(SEARCHED("a", "search") "," SEARCHED("b", "open_page") "," SEARCHED("c", "search")), COMPLETED("") };

	(void)state;
	for (size_t i = 0; i < COUNT(ends); i++) {
		struct fixture fixture;

		begin(&fixture, provider_find(STR("openai")));
		fixture.call.dialect = DIALECT_OPENAI_RESPONSES;
		fixture.call.stream = true;
		assert_null(wire_openai_responses.frame(&fixture.decoder, STR_EMPTY, STR("{\"type\":\"response.created\",\"response\":{\"id\":\"r\"}}")));
		assert_null(wire_openai_responses.frame(&fixture.decoder, STR_EMPTY, STR(DONE(SEARCHED("a", "search")))));
		assert_null(wire_openai_responses.frame(&fixture.decoder, STR_EMPTY, STR(DONE(SEARCHED("b", "open_page")))));
		assert_null(wire_openai_responses.frame(&fixture.decoder, STR_EMPTY, STR(DONE(SEARCHED("c", "search")))));
		assert_int_equal(fixture.decoder.usage.web_searches, 2); /* should it be cut here */
		assert_null(wire_openai_responses.frame(&fixture.decoder, STR_EMPTY, str_of(ends[i])));
		assert_int_equal(fixture.decoder.usage.web_searches, 2);
		assert_int_equal(fixture.decoder.usage.tier, USAGE_FLEX);
		end(&fixture);
	}
}

static int64_t
bound_of(enum dialect dialect, const char *kind, const char *model, const char *text)
{
	struct arena *arena = arena_new(MIB(1));
	struct call call = { .dialect = dialect, .choices = 1 };
	int64_t searches;

	assert_null(json_parse(arena, str_of(text), &call.source));
	searches = bound_web_searches(&call, str_of(kind), str_of(model));
	arena_free(arena);
	return searches;
}

static void
searches_are_bounded_before_the_call(void **state)
{
	static const struct {
		enum dialect dialect;
		const char *kind, *model, *text;
		int64_t searches;
	} rows[] = {
		{ DIALECT_ANTHROPIC, "anthropic", "m", "{\"tools\":[{\"type\":\"web_search_20250305\",\"name\":\"web_search\",\"max_uses\":3}]}", 3 },
		{ DIALECT_ANTHROPIC, "anthropic", "m", "{\"tools\":[{\"type\":\"web_search_20250305\",\"name\":\"web_search\",\"max_uses\":0}]}", 0 },
		{ DIALECT_ANTHROPIC, "anthropic", "m", "{\"tools\":[{\"type\":\"web_search_20250305\",\"name\":\"web_search\"}]}", BOUND_SEARCHES },
		{ DIALECT_ANTHROPIC, "anthropic", "m", "{\"tools\":[{\"type\":\"web_search_20250305\",\"max_uses\":null}]}", BOUND_SEARCHES },
		{ DIALECT_ANTHROPIC, "anthropic", "m", "{\"tools\":[{\"type\":\"custom\",\"name\":\"web_search\"},{\"type\":\"web_fetch_20250910\"}],\"max_tool_calls\":2}", 0 },
		{ DIALECT_ANTHROPIC, "anthropic", "m", "{\"tools\":[{\"type\":\"web_search_20250305\",\"max_uses\":99999999999}]}", 1000000 },
		{ DIALECT_OPENAI_RESPONSES, "openai", "m", "{\"tools\":[{\"type\":\"web_search\"}]}", BOUND_SEARCHES },
		{ DIALECT_OPENAI_RESPONSES, "openai", "m", "{\"tools\":[{\"type\":\"web_search_preview\"}],\"max_tool_calls\":4}", 4 },
		{ DIALECT_OPENAI_RESPONSES, "openai", "m", "{\"tools\":[{\"type\":\"web_search\",\"max_uses\":0}]}", BOUND_SEARCHES }, /* no member of that tool: it bounds nothing */
		{ DIALECT_OPENAI_RESPONSES, "openai", "m", "{\"tools\":[{\"type\":\"function\"}],\"max_tool_calls\":4}", 0 },
		{ DIALECT_OPENAI_CHAT, "openai", "m", "{\"web_search_options\":{}}", 1 },
		{ DIALECT_OPENAI_CHAT, "openai", "m", "{\"web_search_options\":null,\"tools\":\"web_search\"}", 0 },
		{ DIALECT_OPENAI_CHAT, "perplexity", "sonar", "{}", 1 },
		{ DIALECT_OPENAI_CHAT, "perplexity", "sonar-deep-research", "{}", BOUND_RESEARCH },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(bound_of(rows[i].dialect, rows[i].kind, rows[i].model, rows[i].text), rows[i].searches);
}

static void
an_hour_is_seen_wherever_it_is_asked_for(void **state)
{
	struct arena *arena = arena_new(MIB(1));
	const struct json *hour, *minutes;
	struct part inner = { .type = PART_TEXT }, part = { .type = PART_TOOL_RESULT, .parts = &inner };
	struct message message = { .parts = &part };
	struct tool tool = { .name = STR("f") };
	struct call call = { .messages = &message, .tools = &tool };

	(void)state;
	assert_null(json_parse(arena, STR("{\"type\":\"ephemeral\",\"ttl\":\"1h\"}"), &hour));
	assert_null(json_parse(arena, STR("{\"type\":\"ephemeral\",\"ttl\":\"5m\"}"), &minutes));
	part.cache = tool.cache = minutes;
	assert_false(bound_keeps_an_hour(&call));
	inner.cache = hour;
	assert_true(bound_keeps_an_hour(&call));
	inner.cache = NULL;
	tool.cache = hour;
	assert_true(bound_keeps_an_hour(&call));
	tool.cache = NULL;
	assert_null(json_parse(arena, STR("{\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}}"), &call.source));
	assert_true(bound_keeps_an_hour(&call));
	arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(anthropic_tells_the_hour_and_the_tier),
		cmocka_unit_test(a_stream_of_anthropic_keeps_what_it_began_with),
		cmocka_unit_test(bedrock_tells_the_hour_and_the_tier),
		cmocka_unit_test(google_tells_queries_and_the_kind_of_traffic),
		cmocka_unit_test(openai_and_xai_tell_the_tier_and_searches),
		cmocka_unit_test(some_providers_say_what_a_call_costs),
		cmocka_unit_test(perplexity_bills_requests_and_research),
		cmocka_unit_test(searches_of_a_response_are_counted_once),
		cmocka_unit_test(searches_are_bounded_before_the_call),
		cmocka_unit_test(an_hour_is_seen_wherever_it_is_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
