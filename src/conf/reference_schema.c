/*
 * reference_schema.c - JSON Schemas out of the rows of fields. See reference.h.
 *
 * Numbers and booleans may be texts too, since `${NAME}` may stand for any value; what bounds a row has is said by the reference page, and by the error of what is outside.
 */
#include "conf/reference.h"

#include <ctype.h>
#include <stdio.h>

#include "conf/reader.h"
#include "conf/webhooks_read.h"

enum { NAME_MAX_BYTES = 64 };

/* "ProviderSettings" of the table with the title "providers". */
static void
component_name(char out[NAME_MAX_BYTES], const struct field_table *table)
{
	size_t len = strlen(table->title);

	if (table->title[len - 1] == 's')
		len--;
	snprintf(out, NAME_MAX_BYTES, "%c%.*sSettings", toupper((unsigned char)table->title[0]), (int)len - 1, table->title + 1);
}

static void
put_reference(struct json_out *out, const struct field_table *table)
{
	char name[NAME_MAX_BYTES], reference[NAME_MAX_BYTES + 32];

	component_name(name, table);
	snprintf(reference, sizeof(reference), "#/components/schemas/%s", name);
	json_set_string(out, "$ref", str_of(reference));
}

static void
put_scalar(struct json_out *out, const struct setting *row)
{
	switch (row->type) {
	case SETTING_BOOL:
		json_set_raw(out, "type", STR("[\"boolean\",\"string\"]"));
		break;
	case SETTING_INT:
	case SETTING_BYTES:
		json_set_raw(out, "type", STR("[\"integer\",\"string\"]"));
		break;
	case SETTING_FLOAT:
		json_set_raw(out, "type", STR("[\"number\",\"string\"]"));
		break;
	case SETTING_STRING:
	case SETTING_DURATION:
		json_set_string(out, "type", STR("string"));
		break;
	case SETTING_CHOICE:
		json_set_array(out, "enum");
		for (size_t i = 0; row->choices[i]; i++)
			json_put_string(out, str_of(row->choices[i]));
		json_end_array(out);
		break;
	}
}

/* A field that is no scalar says in words what it is; the words begin with the kind. */
static void
put_shape(struct json_out *out, const struct field *field)
{
	struct str shape = str_of(field->shape);

	if (str_starts(shape, STR("a list"))) {
		json_set_string(out, "type", STR("array"));
		json_set_object(out, "items");
		if (field->table)
			put_reference(out, field->table);
		else
			json_set_string(out, "type", STR("string"));
		json_end_object(out);
	} else if (field->table) {
		put_reference(out, field->table);
	} else if (str_starts(shape, STR("a map"))) {
		json_set_string(out, "type", STR("object"));
		json_set_raw(out, "additionalProperties", STR("{\"type\":\"string\"}"));
	} else if (str_find(shape, STR("or a list"), 0) != SIZE_MAX) {
		json_set_raw(out, "type", STR("[\"string\",\"array\"]"));
		json_set_raw(out, "items", STR("{\"type\":\"string\"}"));
	} else {
		json_set_string(out, "type", STR("string"));
	}
}

static void
put_table(struct json_out *out, const struct field_table *table)
{
	char name[NAME_MAX_BYTES];

	component_name(name, table);
	json_set_object(out, name);
	json_set_string(out, "type", STR("object"));
	json_set_bool(out, "additionalProperties", false);
	json_set_string(out, "description", str_of(table->help));
	json_set_array(out, "required");
	for (size_t i = 0; i < table->count; i++) {
		const struct field *field = &table->fields[i];

		if (!field->read && !field->row.initial && strcmp(field->row.name, "name") != 0)
			json_put_string(out, str_of(field->row.name));
	}
	json_end_array(out);
	json_set_object(out, "properties");
	for (size_t i = 0; i < table->count; i++) {
		const struct field *field = &table->fields[i];

		json_set_object(out, field->row.name);
		json_set_string(out, "description", str_of(field->row.help));
		if (field->read)
			put_shape(out, field);
		else
			put_scalar(out, &field->row);
		json_end_object(out);
	}
	json_end_object(out);
	json_end_object(out);
}

void
reference_schemas(struct json_out *out)
{
	for (size_t i = 0; field_tables[i]; i++)
		if (field_tables[i] != &webhook_table) /* these stand in the file alone */
			put_table(out, field_tables[i]);
}
