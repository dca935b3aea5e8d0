/*
 * pack.c - see pack.h. Level 1: what is stored is written once and seldom read, and the fast level already takes most of what there is to take from text.
 */
#include "zip/pack.h"

#include <zstd.h>

enum { LEVEL = 1, SMALL = 128 };

const struct err *
pack_bytes(struct arena *arena, struct str bytes, struct str *out)
{
	size_t room = ZSTD_compressBound(bytes.len), len;
	char *frame;

	*out = bytes;
	if (bytes.len < SMALL)
		return NULL;
	frame = arena_alloc(arena, room);
	if (!frame)
		return &err_no_memory;
	len = ZSTD_compress(frame, room, bytes.ptr, bytes.len, LEVEL);
	if (ZSTD_isError(len))
		return err_new(arena, ERR_INTERNAL, "compression failed: %s", ZSTD_getErrorName(len));
	if (len < bytes.len - bytes.len / 8)
		*out = str_n(frame, len);
	return NULL;
}

const struct err *
unpack_bytes(struct arena *arena, struct str frame, size_t size, struct str *out)
{
	char *bytes = arena_alloc(arena, size);
	size_t len;

	if (!bytes)
		return &err_no_memory;
	len = ZSTD_decompress(bytes, size, frame.ptr, frame.len);
	if (ZSTD_isError(len) || len != size)
		return err_new(arena, ERR_IO, "stored bytes are damaged");
	*out = str_n(bytes, size);
	return NULL;
}
