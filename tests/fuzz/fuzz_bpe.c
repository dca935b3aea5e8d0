/*
 * fuzz_bpe.c - any bytes as text: pieces lie one after the other and cover the text, ids spell it out again, and counting agrees with encoding.
 */
#include <stdio.h>
#include <stdlib.h>

#include "text/bpe.h"
#include "text/bpe_split.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TEXT_MAX = 4096, FILE_MAX = 8192 };

/* Tokens above the single bytes; each joins two that stand before it. */
static const char *const joined[] = { "aa", "ab", "ba", "aab", "aabb", "  ", " a", "\r\n", "\xc3\xa9", "the", "he", "th", "'s", "''", "aaaa", "aaaaaaaa" };

static void
require(bool holds)
{
	if (!holds)
		abort();
}

static int
add_line(char *out, const char *bytes, size_t len, unsigned rank)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char text[32];
	size_t at = 0;

	for (size_t i = 0; i < len; i += 3) {
		unsigned bits = (unsigned)(unsigned char)bytes[i] << 16;

		bits |= i + 1 < len ? (unsigned)(unsigned char)bytes[i + 1] << 8 : 0;
		bits |= i + 2 < len ? (unsigned char)bytes[i + 2] : 0;
		text[at++] = digits[bits >> 18];
		text[at++] = digits[bits >> 12 & 63];
		text[at++] = i + 1 < len ? digits[bits >> 6 & 63] : '=';
		text[at++] = i + 2 < len ? digits[bits & 63] : '=';
	}
	text[at] = '\0';
	return sprintf(out, "%s %u\n", text, rank);
}

static const struct bpe *
encoding(enum bpe_split split)
{
	static struct arena *forever;
	static struct bpe *made[2];
	static char file[FILE_MAX];
	int len = 0;

	if (made[split])
		return made[split];
	for (unsigned i = 0; i < 256; i++)
		len += add_line(file + len, &(char){ (char)i }, 1, i);
	for (unsigned i = 0; i < COUNT(joined); i++)
		len += add_line(file + len, joined[i], strlen(joined[i]), 256 + i);
	if (!forever)
		forever = arena_new(MIB(1));
	require(!bpe_new(forever, split, str_n(file, (size_t)len), &made[split]));
	return made[split];
}

static void
check(enum bpe_split split, struct str text)
{
	static uint32_t ids[TEXT_MAX];
	const struct bpe *bpe = encoding(split);
	size_t count = bpe_encode(bpe, text, ids, TEXT_MAX), at = 0;
	struct str rest = text;

	require(count <= text.len && count == bpe_count(bpe, text));
	for (size_t i = 0; i < count; i++) {
		char byte = (char)ids[i];
		struct str token = ids[i] < 256 ? str_n(&byte, 1) : str_of(joined[ids[i] - 256]);

		require(str_starts(str_slice(text, at, text.len), token));
		at += token.len;
	}
	require(at == text.len);
	while (rest.len > 0) {
		const char *from = rest.ptr;
		struct str piece = bpe_split_next(split, &rest);

		require(piece.len > 0 && piece.ptr == from && rest.ptr == from + piece.len);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_n((const char *)data, size < TEXT_MAX ? size : TEXT_MAX);
	struct arena *arena = arena_new(MIB(1));
	struct bpe *bpe;

	check(BPE_CL100K, text);
	check(BPE_O200K, text);
	(void)bpe_new(arena, BPE_O200K, text, &bpe); /* as a vocabulary */
	arena_free(arena);
	return 0;
}
