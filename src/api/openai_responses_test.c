/*
 * openai_responses_test.c - requests to the inner form, and events to the exact sequence of the Responses API, with no server around.
 *
 * A sequence is written as it goes over the wire, but for identifiers (ID) and response objects, of which status and output stand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "api/openai_responses_background.h"

struct bench {
	struct responses_output output;
	struct arena *arena;
	struct api_request request;
	struct responses_ask *ask;
	struct responses_encoder *encoder;
	struct buf said;
};

static bool
is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* Identifiers of 32 digits become ID. */
static void
add_without_ids(struct buf *out, struct str text)
{
	size_t at = 0;

	while (at < text.len) {
		size_t end = at;

		while (end < text.len && is_hex(text.ptr[end]))
			end++;
		if (end - at == 32)
			buf_add(out, STR("ID"));
		else
			buf_add(out, str_slice(text, at, end == at ? at + 1 : end));
		at = end == at ? at + 1 : end;
	}
}

static const struct err *
hear(struct responses_output *output, struct str name, struct str data)
{
	struct bench *bench = (struct bench *)output;
	const struct json *event, *response;
	struct json_out json;
	struct buf text;

	assert_null(json_parse(bench->arena, data, &event));
	assert_true(str_eq(json_get_string(event, "type"), name));
	response = json_get(event, "response");
	buf_init(&text, bench->arena, MIB(1));
	json_out_init(&json, &text);
	json_begin_object(&json);
	for (struct json_iter it = json_iter(event); json_next(&it);) {
		if (str_eq_c(it.key, "response"))
			continue;
		json_key(&json, it.key);
		json_put(&json, it.value);
	}
	if (response) {
		json_set(&json, "status", json_get(response, "status"));
		json_set(&json, "output", json_get(response, "output"));
	}
	json_end_object(&json);
	add_without_ids(&bench->said, buf_str(&text));
	buf_add(&bench->said, STR("\n"));
	return NULL;
}

static void
bench_open(struct bench *bench, const char *request)
{
	*bench = (struct bench){ .output = { .event = hear }, .arena = arena_new(MIB(16)) };
	bench->request = (struct api_request){ .arena = bench->arena, .body = str_of(request) };
	buf_init(&bench->said, bench->arena, MIB(1));
	assert_null(json_parse(bench->arena, bench->request.body, &bench->request.json));
	assert_null(responses_parse(&bench->request, bench->arena, &bench->ask));
	bench->encoder = arena_alloc(bench->arena, sizeof(*bench->encoder));
	assert_non_null(bench->encoder);
	assert_null(responses_encoder_init(bench->encoder, bench->ask, &bench->output));
}

static void
send(struct bench *bench, struct event event)
{
	assert_null(sink_send(&bench->encoder->base.sink, &event));
}

/* The end as the pipeline brings it; what waits for the commit is heard behind the rest. */
static void
bench_end(struct bench *bench, const struct err *err)
{
	struct str rest, frame;

	assert_null(bench->encoder->keep.gather(&bench->encoder->keep, err));
	rest = buf_str(&bench->encoder->tail);
	while (durable_next_event(&rest, &frame)) {
		struct str name = str_slice(frame, 7, str_find_byte(frame, '\n', 0));
		size_t data = str_find(frame, STR("\ndata: "), 0) + 7;

		assert_null(hear(&bench->output, name, str_slice(frame, data, frame.len - 2)));
	}
}

static void
check_said(struct bench *bench, const char *const *lines, size_t count)
{
	struct str rest = buf_str(&bench->said), line;

	for (size_t i = 0; i < count; i++) {
		assert_true(str_split(&rest, '\n', &line));
		assert_string_equal(arena_cstr(bench->arena, line), lines[i]);
	}
	assert_int_equal(rest.len, 0);
	arena_free(bench->arena);
}

