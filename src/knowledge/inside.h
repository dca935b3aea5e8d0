/*
 * inside.h - what the files of this room share and nobody else sees.
 */
#pragma once

#include "base/clock.h"
#include "base/random.h"
#include "knowledge/knowledge.h"
#include "knowledge/knowledge_sql.h"
#include "rt/group.h"
#include "rt/pool.h"

#define NODE_ID_SIZE (ID_LEN + 1)
#define CONTENT_PIECE_BYTES MIB(1)

/* Idle fibers wait here for work; who makes some rings. All on one loop. */
struct bell {
	struct bell_wait *first;
};

struct knowledge {
	struct store *store;
	struct embedder *embedder;   /* or NULL */
	struct search *search;
	struct pool *pool;           /* hashing, compression, chunking: what would hold up a loop */
	const char *parse_program;
	unsigned parsers;
	int64_t parse_timeout_us;
	struct conf_watch *watch;    /* or NULL */
	struct access *access;       /* or NULL */
	char node[NODE_ID_SIZE];     /* owner of leases */
	struct loop *loop;           /* of the background fibers, once started */
	struct scope scope;          /* above them */
	struct bell queued, indexed, deleted; /* versions to parse; versions to embed; rows to clean up */
};

/* bell.c. bell_wait returns after a ring, or the time; also the scope's end. A ring while nobody waits is not kept: look for work first, wait then. */
void bell_ring(struct bell *bell);
MAY_PARK const struct err *bell_wait(struct bell *bell, int64_t timeout_us);

/* Tells the background fibers here and on other nodes; inside the transaction that makes work. */
MAY_PARK const struct err *work_notify(struct tx *tx);

/* A new public id: the prefix and 32 hex digits. ptr NULL past the arena's cap. */
struct str public_id_new(struct arena *arena, const char *prefix);

/* page.c: which rows a page asks for. `after` and `before` are rows, or 0. */
struct keyset {
	int64_t low, high;     /* exclusive */
	bool down;             /* read from high to low */
	bool reverse;          /* then turned round */
	unsigned limit;
};
void keyset_make(const struct page_spec *spec, int64_t after, int64_t before, struct keyset *out);

/* Of the rows that were read (one more than the limit, if there are), those to show, first to last: row index for position i. */
size_t keyset_count(const struct keyset *keyset, const struct rows *rows, bool *more);
size_t keyset_row(const struct keyset *keyset, size_t count, size_t i);

/* content.c. Before the transaction that puts an upload: ends it and compresses what is still in memory. */
MAY_PARK const struct err *content_prepare(struct upload *upload);

/* Inside a transaction. content_put stores a prepared upload, or finds the same bytes. content_forget deletes a content that nothing refers to; 0: none. */
MAY_PARK const struct err *content_put(struct tx *tx, struct upload *upload, int64_t *content);
MAY_PARK const struct err *content_forget(struct tx *tx, int64_t content);
int64_t upload_bytes(const struct upload *upload);
const unsigned char *upload_hash(const struct upload *upload);
struct str upload_head(const struct upload *upload); /* the first bytes, for telling types apart */

/* A piece of a content; empty behind the last. */
MAY_PARK const struct err *content_piece(struct knowledge *, struct arena *, int64_t content, unsigned ordinal, struct str *bytes);

/* All of it; more than `max` is ERR_TOO_LARGE. */
MAY_PARK const struct err *content_read(struct knowledge *, struct arena *, int64_t content, size_t max, struct str *bytes);

/* collection.c */
MAY_PARK const struct err *collection_row(struct knowledge *, struct arena *, int64_t tenant, struct str id_or_name, int64_t *row);

/* document.c: inside a transaction; current_version 0: none. */
MAY_PARK const struct err *document_drop(struct tx *tx, int64_t document, int64_t collection, int64_t current_version);

/* What a document_put is about to store. */
struct put {
	int64_t tenant, collection, content, bytes;
	struct upload *upload;       /* NULL: the content is there */
	struct str path, file_id, attributes, content_type, document_id, version_id;
	struct value sha256;
	unsigned chunk_tokens_max, chunk_tokens_overlap;
	int64_t document, version;   /* rows: the result */
	bool changed;
	bool local_only;             /* marks the collection */
};
MAY_PARK const struct err *put_prepare(struct knowledge *, struct arena *, int64_t tenant, int64_t collection, const struct document_source *source, struct put *out);
MAY_PARK const struct err *put_in_tx(struct tx *tx, struct put *put);

/* file_batch.c */
MAY_PARK const struct err *file_batch_row(struct knowledge *, struct arena *, int64_t tenant, int64_t collection, struct str id, int64_t *row);

/* local_only.c: whether the texts of a collection of the tenant are to be kept from the embedding model now. */
MAY_PARK const struct err *embedding_forbidden(struct knowledge *, struct arena *, int64_t tenant, int64_t collection, bool *out);

/* Ends the leases that a dead process left on SQLite. */
MAY_PARK const struct err *ingest_lease_reset(struct knowledge *, struct arena *);

/* Fibers of the background; each returns when the scope is cancelled. */
MAY_PARK void ingest_parse_run(void *knowledge);
MAY_PARK void ingest_embed_run(void *knowledge);
MAY_PARK void ingest_lease_run(void *knowledge);
MAY_PARK void clean_run(void *knowledge);

/* Leases are taken for this long and renewed by ingest_lease_run. */
#define LEASE_US (30 * USEC_PER_SEC)
