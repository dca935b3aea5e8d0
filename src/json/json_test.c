/*
 * json_test.c - reading strangers' JSON, and writing JSON that every reader takes.
 */
#include "base/test_arena.h"

#include <math.h>
#include <stdlib.h>

#include "json/json.h"

static const struct json *
parsed(const char *text)
{
	const struct json *value;
	const struct err *err = json_parse(arena, str_of(text), &value);

	assert_null(err);
	return value;
}

static void
assert_refused(struct str text)
{
	const struct json *value;
	const struct err *err = json_parse(arena, text, &value);

	assert_non_null(err);
	assert_int_equal(err->kind, ERR_INVALID);
	assert_null(value);
}

static void
assert_text(const struct buf *buf, const char *expected)
{
	struct str text = buf_str(buf);

	assert_null(buf_err(buf));
	assert_int_equal(text.len, strlen(expected));
	assert_memory_equal(text.ptr, expected, text.len);
}

static void
an_error_names_line_and_column(void **state)
{
	const struct json *value;
	const struct err *err = json_parse(arena, STR("{\n  \"a\": 1,\n  \"b\": x}"), &value);

	(void)state;
	assert_non_null(err);
	assert_true(str_starts(err->message, STR("invalid JSON at line 3, column 8: ")));
}

static void
what_is_not_json_is_refused(void **state)
{
	(void)state;
	assert_refused(STR(""));
	assert_refused(STR(" "));
	assert_refused(STR("{} {}"));
	assert_refused(STR("[1,]"));
	assert_refused(STR("{\"a\":1,}"));
	assert_refused(STR("01"));
	assert_refused(STR("NaN"));
	assert_refused(STR("1e999"));
	assert_refused(STR("'a'"));
	assert_refused(STR("\"a\nb\""));
	assert_refused(STR("\"\xff\""));
	assert_refused(STR("\"\xed\xa0\x80\""));
	assert_refused(STR("\"\\ud800\""));
	assert_refused(STR("\xef\xbb\xbf{}"));
	assert_refused(STR("1\0"));
}

static void
assert_twins(const char *text, const char *param)
{
	const struct json *value;
	const struct err *err = json_parse_unique(arena, str_of(text), &value);

	assert_non_null(err);
	assert_null(value);
	assert_int_equal(err->kind, ERR_INVALID);
	assert_true(str_eq_c(err->code, "repeated_member"));
	assert_true(str_eq_c(err->param, param));
}

static void
a_name_that_stands_twice_is_refused_by_its_path(void **state)
{
	(void)state;
	assert_twins("{\"model\":1,\"a\":2,\"model\":1}", "model");
	assert_twins("{\"model\":1,\"mod\\u0065l\":2}", "model");
	assert_twins("{\"a\":[1,{\"b\":{\"c\":1,\"c\":2}}]}", "a[1].b.c");
	assert_twins("{\"a\":[[{\"\":1,\"\":2}]]}", "a[0][0].");
	assert_twins("[{\"x\":1},{\"x\":1,\"y\":{},\"x\":[]}]", "[1].x");
}

static void
at_the_top_case_tells_no_names_apart_and_below_it_does(void **state)
{
	const struct json *value;

	(void)state;
	assert_twins("{\"model\":1,\"Model\":2}", "Model");
	assert_twins("{\"MAX_TOKENS\":1,\"max_tokens\":2}", "max_tokens");
	assert_null(json_parse_unique(arena, STR("{\"a\":{\"id\":1,\"ID\":2},\"b\":{\"id\":1}}"), &value));
	assert_null(json_parse_unique(arena, STR("{\"a\":1,\"aa\":2,\"a_\":{\"a\":1,\"b\":[{\"a\":1},{\"a\":1}]}}"), &value));
	assert_null(json_parse_unique(arena, STR("[1,[],{},\"a\"]"), &value));
}

/* More names than are compared pair by pair. */
static void
twins_are_found_among_many_names(void **state)
{
	enum { NAMES = 5000 };
	const struct json *value;
	struct buf text;

	(void)state;
	for (int twin = -1; twin < NAMES; twin += 1250) {
		buf_init(&text, arena, MIB(1));
		buf_add(&text, STR("{\"in\":{"));
		for (int i = 0; i < NAMES; i++)
			buf_printf(&text, "\"member %d\":%d,", i, i);
		buf_printf(&text, "\"%s %d\":0}}", twin < 0 ? "Member" : "member", twin < 0 ? 7 : twin);
		assert_null(buf_err(&text));
		if (twin < 0)
			assert_null(json_parse_unique(arena, buf_str(&text), &value));
		else
			assert_twins(arena_cstr(arena, buf_str(&text)), arena_cstr(arena, arena_printf(arena, "in.member %d", twin)));
		if (twin < 0)
			assert_twins(arena_cstr(arena, str_slice(buf_str(&text), 6, text.len - 1)), "Member 7");
	}
}