#define SEQUENCE "\"sequence_number\":"
#define TEXT_PART(t) "{\"type\":\"output_text\",\"text\":\"" t "\",\"annotations\":[],\"logprobs\":[]}"
#define MESSAGE(status, parts) "{\"id\":\"msg_ID\",\"type\":\"message\",\"status\":\"" status "\",\"role\":\"assistant\",\"content\":[" parts "]}"
#define CALL(status, id, name, arguments)                                                                                                  \
	"{\"id\":\"fc_ID\",\"type\":\"function_call\",\"status\":\"" status "\",\"call_id\":\"" id "\",\"name\":\"" name                     \
	"\",\"arguments\":\"" arguments "\"}"

static const struct usage usage = { .input = 3, .output = 2, .known = true };

static void
a_text_is_announced_grows_and_is_closed(void **state)
{
	static const char *const lines[] = {
		"{\"type\":\"response.created\"," SEQUENCE "0,\"status\":\"in_progress\",\"output\":[]}",
		"{\"type\":\"response.in_progress\"," SEQUENCE "1,\"status\":\"in_progress\",\"output\":[]}",
		"{\"type\":\"response.output_item.added\"," SEQUENCE "2,\"output_index\":0,\"item\":" MESSAGE("in_progress", "") "}",
		"{\"type\":\"response.content_part.added\"," SEQUENCE "3,\"item_id\":\"msg_ID\",\"output_index\":0,\"content_index\":0,\"part\":" TEXT_PART("") "}",
		"{\"type\":\"response.output_text.delta\"," SEQUENCE "4,\"item_id\":\"msg_ID\",\"output_index\":0,\"content_index\":0,\"delta\":\"Hel\",\"logprobs\":[]}",
		"{\"type\":\"response.output_text.delta\"," SEQUENCE "5,\"item_id\":\"msg_ID\",\"output_index\":0,\"content_index\":0,\"delta\":\"lo\",\"logprobs\":[]}",
		"{\"type\":\"response.output_text.done\"," SEQUENCE "6,\"item_id\":\"msg_ID\",\"output_index\":0,\"content_index\":0,\"text\":\"Hello\",\"logprobs\":[]}",
		"{\"type\":\"response.content_part.done\"," SEQUENCE "7,\"item_id\":\"msg_ID\",\"output_index\":0,\"content_index\":0,\"part\":" TEXT_PART("Hello") "}",
		"{\"type\":\"response.output_item.done\"," SEQUENCE "8,\"output_index\":0,\"item\":" MESSAGE("completed", TEXT_PART("Hello")) "}",
		"{\"type\":\"response.completed\"," SEQUENCE "9,\"status\":\"completed\",\"output\":[" MESSAGE("completed", TEXT_PART("Hello")) "]}",
	};
	struct bench bench;

	(void)state;
	bench_open(&bench, "{\"model\":\"m\",\"input\":\"hi\",\"stream\":true,\"store\":false}");
	send(&bench, (struct event){ .type = EVENT_START });
	send(&bench, (struct event){ .type = EVENT_TEXT, .text = STR("Hel") });
	send(&bench, (struct event){ .type = EVENT_TEXT, .text = STR("lo") });
	send(&bench, (struct event){ .type = EVENT_FINISH, .finish = FINISH_STOP, .last = true });
	send(&bench, (struct event){ .type = EVENT_USAGE, .usage = &usage, .last = true });
	bench_end(&bench, NULL);
	check_said(&bench, lines, COUNT(lines));
}

