/*
 * vectors.h - the index of vectors: which chunks of a collection mean something near a query's vector.
 *
 * chunk_vector keeps the vectors themselves. What is searched is, on SQLite, a copy in memory in bytes (vectors_memory.h), and on PostgreSQL an index of pgvector in half
 * precision. Both find candidates; the exact scores come from chunk_vector.
 */
#pragma once

#include "knowledge/top.h"
#include "rt/pool.h"
#include "store/store.h"

struct vectors;

/* The arena holds it; vectors_close frees what else it has. */
const struct err *vectors_open(struct store *store, struct pool *pool, unsigned slices, struct arena *arena, struct vectors **out);
void vectors_close(struct vectors *vectors);

struct vector_query {
	int64_t collection;
	int64_t generation;     /* of the collection, at least; 0: any */
	struct str model;
	const float *vector;    /* of unit length */
	unsigned dimensions;
	struct id_set versions; /* that may be found */
	size_t chunks;          /* how many those have; of no meaning when all are allowed */
	size_t depth;           /* hits wanted */
};

struct vector_hits {
	struct scored *list;    /* best first; cosines */
	size_t count;
	size_t vectors;         /* of this model in the collection, found or not */
};

MAY_PARK const struct err *vectors_search(struct vectors *vectors, struct arena *arena, const struct vector_query *query, struct vector_hits *out);

/* Inside a transaction: vectors of chunks that are searched; and a version that no longer is. The vectors themselves stay until the chunk goes. */
MAY_PARK const struct err *vectors_add(struct tx *tx, int64_t collection, int64_t version, const int64_t *chunks, const float *vectors, size_t count,
	unsigned dimensions, struct str model);
MAY_PARK const struct err *vectors_remove(struct tx *tx, int64_t collection, int64_t version);

/* After a commit that changed the collection's vectors. Any thread. */
void vectors_changed(struct vectors *vectors, int64_t collection);

/* "[1,2,…]", for queries that take a list. */
const struct err *ids_json(struct arena *arena, const int64_t *ids, size_t count, struct str *out);
