/*
 * response.h - reads one HTTP/1.1 response as its bytes arrive, keeping only figures.
 */
#ifndef MOCK_RESPONSE_H
#define MOCK_RESPONSE_H

#include "bytes.h"

enum { RESPONSE_LINE_MAX = 2048 };

enum response_state {
	RESPONSE_HEAD,
	RESPONSE_LENGTH,     /* a body of known length */
	RESPONSE_TO_CLOSE,   /* a body that ends with the connection */
	RESPONSE_CHUNK_SIZE,
	RESPONSE_CHUNK_DATA,
	RESPONSE_CHUNK_END,
	RESPONSE_TRAILER,
	RESPONSE_DONE,
	RESPONSE_BAD,
};

/* Cleared before the first byte. */
struct response {
	enum response_state state;
	int status;
	bool keep_alive;
	bool chunked;
	int64_t left; /* of the body or the chunk; -1 while the head has not told */
	uint64_t body_bytes;
	uint64_t events; /* lines of the body that begin with "data:" */
	bool done_seen;	 /* one of them was "data: [DONE]" */
	size_t text_len; /* of the body's present line: its first bytes tell all we want to know */
	char text[16];
	size_t line_len; /* of the present line of head or framing, cut at the buffer's size */
	char line[RESPONSE_LINE_MAX];
};

void response_clear(struct response *response);

/* Takes in what has arrived; returns how many bytes of it belong to this response. */
size_t response_feed(struct response *response, struct str data);

/* The connection has ended: true if the response is complete with that. */
bool response_at_close(struct response *response);

#endif
