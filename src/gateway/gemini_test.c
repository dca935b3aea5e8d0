/*
 * gemini_test.c - generateContent both ways, by the published reference: what is sent for a call, and which events an answer becomes.
 */
#include "gateway/test_provider.h"

#include "gateway/gemini.h"

#define USAGE "\"usageMetadata\":{\"promptTokenCount\":10,\"cachedContentTokenCount\":4,\"candidatesTokenCount\":3,\"thoughtsTokenCount\":20,\"totalTokenCount\":33}"

static void
begin_gemini(struct fixture *fixture)
{
	begin(fixture, &provider_gemini);
	fixture->provider.base_url = STR("https://generativelanguage.googleapis.com/v1beta");
	fixture->target.model = STR("gemini-2.5-flash");
	fixture->call.dialect = DIALECT_OPENAI_CHAT;
}

static void
a_conversation_becomes_turns_and_an_instruction(void **state)
{
	struct fixture fixture;

	(void)state;
	begin_gemini(&fixture);
	say(&fixture, ROLE_SYSTEM, "be brief");
	say(&fixture, ROLE_USER, "one");
	say(&fixture, ROLE_USER, "two");
	say(&fixture, ROLE_ASSISTANT, "three");
	say(&fixture, ROLE_USER, "four");
	fixture.call.temperature = 0.5;
	fixture.call.tokens_max = 100;
	fixture.call.stops[fixture.call.stop_count++] = STR("END");
	assert_null(write_request(&fixture));
	assert_text(&fixture, fixture.spec.url, "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent");
	assert_text(&fixture, http_header_get(&fixture.spec.headers, STR("x-goog-api-key")), "secret");
	assert_text(&fixture, fixture.spec.body,
		"{\"systemInstruction\":{\"parts\":[{\"text\":\"be brief\"}]},\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"one\"},{\"text\":\"two\"}]},"
		"{\"role\":\"model\",\"parts\":[{\"text\":\"three\"}]},{\"role\":\"user\",\"parts\":[{\"text\":\"four\"}]}],"
		"\"generationConfig\":{\"temperature\":0.5,\"maxOutputTokens\":100,\"stopSequences\":[\"END\"]}}");
	end(&fixture);
}

static void
tools_results_and_signatures_stand_where_they_came_from(void **state)
{
	struct fixture fixture;
	struct part *result;

	(void)state;
	begin_gemini(&fixture);
	fixture.call.stream = true;
	say(&fixture, ROLE_USER, "weather?");
	*say(&fixture, ROLE_ASSISTANT, "") = (struct part){ .type = PART_REASONING, .text = STR("hm"), .signature = STR("gemini:call:U0lH") };
	add_part(&fixture, (struct part){ .type = PART_TOOL_CALL, .id = STR("call_gemini_1"), .name = STR("weather"), .text = STR("{\"city\":\"Paris\"}") });
	add_part(&fixture, (struct part){ .type = PART_TOOL_CALL, .id = STR("fc-2"), .name = STR("time"), .signature = STR("gemini:call:T1RI") });
	result = say(&fixture, ROLE_TOOL, "21 degrees");
	result->type = PART_TOOL_RESULT;
	result->id = STR("call_gemini_1");
	add_part(&fixture, (struct part){ .type = PART_TOOL_RESULT, .id = STR("fc-2"), .text = STR("{\"now\":7}") });
	fixture.call.tools = arena_zalloc(fixture.arena, sizeof(struct tool));
	*fixture.call.tools = (struct tool){ .name = STR("weather"), .description = STR("Tells it") };
	assert_null(json_parse(fixture.arena, STR("{\"type\":\"object\",\"additionalProperties\":false}"), &fixture.call.tools->parameters));
	fixture.call.tool_choice = TOOL_CHOICE_NAMED;
	fixture.call.tool_named = STR("weather");
	assert_null(write_request(&fixture));
	assert_text(&fixture, fixture.spec.url, "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse");
	assert_text(&fixture, fixture.spec.body,
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"weather?\"}]},{\"role\":\"model\",\"parts\":["
		"{\"functionCall\":{\"name\":\"weather\",\"args\":{\"city\":\"Paris\"}},\"thoughtSignature\":\"U0lH\"},"
		"{\"functionCall\":{\"id\":\"fc-2\",\"name\":\"time\",\"args\":{}},\"thoughtSignature\":\"T1RI\"}]},"
		"{\"role\":\"user\",\"parts\":[{\"functionResponse\":{\"name\":\"weather\",\"response\":{\"result\":\"21 degrees\"}}},"
		"{\"functionResponse\":{\"id\":\"fc-2\",\"name\":\"time\",\"response\":{\"now\":7}}}]}],"
		"\"tools\":[{\"functionDeclarations\":[{\"name\":\"weather\",\"description\":\"Tells it\",\"parametersJsonSchema\":{\"type\":\"object\",\"additionalProperties\":false}}]}],"
		"\"toolConfig\":{\"functionCallingConfig\":{\"mode\":\"ANY\",\"allowedFunctionNames\":[\"weather\"]}},\"generationConfig\":{}}");
	end(&fixture);
}

