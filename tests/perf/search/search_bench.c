/*
 * search_bench.c - how long a search takes in a large collection, beside what the same would cost by the plainest means.
 *
 *	search_bench CHUNKS COUNT <questions
 *
 * CHUNKS is what chunk_dump wrote; its passages are put into a new SQLite database again and again until there are COUNT of them, in documents of 50, with vectors made up
 * from a seed. Questions come one a line. Each is asked once, with a vector at hand, as a fiber of one loop would; nothing else runs. The plain means (plain.h) are asked the
 * same. Prints percentiles by the share of passages that the question's most common word is in, and whether the scan of bytes found what the scan of floats found.
 */
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
#include "plain.h"
#include "store/testing.h"
#include "text/terms.h"

static const struct store_schema *const schemas[] = { &access_schema, &knowledge_schema, &search_schema, NULL };

enum { TENANT = 1, DIMENSIONS = 384, DOCUMENT_CHUNKS = 50, LINE_BYTES_MAX = 1 << 20, PASSAGES_MAX = 200000, QUESTIONS_MAX = 20000, LIMIT = 10 };

struct passage {
	struct str path, heading, text;
};

static struct bench {
	struct arena *arena;
	struct passage *passages;
	size_t passage_count;
	struct question {
		struct str text;
		double common; /* the share of chunks that its most common word is in */
	} *questions;
	size_t question_count;
	size_t wanted;            /* chunks */
	int64_t collection;
	size_t made;
	struct plain *plain;
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
		PARAMS(V_INT(TENANT), V_TEXT(id), V_TEXT(id), V_TEXT(id), V_TEXT(STR("")), V_TEXT(STR("{}")), V_INT(0), V_INT(0), V_INT(0), V_INT(1), V_INT(0)), NULL));
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
	for (size_t i = 0; i < DOCUMENT_CHUNKS; i++) {
		const struct passage *passage = &bench.passages[(bench.made + i) % bench.passage_count];

		plain_add(bench.plain, chunks[i], passage->heading, passage->text, vectors + i * DIMENSIONS);
	}
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

/* ---- which words are common ---- */

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

static MAY_PARK void
weigh_questions(struct store *store)
{
	for (size_t i = 0; i < bench.question_count; i++) {
		struct common common = { .store = store, .arena = arena_new(MIB(256)) };

		terms_each(bench.questions[i].text, count_term, &common);
		bench.questions[i].common = (double)common.most / (double)bench.made;
		arena_free(common.arena);
	}
}

/* ---- asking ---- */

/* A way to answer a question: the chunks of the best, at most LIMIT. */
struct way {
	const char *name;
	MAY_PARK size_t (*ask)(const struct way *way, struct arena *arena, struct str question, const float *vector, int64_t *found);
	struct search *search;
	enum fusion fusion;
	bool words, vectors; /* of the plain ways */
};

static MAY_PARK size_t
ask_search(const struct way *way, struct arena *arena, struct str question, const float *vector, int64_t *found)
{
	struct query query = { .tenant = TENANT, .collection = bench.collection, .text = question, .limit = LIMIT, .fusion = way->fusion, .vector = vector };
	struct hits hits;

	CHECK_OK(search_run(way->search, arena, &query, &hits));
	for (size_t i = 0; i < hits.count; i++)
		found[i] = hits.list[i].chunk;
	return hits.count;
}

static size_t
ask_plain(const struct way *way, struct arena *arena, struct str question, const float *vector, int64_t *found)
{
	size_t count = 0;

	if (way->words)
		count = plain_words(bench.plain, arena, question, LIMIT, found);
	return way->vectors ? plain_vectors(bench.plain, vector, LIMIT, found) : count;
}

struct sample {
	double ms, cpu_ms;
};

static int64_t
process_cpu_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (int64_t)now.tv_sec * USEC_PER_SEC + now.tv_nsec / 1000;
}

static MAY_PARK struct sample
ask(const struct way *way, size_t index, int64_t found[LIMIT], size_t *count)
{
	struct arena *arena = arena_new(MIB(256));
	float vector[DIMENSIONS];
	int64_t start, cpu;

	make_vector(index, vector);
	start = clock_mono_us();
	cpu = process_cpu_us();
	*count = way->ask(way, arena, bench.questions[index].text, vector, found);
	cpu = process_cpu_us() - cpu;
	start = clock_mono_us() - start;
	arena_free(arena);
	return (struct sample){ (double)start / 1000, (double)cpu / 1000 };
}

static int
by_time(const void *x, const void *y)
{
	const struct sample *a = x, *b = y;

	return a->ms < b->ms ? -1 : a->ms > b->ms;
}

