/*
 * client.h - the HTTP client of one loop, as its files know it: client.c drives libcurl's multi handle, http_call.c makes calls.
 */
#pragma once

#include <curl/curl.h>

#include "net/http_client.h"
#include "rt/wait.h"

struct http_call {
	struct http_client *client;
	struct http_call *next; /* of the client's free ones */
	CURL *easy;             /* made once, with what never changes; used again and again */
	struct arena *arena;
	struct waiter *waiter; /* the fiber, while it waits for something to come */
	struct http_headers headers;
	size_t header_cap, header_bytes;
	int status;
	struct buf coming, given; /* of the body: what comes, and the piece that was given out */
	size_t body_max, body_seen;
	int64_t idle_timeout_us;
	CURLcode result; /* once done */
	bool public_only;
	bool running; /* in the multi handle */
	bool headers_done, done;
	bool paused;
	bool refused_address, too_large;
	char why[CURL_ERROR_SIZE];
};

/* The calling loop's client, made at its first use. */
struct http_client *http_client_of(void);

/* A call from the client's pool, and back into it. */
struct http_call *client_take(struct http_client *client);
void client_give(struct http_client *client, struct http_call *call);

/* Hands the call to libcurl, which begins with it at the loop's next turn. False: libcurl refused. */
bool client_start(struct http_client *client, struct http_call *call);

/* Takes it back; its connection is closed at once unless the call is done. */
void client_abandon(struct http_client *client, struct http_call *call);

/* http_call.c: what libcurl calls, set for every easy handle. */
size_t call_on_header(char *line, size_t size, size_t count, void *arg);
size_t call_on_body(char *bytes, size_t size, size_t count, void *arg);
void call_wake(struct http_call *call);
