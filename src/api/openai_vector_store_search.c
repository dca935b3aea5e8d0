/*
 * openai_vector_store_search.c - POST /v1/vector_stores/{id}/search: passages for a question, without a model's answer.
 *
 * Protocol: OpenAI's API reference, "Search vector store". Several queries are searched one after the other, and each passage counts with its best score. Queries are searched
 * as they are: `rewrite_query` changes nothing, and `search_query` in the answer says so. Our own member `explain` adds to each result where it came from and how it was
 * found, and lists the candidates that were dropped, with the reason.
 */
#include <math.h>
#include <stdlib.h>

#include "access/limit.h"
#include "api/openai_vector_stores.h"

enum { QUERIES_MAX = 16, RESULTS_INITIAL = 10 };

struct search_call {
	struct api_request *request;
	struct collection store;
	struct query query; /* all but its text */
	struct str texts[QUERIES_MAX];
	size_t count;
	struct hit *hits; /* of all queries, the best first */
	size_t hit_count;
	struct hits last; /* what the last query says about the search itself */
};

/* --- the request --- */

static const struct err *
parse_ranking(struct search_call *call, const struct json *options)
{
	const struct json *hybrid = json_get(options, "hybrid_search");
	double vectors = json_number(json_get(hybrid, "embedding_weight"), 0), words = json_number(json_get(hybrid, "text_weight"), 0);

	call->query.score_min = json_number(json_get(options, "score_threshold"), 0);
	if (!json_is(hybrid, JSON_OBJECT))
		return NULL;
	if (vectors + words <= 0)
		return err_param(call->request->arena, ERR_INVALID, "ranking_options.hybrid_search", NULL,
			"ranking_options.hybrid_search: one of the weights must be above 0");
	call->query.fusion = FUSION_CONVEX;
	call->query.vector_weight = vectors / (vectors + words);
	return NULL;
}

static const struct err *
parse_search(struct search_call *call)
{
	const struct json *json = call->request->json, *query = json_get(json, "query"), *filters = json_get(json, "filters");
	const struct err *err;

	call->count = json_is(query, JSON_STRING) ? 1 : json_count(query);
	if (json_is(query, JSON_STRING))
		call->texts[0] = json_string(query);
	else
		for (struct json_iter it = json_iter(query); json_next(&it);)
			call->texts[it.index] = json_string(it.value);
	call->query = (struct query){
		.tenant = call->request->identity->tenant,
		.collection = call->store.row,
		.filter = json_is(filters, JSON_NULL) ? NULL : filters,
		.limit = (unsigned)json_int(json_get(json, "max_num_results"), RESULTS_INITIAL),
		.fusion = FUSION_AUTO,
		.explain = json_bool(json_get(json, "explain"), false),
	};
	err = parse_ranking(call, json_get(json, "ranking_options"));
	if (!knowledge_may_embed(call->request->app->knowledge, call->request->conf, limit_local_only(call->request->identity) || collection_local_only(call->request->conf, &call->store)))
		call->query.fusion = FUSION_WORDS; /* the questions are not to be embedded elsewhere */
	return err;
}

/* --- several queries --- */

/* What was taken is before what was dropped; then the better score, then the older passage. */
static int
compare_hits(const void *a, const void *b)
{
	const struct hit *x = a, *y = b;

	if ((x->dropped.len == 0) != (y->dropped.len == 0))
		return x->dropped.len == 0 ? -1 : 1;
	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	return (x->chunk > y->chunk) - (x->chunk < y->chunk);
}

static int
compare_chunks(const void *a, const void *b)
{
	const struct hit *x = a, *y = b;

	return x->chunk != y->chunk ? (x->chunk > y->chunk) - (x->chunk < y->chunk) : compare_hits(a, b);
}

/* Of each passage only its best find stays, and no more than were asked for. */
static void
merge_hits(struct search_call *call)
{
	size_t kept = 0, taken = 0;

	qsort(call->hits, call->hit_count, sizeof(*call->hits), compare_chunks);
	for (size_t i = 0; i < call->hit_count; i++)
		if (kept == 0 || call->hits[kept - 1].chunk != call->hits[i].chunk)
			call->hits[kept++] = call->hits[i];
	call->hit_count = kept;
	qsort(call->hits, call->hit_count, sizeof(*call->hits), compare_hits);
	for (size_t i = 0; i < call->hit_count; i++)
		if (call->hits[i].dropped.len == 0 && ++taken > call->query.limit)
			call->hits[i].dropped = STR("limit");
}

static MAY_PARK const struct err *
run_queries(struct search_call *call)
{
	struct arena *arena = call->request->arena;
	struct search *search = knowledge_search(call->request->app->knowledge);
	struct hits found[QUERIES_MAX];
	const struct err *err = NULL;
	size_t total = 0;

	for (size_t i = 0; !err && i < call->count; i++) {
		call->query.text = call->texts[i];
		found[i] = (struct hits){ 0 };
		err = search_run(search, arena, &call->query, &found[i]);
		total += found[i].count;
	}
	if (err)
		return err;
	call->last = found[call->count - 1];
	call->hits = arena_array(arena, total, sizeof(*call->hits));
	if (!call->hits)
		return &err_no_memory;
	for (size_t i = 0; i < call->count; i++) {
		memcpy(call->hits + call->hit_count, found[i].list, found[i].count * sizeof(*call->hits));
		call->hit_count += found[i].count;
	}
	if (call->count > 1)
		merge_hits(call);
	return NULL;
}

/* --- the answer --- */

static void
set_score(struct json_out *out, const char *key, double score)
{
	if (isnan(score))
		json_set_null(out, key);
	else
		json_set_real(out, key, score);
}

