/*
 * parse_test.c - what each parser makes of its files, written as one line a block: kind, level, [note], text.
 */
#include "base/test_arena.h"

#include <stdio.h>
#include <stdlib.h>

#include "knowledge/decode.h"
#include "knowledge/parser.h"

static const char *
shown(enum doc_type type, const char *path, struct str bytes)
{
	static const char *const kinds[BLOCK_KINDS] = { "heading", "paragraph", "item", "term", "code", "table", "row", "page" };
	struct parse_input input = { .bytes = bytes, .path = str_of(path) };
	struct block_writer writer;
	struct blocks blocks;
	const struct err *err;
	struct buf out;

	block_writer_init(&writer, arena);
	err = parser_of(type)->parse(&input, &writer);
	if (!err)
		err = block_writer_end(&writer, &blocks);
	if (err)
		return arena_cstr(arena, arena_printf(arena, "error: %" STR_F, STR_A(err->message)));
	buf_init(&out, arena, MIB(8));
	if (blocks.title.len)
		buf_printf(&out, "title %" STR_F "\n", STR_A(blocks.title));
	for (size_t i = 0; i < blocks.count; i++) {
		const struct block *block = &blocks.list[i];

		buf_printf(&out, "%s", kinds[block->kind]);
		if (block->level)
			buf_printf(&out, " %u", block->level);
		if (block->note.len)
			buf_printf(&out, " [%" STR_F "]", STR_A(block->note));
		buf_printf(&out, ": %" STR_F "\n", STR_A(str_slice(blocks.text, block->from, block->to)));
	}
	return arena_cstr(arena, buf_str(&out));
}

static void
html_keeps_content_and_drops_what_surrounds_it(void **state)
{
	(void)state;
	assert_string_equal(shown(DOC_HTML, "a.html",
				    STR("<!DOCTYPE html><html><head><title>Setup | Site</title><style>x{}</style></head><body>"
					"<nav><a href=/>Home</a></nav><div class='navbar x'>Menu</div><h1 id=open_arena>Setup <a class=headerlink href=#>#</a></h1>"
					"<p>Run <code>make</code>\n  now.<script>evil()</script></p><p hidden>secret</p><footer>(c)</footer></body></html>")),
		"title Setup\nheading 1 [open_arena]: Setup\nparagraph: Run make now.\n");
}

static void
html_lists_terms_and_code_are_told_apart(void **state)
{
	(void)state;
	assert_string_equal(shown(DOC_HTML, "a.html",
				    STR("<ul><li>one</li><li><p>two</p><p>more</p><ul><li>deep</li></ul></li></ul>"
					"<dl><dt id=x>--all</dt><dd><p>Everything.</p></dd></dl>"
					"<pre><code class='language-c'>int x;\n  int y;</code></pre>")),
		"item 1: one\nitem 1: two\nparagraph: more\nitem 2: deep\nterm 1 [x]: --all\nparagraph: Everything.\nterm 1: \ncode [c]: int x;\n  int y;\n");
}

static void
html_tables_go_row_by_row_and_layout_tables_are_text(void **state)
{
	(void)state;
	assert_string_equal(shown(DOC_HTML, "a.html",
				    STR("<table><caption>Sizes</caption><tr><th>Name</th><th>Bytes</th></tr><tr><td><p>a</p><p>b</p></td><td>8</td></tr></table>")),
		"paragraph: Sizes\ntable: Name | Bytes\nrow: a b | 8\n");
	assert_string_equal(shown(DOC_HTML, "a.html", STR("<table><tr><td>1</td><td>2</td></tr></table>")), "table: \nrow: 1 | 2\n");
	assert_string_equal(shown(DOC_HTML, "a.html", STR("<table><tr><td><p>left</p></td></tr><tr><td><table><tr><td>x<td>y</table></td></tr></table>")),
		"paragraph: left\ntable: \nrow: x | y\n");
}

static void
html_main_content_is_taken_where_it_is_marked(void **state)
{
	(void)state;
	assert_string_equal(shown(DOC_HTML, "a.html", STR("<body><div>Advertising</div><main><p>The text that counts.</p></main></body>")),
		"paragraph: The text that counts.\n");
	assert_string_equal(shown(DOC_HTML, "a.html",
				    STR("<body><ul><li><a href=1>One</a><li><a href=2>Two</a><li><a href=3>Three</a><li><a href=4>Four</a><li><a href=5>Five</a></ul><p>Text.</p>")),
		"paragraph: Text.\n");
}

