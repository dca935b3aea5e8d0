/*
 * request.h - what the requests of several wires say alike: where they go, headers, turns that alternate, settings.
 */
#pragma once

#include "gateway/provider.h"

/* Joins a provider's base_url with a path, keeping a query that the base has. */
struct str request_url(struct arena *arena, struct str base_url, const char *path);

/* Adds a header to a request; a NULL value is out of memory. */
const struct err *request_header(struct arena *arena, struct http_call_spec *spec, struct str name, struct str value);

/* A token in the header of RFC 6750, and the token in such a header of a request; empty: none. */
const struct err *request_bearer(struct arena *arena, struct http_call_spec *spec, struct str token);
struct str request_bearer_of(const struct http_call_spec *spec);

/* "content-type", the wire's own headers, and those of the configuration last, so that they can override. */
const struct err *request_headers(const struct target *target, struct arena *arena, const struct http_header *own, size_t own_count, struct http_call_spec *out);

/* Room for the body of a request, outside the arena's cap and freed with it: translated, it may be larger than what it was made of. NULL: no memory. */
struct buf *request_body_new(struct arena *arena);

/* What was written there, as the request's body. ERR_TOO_LARGE: more than any provider reads. */
const struct err *request_body_done(struct arena *arena, const struct buf *body, struct str *out);

/* How a wire writes turns. */
struct request_turns {
	const char *list, *content;   /* members: of the turns, and of what is in one */
	const char *model_role;       /* the user's is "user" */

	/* What a message holds, as elements of its turn; `of` as given to request_turns_put. */
	const struct err *(*put)(struct json_out *out, const struct message *message, void *of);
};

/* The messages without the system's as turns that alternate: neighbours of one side become one. After an error what has been written is of no use. */
const struct err *request_turns_put(struct json_out *out, const struct call *call, const struct request_turns *turns, void *of);

/* Whether the message is the system's. */
bool request_is_system(const struct message *message);

/* A number that may not have been asked for: NaN is left out. And a list of stop sequences, if there are any. */
void request_real_put(struct json_out *out, const char *name, double value);
void request_stops_put(struct json_out *out, const char *name, const struct call *call);

/* The schema of the answer, for wires that describe it nowhere else: what the caller said of it comes first in its description. */
void request_schema_put(struct json_out *out, const char *name, const struct call *call, struct arena *arena);
