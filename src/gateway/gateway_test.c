/*
 * gateway_test.c - providers' wires, both ways: what is sent for a call, and which events an answer becomes. The wires are those of the published API references.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include <math.h>

#include "gateway/provider.h"

/* A sink that writes down what it gets, one letter and the text per event. */
struct script {
	struct sink sink;
	struct buf text;
	struct usage usage;
	unsigned last;
};

static const struct err *
write_down(struct sink *sink, const struct event *event)
{
	static const char letters[] = { [EVENT_START] = 'S', [EVENT_TEXT] = 'T', [EVENT_REFUSAL] = 'X', [EVENT_REASONING] = 'R', [EVENT_TOOL_CALL] = 'C', [EVENT_ARGUMENTS] = 'A',
		[EVENT_CITATION] = 'Z', [EVENT_FINISH] = 'F', [EVENT_USAGE] = 'U', [EVENT_OTHER] = 'O' };
	struct script *script = (struct script *)sink;

	buf_printf(&script->text, "%c%" STR_F "%" STR_F "%" STR_F ";", letters[event->type], STR_A(event->name), STR_A(event->text), STR_A(event->finish_text));
	if (event->usage)
		script->usage = *event->usage;
	script->last += event->last;
	return NULL;
}

struct fixture {
	struct arena *arena;
	struct script script;
	struct conf_provider provider;
	struct target target;
	struct call call;
	struct decoder decoder;
};

static void
begin(struct fixture *fixture, const struct provider *kind)
{
	*fixture = (struct fixture){ .arena = arena_new(MIB(16)) };
	fixture->script.sink.event = write_down;
	buf_init(&fixture->script.text, fixture->arena, KIB(64));
	fixture->provider = (struct conf_provider){ .name = STR("main"), .base_url = STR("http://127.0.0.1:1/v1"), .api_key = STR("secret") };
	fixture->target = (struct target){ .provider = &fixture->provider, .kind = kind, .model = STR("target-model") };
	fixture->call = (struct call){ .model = STR("asked"), .temperature = NAN, .top_p = NAN, .choices = 1 };
	fixture->decoder = (struct decoder){ .arena = fixture->arena, .call = &fixture->call, .target = &fixture->target, .sink = &fixture->script.sink };
}

static const struct err *
feed(struct fixture *fixture, const char *const *frames)
{
	const struct err *err = NULL;

	for (; *frames && !err; frames++)
		err = fixture->target.kind->frame(&fixture->decoder, STR_EMPTY, str_of(*frames));
	return err;
}

static void
openai_stream_becomes_events(void **state)
{
	static const char *const frames[] = {
		"{\"id\":\"c1\",\"created\":7,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}",
		"{\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hel\"},\"finish_reason\":null}]}",
		"{\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"lo\"},\"finish_reason\":\"stop\"}]}",
		"{\"id\":\"c1\",\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2,\"prompt_tokens_details\":{\"cached_tokens\":4}}}",
		"[DONE]",
		NULL,
	};
	struct fixture fixture;

	(void)state;
	begin(&fixture, &provider_openai);
	assert_null(feed(&fixture, frames));
	assert_string_equal(arena_cstr(fixture.arena, buf_str(&fixture.script.text)), "S;THel;Tlo;Fstop;U;");
	assert_int_equal(fixture.script.usage.input, 9);
	assert_int_equal(fixture.script.usage.cached_input, 4);
	assert_int_equal(fixture.script.last, 3); /* the frame with the finish, and what came after it */
	assert_true(fixture.decoder.done);
	arena_free(fixture.arena);
}

static void
openai_tool_calls_keep_their_pieces_apart(void **state)
{
	static const char *const frames[] = {
		"{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]}}]}",
		"{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":1,\"id\":\"b\",\"function\":{\"name\":\"g\",\"arguments\":\"{\"}}]}}]}",
		"{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{}\"}},{\"index\":1,\"function\":{\"arguments\":\"}\"}}]}}]}",
		"{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}",
		NULL,
	};
	struct fixture fixture;

	(void)state;
	begin(&fixture, &provider_openai);
	assert_null(feed(&fixture, frames));
	assert_string_equal(arena_cstr(fixture.arena, buf_str(&fixture.script.text)), "S;Cf;Cg;A{;A{};A};Ftool_calls;");
	arena_free(fixture.arena);
}

