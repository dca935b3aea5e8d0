/*
 * shared_secret.h - secrets that all nodes on one database share: what one node signs, each of them can check, also after a restart on another machine.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

struct store;

enum { SHARED_SECRET_LEN = 32 };

/* The secret by this name: random bytes that whoever asks first has made. */
MAY_PARK const struct err *shared_secret_get(struct store *store, struct arena *arena, struct str name, unsigned char out[SHARED_SECRET_LEN]);
