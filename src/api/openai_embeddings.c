/*
 * openai_embeddings.c - POST /v1/embeddings.
 *
 * Protocol: OpenAI's API reference, "Embeddings". The official clients ask for base64 of little-endian floats, so both encodings are served.
 */
#include "answer/embeddings.h"
#include "api/dialect.h"
#include "api/single.h"
#include "gateway/call.h"
#include "infer/tokenizers.h"

enum { INPUTS_MAX = 2048, INPUT_BYTES_MAX = 1024 * 1024 };

static const struct err *
bad_input(struct api_request *request, const char *what)
{
	return err_param(request->arena, ERR_INVALID, "input", NULL, "input: %s", what);
}

/* Whether all are whole numbers, as tokens are; how many, in *count. */
static bool
are_tokens(const struct json *list, int64_t *count)
{
	*count += (int64_t)json_count(list);
	for (struct json_iter it = json_iter(list); json_next(&it);)
		if (json_int(it.value, -1) < 0)
			return false;
	return json_is(list, JSON_ARRAY) && json_count(list) > 0;
}

/* Tokens of one text, or of several: a provider reads them. */
static bool
take_tokens(const struct json *input, struct embeddings_call *call)
{
	int64_t tokens = 0;
	bool good = true;

	for (struct json_iter it = json_iter(input); good && json_next(&it);)
		good = are_tokens(it.value, &tokens);
	if (!good) {
		tokens = 0;
		good = are_tokens(input, &tokens);
	}
	call->base.expected.input = tokens;
	return good;
}

static const struct err *
parse_input(struct api_request *request, struct embeddings_call *call)
{
	const struct json *input = json_get(request->json, "input");
	size_t count = json_is(input, JSON_STRING) ? 1 : json_count(input);
	struct str *texts;

	if (count == 0 || count > INPUTS_MAX || json_is(input, JSON_OBJECT))
		return bad_input(request, "expected a text, or an array of 1 to 2048 texts");
	call->count = count;
	if (json_is(input, JSON_ARRAY) && take_tokens(input, call))
		return NULL;
	texts = arena_array(request->arena, count, sizeof(*texts));
	if (!texts)
		return &err_no_memory;
	if (json_is(input, JSON_STRING))
		texts[0] = json_string(input);
	else
		for (struct json_iter it = json_iter(input); json_next(&it);)
			texts[it.index] = json_string(it.value);
	for (size_t i = 0; i < count; i++) {
		if (!texts[i].ptr)
			return bad_input(request, "expected a text, an array of texts, an array of tokens, or an array of such arrays");
		if (texts[i].len == 0 || texts[i].len > INPUT_BYTES_MAX)
			return bad_input(request, "a text must not be empty, and at most 1 MiB");
	}
	call->texts = texts;
	return NULL;
}

/* `out` has room for what base64_len says. */
static struct str
base64(const void *bytes, size_t size, char *out)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *in = bytes;
	size_t at = 0;

	for (size_t i = 0; i < size; i += 3) {
		unsigned group = (unsigned)in[i] << 16 | (i + 1 < size ? (unsigned)in[i + 1] << 8 : 0) | (i + 2 < size ? in[i + 2] : 0);

		out[at++] = digits[group >> 18];
		out[at++] = digits[group >> 12 & 63];
		out[at++] = i + 1 < size ? digits[group >> 6 & 63] : '=';
		out[at++] = i + 2 < size ? digits[group & 63] : '=';
	}
	return str_n(out, at);
}

static size_t
base64_len(size_t size)
{
	return (size + 2) / 3 * 4;
}

/* In base64 when there is `scratch` to write it to: little-endian, as every machine we run on. */
static void
put_vector(struct json_out *out, const float *vector, unsigned dimensions, char *scratch)
{
	if (scratch) {
		json_set_string(out, "embedding", base64(vector, dimensions * sizeof(*vector), scratch));
		return;
	}
	json_set_array(out, "embedding");
	for (unsigned d = 0; d < dimensions; d++)
		json_put_real(out, (double)vector[d]);
	json_end_array(out);
}

static MAY_PARK const struct err *
answer_vectors(struct api_request *request, const struct embeddings_call *call, bool encoded)
{
	unsigned dimensions = call->vectors.dimensions;
	char *scratch = encoded ? arena_alloc(request->arena, base64_len(dimensions * sizeof(*call->vectors.all))) : NULL;
	const struct err *err;
	struct json_out json;
	struct buf body;

	if (encoded && !scratch)
		return &err_no_memory;
	buf_init(&body, NULL, MIB(256)); /* 2,048 vectors are more than the exchange's memory */
	json_out_init(&json, &body);
	json_begin_object(&json);
	json_set_string(&json, "object", STR("list"));
	json_set_array(&json, "data");
	for (size_t i = 0; i < call->count; i++) {
		json_begin_object(&json);
		json_set_string(&json, "object", STR("embedding"));
		json_set_int(&json, "index", (int64_t)i);
		put_vector(&json, call->vectors.all + i * dimensions, dimensions, scratch);
		json_end_object(&json);
	}
	json_end_array(&json);
	json_set_string(&json, "model", call->base.model);
	json_set_object(&json, "usage");
	json_set_int(&json, "prompt_tokens", call->base.usage.input);
	json_set_int(&json, "total_tokens", call->base.usage.input);
	json_end_object(&json);
	json_end_object(&json);
	err = api_answer_json(request, 200, &json);
	buf_fini(&body);
	return err;
}

static MAY_PARK const struct err *
embeddings_create(struct api_request *request)
{
	struct str format = json_get_string(request->json, "encoding_format");
	struct embeddings_call call = { .embedder = request->app->embedder, .missing = request->app->embedder_missing };
	const struct err *err;

	single_begin(&call.base, request, &embeddings_kind, span_open(request->trace, SPAN_SERVER, STR("POST /v1/embeddings")));
	err = parse_input(request, &call);
	if (!err)
		err = dialect_integer_parse(request->arena, json_get(request->json, "dimensions"), "dimensions", 1, INT32_MAX, 0, &call.dimensions);
	if (err)
		return err;
	if (format.ptr && !str_eq_c(format, "float") && !str_eq_c(format, "base64"))
		return err_param(request->arena, ERR_INVALID, "encoding_format", NULL, "encoding_format: must be float or base64");
	for (size_t i = 0; call.texts && i < call.count; i++)
		call.base.expected.input += tokens_estimate(call.texts[i]);
	err = single_answer(&call.base, request);
	if (err)
		return err;
	if (call.base.whole.len)
		return http_answer(request->http, 200, STR("application/json"), call.base.whole);
	if (call.dimensions && call.dimensions != (int64_t)call.vectors.dimensions)
		return err_param(request->arena, ERR_UNSUPPORTED, "dimensions", "unsupported_parameter", "dimensions: this model has %u, and cannot give other ones", call.vectors.dimensions);
	return answer_vectors(request, &call, format.ptr && str_eq_c(format, "base64"));
}

static const struct route routes[] = {
	{ .method = HTTP_POST, .path = "/v1/embeddings", .name = "embeddings", .scope = SCOPE_MODEL_USE, .errors = &openai_errors, .body = BODY_JSON,
		.body_bytes_max = MIB(64), .handler = embeddings_create, .asks = "EmbeddingRequest", .answer = "EmbeddingList", .summary = "Turn texts into vectors" },
};
const struct route_table openai_embeddings_routes = { routes, COUNT(routes) };
