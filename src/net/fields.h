/*
 * fields.h - the fields of a head while llhttp walks over it: requests and answers gather them in the same way. No input or output, no waiting.
 *
 * A head may come in pieces, and move in memory between them: what is noted are places in the message, and the views come at the end.
 */
#pragma once

#include "base/arena.h"

struct http_headers;

struct field {
	uint32_t name_at, name_len, value_at, value_len;
};

struct fields {
	struct arena *arena;
	const char *message; /* where it lies now: set before every piece */
	struct field *list;
	unsigned count, cap, count_max;
};

enum fields_result { FIELDS_OK, FIELDS_TOO_MANY, FIELDS_NO_MEMORY, FIELDS_FOLDED /* a value goes on in another line */ };

/* A piece of a name, or of a value; pieces of one follow each other. */
enum fields_result fields_name(struct fields *fields, const char *at, size_t size);
enum fields_result fields_value(struct fields *fields, const char *at, size_t size);

/* The value is complete; it may have had no piece. */
void fields_value_end(struct fields *fields);

/* Adds a piece of one span to what is known of it. False: it does not follow. */
bool fields_span(const char *message, uint32_t *at, uint32_t *len, const char *piece, size_t size);

/* The list of headers over `head`, a copy of the message that outlives it. False: no memory. */
bool fields_list(const struct fields *fields, struct str head, struct http_headers *out);
