/*
 * base_test.c - the ground floor: views, arenas, buffers, maps, errors, identifiers, metrics, fault points.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include <stdio.h>

#include "base/arena.h"
#include "base/base64.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/dollars.h"
#include "base/err.h"
#include "base/fault.h"
#include "base/map.h"
#include "base/metric.h"
#include "base/random.h"
#include "base/str.h"

FAULT(test_point);

static void
numbers_that_do_not_fit_are_refused(void **state)
{
	int64_t n;
	double f;

	(void)state;
	assert_true(str_to_i64(STR("-9223372036854775808"), &n) && n == INT64_MIN);
	assert_true(str_to_i64(STR("9223372036854775807"), &n) && n == INT64_MAX);
	assert_false(str_to_i64(STR("9223372036854775808"), &n));
	assert_false(str_to_i64(STR("-9223372036854775809"), &n));
	assert_false(str_to_i64(STR(""), &n));
	assert_false(str_to_i64(STR("-"), &n));
	assert_false(str_to_i64(STR("1 "), &n));
	assert_true(str_to_f64(STR("-1.5e3"), &f) && f == -1500);
	assert_false(str_to_f64(STR("nan"), &f));
	assert_false(str_to_f64(STR("1e999"), &f));
}

static void
split_gives_empty_pieces_between_separators(void **state)
{
	struct str rest = STR("a,,b"), piece;

	(void)state;
	assert_true(str_split(&rest, ',', &piece) && str_eq_c(piece, "a"));
	assert_true(str_split(&rest, ',', &piece) && piece.len == 0);
	assert_true(str_split(&rest, ',', &piece) && str_eq_c(piece, "b"));
	assert_false(str_split(&rest, ',', &piece));
}

static void
find_sees_a_needle_at_the_very_end(void **state)
{
	(void)state;
	assert_int_equal(str_find(STR("hello"), STR("lo"), 0), 3);
	assert_true(str_find(STR("hello"), STR("lo"), 4) == SIZE_MAX);
	assert_int_equal(str_find(STR("hello"), STR(""), 5), 5);
}

static void
arena_stops_at_its_cap_and_goes_on_after_reset(void **state)
{
	struct arena *arena = arena_new(10000);
	volatile size_t huge = SIZE_MAX; /* volatile: the compiler would refuse the constant */
	size_t got = 0;

	(void)state;
	while (arena_alloc(arena, 100))
		got += 100;
	assert_in_range(got, 5000, 10000);
	assert_null(arena_alloc(arena, huge));
	assert_null(arena_array(arena, huge / 2, 4));
	arena_reset(arena);
	assert_non_null(arena_alloc(arena, 100));
	arena_free(arena);
}

static void
arena_texts_are_zero_terminated(void **state)
{
	struct arena *arena = arena_new(KIB(64));
	struct str text = arena_concat(arena, STR("Bearer "), STR_EMPTY, STR("key")), none = arena_dup(arena, STR_EMPTY);

	(void)state;
	assert_string_equal(text.ptr, "Bearer key");
	assert_int_equal(text.len, 10);
	assert_string_equal(arena_concat(arena, STR_EMPTY).ptr, "");
	assert_string_equal(none.ptr, "");
	assert_int_equal(none.len, 0);
	while (arena_alloc(arena, 1000))
		;
	assert_null(arena_concat(arena, (struct str){ "x", MIB(1) }).ptr);
	arena_free(arena);
}

static void
numbers_go_to_text_and_back(void **state)
{
	static const int64_t numbers[] = { 0, 7, -7, 10, 1234567890, INT64_MAX, INT64_MIN };
	char room[STR_I64_MAX];
	int64_t back;

	(void)state;
	for (size_t i = 0; i < COUNT(numbers); i++) {
		assert_true(str_to_i64(str_of_i64(numbers[i], room), &back));
		assert_true(back == numbers[i]);
	}
	assert_true(str_eq_c(str_of_i64(INT64_MIN, room), "-9223372036854775808"));
}

