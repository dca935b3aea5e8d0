/*
 * connection.c - the life of one connection: wait for a request, read its head, let the handler answer, again.
 *
 * One fiber, one scope, for as long as the connection lasts. When the client leaves while a handler runs, the scope is cancelled, and with it every
 * wait of the handler; nothing is served on a connection whose client has ended its side. Between two exchanges a connection holds neither an
 * arena nor a read buffer: those are pooled per loop.
 */
#include "net/connection.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "rt/fiber.h"

#define LINGER_US (2 * USEC_PER_SEC)
enum { LINGER_BYTES_MAX = 1024 * 1024 };

static struct arena *
arena_take(struct server_loop *owner)
{
	return owner->arena_count ? owner->arenas[--owner->arena_count] : arena_new(owner->server->spec.limits.request_arena_max);
}

static void
arena_give(struct server_loop *owner, struct arena *arena)
{
	if (owner->arena_count == ARENA_POOL_MAX) {
		arena_free(arena);
		return;
	}
	arena_reset(arena);
	owner->arenas[owner->arena_count++] = arena;
}

/* On the loop: the client has ended its side, or is gone. */
static void
connection_left(void *arg)
{
	struct connection *connection = arg;

	if (connection->serving)
		scope_cancel(&connection->scope, &err_cancelled);
}

/* Waits for the first byte of a request. False: none will come. */
MAY_PARK static bool
connection_await(struct connection *connection)
{
	const struct err *err = NULL;

	while (!err && transport_unread(&connection->transport).len == 0) {
		if (transport_ended(&connection->transport) || connection->owner->stopping)
			return false;
		transport_release(&connection->transport);
		connection->idle = true;
		err = transport_fill(&connection->transport, 1, connection_limits(connection)->idle_timeout_us);
		connection->idle = false;
	}
	return !err;
}

/* Waits for more of a head. False: none will come, and what can be said about it has been said. */
MAY_PARK static bool
head_await(struct connection *connection, int64_t until_us)
{
	const struct request_limits *limits = &connection->owner->server->request_limits;
	int64_t left_us = until_us - loop_now_us(connection->owner->loop);
	const struct err *err;

	if (transport_ended(&connection->transport))
		return false;
	err = transport_fill(&connection->transport, limits->line_max + limits->header_bytes_max + 1, left_us > 0 ? left_us : 0);
	if (err && err->kind == ERR_TIMEOUT)
		answer_refuse(connection, 408, "the request's headers took too long");
	else if (err && err->kind == ERR_TOO_LARGE)
		answer_refuse(connection, 431, "the request's headers are too long");
	return !err;
}

/* Reads a head and describes it in the exchange. False: the connection is at its end. */
MAY_PARK static bool
head_read(struct connection *connection)
{
	struct http_exchange *exchange = &connection->exchange;
	struct request *request = &connection->request;
	int64_t until_us = exchange->received_us + connection_limits(connection)->header_timeout_us;
	enum request_step step;

	if (!request_init(request, connection->owner->server->request_limits, exchange->arena))
		return false;
	for (;;) {
		struct str unread = transport_unread(&connection->transport);

		step = request_head(request, unread);
		if (step == REQUEST_DONE)
			step = request_describe(request, unread, exchange);
		if (step != REQUEST_MORE)
			break;
		if (!head_await(connection, until_us))
			return false;
	}
	if (step == REQUEST_BAD) {
		answer_refuse(connection, request->refusal.status, request->refusal.message);
		return false;
	}
	transport_consume(&connection->transport, request->fed);
	return true;
}

static void
exchange_begin(struct connection *connection)
{
	struct http_exchange *exchange = &connection->exchange;

	*exchange = (struct http_exchange){ .arena = arena_take(connection->owner),
		.peer = str_of(connection->peer),
		.content_length = -1,
		.received_us = loop_now_us(connection->owner->loop) };
	buf_init(&connection->headers, exchange->arena, ANSWER_HEADERS_MAX);
	connection->held = STR_EMPTY;
	connection->answer = ANSWER_NONE;
	connection->close_after = false;
	connection->body = BODY_DONE;
	connection->piece_len = 0;
}

