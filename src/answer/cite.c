/*
 * cite.c - see cite.h. One pass over the text; a fence of three backticks opens and closes code.
 */
#include "answer/cite.h"

enum { CITATIONS_MAX = 256, NUMBER_MAX = 999 };

struct reader {
	struct str text;
	size_t at;          /* byte */
	int64_t characters; /* before `at` */
	bool code;
};

static void
step(struct reader *reader)
{
	if (((unsigned char)reader->text.ptr[reader->at] & 0xc0) != 0x80)
		reader->characters++;
	reader->at++;
}

/* The numbers of a mark that begins at `at` ("[1]", "[1, 3]"), and where it ends; 0 when it is no mark. */
static unsigned
mark_numbers(struct str text, size_t at, unsigned numbers[8], size_t *end)
{
	unsigned count = 0, number = 0;
	bool digits = false;

	for (size_t i = at + 1; i < text.len && i < at + 40; i++) {
		char c = text.ptr[i];

		if (c >= '0' && c <= '9' && number <= NUMBER_MAX) {
			number = number * 10 + (unsigned)(c - '0');
			digits = true;
		} else if ((c == ',' || c == ']') && digits && count < 8) {
			numbers[count++] = number;
			number = 0;
			digits = false;
			if (c == ']') {
				*end = i + 1;
				return count;
			}
		} else if (c != ' ' || digits) {
			return 0;
		}
	}
	return 0;
}

const struct err *
cite_find(struct arena *arena, struct str text, const struct passage_list *passages, struct citation **out, size_t *count)
{
	struct reader reader = { .text = text };
	struct citation *list = arena_array(arena, CITATIONS_MAX, sizeof(*list));

	*out = list;
	*count = 0;
	if (!list)
		return &err_no_memory;
	while (reader.at < text.len && *count < CITATIONS_MAX) {
		unsigned numbers[8], found;
		size_t end = 0;

		if (str_starts(str_slice(text, reader.at, text.len), STR("```"))) {
			reader.code = !reader.code;
			reader.at += 3;
			reader.characters += 3;
			continue;
		}
		found = text.ptr[reader.at] == '[' && !reader.code ? mark_numbers(text, reader.at, numbers, &end) : 0;
		for (unsigned i = 0; i < found && *count < CITATIONS_MAX; i++) {
			const struct context_passage *passage = numbers[i] >= 1 && numbers[i] <= passages->count ? &passages->list[numbers[i] - 1] : NULL;

			if (passage) /* marks are ASCII: as many characters as bytes */
				list[(*count)++] = (struct citation){ .url = passage->url, .title = passage->title, .start = reader.characters,
					.end = reader.characters + (int64_t)(end - reader.at), .passage = passage };
		}
		step(&reader);
	}
	return NULL;
}