static void
tool_calls_that_interleave_are_told_one_after_the_other(void **state)
{
	static const char *const lines[] = {
		"{\"type\":\"response.output_item.added\"," SEQUENCE "2,\"output_index\":0,\"item\":" CALL("in_progress", "c0", "f", "") "}",
		"{\"type\":\"response.function_call_arguments.delta\"," SEQUENCE "3,\"item_id\":\"fc_ID\",\"output_index\":0,\"delta\":\"{\\\"a\\\"\"}",
		"{\"type\":\"response.function_call_arguments.delta\"," SEQUENCE "4,\"item_id\":\"fc_ID\",\"output_index\":0,\"delta\":\":1}\"}",
		"{\"type\":\"response.function_call_arguments.done\"," SEQUENCE "5,\"item_id\":\"fc_ID\",\"output_index\":0,\"name\":\"f\",\"arguments\":\"{\\\"a\\\":1}\"}",
		"{\"type\":\"response.output_item.done\"," SEQUENCE "6,\"output_index\":0,\"item\":" CALL("completed", "c0", "f", "{\\\"a\\\":1}") "}",
		"{\"type\":\"response.output_item.added\"," SEQUENCE "7,\"output_index\":1,\"item\":" CALL("in_progress", "c1", "g", "") "}",
		"{\"type\":\"response.function_call_arguments.delta\"," SEQUENCE "8,\"item_id\":\"fc_ID\",\"output_index\":1,\"delta\":\"{}\"}",
		"{\"type\":\"response.function_call_arguments.done\"," SEQUENCE "9,\"item_id\":\"fc_ID\",\"output_index\":1,\"name\":\"g\",\"arguments\":\"{}\"}",
		"{\"type\":\"response.output_item.done\"," SEQUENCE "10,\"output_index\":1,\"item\":" CALL("completed", "c1", "g", "{}") "}",
		"{\"type\":\"response.completed\"," SEQUENCE "11,\"status\":\"completed\",\"output\":[" CALL("completed", "c0", "f", "{\\\"a\\\":1}") "," CALL(
			"completed", "c1", "g", "{}") "]}",
	};
	struct bench bench;

	(void)state;
	bench_open(&bench, "{\"model\":\"m\",\"input\":\"hi\",\"stream\":true,\"store\":false}");
	send(&bench, (struct event){ .type = EVENT_START });
	buf_clear(&bench.said);
	send(&bench, (struct event){ .type = EVENT_TOOL_CALL, .item = 0, .id = STR("c0"), .name = STR("f") });
	send(&bench, (struct event){ .type = EVENT_ARGUMENTS, .item = 0, .text = STR("{\"a\"") });
	send(&bench, (struct event){ .type = EVENT_TOOL_CALL, .item = 1, .id = STR("c1"), .name = STR("g") });
	send(&bench, (struct event){ .type = EVENT_ARGUMENTS, .item = 1, .text = STR("{}") });
	send(&bench, (struct event){ .type = EVENT_ARGUMENTS, .item = 0, .text = STR(":1}") });
	send(&bench, (struct event){ .type = EVENT_FINISH, .finish = FINISH_TOOL_CALLS, .last = true });
	bench_end(&bench, NULL);
	check_said(&bench, lines, COUNT(lines));
}

