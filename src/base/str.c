/*
 * str.c - views of bytes. See str.h.
 */
#define _GNU_SOURCE
#include "base/str.h"

#include <errno.h>
#include <stdlib.h>

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

struct str
str_slice(struct str s, size_t from, size_t to)
{
	if (to > s.len)
		to = s.len;
	if (from > to)
		from = to;
	return str_n(s.ptr + from, to - from);
}

bool
str_in(struct str s, const char *const *names, size_t max)
{
	for (size_t i = 0; i < max && names[i]; i++)
		if (str_eq_c(s, names[i]))
			return true;
	return false;
}

bool
str_eq_ci(struct str a, struct str b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (lower(a.ptr[i]) != lower(b.ptr[i]))
			return false;
	return true;
}

bool
str_starts(struct str s, struct str prefix)
{
	return s.len >= prefix.len && str_eq(str_n(s.ptr, prefix.len), prefix);
}

bool
str_ends(struct str s, struct str suffix)
{
	return s.len >= suffix.len && str_eq(str_n(s.ptr + s.len - suffix.len, suffix.len), suffix);
}

int
str_cmp(struct str a, struct str b)
{
	size_t shared = a.len < b.len ? a.len : b.len;
	int order = shared ? memcmp(a.ptr, b.ptr, shared) : 0;

	return order ? order : (a.len > b.len) - (a.len < b.len);
}

size_t
str_find(struct str s, struct str needle, size_t from)
{
	const char *hit;

	if (from > s.len)
		return SIZE_MAX;
	if (needle.len == 0)
		return from;
	if (s.len - from < needle.len)
		return SIZE_MAX;
	hit = memmem(s.ptr + from, s.len - from, needle.ptr, needle.len);
	return hit ? (size_t)(hit - s.ptr) : SIZE_MAX;
}

size_t
str_find_byte(struct str s, char byte, size_t from)
{
	const char *hit = from < s.len ? memchr(s.ptr + from, byte, s.len - from) : NULL;

	return hit ? (size_t)(hit - s.ptr) : SIZE_MAX;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct str
str_trim(struct str s)
{
	while (s.len && is_blank(s.ptr[0])) {
		s.ptr++;
		s.len--;
	}
	while (s.len && is_blank(s.ptr[s.len - 1]))
		s.len--;
	return s;
}

bool
str_split(struct str *rest, char separator, struct str *piece)
{
	size_t at;

	if (!rest->ptr || rest->len == 0)
		return false;
	at = str_find_byte(*rest, separator, 0);
	if (at == SIZE_MAX) {
		*piece = *rest;
		*rest = STR_EMPTY;
		return true;
	}
	*piece = str_n(rest->ptr, at);
	*rest = str_n(rest->ptr + at + 1, rest->len - at - 1);
	return true;
}

struct str
str_of_i64(int64_t number, char room[STR_I64_MAX])
{
	static const char pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748495051525354555657585960616263646566676869"
				    "707172737475767778798081828384858687888990919293949596979899";
	uint64_t left = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
	size_t at = STR_I64_MAX;

	for (; left >= 10; left /= 100) /* two digits with each division */
		memcpy(room + (at -= 2), pairs + left % 100 * 2, 2);
	if (left > 0 || at == STR_I64_MAX)
		room[--at] = (char)('0' + left);
	if (number < 0)
		room[--at] = '-';
	return str_n(room + at, STR_I64_MAX - at);
}

bool
str_to_i64(struct str s, int64_t *out)
{
	bool negative = s.len && s.ptr[0] == '-';
	uint64_t limit = negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
	uint64_t value = 0;
	size_t i = negative ? 1 : 0;

	if (i == s.len)
		return false;
	for (; i < s.len; i++) {
		uint64_t digit = (uint64_t)(unsigned char)s.ptr[i] - '0';

		if (digit > 9 || value > (limit - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*out = negative ? (int64_t)(0 - value) : (int64_t)value;
	return true;
}

bool
str_to_f64(struct str s, double *out)
{
	char copy[64], *end;
	double value;

	/* strtod skips blanks and knows hexadecimal, infinities and NaN: none of them is a number to us. */
	if (s.len == 0 || s.len >= sizeof(copy))
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!strchr("0123456789+-.eE", s.ptr[i]) || s.ptr[i] == '\0')
			return false;
	memcpy(copy, s.ptr, s.len);
	copy[s.len] = '\0';
	errno = 0;
	value = strtod(copy, &end);
	if (*end != '\0' || (errno == ERANGE && (value > 1 || value < -1)))
		return false;
	*out = value;
	return true;
}

bool
str_eq_secret(struct str a, struct str b)
{
	volatile unsigned char difference = 0;

	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		difference = (unsigned char)(difference | (a.ptr[i] ^ b.ptr[i]));
	return difference == 0;
}
