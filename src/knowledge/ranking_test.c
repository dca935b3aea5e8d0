/*
 * ranking_test.c - the parts of search that need no database: cells and BM25F, products of bytes, the best few, fusion, filters.
 */
#include "base/test_arena.h"

#include <math.h>
#include <stdlib.h>

#include "json/json.h"
#include "knowledge/bm25.h"
#include "knowledge/dot.h"
#include "knowledge/filter.h"
#include "knowledge/fuse.h"
#include "knowledge/vectors_memory.h"

/* ---- words ---- */

static void
put_cell(char *out, bm25_cell cell)
{
	for (size_t i = 0; i < sizeof(cell); i++)
		out[i] = (char)(cell >> 8 * i & 0xff);
}

static double
score_one(bm25_cell cell, double weight)
{
	const struct bm25_collection collection = { 100, 10000, 500 };
	const struct bm25_query query = { &collection, &weight, { NULL, 0 } };
	char bytes[sizeof(cell)];
	struct top top;

	put_cell(bytes, cell);
	assert_true(top_init(&top, arena, 1));
	assert_true(bm25_segment(arena, &query, 1, &(struct bm25_list){ 0, 1, bytes }, 1, &top));
	assert_int_equal(top.count, 1);
	assert_int_equal(top.list[0].chunk, bm25_chunk(cell));
	return top.list[0].score;
}

static void
a_score_is_bm25f(void **state)
{
	/* twice in a text of average length, and in no path: x = 2, and the path of average length adds nothing */
	double x = 2, wanted = 3 * 2.2 * x / (x + 1.2);

	(void)state;
	assert_true(fabs(score_one(bm25_pack(7, 2 * BM25_WHOLE, 100, 0, 5), 3) - wanted) < 0.05); /* lengths are kept to 7 % */
	/* once in a path of average length, as a part of a name: 4 * 1/4 */
	assert_true(fabs(score_one(bm25_pack(7, 0, 100, BM25_PART, 5), 3) - 3 * 2.2 / 2.2) < 0.01);
	/* longer texts count less, headings more */
	assert_true(score_one(bm25_pack(1, 4, 400, 0, 5), 1) < score_one(bm25_pack(1, 4, 50, 0, 5), 1));
	assert_true(score_one(bm25_pack(1, 0, 100, 4, 5), 1) > score_one(bm25_pack(1, 4, 100, 0, 5), 1));
}

static void
a_cell_holds_large_ids_and_cuts_what_is_too_large(void **state)
{
	(void)state;
	assert_int_equal(bm25_chunk(bm25_pack(BM25_CHUNK_MAX - 1, 10000, 10000000, 10000, 10000)), BM25_CHUNK_MAX - 1);
	assert_int_equal(bm25_pack(1, 10000, 10000000, 10000, 10000) >> 24, 1);
	assert_true(score_one(bm25_pack(1, 10000, 100, 10000, 5), 1) <= bm25_most(&(double){ 1 }, 1));
}

static void
scores_add_up_over_terms_and_only_allowed_chunks_are_found(void **state)
{
	const struct bm25_collection collection = { 1000, 50000, 5000 };
	const double weights[] = { 1, 2 };
	const int64_t allowed[] = { 3, 500 };
	struct bm25_query query = { &collection, weights, { NULL, 0 } };
	struct bm25_list lists[2] = { { 0, 1000, arena_alloc(arena, 8000) }, { 1, 10, arena_alloc(arena, 80) } };
	struct top top;

	(void)state;
	for (int i = 0; i < 1000; i++)
		put_cell((char *)lists[0].cells + 8 * i, bm25_pack(1000 - i, 4, 50, 0, 5));
	for (int i = 0; i < 10; i++)
		put_cell((char *)lists[1].cells + 8 * i, bm25_pack(i * 100 + 1, 4, 50, 0, 5));
	assert_true(top_init(&top, arena, 12) && bm25_segment(arena, &query, 1000, lists, 2, &top));
	top_finish(&top);
	assert_int_equal(top.count, 12);
	for (int i = 0; i < 10; i++)
		assert_int_equal(top.list[i].chunk, i * 100 + 1);
	assert_true(fabs(top.list[0].score - 3 * top.list[10].score) < 1e-9);
	assert_int_equal(top.list[10].chunk, 2); /* equal scores: by chunk */
	query.chunks = (struct id_set){ allowed, 2 };
	assert_true(top_init(&top, arena, 12) && bm25_segment(arena, &query, 1000, lists, 2, &top));
	top_finish(&top);
	assert_int_equal(top.count, 2);
	assert_int_equal(top.list[0].chunk, 3);
	assert_int_equal(top.list[1].chunk, 500);
}