static void
reasoning_comes_as_a_summary_where_one_is_asked_for_and_goes_before_the_text(void **state)
{
#define REASONING "{\"id\":\"rs_ID\",\"type\":\"reasoning\",\"summary\":[{\"type\":\"summary_text\",\"text\":\"so\"}],\"encrypted_content\":\"sig\"}"
	static const char *const lines[] = {
		"{\"type\":\"response.output_item.added\"," SEQUENCE "2,\"output_index\":0,\"item\":{\"id\":\"rs_ID\",\"type\":\"reasoning\",\"summary\":[]}}",
		"{\"type\":\"response.reasoning_summary_part.added\"," SEQUENCE
		"3,\"item_id\":\"rs_ID\",\"output_index\":0,\"summary_index\":0,\"part\":{\"type\":\"summary_text\",\"text\":\"\"}}",
		"{\"type\":\"response.reasoning_summary_text.delta\"," SEQUENCE "4,\"item_id\":\"rs_ID\",\"output_index\":0,\"summary_index\":0,\"delta\":\"so\"}",
		"{\"type\":\"response.reasoning_summary_text.done\"," SEQUENCE "5,\"item_id\":\"rs_ID\",\"output_index\":0,\"summary_index\":0,\"text\":\"so\"}",
		"{\"type\":\"response.reasoning_summary_part.done\"," SEQUENCE
		"6,\"item_id\":\"rs_ID\",\"output_index\":0,\"summary_index\":0,\"part\":{\"type\":\"summary_text\",\"text\":\"so\"}}",
		"{\"type\":\"response.output_item.done\"," SEQUENCE "7,\"output_index\":0,\"item\":" REASONING "}",
		"{\"type\":\"response.output_item.added\"," SEQUENCE "8,\"output_index\":1,\"item\":" MESSAGE("in_progress", "") "}",
		"{\"type\":\"response.content_part.added\"," SEQUENCE
		"9,\"item_id\":\"msg_ID\",\"output_index\":1,\"content_index\":0,\"part\":{\"type\":\"refusal\",\"refusal\":\"\"}}",
		"{\"type\":\"response.refusal.delta\"," SEQUENCE "10,\"item_id\":\"msg_ID\",\"output_index\":1,\"content_index\":0,\"delta\":\"no\"}",
		"{\"type\":\"response.refusal.done\"," SEQUENCE "11,\"item_id\":\"msg_ID\",\"output_index\":1,\"content_index\":0,\"refusal\":\"no\"}",
		"{\"type\":\"response.content_part.done\"," SEQUENCE
		"12,\"item_id\":\"msg_ID\",\"output_index\":1,\"content_index\":0,\"part\":{\"type\":\"refusal\",\"refusal\":\"no\"}}",
		"{\"type\":\"response.output_item.done\"," SEQUENCE "13,\"output_index\":1,\"item\":" MESSAGE("incomplete", "{\"type\":\"refusal\",\"refusal\":\"no\"}") "}",
		"{\"type\":\"response.incomplete\"," SEQUENCE "14,\"status\":\"incomplete\",\"output\":[" REASONING "," MESSAGE("incomplete",
			"{\"type\":\"refusal\",\"refusal\":\"no\"}") "]}",
	};
	struct bench bench;

	(void)state;
	bench_open(&bench, "{\"model\":\"m\",\"input\":\"hi\",\"stream\":true,\"store\":false,\"reasoning\":{\"summary\":\"auto\"},\"include\":[\"reasoning.encrypted_content\"]}");
	send(&bench, (struct event){ .type = EVENT_START });
	buf_clear(&bench.said);
	send(&bench, (struct event){ .type = EVENT_REASONING, .text = STR("so") });
	send(&bench, (struct event){ .type = EVENT_SIGNATURE, .text = STR("sig") });
	send(&bench, (struct event){ .type = EVENT_REFUSAL, .text = STR("no") });
	send(&bench, (struct event){ .type = EVENT_FINISH, .finish = FINISH_CONTENT_FILTER, .last = true });
	bench_end(&bench, NULL);
	check_said(&bench, lines, COUNT(lines));
}

static void
a_failure_ends_with_what_was_said_and_never_cleanly(void **state)
{
	static const char *const lines[] = {
		"{\"type\":\"response.failed\"," SEQUENCE "5,\"status\":\"failed\",\"output\":[" MESSAGE("incomplete", TEXT_PART("Hel")) "]}",
	};
	struct bench bench;

	(void)state;
	bench_open(&bench, "{\"model\":\"m\",\"input\":\"hi\",\"stream\":true,\"store\":false}");
	send(&bench, (struct event){ .type = EVENT_START });
	send(&bench, (struct event){ .type = EVENT_TEXT, .text = STR("Hel") });
	buf_clear(&bench.said);
	bench_end(&bench, err_new(bench.arena, ERR_UPSTREAM, "it broke off"));
	assert_true(str_eq_c(bench.encoder->state.error, "{\"code\":\"server_error\",\"message\":\"it broke off\"}"));
	check_said(&bench, lines, COUNT(lines));
}

static void
an_end_that_could_not_be_committed_is_taken_back(void **state)
{
	struct bench bench;
	struct str tail;

	(void)state;
	bench_open(&bench, "{\"model\":\"m\",\"input\":\"hi\",\"stream\":true,\"store\":false}");
	send(&bench, (struct event){ .type = EVENT_START });
	send(&bench, (struct event){ .type = EVENT_TEXT, .text = STR("Hel") });
	send(&bench, (struct event){ .type = EVENT_FINISH, .finish = FINISH_STOP, .last = true });
	assert_null(bench.encoder->keep.gather(&bench.encoder->keep, NULL));
	assert_int_equal(bench.encoder->sequence, 9);
	assert_null(bench.encoder->keep.gather(&bench.encoder->keep, &err_internal));
	tail = buf_str(&bench.encoder->tail);
	assert_true(str_starts(tail, STR("event: response.failed\ndata: {\"type\":\"response.failed\",\"sequence_number\":5,")));
	assert_int_equal(str_find(tail, STR("response.completed"), 0), SIZE_MAX);
	arena_free(bench.arena);
}