static void
print_samples(const char *name, const char *which, struct sample *samples, size_t count)
{
	double cpu = 0;

	if (count == 0)
		return;
	for (size_t i = 0; i < count; i++)
		cpu += samples[i].cpu_ms;
	qsort(samples, count, sizeof(*samples), by_time);
	printf("  %-28s%-14s%9zu%9.2f%9.2f%9.2f%9.2f%9.2f\n", name, which, count, samples[count / 2].ms, samples[count * 9 / 10].ms, samples[count * 99 / 100].ms,
		samples[count - 1].ms, cpu / (double)count);
}

static MAY_PARK void
measure(const struct way *way, int64_t (*found)[LIMIT], size_t *counts)
{
	static const struct {
		const char *name;
		double from, to;
	} groups[] = { { "in under 1 %", 0, 0.01 }, { "in 1 to 10 %", 0.01, 0.1 }, { "in over 10 %", 0.1, 2 } };
	struct sample *all = mem_alloc(bench.question_count * sizeof(*all) * 2), *some = all + bench.question_count;

	for (size_t i = 0; i < bench.question_count; i++)
		all[i] = ask(way, i, found[i], &counts[i]);
	for (size_t g = 0; g < COUNT(groups); g++) {
		size_t count = 0;

		for (size_t i = 0; i < bench.question_count; i++)
			if (bench.questions[i].common >= groups[g].from && bench.questions[i].common < groups[g].to)
				some[count++] = all[i];
		print_samples(way->name, groups[g].name, some, count);
	}
	print_samples(way->name, "all", all, bench.question_count);
	free(all);
}

static MAY_PARK void
compare(struct search *search)
{
	const struct way ways[] = {
		{ .name = "corbel, words", .ask = ask_search, .search = search, .fusion = FUSION_WORDS },
		{ .name = "SQLite FTS5, bm25", .ask = ask_plain, .words = true },
		{ .name = "corbel, vectors", .ask = ask_search, .search = search, .fusion = FUSION_VECTORS },
		{ .name = "a scan of floats", .ask = ask_plain, .vectors = true },
		{ .name = "corbel, hybrid", .ask = ask_search, .search = search, .fusion = FUSION_AUTO },
		{ .name = "FTS5, then floats", .ask = ask_plain, .words = true, .vectors = true },
	};
	enum { BYTES = 2, FLOATS = 3 };
	int64_t(*found)[LIMIT] = mem_alloc(COUNT(ways) * bench.question_count * sizeof(*found));
	size_t *counts = mem_alloc(COUNT(ways) * bench.question_count * sizeof(*counts)), same = 0;

	printf("  %-28s%-14s%9s%9s%9s%9s%9s%9s\n", "", "common word", "count", "p50 ms", "p90", "p99", "most", "CPU ms");
	for (size_t i = 0; i < COUNT(ways); i++)
		measure(&ways[i], found + i * bench.question_count, counts + i * bench.question_count);
	for (size_t i = 0; i < bench.question_count; i++) {
		const int64_t *bytes = found[BYTES * bench.question_count + i], *floats = found[FLOATS * bench.question_count + i];

		same += counts[BYTES * bench.question_count + i] == LIMIT && memcmp(bytes, floats, sizeof(*found)) == 0;
	}
	printf("the scan of bytes found the same first %d, in the same order, as the scan of floats: %zu of %zu questions\n", LIMIT, same, bench.question_count);
	free(found);
	free(counts);
}

static MAY_PARK void
run(struct store *store, void *arg)
{
	struct search *search;
	int64_t start = clock_mono_us(), found[LIMIT];
	struct way first = { .ask = ask_search, .fusion = FUSION_AUTO };
	size_t count;

	(void)arg;
	CHECK_OK(store_tx(store, bench.arena, collection_tx, NULL));
	for (; bench.made < bench.wanted; bench.made += DOCUMENT_CHUNKS)
		CHECK_OK(store_tx(store, bench.arena, document_tx, NULL));
	plain_ready(bench.plain);
	printf("%zu passages (%zu different) written in %.1f s, those of the plain means too\n", bench.made, bench.passage_count, (double)(clock_mono_us() - start) / 1e6);
	CHECK_OK(search_open(store, &model, bench.arena, &search));
	weigh_questions(store);
	first.search = search;
	printf("the first search, which reads the vectors: %.0f ms\n", ask(&first, 0, found, &count).ms);
	compare(search);
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
		bench.questions[bench.question_count++].text = arena_dup(bench.arena, str_trim(str_of(line)));
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
	bench.plain = plain_new(bench.wanted, DIMENSIONS);
	testing_run(STORE_SQLITE, schemas, run, NULL);
	plain_free(bench.plain);
	arena_free(bench.arena);
	return 0;
}
