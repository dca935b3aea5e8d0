/*
 * compatible_test.c - servers over OpenAI's wire: what each row makes of a request and of an answer, and Azure's address and words.
 */
#include "gateway/test_provider.h"

#include "conf/kinds.h"
#include "gateway/provider_openai.h"

static const struct provider *
kind(const char *name)
{
	const struct provider *provider = provider_find(str_of(name));

	assert_non_null(provider);
	return provider;
}

static void
begin_chat(struct fixture *fixture, const char *name, const char *text)
{
	begin(fixture, kind(name));
	source(fixture, text);
}

/* The configuration's list of kinds and the gateway's are two: no kind may be missing here. */
static void
every_kind_of_the_configuration_is_found(void **state)
{
	(void)state;
	for (size_t i = 0; conf_kind_names[i]; i++)
		assert_true(strcmp(kind(conf_kind_names[i])->kind, conf_kind_names[i]) == 0);
}

static void
a_row_renames_drops_and_rewrites(void **state)
{
	struct fixture fixture;

	(void)state;
	begin_chat(&fixture, "mistral",
		"{\"model\":\"asked\",\"messages\":[{\"role\":\"developer\",\"content\":\"brief\"},{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"call_1\",\"type\":\"function\","
		"\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"call_1\",\"content\":\"1\"},{\"role\":\"tool\",\"tool_call_id\":\"abcDEF123\",\"content\":\"2\"}],"
		"\"max_completion_tokens\":5,\"max_tokens\":9,\"seed\":1,\"user\":\"u\",\"logit_bias\":{},\"temperature\":0.5}");
	assert_null(write_request(&fixture));
	assert_text(&fixture, fixture.spec.body,
		"{\"model\":\"target-model\",\"messages\":[{\"role\":\"system\",\"content\":\"brief\"},{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"sPnjkEYJU\",\"type\":\"function\","
		"\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"sPnjkEYJU\",\"content\":\"1\"},{\"role\":\"tool\",\"tool_call_id\":\"abcDEF123\",\"content\":\"2\"}],"
		"\"max_tokens\":5,\"random_seed\":1,\"temperature\":0.5}");
	end(&fixture);
}