static void
openai_error_inside_a_stream_is_an_error(void **state)
{
	static const char *const frames[] = { "{\"error\":{\"message\":\"overloaded\",\"type\":\"server_error\"}}", NULL };
	struct fixture fixture;
	const struct err *err;

	(void)state;
	begin(&fixture, &provider_openai);
	err = feed(&fixture, frames);
	assert_int_equal(err->kind, ERR_UPSTREAM);
	assert_true(str_find(err->message, STR("overloaded"), 0) != SIZE_MAX);
	arena_free(fixture.arena);
}

static void
openai_garbage_is_an_upstream_error(void **state)
{
	static const char *const not_json[] = { "{\"choices\":[", NULL }, *const not_object[] = { "[1]", NULL };
	struct fixture fixture;

	(void)state;
	begin(&fixture, &provider_openai);
	assert_int_equal(feed(&fixture, not_json)->kind, ERR_UPSTREAM);
	assert_int_equal(feed(&fixture, not_object)->kind, ERR_UPSTREAM);
	arena_free(fixture.arena);
}

static void
openai_request_keeps_unknown_fields_and_asks_for_usage(void **state)
{
	struct str text = STR("{\"model\":\"asked\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"stream\":true,\"tomorrow\":{\"x\":1}}");
	struct http_call_spec spec = { 0 };
	struct fixture fixture;

	(void)state;
	begin(&fixture, &provider_openai);
	assert_null(json_parse(fixture.arena, text, &fixture.call.source));
	fixture.call.source_text = text;
	fixture.call.stream = true;
	assert_null(provider_openai.request(&fixture.call, &fixture.target, fixture.arena, &spec));
	assert_string_equal(arena_cstr(fixture.arena, spec.url), "http://127.0.0.1:1/v1/chat/completions");
	assert_string_equal(arena_cstr(fixture.arena, spec.body),
		"{\"model\":\"target-model\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"stream\":true,\"tomorrow\":{\"x\":1},\"stream_options\":{\"include_usage\":true}}");
	arena_free(fixture.arena);
}

static void
anthropic_stream_becomes_events(void **state)
{
	static const char *const frames[] = {
		"{\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"model\":\"claude\",\"usage\":{\"input_tokens\":10,\"cache_read_input_tokens\":5,\"output_tokens\":1}}}",
		"{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}",
		"{\"type\":\"ping\"}",
		"{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hi\"}}",
		"{\"type\":\"content_block_stop\",\"index\":0}",
		"{\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"f\",\"input\":{}}}",
		"{\"type\":\"content_block_stop\",\"index\":1}",
		"{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\"},\"usage\":{\"output_tokens\":7}}",
		"{\"type\":\"message_stop\"}",
		NULL,
	};
	struct fixture fixture;

	(void)state;
	begin(&fixture, &provider_anthropic);
	assert_null(feed(&fixture, frames));
	assert_string_equal(arena_cstr(fixture.arena, buf_str(&fixture.script.text)), "S;THi;Cf;A{};Ftool_use;U;");
	assert_int_equal(fixture.script.usage.input, 15); /* cached ones included */
	assert_int_equal(fixture.script.usage.cached_input, 5);
	assert_int_equal(fixture.script.usage.output, 7); /* cumulative, not a sum */
	assert_true(fixture.decoder.done && fixture.decoder.finished);
	arena_free(fixture.arena);
}

static struct message *
said(struct fixture *fixture, enum role role, const char *text)
{
	struct message **end = &fixture->call.messages;

	while (*end)
		end = &(*end)->next;
	*end = message_new(fixture->arena, role, str_of(text));
	return *end;
}

