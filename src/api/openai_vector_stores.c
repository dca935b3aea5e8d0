/*
 * openai_vector_stores.c - the Vector stores of the OpenAI API: our collections, in its shapes.
 *
 * Protocol: OpenAI's API reference, "Vector stores". Where it takes an id we take a collection's name too. Its header OpenAI-Beta says nothing to us.
 */
#include "api/openai_vector_stores.h"

#include "access/limit.h"
#include "base/clock.h"

enum { PAGE_INITIAL = 20, PAGE_MAX = 100 };
#define SECONDS_PER_DAY 86400

/* --- shapes that files and batches have too --- */

struct file_counts
file_counts_of(struct api_request *request, const int64_t by_status[VERSION_STATUSES])
{
	struct file_counts counts = { .in_progress = by_status[VERSION_QUEUED],
		.completed = by_status[VERSION_READY] + by_status[VERSION_HELD],
		.failed = by_status[VERSION_FAILED],
		.cancelled = by_status[VERSION_CANCELLED] };

	*(knowledge_embeds(request->app->knowledge) ? &counts.in_progress : &counts.completed) += by_status[VERSION_WORDS];
	return counts;
}

int64_t
file_counts_total(const struct file_counts *counts)
{
	return counts->in_progress + counts->completed + counts->failed + counts->cancelled;
}

void
put_file_counts(struct json_out *out, const struct file_counts *counts)
{
	json_set_object(out, "file_counts");
	json_set_int(out, "in_progress", counts->in_progress);
	json_set_int(out, "completed", counts->completed);
	json_set_int(out, "failed", counts->failed);
	json_set_int(out, "cancelled", counts->cancelled);
	json_set_int(out, "total", file_counts_total(counts));
	json_end_object(out);
}

const char *
file_status_name(struct api_request *request, enum version_status status)
{
	static const char *const names[] = { [VERSION_QUEUED] = "in_progress",
		[VERSION_READY] = "completed",
		[VERSION_HELD] = "completed",
		[VERSION_FAILED] = "failed",
		[VERSION_CANCELLED] = "cancelled" };

	if (status == VERSION_WORDS)
		return knowledge_embeds(request->app->knowledge) ? "in_progress" : "completed";
	return names[status];
}

const struct err *
file_status_parse(struct api_request *request, struct str name, unsigned *statuses)
{
	*statuses = 0;
	if (!name.ptr)
		return NULL;
	for (unsigned status = 0; status < VERSION_STATUSES; status++)
		if (str_eq_c(name, file_status_name(request, (enum version_status)status)))
			*statuses |= 1u << status;
	return *statuses ? NULL
			 : err_param(request->arena, ERR_INVALID, "filter", NULL,
				   "filter: must be in_progress, completed, failed or cancelled");
}

const struct err *
chunking_parse(struct api_request *request, const struct json *strategy, unsigned *tokens_max, unsigned *tokens_overlap)
{
	const struct json *fixed = json_get(strategy, "static");
	bool is_static = str_eq_c(json_get_string(strategy, "type"), "static");

	*tokens_max = (unsigned)json_int(json_get(fixed, "max_chunk_size_tokens"), 0);
	*tokens_overlap = (unsigned)json_int(json_get(fixed, "chunk_overlap_tokens"), 0);
	if (is_static != json_is(fixed, JSON_OBJECT))
		return err_param(request->arena, ERR_INVALID, "chunking_strategy", NULL,
			"chunking_strategy: static needs the member static, auto has none");
	if (*tokens_overlap > *tokens_max / 2)
		return err_param(request->arena, ERR_INVALID, "chunking_strategy.static.chunk_overlap_tokens", NULL,
			"chunking_strategy.static.chunk_overlap_tokens: at most half of max_chunk_size_tokens");
	return NULL;
}

/* What follows a text's structure is none of the API's static strategies: it is "other". */
void
put_chunking(struct json_out *out, unsigned tokens_max, unsigned tokens_overlap)
{
	json_set_object(out, "chunking_strategy");
	json_set_string(out, "type", tokens_max ? STR("static") : STR("other"));
	if (tokens_max) {
		json_set_object(out, "static");
		json_set_int(out, "max_chunk_size_tokens", tokens_max);
		json_set_int(out, "chunk_overlap_tokens", tokens_overlap);
		json_end_object(out);
	}
	json_end_object(out);
}

