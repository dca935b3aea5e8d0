/*
 * admin_configuration.c - the configuration: what is in force, and providers and models changed in the store (conf/watch.h). For operators and the command line.
 *
 * Bodies of providers and models have exactly the members of the file. Every answer carries the version of the configuration as its ETag; a change that names it in If-Match is refused
 * with 412 when what it changes has changed since.
 */
#include "api/admin.h"
#include "conf/reseal.h"
#include "conf/secrets.h"
#include "conf/show.h"
#include "conf/versions.h"
#include "conf/watch.h"

enum { ANSWER_MAX = 64 * 1024 * 1024, REASON_MAX = 1000, EDITS_MAX = 20000 };

#define BULK_MAX MIB(16)

/* --- what all of them share --- */

static void
answer_version(struct api_request *request, int64_t version)
{
	http_answer_header(request->http, STR("etag"), arena_printf(request->arena, "\"%lld\"", (long long)version));
}

/* The entries in force now: not those that the request began with, which may be from before its own change. */
static MAY_PARK const struct err *
answer_entry(struct api_request *request, enum entry_kind kind, struct str name, int status, int64_t version)
{
	struct conf *conf = conf_watch_get(request->app->watch);
	struct json_out json;
	struct buf body;
	const struct err *err;
	bool there;

	buf_init(&body, NULL, ANSWER_MAX);
	json_out_init(&json, &body);
	there = conf_show_entry(&json, conf, kind, name);
	conf_unref(conf);
	answer_version(request, version);
	err = there ? api_answer_json(request, status, &json)
		    : err_param(request->arena, ERR_NOT_FOUND, NULL, "entry_not_found", "there is no %s \"%" STR_F "\"", entry_kind_name(kind), STR_A(name));
	buf_fini(&body);
	return err;
}

/* A number as ETags have it. False: none of ours. */
static bool
etag_parse(struct str text, int64_t *out)
{
	text = str_trim(text);
	if (text.len >= 2 && text.ptr[0] == '"' && text.ptr[text.len - 1] == '"')
		text = str_slice(text, 1, text.len - 1);
	return str_to_i64(text, out) && *out >= 0;
}

static const struct err *
match_given(struct api_request *request, struct conf_change *change)
{
	struct str match = http_header_get(&request->http->headers, STR("if-match")), none = http_header_get(&request->http->headers, STR("if-none-match"));

	if (match.ptr && str_eq_c(str_trim(match), "*"))
		change->match = CONF_MATCH_THERE;
	else if (match.ptr && etag_parse(match, &change->match_version))
		change->match = CONF_MATCH_VERSION;
	else if (match.ptr)
		return err_param(request->arena, ERR_INVALID, "If-Match", NULL, "If-Match: expected the ETag of an earlier answer, such as \"17\", or *");
	if (none.ptr && !str_eq_c(str_trim(none), "*"))
		return err_param(request->arena, ERR_INVALID, "If-None-Match", NULL, "If-None-Match: expected *");
	if (none.ptr)
		change->match = CONF_MATCH_NONE;
	return NULL;
}

/* Who, why and under which condition. */
static const struct err *
change_begin(struct api_request *request, struct conf_change *change)
{
	const struct err *err = api_require_operator(request);

	if (!change->reason.ptr)
		change->reason = api_query(request, "reason");
	if (!change->reason.ptr)
		change->reason = STR_EMPTY;
	change->actor = str_of(request->identity->key_id);
	if (!err && (change->reason.len > REASON_MAX || memchr(change->reason.ptr, 0, change->reason.len)))
		err = err_param(request->arena, ERR_INVALID, "reason", NULL, "reason: expected a text of at most %d bytes", REASON_MAX);
	return err ? err : match_given(request, change);
}

/* --- one entry --- */

/* Two rows share each handler. */
static enum entry_kind
kind_of(const struct api_request *request)
{
	return str_starts(str_of(request->route->path), STR("/admin/v1/providers")) ? ENTRY_PROVIDER : ENTRY_MODEL;
}