static void
anthropic_request_joins_turns_and_lifts_the_system_prompt(void **state)
{
	struct http_call_spec spec = { 0 };
	struct fixture fixture;
	struct message *result;

	(void)state;
	begin(&fixture, &provider_anthropic);
	said(&fixture, ROLE_SYSTEM, "be brief");
	said(&fixture, ROLE_USER, "one");
	said(&fixture, ROLE_USER, "two");
	*said(&fixture, ROLE_ASSISTANT, "{\"x\":1}")->parts = (struct part){ .type = PART_TOOL_CALL, .id = STR("t1"), .name = STR("f"), .text = STR("{\"x\":1}") };
	result = said(&fixture, ROLE_TOOL, "42");
	result->parts->type = PART_TOOL_RESULT;
	result->parts->id = STR("t1");
	assert_null(provider_anthropic.request(&fixture.call, &fixture.target, fixture.arena, &spec));
	assert_string_equal(arena_cstr(fixture.arena, spec.url), "http://127.0.0.1:1/v1/messages");
	assert_string_equal(arena_cstr(fixture.arena, spec.body),
		"{\"model\":\"target-model\",\"max_tokens\":4096,\"system\":[{\"type\":\"text\",\"text\":\"be brief\"}],\"messages\":["
		"{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"one\"},{\"type\":\"text\",\"text\":\"two\"}]},"
		"{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"f\",\"input\":{\"x\":1}}]},"
		"{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"t1\",\"content\":\"42\"}]}]}");
	arena_free(fixture.arena);
}

static void
anthropic_refuses_what_it_cannot_do(void **state)
{
	struct http_call_spec spec = { 0 };
	struct fixture fixture;
	const struct err *err;

	(void)state;
	begin(&fixture, &provider_anthropic);
	fixture.call.choices = 2;
	err = provider_anthropic.request(&fixture.call, &fixture.target, fixture.arena, &spec);
	assert_int_equal(err->kind, ERR_UNSUPPORTED);
	assert_true(str_eq_c(err->param, "n"));
	arena_free(fixture.arena);
}

static void
failure_reads_message_code_and_retry_after(void **state)
{
	struct http_header list[] = { { STR("Retry-After"), STR("3") } };
	struct http_headers headers = { list, 1 };
	struct arena *arena = arena_new(KIB(64));
	struct failure failure;

	(void)state;
	provider_openai.failure(arena, 429, &headers, STR("{\"error\":{\"message\":\"slow down\",\"code\":\"rate_limit_exceeded\"}}"), &failure);
	assert_int_equal(failure.err->kind, ERR_RATE_LIMITED);
	assert_int_equal(failure.err->retry_after_us, 3000000);
	assert_true(str_eq_c(failure.err->message, "slow down") && str_eq_c(failure.err->code, "rate_limit_exceeded"));
	assert_int_equal(failure.cause, FAILURE_RATE_LIMIT);
	provider_openai.failure(arena, 400, &headers, STR("not json"), &failure);
	assert_int_equal(failure.err->kind, ERR_INVALID);
	assert_int_equal(failure.cause, FAILURE_REQUEST);
	arena_free(arena);
}

static void
a_retry_after_of_any_length_is_heard_and_bounded(void **state)
{
	static const struct {
		const char *name, *value;
		int64_t us;
	} rows[] = { { "Retry-After", "0.5", 500000 }, { "Retry-After", "999999", INT64_C(999999000000) }, { "Retry-After", "99999999999999999999", INT64_C(1000000000000) },
		{ "Retry-After", "Fri, 01 Jan 2100 00:00:00 GMT", INT64_C(1000000000000) }, { "Retry-After", "Fri, 01 Jan 1999 00:00:00 GMT", 0 }, { "Retry-After", "-5", 0 },
		{ "Retry-After", "soon", 0 }, { "retry-after-ms", "1500", 1500000 }, { "retry-after-ms", "1e30", INT64_C(1000000000000) }, { "retry-after-ms", "-1", 0 } };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct http_header list[] = { { str_of(rows[i].name), str_of(rows[i].value) } };

		assert_int_equal(failure_retry_after_us(&(struct http_headers){ list, 1 }), rows[i].us);
	}
}

