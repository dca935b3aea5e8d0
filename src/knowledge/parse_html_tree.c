/*
 * parse_html_tree.c - gumbo's tree: making it and asking about it. See parse_html_tree.h.
 *
 * gumbo_destroy_output recurses as deep as the page is nested, which a stranger chooses. So gumbo's memory is kept in a list of our own, which the arena
 * frees at its end.
 */
#include "knowledge/parse_html_tree.h"

#include <stdlib.h>

#include "base/buf.h"

enum { LINKS_MIN = 5 };
#define HTML_MAX MIB(16)

struct piece {
	struct piece *next, **link;
};

static void *
piece_alloc(void *list, size_t size)
{
	struct piece **first = list, *piece = malloc(sizeof(*piece) + size);

	if (!piece)
		abort(); /* gumbo does not look: the child ends here, and its parent reports the file */
	*piece = (struct piece){ .next = *first, .link = first };
	if (piece->next)
		piece->next->link = &piece->next;
	*first = piece;
	return piece + 1;
}

static void
piece_free(void *list, void *memory)
{
	struct piece *piece = memory;

	(void)list;
	if (!memory)
		return;
	piece--;
	*piece->link = piece->next;
	if (piece->next)
		piece->next->link = piece->link;
	free(piece);
}

static void
pieces_free(void *list)
{
	struct piece **first = list;

	while (*first)
		piece_free(list, *first + 1);
}

const struct err *
html_tree(struct arena *arena, struct str html, const GumboOutput **out)
{
	GumboOptions options = kGumboDefaultOptions;
	struct piece **pieces;

	if (html.len > HTML_MAX)
		return err_new(arena, ERR_TOO_LARGE, "an HTML page of more than %zu MiB is not read", HTML_MAX / MIB(1));
	pieces = arena_zalloc(arena, sizeof(*pieces));
	if (!pieces || !arena_on_free(arena, pieces_free, pieces))
		return &err_no_memory;
	options.allocator = piece_alloc;
	options.deallocator = piece_free;
	options.userdata = pieces;
	options.max_errors = 0;
	*out = gumbo_parse_with_options(&options, html.ptr, html.len);
	return NULL;
}

struct str
html_attribute(const GumboNode *element, const char *name)
{
	const GumboAttribute *found = gumbo_get_attribute(&element->v.element.attributes, name);

	return found ? str_of(found->value) : (struct str){ NULL, 0 };
}

static const GumboVector *
children_of(const GumboNode *node)
{
	if (node->type == GUMBO_NODE_DOCUMENT)
		return &node->v.document.children;
	return node->type == GUMBO_NODE_ELEMENT || node->type == GUMBO_NODE_TEMPLATE ? &node->v.element.children : NULL;
}

const GumboNode *
html_first(const GumboNode *node)
{
	const GumboVector *children = children_of(node);

	return children && children->length ? children->data[0] : NULL;
}

const GumboNode *
html_next(const GumboNode *node)
{
	const GumboVector *children = node->parent ? children_of(node->parent) : NULL;

	return children && node->index_within_parent + 1 < children->length ? children->data[node->index_within_parent + 1] : NULL;
}

const GumboNode *
html_child(const GumboNode *node, GumboTag tag)
{
	for (const GumboNode *child = html_first(node); child; child = html_next(child))
		if (child->type == GUMBO_NODE_ELEMENT && child->v.element.tag == tag)
			return child;
	return NULL;
}

bool
html_is_text(const GumboNode *node)
{
	return node->type == GUMBO_NODE_TEXT || node->type == GUMBO_NODE_WHITESPACE || node->type == GUMBO_NODE_CDATA;
}

static bool
is_element(const GumboNode *node, GumboTag tag)
{
	return node->type == GUMBO_NODE_ELEMENT && node->v.element.tag == tag;
}

