/*
 * embed.h - texts to vectors on wires that are not OpenAI's: how much one request takes, how it is written, and what its answer says.
 */
#pragma once

#include "gateway/provider.h"

enum { EMBED_DIMENSIONS_MAX = 8192 }; /* of a vector that we read */

/* What one request asks of a target. */
struct embed_ask {
	const struct target *target;
	const struct json *source; /* the call in OpenAI's words: members that the wire has beside those are taken from it */
	int64_t dimensions;        /* 0: the model's own */
	const struct str *texts;
	size_t count;              /* as many as embed_wire's `take` said, or fewer */
};

/* Where vectors are gathered, from one answer or several. */
struct embed_vectors {
	struct arena *arena;       /* the first vector makes room for all in one below it */
	size_t count, done;        /* texts in all; those whose vectors are there */
	unsigned dimensions;       /* 0: none was read yet */
	float *all;                /* count * dimensions */
};

struct embed_answer {
	const struct json *root;   /* an object */
	struct http_headers headers;
};

struct embed_wire {
	/* How many of the texts one request takes: 1 or more. */
	size_t (*take)(const struct target *target, const struct str *texts, size_t count);

	/* Writes the request (url, headers, body). ERR_UNSUPPORTED names what the target cannot do. */
	const struct err *(*request)(const struct embed_ask *ask, struct arena *arena, struct http_call_spec *out);

	/* Reads an answer: a vector for each text, and the tokens that were read, -1 where it does not say. ERR_UPSTREAM: nonsense, and out->done is as before. */
	const struct err *(*read)(const struct embed_ask *ask, const struct embed_answer *answer, struct arena *arena, struct embed_vectors *out, int64_t *tokens);
};

extern const struct embed_wire embed_bedrock, embed_cohere, embed_gemini, embed_vertex;

/* --- for the wires --- */

/* A member of the request that is the wire's own: as callers say it, and as the wire does. */
struct embed_member {
	const char *ours, *theirs;
};

/* ERR_UNSUPPORTED names the first member that is neither OpenAI's nor one of the list, which ends with NULL. */
const struct err *embed_members_check(const struct embed_ask *ask, const struct embed_member *own, struct arena *arena);

/* Writes those of the list that the request has. */
void embed_members_put(struct json_out *out, const struct embed_ask *ask, const struct embed_member *own);

/* ERR_UNSUPPORTED: this model's vectors have one length. */
const struct err *embed_fixed_length(struct arena *arena);

/* Method, headers and body; what is wrong with either. The url and the key are the wire's. */
const struct err *embed_post(const struct embed_ask *ask, const struct buf *body, struct arena *arena, struct http_call_spec *out);

/* The vector of a request for one text. */
const struct err *embed_read_one(const struct embed_ask *ask, const struct json *vector, struct arena *arena, struct embed_vectors *out);

/* Where a vector lies in an item of a list. */
typedef const struct json *embed_place(const struct json *item);

/* The vectors of a list with one item for each text, in their order; `place` NULL: the item itself. They count when all of them are good. */
const struct err *embed_read_list(const struct embed_ask *ask, const struct json *list, embed_place *place, struct arena *arena, struct embed_vectors *out);
