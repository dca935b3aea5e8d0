/*
 * places.h - where set-up puts the model, the tokenizers and ONNX Runtime.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

/* A path below the cache directory of `./dev` (CORBEL_CACHE, else XDG_CACHE_HOME/corbel, else HOME/.cache/corbel); zero-terminated. ptr NULL: memory. */
struct str place_in_cache(struct arena *arena, const char *path);

/* The first directory of the usual places that holds a corbel-model.json: the cache, then /usr/local/share/corbel and /usr/share/corbel. Without any, the first. */
struct str place_of_model(struct arena *arena);

/* The same for the directory of tokenizers: the first that holds o200k_base.tiktoken. */
struct str place_of_tokenizers(struct arena *arena);

/* A whole file of at most `max` bytes, into the arena. ERR_UNAVAILABLE names it. */
const struct err *place_read(struct arena *arena, struct str dir, const char *name, size_t max, struct str *out);
