/*
 * plain.h - search by the plainest means, to compare with: SQLite's own full-text index with its bm25, and a scan of floats by one thread.
 */
#pragma once

#include "base/arena.h"
#include "base/str.h"

struct plain;

/* Room for `count` chunks and a document more. */
struct plain *plain_new(size_t count, unsigned dimensions);
void plain_free(struct plain *plain);

void plain_add(struct plain *plain, int64_t chunk, struct str heading, struct str text, const float *vector);

/* After the last chunk. */
void plain_ready(struct plain *plain);

/* The best `limit` chunks, best first; returns how many. Words are joined by OR. */
size_t plain_words(struct plain *plain, struct arena *arena, struct str question, size_t limit, int64_t *found);
size_t plain_vectors(struct plain *plain, const float *vector, size_t limit, int64_t *found);
