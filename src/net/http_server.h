/*
 * http_server.h - an HTTP/1.1 server: a fiber per connection, one exchange after the other on it.
 *
 * The handler runs on the connection's fiber once the headers are complete. It reads the body if it wants it, then answers, whole or
 * streaming. While the fiber waits for anything else, the connection is still read (up to a bound, so that pipelined requests are kept), so
 * that a client that leaves is noticed: then the exchange's scope is cancelled, and every wait below returns ERR_CANCELLED.
 * A handler that returns without having answered makes the server answer 500. An answer that fails in the middle closes the connection
 * without a clean end, so that no client takes it for whole.
 */
#pragma once

#include "net/http.h"
#include "rt/scope.h"

struct http_server;
struct tls_server; /* crypto/tls.h */

struct http_limits {
	size_t line_max;              /* request line: 414. 16 KiB */
	size_t header_bytes_max;      /* all headers together: 431. 64 KiB */
	unsigned header_count_max;    /* 431. 128 */
	size_t body_max;              /* the most any route may allow: 413. 512 MiB */
	int64_t header_timeout_us;    /* first byte to the end of headers: 408. 10 s */
	int64_t body_idle_timeout_us; /* between two reads of a body: 408. 30 s */
	size_t body_rate_min;         /* bytes a second a body must arrive with, on average, after 5 s: 408. 256 */
	int64_t idle_timeout_us;      /* keep-alive without a request. 75 s */
	int64_t write_timeout_us;     /* a client that takes nothing of a pending write: closed. 30 s */
	unsigned connections_max;     /* per process; further ones are not accepted until one closes. From the open-file limit */
	size_t pipeline_max;          /* bytes read ahead while a request is served, at most (usually 16 KiB). 64 KiB */
	size_t request_arena_max;     /* cap of an exchange's arena without the body. 16 MiB */
};
extern const struct http_limits http_limits_default;

/* One request and its answer. Valid while the handler runs. */
struct http_exchange {
	struct arena *arena; /* freed when the exchange is over */
	enum http_method method;
	struct str method_text;
	struct str target; /* as sent */
	struct str path;   /* decoded, before the '?' */
	struct str query;  /* after the '?', as sent */
	struct http_headers headers;
	int64_t content_length; /* -1: chunked or none */
	struct str peer;        /* "127.0.0.1:54321" */
	int64_t received_us;    /* monotonic, when its first byte came */
	void *user;             /* the handler's own */
	struct sse_keeper *keeper; /* keeps the event stream that is the answer (net/sse.h); NULL: nobody does */
	int status;             /* of the answer, once begun; 0 before */
	uint64_t sent_bytes;    /* of the answer's body */
};

/* Answers exactly once. Waits; runs on the connection's fiber. */
typedef MAY_PARK void http_handler(struct http_exchange *exchange, void *arg);

struct http_server_spec {
	struct str listen;      /* "127.0.0.1:8080", "[::1]:0", "unix:/path"; port 0 picks a free one */
	struct tls_server *tls; /* NULL: plain */
	struct http_limits limits;
	http_handler *handler;
	void *arg;
	struct str server_name; /* Server header, or empty for none */
};

struct runtime;

/* Binds and listens on every loop of the runtime (SO_REUSEPORT), accepting at once. The spec's strings are copied. Call from any thread or fiber, the runtime running. */
const struct err *http_server_start(
	struct runtime *runtime, const struct http_server_spec *spec, struct arena *arena, struct http_server **out);

/* The address it listens on, with the port that was picked. */
struct str http_server_address(const struct http_server *server);

/* Open connections, and exchanges being served. Any thread. */
unsigned http_server_connections(const struct http_server *server);
unsigned http_server_exchanges(const struct http_server *server);

/*
 * Graceful end: accepts no more, closes idle connections, lets exchanges in flight end for at most grace_us (their answers carry "Connection: close"), then cancels
 * what is left, and frees the server. Called on a fiber.
 */
MAY_PARK void http_server_stop(struct http_server *server, int64_t grace_us);

/*
 * The next piece of the request body (chunked coding removed); an empty piece at its end. The piece is valid until the next call. Sends "100 Continue" first when
 * the client waits for it. Over `http_limits.body_max`: ERR_TOO_LARGE; malformed: ERR_INVALID; too slow: ERR_TIMEOUT; hung up: ERR_CANCELLED.
 */
MAY_PARK const struct err *http_body_read(struct http_exchange *exchange, struct str *piece);

/* The whole body into the exchange's arena; more than `max`: ERR_TOO_LARGE, at once when Content-Length says so. */
MAY_PARK const struct err *http_body_read_all(struct http_exchange *exchange, size_t max, struct str *body);

/* Adds a header to the answer; before it begins. Framing headers (Content-Length, Transfer-Encoding, Connection, Date) are the server's. False: a bad value, or no memory. */
bool http_answer_header(struct http_exchange *exchange, struct str name, struct str value);

/* The whole answer in one go: status, headers so far, Content-Length, body. */
MAY_PARK const struct err *http_answer(struct http_exchange *exchange, int status, struct str content_type, struct str body);

/* A streaming answer: begin (the headers may be held back until the first write), any number of writes, end. Chunked, or close-delimited for HTTP/1.0. */
MAY_PARK const struct err *http_answer_begin(struct http_exchange *exchange, int status, struct str content_type);

/* Parks while more than 64 KiB wait for a slow client: this is the backpressure. */
MAY_PARK const struct err *http_answer_write(struct http_exchange *exchange, struct str piece);

/* The clean end. Not called after a failure: the server then closes the connection short. `last` is written in the same system call as the end. */
MAY_PARK const struct err *http_answer_end(struct http_exchange *exchange, struct str last);

/* Closes the connection short after this exchange, with whatever has been written. */
void http_answer_abort(struct http_exchange *exchange);

/* The scope of this exchange, cancelled when the client leaves or the server stops. */
struct scope *http_exchange_scope(struct http_exchange *exchange);
