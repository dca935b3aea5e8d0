/*
 * cohere_test.c - Cohere's chat both ways, by the published reference: what is sent for a call, and which events an answer becomes.
 */
#include "gateway/test_provider.h"

static void
begin_cohere(struct fixture *fixture)
{
	begin(fixture, &provider_cohere);
	fixture->provider.base_url = STR("https://api.cohere.com");
	fixture->target.model = STR("command-a-03-2025");
}

static void
a_call_is_written_in_cohere_s_words(void **state)
{
	struct fixture fixture;

	(void)state;
	begin_cohere(&fixture);
	say(&fixture, ROLE_DEVELOPER, "be brief");
	say(&fixture, ROLE_USER, "weather?");
	*say(&fixture, ROLE_ASSISTANT, "") = (struct part){ .type = PART_TOOL_CALL, .id = STR("t1"), .name = STR("weather"), .text = STR("{\"city\":\"Paris\"}") };
	*say(&fixture, ROLE_TOOL, "") = (struct part){ .type = PART_TOOL_RESULT, .id = STR("t1"), .text = STR("21") };
	*say(&fixture, ROLE_USER, "") = (struct part){ .type = PART_IMAGE, .url = STR("https://example.org/a.png"), .detail = STR("low") };
	fixture.call.tools = arena_zalloc(fixture.arena, sizeof(struct tool));
	*fixture.call.tools = (struct tool){ .name = STR("weather"), .strict = true };
	fixture.call.tool_choice = TOOL_CHOICE_REQUIRED;
	fixture.call.temperature = 0.5;
	fixture.call.top_p = 0.75;
	fixture.call.top_k = 5;
	fixture.call.tokens_max = 9;
	fixture.call.stops[fixture.call.stop_count++] = STR("END");
	fixture.call.format = FORMAT_JSON_SCHEMA;
	assert_null(json_parse(fixture.arena, STR("{\"type\":\"object\"}"), &fixture.call.schema));
	fixture.call.reasoning_tokens = 100;
	assert_null(write_request(&fixture));
	assert_text(&fixture, fixture.spec.url, "https://api.cohere.com/v2/chat");
	assert_text(&fixture, http_header_get(&fixture.spec.headers, STR("authorization")), "Bearer secret");
	assert_text(&fixture, fixture.spec.body,
		"{\"model\":\"command-a-03-2025\",\"messages\":[{\"role\":\"system\",\"content\":[{\"type\":\"text\",\"text\":\"be brief\"}]},"
		"{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"weather?\"}]},"
		"{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"t1\",\"type\":\"function\",\"function\":{\"name\":\"weather\",\"arguments\":\"{\\\"city\\\":\\\"Paris\\\"}\"}}]},"
		"{\"role\":\"tool\",\"tool_call_id\":\"t1\",\"content\":\"21\"},"
		"{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://example.org/a.png\",\"detail\":\"low\"}}]}],"
		"\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"weather\",\"parameters\":{\"type\":\"object\",\"properties\":{}}}}],\"strict_tools\":true,\"tool_choice\":\"REQUIRED\","
		"\"temperature\":0.5,\"p\":0.75,\"k\":5,\"max_tokens\":9,\"stop_sequences\":[\"END\"],"
		"\"response_format\":{\"type\":\"json_object\",\"json_schema\":{\"type\":\"object\"}},\"thinking\":{\"type\":\"enabled\",\"token_budget\":100},\"stream\":false}");
	end(&fixture);
}

/* Cohere's own libraries leave the version to themselves; LiteLLM's configurations have it in the address. */
static void
an_address_may_have_the_version_of_the_api(void **state)
{
	static const char *const bases[] = { "https://api.cohere.com", "https://api.cohere.com/v2" };

	(void)state;
	for (size_t i = 0; i < COUNT(bases); i++) {
		struct fixture fixture;

		begin_cohere(&fixture);
		fixture.provider.base_url = str_of(bases[i]);
		assert_null(provider_cohere.address(&fixture.target, "/rerank", fixture.arena, &fixture.spec));
		assert_text(&fixture, fixture.spec.url, "https://api.cohere.com/v2/rerank");
		say(&fixture, ROLE_USER, "hello");
		assert_null(write_request(&fixture));
		assert_text(&fixture, fixture.spec.url, "https://api.cohere.com/v2/chat");
		end(&fixture);
	}
}

