/*
 * eventstream.h - reading application/vnd.amazon.eventstream, the binary frames in which AWS services stream.
 *
 * A message is: total length (4 bytes, big endian), length of the headers (4), CRC-32 of these eight bytes (4), headers, payload, CRC-32 of all before it (4). A header is: length
 * of its name (1), name, type (1), value by type. Source: "Event stream encoding" of the Amazon Transcribe and Bedrock developer guides, and the Smithy specification.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"

struct eventstream {
	struct buf pending;  /* from the first byte that was not given out; one more message before it, see `given` */
	size_t given;        /* bytes at the front of pending that were given out by the last call */
	size_t message_max;
	const char *broken;  /* why the bytes are of no use any more; NULL: they are */
};

struct eventstream_message {
	bool event;          /* :message-type is "event"; else an exception or an error, in place of any further one */
	struct str name;     /* of the event, the exception (":exception-type") or the error (":error-code") */
	struct str payload;  /* of an error: its message */
};

void eventstream_init(struct eventstream *stream, size_t message_max);
void eventstream_fini(struct eventstream *stream);

/* ERR_TOO_LARGE: more than a message of the maximum and a piece are waiting. The piece is copied. */
const struct err *eventstream_feed(struct eventstream *stream, struct str piece);

/* True and the next message, whose views hold until the next call; false: a whole one is not there yet, or `broken` says why none will be. */
bool eventstream_next(struct eventstream *stream, struct eventstream_message *out);
