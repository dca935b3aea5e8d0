/*
 * extractive.c - the built-in model that needs no provider: it answers with the sentences of the retrieved passages that match the question best, quoted and cited, and
 * says that this is what it does.
 *
 * A sentence is scored by the question's words in it, each weighted by how rare it is among the candidates (the idea of inverse document frequency, Spärck Jones 1972), so
 * that "the" decides nothing without a list of stop words for every language, and by the rank of its passage. Words are compared by a prefix that forgives endings.
 */
#include <math.h>

#include "base/clock.h"
#include "base/random.h"
#include "gateway/provider.h"
#include "infer/tokenizers.h"
#include "rt/scope.h"
#include "text/words.h"

enum { TERMS_MAX = 32, SENTENCES_MAX = 512, QUOTES = 4, SENTENCE_MIN = 24, SENTENCE_MAX = 420, STEM_MIN = 4 };

struct sentence {
	struct str text;
	unsigned passage;      /* number as cited, from 1 */
	uint32_t terms;        /* a bit for each term of the question that it has */
	double score;
};

/* Without the endings that English puts on a word: "queries", "querying" and "query" agree in "quer". */
static struct str
stem(struct str word)
{
	static const struct str endings[] = { STR_INIT("ings"), STR_INIT("ing"), STR_INIT("ies"), STR_INIT("ied"), STR_INIT("es"), STR_INIT("ed"), STR_INIT("s"),
		STR_INIT("y"), STR_INIT("e") };

	for (size_t i = 0; i < COUNT(endings); i++)
		if (word.len >= endings[i].len + STEM_MIN && str_eq_ci(str_slice(word, word.len - endings[i].len, word.len), endings[i]))
			return str_slice(word, 0, word.len - endings[i].len);
	return word;
}

static unsigned
question_terms(struct str question, struct str terms[TERMS_MAX])
{
	unsigned count = 0;
	struct str word;

	while (count < TERMS_MAX && word_next(&question, &word)) {
		bool seen = word.len < 2;

		word = stem(word);
		for (unsigned i = 0; i < count && !seen; i++)
			seen = str_eq_ci(terms[i], word);
		if (!seen)
			terms[count++] = word;
	}
	return count;
}

static uint32_t
terms_in(struct str text, const struct str *terms, unsigned count)
{
	uint32_t found = 0;
	struct str word;

	while (word_next(&text, &word)) {
		struct str stemmed = stem(word);

		for (unsigned i = 0; i < count; i++)
			if (str_eq_ci(stemmed, terms[i]))
				found |= UINT32_C(1) << i;
	}
	return found;
}

/* Where the sentence that begins at `from` ends: behind its full stop, or at an empty line. */
static size_t
sentence_end(struct str text, size_t from)
{
	for (size_t i = from; i + 1 < text.len; i++) {
		char c = text.ptr[i], next = text.ptr[i + 1];

		if ((c == '.' || c == '?' || c == '!') && (next == ' ' || next == '\n'))
			return i + 1;
		if (c == '\n' && next == '\n')
			return i;
	}
	return text.len;
}

static unsigned
split_sentences(const struct passage_list *passages, const struct str *terms, unsigned term_count, struct sentence *out)
{
	unsigned count = 0;

	for (unsigned p = 0; p < passages->count; p++) {
		struct str text = passages->list[p].text;

		for (size_t from = 0; from < text.len && count < SENTENCES_MAX;) {
			size_t end = sentence_end(text, from);
			struct str sentence = str_trim(str_slice(text, from, end));

			from = end > from ? end : from + 1;
			if (sentence.len >= SENTENCE_MIN && sentence.len <= SENTENCE_MAX)
				out[count++] = (struct sentence){ .text = sentence, .passage = p + 1, .terms = terms_in(sentence, terms, term_count) };
		}
	}
	return count;
}

