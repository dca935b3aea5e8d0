/*
 * chunk_section.h - between blocks and chunks: sections, each the text below one heading (or term), as a list of units that are not cut further.
 */
#pragma once

#include "knowledge/chunk.h"

enum { SECTION_DEPTH_MAX = 16 };

struct unit {
	enum block_kind kind;
	unsigned level;
	bool heading;            /* names its section; left out of a chunk whose path names it */
	bool continues;          /* the block goes on from the unit before */
	unsigned group;          /* units of one block, or of one table, which stay together when they fit */
	unsigned page;
	unsigned cost;           /* tokens */
	size_t from, to;         /* of the extracted text */
	struct str text;
	struct str repeat;       /* what a chunk that begins with this unit says first: a table's header, the line that names code */
	unsigned repeat_cost;
};

struct section {
	const struct str *path;  /* the title and the headings down to this section's own */
	unsigned depth;
	struct str anchor;
	size_t first, count;     /* of the units */
	unsigned cost;
};

struct sections {
	struct section *list;
	size_t count;
	struct unit *units;
	size_t unit_count;
};

/* Tokens of a text, and no fewer than one for 16 bytes: some tokenizers read any long word as one unknown token. */
unsigned section_cost(const struct chunk_spec *spec, struct str text);

/* Units cost at most `unit_max` each. */
const struct err *sections_build(struct arena *arena, const struct blocks *blocks, const struct chunk_spec *spec, unsigned unit_max, struct sections *out);