static void
count_up(void *arg)
{
	++*(int *)arg;
}

static void
arena_runs_cleanups_once(void **state)
{
	struct arena *arena = arena_new(KIB(64));
	int count = 0;

	(void)state;
	assert_true(arena_on_free(arena, count_up, &count));
	arena_reset(arena);
	assert_int_equal(count, 1);
	arena_free(arena);
	assert_int_equal(count, 1);
}

static void
arena_keeps_large_blocks_apart(void **state)
{
	struct arena *arena = arena_new(MIB(4));
	char *small = arena_alloc(arena, 10), *large = arena_alloc(arena, 1000000), *next = arena_alloc(arena, 10);

	(void)state;
	memset(small, 1, 10);
	memset(large, 2, 1000000);
	memset(next, 3, 10);
	assert_int_equal(small[9], 1);
	assert_int_equal(large[999999], 2);
	arena_free(arena);
}

static void
buffer_failure_sticks_and_keeps_contents(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, NULL, 10);
	buf_add(&buf, STR("12345678"));
	buf_add(&buf, STR("abc"));
	buf_add(&buf, STR("x"));
	assert_true(str_eq_c(buf_str(&buf), "12345678"));
	assert_int_equal(buf_err(&buf)->kind, ERR_TOO_LARGE);
	buf_clear(&buf);
	buf_printf(&buf, "%d", 1234567890);
	assert_true(buf.failed || str_eq_c(buf_str(&buf), "1234567890"));
	buf_fini(&buf);
}

static void
buffer_prints_what_does_not_fit_its_room(void **state)
{
	struct arena *arena = arena_new(KIB(64));
	struct buf buf;

	(void)state;
	buf_init(&buf, arena, 4096);
	for (int i = 0; i < 100; i++)
		buf_printf(&buf, "%03d,", i);
	assert_int_equal(buf.len, 400);
	assert_true(str_ends(buf_str(&buf), STR("098,099,")));
	buf_consume(&buf, 392);
	assert_true(str_eq_c(buf_str(&buf), "098,099,"));
	arena_free(arena);
}

static void
map_finds_what_was_put_after_many_removals(void **state)
{
	static char keys[5000][8];
	struct map map = MAP_EMPTY;

	(void)state;
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 5000; i++) {
			snprintf(keys[i], sizeof(keys[i]), "k%d", i);
			assert_null(map_put(&map, str_of(keys[i]), keys[i]));
		}
		for (int i = 0; i < 5000; i++)
			assert_ptr_equal(map_get(&map, str_of(keys[i])), keys[i]);
		for (int i = 0; i < 5000; i++)
			assert_ptr_equal(map_remove(&map, str_of(keys[i])), keys[i]);
		assert_int_equal(map.used, 0);
	}
	assert_null(map_get(&map, STR("k1")));
	map_fini(&map);
}

static void
identifiers_sort_by_time_and_differ(void **state)
{
	struct id last = id_new();

	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct id id = id_new();

		assert_true(str_cmp(id_str(&last), id_str(&id)) < 0);
		last = id;
	}
	assert_int_equal(last.hex[12], '7');
}

static void
hex_refuses_odd_and_foreign_digits(void **state)
{
	unsigned char out[4];

	(void)state;
	assert_true(hex_decode(STR("00fFa1"), out) && out[1] == 255 && out[2] == 161);
	assert_false(hex_decode(STR("0"), out));
	assert_false(hex_decode(STR("0g"), out));
}

static void
error_is_static_when_the_arena_is_full(void **state)
{
	struct arena *arena = arena_new(64);

	(void)state;
	assert_ptr_equal(err_new(arena, ERR_INVALID, "a message that is longer than %d bytes, to be sure of it", 64), &err_no_memory);
	arena_free(arena);
}

