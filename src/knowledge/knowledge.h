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

struct knowledge;
struct embedder;

struct knowledge_spec {
	struct store *store;
	struct embedder *embedder;     /* NULL: words only */
	struct str parse_program;      /* path of this program, for `corbel parse` children; empty: /proc/self/exe */
	unsigned parsers;              /* children at once; 0: cores */
};

/* Opens and, with knowledge_start on a loop, resumes what was left. */
const struct err *knowledge_open(const struct knowledge_spec *spec, struct arena *arena, struct knowledge **out);
const struct err *knowledge_start(struct knowledge *knowledge);
MAY_PARK void knowledge_stop(struct knowledge *knowledge);
struct search *knowledge_search(struct knowledge *knowledge);

struct collection {
	int64_t row;
	struct str id, name, description, metadata; /* id "vs_…"; metadata: JSON object */
	int64_t created_us, last_active_us, expires_after_days; /* 0: never */
	unsigned chunk_tokens_max, chunk_tokens_overlap;        /* 0: auto (what the embedding model reads) */
	int64_t bytes;
	int64_t documents, queued, words_only, ready, failed, cancelled; /* documents by status */
	int64_t chunks, chunks_embedded;
};

struct file {
	int64_t row;
	struct str id, filename, purpose, content_type, sha256; /* id "file-…" */
	int64_t bytes, created_us, expires_us; /* 0: never */
};

enum version_status { VERSION_QUEUED, VERSION_WORDS, VERSION_READY, VERSION_FAILED, VERSION_CANCELLED };

struct document {
	int64_t row;
	struct str id, collection_id, path, file_id, title, attributes; /* attributes: JSON object */
	struct str version_id, sha256, content_type;
	unsigned version;              /* number, from 1 */
	enum version_status status;
	struct str error_code, error_message; /* of VERSION_FAILED: unsupported_file, invalid_file, server_error */
	int64_t bytes, chunks, chunks_embedded, created_us;
};

struct page_spec {            /* keyset paging as in the OpenAI API */
	unsigned limit;           /* 1..100 */
	bool descending;
	struct str after, before; /* public ids, or empty */
};

/* Every function below works for one tenant. A missing thing is ERR_NOT_FOUND with a message that names it. Outputs lie in the arena. */
MAY_PARK const struct err *collection_create(struct knowledge *, struct arena *, int64_t tenant, const struct collection *wanted, struct collection *out);
MAY_PARK const struct err *collection_get(struct knowledge *, struct arena *, int64_t tenant, struct str id_or_name, struct collection *out);
MAY_PARK const struct err *collection_list(struct knowledge *, struct arena *, int64_t tenant, const struct page_spec *, struct collection **out, size_t *count, bool *more);
MAY_PARK const struct err *collection_update(struct knowledge *, struct arena *, int64_t tenant, struct str id, const struct collection *wanted, struct collection *out);
MAY_PARK const struct err *collection_delete(struct knowledge *, struct arena *, int64_t tenant, struct str id_or_name);

MAY_PARK const struct err *file_create(struct knowledge *, struct arena *, int64_t tenant, const struct file *wanted, struct str bytes, struct file *out);
MAY_PARK const struct err *file_get(struct knowledge *, struct arena *, int64_t tenant, struct str id, struct file *out);
MAY_PARK const struct err *file_content(struct knowledge *, struct arena *, int64_t tenant, struct str id, struct str *bytes);
MAY_PARK const struct err *file_list(struct knowledge *, struct arena *, int64_t tenant, struct str purpose, const struct page_spec *, struct file **out, size_t *count, bool *more);
MAY_PARK const struct err *file_delete(struct knowledge *, struct arena *, int64_t tenant, struct str id); /* and its documents in all collections */

/* Attaches a stored file to a collection under its file name (or `path`): a new document, a new version, or no change (*changed false). */
MAY_PARK const struct err *document_put(struct knowledge *, struct arena *, int64_t tenant, struct str collection, struct str file_id, struct str path,
	struct str attributes, struct document *out, bool *changed);
MAY_PARK const struct err *document_get(struct knowledge *, struct arena *, int64_t tenant, struct str collection, struct str id_or_path_or_file, struct document *out);
MAY_PARK const struct err *document_list(struct knowledge *, struct arena *, int64_t tenant, struct str collection, struct str status, const struct page_spec *,
	struct document **out, size_t *count, bool *more);
MAY_PARK const struct err *document_delete(struct knowledge *, struct arena *, int64_t tenant, struct str collection, struct str id_or_path_or_file);

/* The text of a passage of any version, current or not, for citations: chunks [first, first + count). */
struct passage {
	struct str document_id, version_id, path, title, heading_path, text;
	unsigned version, ordinal, page;
	bool current;
};
MAY_PARK const struct err *passage_get(struct knowledge *, struct arena *, int64_t tenant, struct str version_id, unsigned first, unsigned count, struct passage **out, size_t *got);
