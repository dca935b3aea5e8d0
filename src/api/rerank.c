/*
 * rerank.c - POST /v2/rerank, /v1/rerank and /rerank: texts in the order in which they answer a query.
 *
 * Protocols: Cohere's API reference, "Rerank API (v2)" and "(v1)"; Jina's "Reranker API", which vLLM, LiteLLM and others serve at the same address as Cohere's first version. That one's
 * answer has the members of both, and so have its errors; the documents come back unless `return_documents` is false, as with Jina.
 */
#include "answer/rerank.h"
#include "api/dialect.h"
#include "api/single.h"
#include "base/random.h"
#include "infer/tokenizers.h"

enum { QUERY_BYTES_MAX = 1024 * 1024, TOKENS_A_CHUNK = 500 };

/* --- errors --- */

static void
write_error(struct json_out *out, const struct err *err, struct str request_id)
{
	json_begin_object(out);
	json_set_string(out, "id", request_id);
	json_set_string(out, "message", err->message);
	if (err->code.len)
		json_set_string(out, "code", err->code);
	if (err->param.len)
		json_set_string(out, "param", err->param);
}

static void
write_cohere_error(struct json_out *out, const struct err *err, struct str request_id)
{
	write_error(out, err, request_id);
	json_end_object(out);
}

static void
write_both_errors(struct json_out *out, const struct err *err, struct str request_id)
{
	write_error(out, err, request_id);
	json_set_string(out, "detail", err->message); /* Jina's */
	json_end_object(out);
}

static const struct error_shape cohere_errors = { write_cohere_error, NULL, "RerankError" }, both_errors = { write_both_errors, NULL, "RerankError" };

/* --- the request --- */

static const struct err *
bad(struct api_request *request, const char *field, const char *expected)
{
	return err_param(request->arena, ERR_INVALID, field, NULL, "%s: %s", field, expected);
}

/* A text, or an object with one, or with an image. */
static bool
is_document(const struct json *document)
{
	const struct json *image = json_get(document, "image");

	return rerank_text(document).ptr || json_is(image, JSON_STRING) || json_is(image, JSON_OBJECT) || json_is(json_get(document, "content"), JSON_ARRAY);
}

/* What it may use: each document is read with the query, and a long one is cut into several where search units are counted. */
static void
expect(struct rerank_call *call)
{
	int64_t query = tokens_estimate(call->query);
	size_t chunks = 0;

	for (size_t i = 0; i < call->count; i++) {
		int64_t tokens = query + tokens_estimate(rerank_text(call->documents[i]));

		call->base.expected.input += tokens;
		chunks += (size_t)(tokens / TOKENS_A_CHUNK) + 1;
	}
	call->base.expected.searches = rerank_search_units(chunks);
}

static const struct err *
parse_documents(struct api_request *request, struct rerank_call *call)
{
	const struct json *list = json_get(request->json, "documents"), **documents;

	if (!json_is(list, JSON_ARRAY) || json_count(list) == 0 || json_count(list) > RERANK_DOCUMENTS_MAX)
		return bad(request, "documents", "expected an array of 1 to 10000 texts, or of objects with a 'text'");
	documents = arena_array(request->arena, json_count(list), sizeof(*documents));
	if (!documents)
		return &err_no_memory;
	call->plain = true;
	for (struct json_iter it = json_iter(list); json_next(&it);) {
		if (!is_document(it.value))
			return bad(request, "documents", "a document must be a text, or an object with a 'text' or an 'image'");
		call->plain = call->plain && rerank_text(it.value).ptr;
		documents[call->count++] = it.value;
	}
	call->documents = documents;
	return NULL;
}

static const struct err *
parse(struct api_request *request, struct rerank_call *call)
{
	const struct json *top = json_get(request->json, "top_n"), *back = json_get(request->json, "return_documents"), *fields = json_get(request->json, "rank_fields");
	const struct err *err = dialect_integer_parse(request->arena, top, "top_n", 1, INT32_MAX, 0, &call->top_n);

	call->query = json_get_string(request->json, "query");
	if (!call->query.len || call->query.len > QUERY_BYTES_MAX)
		return bad(request, "query", "expected a text of at most 1 MiB");
	if (err)
		return err;
	if (json_is_given(back) && !json_is(back, JSON_BOOL))
		return bad(request, "return_documents", "expected true or false");
	if (json_is_given(fields))
		return err_param(request->arena, ERR_UNSUPPORTED, "rank_fields", "unsupported_parameter", "rank_fields is not supported here: send what is to be ranked as the documents' text");
	return parse_documents(request, call);
}