static const struct err *
parse(struct arena *arena, const char *text, struct responses_ask **out)
{
	struct api_request *request = arena_zalloc(arena, sizeof(*request));

	request->arena = arena;
	request->body = str_of(text);
	assert_null(json_parse(arena, request->body, &request->json));
	return responses_parse(request, arena, out);
}

static void
items_become_messages(void **state)
{
	struct arena *arena = arena_new(MIB(4));
	struct responses_ask *ask;
	const struct message *message;

	(void)state;
	assert_null(parse(arena,
		"{\"model\":\"m\",\"instructions\":\"sys\",\"input\":[{\"role\":\"user\",\"content\":\"q\"},"
		"{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[{\"type\":\"summary_text\",\"text\":\"think\"}],\"encrypted_content\":\"sig\"},"
		"{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"f\",\"arguments\":\"{}\"},"
		"{\"type\":\"function_call_output\",\"call_id\":\"c\",\"output\":[{\"type\":\"input_text\",\"text\":\"r\"}]}]}",
		&ask));
	message = ask->call->messages;
	assert_int_equal(message->role, ROLE_SYSTEM);
	message = message->next;
	assert_int_equal(message->role, ROLE_USER);
	message = message->next;
	assert_true(message->role == ROLE_ASSISTANT && message->parts->type == PART_REASONING && str_eq_c(message->parts->text, "think"));
	assert_true(str_eq_c(message->parts->signature, "sig"));
	message = message->next;
	assert_true(message->parts->type == PART_TOOL_CALL && str_eq_c(message->parts->id, "c"));
	message = message->next;
	assert_true(message->role == ROLE_TOOL && str_eq_c(message->parts->text, "r") && !message->parts->parts);
	assert_int_equal(ask->item_count, 4);
	assert_true(str_eq_c(ask->items[0].body,
		"{\"type\":\"message\",\"status\":\"completed\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"q\"}]}"));
	assert_true(str_eq_c(ask->items[1].id, "rs_1"));
	arena_free(arena);
}

