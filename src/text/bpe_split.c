/*
 * bpe_split.c - OpenAI's regular expressions for splitting a text, by hand.
 *
 * The expressions stand in tiktoken's openai_public.py. Each alternative is a function here that returns the end of its match, or 0 for none; the first one that matches
 * wins, as in the expression. Backtracking happens in two places only, and both are written out: where an optional first character turns out to be needed by what
 * follows, and where characters without case end a run of upper case (o200k). Malformed bytes are characters of no class, one by one.
 *
 *	cl100k  '(?i:[sdmt]|ll|ve|re) | [^\r\n\p{L}\p{N}]?+\p{L}++ | \p{N}{1,3}+ | ?[^\s\p{L}\p{N}]++[\r\n]*+ | \s++$ | \s*[\r\n] | \s+(?!\S) | \s
 *	o200k   [^\r\n\p{L}\p{N}]? U* L+ (?i:'s|'t|'re|'ve|'m|'ll|'d)? | [^\r\n\p{L}\p{N}]? U+ L* (the same)? | \p{N}{1,3} | ?[^\s\p{L}\p{N}]+[\r\n/]* | \s*[\r\n]+ | \s+(?!\S) | \s+
 *	        with U = [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}], L = [\p{Ll}\p{Lm}\p{Lo}\p{M}]
 */
#include "text/bpe_split.h"

#include "text/unicode.h"
#include "text/utf8.h"

/* What the expressions ask of a character. */
enum {
	LETTER = 1,  /* \p{L} */
	NUMBER = 2,  /* \p{N} */
	SPACE = 4,   /* \s */
	NEWLINE = 8, /* [\r\n] */
	UPPER = 16,  /* U */
	LOWER = 32,  /* L */
};

static const unsigned char ascii[128] = {
	['\t'] = SPACE, ['\n'] = SPACE | NEWLINE, ['\v'] = SPACE, ['\f'] = SPACE, ['\r'] = SPACE | NEWLINE, [' '] = SPACE,
	['0' ... '9'] = NUMBER, ['A' ... 'Z'] = LETTER | UPPER, ['a' ... 'z'] = LETTER | LOWER,
};

static const unsigned char by_kind[] = {
	[UNICODE_OTHER] = 0,
	[UNICODE_UPPER] = LETTER | UPPER,
	[UNICODE_LOWER] = LETTER | LOWER,
	[UNICODE_CASELESS] = LETTER | UPPER | LOWER,
	[UNICODE_MARK] = UPPER | LOWER,
	[UNICODE_NUMBER] = NUMBER,
	[UNICODE_SPACE] = SPACE,
};

/* The character at `at`, which is before the end: its class, and where the next one begins. */
static inline unsigned
look(struct str s, size_t at, size_t *next)
{
	struct str rest;
	unsigned class;

	if ((unsigned char)s.ptr[at] < 0x80) {
		*next = at + 1;
		return ascii[(unsigned char)s.ptr[at]];
	}
	rest = str_n(s.ptr + at, s.len - at);
	class = by_kind[unicode_kind(utf8_next(&rest))];
	*next = s.len - rest.len;
	return class;
}

/* The end of the run of characters that have one of these classes; `at` when there is none. At most `max` characters. */
static size_t
run_of(struct str s, size_t at, unsigned classes, size_t max)
{
	size_t next;

	while (at < s.len && max-- > 0 && (look(s, at, &next) & classes))
		at = next;
	return at;
}

static size_t
run_without(struct str s, size_t at, unsigned classes)
{
	size_t next;

	while (at < s.len && !(look(s, at, &next) & classes))
		at = next;
	return at;
}

static char
folded(struct str s, size_t at)
{
	char c = at < s.len ? s.ptr[at] : '\0';

	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* The end of 's, 't, 'm, 'd, 'll, 've or 're at `at`, in any case; `at` without one. U+017F, the long s, is an s to an expression that ignores case. */
static size_t
contraction(struct str s, size_t at)
{
	char first = folded(s, at + 1), second;

	if (at >= s.len || s.ptr[at] != '\'')
		return at;
	if (first == 's' || first == 't' || first == 'm' || first == 'd')
		return at + 2;
	if (str_starts(str_slice(s, at + 1, s.len), STR("\xc5\xbf")))
		return at + 3;
	second = folded(s, at + 2);
	return (first == 'l' && second == 'l') || ((first == 'v' || first == 'r') && second == 'e') ? at + 3 : at;
}

/* [^\r\n\p{L}\p{N}]?+ \p{L}++ */
static size_t
word_cl100k(struct str s)
{
	size_t from = 0, end;

	if (!(look(s, 0, &end) & (NEWLINE | LETTER | NUMBER)))
		from = end;
	end = run_of(s, from, LETTER, SIZE_MAX);
	return end > from ? end : 0;
}

/* U* L+ at `from`: after the longest U*, or after the last character of it that is an L too. 0: no match. */
static size_t
mixed_case(struct str s, size_t from)
{
	size_t at = from, next, end, both = 0;
	unsigned class;

	while (at < s.len && ((class = look(s, at, &next)) & UPPER)) {
		if (class & LOWER)
			both = next;
		at = next;
	}
	end = run_of(s, at, LOWER, SIZE_MAX);
	return end > at ? end : both;
}

/* U+ L* at `from`. */
static size_t
upper_case(struct str s, size_t from)
{
	size_t end = run_of(s, from, UPPER, SIZE_MAX);

	return end > from ? run_of(s, end, LOWER, SIZE_MAX) : 0;
}

/* The first two alternatives; the first character may be the optional one or belong to the word. */
static size_t
word_o200k(struct str s)
{
	size_t second, end = 0;
	bool optional = !(look(s, 0, &second) & (NEWLINE | LETTER | NUMBER));

	if (optional)
		end = mixed_case(s, second);
	if (!end)
		end = mixed_case(s, 0);
	if (!end && optional)
		end = upper_case(s, second);
	if (!end)
		end = upper_case(s, 0);
	return end ? contraction(s, end) : 0;
}

/* ` ?[^\s\p{L}\p{N}]+` and what may follow. */
static size_t
signs(struct str s, bool slash)
{
	size_t from = s.ptr[0] == ' ' ? 1 : 0, end = run_without(s, from, SPACE | LETTER | NUMBER);

	if (end == from)
		return 0;
	while (end < s.len && (s.ptr[end] == '\r' || s.ptr[end] == '\n' || (slash && s.ptr[end] == '/')))
		end++;
	return end;
}

/* A run of blanks: to its last line break, or all of it at the end of the text, or all but the last, which belongs to the word that follows. */
static size_t
blanks(struct str s, bool whole_at_end)
{
	size_t at = 0, next, newline = 0, last = 0;
	unsigned class;

	while (at < s.len && ((class = look(s, at, &next)) & SPACE)) {
		if (class & NEWLINE)
			newline = next;
		last = at;
		at = next;
	}
	if (at == s.len && (whole_at_end || !newline))
		return at;
	if (newline)
		return newline;
	return last > 0 ? last : at;
}

struct str
bpe_split_next(enum bpe_split split, struct str *rest)
{
	struct str s = *rest;
	size_t end = 0;

	if (split == BPE_CL100K)
		end = contraction(s, 0);
	if (!end)
		end = split == BPE_CL100K ? word_cl100k(s) : word_o200k(s);
	if (!end)
		end = run_of(s, 0, NUMBER, 3);
	if (!end)
		end = signs(s, split == BPE_O200K);
	if (!end)
		end = blanks(s, split == BPE_CL100K);
	*rest = str_slice(s, end, s.len);
	return str_slice(s, 0, end);
}