static void
more_chunks_than_a_segment_says_do_no_harm(void **state)
{
	const struct bm25_collection collection = { 10, 500, 50 };
	const struct bm25_query query = { &collection, &(double){ 1 }, { NULL, 0 } };
	char *cells = arena_alloc(arena, 8000);
	struct top top;

	(void)state;
	for (int i = 0; i < 1000; i++)
		put_cell(cells + 8 * i, bm25_pack(1 + i, 4, 50, 0, 5));
	assert_true(top_init(&top, arena, 10) && bm25_segment(arena, &query, 3, &(struct bm25_list){ 0, 1000, cells }, 1, &top));
	assert_int_equal(top.count, 10);
}

/* ---- vectors ---- */

static float
noise(void)
{
	return (float)rand() / (float)RAND_MAX - 0.5f;
}

static void
every_way_to_multiply_gives_the_same(void **state)
{
	static const unsigned sizes[] = { 1, 31, 32, 33, 384, 768, 1000 };

	(void)state;
	for (size_t s = 0; s < COUNT(sizes); s++) {
		size_t stride = dot_stride(sizes[s]);
		int8_t *query = aligned_alloc(DOT_ALIGN, stride);
		int8_t *rows = aligned_alloc(DOT_ALIGN, 100 * stride);
		int32_t fast[100], plain[100];

		for (size_t i = 0; i < stride; i++)
			query[i] = s % 2 ? 127 : (int8_t)(rand() % 255 - 127);
		for (size_t i = 0; i < 100 * stride; i++)
			rows[i] = i < stride ? -127 : (int8_t)(rand() % 255 - 127);
		dot_rows(query, rows, 100, stride, fast);
		dot_rows_portable(query, rows, 100, stride, plain);
		assert_memory_equal(fast, plain, sizeof(fast));
		free(query);
		free(rows);
	}
}

static void
bytes_keep_the_largest_number_exactly_and_survive_nonsense(void **state)
{
	const float vector[] = { 0.5f, -1, 0.25f, 0 }, zero[] = { 0, 0, 0, 0 }, wrong[] = { NAN, INFINITY, 1, -INFINITY };
	int8_t codes[DOT_ALIGN];
	float scale;

	(void)state;
	dot_encode(vector, 4, codes, &scale);
	assert_int_equal(codes[1], -127);
	assert_int_equal(codes[0], 64);
	assert_true(fabsf(scale * 127 - 1) < 1e-6f);
	dot_encode(zero, 4, codes, &scale);
	assert_true(scale == 0 && codes[0] == 0);
	dot_encode(wrong, 4, codes, &scale);
	assert_true(scale == 0 && codes[2] == 0);
}

static void
a_scan_in_slices_finds_what_one_scan_finds(void **state)
{
	enum { ROWS = 9000, DIMENSIONS = 48 };
	struct vector_table *table = vector_table_new(DIMENSIONS);
	const struct id_set all = { NULL, 0 };
	float *numbers = mem_alloc(sizeof(float) * DIMENSIONS * ROWS);
	struct top whole, part;

	(void)state;
	srand(3);
	for (int64_t i = 0; i < ROWS; i++) {
		float *vector = numbers + i * DIMENSIONS;
		const float *const one[] = { vector };

		for (int d = 0; d < DIMENSIONS; d++)
			vector[d] = noise();
		vector_table_add(table, &(int64_t){ i + 1 }, &(int64_t){ i / 10 + 1 }, one, 1);
	}
	assert_true(top_init(&whole, arena, 50) && top_init(&part, arena, 50));
	vector_table_scan(table, numbers, &all, 0, 1, &whole);
	for (unsigned slice = 0; slice < 3; slice++)
		vector_table_scan(table, numbers, &all, slice, 3, &part);
	top_finish(&whole);
	top_finish(&part);
	assert_int_equal(whole.list[0].chunk, 1);
	assert_memory_equal(whole.list, part.list, 50 * sizeof(*whole.list));
	free(numbers);
	vector_table_free(table);
}