static MAY_PARK const struct err *
entries_list(struct api_request *request)
{
	enum entry_kind kind = kind_of(request);
	struct json_out json;
	struct buf body;
	struct str after;
	unsigned limit;
	bool more;
	const struct err *err = api_require_operator(request);

	if (!err)
		err = admin_page(request, &after, &limit);
	if (err)
		return err;
	buf_init(&body, NULL, ANSWER_MAX);
	json_out_init(&json, &body);
	json_begin_object(&json);
	json_set_string(&json, "object", STR("list"));
	json_set_array(&json, "data");
	more = conf_show_list(&json, request->conf, kind, after, limit);
	json_end_array(&json);
	json_set_bool(&json, "has_more", more);
	json_end_object(&json);
	err = api_answer_json(request, 200, &json);
	buf_fini(&body);
	return err;
}

static MAY_PARK const struct err *
entries_get(struct api_request *request)
{
	enum entry_kind kind = kind_of(request);
	const struct err *err = api_require_operator(request);
	struct conf_status status;

	conf_watch_status(request->app->watch, &status);
	return err ? err : answer_entry(request, kind, request->params[0], 200, status.in_force);
}

/* Puts the entry that the path names, or removes it. */
static MAY_PARK const struct err *
entry_change(struct api_request *request, const char *action, const struct json *body, struct conf_changed *changed)
{
	struct conf_edit edit = { kind_of(request), request->params[0], body };
	struct conf_change change = { .edits = &edit, .count = 1, .action = action };
	const struct err *err = change_begin(request, &change);

	if (!err && edit.name.len > ENTRY_NAME_MAX)
		err = err_param(request->arena, ERR_INVALID, "name", NULL, "name: at most %d bytes", ENTRY_NAME_MAX);
	return err ? err : conf_watch_change(request->app->watch, request->arena, &change, changed);
}

static MAY_PARK const struct err *
entries_put(struct api_request *request)
{
	enum entry_kind kind = kind_of(request);
	bool there = conf_entry_version(request->conf, kind, request->params[0]) > 0;
	struct conf_changed changed;
	const struct err *err = entry_change(request, "put", request->json, &changed);

	return err ? err : answer_entry(request, kind, request->params[0], there ? 200 : 201, changed.version);
}

static MAY_PARK const struct err *
entries_delete(struct api_request *request)
{
	struct conf_changed changed;
	struct json_out json;
	struct buf body;
	const struct err *err = entry_change(request, "delete", NULL, &changed);

	if (err)
		return err;
	buf_init(&body, request->arena, KIB(4));
	json_out_init(&json, &body);
	json_begin_object(&json);
	json_set_string(&json, "object", arena_printf(request->arena, "%s.deleted", entry_kind_name(kind_of(request))));
	json_set_string(&json, "name", request->params[0]);
	json_set_bool(&json, "deleted", true);
	json_set_int(&json, "version", changed.version);
	json_end_object(&json);
	answer_version(request, changed.version);
	return api_answer_json(request, 200, &json);
}

/* --- the whole --- */

static void
put_source(struct json_out *json, const char *name, unsigned mistakes, const char *text)
{
	json_set_object(json, name);
	json_set_string(json, "state", mistakes ? STR("refused") : STR("in force"));
	json_set_int(json, "mistakes", mistakes);
	if (mistakes)
		json_set_string(json, "first_mistake", str_of(text));
}

static MAY_PARK const struct err *
configuration_get(struct api_request *request)
{
	static const char *const lists[] = { [ENTRY_PROVIDER] = "providers", [ENTRY_MODEL] = "models" };
	struct conf_status status;
	struct json_out json;
	struct buf body;
	const struct err *err = api_require_operator(request);

	if (err)
		return err;
	conf_watch_status(request->app->watch, &status);
	buf_init(&body, NULL, ANSWER_MAX);
	json_out_init(&json, &body);
	json_begin_object(&json);
	json_set_string(&json, "object", STR("configuration"));
	json_set_string(&json, "version", conf_version(request->conf));
	put_source(&json, "file", status.file_mistakes, status.file_text);
	json_end_object(&json);
	put_source(&json, "stored", status.stored_mistakes, status.stored_text);
	json_set_int(&json, "version", status.stored);
	json_set_int(&json, "version_in_force", status.in_force);
	json_end_object(&json);
	for (size_t kind = 0; kind < ENTRY_KINDS; kind++) {
		json_set_array(&json, lists[kind]);
		(void)conf_show_list(&json, request->conf, (enum entry_kind)kind, STR_EMPTY, SIZE_MAX);
		json_end_array(&json);
	}
	json_key(&json, STR("embeddings"));
	conf_show_embeddings(&json, request->conf);
	json_end_object(&json);
	answer_version(request, status.in_force);
	err = api_answer_json(request, 200, &json);
	buf_fini(&body);
	return err;
}

