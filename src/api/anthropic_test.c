/*
 * anthropic_test.c - Anthropic's dialect without its sockets: requests to the inner form, and events to frames, as published.
 */
#include "base/test_arena.h"

#include "api/anthropic.h"

/* --- requests --- */

/* The call of a request whose members are `more` beside model and max_tokens. */
static const struct err *
parse(const char *more, struct call **call)
{
	struct str text = arena_printf(arena, "{\"model\":\"m\",\"max_tokens\":9,%s}", more);
	const struct json *json;

	assert_null(json_parse(arena, text, &json));
	return anthropic_parse(arena, json, text, true, call);
}

#define HI "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
#define CONTENT(role, blocks) "\"messages\":[{\"role\":\"" role "\",\"content\":[" blocks "]}]"

static struct call *
parsed(const char *more)
{
	struct call *call;

	assert_null(parse(more, &call));
	return call;
}

static void
system_prompt_is_the_first_message(void **state)
{
	struct call *call = parsed("\"system\":[{\"type\":\"text\",\"text\":\"a\",\"cache_control\":{\"type\":\"ephemeral\"}},{\"type\":\"text\",\"text\":\"b\"}]," HI);

	(void)state;
	assert_int_equal(call->messages->role, ROLE_SYSTEM);
	assert_null(call->messages->raw);
	assert_non_null(call->messages->parts->cache);
	assert_true(str_eq_c(call->messages->parts->next->text, "b"));
	assert_int_equal(call->messages->next->role, ROLE_USER);
	assert_non_null(call->messages->next->raw);
	assert_null(call->messages->next->next);
	assert_true(str_eq_c(parsed("\"system\":\"s\"," HI)->messages->parts->text, "s"));
}

static void
a_tool_result_keeps_text_images_and_failure(void **state)
{
	struct part *part = parsed(CONTENT("user",
		"{\"type\":\"tool_result\",\"tool_use_id\":\"t\",\"is_error\":true,\"content\":[{\"type\":\"text\",\"text\":\"a\"},"
		"{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":\"AAAA\"}},{\"type\":\"text\",\"text\":\"b\"}]}"))
				->messages->parts;

	(void)state;
	assert_int_equal(part->type, PART_TOOL_RESULT);
	assert_true(part->failed && str_eq_c(part->id, "t") && str_eq_c(part->text, "a\nb"));
	assert_int_equal(part->parts->next->type, PART_IMAGE);
	assert_true(str_eq_c(part->parts->next->url, "data:image/png;base64,AAAA"));
	part = parsed(CONTENT("user", "{\"type\":\"tool_result\",\"tool_use_id\":\"t\",\"content\":[{\"type\":\"text\",\"text\":\"only\"}]}"))->messages->parts;
	assert_null(part->parts); /* one text is all there is to it */
	assert_true(str_eq_c(part->text, "only"));
}

static void
thinking_keeps_its_signature_and_unsigned_thinking_changes_the_call(void **state)
{
	struct call *call = parsed(CONTENT("assistant",
		"{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"s\"},{\"type\":\"redacted_thinking\",\"data\":\"d\"},"
		"{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\":{\"x\":[1]}}"));
	struct part *part = call->messages->parts;

	(void)state;
	assert_false(call->changed);
	assert_true(str_eq_c(part->text, "hm") && str_eq_c(part->signature, "s"));
	assert_true(!part->next->text.ptr && str_eq_c(part->next->signature, "d"));
	assert_true(str_eq_c(part->next->next->text, "{\"x\":[1]}"));
	assert_true(parsed(CONTENT("assistant", "{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"\"}"))->changed);
}