/* --- the answer --- */

static void
put_document(struct json_out *out, const struct json *document)
{
	if (!json_is(document, JSON_STRING)) {
		json_set(out, "document", document);
		return;
	}
	json_set_object(out, "document");
	json_set(out, "text", document);
	json_end_object(out);
}

static void
put_results(struct json_out *out, const struct rerank_call *call, bool documents)
{
	json_set_array(out, "results");
	for (size_t i = 0; i < call->result_count; i++) {
		const struct rerank_result *result = &call->results[i];

		json_begin_object(out);
		json_set_int(out, "index", (int64_t)result->index);
		json_set_real(out, "relevance_score", result->score);
		if (documents)
			put_document(out, call->documents[result->index]);
		json_end_object(out);
	}
	json_end_array(out);
}

/* As Cohere says what it bills: search units, or the tokens of a target that counts those. */
static void
put_meta(struct json_out *out, const struct usage *usage, const char *version)
{
	json_set_object(out, "meta");
	json_set_object(out, "api_version");
	json_set_string(out, "version", str_of(version));
	json_end_object(out);
	json_set_object(out, "billed_units");
	if (usage->searches)
		json_set_int(out, "search_units", usage->searches);
	if (usage->input)
		json_set_int(out, "input_tokens", usage->input);
	json_end_object(out);
	json_end_object(out);
}

static MAY_PARK const struct err *
answer(struct api_request *request, const struct rerank_call *call, bool second)
{
	const struct json *back = json_get(request->json, "return_documents");
	const struct usage *usage = &call->base.usage;
	struct id id = id_new();
	const struct err *err;
	struct json_out json;
	struct buf body;

	buf_init(&body, NULL, MIB(128));
	json_out_init(&json, &body);
	json_begin_object(&json);
	json_set_string(&json, "id", call->base.response_id.len ? call->base.response_id : id_str(&id));
	if (!second) {
		json_set_string(&json, "model", call->base.model);
		json_set_object(&json, "usage");
		json_set_int(&json, "total_tokens", usage->input);
		json_set_int(&json, "prompt_tokens", usage->input);
		json_end_object(&json);
	}
	put_results(&json, call, json_bool(back, !second));
	put_meta(&json, usage, second ? "2" : "1");
	json_end_object(&json);
	err = api_answer_json(request, 200, &json);
	buf_fini(&body);
	return err;
}

static MAY_PARK const struct err *
rerank(struct api_request *request, bool second)
{
	struct rerank_call *call = arena_zalloc(request->arena, sizeof(*call));
	struct span *root = span_open(request->trace, SPAN_SERVER, second ? STR("POST /v2/rerank") : STR("POST /v1/rerank"));
	const struct err *err = call ? parse(request, call) : &err_no_memory;

	if (err)
		return err;
	single_begin(&call->base, request, &rerank_kind, root);
	expect(call);
	err = single_answer(&call->base, request);
	return err ? err : answer(request, call, second);
}

static MAY_PARK const struct err *
rerank_first(struct api_request *request)
{
	return rerank(request, false);
}

static MAY_PARK const struct err *
rerank_second(struct api_request *request)
{
	return rerank(request, true);
}

static const struct route routes[] = {
	{ .method = HTTP_POST, .path = "/v2/rerank", .name = "rerank.v2", .scope = SCOPE_MODEL_USE, .errors = &cohere_errors, .body = BODY_JSON,
		.body_bytes_max = MIB(64), .handler = rerank_second, .asks = "RerankRequest", .answer = "Rerank", .summary = "Put documents in the order in which they answer a query (Cohere)" },
	{ .method = HTTP_POST, .path = "/v1/rerank", .name = "rerank.v1", .scope = SCOPE_MODEL_USE, .errors = &both_errors, .body = BODY_JSON,
		.body_bytes_max = MIB(64), .handler = rerank_first, .asks = "RerankRequest", .answer = "Rerank", .summary = "Put documents in the order in which they answer a query (Jina, Cohere's first version)" },
	{ .method = HTTP_POST, .path = "/rerank", .name = "rerank", .scope = SCOPE_MODEL_USE, .errors = &both_errors, .body = BODY_JSON,
		.body_bytes_max = MIB(64), .handler = rerank_first, .asks = "RerankRequest", .answer = "Rerank", .summary = "The same, where vLLM has it too" },
};
const struct route_table rerank_routes = { routes, COUNT(routes) };