/* --- several at once: {"providers": […], "models": […], "remove": {"providers": ["name"], "models": ["name"]}} --- */

struct edits {
	struct conf_edit *list;
	size_t count;
};

static const struct err *
edits_add(struct api_request *request, struct edits *edits, enum entry_kind kind, const char *member, size_t index, struct str name, const struct json *json)
{
	if (!name.ptr || name.len == 0 || name.len > ENTRY_NAME_MAX)
		return err_param(request->arena, ERR_INVALID, arena_cstr(request->arena, arena_printf(request->arena, "%s[%zu]", member, index)), NULL,
			"%s[%zu]: expected %s of 1 to %d bytes", member, index, json ? "an object with a \"name\"" : "a name", ENTRY_NAME_MAX);
	if (edits->count == EDITS_MAX)
		return err_new(request->arena, ERR_TOO_LARGE, "more than %d entries in one change", EDITS_MAX);
	edits->list[edits->count++] = (struct conf_edit){ kind, name, json };
	return NULL;
}

static const struct err *
edits_read(struct api_request *request, struct edits *edits)
{
	static const char *const members[] = { [ENTRY_PROVIDER] = "providers", [ENTRY_MODEL] = "models" };
	const struct json *removed = json_get(request->json, "remove");
	const struct err *err = NULL;
	size_t room = 1;

	for (size_t kind = 0; kind < ENTRY_KINDS; kind++)
		room += json_count(json_get(request->json, members[kind])) + json_count(json_get(removed, members[kind]));
	edits->count = 0;
	edits->list = arena_array(request->arena, room, sizeof(*edits->list));
	if (!edits->list)
		return &err_no_memory;
	for (size_t kind = 0; kind < ENTRY_KINDS; kind++) {
		for (struct json_iter it = json_iter(json_get(request->json, members[kind])); !err && json_next(&it);)
			err = edits_add(request, edits, (enum entry_kind)kind, members[kind], it.index, json_get_string(it.value, "name"), it.value);
		for (struct json_iter it = json_iter(json_get(removed, members[kind])); !err && json_next(&it);)
			err = edits_add(request, edits, (enum entry_kind)kind, kind ? "remove.models" : "remove.providers", it.index, json_string(it.value), NULL);
	}
	return err;
}

/* Makes the change of a request's body, or with `dry` only looks at it. */
static MAY_PARK const struct err *
edits_apply(struct api_request *request, bool dry, struct conf_changed *changed)
{
	struct conf_change change = { .action = "change", .dry = dry };
	struct edits edits;
	const struct err *err = change_begin(request, &change);

	if (!err)
		err = edits_read(request, &edits);
	if (err)
		return err;
	change.edits = edits.list;
	change.count = edits.count;
	return conf_watch_change(request->app->watch, request->arena, &change, changed);
}

static MAY_PARK const struct err *
answer_changed(struct api_request *request, const struct conf_changed *changed)
{
	struct json_out json;
	struct buf body;

	buf_init(&body, request->arena, KIB(4));
	json_out_init(&json, &body);
	json_begin_object(&json);
	json_set_string(&json, "object", STR("configuration.changed"));
	json_set_int(&json, "version", changed->version);
	json_set_bool(&json, "changed", changed->changed);
	json_end_object(&json);
	answer_version(request, changed->version);
	return api_answer_json(request, 200, &json);
}

static MAY_PARK const struct err *
configuration_change(struct api_request *request)
{
	struct conf_changed changed;
	const struct err *err = edits_apply(request, false, &changed);

	return err ? err : answer_changed(request, &changed);
}

