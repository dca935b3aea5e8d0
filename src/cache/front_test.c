/*
 * front_test.c - kept answers in memory: what is given, what leaves when, and what does not get in.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "base/clock.h"
#include "cache/front.h"

enum { TENANT = 1, ROOM = 1024 * 1024 };

static struct arena *arena;
static struct front *front;
static int64_t now_us;

static int64_t
now(void *arg)
{
	(void)arg;
	return now_us;
}

static int
begin(void **state)
{
	(void)state;
	now_us = 1000 * USEC_PER_SEC;
	clock_virtual(now, NULL);
	arena = arena_new(MIB(64));
	front = front_new();
	return 0;
}

static int
end(void **state)
{
	(void)state;
	front_free(front);
	arena_free(arena);
	clock_virtual(NULL, NULL);
	return 0;
}

/* An answer as it comes from the database, whose memory is gone after it was put. */
struct read {
	struct arena *arena;
	struct cache_entry entry;
	struct stored stored;
};

static struct read
read_answer(unsigned char number, size_t text_bytes)
{
	struct read read = { .arena = arena_new(MIB(8)) };
	char *text = arena_alloc(read.arena, text_bytes);

	memset(text, 'x', text_bytes);
	read.entry = (struct cache_entry){ .tenant = TENANT, .hash = { number }, .provider = arena_dup(read.arena, STR("west")), .target_model = STR("gpt"), .interaction = STR("0123456789abcdef"),
		.created_us = now_us, .expires_us = now_us + 3600 * USEC_PER_SEC, .input = number, .body = STR("{}") };
	read.stored.events = arena_array(read.arena, 3, sizeof(*read.stored.events));
	read.stored.events[0] = (struct event){ .type = EVENT_START, .model = arena_dup(read.arena, STR("gpt-x")) };
	read.stored.events[1] = (struct event){ .type = EVENT_TEXT, .text = str_n(text, text_bytes) };
	read.stored.events[2] = (struct event){ .type = EVENT_FINISH, .finish = FINISH_STOP, .last = true };
	read.stored.count = 3;
	return read;
}

static struct front_answer *
get(unsigned char number, uint64_t *stamp)
{
	const unsigned char hash[HASH_SHA256_SIZE] = { number };

	return front_get(front, TENANT, hash, 0, stamp);
}

static bool
is_there(unsigned char number)
{
	uint64_t stamp;
	struct front_answer *answer = get(number, &stamp);

	if (!answer)
		return false;
	assert_int_equal(answer->entry.input, number);
	front_release(answer);
	return true;
}

static void
put(unsigned char number, size_t text_bytes, size_t bytes_max)
{
	uint64_t stamp;
	struct read read = read_answer(number, text_bytes);

	assert_null(get(number, &stamp));
	front_put(front, &read.entry, &read.stored, stamp, bytes_max);
	arena_free(read.arena);
}

static void
an_answer_is_given_as_it_was_read(void **state)
{
	uint64_t stamp;
	struct front_answer *answer;

	(void)state;
	put(1, 5, ROOM);
	answer = get(1, &stamp);
	assert_non_null(answer);
	assert_true(str_eq_c(answer->entry.provider, "west") && str_eq_c(answer->entry.target_model, "gpt") && answer->entry.interaction.len == 16);
	assert_int_equal(answer->stored.count, 3);
	assert_true(str_eq_c(answer->stored.events[0].model, "gpt-x") && str_eq_c(answer->stored.events[1].text, "xxxxx") && answer->stored.events[2].last);
	assert_false(answer->stored.passages);
	front_clear(front);
	assert_true(str_eq_c(answer->stored.events[1].text, "xxxxx"));
	assert_int_equal(front_bytes(front), 0);
	front_release(answer);
}

