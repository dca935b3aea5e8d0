/*
 * search_test.c - search on each engine that is there: what is found, what is not, and that the indexes equal the tables.
 *
 * The model here is made up: a text's vector is the sum of fixed random vectors of its terms, so that texts of the same terms are near.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "access/access_sql.h"
#include "base/buf.h"
#include "base/map.h"
#include "base/random.h"
#include "infer/embedder.h"
#include "json/json.h"
#include "knowledge/knowledge_sql.h"
#include "knowledge/search.h"
#include "knowledge/search_sql.h"
#include "knowledge/words.h"
#include "store/testing.h"
#include "text/terms.h"

static const struct store_schema *const schemas[] = { &access_schema, &knowledge_schema, &search_schema, NULL };

enum { TENANT = 1, DIMENSIONS = 384, CHUNKS_MAX = 64 };

/* ---- a model ---- */

static void
add_term(void *arg, struct str term, bool part)
{
	float *vector = arg;
	uint64_t state = 1469598103934665603ULL;

	if (part)
		return;
	for (size_t i = 0; i < term.len; i++)
		state = (state ^ (unsigned char)term.ptr[i]) * 1099511628211ULL;
	for (int i = 0; i < DIMENSIONS; i++) {
		state = state * 6364136223846793005ULL + 1442695040888963407ULL;
		vector[i] += (float)(int8_t)(state >> 56) / 128;
	}
}

static bool model_fails;

static const struct err *
model_embed(struct embedder *embedder, struct arena *arena, enum embed_class class, const struct str *texts, size_t count, float *out, int64_t *tokens)
{
	(void)embedder;
	(void)class;
	(void)tokens;
	if (model_fails)
		return err_new(arena, ERR_UNAVAILABLE, "the model is away");
	for (size_t i = 0; i < count; i++) {
		memset(out + i * DIMENSIONS, 0, DIMENSIONS * sizeof(*out));
		terms_each(texts[i], add_term, out + i * DIMENSIONS);
		embedder_normalize(out + i * DIMENSIONS, DIMENSIONS);
	}
	return NULL;
}

static const struct embedder_kind model_kind = { .embed = model_embed };
static struct embedder model = { .kind = &model_kind, .model = STR_INIT("made-up"), .dimensions = DIMENSIONS, .tokens_max = 256 };

/* ---- documents ---- */

struct fixture {
	struct store *store;
	struct arena *arena;
	struct search *search;
	int64_t collection;
};

struct put {
	struct fixture *f;
	int64_t collection, replaces; /* a document's row, or 0 */
	struct str path, attributes;
	const char *heading;
	const char *const *texts;
	size_t count;
	bool embedded;
	int64_t document, version, chunks[CHUNKS_MAX]; /* out */
};

static struct str
new_id(struct tx *tx)
{
	struct id id = id_new();

	return arena_dup(tx_arena(tx), id_str(&id));
}

static const struct err *
collection_tx(struct tx *tx, void *arg)
{
	int64_t *out = arg;
	struct str id = new_id(tx);
	struct rows rows;

	CHECK_OK(tx_exec(tx, &stmt_collection_insert,
		PARAMS(V_INT(TENANT), V_TEXT(id), V_TEXT(id), V_TEXT(id), V_TEXT(STR("")), V_TEXT(STR("{}")), V_INT(0), V_INT(0), V_INT(0), V_INT(1), V_INT(0)), NULL));
	CHECK_OK(tx_exec(tx, &stmt_collection_by_key, PARAMS(V_INT(TENANT), V_TEXT(id), V_TEXT(id)), &rows));
	*out = rows_int(&rows, 0, 0);
	return NULL;
}

static MAY_PARK int64_t
new_collection(struct fixture *f)
{
	int64_t collection;

	CHECK_OK(store_tx(f->store, f->arena, collection_tx, &collection));
	return collection;
}

