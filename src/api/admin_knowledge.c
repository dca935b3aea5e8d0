/*
 * admin_knowledge.c - collections and their documents by name and path, for the command line and the console.
 *
 * `corbel ingest` asks which files are known, and puts the others one by one; a collection comes to be with its first document. Errors have OpenAI's shape here too.
 */
#include "access/limit.h"
#include "api/openai_vector_stores.h"

enum { PAGE_MAX = 100, DOCUMENT_BYTES_MAX = 256 * 1024 * 1024 };

/* --- collections --- */

static void
put_collection(struct json_out *out, struct api_request *request, const struct collection *collection)
{
	json_begin_object(out);
	json_set_string(out, "id", collection->id);
	json_set_string(out, "object", STR("collection"));
	json_set_string(out, "name", collection->name);
	json_set_string(out, "description", collection->description);
	json_set_raw(out, "metadata", collection->metadata);
	json_set_int(out, "documents", collection->documents);
	json_set_int(out, "queued", collection->queued);
	json_set_int(out, "words_only", collection->words_only);
	json_set_int(out, "ready", collection->ready);
	json_set_int(out, "failed", collection->failed);
	json_set_int(out, "cancelled", collection->cancelled);
	json_set_int(out, "held", collection->held);
	json_set_int(out, "chunks", collection->chunks);
	json_set_int(out, "chunks_embedded", collection->chunks_embedded);
	json_set_bool(out, "embeds", knowledge_embeds(request->app->knowledge));
	json_set_int(out, "bytes", collection->bytes);
	json_set_int(out, "created_us", collection->created_us);
	json_set_int(out, "last_active_us", collection->last_active_us);
	json_set_int(out, "expires_after_days", collection->expires_after_days);
	json_set_bool(out, "local_only", collection_local_only(request->conf, collection));
	json_end_object(out);
}

static MAY_PARK const struct err *
collections_list(struct api_request *request)
{
	struct collection *collections;
	struct page_spec page;
	struct json_out json;
	struct buf body;
	size_t count;
	bool more;
	const struct err *err = openai_page_parse(request, PAGE_MAX, PAGE_MAX, &page);

	if (!err)
		err = collection_list(
			request->app->knowledge, request->arena, request->identity->tenant, &page, &collections, &count, &more);
	if (err)
		return err;
	buf_init(&body, request->arena, MIB(8));
	json_out_init(&json, &body);
	openai_list_begin(&json);
	for (size_t i = 0; i < count; i++)
		put_collection(&json, request, &collections[i]);
	openai_list_end(&json, count ? collections[0].id : STR_EMPTY, count ? collections[count - 1].id : STR_EMPTY, more);
	return api_answer_json(request, 200, &json);
}

static MAY_PARK const struct err *
answer_collection(struct api_request *request, const struct collection *collection)
{
	struct json_out json;
	struct buf body;

	buf_init(&body, request->arena, KIB(256));
	json_out_init(&json, &body);
	put_collection(&json, request, collection);
	return api_answer_json(request, 200, &json);
}

static MAY_PARK const struct err *
collections_get(struct api_request *request)
{
	struct collection collection;
	const struct err *err =
		collection_get(request->app->knowledge, request->arena, request->identity->tenant, request->params[0], &collection);

	return err ? err : answer_collection(request, &collection);
}

/* Made where there is none, so that a mark can be there before the first document is. */
static MAY_PARK const struct err *
collections_put(struct api_request *request)
{
	struct knowledge *knowledge = request->app->knowledge;
	int64_t tenant = request->identity->tenant;
	struct collection wanted, collection;
	const struct err *err = openai_name_check(request, request->params[0], "name");

	if (!err)
		err = collection_ensure(knowledge, request->arena, tenant, request->params[0], &wanted);
	if (!err)
		err = local_only_parse(request, &wanted);
	if (!err)
		err = collection_update(knowledge, request->arena, tenant, wanted.id, &wanted, &collection);
	return err ? err : answer_collection(request, &collection);
}

static MAY_PARK const struct err *
collections_delete(struct api_request *request)
{
	const struct err *err = collection_delete(request->app->knowledge, request->arena, request->identity->tenant, request->params[0]);

	return err ? err : openai_answer_deleted(request, request->params[0], "collection.deleted");
}

