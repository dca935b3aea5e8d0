/*
 * openai_vector_store_files.c - the files of a vector store: our documents, in the shapes of the OpenAI API; and file batches.
 *
 * Protocol: OpenAI's API reference, "Vector store files" and "Vector store file batches". A document that was not made of a stored file (corbel ingest) goes by its own id. A
 * document's text goes out in pieces of a few passages, however long it is.
 */
#include "access/limit.h"
#include "api/openai_vector_stores.h"
#include "base/clock.h"

enum { PAGE_INITIAL = 20, PAGE_MAX = 100, PASSAGES_AT_ONCE = 64 };

/* --- one file --- */

static struct str
file_id_of(const struct document *document)
{
	return document->file_id.len ? document->file_id : document->id;
}

static void
put_file(struct json_out *out, struct api_request *request, const struct document *document)
{
	json_begin_object(out);
	json_set_string(out, "id", file_id_of(document));
	json_set_string(out, "object", STR("vector_store.file"));
	json_set_int(out, "usage_bytes", document->bytes);
	json_set_int(out, "created_at", document->created_us / USEC_PER_SEC);
	json_set_string(out, "vector_store_id", document->collection_id);
	json_set_string(out, "status", str_of(file_status_name(request, document->status)));
	if (document->status == VERSION_FAILED) {
		json_set_object(out, "last_error");
		json_set_string(out, "code", document->error_code);
		json_set_string(out, "message", document->error_message);
		json_end_object(out);
	} else {
		json_set_null(out, "last_error");
	}
	put_chunking(out, document->chunk_tokens_max, document->chunk_tokens_overlap);
	json_set_raw(out, "attributes", document->attributes);
	json_end_object(out);
}

static MAY_PARK const struct err *
answer_file(struct api_request *request, const struct document *document)
{
	struct json_out json;
	struct buf body;

	buf_init(&body, request->arena, KIB(256));
	json_out_init(&json, &body);
	put_file(&json, request, document);
	return api_answer_json(request, 200, &json);
}

/* {"file_id","attributes","chunking_strategy"}, checked by its schema. */
static const struct err *
parse_source(struct api_request *request, const struct json *json, struct document_source *out)
{
	const struct json *attributes = json_get(json, "attributes");
	const struct err *err =
		chunking_parse(request, json_get(json, "chunking_strategy"), &out->chunk_tokens_max, &out->chunk_tokens_overlap);

	out->file_id = json_get_string(json, "file_id");
	out->local_only = limit_local_only(request->identity);
	out->attributes = (struct str){ NULL, 0 };
	if (!err)
		err = openai_name_check(request, out->file_id, "file_id");
	return err || !json_is(attributes, JSON_OBJECT) ? err : openai_map_parse(request, attributes, "attributes", &out->attributes);
}

static MAY_PARK const struct err *
files_create(struct api_request *request)
{
	struct document_source source = { 0 };
	struct document document;
	struct collection store;
	bool changed;
	const struct err *err = parse_source(request, request->json, &source);

	if (!err)
		err = vector_store_use(request, &store);
	if (!err)
		err = document_put(
			request->app->knowledge, request->arena, request->identity->tenant, store.id, &source, &document, &changed);
	return err ? err : answer_file(request, &document);
}

static MAY_PARK const struct err *
files_get(struct api_request *request)
{
	struct document document;
	const struct err *err = document_get(
		request->app->knowledge, request->arena, request->identity->tenant, request->params[0], request->params[1], &document);

	return err ? err : answer_file(request, &document);
}

static MAY_PARK const struct err *
files_update(struct api_request *request)
{
	struct document document;
	struct str attributes;
	const struct err *err = openai_map_parse(request, json_get(request->json, "attributes"), "attributes", &attributes);

	if (!err)
		err = document_set_attributes(request->app->knowledge, request->arena, request->identity->tenant, request->params[0],
			request->params[1], attributes, &document);
	return err ? err : answer_file(request, &document);
}

static MAY_PARK const struct err *
files_delete(struct api_request *request)
{
	const struct err *err =
		document_delete(request->app->knowledge, request->arena, request->identity->tenant, request->params[0], request->params[1]);

	return err ? err : openai_answer_deleted(request, request->params[1], "vector_store.file.deleted");
}

