/*
 * embedder.h - what an embedder is inside: common facts and a table of functions. embed.h is its public face.
 */
#pragma once

#include "infer/embed.h"

struct embedder_kind {
	/* As embed(), with at least one text. */
	MAY_PARK const struct err *(*embed)(struct embedder *, struct arena *, enum embed_class, const struct str *texts, size_t count, float *out, int64_t *tokens);
	/* Finds out the dimensions; only called while they are 0. */
	MAY_PARK const struct err *(*prepare)(struct embedder *, struct arena *);
	/* As embedder_tokens(). */
	size_t (*tokens)(const struct embedder *, struct str text);
	/* Frees everything, the embedder included. Nobody waits in embed(). */
	void (*close)(struct embedder *);
};

/* The first member of each kind's own struct. */
struct embedder {
	const struct embedder_kind *kind;
	struct arena *arena;   /* the embedder's own; holds `model` and what else lives as long */
	struct str model;
	_Atomic unsigned dimensions;
	unsigned tokens_max;
	bool hosted;
};

/* Scales a vector to unit length; one of length 0 stays as it is. */
void embedder_normalize(float *vector, unsigned dimensions);
