/*
 * transport.c - TLS between a stream and the connection above it. See transport.h.
 *
 * Decrypting happens on the connection's fiber, when it wants input; what comes before that waits, as ciphertext, in the stream's bounded buffer.
 * A session is fed only after it has asked for more, so its own buffers are bounded too.
 */
#include "net/transport.h"

#include "rt/loop.h"

enum { PUSH_MAX = 16 * 1024 /* a TLS record */, PUSH_PIECES_MAX = 8 };

static const struct err transport_failed = { .kind = ERR_CANCELLED, .message = STR_INIT("the peer's TLS has failed") };

bool
transport_open(struct transport *transport, int fd, struct tls_session *tls, struct stream_pool *pool, void (*left)(void *arg), void *arg)
{
	*transport = (struct transport){ .tls = tls };
	if (stream_open(&transport->stream, fd, pool, left, arg))
		return true;
	tls_session_free(tls);
	return false;
}

/* Sends what the session has for the peer, without waiting: alerts, and answers of the handshake, which are short. */
static void
push_pending(struct transport *transport)
{
	struct str pending = tls_pending(transport->tls);
	struct iovec iov = { .iov_base = (void *)(uintptr_t)pending.ptr, .iov_len = pending.len }, *rest = &iov;
	int count = 1;

	if (pending.len > 0) {
		stream_push(&transport->stream, &rest, &count);
		tls_sent(transport->tls, pending.len);
	}
}

MAY_PARK static const struct err *
write_pending(struct transport *transport, int64_t timeout_us)
{
	struct str pending = tls_pending(transport->tls);
	struct iovec iov = { .iov_base = (void *)(uintptr_t)pending.ptr, .iov_len = pending.len };
	const struct err *err = stream_write(&transport->stream, &iov, 1, timeout_us);

	tls_sent(transport->tls, pending.len);
	return err;
}

/* Decrypts what is there. True: there is more plaintext now, or there will never be. */
static bool
decrypt(struct transport *transport, size_t max)
{
	struct stream_input *plain = &transport->plain;
	enum tls_result result;
	size_t len = 0;

	stream_input_grow(plain, transport->stream.pool, max);
	result = tls_read(transport->tls, plain->ptr + plain->end, plain->cap - plain->end, &len);
	push_pending(transport);
	if (result == TLS_DATA)
		plain->end += len;
	else if (result != TLS_WANTS_MORE)
		transport->tls_ended = true;
	transport->tls_closed = transport->tls_closed || result == TLS_CLOSED;
	return result != TLS_WANTS_MORE;
}

/* Feeds the session, once it wants more, what the stream has. False: nothing, and if the stream is at its end, then for good. */
static bool
feed_ready(struct transport *transport)
{
	struct str ciphertext = stream_unread(&transport->stream);

	if (ciphertext.len == 0) {
		transport->tls_ended = transport->tls_ended || transport->stream.ended;
		return false;
	}
	tls_feed(transport->tls, ciphertext);
	stream_consume(&transport->stream, ciphertext.len);
	stream_release(&transport->stream);
	return true;
}

/* Feeds the session from the stream, once it wants more. NULL, and perhaps the end of the stream; errors as stream_fill. */
MAY_PARK static const struct err *
feed(struct transport *transport, int64_t timeout_us)
{
	const struct err *err = NULL;

	if (!feed_ready(transport) && !transport->tls_ended) {
		err = stream_fill(&transport->stream, STREAM_BUFFER, timeout_us);
		if (!err)
			feed_ready(transport);
	}
	return err;
}

/* A buffer of plaintext that is full and may not grow is what stream_fill says of a full one. */
static bool
is_full(const struct transport *transport, size_t max)
{
	return stream_input_unread(&transport->plain).len >= max;
}

MAY_PARK const struct err *
transport_fill_tls(struct transport *transport, size_t max, int64_t timeout_us)
{
	static const struct err full = { .kind = ERR_TOO_LARGE, .message = STR_INIT("too much input before it could be understood") };
	int64_t until_us = loop_now_us(loop_current()) + timeout_us, left_us = timeout_us;
	const struct err *err = NULL;

	if (is_full(transport, max))
		return &full;
	while (!err && !transport->tls_ended && !decrypt(transport, max)) {
		stream_input_release(&transport->plain, transport->stream.pool);
		err = left_us > 0 ? feed(transport, left_us) : &err_timeout;
		left_us = until_us - loop_now_us(loop_current());
	}
	return err;
}

MAY_PARK bool
transport_begin(struct transport *transport, int64_t timeout_us)
{
	int64_t until_us = loop_now_us(loop_current()) + timeout_us, left_us = timeout_us;

	if (!transport->tls)
		return true;
	while (!transport->tls_ended && !tls_established(transport->tls)) {
		if (decrypt(transport, STREAM_BUFFER) || tls_established(transport->tls))
			break;
		if (left_us <= 0 || feed(transport, left_us))
			return false;
		left_us = until_us - loop_now_us(loop_current());
	}
	return !transport->tls_ended;
}

