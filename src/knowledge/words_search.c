/*
 * words_search.c - one question to the index of words: two reads, then scoring on a worker thread.
 */
#include "base/buf.h"
#include "json/json.h"
#include "knowledge/search_sql.h"
#include "knowledge/words.h"
#include "rt/pool.h"
#include "text/terms.h"

struct terms {
	struct str list[BM25_TERMS_MAX];
	size_t count;
	struct arena *arena;
	bool full;
};

static size_t
term_index(const struct terms *terms, struct str term)
{
	size_t i = 0;

	while (i < terms->count && !str_eq(terms->list[i], term))
		i++;
	return i;
}

static void
take_term(void *arg, struct str term, bool part)
{
	struct terms *terms = arg;

	(void)part;
	if (terms->count == BM25_TERMS_MAX || term_index(terms, term) < terms->count)
		return;
	terms->list[terms->count] = arena_dup(terms->arena, term);
	terms->full = terms->full || !terms->list[terms->count].ptr;
	terms->count++;
}

/* What a worker thread does with the rows: count, weigh, score. */
struct scoring {
	struct arena *arena;
	const struct terms *terms;
	const struct rows *rows;   /* segment, its chunks, term, cells; by segment */
	struct bm25_collection collection;
	struct id_set chunks;
	size_t depth;
	struct words_hits *out;
	const struct err *err;
};

static void
weigh(const struct scoring *scoring, double weights[BM25_TERMS_MAX])
{
	double counts[BM25_TERMS_MAX] = { 0 };

	for (size_t i = 0; i < scoring->rows->count; i++)
		counts[term_index(scoring->terms, rows_text(scoring->rows, i, 2))] += (double)(rows_text(scoring->rows, i, 3).len / sizeof(bm25_cell));
	for (size_t i = 0; i < scoring->terms->count; i++)
		weights[i] = bm25_idf(scoring->collection.chunks, counts[i] < scoring->collection.chunks ? counts[i] : scoring->collection.chunks);
}

/* Scores the rows of one segment; returns the row behind them. */
static size_t
score_segment(struct scoring *scoring, const struct bm25_query *query, size_t row, struct top *top)
{
	struct bm25_list lists[BM25_TERMS_MAX];
	int64_t segment = rows_int(scoring->rows, row, 0), chunks = rows_int(scoring->rows, row, 1);
	size_t count = 0;

	for (; row < scoring->rows->count && rows_int(scoring->rows, row, 0) == segment && count < BM25_TERMS_MAX; row++) {
		struct str cells = rows_text(scoring->rows, row, 3);

		lists[count++] = (struct bm25_list){ (unsigned)term_index(scoring->terms, rows_text(scoring->rows, row, 2)), cells.len / sizeof(bm25_cell), cells.ptr };
	}
	if (!bm25_segment(scoring->arena, query, chunks > 0 ? (size_t)chunks : 1, lists, count, top))
		scoring->err = &err_no_memory;
	return row;
}

static void
score(void *arg)
{
	struct scoring *scoring = arg;
	double weights[BM25_TERMS_MAX];
	const struct bm25_query query = { &scoring->collection, weights, scoring->chunks };
	struct top top;

	weigh(scoring, weights);
	if (!top_init(&top, scoring->arena, scoring->depth))
		scoring->err = &err_no_memory;
	for (size_t row = 0; row < scoring->rows->count && !scoring->err;)
		row = score_segment(scoring, &query, row, &top);
	if (scoring->err)
		return;
	top_finish(&top);
	scoring->out->list = top.list;
	scoring->out->count = top.count;
	scoring->out->most = bm25_most(weights, scoring->terms->count);
}

static const struct err *
terms_json(struct arena *arena, const struct terms *terms, struct str *text)
{
	struct json_out out;
	struct buf buf;

	buf_init(&buf, arena, (size_t)BM25_TERMS_MAX * (TERM_BYTES_MAX * 6 + 8));
	json_out_init(&out, &buf);
	json_begin_array(&out);
	for (size_t i = 0; i < terms->count; i++)
		json_put_string(&out, terms->list[i]);
	json_end_array(&out);
	*text = buf_str(&buf);
	return buf_err(&buf);
}

const struct err *
words_search(struct store *store, struct pool *pool, struct arena *arena, int64_t collection, struct str text, struct id_set chunks, size_t depth,
	struct words_hits *out)
{
	struct terms *terms = arena_zalloc(arena, sizeof(*terms));
	struct rows about, rows;
	struct str json;
	const struct err *err;

	*out = (struct words_hits){ 0 };
	if (!terms)
		return &err_no_memory;
	terms->arena = arena;
	terms_each(text, take_term, terms);
	err = terms->full ? &err_no_memory : terms_json(arena, terms, &json);
	if (!err)
		err = store_query(store, arena, &stmt_words_collection, PARAMS(V_INT(collection)), &about);
	if (err)
		return err;
	out->chunks = rows_real(&about, 0, 0);
	if (terms->count == 0 || out->chunks == 0)
		return NULL;
	err = store_query(store, arena, &stmt_words_postings, PARAMS(V_INT(collection), V_TEXT(json)), &rows);
	if (err)
		return err;
	struct scoring scoring = { .arena = arena,
		.terms = terms,
		.rows = &rows,
		.collection = { out->chunks, rows_real(&about, 0, 1), rows_real(&about, 0, 2) },
		.chunks = chunks,
		.depth = depth,
		.out = out };
	err = offload(pool, score, &scoring);
	return err ? err : scoring.err;
}
