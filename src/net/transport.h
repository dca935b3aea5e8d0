/*
 * transport.h - the bytes of a connection: a stream, plain or under TLS. Functions as in rt/stream.h, on plaintext.
 */
#pragma once

#include "rt/stream.h"

struct transport {
	struct stream stream;
};

static inline bool
transport_open(struct transport *transport, int fd, struct stream_pool *pool, void (*left)(void *arg), void *arg)
{
	return stream_open(&transport->stream, fd, pool, left, arg);
}

static inline void
transport_close(struct transport *transport)
{
	stream_close(&transport->stream);
}

static inline struct str
transport_unread(const struct transport *transport)
{
	return stream_unread(&transport->stream);
}

static inline void
transport_consume(struct transport *transport, size_t size)
{
	stream_consume(&transport->stream, size);
}

static inline bool
transport_ended(const struct transport *transport)
{
	return transport->stream.ended;
}

MAY_PARK static inline const struct err *
transport_fill(struct transport *transport, size_t max, int64_t timeout_us)
{
	return stream_fill(&transport->stream, max, timeout_us);
}

static inline void
transport_release(struct transport *transport)
{
	stream_release(&transport->stream);
}

MAY_PARK static inline const struct err *
transport_write(struct transport *transport, struct iovec *iov, int count, int64_t timeout_us)
{
	return stream_write(&transport->stream, iov, count, timeout_us);
}

static inline bool
transport_push(struct transport *transport, struct iovec *iov, int count)
{
	return stream_push(&transport->stream, &iov, &count);
}

static inline bool
transport_sent(const struct transport *transport)
{
	return stream_sent(&transport->stream);
}

MAY_PARK static inline const struct err *
transport_flush(struct transport *transport, int64_t timeout_us)
{
	return stream_flush(&transport->stream, timeout_us);
}

static inline void
transport_shutdown(struct transport *transport)
{
	stream_shutdown(&transport->stream);
}

static inline void
transport_reset(struct transport *transport)
{
	stream_reset(&transport->stream);
}
