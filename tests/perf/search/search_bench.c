/*
 * search_bench.c - how long a hybrid search takes in a large collection.
 *
 *	search_bench CHUNKS COUNT <questions
 *
 * CHUNKS is what chunk_dump wrote; its passages are put into a new SQLite database again and again until there are COUNT of them, in documents of 50, with vectors made up
 * from a seed. Questions come one a line. Each is asked once, with a vector at hand, as a fiber of one loop would; nothing else runs. Prints percentiles by the
 * number of passages that the question's most common word is in.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "access/access_sql.h"
#include "base/clock.h"
#include "base/random.h"
#include "infer/embedder.h"
#include "json/json.h"
#include "knowledge/knowledge_sql.h"
#include "knowledge/search.h"
#include "knowledge/search_sql.h"
#include "store/testing.h"
#include "text/terms.h"

static const struct store_schema *const schemas[] = { &access_schema, &knowledge_schema, &search_schema, NULL };

enum { TENANT = 1, DIMENSIONS = 384, DOCUMENT_CHUNKS = 50, LINE_BYTES_MAX = 1 << 20, PASSAGES_MAX = 200000, QUESTIONS_MAX = 20000 };

struct passage {
	struct str path, heading, text;
};

static struct bench {
	struct arena *arena;
	struct passage *passages;
	size_t passage_count;
	struct str *questions;
	size_t question_count;
	size_t wanted;            /* chunks */
	int64_t collection;
	size_t made;
} bench;

/* A model that only has a name: every question brings its vector. */
static struct embedder model = { .model = STR_INIT("made-up"), .dimensions = DIMENSIONS, .tokens_max = 256 };

static uint64_t
noise(uint64_t *state)
{
	*state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
	return *state >> 33;
}

static void
make_vector(uint64_t seed, float *out)
{
	uint64_t state = seed * 2862933555777941757ULL + 3037000493ULL;

	for (int i = 0; i < DIMENSIONS; i++)
		out[i] = (float)(noise(&state) % 2001) / 1000 - 1;
	embedder_normalize(out, DIMENSIONS);
}

/* ---- filling the database ---- */

static const struct err *
collection_tx(struct tx *tx, void *arg)
{
	struct str id = STR("vs_bench");
	struct rows rows;

	(void)arg;
	CHECK_OK(tx_exec(tx, &stmt_collection_insert,
		PARAMS(V_INT(TENANT), V_TEXT(id), V_TEXT(id), V_TEXT(id), V_TEXT(STR("")), V_TEXT(STR("{}")), V_INT(0), V_INT(0), V_INT(0), V_INT(1)), NULL));
	CHECK_OK(tx_exec(tx, &stmt_collection_by_key, PARAMS(V_INT(TENANT), V_TEXT(id), V_TEXT(id)), &rows));
	bench.collection = rows_int(&rows, 0, 0);
	return NULL;
}

static void
add_chunks(struct tx *tx, int64_t version)
{
	static float vectors[DOCUMENT_CHUNKS * DIMENSIONS];
	static int64_t chunks[DOCUMENT_CHUNKS];
	struct rows rows;

	for (size_t i = 0; i < DOCUMENT_CHUNKS; i++) {
		const struct passage *passage = &bench.passages[(bench.made + i) % bench.passage_count];

		CHECK_OK(tx_exec(tx, &stmt_chunk_insert,
			PARAMS(V_INT(TENANT), V_INT(bench.collection), V_INT(version), V_INT(i), V_TEXT(passage->heading), V_TEXT(STR("")), V_INT(0), V_INT(0), V_INT(1),
				V_INT(1), V_BLOB(STR("hash")), V_TEXT(passage->text)),
			NULL));
		make_vector(bench.made + i, vectors + i * DIMENSIONS);
	}
	CHECK_OK(tx_exec(tx, &stmt_words_chunks, PARAMS(V_INT(version), V_INT(0), V_INT(DOCUMENT_CHUNKS)), &rows));
	for (size_t i = 0; i < DOCUMENT_CHUNKS; i++)
		chunks[i] = rows_int(&rows, i, 0);
	CHECK_OK(search_words_add(tx, bench.collection, version));
	CHECK_OK(search_vectors_add(tx, bench.collection, version, chunks, vectors, DOCUMENT_CHUNKS, DIMENSIONS, model.model));
}