static MAY_PARK const struct err *
configuration_check(struct api_request *request)
{
	struct conf_changed changed;
	struct json_out json;
	struct buf body;
	const struct err *err = edits_apply(request, true, &changed);

	if (err)
		return err;
	buf_init(&body, request->arena, MIB(1));
	json_out_init(&json, &body);
	json_begin_object(&json);
	json_set_string(&json, "object", STR("configuration.check"));
	json_set_bool(&json, "valid", changed.problems.count == 0);
	json_set_bool(&json, "changes", changed.changed);
	json_set_int(&json, "mistakes", changed.problems.count);
	json_set_array(&json, "problems");
	for (const struct problem *problem = changed.problems.first; problem; problem = problem->next) {
		json_begin_object(&json);
		json_set_string(&json, "source", problem->source);
		json_set_int(&json, "line", problem->line);
		json_set_string(&json, "path", problem->path);
		json_set_string(&json, "message", problem->text);
		json_end_object(&json);
	}
	json_end_array(&json);
	json_end_object(&json);
	return api_answer_json(request, 200, &json);
}

static MAY_PARK const struct err *
configuration_rollback(struct api_request *request)
{
	int64_t version = json_int(json_get(request->json, "version"), 0);
	struct conf_change change = { .rollback = true, .to_version = version, .action = "rollback", .reason = json_get_string(request->json, "reason") };
	struct conf_changed changed;
	const struct err *err;

	if (!change.reason.ptr)
		change.reason = arena_printf(request->arena, "back to version %lld", (long long)version);
	err = change_begin(request, &change);
	if (!err)
		err = conf_watch_change(request->app->watch, request->arena, &change, &changed);
	return err ? err : answer_changed(request, &changed);
}

/* --- versions --- */

static void
put_version(struct json_out *json, const struct version_row *row)
{
	json_begin_object(json);
	json_set_string(json, "object", STR("configuration.version"));
	json_set_int(json, "version", row->version);
	json_set_int(json, "created_us", row->created_us);
	json_set_string(json, "actor", row->actor);
	json_set_string(json, "action", row->action);
	json_set_string(json, "reason", row->reason);
	json_set_string(json, "hash", row->hash);
}

static void
put_version_listed(struct json_out *json, const void *object)
{
	put_version(json, object);
	json_end_object(json);
}

static const struct err *
need_store(struct api_request *request)
{
	const struct err *err = api_require_operator(request);

	if (!err && !conf_watch_store(request->app->watch))
		err = err_new(request->arena, ERR_UNSUPPORTED, "this server keeps no configuration but the file's");
	return err;
}

static MAY_PARK const struct err *
versions_page(struct api_request *request)
{
	struct version_row *rows;
	int64_t before, limit;
	size_t count;
	const struct err *err = need_store(request);

	if (!err)
		err = api_query_int(request, "before", INT64_MAX, 1, INT64_MAX, &before);
	if (!err)
		err = api_query_int(request, "limit", 100, 1, 1000, &limit);
	if (!err)
		err = versions_list(conf_watch_store(request->app->watch), request->arena, before, (unsigned)limit, &rows, &count);
	return err ? err : admin_answer_list(request, put_version_listed, rows, sizeof(*rows), count, count == (size_t)limit);
}

static MAY_PARK const struct err *
version_get(struct api_request *request)
{
	struct entry_change *changes;
	struct version_row row;
	struct json_out json;
	struct buf body;
	int64_t version;
	size_t count;
	const struct err *err = need_store(request);

	if (!err && !str_to_i64(request->params[0], &version))
		err = err_param(request->arena, ERR_INVALID, "version", NULL, "version: expected a whole number");
	if (!err)
		err = versions_get(conf_watch_store(request->app->watch), request->arena, version, conf_watch_secrets(request->app->watch), &row, &changes, &count);
	if (err)
		return err;
	buf_init(&body, NULL, ANSWER_MAX);
	json_out_init(&json, &body);
	put_version(&json, &row);
	json_set_array(&json, "changes");
	for (size_t i = 0; i < count; i++) {
		json_begin_object(&json);
		json_set_string(&json, "kind", str_of(entry_kind_name(changes[i].kind)));
		json_set_string(&json, "name", changes[i].name);
		json_set_bool(&json, "removed", !changes[i].entry);
		if (changes[i].entry) {
			json_key(&json, STR("configuration"));
			conf_show_stored(&json, changes[i].entry);
		}
		json_end_object(&json);
	}
	json_end_array(&json);
	json_end_object(&json);
	err = api_answer_json(request, 200, &json);
	buf_fini(&body);
	return err;
}

