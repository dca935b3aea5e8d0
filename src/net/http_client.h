/*
 * http_client.h - calls to other servers: pooled connections, TLS verified, deadlines, streaming both ways with backpressure.
 *
 * Each loop keeps connections of its own. The current scope bounds every wait: a cancelled scope ends the call and closes its connection at once.
 * Redirects are not followed. Answers' bodies are decoded (gzip, deflate) when the upstream compresses. A request over a kept connection that turns out to be closed, before a byte of an
 * answer came, is sent once more over a new one; nothing else is ever sent twice.
 */
#pragma once

#include "net/http.h"
#include "rt/scope.h"

struct http_call;

struct http_call_spec {
	enum http_method method;
	struct str url;              /* http:// or https:// */
	struct http_headers headers; /* a bad value is ERR_INVALID, and so is a header that is the connection's own, as Content-Length is */
	struct str body;             /* kept by the caller until the call is closed */
	int64_t connect_timeout_us;  /* 0: 10 s. Names, TCP and TLS */
	int64_t headers_timeout_us;  /* 0: 60 s. Until the answer's headers are complete */
	int64_t idle_timeout_us;     /* 0: 60 s. Between two pieces of the answer */
	size_t body_max;             /* of the answer, decoded; 0: 64 MiB; more is ERR_TOO_LARGE */
	bool public_only; /* refuse addresses that are not public (loopback, private, link-local, metadata): ERR_FORBIDDEN, after name resolution */
	struct str proxy; /* "http://host:port", https, socks5, socks5h…, perhaps with user:password@ before the host; empty: straight to the server. Not with public_only */
	bool http2;       /* offer HTTP/2 to an https server; it may choose HTTP/1.1 */
};

/*
 * Sends the request and waits for the answer's headers. ERR_UNAVAILABLE: could not connect, or it is not who it should be (nothing was sent); ERR_TIMEOUT; ERR_UPSTREAM: it broke off or spoke
 * nonsense; ERR_CANCELLED. On success the call must be closed.
 */
MAY_PARK const struct err *http_call_open(struct arena *arena, const struct http_call_spec *spec, struct http_call **out);

int http_call_status(const struct http_call *call);
const struct http_headers *http_call_headers(const struct http_call *call);

/* The next piece of the body, valid until the next call; empty at its clean end. A body that breaks off is ERR_UPSTREAM, never an end. */
MAY_PARK const struct err *http_call_read(struct http_call *call, struct str *piece);

/* The rest of the body, at most max bytes (else ERR_TOO_LARGE): outside the arena's cap, and freed with it. */
MAY_PARK const struct err *http_call_read_all(struct http_call *call, struct arena *arena, size_t max, struct str *body);

/* Gives the connection back if the body has ended, closes it at once otherwise. Never waits. */
void http_call_close(struct http_call *call);
