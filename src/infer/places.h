/*
 * places.h - where set-up puts the model and ONNX Runtime.
 */
#pragma once

#include "base/arena.h"

/* A path below the cache directory of `./dev` (CORBEL_CACHE, else XDG_CACHE_HOME/corbel, else HOME/.cache/corbel); zero-terminated. ptr NULL: memory. */
struct str place_in_cache(struct arena *arena, const char *path);

/* The first directory of the usual places that holds a corbel-model.json: the cache, then /usr/local/share/corbel and /usr/share/corbel. Without any, the first. */
struct str place_of_model(struct arena *arena);
