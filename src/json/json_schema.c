/*
 * json_schema.c - checks a value against a compiled schema. See json_schema.h.
 *
 * The walk stops at the first failure, except that every alternative of anyOf and oneOf is tried. The failure that is told is the one that lies
 * deepest in the value: of several alternatives, the one that the caller most likely meant. One that failed at an enum or const ranks below
 * others of its depth: there the caller meant another alternative. The path is a chain of steps in the frames of the walk, written out only when
 * something fails.
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include <yyjson.h>

#include "json/json_schema_node.h"

enum { PATH_BYTES_MAX = 256, TEXT_BYTES_MAX = 256 };

/* Among failures of one depth. */
enum { RANK_CHOICE = 1, RANK_OTHER, RANK_NONE, RANKS = RANK_NONE };

struct step {
	const struct step *up;
	struct str key;  /* ptr NULL: an element */
	size_t index;
	unsigned depth;
};

/* Where it is NULL, the walk only answers yes or no. */
struct failure {
	unsigned rank; /* 0: none */
	char path[PATH_BYTES_MAX], text[TEXT_BYTES_MAX];
};

#define HERE ((struct str){ 0 })

static bool matches(const struct json_schema *schema, const struct json *value, const struct step *at, struct failure *failure);

static void
write_path(const struct step *at, struct buf *buf)
{
	if (!at->up)
		return;
	write_path(at->up, buf);
	if (!at->key.ptr)
		buf_printf(buf, "[%zu]", at->index);
	else
		buf_printf(buf, "%s%" STR_F, buf->len ? "." : "", STR_A(at->key));
}

static void
copy_cut(char *out, size_t size, struct str text)
{
	size_t len = text.len < size - 1 ? text.len : size - 1;

	while (len < text.len && len > 0 && ((unsigned char)text.ptr[len] & 0xC0) == 0x80)
		len--; /* not through a character */
	memcpy(out, text.ptr, len);
	out[len] = '\0';
}

/* `missing`: the member of that name below `at`, or HERE. Always false, for `return fail(…)`. */
PRINTF_LIKE(5, 6) static bool
fail(struct failure *failure, const struct step *at, struct str missing, unsigned rank, const char *format, ...)
{
	struct step below = { .up = at, .key = missing };
	struct buf path;
	va_list args;

	rank += (at->depth + (missing.ptr != NULL)) * RANKS;
	if (!failure || rank <= failure->rank)
		return false;
	failure->rank = rank;
	buf_init(&path, NULL, KIB(64));
	write_path(missing.ptr ? &below : at, &path);
	copy_cut(failure->path, sizeof(failure->path), buf_str(&path));
	buf_fini(&path);
	va_start(args, format);
	vsnprintf(failure->text, sizeof(failure->text), format, args);
	va_end(args);
	return false;
}

static unsigned
type_of(const struct json *value)
{
	switch (json_type(value)) {
	case JSON_NULL:
		return TYPE_NULL;
	case JSON_BOOL:
		return TYPE_BOOL;
	case JSON_INT:
		return TYPE_INTEGER | TYPE_NUMBER;
	case JSON_REAL: /* 1.0 counts as an integer if it fits one: then two different fallbacks are not seen */
		return json_int(value, 0) == json_int(value, 1) ? TYPE_INTEGER | TYPE_NUMBER : TYPE_NUMBER;
	case JSON_STRING:
		return TYPE_STRING;
	case JSON_ARRAY:
		return TYPE_ARRAY;
	case JSON_OBJECT:
		return TYPE_OBJECT;
	case JSON_NONE:
		break;
	}
	return 0;
}

/* "a string or an array" */
static void
name_types(unsigned types, char *out, size_t size)
{
	static const char *const names[] = { "null", "true or false", "an integer", "a number", "a string", "an array", "an object" };
	size_t len = 0;

	out[0] = '\0';
	for (unsigned i = 0; i < COUNT(names); i++) {
		if (!(types >> i & 1) || len >= size)
			continue;
		len += (size_t)snprintf(out + len, size - len, "%s%s", len ? " or " : "", names[i]);
	}
}