static void
what_a_server_refuses_is_refused_by_name(void **state)
{
	static const struct {
		const char *kind, *request, *param;
	} rows[] = {
		{ "groq", "{\"messages\":[],\"logprobs\":true}", "logprobs" },
		{ "groq", "{\"messages\":[{\"role\":\"user\",\"name\":\"ann\",\"content\":\"x\"}]}", "messages" },
		{ "mistral", "{\"messages\":[],\"logit_bias\":{\"1\":5}}", "logit_bias" },
		{ "deepseek", "{\"messages\":[],\"n\":2}", "n" },
		{ "deepseek", "{\"messages\":[],\"seed\":0}", "seed" },
		{ "deepseek", "{\"messages\":[],\"response_format\":{\"type\":\"json_schema\"}}", "response_format" },
		{ "perplexity", "{\"messages\":[],\"tools\":[{}]}", "tools" },
		{ "xai", "{\"messages\":[],\"logit_bias\":{\"1\":5}}", "logit_bias" },
		{ "tgi", "{\"messages\":[],\"parallel_tool_calls\":false}", "parallel_tool_calls" },
		{ "openrouter", "{\"messages\":[],\"models\":[\"another/model\"]}", "models" },
		{ "openrouter", "{\"messages\":[],\"preset\":\"mine\"}", "preset" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct fixture fixture;
		const struct err *err;

		begin_chat(&fixture, rows[i].kind, rows[i].request);
		err = write_request(&fixture);
		assert_non_null(err);
		assert_int_equal(err->kind, ERR_UNSUPPORTED);
		assert_true(str_eq_c(err->param, rows[i].param));
		end(&fixture);
	}
}

static void
what_says_nothing_is_no_reason_to_refuse(void **state)
{
	struct fixture fixture;

	(void)state;
	begin_chat(&fixture, "groq", "{\"messages\":[],\"logprobs\":null,\"n\":1,\"logit_bias\":{},\"top_logprobs\":0}");
	assert_null(write_request(&fixture));
	assert_text(&fixture, fixture.spec.body, "{\"model\":\"target-model\",\"messages\":[]}");
	end(&fixture);
	begin_chat(&fixture, "tgi", "{\"messages\":[],\"parallel_tool_calls\":true}");
	assert_null(write_request(&fixture));
	end(&fixture);
}

static void
a_row_serves_calls_of_other_dialects(void **state)
{
	struct fixture fixture;

	(void)state;
	begin(&fixture, kind("together"));
	fixture.call.dialect = DIALECT_ANTHROPIC;
	say(&fixture, ROLE_USER, "hi");
	fixture.call.tokens_max = 7;
	fixture.call.user = STR("u");
	assert_null(write_request(&fixture));
	assert_text(&fixture, fixture.spec.body, "{\"model\":\"target-model\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"max_tokens\":7}");
	end(&fixture);
}

static void
usage_beside_the_finish_is_said_once_at_the_end(void **state)
{
	static const char *const frames[] = {
		"{\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"},\"finish_reason\":null}]}",
		"{\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2,\"prompt_cache_hit_tokens\":3}}",
		"[DONE]",
		NULL,
	};
	struct fixture fixture;

	(void)state;
	begin(&fixture, kind("deepseek"));
	assert_null(feed(&fixture, frames));
	assert_int_equal(fixture.script.framed, 0); /* no stream was asked for: a frame's bytes are no answer */
	end(&fixture);
	begin(&fixture, kind("deepseek"));
	fixture.call.stream = true;
	assert_null(feed(&fixture, frames));
	assert_events(&fixture, "Sc1:;THi;Fstop;U;");
	assert_int_equal(fixture.script.usage.input, 9);
	assert_int_equal(fixture.script.usage.cached_input, 3);
	assert_int_equal(fixture.script.framed, 3); /* the last is in our words */
	end(&fixture);
}

static void
groq_s_usage_is_found_where_it_puts_it(void **state)
{
	static const char *const frames[] = {
		"{\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{\"reasoning\":\"hm\"}}]}",
		"{\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"x_groq\":{\"usage\":{\"prompt_tokens\":4,\"completion_tokens\":6}}}",
		NULL,
	};
	static const char *const broken[] = { "{\"id\":\"c1\",\"choices\":[],\"x_groq\":{\"error\":\"over capacity\"}}", NULL };
	struct fixture fixture;
	const struct err *err;

	(void)state;
	begin(&fixture, kind("groq"));
	assert_null(feed(&fixture, frames));
	assert_events(&fixture, "Sc1:;Rhm;Fstop;U;");
	assert_int_equal(fixture.script.usage.output, 6);
	err = feed(&fixture, broken);
	assert_true(str_find(err->message, STR("over capacity"), 0) != SIZE_MAX);
	end(&fixture);
}

static void
cached_sound_is_counted_once(void **state)
{
	struct fixture fixture;

	(void)state;
	begin(&fixture, kind("openai"));
	assert_null(fixture.target.kind->body(&fixture.decoder,
		STR("{\"id\":\"c1\",\"choices\":[{\"index\":0,\"message\":{\"content\":\"Hi\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":20,"
		    "\"prompt_tokens_details\":{\"cached_tokens\":60,\"audio_tokens\":70,\"image_tokens\":10,\"text_tokens\":20,\"cached_tokens_details\":{\"text_tokens\":10,\"audio_tokens\":50}},"
		    "\"completion_tokens_details\":{\"audio_tokens\":15}}}")));
	assert_int_equal(fixture.script.usage.cached_input, 60);
	assert_int_equal(fixture.script.usage.cached_audio, 50);
	assert_int_equal(fixture.script.usage.audio_input, 20); /* 100 = 50 + 10 cached, 20 sound, 10 picture, 10 text */
	assert_int_equal(fixture.script.usage.image_input, 10);
	assert_int_equal(fixture.script.usage.audio_output, 15);
	end(&fixture);
	begin(&fixture, kind("openai")); /* chat completions say less: what is cached may be sound */
	assert_null(fixture.target.kind->body(&fixture.decoder,
		STR("{\"id\":\"c1\",\"choices\":[{\"index\":0,\"message\":{\"content\":\"Hi\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":20,"
		    "\"prompt_tokens_details\":{\"cached_tokens\":60,\"audio_tokens\":70}}}")));
	assert_int_equal(fixture.script.usage.cached_input, 60);
	assert_int_equal(fixture.script.usage.audio_input, 40);
	end(&fixture);
}