static void
score_sentences(struct sentence *sentences, unsigned count, unsigned term_count)
{
	double weight[TERMS_MAX];

	for (unsigned t = 0; t < term_count; t++) {
		unsigned with = 0;

		for (unsigned i = 0; i < count; i++)
			with += sentences[i].terms >> t & 1;
		weight[t] = with ? log(1 + (double)count / with) : 0;
	}
	for (unsigned i = 0; i < count; i++) {
		for (unsigned t = 0; t < term_count; t++)
			if (sentences[i].terms >> t & 1)
				sentences[i].score += weight[t];
		sentences[i].score *= 1 + 1.0 / sentences[i].passage;
	}
}

/* The best one that repeats none of those taken, which have score -1. */
static struct sentence *
best_sentence(struct sentence *sentences, unsigned count)
{
	struct sentence *best = NULL;

	for (unsigned i = 0; i < count; i++) {
		bool repeats = false;

		for (unsigned j = 0; j < count && !repeats; j++)
			repeats = sentences[j].score < 0 && str_eq(sentences[j].text, sentences[i].text);
		if (!repeats && sentences[i].score > 0 && (!best || sentences[i].score > best->score))
			best = &sentences[i];
	}
	return best;
}

static const struct err *
refuse(const struct call *call, struct arena *arena)
{
	const char *extra = call->extra.len ? arena_cstr(arena, call->extra) : NULL;
	const struct {
		bool asked;
		const char *param, *what;
	} cannot[] = {
		{ extra != NULL, extra, extra },
		{ call->tools && call->tool_choice != TOOL_CHOICE_NONE, "tools", "calling tools" },
		{ call->choices > 1, "n", "more than one choice" },
		{ call->logprobs, "logprobs", "logprobs" },
		{ call->audio, "modalities", "an audio answer" },
		{ call->format != FORMAT_TEXT, "response_format", "an answer in JSON" },
		{ call->verbosity.len > 0, "verbosity", "verbosity" },
	};

	for (size_t i = 0; i < COUNT(cannot); i++)
		if (cannot[i].asked)
			return err_param(arena, ERR_UNSUPPORTED, cannot[i].param, "unsupported_parameter", "%s is not supported by the built-in extractive model, which quotes documents", cannot[i].what);
	for (const struct message *message = call->messages; message; message = message->next)
		for (const struct part *part = message->parts; part; part = part->next)
			if (part->type == PART_IMAGE || part->type == PART_AUDIO || part->type == PART_FILE)
				return err_param(arena, ERR_UNSUPPORTED, "messages", "unsupported_parameter", "images, sound and files are not supported by the built-in extractive model, which quotes documents");
	return NULL;
}

/* The sentences that match best, as text. */
static void
quote_best(struct arena *arena, const struct passage_list *passages, struct buf *out)
{
	struct sentence *sentences = arena_array(arena, SENTENCES_MAX, sizeof(*sentences));
	struct str terms[TERMS_MAX];
	unsigned count, term_count = question_terms(passages->question, terms);
	double first = 0;

	if (!sentences) {
		out->failed = true;
		return;
	}
	count = split_sentences(passages, terms, term_count, sentences);
	score_sentences(sentences, count, term_count);
	for (unsigned quotes = 0; quotes < QUOTES; quotes++) {
		struct sentence *best = best_sentence(sentences, count);

		if (!best || best->score < first / 2)
			break;
		if (quotes == 0) {
			first = best->score;
			buf_add(out, STR("These sentences of the documents match your question best (extractive answer: quoted, no language model was used).\n"));
		}
		best->score = -1;
		buf_printf(out, "\n> %" STR_F " [%u]\n", STR_A(best->text), best->passage);
	}
	if (first <= 0) /* tables and code only: the passage itself is the answer */
		buf_printf(out, "The passage that matches your question best (extractive answer: quoted, no language model was used) is [1]:\n\n%" STR_F "\n",
			STR_A(str_slice(passages->list[0].text, 0, SENTENCE_MAX)));
}

