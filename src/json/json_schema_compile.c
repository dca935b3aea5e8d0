/*
 * json_schema_compile.c - from a schema's text to what is walked. See json_schema.h.
 *
 * Definitions are made empty first and filled afterwards, so that they may refer to each other. A loop of references that gets by without
 * going down into the value would never end when it is walked: it is refused here.
 */
#include <assert.h>
#include <math.h>

#include "json/json_schema_node.h"

struct compiler {
	struct arena *arena;
	const struct json *defs;
	struct json_schema *def_schemas; /* in the order of defs */
};

typedef const struct err *compile_fn(struct compiler *compiler, const struct json *value, struct json_schema *out);

static const struct err *compile(struct compiler *compiler, const struct json *from, struct json_schema *out);

static const struct err *
wrong(struct compiler *compiler, const char *what)
{
	return err_new(compiler->arena, ERR_INVALID, "in the schema: %s", what);
}

static const struct err *
compile_new(struct compiler *compiler, const struct json *from, const struct json_schema **out)
{
	struct json_schema *schema = arena_zalloc(compiler->arena, sizeof(*schema));

	*out = schema;
	return schema ? compile(compiler, from, schema) : &err_no_memory;
}

static unsigned
type_named(struct str name)
{
	static const struct {
		struct str name;
		unsigned type;
	} types[] = {
		{ STR_INIT("null"), TYPE_NULL },       { STR_INIT("boolean"), TYPE_BOOL },  { STR_INIT("integer"), TYPE_INTEGER },
		{ STR_INIT("number"), TYPE_NUMBER },   { STR_INIT("string"), TYPE_STRING }, { STR_INIT("array"), TYPE_ARRAY },
		{ STR_INIT("object"), TYPE_OBJECT },
	};

	for (size_t i = 0; i < COUNT(types); i++)
		if (str_eq(types[i].name, name))
			return types[i].type;
	return 0;
}

static const struct err *
compile_type(struct compiler *compiler, const struct json *value, struct json_schema *out)
{
	if (json_is(value, JSON_STRING))
		out->types = type_named(json_string(value));
	for (struct json_iter it = json_iter(value); json_next(&it);) {
		unsigned type = type_named(json_string(it.value));

		if (!type)
			return wrong(compiler, "\"type\" lists what is not a type");
		out->types |= type;
	}
	return out->types ? NULL : wrong(compiler, "\"type\" is not a type");
}

static const struct err *
compile_enum(struct compiler *compiler, const struct json *value, struct json_schema *out)
{
	out->choices = value;
	return json_is(value, JSON_ARRAY) ? NULL : wrong(compiler, "\"enum\" is not an array");
}

static const struct err *
compile_const(struct compiler *compiler, const struct json *value, struct json_schema *out)
{
	(void)compiler;
	out->constant = value;
	return NULL;
}

/* The property of this key, made if it is not there: compile has made room for all. */
static struct json_schema_property *
property_of(struct json_schema *schema, struct str key)
{
	for (size_t i = 0; i < schema->property_count; i++)
		if (str_eq(schema->properties[i].key, key))
			return &schema->properties[i];
	schema->properties[schema->property_count].key = key;
	return &schema->properties[schema->property_count++];
}

static const struct err *
compile_properties(struct compiler *compiler, const struct json *value, struct json_schema *out)
{
	const struct err *err = json_is(value, JSON_OBJECT) ? NULL : wrong(compiler, "\"properties\" is not an object");

	for (struct json_iter it = json_iter(value); !err && json_next(&it);)
		err = compile_new(compiler, it.value, &property_of(out, it.key)->schema);
	return err;
}

static const struct err *
compile_required(struct compiler *compiler, const struct json *value, struct json_schema *out)
{
	if (!json_is(value, JSON_ARRAY))
		return wrong(compiler, "\"required\" is not an array");
	for (struct json_iter it = json_iter(value); json_next(&it);) {
		if (!json_is(it.value, JSON_STRING))
			return wrong(compiler, "\"required\" lists what is not a string");
		property_of(out, json_string(it.value))->required = true;
	}
	return NULL;
}

static const struct err *
compile_additional(struct compiler *compiler, const struct json *value, struct json_schema *out)
{
	return compile_new(compiler, value, &out->additional);
}

static const struct err *
compile_items(struct compiler *compiler, const struct json *value, struct json_schema *out)
{
	return compile_new(compiler, value, &out->items);
}

