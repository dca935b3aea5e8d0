/*
 * embed_gemini.c - embeddings of the Gemini API.
 *
 * Wire: ai.google.dev/api/embeddings, "models.batchEmbedContents": {requests: [{model, content: {parts: [{text}]}, taskType, title, outputDimensionality}]} to {embeddings: [{values}],
 * usageMetadata: {promptTokenCount}}, in the order of the requests, of which the service takes 100. Older models leave the usage out.
 */
#include "gateway/embed.h"
#include "gateway/gemini.h"
#include "gateway/request.h"

enum { TEXTS_MAX = 100, REQUEST_MAX = 64 * 1024 * 1024 };

static const struct embed_member own[] = { { "task_type", "taskType" }, { "title", "title" }, { NULL, NULL } };

static size_t
gemini_take(const struct target *target, const struct str *texts, size_t count)
{
	(void)target;
	(void)texts;
	return count < TEXTS_MAX ? count : TEXTS_MAX;
}

static void
put_request(struct json_out *json, const struct embed_ask *ask, struct str resource, struct str text)
{
	json_begin_object(json);
	json_set_string(json, "model", resource);
	json_set_object(json, "content");
	json_set_array(json, "parts");
	json_begin_object(json);
	json_set_string(json, "text", text);
	json_end_object(json);
	json_end_array(json);
	json_end_object(json);
	embed_members_put(json, ask, own);
	if (ask->dimensions)
		json_set_int(json, "outputDimensionality", ask->dimensions);
	json_end_object(json);
}

static const struct err *
gemini_request(const struct embed_ask *ask, struct arena *arena, struct http_call_spec *out)
{
	const struct conf_provider *provider = ask->target->provider;
	struct str model = ask->target->model, resource = str_find_byte(model, '/', 0) == SIZE_MAX ? arena_concat(arena, STR("models/"), model) : model;
	const struct err *err = embed_members_check(ask, own, arena);
	struct json_out json;
	struct buf body;

	if (!err && !gemini_model_ok(model))
		err = err_new(arena, ERR_NOT_FOUND, "the configuration's model name cannot be one of the Gemini API");
	if (err)
		return err;
	buf_init(&body, arena, REQUEST_MAX);
	json_out_init(&json, &body);
	json_begin_object(&json);
	json_set_array(&json, "requests");
	for (size_t i = 0; i < ask->count; i++)
		put_request(&json, ask, resource, ask->texts[i]);
	json_end_array(&json);
	json_end_object(&json);
	err = embed_post(ask, &body, arena, out);
	if (err)
		return err;
	out->url = arena_printf(arena, "%" STR_F "/%" STR_F ":batchEmbedContents", STR_A(provider->base_url), STR_A(resource));
	return resource.ptr && out->url.ptr ? request_header(arena, out, STR("x-goog-api-key"), provider->api_key) : &err_no_memory;
}

static const struct json *
values_of(const struct json *embedding)
{
	return json_get(embedding, "values");
}

static const struct err *
gemini_read(const struct embed_ask *ask, const struct embed_answer *answer, struct arena *arena, struct embed_vectors *out, int64_t *tokens)
{
	*tokens = provider_count(json_get(json_get(answer->root, "usageMetadata"), "promptTokenCount"), -1);
	return embed_read_list(ask, json_get(answer->root, "embeddings"), values_of, arena, out);
}

const struct embed_wire embed_gemini = { gemini_take, gemini_request, gemini_read };
