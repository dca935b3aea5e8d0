/*
 * request.h - requests out of a stranger's bytes: the head, and the chunked coding of a body. No input or output, no waiting.
 *
 * What could be read in two ways is refused (RFC 9112, sections 2.2, 3.2, 5.1, 6.1, 6.3, 11.2), since a proxy before us may read it in the other.
 */
#pragma once

#include "net/fields.h"

/* llhttp's names of methods and ours are the same, so its header is seen in request.c alone. */
struct llhttp__internal_s;

struct http_exchange;

/* A request that is refused, and how: the connection ends with this answer. */
struct request_refusal {
	int status;
	const char *message; /* a literal */
};

enum request_step {
	REQUEST_MORE,  /* nothing is wrong, but bytes are missing */
	REQUEST_PIECE, /* a piece of the body */
	REQUEST_DONE,  /* the head, or the body, is complete */
	REQUEST_BAD    /* see the refusal */
};

struct request_limits {
	uint32_t line_max, header_bytes_max, header_count_max;
};

struct request {
	struct llhttp__internal_s *parser; /* in the arena */
	struct request_limits limits;
	struct arena *arena;
	struct fields fields;
	uint32_t fed; /* bytes of the head that the parser has looked at */
	uint32_t target_at, target_len, line_len;
	size_t overhead; /* bytes of the chunked coding since the last piece */
	struct str piece;
	struct str method;      /* a literal */
	int64_t content_length; /* -1: not said */
	struct request_refusal refusal;
	uint8_t major, minor;  /* the version, once the head is done */
	bool head_done, coded; /* coded: there is a Transfer-Encoding */
	bool keep_alive;
	bool chunked, expects_continue; /* set by request_describe */
};

/* Gets ready for one request. False: no memory. */
bool request_init(struct request *request, struct request_limits limits, struct arena *arena);

/*
 * Looks at the bytes of a head. `message` is everything since the request's first byte: what was there at the last call (perhaps at another address), and more.
 * REQUEST_DONE: `fed` bytes belong to the head.
 */
enum request_step request_head(struct request *request, struct str message);

/* Copies the complete head into the arena, checks what it says, and describes it in `out`. REQUEST_DONE or REQUEST_BAD. */
enum request_step request_describe(struct request *request, struct str message, struct http_exchange *out);

/* Removes the chunked coding: `*used` bytes of `input` are done with. REQUEST_PIECE: `piece` is a view into them. */
enum request_step request_chunked(struct request *request, struct str input, size_t *used);
