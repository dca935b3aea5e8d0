/*
 * admin_access.c - tenants, teams and keys, for operators and the command line. Errors have OpenAI's shape here too.
 *
 * An admin key acts within its tenant; one of the first tenant names any other with ?tenant=NAME. Tenants themselves are the operator's.
 */
#include "api/admin.h"
#include "base/clock.h"
#include "knowledge/knowledge.h"

/* --- what all of them share --- */

MAY_PARK const struct err *
admin_tenant(struct api_request *request, int64_t *out)
{
	struct str name = api_query(request, "tenant");
	struct group_row tenant;
	const struct err *err;

	*out = request->identity->tenant;
	if (!name.ptr || !name.len)
		return NULL;
	if (!identity_is_operator(request->identity))
		return err_param(request->arena, ERR_FORBIDDEN, "tenant", "operator_only", "tenant: only an admin key of the first tenant may act for other tenants");
	err = tenant_show(request->app->access, request->arena, name, &tenant);
	if (!err)
		*out = tenant.tenant;
	return err;
}

MAY_PARK const struct err *
admin_answer(struct api_request *request, int status, admin_put_fn *put, const void *object)
{
	struct json_out json;
	struct buf body;

	buf_init(&body, request->arena, MIB(1));
	json_out_init(&json, &body);
	put(&json, object);
	return api_answer_json(request, status, &json);
}

MAY_PARK const struct err *
admin_answer_list(struct api_request *request, admin_put_fn *put, const void *list, size_t size, size_t count, bool has_more)
{
	const struct err *err;
	struct json_out json;
	struct buf body;

	buf_init(&body, NULL, MIB(64)); /* a thousand policies are more than the exchange's memory */
	json_out_init(&json, &body);
	json_begin_object(&json);
	json_set_string(&json, "object", STR("list"));
	json_set_array(&json, "data");
	for (size_t i = 0; i < count; i++)
		put(&json, (const char *)list + i * size);
	json_end_array(&json);
	json_set_bool(&json, "has_more", has_more);
	json_end_object(&json);
	err = api_answer_json(request, 200, &json);
	buf_fini(&body);
	return err;
}

/* "after" and "limit" of a list. */
const struct err *
admin_page(struct api_request *request, struct str *after, unsigned *limit)
{
	int64_t number;
	const struct err *err = api_query_int(request, "limit", 100, 1, 1000, &number);

	*after = api_query(request, "after");
	if (!after->ptr)
		*after = STR_EMPTY;
	*limit = (unsigned)number;
	return err;
}

/* Who is asked about: the tenant that is meant, or the installation. */
static MAY_PARK const struct err *
subject_of(struct api_request *request, const struct admin_kind *kind, int64_t *tenant)
{
	*tenant = 0;
	return kind->operator_only ? api_require_operator(request) : admin_tenant(request, tenant);
}

MAY_PARK const struct err *
admin_list(struct api_request *request)
{
	const struct admin_kind *kind = request->route->of;
	const void *list;
	struct str after;
	unsigned limit;
	int64_t tenant;
	size_t count;
	const struct err *err = admin_page(request, &after, &limit);

	if (!err)
		err = subject_of(request, kind, &tenant);
	if (!err)
		err = kind->page(request, tenant, after, limit, &list, &count);
	return err ? err : admin_answer_list(request, kind->put, list, kind->size, count, count == limit);
}

MAY_PARK const struct err *
admin_get(struct api_request *request)
{
	const struct admin_kind *kind = request->route->of;
	void *object = arena_zalloc(request->arena, kind->size);
	int64_t tenant;
	const struct err *err = object ? subject_of(request, kind, &tenant) : &err_no_memory;

	if (!err)
		err = kind->show(request, tenant, request->params[0], object);
	return err ? err : admin_answer(request, 200, kind->put, object);
}

/* The policy of a new object; members that are null are left out. */
static struct str
policy_given(struct api_request *request)
{
	const struct json *policy = json_get(request->json, "policy");

	return policy ? policy_merge(request->arena, STR("{}"), policy) : STR_EMPTY;
}

/* --- keys --- */

struct shown_key {
	struct key key;
	struct str secret;
};

static void
put_key(struct json_out *out, const void *object)
{
	const struct key *key = object;

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
	if (key->team.len)
		json_set_string(out, "team", key->team);
	else
		json_set_null(out, "team");
	json_set_raw(out, "policy", key->policy);
	json_set_int(out, "created_us", key->created_us);
	json_set_int(out, "expires_us", key->expires_us);
	json_set_int(out, "revoked_us", key->revoked_us);
	json_set_int(out, "used_us", key->used_us);
}

