/*
 * embeddings.h - texts to vectors for a caller: by the model in this process or at a provider, recorded like every interaction.
 */
#pragma once

#include "answer/single.h"
#include "gateway/embed.h"

struct embedder;

struct embeddings_call {
	struct single base;            /* its kind is embeddings_kind; `user`, `expected` and the like are filled by the caller */
	struct embedder *embedder;     /* NULL: `missing` says why */
	struct str missing;
	const struct str *texts;       /* NULL: the input is tokens, which only a provider that counts as the caller does can read */
	size_t count;
	int64_t dimensions;            /* 0: the model's own */

	/* Its own. */
	const struct conf_target *at;  /* whose vectors are in `vectors`, as far as they are */

	/* The result where base.whole is empty. */
	struct embed_vectors vectors;
};

/* For single_run over a struct embeddings_call. ERR_NOT_FOUND: no such model; ERR_UNAVAILABLE: the model in this process is missing. */
extern const struct single_kind embeddings_kind;
