/*
 * fuzz_json.c - strangers' JSON: whatever is read can be written, and what was written reads the same and is written the same again. Strings of any
 * bytes come out as JSON. A name that stands twice is found where there is one. The same bytes, read as a schema and a value, never confuse the checker.
 */
#include <stdlib.h>

#include "json/json_schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool holds)
{
	if (!holds)
		abort();
}

static struct str
written(struct arena *arena, const struct json *value)
{
	struct json_out out;
	struct buf buf;

	buf_init(&buf, arena, MIB(8));
	json_out_init(&out, &buf);
	json_put(&out, value);
	require(!buf_err(&buf));
	return buf_str(&buf);
}

static void
read_write_read(struct arena *arena, const struct json *value)
{
	struct str once = written(arena, value);
	const struct json *again;

	require(!json_parse(arena, once, &again));
	require(str_eq(once, written(arena, again)));
}

static void
quote(struct arena *arena, struct str bytes)
{
	const struct json *value;
	struct buf buf;

	buf_init(&buf, arena, MIB(8));
	json_quote(&buf, bytes);
	require(!buf_err(&buf) && !json_parse(arena, buf_str(&buf), &value) && json_is(value, JSON_STRING));
}

/* [schema, value] */
static void
check_schema(struct arena *arena, const struct json *pair)
{
	struct json_iter it = json_iter(pair);
	const struct json_schema *schema;
	const struct err *err;

	if (!json_is(pair, JSON_ARRAY) || json_count(pair) != 2)
		return;
	json_next(&it);
	if (json_schema_compile(arena, it.value, &schema))
		return;
	json_next(&it);
	err = json_schema_check(schema, it.value, arena);
	require(!err || err->message.len > 0);
}

/* Every pair of names looked at, without haste. */
static bool
has_twins(const struct json *value, bool fold)
{
	for (struct json_iter it = json_iter(value); json_next(&it);) {
		if (has_twins(it.value, false))
			return true;
		for (struct json_iter other = it; json_is(value, JSON_OBJECT) && json_next(&other);)
			if (fold ? str_eq_ci(it.key, other.key) : str_eq(it.key, other.key))
				return true;
	}
	return false;
}

static void
look_for_twins(struct arena *arena, struct str text, const struct json *value)
{
	const struct json *again;
	const struct err *err = json_parse_unique(arena, text, &again);

	require(!err || str_eq_c(err->code, "repeated_member"));
	require(has_twins(value, true) == (err != NULL));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_n((const char *)data, size);
	struct arena *arena = arena_new(MIB(64));
	const struct json *value;

	if (size > KIB(64))
		text.len = KIB(64);
	quote(arena, text);
	if (!json_parse(arena, text, &value)) {
		read_write_read(arena, value);
		if (size < KIB(4)) /* each pair costs */
			look_for_twins(arena, text, value);
		check_schema(arena, value);
	}
	arena_free(arena);
	return 0;
}
