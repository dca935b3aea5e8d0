/*
 * multipart.h - a streaming, bounded parser of multipart/form-data bodies (RFC 7578, RFC 2046 section 5.1).
 *
 *	multipart_init(&m, arena, content_type);
 *	while pieces come: multipart_feed(&m, piece), then multipart_next until MULTIPART_MORE
 *	at the end of the body: multipart_end
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

enum { MULTIPART_BOUNDARY_MAX = 70, MULTIPART_PARTS_MAX = 64 };
#define MULTIPART_HEADERS_MAX KIB(8) /* of one part */
#define MULTIPART_PIECE_MAX KIB(256) /* fed at once */

enum multipart_kind {
	MULTIPART_MORE,  /* feed the next piece */
	MULTIPART_PART,  /* a part begins: name, filename, content_type */
	MULTIPART_DATA,  /* bytes of the part */
	MULTIPART_DONE,  /* the last boundary was read; what follows is ignored */
};

struct multipart_event {
	enum multipart_kind kind;
	struct str name;          /* MULTIPART_PART: in the arena */
	struct str filename;      /* the last part of its path; ptr NULL: the part is no file */
	struct str content_type;  /* may be empty */
	struct str data;          /* MULTIPART_DATA: valid until the next call */
};

struct multipart {
	struct arena *arena;
	char delimiter[MULTIPART_BOUNDARY_MAX + 4]; /* CR LF - - boundary */
	size_t delimiter_len;
	struct buf pending;       /* fed and not given out */
	size_t given;             /* of pending: given out by the last MULTIPART_DATA */
	unsigned parts;
	enum { MULTIPART_AT_START, MULTIPART_BEHIND_DELIMITER, MULTIPART_IN_HEADERS, MULTIPART_IN_DATA, MULTIPART_AT_END } state;
};

/* ERR_UNSUPPORTED when the content type is another one, ERR_INVALID when it has no proper boundary. The arena must outlive the parser. */
const struct err *multipart_init(struct multipart *multipart, struct arena *arena, struct str content_type);

/* Takes a copy of the next piece, of at most MULTIPART_PIECE_MAX bytes; only when multipart_next has asked for more. */
const struct err *multipart_feed(struct multipart *multipart, struct str piece);

/* The next event. ERR_INVALID for a malformed body, ERR_TOO_LARGE over a limit. */
const struct err *multipart_next(struct multipart *multipart, struct multipart_event *event);

/* At the end of the body: ERR_INVALID when the last boundary has not come. */
const struct err *multipart_end(const struct multipart *multipart);
