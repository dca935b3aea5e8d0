/*
 * admin.c - records and backups, for operators and the command line. Errors have OpenAI's shape here too.
 */
#include "api/api.h"
#include "store/store.h"
#include "telemetry/record.h"

enum { TRACE_ARENA_MAX = 64 * 1024 * 1024, TRACE_MAX = 64 * 1024 * 1024 };

/* --- records --- */

static void
put_summary(struct json_out *out, const struct trace_summary *summary)
{
	const struct {
		const char *name;
		struct str text;
	} texts[] = { { "trace_id", summary->trace_id }, { "request_id", summary->request_id }, { "response_id", summary->response_id },
		{ "operation", summary->operation }, { "model", summary->model }, { "provider", summary->provider }, { "target_model", summary->target_model },
		{ "outcome", summary->outcome }, { "error_type", summary->error_type }, { "finish_reason", summary->finish_reason }, { "key_id", summary->key_id } };

	json_begin_object(out);
	for (size_t i = 0; i < COUNT(texts); i++)
		json_set_string(out, texts[i].name, texts[i].text);
	json_set_int(out, "status", summary->status);
	json_set_int(out, "started_us", summary->started_us);
	json_set_int(out, "duration_us", summary->duration_us);
	json_set_int(out, "first_chunk_us", summary->first_chunk_us);
	json_set_int(out, "input_tokens", summary->input_tokens);
	json_set_int(out, "output_tokens", summary->output_tokens);
	json_set_bool(out, "tokens_estimated", summary->estimated);
	json_set_int(out, "cost_nanodollars", summary->cost_nanos);
	json_end_object(out);
}

static MAY_PARK const struct err *
traces_list(struct api_request *request)
{
	struct str after = api_query(request, "after");
	struct trace_summary *list;
	struct json_out json;
	struct buf body;
	int64_t limit;
	size_t count;
	const struct err *err = api_query_int(request, "limit", 20, 1, 1000, &limit);

	if (!err)
		err = record_list(request->app->store, request->arena, request->identity->tenant, after.ptr ? after : STR_EMPTY, (unsigned)limit, &list, &count);
	if (err)
		return err;
	buf_init(&body, request->arena, MIB(4));
	json_out_init(&json, &body);
	json_begin_object(&json);
	json_set_string(&json, "object", STR("list"));
	json_set_array(&json, "data");
	for (size_t i = 0; i < count; i++)
		put_summary(&json, &list[i]);
	json_end_array(&json);
	json_set_bool(&json, "has_more", count == (size_t)limit);
	json_end_object(&json);
	return api_answer_json(request, 200, &json);
}

static MAY_PARK const struct err *
traces_get(struct api_request *request)
{
	struct arena *arena = arena_new(TRACE_ARENA_MAX); /* messages may be more than the exchange's memory */
	struct buf body;
	const struct err *err;

	buf_init(&body, NULL, TRACE_MAX);
	err = err_copy(request->arena, record_show(request->app->store, arena, request->identity->tenant, request->params[0], &body));
	arena_free(arena);
	if (!err)
		err = http_answer(request->http, 200, STR("application/json"), buf_str(&body));
	buf_fini(&body);
	return err;
}

/* --- backup --- */

static MAY_PARK const struct err *
backup_create(struct api_request *request)
{
	struct str path = json_get_string(request->json, "path");
	struct json_out json;
	struct buf body;
	const struct err *err = api_require_operator(request);

	if (err)
		return err;
	if (path.ptr[0] != '/')
		return err_param(request->arena, ERR_INVALID, "path", NULL, "path: expected an absolute path on the server for the new file");
	err = store_backup(request->app->store, request->arena, path);
	if (err)
		return err;
	buf_init(&body, request->arena, KIB(16));
	json_out_init(&json, &body);
	json_begin_object(&json);
	json_set_string(&json, "object", STR("backup"));
	json_set_string(&json, "path", path);
	json_end_object(&json);
	return api_answer_json(request, 200, &json);
}

#define BACKUP_SCHEMA "{\"type\":\"object\",\"required\":[\"path\"],\"properties\":{\"path\":{\"type\":\"string\",\"minLength\":2,\"maxLength\":4096}}}"

static const struct route routes[] = {
	{ .method = HTTP_GET, .path = "/admin/v1/traces", .name = "admin.traces.list", .scope = SCOPE_TRACE_READ, .errors = &openai_errors, .query = "limit after", .handler = traces_list,
		.answer = "TraceList", .summary = "List the records of interactions, newest first" },
	{ .method = HTTP_GET, .path = "/admin/v1/traces/{id}", .name = "admin.traces.get", .scope = SCOPE_TRACE_READ, .errors = &openai_errors, .handler = traces_get,
		.answer = "TraceDetail", .summary = "One trace with its spans, messages, sources, tokens and cost" },
	{ .method = HTTP_POST, .path = "/admin/v1/backup", .name = "admin.backup", .scope = SCOPE_ADMIN, .errors = &openai_errors, .body = BODY_JSON,
		.body_bytes_max = KIB(64), .request_schema = BACKUP_SCHEMA, .handler = backup_create, .answer = "Backup", .summary = "Copy the database to a new file while serving" },
};
const struct route_table admin_routes = { routes, COUNT(routes) };