static void
thoughts_go_back_with_their_own_signature_alone(void **state)
{
	struct fixture fixture;

	(void)state;
	begin_gemini(&fixture);
	say(&fixture, ROLE_USER, "x");
	*say(&fixture, ROLE_ASSISTANT, "") = (struct part){ .type = PART_REASONING, .text = STR("hm"), .signature = STR("gemini:thought:QQ==") };
	add_part(&fixture, (struct part){ .type = PART_TEXT, .text = STR("said") });
	add_part(&fixture, (struct part){ .type = PART_REASONING, .signature = STR("gemini:text:Qg==") });
	add_part(&fixture, (struct part){ .type = PART_REASONING, .text = STR("another's"), .signature = STR("EqQB") });
	assert_null(write_request(&fixture));
	assert_text(&fixture, fixture.spec.body,
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"x\"}]},{\"role\":\"model\",\"parts\":[{\"text\":\"hm\",\"thought\":true,\"thoughtSignature\":\"QQ==\"},"
		"{\"text\":\"said\"},{\"text\":\"\",\"thoughtSignature\":\"Qg==\"}]}],\"generationConfig\":{}}");
	end(&fixture);
}

static void
images_and_files_are_inline_or_by_address(void **state)
{
	struct fixture fixture;

	(void)state;
	begin_gemini(&fixture);
	*say(&fixture, ROLE_USER, "") = (struct part){ .type = PART_IMAGE, .url = STR("data:image/png;base64,iVBO") };
	add_part(&fixture, (struct part){ .type = PART_IMAGE, .url = STR("https://example.org/a/b.JPG?x=1") });
	add_part(&fixture, (struct part){ .type = PART_FILE, .url = STR("data:application/pdf;base64,JVBE"), .name = STR("a.pdf") });
	add_part(&fixture, (struct part){ .type = PART_AUDIO, .url = STR("data:audio/wav;base64,UklG"), .media_type = STR("audio/wav") });
	assert_null(write_request(&fixture));
	assert_text(&fixture, fixture.spec.body,
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"iVBO\"}},"
		"{\"fileData\":{\"mimeType\":\"image/jpeg\",\"fileUri\":\"https://example.org/a/b.JPG?x=1\"}},{\"inlineData\":{\"mimeType\":\"application/pdf\",\"data\":\"JVBE\"}},"
		"{\"inlineData\":{\"mimeType\":\"audio/wav\",\"data\":\"UklG\"}}]}],\"generationConfig\":{}}");
	say(&fixture, ROLE_USER, "")->type = PART_FILE;
	fixture.call.messages->next->parts->id = STR("file-abc");
	assert_int_equal(write_request(&fixture)->kind, ERR_UNSUPPORTED);
	end(&fixture);
}

static void
formats_and_thinking_are_settings(void **state)
{
	struct fixture fixture;

	(void)state;
	begin_gemini(&fixture);
	say(&fixture, ROLE_USER, "x");
	fixture.call.format = FORMAT_JSON_SCHEMA;
	assert_null(json_parse(fixture.arena, STR("{\"type\":\"object\"}"), &fixture.call.schema));
	fixture.call.reasoning_effort = STR("medium");
	fixture.call.choices = 2;
	assert_null(write_request(&fixture));
	assert_text(&fixture, fixture.spec.body,
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"x\"}]}],\"generationConfig\":{\"candidateCount\":2,\"responseMimeType\":\"application/json\","
		"\"responseJsonSchema\":{\"type\":\"object\"},\"thinkingConfig\":{\"includeThoughts\":true,\"thinkingBudget\":8192}}}");
	fixture.target.model = STR("gemini-3-pro");
	fixture.call.format = FORMAT_TEXT;
	fixture.call.choices = 1;
	assert_null(write_request(&fixture));
	assert_text(&fixture, fixture.spec.body,
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"x\"}]}],\"generationConfig\":{\"thinkingConfig\":{\"includeThoughts\":true,\"thinkingLevel\":\"medium\"}}}");
	fixture.call.reasoning_effort = STR("none");
	assert_true(str_eq_c(write_request(&fixture)->param, "reasoning_effort"));
	end(&fixture);
}

