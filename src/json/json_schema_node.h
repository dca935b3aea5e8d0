/*
 * json_schema_node.h - a compiled schema: what json_schema_compile.c makes and json_schema.c walks. Not for other rooms.
 */
#pragma once

#include "json/json_schema.h"

enum {
	TYPE_NULL = 1,
	TYPE_BOOL = 2,
	TYPE_INTEGER = 4,
	TYPE_NUMBER = 8,
	TYPE_STRING = 16,
	TYPE_ARRAY = 32,
	TYPE_OBJECT = 64,
};

struct json_schema_list {
	const struct json_schema **items;
	size_t count;
};

struct json_schema_property {
	struct str key;
	const struct json_schema *schema; /* NULL: any, only required */
	bool required;
};

struct json_schema {
	bool never;                              /* the schema `false` */
	unsigned types;                          /* TYPE_…; 0: any */
	const struct json *choices, *constant;   /* enum, const; NULL: none */
	const struct json_schema *ref;
	struct json_schema_list any, one;
	struct json_schema_property *properties;
	size_t property_count;
	const struct json_schema *additional;    /* of members that no property names; NULL: any */
	const struct json_schema *items;         /* NULL: any */
	double minimum, maximum;                 /* -INFINITY, INFINITY: none */
	size_t length_min, length_max, items_min, items_max;
	bool on_path;                            /* while the compiler looks for loops */
};
