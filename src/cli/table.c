/*
 * table.c - columns for the eye. See table.h.
 */
#include "cli/table.h"

#include "cli/term.h"

#include <assert.h>
#include <stdio.h>

struct table_row {
	struct table_row *next;
	struct str cells[TABLE_COLUMNS_MAX];
};

/* Characters, not bytes; wide ones are counted as one, which only makes a line ragged. */
static size_t
width(struct str text)
{
	size_t count = 0;

	for (size_t i = 0; i < text.len; i++)
		count += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
	return count;
}

void
table_add(struct table *table, const struct str *cells)
{
	struct table_row *row = arena_zalloc(table->arena, sizeof(*row));

	if (!row)
		return;
	for (size_t i = 0; i < table->columns; i++) {
		row->cells[i] = term_line_text(table->arena, cells[i]);
		if (width(row->cells[i]) > table->widths[i])
			table->widths[i] = width(row->cells[i]);
	}
	*table->last = row;
	table->last = &row->next;
}

void
table_init(struct table *table, struct arena *arena, const char *const *titles)
{
	struct str cells[TABLE_COLUMNS_MAX];

	*table = (struct table){ .arena = arena, .last = &table->first };
	for (; titles[table->columns]; table->columns++) {
		assert(table->columns < TABLE_COLUMNS_MAX);
		cells[table->columns] = str_of(titles[table->columns]);
	}
	table_add(table, cells);
}

void
table_print(const struct table *table)
{
	for (const struct table_row *row = table->first; row; row = row->next) {
		fputs(row == table->first ? term_style(TERM_DIM) : "", stdout);
		for (size_t i = 0; i < table->columns; i++) {
			term_print(row->cells[i]);
			if (i + 1 < table->columns)
				printf("%*s", (int)(table->widths[i] - width(row->cells[i]) + 2), "");
		}
		printf("%s\n", row == table->first ? term_style(TERM_PLAIN) : "");
	}
}