/* --- lists --- */

static MAY_PARK const struct err *
answer_list(struct api_request *request, struct str batch_id)
{
	struct document_filter filter = { .batch_id = batch_id };
	struct document *documents;
	struct page_spec page;
	struct json_out json;
	struct buf body;
	size_t count;
	bool more;
	const struct err *err = openai_page_parse(request, PAGE_INITIAL, PAGE_MAX, &page);

	if (!err)
		err = file_status_parse(request, api_query(request, "filter"), &filter.statuses);
	if (!err)
		err = document_list(request->app->knowledge, request->arena, request->identity->tenant, request->params[0], &filter, &page,
			&documents, &count, &more);
	if (err)
		return err;
	buf_init(&body, request->arena, MIB(8));
	json_out_init(&json, &body);
	openai_list_begin(&json);
	for (size_t i = 0; i < count; i++)
		put_file(&json, request, &documents[i]);
	openai_list_end(&json, count ? file_id_of(&documents[0]) : STR_EMPTY, count ? file_id_of(&documents[count - 1]) : STR_EMPTY, more);
	return api_answer_json(request, 200, &json);
}

static MAY_PARK const struct err *
files_list(struct api_request *request)
{
	return answer_list(request, STR_EMPTY);
}

static MAY_PARK const struct err *
batches_files(struct api_request *request)
{
	return answer_list(request, request->params[1]);
}

/* --- the text of a file --- */

static MAY_PARK const struct err *
write_passages(struct api_request *request, struct json_out *json, const struct passage *passages, size_t count)
{
	const struct err *err;

	for (size_t i = 0; i < count; i++) {
		json_begin_object(json);
		json_set_string(json, "type", STR("text"));
		json_set_string(json, "text", passages[i].text);
		json_end_object(json);
	}
	err = buf_err(json->buf);
	if (!err)
		err = http_answer_write(request->http, buf_str(json->buf));
	buf_clear(json->buf);
	return err;
}

static MAY_PARK const struct err *
write_text(struct api_request *request, struct json_out *json, struct str version_id, struct arena *scratch)
{
	size_t got = PASSAGES_AT_ONCE;
	const struct err *err = NULL;
	struct passage *passages;

	for (unsigned first = 0; !err && got == PASSAGES_AT_ONCE; first += PASSAGES_AT_ONCE) {
		arena_reset(scratch);
		err = passage_get(
			request->app->knowledge, scratch, request->identity->tenant, version_id, first, PASSAGES_AT_ONCE, &passages, &got);
		if (!err && got)
			err = write_passages(request, json, passages, got);
	}
	return err_copy(request->arena, err);
}

static MAY_PARK const struct err *
files_content(struct api_request *request)
{
	struct document document;
	struct arena *scratch;
	struct json_out json;
	struct buf text;
	const struct err *err = document_get(
		request->app->knowledge, request->arena, request->identity->tenant, request->params[0], request->params[1], &document);

	if (!err)
		err = http_answer_begin(request->http, 200, STR("application/json"));
	if (err)
		return err;
	buf_init(&text, request->arena, MIB(4));
	json_out_init(&json, &text);
	json_begin_object(&json);
	json_set_string(&json, "object", STR("vector_store.file_content.page"));
	json_set_array(&json, "data");
	scratch = arena_new(MIB(8));
	err = write_text(request, &json, document.version_id, scratch);
	arena_free(scratch);
	if (err)
		return err;
	json_end_array(&json);
	json_set_bool(&json, "has_more", false);
	json_set_null(&json, "next_page");
	json_end_object(&json);
	err = buf_err(&text);
	return err ? err : http_answer_end(request->http, buf_str(&text));
}

/* --- batches --- */