static bool
fail_type(unsigned expected, const struct json *value, const struct step *at, struct failure *failure)
{
	char wanted[128], found[64];
	unsigned type = type_of(value);

	if (!failure)
		return false;
	name_types(expected, wanted, sizeof(wanted));
	name_types(type & TYPE_INTEGER ? TYPE_INTEGER : type, found, sizeof(found));
	return fail(failure, at, HERE, RANK_OTHER, "expected %s, not %s", wanted, found);
}

static bool
equal(const struct json *a, const struct json *b)
{
	if ((type_of(a) & TYPE_NUMBER) && (type_of(b) & TYPE_NUMBER))
		return json_number(a, 0) == json_number(b, 0) && json_int(a, 0) == json_int(b, 0);
	return yyjson_equals((yyjson_val *)(uintptr_t)a, (yyjson_val *)(uintptr_t)b);
}

static bool
fail_choice(const struct json *choices, const struct step *at, struct failure *failure)
{
	char room[TEXT_BYTES_MAX];
	struct json_out out;
	struct buf buf;
	struct arena *arena;

	if (!failure)
		return false;
	arena = arena_new(KIB(64));
	buf_init(&buf, arena, KIB(16));
	json_out_init(&out, &buf);
	json_put(&out, choices);
	copy_cut(room, sizeof(room) / 2, buf_str(&buf));
	arena_free(arena);
	return fail(failure, at, HERE, RANK_CHOICE, json_is(choices, JSON_ARRAY) ? "expected one of %s" : "expected %s", room);
}

static bool
matches_choices(const struct json_schema *schema, const struct json *value, const struct step *at, struct failure *failure)
{
	if (schema->constant && !equal(schema->constant, value))
		return fail_choice(schema->constant, at, failure);
	if (!schema->choices)
		return true;
	for (struct json_iter it = json_iter(schema->choices); json_next(&it);)
		if (equal(it.value, value))
			return true;
	return fail_choice(schema->choices, at, failure);
}

static bool
matches_number(const struct json_schema *schema, const struct json *value, const struct step *at, struct failure *failure)
{
	double number = json_number(value, 0);

	if (number < schema->minimum)
		return fail(failure, at, HERE, RANK_OTHER, "must be at least %.15g", schema->minimum);
	if (number > schema->maximum)
		return fail(failure, at, HERE, RANK_OTHER, "must be at most %.15g", schema->maximum);
	return true;
}

static bool
matches_string(const struct json_schema *schema, const struct json *value, const struct step *at, struct failure *failure)
{
	struct str text = json_string(value);
	size_t length = 0;

	if (schema->length_min == 0 && text.len <= schema->length_max)
		return true;
	for (size_t i = 0; i < text.len; i++)
		length += ((unsigned char)text.ptr[i] & 0xC0) != 0x80;
	if (length < schema->length_min)
		return fail(failure, at, HERE, RANK_OTHER, "must have at least %zu characters", schema->length_min);
	if (length > schema->length_max)
		return fail(failure, at, HERE, RANK_OTHER, "must have at most %zu characters", schema->length_max);
	return true;
}

static bool
matches_array(const struct json_schema *schema, const struct json *value, const struct step *at, struct failure *failure)
{
	struct step below = { .up = at, .depth = at->depth + 1 };

	if (json_count(value) < schema->items_min)
		return fail(failure, at, HERE, RANK_OTHER, "must have at least %zu elements", schema->items_min);
	if (json_count(value) > schema->items_max)
		return fail(failure, at, HERE, RANK_OTHER, "must have at most %zu elements", schema->items_max);
	if (!schema->items)
		return true;
	for (struct json_iter it = json_iter(value); json_next(&it); below.index++)
		if (!matches(schema->items, it.value, &below, failure))
			return false;
	return true;
}

static const struct json_schema *
schema_of_member(const struct json_schema *schema, struct str key)
{
	for (size_t i = 0; i < schema->property_count; i++)
		if (schema->properties[i].schema && str_eq(schema->properties[i].key, key))
			return schema->properties[i].schema;
	return schema->additional;
}

/*
 * Members that are chosen from a list come first: where alternatives are told apart by such a member ("type": "text"), the others then fail
 * at it, whatever else they want.
 */
