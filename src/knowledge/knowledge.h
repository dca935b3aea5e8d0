/*
 * knowledge.h - collections, files, documents and their versions, and the ingest that makes them searchable.
 *
 * A collection is a vector store of the OpenAI API; the CLI and the configuration know it by a name unique in its tenant, the API by its id. A document's identity is
 * (collection, path or file name); its content hash decides whether there is a new version. A version never changes; older ones stay for lineage and are not searched.
 *
 * Ingest: a version is `queued` with the commit that acknowledges its bytes; background fibers parse it in a child process, cut chunks and index the words in one commit (`words`: searchable),
 * then embed them (`ready`). All state is in the database, so that a killed server goes on where it was.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "knowledge/search.h"
#include "store/store.h"

struct access;
struct conf;
struct conf_watch;
struct embedder;
struct knowledge;

struct knowledge_spec {
	struct store *store;
	struct embedder *embedder;     /* NULL: words only */
	struct str parse_program;      /* path of this program, for `corbel parse` children; empty: /proc/self/exe */
	unsigned parsers;              /* children at once; 0: cores */
	int64_t parse_timeout_us;      /* for one file; 0: 60 s */
	struct conf_watch *watch;      /* says which collections are local_only, and whether embeddings are hosted; NULL: none is */
	struct access *access;         /* says which tenants are local_only; NULL: none is */
};

/* The arena must outlive the store, whose notices come until it is closed. */
const struct err *knowledge_open(const struct knowledge_spec *spec, struct arena *arena, struct knowledge **out);

/* Starts the background fibers on the calling loop, which go on with what an earlier process left; stop waits for their end. */
const struct err *knowledge_start(struct knowledge *knowledge);
MAY_PARK void knowledge_stop(struct knowledge *knowledge);

/* After knowledge_stop, or without a start; and after the store was closed. */
void knowledge_close(struct knowledge *knowledge);

struct search *knowledge_search(struct knowledge *knowledge);

/* True when there is a model: then documents end `ready` (or `held`), else `words`. */
bool knowledge_embeds(const struct knowledge *knowledge);

/*
 * What is local_only never reaches a hosted provider (gateway/route.h, route_allowed). local_only.c.
 *
 * knowledge_may_embed: whether texts that are so, or not, may go to the embedding model. collection_local_only: whether a collection (of which row, id, name and local_only are set) is: by its own mark, or by that of
 * a model which answers from it. knowledge_look_again: documents of the tenant (0: of all) that were held back are judged again, since the policy of the tenant or the configuration has changed.
 */
struct collection;
bool knowledge_may_embed(const struct knowledge *knowledge, const struct conf *conf, bool local_only);
bool collection_local_only(const struct conf *conf, const struct collection *collection);
MAY_PARK const struct err *knowledge_look_again(struct knowledge *knowledge, struct arena *arena, int64_t tenant);

struct collection {
	int64_t row;
	struct str id, name, description, metadata; /* id "vs_…"; metadata: JSON object */
	int64_t created_us, last_active_us, expires_after_days; /* 0: never */
	unsigned chunk_tokens_max, chunk_tokens_overlap;        /* 0: auto (what the embedding model reads) */
	int64_t bytes;
	int64_t documents, queued, words_only, ready, failed, cancelled, held; /* documents by status */
	int64_t chunks, chunks_embedded;
	int64_t generation;            /* collection_generation */
	bool expired;                  /* not used for expires_after_days; it goes soon */
	bool local_only;               /* marked: nothing of it reaches a hosted provider. Ask collection_local_only */
};

struct file {
	int64_t row;
	struct str id, filename, purpose, content_type, sha256; /* id "file-…" */
	int64_t bytes, created_us, expires_us; /* 0: never */
	int64_t content; /* row of its bytes */
	bool local_only; /* put by a caller whose calls are: so is every collection that it is put into, and every call that it goes with */
};