const struct err *
local_only_parse(struct api_request *request, struct collection *collection)
{
	const struct json *said = json_get(request->json, "local_only");

	if (!json_is(said, JSON_BOOL))
		return NULL;
	if (!json_bool(said, false) && !collection->local_only && collection_local_only(request->conf, collection))
		return err_param(request->arena, ERR_INVALID, "local_only", NULL,
			"local_only: a model of the configuration that answers from this collection says knowledge.local_only, which marks it for as long as that is in force");
	if (!json_bool(said, false) && collection->local_only && (!(request->identity->scopes & 1u << SCOPE_ADMIN) || limit_local_only(request->identity)))
		return err_param(request->arena, ERR_FORBIDDEN, "local_only", "local_only",
			"local_only: this mark is taken away with a key of the scope admin, whose own calls are not local_only");
	collection->local_only = json_bool(said, false);
	return NULL;
}

MAY_PARK const struct err *
vector_store_use(struct api_request *request, struct collection *out)
{
	const struct err *err = collection_get(request->app->knowledge, request->arena, request->identity->tenant, request->params[0], out);

	if (!err && out->expired)
		err = err_param(request->arena, ERR_NOT_FOUND, "vector_store_id", "vector_store_expired", "the vector store has expired");
	return err ? err : collection_used(request->app->knowledge, request->arena, out);
}

/* --- a store --- */

static void
put_expiry(struct json_out *out, const struct collection *store)
{
	int64_t days = store->expires_after_days;

	if (!days) {
		json_set_null(out, "expires_after");
		json_set_null(out, "expires_at");
		return;
	}
	json_set_object(out, "expires_after");
	json_set_string(out, "anchor", STR("last_active_at"));
	json_set_int(out, "days", days);
	json_end_object(out);
	json_set_int(out, "expires_at", store->last_active_us / USEC_PER_SEC + days * SECONDS_PER_DAY);
}

static void
put_store(struct json_out *out, struct api_request *request, const struct collection *store)
{
	const int64_t by_status[] = { [VERSION_QUEUED] = store->queued,
		[VERSION_WORDS] = store->words_only,
		[VERSION_READY] = store->ready,
		[VERSION_FAILED] = store->failed,
		[VERSION_CANCELLED] = store->cancelled,
		[VERSION_HELD] = store->held };
	struct file_counts counts = file_counts_of(request, by_status);

	json_begin_object(out);
	json_set_string(out, "id", store->id);
	json_set_string(out, "object", STR("vector_store"));
	json_set_int(out, "created_at", store->created_us / USEC_PER_SEC);
	json_set_string(out, "name", store->name);
	json_set_string(out, "description", store->description);
	json_set_int(out, "usage_bytes", store->bytes);
	put_file_counts(out, &counts);
	json_set_string(out, "status", store->expired ? STR("expired") : counts.in_progress ? STR("in_progress") : STR("completed"));
	put_expiry(out, store);
	json_set_int(out, "last_active_at", store->last_active_us / USEC_PER_SEC);
	json_set_raw(out, "metadata", store->metadata);
	json_set_bool(out, "local_only", collection_local_only(request->conf, store));
	json_end_object(out);
}

static MAY_PARK const struct err *
answer_store(struct api_request *request, const struct collection *store)
{
	struct json_out json;
	struct buf body;

	buf_init(&body, request->arena, KIB(256));
	json_out_init(&json, &body);
	put_store(&json, request, store);
	return api_answer_json(request, 200, &json);
}

/* Members that are there replace those of `store`. */
static const struct err *
parse_store(struct api_request *request, struct collection *store)
{
	const struct json *name = json_get(request->json, "name"), *description = json_get(request->json, "description");
	const struct json *metadata = json_get(request->json, "metadata"), *expiry = json_get(request->json, "expires_after");
	const struct err *err = NULL;

	if (json_is(name, JSON_STRING))
		store->name = json_string(name);
	if (json_is(description, JSON_STRING))
		store->description = json_string(description);
	if (expiry)
		store->expires_after_days = json_int(json_get(expiry, "days"), 0);
	if (metadata)
		err = openai_map_parse(request, metadata, "metadata", &store->metadata);
	if (!err)
		err = openai_name_check(request, store->name, "name");
	if (!err)
		err = openai_name_check(request, store->description, "description");
	return err ? err : local_only_parse(request, store);
}

