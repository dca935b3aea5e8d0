/*
 * bedrock_test.c - Converse both ways, by the published reference: what is sent for a call, and which events an answer becomes.
 */
#include "gateway/test_provider.h"

static void
begin_bedrock(struct fixture *fixture)
{
	begin(fixture, &provider_bedrock);
	fixture->provider = (struct conf_provider){ .base_url = STR("https://bedrock-runtime.eu-central-1.amazonaws.com"),
		.region = STR("eu-central-1"),
		.access_key_id = STR("AKIDEXAMPLE"),
		.secret_access_key = STR("secret") };
	fixture->target.model = STR("eu.anthropic.claude-sonnet-4-5-20250929-v1:0");
}

/* Frames by name and payload. */
static const struct err *
feed_events(struct fixture *fixture, const char *const (*frames)[2])
{
	const struct err *err = NULL;

	for (; (*frames)[0] && !err; frames++)
		err = provider_bedrock.frame(&fixture->decoder, str_of((*frames)[0]), str_of((*frames)[1]));
	if (!err && fixture->decoder.finished)
		err = provider_bedrock.end(&fixture->decoder);
	return err;
}

static void
a_conversation_becomes_turns_with_instructions_beside_them(void **state)
{
	struct fixture fixture;

	(void)state;
	begin_bedrock(&fixture);
	say(&fixture, ROLE_SYSTEM, "be brief");
	say(&fixture, ROLE_USER, "one");
	say(&fixture, ROLE_USER, "two");
	say(&fixture, ROLE_ASSISTANT, " ");
	say(&fixture, ROLE_ASSISTANT, "three");
	say(&fixture, ROLE_USER, "four");
	fixture.call.temperature = 0.5;
	fixture.call.tokens_max = 100;
	fixture.call.stops[fixture.call.stop_count++] = STR("END");
	assert_null(write_request(&fixture));
	assert_text(&fixture, fixture.spec.url, "https://bedrock-runtime.eu-central-1.amazonaws.com/model/eu.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse");
	assert_text(&fixture, fixture.spec.body,
		"{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"one\"},{\"text\":\"two\"}]},{\"role\":\"assistant\",\"content\":[{\"text\":\"three\"}]},"
		"{\"role\":\"user\",\"content\":[{\"text\":\"four\"}]}],\"system\":[{\"text\":\"be brief\"}],"
		"\"inferenceConfig\":{\"maxTokens\":100,\"temperature\":0.5,\"stopSequences\":[\"END\"]}}");
	assert_null(provider_bedrock.authorize(&fixture.target, fixture.arena, &fixture.spec));
	assert_true(str_starts(http_header_get(&fixture.spec.headers, STR("authorization")), STR("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")));
	fixture.provider.api_key = STR("bedrock-key");
	fixture.call.stream = true;
	assert_null(write_request(&fixture));
	assert_true(str_ends(fixture.spec.url, STR("/converse-stream")));
	assert_null(provider_bedrock.authorize(&fixture.target, fixture.arena, &fixture.spec));
	assert_text(&fixture, http_header_get(&fixture.spec.headers, STR("authorization")), "Bearer bedrock-key");
	end(&fixture);
}

static void
tools_reasoning_and_cache_points_are_blocks(void **state)
{
	struct fixture fixture;
	struct part *part;

	(void)state;
	begin_bedrock(&fixture);
	part = say(&fixture, ROLE_USER, "weather?");
	assert_null(json_parse(fixture.arena, STR("{\"type\":\"ephemeral\",\"ttl\":\"1h\"}"), &part->cache));
	*say(&fixture, ROLE_ASSISTANT, "") = (struct part){ .type = PART_REASONING, .text = STR("hm"), .signature = STR("bedrock:U0lH") };
	add_part(&fixture, (struct part){ .type = PART_REASONING, .signature = STR("bedrock:redacted:T1RI") });
	add_part(&fixture, (struct part){ .type = PART_REASONING, .text = STR("another's"), .signature = STR("EqQB") });
	add_part(&fixture, (struct part){ .type = PART_TOOL_CALL, .id = STR("t1"), .name = STR("weather"), .text = STR("{\"city\":\"Paris\"}") });
	*say(&fixture, ROLE_TOOL, "") = (struct part){ .type = PART_TOOL_RESULT, .id = STR("t1"), .text = STR("broken"), .failed = true };
	fixture.call.tools = arena_zalloc(fixture.arena, sizeof(struct tool));
	*fixture.call.tools = (struct tool){ .name = STR("weather"), .description = STR("Tells it"), .strict = true, .cache = part->cache };
	fixture.call.tool_choice = TOOL_CHOICE_NAMED;
	fixture.call.tool_named = STR("weather");
	fixture.call.reasoning_tokens = 2000;
	fixture.call.top_k = 5;
	assert_null(write_request(&fixture));
	assert_text(&fixture, fixture.spec.body,
		"{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"weather?\"},{\"cachePoint\":{\"type\":\"default\",\"ttl\":\"1h\"}}]},"
		"{\"role\":\"assistant\",\"content\":[{\"reasoningContent\":{\"reasoningText\":{\"text\":\"hm\",\"signature\":\"U0lH\"}}},{\"reasoningContent\":{\"redactedContent\":\"T1RI\"}},"
		"{\"toolUse\":{\"toolUseId\":\"t1\",\"name\":\"weather\",\"input\":{\"city\":\"Paris\"}}}]},"
		"{\"role\":\"user\",\"content\":[{\"toolResult\":{\"toolUseId\":\"t1\",\"content\":[{\"text\":\"broken\"}],\"status\":\"error\"}}]}],"
		"\"inferenceConfig\":{\"maxTokens\":6096},"
		"\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"weather\",\"description\":\"Tells it\",\"inputSchema\":{\"json\":{\"type\":\"object\"}},\"strict\":true}},"
		"{\"cachePoint\":{\"type\":\"default\",\"ttl\":\"1h\"}}],\"toolChoice\":{\"tool\":{\"name\":\"weather\"}}},"
		"\"additionalModelRequestFields\":{\"top_k\":5,\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2000}}}");
	end(&fixture);
}

