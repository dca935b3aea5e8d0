/*
 * chunk_test.c - what the chunker promises: the window, the headings, whole code and tables, nothing lost.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "knowledge/chunk.h"
#include "knowledge/chunk_split.h"

static struct arena *arena;
static struct block_writer writer;
static struct chunk *chunks;
static size_t count;

static int
setup(void **state)
{
	(void)state;
	arena = arena_new(MIB(512));
	block_writer_init(&writer, arena);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

/* Words, for a token counter whose figures can be checked by eye. */
static size_t
count_words(void *unused, struct str text)
{
	size_t words = 0;
	bool inside = false;

	(void)unused;
	for (size_t i = 0; i < text.len; i++) {
		bool blank = text.ptr[i] == ' ' || text.ptr[i] == '\n' || text.ptr[i] == '\t';

		words += inside && blank;
		inside = !blank;
	}
	return words + inside;
}

static void
cut(unsigned tokens_max)
{
	struct chunk_spec spec = { .tokens_max = tokens_max, .tokens_target = tokens_max * 7 / 10, .tokens_overlap = tokens_max / 10, .count = count_words };
	struct blocks blocks;

	assert_null(block_writer_end(&writer, &blocks));
	assert_null(chunk_blocks(arena, &blocks, &spec, &chunks, &count));
	for (size_t i = 0; i < count; i++)
		if (chunks[i].tokens > tokens_max)
			fail_msg("chunk %zu has %u tokens: %" STR_F, i, chunks[i].tokens, STR_A(chunks[i].text));
}

static void
assert_text(struct str text, const char *wanted)
{
	if (!str_eq_c(text, wanted))
		fail_msg("'%" STR_F "' is not '%s'", STR_A(text), wanted);
}

/* "w1 w2 … wn." */
static struct str
words(const char *word, unsigned n)
{
	struct buf out;

	buf_init(&out, arena, MIB(1));
	for (unsigned i = 1; i <= n; i++)
		buf_printf(&out, "%s%u%s", word, i, i == n ? "." : " ");
	return buf_str(&out);
}

static void
sections_of_different_headings_never_share_a_chunk(void **state)
{
	(void)state;
	block_title(&writer, STR("Doc"));
	block_add(&writer, BLOCK_HEADING, 1, STR("One"));
	block_add(&writer, BLOCK_PARAGRAPH, 0, words("a", 60));
	block_add(&writer, BLOCK_HEADING, 2, STR("Below"));
	block_add(&writer, BLOCK_PARAGRAPH, 0, words("b", 60));
	block_add(&writer, BLOCK_HEADING, 1, STR("Two"));
	block_add(&writer, BLOCK_PARAGRAPH, 0, words("c", 60));
	cut(200);
	assert_int_equal(count, 3);
	assert_text(chunks[0].heading_path, "Doc > One");
	assert_text(chunks[1].heading_path, "Doc > One > Below");
	assert_text(chunks[2].heading_path, "Doc > Two");
	assert_int_equal(chunks[1].tokens, 65);
}

static void
tiny_siblings_are_told_together_under_their_parent(void **state)
{
	(void)state;
	block_title(&writer, STR("Doc"));
	block_add(&writer, BLOCK_HEADING, 1, STR("Options"));
	block_add(&writer, BLOCK_TERM, 1, STR("-a"));
	block_add(&writer, BLOCK_PARAGRAPH, 0, STR("All."));
	block_add(&writer, BLOCK_TERM, 1, STR("-b"));
	block_add(&writer, BLOCK_PARAGRAPH, 0, STR("Both."));
	block_add(&writer, BLOCK_TERM, 1, STR_EMPTY);
	block_add(&writer, BLOCK_HEADING, 1, STR("Files"));
	block_add(&writer, BLOCK_PARAGRAPH, 0, words("c", 60));
	cut(200);
	assert_int_equal(count, 2);
	assert_text(chunks[0].heading_path, "Doc > Options");
	assert_text(chunks[0].text, "-a\nAll.\n\n-b\nBoth.");
	assert_text(chunks[1].heading_path, "Doc > Files");
}

