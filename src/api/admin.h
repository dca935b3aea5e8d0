/*
 * admin.h - what the files of the admin API share: the tenant that is meant, pages, answers.
 */
#pragma once

#include "api/api.h"

/* The tenant a request is about: the caller's, or for the operator the one named by ?tenant= (name or number). ERR_NOT_FOUND, ERR_FORBIDDEN. */
MAY_PARK const struct err *admin_tenant(struct api_request *request, int64_t *out);

/* Writes one object as a JSON value. */
typedef void admin_put_fn(struct json_out *out, const void *object);

MAY_PARK const struct err *admin_answer(struct api_request *request, int status, admin_put_fn *put, const void *object);

/* {"object":"list","data":[…],"has_more":…} of `count` objects of `size` bytes. */
MAY_PARK const struct err *admin_answer_list(
	struct api_request *request, admin_put_fn *put, const void *list, size_t size, size_t count, bool has_more);

/* A kind of object that is listed a page at a time and shown by its id. */
struct admin_kind {
	size_t size;        /* of the C object */
	admin_put_fn *put;
	bool operator_only; /* the installation's: no tenant is meant, and the functions get 0 */

	/* The page behind `after`, in the request's arena. */
	MAY_PARK const struct err *(*page)(struct api_request *request, int64_t tenant, struct str after, unsigned limit, const void **out, size_t *count);

	/* The one of an id or name, to `out`. ERR_NOT_FOUND. */
	MAY_PARK const struct err *(*show)(struct api_request *request, int64_t tenant, struct str id, void *out);
};

/* Handlers of a list (?after=, ?limit=, ?tenant=) and of one object (the path's first parameter). Their route is `of` a struct admin_kind. */
api_handler_fn admin_list, admin_get;

/* ?after= (or empty) and ?limit= (1 to 1000, else 100). */
const struct err *admin_page(struct api_request *request, struct str *after, unsigned *limit);

/* Rows of this API: for admins, errors in OpenAI's shape; `answer` is the schema of a success (api/schemas.h). */
#define ADMIN_ROUTE(method_, path_, name_, query_, answer_, handler_, summary_) \
	{ .method = method_, .path = path_, .name = name_, .scope = SCOPE_ADMIN, .errors = &openai_errors, .query = query_, .answer = answer_, .handler = handler_, .summary = summary_ }
#define ADMIN_ROUTE_LIST(of_, path_, name_, query_, answer_, summary_) \
	{ .method = HTTP_GET, .path = path_, .name = name_, .scope = SCOPE_ADMIN, .errors = &openai_errors, .query = query_, .answer = answer_, .handler = admin_list, .of = of_, .summary = summary_ }
#define ADMIN_ROUTE_GET(of_, path_, name_, answer_, summary_) \
	{ .method = HTTP_GET, .path = path_, .name = name_, .scope = SCOPE_ADMIN, .errors = &openai_errors, .answer = answer_, .handler = admin_get, .of = of_, .summary = summary_ }
#define ADMIN_ROUTE_JSON(method_, path_, name_, schema_, answer_, handler_, summary_) \
	{ .method = method_, .path = path_, .name = name_, .scope = SCOPE_ADMIN, .errors = &openai_errors, .body = BODY_JSON, .body_bytes_max = KIB(64), .request_schema = schema_, \
		.made = (method_) == HTTP_POST ? MADE_ALWAYS : MADE_NOTHING, .answer = answer_, .handler = handler_, .summary = summary_ }

/* ADMIN_ROUTE_JSON where the row's schema has a name in the OpenAPI document. */
#define ADMIN_ROUTE_NAMED(method_, path_, name_, schema_, request_name_, answer_, handler_, summary_) \
	{ .method = method_, .path = path_, .name = name_, .scope = SCOPE_ADMIN, .errors = &openai_errors, .body = BODY_JSON, .body_bytes_max = KIB(64), .request_schema = schema_, \
		.request_name = request_name_, .made = (method_) == HTTP_POST ? MADE_ALWAYS : MADE_NOTHING, .answer = answer_, .handler = handler_, .summary = summary_ }
