/*
 * response.h - answers out of a server's bytes: the head, and the body out of its framing. No input or output, no waiting.
 *
 * What says in two ways where it ends is refused, since what comes behind it on a kept connection would be taken for the next answer: a length beside a coding, two lengths, a coding other
 * than chunked, folded lines (RFC 9112, sections 5.2, 6.1, 6.3).
 */
#pragma once

#include "net/fields.h"

struct llhttp__internal_s;

enum {
	RESPONSE_HEADERS_MAX = 256,
	RESPONSE_HEAD_MAX = 128 * 1024 /* bytes of a head, interim answers included */
};

enum response_step {
	RESPONSE_MORE,    /* nothing is wrong, but bytes are missing */
	RESPONSE_INTERIM, /* an answer of 1xx: `fed` bytes are its own, the next one follows */
	RESPONSE_PIECE,   /* a piece of the body */
	RESPONSE_DONE,    /* the head, or the body, is complete */
	RESPONSE_BAD      /* see `mistake` */
};

/* May serve one answer after another. */
struct response {
	struct llhttp__internal_s *parser;
	struct fields fields;
	const char *mistake; /* a literal */
	uint32_t fed;        /* bytes of the head that the parser has looked at */
	uint32_t head_bytes; /* of this answer and the interim ones before it */
	uint32_t overhead;   /* bytes of framing since the last piece */
	struct str piece;
	int status;
	bool to_head;    /* the request was HEAD: no body, whatever the head says */
	bool head_done;
	bool old; /* HTTP/1.0 */
	bool keep_alive; /* the server means to keep the connection */
	bool until_end;  /* the body ends with the connection */
	bool done;
};

/* For the caller's storage, once; response_fini when it is not needed any more. */
void response_init(struct response *response);
void response_fini(struct response *response);

/* Gets ready for one answer; `arena` takes its headers. */
void response_begin(struct response *response, struct arena *arena, bool to_head);

/*
 * Looks at the bytes of a head. `message` is everything since the answer's first byte: what was there at the last call (perhaps at another address), and more. RESPONSE_MORE, RESPONSE_BAD,
 * RESPONSE_DONE or RESPONSE_INTERIM; `fed` bytes belong to the head then.
 */
enum response_step response_head(struct response *response, struct str message);

/* Copies the complete head into the arena, and checks what it says about the body. False: see `mistake`. */
bool response_describe(struct response *response, struct str message, struct http_headers *out);

/*
 * Takes the body's framing off: `*used` bytes of `input` are done with. RESPONSE_PIECE: `piece` lies in them, all that they hold of the body, moved together. RESPONSE_MORE, RESPONSE_BAD;
 * RESPONSE_DONE: the body is complete.
 */
enum response_step response_body(struct response *response, char *input, size_t size, size_t *used);

/* The connection has ended: whether the answer may end so. */
bool response_may_end(const struct response *response);
