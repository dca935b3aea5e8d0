/*
 * fuzz_eventstream.c - AWS event streams out of a stranger's bytes.
 *
 * An even first byte: the rest is fed as it is, in pieces of the second byte's size. An odd one: the rest is wrapped as headers and payload with right checksums, so that what lies behind them is
 * reached. Messages must be the same in one piece as in many, and their views lie in what was fed.
 */
#include <stdlib.h>

#include "net/eventstream.h"

enum { INPUT_MAX = 16 * 1024, MESSAGE_MAX = 8 * 1024 };

static void
must(bool truth)
{
	if (!truth)
		abort();
}

static uint32_t
crc32_slow(struct str bytes)
{
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < bytes.len; i++) {
		crc ^= (unsigned char)bytes.ptr[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return ~crc;
}

static void
put_number(struct buf *out, uint32_t number)
{
	for (int shift = 24; shift >= 0; shift -= 8)
		buf_add_byte(out, (char)(number >> shift));
}

static void
wrap(struct str bytes, size_t headers, struct buf *out)
{
	put_number(out, (uint32_t)(16 + bytes.len));
	put_number(out, (uint32_t)(headers < bytes.len ? headers : bytes.len));
	put_number(out, crc32_slow(buf_str(out)));
	buf_add(out, bytes);
	put_number(out, crc32_slow(buf_str(out)));
}

static bool
read_all(struct str input, size_t step, struct buf *out)
{
	struct eventstream_message message;
	struct eventstream stream;
	bool broken;

	eventstream_init(&stream, MESSAGE_MAX);
	for (size_t at = 0; at < input.len; at += step) {
		must(!eventstream_feed(&stream, str_slice(input, at, at + step)));
		while (eventstream_next(&stream, &message)) {
			must(message.name.len > 0);
			buf_add(out, message.name);
			buf_add_byte(out, message.event ? '+' : '-');
			buf_add(out, message.payload);
			buf_add_byte(out, '\n');
		}
	}
	broken = stream.broken != NULL;
	eventstream_fini(&stream);
	return broken;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf input, whole, pieces;
	bool broken;

	if (size < 2 || size > INPUT_MAX)
		return 0;
	buf_init(&input, NULL, 2 * INPUT_MAX);
	buf_init(&whole, NULL, 8 * INPUT_MAX);
	buf_init(&pieces, NULL, 8 * INPUT_MAX);
	if (data[0] & 1)
		wrap(str_n((const char *)data + 2, size - 2), data[1], &input);
	else
		buf_add(&input, str_n((const char *)data + 2, size - 2));
	broken = read_all(buf_str(&input), input.len ? input.len : 1, &whole);
	must(broken == read_all(buf_str(&input), data[1] + (size_t)1, &pieces));
	must(str_eq(buf_str(&whole), buf_str(&pieces)));
	buf_fini(&input);
	buf_fini(&whole);
	buf_fini(&pieces);
	return 0;
}
