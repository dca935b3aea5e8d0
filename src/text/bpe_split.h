/*
 * bpe_split.h - the pieces of a text that a byte-pair encoding looks at one by one. For bpe.c.
 */
#pragma once

#include "text/bpe.h"

/* Takes the next piece off the front of *rest, which is not empty. */
struct str bpe_split_next(enum bpe_split split, struct str *rest);