static const struct err *
put_chunks(struct tx *tx, struct put *put)
{
	static float vectors[CHUNKS_MAX * DIMENSIONS];
	struct rows rows;

	for (size_t i = 0; i < put->count; i++)
		CHECK_OK(tx_exec(tx, &stmt_chunk_insert,
			PARAMS(V_INT(TENANT), V_INT(put->collection), V_INT(put->version), V_INT(i), V_TEXT(str_of(put->heading)), V_TEXT(STR("")), V_INT(0), V_INT(0),
				V_INT(1), V_INT(1), V_BLOB(STR("hash")), V_TEXT(str_of(put->texts[i]))),
			NULL));
	CHECK_OK(tx_exec(tx, &stmt_words_chunks, PARAMS(V_INT(put->version), V_INT(0), V_INT(CHUNKS_MAX)), &rows));
	CHECK(rows.count == put->count);
	for (size_t i = 0; i < rows.count; i++) {
		struct str text = rows_text(&rows, i, 2);

		put->chunks[i] = rows_int(&rows, i, 0);
		CHECK_OK(model_embed(&model, tx_arena(tx), EMBED_BATCH, &text, 1, vectors + i * DIMENSIONS, NULL));
	}
	CHECK_OK(search_words_add(tx, put->collection, put->version));
	if (put->embedded)
		CHECK_OK(search_vectors_add(tx, put->collection, put->version, put->chunks, vectors, put->count, DIMENSIONS, model.model));
	return NULL;
}

static const struct err *
put_tx(struct tx *tx, void *arg)
{
	struct put *put = arg;
	struct rows rows;

	put->document = put->replaces;
	if (put->replaces) {
		CHECK_OK(tx_exec(tx, &stmt_document_get_current, PARAMS(V_INT(put->replaces)), &rows));
		CHECK_OK(search_drop(tx, put->collection, rows_int(&rows, 0, 0)));
	} else {
		CHECK_OK(tx_exec(tx, &stmt_document_insert,
			PARAMS(V_INT(TENANT), V_TEXT(new_id(tx)), V_INT(put->collection), V_TEXT(put->path), V_TEXT(put->attributes), V_INT(1)), &rows));
		put->document = rows_int(&rows, 0, 0);
	}
	CHECK_OK(tx_exec(tx, &stmt_version_insert,
		PARAMS(V_INT(TENANT), V_TEXT(new_id(tx)), V_INT(put->document), V_INT(put->collection), V_INT(put->replaces ? 2 : 1), V_TEXT(STR("")), V_NULL,
			V_BLOB(STR("x")), V_INT(1), V_TEXT(STR("text/plain")), V_INT(0), V_INT(0), V_INT(1)),
		&rows));
	put->version = rows_int(&rows, 0, 0);
	CHECK_OK(tx_exec(tx, &stmt_document_set_current, PARAMS(V_INT(put->document), V_INT(put->version)), NULL));
	return put_chunks(tx, put);
}

static MAY_PARK void
put(struct fixture *f, struct put *put)
{
	put->f = f;
	put->collection = put->collection ? put->collection : f->collection;
	put->attributes = put->attributes.ptr ? put->attributes : STR("{}");
	put->heading = put->heading ? put->heading : "";
	CHECK_OK(store_tx(f->store, f->arena, put_tx, put));
	search_vectors_changed(f->search, put->collection);
}

#define TEXTS(...) .texts = (const char *const[]){ __VA_ARGS__ }, .count = COUNT(((const char *const[]){ __VA_ARGS__ }))

static const struct err *
drop_tx(struct tx *tx, void *arg)
{
	struct put *put = arg;

	CHECK_OK(tx_exec(tx, &stmt_document_mark_deleted, PARAMS(V_INT(put->document), V_INT(2)), NULL));
	return search_drop(tx, put->collection, put->version);
}

/* ---- asking ---- */

static MAY_PARK struct hits
ask(struct fixture *f, const char *text, struct query query)
{
	struct hits hits;

	query.tenant = query.tenant ? query.tenant : TENANT;
	query.collection = query.collection ? query.collection : f->collection;
	query.text = str_of(text);
	query.limit = query.limit ? query.limit : 10;
	CHECK_OK(search_run(f->search, f->arena, &query, &hits));
	return hits;
}

static MAY_PARK bool
finds(struct fixture *f, const char *text, const struct put *document)
{
	struct hits hits = ask(f, text, (struct query){ .fusion = FUSION_WORDS });

	for (size_t i = 0; i < hits.count; i++)
		if (hits.list[i].document == document->document)
			return true;
	return false;
}

/* ---- the indexes equal the tables ---- */

struct census {
	struct map counts; /* term -> how many chunks have it, as a pointer */
	struct map seen;   /* in the chunk being read */
	struct arena *arena;
};

