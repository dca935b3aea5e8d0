/*
 * parser.h - one kind of file to blocks. Parsers run in a child process alone (parse_main.c) and in the fuzz targets.
 *
 * A parser is straight-line code over bytes in memory. It may be slow or even crash on hostile input: the child's limits end it. It still keeps its own
 * promises cheap: no recursion over the input's nesting, no unbounded growth (the arena and the block writer are capped).
 */
#pragma once

#include "knowledge/blocks.h"
#include "knowledge/type.h"

struct parse_input {
	struct str bytes;      /* as they lie in the file */
	struct str path;       /* the document's name: what the extension says about dialects (tsv, language) */
};

struct parser {
	enum doc_type type;
	/* Appends the document to the writer. ERR_INVALID with a message for a person: the file is broken. */
	const struct err *(*parse)(const struct parse_input *input, struct block_writer *out);
};

/* NULL for a type without a parser. */
const struct parser *parser_of(enum doc_type type);

const struct err *parse_text(const struct parse_input *input, struct block_writer *out);
const struct err *parse_markdown(const struct parse_input *input, struct block_writer *out);
const struct err *parse_html(const struct parse_input *input, struct block_writer *out);
const struct err *parse_pages(const struct parse_input *input, struct block_writer *out); /* what pdftotext gives: pages parted by form feeds */
const struct err *parse_docx(const struct parse_input *input, struct block_writer *out);
const struct err *parse_csv(const struct parse_input *input, struct block_writer *out);
const struct err *parse_json(const struct parse_input *input, struct block_writer *out);
const struct err *parse_jsonl(const struct parse_input *input, struct block_writer *out);
const struct err *parse_code(const struct parse_input *input, struct block_writer *out);

/* Appends a piece of HTML (from a Markdown file) to the open document, without its title. */
const struct err *parse_html_piece(struct str html, struct block_writer *out);

/* `corbel parse`, argv[0] is "parse": see parse_main.c and parse_wire.h. */
int parse_main(int argc, char **argv);