/* --- documents --- */

static const char *const status_names[] = { [VERSION_QUEUED] = "queued",
	[VERSION_WORDS] = "words",
	[VERSION_READY] = "ready",
	[VERSION_FAILED] = "failed",
	[VERSION_CANCELLED] = "cancelled",
	[VERSION_HELD] = "held" };

static void
put_document(struct json_out *out, const struct document *document)
{
	const struct {
		const char *name;
		struct str text;
	} texts[] = { { "id", document->id }, { "object", STR("document") }, { "collection_id", document->collection_id },
		{ "path", document->path }, { "title", document->title }, { "file_id", document->file_id },
		{ "version_id", document->version_id }, { "sha256", document->sha256 }, { "content_type", document->content_type },
		{ "status", str_of(status_names[document->status]) }, { "error_code", document->error_code },
		{ "error_message", document->error_message } };

	json_begin_object(out);
	for (size_t i = 0; i < COUNT(texts); i++)
		json_set_string(out, texts[i].name, texts[i].text);
	json_set_int(out, "version", document->version);
	json_set_int(out, "bytes", document->bytes);
	json_set_int(out, "chunks", document->chunks);
	json_set_int(out, "chunks_embedded", document->chunks_embedded);
	json_set_bool(out, "searchable", document->current_version != 0);
	json_set_int(out, "created_us", document->created_us);
	json_set_raw(out, "attributes", document->attributes);
	json_end_object(out);
}

static const struct err *
parse_status(struct api_request *request, unsigned *statuses)
{
	struct str name = api_query(request, "status");

	*statuses = 0;
	for (unsigned status = 0; status < COUNT(status_names); status++)
		if (name.len && str_eq_c(name, status_names[status]))
			*statuses = 1u << status;
	if (name.len && !*statuses)
		return err_param(request->arena, ERR_INVALID, "status", NULL, "status must be queued, words, ready, failed, cancelled or held");
	return NULL;
}

static MAY_PARK const struct err *
documents_list(struct api_request *request)
{
	struct document_filter filter = { .batch_id = STR_EMPTY };
	struct document *documents;
	struct page_spec page;
	struct json_out json;
	struct buf body;
	size_t count;
	bool more;
	const struct err *err = openai_page_parse(request, PAGE_MAX, PAGE_MAX, &page);

	if (!err)
		err = parse_status(request, &filter.statuses);
	if (!err)
		err = document_list(request->app->knowledge, request->arena, request->identity->tenant, request->params[0], &filter, &page,
			&documents, &count, &more);
	if (err)
		return err;
	buf_init(&body, request->arena, MIB(8));
	json_out_init(&json, &body);
	openai_list_begin(&json);
	for (size_t i = 0; i < count; i++)
		put_document(&json, &documents[i]);
	openai_list_end(&json, count ? documents[0].id : STR_EMPTY, count ? documents[count - 1].id : STR_EMPTY, more);
	return api_answer_json(request, 200, &json);
}

static MAY_PARK const struct err *
documents_get(struct api_request *request)
{
	struct document document;
	struct json_out json;
	struct buf body;
	const struct err *err = document_get(
		request->app->knowledge, request->arena, request->identity->tenant, request->params[0], request->params[1], &document);

	if (err)
		return err;
	buf_init(&body, request->arena, KIB(256));
	json_out_init(&json, &body);
	put_document(&json, &document);
	return api_answer_json(request, 200, &json);
}

static MAY_PARK const struct err *
documents_delete(struct api_request *request)
{
	struct knowledge *knowledge = request->app->knowledge;
	struct document document;
	const struct err *err =
		document_get(knowledge, request->arena, request->identity->tenant, request->params[0], request->params[1], &document);

	if (!err)
		err = document_delete(knowledge, request->arena, request->identity->tenant, request->params[0], document.id);
	return err ? err : openai_answer_deleted(request, document.id, "document.deleted");
}

/* --- ingest --- */

static MAY_PARK const struct err *
read_upload(struct api_request *request, struct upload *upload)
{
	struct str piece = STR(" ");
	const struct err *err = NULL;

	while (!err && piece.len) {
		err = http_body_read(request->http, &piece);
		if (!err)
			err = upload_write(upload, piece);
	}
	return err;
}