/* The files of a new store: all there before it is made, and put with one commit. */
static MAY_PARK const struct err *
parse_files(struct api_request *request, struct document_source **out, size_t *count)
{
	const struct json *ids = json_get(request->json, "file_ids");
	struct document_source *sources = arena_array(request->arena, json_count(ids), sizeof(*sources));
	const struct err *err = NULL;
	struct file file;

	*out = sources;
	*count = json_count(ids);
	if (!sources)
		return &err_no_memory;
	for (struct json_iter it = json_iter(ids); !err && json_next(&it);) {
		sources[it.index].file_id = json_string(it.value);
		sources[it.index].local_only = limit_local_only(request->identity);
		err = openai_name_check(request, json_string(it.value), "file_ids");
		if (!err)
			err = file_get(request->app->knowledge, request->arena, request->identity->tenant, json_string(it.value), &file);
	}
	return err;
}

static MAY_PARK const struct err *
fill_store(struct api_request *request, struct collection *store, const struct document_source *sources, size_t count)
{
	struct knowledge *knowledge = request->app->knowledge;
	int64_t tenant = request->identity->tenant;
	struct file_batch batch;
	const struct err *err = file_batch_create(knowledge, request->arena, tenant, store->id, sources, count, &batch);

	if (!err)
		return collection_get(knowledge, request->arena, tenant, store->id, store);
	if (collection_delete(knowledge, request->arena, tenant, store->id))
		return err_detail(
			request->arena, err, "the store %" STR_F " was made without its files, and could not be deleted", STR_A(store->id));
	return err;
}

static MAY_PARK const struct err *
stores_create(struct api_request *request)
{
	struct collection wanted = { .id = STR_EMPTY, .name = STR_EMPTY, .description = STR_EMPTY, .metadata = STR("{}"), .local_only = limit_local_only(request->identity) }, store;
	struct document_source *sources;
	size_t count;
	const struct err *err = parse_store(request, &wanted);

	if (!err)
		err = chunking_parse(
			request, json_get(request->json, "chunking_strategy"), &wanted.chunk_tokens_max, &wanted.chunk_tokens_overlap);
	if (!err)
		err = parse_files(request, &sources, &count);
	if (!err)
		err = collection_create(request->app->knowledge, request->arena, request->identity->tenant, &wanted, &store);
	if (!err && count)
		err = fill_store(request, &store, sources, count);
	return err ? err : answer_store(request, &store);
}

static MAY_PARK const struct err *
stores_list(struct api_request *request)
{
	struct collection *stores;
	struct page_spec page;
	struct json_out json;
	struct buf body;
	size_t count;
	bool more;
	const struct err *err = openai_page_parse(request, PAGE_INITIAL, PAGE_MAX, &page);

	if (!err)
		err = collection_list(request->app->knowledge, request->arena, request->identity->tenant, &page, &stores, &count, &more);
	if (err)
		return err;
	buf_init(&body, request->arena, MIB(8));
	json_out_init(&json, &body);
	openai_list_begin(&json);
	for (size_t i = 0; i < count; i++)
		put_store(&json, request, &stores[i]);
	openai_list_end(&json, count ? stores[0].id : STR_EMPTY, count ? stores[count - 1].id : STR_EMPTY, more);
	return api_answer_json(request, 200, &json);
}

static MAY_PARK const struct err *
stores_get(struct api_request *request)
{
	struct collection store;
	const struct err *err =
		collection_get(request->app->knowledge, request->arena, request->identity->tenant, request->params[0], &store);

	return err ? err : answer_store(request, &store);
}