static void
what_cannot_be_done_is_refused_by_name(void **state)
{
	static const struct {
		const char *request, *param;
		enum err_kind kind;
	} cases[] = {
		{ "{\"model\":\"m\",\"input\":\"x\",\"tools\":[{\"type\":\"web_search\"}]}", "tools", ERR_UNSUPPORTED },
		{ "{\"model\":\"m\",\"input\":\"x\",\"prompt\":{\"id\":\"p\"}}", "prompt", ERR_UNSUPPORTED },
		{ "{\"model\":\"m\",\"input\":\"x\",\"tomorrow\":1}", "tomorrow", ERR_UNSUPPORTED },
		{ "{\"model\":\"m\",\"input\":[{\"type\":\"computer_call\"}]}", "input[0].type", ERR_UNSUPPORTED },
		{ "{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"x\"}]}]}", "input[0].content", ERR_UNSUPPORTED },
		{ "{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":[{\"text\":\"x\"}]}]}", "input[0].content", ERR_INVALID },
		{ "{\"model\":\"m\",\"input\":[{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"f\",\"arguments\":\"{}\",\"namespace\":\"n\"}]}", "input[0].namespace", ERR_UNSUPPORTED },
		{ "{\"model\":\"m\",\"input\":\"x\",\"tools\":[{\"type\":\"function\",\"name\":\"f\",\"defer_loading\":true}]}", "tools[0].defer_loading", ERR_UNSUPPORTED },
		{ "{\"model\":\"m\",\"input\":\"x\",\"reasoning\":{\"context\":\"all_turns\"}}", "reasoning.context", ERR_UNSUPPORTED },
		{ "{\"model\":\"m\",\"input\":\"x\",\"truncation\":\"auto\"}", "truncation", ERR_UNSUPPORTED },
		{ "{\"model\":\"m\",\"input\":\"x\",\"tool_choice\":\"required\"}", "tool_choice", ERR_INVALID },
		{ "{\"model\":\"m\",\"input\":\"x\",\"tools\":[{\"type\":\"function\",\"name\":\"f\"}],\"tool_choice\":{\"type\":\"function\",\"name\":\"g\"}}", "tool_choice", ERR_INVALID },
		{ "{\"model\":\"m\"}", "input", ERR_INVALID },
		{ "{\"input\":\"x\"}", "model", ERR_INVALID },
		{ "{\"model\":\"m\",\"input\":\"x\",\"background\":true,\"store\":false}", "background", ERR_INVALID },
		{ "{\"model\":\"m\",\"input\":\"x\",\"conversation\":\"c\",\"previous_response_id\":\"r\"}", "previous_response_id", ERR_INVALID },
		{ "{\"model\":\"m\",\"input\":\"x\",\"text\":{\"format\":{\"type\":\"json_schema\"}}}", "text.format", ERR_INVALID },
		{ "{\"model\":\"m\",\"input\":\"x\",\"tool_choice\":{\"type\":\"file_search\"}}", "tool_choice", ERR_INVALID },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct arena *arena = arena_new(MIB(4));
		struct responses_ask *ask;
		const struct err *err = parse(arena, cases[i].request, &ask);

		assert_non_null(err);
		assert_int_equal(err->kind, cases[i].kind);
		assert_string_equal(arena_cstr(arena, err->param), cases[i].param);
		arena_free(arena);
	}
}

static void
frames_are_numbered_and_taken_apart(void **state)
{
	struct str rest = STR("event: a\ndata: {\"type\":\"a\",\"sequence_number\":7}\n\nevent: response.failed\ndata: {}\n\nevent: cut"), frame;

	(void)state;
	assert_true(durable_next_event(&rest, &frame));
	assert_int_equal(responses_frame_number(frame), 7);
	assert_false(responses_frame_is_last(frame));
	assert_true(durable_next_event(&rest, &frame));
	assert_int_equal(responses_frame_number(frame), -1);
	assert_true(responses_frame_is_last(frame));
	assert_false(durable_next_event(&rest, &frame));
}

/* A reader of the stream ends a line at each LF, CR and CRLF: none of them may end the data early. */
static void
data_of_several_lines_is_a_line_of_data_each(void **state)
{
	static const struct {
		const char *data, *frame;
	} rows[] = {
		{ "{}", "event: e\ndata: {}\n\n" },
		{ "{\n1}", "event: e\ndata: {\ndata: 1}\n\n" },
		{ "{\r1\r\n2\n\r3}", "event: e\ndata: {\ndata: 1\ndata: 2\ndata: \ndata: 3}\n\n" },
		{ "{}\r\n", "event: e\ndata: {}\n\n" },
		{ "", "event: e\n\n" },
	};
	struct buf out;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		buf_init(&out, NULL, KIB(1));
		dialect_frame_add(&out, STR("e"), str_of(rows[i].data));
		assert_true(str_eq_c(buf_str(&out), rows[i].frame));
		buf_fini(&out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_text_is_announced_grows_and_is_closed),
		cmocka_unit_test(tool_calls_that_interleave_are_told_one_after_the_other),
		cmocka_unit_test(reasoning_comes_as_a_summary_where_one_is_asked_for_and_goes_before_the_text),
		cmocka_unit_test(a_failure_ends_with_what_was_said_and_never_cleanly),
		cmocka_unit_test(an_end_that_could_not_be_committed_is_taken_back),
		cmocka_unit_test(items_become_messages),
		cmocka_unit_test(what_cannot_be_done_is_refused_by_name),
		cmocka_unit_test(frames_are_numbered_and_taken_apart),
		cmocka_unit_test(data_of_several_lines_is_a_line_of_data_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
