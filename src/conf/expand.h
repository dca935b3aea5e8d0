/*
 * expand.h - ${NAME} and ${NAME:-otherwise} in values of the configuration file, from the environment.
 */
#pragma once

#include "base/arena.h"

/* The environment as a list of "NAME=value" that ends with NULL. The value, or ptr NULL when the name is not there. */
struct str environment_get(const char *const *environment, struct str name);

/* True when `text` has a reference to a name that begins with `prefix`. */
bool expand_names(struct str text, struct str prefix);

enum expand_outcome {
	EXPAND_OK,
	EXPAND_MISSING,   /* *name is not in the environment and has no otherwise */
	EXPAND_MALFORMED, /* "${" without a name or a "}" behind it */
};

/*
 * `text` with its references replaced; "$${" stands for a literal "${". The otherwise serves where the name is not set or is empty, as in a shell, and is taken as it is.
 * *out is `text` itself when it holds no reference, else a copy in the arena (ptr NULL past its cap).
 */
enum expand_outcome expand(struct arena *arena, const char *const *environment, struct str text, struct str *out, struct str *name);
