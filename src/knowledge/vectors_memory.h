/*
 * vectors_memory.h - one collection's vectors in memory, as bytes, for an exact scan.
 *
 * 100,000 vectors of 384 numbers are 38 MB; the scan is bound by reading them. Many threads may scan at once; adding and dropping exclude them for a moment.
 */
#pragma once

#include "knowledge/top.h"

struct vector_table;

struct vector_table *vector_table_new(unsigned dimensions);
void vector_table_free(struct vector_table *table);

/* Under one lock: vectors of `dimensions` floats each, one behind the other. */
void vector_table_add(struct vector_table *table, const int64_t *chunks, const int64_t *versions, const float *const *vectors, size_t count);
void vector_table_drop(struct vector_table *table, const struct id_set *versions);
void vector_table_clear(struct vector_table *table);

size_t vector_table_count(struct vector_table *table);
size_t vector_table_bytes(struct vector_table *table);

/* Adds the cosines, nearly, of every slices-th part of the vectors, from part `slice` on, to top. */
void vector_table_scan(struct vector_table *table, const float *query, const struct id_set *versions, unsigned slice, unsigned slices, struct top *top);
