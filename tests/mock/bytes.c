/*
 * bytes.c - see bytes.h.
 */
#include "bytes.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool
str_equal(struct str a, struct str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool
str_equal_nocase(struct str a, struct str b)
{
	return a.len == b.len && (a.len == 0 || strncasecmp(a.ptr, b.ptr, a.len) == 0);
}

bool
str_number(struct str text, int64_t *out)
{
	int64_t value = 0;

	if (text.len == 0)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		int64_t digit = text.ptr[i] - '0';

		if (digit < 0 || digit > 9 || value > (INT64_MAX - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*out = value;
	return true;
}

/* Length of the UTF-8 sequence that begins at `at`, 0 if it is not a valid one. */
static size_t
utf8_sequence(const unsigned char *at, size_t left)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len = at[0] < 0x80 ? 1 : at[0] >> 5 == 6 ? 2 : at[0] >> 4 == 14 ? 3 : at[0] >> 3 == 30 ? 4 : 0;

	if (len <= 1)
		return len;
	if (len > left)
		return 0;

	uint32_t point = at[0] & (0x7fu >> len);

	for (size_t i = 1; i < len; i++) {
		if (at[i] >> 6 != 2)
			return 0;
		point = point << 6 | (at[i] & 0x3fu);
	}
	return point < least[len] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000) ? 0 : len;
}

bool
str_is_utf8(struct str text)
{
	size_t at = 0;

	while (at < text.len) {
		size_t len = utf8_sequence((const unsigned char *)text.ptr + at, text.len - at);

		if (len == 0)
			return false;
		at += len;
	}
	return true;
}

struct str
bytes_view(const struct bytes *bytes)
{
	return (struct str){ bytes->ptr, bytes->len };
}

char *
bytes_reserve(struct bytes *bytes, size_t more)
{
	size_t need = bytes->len + more;

	if (need > bytes->capacity) {
		size_t capacity = bytes->capacity ? bytes->capacity : 256;

		while (capacity < need)
			capacity *= 2;
		bytes->ptr = realloc(bytes->ptr, capacity);
		if (!bytes->ptr) {
			fprintf(stderr, "out of memory at %zu bytes\n", capacity);
			exit(1);
		}
		bytes->capacity = capacity;
	}
	return bytes->ptr + bytes->len;
}

void
bytes_add(struct bytes *bytes, struct str text)
{
	if (text.len == 0)
		return;
	memcpy(bytes_reserve(bytes, text.len), text.ptr, text.len);
	bytes->len += text.len;
}

void
bytes_fmt(struct bytes *bytes, const char *format, ...)
{
	size_t room = 160; /* enough for most; a longer text is formatted again */
	va_list args;
	int len;

	for (;;) {
		char *to = bytes_reserve(bytes, room);

		va_start(args, format);
		len = vsnprintf(to, room, format, args);
		va_end(args);
		if (len < 0)
			return;
		if ((size_t)len < room)
			break;
		room = (size_t)len + 1;
	}
	bytes->len += (size_t)len;
}

void
bytes_json(struct bytes *bytes, struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		if (c == '"' || c == '\\') {
			char escaped[2] = { '\\', c };

			bytes_add(bytes, (struct str){ escaped, 2 });
		} else if (c == '\n') {
			bytes_add(bytes, STR("\\n"));
		} else if ((unsigned char)c < 0x20) {
			bytes_fmt(bytes, "\\u%04x", (unsigned)c);
		} else {
			bytes_add(bytes, (struct str){ &c, 1 });
		}
	}
}

void
bytes_base64(struct bytes *bytes, struct str data)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *in = (const unsigned char *)data.ptr;

	for (size_t i = 0; i < data.len; i += 3) {
		size_t have = data.len - i;
		uint32_t group = (uint32_t)in[i] << 16 | (have > 1 ? (uint32_t)in[i + 1] << 8 : 0) | (have > 2 ? in[i + 2] : 0);
		char text[4] = { digits[group >> 18], digits[group >> 12 & 63], have > 1 ? digits[group >> 6 & 63] : '=',
				 have > 2 ? digits[group & 63] : '=' };

		bytes_add(bytes, (struct str){ text, 4 });
	}
}

void
bytes_drop(struct bytes *bytes, size_t count)
{
	bytes->len -= count;
	if (bytes->len > 0)
		memmove(bytes->ptr, bytes->ptr + count, bytes->len);
}

void
bytes_clear(struct bytes *bytes, size_t keep)
{
	if (bytes->capacity > keep)
		bytes_free(bytes);
	bytes->len = 0;
}

void
bytes_free(struct bytes *bytes)
{
	free(bytes->ptr);
	*bytes = (struct bytes){ 0 };
}
