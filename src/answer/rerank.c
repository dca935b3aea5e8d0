/*
 * rerank.c - see rerank.h.
 *
 * Wires: Cohere's API reference, "Rerank API (v2)": {model, query, documents: texts, top_n, max_tokens_per_doc, priority} to {id, results: [{index, relevance_score}], meta: {billed_units:
 * {search_units}}}; Jina's "Reranker API" and vLLM's "Re-rank API": {model, query, documents, top_n, return_documents} to {results: [{index, relevance_score, document}], usage:
 * {total_tokens}}, where Fireworks says `data`. Texts are never asked back: we have them.
 */
#include "answer/rerank.h"

#include <math.h>

#include "gateway/request.h"

struct str
rerank_text(const struct json *document)
{
	return json_is(document, JSON_STRING) ? json_string(document) : json_get_string(document, "text");
}

int64_t
rerank_search_units(size_t documents)
{
	return documents ? (int64_t)(documents + 99) / 100 : 1;
}

static bool
is_cohere(const struct target *target)
{
	return target->kind == &provider_cohere;
}

static bool
is_one_of(struct str name, const char *const *list)
{
	for (; *list; list++)
		if (str_eq_c(name, *list))
			return true;
	return false;
}

/* Members of the request that we write ourselves, or that say how we are to answer. */
static const char *const own[] = { "model", "query", "documents", "top_n", "return_documents", "user", NULL };

/* Cohere's own; what else a request has is another server's. */
static const char *const cohere[] = { "max_tokens_per_doc", "priority", NULL };

static const struct err *
put_others(struct single *call, const struct target *target, struct json_out *out)
{
	for (struct json_iter it = json_iter(call->source); json_next(&it);) {
		if (is_one_of(it.key, own) || json_is(it.value, JSON_NULL))
			continue;
		if (is_cohere(target) && !is_one_of(it.key, cohere))
			return err_param(call->arena, ERR_UNSUPPORTED, arena_cstr(call->arena, it.key), "unsupported_parameter", "%" STR_F " is not supported by the Cohere provider of this model",
				STR_A(it.key));
		json_key(out, it.key);
		json_put(out, it.value);
	}
	return NULL;
}

static void
put_documents(const struct rerank_call *call, struct json_out *out, bool texts)
{
	json_set_array(out, "documents");
	for (size_t i = 0; i < call->count; i++) {
		if (texts)
			json_put_string(out, rerank_text(call->documents[i]));
		else
			json_put(out, call->documents[i]);
	}
	json_end_array(out);
}

static const struct err *
write_request(struct single *base, const struct target *target, struct http_call_spec *out)
{
	struct rerank_call *call = (struct rerank_call *)base;
	struct buf *body = single_body(base);
	struct str text;
	const struct err *err;
	struct json_out json;

	if (is_cohere(target) && !call->plain)
		return err_param(base->arena, ERR_UNSUPPORTED, "documents", "unsupported_parameter", "documents that are no texts are not supported by the Cohere provider of this model");
	if (!body)
		return &err_no_memory;
	json_out_init(&json, body);
	json_begin_object(&json);
	json_set_string(&json, "model", target->model);
	json_set_string(&json, "query", call->query);
	put_documents(call, &json, call->plain);
	if (call->top_n)
		json_set_int(&json, "top_n", call->top_n);
	if (!is_cohere(target))
		json_set_bool(&json, "return_documents", false);
	err = put_others(base, target, &json);
	if (err)
		return err;
	json_end_object(&json);
	err = request_body_done(base->arena, body, &text);
	return err ? err : single_post(base, target, "/rerank", text, out);
}

/* --- the answer --- */

static const struct err *
nonsense(const struct single *call, const char *what)
{
	return err_new(call->arena, ERR_UPSTREAM, "the provider's answer is wrong: %s", what);
}

static const struct err *
read_results(struct rerank_call *call, const struct json *list)
{
	bool *seen = arena_array(call->base.arena, call->count, sizeof(*seen));

	call->results = arena_array(call->base.arena, call->count, sizeof(*call->results));
	call->result_count = 0;
	if (!seen || !call->results)
		return &err_no_memory;
	for (struct json_iter it = json_iter(list); json_next(&it);) {
		int64_t index = json_int(json_get(it.value, "index"), -1);
		double score = json_number(json_get(it.value, "relevance_score"), json_number(json_get(it.value, "score"), NAN));

		if (index < 0 || (size_t)index >= call->count || seen[index])
			return nonsense(&call->base, "an index is out of range, or stands twice");
		if (isnan(score))
			return nonsense(&call->base, "a result has no relevance_score");
		seen[index] = true;
		if (!call->top_n || call->result_count < (size_t)call->top_n)
			call->results[call->result_count++] = (struct rerank_result){ (size_t)index, score };
	}
	return NULL;
}

/* Search units where it bills them, tokens where it counts those; our estimate where it says nothing. */
static void
read_usage(struct single *call, const struct json *root, bool billing)
{
	const struct json *billed = json_get(json_get(root, "meta"), "billed_units"), *usage = json_get(root, "usage");
	int64_t units = provider_count(json_get(billed, "search_units"), 0), tokens = provider_count(json_get(billed, "input_tokens"), 0);

	if (!tokens)
		tokens = provider_count(json_get(usage, "total_tokens"), provider_count(json_get(usage, "prompt_tokens"), 0));
	call->usage = (struct usage){ .searches = units, .input = tokens };
	call->usage.known = true;
	if (call->usage.searches || call->usage.input)
		return;
	call->usage.estimated = true;
	if (billing)
		call->usage.searches = call->expected.searches;
	else
		call->usage.input = call->expected.input;
}

static const struct err *
read_answer(struct single *base, const struct target *target, const struct json *root)
{
	const struct json *results = json_get(root, "results");
	struct str id = json_get_string(root, "id");

	if (!json_is(results, JSON_ARRAY))
		results = json_get(root, "data");
	if (!json_is(results, JSON_ARRAY))
		return nonsense(base, "it has no results");
	base->response_id = id.ptr ? id : STR_EMPTY;
	read_usage(base, root, is_cohere(target));
	return read_results((struct rerank_call *)base, results);
}

const struct single_kind rerank_kind = {
	.operation = "rerank",
	.noun = "rerank model",
	.type = CONF_MODEL_RERANK,
	.api = CONF_API_RERANK,
	.request = write_request,
	.read = read_answer,
};
