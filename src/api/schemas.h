/*
 * schemas.h - JSON Schemas of what the API is asked and what it answers: the components of the OpenAPI document. They stand in src/api/schemas/, a file for each protocol, and are compiled in.
 *
 * A row of a route names those of its body and its answer. They describe; what checks a request is the row's request_schema, or the handler. tests/openapi holds every answer against them.
 */
#pragma once

struct api_schema {
	const char *name; /* "ChatCompletion" */
	const char *text; /* JSON */
};

/* Ends with a row without a name. */
extern const struct api_schema api_schemas[];
