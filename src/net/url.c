/*
 * url.c - percent-encoding and query strings (RFC 3986; WHATWG URL for '+' in queries). See http.h.
 */
#include "net/http.h"

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Decodes into `out`, which has room for in.len bytes. Returns the length, or SIZE_MAX for a bad escape or a zero byte. */
static size_t
decode(struct str in, bool plus_is_blank, char *out)
{
	size_t len = 0;

	for (size_t i = 0; i < in.len; i++) {
		char c = in.ptr[i];

		if (c == '+' && plus_is_blank) {
			c = ' ';
		} else if (c == '%') {
			int high = i + 2 < in.len ? hex_digit(in.ptr[i + 1]) : -1;
			int low = high >= 0 ? hex_digit(in.ptr[i + 2]) : -1;

			if (low < 0)
				return SIZE_MAX;
			c = (char)(high << 4 | low);
			i += 2;
		}
		if (c == '\0')
			return SIZE_MAX;
		out[len++] = c;
	}
	return len;
}

static bool
decode_to(struct arena *arena, struct str in, bool plus_is_blank, struct str *out)
{
	char *room = arena_alloc(arena, in.len);
	size_t len = room ? decode(in, plus_is_blank, room) : SIZE_MAX;

	*out = len == SIZE_MAX ? STR_EMPTY : str_n(room, len);
	return len != SIZE_MAX;
}

bool
url_decode(struct arena *arena, struct str in, struct str *out)
{
	return decode_to(arena, in, false, out);
}

void
url_encode(struct buf *out, struct str in)
{
	static const char digits[] = "0123456789ABCDEF";
	char *room = in.len <= SIZE_MAX / 3 ? buf_reserve(out, in.len * 3) : NULL;

	if (!room) {
		out->failed = true;
		return;
	}
	for (size_t i = 0; i < in.len; i++) {
		unsigned char c = (unsigned char)in.ptr[i];
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
			     c == '_' || c == '~';

		if (plain) {
			out->ptr[out->len++] = (char)c;
		} else {
			out->ptr[out->len++] = '%';
			out->ptr[out->len++] = digits[c >> 4];
			out->ptr[out->len++] = digits[c & 15];
		}
	}
}

struct str
url_query_get(struct arena *arena, struct str query, struct str name)
{
	struct str pair, decoded;

	while (str_split(&query, '&', &pair)) {
		size_t equals = str_find_byte(pair, '=', 0);
		struct str key = str_slice(pair, 0, equals), value = equals == SIZE_MAX ? STR_EMPTY : str_slice(pair, equals + 1, pair.len);

		if (decode_to(arena, key, true, &decoded) && str_eq(decoded, name) && decode_to(arena, value, true, &decoded))
			return decoded;
	}
	return (struct str){ NULL, 0 };
}