/* Runs the handler. True: it has answered, and the connection may serve another request. */
MAY_PARK static bool
exchange_run(struct connection *connection)
{
	const struct http_server_spec *spec = &connection->owner->server->spec;

	body_begin(connection);
	connection->serving = true;
	atomic_fetch_add_explicit(&connection->owner->exchanges, 1, memory_order_relaxed);
	spec->handler(&connection->exchange, spec->arg);
	if (connection->answer == ANSWER_NONE && !scope_check())
		answer_refuse(connection, 500, "the server did not answer");
	atomic_fetch_sub_explicit(&connection->owner->exchanges, 1, memory_order_relaxed);
	connection->serving = false;
	if (transport_flush(&connection->transport, spec->limits.write_timeout_us))
		connection->answer = ANSWER_BROKEN;
	return connection->answer == ANSWER_DONE && body_skip(connection) && !connection->close_after && !connection->owner->stopping;
}

/* One exchange. False: the connection is at its end. */
MAY_PARK static bool
connection_serve(struct connection *connection)
{
	bool again;

	if (!connection_await(connection))
		return false;
	exchange_begin(connection);
	again = head_read(connection) && !transport_ended(&connection->transport) && exchange_run(connection);
	arena_give(connection->owner, connection->exchange.arena);
	return again;
}

/*
 * Before closing after an answer that the client may not have read while it still sends: says that no more will come, and reads on for a while.
 * A socket closed with unread input would be reset, and the answer lost.
 */
MAY_PARK static void
connection_linger(struct connection *connection)
{
	struct transport *transport = &connection->transport;
	int64_t until_us = loop_now_us(connection->owner->loop) + LINGER_US, left_us = LINGER_US;
	size_t discarded = 0, unread;

	if (transport_flush(transport, LINGER_US))
		return;
	transport_shutdown(transport);
	while (!transport_ended(transport) && discarded < LINGER_BYTES_MAX && left_us > 0) {
		unread = transport_unread(transport).len;
		transport_consume(transport, unread);
		discarded += unread;
		if (transport_fill(transport, STREAM_BUFFER, left_us))
			return;
		left_us = until_us - loop_now_us(connection->owner->loop);
	}
}

static void
connection_close(struct connection *connection)
{
	struct server_loop *owner = connection->owner;

	/* An answer that ends with the connection must not look whole when it is not. */
	if (connection->answer >= ANSWER_BEGUN && connection->answer != ANSWER_DONE && connection->framing == FRAMING_CLOSE)
		transport_reset(&connection->transport);
	transport_close(&connection->transport);
	*connection->link = connection->next;
	if (connection->next)
		connection->next->link = connection->link;
	free(connection);
	server_connection_ended(owner);
}

MAY_PARK static void
connection_run(void *arg)
{
	struct connection *connection = arg;

	scope_open(&connection->scope, INT64_MAX);
	if (transport_begin(&connection->transport, connection_limits(connection)->header_timeout_us))
		while (connection_serve(connection))
			;
	if (connection->answer == ANSWER_DONE && (connection->body != BODY_DONE || transport_unread(&connection->transport).len > 0))
		connection_linger(connection);
	scope_close(&connection->scope);
	connection_close(connection);
}

bool
connection_start(struct server_loop *owner, int fd, struct str peer)
{
	struct connection *connection = mem_zalloc(sizeof(*connection));
	struct tls_session *tls = owner->server->spec.tls ? tls_session_new(owner->server->spec.tls) : NULL;

	connection->owner = owner;
	memcpy(connection->peer, peer.ptr, peer.len < PEER_MAX ? peer.len : PEER_MAX - 1);
	if (owner->server->spec.tls && !tls) {
		close(fd);
		free(connection);
		return false;
	}
	if (!transport_open(&connection->transport, fd, tls, &owner->buffers, connection_left, connection)) {
		free(connection);
		return false;
	}
	if (fiber_go("http connection", &owner->scope, connection_run, connection)) {
		transport_close(&connection->transport);
		free(connection);
		return false;
	}
	connection->next = owner->connections;
	connection->link = &owner->connections;
	if (connection->next)
		connection->next->link = &connection->next;
	owner->connections = connection;
	return true;
}
