/*
 * serve.c - what every request goes through: find its row, check its key, read its body, run its handler, format its error, count it.
 *
 * `serve` reads as that list. A handler's error is formatted and logged here, once, and nowhere else.
 */
#include "api/api.h"

#include "api/anthropic.h"
#include "api/routes.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/random.h"
#include "conf/watch.h"
#include "telemetry/trace.h"
#include "text/utf8.h"

static struct metric requests = METRIC_COUNTER("corbel_http_requests_total", "HTTP requests by route and status.", "route", "status");
static struct metric durations =
	METRIC_HISTOGRAM("corbel_http_request_duration_seconds", "Time from the first byte of a request to the last of its answer.", metric_bounds_duration, "route");

const struct err *
api_open(struct app *app, struct arena *arena)
{
	const struct err *err = routes_compile(arena, &app->schemas);

	return err ? err : openapi_write(arena, &app->openapi);
}

/* --- the body --- */

static MAY_PARK const struct err *
read_body(struct api_request *request)
{
	const struct route *route = request->route;
	struct arena *arena;
	const struct err *err;

	if (route->body == BODY_NONE || route->body == BODY_STREAM)
		return NULL;
	err = http_body_read_all(request->http, route->body_bytes_max, &request->body);
	if (err || route->body == BODY_BYTES)
		return err;
	arena = json_arena(request->arena, request->body.len);
	err = arena ? json_parse_unique(arena, request->body, &request->json) : &err_no_memory;
	if (err && err->param.len)
		return err;
	if (err) /* values that take more memory than a body of this size is given are the body's fault too: it must not be sent again */
		return err_param(request->arena, ERR_INVALID, NULL, "invalid_json", "the request body is not valid JSON: %" STR_F, STR_A(err->message));
	if (!json_is(request->json, JSON_OBJECT))
		return err_param(request->arena, ERR_INVALID, NULL, "invalid_json", "the request body must be a JSON object");
	return route->request_schema ? json_schema_check(request->app->schemas[route_index(route)], request->json, request->arena) : NULL;
}

/* --- errors --- */

static void
answer_error_headers(struct api_request *request, const struct err *err)
{
	if (err->retry_after_us > 0) {
		int64_t seconds = (err->retry_after_us + USEC_PER_SEC - 1) / USEC_PER_SEC;

		http_answer_header(request->http, STR("retry-after"), arena_printf(request->arena, "%lld", (long long)seconds));
		http_answer_header(request->http, STR("retry-after-ms"), arena_printf(request->arena, "%lld", (long long)(1 + err->retry_after_us / USEC_PER_MS)));
	}
	if (err->kind == ERR_QUOTA)
		http_answer_header(request->http, STR("x-should-retry"), STR("false"));
	if (err->kind == ERR_UNAUTHENTICATED)
		http_answer_header(request->http, STR("www-authenticate"), STR("Bearer"));
}

/* The shape of the route, and Anthropic's for its clients wherever they ask. */
static const struct error_shape *
shape_of(const struct api_request *request)
{
	return anthropic_speaks(request) ? &anthropic_errors : request->route ? request->route->errors : &openai_errors;
}

/* A time limit is the upstream's (504) but for a body that comes too slowly, which is the client's. */
static int
status_of(const struct api_request *request, const struct err *err)
{
	const struct error_shape *shape = shape_of(request);

	if (err->kind == ERR_TIMEOUT && str_eq_c(err->code, "request_timeout"))
		return 408;
	return shape->status ? shape->status(err) : err_http_status(err);
}

static MAY_PARK void
answer_error(struct api_request *request, const struct err *err)
{
	const struct error_shape *shape = shape_of(request);
	struct json_out json;
	struct buf body;

	answer_error_headers(request, err);
	buf_init(&body, request->arena, KIB(64));
	json_out_init(&json, &body);
	shape->write(&json, err, request->request_id);
	if (buf_err(&body) || http_answer(request->http, status_of(request, err), STR("application/json"), buf_str(&body)))
		http_answer_abort(request->http);
}

