/*
 * reader.c - typed values out of YAML nodes. See reader.h.
 *
 * Nothing here stops at a mistake: it is noted, the value keeps its default, and the reading goes on, so that one run shows all of them.
 */
#include "conf/reader.h"

#include "conf/expand.h"

#include <stdarg.h>
#include <stdio.h>

struct str
reader_path(struct reader *reader, struct str path, struct str key)
{
	if (path.len == 0)
		return key;
	return arena_printf(reader->arena, "%" STR_F ".%" STR_F, STR_A(path), STR_A(str_slice(key, 0, 100)));
}

static struct str
source_of(const struct reader *reader, const struct yaml *node)
{
	return node->entry ? *node->entry : reader->source;
}

void
reader_problem(struct reader *reader, const struct yaml *node, struct str path, const char *format, ...)
{
	char text[768];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (node->entry && (str_eq_c(path, "models") || str_eq_c(path, "providers")))
		path = STR_EMPTY; /* the entry itself */
	problems_add_at(reader->problems, source_of(reader, node), node->line, node->column, str_slice(path, 0, 200), text);
}

bool
reader_expect(struct reader *reader, const struct yaml *node, enum yaml_kind kind, const char *wanted, struct str path)
{
	if (node->kind == kind)
		return true;
	reader_problem(reader, node, path, "expected %s, found %" STR_F, wanted, STR_A(yaml_found(reader->arena, node)));
	return false;
}

void
reader_unknown(struct reader *reader, const struct yaml *node, struct str path, const struct nearest *nearest)
{
	struct str full = reader_path(reader, path, str_slice(node->key, 0, 100));

	char text[200] = "unknown key";

	if (nearest->best.ptr)
		snprintf(text, sizeof(text), "unknown key; did you mean \"%" STR_F "\"?", STR_A(nearest->best));
	problems_add_at(reader->problems, source_of(reader, node), node->key_line, node->key_column, full, text);
}

/* ", found ..." in words that give no secret away. */
static struct str
found(struct reader *reader, const struct yaml *node, const struct setting *row)
{
	if (row->secret)
		return STR_EMPTY;
	return arena_printf(reader->arena, ", found %" STR_F, STR_A(yaml_found(reader->arena, node)));
}

/* The scalar's text with references to the environment replaced. */
static bool
scalar_text(struct reader *reader, const struct yaml *node, const struct setting *row, struct str path, struct str *out)
{
	struct str name;

	if (node->entry && expand_names(node->text, STR("CORBEL_"))) {
		reader_problem(reader, node, path, "environment variables whose names begin with CORBEL_ are the server's own, and may be named in the file alone");
		return false;
	}
	switch (expand(reader->arena, reader->environment, node->text, out, &name)) {
	case EXPAND_MISSING:
		reader_problem(reader, node, path,
			"the environment variable %" STR_F " is not set (write ${%" STR_F ":-otherwise} for one that may be missing)",
			STR_A(str_slice(name, 0, 100)), STR_A(str_slice(name, 0, 100)));
		return false;
	case EXPAND_MALFORMED:
		reader_problem(reader, node, path, "expected ${NAME} or ${NAME:-otherwise}%" STR_F " (write $${ for a literal ${)",
			STR_A(found(reader, node, row)));
		return false;
	case EXPAND_OK:
		break;
	}
	if (!out->ptr)
		reader_problem(reader, node, path, "too long after the environment's values are put in");
	return out->ptr != NULL;
}

static void
refuse_value(struct reader *reader, const struct yaml *node, const struct setting *row, struct str path, struct str text)
{
	struct str expected = value_expected(reader->arena, row);
	struct nearest nearest;

	if (row->secret || (node->entry && text.ptr != node->text.ptr)) { /* what the environment holds is not shown to who may only name it */
		reader_problem(reader, node, path, "expected %" STR_F, STR_A(expected));
		return;
	}
	nearest_init(&nearest, text);
	for (size_t i = 0; row->type == SETTING_CHOICE && row->choices[i]; i++)
		nearest_offer(&nearest, str_of(row->choices[i]));
	reader_problem(reader, node, path, "expected %" STR_F ", found \"%" STR_F "%s\"%s%" STR_F "%s", STR_A(expected),
		STR_A(str_slice(text, 0, 60)), text.len > 60 ? "…" : "", nearest.best.ptr ? "; did you mean \"" : "", STR_A(nearest.best),
		nearest.best.ptr ? "\"?" : "");
}