static MAY_PARK const struct err *
stores_update(struct api_request *request)
{
	struct knowledge *knowledge = request->app->knowledge;
	int64_t tenant = request->identity->tenant;
	struct collection wanted, store;
	struct str name;
	bool by_name;
	const struct err *err = collection_get(knowledge, request->arena, tenant, request->params[0], &wanted);

	if (err)
		return err;
	name = wanted.name;
	by_name = !wanted.local_only && collection_local_only(request->conf, &wanted);
	err = parse_store(request, &wanted);
	if (by_name && !str_eq(wanted.name, name)) /* the configuration marks it by a name that it loses */
		wanted.local_only = true;
	if (!err)
		err = collection_update(knowledge, request->arena, tenant, wanted.id, &wanted, &store);
	return err ? err : answer_store(request, &store);
}

static MAY_PARK const struct err *
stores_delete(struct api_request *request)
{
	struct knowledge *knowledge = request->app->knowledge;
	struct collection store;
	const struct err *err = collection_get(knowledge, request->arena, request->identity->tenant, request->params[0], &store);

	if (!err)
		err = collection_delete(knowledge, request->arena, request->identity->tenant, store.id);
	return err ? err : openai_answer_deleted(request, store.id, "vector_store.deleted");
}

#define SCHEMA_EXPIRY                                                                                                                      \
	"{\"type\":[\"object\",\"null\"],\"required\":[\"anchor\",\"days\"],\"properties\":{\"anchor\":{\"const\":\"last_active_at\"},"    \
	"\"days\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":365}}}"
#define SCHEMA_NAMES                                                                                                                       \
	"\"name\":{\"type\":[\"string\",\"null\"],\"maxLength\":256},\"description\":{\"type\":[\"string\",\"null\"],\"maxLength\":512},"  \
	"\"metadata\":" SCHEMA_METADATA ",\"expires_after\":" SCHEMA_EXPIRY ",\"local_only\":" SCHEMA_LOCAL_ONLY
#define SCHEMA_CREATE                                                                                                                      \
	"{\"type\":\"object\",\"properties\":{" SCHEMA_NAMES ",\"chunking_strategy\":" SCHEMA_CHUNKING                                     \
	",\"file_ids\":{\"type\":\"array\","                                                                                               \
	"\"maxItems\":500,\"items\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":100}}}}"
#define SCHEMA_UPDATE "{\"type\":\"object\",\"properties\":{" SCHEMA_NAMES "}}"

static const struct route routes[] = {
	{ .method = HTTP_POST,
		.path = "/v1/vector_stores",
		.name = "vector_stores.create",
		.scope = SCOPE_KNOWLEDGE_WRITE,
		.errors = &openai_errors,
		.body = BODY_JSON,
		.body_bytes_max = MIB(1),
		.request_schema = SCHEMA_CREATE,
		.handler = stores_create,
		.answer = "VectorStore",
		.summary = "Make a vector store" },
	{ .method = HTTP_GET,
		.path = "/v1/vector_stores",
		.name = "vector_stores.list",
		.scope = SCOPE_KNOWLEDGE_READ,
		.errors = &openai_errors,
		.query = "limit order after before",
		.handler = stores_list,
		.answer = "VectorStoreList",
		.summary = "List the vector stores" },
	{ .method = HTTP_GET,
		.path = "/v1/vector_stores/{id}",
		.name = "vector_stores.get",
		.scope = SCOPE_KNOWLEDGE_READ,
		.errors = &openai_errors,
		.handler = stores_get,
		.answer = "VectorStore",
		.summary = "Show a vector store" },
	{ .method = HTTP_POST,
		.path = "/v1/vector_stores/{id}",
		.name = "vector_stores.update",
		.scope = SCOPE_KNOWLEDGE_WRITE,
		.errors = &openai_errors,
		.body = BODY_JSON,
		.body_bytes_max = MIB(1),
		.request_schema = SCHEMA_UPDATE,
		.handler = stores_update,
		.answer = "VectorStore",
		.summary = "Change a vector store's name, description, metadata, expiry or mark of local_only" },
	{ .method = HTTP_DELETE,
		.path = "/v1/vector_stores/{id}",
		.name = "vector_stores.delete",
		.scope = SCOPE_KNOWLEDGE_WRITE,
		.errors = &openai_errors,
		.handler = stores_delete,
		.answer = "Deleted",
		.summary = "Delete a vector store; its files stay" },
};
const struct route_table openai_vector_stores_routes = { routes, COUNT(routes) };
