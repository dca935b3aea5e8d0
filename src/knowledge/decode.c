/*
 * decode.c - guessing encodings. See decode.h.
 */
#include "knowledge/decode.h"

#include "base/buf.h"
#include "text/utf8.h"

/* 0x80..0x9f of windows-1252 (WHATWG Encoding); the rest equals latin-1. */
static const uint16_t windows_1252[32] = {
	0x20ac, 0x0081, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0x008d, 0x017d, 0x008f,
	0x0090, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0x009d, 0x017e, 0x0178,
};

static void
put_rune(struct buf *out, uint32_t rune)
{
	char bytes[UTF8_SIZE_MAX];

	buf_add(out, str_n(bytes, utf8_put(rune, bytes)));
}

static const struct err *
decode_utf16(struct arena *arena, struct str bytes, bool big, struct str *out)
{
	struct buf text;

	buf_init(&text, arena, bytes.len * 2 + 4);
	for (size_t i = 2; i + 1 < bytes.len; i += 2) {
		const unsigned char *at = (const unsigned char *)bytes.ptr + i;
		uint32_t unit = big ? (uint32_t)(at[0] << 8 | at[1]) : (uint32_t)(at[1] << 8 | at[0]), low;

		if (unit >= 0xd800 && unit < 0xdc00 && i + 3 < bytes.len) {
			low = big ? (uint32_t)(at[2] << 8 | at[3]) : (uint32_t)(at[3] << 8 | at[2]);
			if (low >= 0xdc00 && low < 0xe000) {
				unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
				i += 2;
			}
		}
		put_rune(&text, unit >= 0xd800 && unit < 0xe000 ? 0xfffd : unit);
	}
	*out = buf_str(&text);
	return buf_err(&text) ? &err_no_memory : NULL;
}

static const struct err *
decode_windows_1252(struct arena *arena, struct str bytes, struct str *out)
{
	struct buf text;

	buf_init(&text, arena, bytes.len * 3 + 4);
	for (size_t i = 0; i < bytes.len; i++) {
		unsigned char c = (unsigned char)bytes.ptr[i];

		if (c < 0x80)
			buf_add_byte(&text, (char)c);
		else
			put_rune(&text, c < 0xa0 ? windows_1252[c - 0x80] : c);
	}
	*out = buf_str(&text);
	return buf_err(&text) ? &err_no_memory : NULL;
}

/* Damaged UTF-8, rather than another encoding: most bytes beyond ASCII stand in whole sequences. */
static bool
nearly_utf8(struct str bytes)
{
	size_t beyond = 0, bad = 0;

	while (bytes.len) {
		bool ascii = (unsigned char)bytes.ptr[0] < 0x80;
		uint32_t rune = utf8_next(&bytes);

		beyond += !ascii;
		bad += rune == UTF8_REPLACEMENT;
	}
	return bad * 100 <= beyond;
}

const struct err *
text_decode(struct arena *arena, struct str bytes, struct str *out)
{
	if (str_starts(bytes, STR("\xff\xfe")))
		return decode_utf16(arena, bytes, false, out);
	if (str_starts(bytes, STR("\xfe\xff")))
		return decode_utf16(arena, bytes, true, out);
	if (str_starts(bytes, STR("\xef\xbb\xbf")))
		bytes = str_slice(bytes, 3, bytes.len);
	*out = bytes;
	if (utf8_valid(bytes))
		return NULL;
	if (!nearly_utf8(bytes))
		return decode_windows_1252(arena, bytes, out);
	*out = utf8_repair(arena, bytes);
	return out->ptr ? NULL : &err_no_memory;
}
