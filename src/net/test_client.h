/*
 * test_client.h - for the tests of the HTTP client: a server that breaks every rule, and calls made on a fiber.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "net/http_client.h"
#include "net/test_server.h"

/*
 * A server on a thread of its own with a blocking socket: reads a request's head, and then does what it has been told, connection after connection. With `scripts` it says something else on each
 * connection, and answers as many requests there as it has strings for.
 */
struct broken {
	struct str says;
	size_t junk;        /* so many more bytes */
	bool resets, stays; /* how it ends: with an end of stream unless said otherwise */
	bool hasty;         /* answers without having read more than the beginning, and ends */
	bool v6;
	int64_t waits_us;               /* before it says anything */
	const char *const *const *scripts; /* per connection, a list of answers that ends with NULL; the last list is used again */
	int fd;
	pthread_t thread;
	atomic_int connections, requests, left; /* so far; left: connections whose end was seen */
	atomic_int serving;                     /* the connection's descriptor */
	int64_t left_us;                        /* when the client was gone */
	char url[80];
};
void broken_start(struct broken *broken);
void broken_stop(struct broken *broken); /* ends its connection, if the client has not */

/* One call made on a fiber of the test's server, and what came of it. */
struct outcome {
	struct http_call_spec spec;
	size_t read_max;   /* 0: everything */
	int64_t cancel_us; /* ends the call's scope after this time */
	struct arena *arena;
	const struct err *open_err, *read_err;
	int status;
	struct http_headers headers;
	struct str body;
	int pieces; /* that the body came in */
	int64_t closed_us;
};

/* The server whose runtime makes the calls, and whether libcurl is to make them: set by the test. */
extern struct test_server *test_client_server;
extern bool test_client_curl;

/* `outcome` holds the spec, and an arena. */
void test_call(struct outcome *outcome);

/* With an arena of its own, which the caller frees. */
struct outcome test_call_spec(struct http_call_spec spec);
struct outcome test_call_broken(struct broken *broken);

void assert_kind(const struct err *err, enum err_kind kind);
