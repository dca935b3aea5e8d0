/*
 * json.h - reading and writing JSON (RFC 8259). The only room that knows the library beneath.
 *
 * Reading gives an immutable tree that lies in the arena; writing goes straight to a buffer. What strangers send is bounded in size and depth before anything
 * walks it.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

/* A value of a parsed document, or NULL for "not there": every accessor takes NULL. */
struct json;

enum { JSON_DEPTH_MAX = 128 };

/*
 * Parses one value, nothing but blanks after it. ERR_INVALID names line, column and what is wrong: syntax, invalid UTF-8, nested deeper than JSON_DEPTH_MAX, a number out
 * of range. The text need not outlive the call. A key that stands twice: json_get gives the first.
 */
const struct err *json_parse(struct arena *arena, struct str text, const struct json **out);

/*
 * Where a text of this length may be parsed to that lives as long as `arena`: there, or, if it is long, in an arena below it, bounded by the text's length and not by what `arena` has left.
 * NULL when that is full.
 */
struct arena *json_arena(struct arena *arena, size_t text_len);

/*
 * The same for what strangers send and others may read again from the same bytes: no name may stand twice in an object, at any depth (RFC 8259, 4, leaves open which of the two counts;
 * I-JSON, RFC 7493, 2.3, forbids it), and at the top none that differs from another in the case of ASCII letters alone, which Go's reader takes for the same. ERR_INVALID with the
 * code "repeated_member" and the member's path as param.
 */
const struct err *json_parse_unique(struct arena *arena, struct str text, const struct json **out);

enum json_type { JSON_NONE, JSON_NULL, JSON_BOOL, JSON_INT, JSON_REAL, JSON_STRING, JSON_ARRAY, JSON_OBJECT };
enum json_type json_type(const struct json *value);

static inline bool
json_is(const struct json *value, enum json_type type)
{
	return json_type(value) == type;
}

/* It is there, and says something: not null. */
static inline bool
json_is_given(const struct json *value)
{
	return json_type(value) != JSON_NONE && json_type(value) != JSON_NULL;
}

/* The member of an object; NULL when it is not there or value is no object. */
const struct json *json_get_str(const struct json *object, struct str key);

static inline const struct json *
json_get(const struct json *object, const char *key)
{
	return json_get_str(object, str_of(key));
}

/* The value if it has the type, else the fallback. A string's fallback: ptr NULL. json_number takes integers too. */
struct str json_string(const struct json *value);
int64_t json_int(const struct json *value, int64_t fallback); /* exact integers only; 1.0 counts as one */
double json_number(const struct json *value, double fallback);
bool json_bool(const struct json *value, bool fallback);

static inline struct str
json_get_string(const struct json *object, const char *key)
{
	return json_string(json_get(object, key));
}

/* Elements or members; 0 for other types. */
size_t json_count(const struct json *value);

/*
 *	for (struct json_iter it = json_iter(value); json_next(&it);)
 *		... it.value, and it.key in an object
 */
struct json_iter {
	struct str key;
	const struct json *value;
	const struct json *container;
	size_t index; /* of the value, from 0 */
	size_t seen;
};
struct json_iter json_iter(const struct json *container);
bool json_next(struct json_iter *iter);

/*
 * A writer over a buffer: commas and colons come by themselves. Strings are made valid UTF-8 (what is not becomes U+FFFD). Mistakes of nesting are asserted;
 * a full buffer sticks (buf_err).
 */
struct json_out {
	struct buf *buf;
	uint64_t in_object[JSON_DEPTH_MAX / 64 + 1]; /* a bit a level */
	unsigned depth;
	bool comma;   /* the next value needs one */
	bool keyed;   /* a key was written */
};
void json_out_init(struct json_out *out, struct buf *buf);
void json_begin_object(struct json_out *out);
void json_end_object(struct json_out *out);
void json_begin_array(struct json_out *out);
void json_end_array(struct json_out *out);
void json_key(struct json_out *out, struct str key);
void json_put_string(struct json_out *out, struct str value);
void json_put_int(struct json_out *out, int64_t value);
void json_put_real(struct json_out *out, double value); /* the shortest that reads back equal; not finite: null */
void json_put_bool(struct json_out *out, bool value);
void json_put_null(struct json_out *out);
void json_put(struct json_out *out, const struct json *value); /* a copy of a parsed value; NULL: null */
void json_put_raw(struct json_out *out, struct str text);      /* JSON text already, trusted */

/* Key and value in one. The key is a name of ours: ASCII without quotes, backslashes and control characters, and goes out as it is. Others: json_key. */
void json_set_string(struct json_out *out, const char *key, struct str value);
void json_set_int(struct json_out *out, const char *key, int64_t value);
void json_set_real(struct json_out *out, const char *key, double value);
void json_set_bool(struct json_out *out, const char *key, bool value);
void json_set_null(struct json_out *out, const char *key);
void json_set(struct json_out *out, const char *key, const struct json *value);
void json_set_raw(struct json_out *out, const char *key, struct str text);
void json_set_object(struct json_out *out, const char *key); /* begins one */
void json_set_array(struct json_out *out, const char *key);  /* begins one */

/* Text escaped and quoted, as a string value. */
void json_quote(struct buf *buf, struct str text);
