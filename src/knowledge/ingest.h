/*
 * ingest.h - from queued versions to searchable ones: the steps that ingest.c strings together.
 *
 * Versions are read some at a time, since starting a child and committing cost the same for one as for ten. Each has a state of its own; the steps advance it.
 */
#pragma once

#include "knowledge/chunk.h"
#include "knowledge/inside.h"

enum { INGEST_BATCH = 16, EMBED_HASH_SIZE = 16 };

enum ingest_state {
	INGEST_CLAIMED,
	INGEST_READ,     /* bytes and type are there */
	INGEST_CUT,      /* chunks are there */
	INGEST_GONE,     /* deleted, or a newer version has come: nothing is left to do but to say so */
	INGEST_FAULTY,   /* the file cannot be read: code and message say why, for ever after */
	INGEST_DONE,     /* written down */
};

struct ingest {
	enum ingest_state state;
	int64_t version, tenant, document, collection, content, bytes_count, attempts;
	unsigned chunk_tokens_max, chunk_tokens_overlap; /* what was asked for; 0: as the model likes it */
	struct str path, bytes;
	int type;                  /* enum doc_type */
	struct str title;
	struct chunk *chunks;
	unsigned char (*hashes)[EMBED_HASH_SIZE]; /* of what is embedded, for each chunk */
	size_t count;
	const char *code;
	struct str message;
};

struct ingest_batch {
	struct knowledge *knowledge;
	struct arena *arena;
	struct ingest *list;
	size_t count;
};

/* What the file is guilty of; the message is kept in the arena. */
void ingest_blame(struct ingest *ingest, struct arena *arena, const char *code, struct str message);

/*
 * ingest_parse.c: claimed versions to chunks, or faulty ones. ingest_write.c: to rows; the commit that ends it makes a version searchable. An error is ours, never a file's:
 * versions that are not done are tried again later.
 */
MAY_PARK const struct err *ingest_parse(struct ingest_batch *batch);
MAY_PARK const struct err *ingest_write(struct ingest_batch *batch);
