/*
 * chunk_split.c - where text may be cut. See chunk_split.h.
 *
 * A sentence ends at . ! ? (and closing quotes or brackets) before a blank and something that can begin one; not after an initial or a usual abbreviation. Full-width
 * stops end one without a blank. Wrong guesses cost little: they move a cut by a sentence.
 */
#include "knowledge/chunk_split.h"

#include "text/utf8.h"

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

static bool
is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (unsigned char)c >= 0x80;
}

/* The word before the stop is one that a stop abbreviates: "e.g.", "Fig.", "J." */
static bool
is_abbreviation(struct str text, size_t stop)
{
	static const char *const known[] = { "e.g", "i.e", "etc", "vs", "cf", "Fig", "fig", "No", "no", "Dr", "Mr", "Mrs", "Ms", "St", "Prof", "Sec", "approx", "ca",
		"z.B", "d.h", "Nr", "bzw", "resp", "Vol", "pp", "al" };
	size_t from = stop;
	struct str word;

	while (from > 0 && (is_word(text.ptr[from - 1]) || text.ptr[from - 1] == '.'))
		from--;
	word = str_slice(text, from, stop);
	if (word.len == 1 && word.ptr[0] >= 'A' && word.ptr[0] <= 'Z')
		return true;
	for (size_t i = 0; i < COUNT(known); i++)
		if (str_eq_c(word, known[i]))
			return true;
	return false;
}

/* Bytes of a full-width stop (。！？) at `at`, or 0. */
static size_t
wide_stop(struct str text, size_t at)
{
	struct str rest = str_slice(text, at, at + 3);

	return str_eq_c(rest, "\xe3\x80\x82") || str_eq_c(rest, "\xef\xbc\x81") || str_eq_c(rest, "\xef\xbc\x9f") ? 3 : 0;
}

/* The end of the sentence if one ends with the stop at `at`, else 0. */
static size_t
sentence_end(struct str text, size_t at)
{
	char c = text.ptr[at];
	size_t end = at + 1;

	if (wide_stop(text, at))
		return at + 3;
	if (c != '.' && c != '!' && c != '?')
		return 0;
	while (end < text.len && strchr(".!?\"')]", text.ptr[end]))
		end++;
	if (end < text.len && !is_blank(text.ptr[end]))
		return 0;
	if (c == '.' && end == at + 1 && is_abbreviation(text, at))
		return 0;
	while (end < text.len && is_blank(text.ptr[end]))
		end++;
	return end < text.len && text.ptr[end] >= 'a' && text.ptr[end] <= 'z' ? 0 : end;
}

bool
split_sentence(struct str *rest, struct str *sentence)
{
	size_t end = rest->len;

	if (rest->len == 0)
		return false;
	for (size_t i = 0; i < rest->len; i++) {
		size_t found = sentence_end(*rest, i);

		if (found) {
			end = found;
			break;
		}
	}
	*sentence = str_slice(*rest, 0, end);
	*rest = str_slice(*rest, end, rest->len);
	return true;
}

bool
split_line(struct str *rest, struct str *line)
{
	size_t end = str_find_byte(*rest, '\n', 0);

	if (rest->len == 0)
		return false;
	end = end == SIZE_MAX ? rest->len : end + 1;
	*line = str_slice(*rest, 0, end);
	*rest = str_slice(*rest, end, rest->len);
	return true;
}

struct str
split_front(struct str text, size_t bytes)
{
	struct str front;

	if (text.len <= bytes)
		return text;
	front = utf8_cut(text, bytes);
	for (size_t i = front.len; i > front.len / 2; i--)
		if (is_blank(text.ptr[i - 1]))
			return str_slice(text, 0, i);
	return front.len ? front : utf8_cut(text, UTF8_SIZE_MAX);
}
