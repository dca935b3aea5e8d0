/*
 * json_schema_test.c - what a schema lets through, and how it says no.
 */
#include "base/test_arena.h"

#include <stdlib.h>

#include "json/json_schema.h"

static const struct json *
parsed(const char *text)
{
	const struct json *value;

	assert_null(json_parse(arena, str_of(text), &value));
	return value;
}

static const struct json_schema *
compiled(const char *text)
{
	const struct json_schema *schema;

	assert_null(json_schema_compile(arena, parsed(text), &schema));
	return schema;
}

/* expected: the whole message, NULL for a value that is right. */
static void
assert_says(const char *schema, const char *value, const char *expected)
{
	const struct err *err = json_schema_check(compiled(schema), parsed(value), arena);

	if (!expected) {
		assert_null(err);
		return;
	}
	assert_non_null(err);
	assert_int_equal(err->kind, ERR_INVALID);
	assert_string_equal(arena_cstr(arena, err->message), expected);
}

static void
assert_schema_refused(const char *text, enum err_kind kind)
{
	const struct json_schema *schema;
	const struct err *err = json_schema_compile(arena, parsed(text), &schema);

	assert_non_null(err);
	assert_int_equal(err->kind, kind);
	assert_null(schema);
}

static const char chat[] = "{\"type\":\"object\",\"required\":[\"model\",\"messages\"],\"properties\":{"
	"\"model\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":5},"
	"\"temperature\":{\"type\":[\"number\",\"null\"],\"minimum\":0,\"maximum\":2},"
	"\"n\":{\"type\":\"integer\"},"
	"\"messages\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":3,\"items\":{\"$ref\":\"#/$defs/message\"}}},"
	"\"$defs\":{\"message\":{\"type\":\"object\",\"required\":[\"role\"],\"properties\":{\"role\":{\"enum\":[\"user\",\"system\"]},"
	"\"content\":{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/part\"}}]}}},"
	"\"part\":{\"oneOf\":[{\"type\":\"object\",\"required\":[\"type\",\"text\"],\"properties\":{\"type\":{\"const\":\"text\"},\"text\":{\"type\":\"string\"}}},"
	"{\"type\":\"object\",\"required\":[\"type\"],\"properties\":{\"type\":{\"const\":\"image\"}},\"additionalProperties\":false}]}}}";

static void
a_right_value_passes(void **state)
{
	(void)state;
	assert_says(chat, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"temperature\":null,\"n\":1.0,\"unknown\":[{}]}", NULL);
	assert_says(chat, "{\"model\":\"äöüßé\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"x\"},{\"type\":\"image\"}]}]}", NULL);
}

static void
the_message_names_the_path_and_what_was_expected(void **state)
{
	const struct err *err = json_schema_check(compiled(chat), parsed("{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":1}]}"), arena);

	(void)state;
	assert_true(str_eq_c(err->param, "messages[0].content"));
	assert_true(str_eq_c(err->message, "messages[0].content: expected a string or an array, not an integer"));
	assert_says(chat, "[]", "the body: expected an object, not an array");
	assert_says(chat, "{\"model\":\"m\"}", "messages: is required");
	assert_says(chat, "{\"model\":\"m\",\"messages\":[]}", "messages: must have at least 1 elements");
	assert_says(chat, "{\"model\":\"m\",\"messages\":[1,1,1,1]}", "messages: must have at most 3 elements");
	assert_says(chat, "{\"model\":\"m\",\"messages\":[{}]}", "messages[0].role: is required");
	assert_says(chat, "{\"model\":\"m\",\"messages\":[{\"role\":\"x\"}]}", "messages[0].role: expected one of [\"user\",\"system\"]");
	assert_says(chat, "{\"model\":\"\",\"messages\":[{\"role\":\"user\"}]}", "model: must have at least 1 characters");
	assert_says(chat, "{\"model\":\"abcdef\",\"messages\":[{\"role\":\"user\"}]}", "model: must have at most 5 characters");
	assert_says(chat, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\"}],\"temperature\":2.5}", "temperature: must be at most 2");
	assert_says(chat, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\"}],\"temperature\":-1}", "temperature: must be at least 0");
	assert_says(chat, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\"}],\"n\":1.5}", "n: expected an integer, not a number");
	assert_says(chat, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\"}],\"n\":true}", "n: expected an integer, not true or false");
}

static void
of_several_alternatives_the_one_that_matched_farthest_speaks(void **state)
{
	(void)state;
	assert_says(chat, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":1}]}]}",
		"messages[0].content[0].text: expected a string, not an integer");
	assert_says(chat, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"text\":1}]}]}",
		"messages[0].content[0].text: is not known here");
	assert_says(chat, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"video\"}]}]}",
		"messages[0].content[0].type: expected \"text\"");
	assert_says(chat, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\"}]}]}",
		"messages[0].content[0].text: is required");
}

static void
an_alternative_that_failed_beside_one_that_did_not_is_never_heard(void **state)
{
	(void)state;
	assert_says("{\"properties\":{\"a\":{\"anyOf\":[{\"properties\":{\"x\":{\"properties\":{\"y\":{\"type\":\"string\"}}}}},{}]},\"b\":{\"type\":\"string\"}}}",
		"{\"a\":{\"x\":{\"y\":1}},\"b\":1}", "b: expected a string, not an integer");
}

