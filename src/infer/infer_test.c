/*
 * infer_test.c - batches, and the local embedder on the real model. Equality with the reference implementation is tests/infer.
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
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "infer/batch.h"
#include "infer/embed.h"
#include "infer/tokenizers.h"
#include "rt/fiber.h"
#include "rt/group.h"

enum { DIMENSIONS = 384 };

/* ---- batches ---- */

static void
a_batch_holds_the_oldest_text_and_its_likes_in_length(void **state)
{
	const unsigned lengths[] = { 100, 10, 98, 11, 101, 99, 12 };
	uint16_t picked[4];
	bool seen[COUNT(lengths)] = { false };

	(void)state;
	assert_int_equal(batch_pick(lengths, COUNT(lengths), 4, picked), 4);
	for (size_t i = 0; i < 4; i++)
		seen[picked[i]] = true;
	assert_true(seen[0] && seen[2] && seen[4] && seen[5]);
}

static void
a_batch_is_cut_where_padding_would_waste_too_much(void **state)
{
	const unsigned lengths[] = { 10, 200, 10, 200, 11 };
	uint16_t picked[5];

	(void)state;
	assert_int_equal(batch_pick(lengths, COUNT(lengths), 5, picked), 3);
	assert_int_equal(batch_pick(lengths + 1, 1, 5, picked), 1);
}

static void
no_batch_of_random_lengths_wastes_more_than_its_share(void **state)
{
	unsigned lengths[BATCH_WINDOW_MAX];
	uint16_t picked[64];

	(void)state;
	srand(7);
	for (int round = 0; round < 200; round++) {
		size_t count = 1 + (size_t)rand() % BATCH_WINDOW_MAX, size;
		unsigned widest = 0, sum = 0;
		bool oldest = false;

		for (size_t i = 0; i < count; i++)
			lengths[i] = 2 + (unsigned)rand() % 255;
		size = batch_pick(lengths, count, COUNT(picked), picked);
		assert_in_range(size, 1, COUNT(picked));
		for (size_t i = 0; i < size; i++) {
			sum += lengths[picked[i]];
			widest = lengths[picked[i]] > widest ? lengths[picked[i]] : widest;
			oldest = oldest || picked[i] == 0;
		}
		assert_true(oldest);
		assert_true((double)(widest * size - sum) <= BATCH_WASTE_MAX * (double)(widest * size));
	}
}

/* ---- the model ---- */

static struct embedder *embedder;

static struct str
model_dir(struct arena *arena)
{
	const char *cache = getenv("CORBEL_CACHE"), *home = getenv("HOME");

	if (cache && *cache)
		return arena_printf(arena, "%s/models/all-MiniLM-L6-v2", cache);
	return arena_printf(arena, "%s/.cache/corbel/models/all-MiniLM-L6-v2", home ? home : "");
}

static int
open_model(void **state)
{
	struct arena *arena = arena_new(MIB(1));
	const struct embed_local_spec spec = { .model_dir = model_dir(arena) };
	const struct err *err = embedder_open_local(&spec, arena, &embedder);

	(void)state;
	if (err)
		fprintf(stderr, "%" STR_F "\n", STR_A(err->message));
	arena_free(arena);
	return err ? -1 : 0;
}

static int
close_model(void **state)
{
	(void)state;
	embedder_close(embedder);
	return 0;
}

static double
cosine(const float *a, const float *b)
{
	double sum = 0;

	for (int i = 0; i < DIMENSIONS; i++)
		sum += (double)a[i] * (double)b[i];
	return sum;
}

