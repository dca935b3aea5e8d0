/*
 * stem.h - English words to their stems, so that "indexes", "indexed" and "indexing" meet: Porter's algorithm (1980), as the Snowball project states it.
 */
#pragma once

#include <stddef.h>

/* Stems a word of lower-case ASCII letters in place; returns its new length. Words of one or two letters stay as they are. */
size_t stem(char *word, size_t len);
