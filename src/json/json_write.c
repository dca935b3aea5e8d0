/*
 * json_write.c - writing JSON straight into a buffer. See json.h.
 *
 * Whatever bytes come in, what goes out is JSON in valid UTF-8: a string's malformed sequences become U+FFFD, one for each longest prefix of a
 * well-formed sequence (Unicode 15, 3.9, "substitution of maximal subparts"), as browsers and Python do it.
 */
#include <assert.h>
#include <math.h>

#include <yyjson.h>

#include "json/json.h"

#define ONES UINT64_C(0x0101010101010101)
#define HIGHS UINT64_C(0x8080808080808080)

/* Nonzero when one of eight bytes needs a look: a control character, '"', '\', or not ASCII. (May be so without need, never the reverse.) */
static inline uint64_t
suspicious(uint64_t eight)
{
	uint64_t quotes = eight ^ ONES * '"', slashes = eight ^ ONES * '\\';

	return (eight | (eight - ONES * 0x20) | (quotes - ONES) | (slashes - ONES)) & HIGHS;
}

static inline uint64_t
eight_at(const char *at)
{
	uint64_t eight;

	memcpy(&eight, at, sizeof(eight));
	return eight;
}

/* The last eight bytes of a text that may be shorter: those at its front twice, then. */
static inline uint64_t
eight_last(struct str text)
{
	uint32_t front, back;

	if (text.len >= 8)
		return eight_at(text.ptr + text.len - 8);
	if (text.len < 4)
		return 0; /* which is suspicious */
	memcpy(&front, text.ptr, sizeof(front));
	memcpy(&back, text.ptr + text.len - 4, sizeof(back));
	return (uint64_t)front << 32 | back;
}