static void
what_only_anthropic_can_do_is_noted_by_its_name(void **state)
{
	static const char *const cases[][2] = {
		{ HI, "" },
		{ "\"metadata\":{\"user_id\":\"u\"},\"cache_control\":{\"type\":\"ephemeral\"},\"service_tier\":\"auto\"," HI, "" },
		{ "\"tomorrow\":1," HI, "tomorrow" },
		{ "\"tomorrow\":null," HI, "" },
		{ "\"tools\":[{\"type\":\"web_search_20250305\",\"name\":\"web_search\"}]," HI, "tools.0 (web_search_20250305, a tool of Anthropic's)" },
		{ CONTENT("assistant", "{\"type\":\"server_tool_use\"}"), "messages.0.content.0 (server_tool_use)" },
		{ CONTENT("user", "{\"type\":\"document\",\"source\":{\"type\":\"text\",\"data\":\"x\"},\"citations\":{\"enabled\":true}}"), "messages.0.content.0 (citations)" },
		{ CONTENT("user", "{\"type\":\"image\",\"source\":{\"type\":\"file\",\"file_id\":\"f\"}}"), "messages.0.content.0 (a file kept at Anthropic)" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(arena_cstr(arena, parsed(cases[i][0])->extra), cases[i][1]);
}

static void
settings_reach_the_inner_form(void **state)
{
	struct call *call = parsed("\"temperature\":0.5,\"top_k\":3,\"stop_sequences\":[\"a\",\"b\"],\"stream\":true,\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2000},"
				   "\"output_config\":{\"effort\":\"high\",\"format\":{\"type\":\"json_schema\",\"schema\":{\"type\":\"object\",\"additionalProperties\":false,"
				   "\"required\":[\"a\"],\"properties\":{\"a\":{\"type\":\"string\"}}}}},\"tool_choice\":{\"type\":\"tool\",\"name\":\"f\",\"disable_parallel_tool_use\":true},"
				   "\"tools\":[{\"name\":\"f\",\"description\":\"d\",\"input_schema\":{\"type\":\"object\"}}],\"metadata\":{\"user_id\":\"u\"}," HI);

	(void)state;
	assert_true(call->stream && call->tokens_max == 9 && call->top_k == 3 && call->stop_count == 2 && call->reasoning_tokens == 2000);
	assert_true(str_eq_c(call->reasoning_effort, "high") && call->format == FORMAT_JSON_SCHEMA && call->schema_strict);
	assert_true(call->tool_choice == TOOL_CHOICE_NAMED && str_eq_c(call->tool_named, "f") && call->parallel_tools_off);
	assert_true(str_eq_c(call->tools->description, "d") && !call->tools->hosted && str_eq_c(call->user, "u"));
}

static void
mistakes_are_named_by_their_place(void **state)
{
	static const char *const cases[][2] = {
		{ "\"messages\":[]", "messages" },
		{ "\"messages\":[{\"role\":\"tool\",\"content\":\"x\"}]", "messages.0.role" },
		{ "\"messages\":[{\"role\":\"user\"}]", "messages.0.content" },
		{ CONTENT("user", "{\"type\":\"text\",\"text\":\"a\"},7"), "messages.0.content.1" },
		{ CONTENT("assistant", "{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\":\"{}\"}"), "messages.0.content.0" },
		{ CONTENT("assistant", "{\"type\":\"redacted_thinking\"}"), "messages.0.content.0" },
		{ "\"tools\":[{\"input_schema\":{}}]," HI, "tools.0.name" },
		{ "\"tool_choice\":{\"type\":\"tool\"}," HI, "tool_choice" },
		{ "\"stop_sequences\":[1]," HI, "stop_sequences" },
		{ "\"stream\":\"yes\"," HI, "stream" },
		{ "\"top_p\":2," HI, "top_p" },
		{ "\"top_k\":1.5," HI, "top_k" },
		{ "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1024.5}," HI, "thinking.budget_tokens" },
	};
	struct call *call;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct err *err = parse(cases[i][0], &call);

		assert_non_null(err);
		assert_int_equal(err->kind, ERR_INVALID);
		assert_string_equal(arena_cstr(arena, err->param), cases[i][1]);
	}
}

/* --- answers --- */

/* The frames of some events, each data line without its type: the name, then the rest of the JSON. */
static const char *
frames_of(const struct call *call, const struct event *events, size_t count)
{
	struct anthropic_answer *answer = arena_zalloc(arena, sizeof(*answer));
	struct buf frames, short_form;
	struct str rest, line;

	buf_init(&frames, arena, MIB(1));
	buf_init(&short_form, arena, MIB(1));
	anthropic_answer_init(answer, arena, call);
	answer->cited = call->passages != NULL;
	for (size_t i = 0; i < count; i++)
		(events[i].framed ? anthropic_frames_pass : anthropic_frames_add)(answer, &events[i], &frames);
	anthropic_frames_end(answer, &frames);
	assert_false(frames.failed);
	rest = buf_str(&frames);
	while (str_split(&rest, '\n', &line)) {
		if (str_starts(line, STR("event: ")))
			buf_printf(&short_form, "%" STR_F, STR_A(str_slice(line, 7, line.len)));
		else if (str_starts(line, STR("data: "))) /* {"type":"NAME","index":… */
			buf_printf(&short_form, "%" STR_F "\n", STR_A(str_slice(line, str_find_byte(line, ',', 0), line.len - 1)));
	}
	return arena_cstr(arena, buf_str(&short_form));
}

#define FRAMES(call, ...) frames_of(call, (const struct event[]){ __VA_ARGS__ }, COUNT(((const struct event[]){ __VA_ARGS__ })))
#define START { .type = EVENT_START, .id = STR_INIT("msg_1"), .model = STR_INIT("m") }
#define TEXT(what) { .type = EVENT_TEXT, .text = STR_INIT(what) }
#define CALL(number, call_id) { .type = EVENT_TOOL_CALL, .item = number, .id = STR_INIT(call_id), .name = STR_INIT("f") }
#define ARGUMENTS(number, json) { .type = EVENT_ARGUMENTS, .item = number, .text = STR_INIT(json) }
#define FINISH(why) { .type = EVENT_FINISH, .finish = why }

#define STARTED "message_start,\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null," \
	"\"usage\":{\"input_tokens\":3,\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":0}}\n"
