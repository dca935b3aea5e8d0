/*
 * utf8.c - a decoder by ranges of the second byte (Unicode standard, table 3-7), and what follows from it.
 */
#include "text/utf8.h"

/* What a first byte promises: how many bytes follow, the bits it carries, and the range of the second byte. */
struct lead {
	unsigned char first, last; /* of the lead byte */
	unsigned char follow, bits;
	unsigned char low, high;   /* of the second byte; later ones are 80..BF */
};

static const struct lead leads[] = {
	{ 0xc2, 0xdf, 1, 0x1f, 0x80, 0xbf },
	{ 0xe0, 0xe0, 2, 0x0f, 0xa0, 0xbf },
	{ 0xe1, 0xec, 2, 0x0f, 0x80, 0xbf },
	{ 0xed, 0xed, 2, 0x0f, 0x80, 0x9f },
	{ 0xee, 0xef, 2, 0x0f, 0x80, 0xbf },
	{ 0xf0, 0xf0, 3, 0x07, 0x90, 0xbf },
	{ 0xf1, 0xf3, 3, 0x07, 0x80, 0xbf },
	{ 0xf4, 0xf4, 3, 0x07, 0x80, 0x8f },
};

static const struct lead *
lead_of(unsigned char byte)
{
	for (size_t i = 0; i < COUNT(leads); i++)
		if (byte >= leads[i].first && byte <= leads[i].last)
			return &leads[i];
	return NULL;
}

uint32_t
utf8_next(struct str *rest)
{
	const unsigned char *at = (const unsigned char *)rest->ptr;
	const struct lead *lead = NULL;
	uint32_t character = at[0];
	size_t used = 1;
	bool whole = at[0] < 0x80;

	if (!whole && (lead = lead_of(at[0]))) {
		character &= lead->bits;
		while (used <= lead->follow && used < rest->len && at[used] >= (used == 1 ? lead->low : 0x80) &&
			at[used] <= (used == 1 ? lead->high : 0xbf))
			character = character << 6 | (at[used++] & 0x3f);
		whole = used == (size_t)lead->follow + 1;
	}
	*rest = str_n(rest->ptr + used, rest->len - used);
	return whole ? character : UTF8_REPLACEMENT;
}

size_t
utf8_put(uint32_t character, char out[UTF8_SIZE_MAX])
{
	if (character > 0x10ffff || (character >= 0xd800 && character < 0xe000))
		character = UTF8_REPLACEMENT;
	if (character < 0x80) {
		out[0] = (char)character;
		return 1;
	}
	if (character < 0x800) {
		out[0] = (char)(0xc0 | character >> 6);
		out[1] = (char)(0x80 | (character & 0x3f));
		return 2;
	}
	if (character < 0x10000) {
		out[0] = (char)(0xe0 | character >> 12);
		out[1] = (char)(0x80 | (character >> 6 & 0x3f));
		out[2] = (char)(0x80 | (character & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | character >> 18);
	out[1] = (char)(0x80 | (character >> 12 & 0x3f));
	out[2] = (char)(0x80 | (character >> 6 & 0x3f));
	out[3] = (char)(0x80 | (character & 0x3f));
	return 4;
}

static uint64_t
word_at(struct str s, size_t at)
{
	uint64_t word;

	memcpy(&word, s.ptr + at, sizeof(word));
	return word;
}

static bool
high_bits(uint64_t word)
{
	return (word & UINT64_C(0x8080808080808080)) != 0;
}

/* Length of the ASCII prefix, eight bytes a step. */
static size_t
ascii_prefix(struct str s)
{
	enum { WORD = sizeof(uint64_t) };
	size_t at = 0;

	while (at + 4 * WORD <= s.len && !high_bits(word_at(s, at) | word_at(s, at + WORD) | word_at(s, at + 2 * WORD) | word_at(s, at + 3 * WORD)))
		at += 4 * WORD;
	while (at + WORD <= s.len && !high_bits(word_at(s, at)))
		at += WORD;
	if (s.len >= WORD && at + WORD > s.len && !high_bits(word_at(s, s.len - WORD)))
		return s.len;
	while (at < s.len && (unsigned char)s.ptr[at] < 0x80)
		at++;
	return at;
}

/* Length of the longest valid prefix. */
static size_t
valid_prefix(struct str s)
{
	struct str rest = s;

	for (;;) {
		rest = str_slice(rest, ascii_prefix(rest), rest.len);
		struct str before = rest;
		/* a U+FFFD that stands in the text is three bytes long, and only then is it valid */
		if (rest.len == 0 || (utf8_next(&rest) == UTF8_REPLACEMENT && !str_starts(before, STR("\xef\xbf\xbd"))))
			return (size_t)(before.ptr - s.ptr);
	}
}

bool
utf8_valid(struct str s)
{
	return s.len == 0 || valid_prefix(s) == s.len;
}

struct str
utf8_cut(struct str s, size_t max)
{
	size_t end = max < s.len ? max : s.len;

	if (end == s.len)
		return s;
	for (size_t back = 0; back < UTF8_SIZE_MAX && back < end; back++)
		if (((unsigned char)s.ptr[end - back] & 0xc0) != 0x80)
			return str_n(s.ptr, end - back);
	return str_n(s.ptr, end);
}

struct str
utf8_repair(struct arena *arena, struct str s)
{
	if (utf8_valid(s))
		return s;
	if (s.len > SIZE_MAX / 3)
		return str_n(NULL, 0);
	/* at worst every byte becomes three */
	char *out = arena_alloc(arena, s.len * 3);
	size_t len = 0;

	if (!out)
		return str_n(NULL, 0);
	while (s.len > 0)
		len += utf8_put(utf8_next(&s), out + len);
	return str_n(out, len);
}
