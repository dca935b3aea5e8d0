/*
 * stmt_table.c - see stmt_table.h. Statements are constants of the program, so nothing is ever removed.
 */
#include "store/stmt_table.h"

#include <stdlib.h>

/* Where the statement is, or the free place where it belongs. */
static struct stmt_entry *
find_place(struct stmt_entry *entries, size_t capacity, const struct stmt *stmt)
{
	size_t at = ((uintptr_t)stmt * UINT64_C(0x9e3779b97f4a7c15)) >> 32;

	for (;; at++) {
		struct stmt_entry *entry = &entries[at & (capacity - 1)];

		if (!entry->stmt || entry->stmt == stmt)
			return entry;
	}
}

static void
grow(struct stmt_table *table)
{
	size_t capacity = table->capacity ? table->capacity * 2 : 64;
	struct stmt_entry *entries = mem_zalloc(capacity * sizeof(*entries));

	for (size_t i = 0; i < table->capacity; i++) {
		if (table->entries[i].stmt)
			*find_place(entries, capacity, table->entries[i].stmt) = table->entries[i];
	}
	free(table->entries);
	table->entries = entries;
	table->capacity = capacity;
}

void **
stmt_table_at(struct stmt_table *table, const struct stmt *stmt)
{
	struct stmt_entry *entry;

	if (table->used * 2 >= table->capacity)
		grow(table);
	entry = find_place(table->entries, table->capacity, stmt);
	if (!entry->stmt) {
		entry->stmt = stmt;
		table->used++;
	}
	return &entry->value;
}

void
stmt_table_fini(struct stmt_table *table)
{
	free(table->entries);
	*table = (struct stmt_table){ 0 };
}
