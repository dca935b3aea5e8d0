/*
 * admin.c - keys, records and backups, for operators and the command line. Errors have OpenAI's shape here too.
 */
#include "api/api.h"
#include "base/clock.h"
#include "store/store.h"
#include "telemetry/record.h"

/* --- keys --- */

static void
put_key(struct json_out *out, const struct key *key, struct str secret)
{
	json_begin_object(out);
	json_set_string(out, "id", key->id);
	json_set_string(out, "object", STR("key"));
	json_set_string(out, "prefix", key->prefix);
	json_set_string(out, "name", key->name);
	json_set_array(out, "scopes");
	for (unsigned scope = 1; scope < SCOPES; scope++)
		if (key->scopes & 1u << scope)
			json_put_string(out, str_of(key_scope_name((enum key_scope)scope)));
	json_end_array(out);
	json_set_int(out, "created_us", key->created_us);
	json_set_int(out, "expires_us", key->expires_us);
	json_set_int(out, "revoked_us", key->revoked_us);
	json_set_int(out, "used_us", key->used_us);
	if (secret.len)
		json_set_string(out, "key", secret);
	json_end_object(out);
}

/* The body has passed its schema. */
static struct key_spec
parse_key(struct api_request *request)
{
	int64_t seconds = json_int(json_get(request->json, "expires_in_seconds"), 0);
	struct key_spec spec = { .name = json_get_string(request->json, "name"), .expires_us = seconds ? clock_wall_us() + seconds * USEC_PER_SEC : 0 };
	enum key_scope scope;

	for (struct json_iter it = json_iter(json_get(request->json, "scopes")); json_next(&it);)
		if (key_scope_parse(json_string(it.value), &scope))
			spec.scopes |= 1u << scope;
	return spec;
}

static MAY_PARK const struct err *
keys_create(struct api_request *request)
{
	struct key_spec spec = parse_key(request);
	struct json_out json;
	struct buf body;
	struct key key;
	struct str secret;
	const struct err *err = key_create(request->app->access, request->arena, request->identity->tenant, &spec, &key, &secret);

	if (err)
		return err;
	buf_init(&body, request->arena, KIB(16));
	json_out_init(&json, &body);
	put_key(&json, &key, secret);
	return api_answer_json(request, 201, &json);
}

static MAY_PARK const struct err *
keys_list(struct api_request *request)
{
	struct str after = api_query(request, "after");
	struct key *keys;
	struct json_out json;
	struct buf body;
	int64_t limit;
	size_t count;
	const struct err *err = api_query_int(request, "limit", 100, 1, 1000, &limit);

	if (!err)
		err = key_list(request->app->access, request->arena, request->identity->tenant, after.ptr ? after : STR_EMPTY, (unsigned)limit, &keys, &count);
	if (err)
		return err;
	buf_init(&body, request->arena, MIB(1));
	json_out_init(&json, &body);
	json_begin_object(&json);
	json_set_string(&json, "object", STR("list"));
	json_set_array(&json, "data");
	for (size_t i = 0; i < count; i++)
		put_key(&json, &keys[i], STR_EMPTY);
	json_end_array(&json);
	json_set_bool(&json, "has_more", count == (size_t)limit);
	json_end_object(&json);
	return api_answer_json(request, 200, &json);
}

static MAY_PARK const struct err *
keys_revoke(struct api_request *request)
{
	struct json_out json;
	struct buf body;
	const struct err *err = key_revoke(request->app->access, request->arena, request->identity->tenant, request->params[0]);

	if (err)
		return err;
	buf_init(&body, request->arena, KIB(4));
	json_out_init(&json, &body);
	json_begin_object(&json);
	json_set_string(&json, "id", request->params[0]);
	json_set_string(&json, "object", STR("key.deleted"));
	json_set_bool(&json, "deleted", true);
	json_end_object(&json);
	return api_answer_json(request, 200, &json);
}

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
	struct buf body;
	const struct err *err;

	buf_init(&body, request->arena, MIB(15));
	err = record_show(request->app->store, request->arena, request->identity->tenant, request->params[0], &body);
	return err ? err : http_answer(request->http, 200, STR("application/json"), buf_str(&body));
}

/* --- backup --- */

static MAY_PARK const struct err *
backup_create(struct api_request *request)
{
	struct str path = json_get_string(request->json, "path");
	struct json_out json;
	struct buf body;
	const struct err *err;

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

#define KEY_SCHEMA                                                                                                                        \
	"{\"type\":\"object\",\"required\":[\"name\",\"scopes\"],\"properties\":{\"name\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":100},"                     \
	"\"scopes\":{\"type\":\"array\",\"minItems\":1,\"items\":{\"enum\":[\"admin\",\"model.use\",\"knowledge.read\",\"knowledge.write\",\"trace.read\","      \
	"\"metrics.read\"]}},\"expires_in_seconds\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":3155760000}}}"
#define BACKUP_SCHEMA "{\"type\":\"object\",\"required\":[\"path\"],\"properties\":{\"path\":{\"type\":\"string\",\"minLength\":2,\"maxLength\":4096}}}"

static const struct route routes[] = {
	{ .method = HTTP_POST, .path = "/admin/v1/keys", .name = "admin.keys.create", .scope = SCOPE_ADMIN, .errors = &openai_errors, .body = BODY_JSON,
		.body_bytes_max = KIB(64), .request_schema = KEY_SCHEMA, .handler = keys_create, .summary = "Make a key; its secret is in this answer only" },
	{ .method = HTTP_GET, .path = "/admin/v1/keys", .name = "admin.keys.list", .scope = SCOPE_ADMIN, .errors = &openai_errors, .handler = keys_list,
		.summary = "List the keys" },
	{ .method = HTTP_DELETE, .path = "/admin/v1/keys/{id}", .name = "admin.keys.revoke", .scope = SCOPE_ADMIN, .errors = &openai_errors, .handler = keys_revoke,
		.summary = "Revoke a key, everywhere within a second" },
	{ .method = HTTP_GET, .path = "/admin/v1/traces", .name = "admin.traces.list", .scope = SCOPE_TRACE_READ, .errors = &openai_errors, .handler = traces_list,
		.summary = "List the records of interactions, newest first" },
	{ .method = HTTP_GET, .path = "/admin/v1/traces/{id}", .name = "admin.traces.get", .scope = SCOPE_TRACE_READ, .errors = &openai_errors, .handler = traces_get,
		.summary = "One trace with its spans, messages, sources, tokens and cost" },
	{ .method = HTTP_POST, .path = "/admin/v1/backup", .name = "admin.backup", .scope = SCOPE_ADMIN, .errors = &openai_errors, .body = BODY_JSON,
		.body_bytes_max = KIB(64), .request_schema = BACKUP_SCHEMA, .handler = backup_create, .summary = "Copy the database to a new file while serving" },
};
const struct route_table admin_routes = { routes, COUNT(routes) };
