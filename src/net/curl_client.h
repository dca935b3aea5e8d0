/*
 * curl_client.h - libcurl on a loop, for what it is good at: proxies and HTTP/2. curl_client.c drives its multi handle, curl_call.c makes calls.
 */
#pragma once

#include <curl/curl.h>

#include "net/client.h"
#include "rt/wait.h"

struct curl_loop;

struct curl_call {
	struct http_call base; /* first: a call is libcurl's */
	struct curl_loop *owner;
	struct curl_call *next; /* of the owner's free ones */
	CURL *easy;             /* made once, with what never changes; used again and again */
	struct waiter *waiter;  /* the fiber, while it waits for something to come */
	size_t header_cap, header_bytes;
	struct buf coming, given; /* of the body: what comes, and the piece that was given out */
	CURLcode result;          /* once done */
	bool public_only;
	bool running; /* in the multi handle */
	bool headers_done, done;
	bool paused;
	bool refused_address;
	char why[CURL_ERROR_SIZE];
};

/* libcurl on the calling loop, made at its first use. */
struct curl_loop *curl_here(void);

/* A call from the pool, and back into it. */
struct curl_call *curl_take(struct curl_loop *owner);
void curl_give(struct curl_loop *owner, struct curl_call *call);

/* Hands the call to libcurl, which begins with it at the loop's next turn. False: libcurl refused. */
bool curl_start(struct curl_loop *owner, struct curl_call *call);

/* Takes it back; its connection is closed at once unless the call is done. */
void curl_abandon(struct curl_loop *owner, struct curl_call *call);

/* curl_call.c: what libcurl calls, set for every easy handle. */
size_t call_on_header(char *line, size_t size, size_t count, void *arg);
size_t call_on_body(char *bytes, size_t size, size_t count, void *arg);
void call_wake(struct curl_call *call);
