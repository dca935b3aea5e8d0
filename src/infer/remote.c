/*
 * remote.c - embeddings from any server that speaks OpenAI's POST /embeddings.
 *
 * A call of many texts becomes requests of `batch_max`, one after the other; other fibers' calls run beside it. Vectors are brought to unit length here, whatever the
 * server does. The model's tokenizer is not known: tokens are estimated, a little high.
 */
#include <stdatomic.h>

#include "infer/embedder.h"
#include "json/json.h"
#include "net/http_client.h"
#include "text/utf8.h"

enum { DIMENSIONS_LIMIT = 8192, BATCH_LIMIT = EMBED_TEXTS_MAX, BYTES_A_TOKEN = 4, TOKENS_DEFAULT = 512, BATCH_DEFAULT = 64 };
#define REQUEST_BYTES_MAX MIB(32)
#define REPLY_BYTES_MAX MIB(128)

struct remote {
	struct embedder base;
	struct str url, authorization; /* "Bearer …", or empty */
	struct str proxy;
	bool http2;
	unsigned batch_max;
};

/* ---- what a text costs ---- */

/* Tokens of a text: a character of a word is a quarter, any other character one; a little high. Stops at max; *end: the bytes that fit. */
static size_t
estimate(struct str text, size_t max, size_t *end)
{
	size_t quarters = 0;
	struct str rest = text;

	*end = 0;
	while (rest.len > 0) {
		quarters += utf8_next(&rest) < 0x80 ? 1 : BYTES_A_TOKEN;
		if (quarters > max * BYTES_A_TOKEN)
			break;
		*end = (size_t)(rest.ptr - text.ptr);
	}
	return (quarters + BYTES_A_TOKEN - 1) / BYTES_A_TOKEN;
}

static size_t
remote_tokens(const struct embedder *embedder, struct str text)
{
	size_t end;

	(void)embedder;
	return estimate(text, SIZE_MAX / BYTES_A_TOKEN, &end);
}

/* ---- one request ---- */

static const struct err *
request_body(const struct remote *remote, struct arena *arena, const struct str *texts, size_t count, struct str *body)
{
	struct json_out out;
	struct buf buf;

	buf_init(&buf, arena, REQUEST_BYTES_MAX);
	json_out_init(&out, &buf);
	json_begin_object(&out);
	json_set_string(&out, "model", remote->base.model);
	json_set_string(&out, "encoding_format", STR("float"));
	json_set_array(&out, "input");
	for (size_t i = 0; i < count; i++) {
		size_t end;

		estimate(texts[i], remote->base.tokens_max, &end);
		json_put_string(&out, end > 0 ? str_n(texts[i].ptr, end) : STR(" ")); /* servers refuse an empty input */
	}
	json_end_array(&out);
	json_end_object(&out);
	*body = buf_str(&buf);
	return buf_err(&buf);
}

static const struct err *
status_err(struct arena *arena, const struct remote *remote, int status, struct str reply)
{
	const struct json *root = NULL;
	struct str said = str_n(NULL, 0);
	enum err_kind kind = status == 429 ? ERR_RATE_LIMITED : status == 401 || status == 403 || status == 404 ? ERR_UNAVAILABLE : ERR_UPSTREAM;
	const struct err *err;

	if (!json_parse(arena, reply, &root))
		said = json_get_string(json_get(root, "error"), "message");
	err = err_detail(arena, err_new(arena, kind, "the embedding service answered with status %d for the model %" STR_F, status, STR_A(remote->base.model)),
		"%" STR_F, STR_A(utf8_cut(said.ptr ? said : reply, 500)));
	return remote->authorization.len ? err_without(arena, err, str_slice(remote->authorization, sizeof("Bearer ") - 1, remote->authorization.len)) : err; /* it goes to the log */
}

static MAY_PARK const struct err *
request_send(const struct remote *remote, struct arena *arena, struct str body, struct str *reply)
{
	struct http_header headers[] = { { STR_INIT("content-type"), STR_INIT("application/json") }, { STR_INIT("authorization"), remote->authorization } };
	const struct http_call_spec spec = { .method = HTTP_POST,
		.url = remote->url,
		.headers = { headers, remote->authorization.len > 0 ? 2 : 1 },
		.body = body,
		.body_max = REPLY_BYTES_MAX,
		.proxy = remote->proxy,
		.http2 = remote->http2 };
	struct http_call *call;
	const struct err *err = http_call_open(arena, &spec, &call);

	if (err)
		return err_wrap(arena, err, "the embedding service cannot be reached");
	err = http_call_read_all(call, arena, REPLY_BYTES_MAX, reply);
	if (!err && http_call_status(call) != 200)
		err = status_err(arena, remote, http_call_status(call), *reply);
	http_call_close(call);
	return err;
}

/* ---- its answer ---- */

static const struct err *
nonsense(struct arena *arena, const char *what)
{
	return err_new(arena, ERR_UPSTREAM, "the embedding service's answer is wrong: %s", what);
}

/* Takes the dimensions from the first vector that is seen. */
static bool
dimensions_agree(struct remote *remote, size_t count)
{
	if (count == 0 || count > DIMENSIONS_LIMIT)
		return false;
	if (remote->base.dimensions == 0)
		remote->base.dimensions = (unsigned)count;
	return remote->base.dimensions == count;
}

