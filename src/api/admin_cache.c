/*
 * admin_cache.c - what the cache of answers holds, and emptying it.
 */
#include "api/admin.h"
#include "cache/cache.h"
#include "cache/entry.h"

static void
put_figures(struct json_out *out, const void *object)
{
	const struct cache_figures *figures = object;

	json_begin_object(out);
	json_set_string(out, "object", STR("cache.model"));
	json_set_string(out, "model", figures->model);
	json_set_int(out, "entries", figures->entries);
	json_set_int(out, "bytes", figures->bytes);
	json_end_object(out);
}

static MAY_PARK const struct err *
cache_get(struct api_request *request)
{
	struct cache_figures *figures;
	int64_t tenant;
	size_t count;
	const struct err *err = admin_tenant(request, &tenant);

	if (!err)
		err = entry_stats(request->app->store, request->arena, tenant, &figures, &count);
	return err ? err : admin_answer_list(request, put_figures, figures, sizeof(*figures), count, false);
}

static void
put_cleared(struct json_out *out, const void *object)
{
	json_begin_object(out);
	json_set_string(out, "object", STR("cache.cleared"));
	json_set_int(out, "entries", *(const int64_t *)object);
	json_end_object(out);
}

static MAY_PARK const struct err *
cache_delete(struct api_request *request)
{
	struct str model = api_query(request, "model");
	int64_t tenant, deleted;
	const struct err *err = admin_tenant(request, &tenant);

	if (!err)
		err = cache_clear(request->app->cache, request->arena, tenant, model.ptr ? model : STR_EMPTY, &deleted);
	return err ? err : admin_answer(request, 200, put_cleared, &deleted);
}

static const struct route routes[] = {
	{ .method = HTTP_GET, .path = "/admin/v1/cache", .name = "admin.cache.stats", .scope = SCOPE_METRICS_READ, .errors = &openai_errors, .query = "tenant", .handler = cache_get,
		.answer = "CacheModelList", .summary = "How many answers of each model are kept, and what they take" },
	{ .method = HTTP_DELETE, .path = "/admin/v1/cache", .name = "admin.cache.clear", .scope = SCOPE_ADMIN, .errors = &openai_errors, .query = "model tenant", .handler = cache_delete,
		.answer = "CacheCleared", .summary = "Forget a tenant's kept answers: all, or those of one model" },
};
const struct route_table admin_cache_routes = { routes, COUNT(routes) };
