/*
 * onnx.h - ONNX Runtime, opened at run time: corbel runs without it, and says so, when it is not installed.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

struct onnx;

/* A sentence-embedding model: token ids and their mask in, one vector a text out. Names of its inputs and its output as in the file. */
struct onnx_spec {
	struct str runtime_lib; /* a path; empty: the set-up's cache, then the system's libraries */
	struct str model_path;
	struct str input_ids, attention_mask, output;
	unsigned threads;       /* of one run; the calling thread is one of them */
};

/* Blocks. ERR_UNAVAILABLE names what is missing or does not fit: the library, its version, the model. Lives until onnx_close, apart from the arena. */
const struct err *onnx_open(struct arena *arena, const struct onnx_spec *spec, struct onnx **out);
void onnx_close(struct onnx *onnx);

/* Runs `texts` rows of `len` ids and mask values; writes texts * dimensions floats to out. Blocks; one thread at a time. ERR_INTERNAL when the model fails. */
const struct err *onnx_embed(struct onnx *onnx, struct arena *arena, const int64_t *ids, const int64_t *mask, size_t texts, size_t len, float *out, size_t dimensions);
