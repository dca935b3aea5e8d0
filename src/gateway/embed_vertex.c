/*
 * embed_vertex.c - embeddings of Vertex AI.
 *
 * Wire: cloud.google.com/vertex-ai, "Text embeddings API": `predict` with {instances: [{content, task_type, title}], parameters: {outputDimensionality, autoTruncate}} to {predictions: [{embeddings: {values,
 * statistics: {token_count}}}]}, at most 250 texts and 20,000 tokens a request, and one text for gemini-embedding-001; "Method: models.embedContent", where the models after that are, with {content: {parts:
 * [{text}]}, embedContentConfig: {taskType, title, outputDimensionality, autoTruncate}} to {embedding: {values}, usageMetadata: {promptTokenCount}}.
 */
#include "gateway/embed.h"
#include "gateway/gemini.h"
#include "gateway/request.h"
#include "infer/tokenizers.h"

/* Tokens are estimated, so that their bound is well below the service's. */
enum { TEXTS_MAX = 250, TOKENS_MAX = 10000, REQUEST_MAX = 64 * 1024 * 1024 };

static const struct embed_member known[] = { { "task_type", "" }, { "title", "" }, { "auto_truncate", "" }, { NULL, NULL } };
static const struct embed_member of_instance[] = { { "task_type", "task_type" }, { "title", "title" }, { NULL, NULL } };
static const struct embed_member of_parameters[] = { { "auto_truncate", "autoTruncate" }, { NULL, NULL } };
static const struct embed_member of_content[] = { { "task_type", "taskType" }, { "title", "title" }, { "auto_truncate", "autoTruncate" }, { NULL, NULL } };

static struct str
name_of(const struct target *target)
{
	struct str name = target->model, piece = STR_EMPTY;

	while (str_split(&name, '/', &piece))
		;
	return piece;
}

static bool
is_gemini(const struct target *target)
{
	return str_starts(name_of(target), STR("gemini-embedding-"));
}

static bool
has_embed_content(const struct target *target)
{
	return is_gemini(target) && !str_starts(name_of(target), STR("gemini-embedding-001"));
}

static size_t
vertex_take(const struct target *target, const struct str *texts, size_t count)
{
	int64_t tokens = tokens_estimate(texts[0]);
	size_t some = 1;

	if (is_gemini(target))
		return 1;
	while (some < count && some < TEXTS_MAX && (tokens += tokens_estimate(texts[some])) <= TOKENS_MAX)
		some++;
	return some;
}

static void
put_predict(struct json_out *json, const struct embed_ask *ask)
{
	json_set_array(json, "instances");
	for (size_t i = 0; i < ask->count; i++) {
		json_begin_object(json);
		json_set_string(json, "content", ask->texts[i]);
		embed_members_put(json, ask, of_instance);
		json_end_object(json);
	}
	json_end_array(json);
	json_set_object(json, "parameters");
	if (ask->dimensions)
		json_set_int(json, "outputDimensionality", ask->dimensions);
	embed_members_put(json, ask, of_parameters);
	json_end_object(json);
}

static void
put_embed_content(struct json_out *json, const struct embed_ask *ask)
{
	json_set_object(json, "content");
	json_set_array(json, "parts");
	json_begin_object(json);
	json_set_string(json, "text", ask->texts[0]);
	json_end_object(json);
	json_end_array(json);
	json_end_object(json);
	json_set_object(json, "embedContentConfig");
	if (ask->dimensions)
		json_set_int(json, "outputDimensionality", ask->dimensions);
	embed_members_put(json, ask, of_content);
	json_end_object(json);
}

static const struct err *
vertex_request(const struct embed_ask *ask, struct arena *arena, struct http_call_spec *out)
{
	bool content = has_embed_content(ask->target);
	const struct err *err = embed_members_check(ask, known, arena);
	struct json_out json;
	struct buf body;

	if (!err && !gemini_model_ok(ask->target->model))
		err = err_new(arena, ERR_NOT_FOUND, "the configuration's model name cannot be one of Vertex AI");
	if (err)
		return err;
	buf_init(&body, arena, REQUEST_MAX);
	json_out_init(&json, &body);
	json_begin_object(&json);
	if (content)
		put_embed_content(&json, ask);
	else
		put_predict(&json, ask);
	json_end_object(&json);
	err = embed_post(ask, &body, arena, out);
	if (err)
		return err;
	out->url = vertex_url(ask->target, content ? "embedContent" : "predict", arena);
	return out->url.ptr ? NULL : &err_no_memory;
}

static const struct json *
values_of(const struct json *prediction)
{
	return json_get(json_get(prediction, "embeddings"), "values");
}

/* -1 unless all of them say it. */
static int64_t
tokens_of(const struct json *predictions)
{
	int64_t sum = 0;

	for (struct json_iter it = json_iter(json_is(predictions, JSON_ARRAY) ? predictions : NULL); sum >= 0 && json_next(&it);) {
		int64_t tokens = provider_count(json_get(json_get(json_get(it.value, "embeddings"), "statistics"), "token_count"), -1);

		sum = tokens < 0 || sum > PROVIDER_COUNT_MAX ? -1 : sum + tokens;
	}
	return sum;
}

static const struct err *
vertex_read(const struct embed_ask *ask, const struct embed_answer *answer, struct arena *arena, struct embed_vectors *out, int64_t *tokens)
{
	const struct json *predictions = json_get(answer->root, "predictions");

	if (has_embed_content(ask->target)) {
		*tokens = provider_count(json_get(json_get(answer->root, "usageMetadata"), "promptTokenCount"), -1);
		return embed_read_one(ask, json_get(json_get(answer->root, "embedding"), "values"), arena, out);
	}
	*tokens = tokens_of(predictions);
	return embed_read_list(ask, predictions, values_of, arena, out);
}

const struct embed_wire embed_vertex = { vertex_take, vertex_request, vertex_read };