static const struct err *
compile_minimum(struct compiler *compiler, const struct json *value, struct json_schema *out)
{
	out->minimum = json_number(value, NAN);
	return isnan(out->minimum) ? wrong(compiler, "\"minimum\" is not a number") : NULL;
}

static const struct err *
compile_maximum(struct compiler *compiler, const struct json *value, struct json_schema *out)
{
	out->maximum = json_number(value, NAN);
	return isnan(out->maximum) ? wrong(compiler, "\"maximum\" is not a number") : NULL;
}

static const struct err *
compile_count(struct compiler *compiler, const struct json *value, size_t *out)
{
	int64_t count = json_int(value, -1);

	*out = (size_t)count;
	return count < 0 ? wrong(compiler, "a length is not a whole number from 0 up") : NULL;
}

static const struct err *
compile_length_min(struct compiler *compiler, const struct json *value, struct json_schema *out)
{
	return compile_count(compiler, value, &out->length_min);
}

static const struct err *
compile_length_max(struct compiler *compiler, const struct json *value, struct json_schema *out)
{
	return compile_count(compiler, value, &out->length_max);
}

static const struct err *
compile_items_min(struct compiler *compiler, const struct json *value, struct json_schema *out)
{
	return compile_count(compiler, value, &out->items_min);
}

static const struct err *
compile_items_max(struct compiler *compiler, const struct json *value, struct json_schema *out)
{
	return compile_count(compiler, value, &out->items_max);
}

static const struct err *
compile_list(struct compiler *compiler, const struct json *value, struct json_schema_list *out)
{
	const struct err *err = NULL;

	if (!json_is(value, JSON_ARRAY) || json_count(value) == 0)
		return wrong(compiler, "\"anyOf\" or \"oneOf\" is not an array of schemas");
	out->items = arena_array(compiler->arena, json_count(value), sizeof(struct json_schema *));
	if (!out->items)
		return &err_no_memory;
	for (struct json_iter it = json_iter(value); !err && json_next(&it);)
		err = compile_new(compiler, it.value, &out->items[out->count++]);
	return err;
}

static const struct err *
compile_any(struct compiler *compiler, const struct json *value, struct json_schema *out)
{
	return compile_list(compiler, value, &out->any);
}

static const struct err *
compile_one(struct compiler *compiler, const struct json *value, struct json_schema *out)
{
	return compile_list(compiler, value, &out->one);
}

static const struct err *
compile_ref(struct compiler *compiler, const struct json *value, struct json_schema *out)
{
	struct str name = json_string(value);
	size_t index = 0;

	if (str_starts(name, STR("#/components/schemas/")))
		return NULL;
	if (!str_starts(name, STR("#/$defs/")))
		return wrong(compiler, "\"$ref\" does not begin with \"#/$defs/\"");
	name = str_slice(name, strlen("#/$defs/"), name.len);
	for (struct json_iter it = json_iter(compiler->defs); json_next(&it); index++) {
		if (str_eq(it.key, name)) {
			out->ref = &compiler->def_schemas[index];
			return NULL;
		}
	}
	return err_new(compiler->arena, ERR_INVALID, "in the schema: there is no \"#/$defs/%" STR_F "\"", STR_A(name));
}

static const struct err *
pass_over(struct compiler *compiler, const struct json *value, struct json_schema *out)
{
	(void)compiler;
	(void)value;
	(void)out;
	return NULL;
}

static const struct {
	struct str name;
	compile_fn *compile;
} keywords[] = {
	{ STR_INIT("type"), compile_type },
	{ STR_INIT("enum"), compile_enum },
	{ STR_INIT("const"), compile_const },
	{ STR_INIT("properties"), compile_properties },
	{ STR_INIT("required"), compile_required },
	{ STR_INIT("additionalProperties"), compile_additional },
	{ STR_INIT("items"), compile_items },
	{ STR_INIT("minimum"), compile_minimum },
	{ STR_INIT("maximum"), compile_maximum },
	{ STR_INIT("minLength"), compile_length_min },
	{ STR_INIT("maxLength"), compile_length_max },
	{ STR_INIT("minItems"), compile_items_min },
	{ STR_INIT("maxItems"), compile_items_max },
	{ STR_INIT("anyOf"), compile_any },
	{ STR_INIT("oneOf"), compile_one },
	{ STR_INIT("$ref"), compile_ref },
	{ STR_INIT("$defs"), pass_over }, /* filled by json_schema_compile; allowed at the top only */
	{ STR_INIT("title"), pass_over },
	{ STR_INIT("description"), pass_over },
	{ STR_INIT("default"), pass_over },
	{ STR_INIT("examples"), pass_over },
	{ STR_INIT("format"), pass_over },
	{ STR_INIT("deprecated"), pass_over },
	{ STR_INIT("$schema"), pass_over },
	{ STR_INIT("$id"), pass_over },
	{ STR_INIT("$comment"), pass_over },
};