static void
put_key_listed(struct json_out *out, const void *object)
{
	put_key(out, object);
	json_end_object(out);
}

static void
put_key_made(struct json_out *out, const void *object)
{
	const struct shown_key *shown = object;

	put_key(out, &shown->key);
	json_set_string(out, "key", shown->secret);
	json_end_object(out);
}

static unsigned
scopes_of(const struct json *list)
{
	enum key_scope scope;
	unsigned scopes = 0;

	for (struct json_iter it = json_iter(list); json_next(&it);)
		if (key_scope_parse(json_string(it.value), &scope))
			scopes |= 1u << scope;
	return scopes;
}

/* The body has passed its schema. */
static MAY_PARK const struct err *
keys_create(struct api_request *request)
{
	int64_t seconds = json_int(json_get(request->json, "expires_in_seconds"), 0), tenant;
	struct str team = json_get_string(request->json, "team");
	struct key_spec spec = { .name = json_get_string(request->json, "name"),
		.scopes = scopes_of(json_get(request->json, "scopes")),
		.expires_us = seconds ? clock_wall_us() + seconds * USEC_PER_SEC : 0,
		.team = team.ptr ? team : STR_EMPTY,
		.policy = policy_given(request) };
	struct shown_key shown;
	const struct err *err = admin_tenant(request, &tenant);

	if (!err)
		err = key_create(request->app->access, request->arena, tenant, &spec, &shown.key, &shown.secret);
	return err ? err : admin_answer(request, 201, put_key_made, &shown);
}

/* ?team= leaves those of a team. */
static MAY_PARK const struct err *
keys_page(struct api_request *request, int64_t tenant, struct str after, unsigned limit, const void **out, size_t *count)
{
	struct group_row group = { .id = STR_EMPTY };
	struct str team = api_query(request, "team");
	struct key *keys = NULL;
	const struct err *err = team.len ? team_show(request->app->access, request->arena, tenant, team, &group) : NULL;

	if (!err)
		err = key_list(request->app->access, request->arena, tenant, group.id, after, limit, &keys, count);
	*out = keys;
	return err;
}

static MAY_PARK const struct err *
keys_show(struct api_request *request, int64_t tenant, struct str id, void *out)
{
	return key_show(request->app->access, request->arena, tenant, id, out);
}

static const struct admin_kind keys = { sizeof(struct key), put_key_listed, false, keys_page, keys_show };

/* A member that is not there changes nothing. */
static struct change
change_given(const struct json *json)
{
	const struct json *expires = json_get(json, "expires_in_seconds");
	int64_t seconds = json_int(expires, 0);

	return (struct change){ .name = json_get_string(json, "name"),
		.policy = json_get(json, "policy"),
		.team = json_is(json_get(json, "team"), JSON_NULL) ? STR_EMPTY : json_get_string(json, "team"),
		.scopes = scopes_of(json_get(json, "scopes")),
		.expires_us = !expires ? 0 : seconds ? clock_wall_us() + seconds * USEC_PER_SEC : -1 };
}

static MAY_PARK const struct err *
keys_update(struct api_request *request)
{
	struct change change = change_given(request->json);
	struct key key;
	int64_t tenant;
	const struct err *err = admin_tenant(request, &tenant);

	if (!err)
		err = key_update(request->app->access, request->arena, tenant, request->params[0], &change, &key);
	return err ? err : admin_answer(request, 200, put_key_listed, &key);
}

static void
put_deleted(struct json_out *out, const void *object)
{
	const struct str *id = object;

	json_begin_object(out);
	json_set_string(out, "id", *id);
	json_set_string(out, "object", STR("key.deleted"));
	json_set_bool(out, "deleted", true);
	json_end_object(out);
}

static MAY_PARK const struct err *
keys_revoke(struct api_request *request)
{
	int64_t tenant;
	const struct err *err = admin_tenant(request, &tenant);

	if (!err)
		err = key_revoke(request->app->access, request->arena, tenant, request->params[0]);
	return err ? err : admin_answer(request, 200, put_deleted, &request->params[0]);
}

/* --- teams and tenants --- */

static void
put_group(struct json_out *out, const void *object, const char *kind)
{
	const struct group_row *row = object;

	json_begin_object(out);
	json_set_string(out, "id", row->id);
	json_set_string(out, "object", str_of(kind));
	json_set_string(out, "name", row->name);
	json_set_raw(out, "policy", row->policy);
	json_set_int(out, "created_us", row->created_us);
	json_set_int(out, "closed_us", row->closed_us);
	json_end_object(out);
}

