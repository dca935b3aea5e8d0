/*
 * cache_test.c - what has the same key and what has not, what comes back of a kept answer, and who reads what of a call in flight.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "cache/cache.h"
#include "cache/canonical.h"
#include "cache/key.h"
#include "cache/stored.h"

static struct arena *arena;

static int
open_arena(void **state)
{
	(void)state;
	arena = arena_new(MIB(64));
	return 0;
}

static int
close_arena(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

/* --- canonical JSON --- */

static void
hash_of(const char *text, unsigned char out[HASH_SHA256_SIZE])
{
	struct canonical canonical;
	const struct json *value;

	assert_null(json_parse(arena, str_of(text), &value));
	canonical_begin(&canonical, arena);
	canonical_json(&canonical, value);
	assert_null(canonical_end(&canonical, out));
}

static bool
same(const char *a, const char *b)
{
	unsigned char x[HASH_SHA256_SIZE], y[HASH_SHA256_SIZE];

	hash_of(a, x);
	hash_of(b, y);
	return memcmp(x, y, sizeof(x)) == 0;
}

static void
what_json_says_counts_and_not_how_it_is_written(void **state)
{
	(void)state;
	assert_true(same("{\"a\":1,\"b\":[true,null]}", " { \"b\" : [ true , null ] , \"a\" : 1 } "));
	assert_true(same("{\"a\":{\"x\":1,\"y\":2}}", "{\"a\":{\"y\":2,\"x\":1}}"));
	assert_true(same("\"\\u00e9\\u0041\\/\"", "\"\xc3\xa9"
						  "A/\""));
	assert_true(same("\"\\ud83d\\ude42\"", "\"\xf0\x9f\x99\x82\""));
	assert_true(same("[1,1.0,1e0,10e-1]", "[1.0,1,1,1]"));
	assert_true(same("0.1", "1e-1"));
	assert_true(same("-0.0", "0"));
	assert_true(same("100000000000000000000", "100000000000000000000"));
}

static void
what_says_something_else_has_another_hash(void **state)
{
	static const char *const values[] = { "1", "2", "1.5", "\"1\"", "true", "false", "null", "[]", "{}", "[1]", "[[1]]", "[1,2]", "[2,1]", "{\"a\":1}", "{\"a\":\"1\"}", "{\"b\":1}",
		"{\"a\":1,\"b\":1}", "{\"a\":{\"b\":1}}", "\"\"", "\"a\"", "\"ab\"", "[\"a\",\"b\"]", "[\"ab\"]", "[\"a\",[\"b\"]]", "9007199254740993", "9007199254740992",
		"18446744073709551615", "18446744073709551614", "0.1", "0.10000000000000002", "1e300", "-1", "{\"a\":null}", "\"\xc3\xa9\"", "\"e\xcc\x81\"" };

	(void)state;
	for (size_t i = 0; i < COUNT(values); i++)
		for (size_t j = 0; j < COUNT(values); j++)
			if (same(values[i], values[j]) != (i == j))
				fail_msg("%s and %s", values[i], values[j]);
}

static void
members_that_are_to_be_left_out_do_not_count(void **state)
{
	static const char *const skip[] = { "stream", "user", NULL };
	unsigned char hashes[3][HASH_SHA256_SIZE];
	static const char *const texts[] = { "{\"a\":1}", "{\"user\":\"x\",\"a\":1,\"stream\":true}", "{\"a\":1,\"users\":\"x\"}" };

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct canonical canonical;
		const struct json *value;

		assert_null(json_parse(arena, str_of(texts[i]), &value));
		canonical_begin(&canonical, arena);
		canonical_json_without(&canonical, value, skip);
		assert_null(canonical_end(&canonical, hashes[i]));
	}
	assert_memory_equal(hashes[0], hashes[1], HASH_SHA256_SIZE);
	assert_memory_not_equal(hashes[0], hashes[2], HASH_SHA256_SIZE);
}

/* --- keys --- */

struct asked {
	struct conf_model model;
	struct call call;
	struct cache_subject subject;
};

/* A call of one message in a dialect; `source` is the request it came as. */
static void
make_asked(struct asked *asked, enum dialect dialect, const char *source, const char *text)
{
	*asked = (struct asked){ .model = { .name = STR("m"), .cache = { .given = true } } };
	asked->call = (struct call){ .model = STR("m"), .messages = message_new(arena, ROLE_USER, str_of(text)), .temperature = NAN, .top_p = NAN, .frequency_penalty = NAN,
		.presence_penalty = NAN, .choices = 1, .dialect = dialect };
	assert_null(json_parse(arena, str_of(source), &asked->call.source));
	asked->subject = (struct cache_subject){ .tenant = 1, .key_id = STR("key_a"), .user = STR("ann"), .model = &asked->model, .call = &asked->call };
}

