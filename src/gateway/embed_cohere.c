/*
 * embed_cohere.c - Cohere's embeddings, version 2.
 *
 * Wire: docs.cohere.com/reference/embed: {model, texts, input_type, embedding_types, output_dimension, truncate, max_tokens, priority} to {id, embeddings: {float: vectors}, texts, meta: {billed_units:
 * {input_tokens}}}. A request has at most 96 texts. `input_type` is required there and unknown to OpenAI's callers: without one, texts are documents that will be searched.
 */
#include "gateway/embed.h"
#include "gateway/request.h"

enum { TEXTS_MAX = 96, REQUEST_MAX = 64 * 1024 * 1024 };

static const struct embed_member own[] = { { "input_type", "input_type" }, { "truncate", "truncate" }, { "max_tokens", "max_tokens" }, { "priority", "priority" }, { NULL, NULL } };

static size_t
cohere_take(const struct target *target, const struct str *texts, size_t count)
{
	(void)target;
	(void)texts;
	return count < TEXTS_MAX ? count : TEXTS_MAX;
}

/* output_dimension came with version 4 of the models: embed-english-v3.0, embed-multilingual-light-v2.0. */
static bool
length_is_fixed(struct str model)
{
	return str_find(model, STR("-v2"), 0) != SIZE_MAX || str_find(model, STR("-v3"), 0) != SIZE_MAX;
}

static const struct err *
cohere_request(const struct embed_ask *ask, struct arena *arena, struct http_call_spec *out)
{
	const struct err *err = embed_members_check(ask, own, arena);
	struct json_out json;
	struct buf body;

	if (!err && ask->dimensions && length_is_fixed(ask->target->model))
		err = embed_fixed_length(arena);
	if (err)
		return err;
	buf_init(&body, arena, REQUEST_MAX);
	json_out_init(&json, &body);
	json_begin_object(&json);
	json_set_string(&json, "model", ask->target->model);
	json_set_array(&json, "texts");
	for (size_t i = 0; i < ask->count; i++)
		json_put_string(&json, ask->texts[i]);
	json_end_array(&json);
	if (!json_is_given(json_get(ask->source, "input_type")))
		json_set_string(&json, "input_type", STR("search_document"));
	embed_members_put(&json, ask, own);
	json_set_array(&json, "embedding_types");
	json_put_string(&json, STR("float"));
	json_end_array(&json);
	if (ask->dimensions)
		json_set_int(&json, "output_dimension", ask->dimensions);
	json_end_object(&json);
	err = embed_post(ask, &body, arena, out);
	return err ? err : ask->target->kind->address(ask->target, "/embed", arena, out);
}

static const struct err *
cohere_read(const struct embed_ask *ask, const struct embed_answer *answer, struct arena *arena, struct embed_vectors *out, int64_t *tokens)
{
	*tokens = provider_count(json_get(json_get(json_get(answer->root, "meta"), "billed_units"), "input_tokens"), -1);
	return embed_read_list(ask, json_get(json_get(answer->root, "embeddings"), "float"), NULL, arena, out);
}

const struct embed_wire embed_cohere = { cohere_take, cohere_request, cohere_read };
