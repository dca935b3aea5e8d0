/*
 * embed.c - the public face of embedders: checks, then the kind's own function.
 */
#include "infer/embedder.h"

#include <assert.h>
#include <math.h>

struct str
embedder_model(const struct embedder *embedder)
{
	return embedder->model;
}

unsigned
embedder_dimensions(const struct embedder *embedder)
{
	return embedder->dimensions;
}

bool
embedder_hosted(const struct embedder *embedder)
{
	return embedder->hosted;
}

unsigned
embedder_tokens_max(const struct embedder *embedder)
{
	return embedder->tokens_max;
}

size_t
embedder_tokens(const struct embedder *embedder, struct str text)
{
	return embedder->kind->tokens(embedder, text);
}

const struct err *
embedder_prepare(struct embedder *embedder, struct arena *arena)
{
	return embedder->dimensions ? NULL : embedder->kind->prepare(embedder, arena);
}

const struct err *
embed(struct embedder *embedder, struct arena *arena, enum embed_class class, const struct str *texts, size_t count, float *out, int64_t *tokens)
{
	int64_t unused;

	if (count > EMBED_TEXTS_MAX)
		return err_new(arena, ERR_TOO_LARGE, "at most %d texts can be embedded in one call", EMBED_TEXTS_MAX);
	if (!tokens)
		tokens = &unused;
	*tokens = 0;
	if (count == 0)
		return NULL;
	assert(embedder->dimensions > 0); /* embedder_prepare: else nobody knows how large `out` is */
	return embedder->kind->embed(embedder, arena, class, texts, count, out, tokens);
}

void
embedder_close(struct embedder *embedder)
{
	if (embedder)
		embedder->kind->close(embedder);
}

void
embedder_normalize(float *vector, unsigned dimensions)
{
	double square = 0;

	for (unsigned i = 0; i < dimensions; i++)
		square += (double)vector[i] * (double)vector[i];
	if (square > 0)
		for (unsigned i = 0; i < dimensions; i++)
			vector[i] = (float)(vector[i] / sqrt(square));
}