static void
census_term(void *arg, struct str term, bool part)
{
	struct census *census = arg;
	struct str key = arena_dup(census->arena, term);

	(void)part;
	if (!map_put(&census->seen, key, census))
		map_put(&census->counts, key, (void *)((uintptr_t)map_get(&census->counts, key) + 1));
}

/* Every term of the live documents has as many cells as chunks, and nothing else is there. */
static MAY_PARK void
check_words(struct fixture *f, struct put *const *documents, size_t count)
{
	struct census census = { .arena = f->arena };
	const struct map_entry *entry;
	struct rows rows;
	size_t chunks = 0;

	for (size_t d = 0; d < count; d++)
		for (size_t c = 0; c < documents[d]->count; c++, chunks++) {
			terms_each(str_of(documents[d]->heading), census_term, &census);
			terms_each(str_of(documents[d]->texts[c]), census_term, &census);
			map_fini(&census.seen);
			census.seen = MAP_EMPTY;
		}
	CHECK_OK(store_query(f->store, f->arena, &stmt_words_collection, PARAMS(V_INT(f->collection)), &rows));
	CHECK(rows_int(&rows, 0, 0) == (int64_t)chunks);
	for (size_t i = 0; (entry = map_next(&census.counts, &i));) {
		size_t cells = 0;

		CHECK_OK(store_query(f->store, f->arena, &stmt_words_postings,
			PARAMS(V_INT(f->collection), V_TEXT(arena_printf(f->arena, "[\"%" STR_F "\"]", STR_A(entry->key)))), &rows));
		for (size_t r = 0; r < rows.count; r++)
			cells += rows_text(&rows, r, 3).len / sizeof(bm25_cell);
		CHECK(cells == (uintptr_t)entry->value);
	}
	map_fini(&census.counts);
}

/* ---- cases ---- */

typedef MAY_PARK void test_case(struct fixture *f);

struct run {
	test_case *fn;
	struct fixture fixture;
};

static MAY_PARK void
run_case(struct store *store, void *arg)
{
	struct run *run = arg;
	struct fixture *f = &run->fixture;

	f->store = store;
	f->arena = arena_new(MIB(512));
	model_fails = false;
	CHECK_OK(search_open(store, &model, f->arena, &f->search));
	f->collection = new_collection(f);
	run->fn(f);
}

static void
run_on_engines(test_case *fn)
{
	static const enum store_engine engines[] = { STORE_SQLITE, STORE_POSTGRES };

	for (size_t i = 0; i < COUNT(engines); i++) {
		struct run run = { .fn = fn };

		if (!testing_has(engines[i]))
			continue;
		testing_run(engines[i], schemas, run_case, &run);
		search_close(run.fixture.search); /* once the store is closed, which may give notices until then */
		arena_free(run.fixture.arena);
	}
}

