/*
 * body.c - reading a request's body: by its length or chunked, in pieces or whole.
 *
 * A piece is a view into the read buffer; it is consumed when the next one is asked for. The time spent waiting for a body is bounded twice:
 * between two reads, and by the rate it comes with, so that a client cannot hold a fiber with a byte now and then.
 */
#include "net/connection.h"

#include <stdlib.h>

#include "base/clock.h"

enum { BODY_IN_ARENA_MAX = 32 * 1024 };
#define RATE_GRACE_US (5 * USEC_PER_SEC)

static const struct err body_malformed = { .kind = ERR_INVALID, .message = STR_INIT("the request's body is malformed") };
static const struct err body_too_large = { .kind = ERR_TOO_LARGE, .message = STR_INIT("the request's body is too large") };
static const struct err body_too_slow = {
	.kind = ERR_TIMEOUT, .message = STR_INIT("the request's body comes too slowly"), .code = STR_INIT("request_timeout")
};
static const struct err body_cut = { .kind = ERR_CANCELLED, .message = STR_INIT("the client left before its request was complete") };

static const struct err *
fail(struct connection *connection, const struct err *err)
{
	connection->body = BODY_BAD;
	connection->body_err = err;
	return err;
}

void
body_begin(struct connection *connection)
{
	const struct http_exchange *exchange = &connection->exchange;
	bool waits = connection->request.expects_continue && transport_unread(&connection->transport).len == 0;

	connection->body_left = exchange->content_length > 0 ? (uint64_t)exchange->content_length : 0;
	connection->body_read = 0;
	connection->body_waited_us = 0;
	if (connection->request.chunked || connection->body_left > 0)
		connection->body = waits ? BODY_EXPECTED : BODY_COMING;
	else
		connection->body = BODY_DONE;
}

/* What has come of a body with a length. */
static void
take_counted(struct connection *connection, struct str *piece)
{
	*piece = transport_unread(&connection->transport);
	if (piece->len > connection->body_left)
		piece->len = (size_t)connection->body_left;
	connection->piece_len = piece->len;
	connection->body_left -= piece->len;
	if (connection->body_left == 0)
		connection->body = BODY_DONE;
}

/* What has come of a chunked body: one piece, or nothing. */
static const struct err *
take_chunked(struct connection *connection, struct str *piece)
{
	size_t used;
	enum request_step step = request_chunked(&connection->request, transport_unread(&connection->transport), &used);

	*piece = STR_EMPTY;
	if (step == REQUEST_BAD)
		return fail(connection, &body_malformed);
	if (step == REQUEST_DONE)
		connection->body = BODY_DONE;
	if (step == REQUEST_PIECE) {
		*piece = connection->request.piece;
		connection->piece_len = used;
	} else {
		transport_consume(&connection->transport, used);
	}
	return NULL;
}

MAY_PARK static const struct err *
body_await(struct connection *connection)
{
	const struct http_limits *limits = connection_limits(connection);
	int64_t begin_us = loop_now_us(connection->owner->loop);
	const struct err *err;

	if (transport_ended(&connection->transport))
		return fail(connection, &body_cut);
	err = transport_fill(&connection->transport, limits->pipeline_max, limits->body_idle_timeout_us);
	connection->body_waited_us += loop_now_us(connection->owner->loop) - begin_us;
	if (err && err->kind == ERR_TIMEOUT && !scope_check())
		err = &body_too_slow;
	else if (!err && connection->body_waited_us > RATE_GRACE_US &&
		 connection->body_read / (uint64_t)(connection->body_waited_us / USEC_PER_SEC) < limits->body_rate_min)
		err = &body_too_slow;
	return err ? fail(connection, err) : NULL;
}

MAY_PARK static const struct err *
say_continue(struct connection *connection)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
	struct iovec iov = { .iov_base = (void *)(uintptr_t)text, .iov_len = sizeof(text) - 1 };
	const struct err *err = transport_write(&connection->transport, &iov, 1, connection_limits(connection)->write_timeout_us);

	connection->body = BODY_COMING;
	return err ? fail(connection, err) : NULL;
}

MAY_PARK const struct err *
http_body_read(struct http_exchange *exchange, struct str *piece)
{
	struct connection *connection = connection_of(exchange);
	uint64_t body_max = connection_limits(connection)->body_max;
	const struct err *err = NULL;

	*piece = STR_EMPTY;
	transport_consume(&connection->transport, connection->piece_len);
	connection->piece_len = 0;
	if (connection->body == BODY_BAD)
		return connection->body_err;
	if (connection->body != BODY_DONE && connection->body_left > body_max)
		return fail(connection, &body_too_large);
	if (connection->body == BODY_EXPECTED)
		err = say_continue(connection);
	while (!err && piece->len == 0 && connection->body != BODY_DONE) {
		if (transport_unread(&connection->transport).len == 0)
			err = body_await(connection);
		else if (connection->request.chunked)
			err = take_chunked(connection, piece);
		else
			take_counted(connection, piece);
	}
	connection->body_read += piece->len;
	if (!err && connection->body_read > body_max)
		err = fail(connection, &body_too_large);
	if (!err && connection->body == BODY_DONE)
		transport_release(&connection->transport);
	return err;
}

MAY_PARK const struct err *
http_body_read_all(struct http_exchange *exchange, size_t max, struct str *body)
{
	bool small = exchange->content_length >= 0 && exchange->content_length <= BODY_IN_ARENA_MAX;
	const struct err *err = NULL;
	struct str piece;
	struct buf all;

	*body = STR_EMPTY;
	if (exchange->content_length > 0 && (uint64_t)exchange->content_length > max)
		return &body_too_large;
	/* A long body has memory of its own, which the arena frees: it is not what the arena's cap is for. */
	buf_init(&all, small ? exchange->arena : NULL, max);
	if (exchange->content_length > 0 && !buf_reserve(&all, (size_t)exchange->content_length))
		err = &err_no_memory;
	while (!err) {
		err = http_body_read(exchange, &piece);
		if (err || piece.len == 0)
			break;
		buf_add(&all, piece);
		if (buf_err(&all))
			err = &body_too_large;
	}
	if (!err && !small && all.ptr && !arena_on_free(exchange->arena, free, all.ptr))
		err = &err_no_memory;
	if (err)
		buf_fini(&all);
	else
		*body = buf_str(&all);
	return err;
}

bool
body_short(const struct connection *connection)
{
	return connection->body == BODY_DONE ||
	       (connection->body == BODY_COMING && !connection->request.chunked && connection->body_left <= UNREAD_BODY_MAX);
}

MAY_PARK bool
body_skip(struct connection *connection)
{
	struct str piece = STR_EMPTY;

	if (!body_short(connection))
		return false;
	do {
		if (http_body_read(&connection->exchange, &piece))
			return false;
	} while (piece.len > 0);
	return true;
}