/* Vectors in clumps, as texts on a few subjects are: within a clump, scores lie close together. */
static void
clump(float *out, const float *middle, unsigned dimensions)
{
	double sum = 0;

	for (unsigned d = 0; d < dimensions; d++) {
		out[d] = middle[d] + noise() / 2;
		sum += (double)out[d] * (double)out[d];
	}
	for (unsigned d = 0; d < dimensions; d++)
		out[d] /= (float)sqrt(sum);
}

/* What the search scores again from the vectors themselves (vectors.c). */
static void
the_candidates_of_bytes_have_the_best_by_floats(void **state)
{
	enum { ROWS = 20000, DIMENSIONS = 384, CLUMPS = 20, QUESTIONS = 40, BEST = 50, CANDIDATES = 128 };
	struct vector_table *table = vector_table_new(DIMENSIONS);
	float *numbers = mem_alloc(sizeof(float) * DIMENSIONS * (ROWS + CLUMPS)), *middles = numbers + (size_t)ROWS * DIMENSIONS;

	(void)state;
	srand(7);
	for (size_t i = 0; i < (size_t)CLUMPS * DIMENSIONS; i++)
		middles[i] = noise();
	for (int64_t i = 0; i < ROWS; i++) {
		float *vector = numbers + i * DIMENSIONS;

		clump(vector, middles + i % CLUMPS * DIMENSIONS, DIMENSIONS);
		vector_table_add(table, &(int64_t){ i + 1 }, &(int64_t){ 1 }, &(const float *){ vector }, 1);
	}
	for (int question = 0; question < QUESTIONS; question++) {
		float asked[DIMENSIONS];
		struct top exact, found;

		clump(asked, middles + question % CLUMPS * DIMENSIONS, DIMENSIONS);
		assert_true(top_init(&exact, arena, BEST) && top_init(&found, arena, CANDIDATES));
		for (int64_t i = 0; i < ROWS; i++) {
			double sum = 0;

			for (int d = 0; d < DIMENSIONS; d++)
				sum += (double)asked[d] * (double)numbers[i * DIMENSIONS + d];
			top_add(&exact, (struct scored){ i + 1, sum });
		}
		vector_table_scan(table, asked, &(struct id_set){ NULL, 0 }, 0, 1, &found);
		for (size_t i = 0; i < BEST; i++) {
			size_t at = 0;

			while (at < found.count && found.list[at].chunk != exact.list[i].chunk)
				at++;
			assert_true(at < found.count);
		}
	}
	free(numbers);
	vector_table_free(table);
}

static void
dropped_versions_are_gone_and_their_room_comes_back(void **state)
{
	enum { ROWS = 10000, DIMENSIONS = 8 };
	struct vector_table *table = vector_table_new(DIMENSIONS);
	int64_t gone[ROWS / 10];
	float vector[DIMENSIONS] = { 1 };
	const float *const one[] = { vector };
	const int64_t wanted[] = { 2, 900, 1000 };
	struct top top;
	size_t before;

	(void)state;
	for (int64_t i = 0; i < ROWS; i++)
		vector_table_add(table, &(int64_t){ i + 1 }, &(int64_t){ i / 10 + 1 }, one, 1);
	before = vector_table_bytes(table);
	for (int64_t v = 0; v < 900; v++)
		gone[v] = v + 1;
	vector_table_drop(table, &(struct id_set){ gone, 900 });
	assert_int_equal(vector_table_count(table), 1000);
	assert_true(vector_table_bytes(table) < before);
	assert_true(top_init(&top, arena, 100));
	vector_table_scan(table, vector, &(struct id_set){ wanted, 3 }, 0, 1, &top);
	assert_int_equal(top.count, 10);
	for (size_t i = 0; i < top.count; i++)
		assert_true(top.list[i].chunk > 9990);
	vector_table_free(table);
}