static void
put_team(struct json_out *out, const void *object)
{
	put_group(out, object, "team");
}

static void
put_tenant(struct json_out *out, const void *object)
{
	put_group(out, object, "tenant");
}

static MAY_PARK const struct err *
teams_create(struct api_request *request)
{
	struct group_row team;
	int64_t tenant;
	const struct err *err = admin_tenant(request, &tenant);

	if (!err)
		err = team_create(request->app->access, request->arena, tenant, json_get_string(request->json, "name"), policy_given(request), &team);
	return err ? err : admin_answer(request, 201, put_team, &team);
}

static MAY_PARK const struct err *
teams_page(struct api_request *request, int64_t tenant, struct str after, unsigned limit, const void **out, size_t *count)
{
	struct group_row *rows = NULL;
	const struct err *err = team_list(request->app->access, request->arena, tenant, after, limit, &rows, count);

	*out = rows;
	return err;
}

static MAY_PARK const struct err *
teams_show(struct api_request *request, int64_t tenant, struct str id, void *out)
{
	return team_show(request->app->access, request->arena, tenant, id, out);
}

static const struct admin_kind teams = { sizeof(struct group_row), put_team, false, teams_page, teams_show };

static MAY_PARK const struct err *
team_changed(struct api_request *request, const struct change *change, bool close)
{
	struct group_row team;
	int64_t tenant;
	const struct err *err = admin_tenant(request, &tenant);

	if (!err)
		err = team_update(request->app->access, request->arena, tenant, request->params[0], change, close, &team);
	return err ? err : admin_answer(request, 200, put_team, &team);
}

static MAY_PARK const struct err *
teams_update(struct api_request *request)
{
	struct change change = change_given(request->json);

	return team_changed(request, &change, false);
}

static MAY_PARK const struct err *
teams_close(struct api_request *request)
{
	return team_changed(request, &(struct change){ 0 }, true);
}

static MAY_PARK const struct err *
tenants_create(struct api_request *request)
{
	struct group_row tenant;
	const struct err *err = api_require_operator(request);

	if (!err)
		err = tenant_create(request->app->access, request->arena, json_get_string(request->json, "name"), policy_given(request), &tenant);
	return err ? err : admin_answer(request, 201, put_tenant, &tenant);
}

static MAY_PARK const struct err *
tenants_page(struct api_request *request, int64_t tenant, struct str after, unsigned limit, const void **out, size_t *count)
{
	struct group_row *rows = NULL;
	const struct err *err = tenant_list(request->app->access, request->arena, after, limit, &rows, count);

	(void)tenant;
	*out = rows;
	return err;
}

static MAY_PARK const struct err *
tenants_show(struct api_request *request, int64_t tenant, struct str id, void *out)
{
	(void)tenant;
	return tenant_show(request->app->access, request->arena, id, out);
}

static const struct admin_kind tenants = { sizeof(struct group_row), put_tenant, true, tenants_page, tenants_show };

static MAY_PARK const struct err *
tenant_changed(struct api_request *request, const struct change *change, bool close)
{
	struct group_row tenant;
	const struct err *err = api_require_operator(request);

	if (!err)
		err = tenant_update(request->app->access, request->arena, request->params[0], change, close, &tenant);
	if (!err && change->policy && knowledge_embeds(request->app->knowledge)) /* its documents may be local_only no more */
		err = knowledge_look_again(request->app->knowledge, request->arena, tenant.tenant);
	return err ? err : admin_answer(request, 200, put_tenant, &tenant);
}

static MAY_PARK const struct err *
tenants_update(struct api_request *request)
{
	struct change change = change_given(request->json);

	return tenant_changed(request, &change, false);
}

static MAY_PARK const struct err *
tenants_close(struct api_request *request)
{
	return tenant_changed(request, &(struct change){ 0 }, true);
}

#define SCOPES_SCHEMA                                                                                                                      \
	"{\"type\":\"array\",\"minItems\":1,\"items\":{\"type\":\"string\",\"enum\":[\"admin\",\"model.use\",\"knowledge.read\",\"knowledge.write\","       \
	"\"trace.read\",\"metrics.read\"]}}"
