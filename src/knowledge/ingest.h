/*
 * ingest.h - from a queued version to a searchable one: the steps that ingest.c strings together.
 */
#pragma once

#include "knowledge/chunk.h"
#include "knowledge/inside.h"

struct ingest {
	struct knowledge *knowledge;
	struct arena *arena;
	int64_t version, tenant, document, collection, content, bytes, attempts;
	unsigned chunk_tokens_max, chunk_tokens_overlap; /* what the collection asks for; 0: as the model likes it */
	struct str path;
	const char *content_type;
	struct str title;
	struct chunk *chunks;
	unsigned char (*hashes)[16]; /* of what is embedded, for each chunk */
	size_t count;
};

/* A file that cannot be read: what its version says for ever after. code NULL: nothing is wrong with the file. */
struct ingest_fault {
	const char *code;
	struct str message;
};

/* ingest_parse.c: the bytes to chunks. Either an error of ours, which is tried again later, or a fault of the file, or neither. */
MAY_PARK const struct err *ingest_parse(struct ingest *ingest, struct ingest_fault *fault);

/* ingest_write.c: the chunks to rows; the last commit makes the version searchable. */
MAY_PARK const struct err *ingest_write(struct ingest *ingest);
