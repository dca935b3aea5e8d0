/*
 * openapi.c - the description of the API, made from the rows that it is served by, the schemas that they name (api/schemas.h), and the rows of the configuration.
 */
#include "api/routes.h"
#include "api/schemas.h"
#include "conf/reference.h"

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
put_parameter(struct json_out *out, struct str name, const char *in, bool required)
{
	json_begin_object(out);
	json_set_string(out, "name", name);
	json_set_string(out, "in", str_of(in));
	if (required)
		json_set_bool(out, "required", true);
	json_set_raw(out, "schema", str_eq_c(str_of(in), "path") ? STR("{\"type\":\"string\",\"minLength\":1}") : STR("{\"type\":\"string\"}"));
	json_end_object(out);
}

static void
put_parameters(struct json_out *out, const struct route *route)
{
	struct str rest = str_of(route->path), name;
	size_t at;

	json_set_array(out, "parameters");
	while ((at = str_find_byte(rest, '{', 0)) != SIZE_MAX) {
		size_t end = str_find_byte(rest, '}', at);

		name = str_slice(rest, at + 1, end);
		if (str_ends(name, STR("...")))
			name.len -= 3;
		put_parameter(out, name, "path", true);
		rest = str_slice(rest, end, rest.len);
	}
	for (rest = str_of(route->query); str_split(&rest, ' ', &name);)
		put_parameter(out, name, "query", false);
	for (rest = str_of(route->headers); str_split(&rest, ' ', &name);)
		put_parameter(out, name, "header", true);
	json_end_array(out);
}

/* A reference to a component, as this member. */
static void
put_reference(struct json_out *out, const char *member, const char *component)
{
	char reference[100];

	json_set_object(out, member);
	snprintf(reference, sizeof(reference), "#/components/schemas/%s", component);
	json_set_string(out, "$ref", str_of(reference));
	json_end_object(out);
}

/*
 * What an event of a stream is: its fields, as OpenAPI 3.2 has it for this media type and Schemathesis reads it. `data` is a text, whose content has the schema.
 * Behind the last event of OpenAI's older dialects, and of the AI SDK's, stands `[DONE]`, which is no JSON.
 */
static void
put_event(struct json_out *out, const char *data)
{
	json_set_object(out, "schema");
	json_set_string(out, "type", STR("object"));
	json_set_array(out, "required");
	json_put_string(out, STR("data"));
	json_end_array(out);
	json_set_object(out, "properties");
	json_set_object(out, "event");
	json_set_string(out, "type", STR("string"));
	json_end_object(out);
	json_set_object(out, "data");
	json_set_array(out, "anyOf");
	json_begin_object(out);
	json_set_string(out, "type", STR("string"));
	json_set_string(out, "contentMediaType", STR("application/json"));
	put_reference(out, "contentSchema", data);
	json_end_object(out);
	if (!strcmp(data, "ChatEvent") || !strcmp(data, "CompletionEvent") || !strcmp(data, "UiChunk")) {
		json_begin_object(out);
		json_set_string(out, "const", STR("[DONE]"));
		json_end_object(out);
	}
	json_end_array(out);
	json_end_object(out);
	json_end_object(out);
	json_end_object(out);
}

/* What a success looks like: its media types; of JSON, its schema; of a stream, that of an event. */
static void
put_success(struct json_out *out, const struct route *route, const char *status)
{
	struct str rest = str_of(route->types ? route->types : "application/json"), type;

	json_set_object(out, status);
	json_set_string(out, "description", STR("Success"));
	json_set_object(out, "content");
	while (str_split(&rest, ' ', &type)) {
		json_key(out, type);
		json_begin_object(out);
		if (route->answer && str_eq_c(type, "application/json"))
			put_reference(out, "schema", route->answer);
		if (route->event && str_eq_c(type, "text/event-stream"))
			put_event(out, route->event);
		json_end_object(out);
	}
	json_end_object(out);
	json_end_object(out);
}

static void
put_errors(struct json_out *out, const struct route *route, const char *status, const char *description)
{
	json_set_object(out, status);
	json_set_string(out, "description", str_of(description));
	json_set_object(out, "content");
	json_set_object(out, "application/json");
	put_reference(out, "schema", route->errors->schema);
	json_end_object(out);
	json_end_object(out);
	json_end_object(out);
}