static void
html_deep_nesting_does_not_exhaust_the_stack(void **state)
{
	struct buf html;

	(void)state;
	buf_init(&html, arena, MIB(4));
	for (unsigned i = 0; i < 3000; i++)
		buf_add(&html, STR("<div><ul><li>"));
	buf_add(&html, STR("bottom"));
	assert_string_equal(shown(DOC_HTML, "a.html", buf_str(&html)), "item 3000: bottom\n");
}

static void
markdown_gives_structure_tables_and_front_matter(void **state)
{
	(void)state;
	assert_string_equal(shown(DOC_MARKDOWN, "a.md",
				    STR("---\ntitle: \"The Guide\"\ntags: [a]\n---\n# Intro\nSome *bold*\ntext with `code`.\n\n- a\n  - b\n\n1. c\n\n```sql title=x\nselect 1;\n```\n\n"
					"| k | v |\n|---|---|\n| a | 1 |\n\n<p>html <b>piece</b></p>\n\n> quoted\n")),
		"title The Guide\nheading 1: Intro\nparagraph: Some bold text with code.\nitem 1: a\nitem 2: b\nitem 1: c\ncode [sql]: select 1;\n"
		"table: k | v\nrow: a | 1\nparagraph: html piece\nparagraph: quoted\n");
	assert_string_equal(shown(DOC_MARKDOWN, "a.md", STR("# Only heading")), "title Only heading\nheading 1: Only heading\n");
}

static void
text_knows_paragraphs_underlined_headings_lists_and_indented_code(void **state)
{
	(void)state;
	assert_string_equal(shown(DOC_TEXT, "a.txt",
				    STR("Title\n=====\n\nOne\ntwo.\n\nPart\n----\n* a\n* b\n\n    code {\n\n    }\nafter\n")),
		"title Title\nheading 1: Title\nparagraph: One two.\nheading 2: Part\nitem 1: a\nitem 1: b\ncode:     code {\n\n    }\nparagraph: after\n");
}

static void
csv_rows_name_their_columns(void **state)
{
	(void)state;
	assert_string_equal(shown(DOC_CSV, "a.csv", STR("name,note\r\nBolt,\"a \"\"big\"\" one, 5 mm\"\r\nNut,\r\n")),
		"row: name: Bolt; note: a \"big\" one, 5 mm\nrow: name: Nut\n");
	assert_string_equal(shown(DOC_CSV, "a.tsv", STR("a\tb\n1,5\t2\n")), "row: a: 1,5; b: 2\n");
	assert_string_equal(shown(DOC_CSV, "a.csv", STR("a;b\n1;\"never closed\n2;3")), "row: a: 1; b: never closed 2;3\n");
}

static void
json_records_are_flattened_with_their_paths(void **state)
{
	(void)state;
	assert_string_equal(shown(DOC_JSON, "a.json", STR("[{\"id\":1,\"a\":{\"b\":[true,\"x\"]},\"n\":null},{\"id\":2.5}]")),
		"row: id: 1; a.b.1: true; a.b.2: x\nrow: id: 2.5\n");
	assert_string_equal(shown(DOC_JSONL, "a.jsonl", STR("{\"a\":1}\n\n{\"a\":2}\n")), "row: a: 1\nrow: a: 2\n");
	assert_non_null(strstr(shown(DOC_JSONL, "a.jsonl", STR("{\"a\":1}\n{oops\n")), "error: line 2 is no JSON"));
}

static void
code_is_cut_where_blank_lines_meet_the_margin(void **state)
{
	(void)state;
	assert_string_equal(shown(DOC_CODE, "src/a.c", STR("/* one */\nint\none(void)\n{\n\treturn 1;\n\n}\n\nint two;\n")),
		"title src/a.c\ncode [c]: /* one */\nint\none(void)\n{\n\treturn 1;\n\n}\ncode [c]: int two;\n");
}

static void
pages_lose_running_titles_and_join_lines(void **state)
{
	(void)state;
	assert_string_equal(shown(DOC_PDF, "a.pdf",
				    STR("Manual\n\n1 Intro\n\nThis is a sen-\ntence that\ngoes on.\n\nPage 1\n\fManual\n\nSecond page.\n\nPage 2\n\fManual\n\nThird.\n\nPage 3\n\f")),
		"page 1: \nheading 1: 1 Intro\nparagraph: This is a sentence that goes on.\npage 2: \nparagraph: Second page.\npage 3: \nparagraph: Third.\n");
}

static void
pages_of_few_lines_keep_their_text(void **state)
{
#define LONG_LINE "of a text that is nearly the same on all pages, as on forms and certificates, and yet is what the page is about, not a title above it."

	(void)state;
	assert_string_equal(shown(DOC_PDF, "a.pdf", STR("Title\n\nPage 1 " LONG_LINE "\n\fTitle\n\nPage 2 " LONG_LINE "\n\fTitle\n\nPage 3 " LONG_LINE "\n\f")),
		"page 1: \nparagraph: Page 1 " LONG_LINE "\npage 2: \nparagraph: Page 2 " LONG_LINE "\npage 3: \nparagraph: Page 3 " LONG_LINE "\n");
}