static void
set_rank(struct json_out *out, const char *key, unsigned rank)
{
	if (rank)
		json_set_int(out, key, rank);
	else
		json_set_null(out, key);
}

static void
put_explanation(struct json_out *out, const struct hit *hit)
{
	json_set_object(out, "explain");
	set_score(out, "words_score", hit->words_score);
	set_rank(out, "words_rank", hit->words_rank);
	set_score(out, "vector_score", hit->vector_score);
	set_rank(out, "vector_rank", hit->vector_rank);
	json_set_string(out, "document_id", hit->document_id);
	json_set_string(out, "version_id", hit->version_id);
	json_set_int(out, "passage", hit->ordinal);
	json_set_string(out, "title", hit->title);
	json_set_string(out, "heading_path", hit->heading_path);
	set_rank(out, "page", hit->page);
	json_set_int(out, "byte_from", hit->byte_from);
	json_set_int(out, "byte_to", hit->byte_to);
	if (hit->dropped.len)
		json_set_string(out, "dropped", hit->dropped);
	json_end_object(out);
}

static void
put_hit(struct json_out *out, const struct hit *hit, bool explain)
{
	json_begin_object(out);
	json_set_string(out, "file_id", hit->file_id.len ? hit->file_id : hit->document_id);
	json_set_string(out, "filename", hit->path);
	json_set_real(out, "score", hit->score);
	json_set_raw(out, "attributes", hit->attributes);
	json_set_array(out, "content");
	json_begin_object(out);
	json_set_string(out, "type", STR("text"));
	json_set_string(out, "text", hit->text);
	json_end_object(out);
	json_end_array(out);
	if (explain)
		put_explanation(out, hit);
	json_end_object(out);
}

static void
put_hits(struct json_out *out, const struct search_call *call, const char *key, bool dropped)
{
	json_set_array(out, key);
	for (size_t i = 0; i < call->hit_count; i++)
		if ((call->hits[i].dropped.len > 0) == dropped)
			put_hit(out, &call->hits[i], call->query.explain);
	json_end_array(out);
}

static MAY_PARK const struct err *
answer_hits(const struct search_call *call)
{
	struct json_out json;
	struct buf body;

	buf_init(&body, call->request->arena, MIB(8));
	json_out_init(&json, &body);
	json_begin_object(&json);
	json_set_string(&json, "object", STR("vector_store.search_results.page"));
	json_set_array(&json, "search_query");
	for (size_t i = 0; i < call->count; i++)
		json_put_string(&json, call->texts[i]);
	json_end_array(&json);
	put_hits(&json, call, "data", false);
	json_set_bool(&json, "has_more", false);
	json_set_null(&json, "next_page");
	if (call->query.explain) {
		put_hits(&json, call, "dropped", true);
		json_set_bool(&json, "words_only", call->last.words_only);
		json_set_real(&json, "vector_weight", call->last.vector_weight);
		json_set_real(&json, "vectors_share", call->last.vectors_share);
	}
	json_end_object(&json);
	return api_answer_json(call->request, 200, &json);
}

static MAY_PARK const struct err *
stores_search(struct api_request *request)
{
	struct search_call *call = arena_zalloc(request->arena, sizeof(*call));
	const struct err *err;

	if (!call)
		return &err_no_memory;
	call->request = request;
	err = vector_store_use(request, &call->store);
	if (!err)
		err = parse_search(call);
	if (!err)
		err = run_queries(call);
	return err ? err : answer_hits(call);
}

#define SCHEMA_QUERY "{\"type\":\"string\",\"minLength\":1,\"maxLength\":8192}"
#define SCHEMA_WEIGHT "{\"type\":\"number\",\"minimum\":0,\"maximum\":1}"
#define SCHEMA_SEARCH                                                                                                                      \
	"{\"type\":\"object\",\"required\":[\"query\"],\"properties\":{\"query\":{\"anyOf\":[" SCHEMA_QUERY                                \
	",{\"type\":\"array\",\"minItems\":1,\"maxItems\":16,\"items\":" SCHEMA_QUERY "}]},\"rewrite_query\":{\"type\":\"boolean\"},"      \
	"\"max_num_results\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":50},\"filters\":{\"type\":[\"object\",\"null\"]},"            \
	"\"explain\":{\"type\":\"boolean\"},"                                                                                              \
	"\"ranking_options\":{\"type\":[\"object\",\"null\"],\"properties\":{\"ranker\":{\"enum\":[\"none\",\"auto\",\"default-2024-11-"   \
	"15\"]},"                                                                                                                          \
	"\"score_threshold\":" SCHEMA_WEIGHT                                                                                               \
	",\"hybrid_search\":{\"type\":[\"object\",\"null\"],\"required\":[\"embedding_weight\",\"text_weight\"],"                          \
	"\"properties\":{\"embedding_weight\":{\"type\":\"number\",\"minimum\":0},\"text_weight\":{\"type\":\"number\",\"minimum\":0}}}}}" \
	"}}"

static const struct route routes[] = {
	{ .method = HTTP_POST,
		.path = "/v1/vector_stores/{id}/search",
		.name = "vector_stores.search",
		.scope = SCOPE_KNOWLEDGE_READ,
		.errors = &openai_errors,
		.body = BODY_JSON,
		.body_bytes_max = MIB(1),
		.request_schema = SCHEMA_SEARCH,
		.handler = stores_search,
		.answer = "VectorStoreSearch",
		.summary = "Search by words and by meaning" },
};
const struct route_table openai_vector_store_search_routes = { routes, COUNT(routes) };
