/*
 * canonical.c - see canonical.h.
 */
#include "cache/canonical.h"

#include <math.h>
#include <stdlib.h>

enum tag { TAG_TEXT = 1, TAG_INT, TAG_REAL, TAG_HUGE, TAG_NONE, TAG_NULL, TAG_FALSE, TAG_TRUE, TAG_ARRAY, TAG_OBJECT };

enum { HUGE_TEXT_MAX = 64 };

/* From here on a double no longer tells neighbouring whole numbers apart. */
#define WHOLE_MAX 9007199254740992.0

static void
flush(struct canonical *canonical)
{
	hash_add(canonical->hash, str_n(canonical->small, canonical->gathered));
	canonical->gathered = 0;
}

static void
add(struct canonical *canonical, const void *bytes, size_t size)
{
	if (size > sizeof(canonical->small) - canonical->gathered)
		flush(canonical);
	if (size > sizeof(canonical->small)) {
		hash_add(canonical->hash, str_n(bytes, size));
		return;
	}
	memcpy(canonical->small + canonical->gathered, bytes, size);
	canonical->gathered += size;
}

static void
add_tag(struct canonical *canonical, enum tag tag)
{
	char byte = (char)tag;

	add(canonical, &byte, 1);
}

/* Seven bits a byte, the lowest first: most numbers and lengths are small, and what is hashed costs by the byte. */
static void
add_number(struct canonical *canonical, enum tag tag, uint64_t number)
{
	unsigned char bytes[11] = { (unsigned char)tag };
	size_t size = 1;

	for (; number >= 0x80; number >>= 7)
		bytes[size++] = (unsigned char)(number | 0x80);
	bytes[size++] = (unsigned char)number;
	add(canonical, bytes, size);
}

void
canonical_begin(struct canonical *canonical, struct arena *arena)
{
	canonical->hash = hash_begin();
	canonical->arena = arena;
	canonical->gathered = 0;
	canonical->failed = false;
}

const struct err *
canonical_end(struct canonical *canonical, unsigned char out[HASH_SHA256_SIZE])
{
	flush(canonical);
	hash_end(canonical->hash, out);
	return canonical->failed ? &err_no_memory : NULL;
}

void
canonical_text(struct canonical *canonical, struct str text)
{
	add_number(canonical, TAG_TEXT, text.ptr ? text.len : 0);
	if (text.ptr && text.len)
		add(canonical, text.ptr, text.len);
}

void
canonical_int(struct canonical *canonical, int64_t number)
{
	add_number(canonical, TAG_INT, (uint64_t)number);
}

void
canonical_real(struct canonical *canonical, double number)
{
	uint64_t bits;

	if (isnan(number)) {
		add_tag(canonical, TAG_NONE);
	} else if (number == trunc(number) && fabs(number) < WHOLE_MAX) {
		canonical_int(canonical, (int64_t)number);
	} else {
		memcpy(&bits, &number, sizeof(bits));
		add_number(canonical, TAG_REAL, bits);
	}
}

/* A number that no double tells from its neighbours: by its digits. */
static void
add_huge(struct canonical *canonical, const struct json *value)
{
	struct json_out out;
	struct buf text;

	buf_init(&text, canonical->arena, HUGE_TEXT_MAX);
	json_out_init(&out, &text);
	json_put(&out, value);
	canonical->failed = canonical->failed || text.failed;
	add_tag(canonical, TAG_HUGE);
	canonical_text(canonical, buf_str(&text));
}

static void
add_array(struct canonical *canonical, const struct json *array)
{
	add_number(canonical, TAG_ARRAY, json_count(array));
	for (struct json_iter it = json_iter(array); json_next(&it);)
		canonical_json(canonical, it.value);
}

struct member {
	struct str key;
	size_t index;
	const struct json *value;
};

/* A key that stands twice keeps its order: which of the two counts is the reader's affair. */
static int
by_key(const void *a, const void *b)
{
	const struct member *x = a, *y = b;
	int order = str_cmp(x->key, y->key);

	return order ? order : (x->index > y->index) - (x->index < y->index);
}

static bool
is_among(const char *const *names, struct str key)
{
	for (; names && *names; names++)
		if (str_eq_c(key, *names))
			return true;
	return false;
}

void
canonical_json_without(struct canonical *canonical, const struct json *object, const char *const *skip)
{
	struct member *members = arena_array(canonical->arena, json_count(object) + 1, sizeof(*members));
	size_t count = 0;

	canonical->failed = canonical->failed || !members;
	for (struct json_iter it = json_iter(object); members && json_next(&it);)
		if (!is_among(skip, it.key))
			members[count++] = (struct member){ it.key, it.index, it.value };
	add_number(canonical, TAG_OBJECT, count);
	if (count > 1)
		qsort(members, count, sizeof(*members), by_key);
	for (size_t i = 0; i < count; i++) {
		canonical_text(canonical, members[i].key);
		canonical_json(canonical, members[i].value);
	}
}

void
canonical_json(struct canonical *canonical, const struct json *value)
{
	double number;

	switch (json_type(value)) {
	case JSON_NONE:
		add_tag(canonical, TAG_NONE);
		break;
	case JSON_NULL:
		add_tag(canonical, TAG_NULL);
		break;
	case JSON_BOOL:
		add_tag(canonical, json_bool(value, false) ? TAG_TRUE : TAG_FALSE);
		break;
	case JSON_INT:
		canonical_int(canonical, json_int(value, 0));
		break;
	case JSON_REAL:
		number = json_number(value, 0);
		if (fabs(number) < WHOLE_MAX)
			canonical_real(canonical, number);
		else
			add_huge(canonical, value);
		break;
	case JSON_STRING:
		canonical_text(canonical, json_string(value));
		break;
	case JSON_ARRAY:
		add_array(canonical, value);
		break;
	case JSON_OBJECT:
		canonical_json_without(canonical, value, NULL);
		break;
	}
}
