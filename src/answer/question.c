/*
 * question.c - see question.h.
 *
 * A follow-up is known by what it lacks: it is very short, or a word in it points back. The earlier questions are put in front rather than rewritten by a model, so
 * that a search costs no model call; words that both share then weigh more, which is what is wanted.
 */
#include "answer/question.h"

#include "base/buf.h"
#include "text/words.h"

enum { SHORT_WORDS = 3, BACK_MAX = 3, QUESTION_MAX = 8 * 1024, WORDS_MAX = 64 };

static const struct str pointing_back[] = { STR_INIT("it"), STR_INIT("its"), STR_INIT("they"), STR_INIT("them"), STR_INIT("their"), STR_INIT("that"), STR_INIT("this"),
	STR_INIT("those"), STR_INIT("these"), STR_INIT("one"), STR_INIT("ones"), STR_INIT("same"), STR_INIT("instead"), STR_INIT("else"), STR_INIT("also"),
	STR_INIT("there"), STR_INIT("above"), STR_INIT("previous"), STR_INIT("former"), STR_INIT("latter"), STR_INIT("another"), STR_INIT("he"), STR_INIT("she") };
static const struct str first_words[] = { STR_INIT("and"), STR_INIT("but"), STR_INIT("or"), STR_INIT("so"), STR_INIT("then"), STR_INIT("why") };
static const struct str function_words[] = { STR_INIT("the"), STR_INIT("and"), STR_INIT("for"), STR_INIT("what"), STR_INIT("which"), STR_INIT("when"), STR_INIT("where"),
	STR_INIT("how"), STR_INIT("does"), STR_INIT("can"), STR_INIT("with"), STR_INIT("from"), STR_INIT("are"), STR_INIT("was"), STR_INIT("who"), STR_INIT("why"),
	STR_INIT("should"), STR_INIT("would"), STR_INIT("could"), STR_INIT("there"), STR_INIT("this"), STR_INIT("that"), STR_INIT("about"), STR_INIT("into"),
	STR_INIT("have"), STR_INIT("has"), STR_INIT("you"), STR_INIT("your"), STR_INIT("tell"), STR_INIT("show"), STR_INIT("explain"), STR_INIT("please") };

static bool
is_one_of(struct str word, const struct str *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (str_eq_ci(word, list[i]))
			return true;
	return false;
}

static bool
leans_back(struct str question)
{
	unsigned words = 0;
	struct str word;

	while (word_next(&question, &word)) {
		if (words == 0 && is_one_of(word, first_words, COUNT(first_words)))
			return true;
		if (is_one_of(word, pointing_back, COUNT(pointing_back)))
			return true;
		words++;
	}
	return words <= SHORT_WORDS;
}

struct str
question_resolve(struct arena *arena, const struct call *call)
{
	struct str asked[BACK_MAX + 1]; /* newest first */
	unsigned count = 0, used = 1;
	struct buf joined;

	for (const struct message *message = call->messages; message; message = message->next) {
		if (message->role != ROLE_USER)
			continue;
		memmove(asked + 1, asked, BACK_MAX * sizeof(*asked));
		asked[0] = str_slice(message_text(arena, message), 0, QUESTION_MAX / 4);
		count += count <= BACK_MAX;
	}
	if (count == 0)
		return STR_EMPTY;
	while (used < count && used <= BACK_MAX && leans_back(asked[used - 1]))
		used++;
	if (used == 1)
		return asked[0];
	buf_init(&joined, arena, 2 * QUESTION_MAX);
	for (unsigned i = used; i-- > 0;) {
		buf_add(&joined, asked[i]);
		if (i)
			buf_add(&joined, STR("\n"));
	}
	return joined.failed ? str_n(NULL, 0) : buf_str(&joined);
}

/* Whether a word of the text begins as `word` does, up to an ending of three letters. */
static bool
stands_in(struct str word, struct str text)
{
	size_t stem = word.len > 6 ? word.len - 3 : word.len > 4 ? word.len - 1 : word.len;
	struct str other;

	while (word_next(&text, &other))
		if (other.len >= stem && other.len <= word.len + 3 && str_eq_ci(str_slice(other, 0, stem), str_slice(word, 0, stem)))
			return true;
	return false;
}

double
question_coverage(struct str question, struct str text)
{
	double all = 0, found = 0;
	struct str word;

	for (unsigned i = 0; i < WORDS_MAX && word_next(&question, &word); i++) {
		if (word.len < 3 || is_one_of(word, function_words, COUNT(function_words)))
			continue;
		all += (double)word.len;
		if (stands_in(word, text))
			found += (double)word.len;
	}
	return all > 0 ? found / all : 0;
}