static void
error_copy_outlives_its_arena(void **state)
{
	struct arena *one = arena_new(KIB(8)), *two = arena_new(KIB(8));
	const struct err *err = err_wrap(one, err_param(one, ERR_NOT_FOUND, "model", "model_not_found", "no model %s", "x"), "while asking");
	const struct err *copy = err_copy(two, err);

	(void)state;
	arena_free(one);
	assert_int_equal(copy->kind, ERR_NOT_FOUND);
	assert_int_equal(err_http_status(copy), 404);
	assert_true(str_eq_c(copy->cause->code, "model_not_found"));
	arena_free(two);
}

static void
metric_counts_by_label_and_bucket(void **state)
{
	static struct metric counter = METRIC_COUNTER("test_total", "For the test.", "kind");
	static struct metric histogram = METRIC_HISTOGRAM("test_seconds", "For the test.", metric_bounds_first_chunk);
	struct metric_series *series = metric_series(&histogram);

	(void)state;
	metric_add(&counter, 2, STR("a"));
	metric_add(&counter, 3, STR("a"));
	metric_add(&counter, 1, STR("b"));
	assert_true(metric_series(&counter, STR("a"))->value == 5);
	assert_int_equal(counter.count, 2);
	metric_observe(&histogram, 0.001);
	metric_observe(&histogram, 100);
	assert_int_equal(series->buckets[0], 1);
	assert_int_equal(series->buckets[16], 1);
	assert_non_null(metric_first());
}

static void
fault_fails_the_nth_hit_once(void **state)
{
	(void)state;
	assert_false(fault_hit(&fault_test_point));
	assert_true(fault_arm_text(STR("test_point=2")));
	assert_false(fault_hit(&fault_test_point));
	assert_true(fault_hit(&fault_test_point));
	assert_false(fault_hit(&fault_test_point));
	assert_false(fault_arm_text(STR("no_such_point=1")));
	assert_false(fault_arm_text(STR("test_point=x")));
}

static void
base64_gives_the_published_vectors(void **state)
{
	static const char *const vectors[][2] = { { "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" }, { "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" } };
	struct buf text, back;

	(void)state;
	buf_init(&text, NULL, 64);
	buf_init(&back, NULL, 64);
	for (size_t i = 0; i < COUNT(vectors); i++) {
		buf_clear(&text);
		buf_clear(&back);
		base64_encode(&text, str_of(vectors[i][0]));
		assert_true(str_eq_c(buf_str(&text), vectors[i][1]));
		assert_true(base64_decode(&back, buf_str(&text)));
		assert_true(str_eq_c(buf_str(&back), vectors[i][0]));
	}
	buf_clear(&text);
	base64url_encode(&text, STR("\xfb\xff\xfe?"));
	assert_true(str_eq_c(buf_str(&text), "-__-Pw"));
	assert_false(base64_decode(&back, STR("Zg=v")));
	assert_false(base64_decode(&back, STR("Z")));
	buf_fini(&text);
	buf_fini(&back);
}

static void
time_is_written_in_utc(void **state)
{
	char text[CLOCK_TEXT_SIZE];

	(void)state;
	clock_text(INT64_C(1700000000123456), text);
	assert_string_equal(text, "2023-11-14T22:13:20.123456Z");
}