/* Encrypts the pieces; short ones together, since each record costs. */
static bool
encrypt(struct transport *transport, const struct iovec *iov, int count)
{
	char joined[4096];
	size_t len = 0;
	bool ok = true;

	for (int i = 0; i < count && ok; i++) {
		if (iov[i].iov_len > sizeof(joined) - len) {
			ok = len == 0 || tls_write(transport->tls, str_n(joined, len));
			len = 0;
		}
		if (iov[i].iov_len > sizeof(joined)) {
			ok = ok && tls_write(transport->tls, str_n(iov[i].iov_base, iov[i].iov_len));
		} else if (iov[i].iov_len > 0) {
			memcpy(joined + len, iov[i].iov_base, iov[i].iov_len);
			len += iov[i].iov_len;
		}
	}
	return ok && (len == 0 || tls_write(transport->tls, str_n(joined, len)));
}

/* A long piece is encrypted bit by bit, so that its ciphertext is never all in memory. */
MAY_PARK static const struct err *
write_long(struct transport *transport, struct str piece, int64_t timeout_us)
{
	const struct err *err = NULL;

	while (!err && piece.len > 0) {
		struct str part = str_slice(piece, 0, STREAM_UNSENT_MAX);

		err = tls_write(transport->tls, part) ? write_pending(transport, timeout_us) : &transport_failed;
		piece = str_slice(piece, part.len, piece.len);
	}
	return err;
}

MAY_PARK const struct err *
transport_write(struct transport *transport, struct iovec *iov, int count, int64_t timeout_us)
{
	const struct err *err = NULL;
	size_t total = 0;

	if (!transport->tls)
		return stream_write(&transport->stream, iov, count, timeout_us);
	for (int i = 0; i < count; i++)
		total += iov[i].iov_len;
	if (total <= STREAM_UNSENT_MAX)
		return encrypt(transport, iov, count) ? write_pending(transport, timeout_us) : &transport_failed;
	for (int i = 0; i < count && !err; i++)
		err = write_long(transport, str_n(iov[i].iov_base, iov[i].iov_len), timeout_us);
	return err;
}

void
transport_send_now(struct transport *transport, struct iovec *iov, int count)
{
	if (!transport->tls)
		stream_push(&transport->stream, &iov, &count);
	else if (encrypt(transport, iov, count))
		push_pending(transport);
}

/* Takes up to PUSH_MAX bytes off the front of a vector. Returns how many pieces they are in. */
static int
take_front(struct iovec **iov, int *count, struct iovec part[PUSH_PIECES_MAX])
{
	size_t room = PUSH_MAX;
	int pieces = 0;

	while (*count > 0 && room > 0 && pieces < PUSH_PIECES_MAX) {
		size_t len = (*iov)->iov_len < room ? (*iov)->iov_len : room;

		part[pieces++] = (struct iovec){ (*iov)->iov_base, len };
		room -= len;
		(*iov)->iov_base = (char *)(*iov)->iov_base + len;
		(*iov)->iov_len -= len;
		if ((*iov)->iov_len == 0) {
			++*iov;
			--*count;
		}
	}
	return pieces;
}

/* Under TLS one record's worth at a time, and only when the one before is sent: so what push_pending hands over always fits the stream's room for the unsent. */
void
transport_push(struct transport *transport, struct iovec **iov, int *count)
{
	struct iovec part[PUSH_PIECES_MAX];

	if (!transport->tls) {
		if (stream_push(&transport->stream, iov, count))
			*count = 0;
		return;
	}
	while (*count > 0 && !transport_broken(transport) && transport->stream.out_start == transport->stream.out_end) {
		if (!encrypt(transport, part, take_front(iov, count, part)))
			*count = 0;
		push_pending(transport);
	}
	if (transport_broken(transport))
		*count = 0;
}

MAY_PARK const struct err *
transport_wait(struct transport *transport, size_t max, int64_t timeout_us)
{
	const struct err *err;

	if (!transport->tls)
		return stream_await(&transport->stream, max, timeout_us);
	if (is_full(transport, max))
		return stream_await(&transport->stream, STREAM_BUFFER, timeout_us);
	if (transport->tls_ended || decrypt(transport, max))
		return NULL;
	stream_input_release(&transport->plain, transport->stream.pool);
	if (feed_ready(transport) || transport->tls_ended)
		return NULL;
	err = stream_await(&transport->stream, STREAM_BUFFER, timeout_us);
	if (!err)
		feed_ready(transport);
	return err;
}

bool
transport_quiet(struct transport *transport)
{
	if (!transport->tls)
		return !transport->stream.ended && !transport->stream.broken && stream_unread(&transport->stream).len == 0;
	/* What came may be the server's tickets, or its goodbye. */
	while (!transport->tls_ended && stream_unread(&transport->stream).len > 0) {
		if (decrypt(transport, STREAM_BUFFER) || !feed_ready(transport) || decrypt(transport, STREAM_BUFFER))
			break;
	}
	stream_input_release(&transport->plain, transport->stream.pool);
	return !transport->tls_ended && !transport->stream.ended && stream_input_unread(&transport->plain).len == 0;
}

void
transport_shutdown(struct transport *transport)
{
	if (transport->tls && tls_established(transport->tls)) {
		tls_end(transport->tls);
		push_pending(transport);
	}
	stream_shutdown(&transport->stream);
}

void
transport_close(struct transport *transport)
{
	if (transport->tls && tls_established(transport->tls) && stream_sent(&transport->stream)) {
		tls_end(transport->tls);
		push_pending(transport);
	}
	stream_close(&transport->stream);
	if (transport->plain.ptr) {
		transport->plain.start = transport->plain.end;
		stream_input_release(&transport->plain, transport->stream.pool);
	}
	tls_session_free(transport->tls);
}
