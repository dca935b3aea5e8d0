/*
 * openapi.c - the description of the API, made from the rows that it is served by. What a row does not say (the members of an answer) is not described.
 */
#include "api/routes.h"

#include <stdio.h>

/* "/v1/models/{model...}" is written "/v1/models/{model}". */
static void
put_path(struct json_out *out, struct arena *arena, const char *path)
{
	struct buf text;

	buf_init(&text, arena, KIB(1));
	for (const char *c = path; *c; c++)
		if (strncmp(c, "...}", 4) == 0)
			c += 2;
		else
			buf_add_byte(&text, *c);
	json_key(out, buf_str(&text));
}

static void
put_parameters(struct json_out *out, const char *path, const char *query)
{
	struct str rest = str_of(path), name;
	size_t at;

	json_set_array(out, "parameters");
	while ((at = str_find_byte(rest, '{', 0)) != SIZE_MAX) {
		size_t end = str_find_byte(rest, '}', at);

		name = str_slice(rest, at + 1, end);
		if (str_ends(name, STR("...")))
			name.len -= 3;
		json_begin_object(out);
		json_set_string(out, "name", name);
		json_set_string(out, "in", STR("path"));
		json_set_bool(out, "required", true);
		json_set_raw(out, "schema", STR("{\"type\":\"string\"}"));
		json_end_object(out);
		rest = str_slice(rest, end, rest.len);
	}
	rest = str_of(query);
	while (str_split(&rest, ' ', &name)) {
		json_begin_object(out);
		json_set_string(out, "name", name);
		json_set_string(out, "in", STR("query"));
		json_set_raw(out, "schema", STR("{\"type\":\"string\"}"));
		json_end_object(out);
	}
	json_end_array(out);
}

/* What a success looks like: its media types; of JSON, that it is an object. */
static void
put_success(struct json_out *out, const struct route *route, const char *status)
{
	struct str rest = str_of(route->types ? route->types : "application/json"), type;

	json_set_object(out, status);
	json_set_string(out, "description", STR("Success"));
	json_set_object(out, "content");
	while (str_split(&rest, ' ', &type)) {
		json_key(out, type);
		json_put_raw(out, str_eq_c(type, "application/json") ? STR("{\"schema\":{\"type\":\"object\"}}") : STR("{}"));
	}
	json_end_object(out);
	json_end_object(out);
}

static void
put_errors(struct json_out *out, const struct route *route, const char *status, const char *description)
{
	char reference[100];

	json_set_object(out, status);
	json_set_string(out, "description", str_of(description));
	json_set_object(out, "content");
	json_set_object(out, "application/json");
	json_set_object(out, "schema");
	snprintf(reference, sizeof(reference), "#/components/schemas/%s", route->errors->schema);
	json_set_string(out, "$ref", str_of(reference));
	json_end_object(out);
	json_end_object(out);
	json_end_object(out);
	json_end_object(out);
}

static void
put_responses(struct json_out *out, const struct route *route)
{
	json_set_object(out, "responses");
	if (route->made != MADE_ALWAYS)
		put_success(out, route, "200");
	if (route->made != MADE_NOTHING)
		put_success(out, route, "201");
	if (route->may_be_nothing)
		json_set_raw(out, "204", STR("{\"description\":\"There is nothing\"}"));
	put_errors(out, route, "4XX", "The request was refused");
	put_errors(out, route, "5XX", "It did not succeed");
	json_end_object(out);
}

static void
put_operation(struct json_out *out, const struct route *route)
{
	static const char *const methods[] = { [HTTP_GET] = "get", [HTTP_POST] = "post", [HTTP_PUT] = "put", [HTTP_PATCH] = "patch", [HTTP_DELETE] = "delete" };

	json_set_object(out, methods[route->method]);
	json_set_string(out, "operationId", str_of(route->name));
	json_set_string(out, "summary", str_of(route->summary));
	put_parameters(out, route->path, route->query);
	if (route->scope == SCOPE_NONE) {
		json_set_raw(out, "security", STR("[]"));
	} else {
		json_set_string(out, "x-scope", str_of(key_scope_name(route->scope)));
	}
	if (route->body == BODY_JSON) {
		json_set_object(out, "requestBody");
		json_set_bool(out, "required", true);
		json_set_object(out, "content");
		json_set_object(out, "application/json");
		json_set_raw(out, "schema", str_of(route->request_schema ? route->request_schema : "{\"type\":\"object\"}"));
		json_end_object(out);
		json_end_object(out);
		json_end_object(out);
	}
	put_responses(out, route);
	json_end_object(out);
}

/* Rows of one path stand side by side under it. */
static void
put_paths(struct json_out *out, struct arena *arena)
{
	const struct route *route, *other;

	for (size_t i = 0; (route = route_at(i)); i++) {
		bool first = true;

		for (size_t j = 0; j < i && first; j++)
			first = strcmp(route_at(j)->path, route->path) != 0;
		if (!first)
			continue;
		put_path(out, arena, route->path);
		json_begin_object(out);
		for (size_t j = i; (other = route_at(j)); j++)
			if (strcmp(other->path, route->path) == 0)
				put_operation(out, other);
		json_end_object(out);
	}
}

static MAY_PARK const struct err *
openapi(struct api_request *request)
{
	struct json_out json;
	struct buf body;

	buf_init(&body, request->arena, MIB(1));
	json_out_init(&json, &body);
	json_begin_object(&json);
	json_set_string(&json, "openapi", STR("3.1.0"));
	json_set_raw(&json, "info", STR("{\"title\":\"corbel\",\"version\":\"" CORBEL_VERSION "\"}"));
	json_set_raw(&json, "security", STR("[{\"key\":[]}]"));
	json_set_object(&json, "paths");
	put_paths(&json, request->arena);
	json_end_object(&json);
	json_set_raw(&json, "components",
		STR("{\"securitySchemes\":{\"key\":{\"type\":\"http\",\"scheme\":\"bearer\"}},\"schemas\":{\"Error\":{\"type\":\"object\",\"required\":[\"error\"],\"properties\":{"
			"\"error\":{\"type\":\"object\",\"required\":[\"message\",\"type\",\"param\",\"code\"],\"properties\":{\"message\":{\"type\":\"string\"},\"type\":{\"type\":"
			"\"string\"},\"param\":{\"type\":[\"string\",\"null\"]},\"code\":{\"type\":[\"string\",\"null\"]}}}}},"
			"\"RerankError\":{\"type\":\"object\",\"required\":[\"id\",\"message\"],\"properties\":{\"id\":{\"type\":\"string\"},\"message\":{\"type\":\"string\"}}},"
			"\"AnthropicError\":{\"type\":\"object\",\"required\":[\"type\",\"error\",\"request_id\"],\"properties\":{\"type\":{\"const\":\"error\"},\"error\":{\"type\":\"object\","
			"\"required\":[\"type\",\"message\"],\"properties\":{\"type\":{\"type\":\"string\"},\"message\":{\"type\":\"string\"}}},\"request_id\":{\"type\":\"string\"}}}}}"));
	json_end_object(&json);
	return api_answer_json(request, 200, &json);
}

static const struct route routes[] = {
	{ .method = HTTP_GET, .path = "/openapi.json", .name = "openapi", .scope = SCOPE_METRICS_READ, .errors = &openai_errors, .handler = openapi,
		.summary = "This API as an OpenAPI document" },
};
const struct route_table openapi_routes = { routes, COUNT(routes) };