#define OPENED(index, block) "content_block_start,\"index\":" index ",\"content_block\":" block "\n"
#define ADDED(index, delta) "content_block_delta,\"index\":" index ",\"delta\":{" delta "}\n"
#define CLOSED(index) "content_block_stop,\"index\":" index "\n"
#define TEXT_BLOCK "{\"type\":\"text\",\"text\":\"\"}"
#define TOOL_BLOCK(id) "{\"type\":\"tool_use\",\"id\":\"" id "\",\"name\":\"f\",\"input\":{}}"
#define PIECE(index, json) ADDED(index, "\"type\":\"input_json_delta\",\"partial_json\":\"" json "\"")
#define ENDED(reason, usage) "message_delta,\"delta\":{\"stop_reason\":\"" reason "\",\"stop_sequence\":null},\"usage\":{" usage "}\nmessage_stop\n"
#define PING "ping\n"
#define WORDS(index, text) ADDED(index, "\"type\":\"text_delta\",\"text\":\"" text "\"")
#define NO_USAGE(output) "\"input_tokens\":3,\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":" output

static void
text_is_one_block(void **state)
{
	struct usage usage = { .input = 10, .cached_input = 4, .cache_write = 3, .cache_write_1h = 2, .output = 3, .reasoning = 2, .known = true };
	struct call call = { 0 };

	(void)state;
	assert_string_equal(FRAMES(&call, START, TEXT("Hel"), TEXT("lo"), FINISH(FINISH_STOP), { .type = EVENT_USAGE, .usage = &usage }),
		STARTED OPENED("0", TEXT_BLOCK) PING ADDED("0", "\"type\":\"text_delta\",\"text\":\"Hel\"") ADDED("0", "\"type\":\"text_delta\",\"text\":\"lo\"") CLOSED("0")
			ENDED("end_turn", "\"input_tokens\":3,\"cache_creation_input_tokens\":3,\"cache_read_input_tokens\":4,"
					  "\"cache_creation\":{\"ephemeral_5m_input_tokens\":1,\"ephemeral_1h_input_tokens\":2},\"output_tokens\":3,\"output_tokens_details\":{\"thinking_tokens\":2}"));
}

static void
parallel_calls_stream_one_after_the_other(void **state)
{
	struct call call = { 0 };

	(void)state;
	assert_string_equal(FRAMES(&call, START, TEXT("ok"), CALL(0, "a"), ARGUMENTS(0, "{\"x\":"), ARGUMENTS(0, "\"}\"}"), CALL(1, "b"), ARGUMENTS(1, "{}"), FINISH(FINISH_TOOL_CALLS)),
		STARTED OPENED("0", TEXT_BLOCK) PING WORDS("0", "ok") CLOSED("0") OPENED("1", TOOL_BLOCK("a")) PIECE("1", "{\\\"x\\\":") PIECE("1", "\\\"}\\\"}") CLOSED("1")
			OPENED("2", TOOL_BLOCK("b")) PIECE("2", "{}") CLOSED("2") ENDED("tool_use", NO_USAGE("5")));
}

