/*
 * unicode.h - what a character is and what it becomes: canonical decomposition, lower case, kinds. By utf8proc.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define UNICODE_DECOMPOSED_MAX 4

/* The full canonical decomposition (NFD) of one character, Hangul included; returns how many characters were written. Marks come in canonical order. */
unsigned unicode_decompose(uint32_t character, uint32_t out[UNICODE_DECOMPOSED_MAX]);

/* 0 for a starter. */
unsigned unicode_combining_class(uint32_t character);

/* Simple lower case: one character to one. */
uint32_t unicode_lower(uint32_t character);

bool unicode_upper(uint32_t character);  /* upper or title case */
bool unicode_letter(uint32_t character); /* letters of all scripts */
bool unicode_digit(uint32_t character);  /* decimal digits and other numbers */
bool unicode_mark(uint32_t character);   /* nonspacing, spacing and enclosing marks */

/* The general category, as coarse as splitting a text needs it. */
enum unicode_kind {
	UNICODE_OTHER,
	UNICODE_UPPER,    /* letters: upper and title case */
	UNICODE_LOWER,
	UNICODE_CASELESS, /* letters without case, and modifiers */
	UNICODE_MARK,
	UNICODE_NUMBER,
	UNICODE_SPACE,    /* the property White_Space beyond ASCII */
};
enum unicode_kind unicode_kind(uint32_t character);

/* Scripts written without blanks between words: Han, Hiragana, Katakana (kanji and kana), Thai, Lao, Khmer, Myanmar. */
bool unicode_unspaced(uint32_t character);
