/*
 * sse.h - server-sent events (WHATWG HTML, section 9.2): writing them to a client, and reading them from an upstream.
 */
#pragma once

#include "base/buf.h"
#include "net/http_server.h"

/*
 * A writer over a streaming answer. Heartbeats (": \n\n", a comment) go out when nothing was written for heartbeat_us (0: none), from the loop, never in the
 * middle of an event.
 */
struct sse_writer;
MAY_PARK const struct err *sse_open(struct http_exchange *exchange, int64_t heartbeat_us, struct sse_writer **out);

/* One event; `event` empty: only data lines. Data with line breaks becomes several data lines. */
MAY_PARK const struct err *sse_send(struct sse_writer *writer, struct str event, struct str data);

/* Bytes that are whole events already. */
MAY_PARK const struct err *sse_send_raw(struct sse_writer *writer, struct str frames);

/* Ends the stream cleanly; `last` (whole events, may be empty) goes out in the same write. */
MAY_PARK const struct err *sse_end(struct sse_writer *writer, struct str last);

/*
 * A reader: feed pieces as they come, take frames out. LF, CRLF and CR end lines; a byte order mark at the start is skipped; comments are skipped; a frame without
 * data is no frame. A frame over frame_max bytes is ERR_TOO_LARGE. Views are valid until the next feed.
 */
struct sse_reader {
	struct buf pending;   /* bytes of a frame that is not whole */
	size_t scanned;       /* of them, how many were looked at */
	struct buf data;      /* joined data lines of the frame being given out */
	struct buf event;
	bool started;
};
void sse_reader_init(struct sse_reader *reader, struct arena *arena, size_t frame_max);
void sse_reader_fini(struct sse_reader *reader);
const struct err *sse_reader_feed(struct sse_reader *reader, struct str piece);

/* True and the next frame; false when a whole one is not there yet. A frame cut off by the end of the stream is never given. */
bool sse_reader_next(struct sse_reader *reader, struct str *event, struct str *data);
