/*
 * parse_code.c - source files to blocks, in any language: what stands together at the left margin, apart from the next by blank lines, is a block.
 *
 * A function with the comment above it, a class, a group of definitions: nearly every language and formatter writes them so. A blank line counts as a border
 * when the next line begins at the left margin and is no closing bracket. The file's name is the title.
 */
#include "knowledge/parser.h"

#include "knowledge/chunk_split.h"
#include "knowledge/decode.h"

static bool
is_blank_line(struct str line)
{
	return str_trim(line).len == 0;
}

/* Begins at the margin with something that opens a new piece of code. */
static bool
is_top(struct str line)
{
	return line.len && !strchr(" \t})]", line.ptr[0]);
}

const struct err *
parse_code(const struct parse_input *input, struct block_writer *out)
{
	struct str rest, line, language = doc_language(input->path);
	const struct err *err = text_decode(out->arena, input->bytes, &rest);
	bool gap = true;

	if (err)
		return err;
	block_title(out, input->path);
	while (!out->err && split_line(&rest, &line)) {
		if (is_blank_line(line)) {
			gap = true;
			block_text(out, STR("\n"));
			continue;
		}
		if (gap && (is_top(line) || !out->is_open))
			block_open(out, BLOCK_CODE, 0, language);
		gap = false;
		block_text(out, line);
	}
	block_close(out);
	return out->err;
}
