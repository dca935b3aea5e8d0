/*
 * routes.c - the list of all tables of routes, and the match of a path against a pattern, segment by segment.
 */
#include "api/routes.h"

static const struct route_table *const tables[] = {
	&openai_chat_routes,
	&openai_completions_routes,
	&openai_responses_routes,
	&openai_conversations_routes,
	&anthropic_routes,
	&ai_sdk_routes,
	&openai_embeddings_routes,
	&openai_moderations_routes,
	&rerank_routes,
	&openai_models_routes,
	&openai_files_routes,
	&openai_vector_stores_routes,
	&openai_vector_store_files_routes,
	&openai_vector_store_search_routes,
	&document_routes,
	&admin_configuration_routes,
	&admin_probe_routes,
	&admin_gateway_routes,
	&admin_knowledge_routes,
	&admin_routes,
	&admin_access_routes,
	&admin_cache_routes,
	&admin_money_routes,
	&admin_usage_routes,
	&admin_webhook_routes,
	&health_routes,
	&openapi_routes,
};

const struct route *
route_at(size_t index)
{
	for (size_t t = 0; t < COUNT(tables); t++) {
		if (index < tables[t]->count)
			return &tables[t]->routes[index];
		index -= tables[t]->count;
	}
	return NULL;
}

size_t
route_index(const struct route *route)
{
	size_t index = 0;

	while (route_at(index) != route)
		index++;
	return index;
}

const struct err *
routes_compile(struct arena *arena, const struct json_schema *const **out)
{
	const struct json_schema **schemas;
	const struct route *route;
	const struct json *json;
	const struct err *err = NULL;
	size_t count = 0;

	while (route_at(count))
		count++;
	schemas = arena_array(arena, count + 1, sizeof(*schemas));
	if (!schemas)
		return &err_no_memory;
	for (size_t i = 0; !err && (route = route_at(i)); i++) {
		if (!route->request_schema)
			continue;
		err = json_parse(arena, str_of(route->request_schema), &json);
		if (!err)
			err = json_schema_compile(arena, json, &schemas[i]);
		if (err)
			err = err_wrap(arena, err, "the schema of route %s: %" STR_F, route->name, STR_A(err->message));
	}
	*out = schemas;
	return err;
}

/* A pattern "/v1/files/{id}/content" against a path; "{name...}" takes the rest. */
static bool
matches(const char *pattern, struct str path, struct str params[ROUTE_PARAMS_MAX])
{
	unsigned count = 0;
	size_t at = 0;

	while (*pattern) {
		if (*pattern == '{') {
			const char *end = strchr(pattern, '}');
			bool rest = end - pattern > 3 && memcmp(end - 3, "...", 3) == 0;
			size_t to = rest ? path.len : str_find_byte(path, '/', at);

			if (to == SIZE_MAX)
				to = path.len;
			if (to == at || count == ROUTE_PARAMS_MAX)
				return false;
			params[count++] = str_slice(path, at, to);
			at = to;
			pattern = end + 1;
		} else if (at < path.len && path.ptr[at] == *pattern) {
			at++;
			pattern++;
		} else {
			return false;
		}
	}
	return at == path.len;
}

const struct route *
route_find(struct arena *arena, enum http_method method, struct str path, struct str params[ROUTE_PARAMS_MAX], struct str *allowed)
{
	const struct route *route;
	struct buf methods;

	/* The hot route is the first of the list; a trailing slash is forgiven. */
	if (path.len > 1 && path.ptr[path.len - 1] == '/')
		path.len--;
	*allowed = STR_EMPTY;
	buf_init(&methods, arena, 256);
	for (size_t i = 0; (route = route_at(i)); i++) {
		if (!matches(route->path, path, params))
			continue;
		if (route->method == method || (method == HTTP_HEAD && route->method == HTTP_GET))
			return route;
		buf_printf(&methods, "%s%s", methods.len ? ", " : "", http_method_name(route->method));
	}
	*allowed = buf_str(&methods);
	return NULL;
}
