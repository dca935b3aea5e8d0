/*
 * table.h - rows of text in columns that are as wide as their widest cell.
 */
#pragma once

#include "base/arena.h"
#include "base/str.h"

enum { TABLE_COLUMNS_MAX = 12 };

struct table_row;

struct table {
	struct arena *arena;
	size_t columns;
	size_t widths[TABLE_COLUMNS_MAX];
	struct table_row *first, **last;
};

/* The titles of the columns, in order; ends with NULL. */
void table_init(struct table *table, struct arena *arena, const char *const *titles);

/* One row: as many cells as there are columns. The texts are kept by the caller until table_print. */
void table_add(struct table *table, const struct str *cells);

/* To standard output; the last column is not padded. */
void table_print(const struct table *table);