static MAY_PARK const struct err *
answer_batch(struct api_request *request, const struct file_batch *batch)
{
	struct file_counts counts = file_counts_of(request, batch->by_status);
	const char *status = "completed";
	struct json_out json;
	struct buf body;

	if (batch->cancelled)
		status = "cancelled";
	else if (counts.in_progress)
		status = "in_progress";
	else if (counts.failed && counts.failed == file_counts_total(&counts))
		status = "failed";
	buf_init(&body, request->arena, KIB(16));
	json_out_init(&json, &body);
	json_begin_object(&json);
	json_set_string(&json, "id", batch->id);
	json_set_string(&json, "object", STR("vector_store.files_batch"));
	json_set_int(&json, "created_at", batch->created_us / USEC_PER_SEC);
	json_set_string(&json, "vector_store_id", batch->collection_id);
	json_set_string(&json, "status", str_of(status));
	put_file_counts(&json, &counts);
	json_end_object(&json);
	return api_answer_json(request, 200, &json);
}

/* file_ids with what holds for all, or files with their own. */
static const struct err *
parse_batch(struct api_request *request, struct document_source **out, size_t *count)
{
	const struct json *ids = json_get(request->json, "file_ids"), *files = json_get(request->json, "files");
	struct document_source *sources, common = { 0 };
	const struct err *err = parse_source(request, request->json, &common);

	if (err)
		return err;
	if ((json_count(ids) > 0) == (json_count(files) > 0))
		return err_param(request->arena, ERR_INVALID, "file_ids", NULL, "file_ids: a batch has either file_ids or files");
	*count = json_count(ids) + json_count(files);
	*out = sources = arena_array(request->arena, *count, sizeof(*sources));
	if (!sources)
		return &err_no_memory;
	for (struct json_iter it = json_iter(ids); !err && json_next(&it);) {
		sources[it.index] = common;
		sources[it.index].file_id = json_string(it.value);
		err = openai_name_check(request, json_string(it.value), "file_ids");
	}
	for (struct json_iter it = json_iter(files); !err && json_next(&it);)
		err = parse_source(request, it.value, &sources[it.index]);
	return err;
}

static MAY_PARK const struct err *
batches_create(struct api_request *request)
{
	struct document_source *sources = NULL;
	struct collection store;
	struct file_batch batch;
	size_t count = 0;
	const struct err *err = parse_batch(request, &sources, &count);

	if (!err)
		err = vector_store_use(request, &store);
	if (!err)
		err = file_batch_create(
			request->app->knowledge, request->arena, request->identity->tenant, store.id, sources, count, &batch);
	return err ? err : answer_batch(request, &batch);
}

static MAY_PARK const struct err *
batches_get(struct api_request *request)
{
	struct file_batch batch;
	const struct err *err = file_batch_get(
		request->app->knowledge, request->arena, request->identity->tenant, request->params[0], request->params[1], &batch);

	return err ? err : answer_batch(request, &batch);
}

static MAY_PARK const struct err *
batches_cancel(struct api_request *request)
{
	struct file_batch batch;
	const struct err *err = file_batch_cancel(
		request->app->knowledge, request->arena, request->identity->tenant, request->params[0], request->params[1], &batch);

	return err ? err : answer_batch(request, &batch);
}

/* --- the rows --- */

#define SCHEMA_FILE_ID "{\"type\":\"string\",\"minLength\":1,\"maxLength\":100}"
#define SCHEMA_FILE                                                                                                                        \
	"{\"type\":\"object\",\"required\":[\"file_id\"],\"properties\":{\"file_id\":" SCHEMA_FILE_ID ",\"attributes\":" SCHEMA_ATTRIBUTES \
	",\"chunking_strategy\":" SCHEMA_CHUNKING "}}"
#define SCHEMA_UPDATE "{\"type\":\"object\",\"required\":[\"attributes\"],\"properties\":{\"attributes\":" SCHEMA_ATTRIBUTES "}}"
#define SCHEMA_BATCH                                                                                                                       \
	"{\"type\":\"object\",\"properties\":{\"file_ids\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":2000,\"items\":" SCHEMA_FILE_ID \
	"},\"files\":{"                                                                                                                    \
	"\"type\":\"array\",\"minItems\":1,\"maxItems\":2000,\"items\":" SCHEMA_FILE "},\"attributes\":" SCHEMA_ATTRIBUTES                 \
	",\"chunking_strategy\":" SCHEMA_CHUNKING "}}"

