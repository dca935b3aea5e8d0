/*
 * embed_texts.c - prints the vectors of texts, for comparison with the reference implementation.
 *
 *	embed_texts MODEL_DIR <texts
 *
 * Texts come as "LENGTH\n" and that many bytes each; each is embedded by itself. A line per text: its vector's numbers.
 */
#include <stdio.h>
#include <stdlib.h>

#include "infer/embed.h"
#include "rt/loop.h"

static struct embedder *embedder;

static int
print_vector(struct arena *arena, struct str text, float *vector)
{
	const struct err *err = embed(embedder, arena, EMBED_BATCH, &text, 1, vector, NULL);

	if (err) {
		fprintf(stderr, "embed_texts: %" STR_F "\n", STR_A(err->message));
		return 1;
	}
	for (unsigned i = 0; i < embedder_dimensions(embedder); i++)
		printf("%s%.8g", i ? " " : "", (double)vector[i]);
	putchar('\n');
	return 0;
}

static void
run(void *arg)
{
	struct arena *arena = arena_new(MIB(1));
	float *vector = mem_alloc(embedder_dimensions(embedder) * sizeof(*vector));
	size_t len;

	while (!*(int *)arg && scanf("%zu", &len) == 1 && getchar() == '\n') {
		char *text = mem_alloc(len);

		*(int *)arg = fread(text, 1, len, stdin) != len || print_vector(arena, str_n(text, len), vector);
		free(text);
	}
	free(vector);
	arena_free(arena);
}

int
main(int argc, char **argv)
{
	struct arena *arena = arena_new(MIB(1));
	const struct embed_local_spec spec = { .model_dir = str_of(argc == 2 ? argv[1] : "") };
	const struct err *err = embedder_open_local(&spec, arena, &embedder);
	int failed = err != NULL;

	if (err)
		fprintf(stderr, "embed_texts: %" STR_F "\n", STR_A(err->message));
	else
		runtime_run_one(run, &failed);
	embedder_close(embedder);
	arena_free(arena);
	return failed;
}
