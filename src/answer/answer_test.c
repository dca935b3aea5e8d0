/*
 * answer_test.c - the parts of the pipeline that decide by text: what is searched for, what counts as relevant, where citations are.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "answer/cite.h"
#include "answer/question.h"
#include "answer/recorder.h"

static void
say(struct call *call, struct arena *arena, enum role role, const char *text)
{
	struct message **end = &call->messages;

	while (*end)
		end = &(*end)->next;
	*end = message_new(arena, role, str_of(text));
}

static void
a_question_that_stands_alone_is_searched_as_it_is(void **state)
{
	struct arena *arena = arena_new(KIB(64));
	struct call call = { 0 };

	(void)state;
	say(&call, arena, ROLE_USER, "How do I create an index on a table?");
	say(&call, arena, ROLE_ASSISTANT, "With CREATE INDEX [1].");
	say(&call, arena, ROLE_USER, "What does the VACUUM command do to dead tuples?");
	assert_true(str_eq_c(question_resolve(arena, &call), "What does the VACUUM command do to dead tuples?"));
	arena_free(arena);
}

static void
a_follow_up_carries_the_question_it_leans_on(void **state)
{
	struct arena *arena = arena_new(KIB(64));
	struct call call = { 0 };

	(void)state;
	say(&call, arena, ROLE_USER, "How do I create an index on a table?");
	say(&call, arena, ROLE_ASSISTANT, "With CREATE INDEX [1].");
	say(&call, arena, ROLE_USER, "And how do I drop it again?");
	assert_true(str_eq_c(question_resolve(arena, &call), "How do I create an index on a table?\nAnd how do I drop it again?"));
	say(&call, arena, ROLE_USER, "concurrently?");
	assert_true(str_starts(question_resolve(arena, &call), STR("How do I create an index")));
	arena_free(arena);
}

static void
a_conversation_without_a_user_asks_nothing(void **state)
{
	struct arena *arena = arena_new(KIB(64));
	struct call call = { 0 };

	(void)state;
	say(&call, arena, ROLE_SYSTEM, "be brief");
	assert_int_equal(question_resolve(arena, &call).len, 0);
	arena_free(arena);
}

static void
coverage_forgives_endings_and_ignores_function_words(void **state)
{
	(void)state;
	assert_true(question_coverage(STR("How are dead tuples reclaimed?"), STR("reclaims the dead tuple")) > 0.99);
	assert_true(question_coverage(STR("What is the capital of France?"), STR("the what is of a database cluster")) < 0.01);
	assert_true(question_coverage(STR("what is the"), STR("anything")) < 0.01);
}

static struct context_passage passages[3] = { { .url = STR_INIT("u1") }, { .url = STR_INIT("u2") }, { .url = STR_INIT("u3") } };
static const struct passage_list list = { .list = passages, .count = 3 };

static void
citations_are_counted_in_characters(void **state)
{
	struct arena *arena = arena_new(KIB(64));
	struct citation *found;
	size_t count;

	(void)state;
	assert_null(cite_find(arena, STR("Gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80 [2] and [1, 3]."), &list, &found, &count));
	assert_int_equal(count, 3);
	assert_true(str_eq_c(found[0].url, "u2") && found[0].start == 7 && found[0].end == 10);
	assert_true(str_eq_c(found[1].url, "u1") && str_eq_c(found[2].url, "u3"));
	assert_true(found[2].start == 15 && found[2].end == 21);
	arena_free(arena);
}

static void
numbers_that_name_no_passage_are_no_citations(void **state)
{
	struct arena *arena = arena_new(KIB(64));
	struct citation *found;
	size_t count;

	(void)state;
	assert_null(cite_find(arena, STR("[0] [4] [99999999999] [x] [1 2] [] [1"), &list, &found, &count));
	assert_int_equal(count, 0);
	assert_null(cite_find(arena, STR("```\na[1]\n``` and [1]"), &list, &found, &count));
	assert_int_equal(count, 1);
	arena_free(arena);
}

struct counter {
	struct sink sink;
	unsigned events, citations, finish_at, citation_at;
};

static const struct err *
count_event(struct sink *sink, const struct event *event)
{
	struct counter *counter = (struct counter *)sink;

	counter->events++;
	if (event->type == EVENT_CITATION)
		counter->citation_at = counter->events;
	if (event->type == EVENT_FINISH)
		counter->finish_at = counter->events;
	return NULL;
}

static void
the_end_is_held_back_until_release_and_citations_go_before_it(void **state)
{
	struct arena *arena = arena_new(MIB(1));
	struct counter counter = { .sink = { count_event } };
	struct recorder *recorder = arena_alloc(arena, sizeof(*recorder));
	struct citation citation = { .url = STR("u") };
	struct str message;
	char frame[] = "x";

	(void)state;
	assert_null(recorder_init(recorder, arena, &counter.sink));
	assert_null(sink_send(&recorder->sink, &(struct event){ .type = EVENT_START, .id = STR("id") }));
	assert_null(sink_send(&recorder->sink, &(struct event){ .type = EVENT_TEXT, .text = STR("a \"b\"") }));
	assert_null(sink_send(&recorder->sink, &(struct event){ .type = EVENT_FINISH, .finish_text = STR("stop"), .frame = str_of(frame), .last = true }));
	assert_null(sink_send(&recorder->sink, &(struct event){ .type = EVENT_OTHER }));
	assert_int_equal(counter.events, 2);
	frame[0] = 'y'; /* held events do not look into the provider's memory */
	assert_true(str_eq_c(recorder->held ? recorder_text(recorder) : STR_EMPTY, "a \"b\""));
	assert_null(recorder_release(recorder, &citation, 1));
	assert_int_equal(counter.events, 5);
	assert_int_equal(counter.citation_at, 3);
	assert_int_equal(counter.finish_at, 4);
	assert_null(recorder_message(recorder, 0, &message));
	assert_true(str_eq_c(message, "{\"role\":\"assistant\",\"content\":\"a \\\"b\\\"\"}"));
	arena_free(arena);
}