static void
what_cohere_cannot_do_is_refused_by_name(void **state)
{
	static const char *const params[] = { "n", "logprobs", "modalities", "temperature", "stop", "parallel_tool_calls", "tools", "tomorrow", "tool_choice", "frequency_penalty", "presence_penalty", "top_k",
		"verbosity", "messages" };

	(void)state;
	for (size_t i = 0; i < COUNT(params); i++) {
		struct fixture fixture;
		struct tool tool = { .name = STR("f"), .hosted = i == 6 };
		const struct err *err;

		begin_cohere(&fixture);
		say(&fixture, ROLE_USER, "x")->type = i == 13 ? PART_AUDIO : PART_TEXT;
		fixture.call.choices = i == 0 ? 2 : 1;
		fixture.call.logprobs = i == 1;
		fixture.call.audio = i == 2;
		fixture.call.temperature = i == 3 ? 1.5 : NAN;
		fixture.call.stop_count = i == 4 ? 6 : 0;
		fixture.call.tools = i == 5 || i == 6 || i == 8 ? &tool : NULL;
		fixture.call.parallel_tools_off = i == 5;
		fixture.call.extra = i == 7 ? STR("tomorrow") : STR_EMPTY;
		fixture.call.tool_choice = i == 8 ? TOOL_CHOICE_NAMED : TOOL_CHOICE_UNSET;
		fixture.call.frequency_penalty = i == 9 ? -0.5 : NAN;
		fixture.call.presence_penalty = i == 10 ? 1.5 : NAN;
		fixture.call.top_k = i == 11 ? 501 : 0;
		fixture.call.verbosity = i == 12 ? STR("low") : STR_EMPTY;
		err = write_request(&fixture);
		assert_non_null(err);
		assert_int_equal(err->kind, ERR_UNSUPPORTED);
		assert_true(str_eq_c(err->param, params[i]));
		end(&fixture);
	}
}

#define END_OF_MESSAGE "\"usage\":{\"billed_units\":{\"input_tokens\":3.0,\"output_tokens\":2.0},\"tokens\":{\"input_tokens\":69.0,\"output_tokens\":4.0},\"cached_tokens\":1.0}"

static void
a_stream_becomes_events(void **state)
{
	static const char *const frames[] = {
		"{\"id\":\"r1\",\"type\":\"message-start\",\"delta\":{\"message\":{\"role\":\"assistant\",\"content\":[]}}}",
		"{\"type\":\"content-start\",\"index\":0,\"delta\":{\"message\":{\"content\":{\"type\":\"thinking\",\"thinking\":\"\"}}}}",
		"{\"type\":\"content-delta\",\"index\":0,\"delta\":{\"message\":{\"content\":{\"thinking\":\"hm\"}}}}",
		"{\"type\":\"content-end\",\"index\":0}",
		"{\"type\":\"content-delta\",\"index\":1,\"delta\":{\"message\":{\"content\":{\"text\":\"Hi\"}}}}",
		"{\"type\":\"citation-start\",\"index\":0,\"delta\":{\"message\":{\"citations\":{\"start\":0,\"end\":2,\"text\":\"Hi\",\"sources\":[{\"type\":\"tool\",\"id\":\"t:0\"}]}}}}",
		"{\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"COMPLETE\"," END_OF_MESSAGE "}}",
		"[DONE]",
		NULL,
	};
	struct fixture fixture;

	(void)state;
	begin_cohere(&fixture);
	assert_null(feed(&fixture, frames));
	assert_events(&fixture, "Sr1:;Rhm;THi;Z;FCOMPLETE;U;");
	assert_int_equal(fixture.script.usage.input, 3); /* what is billed */
	assert_int_equal(fixture.script.usage.output, 2);
	assert_int_equal(fixture.script.usage.cached_input, 1);
	assert_int_equal(fixture.script.last, 2);
	end(&fixture);
}

static void
calls_of_tools_come_in_pieces_after_a_plan(void **state)
{
	static const char *const frames[] = {
		"{\"id\":\"r1\",\"type\":\"message-start\"}",
		"{\"type\":\"tool-plan-delta\",\"delta\":{\"message\":{\"tool_plan\":\"I will\"}}}",
		"{\"type\":\"tool-call-start\",\"index\":0,\"delta\":{\"message\":{\"tool_calls\":{\"id\":\"t1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}}}}",
		"{\"type\":\"tool-call-delta\",\"index\":0,\"delta\":{\"message\":{\"tool_calls\":{\"function\":{\"arguments\":\"{\\\"x\\\"\"}}}}}",
		"{\"type\":\"tool-call-delta\",\"index\":0,\"delta\":{\"message\":{\"tool_calls\":{\"function\":{\"arguments\":\":1}\"}}}}}",
		"{\"type\":\"tool-call-end\",\"index\":0}",
		"{\"type\":\"tool-call-start\",\"index\":1,\"delta\":{\"message\":{\"tool_calls\":{\"id\":\"t2\",\"function\":{\"name\":\"g\"}}}}}",
		"{\"type\":\"tool-call-end\",\"index\":1}",
		"{\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"TOOL_CALL\"," END_OF_MESSAGE "}}",
		NULL,
	};
	struct fixture fixture;

	(void)state;
	begin_cohere(&fixture);
	assert_null(feed(&fixture, frames));
	assert_events(&fixture, "Sr1:;RI will;Ct1:f;A{\"x\";A:1};C1t2:g;A1{};FTOOL_CALL;U;");
	end(&fixture);
}

