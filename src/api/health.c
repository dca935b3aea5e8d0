/*
 * health.c - liveness, readiness, metrics and the description of the API.
 */
#include <stdio.h>

#include "api/api.h"
#include "api/routes.h"
#include "base/clock.h"
#include "base/metric.h"
#include "infer/embed.h"
#include "infer/tokenizers.h"
#include "rt/loop.h"
#include "store/store.h"
#include "telemetry/metrics.h"

static struct metric open_connections = METRIC_GAUGE("corbel_http_connections", "Open client connections.");
static struct metric open_exchanges = METRIC_GAUGE("corbel_http_exchanges", "Requests being answered, open streams among them.");
static struct metric loop_lag = METRIC_GAUGE("corbel_loop_lag_seconds", "How late a loop's timers run.", "loop");
static struct metric loop_fiber_count = METRIC_GAUGE("corbel_loop_fibers", "Live fibers of a loop.", "loop");
static struct metric model_info = METRIC_GAUGE("corbel_model_info", "1 for each model that is loaded in this process.", "model");

/* Alive: the process answers. No key, no dependency. */
static MAY_PARK const struct err *
healthz(struct api_request *request)
{
	return http_answer(request->http, 200, STR("application/json"), STR("{\"status\":\"ok\"}"));
}

/* Ready: the store answers too, and the server is not about to stop. A missing embedding model or vocabulary is told, but is no reason to be taken out of service. */
static MAY_PARK const struct err *
readyz(struct api_request *request)
{
	struct app *app = request->app;
	const struct err *err = atomic_load(&app->stopping) ? err_new(request->arena, ERR_UNAVAILABLE, "the server is stopping") : store_ready(app->store, request->arena);
	struct json_out json;
	struct str missing;
	struct buf body;

	buf_init(&body, request->arena, KIB(16));
	json_out_init(&json, &body);
	json_begin_object(&json);
	json_set_string(&json, "status", err ? STR("unavailable") : STR("ready"));
	json_set_string(&json, "store", err ? err->message : STR("ok"));
	json_set_string(&json, "embeddings", app->embedder ? embedder_model(app->embedder) : app->embedder_missing);
	missing = tokenizers_missing(app->tokenizers, request->arena);
	json_set_string(&json, "tokenizers", missing.len ? missing : STR("ok"));
	json_end_object(&json);
	return api_answer_json(request, err ? 503 : 200, &json);
}

static void
set_gauges(const struct app *app)
{
	metric_set(&open_connections, http_server_connections(app->server));
	metric_set(&open_exchanges, http_server_exchanges(app->server));
	for (unsigned i = 0; i < runtime_loop_count(app->runtime); i++) {
		const struct loop *loop = runtime_loop(app->runtime, i);
		char text[16];
		int len = snprintf(text, sizeof(text), "%u", i);

		metric_set(&loop_lag, (double)loop_lag_us(loop) / 1e6, str_n(text, (size_t)len));
		metric_set(&loop_fiber_count, loop_fibers(loop), str_n(text, (size_t)len));
	}
	if (app->embedder)
		metric_set(&model_info, 1, embedder_model(app->embedder));
}

static MAY_PARK const struct err *
metrics_page(struct api_request *request)
{
	struct buf body;
	const struct err *err;

	set_gauges(request->app);
	buf_init(&body, request->arena, MIB(8));
	metrics_render(&body);
	err = buf_err(&body);
	return err ? err : http_answer(request->http, 200, STR("text/plain; version=0.0.4; charset=utf-8"), buf_str(&body));
}

/* --- the OpenAPI document, from the rows --- */

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
put_parameters(struct json_out *out, const char *path)
{
	struct str rest = str_of(path);
	size_t at;

	json_set_array(out, "parameters");
	while ((at = str_find_byte(rest, '{', 0)) != SIZE_MAX) {
		size_t end = str_find_byte(rest, '}', at);
		struct str name = str_slice(rest, at + 1, end);

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
	json_end_array(out);
}

static void
put_operation(struct json_out *out, const struct route *route)
{
	static const char *const methods[] = { [HTTP_GET] = "get", [HTTP_POST] = "post", [HTTP_PUT] = "put", [HTTP_PATCH] = "patch", [HTTP_DELETE] = "delete" };

	json_set_object(out, methods[route->method]);
	json_set_string(out, "operationId", str_of(route->name));
	json_set_string(out, "summary", str_of(route->summary));
	put_parameters(out, route->path);
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
	json_set_raw(out, "responses",
		STR("{\"200\":{\"description\":\"Success\"},\"default\":{\"description\":\"An error\",\"content\":{\"application/json\":{\"schema\":{\"$ref\":\"#/components/schemas/"
			"Error\"}}}}}"));
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
			"\"string\"},\"param\":{\"type\":[\"string\",\"null\"]},\"code\":{\"type\":[\"string\",\"null\"]}}}}}}}"));
	json_end_object(&json);
	return api_answer_json(request, 200, &json);
}

static const struct route routes[] = {
	{ .method = HTTP_GET, .path = "/healthz", .name = "healthz", .scope = SCOPE_NONE, .errors = &openai_errors, .handler = healthz, .summary = "Is the process alive" },
	{ .method = HTTP_GET, .path = "/readyz", .name = "readyz", .scope = SCOPE_METRICS_READ, .errors = &openai_errors, .handler = readyz,
		.summary = "Can it serve: the store answers" },
	{ .method = HTTP_GET, .path = "/metrics", .name = "metrics", .scope = SCOPE_METRICS_READ, .errors = &openai_errors, .handler = metrics_page,
		.summary = "Metrics for Prometheus" },
	{ .method = HTTP_GET, .path = "/openapi.json", .name = "openapi", .scope = SCOPE_METRICS_READ, .errors = &openai_errors, .handler = openapi,
		.summary = "This API as an OpenAPI document" },
};
const struct route_table health_routes = { routes, COUNT(routes) };