static bool
read_vector(const struct json *numbers, float *out, unsigned dimensions)
{
	for (struct json_iter it = json_iter(numbers); json_next(&it);) {
		if (!json_is(it.value, JSON_INT) && !json_is(it.value, JSON_REAL))
			return false;
		*out++ = (float)json_number(it.value, 0);
	}
	embedder_normalize(out - dimensions, dimensions);
	return true;
}

/* out NULL: only the dimensions are wanted. */
static const struct err *
read_reply(struct remote *remote, struct arena *arena, struct str reply, size_t count, float *out, int64_t *tokens)
{
	const struct json *root, *data;
	bool *seen = arena_array(arena, count, sizeof(*seen));
	const struct err *err = json_parse(arena, reply, &root);

	if (err || !seen)
		return err ? nonsense(arena, "it is not JSON") : &err_no_memory;
	data = json_get(root, "data");
	if (json_count(data) != count)
		return nonsense(arena, "it has not one vector a text");
	for (struct json_iter it = json_iter(data); json_next(&it);) {
		const struct json *vector = json_get(it.value, "embedding");
		int64_t index = json_int(json_get(it.value, "index"), (int64_t)it.index);

		if (index < 0 || (size_t)index >= count || seen[index])
			return nonsense(arena, "an index is out of range, or stands twice");
		seen[index] = true;
		if (!dimensions_agree(remote, json_count(vector)))
			return nonsense(arena, "a vector has another number of dimensions than the model");
		if (out && !read_vector(vector, out + (size_t)index * remote->base.dimensions, remote->base.dimensions))
			return nonsense(arena, "a vector is not a list of numbers");
	}
	*tokens += json_int(json_get(json_get(root, "usage"), "prompt_tokens"), 0);
	return NULL;
}

/* One exchange, in memory of its own. */
static MAY_PARK const struct err *
request(struct remote *remote, struct arena *errors, const struct str *texts, size_t count, float *out, int64_t *tokens)
{
	struct arena *arena = arena_new(REQUEST_BYTES_MAX + 3 * REPLY_BYTES_MAX);
	struct str body, reply;
	const struct err *err = request_body(remote, arena, texts, count, &body);

	if (!err)
		err = request_send(remote, arena, body, &reply);
	if (!err)
		err = read_reply(remote, arena, reply, count, out, tokens);
	err = err ? err_copy(errors, err) : NULL;
	arena_free(arena);
	return err;
}

static MAY_PARK const struct err *
remote_prepare(struct embedder *embedder, struct arena *arena)
{
	const struct str text = STR("dimensions");
	int64_t tokens = 0;

	return request((struct remote *)embedder, arena, &text, 1, NULL, &tokens);
}

static MAY_PARK const struct err *
remote_embed(struct embedder *embedder, struct arena *arena, enum embed_class class, const struct str *texts, size_t count, float *out, int64_t *tokens)
{
	struct remote *remote = (struct remote *)embedder;
	const struct err *err = NULL;

	(void)class; /* the server has a queue of its own */
	for (size_t from = 0; from < count && !err; from += remote->batch_max) {
		size_t some = count - from < remote->batch_max ? count - from : remote->batch_max;

		err = request(remote, arena, texts + from, some, out + from * embedder->dimensions, tokens);
	}
	return err;
}

/* ---- opening and closing ---- */

static void
remote_close(struct embedder *embedder)
{
	arena_free(embedder->arena); /* holds the embedder itself */
}

static const struct embedder_kind remote_kind = { remote_embed, remote_prepare, remote_tokens, remote_close };

const struct err *
embedder_open_remote(const struct embed_remote_spec *spec, struct arena *arena, struct embedder **out)
{
	struct arena *own = arena_new(KIB(64));
	struct remote *remote = arena_zalloc(own, sizeof(*remote));
	struct str base = spec->base_url;
	const struct err *err = NULL;

	while (str_ends(base, STR("/")))
		base.len--;
	if (!str_starts(base, STR("http://")) && !str_starts(base, STR("https://")))
		err = err_new(arena, ERR_INVALID, "the embedding service's base_url begins with http:// or https://");
	else if (spec->model.len == 0)
		err = err_new(arena, ERR_INVALID, "the embedding service needs the name of a model");
	if (!err) {
		remote->base = (struct embedder){ .kind = &remote_kind,
			.arena = own,
			.model = arena_dup(own, spec->model),
			.dimensions = spec->dimensions,
			.tokens_max = spec->tokens_max ? spec->tokens_max : TOKENS_DEFAULT,
			.hosted = spec->hosted };
		remote->proxy = arena_dup(own, spec->proxy);
		remote->http2 = spec->http2;
		remote->url = arena_printf(own, "%" STR_F "/embeddings", STR_A(base));
		if (spec->api_key.len > 0)
			remote->authorization = arena_printf(own, "Bearer %" STR_F, STR_A(spec->api_key));
		remote->batch_max = spec->batch_max ? spec->batch_max : BATCH_DEFAULT;
		if (remote->batch_max > BATCH_LIMIT)
			remote->batch_max = BATCH_LIMIT;
		if (!remote->base.model.ptr || !remote->url.ptr || (spec->api_key.len > 0 && !remote->authorization.ptr))
			err = &err_no_memory;
	}
	if (err)
		arena_free(own);
	else
		*out = &remote->base;
	return err;
}
