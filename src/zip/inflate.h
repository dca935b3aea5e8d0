/*
 * inflate.h - bodies that a server has compressed (gzip, RFC 1952; deflate, RFC 1950 and, as some servers mean by that name, 1951), piece by piece.
 *
 * About 40 KiB of memory each, whatever the bytes claim. What comes out is bounded by the room that is given; how much may come out in all is the user's to count.
 */
#pragma once

#include "base/str.h"

struct inflater;

enum inflate_format { INFLATE_GZIP, INFLATE_DEFLATE };

struct inflater *inflater_new(enum inflate_format format);
void inflater_free(struct inflater *inflater); /* NULL is allowed */

enum inflate_result {
	INFLATE_MORE, /* the input is used up; there may be output too */
	INFLATE_FULL, /* the room is used up: call again with what is left of the input, which may be nothing */
	INFLATE_BAD   /* not of this format, or something stands behind its end: broken for good */
};

/* Decodes from `input`, which is moved on, into out[room]; *len bytes of it are written. */
enum inflate_result inflater_run(struct inflater *inflater, struct str *input, char *out, size_t room, size_t *len);

/* Whether the compressed body may end here: its own end has been seen. */
bool inflater_ended(const struct inflater *inflater);