static bool
same_key(const struct asked *a, const struct asked *b)
{
	unsigned char x[HASH_SHA256_SIZE], y[HASH_SHA256_SIZE];

	assert_null(cache_key(arena, &a->subject, x));
	assert_null(cache_key(arena, &b->subject, y));
	return memcmp(x, y, sizeof(x)) == 0;
}

#define CHAT "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"

static void
plain_calls_of_all_dialects_have_one_key(void **state)
{
	struct asked chat, messages, responses;

	(void)state;
	make_asked(&chat, DIALECT_OPENAI_CHAT, CHAT, "hi");
	make_asked(&messages, DIALECT_ANTHROPIC, "{\"model\":\"m\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"hi\"}]}]}", "hi");
	make_asked(&responses, DIALECT_OPENAI_RESPONSES, "{\"model\":\"m\",\"input\":\"hi\"}", "hi");
	assert_true(same_key(&chat, &messages));
	assert_true(same_key(&chat, &responses));
}

static void
a_member_that_only_one_dialect_knows_keeps_calls_apart(void **state)
{
	struct asked plain, named, other;

	(void)state;
	make_asked(&plain, DIALECT_OPENAI_CHAT, CHAT, "hi");
	make_asked(&named, DIALECT_OPENAI_CHAT, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"name\":\"ann\",\"content\":\"hi\"}]}", "hi");
	make_asked(&other, DIALECT_OPENAI_CHAT, "{\"messages\":[{\"content\":\"hi\",\"name\":\"ann\",\"role\":\"user\"}],\"model\":\"alias\",\"stream\":true,\"user\":\"x\"}", "hi");
	assert_false(same_key(&plain, &named));
	assert_true(same_key(&named, &other));
}

static void
every_member_that_changes_an_answer_changes_the_key(void **state)
{
	enum { CASES = 15 };
	struct asked *asked = arena_array(arena, CASES, sizeof(*asked));

	(void)state;
	for (size_t i = 0; i < CASES; i++)
		make_asked(&asked[i], DIALECT_OPENAI_CHAT, CHAT, i == 1 ? "hi " : "hi");
	asked[2].call.temperature = 0.5;
	asked[3].call.top_p = 0.5;
	asked[4].call.tokens_max = 10;
	asked[5].call.choices = 2;
	asked[6].call.stops[asked[6].call.stop_count++] = STR("x");
	asked[7].call.messages->role = ROLE_SYSTEM;
	asked[8].call.reasoning_effort = STR("low");
	asked[9].subject.tenant = 2;
	asked[10].subject.local_only = true;
	asked[11].model.cache.answers[0] = 1;
	asked[12].subject.sources = &(struct cache_source){ 1, 1 };
	asked[12].subject.source_count = 1;
	asked[13].subject.sources = &(struct cache_source){ 1, 2 };
	asked[13].subject.source_count = 1;
	asked[14].call.format = FORMAT_JSON_OBJECT;
	for (size_t i = 0; i < CASES; i++)
		for (size_t j = 0; j < CASES; j++)
			if (same_key(&asked[i], &asked[j]) != (i == j))
				fail_msg("%zu and %zu", i, j);
}

/* As many lines of a header as a client or a proxy likes to send: they count together. */
static struct http_header betas[] = { { STR_INIT("anthropic-beta"), STR_INIT("context-1m-2025-08-07") }, { STR_INIT("anthropic-beta"), STR_INIT("interleaved-thinking-2025-05-14") } };

static void
each_line_of_a_beta_header_changes_the_key(void **state)
{
	struct asked none, one, both;

	(void)state;
	make_asked(&none, DIALECT_ANTHROPIC, CHAT, "hi");
	make_asked(&one, DIALECT_ANTHROPIC, CHAT, "hi");
	make_asked(&both, DIALECT_ANTHROPIC, CHAT, "hi");
	one.call.headers = (struct http_headers){ betas, 1 };
	both.call.headers = (struct http_headers){ betas, 2 };
	assert_false(same_key(&none, &one));
	assert_false(same_key(&one, &both));
	assert_true(same_key(&both, &both));
}

static void
a_call_with_a_beta_is_not_answered_by_its_meaning(void **state)
{
	unsigned char key[HASH_SHA256_SIZE];
	struct asked asked;
	struct str question;

	(void)state;
	make_asked(&asked, DIALECT_ANTHROPIC, CHAT, "hi");
	assert_null(cache_near_key(arena, &asked.subject, key, &question));
	assert_true(str_eq_c(question, "hi"));
	asked.call.headers = (struct http_headers){ betas, 1 };
	assert_null(cache_near_key(arena, &asked.subject, key, &question));
	assert_null(question.ptr);
}