/* ---- fusion ---- */

static void
fusion_joins_sides_and_keeps_their_scores_and_ranks(void **state)
{
	const struct scored words[] = { { 10, 8 }, { 11, 4 } }, vectors[] = { { 12, 0.9 }, { 10, 0.5 } };
	const struct fuse_side by_words = { words, 2, 10 }, by_vectors = { vectors, 2, 1 };
	size_t count;
	struct fused *fused = fuse(arena, FUSION_CONVEX, 0.5, &by_words, &by_vectors, &count);

	(void)state;
	assert_int_equal(count, 3);
	assert_int_equal(fused[0].chunk, 10);
	assert_true(fabs(fused[0].score - (0.4 + 0.25)) < 1e-9);
	assert_true(fused[0].words_rank == 1 && fused[0].vector_rank == 2 && fused[0].words_score == 8 && fused[0].vector_score == 0.5);
	assert_true(fused[1].chunk == 12 && isnan(fused[1].words_score) && fused[1].words_rank == 0);
	fused = fuse(arena, FUSION_RRF, 0.5, &by_words, &by_vectors, &count);
	assert_int_equal(fused[0].chunk, 10);
	assert_true(fabs(fused[0].score - (1 + 61.0 / 62) / 2) < 1e-9);
	fused = fuse(arena, FUSION_VECTORS, 1, &(struct fuse_side){ 0 }, &by_vectors, &count);
	assert_true(count == 2 && fused[0].chunk == 12);
}

static void
sentences_weigh_more_on_the_side_of_meaning_than_names(void **state)
{
	(void)state;
	assert_true(fuse_weight(STR("how do I rebuild an index without blocking writes")) > fuse_weight(STR("pg_stat_activity")));
	assert_true(fuse_weight(STR("work_mem shared_buffers max_connections wal_level")) == fuse_weight(STR("CREATE INDEX")));
}

/* ---- filters ---- */

static bool
passes(const char *filter, const char *attributes)
{
	const struct json *f, *a;

	assert_null(json_parse(arena, str_of(filter), &f));
	assert_null(json_parse(arena, str_of(attributes), &a));
	assert_null(filter_check(arena, f));
	return filter_matches(f, a);
}

static void
filters_compare_like_types(void **state)
{
	static const char about[] = "{\"year\":2024,\"lang\":\"en\",\"draft\":false,\"size\":1.5}";

	(void)state;
	assert_true(passes("{\"type\":\"eq\",\"key\":\"year\",\"value\":2024}", about));
	assert_true(passes("{\"type\":\"eq\",\"key\":\"year\",\"value\":2024.0}", about));
	assert_false(passes("{\"type\":\"eq\",\"key\":\"year\",\"value\":\"2024\"}", about));
	assert_true(passes("{\"type\":\"ne\",\"key\":\"year\",\"value\":\"2024\"}", about));
	assert_true(passes("{\"type\":\"gt\",\"key\":\"size\",\"value\":1}", about));
	assert_false(passes("{\"type\":\"gt\",\"key\":\"year\",\"value\":2024}", about));
	assert_true(passes("{\"type\":\"gte\",\"key\":\"year\",\"value\":2024}", about));
	assert_true(passes("{\"type\":\"lt\",\"key\":\"lang\",\"value\":\"f\"}", about));
	assert_true(passes("{\"type\":\"lte\",\"key\":\"lang\",\"value\":\"en\"}", about));
	assert_true(passes("{\"type\":\"eq\",\"key\":\"draft\",\"value\":false}", about));
	assert_true(passes("{\"type\":\"in\",\"key\":\"lang\",\"value\":[\"de\",\"en\"]}", about));
	assert_false(passes("{\"type\":\"nin\",\"key\":\"lang\",\"value\":[\"de\",\"en\"]}", about));
}

