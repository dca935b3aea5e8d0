/*
 * client.h - the HTTP client, as its files know it. http_client.c checks what is asked and hands it to one of two implementations: the lane (lane.h), for calls straight to a server, and
 * libcurl (curl_client.h), for proxies and HTTP/2.
 */
#pragma once

#include "net/http_client.h"

struct pool;

/* The parts of a URL, which lives as long as they. */
struct client_url {
	bool secure;
	struct str origin;    /* "https://host:port", as it is written */
	struct str authority; /* "host:port", as it is written */
	struct str host;      /* without brackets */
	struct str target;    /* "/path?query"; may begin with '?', or be empty */
	uint16_t port;
};

/* False: it is malformed, or neither http nor https, or names a user. */
bool client_url_parse(struct str text, struct client_url *out);

/* Threads for what a call must not do on its loop: looking names up, reading certificates. Of all loops, for as long as the program runs; started when first asked for. */
struct pool *client_pool(void);

struct client_kind {
	/* Begins a call, and waits for the headers of its answer. The spec has been checked; times and limits in it are set. Errors as http_call_open; when there is none, *out is complete. */
	MAY_PARK const struct err *(*open)(struct arena *arena, const struct http_call_spec *spec, const struct client_url *url, struct http_call **out);

	/* The next piece of the body, decoded, whatever its size is; empty at the end. */
	MAY_PARK const struct err *(*read)(struct http_call *call, struct str *piece);

	/* As http_call_close. */
	void (*close)(struct http_call *call);
};

extern const struct client_kind lane_client, curl_client;

/* What every call has. First in the calls of both. */
struct http_call {
	const struct client_kind *kind;
	struct arena *arena;
	struct http_headers headers;
	int status;
	size_t body_max, body_seen; /* counted by http_call_read */
	int64_t idle_timeout_us;
};

static inline struct http_call
call_base(const struct client_kind *kind, struct arena *arena, const struct http_call_spec *spec)
{
	return (struct http_call){ .kind = kind, .arena = arena, .body_max = spec->body_max, .idle_timeout_us = spec->idle_timeout_us };
}