static inline bool
is_plain(unsigned char byte)
{
	return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

/* Bytes at the front that go out as they are. */
static size_t
plain_run(struct str text)
{
	size_t len = 0;

	while (text.len - len >= 8 && !suspicious(eight_at(text.ptr + len)))
		len += 8;
	if (text.len - len < 8 && !suspicious(eight_last(text)))
		return text.len;
	while (len < text.len && is_plain((unsigned char)text.ptr[len]))
		len++;
	return len;
}

/*
 * The length of the well-formed UTF-8 sequence at the front of a text that begins with a byte >= 0x80; *good is false when there is none, and
 * then it is the length of what one U+FFFD stands for.
 */
static size_t
sequence_len(struct str text, bool *good)
{
	const unsigned char *byte = (const unsigned char *)text.ptr;
	unsigned char low = 0x80, high = 0xBF; /* bounds of the second byte: no overlong forms, no surrogates, nothing over U+10FFFF */
	size_t len = byte[0] < 0xE0 ? 2 : byte[0] < 0xF0 ? 3 : 4;

	*good = false;
	if (byte[0] < 0xC2 || byte[0] > 0xF4)
		return 1;
	if (byte[0] == 0xE0)
		low = 0xA0;
	else if (byte[0] == 0xED)
		high = 0x9F;
	else if (byte[0] == 0xF0)
		low = 0x90;
	else if (byte[0] == 0xF4)
		high = 0x8F;
	for (size_t i = 1; i < len; i++) {
		if (i >= text.len || byte[i] < low || byte[i] > high)
			return i;
		low = 0x80;
		high = 0xBF;
	}
	*good = true;
	return len;
}

static void
escape_ascii(struct buf *buf, unsigned char byte)
{
	static const char letters[] = { ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r', ['"'] = '"', ['\\'] = '\\' };

	if (byte < sizeof(letters) && letters[byte])
		buf_add(buf, str_n((const char[]){ '\\', letters[byte] }, 2));
	else
		buf_printf(buf, "\\u%04x", byte);
}

/* As json_quote, of a text that does not go out as it is. */
static void
quote_in_pieces(struct buf *buf, struct str text)
{
	buf_add_byte(buf, '"');
	for (;;) {
		size_t run = plain_run(text);
		bool good;

		if (run)
			buf_add(buf, str_n(text.ptr, run));
		text = str_n(text.ptr + run, text.len - run);
		if (text.len == 0)
			break;
		if ((unsigned char)text.ptr[0] < 0x80) {
			run = 1;
			escape_ascii(buf, (unsigned char)text.ptr[0]);
		} else {
			run = sequence_len(text, &good);
			buf_add(buf, good ? str_n(text.ptr, run) : STR("\xEF\xBF\xBD"));
		}
		text = str_n(text.ptr + run, text.len - run);
	}
	buf_add_byte(buf, '"');
}

void
json_quote(struct buf *buf, struct str text)
{
	char *room = plain_run(text) == text.len ? buf_reserve(buf, text.len + 2) : NULL;

	if (!room) {
		quote_in_pieces(buf, text);
		return;
	}
	room[0] = '"';
	if (text.len)
		memcpy(room + 1, text.ptr, text.len);
	room[1 + text.len] = '"';
	buf->len += text.len + 2;
}

/* yyjson writes the shortest text that reads back equal. */
static void
add_number(struct buf *buf, const yyjson_val *value)
{
	yyjson_alc alc;
	char memory[1024], *text;
	size_t len;

	yyjson_alc_pool_init(&alc, memory, sizeof(memory));
	text = yyjson_val_write_opts(value, YYJSON_WRITE_NOFLAG, &alc, &len, NULL);
	assert(text); /* a number takes 32 bytes of the memory */
	buf_add(buf, str_n(text, len));
}

static void
add_int(struct buf *buf, int64_t number)
{
	char text[STR_I64_MAX];

	buf_add(buf, str_of_i64(number, text));
}

/* Recurses as deep as the value, which json_parse has bounded. */
static void
add_value(struct buf *buf, const struct json *value)
{
	enum json_type type = json_type(value);
	bool first = true;

	switch (type) {
	case JSON_NONE:
	case JSON_NULL:
		buf_add(buf, STR("null"));
		break;
	case JSON_BOOL:
		buf_add(buf, json_bool(value, false) ? STR("true") : STR("false"));
		break;
	case JSON_INT:
		add_int(buf, json_int(value, 0));
		break;
	case JSON_REAL:
		add_number(buf, (const yyjson_val *)(const void *)value);
		break;
	case JSON_STRING:
		json_quote(buf, json_string(value));
		break;
	case JSON_ARRAY:
	case JSON_OBJECT:
		buf_add_byte(buf, type == JSON_OBJECT ? '{' : '[');
		for (struct json_iter it = json_iter(value); json_next(&it); first = false) {
			if (!first)
				buf_add_byte(buf, ',');
			if (type == JSON_OBJECT) {
				json_quote(buf, it.key);
				buf_add_byte(buf, ':');
			}
			add_value(buf, it.value);
		}
		buf_add_byte(buf, type == JSON_OBJECT ? '}' : ']');
		break;
	}
}

void
json_out_init(struct json_out *out, struct buf *buf)
{
	*out = (struct json_out){ .buf = buf };
}

static bool
in_object(const struct json_out *out)
{
	return out->in_object[out->depth / 64] >> out->depth % 64 & 1;
}

/* Before a value: the comma, unless a key has brought it. */
static void
value_begins(struct json_out *out)
{
	assert(in_object(out) == out->keyed);
	assert(out->depth > 0 || !out->comma); /* one value at the top */
	if (out->comma && !out->keyed)
		buf_add_byte(out->buf, ',');
	out->keyed = false;
	out->comma = true;
}

static void
begin(struct json_out *out, char bracket, bool object)
{
	uint64_t *word;

	value_begins(out);
	assert(out->depth < JSON_DEPTH_MAX);
	out->depth++;
	word = &out->in_object[out->depth / 64];
	*word = (*word & ~(UINT64_C(1) << out->depth % 64)) | (uint64_t)object << out->depth % 64;
	out->comma = false;
	buf_add_byte(out->buf, bracket);
}

static void
end(struct json_out *out, char bracket, bool object)
{
	assert(out->depth > 0 && in_object(out) == object && !out->keyed);
	out->depth--;
	out->comma = true;
	buf_add_byte(out->buf, bracket);
}

void
json_begin_object(struct json_out *out)
{
	begin(out, '{', true);
}

void
json_end_object(struct json_out *out)
{
	end(out, '}', true);
}

void
json_begin_array(struct json_out *out)
{
	begin(out, '[', false);
}

void
json_end_array(struct json_out *out)
{
	end(out, ']', false);
}

void
json_key(struct json_out *out, struct str key)
{
	assert(in_object(out) && !out->keyed);
	if (out->comma)
		buf_add_byte(out->buf, ',');
	json_quote(out->buf, key);
	buf_add_byte(out->buf, ':');
	out->keyed = true;
}

void
json_put_string(struct json_out *out, struct str value)
{
	value_begins(out);
	json_quote(out->buf, value);
}

void
json_put_int(struct json_out *out, int64_t value)
{
	value_begins(out);
	add_int(out->buf, value);
}

void
json_put_real(struct json_out *out, double value)
{
	yyjson_val number = { .tag = YYJSON_TYPE_NUM | YYJSON_SUBTYPE_REAL, .uni.f64 = value };

	value_begins(out);
	if (isfinite(value))
		add_number(out->buf, &number);
	else
		buf_add(out->buf, STR("null"));
}

void
json_put_bool(struct json_out *out, bool value)
{
	value_begins(out);
	buf_add(out->buf, value ? STR("true") : STR("false"));
}

void
json_put_null(struct json_out *out)
{
	value_begins(out);
	buf_add(out->buf, STR("null"));
}

void
json_put(struct json_out *out, const struct json *value)
{
	value_begins(out);
	add_value(out->buf, value);
}

void
json_put_raw(struct json_out *out, struct str text)
{
	value_begins(out);
	buf_add(out->buf, text);
}

/* A name that goes out as it is: most of what is written are keys, and they are literals. */
static void
plain_key(struct json_out *out, const char *key)
{
	size_t len = strlen(key);
	char *room = buf_reserve(out->buf, len + sizeof(",\"\":"));

	assert(in_object(out) && !out->keyed);
	out->keyed = true;
	if (!room)
		return;
	*room = ',';
	room += out->comma;
	out->buf->len += len + 3 + out->comma;
	*room++ = '"';
	memcpy(room, key, len);
	room[len] = '"';
	room[len + 1] = ':';
}

void
json_set_string(struct json_out *out, const char *key, struct str value)
{
	plain_key(out, key);
	json_put_string(out, value);
}

void
json_set_int(struct json_out *out, const char *key, int64_t value)
{
	plain_key(out, key);
	json_put_int(out, value);
}

void
json_set_real(struct json_out *out, const char *key, double value)
{
	plain_key(out, key);
	json_put_real(out, value);
}

void
json_set_bool(struct json_out *out, const char *key, bool value)
{
	plain_key(out, key);
	json_put_bool(out, value);
}

void
json_set_null(struct json_out *out, const char *key)
{
	plain_key(out, key);
	json_put_null(out);
}

void
json_set(struct json_out *out, const char *key, const struct json *value)
{
	plain_key(out, key);
	json_put(out, value);
}

void
json_set_raw(struct json_out *out, const char *key, struct str text)
{
	plain_key(out, key);
	json_put_raw(out, text);
}

void
json_set_object(struct json_out *out, const char *key)
{
	plain_key(out, key);
	json_begin_object(out);
}

void
json_set_array(struct json_out *out, const char *key)
{
	plain_key(out, key);
	json_begin_array(out);
}
