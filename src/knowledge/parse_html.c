/*
 * parse_html.c - HTML to blocks: the main content of a page, without what leads to other pages.
 *
 * gumbo gives the tree that a browser would see; one walk over it, without recursion, enters and leaves each element. An element is looked up in a table: what
 * it does to the blocks is its row. What is left out: scripts, forms, navigation (by element, role or the usual class names), what is hidden, and, on pages
 * that do not mark their main content, lists that are links alone. Tables go row by row; a table that only lays out the page is read as running text.
 */
#include "knowledge/parser.h"

#include <gumbo.h>

#include "knowledge/parse_html_tree.h"

struct walk {
	struct block_writer *out;
	const GumboNode *root;
	const GumboNode *table;   /* the data table we are in, or NULL */
	enum block_kind next;     /* kind of the block that text without one opens */
	struct str anchor;        /* of the section whose text has not begun */
	unsigned lists;           /* nesting */
	bool table_begun;         /* its header, or an empty one, has been written */
	bool cell_begun, row_begun;
	bool whole_page;          /* the page does not mark its main content */
	bool is_piece;            /* of another document: its ids and titles mean nothing */
};

enum role { ROLE_INLINE, ROLE_SKIP, ROLE_BLOCK, ROLE_HEADING, ROLE_LIST, ROLE_ITEM, ROLE_TERM, ROLE_PRE, ROLE_TABLE, ROLE_ROW, ROLE_CELL, ROLE_BREAK };

static const unsigned char roles[GUMBO_TAG_LAST] = {
	[GUMBO_TAG_HEAD] = ROLE_SKIP, [GUMBO_TAG_SCRIPT] = ROLE_SKIP, [GUMBO_TAG_STYLE] = ROLE_SKIP, [GUMBO_TAG_NOSCRIPT] = ROLE_SKIP,
	[GUMBO_TAG_TEMPLATE] = ROLE_SKIP, [GUMBO_TAG_NAV] = ROLE_SKIP, [GUMBO_TAG_FOOTER] = ROLE_SKIP, [GUMBO_TAG_SVG] = ROLE_SKIP,
	[GUMBO_TAG_IFRAME] = ROLE_SKIP, [GUMBO_TAG_OBJECT] = ROLE_SKIP, [GUMBO_TAG_BUTTON] = ROLE_SKIP, [GUMBO_TAG_SELECT] = ROLE_SKIP,
	[GUMBO_TAG_TEXTAREA] = ROLE_SKIP, [GUMBO_TAG_DATALIST] = ROLE_SKIP, [GUMBO_TAG_AUDIO] = ROLE_SKIP, [GUMBO_TAG_VIDEO] = ROLE_SKIP,
	[GUMBO_TAG_CANVAS] = ROLE_SKIP, [GUMBO_TAG_RP] = ROLE_SKIP, [GUMBO_TAG_RT] = ROLE_SKIP,
	[GUMBO_TAG_P] = ROLE_BLOCK, [GUMBO_TAG_DIV] = ROLE_BLOCK, [GUMBO_TAG_SECTION] = ROLE_BLOCK, [GUMBO_TAG_ARTICLE] = ROLE_BLOCK,
	[GUMBO_TAG_MAIN] = ROLE_BLOCK, [GUMBO_TAG_ASIDE] = ROLE_BLOCK, [GUMBO_TAG_HEADER] = ROLE_BLOCK, [GUMBO_TAG_BLOCKQUOTE] = ROLE_BLOCK,
	[GUMBO_TAG_ADDRESS] = ROLE_BLOCK, [GUMBO_TAG_FIGURE] = ROLE_BLOCK, [GUMBO_TAG_FIGCAPTION] = ROLE_BLOCK, [GUMBO_TAG_DETAILS] = ROLE_BLOCK,
	[GUMBO_TAG_SUMMARY] = ROLE_BLOCK, [GUMBO_TAG_FORM] = ROLE_BLOCK, [GUMBO_TAG_FIELDSET] = ROLE_BLOCK, [GUMBO_TAG_LEGEND] = ROLE_BLOCK,
	[GUMBO_TAG_CENTER] = ROLE_BLOCK, [GUMBO_TAG_HR] = ROLE_BLOCK, [GUMBO_TAG_BODY] = ROLE_BLOCK, [GUMBO_TAG_CAPTION] = ROLE_BLOCK,
	[GUMBO_TAG_DD] = ROLE_BLOCK, [GUMBO_TAG_HGROUP] = ROLE_BLOCK,
	[GUMBO_TAG_H1] = ROLE_HEADING, [GUMBO_TAG_H2] = ROLE_HEADING, [GUMBO_TAG_H3] = ROLE_HEADING,
	[GUMBO_TAG_H4] = ROLE_HEADING, [GUMBO_TAG_H5] = ROLE_HEADING, [GUMBO_TAG_H6] = ROLE_HEADING,
	[GUMBO_TAG_UL] = ROLE_LIST, [GUMBO_TAG_OL] = ROLE_LIST, [GUMBO_TAG_DL] = ROLE_LIST, [GUMBO_TAG_MENU] = ROLE_LIST, [GUMBO_TAG_DIR] = ROLE_LIST,
	[GUMBO_TAG_LI] = ROLE_ITEM, [GUMBO_TAG_DT] = ROLE_TERM,
	[GUMBO_TAG_PRE] = ROLE_PRE, [GUMBO_TAG_LISTING] = ROLE_PRE, [GUMBO_TAG_XMP] = ROLE_PRE, [GUMBO_TAG_PLAINTEXT] = ROLE_PRE,
	[GUMBO_TAG_TABLE] = ROLE_TABLE, [GUMBO_TAG_TR] = ROLE_ROW, [GUMBO_TAG_TD] = ROLE_CELL, [GUMBO_TAG_TH] = ROLE_CELL,
	[GUMBO_TAG_BR] = ROLE_BREAK,
};

