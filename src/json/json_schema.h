/*
 * json_schema.h - checks a value against a JSON Schema (the part of draft 2020-12 that request bodies need).
 *
 * Known: type (one or several), enum, const, properties, required, additionalProperties, items, minimum, maximum, minLength, maxLength (in code
 * points), minItems, maxItems, anyOf, oneOf, $ref to "#/$defs/NAME", $defs, and true and false for schemas. Annotations (title, description,
 * default, examples, format, deprecated, $schema, $id, $comment) are passed over, and so is a $ref to "#/components/schemas/NAME", by which the OpenAPI
 * document describes what a handler checks itself. Any other keyword is refused when the schema is compiled: a rule that is written down is enforced.
 * "integer" is what json_int reads.
 */
#pragma once

#include "json/json.h"

struct json_schema;

/* Deeper nesting of checked values than this is an error of the value. */
enum { JSON_SCHEMA_DEPTH_MAX = 48 };

/*
 * Compiles once. The result lies in the arena, keeps views into `schema`, is never changed and may be used by any thread.
 * ERR_INVALID says what is wrong with the schema; ERR_UNSUPPORTED names a keyword that is not known.
 */
const struct err *json_schema_compile(struct arena *arena, const struct json *schema, const struct json_schema **out);

/*
 * NULL, or ERR_INVALID with the path of the wrong value as `param` ("messages[2].content") and a message that says what was expected there.
 * Among several alternatives it speaks of the one that matched farthest. The arena holds the error.
 */
const struct err *json_schema_check(const struct json_schema *schema, const struct json *value, struct arena *arena);