/* The node after `node` in document order below root, without what lies in it when `inside` is false; NULL at the end. */
static const GumboNode *
after(const GumboNode *root, const GumboNode *node, bool inside)
{
	const GumboNode *next = inside ? html_first(node) : NULL;

	while (!next && node != root) {
		next = html_next(node);
		node = node->parent;
	}
	return next;
}

/* Bytes of visible text below root. */
static size_t
text_bytes(const GumboNode *root)
{
	size_t bytes = 0;

	for (const GumboNode *node = root; node;) {
		bool hidden = is_element(node, GUMBO_TAG_SCRIPT) || is_element(node, GUMBO_TAG_STYLE);

		if (node->type == GUMBO_NODE_TEXT)
			bytes += str_trim(str_of(node->v.text.text)).len;
		node = after(root, node, !hidden);
	}
	return bytes;
}

const GumboNode *
html_main(const GumboNode *root)
{
	const GumboNode *main = NULL, *article = NULL;
	unsigned articles = 0;

	for (const GumboNode *node = root; node && !main; node = after(root, node, true)) {
		if (is_element(node, GUMBO_TAG_MAIN) || (node->type == GUMBO_NODE_ELEMENT && str_eq_c(html_attribute(node, "role"), "main")))
			main = node;
		if (is_element(node, GUMBO_TAG_ARTICLE) && articles++ == 0)
			article = node;
	}
	if (!main && articles == 1)
		main = article;
	return main && text_bytes(main) * 3 >= text_bytes(root) ? main : root;
}

struct str
html_title(struct arena *arena, const GumboNode *document)
{
	const GumboNode *root = html_child(document, GUMBO_TAG_HTML), *head = root ? html_child(root, GUMBO_TAG_HEAD) : NULL;
	const GumboNode *title = head ? html_child(head, GUMBO_TAG_TITLE) : NULL, *text = title ? html_first(title) : NULL;
	struct str rest, line;
	struct buf out;

	if (!text || !html_is_text(text))
		return STR_EMPTY;
	buf_init(&out, arena, KIB(64));
	rest = str_of(text->v.text.text);
	while (str_split(&rest, '\n', &line)) {
		line = str_trim(line);
		if (line.len && out.len)
			buf_add_byte(&out, ' ');
		buf_add(&out, line);
	}
	return buf_str(&out);
}

bool
html_is_link_list(const GumboNode *list)
{
	size_t outside = 0, in_links = 0, links = 0;

	for (const GumboNode *node = list; node;) {
		bool link = is_element(node, GUMBO_TAG_A) && html_attribute(node, "href").len;

		if (link)
			in_links += text_bytes(node);
		else if (node->type == GUMBO_NODE_TEXT)
			outside += str_trim(str_of(node->v.text.text)).len;
		links += link;
		node = after(list, node, !link);
	}
	return links >= LINKS_MIN && outside * 9 <= in_links;
}

bool
html_is_data_table(const GumboNode *table)
{
	struct str role = html_attribute(table, "role");
	unsigned in_row = 0, widest = 0;
	bool heads = false;

	if (str_eq_c(role, "presentation") || str_eq_c(role, "none"))
		return false;
	for (const GumboNode *node = after(table, table, true); node; node = after(table, node, true)) {
		if (is_element(node, GUMBO_TAG_TABLE))
			return false;
		heads |= is_element(node, GUMBO_TAG_TH) || is_element(node, GUMBO_TAG_CAPTION) || is_element(node, GUMBO_TAG_THEAD);
		if (is_element(node, GUMBO_TAG_TR))
			in_row = 0;
		in_row += is_element(node, GUMBO_TAG_TD);
		widest = in_row > widest ? in_row : widest;
	}
	return heads || widest >= 2;
}

bool
html_row_is_header(const GumboNode *row)
{
	if (row->parent && is_element(row->parent, GUMBO_TAG_THEAD))
		return true;
	return html_child(row, GUMBO_TAG_TH) && !html_child(row, GUMBO_TAG_TD);
}
