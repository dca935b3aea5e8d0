/*
 * stmt_table.h - what one connection knows of each statement: open addressing by the statement's address.
 */
#pragma once

#include "store/store.h"

struct stmt_entry {
	const struct stmt *stmt; /* NULL: a free place */
	void *value;
};

struct stmt_table {
	struct stmt_entry *entries;
	size_t capacity, used;
};

/* The statement's value, to read or to set; NULL at first. Valid until the next call. */
void **stmt_table_at(struct stmt_table *table, const struct stmt *stmt);
void stmt_table_fini(struct stmt_table *table);
