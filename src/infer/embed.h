/*
 * embed.h - texts to vectors: a model in this process through ONNX Runtime, or any OpenAI-compatible embeddings endpoint.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

struct embedder;

struct embed_local_spec {
	struct str model_dir;    /* holds model.onnx, vocab.txt and corbel-model.json; empty: the usual places (places.h) */
	struct str runtime_lib;  /* path of libonnxruntime.so, opened at run time; empty: the usual places */
	unsigned threads;        /* of one inference; 0: cores */
	unsigned batch_max;      /* texts a batch; 0: 32 */
};

/*
 * Loads the model; blocks (0.3 s). ERR_UNAVAILABLE with a message that names what is missing: then the caller goes on with words only. The arena holds errors and
 * what the loading needs for a moment; an embedder lives until embedder_close.
 */
const struct err *embedder_open_local(const struct embed_local_spec *spec, struct arena *arena, struct embedder **out);

struct embed_remote_spec {
	struct str base_url;     /* "https://host/v1" */
	struct str api_key;      /* may be empty */
	struct str model;
	unsigned dimensions;     /* of its vectors; required */
	unsigned tokens_max;     /* of one text; 0: 512 */
	unsigned batch_max;      /* 0: 64 */
	struct str proxy;        /* may be empty; as in net/http_client.h */
	bool http2;
	bool hosted;             /* on machines of others */
};
const struct err *embedder_open_remote(const struct embed_remote_spec *spec, struct arena *arena, struct embedder **out);

void embedder_close(struct embedder *embedder);

struct str embedder_model(const struct embedder *embedder);   /* its name, kept with every vector */
unsigned embedder_dimensions(const struct embedder *embedder); /* 0: a remote model that was not asked yet, see embedder_prepare */
bool embedder_hosted(const struct embedder *embedder); /* a remote model on machines of others: what is local_only must not be given to it */
unsigned embedder_tokens_max(const struct embedder *embedder); /* what is longer is cut */

/* Tokens of a text as the model counts them, special tokens left out; an estimate for a remote model. Any thread. */
size_t embedder_tokens(const struct embedder *embedder, struct str text);

/* Makes sure that the dimensions are known: asks a remote model for a vector, once. Errors as embed(). */
MAY_PARK const struct err *embedder_prepare(struct embedder *embedder, struct arena *arena);

enum embed_class { EMBED_INTERACTIVE, EMBED_BATCH }; /* a question goes ahead of an ingest */

/*
 * The dimensions are known (embedder_prepare). Vectors of unit length to out[count * dimensions], in the order of the texts; *tokens (may be NULL) is what the model read. Calls of all fibers share batches, sorted
 * by length; interactive ones never wait behind more than one batch. ERR_BUSY when the queue is full, ERR_TOO_LARGE for more texts than EMBED_TEXTS_MAX; a local model's
 * ERR_INTERNAL, a remote one's errors of http_client.h, allocated in `arena`.
 */
enum { EMBED_TEXTS_MAX = 2048 };
MAY_PARK const struct err *embed(struct embedder *embedder, struct arena *arena, enum embed_class class, const struct str *texts, size_t count, float *out, int64_t *tokens);