static void
a_missing_attribute_is_unequal_to_everything(void **state)
{
	(void)state;
	assert_false(passes("{\"type\":\"eq\",\"key\":\"x\",\"value\":0}", "{}"));
	assert_false(passes("{\"type\":\"lt\",\"key\":\"x\",\"value\":1}", "{}"));
	assert_false(passes("{\"type\":\"in\",\"key\":\"x\",\"value\":[0,false]}", "{}"));
	assert_true(passes("{\"type\":\"ne\",\"key\":\"x\",\"value\":0}", "{}"));
	assert_true(passes("{\"type\":\"nin\",\"key\":\"x\",\"value\":[0]}", "{}"));
}

static void
filters_nest(void **state)
{
	static const char filter[] = "{\"type\":\"and\",\"filters\":[{\"type\":\"eq\",\"key\":\"a\",\"value\":1},{\"type\":\"or\",\"filters\":["
				     "{\"type\":\"eq\",\"key\":\"b\",\"value\":1},{\"type\":\"eq\",\"key\":\"b\",\"value\":2}]}]}";

	(void)state;
	assert_true(passes(filter, "{\"a\":1,\"b\":2}"));
	assert_false(passes(filter, "{\"a\":1,\"b\":3}"));
	assert_false(passes(filter, "{\"a\":2,\"b\":1}"));
}

static void
a_wrong_filter_is_refused_by_name(void **state)
{
	static const char *const wrong[] = { "1", "{}", "{\"type\":\"like\",\"key\":\"a\",\"value\":1}", "{\"type\":\"eq\",\"value\":1}",
		"{\"type\":\"eq\",\"key\":\"a\",\"value\":[1]}", "{\"type\":\"in\",\"key\":\"a\",\"value\":1}", "{\"type\":\"in\",\"key\":\"a\",\"value\":[{}]}",
		"{\"type\":\"and\",\"filters\":[]}", "{\"type\":\"or\",\"filters\":[1]}", "{\"type\":\"eq\",\"key\":\"a\",\"value\":null}" };
	char deep[2000] = "";

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		const struct json *filter;
		const struct err *err;

		assert_null(json_parse(arena, str_of(wrong[i]), &filter));
		err = filter_check(arena, filter);
		assert_non_null(err);
		assert_int_equal(err->kind, ERR_INVALID);
		assert_true(str_eq_c(err->param, "filters"));
	}
	for (int i = 0; i < 20; i++)
		strcat(deep, "{\"type\":\"and\",\"filters\":[");
	strcat(deep, "{\"type\":\"eq\",\"key\":\"a\",\"value\":1}");
	for (int i = 0; i < 20; i++)
		strcat(deep, "]}");
	const struct json *filter;
	assert_null(json_parse(arena, str_of(deep), &filter));
	assert_non_null(filter_check(arena, filter));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_score_is_bm25f),
		cmocka_unit_test(a_cell_holds_large_ids_and_cuts_what_is_too_large),
		cmocka_unit_test(scores_add_up_over_terms_and_only_allowed_chunks_are_found),
		cmocka_unit_test(more_chunks_than_a_segment_says_do_no_harm),
		cmocka_unit_test(every_way_to_multiply_gives_the_same),
		cmocka_unit_test(bytes_keep_the_largest_number_exactly_and_survive_nonsense),
		cmocka_unit_test(a_scan_in_slices_finds_what_one_scan_finds),
		cmocka_unit_test(the_candidates_of_bytes_have_the_best_by_floats),
		cmocka_unit_test(dropped_versions_are_gone_and_their_room_comes_back),
		cmocka_unit_test(fusion_joins_sides_and_keeps_their_scores_and_ranks),
		cmocka_unit_test(sentences_weigh_more_on_the_side_of_meaning_than_names),
		cmocka_unit_test(filters_compare_like_types),
		cmocka_unit_test(a_missing_attribute_is_unequal_to_everything),
		cmocka_unit_test(filters_nest),
		cmocka_unit_test(a_wrong_filter_is_refused_by_name),
	};

	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