static void
what_gemini_cannot_do_is_refused_by_name(void **state)
{
	static const char *const params[] = { "n", "stop", "logprobs", "modalities", "verbosity", "parallel_tool_calls", "tools", "tomorrow" };

	(void)state;
	for (size_t i = 0; i < COUNT(params); i++) {
		struct fixture fixture;
		struct tool tool = { .name = STR("f"), .hosted = i == 6 };
		const struct err *err;

		begin_gemini(&fixture);
		say(&fixture, ROLE_USER, "x");
		fixture.call.choices = i == 0 ? 9 : 1;
		fixture.call.stop_count = i == 1 ? 6 : 0;
		fixture.call.logprobs = i == 2;
		fixture.call.audio = i == 3;
		fixture.call.verbosity = i == 4 ? STR("low") : STR_EMPTY;
		fixture.call.tools = i == 5 || i == 6 ? &tool : NULL;
		fixture.call.parallel_tools_off = i == 5;
		fixture.call.extra = i == 7 ? STR("tomorrow") : STR_EMPTY;
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
	static const char *const frames[] = {
		"{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"hm\",\"thought\":true}]},\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":10},"
		"\"modelVersion\":\"gemini-2.5-flash\",\"responseId\":\"r1\"}",
		"{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hel\"},{\"text\":\"lo\"}],\"role\":\"model\"},\"index\":0}],\"responseId\":\"r1\"}",
		"{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\",\"thoughtSignature\":\"QQ==\"}],\"role\":\"model\"},\"finishReason\":\"STOP\",\"index\":0}]," USAGE "}",
		NULL,
	};
	struct fixture fixture;

	(void)state;
	begin_gemini(&fixture);
	assert_null(feed(&fixture, frames));
	assert_events(&fixture, "Sr1:;Rhm;THel;Tlo;Ggemini:text:QQ==;FSTOP;U;");
	assert_int_equal(fixture.script.usage.input, 10);
	assert_int_equal(fixture.script.usage.cached_input, 4);
	assert_int_equal(fixture.script.usage.output, 23); /* thoughts are output */
	assert_int_equal(fixture.script.usage.reasoning, 20);
	assert_int_equal(fixture.script.last, 3);
	end(&fixture);
}

static void
function_calls_come_whole_with_the_signature_before_them(void **state)
{
	static const char *const frames[] = {
		"{\"responseId\":\"r1\",\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"id\":\"fc-1\",\"name\":\"f\",\"args\":{\"x\":[1,2.5]}},\"thoughtSignature\":\"QQ==\"},"
		"{\"functionCall\":{\"id\":\"fc-2\",\"name\":\"g\"}}]},\"finishReason\":\"STOP\"}]," USAGE "}",
		NULL,
	};
	struct fixture fixture;

	(void)state;
	begin_gemini(&fixture);
	assert_null(feed(&fixture, frames));
	assert_events(&fixture, "Sr1:;Ggemini:call:QQ==;Cfc-1:f;A{\"x\":[1,2.5]};C1fc-2:g;A1{};FSTOP;U;");
	end(&fixture);
}

static void
candidates_end_each_for_itself(void **state)
{
	static const char *const frames[] = {
		"{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]},\"index\":0,\"finishReason\":\"STOP\"},{\"content\":{\"parts\":[{\"text\":\"b\"}]},\"index\":1}]}",
		NULL,
		"{\"candidates\":[{\"finishReason\":\"MAX_TOKENS\",\"index\":1}]," USAGE "}",
		NULL,
	};
	struct fixture fixture;

	(void)state;
	begin_gemini(&fixture);
	assert_null(feed(&fixture, frames));
	assert_false(fixture.decoder.finished); /* an end here is a stream that broke off */
	assert_null(feed(&fixture, frames + 2));
	assert_true(fixture.decoder.finished);
	assert_events(&fixture, "S:;Ta;FSTOP;T1b;F1MAX_TOKENS;U;");
	end(&fixture);
}

