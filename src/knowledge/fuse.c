/*
 * fuse.c - weighted sums of scores (convex combination with theoretical bounds: Bruch, Gai, Ingber, "An analysis of fusion functions for hybrid retrieval", 2023), or
 * of ranks (RRF: Cormack, Clarke, Büttcher, 2009).
 */
#include "knowledge/fuse.h"

#include <math.h>
#include <stdlib.h>

#include "text/terms.h"

enum { RRF_K = 60, SENTENCE_WORDS = 4 };
static const double weight_terms = 0.5, weight_sentence = 0.6;

struct shape {
	unsigned words, names;
};

static void
take_term(void *arg, struct str term, bool part)
{
	struct shape *shape = arg;

	if (part) /* of a name: the term before it */
		return;
	shape->words++;
	for (size_t i = 0; i < term.len; i++)
		if (term.ptr[i] == '_' || (term.ptr[i] >= '0' && term.ptr[i] <= '9')) {
			shape->names++;
			return;
		}
}

double
fuse_weight(struct str question)
{
	struct shape shape = { 0 };

	terms_each(question, take_term, &shape);
	return shape.words >= SENTENCE_WORDS && shape.names * 2 < shape.words ? weight_sentence : weight_terms;
}

static int
by_chunk(const void *x, const void *y)
{
	const struct fused *a = x, *b = y;

	return a->chunk < b->chunk ? -1 : a->chunk > b->chunk;
}

static int
best_first(const void *x, const void *y)
{
	const struct fused *a = x, *b = y;

	if (a->score != b->score)
		return a->score > b->score ? -1 : 1;
	return by_chunk(x, y);
}

static double
scaled(double score, double most)
{
	return isnan(score) || score <= 0 || most <= 0 ? 0 : fmin(score / most, 1);
}

static double
ranked(unsigned rank)
{
	return rank == 0 ? 0 : (double)(RRF_K + 1) / (double)(RRF_K + rank);
}

static double
fused_score(const struct fused *one, enum fusion fusion, double weight, double words_most, double vectors_most)
{
	double words = scaled(one->words_score, words_most), vectors = scaled(one->vector_score, vectors_most);

	switch (fusion) {
	case FUSION_WORDS:
		return words;
	case FUSION_VECTORS:
		return vectors;
	case FUSION_RRF:
		return (ranked(one->words_rank) + ranked(one->vector_rank)) / 2;
	default:
		return (1 - weight) * words + weight * vectors;
	}
}

/* Both sides' candidates by chunk, each once. */
static size_t
join(struct fused *out, const struct fuse_side *words, const struct fuse_side *vectors)
{
	size_t count = 0, kept = 0;

	for (size_t i = 0; i < words->count; i++)
		out[count++] = (struct fused){ words->list[i].chunk, 0, words->list[i].score, NAN, (unsigned)i + 1, 0 };
	for (size_t i = 0; i < vectors->count; i++)
		out[count++] = (struct fused){ vectors->list[i].chunk, 0, NAN, vectors->list[i].score, 0, (unsigned)i + 1 };
	qsort(out, count, sizeof(*out), by_chunk);
	for (size_t i = 0; i < count; i++) {
		struct fused *last = kept > 0 ? &out[kept - 1] : NULL;

		if (!last || last->chunk != out[i].chunk) {
			out[kept++] = out[i];
			continue;
		}
		const struct fused *by_words = last->words_rank ? last : &out[i], *by_vectors = last->words_rank ? &out[i] : last;
		*last = (struct fused){ last->chunk, 0, by_words->words_score, by_vectors->vector_score, by_words->words_rank, by_vectors->vector_rank };
	}
	return kept;
}

struct fused *
fuse(struct arena *arena, enum fusion fusion, double vector_weight, const struct fuse_side *words, const struct fuse_side *vectors, size_t *count)
{
	struct fused *out = arena_array(arena, words->count + vectors->count, sizeof(*out));

	if (!out)
		return NULL;
	*count = join(out, words, vectors);
	for (size_t i = 0; i < *count; i++)
		out[i].score = fused_score(&out[i], fusion, vector_weight, words->most, vectors->most);
	qsort(out, *count, sizeof(*out), best_first);
	return out;
}