/* What the sender says that it sends; a broken transfer is refused and not stored. */
static const struct err *
check_hash(struct api_request *request, struct upload *upload)
{
	struct str said = http_header_get(&request->http->headers, STR("x-content-sha256"));

	if (str_eq_ci(upload_end(upload), said))
		return NULL;
	return err_param(request->arena, ERR_INVALID, "x-content-sha256", NULL,
		said.ptr ? "the body's SHA-256 is not the one in x-content-sha256"
			 : "the header x-content-sha256 must have the body's SHA-256 in hex");
}

static MAY_PARK const struct err *
answer_put(struct api_request *request, const struct document *document, bool changed)
{
	struct json_out json;
	struct buf body;

	buf_init(&body, request->arena, KIB(16));
	json_out_init(&json, &body);
	json_begin_object(&json);
	json_set_string(&json, "document_id", document->id);
	json_set_int(&json, "version", document->version);
	json_set_string(&json, "status", str_of(status_names[document->status]));
	json_set_bool(&json, "changed", changed);
	json_end_object(&json);
	return api_answer_json(request, changed ? 201 : 200, &json);
}

static MAY_PARK const struct err *
documents_put(struct api_request *request)
{
	struct knowledge *knowledge = request->app->knowledge;
	int64_t tenant = request->identity->tenant;
	struct document_source source = { .path = api_query(request, "path"), .attributes = { NULL, 0 }, .local_only = limit_local_only(request->identity) };
	struct collection collection;
	struct document document;
	bool changed;
	const struct err *err;

	if (!source.path.len)
		return err_param(request->arena, ERR_INVALID, "path", NULL, "path: expected the document's path in the collection");
	err = openai_name_check(request, request->params[0], "name");
	if (!err)
		err = upload_open(knowledge, request->arena, tenant, DOCUMENT_BYTES_MAX, &source.upload);
	if (!err)
		err = read_upload(request, source.upload);
	if (!err)
		err = check_hash(request, source.upload);
	if (!err)
		err = collection_ensure(knowledge, request->arena, tenant, request->params[0], &collection);
	if (!err)
		err = document_put(knowledge, request->arena, tenant, collection.id, &source, &document, &changed);
	return err ? err : answer_put(request, &document, changed);
}

/* A collection that is not there yet knows nothing. */
static MAY_PARK const struct err *
look_up_known(struct api_request *request, size_t count, bool *known)
{
	struct str *paths = arena_array(request->arena, count, sizeof(*paths)),
		   *hashes = arena_array(request->arena, count, sizeof(*hashes));
	const struct err *err;

	if (!paths || !hashes)
		return &err_no_memory;
	for (struct json_iter it = json_iter(json_get(request->json, "documents")); json_next(&it);) {
		paths[it.index] = json_get_string(it.value, "path");
		hashes[it.index] = json_get_string(it.value, "sha256");
	}
	err = document_known(
		request->app->knowledge, request->arena, request->identity->tenant, request->params[0], paths, hashes, count, known);
	return err && err->kind == ERR_NOT_FOUND ? NULL : err;
}

static MAY_PARK const struct err *
documents_known(struct api_request *request)
{
	size_t count = json_count(json_get(request->json, "documents"));
	bool *known = arena_array(request->arena, count, sizeof(*known));
	const struct err *err = known ? look_up_known(request, count, known) : &err_no_memory;
	struct json_out json;
	struct buf body;

	if (err)
		return err;
	buf_init(&body, request->arena, KIB(64));
	json_out_init(&json, &body);
	json_begin_object(&json);
	json_set_array(&json, "known");
	for (size_t i = 0; i < count; i++)
		json_put_bool(&json, known[i]);
	json_end_array(&json);
	json_end_object(&json);
	return api_answer_json(request, 200, &json);
}

#define SCHEMA_KNOWN                                                                                                                       \
	"{\"type\":\"object\",\"required\":[\"documents\"],\"properties\":{\"documents\":{\"type\":\"array\",\"maxItems\":1000,\"items\":" \
	"{\"type\":\"object\","                                                                                                            \
	"\"required\":[\"path\",\"sha256\"],\"properties\":{\"path\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":1024},"            \
	"\"sha256\":{\"type\":\"string\",\"minLength\":64,\"maxLength\":64}}}}}}"

