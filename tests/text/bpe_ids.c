/*
 * bpe_ids.c - prints the token ids of texts, for comparison with the reference; or how long counting takes.
 *
 *	bpe_ids cl100k_base|o200k_base FILE.tiktoken <texts
 *	bpe_ids cl100k_base|o200k_base FILE.tiktoken TEXT
 *
 * Texts come as "LENGTH\n" and that many bytes each: a line of ids per text. Of the file TEXT it prints its bytes, its tokens and the best of five times on a processor, in milliseconds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "text/bpe.h"

static struct str
read_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	size_t max = MIB(64), len;
	char *bytes = mem_alloc(max);

	if (!file) {
		perror(path);
		exit(2);
	}
	len = fread(bytes, 1, max, file);
	fclose(file);
	return str_n(bytes, len);
}

static int64_t
cpu_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (int64_t)now.tv_sec * USEC_PER_SEC + now.tv_nsec / 1000;
}

static void
print_time(const struct bpe *bpe, struct str text)
{
	int64_t best = INT64_MAX;
	size_t count = 0;

	for (int i = 0; i < 5; i++) {
		int64_t began = cpu_us(), took;

		count = bpe_count(bpe, text);
		took = cpu_us() - began;
		if (took < best)
			best = took;
	}
	printf("%zu bytes, %zu tokens, %.1f ms\n", text.len, count, (double)best / 1000);
}

static bool
print_ids(const struct bpe *bpe)
{
	size_t len;

	while (scanf("%zu", &len) == 1 && getchar() == '\n') {
		char *text = mem_alloc(len);
		uint32_t *ids = mem_alloc(len * sizeof(*ids));
		size_t count;

		if (fread(text, 1, len, stdin) != len)
			return false;
		count = bpe_encode(bpe, str_n(text, len), ids, len);
		for (size_t i = 0; i < count; i++)
			printf("%u ", ids[i]);
		putchar('\n');
		free(ids);
		free(text);
	}
	return true;
}

int
main(int argc, char **argv)
{
	struct arena *arena = arena_new(MIB(64));
	const struct err *err;
	struct bpe *bpe;

	if (argc < 3) {
		fprintf(stderr, "usage: bpe_ids cl100k_base|o200k_base FILE.tiktoken [TEXT]\n");
		return 2;
	}
	err = bpe_new(arena, argv[1][0] == 'c' ? BPE_CL100K : BPE_O200K, read_file(argv[2]), &bpe);
	if (err) {
		fprintf(stderr, "%" STR_F "\n", STR_A(err->message));
		return 2;
	}
	if (argc > 3)
		print_time(bpe, read_file(argv[3]));
	else if (!print_ids(bpe))
		return 2;
	arena_free(arena);
	return 0;
}
