/*
 * pack.h - compression of stored bytes, with zstd (RFC 8878).
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

/* *out is the frame, or the very same view when compressing does not save an eighth. Takes about 3 ms a MiB: large pieces belong on a pool's thread. */
const struct err *pack_bytes(struct arena *arena, struct str bytes, struct str *out);

/* The `size` bytes that were packed. ERR_IO when the frame is damaged or holds another size. */
const struct err *unpack_bytes(struct arena *arena, struct str frame, size_t size, struct str *out);
