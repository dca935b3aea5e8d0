/*
 * embed_bedrock.c - embeddings by Amazon Bedrock's InvokeModel, whose bodies are each model's own.
 *
 * Wire: Amazon Bedrock user guide, "Amazon Titan Embeddings Text": {inputText, dimensions, normalize} to {embedding, inputTextTokenCount}, one text a request; "Cohere Embed v3" and "v4": {texts, input_type,
 * truncate, embedding_types, output_dimension, max_tokens} to {embeddings: {float: vectors}}, at most 96 texts, with the tokens in a header. A model is known by its name, which inference profiles and their
 * ARNs hold too.
 */
#include "gateway/embed.h"
#include "gateway/request.h"

enum { TEXTS_MAX = 96, REQUEST_MAX = 64 * 1024 * 1024 };

static const struct embed_member titan[] = { { "normalize", "normalize" }, { NULL, NULL } };
static const struct embed_member titan_1[] = { { NULL, NULL } };
static const struct embed_member cohere_3[] = { { "input_type", "input_type" }, { "truncate", "truncate" }, { NULL, NULL } };
static const struct embed_member cohere_4[] = { { "input_type", "input_type" }, { "truncate", "truncate" }, { "max_tokens", "max_tokens" }, { NULL, NULL } };

struct embed_model {
	const char *part;               /* of the model's name */
	bool cohere;
	bool length;                    /* the vectors' length can be asked for */
	const struct embed_member *own;
};

static const struct embed_model models[] = {
	{ "amazon.titan-embed-text-v2", false, true, titan },
	{ "amazon.titan-embed-text-v1", false, false, titan_1 },
	{ "amazon.titan-embed-g1-text", false, false, titan_1 },
	{ "cohere.embed-english-v3", true, false, cohere_3 },
	{ "cohere.embed-multilingual-v3", true, false, cohere_3 },
	{ "cohere.embed-v4", true, true, cohere_4 },
};

static const struct embed_model *
model_of(const struct target *target)
{
	for (size_t i = 0; i < COUNT(models); i++)
		if (str_find(target->model, str_of(models[i].part), 0) != SIZE_MAX)
			return &models[i];
	return NULL;
}

static size_t
bedrock_take(const struct target *target, const struct str *texts, size_t count)
{
	const struct embed_model *model = model_of(target);

	(void)texts;
	if (!model || !model->cohere)
		return 1;
	return count < TEXTS_MAX ? count : TEXTS_MAX;
}

static void
put_titan(struct json_out *json, const struct embed_ask *ask, const struct embed_model *model)
{
	json_set_string(json, "inputText", ask->texts[0]);
	if (ask->dimensions)
		json_set_int(json, "dimensions", ask->dimensions);
	embed_members_put(json, ask, model->own);
}

static void
put_cohere(struct json_out *json, const struct embed_ask *ask, const struct embed_model *model)
{
	json_set_array(json, "texts");
	for (size_t i = 0; i < ask->count; i++)
		json_put_string(json, ask->texts[i]);
	json_end_array(json);
	if (!json_is_given(json_get(ask->source, "input_type")))
		json_set_string(json, "input_type", STR("search_document"));
	embed_members_put(json, ask, model->own);
	json_set_array(json, "embedding_types");
	json_put_string(json, STR("float"));
	json_end_array(json);
	if (ask->dimensions)
		json_set_int(json, "output_dimension", ask->dimensions);
}

static const struct err *
bedrock_request(const struct embed_ask *ask, struct arena *arena, struct http_call_spec *out)
{
	const struct embed_model *model = model_of(ask->target);
	const struct err *err;
	struct buf body, name;
	struct json_out json;

	if (!model)
		return err_param(arena, ERR_UNSUPPORTED, "model", "unsupported_model", "of Bedrock's embedding models, Titan's for texts and Cohere's can be asked, by a name that says which it is");
	err = embed_members_check(ask, model->own, arena);
	if (!err && ask->dimensions && !model->length)
		err = embed_fixed_length(arena);
	if (err)
		return err;
	buf_init(&body, arena, REQUEST_MAX);
	json_out_init(&json, &body);
	json_begin_object(&json);
	if (model->cohere)
		put_cohere(&json, ask, model);
	else
		put_titan(&json, ask, model);
	json_end_object(&json);
	err = embed_post(ask, &body, arena, out);
	if (err)
		return err;
	buf_init(&name, arena, KIB(8));
	url_encode(&name, ask->target->model); /* ids have colons, ARNs slashes */
	out->url = arena_printf(arena, "%" STR_F "/model/%" STR_F "/invoke", STR_A(ask->target->provider->base_url), STR_A(buf_str(&name)));
	return name.failed || !out->url.ptr ? &err_no_memory : NULL;
}

/* What is billed, where the body does not say it. */
static int64_t
counted(const struct http_headers *headers)
{
	int64_t tokens;

	return str_to_i64(http_header_get(headers, STR("x-amzn-bedrock-input-token-count")), &tokens) && tokens >= 0 && tokens <= PROVIDER_COUNT_MAX ? tokens : -1;
}

static const struct err *
bedrock_read(const struct embed_ask *ask, const struct embed_answer *answer, struct arena *arena, struct embed_vectors *out, int64_t *tokens)
{
	const struct embed_model *model = model_of(ask->target);
	const struct json *embeddings = json_get(answer->root, "embeddings");

	if (model && model->cohere) {
		*tokens = counted(&answer->headers);
		return embed_read_list(ask, json_is(embeddings, JSON_OBJECT) ? json_get(embeddings, "float") : embeddings, NULL, arena, out);
	}
	*tokens = provider_count(json_get(answer->root, "inputTextTokenCount"), counted(&answer->headers));
	return embed_read_one(ask, json_get(answer->root, "embedding"), arena, out);
}

const struct embed_wire embed_bedrock = { bedrock_take, bedrock_request, bedrock_read };