static void
a_term_names_the_chunks_about_it_and_ends_with_its_list(void **state)
{
	(void)state;
	block_add(&writer, BLOCK_HEADING, 1, STR("Settings"));
	block_add(&writer, BLOCK_TERM, 1, STR("work_mem"));
	block_add(&writer, BLOCK_PARAGRAPH, 0, words("a", 120));
	block_add(&writer, BLOCK_PARAGRAPH, 0, words("b", 120));
	block_add(&writer, BLOCK_TERM, 1, STR_EMPTY);
	block_add(&writer, BLOCK_PARAGRAPH, 0, words("c", 60));
	cut(200);
	assert_int_equal(count, 3);
	assert_text(chunks[0].heading_path, "Settings > work_mem");
	assert_text(chunks[1].heading_path, "Settings > work_mem");
	assert_text(chunks[2].heading_path, "Settings");
}

static void
code_that_fits_stays_whole(void **state)
{
	struct buf code;

	(void)state;
	buf_init(&code, arena, MIB(1));
	for (unsigned i = 0; i < 40; i++)
		buf_printf(&code, "line %u\n", i);
	block_add(&writer, BLOCK_PARAGRAPH, 0, words("a", 70));
	block_add(&writer, BLOCK_CODE, 0, buf_str(&code));
	cut(100);
	assert_int_equal(count, 2);
	assert_int_equal(chunks[1].tokens, 80);
}

static void
code_that_does_not_fit_is_cut_between_lines_and_repeats_its_first(void **state)
{
	struct buf code;

	(void)state;
	buf_init(&code, arena, MIB(1));
	buf_add(&code, STR("int main(void)\n"));
	for (unsigned i = 0; i < 100; i++)
		buf_printf(&code, "  statement %u;\n", i);
	block_add(&writer, BLOCK_CODE, 0, buf_str(&code));
	cut(100);
	assert_true(count >= 3);
	for (size_t i = 0; i < count; i++)
		assert_true(str_starts(chunks[i].text, STR("int main(void)\n  statement ")));
}

static void
a_long_table_repeats_its_caption_and_header(void **state)
{
	(void)state;
	block_add(&writer, BLOCK_PARAGRAPH, 0, STR("Table 1. Sizes"));
	block_add(&writer, BLOCK_TABLE, 0, STR("Name | Size"));
	for (unsigned i = 0; i < 60; i++)
		block_add(&writer, BLOCK_ROW, 0, arena_printf(arena, "row%u | %u", i, i));
	cut(80);
	assert_true(count >= 3);
	assert_true(str_starts(chunks[0].text, STR("Table 1. Sizes\n\nName | Size\nrow0 | 0\n")));
	for (size_t i = 1; i < count; i++)
		assert_true(str_starts(chunks[i].text, STR("Table 1. Sizes\nName | Size\nrow")));
}

static void
a_long_paragraph_is_cut_between_sentences_with_little_overlap(void **state)
{
	struct buf text;

	(void)state;
	buf_init(&text, arena, MIB(1));
	for (unsigned i = 0; i < 60; i++)
		buf_printf(&text, "Sentence number %u is here. ", i);
	block_add(&writer, BLOCK_PARAGRAPH, 0, buf_str(&text));
	cut(100);
	assert_true(count >= 3);
	for (size_t i = 0; i < count; i++) {
		assert_true(str_starts(chunks[i].text, STR("Sentence number ")));
		assert_true(str_ends(chunks[i].text, STR("here.")));
	}
	assert_true(chunks[1].from < chunks[0].to);
}