static void
the_scope_says_whose_answers_are_shared(void **state)
{
	struct asked ann, bob;

	(void)state;
	make_asked(&ann, DIALECT_OPENAI_CHAT, CHAT, "hi");
	make_asked(&bob, DIALECT_OPENAI_CHAT, CHAT, "hi");
	bob.subject.user = STR("bob");
	bob.subject.key_id = STR("key_b");
	assert_true(same_key(&ann, &bob));
	ann.model.cache.scope = bob.model.cache.scope = CONF_CACHE_USER;
	assert_false(same_key(&ann, &bob));
	ann.model.cache.scope = bob.model.cache.scope = CONF_CACHE_KEY;
	assert_false(same_key(&ann, &bob));
	bob.subject.key_id = STR("key_a");
	assert_true(same_key(&ann, &bob));
}

/* --- kept answers --- */

static struct feed *events;

static void
say(struct event event)
{
	struct buf packed;

	buf_init(&packed, arena, KIB(64));
	stored_pack(&packed, &event);
	assert_null(feed_append(events, 0, buf_str(&packed)));
}

static void
begin_events(void)
{
	events = feed_new(MIB(1));
	say((struct event){ .type = EVENT_START, .id = STR("upstream-1"), .model = STR("gpt") });
}

static void
free_events(void)
{
	feed_unref(events);
}

static void
a_kept_answer_comes_back_as_it_was(void **state)
{
	struct context_passage passage = { .title = STR("T"), .path = STR("p.md"), .text = STR("text \"quoted\""), .version_id = STR("ver_1"), .document_id = STR("doc_1"),
		.file_id = STR("file_1"), .attributes = STR("{}"), .heading_path = STR(""), .chunk = 7, .ordinal = 2, .page = 3, .score = 0.25, .byte_from = 1, .byte_to = 9 };
	struct passage_list passages = { &passage, 1, STR("what?"), false };
	struct usage usage = { .input = 5, .output = 3, .cached_input = 2, .known = true };
	struct stored stored;
	struct buf text;

	(void)state;
	begin_events();
	say((struct event){ .type = EVENT_TEXT, .text = STR("Hel") });
	say((struct event){ .type = EVENT_OTHER, .framed = true, .frame = STR("{}") });
	say((struct event){ .type = EVENT_TEXT, .text = STR("lo \xf0\x9f\x99\x82") });
	say((struct event){ .type = EVENT_TOOL_CALL, .item = 1, .id = STR("call_1"), .name = STR("f") });
	say((struct event){ .type = EVENT_ARGUMENTS, .item = 1, .text = STR("{}") });
	say((struct event){ .type = EVENT_CITATION, .citation = &(struct citation){ STR("u"), STR("t"), 1, 4, NULL } });
	say((struct event){ .type = EVENT_FINISH, .finish = FINISH_TOOL_CALLS, .finish_text = STR("tool_calls") });
	say((struct event){ .type = EVENT_USAGE, .usage = &usage });
	assert_null(stored_unfit(events));
	buf_init(&text, arena, MIB(1));
	stored_write(&text, events, &passages);
	assert_null(buf_err(&text));
	assert_null(stored_read(arena, buf_str(&text), &stored));
	assert_int_equal(stored.count, 7);
	assert_true(str_eq_c(stored.events[0].model, "gpt") && stored.events[0].id.len == 0);
	assert_true(str_eq_c(stored.events[1].text, "Hello \xf0\x9f\x99\x82"));
	assert_true(str_eq_c(stored.events[2].id, "call_1") && stored.events[2].item == 1 && !stored.events[2].last);
	assert_int_equal(stored.events[4].citation->end, 4);
	assert_true(stored.events[5].last && stored.events[5].finish == FINISH_TOOL_CALLS);
	assert_int_equal(stored.events[6].usage->cached_input, 2);
	assert_int_equal(stored.passages->count, 1);
	assert_true(str_eq(stored.passages->list[0].text, passage.text) && stored.passages->list[0].chunk == 7 && stored.passages->list[0].page == 3);
	assert_true(str_eq_c(stored.passages->question, "what?"));
	free_events();
}

static void
an_answer_that_was_cut_is_not_one_to_be_kept(void **state)
{
	(void)state;
	begin_events();
	say((struct event){ .type = EVENT_TEXT, .text = STR("half") });
	assert_string_equal(stored_unfit(events), "unfinished");
	say((struct event){ .type = EVENT_FINISH, .finish = FINISH_LENGTH });
	assert_string_equal(stored_unfit(events), "length");
	free_events();
	begin_events();
	say((struct event){ .type = EVENT_FINISH, .finish = FINISH_CONTENT_FILTER });
	assert_string_equal(stored_unfit(events), "content_filter");
	free_events();
}

