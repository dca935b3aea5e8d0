/*
 * rowbuf.h - gathers a result before its size is known, off any arena, then moves it into one.
 *
 * A worker thread must not allocate in a request's arena: other fibers of that request may be using it meanwhile. So a result is gathered here, on
 * the heap and bounded, and the fiber that asked moves it over when it runs again.
 */
#pragma once

#include "base/buf.h"
#include "store/store.h"

struct rowbuf {
	struct buf cells; /* struct value; the text of a cell is an offset into `bytes` */
	struct buf bytes;
	size_t columns;
};

/* bytes_max bounds the cells and the bytes, each. */
void rowbuf_init(struct rowbuf *rows, size_t bytes_max);
void rowbuf_fini(struct rowbuf *rows);

/* Empties it for a result of so many columns. Memory past 1 MiB is given back. */
void rowbuf_begin(struct rowbuf *rows, size_t columns);

/* Adds the next cell, row after row; text is copied. What does not fit is dropped and makes rowbuf_move fail. */
void rowbuf_add(struct rowbuf *rows, struct value value);

/* Whether something did not fit: no need to go on. */
bool rowbuf_failed(const struct rowbuf *rows);

/* Moves the rows into the arena. ERR_TOO_LARGE when they were over the maximum, err_no_memory when the arena is full. */
const struct err *rowbuf_move(const struct rowbuf *rows, struct arena *arena, struct rows *out);