static const struct err *
document_tx(struct tx *tx, void *arg)
{
	struct id id = id_new();
	struct rows rows;
	int64_t document, version;

	(void)arg;
	CHECK_OK(tx_exec(tx, &stmt_document_insert,
		PARAMS(V_INT(TENANT), V_TEXT(id_str(&id)), V_INT(bench.collection), V_TEXT(id_str(&id)), V_TEXT(STR("{}")), V_INT(1)), &rows));
	document = rows_int(&rows, 0, 0);
	CHECK_OK(tx_exec(tx, &stmt_version_insert,
		PARAMS(V_INT(TENANT), V_TEXT(id_str(&id)), V_INT(document), V_INT(bench.collection), V_INT(1), V_TEXT(STR("")), V_NULL, V_BLOB(STR("x")), V_INT(1),
			V_TEXT(STR("text/plain")), V_INT(0), V_INT(0), V_INT(1)),
		&rows));
	version = rows_int(&rows, 0, 0);
	CHECK_OK(tx_exec(tx, &stmt_document_set_current, PARAMS(V_INT(document), V_INT(version)), NULL));
	add_chunks(tx, version);
	return NULL;
}

/* ---- asking ---- */

static int
by_number(const void *x, const void *y)
{
	const double *a = x, *b = y;

	return *a < *b ? -1 : *a > *b;
}

static void
print_times(const char *name, double *ms, size_t count)
{
	if (count == 0)
		return;
	qsort(ms, count, sizeof(*ms), by_number);
	printf("%-44s %6zu questions: p50 %6.2f ms, p90 %6.2f, p99 %6.2f, most %6.2f\n", name, count, ms[count / 2], ms[count * 9 / 10], ms[count * 99 / 100],
		ms[count - 1]);
}

struct common {
	struct store *store;
	struct arena *arena;
	int64_t most;
};

static MAY_PARK void
count_term(void *arg, struct str term, bool part)
{
	struct common *common = arg;
	struct buf json;
	struct rows rows;
	int64_t cells = 0;

	(void)part;
	buf_init(&json, common->arena, KIB(1));
	buf_add_byte(&json, '[');
	json_quote(&json, term);
	buf_add_byte(&json, ']');
	CHECK_OK(store_query(common->store, common->arena, &stmt_words_postings, PARAMS(V_INT(bench.collection), V_TEXT(buf_str(&json))), &rows));
	for (size_t i = 0; i < rows.count; i++)
		cells += (int64_t)(rows_text(&rows, i, 3).len / 8);
	common->most = cells > common->most ? cells : common->most;
}

/* In how many chunks the question's most common term is. */
static MAY_PARK int64_t
commonness(struct store *store, struct str question)
{
	struct common common = { .store = store, .arena = arena_new(MIB(256)) };

	terms_each(question, count_term, &common);
	arena_free(common.arena);
	return common.most;
}

static MAY_PARK double
ask(struct search *search, struct str question, enum fusion fusion, uint64_t seed)
{
	struct arena *arena = arena_new(MIB(256));
	float vector[DIMENSIONS];
	struct query query = { .tenant = TENANT, .collection = bench.collection, .text = question, .limit = 10, .fusion = fusion, .vector = vector };
	struct hits hits;
	int64_t start;

	make_vector(seed, vector);
	start = clock_mono_us();
	CHECK_OK(search_run(search, arena, &query, &hits));
	start = clock_mono_us() - start;
	arena_free(arena);
	return (double)start / 1000;
}

static int64_t
process_cpu_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (int64_t)now.tv_sec * USEC_PER_SEC + now.tv_nsec / 1000;
}

