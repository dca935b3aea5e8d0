/*
 * transport.h - the bytes of a connection: a stream, plain or under TLS.
 *
 * Functions are as those of rt/stream.h, on plaintext. Without TLS they are those, and cost nothing more.
 */
#pragma once

#include "crypto/tls.h"
#include "rt/stream.h"

struct transport {
	struct stream stream;
	struct tls_session *tls;   /* NULL: plain */
	struct stream_input plain; /* decrypted and not consumed */
	bool tls_ended;            /* the peer's last byte of plaintext has been read */
};

/* `tls` NULL: plain. */
bool transport_open(
	struct transport *transport, int fd, struct tls_server *tls, struct stream_pool *pool, void (*left)(void *arg), void *arg);

/* The TLS handshake; nothing for a plain one. False when it failed, or took longer than timeout_us. */
MAY_PARK bool transport_begin(struct transport *transport, int64_t timeout_us);

/* Says that no more will come, and closes at once, whatever is unsent. */
void transport_close(struct transport *transport);

MAY_PARK const struct err *transport_fill_tls(struct transport *transport, size_t max, int64_t timeout_us);
MAY_PARK const struct err *transport_write(struct transport *transport, struct iovec *iov, int count, int64_t timeout_us);
void transport_push(struct transport *transport, struct iovec *iov, int count);
void transport_shutdown(struct transport *transport);

static inline struct str
transport_unread(const struct transport *transport)
{
	return stream_input_unread(transport->tls ? &transport->plain : &transport->stream.in);
}

static inline void
transport_consume(struct transport *transport, size_t size)
{
	if (transport->tls)
		transport->plain.start += size;
	else
		stream_consume(&transport->stream, size);
}

static inline bool
transport_ended(const struct transport *transport)
{
	return transport->tls ? transport->tls_ended : transport->stream.ended;
}

MAY_PARK static inline const struct err *
transport_fill(struct transport *transport, size_t max, int64_t timeout_us)
{
	return transport->tls ? transport_fill_tls(transport, max, timeout_us) : stream_fill(&transport->stream, max, timeout_us);
}

static inline void
transport_release(struct transport *transport)
{
	stream_release(&transport->stream);
	if (transport->tls)
		stream_input_release(&transport->plain, transport->stream.pool);
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
transport_reset(struct transport *transport)
{
	stream_reset(&transport->stream);
}
