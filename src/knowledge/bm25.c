/*
 * bm25.c - scoring a segment at a time: a chunk's cells are all in one segment, and a segment's chunks fit the processor's cache. A cell costs a few nanoseconds, so
 * that even a word that stands in every chunk needs no exception.
 */
#include "knowledge/bm25.h"

#include <math.h>

static const double k1 = 1.2, b = 0.75, path_weight_factor = 4;

enum { TEXT_WEIGHT_MAX = 127, TEXT_CODE_MAX = 127, PATH_WEIGHT_MAX = 31, PATH_LENGTH_MAX = 31 };

/* Lengths of texts in steps of 7 %, up to 6,600 terms. */
static unsigned
length_code(unsigned length)
{
	double code = 10 * log2(1 + (double)length);

	return code < TEXT_CODE_MAX ? (unsigned)(code + 0.5) : TEXT_CODE_MAX;
}

static double
code_length(unsigned code)
{
	return exp2((double)code / 10) - 1;
}

static unsigned
at_most(unsigned n, unsigned max)
{
	return n < max ? n : max;
}

bm25_cell
bm25_pack(int64_t chunk, unsigned text_weight, unsigned text_length, unsigned path_weight, unsigned path_length)
{
	return (uint64_t)chunk << 24 | (uint64_t)at_most(text_weight, TEXT_WEIGHT_MAX) << 17 | (uint64_t)length_code(text_length) << 10 |
		(uint64_t)at_most(path_weight, PATH_WEIGHT_MAX) << 5 | at_most(path_length, PATH_LENGTH_MAX);
}

double
bm25_idf(double chunks, double count)
{
	return log(1 + (chunks - count + 0.5) / (count + 0.5));
}

double
bm25_most(const double *weights, size_t terms)
{
	double sum = 0;

	for (size_t i = 0; i < terms; i++)
		sum += weights[i] * (k1 + 1);
	return sum;
}

/* ---- one segment ---- */

/* Chunks to scores, by open addressing. */
struct scores {
	struct scored *slots; /* chunk 0: free */
	size_t mask;
	double nowhere;         /* takes what a broken index has too much of */
};

static double *
score_of(struct scores *scores, int64_t chunk)
{
	size_t at = (size_t)((uint64_t)chunk * UINT64_C(0x9e3779b97f4a7c15) >> 20);

	for (size_t steps = 0; steps <= scores->mask; steps++, at++) {
		struct scored *slot = &scores->slots[at & scores->mask];

		if (slot->chunk == 0)
			slot->chunk = chunk;
		if (slot->chunk == chunk)
			return &slot->score;
	}
	return &scores->nowhere;
}

/* What a field's weights are multiplied with, by the code of its length. */
struct norms {
	double text[TEXT_CODE_MAX + 1], path[PATH_LENGTH_MAX + 1];
};

static void
norms_init(struct norms *norms, const struct bm25_collection *collection)
{
	double text_mean = collection->chunks > 0 ? collection->text_terms / collection->chunks : 0;
	double path_mean = collection->chunks > 0 ? collection->path_terms / collection->chunks : 0;

	for (unsigned i = 0; i <= TEXT_CODE_MAX; i++)
		norms->text[i] = 1 / (1 - b + b * (text_mean > 0 ? code_length(i) / text_mean : 1)) / BM25_WHOLE;
	for (unsigned i = 0; i <= PATH_LENGTH_MAX; i++)
		norms->path[i] = path_weight_factor / (1 - b + b * (path_mean > 0 ? i / path_mean : 1)) / BM25_WHOLE;
}

static void
list_score(struct scores *scores, const struct norms *norms, const struct bm25_list *list, double weight)
{
	for (size_t i = 0; i < list->count; i++) {
		bm25_cell cell = bm25_cell_at(list->cells + i * sizeof(bm25_cell));
		double found = (double)(cell >> 17 & 127) * norms->text[cell >> 10 & 127] + (double)(cell >> 5 & 31) * norms->path[cell & 31];

		*score_of(scores, bm25_chunk(cell)) += weight * (k1 + 1) * found / (found + k1);
	}
}

bool
bm25_segment(struct arena *arena, const struct bm25_query *query, size_t chunks, const struct bm25_list *lists, size_t count, struct top *top)
{
	struct scores scores = { .mask = 63 };
	struct norms norms;
	size_t cells = 0;

	for (size_t i = 0; i < count; i++)
		cells += lists[i].count;
	while (scores.mask < 2 * cells && scores.mask < 2 * chunks)
		scores.mask = scores.mask * 2 + 1;
	scores.slots = arena_array(arena, scores.mask + 1, sizeof(*scores.slots));
	if (!scores.slots)
		return false;
	norms_init(&norms, query->collection);
	for (size_t i = 0; i < count; i++)
		list_score(&scores, &norms, &lists[i], query->weights[lists[i].term]);
	for (size_t i = 0; i <= scores.mask; i++) {
		const struct scored *hit = &scores.slots[i];

		if (hit->chunk != 0 && top_wants(top, hit) && id_allowed(&query->chunks, hit->chunk))
			top_add(top, *hit);
	}
	return true;
}