static bool
matches_chosen_members(const struct json_schema *schema, const struct json *value, const struct step *at, struct failure *failure)
{
	struct step below = { .up = at, .depth = at->depth + 1 };

	for (size_t i = 0; i < schema->property_count; i++) {
		const struct json_schema_property *property = &schema->properties[i];
		const struct json *member;

		if (!property->schema || (!property->schema->constant && !property->schema->choices))
			continue;
		member = json_get_str(value, property->key);
		below.key = property->key;
		if (member && !matches_choices(property->schema, member, &below, failure))
			return false;
	}
	return true;
}

static bool
matches_object(const struct json_schema *schema, const struct json *value, const struct step *at, struct failure *failure)
{
	struct step below = { .up = at, .depth = at->depth + 1 };

	if (!matches_chosen_members(schema, value, at, failure))
		return false;
	for (size_t i = 0; i < schema->property_count; i++)
		if (schema->properties[i].required && !json_get_str(value, schema->properties[i].key))
			return fail(failure, at, schema->properties[i].key, RANK_OTHER, "is required");
	for (struct json_iter it = json_iter(value); json_next(&it);) {
		const struct json_schema *of = schema_of_member(schema, it.key);

		below.key = it.key;
		if (of && !matches(of, it.value, &below, failure))
			return false;
	}
	return true;
}

/* The types that one of the alternatives allows; 0: any. */
static unsigned
types_of(const struct json_schema_list *list)
{
	unsigned types = 0;

	for (size_t i = 0; i < list->count; i++) {
		const struct json_schema *schema = list->items[i];

		while (schema->ref && !schema->types)
			schema = schema->ref;
		if (!schema->types)
			return 0;
		types |= schema->types;
	}
	return types;
}

/* `most`: how many may match, at least one must. The alternatives are tried in silence first, so that those that fail beside one that does not leave no word. */
static bool
matches_list(const struct json_schema_list *list, size_t most, const struct json *value, const struct step *at, struct failure *failure)
{
	unsigned types = types_of(list);
	size_t matching = 0;

	if (list->count == 0)
		return true;
	for (size_t i = 0; i < list->count && matching <= most; i++)
		matching += matches(list->items[i], value, at, NULL);
	if (matching > 0)
		return matching <= most || fail(failure, at, HERE, RANK_OTHER, "matches more than one of the allowed forms");
	if (types && !(types & type_of(value)))
		return fail_type(types, value, at, failure);
	for (size_t i = 0; failure && i < list->count; i++)
		matches(list->items[i], value, at, failure);
	return fail(failure, at, HERE, RANK_NONE, "matches none of the allowed forms");
}

static bool
matches_by_type(const struct json_schema *schema, const struct json *value, const struct step *at, struct failure *failure)
{
	switch (json_type(value)) {
	case JSON_INT:
	case JSON_REAL:
		return matches_number(schema, value, at, failure);
	case JSON_STRING:
		return matches_string(schema, value, at, failure);
	case JSON_ARRAY:
		return matches_array(schema, value, at, failure);
	case JSON_OBJECT:
		return matches_object(schema, value, at, failure);
	default:
		return true;
	}
}

static bool
matches(const struct json_schema *schema, const struct json *value, const struct step *at, struct failure *failure)
{
	if (at->depth > JSON_SCHEMA_DEPTH_MAX)
		return fail(failure, at, HERE, RANK_OTHER, "is nested deeper than %d levels", JSON_SCHEMA_DEPTH_MAX);
	if (schema->never)
		return fail(failure, at, HERE, RANK_OTHER, "is not known here");
	if (schema->types && !(schema->types & type_of(value)))
		return fail_type(schema->types, value, at, failure);
	return matches_choices(schema, value, at, failure) && matches_by_type(schema, value, at, failure) &&
		(!schema->ref || matches(schema->ref, value, at, failure)) && matches_list(&schema->any, schema->any.count, value, at, failure) &&
		matches_list(&schema->one, 1, value, at, failure);
}

const struct err *
json_schema_check(const struct json_schema *schema, const struct json *value, struct arena *arena)
{
	const struct step root = { .up = NULL };
	struct failure failure = { .rank = 0 };

	if (matches(schema, value, &root, &failure))
		return NULL;
	return err_param(arena, ERR_INVALID, failure.path, NULL, "%s: %s", failure.path[0] ? failure.path : "the body", failure.text);
}
