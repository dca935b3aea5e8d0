/*
 * stem.c - Porter's algorithm, M. F. Porter, "An algorithm for suffix stripping", 1980.
 *
 * A word is [C](VC)^m[V]: runs of consonants and vowels; m measures how much is left of it. A rule takes off a suffix, and puts another in its place, if what is
 * left before it is long enough. In each step only the rule of the longest suffix that matches is tried.
 */
#include "text/stem.h"

#include <stdbool.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct word {
	char *at;
	size_t len;
};

static bool
consonant(const char *at, size_t i)
{
	switch (at[i]) {
	case 'a':
	case 'e':
	case 'i':
	case 'o':
	case 'u':
		return false;
	case 'y':
		return i == 0 || !consonant(at, i - 1);
	default:
		return true;
	}
}

/* m of the first `len` letters. */
static unsigned
measure(const char *at, size_t len)
{
	unsigned m = 0;
	size_t i = 0;

	while (i < len && consonant(at, i))
		i++;
	while (i < len) {
		while (i < len && !consonant(at, i))
			i++;
		if (i == len)
			break;
		m++;
		while (i < len && consonant(at, i))
			i++;
	}
	return m;
}

static bool
has_vowel(const char *at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!consonant(at, i))
			return true;
	return false;
}

static bool
double_consonant(const char *at, size_t len)
{
	return len >= 2 && at[len - 1] == at[len - 2] && consonant(at, len - 1);
}

/* Ends in consonant, vowel, consonant, the last not w, x or y: "hop", but not "snow". */
static bool
short_end(const char *at, size_t len)
{
	return len >= 3 && consonant(at, len - 1) && !consonant(at, len - 2) && consonant(at, len - 3) && !strchr("wxy", at[len - 1]);
}

static bool
ends(const struct word *word, const char *suffix)
{
	size_t len = strlen(suffix);

	return word->len >= len && memcmp(word->at + word->len - len, suffix, len) == 0;
}

static void
replace(struct word *word, size_t suffix_len, const char *with)
{
	word->len -= suffix_len;
	memcpy(word->at + word->len, with, strlen(with)); /* never longer than what it replaces, but for the "e" of step 1b */
	word->len += strlen(with);
}

struct rule {
	const char *suffix, *with;
};

/* Of rules sorted so that a longer suffix comes before its own end: the first that matches, if m of the rest is more than `m`. */
static void
apply(struct word *word, const struct rule *rules, size_t count, unsigned m)
{
	for (size_t i = 0; i < count; i++) {
		size_t len = strlen(rules[i].suffix);

		if (!ends(word, rules[i].suffix))
			continue;
		if (measure(word->at, word->len - len) > m)
			replace(word, len, rules[i].with);
		return;
	}
}

/* Plurals. */
static void
step_1a(struct word *word)
{
	if (ends(word, "sses") || ends(word, "ies"))
		word->len -= 2;
	else if (ends(word, "s") && !ends(word, "ss"))
		word->len--;
}

/* -ed and -ing. */
static void
step_1b(struct word *word)
{
	size_t suffix = ends(word, "ed") ? 2 : ends(word, "ing") ? 3 : 0;

	if (ends(word, "eed")) {
		if (measure(word->at, word->len - 3) > 0)
			word->len--;
		return;
	}
	if (suffix == 0 || !has_vowel(word->at, word->len - suffix))
		return;
	word->len -= suffix;
	if (ends(word, "at") || ends(word, "bl") || ends(word, "iz"))
		replace(word, 0, "e");
	else if (double_consonant(word->at, word->len) && !strchr("lsz", word->at[word->len - 1]))
		word->len--;
	else if (measure(word->at, word->len) == 1 && short_end(word->at, word->len))
		replace(word, 0, "e");
}

static void
step_1c(struct word *word)
{
	if (ends(word, "y") && has_vowel(word->at, word->len - 1))
		word->at[word->len - 1] = 'i';
}

static const struct rule rules_2[] = {
	{ "ational", "ate" }, { "tional", "tion" }, { "enci", "ence" }, { "anci", "ance" }, { "izer", "ize" }, { "abli", "able" }, { "alli", "al" },
	{ "entli", "ent" }, { "eli", "e" }, { "ousli", "ous" }, { "ization", "ize" }, { "ation", "ate" }, { "ator", "ate" }, { "alism", "al" },
	{ "iveness", "ive" }, { "fulness", "ful" }, { "ousness", "ous" }, { "aliti", "al" }, { "iviti", "ive" }, { "biliti", "ble" },
};

static const struct rule rules_3[] = {
	{ "icate", "ic" }, { "ative", "" }, { "alize", "al" }, { "iciti", "ic" }, { "ical", "ic" }, { "ful", "" }, { "ness", "" },
};

static const struct rule rules_4[] = {
	{ "al", "" }, { "ance", "" }, { "ence", "" }, { "er", "" }, { "ic", "" }, { "able", "" }, { "ible", "" }, { "ant", "" }, { "ement", "" },
	{ "ment", "" }, { "ent", "" }, { "ou", "" }, { "ism", "" }, { "ate", "" }, { "iti", "" }, { "ous", "" }, { "ive", "" }, { "ize", "" },
};

static void
step_4(struct word *word)
{
	if (!ends(word, "ion")) {
		apply(word, rules_4, COUNT(rules_4), 1);
		return;
	}
	if (word->len > 3 && strchr("st", word->at[word->len - 4]) && measure(word->at, word->len - 3) > 1)
		word->len -= 3;
}

static void
step_5(struct word *word)
{
	if (ends(word, "e")) {
		unsigned m = measure(word->at, word->len - 1);

		if (m > 1 || (m == 1 && !short_end(word->at, word->len - 1)))
			word->len--;
	}
	if (ends(word, "ll") && measure(word->at, word->len - 1) > 1)
		word->len--;
}

size_t
stem(char *at, size_t len)
{
	struct word word = { at, len };

	if (len <= 2)
		return len;
	step_1a(&word);
	step_1b(&word);
	step_1c(&word);
	apply(&word, rules_2, COUNT(rules_2), 0);
	apply(&word, rules_3, COUNT(rules_3), 0);
	step_4(&word);
	step_5(&word);
	return word.len;
}
