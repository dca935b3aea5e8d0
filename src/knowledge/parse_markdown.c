/*
 * parse_markdown.c - Markdown (CommonMark with GitHub's tables, strikethrough, task lists and autolinks) to blocks.
 *
 * One walk with cmark's iterator, which does not recurse. A front matter of "key: value" lines between "---" is not Markdown: its title is kept, the rest left out.
 * HTML within goes through the HTML parser. Links give their text, images their description.
 */
#include "knowledge/parser.h"

#include <cmark-gfm-core-extensions.h>
#include <cmark-gfm.h>
#include <stdio.h>

#include "knowledge/decode.h"

struct md {
	struct block_writer *out;
	enum block_kind next;  /* kind of the next paragraph */
	unsigned lists;
	bool cell_begun;
	const struct err *err;
};

/* Takes a front matter off the text; its title, or an empty view. */
static struct str
front_matter(struct str *text)
{
	struct str rest = *text, line, title = STR_EMPTY;

	if (!str_split(&rest, '\n', &line) || !str_eq(str_trim(line), STR("---")))
		return title;
	while (str_split(&rest, '\n', &line)) {
		line = str_trim(line);
		if (str_eq(line, STR("---"))) {
			*text = rest;
			return title;
		}
		if (str_starts(line, STR("title:"))) {
			title = str_trim(str_slice(line, 6, line.len));
			if (title.len >= 2 && (title.ptr[0] == '"' || title.ptr[0] == '\'') && title.ptr[title.len - 1] == title.ptr[0])
				title = str_slice(title, 1, title.len - 1);
		}
	}
	return STR_EMPTY; /* never closed: a thematic break, and Markdown */
}

static void
md_code(struct md *md, cmark_node *node)
{
	struct str info = str_of(cmark_node_get_fence_info(node)), language = STR_EMPTY;

	str_split(&info, ' ', &language);
	block_open(md->out, BLOCK_CODE, 0, language);
	block_text(md->out, str_of(cmark_node_get_literal(node)));
	block_close(md->out);
}

static void
md_enter_table(struct md *md, const char *type)
{
	if (strcmp(type, "table_header") == 0) {
		block_open(md->out, BLOCK_TABLE, 0, STR_EMPTY);
		md->cell_begun = false;
	} else if (strcmp(type, "table_row") == 0) {
		block_open(md->out, BLOCK_ROW, 0, STR_EMPTY);
		md->cell_begun = false;
	} else if (strcmp(type, "table_cell") == 0) {
		if (md->cell_begun)
			block_text(md->out, STR(" | "));
		md->cell_begun = true;
	}
}

static void
md_enter(struct md *md, cmark_node *node)
{
	struct block_writer *out = md->out;

	switch (cmark_node_get_type(node)) {
	case CMARK_NODE_HEADING:
		block_open(out, BLOCK_HEADING, (unsigned)cmark_node_get_heading_level(node), STR_EMPTY);
		break;
	case CMARK_NODE_PARAGRAPH:
		block_open(out, md->next, md->next == BLOCK_ITEM ? md->lists : 0, STR_EMPTY);
		md->next = BLOCK_PARAGRAPH;
		break;
	case CMARK_NODE_LIST:
		md->lists++;
		break;
	case CMARK_NODE_CODE_BLOCK:
		md_code(md, node);
		break;
	case CMARK_NODE_HTML_BLOCK:
		block_close(out);
		if (!md->err)
			md->err = parse_html_piece(str_of(cmark_node_get_literal(node)), out);
		break;
	case CMARK_NODE_TEXT:
	case CMARK_NODE_CODE:
		block_text(out, str_of(cmark_node_get_literal(node)));
		break;
	case CMARK_NODE_SOFTBREAK:
	case CMARK_NODE_LINEBREAK:
		block_text(out, STR(" "));
		break;
	default:
		if (cmark_node_get_type(node) == CMARK_NODE_ITEM)
			md->next = BLOCK_ITEM;
		else
			md_enter_table(md, cmark_node_get_type_string(node));
	}
}

static void
md_leave(struct md *md, cmark_node *node)
{
	switch (cmark_node_get_type(node)) {
	case CMARK_NODE_HEADING:
	case CMARK_NODE_PARAGRAPH:
		block_close(md->out);
		break;
	case CMARK_NODE_LIST:
		md->lists--;
		break;
	case CMARK_NODE_ITEM:
		md->next = BLOCK_PARAGRAPH;
		break;
	default:
		if (strncmp(cmark_node_get_type_string(node), "table_", 6) == 0 && strcmp(cmark_node_get_type_string(node), "table_cell") != 0)
			block_close(md->out);
	}
}

static cmark_node *
md_tree(struct str text)
{
	static const char *const extensions[] = { "table", "strikethrough", "autolink", "tasklist" };
	cmark_parser *parser;
	cmark_node *tree;

	cmark_gfm_core_extensions_ensure_registered();
	parser = cmark_parser_new(CMARK_OPT_FOOTNOTES);
	for (size_t i = 0; i < COUNT(extensions); i++)
		cmark_parser_attach_syntax_extension(parser, cmark_find_syntax_extension(extensions[i]));
	cmark_parser_feed(parser, text.ptr, text.len);
	tree = cmark_parser_finish(parser);
	cmark_parser_free(parser);
	return tree;
}

/* Without a title of its own a document is called by its first heading. */
static struct str
first_heading(const struct block_writer *out)
{
	const struct block *blocks = (const struct block *)(const void *)out->list.ptr;

	for (size_t i = 0; i < out->list.len / sizeof(*blocks); i++)
		if (blocks[i].kind == BLOCK_HEADING)
			return str_slice(buf_str(&out->text), blocks[i].from, blocks[i].to);
	return STR_EMPTY;
}

const struct err *
parse_markdown(const struct parse_input *input, struct block_writer *out)
{
	struct md md = { .out = out, .next = BLOCK_PARAGRAPH };
	struct str text;
	const struct err *err = text_decode(out->arena, input->bytes, &text);
	cmark_event_type event;
	cmark_iter *iter;
	cmark_node *tree;

	if (err)
		return err;
	block_title(out, front_matter(&text));
	tree = md_tree(text);
	iter = cmark_iter_new(tree);
	while (!md.err && !out->err && (event = cmark_iter_next(iter)) != CMARK_EVENT_DONE) {
		if (event == CMARK_EVENT_ENTER)
			md_enter(&md, cmark_iter_get_node(iter));
		else
			md_leave(&md, cmark_iter_get_node(iter));
	}
	cmark_iter_free(iter);
	cmark_node_free(tree);
	block_close(out);
	block_title(out, first_heading(out));
	return md.err ? md.err : out->err;
}