static void
a_blocked_prompt_is_a_content_filter_error(void **state)
{
	static const char *const frames[] = { "{\"promptFeedback\":{\"blockReason\":\"PROHIBITED_CONTENT\"},\"usageMetadata\":{\"promptTokenCount\":5}}", NULL };
	struct fixture fixture;
	const struct err *err;

	(void)state;
	begin_gemini(&fixture);
	err = feed(&fixture, frames);
	assert_true(str_eq_c(err->code, "content_filter"));
	assert_int_equal(failure_cause_of(err), FAILURE_CONTENT_FILTER);
	assert_false(fixture.decoder.started);
	assert_int_equal(fixture.decoder.usage.input, 5); /* it is billed */
	end(&fixture);
}

static void
a_filtered_answer_has_that_reason_and_a_broken_one_is_an_error(void **state)
{
	static const char *const filtered[] = { "{\"candidates\":[{\"finishReason\":\"SAFETY\",\"index\":0}]}", NULL };
	static const char *const broken[] = { "{\"candidates\":[{\"finishReason\":\"MALFORMED_FUNCTION_CALL\",\"index\":0}]}", NULL };
	static const char *const error[] = { "{\"error\":{\"code\":503,\"message\":\"overloaded\",\"status\":\"UNAVAILABLE\"}}", NULL };
	static const char *const garbage[] = { "{\"candidates\":[", NULL };
	struct fixture fixture;

	(void)state;
	begin_gemini(&fixture);
	assert_null(feed(&fixture, filtered));
	assert_events(&fixture, "S:;FSAFETY;");
	end(&fixture);
	begin_gemini(&fixture);
	assert_int_equal(feed(&fixture, broken)->kind, ERR_UPSTREAM);
	assert_false(fixture.decoder.started);
	assert_int_equal(feed(&fixture, error)->kind, ERR_UNAVAILABLE);
	assert_int_equal(feed(&fixture, garbage)->kind, ERR_UPSTREAM);
	end(&fixture);
}

static void
a_whole_answer_is_the_same_events(void **state)
{
	struct fixture fixture;

	(void)state;
	begin_gemini(&fixture);
	assert_null(provider_gemini.body(&fixture.decoder,
		STR("{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hi\"}]},\"finishReason\":\"STOP\",\"index\":0}]," USAGE ",\"responseId\":\"r1\",\"modelVersion\":\"m\"}")));
	assert_events(&fixture, "Sr1:;THi;FSTOP;U;");
	end(&fixture);
	begin_gemini(&fixture);
	assert_int_equal(provider_gemini.body(&fixture.decoder, STR("{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hi\"}]}}]}"))->kind, ERR_UPSTREAM);
	end(&fixture);
}

static void
sound_is_counted_by_its_modality_and_cached_sound_once(void **state)
{
	struct fixture fixture;

	(void)state;
	begin_gemini(&fixture);
	assert_null(provider_gemini.body(&fixture.decoder,
		STR("{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hi\"}]},\"finishReason\":\"STOP\",\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":100,"
		    "\"cachedContentTokenCount\":40,\"candidatesTokenCount\":30,\"promptTokensDetails\":[{\"modality\":\"TEXT\",\"tokenCount\":5},{\"modality\":\"IMAGE\",\"tokenCount\":15},{\"modality\":\"AUDIO\","
		    "\"tokenCount\":80}],\"cacheTokensDetails\":[{\"modality\":\"AUDIO\",\"tokenCount\":40}],\"candidatesTokensDetails\":[{\"modality\":\"AUDIO\",\"tokenCount\":25},"
		    "{\"modality\":\"TEXT\",\"tokenCount\":5}]}}")));
	assert_int_equal(fixture.decoder.usage.input, 100);
	assert_int_equal(fixture.decoder.usage.cached_input, 40);
	assert_int_equal(fixture.decoder.usage.audio_input, 40);
	assert_int_equal(fixture.decoder.usage.cached_audio, 40);
	assert_int_equal(fixture.decoder.usage.image_input, 15);
	assert_int_equal(fixture.decoder.usage.audio_output, 25);
	end(&fixture);
}

