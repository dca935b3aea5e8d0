/*
 * openai_shapes.c - see openai_shapes.h.
 */
#include "api/openai_shapes.h"

#include "text/utf8.h"

enum { MAP_MEMBERS_MAX = 16, MAP_KEY_MAX = 64, MAP_VALUE_MAX = 512, MAP_BYTES_MAX = 64 * 1024, LIMIT_MAX = 10000 };

const struct err *
openai_page_parse(struct api_request *request, int64_t limit_initial, int64_t limit_max, struct page_spec *out)
{
	struct str order = api_query(request, "order"), after = api_query(request, "after"), before = api_query(request, "before");
	int64_t limit;
	const struct err *err = api_query_int(request, "limit", limit_initial, 1, LIMIT_MAX, &limit);

	if (err)
		return err;
	if (order.ptr && !str_eq_c(order, "asc") && !str_eq_c(order, "desc"))
		return err_param(request->arena, ERR_INVALID, "order", NULL, "order must be asc or desc");
	*out = (struct page_spec){
		.limit = (unsigned)(limit < limit_max ? limit : limit_max),
		.descending = !order.ptr || str_eq_c(order, "desc"),
		.after = after.ptr ? after : STR_EMPTY,
		.before = before.ptr ? before : STR_EMPTY,
	};
	return NULL;
}

void
openai_list_begin(struct json_out *out)
{
	json_begin_object(out);
	json_set_string(out, "object", STR("list"));
	json_set_array(out, "data");
}

static void
set_id(struct json_out *out, const char *key, struct str id)
{
	if (id.len)
		json_set_string(out, key, id);
	else
		json_set_null(out, key);
}

void
openai_list_end(struct json_out *out, struct str first_id, struct str last_id, bool more)
{
	json_end_array(out);
	set_id(out, "first_id", first_id);
	set_id(out, "last_id", last_id);
	json_set_bool(out, "has_more", more);
	json_end_object(out);
}

MAY_PARK const struct err *
openai_answer_deleted(struct api_request *request, struct str id, const char *object)
{
	struct json_out json;
	struct buf body;

	buf_init(&body, request->arena, KIB(16));
	json_out_init(&json, &body);
	json_begin_object(&json);
	json_set_string(&json, "id", id);
	json_set_string(&json, "object", str_of(object));
	json_set_bool(&json, "deleted", true);
	json_end_object(&json);
	return api_answer_json(request, 200, &json);
}

static size_t
characters(struct str text)
{
	size_t count = 0;

	while (text.len) {
		utf8_next(&text);
		count++;
	}
	return count;
}

const struct err *
openai_map_check(struct arena *arena, const struct json *map, const char *name, bool texts)
{
	if (json_type(map) == JSON_NONE || json_type(map) == JSON_NULL)
		return NULL;
	if (!json_is(map, JSON_OBJECT))
		return err_param(arena, ERR_INVALID, name, "invalid_type", "%s: expected an object", name);
	if (json_count(map) > MAP_MEMBERS_MAX)
		return err_param(arena, ERR_INVALID, name, "object_above_max_properties", "%s: at most %d members", name, MAP_MEMBERS_MAX);
	for (struct json_iter it = json_iter(map); json_next(&it);) {
		struct str value = json_string(it.value), param;

		if (it.key.len == 0 || characters(it.key) > MAP_KEY_MAX)
			return err_param(arena, ERR_INVALID, name, NULL, "%s: a key has 1 to %d characters", name, MAP_KEY_MAX);
		if (!texts || (value.ptr && characters(value) <= MAP_VALUE_MAX))
			continue;
		param = arena_printf(arena, "%s.%" STR_F, name, STR_A(it.key));
		return err_param(arena, ERR_INVALID, param.ptr, value.ptr ? "string_above_max_length" : "invalid_type", "%" STR_F ": expected a text of at most %d characters", STR_A(param), MAP_VALUE_MAX);
	}
	return NULL;
}

const struct err *
openai_map_parse(struct api_request *request, const struct json *map, const char *name, struct str *out)
{
	struct json_out json;
	struct buf text;
	const struct err *err = openai_map_check(request->arena, map, name, false);

	*out = STR("{}");
	if (err || !json_is(map, JSON_OBJECT))
		return err;
	buf_init(&text, request->arena, MAP_BYTES_MAX);
	json_out_init(&json, &text);
	json_put(&json, map);
	*out = buf_str(&text);
	return buf_err(&text);
}

const struct err *
openai_name_check(struct api_request *request, struct str name, const char *param)
{
	bool good = utf8_valid(name);

	for (size_t i = 0; i < name.len; i++)
		good &= (unsigned char)name.ptr[i] >= 0x20 && name.ptr[i] != 0x7f;
	return good ? NULL
		    : err_param(request->arena, ERR_INVALID, param, NULL, "%s: expected text in UTF-8 without control characters", param);
}
