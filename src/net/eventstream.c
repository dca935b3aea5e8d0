/*
 * eventstream.c - see eventstream.h. Both checksums are checked before a byte of what they cover is believed.
 */
#include "net/eventstream.h"

enum { PRELUDE_SIZE = 12, CRC_SIZE = 4, HEADERS_MAX = 128 * 1024, PIECE_MAX = 1024 * 1024 };

static uint32_t
crc32_of(struct str bytes)
{
	uint32_t crc = 0xffffffff;

	/* Four bits at a time: the table of 16 is small, and frames are. */
	static const uint32_t table[16] = { 0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344,
		0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c };

	for (size_t i = 0; i < bytes.len; i++) {
		crc ^= (unsigned char)bytes.ptr[i];
		crc = crc >> 4 ^ table[crc & 15];
		crc = crc >> 4 ^ table[crc & 15];
	}
	return ~crc;
}

/* A big-endian number of `size` bytes. */
static uint32_t
number_at(struct str bytes, size_t at, size_t size)
{
	uint32_t number = 0;

	for (size_t i = 0; i < size; i++)
		number = number << 8 | (unsigned char)bytes.ptr[at + i];
	return number;
}

void
eventstream_init(struct eventstream *stream, size_t message_max)
{
	*stream = (struct eventstream){ .message_max = message_max };
	buf_init(&stream->pending, NULL, message_max + PIECE_MAX);
}

void
eventstream_fini(struct eventstream *stream)
{
	buf_fini(&stream->pending);
}

static void
forget_given(struct eventstream *stream)
{
	buf_consume(&stream->pending, stream->given);
	stream->given = 0;
}

const struct err *
eventstream_feed(struct eventstream *stream, struct str piece)
{
	forget_given(stream);
	buf_add(&stream->pending, piece);
	return buf_err(&stream->pending);
}

/* Bytes of a header's value by its type, its own length field included; SIZE_MAX: no such type, or it does not fit. */
static size_t
value_size(struct str rest, unsigned type)
{
	static const unsigned char sizes[] = { 0, 0, 1, 2, 4, 8, 0, 0, 8, 16 }; /* true, false, byte, short, int, long, bytes, text, timestamp, uuid */
	size_t size;

	if (type >= COUNT(sizes))
		return SIZE_MAX;
	if (type != 6 && type != 7)
		size = sizes[type];
	else if (rest.len < 2)
		return SIZE_MAX;
	else
		size = 2 + (size_t)number_at(rest, 0, 2);
	return size <= rest.len ? size : SIZE_MAX;
}

struct headers {
	struct str message_type, event_type, exception_type, error_code, error_message;
};

static void
take_header(struct headers *headers, struct str name, struct str value)
{
	static const struct {
		const char *name;
		size_t offset;
	} known[] = {
		{ ":message-type", offsetof(struct headers, message_type) },
		{ ":event-type", offsetof(struct headers, event_type) },
		{ ":exception-type", offsetof(struct headers, exception_type) },
		{ ":error-code", offsetof(struct headers, error_code) },
		{ ":error-message", offsetof(struct headers, error_message) },
	};

	for (size_t i = 0; i < COUNT(known); i++)
		if (str_eq_c(name, known[i].name))
			*(struct str *)(void *)((char *)headers + known[i].offset) = value;
}

static bool
read_headers(struct str bytes, struct headers *headers)
{
	*headers = (struct headers){ STR_EMPTY, STR_EMPTY, STR_EMPTY, STR_EMPTY, STR_EMPTY };
	while (bytes.len > 0) {
		size_t name_len = (unsigned char)bytes.ptr[0], size;
		struct str name, rest;
		unsigned type;

		if (name_len == 0 || bytes.len < name_len + 2)
			return false;
		name = str_slice(bytes, 1, 1 + name_len);
		type = (unsigned char)bytes.ptr[1 + name_len];
		rest = str_slice(bytes, name_len + 2, bytes.len);
		size = value_size(rest, type);
		if (size == SIZE_MAX)
			return false;
		if (type == 7)
			take_header(headers, name, str_slice(rest, 2, size));
		bytes = str_slice(rest, size, rest.len);
	}
	return true;
}

/* A whole message whose checksums are right. */
static bool
read_message(struct eventstream *stream, struct str bytes, size_t headers_len, struct eventstream_message *out)
{
	struct headers headers;

	if (!read_headers(str_slice(bytes, PRELUDE_SIZE, PRELUDE_SIZE + headers_len), &headers)) {
		stream->broken = "a message has headers that cannot be read";
		return false;
	}
	*out = (struct eventstream_message){ .event = str_eq_c(headers.message_type, "event"),
		.name = headers.event_type,
		.payload = str_slice(bytes, PRELUDE_SIZE + headers_len, bytes.len - CRC_SIZE) };
	if (str_eq_c(headers.message_type, "exception"))
		out->name = headers.exception_type;
	if (str_eq_c(headers.message_type, "error")) {
		out->name = headers.error_code;
		out->payload = headers.error_message;
	}
	if (out->name.len == 0)
		stream->broken = "a message has no type";
	return !stream->broken;
}

bool
eventstream_next(struct eventstream *stream, struct eventstream_message *out)
{
	struct str pending;
	size_t total, headers_len;

	if (stream->broken)
		return false;
	forget_given(stream);
	pending = buf_str(&stream->pending);
	if (pending.len < PRELUDE_SIZE)
		return false;
	total = number_at(pending, 0, 4);
	headers_len = number_at(pending, 4, 4);
	if (crc32_of(str_n(pending.ptr, 8)) != number_at(pending, 8, 4))
		stream->broken = "the checksum of a message's beginning is wrong";
	else if (total > stream->message_max)
		stream->broken = "a message is too large";
	else if (headers_len > HEADERS_MAX || total < PRELUDE_SIZE + headers_len + CRC_SIZE)
		stream->broken = "a message's lengths contradict each other";
	if (stream->broken || pending.len < total)
		return false;
	pending.len = total;
	if (crc32_of(str_n(pending.ptr, total - CRC_SIZE)) != number_at(pending, total - CRC_SIZE, 4)) {
		stream->broken = "the checksum of a message is wrong";
		return false;
	}
	stream->given = total;
	return read_message(stream, pending, headers_len, out);
}
