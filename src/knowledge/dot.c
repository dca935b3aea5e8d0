/*
 * dot.c - AVX2 where the processor has it, plain C (which compilers turn into SSE2 or NEON) elsewhere.
 *
 * The AVX2 loop gives the query's signs to the row and multiplies by the query's magnitudes (vpmaddubsw): two products of at most 127 * 127 fit 16 bits, so that nothing
 * saturates, and 2^17 of them fit 32. From the cache a row takes 2 ns; from memory the scan waits for the bytes, 16 GB/s on the machine it was made on, which is why there
 * is no wider way than this one.
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
dot_rows_portable(const int8_t *query, const int8_t *rows, size_t count, size_t stride, int32_t *out)
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

__attribute__((target("avx2"))) static void
dot_rows_avx2(const int8_t *query, const int8_t *rows, size_t count, size_t stride, int32_t *out)
{
	const __m256i ones = _mm256_set1_epi16(1);

	for (size_t row = 0; row < count; row++) {
		const int8_t *at = rows + row * stride;
		__m256i sums = _mm256_setzero_si256();

		for (size_t i = 0; i < stride; i += DOT_ALIGN) {
			__m256i asked = _mm256_load_si256((const __m256i *)(query + i)), codes = _mm256_load_si256((const __m256i *)(at + i));
			__m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(asked), _mm256_sign_epi8(codes, asked));

			__builtin_prefetch((const void *)((uintptr_t)(at + i) + PREFETCH_BYTES));
			sums = _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, ones));
		}
		__m128i sum = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
		sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, _MM_SHUFFLE(1, 0, 3, 2)));
		sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, _MM_SHUFFLE(2, 3, 0, 1)));
		out[row] = _mm_cvtsi128_si32(sum);
	}
}
#endif

void
dot_rows(const int8_t *query, const int8_t *rows, size_t count, size_t stride, int32_t *out)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("avx2")) {
		dot_rows_avx2(query, rows, count, stride, out);
		return;
	}
#endif
	dot_rows_portable(query, rows, count, stride, out);
}
