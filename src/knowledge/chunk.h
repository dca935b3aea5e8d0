/*
 * chunk.h - a document's blocks to the passages that are indexed, embedded and cited.
 */
#pragma once

#include "knowledge/blocks.h"

enum { CHUNK_TOKENS_MIN = 32 };

struct chunk {
	struct str heading_path; /* "Title > Chapter > Section", or empty */
	struct str text;
	struct str anchor;       /* of its heading in the file, or empty */
	unsigned page;           /* on which it begins, from 1; 0: the file has none */
	unsigned tokens;         /* of what is embedded: the path, a line feed, the text */
	size_t from, to;         /* bytes of the extracted text it covers */
};

struct chunk_spec {
	unsigned tokens_max;     /* of what is embedded; at least CHUNK_TOKENS_MIN */
	unsigned tokens_target;  /* where a section must be split, pieces come near this */
	unsigned tokens_overlap; /* a paragraph that is split repeats up to this much of its last sentence */
	size_t (*count)(void *arg, struct str text); /* tokens of a text as the embedding model counts them */
	void *arg;
};

/*
 * Cuts a document into chunks, in its order. Text of different headings never shares a chunk, unless sections under one parent are so small that they mean
 * more together: then the parent's path stands above, and their headings in the text. Code and tables stay whole when they fit the window; a table that does not repeats its
 * header, code the line that names it. The same input gives the same chunks.
 */
const struct err *chunk_blocks(struct arena *arena, const struct blocks *blocks, const struct chunk_spec *spec, struct chunk **out, size_t *count);

/* What is embedded for a chunk, and hashed to know it again; ptr NULL past the arena's cap. */
struct str chunk_embedded_text(struct arena *arena, struct str heading_path, struct str text);