bool
reader_scalar(struct reader *reader, const struct yaml *node, const struct setting *row, struct str path, struct setting_value *out)
{
	struct str text;

	if (node->kind != YAML_SCALAR || node->empty) {
		reader_problem(reader, node, path, "expected %" STR_F ", found %" STR_F, STR_A(value_expected(reader->arena, row)),
			STR_A(yaml_found(reader->arena, node)));
		return false;
	}
	if (!scalar_text(reader, node, row, path, &text))
		return false;
	if (value_parse(row, text, out))
		return true;
	refuse_value(reader, node, row, path, text);
	return false;
}

static void
member_set(const struct field *field, const struct setting_value *value, void *member)
{
	switch (field->row.type) {
	case SETTING_STRING:
		*(struct str *)member = value->text;
		break;
	case SETTING_BOOL:
		*(bool *)member = value->integer != 0;
		break;
	case SETTING_FLOAT:
		*(double *)member = value->real;
		break;
	case SETTING_CHOICE:
		*(unsigned *)member = (unsigned)value->integer; /* what enums without negative members are to gcc and clang */
		break;
	default:
		*(int64_t *)member = value->integer;
	}
}

static void
field_read(struct reader *reader, const struct yaml *node, const struct field *field, struct str path, void *object)
{
	struct setting_value value;

	path = reader_path(reader, path, str_of(field->row.name));
	if (field->read) {
		field->read(reader, node, path, object);
		return;
	}
	if (reader_scalar(reader, node, &field->row, path, &value))
		member_set(field, &value, (char *)object + field->offset);
}

void
reader_defaults(const struct field_table *table, void *object)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct field *field = &table->fields[i];
		struct setting_value value;

		if (field->read || !field->row.initial)
			continue;
		if (value_parse(&field->row, str_of(field->row.initial), &value))
			member_set(field, &value, (char *)object + field->offset);
	}
}

void
reader_fields(struct reader *reader, const struct yaml *node, const struct field_table *table, struct str path, void *object)
{
	reader_defaults(table, object);
	if (!reader_expect(reader, node, YAML_MAP, "a map", path))
		return;
	for (const struct yaml *child = node->first; child; child = child->next) {
		struct nearest nearest;
		size_t i = 0;

		nearest_init(&nearest, child->key);
		for (; i < table->count && !str_eq_c(child->key, table->fields[i].row.name); i++)
			nearest_offer(&nearest, str_of(table->fields[i].row.name));
		if (i < table->count)
			field_read(reader, child, &table->fields[i], path, object);
		else
			reader_unknown(reader, child, path, &nearest);
	}
	for (size_t i = 0; i < table->count; i++)
		if (!table->fields[i].read && !table->fields[i].row.initial && !yaml_child(node, str_of(table->fields[i].row.name)))
			reader_problem(reader, node, path, "\"%s\" is missing: %s", table->fields[i].row.name, table->fields[i].row.help);
}

/* A whole entry of the store, whose paths begin with itself. */
static bool
is_entry(const struct yaml *node)
{
	return node->entry && node->root;
}

void *
reader_list(struct reader *reader, const struct yaml *node, const struct field_table *table, struct str path, size_t size, size_t *count)
{
	char *objects;
	size_t i = 0;

	*count = 0;
	if (!reader_expect(reader, node, YAML_LIST, "a list", path))
		return NULL;
	for (const struct yaml *child = node->first; child; child = child->next)
		i++;
	objects = arena_array(reader->arena, i, size);
	if (!objects) {
		reader_problem(reader, node, path, "too long for a configuration");
		return NULL;
	}
	*count = i;
	i = 0;
	for (const struct yaml *child = node->first; child; child = child->next, i++)
		reader_fields(reader, child, table, is_entry(child) ? STR_EMPTY : arena_printf(reader->arena, "%" STR_F "[%zu]", STR_A(path), i), objects + i * size);
	return objects;
}
