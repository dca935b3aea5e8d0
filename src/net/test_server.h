/*
 * test_server.h - for the tests of this room: a server on a runtime of its own, and a blocking client that speaks in raw bytes.
 */
#pragma once

#include "net/http_server.h"

struct test_server {
	struct runtime *runtime;
	struct http_server *http;
	struct arena *arena;
};

/* Starts a server on a free port of 127.0.0.1, or where `listen` says, with `loops` loops. Fails the test when it cannot. */
void test_server_start(
	struct test_server *server, const char *listen, unsigned loops, struct http_limits limits, http_handler *handler, void *arg);

/* http_server_stop from a fiber, then the end of the runtime. */
void test_server_stop(struct test_server *server, int64_t grace_us);

/* Runs fn(arg) on a fiber of the server's first loop and waits for its end. */
void test_server_run(struct test_server *server, MAY_PARK void (*fn)(void *arg), void *arg);

/* A connected socket that gives up reading after 5 s. */
int test_connect(const struct test_server *server);
void test_send(int fd, struct str bytes);

/* Reads until the server ends the connection; the view lives until the next call. `reset` (may be NULL) tells a reset from an end. */
struct str test_read_to_end(int fd, bool *reset);

/* Reads until `needle` has been read. */
struct str test_read_until(int fd, struct str needle);

/* Connects, sends, reads to the end, closes. */
struct str test_talk(const struct test_server *server, struct str request);