static void
failure_tells_causes_apart(void **state)
{
	static const struct {
		const struct provider *provider;
		int status;
		const char *body;
		enum failure_cause cause;
	} rows[] = {
		{ &provider_openai, 500, "", FAILURE_ERROR },
		{ &provider_openai, 503, "{\"error\":{\"message\":\"busy\"}}", FAILURE_ERROR },
		{ &provider_openai, 504, "", FAILURE_TIMEOUT },
		{ &provider_openai, 401, "", FAILURE_CREDENTIALS },
		{ &provider_openai, 404, "", FAILURE_CREDENTIALS },
		{ &provider_openai, 400, "{\"error\":{\"message\":\"too long\",\"code\":\"context_length_exceeded\"}}", FAILURE_CONTEXT_WINDOW },
		{ &provider_openai, 400, "{\"message\":\"This model's maximum context length is 4096 tokens.\"}", FAILURE_CONTEXT_WINDOW },
		{ &provider_openai, 400, "{\"error\":{\"message\":\"filtered\",\"code\":\"content_filter\"}}", FAILURE_CONTENT_FILTER },
		{ &provider_anthropic, 400, "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"prompt is too long: 9 tokens > 8 maximum\"}}",
			FAILURE_CONTEXT_WINDOW },
		{ &provider_anthropic, 529, "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}", FAILURE_ERROR },
		{ &provider_anthropic, 422, "", FAILURE_REQUEST },
	};
	struct http_headers none = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct arena *arena = arena_new(KIB(64));
		struct failure failure;

		rows[i].provider->failure(arena, rows[i].status, &none, str_of(rows[i].body), &failure);
		assert_int_equal(failure.cause, rows[i].cause);
		assert_true(rows[i].cause != FAILURE_CONTEXT_WINDOW || str_eq_c(failure.err->code, "context_length_exceeded"));
		arena_free(arena);
	}
}

static void
extractive_quotes_the_sentence_that_matches(void **state)
{
	struct context_passage passages[] = {
		{ .text = STR("Backups are made with pg_dump. The command pg_restore reads an archive that pg_dump has written.") },
		{ .text = STR("A vacuum reclaims storage occupied by dead tuples. It should be run regularly on tables.") },
	};
	struct passage_list list = { passages, 2, STR("how do I reclaim storage of dead tuples"), false };
	struct fixture fixture;

	(void)state;
	begin(&fixture, &provider_extractive);
	fixture.call.passages = &list;
	assert_null(provider_extractive.run(&fixture.decoder));
	assert_true(str_find(buf_str(&fixture.script.text), STR("> A vacuum reclaims storage occupied by dead tuples. [2]"), 0) != SIZE_MAX);
	assert_true(str_find(buf_str(&fixture.script.text), STR("pg_restore"), 0) == SIZE_MAX);
	assert_true(fixture.decoder.usage.estimated);
	arena_free(fixture.arena);
}

static void
extractive_says_that_nothing_was_found(void **state)
{
	struct passage_list none = { NULL, 0, STR("anything"), false };
	struct fixture fixture;

	(void)state;
	begin(&fixture, &provider_extractive);
	fixture.call.passages = &none;
	assert_null(provider_extractive.run(&fixture.decoder));
	assert_true(str_find(buf_str(&fixture.script.text), STR("found nothing"), 0) != SIZE_MAX);
	fixture.call.passages = NULL;
	assert_int_equal(provider_extractive.run(&fixture.decoder)->kind, ERR_UNSUPPORTED);
	arena_free(fixture.arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(openai_stream_becomes_events),
		cmocka_unit_test(openai_tool_calls_keep_their_pieces_apart),
		cmocka_unit_test(openai_error_inside_a_stream_is_an_error),
		cmocka_unit_test(openai_garbage_is_an_upstream_error),
		cmocka_unit_test(openai_request_keeps_unknown_fields_and_asks_for_usage),
		cmocka_unit_test(anthropic_stream_becomes_events),
		cmocka_unit_test(anthropic_request_joins_turns_and_lifts_the_system_prompt),
		cmocka_unit_test(anthropic_refuses_what_it_cannot_do),
		cmocka_unit_test(failure_reads_message_code_and_retry_after),
		cmocka_unit_test(a_retry_after_of_any_length_is_heard_and_bounded),
		cmocka_unit_test(failure_tells_causes_apart),
		cmocka_unit_test(extractive_quotes_the_sentence_that_matches),
		cmocka_unit_test(extractive_says_that_nothing_was_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
