/*
 * request.c - see request.h.
 */
#include "gateway/request.h"

#include <math.h>

enum { BODY_MAX = 128 * 1024 * 1024 };

struct str
request_url(struct arena *arena, struct str base_url, const char *path)
{
	size_t query = str_find_byte(base_url, '?', 0);
	struct str base = str_slice(base_url, 0, query);

	while (base.len && base.ptr[base.len - 1] == '/')
		base.len--;
	return arena_concat(arena, base, str_of(path), str_slice(base_url, query, base_url.len));
}

const struct err *
request_header(struct arena *arena, struct http_call_spec *spec, struct str name, struct str value)
{
	struct http_header *list = arena_array(arena, spec->headers.count + 1, sizeof(*list));

	if (!list || !value.ptr)
		return &err_no_memory;
	if (spec->headers.count)
		memcpy(list, spec->headers.list, spec->headers.count * sizeof(*list));
	list[spec->headers.count] = (struct http_header){ name, value };
	spec->headers = (struct http_headers){ list, spec->headers.count + 1 };
	return NULL;
}

const struct err *
request_bearer(struct arena *arena, struct http_call_spec *spec, struct str token)
{
	return request_header(arena, spec, STR("authorization"), arena_concat(arena, STR("Bearer "), token, STR_EMPTY));
}

struct str
request_bearer_of(const struct http_call_spec *spec)
{
	struct str value = http_header_get(&spec->headers, STR("authorization"));

	return value.ptr && str_starts(value, STR("Bearer ")) ? str_slice(value, strlen("Bearer "), value.len) : STR_EMPTY;
}

const struct err *
request_headers(const struct target *target, struct arena *arena, const struct http_header *own, size_t own_count, struct http_call_spec *out)
{
	const struct conf_provider *provider = target->provider;
	struct http_header *list = arena_array(arena, 1 + own_count + provider->header_count, sizeof(*list));
	size_t count = 0;

	if (!list)
		return &err_no_memory;
	list[count++] = (struct http_header){ STR("content-type"), STR("application/json") };
	for (size_t i = 0; i < own_count; i++)
		list[count++] = own[i];
	for (size_t i = 0; i < provider->header_count; i++)
		list[count++] = (struct http_header){ provider->headers[i].name, provider->headers[i].value };
	out->headers = (struct http_headers){ list, count };
	return NULL;
}

struct buf *
request_body_new(struct arena *arena)
{
	struct buf *body = arena_alloc(arena, sizeof(*body));

	return body && buf_init_held(body, arena, BODY_MAX) ? body : NULL;
}

const struct err *
request_body_done(struct arena *arena, const struct buf *body, struct str *out)
{
	*out = buf_str(body);
	return body->failed ? err_new(arena, ERR_TOO_LARGE, "the request is larger than %d MiB as its provider would read it", BODY_MAX / 1024 / 1024) : NULL;
}

bool
request_is_system(const struct message *message)
{
	return message->role == ROLE_SYSTEM || message->role == ROLE_DEVELOPER;
}

static void
end_turn(struct json_out *out)
{
	json_end_array(out);
	json_end_object(out);
}

const struct err *
request_turns_put(struct json_out *out, const struct call *call, const struct request_turns *turns, void *of)
{
	const struct err *err = NULL;
	int open = -1; /* whose turn is being written: 0 the user's, 1 the model's */

	json_set_array(out, turns->list);
	for (const struct message *message = call->messages; message && !err; message = message->next) {
		int side = message->role == ROLE_ASSISTANT;

		if (request_is_system(message))
			continue;
		if (side != open) {
			if (open >= 0)
				end_turn(out);
			json_begin_object(out);
			json_set_string(out, "role", side ? str_of(turns->model_role) : STR("user"));
			json_set_array(out, turns->content);
			open = side;
		}
		err = turns->put(out, message, of);
	}
	if (err)
		return err;
	if (open >= 0)
		end_turn(out);
	json_end_array(out);
	return NULL;
}

void
request_real_put(struct json_out *out, const char *name, double value)
{
	if (!isnan(value))
		json_set_real(out, name, value);
}

void
request_stops_put(struct json_out *out, const char *name, const struct call *call)
{
	if (!call->stop_count)
		return;
	json_set_array(out, name);
	for (unsigned i = 0; i < call->stop_count; i++)
		json_put_string(out, call->stops[i]);
	json_end_array(out);
}

void
request_schema_put(struct json_out *out, const char *name, const struct call *call, struct arena *arena)
{
	struct str own = json_get_string(call->schema, "description"), said = call->schema_description;

	if (!said.len || str_eq(own, said)) {
		json_set(out, name, call->schema);
		return;
	}
	json_set_object(out, name);
	json_set_string(out, "description", own.len ? arena_concat(arena, said, STR("\n"), own) : said);
	for (struct json_iter it = json_iter(call->schema); json_next(&it);) {
		if (str_eq_c(it.key, "description"))
			continue;
		json_key(out, it.key);
		json_put(out, it.value);
	}
	json_end_object(out);
}