static void
log_failure(const struct api_request *request, const struct err *err)
{
	int status = status_of(request, err);
	struct str route = request->route ? str_of(request->route->name) : STR("none");

	if (err->kind == ERR_CANCELLED)
		log_debug("request cancelled", LOG_STR("request_id", request->request_id), LOG_STR("route", route));
	else if (status >= 500)
		log_error("request failed", LOG_STR("request_id", request->request_id), LOG_STR("route", route), LOG_INT("status", status), LOG_ERR("error", err));
	else
		log_debug("request refused", LOG_STR("request_id", request->request_id), LOG_STR("route", route), LOG_INT("status", status), LOG_ERR("error", err));
}

static void
count(const struct api_request *request)
{
	struct str route = request->route ? str_of(request->route->name) : STR("none");
	char status[STR_I64_MAX];

	metric_add(&requests, 1, route, str_of_i64(request->http->status, status));
	metric_observe(&durations, (double)(clock_mono_us() - request->http->received_us) / 1e6, route);
}

/* Nothing is at the path. A client whose base URL has no /v1, or one too many, is told so: some of them want it, and some add it themselves. */
static const struct err *
nothing_there(struct api_request *request)
{
	const struct http_exchange *http = request->http;
	bool twice = str_starts(http->path, STR("/v1/v1/"));
	struct str meant = twice ? str_slice(http->path, strlen("/v1"), http->path.len) : arena_printf(request->arena, "/v1%" STR_F, STR_A(http->path));
	struct str params[ROUTE_PARAMS_MAX], allowed;

	if (!meant.ptr)
		return &err_no_memory;
	if (!route_find(request->arena, http->method, meant, params, &allowed))
		return err_param(request->arena, ERR_NOT_FOUND, NULL, "unknown_url", "there is nothing at %" STR_F " %" STR_F, STR_A(http->method_text), STR_A(http->path));
	return err_param(request->arena, ERR_NOT_FOUND, NULL, "unknown_url", "there is nothing at %" STR_F " %" STR_F ", but at %" STR_F ": the client's base URL %s", STR_A(http->method_text),
		STR_A(http->path), STR_A(meant), twice ? "must end without /v1" : "must end in /v1");
}

static MAY_PARK const struct err *
serve(struct api_request *request)
{
	struct http_exchange *http = request->http;
	struct str allowed;
	const struct err *err;

	if (!utf8_valid(http->path))
		return err_new(request->arena, ERR_INVALID, "the path is not UTF-8");
	request->route = route_find(request->arena, http->method, http->path, request->params, &allowed);
	if (shape_of(request) == &anthropic_errors)
		http_answer_header(http, STR("request-id"), request->request_id);
	if (!request->route && allowed.len) {
		http_answer_header(http, STR("allow"), allowed);
		return err_new(request->arena, ERR_METHOD, "%" STR_F " is not allowed on %" STR_F "; allowed: %" STR_F, STR_A(http->method_text), STR_A(http->path),
			STR_A(allowed));
	}
	if (!request->route)
		return nothing_there(request);
	err = api_authenticate(request, request->route->scope);
	if (!err)
		err = read_body(request);
	return err ? err : request->route->handler(request);
}

MAY_PARK void
api_handle(struct http_exchange *exchange, void *arg)
{
	struct app *app = arg;
	struct id id = id_new();
	struct api_request request = { .app = app, .http = exchange, .arena = exchange->arena, .request_id = arena_dup(exchange->arena, id_str(&id)) };
	struct conf *conf = conf_watch_get(app->watch);
	const struct err *err;

	request.conf = conf;
	if (request.request_id.ptr)
		request.trace = trace_new(exchange->arena, request.request_id, http_header_get(&exchange->headers, STR("traceparent")));
	if (!request.trace) {
		answer_error(&request, &err_no_memory);
	} else {
		http_answer_header(exchange, STR("x-request-id"), request.request_id);
		err = serve(&request);
		if (err) {
			log_failure(&request, err);
			if (exchange->status == 0)
				answer_error(&request, err);
			else
				http_answer_abort(exchange);
		}
		count(&request);
	}
	conf_unref(conf);
}