#define SCHEMA_COLLECTION "{\"type\":\"object\",\"required\":[\"local_only\"],\"additionalProperties\":false,\"properties\":{\"local_only\":{\"type\":\"boolean\"}}}"

#define COLLECTIONS "/admin/v1/collections"
#define DOCUMENTS COLLECTIONS "/{name}/documents"

static const struct route routes[] = {
	{ .method = HTTP_GET,
		.path = COLLECTIONS,
		.name = "admin.collections.list",
		.scope = SCOPE_KNOWLEDGE_READ,
		.errors = &openai_errors,
		.handler = collections_list,
		.answer = "CollectionList",
		.summary = "List the collections" },
	{ .method = HTTP_GET,
		.path = COLLECTIONS "/{name}",
		.name = "admin.collections.get",
		.scope = SCOPE_KNOWLEDGE_READ,
		.errors = &openai_errors,
		.handler = collections_get,
		.answer = "Collection",
		.summary = "Show a collection, by name or id, with its progress" },
	{ .method = HTTP_PUT,
		.path = COLLECTIONS "/{name}",
		.name = "admin.collections.put",
		.scope = SCOPE_KNOWLEDGE_WRITE,
		.errors = &openai_errors,
		.body = BODY_JSON,
		.body_bytes_max = KIB(4),
		.request_schema = SCHEMA_COLLECTION,
		.handler = collections_put,
		.answer = "Collection",
		.summary = "Mark a collection local_only, or take the mark away; makes the collection" },
	{ .method = HTTP_DELETE,
		.path = COLLECTIONS "/{name}",
		.name = "admin.collections.delete",
		.scope = SCOPE_KNOWLEDGE_WRITE,
		.errors = &openai_errors,
		.handler = collections_delete,
		.answer = "Deleted",
		.summary = "Delete a collection with its documents" },
	{ .method = HTTP_POST,
		.path = DOCUMENTS "/known",
		.name = "admin.documents.known",
		.scope = SCOPE_KNOWLEDGE_READ,
		.errors = &openai_errors,
		.body = BODY_JSON,
		.body_bytes_max = MIB(4),
		.request_schema = SCHEMA_KNOWN,
		.handler = documents_known,
		.answer = "DocumentsKnown",
		.summary = "Which of these files the collection has already" },
	{ .method = HTTP_PUT,
		.path = DOCUMENTS,
		.name = "admin.documents.put",
		.scope = SCOPE_KNOWLEDGE_WRITE,
		.errors = &openai_errors,
		.query = "path",
		.headers = "x-content-sha256",
		.made = MADE_PERHAPS,
		.body = BODY_STREAM,
		.body_bytes_max = DOCUMENT_BYTES_MAX,
		.handler = documents_put,
		.answer = "DocumentPut",
		.summary = "Put a document (its bytes) at a path; makes the collection" },
	{ .method = HTTP_GET,
		.path = DOCUMENTS,
		.name = "admin.documents.list",
		.scope = SCOPE_KNOWLEDGE_READ,
		.errors = &openai_errors,
		.query = "limit order after before status",
		.handler = documents_list,
		.answer = "KnowledgeDocumentList",
		.summary = "List the documents of a collection" },
	{ .method = HTTP_GET,
		.path = DOCUMENTS "/{document...}",
		.name = "admin.documents.get",
		.scope = SCOPE_KNOWLEDGE_READ,
		.errors = &openai_errors,
		.handler = documents_get,
		.answer = "KnowledgeDocument",
		.summary = "Show a document, by id or path" },
	{ .method = HTTP_DELETE,
		.path = DOCUMENTS "/{document...}",
		.name = "admin.documents.delete",
		.scope = SCOPE_KNOWLEDGE_WRITE,
		.errors = &openai_errors,
		.handler = documents_delete,
		.answer = "Deleted",
		.summary = "Delete a document, by id or path" },
};
const struct route_table admin_knowledge_routes = { routes, COUNT(routes) };
