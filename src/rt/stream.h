/*
 * stream.h - a connected socket for a fiber: a bounded read buffer, vectored writes, and a notice when the peer leaves.
 *
 * A stream belongs to one loop and is used by one fiber. The loop reads on while that fiber is busy elsewhere, until the buffer is full; so
 * a peer that leaves is noticed at any time, and what it sent before is kept. A stream that has nothing unread holds no buffer: they
 * come from a pool that the loop's streams share.
 */
#pragma once

#include <sys/uio.h>

#include "rt/watch.h"

enum {
	STREAM_BUFFER = 16 * 1024,    /* of the read buffer at first */
	STREAM_UNSENT_MAX = 64 * 1024 /* bytes that wait for a slow peer while its fiber goes on */
};

/* Read buffers that are free, for the streams of one loop. */
struct stream_pool {
	void *first;
	unsigned count;
};
void stream_pool_fini(struct stream_pool *pool);

/* Bytes that came and are not consumed, in a buffer that is there only while it is needed. */
struct stream_input {
	char *ptr;
	size_t start, end, cap;
};

static inline struct str
stream_input_unread(const struct stream_input *input)
{
	return input->ptr ? str_n(input->ptr + input->start, input->end - input->start) : STR_EMPTY;
}

/* Makes room behind the unread bytes if there is none: moves them to the front, or to a buffer of twice the size, up to `max` bytes. */
void stream_input_grow(struct stream_input *input, struct stream_pool *pool, size_t max);

/* Gives the buffer back if nothing in it is unread. */
void stream_input_release(struct stream_input *input, struct stream_pool *pool);

struct stream {
	struct watch *watch;
	struct stream_pool *pool;
	void (*left)(void *arg); /* the peer has ended its side or is gone; once, on the loop */
	void *arg;
	struct waiter *reader, *writer; /* the fiber, while it waits for input or for room */
	struct stream_input in;
	char *out; /* not sent yet */
	size_t out_start, out_end, out_cap;
	int fd;
	bool ended;  /* no more input will come */
	bool broken; /* nothing can be sent any more */
};

/* Takes a connected, non-blocking socket and begins to read. False, and the socket closed, when it cannot be watched. */
bool stream_open(struct stream *stream, int fd, struct stream_pool *pool, void (*left)(void *arg), void *arg);

/* Closes the socket at once, whatever is unsent. No fiber waits on it. */
void stream_close(struct stream *stream);

/* What has come and was not consumed; valid until the next stream_fill or stream_release. */
static inline struct str
stream_unread(const struct stream *stream)
{
	return stream_input_unread(&stream->in);
}

static inline void
stream_consume(struct stream *stream, size_t size)
{
	stream->in.start += size;
}

/*
 * Waits until there is more unread input than now. NULL then, or when `ended` is set: look at both. ERR_TOO_LARGE when `max` bytes are
 * unread already. ERR_TIMEOUT, ERR_CANCELLED as wait_for_us.
 */
MAY_PARK const struct err *stream_fill(struct stream *stream, size_t max, int64_t timeout_us);

/*
 * For who sends and receives at once: waits until there is more unread input than now, up to `max` bytes, or room to send. NULL then, and when the input has ended or nothing
 * can be sent any more. ERR_TIMEOUT, ERR_CANCELLED as wait_for_us.
 */
MAY_PARK const struct err *stream_await(struct stream *stream, size_t max, int64_t timeout_us);

/* Gives the read buffer back if nothing in it is unread. */
void stream_release(struct stream *stream);

/*
 * Sends or keeps as much of it as it can without waiting; false when some is left. `iov` and `count` are moved on to that. Nothing is taken of a
 * stream that is broken: true then, as for a stream that breaks a moment later.
 */
bool stream_push(struct stream *stream, struct iovec **iov, int *count);

/* True when everything that was written is sent, and no fiber is about to write more of something. */
static inline bool
stream_sent(const struct stream *stream)
{
	return stream->out_start == stream->out_end && !stream->writer;
}

/*
 * Sends all of it, or all but STREAM_UNSENT_MAX bytes, which the loop sends later. Waits while more is left. `iov` is used up. ERR_TIMEOUT when
 * the peer takes nothing for timeout_us; ERR_CANCELLED when it is gone, or the scope is over. After an error the stream can only be closed.
 */
MAY_PARK const struct err *stream_write(struct stream *stream, struct iovec *iov, int count, int64_t timeout_us);

/* Waits until everything is sent. Errors as stream_write. */
MAY_PARK const struct err *stream_flush(struct stream *stream, int64_t timeout_us);

/* Tells the peer that no more will come. Everything is sent before. */
void stream_shutdown(struct stream *stream);

/* The close to come will be a reset: the peer sees an error, not an end, and may lose what it has not read. */
void stream_reset(struct stream *stream);
