/*
 * parse_text.c - plain text to blocks: paragraphs parted by blank lines, underlined headings, lists, indented code.
 *
 * The conventions are those that people write e-mails, READMEs and reStructuredText in. A heading is a line with a line of one repeated character below (and perhaps above)
 * it; as in reStructuredText, the first style of underline seen is level 1, the next new one level 2.
 */
#include "knowledge/parser.h"

#include "knowledge/decode.h"

enum { UNDERLINES_MAX = 6, HEADING_BYTES_MAX = 200 };

struct text_state {
	struct block_writer *out;
	char underlines[UNDERLINES_MAX];
	unsigned underline_count;
	bool in_code;
};

/* The character a line is made of, three or more of it and nothing else; 0 for other lines. */
static char
rule_of(struct str line)
{
	line = str_trim(line);
	if (line.len < 3 || !strchr("=-~^\"'`#*+_:.", line.ptr[0]))
		return 0;
	for (size_t i = 1; i < line.len; i++)
		if (line.ptr[i] != line.ptr[0])
			return 0;
	return line.ptr[0];
}

static unsigned
heading_level(struct text_state *state, char underline)
{
	for (unsigned i = 0; i < state->underline_count; i++)
		if (state->underlines[i] == underline)
			return i + 1;
	if (state->underline_count < UNDERLINES_MAX)
		state->underlines[state->underline_count++] = underline;
	return state->underline_count;
}

/* "- x", "* x", "• x", "1. x", "2) x": the bytes before x, or 0. */
static size_t
item_mark(struct str line)
{
	size_t i = 0;

	if (str_starts(line, STR("- ")) || str_starts(line, STR("* ")) || str_starts(line, STR("+ ")))
		return 2;
	if (str_starts(line, STR("\xe2\x80\xa2")))
		return 3;
	while (i < line.len && i < 4 && line.ptr[i] >= '0' && line.ptr[i] <= '9')
		i++;
	return i > 0 && i + 1 < line.len && (line.ptr[i] == '.' || line.ptr[i] == ')') && line.ptr[i + 1] == ' ' ? i + 2 : 0;
}

static bool
is_indented(struct str line)
{
	return str_starts(line, STR("    ")) || str_starts(line, STR("\t"));
}

static void
text_line(struct text_state *state, struct str line)
{
	struct block_writer *out = state->out;
	struct str trimmed = str_trim(line);
	size_t mark = item_mark(trimmed);

	if (trimmed.len == 0) {
		if (state->in_code)
			block_text(out, STR("\n"));
		else
			block_close(out);
		return;
	}
	if (state->in_code && !is_indented(line)) {
		block_close(out);
		state->in_code = false;
	}
	if (!state->in_code && !out->is_open && is_indented(line) && !mark) {
		block_open(out, BLOCK_CODE, 0, STR_EMPTY);
		state->in_code = true;
	}
	if (state->in_code) {
		block_text(out, line);
		block_text(out, STR("\n"));
		return;
	}
	if (mark)
		block_open(out, BLOCK_ITEM, 1, STR_EMPTY);
	else if (!out->is_open)
		block_open(out, BLOCK_PARAGRAPH, 0, STR_EMPTY);
	block_text(out, str_slice(trimmed, mark, trimmed.len));
	block_text(out, STR("\n"));
}

const struct err *
parse_text(const struct parse_input *input, struct block_writer *out)
{
	struct text_state state = { .out = out };
	struct str rest, line, next;
	const struct err *err = text_decode(out->arena, input->bytes, &rest);
	bool more;

	if (err)
		return err;
	more = str_split(&rest, '\n', &line);
	while (more && !out->err) {
		bool has_next = str_split(&rest, '\n', &next);
		char rule = has_next ? rule_of(next) : 0;
		struct str title = str_trim(line);

		if (rule && title.len && title.len <= HEADING_BYTES_MAX && !rule_of(title) && !is_indented(line) && (!out->is_open || out->verbatim) &&
			str_trim(next).len + 2 >= title.len) {
			block_add(out, BLOCK_HEADING, heading_level(&state, rule), title);
			block_title(out, title);
			state.in_code = false;
			more = str_split(&rest, '\n', &line);
			continue;
		}
		if (!rule_of(line)) /* a line that only divides */
			text_line(&state, line);
		else
			block_close(out);
		line = next;
		more = has_next;
	}
	block_close(out);
	return out->err;
}
