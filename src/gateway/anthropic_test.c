/*
 * anthropic_test.c - Anthropic's wire, both ways: which request a call becomes, and which events an answer becomes, for callers of its own dialect and of others.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include <math.h>

#include "gateway/anthropic_request.h"

/* A sink that writes down what it gets: a letter and the texts per event, "=" before a frame that passes. */
struct script {
	struct sink sink;
	struct buf text;
	struct usage usage;
	unsigned last;
};

static const struct err *
write_down(struct sink *sink, const struct event *event)
{
	static const char letters[] = { [EVENT_START] = 'S', [EVENT_TEXT] = 'T', [EVENT_REFUSAL] = 'X', [EVENT_REASONING] = 'R', [EVENT_SIGNATURE] = 'G',
		[EVENT_TOOL_CALL] = 'C', [EVENT_ARGUMENTS] = 'A', [EVENT_CITATION] = 'Z', [EVENT_FINISH] = 'F', [EVENT_USAGE] = 'U', [EVENT_OTHER] = 'O' };
	struct script *script = (struct script *)sink;

	buf_printf(&script->text, "%s%c%" STR_F "%" STR_F "%" STR_F "%" STR_F ";", event->framed && event->frame.len ? "=" : "", letters[event->type], STR_A(event->name),
		STR_A(event->text), STR_A(event->finish_text), STR_A(event->stop));
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

static int
set_up(void **state)
{
	struct arena *arena = arena_new(MIB(16));
	struct fixture *fixture = arena_zalloc(arena, sizeof(*fixture));

	assert_non_null(fixture);
	fixture->arena = arena;
	fixture->script.sink.event = write_down;
	buf_init(&fixture->script.text, arena, KIB(64));
	fixture->provider = (struct conf_provider){ .name = STR("main"), .base_url = STR("http://127.0.0.1:1/v1"), .api_key = STR("secret") };
	fixture->target = (struct target){ .provider = &fixture->provider, .kind = &provider_anthropic, .model = STR("target-model") };
	fixture->call =
		(struct call){ .model = STR("asked"), .temperature = NAN, .top_p = NAN, .frequency_penalty = NAN, .presence_penalty = NAN, .choices = 1, .stream = true };
	fixture->decoder = (struct decoder){ .arena = arena, .call = &fixture->call, .target = &fixture->target, .sink = &fixture->script.sink };
	*state = fixture;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *fixture = *state;

	arena_free(fixture->arena);
	return 0;
}

static const struct err *
feed(struct fixture *fixture, const char *const *frames)
{
	const struct err *err = NULL;

	for (; *frames && !err; frames++)
		err = provider_anthropic.frame(&fixture->decoder, STR_EMPTY, str_of(*frames));
	return err;
}

static const char *
script_text(struct fixture *fixture)
{
	return arena_cstr(fixture->arena, buf_str(&fixture->script.text));
}

#define START "{\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"model\":\"claude\",\"usage\":{\"input_tokens\":10,\"cache_read_input_tokens\":5," \
	"\"cache_creation_input_tokens\":3,\"output_tokens\":1}}}"
#define DELTA(json) "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":" json "}"
#define BLOCK(json) "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":" json "}"
#define STOP "{\"type\":\"content_block_stop\",\"index\":0}"
#define END(reason) "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":" reason "},\"usage\":{\"output_tokens\":7,\"output_tokens_details\":{\"thinking_tokens\":4}}}"

static const char *const thinking[] = {
	START,
	BLOCK("{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}"),
	DELTA("{\"type\":\"thinking_delta\",\"thinking\":\"hm\"}"),
	DELTA("{\"type\":\"signature_delta\",\"signature\":\"sig1\"}"),
	STOP,
	BLOCK("{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}"),
	DELTA("{\"type\":\"signature_delta\",\"signature\":\"sig2\"}"),
	STOP,
	BLOCK("{\"type\":\"redacted_thinking\",\"data\":\"secret\"}"),
	STOP,
	BLOCK("{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"f\",\"input\":{}}"),
	DELTA("{\"type\":\"input_json_delta\",\"partial_json\":\"\"}"),
	DELTA("{\"type\":\"input_json_delta\",\"partial_json\":\"{}\"}"),
	STOP,
	END("\"tool_use\""),
	"{\"type\":\"message_stop\"}",
	NULL,
};

static void
thinking_keeps_its_signatures_apart(void **state)
{
	struct fixture *fixture = *state;

	assert_null(feed(fixture, thinking));
	assert_string_equal(script_text(fixture), "S;Rhm;Gsig1;R;Gsig2;Gsecret;Cf;A{};Ftool_use;U;");
	assert_int_equal(fixture->script.usage.input, 18); /* what the cache served and took included */
	assert_int_equal(fixture->script.usage.cached_input, 5);
	assert_int_equal(fixture->script.usage.cache_write, 3);
	assert_int_equal(fixture->script.usage.output, 7); /* cumulative, not a sum */
	assert_int_equal(fixture->script.usage.reasoning, 4);
}

static void
every_frame_passes_to_a_caller_of_the_same_dialect(void **state)
{
	struct fixture *fixture = *state;

	fixture->call.dialect = DIALECT_ANTHROPIC;
	assert_null(feed(fixture, thinking));
	assert_string_equal(script_text(fixture), "=S;=O;=Rhm;=Gsig1;=O;=O;=R;Gsig2;=O;=Gsecret;=O;=Cf;=O;=A{};=O;=Ftool_use;U;=O;");
	assert_int_equal(fixture->script.last, 3); /* the finish, the usage, and the stop */
	assert_true(fixture->decoder.done);
}

static void
an_error_in_a_stream_is_an_error_of_its_kind(void **state)
{
	static const char *const frames[] = { START, "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}", NULL };
	struct fixture *fixture = *state;
	const struct err *err = feed(fixture, frames);

	assert_int_equal(err->kind, ERR_UNAVAILABLE);
	assert_true(str_find(err->message, STR("Overloaded"), 0) != SIZE_MAX);
	assert_false(fixture->decoder.finished);
}

static void
a_stream_without_a_reason_has_not_finished(void **state)
{
	static const char *const frames[] = { START, END("null"), "{\"type\":\"message_stop\"}", NULL };
	struct fixture *fixture = *state;

	assert_null(feed(fixture, frames));
	assert_false(fixture->decoder.finished);
}

static void
a_stream_that_begins_twice_is_refused(void **state)
{
	static const char *const frames[] = { START, START, NULL };
	struct fixture *fixture = *state;

	assert_int_equal(feed(fixture, frames)->kind, ERR_UPSTREAM);
}

static void
a_met_stop_sequence_is_named(void **state)
{
	static const char *const frames[] = { START, "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"stop_sequence\",\"stop_sequence\":\"###\"},\"usage\":{\"output_tokens\":1}}",
		NULL };
	struct fixture *fixture = *state;

	assert_null(feed(fixture, frames));
	assert_string_equal(script_text(fixture), "S;Fstop_sequence###;U;");
}

static void
a_whole_answer_becomes_the_same_events(void **state)
{
	struct str body = STR("{\"id\":\"m\",\"type\":\"message\",\"model\":\"c\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"s\"},"
			      "{\"type\":\"redacted_thinking\",\"data\":\"d\"},{\"type\":\"text\",\"text\":\"Hi\"},"
			      "{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\":{\"x\":1}}],\"stop_reason\":\"tool_use\",\"usage\":{\"input_tokens\":1,\"output_tokens\":2}}");
	struct fixture *fixture = *state;

	fixture->call.stream = false;
	assert_null(provider_anthropic.body(&fixture->decoder, body));
	assert_string_equal(script_text(fixture), "S;Rhm;Gs;Gd;THi;Cf;A{\"x\":1};Ftool_use;U;");
}

static void
a_whole_answer_to_a_stream_does_not_pass_as_a_frame(void **state)
{
	struct fixture *fixture = *state;

	fixture->call.dialect = DIALECT_ANTHROPIC;
	assert_null(provider_anthropic.body(&fixture->decoder,
		STR("{\"id\":\"m\",\"type\":\"message\",\"content\":[{\"type\":\"text\",\"text\":\"Hi\"}],\"stop_reason\":\"end_turn\",\"usage\":{}}")));
	assert_string_equal(script_text(fixture), "S;THi;Fend_turn;U;");
}

/* --- requests --- */

static struct part *
said(struct fixture *fixture, enum role role, struct part what)
{
	struct message **end = &fixture->call.messages;

	while (*end)
		end = &(*end)->next;
	*end = message_new(fixture->arena, role, STR_EMPTY);
	*(*end)->parts = what;
	return (*end)->parts;
}

static const char *
body_of(struct fixture *fixture)
{
	struct http_call_spec spec = { 0 };

	fixture->call.stream = false;
	assert_null(provider_anthropic.request(&fixture->call, &fixture->target, fixture->arena, &spec));
	return arena_cstr(fixture->arena, spec.body);
}

static void
tools_results_and_marks_are_carried_over(void **state)
{
	struct fixture *fixture = *state;
	const struct json *mark, *schema;
	struct part *picture = arena_zalloc(fixture->arena, sizeof(*picture));
	struct tool tool = { .name = STR("f"), .strict = true };

	assert_null(json_parse(fixture->arena, STR("{\"type\":\"ephemeral\",\"ttl\":\"1h\"}"), &mark));
	assert_null(json_parse(fixture->arena, STR("{\"type\":\"object\"}"), &schema));
	tool.parameters = schema;
	tool.cache = mark;
	fixture->call.tools = &tool;
	fixture->call.parallel_tools_off = true;
	fixture->call.format = FORMAT_JSON_SCHEMA;
	fixture->call.schema = schema;
	fixture->call.reasoning_effort = STR("minimal");
	said(fixture, ROLE_SYSTEM, (struct part){ .type = PART_TEXT, .text = STR("be brief"), .cache = mark });
	said(fixture, ROLE_USER, (struct part){ .type = PART_FILE, .url = STR("data:application/pdf;base64,AAAA"), .name = STR("a.pdf") });
	said(fixture, ROLE_ASSISTANT, (struct part){ .type = PART_REASONING, .text = STR("unsigned") });
	said(fixture, ROLE_ASSISTANT, (struct part){ .type = PART_REASONING, .text = STR("hm"), .signature = STR("s") });
	said(fixture, ROLE_ASSISTANT, (struct part){ .type = PART_REASONING, .signature = STR("d") });
	said(fixture, ROLE_ASSISTANT, (struct part){ .type = PART_TOOL_CALL, .id = STR("t1"), .name = STR("f"), .text = STR("{\"x\":1}") });
	*picture = (struct part){ .type = PART_IMAGE, .url = STR("https://a/b.png") };
	said(fixture, ROLE_TOOL, (struct part){ .type = PART_TOOL_RESULT, .id = STR("t1"), .parts = picture, .failed = true });
	assert_string_equal(body_of(fixture),
		"{\"model\":\"target-model\",\"max_tokens\":4096,\"system\":[{\"type\":\"text\",\"text\":\"be brief\",\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}}],"
		"\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"document\",\"source\":{\"type\":\"base64\",\"media_type\":\"application/pdf\",\"data\":\"AAAA\"},\"title\":\"a.pdf\"}]},"
		"{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"s\"},{\"type\":\"redacted_thinking\",\"data\":\"d\"},"
		"{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"f\",\"input\":{\"x\":1}}]},"
		"{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"t1\",\"content\":[{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\"https://a/b.png\"}}],"
		"\"is_error\":true}]}],"
		"\"output_config\":{\"effort\":\"low\",\"format\":{\"type\":\"json_schema\",\"schema\":{\"type\":\"object\"}}},"
		"\"tools\":[{\"name\":\"f\",\"input_schema\":{\"type\":\"object\"},\"strict\":true,\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}}],"
		"\"tool_choice\":{\"type\":\"auto\",\"disable_parallel_tool_use\":true}}");
}

static void
thinking_is_left_off_where_a_turn_cannot_go_on_with_it(void **state)
{
	struct fixture *fixture = *state;

	fixture->call.reasoning_tokens = 2048;
	said(fixture, ROLE_USER, (struct part){ .type = PART_TEXT, .text = STR("hi") });
	assert_non_null(strstr(body_of(fixture), "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2048}"));
	said(fixture, ROLE_ASSISTANT, (struct part){ .type = PART_TOOL_CALL, .id = STR("t1"), .name = STR("f") });
	said(fixture, ROLE_TOOL, (struct part){ .type = PART_TOOL_RESULT, .id = STR("t1"), .text = STR("42") });
	assert_null(strstr(body_of(fixture), "thinking"));
}

static void
the_same_dialect_is_sent_as_it_came(void **state)
{
	struct str text = STR("{\"model\": \"asked\", \"tomorrow\": {\"x\": 1}, \"messages\": [{\"role\":\"user\",\"content\":\"hi\"}], \"max_tokens\": 5}");
	struct http_header betas[] = { { STR("anthropic-beta"), STR("b1,b2") }, { STR("anthropic-version"), STR("2099-01-01") } };
	struct fixture *fixture = *state;
	struct http_call_spec spec = { 0 };

	assert_null(json_parse(fixture->arena, text, &fixture->call.source));
	fixture->call.source_text = text;
	fixture->call.dialect = DIALECT_ANTHROPIC;
	fixture->call.headers = (struct http_headers){ betas, 2 };
	fixture->call.extra = STR("tomorrow"); /* no reason to refuse: it passes */
	assert_string_equal(body_of(fixture), "{\"model\":\"target-model\",\"tomorrow\":{\"x\":1},\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"max_tokens\":5}");
	fixture->target.model = STR("asked");
	assert_null(provider_anthropic.request(&fixture->call, &fixture->target, fixture->arena, &spec));
	assert_ptr_equal(spec.body.ptr, text.ptr);
	assert_true(str_eq_c(http_header_get(&spec.headers, STR("anthropic-beta")), "b1,b2"));
	assert_true(str_eq_c(http_header_get(&spec.headers, STR("anthropic-version")), "2099-01-01"));
	assert_int_equal(spec.headers.count, 4);
}

static void
a_changed_call_keeps_what_was_not_changed(void **state)
{
	struct str text = STR("{\"model\":\"asked\",\"system\":\"old\",\"messages\":[{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"x\",\"signature\":\"\"},"
			      "{\"type\":\"new_block\",\"y\":2}]}],\"max_tokens\":5}");
	struct fixture *fixture = *state;
	struct json_iter it;

	assert_null(json_parse(fixture->arena, text, &fixture->call.source));
	it = json_iter(json_get(fixture->call.source, "messages"));
	json_next(&it);
	fixture->call.dialect = DIALECT_ANTHROPIC;
	fixture->call.changed = true;
	said(fixture, ROLE_SYSTEM, (struct part){ .type = PART_TEXT, .text = STR("passages") });
	said(fixture, ROLE_SYSTEM, (struct part){ .type = PART_TEXT, .text = STR("old") });
	said(fixture, ROLE_ASSISTANT, (struct part){ .type = PART_TEXT });
	fixture->call.messages->next->next->raw = it.value;
	assert_string_equal(body_of(fixture),
		"{\"model\":\"target-model\",\"max_tokens\":5,\"system\":[{\"type\":\"text\",\"text\":\"passages\"},{\"type\":\"text\",\"text\":\"old\"}],"
		"\"messages\":[{\"role\":\"assistant\",\"content\":[{\"type\":\"new_block\",\"y\":2}]}]}");
}

static void
what_it_cannot_do_is_refused_by_name(void **state)
{
	struct fixture *fixture = *state;
	const struct json *seed;
	struct tool hosted = { .hosted = true };
	struct call plain = fixture->call;
	const char *params[] = { "n", "logprobs", "modalities", "response_format", "temperature", "frequency_penalty", "seed", "verbosity", "logit_bias", "tools" };

	assert_null(json_parse(fixture->arena, STR("7"), &seed));
	for (size_t i = 0; i < COUNT(params); i++) {
		struct http_call_spec spec = { 0 };
		struct call *call = &fixture->call;
		const struct err *err;

		*call = plain;
		call->choices = i == 0 ? 2 : 1;
		call->logprobs = i == 1;
		call->audio = i == 2;
		call->format = i == 3 ? FORMAT_JSON_OBJECT : FORMAT_TEXT;
		call->temperature = i == 4 ? 1.5 : NAN;
		call->frequency_penalty = i == 5 ? 0.5 : 0;
		call->seed = i == 6 ? seed : NULL;
		call->verbosity = i == 7 ? STR("low") : STR_EMPTY;
		call->extra = i == 8 ? STR("logit_bias") : STR_EMPTY;
		call->tools = i == 9 ? &hosted : NULL;
		err = provider_anthropic.request(call, &fixture->target, fixture->arena, &spec);
		assert_int_equal(err->kind, ERR_UNSUPPORTED);
		assert_true(str_eq_c(err->param, params[i]));
	}
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(thinking_keeps_its_signatures_apart),
		TEST(every_frame_passes_to_a_caller_of_the_same_dialect),
		TEST(an_error_in_a_stream_is_an_error_of_its_kind),
		TEST(a_stream_without_a_reason_has_not_finished),
		TEST(a_stream_that_begins_twice_is_refused),
		TEST(a_met_stop_sequence_is_named),
		TEST(a_whole_answer_becomes_the_same_events),
		TEST(a_whole_answer_to_a_stream_does_not_pass_as_a_frame),
		TEST(tools_results_and_marks_are_carried_over),
		TEST(thinking_is_left_off_where_a_turn_cannot_go_on_with_it),
		TEST(the_same_dialect_is_sent_as_it_came),
		TEST(a_changed_call_keeps_what_was_not_changed),
		TEST(what_it_cannot_do_is_refused_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
