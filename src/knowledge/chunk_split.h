/*
 * chunk_split.h - cutting text where it may be cut: after sentences, after lines, between words, and never in a character.
 */
#pragma once

#include "base/str.h"

/* Takes the first sentence, with the blanks behind it, off *rest; false once nothing is left. */
bool split_sentence(struct str *rest, struct str *sentence);

/* Takes the first line, with its line feed, off *rest. */
bool split_line(struct str *rest, struct str *line);

/* The longest front of `text` of at most `bytes` bytes that ends between words, or at least between characters; never empty for text that is not. */
struct str split_front(struct str text, size_t bytes);
