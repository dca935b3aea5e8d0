/*
 * parse.c - the parsers, one row each.
 */
#include "knowledge/parser.h"

static const struct parser parsers[] = {
	{ DOC_TEXT, parse_text },
	{ DOC_MARKDOWN, parse_markdown },
	{ DOC_HTML, parse_html },
	{ DOC_PDF, parse_pages }, /* behind pdftotext: see parse_main.c */
	{ DOC_DOCX, parse_docx },
	{ DOC_CSV, parse_csv },
	{ DOC_JSON, parse_json },
	{ DOC_JSONL, parse_jsonl },
	{ DOC_CODE, parse_code },
};

const struct parser *
parser_of(enum doc_type type)
{
	for (size_t i = 0; i < COUNT(parsers); i++)
		if (parsers[i].type == type)
			return &parsers[i];
	return NULL;
}