/* What a provider says goes on to clients and into records and logs. */
static void
a_secret_is_hidden_in_every_text_of_an_error(void **state)
{
	struct arena *arena = arena_new(MIB(1));
	const struct err *below = err_detail(arena, err_new(arena, ERR_IO, "below"), "bearer sk-12345");
	const struct err *plain = err_param(arena, ERR_UPSTREAM, "model", "invalid_api_key", "Incorrect key: sk-12, that is sk-12345, not sk-12345sk-12345");
	struct err full = *err_wrap(arena, below, "said sk-123456");
	const struct err *hidden = err_without(arena, plain, STR("sk-12345"));

	(void)state;
	assert_true(str_eq_c(hidden->message, "Incorrect key: sk-12, that is (hidden), not (hidden)(hidden)"));
	assert_true(hidden->kind == plain->kind && str_eq(hidden->code, plain->code) && str_eq(hidden->param, plain->param));
	assert_ptr_equal(err_without(arena, plain, STR("sk-12346")), plain);
	assert_ptr_equal(err_without(arena, plain, STR("key")), plain);
	assert_ptr_equal(err_without(arena, plain, STR_EMPTY), plain);
	full.code = STR("sk-12345_is_wrong");
	full.param = STR("sk-12345");
	full.detail = STR("key=sk-12345");
	hidden = err_without(arena, &full, STR("sk-12345"));
	assert_true(str_eq_c(hidden->message, "said (hidden)6") && str_eq_c(hidden->code, "(hidden)_is_wrong"));
	assert_true(str_eq_c(hidden->param, "(hidden)") && str_eq_c(hidden->detail, "key=(hidden)"));
	assert_true(str_eq_c(hidden->cause->message, "below") && str_eq_c(hidden->cause->detail, "bearer (hidden)"));
	arena_free(arena);
}

/* A message has at most 1,023 bytes. */
static void
what_is_left_of_a_secret_where_a_text_was_cut_is_hidden(void **state)
{
	struct arena *arena = arena_new(MIB(1));
	static const struct str secret = STR_INIT("sk-0123456789abcdef");

	(void)state;
	for (int before = 1000; before < 1030; before++) {
		const struct err *err = err_without(arena, err_new(arena, ERR_UPSTREAM, "%*s sk-0123456789abcdef", before, ""), secret);

		assert_int_equal(str_find(err->message, STR("sk-01234"), 0), SIZE_MAX);
	}
	arena_free(arena);
}

static void
dollars_are_rounded_to_the_nearest_millionth(void **state)
{
	static const struct { int64_t nanos; const char *text; } cases[] = { { 0, "$0.000000" }, { 20800, "$0.000021" }, { 499, "$0.000000" }, { 500, "$0.000001" }, { -20800, "-$0.000021" },
		{ 999999500, "$1.000000" }, { INT64_C(12340000000), "$12.340000" }, { INT64_MAX, "$9223372036.854776" }, { INT64_MIN, "-$9223372036.854776" } };
	struct arena *arena = arena_new(KIB(4));

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_true(str_eq_c(dollars_text(arena, cases[i].nanos), cases[i].text));
	arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_that_do_not_fit_are_refused),
		cmocka_unit_test(split_gives_empty_pieces_between_separators),
		cmocka_unit_test(find_sees_a_needle_at_the_very_end),
		cmocka_unit_test(arena_texts_are_zero_terminated),
		cmocka_unit_test(numbers_go_to_text_and_back),
		cmocka_unit_test(arena_stops_at_its_cap_and_goes_on_after_reset),
		cmocka_unit_test(arena_runs_cleanups_once),
		cmocka_unit_test(arena_keeps_large_blocks_apart),
		cmocka_unit_test(buffer_failure_sticks_and_keeps_contents),
		cmocka_unit_test(buffer_prints_what_does_not_fit_its_room),
		cmocka_unit_test(map_finds_what_was_put_after_many_removals),
		cmocka_unit_test(identifiers_sort_by_time_and_differ),
		cmocka_unit_test(hex_refuses_odd_and_foreign_digits),
		cmocka_unit_test(error_is_static_when_the_arena_is_full),
		cmocka_unit_test(error_copy_outlives_its_arena),
		cmocka_unit_test(a_secret_is_hidden_in_every_text_of_an_error),
		cmocka_unit_test(what_is_left_of_a_secret_where_a_text_was_cut_is_hidden),
		cmocka_unit_test(metric_counts_by_label_and_bucket),
		cmocka_unit_test(fault_fails_the_nth_hit_once),
		cmocka_unit_test(base64_gives_the_published_vectors),
		cmocka_unit_test(time_is_written_in_utc),
		cmocka_unit_test(dollars_are_rounded_to_the_nearest_millionth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
