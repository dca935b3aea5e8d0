/*
 * unicode.c - a thin front of utf8proc, whose header no other file includes.
 */
#include "text/unicode.h"

#include <utf8proc.h>

#include "base/str.h"

unsigned
unicode_decompose(uint32_t character, uint32_t out[UNICODE_DECOMPOSED_MAX])
{
	utf8proc_int32_t parts[UNICODE_DECOMPOSED_MAX];
	int boundary = 0;
	utf8proc_ssize_t count =
		utf8proc_decompose_char((utf8proc_int32_t)character, parts, UNICODE_DECOMPOSED_MAX, UTF8PROC_DECOMPOSE, &boundary);

	if (count < 1 || count > UNICODE_DECOMPOSED_MAX) {
		out[0] = character;
		return 1;
	}
	for (utf8proc_ssize_t i = 0; i < count; i++)
		out[i] = (uint32_t)parts[i];
	return (unsigned)count;
}

unsigned
unicode_combining_class(uint32_t character)
{
	return (unsigned)utf8proc_get_property((utf8proc_int32_t)character)->combining_class;
}

uint32_t
unicode_lower(uint32_t character)
{
	return (uint32_t)utf8proc_tolower((utf8proc_int32_t)character);
}

bool
unicode_upper(uint32_t character)
{
	utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)character);

	return category == UTF8PROC_CATEGORY_LU || category == UTF8PROC_CATEGORY_LT;
}

bool
unicode_letter(uint32_t character)
{
	utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)character);

	return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO;
}

bool
unicode_digit(uint32_t character)
{
	utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)character);

	return category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO;
}

bool
unicode_mark(uint32_t character)
{
	utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)character);

	return category >= UTF8PROC_CATEGORY_MN && category <= UTF8PROC_CATEGORY_ME;
}

enum unicode_kind
unicode_kind(uint32_t character)
{
	static const unsigned char kinds[] = {
		[UTF8PROC_CATEGORY_LU] = UNICODE_UPPER,
		[UTF8PROC_CATEGORY_LT] = UNICODE_UPPER,
		[UTF8PROC_CATEGORY_LL] = UNICODE_LOWER,
		[UTF8PROC_CATEGORY_LM] = UNICODE_CASELESS,
		[UTF8PROC_CATEGORY_LO] = UNICODE_CASELESS,
		[UTF8PROC_CATEGORY_MN] = UNICODE_MARK,
		[UTF8PROC_CATEGORY_MC] = UNICODE_MARK,
		[UTF8PROC_CATEGORY_ME] = UNICODE_MARK,
		[UTF8PROC_CATEGORY_ND] = UNICODE_NUMBER,
		[UTF8PROC_CATEGORY_NL] = UNICODE_NUMBER,
		[UTF8PROC_CATEGORY_NO] = UNICODE_NUMBER,
		[UTF8PROC_CATEGORY_ZS] = UNICODE_SPACE,
		[UTF8PROC_CATEGORY_ZL] = UNICODE_SPACE,
		[UTF8PROC_CATEGORY_ZP] = UNICODE_SPACE,
		[UTF8PROC_CATEGORY_CO] = UNICODE_OTHER, /* the last one */
	};

	return character == 0x85 ? UNICODE_SPACE : kinds[utf8proc_category((utf8proc_int32_t)character)];
}

bool
unicode_unspaced(uint32_t character)
{
	static const struct {
		uint32_t first, last;
	} scripts[] = {
		{ 0x0e00, 0x0eff },   /* Thai, Lao */
		{ 0x1000, 0x109f },   /* Myanmar */
		{ 0x1780, 0x17ff },   /* Khmer */
		{ 0x2e80, 0x2fdf },   /* Han radicals */
		{ 0x3005, 0x3007 },   /* Han marks of repetition */
		{ 0x3040, 0x30ff },   /* Hiragana, Katakana */
		{ 0x31f0, 0x31ff },   /* Katakana extensions */
		{ 0x3400, 0x4dbf },   /* Han extension A */
		{ 0x4e00, 0x9fff },   /* Han */
		{ 0xf900, 0xfaff },   /* Han, compatibility */
		{ 0x20000, 0x3ffff }, /* Han extensions */
	};

	for (size_t i = 0; i < COUNT(scripts) && character >= scripts[i].first; i++)
		if (character <= scripts[i].last)
			return true;
	return false;
}