static void
a_turn_without_its_reasoning_goes_on_without(void **state)
{
	struct fixture fixture;

	(void)state;
	begin_bedrock(&fixture);
	say(&fixture, ROLE_USER, "weather?");
	*say(&fixture, ROLE_ASSISTANT, "") = (struct part){ .type = PART_TOOL_CALL, .id = STR("t1"), .name = STR("weather") };
	*say(&fixture, ROLE_TOOL, "") = (struct part){ .type = PART_TOOL_RESULT, .id = STR("t1"), .text = STR("21") };
	fixture.call.reasoning_tokens = 2000;
	assert_null(write_request(&fixture));
	assert_true(str_find(fixture.spec.body, STR("thinking"), 0) == SIZE_MAX);
	assert_true(str_find(fixture.spec.body, STR("maxTokens"), 0) == SIZE_MAX);
	end(&fixture);
}

static void
images_documents_and_schemas_are_written(void **state)
{
	struct fixture fixture;

	(void)state;
	begin_bedrock(&fixture);
	*say(&fixture, ROLE_USER, "") = (struct part){ .type = PART_IMAGE, .url = STR("data:image/png;base64,iVBO") };
	add_part(&fixture, (struct part){ .type = PART_FILE, .url = STR("data:application/pdf;base64,JVBE"), .name = STR("../a b.pdf") });
	add_part(&fixture, (struct part){ .type = PART_IMAGE, .url = STR("s3://bucket/b.jpeg") });
	fixture.call.format = FORMAT_JSON_SCHEMA;
	fixture.call.schema_name = STR("answer");
	assert_null(json_parse(fixture.arena, STR("{\"type\":\"object\"}"), &fixture.call.schema));
	fixture.call.reasoning_effort = STR("minimal");
	assert_null(write_request(&fixture));
	assert_text(&fixture, fixture.spec.body,
		"{\"messages\":[{\"role\":\"user\",\"content\":[{\"image\":{\"format\":\"png\",\"source\":{\"bytes\":\"iVBO\"}}},"
		"{\"document\":{\"format\":\"pdf\",\"name\":\"document-1\",\"source\":{\"bytes\":\"JVBE\"}}},"
		"{\"image\":{\"format\":\"jpeg\",\"source\":{\"s3Location\":{\"uri\":\"s3://bucket/b.jpeg\"}}}}]}],\"inferenceConfig\":{},"
		"\"outputConfig\":{\"textFormat\":{\"type\":\"json_schema\",\"structure\":{\"jsonSchema\":{\"schema\":\"{\\\"type\\\":\\\"object\\\"}\",\"name\":\"answer\"}}},\"effort\":\"low\"}}");
	say(&fixture, ROLE_USER, "")->type = PART_IMAGE;
	fixture.call.messages->next->parts->url = STR("https://example.org/a.png");
	assert_int_equal(write_request(&fixture)->kind, ERR_UNSUPPORTED);
	end(&fixture);
}

