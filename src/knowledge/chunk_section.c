/*
 * chunk_section.c - blocks to sections and units. See chunk_section.h.
 *
 * The path of a section is the document's title and the stack of open headings; a term of a definition list counts as a heading below all others, and also stays
 * in the text, of which it is a part. A unit is a whole block where that fits, else a sentence, line or row of it, and else a piece of that.
 */
#include "knowledge/chunk_section.h"

#include "knowledge/chunk_split.h"
#include "text/utf8.h"

enum { TERM_LEVEL = 7, PATH_PART_MAX = 120, BYTES_A_TOKEN = 16 };

struct builder {
	struct arena *arena;
	const struct blocks *blocks;
	const struct chunk_spec *spec;
	unsigned unit_max;
	struct buf sections, units;
	struct {
		unsigned level;
		struct str text;
	} open[SECTION_DEPTH_MAX]; /* headings and terms, from the top */
	unsigned open_count;
	struct section section;    /* the one being filled */
	unsigned page, group;
	bool in_table;
	bool term_alone;           /* the section holds nothing but its term */
	struct str caption;        /* the paragraph before, if it calls the table that may follow */
	struct str repeat;         /* of the table or code being cut */
	unsigned repeat_cost;
};

unsigned
section_cost(const struct chunk_spec *spec, struct str text)
{
	size_t tokens = spec->count(spec->arg, text), least = text.len / BYTES_A_TOKEN;

	return (unsigned)(tokens > least ? tokens : least);
}

static void
unit_add(struct builder *b, const struct block *block, size_t from, size_t to, bool continues)
{
	struct str text = str_slice(b->blocks->text, from, to);
	struct unit unit = { .kind = block->kind, .level = block->level, .continues = continues, .group = b->group, .page = b->page, .from = from, .to = to,
		.text = block->kind == BLOCK_CODE ? text : str_trim(text), .cost = section_cost(b->spec, text) + (block->kind == BLOCK_ITEM) };

	while (unit.text.len && unit.text.ptr[unit.text.len - 1] == '\n')
		unit.text.len--;
	if (continues || (b->in_table && block->kind == BLOCK_ROW)) {
		unit.repeat = b->repeat;
		unit.repeat_cost = b->repeat_cost;
	}
	buf_add(&b->units, str_n((const char *)&unit, sizeof(unit)));
	b->section.count++;
	b->section.cost += unit.cost;
}

/* A sentence, line or row that is over the maximum itself, in pieces. */
static void
unit_add_pieces(struct builder *b, const struct block *block, size_t from, size_t to, bool continues)
{
	while (from < to) {
		struct str rest = str_slice(b->blocks->text, from, to), piece = split_front(rest, (size_t)(b->unit_max + 1) * BYTES_A_TOKEN);
		unsigned cost = section_cost(b->spec, piece);

		while (cost > b->unit_max && piece.len > UTF8_SIZE_MAX) {
			size_t guess = piece.len * b->unit_max / cost, most = piece.len * 3 / 4;

			piece = split_front(rest, guess < most ? guess : most);
			cost = section_cost(b->spec, piece);
		}
		unit_add(b, block, from, from + piece.len, continues);
		from += piece.len;
		continues = true;
	}
}

static void
block_units(struct builder *b, const struct block *block, unsigned whole_max)
{
	struct str rest = str_slice(b->blocks->text, block->from, block->to), piece;
	size_t from = block->from;

	b->group += !(b->in_table && block->kind == BLOCK_ROW);
	if (section_cost(b->spec, rest) <= whole_max || block->kind == BLOCK_ROW || block->kind == BLOCK_TABLE) {
		unit_add_pieces(b, block, block->from, block->to, false);
		return;
	}
	while (block->kind == BLOCK_CODE ? split_line(&rest, &piece) : split_sentence(&rest, &piece)) {
		unit_add_pieces(b, block, from, from + piece.len, from > block->from);
		from += piece.len;
	}
}

/* What later pieces of a table or of code say again, if it is short. */
static void
repeat_set(struct builder *b, struct str before, struct str text)
{
	b->repeat = before.len && text.len ? arena_printf(b->arena, "%" STR_F "\n%" STR_F, STR_A(before), STR_A(text)) : before.len ? before : text;
	b->repeat_cost = b->repeat.len ? section_cost(b->spec, b->repeat) : 0;
	if (!b->repeat.ptr || b->repeat_cost > b->unit_max / 4) {
		b->repeat = STR_EMPTY;
		b->repeat_cost = 0;
	}
}

static void
section_end(struct builder *b)
{
	if (b->section.path && b->section.count)
		buf_add(&b->sections, str_n((const char *)&b->section, sizeof(b->section)));
	b->section = (struct section){ .first = b->units.len / sizeof(struct unit) };
}

/* Copies the open headings below the title; what only repeats the title is left out. */
static const struct err *
section_begin(struct builder *b, struct str anchor)
{
	struct str *path = arena_array(b->arena, b->open_count + 1, sizeof(*path));
	struct str title = utf8_cut(b->blocks->title, PATH_PART_MAX);
	unsigned depth = 0;

	section_end(b);
	if (!path)
		return &err_no_memory;
	if (title.len)
		path[depth++] = title;
	for (unsigned i = 0; i < b->open_count; i++)
		if (!depth || !str_eq(path[depth - 1], b->open[i].text))
			path[depth++] = b->open[i].text;
	b->section.path = path;
	b->section.depth = depth;
	b->section.anchor = anchor;
	b->term_alone = false;
	return NULL;
}