static void
put_responses(struct json_out *out, const struct route *route)
{
	json_set_object(out, "responses");
	if (route->made == MADE_NOTHING || route->made == MADE_PERHAPS)
		put_success(out, route, "200");
	if (route->made == MADE_ALWAYS || route->made == MADE_PERHAPS)
		put_success(out, route, "201");
	if (route->may_be_nothing || route->made == MADE_EMPTY)
		json_set_raw(out, "204", STR("{\"description\":\"There is nothing\"}"));
	put_errors(out, route, "4XX", "The request was refused");
	put_errors(out, route, "5XX", "It did not succeed");
	json_end_object(out);
}

/* A body that the handler reads itself is a form where something describes it, and otherwise bytes of any kind. */
static void
put_body(struct json_out *out, const struct route *route)
{
	if (route->body == BODY_NONE)
		return;
	json_set_object(out, "requestBody");
	json_set_bool(out, "required", true);
	json_set_object(out, "content");
	json_set_object(out, route->body == BODY_JSON ? "application/json" : route->asks ? "multipart/form-data" : "application/octet-stream");
	if (route->asks || route->request_name)
		put_reference(out, "schema", route->asks ? route->asks : route->request_name);
	else if (route->body == BODY_JSON)
		json_set_raw(out, "schema", str_of(route->request_schema ? route->request_schema : "{\"type\":\"object\"}"));
	json_end_object(out);
	json_end_object(out);
	json_end_object(out);
}

static void
put_operation(struct json_out *out, const struct route *route)
{
	static const char *const methods[] = { [HTTP_GET] = "get", [HTTP_POST] = "post", [HTTP_PUT] = "put", [HTTP_PATCH] = "patch", [HTTP_DELETE] = "delete" };

	json_set_object(out, methods[route->method]);
	json_set_string(out, "operationId", str_of(route->name));
	json_set_string(out, "summary", str_of(route->summary));
	put_parameters(out, route);
	if (route->scope == SCOPE_NONE) {
		json_set_raw(out, "security", STR("[]"));
	} else {
		json_set_string(out, "x-scope", str_of(key_scope_name(route->scope)));
	}
	put_body(out, route);
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

/* The schemas of rows that have a name for them. Rows of one name have one schema. */
static void
put_named_requests(struct json_out *out)
{
	const struct route *route;

	for (size_t i = 0; (route = route_at(i)); i++) {
		bool first = route->request_name != NULL;

		for (size_t j = 0; j < i && first; j++)
			first = !route_at(j)->request_name || strcmp(route_at(j)->request_name, route->request_name) != 0;
		if (first)
			json_set_raw(out, route->request_name, str_of(route->request_schema));
	}
}

static void
put_components(struct json_out *out)
{
	json_set_object(out, "components");
	json_set_raw(out, "securitySchemes", STR("{\"key\":{\"type\":\"http\",\"scheme\":\"bearer\"}}"));
	json_set_object(out, "schemas");
	for (const struct api_schema *schema = api_schemas; schema->name; schema++)
		json_set_raw(out, schema->name, str_of(schema->text));
	put_named_requests(out);
	reference_schemas(out);
	json_end_object(out);
	json_end_object(out);
}

const struct err *
openapi_write(struct arena *arena, struct str *out)
{
	struct json_out json;
	struct buf body;

	buf_init(&body, NULL, MIB(2));
	json_out_init(&json, &body);
	json_begin_object(&json);
	json_set_string(&json, "openapi", STR("3.1.0"));
	json_set_raw(&json, "info", STR("{\"title\":\"corbel\",\"version\":\"" CORBEL_VERSION "\"}"));
	json_set_raw(&json, "security", STR("[{\"key\":[]}]"));
	json_set_object(&json, "paths");
	put_paths(&json, arena);
	json_end_object(&json);
	put_components(&json);
	json_end_object(&json);
	*out = body.failed ? (struct str){ 0 } : arena_dup_large(arena, buf_str(&body));
	buf_fini(&body);
	return out->ptr ? NULL : &err_no_memory;
}

static MAY_PARK const struct err *
openapi(struct api_request *request)
{
	return http_answer(request->http, 200, STR("application/json"), request->app->openapi);
}

static const struct route routes[] = {
	{ .method = HTTP_GET, .path = "/openapi.json", .name = "openapi", .scope = SCOPE_METRICS_READ, .errors = &openai_errors, .handler = openapi,
		.answer = "OpenApi", .summary = "This API as an OpenAPI document" },
};
const struct route_table openapi_routes = { routes, COUNT(routes) };
