/*
 * archive.h - reading zip files that strangers send (Office documents), from memory.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

struct archive;

/* ERR_INVALID when the bytes are no zip file. They outlive the archive, which is closed with the arena. */
const struct err *archive_open(struct arena *arena, struct str bytes, struct archive **out);

/*
 * The contents of a member; ptr NULL when there is none of this name. ERR_TOO_LARGE as soon as more than `max` bytes come out, whatever the directory claims;
 * ERR_INVALID when it is damaged or encrypted.
 */
const struct err *archive_read(struct archive *archive, const char *name, size_t max, struct str *out);