static enum role
role_of(const GumboNode *node)
{
	GumboTag tag = node->v.element.tag;

	return tag < GUMBO_TAG_LAST ? (enum role)roles[tag] : ROLE_INLINE;
}

/* Class names (and ids) that documentation and site generators give to what is no content. */
static bool
is_furniture(const GumboNode *node)
{
	static const char *const names[] = { "nav", "navbar", "navigation", "navheader", "navfooter", "toc", "table-of-contents", "tableofcontents",
		"sidebar", "sphinxsidebar", "breadcrumb", "breadcrumbs", "pagination", "headerlink", "id_link", "anchor-link", "hash-link", "skip-link",
		"sr-only", "visually-hidden", "indexdiv", "genindextable", "cookie-banner", "mw-editsection", "noprint" };
	static const char *const roles_out[] = { "navigation", "search", "banner", "contentinfo", "complementary", "dialog", "menu", "menubar", NULL };
	struct str class = html_attribute(node, "class"), id = html_attribute(node, "id"), role = html_attribute(node, "role"), name;

	for (size_t i = 0; roles_out[i]; i++)
		if (str_eq_c(role, roles_out[i]))
			return true;
	if (html_attribute(node, "hidden").ptr || str_eq_c(html_attribute(node, "aria-hidden"), "true"))
		return true;
	while (str_split(&class, ' ', &name))
		for (size_t i = 0; i < COUNT(names); i++)
			if (str_eq_c(name, names[i]))
				return true;
	for (size_t i = 0; i < COUNT(names); i++)
		if (str_eq_ci(id, str_of(names[i])))
			return true;
	return false;
}

/* "language-c" on a <pre> or on the <code> in it. */
static struct str
language_of(const GumboNode *pre)
{
	static const struct str prefixes[] = { STR_INIT("language-"), STR_INIT("lang-"), STR_INIT("highlight-source-") };
	const GumboNode *code = html_child(pre, GUMBO_TAG_CODE);
	struct str class, name;

	for (int pass = 0; pass < 2; pass++) {
		const GumboNode *node = pass ? code : pre;

		class = node ? html_attribute(node, "class") : STR_EMPTY;
		while (str_split(&class, ' ', &name))
			for (size_t i = 0; i < COUNT(prefixes); i++)
				if (str_starts(name, prefixes[i]))
					return str_slice(name, prefixes[i].len, name.len);
	}
	return STR_EMPTY;
}

static void
walk_text(struct walk *walk, struct str text)
{
	struct block_writer *out = walk->out;

	if (!out->is_open) {
		if (str_trim(text).len == 0)
			return;
		if (walk->table && !walk->row_begun) /* a caption */
			walk->next = BLOCK_PARAGRAPH;
		block_open(out, walk->next, walk->next == BLOCK_ITEM ? walk->lists : 0, STR_EMPTY);
		walk->next = BLOCK_PARAGRAPH;
	}
	block_text(out, text);
	walk->anchor = STR_EMPTY;
}

static void
enter_row(struct walk *walk, const GumboNode *row)
{
	bool heads = html_row_is_header(row);

	if (!walk->table_begun && !heads)
		block_open(walk->out, BLOCK_TABLE, 0, STR_EMPTY);
	block_open(walk->out, !walk->table_begun && heads ? BLOCK_TABLE : BLOCK_ROW, 0, STR_EMPTY);
	walk->table_begun = walk->row_begun = true;
	walk->cell_begun = false;
}

/* Inside the rows of a data table everything is text of a cell. */
static bool
enter_in_table(struct walk *walk, const GumboNode *node, enum role role)
{
	if (role == ROLE_ROW) {
		enter_row(walk, node);
	} else if (role == ROLE_CELL && walk->row_begun) {
		if (walk->cell_begun)
			block_text(walk->out, STR(" | "));
		walk->cell_begun = true;
	} else if (role == ROLE_BLOCK && !walk->row_begun) {
		block_close(walk->out);
	} else if (role != ROLE_INLINE) {
		block_text(walk->out, STR(" "));
	}
	return role != ROLE_SKIP;
}

