/*
 * embed.c - see embed.h. What the wires share.
 */
#include "gateway/embed.h"

#include <float.h>
#include <math.h>

#include "gateway/request.h"

/* OpenAI's: the parser of the dialect has read them, and `user` is a hint that none of these wires has. */
static const char *const openai_members[] = { "model", "input", "dimensions", "encoding_format", "user" };

static const struct embed_member *
own_member(const struct embed_member *own, struct str name)
{
	for (; own->ours; own++)
		if (str_eq_c(name, own->ours))
			return own;
	return NULL;
}

const struct err *
embed_members_check(const struct embed_ask *ask, const struct embed_member *own, struct arena *arena)
{
	for (struct json_iter it = json_iter(ask->source); json_next(&it);)
		if (!json_is(it.value, JSON_NULL) && !str_in(it.key, openai_members, COUNT(openai_members)) && !own_member(own, it.key))
			return err_param(arena, ERR_UNSUPPORTED, arena_cstr(arena, it.key), "unsupported_parameter", "%" STR_F " is not supported by the %s provider of this model", STR_A(it.key),
				ask->target->kind->kind);
	return NULL;
}

void
embed_members_put(struct json_out *out, const struct embed_ask *ask, const struct embed_member *own)
{
	for (struct json_iter it = json_iter(ask->source); json_next(&it);) {
		const struct embed_member *member = json_is(it.value, JSON_NULL) ? NULL : own_member(own, it.key);

		if (member)
			json_set(out, member->theirs, it.value);
	}
}

const struct err *
embed_fixed_length(struct arena *arena)
{
	return err_param(arena, ERR_UNSUPPORTED, "dimensions", "unsupported_parameter", "dimensions: the vectors of this model have one length, and no other can be asked for");
}

const struct err *
embed_post(const struct embed_ask *ask, const struct buf *body, struct arena *arena, struct http_call_spec *out)
{
	const struct err *err = buf_err(body);

	*out = (struct http_call_spec){ .method = HTTP_POST, .body = buf_str(body) };
	return err ? err : request_headers(ask->target, arena, NULL, 0, out);
}

/* --- the answer --- */

static const struct err *
nonsense(struct arena *arena, const char *what)
{
	return err_new(arena, ERR_UPSTREAM, "the provider's answer is wrong: %s", what);
}

/* By the first vector of the first answer, which may be asked for again. */
static const struct err *
make_room(const struct embed_ask *ask, size_t dimensions, struct arena *arena, struct embed_vectors *out)
{
	size_t bytes = out->count * dimensions * sizeof(*out->all);
	struct arena *own;

	if (dimensions == 0 || dimensions > EMBED_DIMENSIONS_MAX)
		return nonsense(arena, "a vector is empty, or too long");
	if (ask->dimensions && (size_t)ask->dimensions != dimensions)
		return err_new(arena, ERR_UPSTREAM, "the provider's vectors have %zu dimensions, and not as many as were asked for", dimensions);
	own = arena_new_below(out->arena, bytes + KIB(64));
	out->all = own ? arena_alloc(own, bytes) : NULL;
	if (!out->all)
		return &err_no_memory;
	out->dimensions = (unsigned)dimensions;
	return NULL;
}

static bool
read_vector(const struct json *numbers, float *out)
{
	for (struct json_iter it = json_iter(numbers); json_next(&it);) {
		double number = json_number(it.value, INFINITY);

		if (!(fabs(number) <= (double)FLT_MAX))
			return false;
		*out++ = (float)number;
	}
	return true;
}

/* The vector of the text `index` of this request. */
static const struct err *
add_vector(const struct embed_ask *ask, const struct json *vector, size_t index, struct arena *arena, struct embed_vectors *out)
{
	const struct err *err = NULL;

	if (!json_is(vector, JSON_ARRAY))
		return nonsense(arena, "a vector is not a list of numbers");
	if (out->done == 0 && index == 0)
		err = make_room(ask, json_count(vector), arena, out);
	if (err)
		return err;
	if (json_count(vector) != out->dimensions)
		return nonsense(arena, "its vectors have different numbers of dimensions");
	return read_vector(vector, out->all + (out->done + index) * out->dimensions) ? NULL : nonsense(arena, "a vector is not a list of numbers");
}

const struct err *
embed_read_one(const struct embed_ask *ask, const struct json *vector, struct arena *arena, struct embed_vectors *out)
{
	const struct err *err = ask->count == 1 ? add_vector(ask, vector, 0, arena, out) : nonsense(arena, "it has one vector for several texts");

	out->done += !err;
	return err;
}

const struct err *
embed_read_list(const struct embed_ask *ask, const struct json *list, embed_place *place, struct arena *arena, struct embed_vectors *out)
{
	const struct err *err = NULL;

	if (!json_is(list, JSON_ARRAY) || json_count(list) != ask->count)
		return nonsense(arena, "it has not one vector for each text");
	for (struct json_iter it = json_iter(list); !err && json_next(&it);)
		err = add_vector(ask, place ? place(it.value) : it.value, it.index, arena, out);
	out->done += err ? 0 : ask->count;
	return err;
}