static void
embed_likenesses(void *arg)
{
	static const struct str texts[] = { STR_INIT("How do I create an index?"), STR_INIT("Ways to build indexes on a table"),
		STR_INIT("The weather in Lisbon is mild in winter, and many visitors walk along the river in the evening.") };
	static float vectors[COUNT(texts) * DIMENSIONS], alone[DIMENSIONS];
	struct arena *arena = arena_new(MIB(1));
	int64_t tokens = 0, counted = 0;

	(void)arg;
	assert_null(embed(embedder, arena, EMBED_INTERACTIVE, texts, COUNT(texts), vectors, &tokens));
	for (size_t i = 0; i < COUNT(texts); i++) {
		counted += (int64_t)embedder_tokens(embedder, texts[i]) + 2;
		assert_true(fabs(cosine(vectors + i * DIMENSIONS, vectors + i * DIMENSIONS) - 1) < 1e-4);
		assert_null(embed(embedder, arena, EMBED_BATCH, &texts[i], 1, alone, NULL));
		/* int8 activations are scaled by the batch, so company moves a vector a little */
		assert_true(cosine(alone, vectors + i * DIMENSIONS) > 0.99);
	}
	assert_int_equal(tokens, counted);
	assert_true(cosine(vectors, vectors + DIMENSIONS) > 0.7);
	assert_true(cosine(vectors, vectors + 2 * DIMENSIONS) < 0.2);
	arena_free(arena);
}

static void
like_texts_have_like_vectors_in_the_order_of_the_texts(void **state)
{
	(void)state;
	assert_true(str_eq_c(embedder_model(embedder), "all-MiniLM-L6-v2"));
	assert_int_equal(embedder_dimensions(embedder), DIMENSIONS);
	assert_int_equal(embedder_tokens_max(embedder), 256);
	assert_int_equal(embedder_tokens(embedder, STR("How do I create an index?")), 7);
	runtime_run_one(embed_likenesses, NULL);
}

struct ingest {
	struct str texts[256];
	float *vectors;
	const struct err *err;
	int64_t ended_us;
};

static const struct err *
ingest_fiber(void *arg)
{
	struct ingest *ingest = arg;
	struct arena *arena = arena_new(MIB(1));

	ingest->err = embed(embedder, arena, EMBED_BATCH, ingest->texts, COUNT(ingest->texts), ingest->vectors, NULL);
	ingest->ended_us = clock_mono_us();
	arena_free(arena);
	return NULL;
}

static void
ingest_init(struct ingest *ingest)
{
	static const char line[] = "A table is a collection of rows, each of which has the same columns, and a column has a type and a name. ";
	static char text[sizeof(line) * 6];

	for (size_t i = 0; i < sizeof(text) - 1; i++)
		text[i] = line[i % (sizeof(line) - 1)];
	*ingest = (struct ingest){ .vectors = mem_alloc(COUNT(ingest->texts) * DIMENSIONS * sizeof(float)) };
	for (size_t i = 0; i < COUNT(ingest->texts); i++)
		ingest->texts[i] = str_n(text, sizeof(text) - 1);
}

static void
ask_during_an_ingest(void *arg)
{
	static struct ingest ingest;
	static float vector[DIMENSIONS];
	struct arena *arena = arena_new(MIB(1));
	struct str question = STR("What is a table?");
	struct group group;

	(void)arg;
	ingest_init(&ingest);
	group_open(&group);
	assert_null(group_go(&group, "ingest", ingest_fiber, &ingest));
	assert_null(fiber_sleep_us(5 * USEC_PER_MS));
	assert_null(embed(embedder, arena, EMBED_INTERACTIVE, &question, 1, vector, NULL));
	int64_t answered_us = clock_mono_us();
	assert_null(group_wait(&group));
	assert_null(ingest.err);
	assert_true(answered_us < ingest.ended_us);
	free(ingest.vectors);
	arena_free(arena);
}

static void
a_question_goes_ahead_of_an_ingest(void **state)
{
	(void)state;
	runtime_run_one(ask_during_an_ingest, NULL);
}

static void
cancel_an_ingest(void *arg)
{
	static struct ingest ingest;
	static float vector[DIMENSIONS];
	struct arena *arena = arena_new(MIB(1));
	struct str question = STR("What is a table?");
	struct scope scope;
	int64_t start_us = clock_mono_us();

	(void)arg;
	ingest_init(&ingest);
	scope_open(&scope, 20 * USEC_PER_MS);
	assert_int_equal(embed(embedder, arena, EMBED_BATCH, ingest.texts, COUNT(ingest.texts), ingest.vectors, NULL)->kind, ERR_TIMEOUT);
	scope_close(&scope);
	free(ingest.vectors); /* nobody writes there any more */
	assert_null(embed(embedder, arena, EMBED_BATCH, &question, 1, vector, NULL));
	assert_in_range(clock_mono_us() - start_us, 20 * USEC_PER_MS, 10 * USEC_PER_SEC);
	arena_free(arena);
}