#define CASE(name)                                                                                                                        \
	static MAY_PARK void name##_case(struct fixture *f);                                                                                  \
	static void name(void **state)                                                                                                        \
	{                                                                                                                                     \
		(void)state;                                                                                                                      \
		run_on_engines(name##_case);                                                                                                      \
	}                                                                                                                                     \
	static MAY_PARK void name##_case(struct fixture *f)

CASE(words_are_found_by_stem_by_name_and_by_part)
{
	struct put a = { .path = STR("a"), TEXTS("Rebuilding indexes takes a lock.") };
	struct put b = { .path = STR("b"), TEXTS("The view pg_stat_activity shows one row per process.") };
	struct put c = { .path = STR("c"), TEXTS("Caf\xc3\xa9 au lait, \xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e") };

	put(f, &a);
	put(f, &b);
	put(f, &c);
	CHECK(finds(f, "rebuild index", &a) && !finds(f, "rebuild index", &b));
	CHECK(finds(f, "PG_STAT_ACTIVITY", &b) && finds(f, "stat activity", &b));
	CHECK(finds(f, "cafe", &c) && finds(f, "\xe6\x97\xa5\xe6\x9c\xac", &c));
	CHECK(!finds(f, "", &a) && !finds(f, "nowhere", &a));
	CHECK(!finds(f, "\"a' OR 1=1 -- \\ ) * NEAR( \xff", &b));
}

CASE(a_heading_outranks_the_text)
{
	struct put a = { .path = STR("a"), .heading = "Vacuum", TEXTS("It reclaims storage of dead rows in tables.") };
	struct put b = { .path = STR("b"), .heading = "Analyze", TEXTS("Like vacuum, it reads rows in tables.") };
	struct hits hits;

	put(f, &b);
	put(f, &a);
	hits = ask(f, "vacuum", (struct query){ .fusion = FUSION_WORDS });
	CHECK(hits.count == 2 && hits.list[0].document == a.document && hits.list[0].words_rank == 1);
	CHECK(hits.list[0].score > hits.list[1].score && hits.list[0].score <= 1 && isnan(hits.list[0].vector_score));
	CHECK(str_eq_c(hits.list[0].heading_path, "Vacuum") && str_eq_c(hits.list[0].path, "a") && str_eq_c(hits.list[0].attributes, "{}"));
}

CASE(another_collection_or_tenant_is_not_seen)
{
	struct put here = { .path = STR("a"), .embedded = true, TEXTS("A secret about tables.") };
	struct put there = { .path = STR("a"), .embedded = true, .collection = new_collection(f), TEXTS("A secret about tables.", "More on tables.") };
	struct hits hits;

	put(f, &here);
	put(f, &there);
	for (enum fusion fusion = FUSION_AUTO; fusion <= FUSION_VECTORS; fusion++) {
		hits = ask(f, "secret tables", (struct query){ .fusion = fusion, .vector_weight = 0.5 });
		CHECK(hits.count == 1 && hits.list[0].document == here.document);
		hits = ask(f, "secret tables", (struct query){ .fusion = fusion, .collection = there.collection });
		CHECK(hits.count == 2);
		CHECK(ask(f, "secret tables", (struct query){ .fusion = fusion, .tenant = 2 }).count == 0);
	}
}

CASE(the_index_of_words_equals_its_tables_through_merges_and_drops)
{
	enum { DOCUMENTS = 150 };
	static const char *const texts[] = { "common words and the number one", "common words and_names of two", "the third has rare_words", "four", "", "-- ! --" };
	static struct put documents[DOCUMENTS];
	struct put *live[DOCUMENTS];
	struct rows rows;
	size_t count = 0;

	for (size_t i = 0; i < DOCUMENTS; i++) {
		documents[i] = (struct put){ .path = arena_printf(f->arena, "%zu", i), .heading = i % 3 ? "common" : "", .texts = texts + i % 3, .count = 1 + i % 2 };
		put(f, &documents[i]);
		live[i] = &documents[i];
	}
	check_words(f, live, DOCUMENTS);
	CHECK_OK(store_query(f->store, f->arena, &stmt_words_tier_count, PARAMS(V_INT(f->collection), V_INT(0)), &rows));
	CHECK(rows_int(&rows, 0, 0) < 8);
	for (size_t i = 0; i < DOCUMENTS; i++)
		if (i % 3 == 1 || i > 100)
			CHECK_OK(store_tx(f->store, f->arena, drop_tx, &documents[i]));
		else
			live[count++] = &documents[i];
	check_words(f, live, count);
	for (size_t i = 0; i < count; i++)
		CHECK_OK(store_tx(f->store, f->arena, drop_tx, live[i]));
	check_words(f, live, 0);
	CHECK_OK(store_query(f->store, f->arena, &stmt_words_segments_between, PARAMS(V_INT(f->collection), V_INT(0), V_INT(INT64_MAX)), &rows));
	CHECK(rows.count == 0);
}

CASE(vectors_find_what_means_the_same_and_forget_what_was_dropped)
{
	struct put a = { .path = STR("a"), .embedded = true, TEXTS("red green blue yellow", "north south east west") };
	struct put b = { .path = STR("b"), .embedded = true, TEXTS("red green blue purple") };
	struct put b2 = { .path = STR("b"), .embedded = true, TEXTS("one two three") };
	struct hits hits;

	put(f, &a);
	hits = ask(f, "red green blue yellow", (struct query){ .fusion = FUSION_VECTORS });
	CHECK(hits.count == 2 && hits.list[0].ordinal == 0 && fabs(hits.list[0].vector_score - 1) < 1e-4 && hits.vectors_share == 1);
	put(f, &b);
	hits = ask(f, "red green blue yellow", (struct query){ .fusion = FUSION_VECTORS });
	CHECK(hits.count == 3 && hits.list[1].document == b.document && hits.list[1].vector_score > 0.5 && hits.list[2].vector_score < 0.3);
	b2.replaces = b.document;
	put(f, &b2);
	hits = ask(f, "red green blue yellow", (struct query){ .fusion = FUSION_VECTORS });
	CHECK(hits.count == 3);
	for (size_t i = 0; i < hits.count; i++)
		CHECK(hits.list[i].version != b.version);
	CHECK_OK(store_tx(f->store, f->arena, drop_tx, &a));
	hits = ask(f, "red green blue yellow", (struct query){ .fusion = FUSION_VECTORS });
	CHECK(hits.count == 1 && hits.list[0].version == b2.version);
}

CASE(a_filter_never_costs_results)
{
	static const char filter[] = "{\"type\":\"and\",\"filters\":[{\"type\":\"gte\",\"key\":\"year\",\"value\":2020},{\"type\":\"eq\",\"key\":\"lang\",\"value\":\"de\"}]}";
	const struct json *json;
	struct hits hits;

	/* 300 documents match the question better than the three that the filter wants */
	for (int i = 0; i < 300; i++)
		put(f, &(struct put){ .path = arena_printf(f->arena, "%d", i), .embedded = true, .attributes = STR("{\"year\":2024,\"lang\":\"en\"}"),
			TEXTS("apples and pears") });
	for (int i = 0; i < 3; i++)
		put(f, &(struct put){ .path = arena_printf(f->arena, "de%d", i), .embedded = true, .attributes = STR("{\"year\":2021,\"lang\":\"de\"}"),
			TEXTS("apples, and many other words about gardens, ladders, baskets and the autumn") });
	CHECK_OK(json_parse(f->arena, str_of(filter), &json));
	for (enum fusion fusion = FUSION_AUTO; fusion <= FUSION_VECTORS; fusion++) {
		hits = ask(f, "apples and pears", (struct query){ .fusion = fusion, .filter = json, .vector_weight = 0.5 });
		CHECK(hits.count == 3);
		for (size_t i = 0; i < hits.count; i++)
			CHECK(str_starts(hits.list[i].path, STR("de")));
	}
	hits = ask(f, "apples and pears", (struct query){ .filter = json, .explain = true });
	CHECK(hits.count > 3 && hits.list[2].dropped.len == 0 && str_eq_c(hits.list[3].dropped, "filter"));
}

CASE(explain_says_why_a_chunk_is_not_among_the_results)
{
	struct put a = { .path = STR("a"), TEXTS("lock table lock", "lock", "lock table in mode") };
	struct put b = { .path = STR("b"), TEXTS("lock") };
	struct put c = { .path = STR("c"), TEXTS("lock a door that is in a house which has many rooms") };
	struct hits hits;
	size_t duplicates = 0, limits = 0;

	put(f, &a);
	put(f, &b);
	put(f, &c);
	hits = ask(f, "lock", (struct query){ .by_document = true, .limit = 2, .explain = true, .fusion = FUSION_WORDS });
	CHECK(hits.count == 5);
	for (size_t i = 0; i < hits.count; i++) {
		duplicates += str_eq_c(hits.list[i].dropped, "duplicate");
		limits += str_eq_c(hits.list[i].dropped, "limit");
	}
	CHECK(duplicates == 2 && limits == 1);
	CHECK(ask(f, "lock", (struct query){ .by_document = true, .limit = 2 }).count == 2);
	hits = ask(f, "lock", (struct query){ .score_min = 0.99, .explain = true, .fusion = FUSION_WORDS });
	CHECK(hits.count == 5 && str_eq_c(hits.list[0].dropped, "score"));
	CHECK(ask(f, "lock", (struct query){ .score_min = 0.99, .fusion = FUSION_WORDS }).count == 0);
}

CASE(words_go_on_while_vectors_are_missing_or_the_model_fails)
{
	struct put a = { .path = STR("a"), TEXTS("sequences give numbers") };
	struct put b = { .path = STR("b"), .embedded = true, TEXTS("sequences give numbers too") };
	struct hits hits;
	struct query vectors_only = { .tenant = TENANT, .collection = f->collection, .text = STR("sequences"), .limit = 5, .fusion = FUSION_VECTORS };

	put(f, &a);
	hits = ask(f, "sequences", (struct query){ 0 });
	CHECK(hits.count == 1 && hits.words_only && hits.vectors_share == 0 && hits.vector_weight == 0);
	put(f, &b);
	hits = ask(f, "sequences", (struct query){ 0 });
	CHECK(hits.count == 2 && !hits.words_only && fabs(hits.vectors_share - 0.5) < 1e-9);
	model_fails = true;
	hits = ask(f, "sequences", (struct query){ 0 });
	CHECK(hits.count == 2 && hits.words_only);
	CHECK_ERR(search_run(f->search, f->arena, &vectors_only, &hits), ERR_UNAVAILABLE);
}

CASE(a_given_vector_is_used_as_the_question)
{
	struct put a = { .path = STR("a"), .embedded = true, TEXTS("alpha beta", "gamma delta") };
	struct str text = STR("gamma delta");
	float vector[DIMENSIONS];
	struct hits hits;

	put(f, &a);
	CHECK_OK(model_embed(&model, f->arena, EMBED_BATCH, &text, 1, vector, NULL));
	model_fails = true;
	hits = ask(f, "", (struct query){ .fusion = FUSION_VECTORS, .vector = vector });
	CHECK(hits.count == 2 && hits.list[0].ordinal == 1 && fabs(hits.list[0].score - 1) < 1e-4);
}

CASE(the_graph_finds_what_comparing_all_finds)
{
	struct rows exact, graph;
	struct str text = STR("w1 w22 w43 w64"), vector;
	float numbers[DIMENSIONS];
	struct buf buf;
	size_t same = 0;

	if (store_engine_of(f->store) != STORE_POSTGRES)
		return;
	for (int i = 0; i < 400; i++) {
		char line[64];

		snprintf(line, sizeof(line), "w%d w%d w%d w%d", i % 7, i % 43, i % 61, i % 83);
		put(f, &(struct put){ .path = arena_printf(f->arena, "%d", i), .embedded = true, TEXTS(line) });
	}
	CHECK_OK(model_embed(&model, f->arena, EMBED_BATCH, &text, 1, numbers, NULL));
	buf_init(&buf, f->arena, KIB(64));
	for (int i = 0; i < DIMENSIONS; i++)
		buf_printf(&buf, "%c%g", i ? ',' : '[', (double)numbers[i]);
	buf_add_byte(&buf, ']');
	vector = buf_str(&buf);
	const struct value params[] = { V_INT(f->collection), V_TEXT(model.model), V_TEXT(vector), V_NULL, V_INT(20) };
	CHECK_OK(store_query(f->store, f->arena, &stmt_vector_index_exact, params, &exact));
	CHECK_OK(store_query(f->store, f->arena, &stmt_vector_index_nearest, params, &graph));
	CHECK(exact.count == 20 && graph.count == 20);
	for (size_t i = 0; i < 20; i++)
		for (size_t j = 0; j < 20; j++)
			same += rows_int(&exact, i, 0) == rows_int(&graph, j, 0);
	CHECK(same >= 18);
}

static void
every_statement_is_good_on_both_engines(void **state)
{
	static const enum store_engine engines[] = { STORE_SQLITE, STORE_POSTGRES };

	(void)state;
	for (size_t i = 0; i < COUNT(engines); i++) {
		struct testing *testing;
		struct store *store;

		if (!testing_has(engines[i]))
			continue;
		testing = testing_new(engines[i], 1);
		store = testing_open(testing, schemas);
		testing_check_statements(testing, schemas);
		store_close(store);
		testing_free(testing);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_statement_is_good_on_both_engines),
		cmocka_unit_test(words_are_found_by_stem_by_name_and_by_part),
		cmocka_unit_test(a_heading_outranks_the_text),
		cmocka_unit_test(another_collection_or_tenant_is_not_seen),
		cmocka_unit_test(the_index_of_words_equals_its_tables_through_merges_and_drops),
		cmocka_unit_test(vectors_find_what_means_the_same_and_forget_what_was_dropped),
		cmocka_unit_test(a_filter_never_costs_results),
		cmocka_unit_test(explain_says_why_a_chunk_is_not_among_the_results),
		cmocka_unit_test(words_go_on_while_vectors_are_missing_or_the_model_fails),
		cmocka_unit_test(a_given_vector_is_used_as_the_question),
		cmocka_unit_test(the_graph_finds_what_comparing_all_finds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
