/*
 * http.h - what server and client share: methods, header lists, status texts (RFC 9110, 9112).
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_PUT, HTTP_PATCH, HTTP_DELETE, HTTP_OPTIONS, HTTP_OTHER };

struct http_header {
	struct str name, value; /* value without surrounding blanks */
};

struct http_headers {
	struct http_header *list;
	size_t count;
};

/* The value of the first header of this name (case does not matter), or an empty view with ptr NULL. */
struct str http_header_get(const struct http_headers *headers, struct str name);

/* "GET"; "OTHER" for methods we do not know. */
const char *http_method_name(enum http_method method);

/* "Not Found"; "Unknown" for a status without a text. */
const char *http_status_text(int status);

/* True for what may stand in a header's value: no CR, LF or other control character but tab. */
bool http_value_ok(struct str value);

/* True for a token, as header names and methods are: not empty, letters, digits and !#$%&'*+-.^_`|~ */
bool http_token_ok(struct str name);

/* An HTTP date in any of its three forms (RFC 9110, 5.6.7), in microseconds since 1970. False: it is none. */
bool http_date_parse(struct str text, int64_t *wall_us);

/* Percent-decoding into the arena; '+' stays. False (and *out empty) for a bad escape or a zero byte. */
bool url_decode(struct arena *arena, struct str in, struct str *out);
void url_encode(struct buf *out, struct str in);

/* The decoded value of `name` in a query string "a=1&b=x%20y" ('+' is a blank there); ptr NULL when it is not there. */
struct str url_query_get(struct arena *arena, struct str query, struct str name);
