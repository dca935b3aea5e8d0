/*
 * terms.c - one pass: characters are folded into a word buffer, and a word is given out as it ends.
 *
 * The parts of a name begin where letters follow digits or the other way round, behind an underscore, and where a capital follows a small letter.
 */
#include "text/terms.h"

#include "text/stem.h"
#include "text/unicode.h"
#include "text/utf8.h"

enum { PARTS_MAX = 16 };
enum kind { KIND_NONE, KIND_LOWER, KIND_UPPER, KIND_DIGIT, KIND_UNDERSCORE };

struct part {
	size_t from, len;
	bool digits;
};

struct scan {
	void (*take)(void *, struct str, bool);
	void *arg;
	char word[TERM_BYTES_MAX];
	size_t len;
	struct part parts[PARTS_MAX];
	size_t count;
	enum kind last;     /* of the character before; KIND_NONE at a word's beginning */
	bool plain;         /* nothing but ASCII letters so far */
	bool named;         /* a letter or a digit at least */
	char pair[2 * UTF8_SIZE_MAX]; /* of an unspaced script: the character before, then the one that is read */
	size_t before;      /* bytes of the first in `pair`; 0: none */
	bool paired;        /* it was given out already, in a pair with the one before it */
};

/* Gives out a stem; `stemmed` is scratch, since a name's parts are read from the word again. */
static void
take_stem(struct scan *scan, struct str word, bool part)
{
	char stemmed[TERM_BYTES_MAX];

	memcpy(stemmed, word.ptr, word.len);
	scan->take(scan->arg, str_n(stemmed, stem(stemmed, word.len)), part);
}

static bool
ascii_letters(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] < 'a' || s.ptr[i] > 'z')
			return false;
	return true;
}

static void
word_end(struct scan *scan)
{
	struct str word = str_n(scan->word, scan->len);

	if (scan->named && scan->plain)
		take_stem(scan, word, false);
	else if (scan->named)
		scan->take(scan->arg, word, false);
	for (size_t i = 0; scan->count > 1 && i < scan->count; i++) {
		struct str part = str_n(scan->word + scan->parts[i].from, scan->parts[i].len);

		if (scan->parts[i].digits || part.len < 2)
			continue; /* says nothing by itself */
		if (ascii_letters(part))
			take_stem(scan, part, true);
		else
			scan->take(scan->arg, part, true);
	}
	scan->len = scan->count = 0;
	scan->last = KIND_NONE;
	scan->plain = true;
	scan->named = false;
}

static bool
part_begins(enum kind last, enum kind kind)
{
	if (kind == KIND_UNDERSCORE)
		return false;
	if (last == KIND_NONE || last == KIND_UNDERSCORE)
		return true;
	return (kind == KIND_DIGIT) != (last == KIND_DIGIT) || (kind == KIND_UPPER && last == KIND_LOWER);
}

static void
word_add(struct scan *scan, uint32_t folded, enum kind kind)
{
	char bytes[UTF8_SIZE_MAX];
	size_t size = utf8_put(folded, bytes);

	if (scan->len + size > TERM_BYTES_MAX)
		return; /* the rest of an overlong word goes unread */
	if (part_begins(scan->last, kind) && scan->count < PARTS_MAX)
		scan->parts[scan->count++] = (struct part){ .from = scan->len, .digits = kind == KIND_DIGIT };
	memcpy(scan->word + scan->len, bytes, size);
	scan->len += size;
	if (kind != KIND_UNDERSCORE && scan->count > 0)
		scan->parts[scan->count - 1].len = scan->len - scan->parts[scan->count - 1].from;
	scan->plain = scan->plain && folded < 0x80 && (kind == KIND_LOWER || kind == KIND_UPPER);
	scan->named = scan->named || kind != KIND_UNDERSCORE;
	scan->last = kind;
}

/* A run of an unspaced script ends: a character that stood alone is a term. */
static void
pairs_end(struct scan *scan)
{
	if (scan->before > 0 && !scan->paired)
		scan->take(scan->arg, str_n(scan->pair, scan->before), false);
	scan->before = 0;
	scan->paired = false;
}

static void
pairs_add(struct scan *scan, uint32_t character)
{
	size_t size = utf8_put(character, scan->pair + scan->before);

	if (scan->before > 0) {
		scan->take(scan->arg, str_n(scan->pair, scan->before + size), false);
		scan->paired = true;
		memmove(scan->pair, scan->pair + scan->before, size);
	}
	scan->before = size;
}

/* The accents of Latin, Greek and Cyrillic. Marks of other scripts are part of their words. */
static bool
accent(uint32_t c)
{
	return c >= 0x300 && c <= 0x36f;
}

static void
beyond_ascii(struct scan *scan, uint32_t character)
{
	uint32_t parts[UNICODE_DECOMPOSED_MAX];
	unsigned count;

	if (character == UTF8_REPLACEMENT || !(unicode_letter(character) || unicode_digit(character) || unicode_mark(character))) {
		word_end(scan);
		pairs_end(scan);
		return;
	}
	if (unicode_unspaced(character)) {
		word_end(scan);
		pairs_add(scan, character);
		return;
	}
	pairs_end(scan);
	count = unicode_decompose(character, parts);
	for (unsigned i = 0; i < count; i++)
		if (!accent(parts[i]))
			word_add(scan, unicode_lower(parts[i]), unicode_digit(parts[i]) ? KIND_DIGIT : unicode_upper(parts[i]) ? KIND_UPPER : KIND_LOWER);
}

static enum kind
ascii_kind(unsigned char c)
{
	if (c >= 'a' && c <= 'z')
		return KIND_LOWER;
	if (c >= 'A' && c <= 'Z')
		return KIND_UPPER;
	if (c >= '0' && c <= '9')
		return KIND_DIGIT;
	return c == '_' ? KIND_UNDERSCORE : KIND_NONE;
}

void
terms_each(struct str text, void (*take)(void *arg, struct str term, bool part), void *arg)
{
	struct scan scan = { .take = take, .arg = arg, .plain = true };

	while (text.len > 0) {
		unsigned char c = (unsigned char)text.ptr[0];
		enum kind kind;

		if (c >= 0x80) {
			beyond_ascii(&scan, utf8_next(&text));
			continue;
		}
		text = str_n(text.ptr + 1, text.len - 1);
		kind = ascii_kind(c);
		pairs_end(&scan);
		if (kind == KIND_NONE)
			word_end(&scan);
		else
			word_add(&scan, kind == KIND_UPPER ? c | 0x20U : c, kind);
	}
	word_end(&scan);
	pairs_end(&scan);
}
