/*
 * json.h - reads one JSON document into a flat list of nodes.
 *
 * Strict RFC 8259: the mock answers 400 where the real services do, so it must not forgive what they refuse. Nodes lie in the order of
 * the text: the first child of a container is the node behind it, and `next` skips a whole subtree. Views point into the text.
 */
#ifndef MOCK_JSON_H
#define MOCK_JSON_H

#include "bytes.h"

enum json_type { JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json_node {
	enum json_type type;
	uint32_t next;	 /* index of the first node behind this one and all below it */
	struct str text; /* as written; a string without its quotes and still escaped */
};

struct json {
	struct json_node *nodes; /* [0] is the root */
	size_t count;
	size_t capacity;
};

/* Parses the whole text into `json` (its memory is used again). False if the text is not one JSON value, is nested deeper than 256, or
 * has more than 4 million nodes. */
bool json_parse(struct json *json, struct str text);

/* The value of `key` in `object`; NULL if `object` is NULL or no object, or has no such key. The last of several wins. */
const struct json_node *json_get(const struct json *json, const struct json_node *object, const char *key);

/* Walks an array: `for (item = json_first(json, array); item; item = json_after(json, array, item))`. An object gives keys and values by turns. */
const struct json_node *json_first(const struct json *json, const struct json_node *container);

/* Whether an object has no members but these, a list that ends with NULL. */
bool json_has_only(const struct json *json, const struct json_node *object, const char *const *names);
const struct json_node *json_after(const struct json *json, const struct json_node *container, const struct json_node *item);

/* Appends a string node's text with its escapes resolved; anything else as it is written. */
void json_text(const struct json_node *node, struct bytes *out);

bool json_is(const struct json_node *node, enum json_type type);

#endif