static void
an_end_that_is_none_is_an_error(void **state)
{
	static const char *const start = "{\"id\":\"r1\",\"type\":\"message-start\"}";
	static const struct {
		const char *frame;
		enum err_kind kind;
	} rows[] = {
		{ "{\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"ERROR\",\"error\":\"broke\"}}", ERR_UPSTREAM },
		{ "{\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"TIMEOUT\"}}", ERR_TIMEOUT },
		{ "{\"type\":\"message-end\",\"delta\":{}}", ERR_UPSTREAM },
		{ "{\"message\":\"no type\"}", ERR_UPSTREAM },
		{ "{", ERR_UPSTREAM },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *const frames[] = { start, rows[i].frame, NULL };
		struct fixture fixture;
		const struct err *err;

		begin_cohere(&fixture);
		err = feed(&fixture, frames);
		assert_non_null(err);
		assert_int_equal(err->kind, rows[i].kind);
		assert_false(fixture.decoder.finished);
		end(&fixture);
	}
}

static void
a_whole_answer_is_the_same_events(void **state)
{
	struct fixture fixture;

	(void)state;
	begin_cohere(&fixture);
	assert_null(provider_cohere.body(&fixture.decoder,
		STR("{\"id\":\"r1\",\"message\":{\"role\":\"assistant\",\"tool_plan\":\"plan\",\"content\":[{\"type\":\"text\",\"text\":\"Hi\"}],\"tool_calls\":[{\"id\":\"t1\",\"type\":\"function\","
		    "\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},\"finish_reason\":\"TOOL_CALL\"," END_OF_MESSAGE "}")));
	assert_events(&fixture, "Sr1:;Rplan;THi;Ct1:f;A{};FTOOL_CALL;U;");
	end(&fixture);
	begin_cohere(&fixture);
	assert_int_equal(provider_cohere.body(&fixture.decoder, STR("{\"message\":{},\"finish_reason\":\"ERROR\"}"))->kind, ERR_UPSTREAM);
	assert_int_equal(provider_cohere.body(&fixture.decoder, STR("{\"message\":\"x\"}"))->kind, ERR_UPSTREAM);
	assert_false(fixture.decoder.started);
	end(&fixture);
}

static void
failures_are_told_apart(void **state)
{
	static const struct {
		int status;
		const char *body;
		enum failure_cause cause;
	} rows[] = {
		{ 429, "{\"message\":\"slow\"}", FAILURE_RATE_LIMIT },
		{ 401, "{\"message\":\"invalid api token\"}", FAILURE_CREDENTIALS },
		{ 498, "{\"message\":\"invalid token\"}", FAILURE_CREDENTIALS },
		{ 400, "{\"message\":\"too many tokens: total number of tokens in the prompt exceeds the limit\"}", FAILURE_CONTEXT_WINDOW },
		{ 400, "{\"message\":\"invalid request\"}", FAILURE_REQUEST },
		{ 500, "<html>", FAILURE_ERROR },
		{ 504, "", FAILURE_TIMEOUT },
	};
	struct http_headers none = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct arena *arena = arena_new(KIB(64));
		struct failure failure;

		provider_cohere.failure(arena, rows[i].status, &none, str_of(rows[i].body), &failure);
		assert_int_equal(failure.cause, rows[i].cause);
		arena_free(arena);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_is_written_in_cohere_s_words),
		cmocka_unit_test(an_address_may_have_the_version_of_the_api),
		cmocka_unit_test(what_cohere_cannot_do_is_refused_by_name),
		cmocka_unit_test(a_stream_becomes_events),
		cmocka_unit_test(calls_of_tools_come_in_pieces_after_a_plan),
		cmocka_unit_test(an_end_that_is_none_is_an_error),
		cmocka_unit_test(a_whole_answer_is_the_same_events),
		cmocka_unit_test(failures_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
