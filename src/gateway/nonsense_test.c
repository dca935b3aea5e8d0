/*
 * nonsense_test.c - what providers count, name and tell, when it cannot be: no number of theirs gives money back or overflows, no name of theirs breaks our stream, and no error of theirs tells our key.
 */
#include "gateway/test_provider.h"

#include "gateway/openai_responses.h"

/* A whole answer of each wire, N standing for every count. */
static const struct {
	const char *kind, *body;
	bool sums; /* its input is a sum */
} answers[] = {
	{ "openai", "{\"id\":\"a\",\"created\":N,\"choices\":[{\"index\":0,\"message\":{\"content\":\"Hi\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":N,\"completion_tokens\":N,"
		    "\"prompt_tokens_details\":{\"cached_tokens\":N,\"audio_tokens\":N},\"completion_tokens_details\":{\"reasoning_tokens\":N}}}" },
	{ "xai", "{\"id\":\"a\",\"created\":N,\"choices\":[{\"index\":0,\"message\":{\"content\":\"Hi\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":N,\"completion_tokens\":N,"
		 "\"completion_tokens_details\":{\"reasoning_tokens\":N}}}" },
	{ "anthropic", "{\"type\":\"message\",\"id\":\"a\",\"role\":\"assistant\",\"model\":\"m\",\"content\":[{\"type\":\"text\",\"text\":\"Hi\"}],\"stop_reason\":\"end_turn\","
		       "\"usage\":{\"input_tokens\":N,\"cache_read_input_tokens\":N,\"cache_creation_input_tokens\":N,\"output_tokens\":N}}",
		true },
	{ "gemini", "{\"responseId\":\"a\",\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hi\"}]},\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":N,"
		    "\"toolUsePromptTokenCount\":N,\"candidatesTokenCount\":N,\"thoughtsTokenCount\":N,\"promptTokensDetails\":[{\"modality\":\"AUDIO\",\"tokenCount\":N},"
		    "{\"modality\":\"AUDIO\",\"tokenCount\":N}]}}",
		true },
	{ "bedrock", "{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":[{\"text\":\"Hi\"}]}},\"stopReason\":\"end_turn\",\"usage\":{\"inputTokens\":N,\"outputTokens\":N,"
		     "\"cacheReadInputTokens\":N,\"cacheWriteInputTokens\":N}}",
		true },
	{ "cohere", "{\"id\":\"a\",\"finish_reason\":\"COMPLETE\",\"message\":{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"Hi\"}]},"
		    "\"usage\":{\"billed_units\":{\"input_tokens\":N,\"output_tokens\":N},\"cached_tokens\":N}}" },
};

static struct usage
read_with(size_t which, const char *number)
{
	struct fixture fixture;
	struct usage usage;
	struct buf body;
	struct str rest = str_of(answers[which].body), piece;

	begin(&fixture, provider_find(str_of(answers[which].kind)));
	buf_init(&body, fixture.arena, KIB(4));
	while (str_split(&rest, 'N', &piece)) {
		buf_add(&body, piece);
		if (rest.len)
			buf_add(&body, str_of(number));
	}
	assert_null(fixture.target.kind->body(&fixture.decoder, buf_str(&body)));
	usage = fixture.decoder.usage;
	end(&fixture);
	return usage;
}

static void
what_cannot_be_a_count_counts_nothing(void **state)
{
	static const char *const numbers[] = { "-1", "-9223372036854775808", "-1e300", "null", "\"7\"", "{}" };

	(void)state;
	for (size_t i = 0; i < COUNT(answers); i++) {
		for (size_t n = 0; n < COUNT(numbers); n++) {
			struct usage usage = read_with(i, numbers[n]);

			assert_int_equal(usage.input, 0);
			assert_int_equal(usage.output, 0);
			assert_int_equal(usage.cached_input + usage.cache_write + usage.reasoning + usage.audio_input, 0);
		}
	}
}

static void
what_is_beyond_belief_is_the_most_that_is_believed(void **state)
{
	static const char *const numbers[] = { "1000000001", "9223372036854775807", "18446744073709551615", "1e300" };

	(void)state;
	for (size_t i = 0; i < COUNT(answers); i++) {
		for (size_t n = 0; n < COUNT(numbers); n++) {
			struct usage usage = read_with(i, numbers[n]);

			assert_in_range(usage.input, PROVIDER_COUNT_MAX, answers[i].sums ? 3 * PROVIDER_COUNT_MAX : PROVIDER_COUNT_MAX);
			assert_in_range(usage.output, PROVIDER_COUNT_MAX, 2 * PROVIDER_COUNT_MAX);
			assert_in_range(usage.audio_input, 0, PROVIDER_COUNT_MAX);
		}
	}
}

static void
a_fraction_is_rounded_down(void **state)
{
	(void)state;
	assert_int_equal(read_with(0, "12.9").input, 12);
	assert_int_equal(read_with(0, "7.0").output, 7);
	assert_int_equal(read_with(0, "1700000000").input, PROVIDER_COUNT_MAX);
}

static void
a_time_is_one_of_the_calendar_or_none(void **state)
{
	static const struct {
		const char *text;
		int64_t us;
	} times[] = { { "1700000000", 1700000000000000 }, { "1700000000.5", 1700000000000000 }, { "-5", 0 }, { "9223372036854775807", 0 }, { "1e300", 0 }, { "\"now\"", 0 } };
	struct arena *arena = arena_new(MIB(1));
	const struct json *json;

	(void)state;
	for (size_t i = 0; i < COUNT(times); i++) {
		assert_null(json_parse(arena, str_of(times[i].text), &json));
		assert_true(provider_time_us(json) == times[i].us);
	}
	arena_free(arena);
}

/* The type becomes the name of our own event. */
static void
an_event_whose_type_is_no_name_ends_the_stream(void **state)
{
	static const char *const types[] = { "response.x\\ndata: {}", "response.x\\r", "response.x\\u0000", "", "a b", "response.\\u00e9" };

	(void)state;
	for (size_t i = 0; i < COUNT(types); i++) {
		struct fixture fixture;
		const struct err *err;

		begin(&fixture, provider_find(STR("openai")));
		fixture.call.dialect = DIALECT_OPENAI_RESPONSES;
		fixture.call.stream = true;
		assert_null(wire_openai_responses.frame(&fixture.decoder, STR_EMPTY, STR("{\"type\":\"response.created\",\"response\":{\"id\":\"r\"}}")));
		assert_null(wire_openai_responses.frame(&fixture.decoder, STR_EMPTY, STR("{\"type\":\"response.output_text.delta\",\"delta\":\"Hi\"}")));
		err = wire_openai_responses.frame(&fixture.decoder, STR_EMPTY, arena_printf(fixture.arena, "{\"type\":\"%s\",\"delta\":\"there\"}", types[i]));
		assert_non_null(err);
		assert_int_equal(err->kind, ERR_UPSTREAM);
		assert_events(&fixture, "Sr:;THi;");
		end(&fixture);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_cannot_be_a_count_counts_nothing),
		cmocka_unit_test(what_is_beyond_belief_is_the_most_that_is_believed),
		cmocka_unit_test(a_fraction_is_rounded_down),
		cmocka_unit_test(a_time_is_one_of_the_calendar_or_none),
		cmocka_unit_test(an_event_whose_type_is_no_name_ends_the_stream),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