/* As far as the caller wants it: to the first of his stop sequences, and no longer than his tokens, which are estimated as the usage is. */
static struct str
cut(struct str text, const struct call *call, enum finish *finish)
{
	size_t fits = 0, over;

	*finish = FINISH_STOP;
	for (unsigned i = 0; i < call->stop_count; i++)
		if (call->stops[i].len)
			text = str_slice(text, 0, str_find(text, call->stops[i], 0));
	if (!call->tokens_max || tokens_estimate(text) <= call->tokens_max)
		return text;
	*finish = FINISH_LENGTH;
	for (over = text.len; over - fits > 1;) {
		size_t middle = fits + (over - fits) / 2;

		if (tokens_estimate(str_slice(text, 0, middle)) <= call->tokens_max)
			fits = middle;
		else
			over = middle;
	}
	while (fits > 0 && ((unsigned char)text.ptr[fits] & 0xc0) == 0x80)
		fits--;
	return str_slice(text, 0, fits);
}

/* Line by line, as a model's words come one by one. */
static MAY_PARK const struct err *
say(struct decoder *decoder, struct str text)
{
	const struct err *err = NULL;

	decoder->usage.output = tokens_estimate(text);
	while (text.len && !err) {
		size_t line = str_find_byte(text, '\n', 0);
		struct event event = { .type = EVENT_TEXT };

		while (line < text.len && text.ptr[line] == '\n')
			line++;
		event.text = str_slice(text, 0, line);
		text = str_slice(text, event.text.len, text.len);
		err = sink_send(decoder->sink, &event);
	}
	return err;
}

static MAY_PARK const struct err *
say_start(struct decoder *decoder)
{
	struct id id = id_new();
	const struct event event = { .type = EVENT_START,
		.id = arena_printf(decoder->arena, "chatcmpl-%" STR_F, STR_A(id_str(&id))),
		.model = STR("extractive"),
		.created_us = clock_wall_us() };

	decoder->started = true;
	return sink_send(decoder->sink, &event);
}

static MAY_PARK const struct err *
say_end(struct decoder *decoder, enum finish finish)
{
	struct event event = { .type = EVENT_FINISH, .finish = finish, .finish_text = finish_name(finish), .last = true };
	const struct err *err;

	decoder->finished = decoder->done = true;
	decoder->usage.known = decoder->usage.estimated = true;
	err = sink_send(decoder->sink, &event);
	event = (struct event){ .type = EVENT_USAGE, .usage = &decoder->usage, .last = true };
	return err ? err : sink_send(decoder->sink, &event);
}

static MAY_PARK const struct err *
extractive_run(struct decoder *decoder)
{
	const struct call *call = decoder->call;
	const struct passage_list *passages = call->passages;
	const struct err *err = provider_fit(call, &provider_extractive, decoder->arena);
	enum finish finish;
	struct buf text;

	if (!err)
		err = refuse(call, decoder->arena);
	if (err)
		return err;
	if (!passages)
		return err_param(decoder->arena, ERR_UNSUPPORTED, "model", "model_not_supported",
			"the built-in extractive model answers from documents only: ask a model that is bound to a collection, or configure a provider");
	for (const struct message *message = call->messages; message; message = message->next)
		decoder->usage.input += tokens_estimate(message_text(decoder->arena, message));
	buf_init(&text, decoder->arena, KIB(64));
	if (passages->count == 0)
		buf_add(&text, STR("I found nothing about this in the documents, so I cannot answer it from them."));
	else
		quote_best(decoder->arena, passages, &text);
	err = buf_err(&text);
	if (!err)
		err = say_start(decoder);
	if (!err)
		err = say(decoder, cut(buf_str(&text), call, &finish));
	return err ? err : say_end(decoder, finish);
}

const struct provider provider_extractive = {
	.kind = "extractive",
	.run = extractive_run,
};
