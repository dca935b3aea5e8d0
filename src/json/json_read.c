/*
 * json_read.c - reading JSON with yyjson. See json.h.
 *
 * A `struct json` is yyjson's own value under another name: nothing is copied. The tree is one run of memory in the arena, in the order of
 * the text, so that walking it is cheap. Depth is checked once here, so that whoever walks a tree may recurse.
 */
#include "json/json.h"

#include <yyjson.h>

static yyjson_val *
value_of(const struct json *json)
{
	return (yyjson_val *)(void *)(uintptr_t)json; /* yyjson's readers take no const */
}

static const struct json *
json_of(yyjson_val *value)
{
	return (const struct json *)(void *)value;
}

static void *
alloc_in_arena(void *arena, size_t size)
{
	return arena_alloc(arena, size);
}

/* yyjson grows its run of values when its guess was too low; the old room is given up to the arena. */
static void *
grow_in_arena(void *arena, void *old, size_t old_size, size_t size)
{
	void *grown = arena_alloc(arena, size);

	if (grown && old)
		memcpy(grown, old, old_size < size ? old_size : size);
	return grown;
}

static void
free_in_arena(void *arena, void *memory)
{
	(void)arena;
	(void)memory;
}

static bool
is_deeper_than(yyjson_val *value, unsigned levels)
{
	bool object = yyjson_is_obj(value);
	size_t count;
	yyjson_val *at;

	if (!yyjson_is_ctn(value))
		return false;
	if (levels == 0)
		return true;
	count = yyjson_get_len(value);
	at = count ? unsafe_yyjson_get_first(value) : NULL;
	for (size_t i = 0; i < count; i++) {
		yyjson_val *element = object ? at + 1 : at;

		if (yyjson_is_ctn(element) && is_deeper_than(element, levels - 1))
			return true;
		at = unsafe_yyjson_get_next(element);
	}
	return false;
}

static const struct err *
syntax_error(struct arena *arena, struct str text, const yyjson_read_err *wrong)
{
	size_t line = 1, column = 1, position = 0;

	if (wrong->code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
		return &err_no_memory;
	yyjson_locate_pos(text.ptr, text.len, wrong->pos, &line, &column, &position);
	return err_new(arena, ERR_INVALID, "invalid JSON at line %zu, column %zu: %s", line, column, wrong->msg);
}

const struct err *
json_parse(struct arena *arena, struct str text, const struct json **out)
{
	const yyjson_alc in_arena = { alloc_in_arena, grow_in_arena, free_in_arena, arena };
	yyjson_read_err wrong;
	yyjson_doc *doc;

	*out = NULL;
	if (text.len == 0)
		return err_new(arena, ERR_INVALID, "invalid JSON: the text is empty");
	/* yyjson takes char *, but writes to the text only when it is asked to (YYJSON_READ_INSITU). */
	doc = yyjson_read_opts((char *)(uintptr_t)text.ptr, text.len, YYJSON_READ_NOFLAG, &in_arena, &wrong);
	if (!doc)
		return syntax_error(arena, text, &wrong);
	if (is_deeper_than(yyjson_doc_get_root(doc), JSON_DEPTH_MAX))
		return err_new(arena, ERR_INVALID, "invalid JSON: nested deeper than %d levels", JSON_DEPTH_MAX);
	*out = json_of(yyjson_doc_get_root(doc));
	return NULL;
}

enum json_type
json_type(const struct json *json)
{
	yyjson_val *value = value_of(json);

	switch (yyjson_get_type(value)) {
	case YYJSON_TYPE_NULL:
		return JSON_NULL;
	case YYJSON_TYPE_BOOL:
		return JSON_BOOL;
	case YYJSON_TYPE_NUM:
		if (yyjson_is_real(value) || (yyjson_is_uint(value) && yyjson_get_uint(value) > INT64_MAX))
			return JSON_REAL;
		return JSON_INT;
	case YYJSON_TYPE_STR:
		return JSON_STRING;
	case YYJSON_TYPE_ARR:
		return JSON_ARRAY;
	case YYJSON_TYPE_OBJ:
		return JSON_OBJECT;
	default:
		return JSON_NONE;
	}
}

const struct json *
json_get_str(const struct json *object, struct str key)
{
	return json_of(yyjson_obj_getn(value_of(object), key.ptr, key.len));
}

struct str
json_string(const struct json *json)
{
	yyjson_val *value = value_of(json);

	return yyjson_is_str(value) ? str_n(unsafe_yyjson_get_str(value), unsafe_yyjson_get_len(value)) : (struct str){ 0 };
}

int64_t
json_int(const struct json *json, int64_t fallback)
{
	yyjson_val *value = value_of(json);
	double real;

	if (json_type(json) == JSON_INT)
		return yyjson_get_sint(value);
	if (!yyjson_is_real(value))
		return fallback;
	real = yyjson_get_real(value);
	/* -2^63 and 2^63 are exact as doubles; what lies between them and is whole fits. */
	if (real < -0x1p63 || real >= 0x1p63 || real != (double)(int64_t)real)
		return fallback;
	return (int64_t)real;
}

double
json_number(const struct json *json, double fallback)
{
	yyjson_val *value = value_of(json);

	return yyjson_is_num(value) ? yyjson_get_num(value) : fallback;
}

bool
json_bool(const struct json *json, bool fallback)
{
	yyjson_val *value = value_of(json);

	return yyjson_is_bool(value) ? yyjson_get_bool(value) : fallback;
}

size_t
json_count(const struct json *json)
{
	yyjson_val *value = value_of(json);

	return yyjson_is_ctn(value) ? yyjson_get_len(value) : 0;
}

struct json_iter
json_iter(const struct json *container)
{
	return (struct json_iter){ .container = container };
}

bool
json_next(struct json_iter *iter)
{
	yyjson_val *container = value_of(iter->container), *at;

	if (iter->seen >= json_count(iter->container))
		return false;
	at = iter->seen == 0 ? unsafe_yyjson_get_first(container) : unsafe_yyjson_get_next(value_of(iter->value));
	if (yyjson_is_obj(container)) {
		iter->key = str_n(unsafe_yyjson_get_str(at), unsafe_yyjson_get_len(at));
		at++; /* a member's value follows its key */
	}
	iter->value = json_of(at);
	iter->index = iter->seen++;
	return true;
}