static void
nesting_is_allowed_up_to_the_limit_and_not_one_deeper(void **state)
{
	char text[2 * (JSON_DEPTH_MAX + 1)];
	const struct json *value;

	(void)state;
	memset(text, '[', JSON_DEPTH_MAX + 1);
	memset(text + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
	assert_null(json_parse(arena, str_n(text + 1, sizeof(text) - 2), &value));
	assert_refused(str_n(text, sizeof(text)));
}

static void
a_million_open_brackets_are_an_error_and_nothing_worse(void **state)
{
	char *text = malloc(1000000);

	(void)state;
	memset(text, '[', 1000000);
	assert_refused(str_n(text, 1000000));
	free(text);
}

static void
a_full_arena_is_no_memory_and_not_invalid(void **state)
{
	struct arena *small = arena_new(256);
	char text[4000];
	const struct json *value;

	(void)state;
	memset(text, ' ', sizeof(text));
	text[0] = '1';
	assert_ptr_equal(json_parse(small, str_n(text, sizeof(text)), &value), &err_no_memory);
	arena_free(small);
}

static void
accessors_take_what_is_not_there(void **state)
{
	(void)state;
	assert_int_equal(json_type(NULL), JSON_NONE);
	assert_null(json_get(NULL, "a"));
	assert_null(json_get(parsed("[1]"), "a"));
	assert_null(json_string(NULL).ptr);
	assert_null(json_string(parsed("1")).ptr);
	assert_int_equal(json_int(NULL, 7), 7);
	assert_true(json_bool(NULL, true));
	assert_int_equal(json_count(parsed("\"abc\"")), 0);
	for (struct json_iter it = json_iter(NULL); json_next(&it);)
		fail();
}

static void
integers_are_exact_or_the_fallback(void **state)
{
	(void)state;
	assert_int_equal(json_int(parsed("-9223372036854775808"), 0), INT64_MIN);
	assert_int_equal(json_int(parsed("9223372036854775807"), 0), INT64_MAX);
	assert_int_equal(json_int(parsed("9223372036854775808"), 7), 7);
	assert_int_equal(json_int(parsed("1.0"), 7), 1);
	assert_int_equal(json_int(parsed("1.5"), 7), 7);
	assert_int_equal(json_int(parsed("1e300"), 7), 7);
	assert_int_equal(json_int(parsed("-9223372036854775808.0"), 7), INT64_MIN);
	assert_int_equal(json_int(parsed("9223372036854775808.0"), 7), 7);
	assert_int_equal(json_int(parsed("\"1\""), 7), 7);
	assert_int_equal(json_type(parsed("18446744073709551615")), JSON_REAL);
}

static void
iteration_sees_every_member_in_order_and_get_the_first_of_twins(void **state)
{
	const struct json *object = parsed("{\"a\":[1,[2]],\"b\":{},\"a\":3}");
	const char *keys = "aba";
	size_t count = 0;

	(void)state;
	for (struct json_iter it = json_iter(object); json_next(&it); count++)
		assert_true(it.index == count && it.key.len == 1 && it.key.ptr[0] == keys[count]);
	assert_int_equal(count, 3);
	assert_int_equal(json_type(json_get(object, "a")), JSON_ARRAY);
	count = 0;
	for (struct json_iter it = json_iter(json_get(object, "a")); json_next(&it); count++)
		assert_int_equal(json_type(it.value), count ? JSON_ARRAY : JSON_INT);
	assert_int_equal(count, 2);
}

static void
commas_and_colons_come_by_themselves(void **state)
{
	struct json_out out;
	struct buf buf;

	(void)state;
	buf_init(&buf, arena, KIB(64));
	json_out_init(&out, &buf);
	json_begin_object(&out);
	json_set_array(&out, "a");
	json_put_int(&out, INT64_MIN);
	json_begin_array(&out);
	json_end_array(&out);
	json_put_null(&out);
	json_end_array(&out);
	json_set_object(&out, "b");
	json_end_object(&out);
	json_set_bool(&out, "c", true);
	json_set_real(&out, "d", 0.1);
	json_set_real(&out, "e", NAN);
	json_set_raw(&out, "f", STR("[0]"));
	json_set(&out, "g", NULL);
	json_end_object(&out);
	assert_text(&buf, "{\"a\":[-9223372036854775808,[],null],\"b\":{},\"c\":true,\"d\":0.1,\"e\":null,\"f\":[0],\"g\":null}");
}

static void
a_copied_value_reads_the_same(void **state)
{
	const char *text = "{\"a\":[1,-2,1.5,1e300,18446744073709551615,true,false,null,\"\\u0000\\n\\\"\\\\/x\"],\"b\":{\"c\":[]}}";
	struct json_out out;
	struct buf buf;

	(void)state;
	buf_init(&buf, arena, KIB(64));
	json_out_init(&out, &buf);
	json_put(&out, parsed(text));
	assert_text(&buf, text);
}

static void
a_value_of_full_depth_may_be_copied_below_other_levels(void **state)
{
	char text[2 * JSON_DEPTH_MAX + 1];
	struct json_out out;
	struct buf buf;

	(void)state;
	memset(text, '[', JSON_DEPTH_MAX);
	memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
	text[2 * JSON_DEPTH_MAX] = '\0';
	buf_init(&buf, arena, KIB(64));
	json_out_init(&out, &buf);
	json_begin_array(&out);
	json_put(&out, parsed(text));
	json_end_array(&out);
	assert_int_equal(buf_str(&buf).len, 2 * JSON_DEPTH_MAX + 2);
}

static void
assert_quoted(struct str text, const char *expected)
{
	struct buf buf;

	buf_init(&buf, arena, KIB(64));
	json_quote(&buf, text);
	assert_text(&buf, expected);
}

static void
strings_come_out_as_valid_utf8_whatever_goes_in(void **state)
{
	(void)state;
	assert_quoted(STR(""), "\"\"");
	assert_quoted(STR("abcdefgh\x7f"), "\"abcdefgh\x7f\"");
	assert_quoted(STR("\0\x1f\b\t\n\f\r\"\\/"), "\"\\u0000\\u001f\\b\\t\\n\\f\\r\\\"\\\\/\"");
	assert_quoted(STR("grün 日本 😀"), "\"grün 日本 😀\"");
	assert_quoted(STR("a\xff" "b"), "\"a\xEF\xBF\xBD" "b\"");
	assert_quoted(STR("\xc0\xaf"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");             /* overlong */
	assert_quoted(STR("\xed\xa0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""); /* a surrogate */
	assert_quoted(STR("\xf4\x90\x80\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
	assert_quoted(STR("\xe2\x82"), "\"\xEF\xBF\xBD\"");   /* cut at the end: one for its longest prefix */
	assert_quoted(STR("\xf0\x9f\x98x"), "\"\xEF\xBF\xBDx\"");
}

static void
every_byte_at_every_offset_is_quoted_so_that_it_reads_back(void **state)
{
	(void)state;
	for (unsigned byte = 0; byte < 128; byte++) {
		for (size_t offset = 0; offset < 20; offset++) {
			char text[20];
			const struct json *value;
			struct buf buf;

			memset(text, 'a', sizeof(text));
			text[offset] = (char)byte;
			buf_init(&buf, NULL, KIB(4));
			json_quote(&buf, str_n(text, sizeof(text)));
			assert_null(json_parse(arena, buf_str(&buf), &value));
			assert_true(str_eq(json_string(value), str_n(text, sizeof(text))));
			buf_fini(&buf);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_error_names_line_and_column),
		cmocka_unit_test(what_is_not_json_is_refused),
		cmocka_unit_test(a_name_that_stands_twice_is_refused_by_its_path),
		cmocka_unit_test(at_the_top_case_tells_no_names_apart_and_below_it_does),
		cmocka_unit_test(twins_are_found_among_many_names),
		cmocka_unit_test(nesting_is_allowed_up_to_the_limit_and_not_one_deeper),
		cmocka_unit_test(a_million_open_brackets_are_an_error_and_nothing_worse),
		cmocka_unit_test(a_full_arena_is_no_memory_and_not_invalid),
		cmocka_unit_test(accessors_take_what_is_not_there),
		cmocka_unit_test(integers_are_exact_or_the_fallback),
		cmocka_unit_test(iteration_sees_every_member_in_order_and_get_the_first_of_twins),
		cmocka_unit_test(commas_and_colons_come_by_themselves),
		cmocka_unit_test(a_copied_value_reads_the_same),
		cmocka_unit_test(a_value_of_full_depth_may_be_copied_below_other_levels),
		cmocka_unit_test(strings_come_out_as_valid_utf8_whatever_goes_in),
		cmocka_unit_test(every_byte_at_every_offset_is_quoted_so_that_it_reads_back),
	};

	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
