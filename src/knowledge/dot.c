/*
 * dot.c - AVX2 where the processor has it, plain C (which compilers turn into SSE2 or NEON) elsewhere.
 *
 * The AVX2 loop widens bytes to 16 bits and multiplies pairs into 32 bits (vpmaddwd), since the byte multiply (vpmaddubsw) saturates. A sum of 2^17 products of 127 * 127
 * still fits 32 bits.
 */
#include "knowledge/dot.h"

#include <math.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

void
dot_encode(const float *vector, unsigned dimensions, int8_t *out, float *scale)
{
	float largest = 0;

	for (unsigned i = 0; i < dimensions; i++)
		largest = fmaxf(largest, fabsf(vector[i])); /* NaN counts as 0 */
	memset(out, 0, dot_stride(dimensions));
	*scale = largest > 0 && isfinite(largest) ? largest / 127 : 0;
	for (unsigned i = 0; *scale > 0 && i < dimensions; i++)
		out[i] = (int8_t)lrintf(fminf(fmaxf(vector[i] / *scale, -127), 127));
}

void
dot_widen(const int8_t *codes, size_t stride, int16_t *out)
{
	for (size_t i = 0; i < stride; i++)
		out[i] = codes[i];
}

void
dot_rows_portable(const int16_t *query, const int8_t *rows, size_t count, size_t stride, int32_t *out)
{
	for (size_t row = 0; row < count; row++) {
		int32_t sum = 0;

		for (size_t i = 0; i < stride; i += DOT_ALIGN) /* a step of known length, so that compilers unroll it */
			for (size_t j = i; j < i + DOT_ALIGN; j++)
				sum += query[j] * rows[row * stride + j];
		out[row] = sum;
	}
}

#if defined(__x86_64__)
enum { PREFETCH_BYTES = 4096 }; /* ahead of what is read: the scan waits for memory */

__attribute__((target("avx2"))) static inline __m256i
step(__m256i sum, const int16_t *query, const int8_t *row)
{
	__m256i wide = _mm256_cvtepi8_epi16(_mm_load_si128((const __m128i *)row));

	return _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_load_si256((const __m256i *)query), wide));
}

__attribute__((target("avx2"))) static void
dot_rows_avx2(const int16_t *query, const int8_t *rows, size_t count, size_t stride, int32_t *out)
{
	for (size_t row = 0; row < count; row++) {
		const int8_t *at = rows + row * stride;
		__m256i low = _mm256_setzero_si256(), high = _mm256_setzero_si256();

		for (size_t i = 0; i < stride; i += DOT_ALIGN) {
			__builtin_prefetch((const void *)((uintptr_t)(at + i) + PREFETCH_BYTES));
			low = step(low, query + i, at + i);
			high = step(high, query + i + DOT_ALIGN / 2, at + i + DOT_ALIGN / 2);
		}
		low = _mm256_add_epi32(low, high);
		__m128i sum = _mm_add_epi32(_mm256_castsi256_si128(low), _mm256_extracti128_si256(low, 1));
		sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, _MM_SHUFFLE(1, 0, 3, 2)));
		sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, _MM_SHUFFLE(2, 3, 0, 1)));
		out[row] = _mm_cvtsi128_si32(sum);
	}
}
#endif

void
dot_rows(const int16_t *query, const int8_t *rows, size_t count, size_t stride, int32_t *out)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("avx2")) {
		dot_rows_avx2(query, rows, count, stride, out);
		return;
	}
#endif
	dot_rows_portable(query, rows, count, stride, out);
}
