/*
 * decode.h - a text file's bytes to UTF-8, without being told its encoding.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

/*
 * A byte order mark decides (UTF-8, UTF-16 in both orders; it is left out); then bytes that are valid UTF-8 are that; bytes that are nearly so (at most one
 * bad byte in 100 beyond ASCII) are UTF-8 with damage, which becomes U+FFFD; what remains is read as windows-1252, the superset of latin-1 that the web means by it.
 * The result is `bytes` itself where nothing had to be changed.
 */
const struct err *text_decode(struct arena *arena, struct str bytes, struct str *out);
