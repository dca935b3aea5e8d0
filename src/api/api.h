/*
 * api.h - a public endpoint is one row: path, scope, body, schema, handler. From the row come routing, authorization, body limits, request
 * validation, metrics labels, the OpenAPI document and the access log. A handler gets a checked request and answers it, or returns an error; it neither checks
 * a key nor formats an error.
 */
#pragma once

#include <stdatomic.h>

#include "access/access.h"
#include "base/err.h"
#include "conf/conf.h"
#include "json/json.h"
#include "net/http_server.h"

struct runtime;
struct store;
struct conf_watch;
struct gateway;
struct cache;
struct shadows;
struct knowledge;
struct money;
struct background;
struct durables;
struct embedder;
struct tokenizers;
struct api_request;
struct json_schema;
struct trace;

/* What the program is made of; one per process, made by `corbel serve`, alive until the server has stopped. Members may be NULL where the line says so. */
struct app {
	struct runtime *runtime;
	struct store *store;
	struct conf_watch *watch;
	struct access *access;
	struct money *money;
	struct gateway *gateway;
	struct cache *cache;
	struct shadows *shadows;
	struct knowledge *knowledge;
	struct embedder *embedder;     /* NULL: no model; words only */
	struct str embedder_missing;   /* why not, for messages and /readyz */
	struct tokenizers *tokenizers;
	struct str data_dir;
	unsigned char link_secret[32]; /* signs links to passages; see api/links.h */
	struct background *background; /* responses that are made while nobody waits: api/openai_responses_background.h */
	struct durables *durables;     /* streams that go on when their client leaves: answer/durable.h */
	struct http_server *server;
	const struct json_schema *const *schemas; /* of the rows' bodies: api_open */
	struct str openapi;            /* the document: api_open */
	int64_t started_us;
	atomic_bool stopping;
};

enum body_kind {
	BODY_NONE,
	BODY_JSON,      /* read, parsed and checked before the handler runs: request->json */
	BODY_BYTES,     /* read whole: request->body */
	BODY_STREAM,    /* the handler reads it (http_body_read): multipart and large uploads */
};

/* The shape of errors of a protocol: writes the body of an error answer. */
struct error_shape {
	void (*write)(struct json_out *out, const struct err *err, struct str request_id);
	int (*status)(const struct err *err); /* the HTTP status; NULL: err_http_status's */
	const char *schema;                   /* its name among the components of the OpenAPI document */
};
extern const struct error_shape openai_errors; /* {"error":{"message","type","param","code"}} */

enum route_made {
	MADE_NOTHING, /* 200 */
	MADE_ALWAYS,  /* 201 */
	MADE_PERHAPS, /* 201 for what is new, 200 for what was there */
	MADE_EMPTY,   /* 204: a success has no body */
};

#define TYPES_STREAM "application/json text/event-stream" /* whole, or as a stream */

typedef MAY_PARK const struct err *api_handler_fn(struct api_request *request);

struct route {
	enum http_method method;
	const char *path;              /* "/v1/files/{id}/content"; a {name} matches one segment; {name...} the rest of the path */
	const char *name;              /* operation: metrics label, span name, OpenAPI operationId ("files.content") */
	enum key_scope scope;              /* what the key must hold; SCOPE_NONE: no key is asked */
	const struct error_shape *errors;
	enum body_kind body;
	size_t body_bytes_max;
	const char *request_schema;    /* JSON Schema of the body (BODY_JSON), or NULL */
	const char *request_name;      /* what request_schema is called in the OpenAPI document; NULL: nothing, it stands where it is used */
	const char *asks;              /* what describes the body (api/schemas.h) where request_schema does not, or says less than the handler that checks it; NULL: nothing */
	const char *answer;            /* what describes a success in JSON (api/schemas.h); NULL: there is none in JSON */
	const char *event;             /* what describes the data of an event of a success that is a stream (api/schemas.h); NULL: it is no stream */
	const char *query;             /* names of the parameters of its query, separated by blanks; NULL: none */
	const char *headers;           /* names of the headers that must come with it, separated by blanks; NULL: none */
	const char *types;             /* media types that a success may have, separated by blanks; NULL: application/json */
	enum route_made made;          /* whether a success says 201 */
	bool may_be_nothing;           /* a success may be 204, without a body */
	api_handler_fn *handler;
	const void *of;                /* what a handler that serves several routes is to do it with, or NULL */
	const char *summary;           /* one line, for the OpenAPI document */
};

enum { ROUTE_PARAMS_MAX = 4 };

struct api_request {
	struct app *app;
	struct http_exchange *http;
	struct arena *arena;           /* of the exchange */
	const struct route *route;
	const struct conf *conf;       /* the snapshot this request began with */
	const struct identity *identity; /* NULL where no key is asked */
	struct str params[ROUTE_PARAMS_MAX]; /* decoded path parameters, in order of the path */
	struct str body;
	const struct json *json;
	struct trace *trace;           /* spans of this request */
	struct str request_id;         /* sent as x-request-id */
};

/* Prepares what the handler needs in `app`; before the server starts. */
const struct err *api_open(struct app *app, struct arena *arena);

/* The handler of the HTTP server; arg is the struct app. */
http_handler api_handle;

/* Checks the request's key and what it must hold; sets request->identity. For routes that ask for a key only sometimes: the others have it done by their row. */
const struct err *api_authenticate(struct api_request *request, enum key_scope scope);

/* NULL for a key of the first tenant, whatever its scopes: what is asked for tells of all tenants' calls; else ERR_FORBIDDEN. */
const struct err *api_require_first_tenant(struct api_request *request);

/* NULL, or ERR_FORBIDDEN: this concerns the whole installation, and the caller is not an admin of the first tenant. */
const struct err *api_require_operator(struct api_request *request);

/* Answers. The writer's text must not have failed (ERR_NO_MEMORY otherwise). */
MAY_PARK const struct err *api_answer_json(struct api_request *request, int status, const struct json_out *out);

/* Query parameters: decoded text or ptr NULL; a number within bounds (ERR_INVALID names the parameter). */
struct str api_query(struct api_request *request, const char *name);
const struct err *api_query_int(struct api_request *request, const char *name, int64_t initial, int64_t min, int64_t max, int64_t *out);

/* The tables of routes, one per file of this room; listed in api/routes.c. */
struct route_table {
	const struct route *routes;
	size_t count;
};
extern const struct route_table ai_sdk_routes, anthropic_routes, openai_models_routes, openai_chat_routes, openai_completions_routes, openai_responses_routes, openai_conversations_routes, openai_embeddings_routes, openai_moderations_routes, rerank_routes,
	openai_files_routes, openai_vector_stores_routes,
	openai_vector_store_files_routes, openai_vector_store_search_routes, admin_routes, admin_access_routes, admin_cache_routes, admin_configuration_routes, admin_probe_routes, admin_gateway_routes, admin_money_routes, admin_usage_routes, admin_webhook_routes, admin_knowledge_routes, health_routes, document_routes;
extern const struct route_table openapi_routes;
