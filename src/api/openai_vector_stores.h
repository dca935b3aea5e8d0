/*
 * openai_vector_stores.h - what the files of the vector store endpoints share.
 */
#pragma once

#include "api/openai_shapes.h"

/* The store of the path, about to be used: notes its use. ERR_NOT_FOUND when it is not there, or has expired. */
MAY_PARK const struct err *vector_store_use(struct api_request *request, struct collection *out);

/* {"in_progress","completed","failed","cancelled","total"}: what is only found by words is in progress as long as vectors are to come. */
struct file_counts {
	int64_t in_progress, completed, failed, cancelled;
};
struct file_counts file_counts_of(struct api_request *request, const int64_t by_status[VERSION_STATUSES]);
int64_t file_counts_total(const struct file_counts *counts);
void put_file_counts(struct json_out *out, const struct file_counts *counts);

/* "in_progress", "completed", "failed" or "cancelled", for a version's status; the other way a bit for each status. */
const char *file_status_name(struct api_request *request, enum version_status status);
const struct err *file_status_parse(struct api_request *request, struct str name, unsigned *statuses);

/*
 * The member "local_only" of a request about a collection (as it is now, or as it is to be made): local_only becomes what is said, or stays. ERR_FORBIDDEN: a mark is taken away with the scope admin alone, and
 * by nobody whose own calls are local_only; ERR_INVALID: while a model of the configuration marks the collection, it cannot be.
 */
#define SCHEMA_LOCAL_ONLY "{\"type\":[\"boolean\",\"null\"]}"
const struct err *local_only_parse(struct api_request *request, struct collection *collection);

/* {"type":"auto"} or absent: 0 and 0. */
const struct err *chunking_parse(struct api_request *request, const struct json *strategy, unsigned *tokens_max, unsigned *tokens_overlap);
void put_chunking(struct json_out *out, unsigned tokens_max, unsigned tokens_overlap);