static void
passages_usage_and_citations_come_too(void **state)
{
	struct context_passage passage = { .title = STR("T"), .text = STR("text"), .url = STR("/old"), .chunk = 7 };
	struct passage_list passages = { &passage, 1, STR("what?"), false };
	struct usage usage = { .output = 3 };
	struct citation citation = { .url = STR("u"), .title = STR("t"), .end = 4 };
	struct read read = read_answer(1, 1);
	struct front_answer *answer;
	uint64_t stamp;

	(void)state;
	read.stored.events[1] = (struct event){ .type = EVENT_CITATION, .citation = &citation };
	read.stored.events[2].usage = &usage;
	read.stored.passages = &passages;
	assert_null(get(1, &stamp));
	front_put(front, &read.entry, &read.stored, stamp, ROOM);
	arena_free(read.arena);
	citation.end = usage.output = 99;
	passages.count = 0;
	answer = get(1, &stamp);
	assert_int_equal(answer->stored.events[1].citation->end, 4);
	assert_true(str_eq_c(answer->stored.events[1].citation->url, "u"));
	assert_int_equal(answer->stored.events[2].usage->output, 3);
	assert_int_equal(answer->stored.passages->count, 1);
	assert_true(str_eq_c(answer->stored.passages->list[0].text, "text") && answer->stored.passages->list[0].chunk == 7);
	assert_int_equal(answer->stored.passages->list[0].url.len, 0);
	front_release(answer);
}

static void
age_expiry_and_tenant_are_asked_each_time(void **state)
{
	const unsigned char hash[HASH_SHA256_SIZE] = { 1 };
	struct read read = read_answer(1, 5);
	struct front_answer *answer;
	uint64_t stamp;

	(void)state;
	read.entry.expires_us = now_us + 5 * USEC_PER_SEC;
	assert_null(get(1, &stamp));
	front_put(front, &read.entry, &read.stored, stamp, ROOM);
	arena_free(read.arena);
	assert_null(front_get(front, TENANT + 1, hash, 0, &stamp));
	assert_null(front_get(front, TENANT, hash, now_us, &stamp));
	answer = front_get(front, TENANT, hash, now_us - 1, &stamp);
	assert_non_null(answer);
	front_release(answer);
	now_us += 5 * USEC_PER_SEC - 1;
	assert_true(is_there(1));
	now_us++;
	assert_false(is_there(1));
}

static void
an_answer_is_believed_for_a_while_only(void **state)
{
	(void)state;
	put(1, 5, ROOM);
	now_us += FRONT_FRESH_US;
	assert_true(is_there(1));
	now_us++;
	assert_false(is_there(1));
	assert_int_equal(front_bytes(front), 0);
}

static void
those_not_given_for_longest_go_first(void **state)
{
	size_t one;

	(void)state;
	put(0, 8000, ROOM);
	one = front_bytes(front);
	for (unsigned char i = 1; i < 10; i++)
		put(i, 8000, 10 * one);
	assert_int_equal(front_bytes(front), 10 * one);
	assert_true(is_there(0));
	put(10, 8000, 10 * one);
	assert_int_equal(front_bytes(front), 10 * one);
	assert_true(is_there(0) && is_there(10) && is_there(2));
	assert_false(is_there(1));
}

static void
a_long_answer_does_not_get_in_and_nothing_stays_without_room(void **state)
{
	(void)state;
	put(1, 8000, ROOM);
	put(2, ROOM / 8, ROOM);
	assert_true(is_there(1));
	assert_false(is_there(2));
	put(3, 8000, 0);
	assert_false(is_there(1) || is_there(3));
	assert_int_equal(front_bytes(front), 0);
}

static void
what_was_read_before_it_was_replaced_or_forgotten_does_not_get_in(void **state)
{
	const unsigned char hash[HASH_SHA256_SIZE] = { 1 };
	struct read read = read_answer(1, 5);
	uint64_t stamp;

	(void)state;
	assert_null(get(1, &stamp));
	front_drop(front, hash);
	front_put(front, &read.entry, &read.stored, stamp, ROOM);
	assert_null(get(1, &stamp));
	front_clear(front);
	front_put(front, &read.entry, &read.stored, stamp, ROOM);
	assert_null(get(1, &stamp));
	front_put(front, &read.entry, &read.stored, stamp, ROOM);
	assert_true(is_there(1));
	front_drop(front, hash);
	assert_false(is_there(1));
	arena_free(read.arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_answer_is_given_as_it_was_read, begin, end),
		cmocka_unit_test_setup_teardown(passages_usage_and_citations_come_too, begin, end),
		cmocka_unit_test_setup_teardown(age_expiry_and_tenant_are_asked_each_time, begin, end),
		cmocka_unit_test_setup_teardown(an_answer_is_believed_for_a_while_only, begin, end),
		cmocka_unit_test_setup_teardown(those_not_given_for_longest_go_first, begin, end),
		cmocka_unit_test_setup_teardown(a_long_answer_does_not_get_in_and_nothing_stays_without_room, begin, end),
		cmocka_unit_test_setup_teardown(what_was_read_before_it_was_replaced_or_forgotten_does_not_get_in, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
