/*
 * wordpiece_ids.c - prints the token ids of texts, for comparison with the reference tokenizer.
 *
 *	wordpiece_ids VOCAB MAX <texts
 *
 * Texts come as "LENGTH\n" and that many bytes each. A line per text: its count of tokens, a colon, then the ids, cut to MAX.
 */
#include <stdio.h>
#include <stdlib.h>

#include "text/wordpiece.h"

static struct str
read_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	size_t max = MIB(16), len;
	char *bytes = mem_alloc(max);

	if (!file) {
		perror(path);
		exit(2);
	}
	len = fread(bytes, 1, max, file);
	fclose(file);
	return str_n(bytes, len);
}

int
main(int argc, char **argv)
{
	struct arena *arena = arena_new(MIB(64));
	struct wordpiece *wordpiece;
	size_t len;

	if (argc != 3) {
		fprintf(stderr, "usage: wordpiece_ids VOCAB MAX <texts\n");
		return 2;
	}
	size_t max = strtoul(argv[2], NULL, 10);
	int32_t *ids = mem_alloc(max * sizeof(*ids));
	struct str vocabulary = read_file(argv[1]);
	if (max < 2 || wordpiece_new(arena, vocabulary, &wordpiece))
		return 2;
	while (scanf("%zu", &len) == 1 && getchar() == '\n') {
		char *text = mem_alloc(len);

		if (fread(text, 1, len, stdin) != len)
			return 2;
		size_t count = wordpiece_encode(wordpiece, str_n(text, len), ids, max);
		printf("%zu:", wordpiece_count(wordpiece, str_n(text, len)));
		for (size_t i = 0; i < count; i++)
			printf(" %d", ids[i]);
		putchar('\n');
		free(text);
	}
	free(ids);
	free((void *)vocabulary.ptr);
	arena_free(arena);
	return 0;
}
