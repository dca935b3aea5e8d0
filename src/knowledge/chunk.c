/*
 * chunk.c - sections to chunks. See chunk.h.
 *
 * First sections that are too small to mean much alone are packed with their siblings; then each pack is split, where it must be, into pieces of about equal size,
 * at borders of blocks where possible. The last word has the token counter: what is written out is counted as a whole, and cut back when it is over.
 */
#include "knowledge/chunk.h"

#include "knowledge/chunk_section.h"
#include "text/utf8.h"

enum { TINY_TOKENS = 48, LOOK_AHEAD = 8 /* windows */, PATH_SHARE = 4 /* of the window, at most one part in so many */, JOINTS = 4 };
static const struct str path_divider = STR_INIT(" > ");

struct packer {
	struct arena *arena;
	const struct chunk_spec *spec;
	struct sections sections;
	struct buf chunks;
};

/* Sections [first, end) that share chunks, and the path that stands above them. */
struct pack {
	size_t first, end;
	unsigned depth;          /* parts of the path all of them share */
	size_t unit, unit_end;
	struct str path;
	unsigned budget;         /* tokens for the text */
};

struct str
chunk_embedded_text(struct arena *arena, struct str heading_path, struct str text)
{
	return heading_path.len ? arena_printf(arena, "%" STR_F "\n%" STR_F, STR_A(heading_path), STR_A(text)) : text;
}

static unsigned
common_depth(const struct section *a, const struct section *b)
{
	unsigned depth = 0;

	while (depth < a->depth && depth < b->depth && str_eq(a->path[depth], b->path[depth]))
		depth++;
	return depth;
}

/* Takes in the siblings behind it, and children of an introduction, as long as all of them are tiny. */
static void
pack_grow(const struct packer *packer, struct pack *pack)
{
	const struct section *list = packer->sections.list, *first = &list[pack->first];
	unsigned cost = first->cost, deepest = first->depth;

	pack->depth = first->depth;
	pack->end = pack->first + 1;
	while (pack->end < packer->sections.count) {
		const struct section *next = &list[pack->end];
		unsigned common = common_depth(first, next);

		common = common < pack->depth ? common : pack->depth;
		deepest = next->depth > deepest ? next->depth : deepest;
		if (first->cost > TINY_TOKENS || next->cost > TINY_TOKENS || cost + next->cost > packer->spec->tokens_target || deepest > common + 1)
			break;
		cost += next->cost;
		pack->depth = common;
		pack->end++;
	}
}

/* The first and the last parts say most; what does not fit into a quarter of the window is left out between them. */
static struct str
path_text(const struct packer *packer, const struct str *parts, unsigned depth)
{
	unsigned most = packer->spec->tokens_max / PATH_SHARE;
	struct str path = STR_EMPTY;
	struct buf out;

	for (unsigned skipped = 0; skipped < depth; skipped++) {
		buf_init(&out, packer->arena, KIB(16));
		for (unsigned i = 0; i < depth; i++) {
			if (skipped && i == 1)
				buf_add(&out, STR(" > \xe2\x80\xa6"));
			if (i >= 1 && i < 1 + skipped && i + 1 < depth)
				continue;
			if (out.len)
				buf_add(&out, path_divider);
			buf_add(&out, parts[i]);
		}
		path = buf_str(&out);
		if (section_cost(packer->spec, path) <= most)
			return path;
	}
	while (path.len && section_cost(packer->spec, path) > most)
		path = utf8_cut(path, path.len * 3 / 4);
	return path;
}

/* A section that the path names need not say its heading in the text, unless there is nothing else. */
static void
pack_units(const struct packer *packer, struct pack *pack)
{
	const struct section *first = &packer->sections.list[pack->first], *last = &packer->sections.list[pack->end - 1];
	bool parent = pack->end < packer->sections.count && common_depth(first, &packer->sections.list[pack->end]) == first->depth;

	pack->unit = first->first;
	pack->unit_end = last->first + last->count;
	while (first->depth == pack->depth && pack->unit < pack->unit_end && packer->sections.units[pack->unit].heading)
		pack->unit++;
	if (pack->unit == pack->unit_end && !parent)
		pack->unit = first->first;
}

/* What lies between two units that stand in one chunk. */
static void
add_joint(struct buf *out, const struct unit *before, const struct unit *unit)
{
	bool lines = unit->kind == BLOCK_ITEM || unit->kind == BLOCK_ROW;

	if (unit->continues && unit->kind == BLOCK_CODE)
		buf_add_byte(out, '\n');
	else if (unit->continues)
		buf_add_byte(out, ' ');
	else if (unit->group == before->group || (unit->kind == before->kind && lines) || before->kind == BLOCK_TERM)
		buf_add_byte(out, '\n');
	else
		buf_add(out, STR("\n\n"));
}

static struct str
units_text(const struct packer *packer, const struct unit *first, const struct unit *end, bool repeat)
{
	struct buf out;

	buf_init(&out, packer->arena, MIB(1));
	if (repeat && first->repeat.len) {
		buf_add(&out, first->repeat);
		buf_add_byte(&out, '\n');
	}
	for (const struct unit *unit = first; unit < end; unit++) {
		if (unit > first)
			add_joint(&out, unit - 1, unit);
		if (unit->kind == BLOCK_ITEM && !unit->continues) {
			for (unsigned level = 1; level < unit->level && level < 8; level++)
				buf_add(&out, STR("  "));
			buf_add(&out, STR("- "));
		}
		buf_add(&out, unit->text);
	}
	return buf_err(&out) ? (struct str){ NULL, 0 } : buf_str(&out);
}