static void
what_is_no_kept_answer_is_refused(void **state)
{
	static const char *const texts[] = { "", "[]", "{}", "{\"events\":[]}", "{\"events\":[{\"type\":1,\"text\":\"no start\"}]}", "{\"events\":[{\"type\":0},{\"type\":99}]}",
		"{\"events\":[{\"type\":0},{\"type\":1,\"choice\":-1}]}", "{\"events\":[{\"type\":0},{\"type\":1,\"text\":\"no finish\"}]}", "{\"events\":[{\"type\":0},{\"type\":8,\"finish\":9}]}" };
	struct stored stored;

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++)
		if (!stored_read(arena, str_of(texts[i]), &stored))
			fail_msg("%s", texts[i]);
}

/* --- what a request says --- */

static struct cache_control
control_of(const char *name, const char *value)
{
	struct http_header header = { str_of(name), str_of(value) };
	struct http_headers headers = { &header, 1 };
	struct cache_control control;

	assert_null(cache_control_read(arena, &headers, &control));
	return control;
}

static void
headers_say_what_the_caller_wants(void **state)
{
	struct http_header bad = { STR("x-corbel-cache"), STR("maybe") };
	struct http_headers headers = { &bad, 1 };
	struct cache_control control;

	(void)state;
	assert_true(control_of("cache-control", "private, NO-CACHE").no_read);
	assert_true(control_of("cache-control", "no-store").no_store);
	assert_int_equal(control_of("cache-control", "max-age=60").age_max_us, 60000000);
	assert_true(control_of("cache-control", "max-age=99999999999999999999").age_max_us == INT64_MAX);
	assert_true(control_of("cache-control", "max-age=-1").age_max_us == INT64_MAX);
	assert_true(control_of("cache-control", "max-age").age_max_us == INT64_MAX);
	control = control_of("x-corbel-cache", "Refresh");
	assert_true(control.no_read && !control.no_store);
	control = control_of("x-corbel-cache", "off");
	assert_true(control.no_read && control.no_store);
	assert_true(control_of("x-corbel-cache", "use").asked);
	assert_non_null(cache_control_read(arena, &headers, &control));
}

static void
lines_of_a_header_count_together(void **state)
{
	struct http_header lines[] = { { STR("cache-control"), STR("max-age=60") }, { STR("accept"), STR("*/*") }, { STR("Cache-Control"), STR("no-store") }, { STR("cache-control"), STR("no-cache, max-age=90") } };
	struct http_header own[] = { { STR("x-corbel-cache"), STR("use") }, { STR("x-corbel-cache"), STR("off") } };
	struct cache_control control;

	(void)state;
	assert_null(cache_control_read(arena, &(struct http_headers){ lines, COUNT(lines) }, &control));
	assert_true(control.no_store && control.no_read && control.age_max_us == 60000000);
	assert_non_null(cache_control_read(arena, &(struct http_headers){ own, COUNT(own) }, &control));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_json_says_counts_and_not_how_it_is_written, open_arena, close_arena),
		cmocka_unit_test_setup_teardown(what_says_something_else_has_another_hash, open_arena, close_arena),
		cmocka_unit_test_setup_teardown(members_that_are_to_be_left_out_do_not_count, open_arena, close_arena),
		cmocka_unit_test_setup_teardown(plain_calls_of_all_dialects_have_one_key, open_arena, close_arena),
		cmocka_unit_test_setup_teardown(a_member_that_only_one_dialect_knows_keeps_calls_apart, open_arena, close_arena),
		cmocka_unit_test_setup_teardown(every_member_that_changes_an_answer_changes_the_key, open_arena, close_arena),
		cmocka_unit_test_setup_teardown(each_line_of_a_beta_header_changes_the_key, open_arena, close_arena),
		cmocka_unit_test_setup_teardown(a_call_with_a_beta_is_not_answered_by_its_meaning, open_arena, close_arena),
		cmocka_unit_test_setup_teardown(the_scope_says_whose_answers_are_shared, open_arena, close_arena),
		cmocka_unit_test_setup_teardown(a_kept_answer_comes_back_as_it_was, open_arena, close_arena),
		cmocka_unit_test_setup_teardown(an_answer_that_was_cut_is_not_one_to_be_kept, open_arena, close_arena),
		cmocka_unit_test_setup_teardown(what_is_no_kept_answer_is_refused, open_arena, close_arena),
		cmocka_unit_test_setup_teardown(headers_say_what_the_caller_wants, open_arena, close_arena),
		cmocka_unit_test_setup_teardown(lines_of_a_header_count_together, open_arena, close_arena),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
