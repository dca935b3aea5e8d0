/*
 * utf8.h - UTF-8: checking, walking, writing, repairing. Malformed bytes read as U+FFFD, one per maximal part of a sequence (as Unicode recommends and
 * browsers do); surrogates, overlong forms and what lies past U+10FFFF are malformed.
 */
#pragma once

#include "base/arena.h"
#include "base/str.h"

#define UTF8_REPLACEMENT UINT32_C(0xfffd)
#define UTF8_SIZE_MAX 4

bool utf8_valid(struct str s);

/* Takes the next character off the front of *rest, which is not empty. */
uint32_t utf8_next(struct str *rest);

/* Writes one character to out and returns its length; U+FFFD for what is no character. */
size_t utf8_put(uint32_t character, char out[UTF8_SIZE_MAX]);

/* The longest prefix of at most `max` bytes that does not cut a character in two. */
struct str utf8_cut(struct str s, size_t max);

/* The same view when it is valid, else a copy with U+FFFD for what is malformed; ptr is NULL past the arena's cap. */
struct str utf8_repair(struct arena *arena, struct str s);