static void
interleaved_calls_are_held_back(void **state)
{
	struct call call = { 0 };

	(void)state;
	assert_string_equal(FRAMES(&call, START, CALL(0, "a"), CALL(1, "b"), CALL(2, "c"), ARGUMENTS(1, "{\"y\":"), ARGUMENTS(0, "{"), ARGUMENTS(1, "2}"), ARGUMENTS(2, "{}"), ARGUMENTS(0, "}"),
				    FINISH(FINISH_TOOL_CALLS)),
		STARTED OPENED("0", TOOL_BLOCK("a")) PING PIECE("0", "{") PIECE("0", "}") CLOSED("0") OPENED("1", TOOL_BLOCK("b")) PIECE("1", "{\\\"y\\\":2}") CLOSED("1")
			OPENED("2", TOOL_BLOCK("c")) PIECE("2", "{}") CLOSED("2") ENDED("tool_use", NO_USAGE("6")));
}

static void
calls_of_one_number_are_told_apart_by_their_ids(void **state)
{
	struct call call = { 0 };

	(void)state;
	assert_string_equal(FRAMES(&call, START, CALL(0, "a"), CALL(0, "a"), CALL(0, "b"), ARGUMENTS(0, "{}"), FINISH(FINISH_STOP)),
		STARTED OPENED("0", TOOL_BLOCK("a")) PING CLOSED("0") OPENED("1", TOOL_BLOCK("b")) PIECE("1", "{}") CLOSED("1") ENDED("tool_use", NO_USAGE("1")));
}

static void
thoughts_carry_their_signatures(void **state)
{
	struct call call = { 0 };

	(void)state;
	assert_string_equal(FRAMES(&call, START, { .type = EVENT_REASONING, .text = STR_INIT("hm") }, { .type = EVENT_SIGNATURE, .text = STR_INIT("s1") },
				    { .type = EVENT_REASONING, .text = STR_INIT("") }, { .type = EVENT_SIGNATURE, .text = STR_INIT("s2") },
				    { .type = EVENT_SIGNATURE, .text = STR_INIT("data") }, TEXT("a"), FINISH(FINISH_STOP)),
		STARTED OPENED("0", "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}") PING ADDED("0", "\"type\":\"thinking_delta\",\"thinking\":\"hm\"")
			ADDED("0", "\"type\":\"signature_delta\",\"signature\":\"s1\"") CLOSED("0") OPENED("1", "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}")
				ADDED("1", "\"type\":\"signature_delta\",\"signature\":\"s2\"") CLOSED("1") OPENED("2", "{\"type\":\"redacted_thinking\",\"data\":\"data\"}")
					CLOSED("2") OPENED("3", TEXT_BLOCK) WORDS("3", "a") CLOSED("3") ENDED("end_turn", NO_USAGE("2")));
}

static void
citations_come_into_the_text_they_belong_to(void **state)
{
	struct context_passage passage = { .text = STR("passage"), .title = STR("T"), .url = STR("http://x") };
	struct passage_list passages = { &passage, 1, STR("q"), false };
	struct citation citation = { .url = passage.url, .title = passage.title, .passage = &passage };
	struct call call = { .passages = &passages };

	(void)state;
	assert_string_equal(FRAMES(&call, START, TEXT("a [1]"), CALL(0, "a"), ARGUMENTS(0, "{}"), { .type = EVENT_CITATION, .citation = &citation }, FINISH(FINISH_TOOL_CALLS)),
		STARTED OPENED("0", TEXT_BLOCK) PING WORDS("0", "a [1]")
			ADDED("0", "\"type\":\"citations_delta\",\"citation\":{\"type\":\"search_result_location\",\"cited_text\":\"passage\",\"search_result_index\":0,"
				   "\"source\":\"http://x\",\"title\":\"T\",\"start_block_index\":0,\"end_block_index\":1}")
				CLOSED("0") OPENED("1", TOOL_BLOCK("a")) PIECE("1", "{}") CLOSED("1") ENDED("tool_use", NO_USAGE("3")));
}

#define PASSED(what, kind, json) { .type = what, .framed = true, .frame_name = STR_INIT(kind), .frame = STR_INIT("{\"type\":\"" kind "\"," json "}") }
#define PASSED_START PASSED(EVENT_START, "message_start", "\"message\":{}")
#define PASSED_OPENING(json) PASSED(EVENT_OTHER, "content_block_start", json)

