/*
 * lane.h - calls straight to a server over HTTP/1.1, on streams of our own: most calls to providers. lane.c keeps connections, lane_call.c makes calls over them.
 *
 * A connection belongs to its origin: scheme, host and port as they are written in the URL, and whether its address had to be public. So one that was not checked is never used for a call
 * that asks for the check.
 */
#pragma once

#include "net/client.h"
#include "net/resolve.h"
#include "net/response.h"
#include "net/transport.h"
#include "zip/inflate.h"

struct lane;
struct origin;

struct lane_connection {
	struct transport transport;
	struct origin *origin;
	struct lane_connection *next, **link; /* of the origin's idle ones, the latest first */
	int64_t idle_since_us;
	struct response response; /* the answer that is being read */
	bool idle;
	bool gone;                /* the server has left while it was idle */
};

struct lane_call {
	struct http_call base; /* first: a call is its lane's */
	struct lane *lane;
	struct lane_call *next; /* of the free ones */
	struct lane_connection *connection;
	struct buf head;                  /* of the request */
	struct iovec pieces[2], *unsent;  /* head and body; what is not sent yet */
	int unsent_count;
	size_t given;                     /* bytes of the connection's input that the last piece was made of */
	struct inflater *inflater;        /* NULL: the body comes as it is */
	struct str deflated;              /* not decoded yet */
	char *inflated;                   /* what was given out last */
	bool deflating;                   /* some of a compressed body has come */
	bool inflating;                   /* more may come out of it than fitted */
	bool cut;                         /* not all of the request was sent, or will be */
};

/* The calling loop's lane, made at its first use. */
struct lane *lane_here(void);

/* A call of the lane's free ones, and back. */
struct lane_call *lane_take_call(struct lane *lane);
void lane_give_call(struct lane *lane, struct lane_call *call);

/* Where calls to this URL go; valid until the fiber waits. */
struct origin *lane_origin(struct lane *lane, const struct client_url *url, bool public_only);

/* A kept connection that is fit for a request, or NULL. */
struct lane_connection *lane_reuse(struct lane *lane, struct origin *origin);

/*
 * A new connection, its TLS handshake done and the server verified, within timeout_us. ERR_UNAVAILABLE: it cannot be reached, or is not who it should be; ERR_FORBIDDEN: it is not public;
 * ERR_CANCELLED, ERR_TIMEOUT of the scope.
 */
MAY_PARK const struct err *lane_connect(struct lane *lane, struct arena *arena, const struct client_url *url, bool public_only, int64_t timeout_us, struct lane_connection **out);

/* Keeps it for another call. Nothing of an answer is unread. */
void lane_keep(struct lane *lane, struct lane_connection *connection);

/* Closes it at once. */
void lane_close(struct lane *lane, struct lane_connection *connection);