static unsigned
group_cost(const struct unit *unit, const struct unit *end, unsigned most)
{
	unsigned cost = 0, group = unit->group;

	for (; unit < end && unit->group == group && cost <= most; unit++)
		cost += unit->cost;
	return cost;
}

/* Where a chunk that begins with `first` ends, by the units' own costs. */
static const struct unit *
chunk_end(const struct packer *packer, const struct pack *pack, const struct unit *first, const struct unit *end)
{
	unsigned rest = 0, per, pieces, target = packer->spec->tokens_target, cost = first->repeat_cost;
	const struct unit *unit;

	for (unit = first; unit < end && rest <= pack->budget * LOOK_AHEAD; unit++)
		rest += unit->cost;
	if (rest + cost <= pack->budget)
		return end;
	pieces = (rest + target - 1) / target;
	per = rest / (pieces ? pieces : 1);
	for (unit = first; unit < end; unit++) {
		bool begins = unit > first && unit->group != unit[-1].group, prose = unit->kind == BLOCK_PARAGRAPH || unit->kind == BLOCK_ITEM;
		unsigned whole = begins ? group_cost(unit, end, pack->budget) : 0;

		if (unit > first && cost + unit->cost > pack->budget)
			break;
		if (begins && cost >= per - per / 8)
			break;
		if (begins && cost + whole > pack->budget && whole <= pack->budget && !(prose && cost < TINY_TOKENS))
			break;
		if (begins && cost + whole > pack->budget && unit->kind == BLOCK_CODE && cost >= TINY_TOKENS) /* cut it from its beginning */
			break;
		if (unit > first && !begins && cost >= per)
			break;
		cost += unit->cost;
	}
	return unit;
}

/* Writes units [first, *end) as a chunk, fewer of them when the whole is over the window. */
static const struct err *
chunk_write(struct packer *packer, const struct pack *pack, const struct unit *first, const struct unit **end)
{
	const struct section *section = &packer->sections.list[pack->first];
	const struct chunk_spec *spec = packer->spec;
	struct chunk chunk = { .heading_path = pack->path, .anchor = section->anchor, .page = first->page, .from = first->from };

	for (bool repeat = true;;) {
		struct str whole;

		chunk.text = units_text(packer, first, *end, repeat);
		whole = chunk.text.ptr ? chunk_embedded_text(packer->arena, chunk.heading_path, chunk.text) : chunk.text;
		if (!whole.ptr)
			return &err_no_memory;
		chunk.tokens = (unsigned)spec->count(spec->arg, whole);
		if (chunk.tokens <= spec->tokens_max)
			break;
		if (*end - first > 1)
			(*end)--;
		else if (repeat && first->repeat.len)
			repeat = false;
		else if (chunk.heading_path.len)
			chunk.heading_path = STR_EMPTY;
		else
			return err_new(packer->arena, ERR_INTERNAL, "a piece of text does not fit the embedding model's window");
	}
	chunk.to = (*end)[-1].to;
	buf_add(&packer->chunks, str_n((const char *)&chunk, sizeof(chunk)));
	return buf_err(&packer->chunks) ? &err_no_memory : NULL;
}

static const struct err *
pack_write(struct packer *packer, struct pack *pack)
{
	const struct unit *units = packer->sections.units, *unit = units + pack->unit, *pack_end = units + pack->unit_end;
	const struct err *err = NULL;

	pack->path = path_text(packer, packer->sections.list[pack->first].path, pack->depth);
	pack->budget = packer->spec->tokens_max - section_cost(packer->spec, pack->path);
	while (unit < pack_end && !err) {
		const struct unit *end = chunk_end(packer, pack, unit, pack_end), *next;

		err = chunk_write(packer, pack, unit, &end);
		next = end;
		if (end < pack_end && end->continues && (end->kind == BLOCK_PARAGRAPH || end->kind == BLOCK_ITEM) && end - 1 > unit &&
			end[-1].cost <= packer->spec->tokens_overlap)
			next = end - 1;
		unit = next;
	}
	return err;
}

const struct err *
chunk_blocks(struct arena *arena, const struct blocks *blocks, const struct chunk_spec *spec, struct chunk **out, size_t *count)
{
	struct packer packer = { .arena = arena, .spec = spec };
	const struct err *err;

	buf_init(&packer.chunks, arena, SIZE_MAX / 2);
	err = sections_build(arena, blocks, spec, spec->tokens_max - spec->tokens_max / PATH_SHARE - JOINTS, &packer.sections);
	for (struct pack pack = { 0 }; !err && pack.first < packer.sections.count; pack.first = pack.end) {
		pack_grow(&packer, &pack);
		pack_units(&packer, &pack);
		if (pack.unit < pack.unit_end)
			err = pack_write(&packer, &pack);
	}
	*out = (struct chunk *)(void *)packer.chunks.ptr;
	*count = packer.chunks.len / sizeof(struct chunk);
	return err;
}