static void
one_of_several_means_exactly_one(void **state)
{
	static const char schema[] = "{\"oneOf\":[{\"type\":\"integer\"},{\"minimum\":10}]}";

	(void)state;
	assert_says(schema, "5", NULL);
	assert_says(schema, "10.5", NULL);
	assert_says(schema, "10", "the body: matches more than one of the allowed forms");
	assert_says(schema, "5.5", "the body: matches none of the allowed forms");
}

static void
numbers_are_compared_by_value_and_large_ones_exactly(void **state)
{
	(void)state;
	assert_says("{\"const\":1}", "1.0", NULL);
	assert_says("{\"const\":9007199254740993}", "9007199254740993", NULL);
	assert_says("{\"const\":9007199254740993}", "9007199254740992", "the body: expected 9007199254740993");
	assert_says("{\"enum\":[{\"a\":[1]},null]}", "{\"a\":[1]}", NULL);
	assert_says("{\"type\":\"integer\"}", "18446744073709551615", "the body: expected an integer, not a number");
	assert_says("{\"type\":\"integer\"}", "0.0", NULL);
}

static void
a_recursive_schema_ends_with_the_value_or_at_the_depth_limit(void **state)
{
	static const char schema[] = "{\"$ref\":\"#/$defs/tree\",\"$defs\":{\"tree\":{\"oneOf\":[{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/tree\"}},{\"type\":\"null\"}]}}}";
	char deep[2 * JSON_DEPTH_MAX + 1];

	(void)state;
	assert_says(schema, "[[[null]],null,[]]", NULL);
	assert_says(schema, "[[[1]]]", "[0][0][0]: expected null or an array, not an integer");
	memset(deep, '[', JSON_DEPTH_MAX);
	memset(deep + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
	deep[2 * JSON_DEPTH_MAX] = '\0';
	assert_non_null(json_schema_check(compiled(schema), parsed(deep), arena));
}

static void
paths_and_texts_that_are_too_long_are_cut_between_characters(void **state)
{
	struct buf value;
	const struct err *err;

	(void)state;
	buf_init(&value, arena, KIB(8));
	buf_add(&value, STR("{\"x"));
	for (int i = 0; i < 300; i++)
		buf_add(&value, STR("ä"));
	buf_add(&value, STR("\":1}"));
	err = json_schema_check(compiled("{\"additionalProperties\":{\"type\":\"string\"}}"), parsed(arena_cstr(arena, buf_str(&value))), arena);
	assert_non_null(err);
	assert_int_equal(err->param.len, 255);
	assert_true(str_ends(err->param, STR("ä")));
}

static void
a_schema_that_cannot_be_enforced_is_refused(void **state)
{
	(void)state;
	assert_schema_refused("{\"patternProperties\":{}}", ERR_UNSUPPORTED);
	assert_schema_refused("{\"properties\":{\"a\":{\"multipleOf\":2}}}", ERR_UNSUPPORTED);
	assert_schema_refused("3", ERR_INVALID);
	assert_schema_refused("{\"type\":\"text\"}", ERR_INVALID);
	assert_schema_refused("{\"type\":[]}", ERR_INVALID);
	assert_schema_refused("{\"minLength\":-1}", ERR_INVALID);
	assert_schema_refused("{\"anyOf\":[]}", ERR_INVALID);
	assert_schema_refused("{\"required\":[1]}", ERR_INVALID);
	assert_schema_refused("{\"$ref\":\"#/$defs/none\"}", ERR_INVALID);
	assert_schema_refused("{\"$ref\":\"other.json\"}", ERR_INVALID);
	assert_schema_refused("{\"$ref\":\"#/components/none\"}", ERR_INVALID);
	assert_schema_refused("{\"properties\":{\"a\":{\"$defs\":{}}}}", ERR_INVALID);
	assert_schema_refused("{\"required\":[],\"required\":[\"a\",\"b\"]}", ERR_INVALID); /* room was made for the first */
}

static void
a_definition_by_itself_is_refused(void **state)
{
	(void)state;
	assert_schema_refused("{\"$defs\":{\"a\":{\"$ref\":\"#/$defs/a\"}}}", ERR_INVALID);
	assert_schema_refused("{\"$defs\":{\"a\":{\"anyOf\":[{\"$ref\":\"#/$defs/b\"}]},\"b\":{\"oneOf\":[{},{\"$ref\":\"#/$defs/a\"}]}}}", ERR_INVALID);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_right_value_passes),
		cmocka_unit_test(the_message_names_the_path_and_what_was_expected),
		cmocka_unit_test(of_several_alternatives_the_one_that_matched_farthest_speaks),
		cmocka_unit_test(an_alternative_that_failed_beside_one_that_did_not_is_never_heard),
		cmocka_unit_test(one_of_several_means_exactly_one),
		cmocka_unit_test(numbers_are_compared_by_value_and_large_ones_exactly),
		cmocka_unit_test(a_recursive_schema_ends_with_the_value_or_at_the_depth_limit),
		cmocka_unit_test(paths_and_texts_that_are_too_long_are_cut_between_characters),
		cmocka_unit_test(a_schema_that_cannot_be_enforced_is_refused),
		cmocka_unit_test(a_definition_by_itself_is_refused),
	};

	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