static void
what_bedrock_cannot_do_is_refused_by_name(void **state)
{
	static const char *const params[] = { "n", "logprobs", "modalities", "response_format", "verbosity", "parallel_tool_calls", "tools", "tomorrow", "seed", "frequency_penalty", "presence_penalty",
		"top_k" };

	(void)state;
	for (size_t i = 0; i < COUNT(params); i++) {
		struct fixture fixture;
		struct tool tool = { .name = STR("f"), .hosted = i == 6 };
		const struct err *err;

		begin_bedrock(&fixture);
		say(&fixture, ROLE_USER, "x");
		fixture.call.choices = i == 0 ? 2 : 1;
		fixture.call.logprobs = i == 1;
		fixture.call.audio = i == 2;
		fixture.call.format = i == 3 ? FORMAT_JSON_OBJECT : FORMAT_TEXT;
		fixture.call.verbosity = i == 4 ? STR("low") : STR_EMPTY;
		fixture.call.tools = i == 5 || i == 6 ? &tool : NULL;
		fixture.call.parallel_tools_off = i == 5;
		fixture.call.extra = i == 7 ? STR("tomorrow") : STR_EMPTY;
		if (i == 8)
			assert_null(json_parse(fixture.arena, STR("7"), &fixture.call.seed));
		fixture.call.frequency_penalty = i == 9 ? 0.5 : 0;
		fixture.call.presence_penalty = i == 10 ? 0.5 : NAN;
		fixture.call.top_k = i == 11 ? 3 : 0;
		fixture.target.model = i == 11 ? STR("amazon.nova-pro-v1:0") : STR("anthropic.x");
		err = write_request(&fixture);
		assert_non_null(err);
		assert_int_equal(err->kind, ERR_UNSUPPORTED);
		assert_true(str_eq_c(err->param, params[i]));
		end(&fixture);
	}
}

static void
a_stream_becomes_events(void **state)
{
	static const char *const frames[][2] = {
		{ "messageStart", "{\"role\":\"assistant\",\"p\":\"abc\"}" },
		{ "contentBlockDelta", "{\"contentBlockIndex\":0,\"delta\":{\"reasoningContent\":{\"text\":\"hm\"}}}" },
		{ "contentBlockDelta", "{\"contentBlockIndex\":0,\"delta\":{\"reasoningContent\":{\"signature\":\"U0lH\"}}}" },
		{ "contentBlockStop", "{\"contentBlockIndex\":0}" },
		{ "contentBlockDelta", "{\"contentBlockIndex\":1,\"delta\":{\"text\":\"Hi\"}}" },
		{ "contentBlockStop", "{\"contentBlockIndex\":1}" },
		{ "contentBlockStart", "{\"contentBlockIndex\":2,\"start\":{\"toolUse\":{\"toolUseId\":\"t1\",\"name\":\"f\"}}}" },
		{ "contentBlockDelta", "{\"contentBlockIndex\":2,\"delta\":{\"toolUse\":{\"input\":\"{\\\"x\\\"\"}}}" },
		{ "contentBlockDelta", "{\"contentBlockIndex\":2,\"delta\":{\"toolUse\":{\"input\":\":1}\"}}}" },
		{ "contentBlockStop", "{\"contentBlockIndex\":2}" },
		{ "contentBlockStart", "{\"contentBlockIndex\":3,\"start\":{\"toolUse\":{\"toolUseId\":\"t2\",\"name\":\"g\"}}}" },
		{ "contentBlockStop", "{\"contentBlockIndex\":3}" },
		{ "messageStop", "{\"stopReason\":\"tool_use\"}" },
		{ "metadata", "{\"usage\":{\"inputTokens\":10,\"outputTokens\":7,\"totalTokens\":42,\"cacheReadInputTokens\":20,\"cacheWriteInputTokens\":5},\"metrics\":{\"latencyMs\":1}}" },
		{ NULL, NULL },
	};
	struct fixture fixture;
	size_t from;

	(void)state;
	begin_bedrock(&fixture);
	assert_null(feed_events(&fixture, frames));
	from = str_find(buf_str(&fixture.script.text), STR(";"), 0); /* the id is our own */
	assert_true(str_starts(buf_str(&fixture.script.text), STR("Sbedrock-")));
	assert_text(&fixture, str_slice(buf_str(&fixture.script.text), from, fixture.script.text.len),
		";Rhm;Gbedrock:U0lH;THi;Ct1:f;A{\"x\";A:1};C1t2:g;A1{};Ftool_use;U;");
	assert_int_equal(fixture.script.usage.input, 35); /* cached ones included */
	assert_int_equal(fixture.script.usage.cached_input, 20);
	assert_int_equal(fixture.script.usage.cache_write, 5);
	assert_int_equal(fixture.script.usage.output, 7);
	assert_int_equal(fixture.script.last, 2);
	assert_true(fixture.decoder.done);
	end(&fixture);
}