static void
an_answer_that_began_in_frames_goes_on_in_its_text(void **state)
{
	struct usage usage = { .input = 1, .output = 2, .known = true };
	struct call call = { 0 };

	(void)state;
	assert_string_equal(FRAMES(&call, PASSED_START, PASSED_OPENING("\"thought\":0"), PASSED(EVENT_OTHER, "content_block_stop", "\"index\":0"), PASSED_OPENING("\"index\":1"),
				    PASSED(EVENT_TEXT, "content_block_delta", "\"text\":1"), TEXT("go on"), { .type = EVENT_OTHER }, TEXT("!"), FINISH(FINISH_STOP),
				    { .type = EVENT_USAGE, .usage = &usage }),
		"message_start,\"message\":{}\ncontent_block_start,\"thought\":0\n" CLOSED("0") "content_block_start,\"index\":1\ncontent_block_delta,\"text\":1\n" WORDS("1", "go on")
			WORDS("1", "!") CLOSED("1") ENDED("end_turn", "\"input_tokens\":1,\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":2"));
}

static void
a_block_that_frames_left_open_is_closed_before_another_kind(void **state)
{
	struct call call = { 0 };

	(void)state;
	assert_string_equal(FRAMES(&call, PASSED_START, PASSED_OPENING("\"thought\":0"), TEXT("a"), FINISH(FINISH_STOP)),
		"message_start,\"message\":{}\ncontent_block_start,\"thought\":0\n" CLOSED("0") OPENED("1", TEXT_BLOCK) PING WORDS("1", "a") CLOSED("1")
			ENDED("end_turn", NO_USAGE("1")));
	assert_string_equal(FRAMES(&call, PASSED_START, PASSED_OPENING("\"index\":0"), PASSED(EVENT_TEXT, "content_block_delta", "\"text\":1"), FINISH(FINISH_LENGTH)),
		"message_start,\"message\":{}\ncontent_block_start,\"index\":0\ncontent_block_delta,\"text\":1\n" CLOSED("0") ENDED("max_tokens", NO_USAGE("0")));
}

static void
an_end_in_frames_is_not_written_twice(void **state)
{
	struct call call = { 0 };

	(void)state;
	assert_string_equal(FRAMES(&call, PASSED_START, PASSED(EVENT_FINISH, "message_delta", "\"delta\":{}"), PASSED(EVENT_OTHER, "message_stop", "\"x\":1")),
		"message_start,\"message\":{}\nmessage_delta,\"delta\":{}\nmessage_stop,\"x\":1\n");
	assert_string_equal(FRAMES(&call, PASSED_START, PASSED(EVENT_FINISH, "message_delta", "\"delta\":{}")),
		"message_start,\"message\":{}\nmessage_delta,\"delta\":{}\nmessage_stop\n"); /* but one that is missing is */
}

static void
reasons_are_anthropics(void **state)
{
	static const struct {
		struct event finish;
		const char *reason;
	} cases[] = {
		{ FINISH(FINISH_STOP), "\"stop_reason\":\"end_turn\",\"stop_sequence\":null" },
		{ FINISH(FINISH_LENGTH), "\"stop_reason\":\"max_tokens\"" },
		{ FINISH(FINISH_CONTENT_FILTER), "\"stop_reason\":\"refusal\"" },
		{ { .type = EVENT_FINISH, .finish = FINISH_STOP, .stop = STR_INIT("##") }, "\"stop_reason\":\"stop_sequence\",\"stop_sequence\":\"##\"" },
		{ { .type = EVENT_FINISH, .finish = FINISH_STOP, .finish_text = STR_INIT("pause_turn") }, "\"stop_reason\":\"pause_turn\"" },
		{ { .type = EVENT_FINISH, .finish = FINISH_LENGTH, .finish_text = STR_INIT("model_context_window_exceeded") }, "\"stop_reason\":\"model_context_window_exceeded\"" },
	};
	struct call call = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_non_null(strstr(FRAMES(&call, START, TEXT("a"), cases[i].finish), cases[i].reason));
	assert_non_null(strstr(FRAMES(&call, START, { .type = EVENT_REFUSAL, .text = STR_INIT("no") }, FINISH(FINISH_STOP)), "\"stop_reason\":\"refusal\""));
}

static const struct err *
whole(enum finish finish, const char *arguments, const char **out)
{
	struct event events[] = { START, TEXT("a"), { .type = EVENT_TOOL_CALL, .id = STR("t"), .name = STR("f") }, { .type = EVENT_ARGUMENTS, .text = str_of(arguments) },
		{ .type = EVENT_FINISH, .finish = finish } };
	struct anthropic_answer *answer = arena_zalloc(arena, sizeof(*answer));
	struct call call = { 0 };
	const struct err *err;
	struct json_out json;
	struct buf body;

	anthropic_answer_init(answer, arena, &call);
	for (size_t i = 0; i < COUNT(events); i++)
		assert_null(anthropic_answer_take(answer, &events[i]));
	buf_init(&body, arena, MIB(1));
	json_out_init(&json, &body);
	err = anthropic_put_message(answer, &json);
	*out = arena_cstr(arena, buf_str(&body));
	return err;
}

static void
a_whole_message_has_its_blocks_in_order(void **state)
{
	const char *body;

	(void)state;
	assert_null(whole(FINISH_TOOL_CALLS, "{\"x\": 1}", &body));
	assert_string_equal(body, "{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},"
				  "{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\":{\"x\": 1}}],\"stop_reason\":\"tool_use\",\"stop_sequence\":null,"
				  "\"usage\":{\"input_tokens\":3,\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":3}}");
}

static void
arguments_that_are_no_object_never_become_bad_json(void **state)
{
	const char *body;

	(void)state;
	assert_int_equal(whole(FINISH_TOOL_CALLS, "{\"x\": ", &body)->kind, ERR_UPSTREAM);
	assert_int_equal(whole(FINISH_TOOL_CALLS, "{}}", &body)->kind, ERR_UPSTREAM);
	assert_null(whole(FINISH_LENGTH, "{\"x\": ", &body)); /* cut by the limit: the reason says so */
	assert_non_null(strstr(body, "\"input\":{}"));
	assert_null(whole(FINISH_TOOL_CALLS, "", &body));
	assert_non_null(strstr(body, "\"input\":{}"));
}

static void
errors_have_anthropics_types_and_statuses(void **state)
{
	static const struct {
		enum err_kind kind;
		const char *type;
		int status;
	} cases[] = { { ERR_INVALID, "invalid_request_error", 400 }, { ERR_UNSUPPORTED, "invalid_request_error", 400 }, { ERR_UNAUTHENTICATED, "authentication_error", 401 },
		{ ERR_QUOTA, "billing_error", 402 }, { ERR_FORBIDDEN, "permission_error", 403 }, { ERR_NOT_FOUND, "not_found_error", 404 }, { ERR_TOO_LARGE, "request_too_large", 413 },
		{ ERR_RATE_LIMITED, "rate_limit_error", 429 }, { ERR_UPSTREAM, "api_error", 500 }, { ERR_INTERNAL, "api_error", 500 }, { ERR_TIMEOUT, "timeout_error", 504 },
		{ ERR_UNAVAILABLE, "overloaded_error", 529 }, { ERR_BUSY, "overloaded_error", 529 } };

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct err *err = err_new(arena, cases[i].kind, "why");
		struct json_out json;
		struct buf body;

		buf_init(&body, arena, KIB(4));
		json_out_init(&json, &body);
		anthropic_errors.write(&json, err, STR("r1"));
		assert_string_equal(arena_cstr(arena, buf_str(&body)),
			arena_printf(arena, "{\"type\":\"error\",\"error\":{\"type\":\"%s\",\"message\":\"why\"},\"request_id\":\"r1\"}", cases[i].type).ptr);
		assert_int_equal(anthropic_errors.status(err), cases[i].status);
	}
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, open_arena, close_arena)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(system_prompt_is_the_first_message),
		TEST(a_tool_result_keeps_text_images_and_failure),
		TEST(thinking_keeps_its_signature_and_unsigned_thinking_changes_the_call),
		TEST(what_only_anthropic_can_do_is_noted_by_its_name),
		TEST(settings_reach_the_inner_form),
		TEST(mistakes_are_named_by_their_place),
		TEST(text_is_one_block),
		TEST(parallel_calls_stream_one_after_the_other),
		TEST(interleaved_calls_are_held_back),
		TEST(calls_of_one_number_are_told_apart_by_their_ids),
		TEST(thoughts_carry_their_signatures),
		TEST(citations_come_into_the_text_they_belong_to),
		TEST(an_answer_that_began_in_frames_goes_on_in_its_text),
		TEST(a_block_that_frames_left_open_is_closed_before_another_kind),
		TEST(an_end_in_frames_is_not_written_twice),
		TEST(reasons_are_anthropics),
		TEST(a_whole_message_has_its_blocks_in_order),
		TEST(arguments_that_are_no_object_never_become_bad_json),
		TEST(errors_have_anthropics_types_and_statuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
