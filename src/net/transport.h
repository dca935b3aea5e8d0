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
	bool tls_closed;           /* and the peer has said that it was the last */
};

/* Takes the socket, as stream_open, and the session; `tls` NULL: plain. False: both are gone. */
bool transport_open(
	struct transport *transport, int fd, struct tls_session *tls, struct stream_pool *pool, void (*left)(void *arg), void *arg);

/* The TLS handshake; nothing for a plain one. False when it failed, or took longer than timeout_us. */
MAY_PARK bool transport_begin(struct transport *transport, int64_t timeout_us);

/* Says that no more will come, and closes at once, whatever is unsent. */
void transport_close(struct transport *transport);

MAY_PARK const struct err *transport_fill_tls(struct transport *transport, size_t max, int64_t timeout_us);

/*
 * For who sends and receives at once. transport_push sends what can be sent without waiting, and moves `iov` and `count` on to what is left. transport_wait then waits until something
 * may have changed: more input, its end, or room; look at all of them. Errors as stream_await.
 */
void transport_push(struct transport *transport, struct iovec **iov, int *count);
MAY_PARK const struct err *transport_wait(struct transport *transport, size_t max, int64_t timeout_us);

/* Whether a connection on which nothing is expected is as it should be: nothing has come, and the peer is still there. Never waits. */
bool transport_quiet(struct transport *transport);
MAY_PARK const struct err *transport_write(struct transport *transport, struct iovec *iov, int count, int64_t timeout_us);

/* Sends a short piece if that can be done without waiting; else it is lost. */
void transport_send_now(struct transport *transport, struct iovec *iov, int count);
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

/* After the end: whether the peer has ended its side in order, so that nothing was cut off. */
static inline bool
transport_ended_clean(const struct transport *transport)
{
	return transport->tls ? transport->tls_closed : !transport->stream.broken;
}

/* Nothing can be sent any more. */
static inline bool
transport_broken(const struct transport *transport)
{
	return transport->stream.broken || (transport->tls && transport->tls_ended && !transport->tls_closed);
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