static void
exceptions_in_a_stream_are_errors_of_their_kind(void **state)
{
	static const struct {
		const char *name, *payload;
		enum err_kind kind;
	} rows[] = {
		{ "throttlingException", "{\"message\":\"slow\"}", ERR_RATE_LIMITED },
		{ "serviceUnavailableException", "{\"message\":\"down\"}", ERR_UNAVAILABLE },
		{ "modelStreamErrorException", "{\"message\":\"broke\",\"originalStatusCode\":500}", ERR_UPSTREAM },
		{ "internalServerException", "{}", ERR_UPSTREAM },
		{ "validationException", "{\"message\":\"bad\"}", ERR_INVALID },
		{ "InternalFailure", "no luck", ERR_UPSTREAM },
		{ "contentBlockDelta", "{", ERR_UPSTREAM },
		{ "contentBlockDelta", "{}", ERR_UPSTREAM }, /* before messageStart */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *const frames[][2] = { { rows[i].name, rows[i].payload }, { NULL, NULL } };
		struct fixture fixture;
		const struct err *err;

		begin_bedrock(&fixture);
		err = feed_events(&fixture, frames);
		assert_non_null(err);
		assert_int_equal(err->kind, rows[i].kind);
		end(&fixture);
	}
}

static void
a_whole_answer_is_the_same_events(void **state)
{
	struct fixture fixture;

	(void)state;
	begin_bedrock(&fixture);
	assert_null(provider_bedrock.body(&fixture.decoder,
		STR("{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":[{\"reasoningContent\":{\"reasoningText\":{\"text\":\"hm\",\"signature\":\"U0lH\"}}},"
		    "{\"reasoningContent\":{\"redactedContent\":\"T1RI\"}},{\"text\":\"Hi\"},{\"toolUse\":{\"toolUseId\":\"t1\",\"name\":\"f\",\"input\":{\"x\":1}}}]}},\"stopReason\":\"tool_use\","
		    "\"usage\":{\"inputTokens\":1,\"outputTokens\":2,\"totalTokens\":3}}")));
	assert_text(&fixture, str_slice(buf_str(&fixture.script.text), str_find(buf_str(&fixture.script.text), STR(";"), 0), fixture.script.text.len),
		";Rhm;Gbedrock:U0lH;Gbedrock:redacted:T1RI;THi;Ct1:f;A{\"x\":1};Ftool_use;U;");
	end(&fixture);
	begin_bedrock(&fixture);
	assert_int_equal(provider_bedrock.body(&fixture.decoder, STR("{\"output\":{},\"stopReason\":\"malformed_tool_use\"}"))->kind, ERR_UPSTREAM);
	assert_false(fixture.decoder.started);
	assert_int_equal(provider_bedrock.body(&fixture.decoder, STR("{\"message\":\"x\"}"))->kind, ERR_UPSTREAM);
	end(&fixture);
}

static void
failures_are_told_apart(void **state)
{
	static const struct {
		int status;
		const char *type, *body;
		enum failure_cause cause;
	} rows[] = {
		{ 429, "ThrottlingException:http://x", "{\"message\":\"slow\"}", FAILURE_RATE_LIMIT },
		{ 400, "ServiceQuotaExceededException", "{\"message\":\"quota\"}", FAILURE_RATE_LIMIT },
		{ 400, "ValidationException", "{\"message\":\"Input is too long for requested model.\"}", FAILURE_CONTEXT_WINDOW },
		{ 400, "ValidationException", "{\"message\":\"bad\"}", FAILURE_REQUEST },
		{ 403, "ExpiredTokenException", "{\"message\":\"expired\"}", FAILURE_CREDENTIALS },
		{ 400, "UnrecognizedClientException", "{\"message\":\"who\"}", FAILURE_CREDENTIALS },
		{ 404, "ResourceNotFoundException", "{\"message\":\"no\"}", FAILURE_CREDENTIALS },
		{ 408, "ModelTimeoutException", "{\"message\":\"late\"}", FAILURE_TIMEOUT },
		{ 424, "ModelErrorException", "{\"message\":\"broke\"}", FAILURE_ERROR },
		{ 503, "", "{\"Message\":\"down\"}", FAILURE_ERROR },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct arena *arena = arena_new(KIB(64));
		struct http_header header = { STR("x-amzn-ErrorType"), str_of(rows[i].type) };
		struct http_headers headers = { &header, 1 };
		struct failure failure;

		provider_bedrock.failure(arena, rows[i].status, &headers, str_of(rows[i].body), &failure);
		assert_int_equal(failure.cause, rows[i].cause);
		arena_free(arena);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_conversation_becomes_turns_with_instructions_beside_them),
		cmocka_unit_test(tools_reasoning_and_cache_points_are_blocks),
		cmocka_unit_test(a_turn_without_its_reasoning_goes_on_without),
		cmocka_unit_test(images_documents_and_schemas_are_written),
		cmocka_unit_test(what_bedrock_cannot_do_is_refused_by_name),
		cmocka_unit_test(a_stream_becomes_events),
		cmocka_unit_test(exceptions_in_a_stream_are_errors_of_their_kind),
		cmocka_unit_test(a_whole_answer_is_the_same_events),
		cmocka_unit_test(failures_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