static void
headings_close(struct builder *b, unsigned level)
{
	while (b->open_count && b->open[b->open_count - 1].level >= level)
		b->open_count--;
}

static const struct err *
heading_block(struct builder *b, const struct block *block)
{
	struct str text = str_slice(b->blocks->text, block->from, block->to);
	bool term = block->kind == BLOCK_TERM;
	unsigned level = term ? TERM_LEVEL + block->level : block->level;
	const struct err *err;

	/* Terms in a row share what follows: "-a", "--all". */
	if (term && b->term_alone && b->open_count && b->open[b->open_count - 1].level == level && text.len) {
		b->open[b->open_count - 1].text = utf8_cut(arena_printf(b->arena, "%" STR_F ", %" STR_F, STR_A(b->open[b->open_count - 1].text), STR_A(text)),
			PATH_PART_MAX);
		((struct str *)b->section.path)[b->section.depth - 1] = b->open[b->open_count - 1].text;
		block_units(b, block, b->unit_max);
		return NULL;
	}
	headings_close(b, level);
	if (text.len && b->open_count < SECTION_DEPTH_MAX) {
		b->open[b->open_count].level = level;
		b->open[b->open_count++].text = str_trim(utf8_cut(text, PATH_PART_MAX));
	}
	err = section_begin(b, block->note);
	if (err || text.len == 0)
		return err;
	block_units(b, block, b->unit_max);
	b->term_alone = term;
	if (!term && text.len <= PATH_PART_MAX) /* the path says all of it */
		for (size_t i = b->section.first; i < b->section.first + b->section.count; i++)
			((struct unit *)(void *)b->units.ptr)[i].heading = true;
	return NULL;
}

/*
 * The line that says what a piece of code is: the last one at the left margin before its first indented line, as a function's name or a class; comments, brackets
 * and preprocessor lines say less. The first line where there is none.
 */
static struct str
code_head(struct str code)
{
	struct str line, head = STR_EMPTY, first = STR_EMPTY;

	while (split_line(&code, &line)) {
		struct str text = str_trim(line);

		if (text.len == 0)
			continue;
		if (first.len == 0)
			first = text;
		if ((line.ptr[0] == ' ' || line.ptr[0] == '\t') && head.len)
			break;
		if (line.ptr[0] != ' ' && line.ptr[0] != '\t' && !strchr("{}()[]*/#", line.ptr[0]))
			head = text;
	}
	return head.len ? head : first;
}

static void
content_block(struct builder *b, const struct block *block)
{
	struct str text = str_slice(b->blocks->text, block->from, block->to);

	if (block->kind != BLOCK_ROW)
		b->in_table = false;
	if (block->kind == BLOCK_TABLE) {
		b->in_table = true;
		repeat_set(b, b->caption, text);
		if (text.len == 0)
			b->group++; /* the rows' own */
	} else if (block->kind == BLOCK_CODE) {
		repeat_set(b, STR_EMPTY, code_head(text));
	} else if (block->kind != BLOCK_ROW) {
		repeat_set(b, STR_EMPTY, STR_EMPTY);
	}
	if (block->to > block->from)
		block_units(b, block, block->kind == BLOCK_CODE || b->unit_max < b->spec->tokens_target ? b->unit_max : b->spec->tokens_target);
	b->caption = block->kind == BLOCK_PARAGRAPH && str_starts(text, STR("Table ")) ? text : STR_EMPTY;
	b->term_alone = false;
}

const struct err *
sections_build(struct arena *arena, const struct blocks *blocks, const struct chunk_spec *spec, unsigned unit_max, struct sections *out)
{
	struct builder *b = arena_zalloc(arena, sizeof(*b));
	const struct err *err;

	if (!b)
		return &err_no_memory;
	*b = (struct builder){ .arena = arena, .blocks = blocks, .spec = spec, .unit_max = unit_max };
	buf_init(&b->sections, arena, SIZE_MAX / 2);
	buf_init(&b->units, arena, SIZE_MAX / 2);
	err = section_begin(b, STR_EMPTY);
	for (size_t i = 0; i < blocks->count && !err; i++) {
		const struct block *block = &blocks->list[i];

		if (block->kind == BLOCK_PAGE)
			b->page = block->level;
		else if (block->kind == BLOCK_HEADING || block->kind == BLOCK_TERM)
			err = heading_block(b, block);
		else
			content_block(b, block);
		if (!err && (b->sections.failed || b->units.failed))
			err = &err_no_memory;
	}
	section_end(b);
	if (err)
		return err;
	*out = (struct sections){ .list = (struct section *)(void *)b->sections.ptr, .count = b->sections.len / sizeof(struct section),
		.units = (struct unit *)(void *)b->units.ptr, .unit_count = b->units.len / sizeof(struct unit) };
	return buf_err(&b->sections) || buf_err(&b->units) ? &err_no_memory : NULL;
}