static MAY_PARK void
measure(struct store *store, struct search *search, const char *name, enum fusion fusion)
{
	static const struct {
		const char *name;
		double from, to;
	} groups[] = { { "in under 1 % of the passages", 0, 0.01 }, { "in 1 % to 10 %", 0.01, 0.1 }, { "in more than 10 %", 0.1, 2 } };
	double *ms = mem_alloc(bench.question_count * sizeof(*ms) * 2), *some = ms + bench.question_count;
	int64_t cpu_us;

	cpu_us = process_cpu_us();
	for (size_t i = 0; i < bench.question_count; i++)
		ms[i] = ask(search, bench.questions[i], fusion, i);
	printf("%s: %.2f ms of CPU a question\n", name, (double)(process_cpu_us() - cpu_us) / (double)bench.question_count / 1000);
	for (size_t g = 0; g < COUNT(groups); g++) {
		size_t count = 0;
		char title[64];

		for (size_t i = 0; i < bench.question_count; i++) {
			double share = (double)commonness(store, bench.questions[i]) / (double)bench.made;

			if (share >= groups[g].from && share < groups[g].to)
				some[count++] = ms[i];
		}
		snprintf(title, sizeof(title), "%s, a word %s", name, groups[g].name);
		print_times(title, some, count);
	}
	print_times(name, ms, bench.question_count);
	free(ms);
}

static MAY_PARK void
run(struct store *store, void *arg)
{
	struct search *search;
	int64_t start = clock_mono_us();

	(void)arg;
	CHECK_OK(store_tx(store, bench.arena, collection_tx, NULL));
	for (; bench.made < bench.wanted; bench.made += DOCUMENT_CHUNKS)
		CHECK_OK(store_tx(store, bench.arena, document_tx, NULL));
	printf("%zu passages (%zu different) written in %.1f s\n", bench.made, bench.passage_count, (double)(clock_mono_us() - start) / 1e6);
	CHECK_OK(search_open(store, &model, bench.arena, &search));
	printf("the first search, which reads the vectors: %.0f ms\n", ask(search, STR("first"), FUSION_AUTO, 1));
	measure(store, search, "words", FUSION_WORDS);
	measure(store, search, "vectors", FUSION_VECTORS);
	measure(store, search, "hybrid", FUSION_AUTO);
	search_close(search);
}

/* ---- input ---- */

static void
read_passages(const char *path)
{
	FILE *file = fopen(path, "r");
	char *line = mem_alloc(LINE_BYTES_MAX);

	CHECK(file != NULL);
	while (fgets(line, LINE_BYTES_MAX, file) && bench.passage_count < PASSAGES_MAX) {
		const struct json *json;

		CHECK_OK(json_parse(bench.arena, str_of(line), &json));
		bench.passages[bench.passage_count++] =
			(struct passage){ json_get_string(json, "path"), json_get_string(json, "heading_path"), json_get_string(json, "text") };
	}
	CHECK(bench.passage_count > 0);
	fclose(file);
	while (fgets(line, LINE_BYTES_MAX, stdin) && bench.question_count < QUESTIONS_MAX)
		bench.questions[bench.question_count++] = arena_dup(bench.arena, str_trim(str_of(line)));
	CHECK(bench.question_count > 0);
	free(line);
}

int
main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: search_bench CHUNKS COUNT <questions\n");
		return 2;
	}
	bench.arena = arena_new((size_t)4 << 30);
	bench.passages = arena_array(bench.arena, PASSAGES_MAX, sizeof(*bench.passages));
	bench.questions = arena_array(bench.arena, QUESTIONS_MAX, sizeof(*bench.questions));
	bench.wanted = strtoul(argv[2], NULL, 10);
	setvbuf(stdout, NULL, _IOLBF, 0);
	read_passages(argv[1]);
	testing_run(STORE_SQLITE, schemas, run, NULL);
	arena_free(bench.arena);
	return 0;
}
