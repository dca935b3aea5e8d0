/*
 * dot.h - the inner loop of the vector scan: products of small integers.
 *
 * A vector of unit length is kept as one byte a number with a scale of its own: number = code * scale, the largest one being 127. Products of codes are exact integers,
 * so every implementation gives the same scores.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Codes are stored in rows of this many bytes' multiple, the rest zero. */
#define DOT_ALIGN 32

static inline size_t
dot_stride(unsigned dimensions)
{
	return ((size_t)dimensions + DOT_ALIGN - 1) / DOT_ALIGN * DOT_ALIGN;
}

/* Codes of a vector to out[0..dot_stride), and its scale. */
void dot_encode(const float *vector, unsigned dimensions, int8_t *out, float *scale);

/*
 * out[i] = the sum of query[j] * rows[i * stride + j], for `count` rows. Codes are -127 to 127, the addresses aligned to DOT_ALIGN. The widest
 * way that the processor has.
 */
void dot_rows(const int8_t *query, const int8_t *rows, size_t count, size_t stride, int32_t *out);

/* The plain way, for comparison. */
void dot_rows_portable(const int8_t *query, const int8_t *rows, size_t count, size_t stride, int32_t *out);
