/*
 * blocks_test.c - the writer's cleaning, and the frame that crosses from a parser's process.
 */
#include "base/test_arena.h"

#include <stdio.h>

#include "base/random.h"
#include "knowledge/blocks.h"

static void
assert_text(struct str text, const char *wanted)
{
	if (!str_eq_c(text, wanted))
		fail_msg("'%" STR_F "' is not '%s'", STR_A(text), wanted);
}

static struct str
flowing(const char *raw, size_t len)
{
	struct block_writer writer;
	struct blocks blocks;

	block_writer_init(&writer, arena);
	block_add(&writer, BLOCK_PARAGRAPH, 0, str_n(raw, len));
	assert_null(block_writer_end(&writer, &blocks));
	return blocks.count ? str_slice(blocks.text, blocks.list[0].from, blocks.list[0].to) : STR_EMPTY;
}

#define FLOWING(literal) flowing(literal, sizeof(literal) - 1)

static void
running_text_has_single_blanks_and_no_control_characters(void **state)
{
	(void)state;
	assert_text(FLOWING("  a \t\n b\r\nc  "), "a b c");
	assert_text(FLOWING("a\x00" "b\x01" "c\x7f"), "abc");
	assert_text(FLOWING("a\xc2\xa0" "b"), "a b");
	assert_text(FLOWING("soft\xc2\xad" "hyphen zero\xe2\x80\x8bwidth"), "softhyphen zerowidth");
	assert_text(FLOWING("bad \xff byte"), "bad \xef\xbf\xbd byte");
	assert_text(FLOWING(" \n "), "");
}

static void
code_keeps_its_lines_and_indentation(void **state)
{
	struct block_writer writer;
	struct blocks blocks;

	(void)state;
	block_writer_init(&writer, arena);
	block_open(&writer, BLOCK_CODE, 0, STR("c"));
	block_text(&writer, STR("\n\n  if (x)\r\n\treturn;\n\n"));
	assert_null(block_writer_end(&writer, &blocks));
	assert_int_equal(blocks.count, 1);
	assert_text(str_slice(blocks.text, blocks.list[0].from, blocks.list[0].to), "  if (x)\n\treturn;");
	assert_text(blocks.list[0].note, "c");
}

static void
empty_blocks_are_dropped_but_tables_pages_and_list_ends_stay(void **state)
{
	struct block_writer writer;
	struct blocks blocks;

	(void)state;
	block_writer_init(&writer, arena);
	block_add(&writer, BLOCK_PARAGRAPH, 0, STR("  "));
	block_add(&writer, BLOCK_PAGE, 3, STR_EMPTY);
	block_add(&writer, BLOCK_TABLE, 0, STR_EMPTY);
	block_add(&writer, BLOCK_ROW, 0, STR("a | b"));
	block_add(&writer, BLOCK_TERM, 1, STR_EMPTY);
	block_add(&writer, BLOCK_HEADING, 1, STR("H"));
	assert_null(block_writer_end(&writer, &blocks));
	assert_int_equal(blocks.count, 5);
	assert_int_equal(blocks.list[0].level, 3);
	assert_text(str_slice(blocks.text, blocks.list[4].from, blocks.list[4].to), "H");
}

static struct buf
sample_frame(void)
{
	struct block_writer writer;
	struct blocks blocks;
	struct buf frame;

	block_writer_init(&writer, arena);
	block_title(&writer, STR("  A \n title "));
	block_open(&writer, BLOCK_HEADING, 2, STR("anchor"));
	block_text(&writer, STR("H\xc3\xa9"));
	block_add(&writer, BLOCK_PARAGRAPH, 0, STR("Some text."));
	block_open(&writer, BLOCK_CODE, 0, STR("sql"));
	block_text(&writer, STR("select 1;"));
	assert_null(block_writer_end(&writer, &blocks));
	buf_init(&frame, arena, MIB(1));
	assert_null(blocks_write(&blocks, &frame));
	return frame;
}

static void
a_frame_comes_back_as_it_was_written(void **state)
{
	struct buf frame = sample_frame();
	struct blocks blocks;

	(void)state;
	assert_null(blocks_read(arena, buf_str(&frame), &blocks));
	assert_text(blocks.title, "A title");
	assert_int_equal(blocks.count, 3);
	assert_int_equal(blocks.list[0].kind, BLOCK_HEADING);
	assert_int_equal(blocks.list[0].level, 2);
	assert_text(blocks.list[0].note, "anchor");
	assert_text(str_slice(blocks.text, blocks.list[0].from, blocks.list[0].to), "H\xc3\xa9");
	assert_text(blocks.list[2].note, "sql");
}

static void
a_frame_cut_short_or_too_long_is_refused(void **state)
{
	struct buf frame = sample_frame();
	struct blocks blocks;

	(void)state;
	for (size_t len = 0; len < frame.len; len++)
		assert_non_null(blocks_read(arena, str_n(frame.ptr, len), &blocks));
	buf_add_byte(&frame, 'x');
	assert_non_null(blocks_read(arena, buf_str(&frame), &blocks));
}

/* Whatever a child that was taken over sends: refused, or blocks that lie within clean text, in order. */
static void
a_frame_with_changed_bytes_never_gives_blocks_outside_the_text(void **state)
{
	struct buf frame = sample_frame();
	unsigned refused = 0;

	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		struct arena *scratch = arena_new(MIB(64));
		struct str copy = arena_dup(scratch, buf_str(&frame));
		struct blocks blocks;
		size_t after = 0;

		((char *)copy.ptr)[random_u64() % copy.len] = (char)random_u64();
		if (blocks_read(scratch, copy, &blocks)) {
			refused++;
		} else {
			for (size_t i = 0; i < blocks.count; i++) {
				assert_true(blocks.list[i].from >= after && blocks.list[i].to >= blocks.list[i].from && blocks.list[i].to <= blocks.text.len);
				after = blocks.list[i].to;
			}
		}
		arena_free(scratch);
	}
	assert_true(refused > 5000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(running_text_has_single_blanks_and_no_control_characters),
		cmocka_unit_test(code_keeps_its_lines_and_indentation),
		cmocka_unit_test(empty_blocks_are_dropped_but_tables_pages_and_list_ends_stay),
		cmocka_unit_test(a_frame_comes_back_as_it_was_written),
		cmocka_unit_test(a_frame_cut_short_or_too_long_is_refused),
		cmocka_unit_test(a_frame_with_changed_bytes_never_gives_blocks_outside_the_text),
	};

	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