static void
a_file_that_is_no_zip_is_no_docx(void **state)
{
	(void)state;
	assert_non_null(strstr(shown(DOC_DOCX, "a.docx", STR("PK\x03\x04 nonsense")), "error: not a zip file"));
}

/* A Word document with a bit of everything; also the seed of the fuzz target. */
static const char *docx_path;

static void
docx_styles_lists_tables_and_pages_are_read(void **state)
{
	FILE *file = fopen(docx_path, "rb");
	char *bytes = arena_alloc(arena, MIB(1));
	size_t len;

	(void)state;
	assert_non_null(file);
	len = fread(bytes, 1, MIB(1), file);
	fclose(file);
	assert_string_equal(shown(DOC_DOCX, "a.docx", str_n(bytes, len)),
		"title Annual Report\npage 1: \nheading 1: The Report\nheading 1: Sales\nparagraph: Up by 5 % net\nitem 1: by hand\nitem 2: by style\n"
		"table: Region | Sales\nrow: North | 10 (est.)\npage 2: \nparagraph: Next page.\nheading 2: Outlook\nparagraph: new\nparagraph: A note.\n");
}

static void
encodings_are_recognised(void **state)
{
	struct str out;

	(void)state;
	assert_null(text_decode(arena, str_n("\xff\xfeh\0\xe9\0", 6), &out));
	assert_true(str_eq(out, STR("h\xc3\xa9")));
	assert_null(text_decode(arena, str_n("\xfe\xff\xd8\x3d\xde\x00", 6), &out));
	assert_true(str_eq(out, STR("\xf0\x9f\x98\x80")));
	assert_null(text_decode(arena, STR("\xef\xbb\xbfx"), &out));
	assert_true(str_eq(out, STR("x")));
	assert_null(text_decode(arena, STR("caf\xe9 \x93ok\x94"), &out));
	assert_true(str_eq(out, STR("caf\xc3\xa9 \xe2\x80\x9cok\xe2\x80\x9d")));
}

static void
types_follow_content_before_names(void **state)
{
	(void)state;
	assert_int_equal(doc_type_of(STR("a.txt"), STR("%PDF-1.4 ...")), DOC_PDF);
	assert_int_equal(doc_type_of(STR("a.md"), STR("# x")), DOC_MARKDOWN);
	assert_int_equal(doc_type_of(STR("page"), STR("  <!DOCTYPE html><p>x")), DOC_HTML);
	assert_int_equal(doc_type_of(STR("a.pdf"), STR("not a pdf")), DOC_TEXT);
	assert_int_equal(doc_type_of(STR("a.png"), str_n("\x89PNG\r\n\x1a\n\0\0", 10)), DOC_UNSUPPORTED);
	assert_int_equal(doc_type_of(STR("a.zip"), STR("PK\x03\x04 xl/workbook.xml")), DOC_UNSUPPORTED);
	assert_int_equal(doc_type_of(STR("Main.RS"), STR("fn main(){}")), DOC_CODE);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(html_keeps_content_and_drops_what_surrounds_it),
		cmocka_unit_test(html_lists_terms_and_code_are_told_apart),
		cmocka_unit_test(html_tables_go_row_by_row_and_layout_tables_are_text),
		cmocka_unit_test(html_main_content_is_taken_where_it_is_marked),
		cmocka_unit_test(html_deep_nesting_does_not_exhaust_the_stack),
		cmocka_unit_test(markdown_gives_structure_tables_and_front_matter),
		cmocka_unit_test(text_knows_paragraphs_underlined_headings_lists_and_indented_code),
		cmocka_unit_test(csv_rows_name_their_columns),
		cmocka_unit_test(json_records_are_flattened_with_their_paths),
		cmocka_unit_test(code_is_cut_where_blank_lines_meet_the_margin),
		cmocka_unit_test(pages_lose_running_titles_and_join_lines),
		cmocka_unit_test(pages_of_few_lines_keep_their_text),
		cmocka_unit_test(a_file_that_is_no_zip_is_no_docx),
		cmocka_unit_test(docx_styles_lists_tables_and_pages_are_read),
		cmocka_unit_test(encodings_are_recognised),
		cmocka_unit_test(types_follow_content_before_names),
	};

	if (argc != 2) {
		fprintf(stderr, "usage: parse_test DOCX\n");
		return 2;
	}
	docx_path = argv[1];
	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