#define FILES "/v1/vector_stores/{id}/files"
#define BATCHES "/v1/vector_stores/{id}/file_batches"

static const struct route routes[] = {
	{ .method = HTTP_POST,
		.path = FILES,
		.name = "vector_stores.files.create",
		.scope = SCOPE_KNOWLEDGE_WRITE,
		.errors = &openai_errors,
		.body = BODY_JSON,
		.body_bytes_max = KIB(256),
		.request_schema = SCHEMA_FILE,
		.handler = files_create,
		.answer = "VectorStoreFile",
		.summary = "Put a file into a vector store" },
	{ .method = HTTP_GET,
		.path = FILES,
		.name = "vector_stores.files.list",
		.scope = SCOPE_KNOWLEDGE_READ,
		.errors = &openai_errors,
		.query = "limit order after before filter",
		.handler = files_list,
		.answer = "VectorStoreFileList",
		.summary = "List the files of a vector store" },
	{ .method = HTTP_GET,
		.path = FILES "/{file_id}",
		.name = "vector_stores.files.get",
		.scope = SCOPE_KNOWLEDGE_READ,
		.errors = &openai_errors,
		.handler = files_get,
		.answer = "VectorStoreFile",
		.summary = "Show a file of a vector store, with its progress" },
	{ .method = HTTP_POST,
		.path = FILES "/{file_id}",
		.name = "vector_stores.files.update",
		.scope = SCOPE_KNOWLEDGE_WRITE,
		.errors = &openai_errors,
		.body = BODY_JSON,
		.body_bytes_max = KIB(256),
		.request_schema = SCHEMA_UPDATE,
		.handler = files_update,
		.answer = "VectorStoreFile",
		.summary = "Replace a file's attributes" },
	{ .method = HTTP_DELETE,
		.path = FILES "/{file_id}",
		.name = "vector_stores.files.delete",
		.scope = SCOPE_KNOWLEDGE_WRITE,
		.errors = &openai_errors,
		.handler = files_delete,
		.answer = "Deleted",
		.summary = "Take a file out of a vector store; the file itself stays" },
	{ .method = HTTP_GET,
		.path = FILES "/{file_id}/content",
		.name = "vector_stores.files.content",
		.scope = SCOPE_KNOWLEDGE_READ,
		.errors = &openai_errors,
		.handler = files_content,
		.answer = "VectorStoreFileContent",
		.summary = "The text that was read from a file, passage by passage" },
	{ .method = HTTP_POST,
		.path = BATCHES,
		.name = "vector_stores.file_batches.create",
		.scope = SCOPE_KNOWLEDGE_WRITE,
		.errors = &openai_errors,
		.body = BODY_JSON,
		.body_bytes_max = MIB(4),
		.request_schema = SCHEMA_BATCH,
		.handler = batches_create,
		.answer = "FileBatch",
		.summary = "Put several files into a vector store" },
	{ .method = HTTP_GET,
		.path = BATCHES "/{batch_id}",
		.name = "vector_stores.file_batches.get",
		.scope = SCOPE_KNOWLEDGE_READ,
		.errors = &openai_errors,
		.handler = batches_get,
		.answer = "FileBatch",
		.summary = "How far a batch of files is" },
	{ .method = HTTP_POST,
		.path = BATCHES "/{batch_id}/cancel",
		.name = "vector_stores.file_batches.cancel",
		.scope = SCOPE_KNOWLEDGE_WRITE,
		.errors = &openai_errors,
		.handler = batches_cancel,
		.answer = "FileBatch",
		.summary = "Cancel what has not begun of a batch" },
	{ .method = HTTP_GET,
		.path = BATCHES "/{batch_id}/files",
		.name = "vector_stores.file_batches.files",
		.scope = SCOPE_KNOWLEDGE_READ,
		.errors = &openai_errors,
		.query = "limit order after before filter",
		.handler = batches_files,
		.answer = "VectorStoreFileList",
		.summary = "List the files of a batch" },
};
const struct route_table openai_vector_store_files_routes = { routes, COUNT(routes) };
