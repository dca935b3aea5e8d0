/*
 * rowbuf.c - see rowbuf.h; and the typed views of a result's cells.
 */
#include "store/rowbuf.h"

#include <stdio.h>

enum { KEEP_MAX = 1024 * 1024 };

void
rowbuf_init(struct rowbuf *rows, size_t bytes_max)
{
	buf_init(&rows->cells, NULL, bytes_max);
	buf_init(&rows->bytes, NULL, bytes_max);
	rows->columns = 0;
}

void
rowbuf_fini(struct rowbuf *rows)
{
	buf_fini(&rows->cells);
	buf_fini(&rows->bytes);
}

static void
empty(struct buf *buf)
{
	size_t max = buf->max;

	if (buf->cap > KEEP_MAX) {
		buf_fini(buf);
		buf_init(buf, NULL, max);
	}
	buf_clear(buf);
}

void
rowbuf_begin(struct rowbuf *rows, size_t columns)
{
	empty(&rows->cells);
	empty(&rows->bytes);
	rows->columns = columns;
}

void
rowbuf_add(struct rowbuf *rows, struct value value)
{
	if (value.type == VALUE_TEXT || value.type == VALUE_BLOB) {
		size_t offset = rows->bytes.len;

		buf_add(&rows->bytes, value.text);
		value.text.ptr = (const char *)offset;
	}
	buf_add(&rows->cells, str_n((const char *)&value, sizeof(value)));
}

bool
rowbuf_failed(const struct rowbuf *rows)
{
	return rows->cells.failed || rows->bytes.failed;
}

const struct err *
rowbuf_move(const struct rowbuf *rows, struct arena *arena, struct rows *out)
{
	size_t count = rows->cells.len / sizeof(struct value);
	struct str bytes;

	if (rowbuf_failed(rows))
		return err_new(arena, ERR_TOO_LARGE, "the result of this query is larger than %zu bytes", rows->bytes.max);
	out->columns = rows->columns;
	out->count = rows->columns ? count / rows->columns : 0;
	out->cells = arena_alloc(arena, count * sizeof(struct value));
	bytes = arena_dup(arena, buf_str(&rows->bytes));
	if (!out->cells || !bytes.ptr)
		return &err_no_memory;
	if (count)
		memcpy(out->cells, rows->cells.ptr, count * sizeof(struct value));
	for (size_t i = 0; i < count; i++) {
		struct value *cell = &out->cells[i];

		if (cell->type == VALUE_TEXT || cell->type == VALUE_BLOB)
			cell->text.ptr = bytes.ptr + (size_t)cell->text.ptr;
	}
	return NULL;
}

int64_t
rows_int(const struct rows *rows, size_t row, size_t column)
{
	const struct value *cell = rows_at(rows, row, column);

	return cell->type == VALUE_INT ? cell->integer : 0;
}

double
rows_real(const struct rows *rows, size_t row, size_t column)
{
	const struct value *cell = rows_at(rows, row, column);

	if (cell->type == VALUE_INT)
		return (double)cell->integer;
	return cell->type == VALUE_REAL ? cell->real : 0;
}

struct str
rows_text(const struct rows *rows, size_t row, size_t column)
{
	const struct value *cell = rows_at(rows, row, column);

	return cell->type == VALUE_TEXT || cell->type == VALUE_BLOB ? cell->text : STR_EMPTY;
}

bool
rows_null(const struct rows *rows, size_t row, size_t column)
{
	return rows_at(rows, row, column)->type == VALUE_NULL;
}
