/*
 * connection.h - one connection of the HTTP server, as its files know it: connection.c runs it, body.c reads requests' bodies, answer.c writes
 * answers, http_server.c accepts and stops. Not for other rooms.
 */
#pragma once

#include <stdatomic.h>

#include "net/http_server.h"
#include "net/request.h"
#include "net/transport.h"
#include "rt/loop_timer.h"

enum {
	UNREAD_BODY_MAX = 64 * 1024, /* of a body that nobody read: read over, to keep the connection */
	ANSWER_HEADERS_MAX = 64 * 1024,
	ANSWER_PIECES_MAX = 8,
	ARENA_POOL_MAX = 64,
	PEER_MAX = 56
};

/* The server on one loop. */
struct server_loop {
	struct http_server *server;
	struct loop *loop;
	struct watch *listener;
	struct loop_timer *retry; /* of accepting */
	int fd;
	struct scope scope; /* of all connections here */
	struct connection *connections;
	struct stream_pool buffers;
	struct arena *arenas[ARENA_POOL_MAX];
	unsigned arena_count;
	atomic_uint exchanges;
	bool stopping;
	char date[40]; /* "Date: Fri, 20 Nov 2026 17:43:04 GMT\r\n" */
	size_t date_len;
	int64_t date_until_us; /* loop time */
};

struct http_server {
	struct http_server_spec spec;
	struct request_limits request_limits;
	struct str address, server_header; /* "Server: corbel\r\n" */
	struct arena *arena;
	atomic_uint connections;
	atomic_uint holders; /* while it stops: loops that have not ended, and posts to them */
	struct waiter *stopped;
	unsigned loop_count;
	struct server_loop loops[];
};

enum answer_state { ANSWER_NONE, ANSWER_BEGUN, ANSWER_DONE, ANSWER_BROKEN };
enum answer_framing { FRAMING_NONE /* no body: HEAD, 204, 304 */, FRAMING_LENGTH, FRAMING_CHUNKED, FRAMING_CLOSE };
enum body_state { BODY_NONE, BODY_EXPECTED /* not begun, and the client may wait for a word from us */, BODY_COMING, BODY_DONE, BODY_BAD };

struct connection {
	struct http_exchange exchange; /* first: an exchange is its connection */
	struct server_loop *owner;
	struct connection *next, **link;
	struct scope scope; /* cancelled when the client leaves, or the server stops */
	struct transport transport;
	struct request request;
	struct buf headers; /* the answer's own headers so far, as they are sent */
	struct str held;    /* the head of a streaming answer, until its first write */
	const struct err *body_err;
	uint64_t body_left; /* of a Content-Length */
	uint64_t body_read;
	int64_t body_waited_us;
	size_t piece_len; /* of the piece of the body that the handler holds: consumed at the next call */
	enum answer_state answer;
	enum answer_framing framing;
	enum body_state body;
	bool idle;    /* waits for the first byte of a request */
	bool serving; /* a handler runs */
	bool close_after;
	char peer[PEER_MAX];
};

static inline struct connection *
connection_of(struct http_exchange *exchange)
{
	return (struct connection *)exchange;
}

static inline const struct http_limits *
connection_limits(const struct connection *connection)
{
	return &connection->owner->server->spec.limits;
}

/* Takes an accepted socket: a connection and its fiber. False (and the socket closed) when there is no room for it. */
bool connection_start(struct server_loop *owner, int fd, struct str peer);

/* http_server.c: the connection is gone. */
void server_connection_ended(struct server_loop *owner);

/* body.c: looks at what the head says about a body. */
void body_begin(struct connection *connection);

/* Reads over the rest of a body. False: it is too long, or cannot be had; the connection has to be closed. */
MAY_PARK bool body_skip(struct connection *connection);

/* Whether the body's end has been seen, or can be expected soon. */
bool body_short(const struct connection *connection);

/* answer.c: an answer of the server's own, in OpenAI's shape of an error; the connection ends after it. */
MAY_PARK void answer_refuse(struct connection *connection, int status, const char *message);

/* answer.c: http_answer_write of several pieces as one (up to ANSWER_PIECES_MAX), and http_answer_end if `end`. */
MAY_PARK const struct err *answer_write(struct http_exchange *exchange, const struct str *pieces, int count, bool end);

/* answer.c: writes a short piece of a streaming answer if that can be done without waiting, outside the exchange's fiber; else does nothing. */
void answer_push(struct http_exchange *exchange, struct str piece);
