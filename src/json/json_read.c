/*
 * json_read.c - reading JSON with yyjson. See json.h.
 *
 * A `struct json` is yyjson's own value under another name: nothing is copied. The tree is one run of memory in the arena, in the order of
 * the text, so that walking it is cheap. Depth is checked once here, so that whoever walks a tree may recurse.
 */
#include "json/json.h"

#include <stdlib.h>

#include <yyjson.h>

#include "base/map.h"

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

/* --- what is checked of a whole tree, in one walk --- */

struct walk {
	struct arena *arena;
	bool unique;         /* no name may stand twice in an object */
	yyjson_val *twins[2]; /* names of one object that do */
	struct str where;    /* the object they stand in, for the message; made on the way back up */
};

enum { NAMES_FEW = 24, WHERE_MAX = 300 };

/* A text that may go to any arena; and what the values of a longer one may take beside its own length four times. */
enum { ORDINARY_MAX = 256 * 1024, VALUES_MAX = 64 * 1024 * 1024 };

static struct str
name_of(yyjson_val *key)
{
	return str_n(unsafe_yyjson_get_str(key), unsafe_yyjson_get_len(key));
}

static bool
is_twin(yyjson_val *a, yyjson_val *b, bool fold)
{
	if (unsafe_yyjson_get_len(a) != unsafe_yyjson_get_len(b))
		return false;
	return fold ? str_eq_ci(name_of(a), name_of(b)) : str_eq(name_of(a), name_of(b));
}

/* Few names are compared pair by pair. False: there are twins. Not inlined: its array would stand on the stack at every level of the walk. */
__attribute__((noinline)) static bool
few_differ(struct walk *walk, yyjson_val *object, size_t count, bool fold)
{
	yyjson_val *names[NAMES_FEW], *at = unsafe_yyjson_get_first(object);

	for (size_t i = 0; i < count; i++, at = unsafe_yyjson_get_next(at + 1)) {
		names[i] = at;
		for (size_t k = 0; k < i; k++) {
			if (!is_twin(names[k], at, fold))
				continue;
			walk->twins[0] = names[k];
			walk->twins[1] = at;
			return false;
		}
	}
	return true;
}

/* A keyed hash, so that strangers cannot choose names that collide; of names in lower case where case tells none apart. */
static uint64_t
hash_of(yyjson_val *key, struct buf *lower, bool fold)
{
	struct str name = name_of(key);

	if (!fold)
		return map_hash(name);
	buf_clear(lower);
	for (size_t i = 0; i < name.len; i++)
		buf_add_byte(lower, name.ptr[i] >= 'A' && name.ptr[i] <= 'Z' ? (char)(name.ptr[i] - 'A' + 'a') : name.ptr[i]);
	return map_hash(buf_str(lower));
}

/* Many names go through a table of their places, of which half at most are taken. */
__attribute__((noinline)) static bool
many_differ(struct walk *walk, yyjson_val *object, size_t count, bool fold)
{
	yyjson_val *at = unsafe_yyjson_get_first(object), **table;
	size_t size = 64, slot;
	struct buf lower;

	while (size < 2 * count)
		size *= 2;
	table = mem_zalloc(size * sizeof(*table));
	buf_init(&lower, NULL, SIZE_MAX / 4);
	for (size_t i = 0; i < count && !walk->twins[0]; i++, at = unsafe_yyjson_get_next(at + 1)) {
		for (slot = hash_of(at, &lower, fold) & (size - 1); table[slot] && !is_twin(table[slot], at, fold);)
			slot = (slot + 1) & (size - 1);
		if (table[slot]) {
			walk->twins[0] = table[slot];
			walk->twins[1] = at;
		}
		table[slot] = at;
	}
	buf_fini(&lower);
	free(table);
	return !walk->twins[0];
}

static bool
names_differ(struct walk *walk, yyjson_val *object, size_t count, bool fold)
{
	return count <= NAMES_FEW ? few_differ(walk, object, count, fold) : many_differ(walk, object, count, fold);
}