/* --- secrets --- */

enum { KEYS_SHOWN = 32 };

static MAY_PARK const struct err *
secrets_get(struct api_request *request)
{
	struct conf_watch *watch = request->app->watch;
	struct seal_count *counts = arena_array(request->arena, KEYS_SHOWN, sizeof(*counts));
	struct secrets_ids ids;
	struct conf_status status;
	struct json_out json;
	struct buf body;
	int64_t others;
	size_t count;
	const struct err *err = need_store(request);

	if (!err)
		err = counts ? seals_count(conf_watch_store(watch), request->arena, conf_watch_secrets(watch), counts, KEYS_SHOWN, &count, &others) : &err_no_memory;
	if (err)
		return err;
	secrets_ids(conf_watch_secrets(watch), &ids);
	conf_watch_status(watch, &status);
	buf_init(&body, request->arena, KIB(16));
	json_out_init(&json, &body);
	json_begin_object(&json);
	json_set_string(&json, "object", STR("configuration.secrets"));
	json_set_string(&json, "key", ids.count ? str_of(ids.list[0]) : STR_EMPTY);
	json_set_array(&json, "data");
	for (size_t i = 0; i < count; i++) {
		json_begin_object(&json);
		json_set_string(&json, "key", str_of(counts[i].key));
		json_set_bool(&json, "opens", counts[i].opens);
		json_set_int(&json, "secrets", counts[i].secrets);
		json_end_object(&json);
	}
	json_end_array(&json);
	json_set_int(&json, "others", others);
	json_set_object(&json, "resealing");
	json_set_int(&json, "done", status.reseal_done);
	json_set_int(&json, "total", status.reseal_total);
	json_end_object(&json);
	json_end_object(&json);
	return api_answer_json(request, 200, &json);
}

static MAY_PARK const struct err *
secrets_reseal_post(struct api_request *request)
{
	struct conf_reseal reseal = { .new_key = json_bool(json_get(request->json, "new_key"), false),
		.leave_unreadable = json_bool(json_get(request->json, "leave_unreadable"), false) };
	struct conf_change change = { .reason = json_get_string(request->json, "reason") };
	struct conf_resealed done;
	struct secrets_ids ids;
	struct json_out json;
	struct buf body;
	const struct err *err = need_store(request);

	if (!err)
		err = change_begin(request, &change);
	reseal.actor = change.actor;
	reseal.reason = change.reason;
	if (!err)
		err = conf_watch_reseal(request->app->watch, request->arena, &reseal, &done);
	if (err)
		return err;
	secrets_ids(conf_watch_secrets(request->app->watch), &ids);
	buf_init(&body, request->arena, KIB(4));
	json_out_init(&json, &body);
	json_begin_object(&json);
	json_set_string(&json, "object", STR("configuration.resealed"));
	json_set_int(&json, "version", done.version);
	json_set_string(&json, "key", str_of(ids.list[0]));
	json_set_int(&json, "secrets", done.secrets);
	json_set_int(&json, "entries", done.entries);
	json_set_int(&json, "kept", done.kept);
	json_set_int(&json, "unreadable", done.unreadable);
	json_end_object(&json);
	answer_version(request, done.version);
	return api_answer_json(request, 200, &json);
}

/* --- rows --- */

#define NAMES "{\"type\":\"array\",\"items\":{\"type\":\"string\"}}"
#define OBJECTS "{\"type\":\"array\",\"items\":{\"type\":\"object\"}}"
#define CHANGE_SCHEMA                                                                                                                                         \
	"{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"providers\":" OBJECTS ",\"models\":" OBJECTS                                    \
	",\"remove\":{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"providers\":" NAMES ",\"models\":" NAMES "}}}}"
#define ROLLBACK_SCHEMA                                                                                                                                       \
	"{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"version\"],\"properties\":{\"version\":{\"type\":\"integer\",\"minimum\":0},"      \
	"\"reason\":{\"type\":\"string\"}}}"