/* Every word of the document is in some chunk, whatever the blocks are; only headings (words with h) may be left out of a path that would be too long. */
static void
nothing_of_the_document_is_lost(void **state)
{
	static const enum block_kind kinds[] = { BLOCK_PARAGRAPH, BLOCK_ITEM, BLOCK_CODE, BLOCK_ROW, BLOCK_TERM, BLOCK_HEADING, BLOCK_TABLE };
	unsigned n = 0;

	(void)state;
	srand(7);
	for (unsigned i = 0; i < 400; i++) {
		enum block_kind kind = kinds[(unsigned)rand() % COUNT(kinds)];
		unsigned len = 1 + (unsigned)rand() % (kind == BLOCK_HEADING || kind == BLOCK_TERM ? 3 : rand() % 8 ? 20 : 300);
		struct buf text;

		buf_init(&text, arena, MIB(1));
		for (unsigned w = 0; w < len; w++)
			buf_printf(&text, "%c%u%s", kind == BLOCK_HEADING ? 'h' : 'u', kind == BLOCK_HEADING ? 0 : n++, rand() % 9 ? " " : rand() % 2 && kind == BLOCK_CODE ? "\n" : ". ");
		block_add(&writer, kind, 1 + (unsigned)rand() % 3, buf_str(&text));
	}
	cut(100);
	{
		char *seen = arena_zalloc(arena, n);

		for (size_t i = 0; i < count; i++) {
			/* ended by a zero, for strtoul */
			struct str all = str_of(arena_cstr(arena, chunk_embedded_text(arena, chunks[i].heading_path, chunks[i].text)));

			for (size_t at = str_find_byte(all, 'u', 0); at != SIZE_MAX; at = str_find_byte(all, 'u', at + 1)) {
				unsigned long number = strtoul(all.ptr + at + 1, NULL, 10);

				if (number < n)
					seen[number] = 1;
			}
		}
		for (unsigned i = 0; i < n; i++)
			if (!seen[i])
				fail_msg("word u%u is in no chunk", i);
	}
}

static void
words_without_end_are_cut_too(void **state)
{
	char *text = arena_alloc(arena, MIB(1));

	(void)state;
	memset(text, 'x', MIB(1));
	block_add(&writer, BLOCK_PARAGRAPH, 0, str_n(text, MIB(1)));
	cut(100);
	assert_true(count >= MIB(1) / 1600);
	for (size_t i = 0; i < count; i++)
		assert_true(chunks[i].text.len <= 1600);
}

static void
a_million_rows_are_cut_in_linear_time(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 200000; i++)
		block_add(&writer, BLOCK_ROW, 0, STR("a: 1; b: 2"));
	cut(100);
	assert_true(count > 5000);
}

static void
pages_are_known(void **state)
{
	(void)state;
	block_add(&writer, BLOCK_PAGE, 1, STR_EMPTY);
	block_add(&writer, BLOCK_PARAGRAPH, 0, words("a", 65));
	block_add(&writer, BLOCK_PAGE, 2, STR_EMPTY);
	block_add(&writer, BLOCK_PARAGRAPH, 0, words("b", 65));
	cut(100);
	assert_int_equal(count, 2);
	assert_int_equal(chunks[0].page, 1);
	assert_int_equal(chunks[1].page, 2);
}

static void
sentences_end_where_people_end_them(void **state)
{
	struct str rest = STR("See e.g. Fig. 3 by J. Doe. It has 3.5 parts! Really? \xe4\xb8\xad\xe3\x80\x82" "Done."), sentence;
	static const char *const wanted[] = { "See e.g. Fig. 3 by J. Doe. ", "It has 3.5 parts! ", "Really? ", "\xe4\xb8\xad\xe3\x80\x82", "Done." };

	(void)state;
	for (size_t i = 0; i < COUNT(wanted); i++) {
		assert_true(split_sentence(&rest, &sentence));
		assert_text(sentence, wanted[i]);
	}
	assert_false(split_sentence(&rest, &sentence));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sections_of_different_headings_never_share_a_chunk),
		TEST(tiny_siblings_are_told_together_under_their_parent),
		TEST(a_term_names_the_chunks_about_it_and_ends_with_its_list),
		TEST(code_that_fits_stays_whole),
		TEST(code_that_does_not_fit_is_cut_between_lines_and_repeats_its_first),
		TEST(a_long_table_repeats_its_caption_and_header),
		TEST(a_long_paragraph_is_cut_between_sentences_with_little_overlap),
		TEST(nothing_of_the_document_is_lost),
		TEST(words_without_end_are_cut_too),
		TEST(a_million_rows_are_cut_in_linear_time),
		TEST(pages_are_known),
		TEST(sentences_end_where_people_end_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