static void
xai_s_reasoning_is_part_of_the_output(void **state)
{
	struct fixture fixture;

	(void)state;
	begin(&fixture, kind("xai"));
	assert_null(fixture.target.kind->body(&fixture.decoder,
		STR("{\"id\":\"c1\",\"choices\":[{\"index\":0,\"message\":{\"content\":\"Hi\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2,"
		    "\"completion_tokens_details\":{\"reasoning_tokens\":40}}}")));
	assert_int_equal(fixture.script.usage.output, 42);
	assert_int_equal(fixture.script.usage.reasoning, 40);
	end(&fixture);
}

static void
parts_of_a_content_become_text_and_reasoning_in_our_words(void **state)
{
	static const char *const frames[] = {
		"{\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":[{\"type\":\"thinking\",\"thinking\":[{\"type\":\"text\",\"text\":\"hm\"}]}]}}]}",
		"{\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":[{\"type\":\"text\",\"text\":\"Hi\"}]},\"finish_reason\":\"stop\"}]}",
		NULL,
	};
	struct fixture fixture;

	(void)state;
	begin(&fixture, kind("mistral"));
	assert_null(feed(&fixture, frames));
	assert_events(&fixture, "Sc1:;Rhm;THi;Fstop;");
	assert_int_equal(fixture.script.framed, 0);
	end(&fixture);
}

static void
errors_have_many_shapes_and_one_meaning(void **state)
{
	static const struct {
		const char *kind;
		int status;
		const char *body, *message, *code;
		enum failure_cause cause;
	} rows[] = {
		{ "xai", 400, "{\"code\":\"invalid-argument\",\"error\":\"bad\"}", "bad", "invalid-argument", FAILURE_REQUEST },
		{ "tgi", 422, "{\"error\":\"too long\",\"error_type\":\"validation\"}", "too long", "validation", FAILURE_REQUEST },
		{ "openrouter", 429, "{\"error\":{\"code\":429,\"message\":\"slow\"}}", "slow", "", FAILURE_RATE_LIMIT },
		{ "mistral", 422, "{\"detail\":[{\"loc\":[\"body\"],\"msg\":\"Extra inputs\"}]}", "Extra inputs", "", FAILURE_REQUEST },
		{ "mistral", 401, "{\"message\":\"Unauthorized\",\"request_id\":\"x\"}", NULL, "", FAILURE_CREDENTIALS },
		{ "llamacpp", 400, "{\"error\":{\"code\":400,\"message\":\"the request exceeds the available context size\",\"type\":\"exceed_context_size_error\"}}", NULL,
			"context_length_exceeded", FAILURE_CONTEXT_WINDOW },
		{ "azure", 400, "{\"error\":{\"code\":\"content_filter\",\"message\":\"filtered\",\"innererror\":{\"code\":\"ResponsibleAIPolicyViolation\"}}}", "filtered", "content_filter",
			FAILURE_CONTENT_FILTER },
		{ "lmstudio", 500, "<html>", NULL, "", FAILURE_ERROR },
	};
	struct http_headers none = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct arena *arena = arena_new(KIB(64));
		struct failure failure;

		kind(rows[i].kind)->failure(arena, rows[i].status, &none, str_of(rows[i].body), &failure);
		assert_int_equal(failure.cause, rows[i].cause);
		assert_true(str_eq_c(failure.err->code, rows[i].code));
		assert_true(!rows[i].message || str_eq_c(failure.err->message, rows[i].message));
		arena_free(arena);
	}
}

/* Tools that a choice leaves out go along to a server that gets the request as it came, and to no other: our own count of tokens depends on it. */
static void
barred_tools_reach_who_gets_the_request_as_it_came(void **state)
{
	static const struct {
		const char *kind;
		bool gets;
	} rows[] = { { "openai", true }, { "azure", true }, { "mistral", false }, { "gemini", false }, { "bedrock", false }, { "cohere", false }, { "anthropic", false } };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct call call = { .dialect = DIALECT_OPENAI_CHAT };
		const struct conf_provider provider = { .name = STR("p") };
		const struct target target = { .kind = kind(rows[i].kind), .provider = &provider, .model = STR("m") };

		assert_int_equal(provider_gets_barred(&call, &target), rows[i].gets);
	}
}

static void
azure_is_addressed_by_deployment_and_version(void **state)
{
	struct fixture fixture;

	(void)state;
	begin_chat(&fixture, "azure", "{\"model\":\"asked\",\"messages\":[],\"tomorrow\":1}");
	fixture.provider.base_url = STR("https://r.openai.azure.com");
	fixture.provider.api_version = STR("2024-10-21");
	fixture.target.model = STR("my gpt/4");
	assert_null(write_request(&fixture));
	assert_text(&fixture, fixture.spec.url, "https://r.openai.azure.com/openai/deployments/my%20gpt%2F4/chat/completions?api-version=2024-10-21");
	assert_text(&fixture, fixture.spec.body, "{\"model\":\"my gpt/4\",\"messages\":[],\"tomorrow\":1}");
	assert_text(&fixture, http_header_get(&fixture.spec.headers, STR("api-key")), "secret");
	assert_null(http_header_get(&fixture.spec.headers, STR("authorization")).ptr);
	end(&fixture);
}

static void
azure_s_words_about_the_prompt_wait_for_the_answer_s_id(void **state)
{
	static const char *const frames[] = {
		"{\"choices\":[],\"created\":0,\"id\":\"\",\"model\":\"\",\"object\":\"\",\"prompt_filter_results\":[{\"prompt_index\":0}]}",
		"{\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":7,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"},\"finish_reason\":\"stop\"}]}",
		NULL,
	};
	struct fixture fixture;

	(void)state;
	begin(&fixture, &provider_azure);
	assert_null(provider_azure.frame(&fixture.decoder, STR_EMPTY, str_of(frames[0])));
	assert_false(fixture.decoder.started); /* another target may still be asked */
	assert_events(&fixture, "");
	assert_null(feed(&fixture, frames + 1));
	assert_events(&fixture, "Sc1:;THi;Fstop;");
	end(&fixture);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_of_the_configuration_is_found),
		cmocka_unit_test(a_row_renames_drops_and_rewrites),
		cmocka_unit_test(what_a_server_refuses_is_refused_by_name),
		cmocka_unit_test(what_says_nothing_is_no_reason_to_refuse),
		cmocka_unit_test(a_row_serves_calls_of_other_dialects),
		cmocka_unit_test(usage_beside_the_finish_is_said_once_at_the_end),
		cmocka_unit_test(groq_s_usage_is_found_where_it_puts_it),
		cmocka_unit_test(cached_sound_is_counted_once),
		cmocka_unit_test(xai_s_reasoning_is_part_of_the_output),
		cmocka_unit_test(parts_of_a_content_become_text_and_reasoning_in_our_words),
		cmocka_unit_test(errors_have_many_shapes_and_one_meaning),
		cmocka_unit_test(barred_tools_reach_who_gets_the_request_as_it_came),
		cmocka_unit_test(azure_is_addressed_by_deployment_and_version),
		cmocka_unit_test(azure_s_words_about_the_prompt_wait_for_the_answer_s_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