/* seen has a bit for each keyword this schema has had: one that stands twice would be read twice, and room was made for the first alone. */
static const struct err *
compile_keyword(struct compiler *compiler, struct str name, const struct json *value, uint32_t *seen, struct json_schema *out)
{
	static_assert(COUNT(keywords) <= 32, "seen has a bit for each keyword");

	if (str_eq_c(name, "$defs") && value != compiler->defs)
		return wrong(compiler, "\"$defs\" is not at the top");
	for (size_t i = 0; i < COUNT(keywords); i++) {
		if (!str_eq(keywords[i].name, name))
			continue;
		if (*seen & UINT32_C(1) << i)
			return err_new(compiler->arena, ERR_INVALID, "in the schema: the keyword \"%" STR_F "\" stands twice", STR_A(name));
		*seen |= UINT32_C(1) << i;
		return keywords[i].compile(compiler, value, out);
	}
	return err_new(compiler->arena, ERR_UNSUPPORTED, "in the schema: the keyword \"%" STR_F "\" is not known", STR_A(name));
}

static const struct err *
compile(struct compiler *compiler, const struct json *from, struct json_schema *out)
{
	size_t properties = json_count(json_get(from, "properties")) + json_count(json_get(from, "required"));
	const struct err *err = NULL;
	uint32_t seen = 0;

	*out = (struct json_schema){ .minimum = -INFINITY, .maximum = INFINITY, .length_max = SIZE_MAX, .items_max = SIZE_MAX };
	if (json_is(from, JSON_BOOL)) {
		out->never = !json_bool(from, true);
		return NULL;
	}
	if (!json_is(from, JSON_OBJECT))
		return wrong(compiler, "a schema is neither an object nor true or false");
	out->properties = arena_array(compiler->arena, properties, sizeof(*out->properties));
	if (properties && !out->properties)
		return &err_no_memory;
	for (struct json_iter it = json_iter(from); !err && json_next(&it);)
		err = compile_keyword(compiler, it.key, it.value, &seen, out);
	return err;
}

/* True when walking the schema could come back to it with the same value. */
static bool
comes_back(struct json_schema *schema)
{
	bool found = schema->on_path;

	if (found)
		return true;
	schema->on_path = true;
	found = schema->ref && comes_back((struct json_schema *)(uintptr_t)schema->ref); /* still the compiler's own */
	for (size_t i = 0; !found && i < schema->any.count; i++)
		found = comes_back((struct json_schema *)(uintptr_t)schema->any.items[i]);
	for (size_t i = 0; !found && i < schema->one.count; i++)
		found = comes_back((struct json_schema *)(uintptr_t)schema->one.items[i]);
	schema->on_path = false;
	return found;
}

const struct err *
json_schema_compile(struct arena *arena, const struct json *schema, const struct json_schema **out)
{
	struct compiler compiler = { .arena = arena, .defs = json_get(schema, "$defs") };
	const struct json_schema *compiled = NULL;
	const struct err *err = NULL;
	size_t index = 0;

	*out = NULL;
	compiler.def_schemas = arena_array(arena, json_count(compiler.defs), sizeof(*compiler.def_schemas));
	if (json_count(compiler.defs) && !compiler.def_schemas)
		return &err_no_memory;
	for (struct json_iter it = json_iter(compiler.defs); !err && json_next(&it);)
		err = compile(&compiler, it.value, &compiler.def_schemas[index++]);
	for (index = 0; !err && index < json_count(compiler.defs); index++)
		if (comes_back(&compiler.def_schemas[index]))
			err = wrong(&compiler, "a definition in \"$defs\" is defined by itself");
	if (!err)
		err = compile_new(&compiler, schema, &compiled);
	*out = err ? NULL : compiled;
	return err;
}
