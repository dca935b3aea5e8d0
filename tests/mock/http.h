/*
 * http.h - reads HTTP/1.1 requests out of a buffer that fills as bytes arrive.
 */
#ifndef MOCK_HTTP_H
#define MOCK_HTTP_H

#include "bytes.h"

enum {
	HTTP_HEAD_MAX = 256 * 1024,
	HTTP_HEADERS_MAX = 256,
	HTTP_BODY_MAX = 64 * 1024 * 1024,
};

struct header {
	struct str name;
	struct str value;
};

/* All views point into the buffer it was read from, and hold until the request is dropped from there. */
struct request {
	struct str method;
	struct str path; /* without the query */
	struct str query;
	struct str body; /* with its chunks joined */
	struct header headers[HTTP_HEADERS_MAX];
	size_t header_count;
	bool keep_alive;
	size_t wire_len; /* bytes of the buffer that the request takes */
};

/* How far the request at the start of the buffer has been read; all zero before the first byte. */
struct http_reader {
	size_t head_len; /* 0 until the whole head is there */
	size_t raw_at;	 /* chunked: where the next size line begins; before the head is complete: how far it was searched */
	size_t body_end; /* chunked: end of the joined body */
	int64_t length;	 /* of the body; -1 when chunked */
	bool expects;	 /* the client waits for "100 Continue"; the caller sends it and clears this */
};

enum http_state { HTTP_MORE, HTTP_REQUEST, HTTP_BAD };

/* Looks at what is in the buffer: HTTP_REQUEST fills `out` and resets the reader for the next request, which begins `out->wire_len`
 * bytes later. HTTP_BAD: not a request we can read, or over a limit; the connection cannot go on. */
enum http_state http_read(struct http_reader *reader, struct bytes *in, struct request *out);

/* Value of the first header of this name, in any case; an empty view if there is none. */
struct str http_header(const struct request *request, const char *name);

/* The reason phrase of a status code. */
const char *http_reason(int status);

#endif