static void
prepend(struct walk *walk, yyjson_val *key, size_t index)
{
	struct str inner = walk->where;
	const char *dot = inner.len && inner.ptr[0] != '[' ? "." : "";

	if (inner.len > WHERE_MAX)
		return;
	if (key)
		walk->where = arena_printf(walk->arena, "%" STR_F "%s%" STR_F, STR_A(str_slice(name_of(key), 0, 100)), dot, STR_A(inner));
	else
		walk->where = arena_printf(walk->arena, "[%zu]%s%" STR_F, index, dot, STR_A(inner));
}

enum found { FOUND_NOTHING, FOUND_TOO_DEEP, FOUND_TWINS };

static enum found
check(struct walk *walk, yyjson_val *value, unsigned levels)
{
	bool object = yyjson_is_obj(value);
	enum found found = FOUND_NOTHING;
	size_t count;
	yyjson_val *at;

	if (!yyjson_is_ctn(value))
		return FOUND_NOTHING;
	if (levels == 0)
		return FOUND_TOO_DEEP;
	count = unsafe_yyjson_get_len(value);
	if (object && count > 1 && walk->unique && !names_differ(walk, value, count, levels == JSON_DEPTH_MAX))
		return FOUND_TWINS;
	at = count ? unsafe_yyjson_get_first(value) : NULL;
	for (size_t i = 0; i < count; i++) {
		yyjson_val *element = object ? at + 1 : at;

		if (yyjson_is_ctn(element))
			found = check(walk, element, levels - 1);
		if (found == FOUND_TWINS)
			prepend(walk, object ? at : NULL, i);
		if (found)
			return found;
		at = unsafe_yyjson_get_next(element);
	}
	return FOUND_NOTHING;
}

static const struct err *
twins_error(struct walk *walk)
{
	struct str first, name;
	const char *path;

	first = str_slice(name_of(walk->twins[0]), 0, 100);
	name = str_slice(name_of(walk->twins[1]), 0, 100);
	path = arena_cstr(walk->arena, arena_printf(walk->arena, "%" STR_F "%s%" STR_F, STR_A(walk->where), walk->where.len ? "." : "", STR_A(name)));
	if (str_eq(first, name))
		return err_param(walk->arena, ERR_INVALID, path, "repeated_member", "%s stands twice, and servers differ in which of the two they read: send it once", path ? path : "a member");
	return err_param(walk->arena, ERR_INVALID, path, "repeated_member", "%s differs from \"%" STR_F "\" in case alone, and some servers read them as one: send one of them", path ? path : "a member",
		STR_A(first));
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

static const struct err *
parse(struct arena *arena, struct str text, bool unique, const struct json **out)
{
	struct walk walk = { .arena = arena, .unique = unique, .where = STR_EMPTY };
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
	switch (check(&walk, yyjson_doc_get_root(doc), JSON_DEPTH_MAX)) {
	case FOUND_TOO_DEEP:
		return err_new(arena, ERR_INVALID, "invalid JSON: nested deeper than %d levels", JSON_DEPTH_MAX);
	case FOUND_TWINS:
		return twins_error(&walk);
	case FOUND_NOTHING:
		break;
	}
	*out = json_of(yyjson_doc_get_root(doc));
	return NULL;
}

struct arena *
json_arena(struct arena *arena, size_t text_len)
{
	/* The reader takes a copy of the text, and room for a value every six bytes before it has seen one; of what it takes and does not use, nothing is ever touched. */
	return text_len <= ORDINARY_MAX ? arena : arena_new_below(arena, 4 * text_len + VALUES_MAX);
}

const struct err *
json_parse(struct arena *arena, struct str text, const struct json **out)
{
	return parse(arena, text, false, out);
}

const struct err *
json_parse_unique(struct arena *arena, struct str text, const struct json **out)
{
	return parse(arena, text, true, out);
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
