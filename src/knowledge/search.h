/*
 * search.h - finding chunks by words and by meaning, on either engine.
 *
 * The indexes are derived from the chunk and chunk_vector tables and can be rebuilt from them. Only the current version of a document is in them: a document that
 * is deleted or replaced is gone from search with the commit that says so.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "store/store.h"

struct search;
struct embedder;
struct json;

enum fusion { FUSION_AUTO /* weight by the kind of query */, FUSION_RRF, FUSION_CONVEX, FUSION_WORDS, FUSION_VECTORS };

struct query {
	int64_t tenant;
	int64_t collection;
	struct str text;
	const struct json *filter;   /* OpenAI filter grammar over document attributes, or NULL */
	unsigned limit;              /* hits wanted: 1..50 */
	unsigned depth;              /* candidates a side; 0: 200 */
	enum fusion fusion;
	double vector_weight;        /* FUSION_CONVEX: 0..1 */
	double score_min;            /* 0..1; hits below are dropped */
	const float *vector;         /* the query embedded already, or NULL: embedded here */
	int64_t generation;          /* what is searched is at least as new as this generation of the collection (collection_generation); 0: as new as this node knows it */
	bool by_document;            /* best chunk per document only */
	bool explain;
};

struct hit {
	int64_t chunk, document, version; /* row ids */
	unsigned ordinal;                 /* of the chunk in its version */
	struct str document_id, version_id, file_id; /* public ids */
	struct str path, title, heading_path, text;
	struct str attributes;            /* JSON object */
	unsigned page;                    /* from 1; 0: none */
	int64_t byte_from, byte_to;       /* in the extracted text of the version */
	double score;                     /* 0..1, fused */
	double words_score, vector_score; /* raw: BM25; cosine. NaN: not among that side's candidates */
	unsigned words_rank, vector_rank; /* from 1; 0: not among the candidates */
	struct str dropped;               /* explain: why it is not among the results ("filter", "score", "duplicate", "limit"), else empty */
};

struct hits {
	struct hit *list;
	size_t count;
	bool words_only;       /* no vectors were searched: there is no model, it failed, or nothing is embedded yet */
	double vector_weight;  /* what the fusion used */
	double vectors_share;  /* of the collection's chunks that have a vector, 0..1 */
};

const struct err *search_open(struct store *store, struct embedder *embedder /* or NULL */, struct arena *arena, struct search **out);
void search_close(struct search *search);

MAY_PARK const struct err *search_run(struct search *search, struct arena *arena, const struct query *query, struct hits *out);

/* Within the transaction that changes what a search in the collection could find; the functions below do it by themselves. */
MAY_PARK const struct err *search_note_change(struct tx *tx, int64_t collection);

/* Within the transaction that writes the rows: puts a version's chunks into the word index; takes a version out of all indexes. */
MAY_PARK const struct err *search_words_add(struct tx *tx, int64_t collection, int64_t version);
MAY_PARK const struct err *search_drop(struct tx *tx, int64_t collection, int64_t version);

/* Writes vectors of chunks (unit length, `dimensions` floats each) in the same way; after the commit, search_vectors_changed tells the scan in memory. */
MAY_PARK const struct err *search_vectors_add(struct tx *tx, int64_t collection, int64_t version, const int64_t *chunks, const float *vectors, size_t count,
	unsigned dimensions, struct str model);
void search_vectors_changed(struct search *search, int64_t collection);
