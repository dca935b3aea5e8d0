/*
 * bm25.h - ranking by words: what is kept of a term in a chunk, and BM25F over it.
 *
 * A chunk has two fields, its text and its heading path. A term's weight in a field is how often it stands there, as itself (1) or as a part of a name (1/4). The fields
 * are normalized by their length each and then added, the path four times, before saturation (Robertson, Zaragoza, Taylor: "Simple BM25 extension to multiple
 * weighted fields", 2004), so that a word in the heading and in the text is not counted as two words.
 */
#pragma once

#include "base/arena.h"
#include "base/str.h"
#include "knowledge/top.h"

/*
 * One term in one chunk, 64 bits: chunk 40, weight in the text 7 (quarters), length of the text 7 (a logarithmic code), weight in the path 5 (quarters), length of the
 * path 5. Lengths count terms, parts of names apart; what is over a field's range is cut to it.
 */
typedef uint64_t bm25_cell;
#define BM25_CHUNK_MAX (INT64_C(1) << 40)
enum { BM25_WHOLE = 4, BM25_PART = 1 }; /* weights, in quarters */

bm25_cell bm25_pack(int64_t chunk, unsigned text_weight, unsigned text_length, unsigned path_weight, unsigned path_length);

static inline int64_t
bm25_chunk(bm25_cell cell)
{
	return (int64_t)(cell >> 24);
}

/* As cells are stored: eight bytes, the least significant first. */
static inline bm25_cell
bm25_cell_at(const char *bytes)
{
	bm25_cell cell = 0;

	for (size_t i = sizeof(cell); i-- > 0;)
		cell = cell << 8 | (unsigned char)bytes[i];
	return cell;
}

/* What BM25 needs of a collection. */
struct bm25_collection {
	double chunks;
	double text_terms, path_terms; /* sums of lengths */
};

/* The cells of one term in one segment of the index, in no order. */
struct bm25_list {
	unsigned term;     /* index into the query's terms */
	size_t count;
	const char *cells; /* count of them, as they are stored */
};

enum { BM25_TERMS_MAX = 64 };

struct bm25_query {
	const struct bm25_collection *collection;
	const double *weights;       /* a term each: bm25_idf of its count in the whole collection */
	struct id_set chunks;         /* that may be found */
};

/* How much a term tells that `count` of the chunks have. */
double bm25_idf(double chunks, double count);

/* The most that a chunk can score for these weights. */
double bm25_most(const double *weights, size_t terms);

/* Adds the scores of one segment of so many chunks; every chunk's cells are in the lists of one call. False past the arena's cap. */
bool bm25_segment(struct arena *arena, const struct bm25_query *query, size_t chunks, const struct bm25_list *lists, size_t count, struct top *top);