#define RESEAL_SCHEMA                                                                                                                                         \
	"{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"new_key\":{\"type\":\"boolean\"},\"leave_unreadable\":{\"type\":\"boolean\"},"  \
	"\"reason\":{\"type\":\"string\"}}}"
#define ROW_JSON(method_, path_, name_, max_, schema_, asks_, answer_, handler_, summary_)                                                                                   \
	{ .method = method_, .path = path_, .name = name_, .scope = SCOPE_ADMIN, .errors = &openai_errors, .body = BODY_JSON, .body_bytes_max = max_,            \
		.request_schema = schema_, .query = "reason", .asks = asks_, .answer = answer_, .made = (method_) == HTTP_PUT ? MADE_PERHAPS : MADE_NOTHING, .handler = handler_, .summary = summary_ }
#define ENTRY_ROWS(kinds, what, settings)                                                                                                                              \
	ADMIN_ROUTE(HTTP_GET, "/admin/v1/" #kinds, "admin." #kinds ".list", "limit after", "EntryList", entries_list, "List the " #kinds " in force, and where each came from"),                    \
	ADMIN_ROUTE(HTTP_GET, "/admin/v1/" #kinds "/{name...}", "admin." #kinds ".get", NULL, "Entry", entries_get, "One " what ", without secrets"),                                  \
	ROW_JSON(HTTP_PUT, "/admin/v1/" #kinds "/{name...}", "admin." #kinds ".put", ENTRY_BODY_MAX, NULL, settings, "Entry", entries_put,                                        \
		"Put a " what " in force, with the members that the file has; in place of the file's of that name"),                                           \
	ADMIN_ROUTE(HTTP_DELETE, "/admin/v1/" #kinds "/{name...}", "admin." #kinds ".delete", "reason", "EntryDeleted", entries_delete, "Remove a " what " that was put; the file's is in force again")

static const struct route routes[] = {
	ENTRY_ROWS(providers, "provider", "ProviderSettings"),
	ENTRY_ROWS(models, "model", "ModelSettings"),
	ADMIN_ROUTE(HTTP_GET, "/admin/v1/configuration", "admin.configuration.get", NULL, "Configuration", configuration_get, "The configuration in force on this node, without secrets"),
	ROW_JSON(HTTP_PATCH, "/admin/v1/configuration", "admin.configuration.change", BULK_MAX, CHANGE_SCHEMA, "ConfigurationChange", "ConfigurationChanged", configuration_change,
		"Put and remove several providers and models as one version"),
	ROW_JSON(HTTP_POST, "/admin/v1/configuration/check", "admin.configuration.check", BULK_MAX, CHANGE_SCHEMA, "ConfigurationChange", "ConfigurationCheck", configuration_check,
		"What is wrong with such a change, all of it; nothing is changed"),
	ROW_JSON(HTTP_POST, "/admin/v1/configuration/rollback", "admin.configuration.rollback", KIB(16), ROLLBACK_SCHEMA, NULL, "ConfigurationChanged", configuration_rollback,
		"Put back what the store held at a version, as a new version"),
	ADMIN_ROUTE(HTTP_GET, "/admin/v1/configuration/secrets", "admin.configuration.secrets.get", NULL, "Secrets", secrets_get, "How many secrets the store keeps under which master key"),
	ROW_JSON(HTTP_POST, "/admin/v1/configuration/secrets/reseal", "admin.configuration.secrets.reseal", KIB(16), RESEAL_SCHEMA, NULL, "SecretsResealed", secrets_reseal_post,
		"Seal all of them anew with the master key of now, or with a new one"),
	ADMIN_ROUTE(HTTP_GET, "/admin/v1/configuration/versions", "admin.configuration.versions.list", "limit before", "ConfigurationVersionList", versions_page, "The versions of what the store holds, newest first"),
	ADMIN_ROUTE(HTTP_GET, "/admin/v1/configuration/versions/{version}", "admin.configuration.versions.get", NULL, "ConfigurationVersion", version_get, "One version and what it changed"),
};
const struct route_table admin_configuration_routes = { routes, COUNT(routes) };