#define NAME_SCHEMA "{\"type\":\"string\",\"minLength\":1,\"maxLength\":100}"
#define EXPIRES_SCHEMA "{\"type\":\"integer\",\"minimum\":0,\"maximum\":3155760000}"
#define POLICY_SCHEMA "{\"type\":\"object\",\"$ref\":\"#/components/schemas/PolicyChange\"}" /* policy_parse checks it; schemas/admin_policy.json describes it */
#define KEY_SCHEMA                                                                                                                         \
	"{\"type\":\"object\",\"required\":[\"name\",\"scopes\"],\"properties\":{\"name\":" NAME_SCHEMA ",\"scopes\":" SCOPES_SCHEMA        \
	",\"expires_in_seconds\":" EXPIRES_SCHEMA ",\"team\":{\"type\":[\"string\",\"null\"]},\"policy\":" POLICY_SCHEMA "}}"
#define KEY_CHANGE_SCHEMA                                                                                                                  \
	"{\"type\":\"object\",\"properties\":{\"name\":" NAME_SCHEMA ",\"scopes\":" SCOPES_SCHEMA ",\"expires_in_seconds\":" EXPIRES_SCHEMA  \
	",\"team\":{\"type\":[\"string\",\"null\"]},\"policy\":" POLICY_SCHEMA "}}"
#define GROUP_SCHEMA                                                                                                                       \
	"{\"type\":\"object\",\"required\":[\"name\"],\"properties\":{\"name\":" NAME_SCHEMA ",\"policy\":" POLICY_SCHEMA "}}"
#define GROUP_CHANGE_SCHEMA "{\"type\":\"object\",\"properties\":{\"name\":" NAME_SCHEMA ",\"policy\":" POLICY_SCHEMA "}}"

static const struct route routes[] = {
	ADMIN_ROUTE_NAMED(HTTP_POST, "/admin/v1/keys", "admin.keys.create", KEY_SCHEMA, "KeyRequest", "Key", keys_create, "Make a key; its secret is in this answer only"),
	ADMIN_ROUTE_LIST(&keys, "/admin/v1/keys", "admin.keys.list", "limit after tenant team", "KeyList", "List the keys"),
	ADMIN_ROUTE_GET(&keys, "/admin/v1/keys/{id}", "admin.keys.get", "Key", "One key, without its secret"),
	ADMIN_ROUTE_NAMED(HTTP_PATCH, "/admin/v1/keys/{id}", "admin.keys.update", KEY_CHANGE_SCHEMA, "KeyChange", "Key", keys_update, "Change a key; what is not named stays"),
	ADMIN_ROUTE(HTTP_DELETE, "/admin/v1/keys/{id}", "admin.keys.revoke", NULL, "Deleted", keys_revoke, "Revoke a key, everywhere within a second"),
	ADMIN_ROUTE_NAMED(HTTP_POST, "/admin/v1/teams", "admin.teams.create", GROUP_SCHEMA, "GroupRequest", "Group", teams_create, "Make a team"),
	ADMIN_ROUTE_LIST(&teams, "/admin/v1/teams", "admin.teams.list", "limit after tenant", "GroupList", "List the teams"),
	ADMIN_ROUTE_GET(&teams, "/admin/v1/teams/{id}", "admin.teams.get", "Group", "One team, by id or name"),
	ADMIN_ROUTE_NAMED(HTTP_PATCH, "/admin/v1/teams/{id}", "admin.teams.update", GROUP_CHANGE_SCHEMA, "GroupChange", "Group", teams_update, "Change a team; what is not named stays"),
	ADMIN_ROUTE(HTTP_DELETE, "/admin/v1/teams/{id}", "admin.teams.close", NULL, "Group", teams_close, "Close a team: its keys are refused everywhere within a second"),
	ADMIN_ROUTE_NAMED(HTTP_POST, "/admin/v1/tenants", "admin.tenants.create", GROUP_SCHEMA, "GroupRequest", "Group", tenants_create, "Make a tenant"),
	ADMIN_ROUTE_LIST(&tenants, "/admin/v1/tenants", "admin.tenants.list", "limit after", "GroupList", "List the tenants, the oldest first"),
	ADMIN_ROUTE_GET(&tenants, "/admin/v1/tenants/{id}", "admin.tenants.get", "Group", "One tenant, by number or name"),
	ADMIN_ROUTE_NAMED(HTTP_PATCH, "/admin/v1/tenants/{id}", "admin.tenants.update", GROUP_CHANGE_SCHEMA, "GroupChange", "Group", tenants_update, "Change a tenant; what is not named stays"),
	ADMIN_ROUTE(HTTP_DELETE, "/admin/v1/tenants/{id}", "admin.tenants.close", NULL, "Group", tenants_close, "Close a tenant: its keys are refused everywhere within a second"),
};
const struct route_table admin_access_routes = { routes, COUNT(routes) };
