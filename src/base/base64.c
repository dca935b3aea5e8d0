/*
 * base64.c - see base64.h.
 */
#include "base/base64.h"

static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char for_urls[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void
encode(struct buf *out, struct str bytes, const char *digits, bool padded)
{
	for (size_t i = 0; i < bytes.len; i += 3) {
		size_t left = bytes.len - i;
		uint32_t group = (uint32_t)(unsigned char)bytes.ptr[i] << 16;

		if (left > 1)
			group |= (uint32_t)(unsigned char)bytes.ptr[i + 1] << 8;
		if (left > 2)
			group |= (unsigned char)bytes.ptr[i + 2];
		buf_add_byte(out, digits[group >> 18]);
		buf_add_byte(out, digits[group >> 12 & 63]);
		if (left > 1 || padded)
			buf_add_byte(out, left > 1 ? digits[group >> 6 & 63] : '=');
		if (left > 2 || padded)
			buf_add_byte(out, left > 2 ? digits[group & 63] : '=');
	}
}

void
base64_encode(struct buf *out, struct str bytes)
{
	encode(out, bytes, standard, true);
}

void
base64url_encode(struct buf *out, struct str bytes)
{
	encode(out, bytes, for_urls, false);
}

/* 0 to 63; -1 for a byte that is no digit. */
static int
digit_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool
base64_decode(struct buf *out, struct str text)
{
	uint32_t group = 0;
	unsigned bits = 0;

	for (unsigned i = 0; i < 2 && str_ends(text, STR("=")); i++)
		text.len--;
	for (size_t i = 0; i < text.len; i++) {
		int digit = digit_of(text.ptr[i]);

		if (digit < 0)
			return false;
		group = group << 6 | (uint32_t)digit;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			buf_add_byte(out, (char)(group >> bits & 0xff));
		}
	}
	return bits < 6; /* a single digit too many stands for nothing */
}
