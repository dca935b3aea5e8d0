/*
 * inflate.c - zlib behind inflate.h.
 *
 * A gzip body may be several members one after the other (RFC 1952, section 2.2): behind the end of one, another may begin. "deflate" is meant to be zlib's format, but
 * some servers send the bare one: the first two bytes tell them apart, since a zlib header is a multiple of 31 and names method 8.
 */
#include "zip/inflate.h"

#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/arena.h"

enum { WINDOW_BITS = 15, GZIP_ALONE = 16 };

struct inflater {
	z_stream zlib;
	enum inflate_format format;
	unsigned char first; /* of a deflate body, until the second byte has come */
	unsigned first_count;
	bool begun;          /* zlib is set up */
	bool ended, bad;
};

struct inflater *
inflater_new(enum inflate_format format)
{
	struct inflater *inflater = mem_zalloc(sizeof(*inflater));

	inflater->format = format;
	return inflater;
}

void
inflater_free(struct inflater *inflater)
{
	if (inflater && inflater->begun)
		inflateEnd(&inflater->zlib);
	free(inflater);
}

static bool
begin(struct inflater *inflater, int window_bits)
{
	inflater->begun = inflateInit2(&inflater->zlib, window_bits) == Z_OK;
	inflater->bad = !inflater->begun;
	return inflater->begun;
}

/* Sets zlib up once it is known for what. False: more bytes are needed to tell, or it cannot be had. */
static bool
ready(struct inflater *inflater, struct str *input)
{
	unsigned char second;
	bool wrapped;

	if (inflater->begun)
		return true;
	if (inflater->format == INFLATE_GZIP)
		return begin(inflater, WINDOW_BITS + GZIP_ALONE);
	if (inflater->first_count == 0 && input->len > 0) {
		inflater->first = (unsigned char)input->ptr[0];
		inflater->first_count = 1;
		*input = str_slice(*input, 1, input->len);
	}
	if (input->len == 0)
		return false;
	second = (unsigned char)input->ptr[0];
	wrapped = (inflater->first & 15) == Z_DEFLATED && (inflater->first * 256 + second) % 31 == 0;
	return begin(inflater, wrapped ? WINDOW_BITS : -WINDOW_BITS);
}

/* One call of zlib. Its result. */
static int
step(struct inflater *inflater, struct str *input, char *out, size_t room, size_t *len)
{
	z_stream *zlib = &inflater->zlib;
	unsigned first = inflater->first_count, given = input->len < INT_MAX ? (unsigned)input->len : INT_MAX;
	int result;

	zlib->next_in = first ? &inflater->first : (unsigned char *)(uintptr_t)input->ptr;
	zlib->avail_in = first ? first : given;
	zlib->next_out = (unsigned char *)out + *len;
	zlib->avail_out = room - *len < INT_MAX ? (unsigned)(room - *len) : INT_MAX;
	result = inflate(zlib, Z_NO_FLUSH);
	*len = (size_t)((char *)zlib->next_out - out);
	if (first)
		inflater->first_count = zlib->avail_in;
	else
		*input = str_slice(*input, given - zlib->avail_in, input->len);
	return result;
}

enum inflate_result
inflater_run(struct inflater *inflater, struct str *input, char *out, size_t room, size_t *len)
{
	*len = 0;
	if (inflater->bad)
		return INFLATE_BAD;
	if (!ready(inflater, input))
		return inflater->bad ? INFLATE_BAD : INFLATE_MORE;
	for (;;) {
		int result;

		if (inflater->ended) {
			if (input->len == 0)
				return INFLATE_MORE;
			if (inflater->format != INFLATE_GZIP || inflateReset(&inflater->zlib) != Z_OK)
				break;
			inflater->ended = false;
		}
		result = step(inflater, input, out, room, len);
		inflater->ended = result == Z_STREAM_END;
		if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
			break;
		if (*len == room && !inflater->ended)
			return INFLATE_FULL;
		if (input->len == 0 && inflater->first_count == 0 && !inflater->ended)
			return INFLATE_MORE;
	}
	inflater->bad = true;
	return INFLATE_BAD;
}

bool
inflater_ended(const struct inflater *inflater)
{
	return inflater->ended;
}
