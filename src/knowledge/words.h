/*
 * words.h - the index of words: an inverted index in the database, the same on both engines.
 *
 * It holds what is searched and nothing else: a version's cells go in with the commit that makes it current and out with the one that replaces it. So counts are exact, and
 * nothing has to be filtered out later. bm25.h says what a cell is and how it is scored.
 */
#pragma once

#include "knowledge/bm25.h"
#include "store/store.h"

/* Inside a transaction. Chunks are read from the store; a version that is not there, or not indexed, is left alone. */
MAY_PARK const struct err *words_add(struct tx *tx, int64_t collection, int64_t version);
MAY_PARK const struct err *words_remove(struct tx *tx, int64_t collection, int64_t version);

struct pool;

struct words_hits {
	struct scored *list; /* best first */
	size_t count;
	double most;           /* what a chunk would score that had nothing but the query's terms */
	double chunks;         /* in the collection */
};

/* The best chunks for a text; scoring runs on the pool. The first BM25_TERMS_MAX different terms count. */
MAY_PARK const struct err *words_search(struct store *store, struct pool *pool, struct arena *arena, int64_t collection, struct str text,
	struct id_set chunks, size_t depth, struct words_hits *out);
