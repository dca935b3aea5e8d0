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

/*
 * As sse_send, but short events are kept until sse_flush, so that those which come together leave in one write. They also leave before anything else that is sent, at
 * the end, and when 16 KiB of them wait.
 */
MAY_PARK const struct err *sse_gather(struct sse_writer *writer, struct str event, struct str data);
MAY_PARK const struct err *sse_flush(struct sse_writer *writer);

/* Bytes that are whole events already. */
MAY_PARK const struct err *sse_send_raw(struct sse_writer *writer, struct str frames);

/* Ends the stream cleanly; `last` (whole events, may be empty) goes out in the same write. */
MAY_PARK const struct err *sse_end(struct sse_writer *writer, struct str last);

/*
 * Who keeps a stream, so that it can be taken up again: the exchange's `keeper`, set before sse_open. Each event then has an "id:" line with its number, from 0 on, and is given to the keeper before the client gets
 * it. That the client leaves is no error any more. The events of the end go to the client alone: whoever wants them kept before the client has them numbers them with sse_number.
 */
struct sse_keeper {
	/* Takes whole events, the last of which has this number. An error, and the stream is an ordinary one again, which ends when its client leaves. */
	const struct err *(*take)(struct sse_keeper *keeper, struct str events, int64_t last);
	int64_t next;   /* number of the next event */
	bool left;      /* the client has */
	bool failed;    /* `take` has */
};

/* Adds whole events to `out`, with "id:" lines from number *next on, which moves on. */
void sse_number(struct buf *out, struct str events, int64_t *next);

/*
 * A reader: feed pieces as they come, take frames out until there is none, feed again. LF, CRLF and CR end lines; a byte order mark at the start is
 * skipped; comments are skipped; a frame without data is no frame. What has not been given out yet may be at most frame_max bytes.
 */
struct sse_reader {
	struct buf pending; /* bytes of the frame that is not whole, and behind it */
	struct buf joined;  /* data of a frame that has several lines of it */
	size_t frame, line,
		looked; /* in pending: where the frame and its current line begin, and up to where that line's end was looked for */
	size_t event_at, event_len; /* in pending, of the frame so far */
	size_t data_at, data_len;
	unsigned data_lines;
	bool started;  /* the first line is past */
	bool after_cr; /* a line feed now belongs to the line before */
};
void sse_reader_init(struct sse_reader *reader, struct arena *arena, size_t frame_max);
void sse_reader_fini(struct sse_reader *reader);

/* ERR_TOO_LARGE: the reader is of no use any more. The piece is copied. */
const struct err *sse_reader_feed(struct sse_reader *reader, struct str piece);

/* True and the next frame; false when a whole one is not there yet. Views are valid until the next call. A frame cut off by the end of the stream is never given. */
bool sse_reader_next(struct sse_reader *reader, struct str *event, struct str *data);
