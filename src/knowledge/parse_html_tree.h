/*
 * parse_html_tree.h - questions about gumbo's tree, none of which recurses.
 */
#pragma once

#include <gumbo.h>

#include "base/arena.h"
#include "base/err.h"

/* Parses; the tree is freed with the arena. ERR_TOO_LARGE for more than 16 MiB. */
const struct err *html_tree(struct arena *arena, struct str html, const GumboOutput **out);

/* The value of an element's attribute; ptr NULL when it has none. */
struct str html_attribute(const GumboNode *element, const char *name);

/* First child, next sibling: NULL where there is none. */
const GumboNode *html_first(const GumboNode *node);
const GumboNode *html_next(const GumboNode *node);

/* The first child element with this tag. */
const GumboNode *html_child(const GumboNode *node, GumboTag tag);

/* Text, blanks or CDATA; no comment. */
bool html_is_text(const GumboNode *node);

/* The element that holds the main content: <main>, role=main or the only <article>, when it holds a fair share of the text; else `root` itself. */
const GumboNode *html_main(const GumboNode *root);

/* The text of <title>, blanks made single; empty without one. */
struct str html_title(struct arena *arena, const GumboNode *document);

/* Five links or more, and next to no text outside them. */
bool html_is_link_list(const GumboNode *list);

/* A table of data, rather than one that lays out a page: no table within it, and a header cell, a caption, or rows of several cells. */
bool html_is_data_table(const GumboNode *table);

/* All its cells are header cells, or it stands in <thead>. */
bool html_row_is_header(const GumboNode *row);