static void
enter_heading(struct walk *walk, const GumboNode *node)
{
	struct str id = html_attribute(node, "id");

	block_open(walk->out, BLOCK_HEADING, (unsigned)(node->v.element.tag - GUMBO_TAG_H1) + 1, walk->is_piece ? STR_EMPTY : id.len ? id : walk->anchor);
	walk->anchor = STR_EMPTY;
}

/* False: neither the element nor what is in it counts. */
static bool
enter(struct walk *walk, const GumboNode *node)
{
	enum role role = role_of(node);
	struct str id;

	if (role == ROLE_SKIP || is_furniture(node))
		return false;
	if (walk->table)
		return enter_in_table(walk, node, role);
	if (role == ROLE_LIST && walk->lists == 0 && walk->whole_page && html_is_link_list(node))
		return false;
	id = html_attribute(node, "id");
	if (role != ROLE_INLINE && id.len)
		walk->anchor = id;
	if (walk->out->verbatim && walk->out->is_open) /* within <pre> */
		return true;
	if (role != ROLE_INLINE && role != ROLE_BREAK)
		block_close(walk->out);
	switch (role) {
	case ROLE_HEADING:
		enter_heading(walk, node);
		break;
	case ROLE_LIST:
		walk->lists++;
		break;
	case ROLE_ITEM:
		walk->next = BLOCK_ITEM;
		break;
	case ROLE_TERM:
		block_open(walk->out, BLOCK_TERM, walk->lists, walk->is_piece ? STR_EMPTY : id);
		break;
	case ROLE_PRE:
		block_open(walk->out, BLOCK_CODE, 0, language_of(node));
		break;
	case ROLE_TABLE:
		walk->table = html_is_data_table(node) ? node : NULL;
		walk->table_begun = walk->row_begun = false;
		break;
	case ROLE_BREAK:
		block_text(walk->out, STR(" "));
		break;
	default:
		break;
	}
	return true;
}

static void
leave(struct walk *walk, const GumboNode *node)
{
	enum role role = role_of(node);

	if (walk->table) {
		if (role == ROLE_ROW || node == walk->table) {
			block_close(walk->out);
			walk->row_begun = false;
		}
		if (role == ROLE_BLOCK)
			block_text(walk->out, STR(" "));
		if (node == walk->table)
			walk->table = NULL;
		return;
	}
	if (walk->out->verbatim && walk->out->is_open && role != ROLE_PRE)
		return;
	if (role == ROLE_LIST) {
		if (node->v.element.tag == GUMBO_TAG_DL)
			block_add(walk->out, BLOCK_TERM, walk->lists, STR_EMPTY);
		walk->lists -= walk->lists > 0;
		walk->next = BLOCK_PARAGRAPH;
	}
	if (role == ROLE_ITEM)
		walk->next = BLOCK_PARAGRAPH;
	if (role != ROLE_INLINE && role != ROLE_BREAK)
		block_close(walk->out);
}

static void
walk_tree(struct walk *walk)
{
	const GumboNode *node = walk->root;

	for (;;) {
		bool is_element = node->type == GUMBO_NODE_ELEMENT, entered = is_element && enter(walk, node);
		const GumboNode *next = entered ? html_first(node) : NULL;

		if (next) {
			node = next;
			continue;
		}
		if (entered)
			leave(walk, node);
		else if (!is_element && html_is_text(node))
			walk_text(walk, str_of(node->v.text.text));
		while (node != walk->root && !html_next(node)) {
			node = node->parent;
			leave(walk, node);
		}
		if (node == walk->root || walk->out->err)
			return;
		node = html_next(node);
	}
}

/* The page's own heading where <title> only adds the site's name to it. */
static void
choose_title(struct block_writer *out, const GumboNode *document)
{
	struct str title = html_title(out->arena, document), heading;
	const struct block *blocks = (const struct block *)(const void *)out->list.ptr;

	for (size_t i = 0; i < out->list.len / sizeof(*blocks); i++) {
		if (blocks[i].kind != BLOCK_HEADING)
			continue;
		heading = str_slice(buf_str(&out->text), blocks[i].from, blocks[i].to);
		if (title.len == 0 || (str_starts(title, heading) && heading.len >= 3))
			title = heading;
		break;
	}
	block_title(out, title);
}

static const struct err *
parse(struct str html, struct block_writer *out, bool is_piece)
{
	struct walk walk = { .out = out, .next = BLOCK_PARAGRAPH, .is_piece = is_piece };
	const GumboOutput *tree;
	const struct err *err = html_tree(out->arena, html, &tree);

	if (err)
		return err;
	walk.root = html_main(tree->root);
	walk.whole_page = walk.root == tree->root && !is_piece;
	walk_tree(&walk);
	block_close(out);
	if (!is_piece)
		choose_title(out, tree->document);
	return out->err;
}

const struct err *
parse_html(const struct parse_input *input, struct block_writer *out)
{
	return parse(input->bytes, out, false);
}

const struct err *
parse_html_piece(struct str html, struct block_writer *out)
{
	return parse(html, out, true);
}
