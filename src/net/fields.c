/*
 * fields.c - see fields.h.
 */
#include "net/fields.h"

#include "net/http.h"

enum { FIELDS_FIRST = 24 };

bool
fields_span(const char *message, uint32_t *at, uint32_t *len, const char *piece, size_t size)
{
	uint32_t place = (uint32_t)(piece - message);

	if (*len == 0)
		*at = place;
	if (*at + *len != place)
		return false;
	*len += (uint32_t)size;
	return true;
}

/* Room for one more field; its name begins. */
static enum fields_result
begin(struct fields *fields)
{
	if (fields->count == fields->count_max)
		return FIELDS_TOO_MANY;
	if (fields->count == fields->cap) {
		unsigned cap = fields->cap ? fields->cap * 2 : FIELDS_FIRST;
		struct field *list = arena_alloc(fields->arena, cap * sizeof(*list));

		if (!list)
			return FIELDS_NO_MEMORY;
		if (fields->count)
			memcpy(list, fields->list, fields->count * sizeof(*list));
		fields->list = list;
		fields->cap = cap;
	}
	fields->list[fields->count++] = (struct field){ 0 };
	return FIELDS_OK;
}

enum fields_result
fields_name(struct fields *fields, const char *at, size_t size)
{
	enum fields_result result = FIELDS_OK;
	struct field *field;

	if (fields->count == 0 || fields->list[fields->count - 1].value_at)
		result = begin(fields);
	if (result != FIELDS_OK)
		return result;
	field = &fields->list[fields->count - 1];
	fields_span(fields->message, &field->name_at, &field->name_len, at, size);
	return FIELDS_OK;
}

enum fields_result
fields_value(struct fields *fields, const char *at, size_t size)
{
	struct field *field = &fields->list[fields->count - 1];

	return fields_span(fields->message, &field->value_at, &field->value_len, at, size) ? FIELDS_OK : FIELDS_FOLDED;
}

void
fields_value_end(struct fields *fields)
{
	struct field *field = &fields->list[fields->count - 1];

	if (!field->value_at) /* an empty value has no span: this marks the field as having had its value */
		field->value_at = field->name_at + field->name_len;
}

static struct str
trim_value(struct str value)
{
	while (value.len > 0 && (value.ptr[value.len - 1] == ' ' || value.ptr[value.len - 1] == '\t'))
		value.len--;
	while (value.len > 0 && (value.ptr[0] == ' ' || value.ptr[0] == '\t'))
		value = str_n(value.ptr + 1, value.len - 1);
	return value;
}

bool
fields_list(const struct fields *fields, struct str head, struct http_headers *out)
{
	struct http_header *list = arena_alloc(fields->arena, (fields->count + 1) * sizeof(*list));

	if (!list)
		return false;
	for (unsigned i = 0; i < fields->count; i++) {
		const struct field *field = &fields->list[i];

		list[i].name = str_n(head.ptr + field->name_at, field->name_len);
		list[i].value = trim_value(str_n(head.ptr + field->value_at, field->value_len));
	}
	*out = (struct http_headers){ list, fields->count };
	return true;
}