/* HELD: found by words alone, since it is local_only and the embedding model is at a hosted provider; error_message says so. */
enum version_status { VERSION_QUEUED, VERSION_WORDS, VERSION_READY, VERSION_FAILED, VERSION_CANCELLED, VERSION_HELD, VERSION_STATUSES };

struct document {
	int64_t row;
	struct str id, collection_id, path, file_id, title, attributes; /* attributes: JSON object */
	struct str version_id, sha256, content_type;
	unsigned version;              /* number, from 1 */
	enum version_status status;
	struct str error_code, error_message; /* of VERSION_FAILED: unsupported_file, invalid_file, server_error */
	int64_t bytes, chunks, chunks_embedded, created_us;
	unsigned chunk_tokens_max, chunk_tokens_overlap; /* 0: as the collection says */
	int64_t collection_row, version_row, current_version; /* rows; current_version 0: none can be searched yet */
};

struct page_spec {            /* keyset paging as in the OpenAI API */
	unsigned limit;           /* 1..100 */
	bool descending;
	struct str after, before; /* public ids, or empty */
};

/* Every function below works for one tenant. A missing thing is ERR_NOT_FOUND with a message that names it. Outputs lie in the arena. */

/* A second collection of the same name is made too (the OpenAI API has it so); the name finds the first. */
MAY_PARK const struct err *collection_create(struct knowledge *, struct arena *, int64_t tenant, const struct collection *wanted, struct collection *out);
/* The collection that is found by this name; made when there is none. Callers at the same time get the same one. */
MAY_PARK const struct err *collection_ensure(struct knowledge *, struct arena *, int64_t tenant, struct str name, struct collection *out);
MAY_PARK const struct err *collection_get(struct knowledge *, struct arena *, int64_t tenant, struct str id_or_name, struct collection *out);
MAY_PARK const struct err *collection_list(struct knowledge *, struct arena *, int64_t tenant, const struct page_spec *, struct collection **out, size_t *count, bool *more);

/*
 * Which state of the collection a search would see: the generation moves in each commit that changes what could be found in it, on whatever node. Of `out` only row, id, name,
 * local_only, generation, expires_after_days and last_active_us are set. One small read.
 */
MAY_PARK const struct err *collection_generation(struct knowledge *, struct arena *, int64_t tenant, struct str id_or_name, struct collection *out);

/* Sets name, description, metadata, expires_after_days and local_only to those of `wanted`. */
MAY_PARK const struct err *collection_update(struct knowledge *, struct arena *, int64_t tenant, struct str id, const struct collection *wanted, struct collection *out);

/* Gone for everybody with the commit; its rows go in the background. */
MAY_PARK const struct err *collection_delete(struct knowledge *, struct arena *, int64_t tenant, struct str id_or_name);

/* Says that it was used, for its expiry; writes at most once an hour, and only where there is one. */
MAY_PARK const struct err *collection_used(struct knowledge *, struct arena *, const struct collection *collection);

/*
 * An upload takes a file's bytes piece by piece: large ones go to the database as they come (a piece holds 1 MiB), so that memory stays small; small ones wait for the
 * commit that makes a file or a document of them. What is never finished is cleaned up later. Over `max` bytes: ERR_TOO_LARGE.
 */
#define FILE_BYTES_MAX MIB(512)
struct upload;
MAY_PARK const struct err *upload_open(struct knowledge *, struct arena *, int64_t tenant, size_t max, struct upload **out); /* freed with the arena */
MAY_PARK const struct err *upload_write(struct upload *upload, struct str piece);

/* No more pieces. The SHA-256 in hex; valid as long as the upload. */
struct str upload_end(struct upload *upload);

/* Of `wanted`: filename, purpose, content_type, expires_us, local_only. The upload has ended. */
MAY_PARK const struct err *file_create(struct knowledge *, struct arena *, int64_t tenant, const struct file *wanted, struct upload *upload, struct file *out);
MAY_PARK const struct err *file_get(struct knowledge *, struct arena *, int64_t tenant, struct str id, struct file *out);

