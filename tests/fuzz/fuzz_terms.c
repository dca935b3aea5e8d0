/*
 * fuzz_terms.c - any bytes as text: terms are bounded, never empty, valid UTF-8, and the same for what was repaired.
 */
#include <stdlib.h>

#include "text/terms.h"
#include "text/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TEXT_MAX = 8192 };

struct digest {
	size_t count;
	uint64_t hash;
};

static void
require(bool holds)
{
	if (!holds)
		abort();
}

static void
take(void *arg, struct str term, bool part)
{
	struct digest *digest = arg;

	require(term.len > 0 && term.len <= TERM_BYTES_MAX && utf8_valid(term));
	digest->count++;
	for (size_t i = 0; i < term.len; i++)
		digest->hash = (digest->hash ^ (unsigned char)term.ptr[i]) * 1099511628211U;
	digest->hash += part;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_n((const char *)data, size < TEXT_MAX ? size : TEXT_MAX), repaired;
	struct digest as_it_is = { 0 }, mended = { 0 };
	struct arena *arena = arena_new(MIB(1));

	repaired = utf8_repair(arena, text);
	require(repaired.ptr != NULL);
	terms_each(text, take, &as_it_is);
	terms_each(repaired, take, &mended);
	require(as_it_is.count == mended.count && as_it_is.hash == mended.hash);
	arena_free(arena);
	return 0;
}
