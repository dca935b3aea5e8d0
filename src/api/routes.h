/*
 * routes.h - finding the row of a request.
 */
#pragma once

#include "api/api.h"
#include "json/json_schema.h"

/*
 * The row for a method and a decoded path, its parameters in params. NULL: none; then *allowed says whether the path exists with other methods (a list for the Allow
 * header, in the arena) or is empty.
 */
const struct route *route_find(struct arena *arena, enum http_method method, struct str path, struct str params[ROUTE_PARAMS_MAX], struct str *allowed);

/* The compiled schemas of all rows, by their index; NULL where a row has none. An error is a mistake in a row: the server does not start. */
const struct err *routes_compile(struct arena *arena, const struct json_schema *const **out);
size_t route_index(const struct route *route);

/* The OpenAPI document of all rows, in the arena. Made once: it does not change while the program runs. */
const struct err *openapi_write(struct arena *arena, struct str *out);

/* All rows, for the OpenAPI document and the tests: NULL past the last. */
const struct route *route_at(size_t index);
