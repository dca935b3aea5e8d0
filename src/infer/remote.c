/*
 * remote.c - embeddings of any OpenAI-compatible endpoint (OpenAI's API reference, "Embeddings").
 *
 * Texts go out in batches; answers are checked for count and dimensions and scaled to unit length, since not every server does that. Tokens are estimated where the
 * tokenizer is not known: four bytes of ASCII or two thirds of a longer character each.
 */
#include <stdlib.h>

#include "infer/embedder.h"
#include "json/json.h"
#include "net/http_client.h"

enum { BATCH_DEFAULT = 64, TOKENS_DEFAULT = 512, DIMENSIONS_LIMIT = 8192, REQUEST_MAX = 64 * 1024 * 1024, ANSWER_MAX = 256 * 1024 * 1024, CALL_ARENA_MAX = 768 * 1024 * 1024 };

struct remote {
	struct embedder base;
	struct str url, authorization;
	unsigned batch_max;
};

static size_t
remote_tokens(const struct embedder *embedder, struct str text)
{
	size_t ascii = 0, other = 0;

	(void)embedder;
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		ascii += c < 0x80;
		other += c >= 0xc0;
	}
	return (ascii + 3) / 4 + (other * 2 + 2) / 3;
}

static void
remote_close(struct embedder *embedder)
{
	struct arena *arena = embedder->arena;

	free(embedder);
	arena_free(arena);
}

static const struct err *
write_request(const struct remote *remote, struct arena *arena, const struct str *texts, size_t count, struct http_call_spec *out)
{
	struct http_header *headers = arena_array(arena, 2, sizeof(*headers));
	struct json_out json;
	struct buf body;

	if (!headers)
		return &err_no_memory;
	buf_init(&body, arena, REQUEST_MAX);
	json_out_init(&json, &body);
	json_begin_object(&json);
	json_set_string(&json, "model", remote->base.model);
	json_set_array(&json, "input");
	for (size_t i = 0; i < count; i++)
		json_put_string(&json, texts[i]);
	json_end_array(&json);
	json_set_string(&json, "encoding_format", STR("float"));
	json_end_object(&json);
	headers[0] = (struct http_header){ STR("content-type"), STR("application/json") };
	headers[1] = (struct http_header){ STR("authorization"), remote->authorization };
	*out = (struct http_call_spec){ .method = HTTP_POST, .url = remote->url, .headers = { headers, remote->authorization.len ? 2 : 1 }, .body = buf_str(&body), .body_max = ANSWER_MAX };
	return buf_err(&body);
}

static const struct err *
read_vector(const struct remote *remote, struct arena *arena, const struct json *item, size_t count, float *out)
{
	const struct json *vector = json_get(item, "embedding");
	int64_t index = json_int(json_get(item, "index"), -1);
	unsigned dimensions = remote->base.dimensions;

	if (index < 0 || (size_t)index >= count || json_count(vector) != dimensions)
		return err_new(arena, ERR_UPSTREAM, "the embeddings endpoint gave a vector of %zu dimensions where the configuration says %u (embeddings.dimensions)",
			json_count(vector), dimensions);
	out += (size_t)index * dimensions;
	for (struct json_iter it = json_iter(vector); json_next(&it);)
		out[it.index] = (float)json_number(it.value, 0);
	embedder_normalize(out, dimensions);
	return NULL;
}

static const struct err *
read_answer(const struct remote *remote, struct arena *arena, struct str body, size_t count, float *out, int64_t *tokens)
{
	const struct json *root, *data;
	const struct err *err = json_parse(arena, body, &root);

	data = err ? NULL : json_get(root, "data");
	if (json_count(data) != count)
		return err_new(arena, ERR_UPSTREAM, "the embeddings endpoint did not answer with one vector a text");
	for (struct json_iter it = json_iter(data); !err && json_next(&it);)
		err = read_vector(remote, arena, it.value, count, out);
	*tokens += json_int(json_get(json_get(root, "usage"), "prompt_tokens"), 0);
	return err;
}

static MAY_PARK const struct err *
embed_batch(const struct remote *remote, struct arena *arena, const struct str *texts, size_t count, float *out, int64_t *tokens)
{
	struct http_call_spec spec;
	struct http_call *call;
	struct str body;
	const struct err *err = write_request(remote, arena, texts, count, &spec);

	if (!err)
		err = http_call_open(arena, &spec, &call);
	if (err)
		return err;
	err = http_call_read_all(call, arena, ANSWER_MAX, &body);
	if (!err && http_call_status(call) / 100 != 2)
		err = err_detail(arena, err_new(arena, ERR_UPSTREAM, "the embeddings endpoint answered with status %d", http_call_status(call)), "%" STR_F,
			STR_A(str_slice(body, 0, 500)));
	http_call_close(call);
	return err ? err : read_answer(remote, arena, body, count, out, tokens);
}

static MAY_PARK const struct err *
remote_embed(struct embedder *embedder, struct arena *arena, enum embed_class class, const struct str *texts, size_t count, float *out, int64_t *tokens)
{
	const struct remote *remote = (const struct remote *)embedder;
	const struct err *err = NULL;

	(void)class; /* the endpoint has queues of its own */
	for (size_t done = 0; done < count && !err;) {
		size_t batch = count - done < remote->batch_max ? count - done : remote->batch_max;
		struct arena *scratch = arena_new(CALL_ARENA_MAX);

		err = err_copy(arena, embed_batch(remote, scratch, texts + done, batch, out + done * embedder->dimensions, tokens));
		arena_free(scratch);
		done += batch;
	}
	return err;
}

static const struct embedder_kind remote_kind = { .embed = remote_embed, .tokens = remote_tokens, .close = remote_close };

const struct err *
embedder_open_remote(const struct embed_remote_spec *spec, struct arena *arena, struct embedder **out)
{
	struct remote *remote;
	struct str base = spec->base_url;

	*out = NULL;
	if (!spec->model.len || spec->dimensions < 1 || spec->dimensions > DIMENSIONS_LIMIT)
		return err_new(arena, ERR_INVALID, "embeddings of a provider need a model and its dimensions (1..%d) in the configuration: embeddings.model, embeddings.dimensions",
			(int)DIMENSIONS_LIMIT);
	while (base.len && base.ptr[base.len - 1] == '/')
		base.len--;
	remote = mem_zalloc(sizeof(*remote));
	remote->base = (struct embedder){ .kind = &remote_kind, .arena = arena_new(KIB(64)), .dimensions = spec->dimensions,
		.tokens_max = spec->tokens_max ? spec->tokens_max : TOKENS_DEFAULT };
	remote->base.model = arena_dup(remote->base.arena, spec->model);
	remote->url = arena_printf(remote->base.arena, "%" STR_F "/embeddings", STR_A(base));
	remote->authorization = spec->api_key.len ? arena_printf(remote->base.arena, "Bearer %" STR_F, STR_A(spec->api_key)) : STR_EMPTY;
	remote->batch_max = spec->batch_max ? spec->batch_max : BATCH_DEFAULT;
	*out = &remote->base;
	return NULL;
}
