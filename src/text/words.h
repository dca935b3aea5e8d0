/*
 * words.h - the words of a question or a sentence, as they stand: runs of letters, digits, underscores and bytes beyond ASCII. What is searched for is made by terms.h.
 */
#pragma once

#include "base/str.h"

/* Cuts the next word off the front of *rest; false: there is no more. */
bool word_next(struct str *rest, struct str *word);