/* Piece `ordinal` (from 0) of a file's bytes; empty behind the last one. */
MAY_PARK const struct err *file_piece(struct knowledge *, struct arena *, const struct file *file, unsigned ordinal, struct str *bytes);
MAY_PARK const struct err *file_list(struct knowledge *, struct arena *, int64_t tenant, struct str purpose, const struct page_spec *, struct file **out, size_t *count, bool *more);
MAY_PARK const struct err *file_delete(struct knowledge *, struct arena *, int64_t tenant, struct str id); /* and its documents in all collections */

struct document_source {
	struct str file_id;        /* a stored file, or */
	struct upload *upload;     /* bytes of its own, ended */
	struct str path;           /* empty: the file's name. 1..1024 bytes, without control characters */
	struct str attributes;     /* JSON object; ptr NULL: keep what the document has, or none */
	unsigned chunk_tokens_max, chunk_tokens_overlap; /* 0: as the collection says */
	bool local_only;           /* the caller's calls are: the collection is marked with the commit, as it is by a file that is */
};

/*
 * Puts a document into a collection: a new document, a new version of the one at this path, or no change (*changed false) when the newest version has these bytes already, cut
 * in the same way, and did not fail. Returns after the commit: from then on the document is never lost.
 */
MAY_PARK const struct err *document_put(struct knowledge *, struct arena *, int64_t tenant, struct str collection, const struct document_source *source,
	struct document *out, bool *changed);

/* For each path whether the collection's newest version of it has this SHA-256 (hex) and did not fail: then it need not be sent. */
MAY_PARK const struct err *document_known(struct knowledge *, struct arena *, int64_t tenant, struct str collection, const struct str *paths, const struct str *sha256,
	size_t count, bool *out);

MAY_PARK const struct err *document_get(struct knowledge *, struct arena *, int64_t tenant, struct str collection, struct str id_or_path_or_file, struct document *out);

struct document_filter {
	unsigned statuses;         /* a bit for each: 1u << VERSION_…; 0: all */
	struct str batch_id;       /* members of this file batch, or empty */
};
MAY_PARK const struct err *document_list(struct knowledge *, struct arena *, int64_t tenant, struct str collection, const struct document_filter *, const struct page_spec *,
	struct document **out, size_t *count, bool *more);
MAY_PARK const struct err *document_set_attributes(struct knowledge *, struct arena *, int64_t tenant, struct str collection, struct str id_or_path_or_file, struct str attributes,
	struct document *out);

/* Gone from search with the commit; its rows go in the background. */
MAY_PARK const struct err *document_delete(struct knowledge *, struct arena *, int64_t tenant, struct str collection, struct str id_or_path_or_file);

/* Files put into a collection together; the counts are of the versions that were put then. */
struct file_batch {
	struct str id, collection_id; /* id "vsfb_…" */
	int64_t created_us;
	bool cancelled;
	int64_t by_status[VERSION_STATUSES];
};
MAY_PARK const struct err *file_batch_create(struct knowledge *, struct arena *, int64_t tenant, struct str collection, const struct document_source *sources, size_t count,
	struct file_batch *out);
MAY_PARK const struct err *file_batch_get(struct knowledge *, struct arena *, int64_t tenant, struct str collection, struct str id, struct file_batch *out);
MAY_PARK const struct err *file_batch_cancel(struct knowledge *, struct arena *, int64_t tenant, struct str collection, struct str id, struct file_batch *out);

/* The text of a passage of any version, current or not, for citations: chunks [first, first + count). */
struct passage {
	struct str document_id, version_id, path, title, heading_path, anchor, text;
	unsigned version, ordinal, page;
	unsigned chunks; /* of the version */
	bool current;
};
MAY_PARK const struct err *passage_get(struct knowledge *, struct arena *, int64_t tenant, struct str version_id, unsigned first, unsigned count, struct passage **out, size_t *got);