static void
failures_are_told_apart(void **state)
{
	static const struct {
		int status;
		const char *body;
		enum failure_cause cause;
		int64_t retry_after_us;
	} rows[] = {
		{ 429, "{\"error\":{\"code\":429,\"message\":\"quota\",\"status\":\"RESOURCE_EXHAUSTED\",\"details\":[{\"@type\":\"type.googleapis.com/google.rpc.RetryInfo\",\"retryDelay\":\"34.5s\"}]}}",
			FAILURE_RATE_LIMIT, 34500000 },
		{ 400, "{\"error\":{\"code\":400,\"message\":\"API key not valid.\",\"status\":\"INVALID_ARGUMENT\",\"details\":[{\"@type\":\"type.googleapis.com/google.rpc.ErrorInfo\","
		       "\"reason\":\"API_KEY_INVALID\"}]}}", FAILURE_CREDENTIALS, 0 },
		{ 400, "[{\"error\":{\"code\":400,\"message\":\"The input token count (9) exceeds the maximum number of tokens allowed (8).\",\"status\":\"INVALID_ARGUMENT\"}}]",
			FAILURE_CONTEXT_WINDOW, 0 },
		{ 400, "{\"error\":{\"code\":400,\"message\":\"bad\",\"status\":\"INVALID_ARGUMENT\"}}", FAILURE_REQUEST, 0 },
		{ 403, "{\"error\":{\"code\":403,\"status\":\"PERMISSION_DENIED\"}}", FAILURE_CREDENTIALS, 0 },
		{ 503, "<html>", FAILURE_ERROR, 0 },
	};
	struct http_headers none = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct arena *arena = arena_new(KIB(64));
		struct failure failure;

		gemini_failure(arena, rows[i].status, &none, str_of(rows[i].body), &failure);
		assert_int_equal(failure.cause, rows[i].cause);
		assert_int_equal(failure.err->retry_after_us, rows[i].retry_after_us);
		arena_free(arena);
	}
}

static void
vertex_is_addressed_by_project_and_location(void **state)
{
	struct fixture fixture;

	(void)state;
	begin_gemini(&fixture);
	fixture.target.kind = &provider_vertex;
	fixture.provider = (struct conf_provider){ .base_url = STR("https://aiplatform.googleapis.com/v1"), .project = STR("p-1"), .location = STR("global") };
	say(&fixture, ROLE_USER, "x");
	assert_null(write_request(&fixture));
	assert_text(&fixture, fixture.spec.url, "https://aiplatform.googleapis.com/v1/projects/p-1/locations/global/publishers/google/models/gemini-2.5-flash:generateContent");
	fixture.target.model = STR("endpoints/123");
	assert_null(write_request(&fixture));
	assert_text(&fixture, fixture.spec.url, "https://aiplatform.googleapis.com/v1/projects/p-1/locations/global/endpoints/123:generateContent");
	fixture.target.model = STR("x/../../y");
	assert_non_null(write_request(&fixture));
	end(&fixture);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_conversation_becomes_turns_and_an_instruction),
		cmocka_unit_test(tools_results_and_signatures_stand_where_they_came_from),
		cmocka_unit_test(thoughts_go_back_with_their_own_signature_alone),
		cmocka_unit_test(images_and_files_are_inline_or_by_address),
		cmocka_unit_test(formats_and_thinking_are_settings),
		cmocka_unit_test(what_gemini_cannot_do_is_refused_by_name),
		cmocka_unit_test(a_stream_becomes_events),
		cmocka_unit_test(function_calls_come_whole_with_the_signature_before_them),
		cmocka_unit_test(candidates_end_each_for_itself),
		cmocka_unit_test(a_blocked_prompt_is_a_content_filter_error),
		cmocka_unit_test(a_filtered_answer_has_that_reason_and_a_broken_one_is_an_error),
		cmocka_unit_test(a_whole_answer_is_the_same_events),
		cmocka_unit_test(sound_is_counted_by_its_modality_and_cached_sound_once),
		cmocka_unit_test(failures_are_told_apart),
		cmocka_unit_test(vertex_is_addressed_by_project_and_location),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