static void
tool_calls_are_kept_as_valid_json(void **state)
{
	struct arena *arena = arena_new(MIB(1));
	struct counter counter = { .sink = { count_event } };
	struct recorder *recorder = arena_alloc(arena, sizeof(*recorder));
	const struct json *json;
	struct str message;

	(void)state;
	assert_null(recorder_init(recorder, arena, &counter.sink));
	for (unsigned i = 0; i < 2; i++) {
		assert_null(sink_send(&recorder->sink, &(struct event){ .type = EVENT_TOOL_CALL, .item = i, .id = STR("t"), .name = STR("f") }));
		assert_null(sink_send(&recorder->sink, &(struct event){ .type = EVENT_ARGUMENTS, .item = i, .text = STR("{\"x\":\"\\n\"}") }));
	}
	assert_null(recorder_message(recorder, 0, &message));
	assert_null(json_parse(arena, message, &json));
	assert_int_equal(json_count(json_get(json, "tool_calls")), 2);
	arena_free(arena);
}

static void
each_choice_is_kept_and_calls_that_come_by_turns(void **state)
{
	static const char *const pieces[] = { "{\"x\":", "1}" };
	struct arena *arena = arena_new(MIB(1));
	struct counter counter = { .sink = { count_event } };
	struct recorder *recorder = arena_alloc(arena, sizeof(*recorder));
	struct str message;

	(void)state;
	assert_null(recorder_init(recorder, arena, &counter.sink));
	for (unsigned item = 0; item < 2; item++)
		assert_null(sink_send(&recorder->sink, &(struct event){ .type = EVENT_TOOL_CALL, .choice = 1, .item = item, .id = item ? STR("b") : STR("a"), .name = STR("f") }));
	for (unsigned piece = 0; piece < 2; piece++)
		for (unsigned item = 0; item < 2; item++)
			assert_null(sink_send(&recorder->sink, &(struct event){ .type = EVENT_ARGUMENTS, .choice = 1, .item = item, .text = str_of(pieces[piece]) }));
	assert_null(sink_send(&recorder->sink, &(struct event){ .type = EVENT_TEXT, .text = STR("first") }));
	assert_null(sink_send(&recorder->sink, &(struct event){ .type = EVENT_TEXT, .choice = RECORDER_CHOICES_MAX, .text = STR("beyond") }));
	assert_null(recorder_message(recorder, 0, &message));
	assert_true(str_eq_c(message, "{\"role\":\"assistant\",\"content\":\"first\"}"));
	assert_null(recorder_message(recorder, 1, &message));
	assert_true(str_eq_c(message,
		"{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"x\\\":1}\"}},"
		"{\"id\":\"b\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"x\\\":1}\"}}]}"));
	assert_null(recorder_message(recorder, 2, &message));
	assert_null(message.ptr);
	arena_free(arena);
}

static void
reasoning_counts_in_an_answer_that_was_cut(void **state)
{
	struct arena *arena = arena_new(MIB(1));
	struct counter counter = { .sink = { count_event } };
	struct recorder *recorder = arena_alloc(arena, sizeof(*recorder));

	(void)state;
	assert_null(recorder_init(recorder, arena, &counter.sink));
	assert_null(sink_send(&recorder->sink, &(struct event){ .type = EVENT_REASONING, .text = STR("twelve bytes") }));
	assert_null(sink_send(&recorder->sink, &(struct event){ .type = EVENT_TEXT, .text = STR("four") }));
	assert_int_equal(recorder_tokens(recorder, NULL, STR("any")), 4);
	arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_question_that_stands_alone_is_searched_as_it_is),
		cmocka_unit_test(a_follow_up_carries_the_question_it_leans_on),
		cmocka_unit_test(a_conversation_without_a_user_asks_nothing),
		cmocka_unit_test(coverage_forgives_endings_and_ignores_function_words),
		cmocka_unit_test(citations_are_counted_in_characters),
		cmocka_unit_test(numbers_that_name_no_passage_are_no_citations),
		cmocka_unit_test(the_end_is_held_back_until_release_and_citations_go_before_it),
		cmocka_unit_test(tool_calls_are_kept_as_valid_json),
		cmocka_unit_test(each_choice_is_kept_and_calls_that_come_by_turns),
		cmocka_unit_test(reasoning_counts_in_an_answer_that_was_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