static void
a_deadline_takes_texts_back_from_the_queue(void **state)
{
	(void)state;
	runtime_run_one(cancel_an_ingest, NULL);
}

static void
embed_too_many(void *arg)
{
	struct arena *arena = arena_new(MIB(1));

	(void)arg;
	assert_int_equal(embed(embedder, arena, EMBED_BATCH, NULL, EMBED_TEXTS_MAX + 1, NULL, NULL)->kind, ERR_TOO_LARGE);
	assert_null(embed(embedder, arena, EMBED_BATCH, NULL, 0, NULL, NULL));
	arena_free(arena);
}

static void
too_many_texts_are_refused(void **state)
{
	(void)state;
	runtime_run_one(embed_too_many, NULL);
}

/* Against the same counted byte by byte, with letters of each length in each place of a word of eight. */
static void
an_estimate_counts_letters_of_all_lengths(void **state)
{
	static const char *const letters[] = { "a", "\xc3\xbc", "\xe2\x82\xac", "\xf0\x9f\x8d\x8e" };
	char text[256];

	(void)state;
	srand(7);
	for (int round = 0; round < 1000; round++) {
		int64_t ascii = 0, other = 0;
		size_t len = 0;

		while (len < (size_t)(round % 200)) {
			size_t letter = (size_t)rand() % COUNT(letters);

			memcpy(text + len, letters[letter], letter + 1);
			len += letter + 1;
			ascii += letter == 0;
			other += letter != 0;
		}
		assert_int_equal(tokens_estimate(str_n(text, len)), (ascii + 3) / 4 + (other * 2 + 2) / 3);
	}
}

static void
what_is_missing_is_named(void **state)
{
	struct arena *arena = arena_new(MIB(1));
	struct embed_local_spec spec = { .model_dir = STR("/nonexistent/model") };
	struct embedder *none;
	const struct err *err = embedder_open_local(&spec, arena, &none);

	(void)state;
	assert_int_equal(err->kind, ERR_UNAVAILABLE);
	assert_true(str_find(err->cause ? err->cause->message : err->message, spec.model_dir, 0) != SIZE_MAX);
	spec = (struct embed_local_spec){ .model_dir = model_dir(arena), .runtime_lib = STR("/nonexistent/libonnxruntime.so") };
	err = embedder_open_local(&spec, arena, &none);
	assert_int_equal(err->kind, ERR_UNAVAILABLE);
	assert_true(str_find(err->message, spec.runtime_lib, 0) != SIZE_MAX);
	arena_free(arena);
}

static void
an_idle_model_costs_no_cpu(void **state)
{
	struct timespec before, after;

	(void)state;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
	usleep(300000);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	assert_in_range((after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec, 0, 5000000);
}

int
main(void)
{
	const struct CMUnitTest batches[] = {
		cmocka_unit_test(a_batch_holds_the_oldest_text_and_its_likes_in_length),
		cmocka_unit_test(a_batch_is_cut_where_padding_would_waste_too_much),
		cmocka_unit_test(no_batch_of_random_lengths_wastes_more_than_its_share),
		cmocka_unit_test(an_estimate_counts_letters_of_all_lengths),
		cmocka_unit_test(what_is_missing_is_named),
	};
	const struct CMUnitTest model[] = {
		cmocka_unit_test(like_texts_have_like_vectors_in_the_order_of_the_texts),
		cmocka_unit_test(a_question_goes_ahead_of_an_ingest),
		cmocka_unit_test(a_deadline_takes_texts_back_from_the_queue),
		cmocka_unit_test(too_many_texts_are_refused),
		cmocka_unit_test(an_idle_model_costs_no_cpu),
	};
	int failed = cmocka_run_group_tests(batches, NULL, NULL);

	return failed + cmocka_run_group_tests(model, open_model, close_model);
}
