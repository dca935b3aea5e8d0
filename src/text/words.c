/*
 * words.c - see words.h.
 */
#include "text/words.h"

static bool
is_word_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || (unsigned char)c >= 0x80;
}

bool
word_next(struct str *rest, struct str *word)
{
	size_t from = 0, to;

	while (from < rest->len && !is_word_byte(rest->ptr[from]))
		from++;
	for (to = from; to < rest->len && is_word_byte(rest->ptr[to]); to++)
		;
	*word = str_slice(*rest, from, to);
	*rest = str_slice(*rest, to, rest->len);
	return word->len > 0;
}
