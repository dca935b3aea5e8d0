/*
 * parse.c - the parsers, one row each.
 */
#include "knowledge/parser.h"

static const struct parser parsers[] = {
	{ DOC_TEXT, parse_text },
	{ DOC_MARKDOWN, parse_markdown },
	{ DOC_HTML, parse_html },
};

const struct parser *
parser_of(enum doc_type type)
{
	for (size_t i = 0; i < COUNT(parsers); i++)
		if (parsers[i].type == type)
			return &parsers[i];
	return NULL;
}
