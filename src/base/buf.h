/*
 * buf.h - a growable run of bytes that declares its maximum when it is made.
 *
 * A failed append (over the maximum, or the arena over its cap) leaves the contents as they were and sticks: later appends do nothing, so a
 * caller may write many pieces and check once, with buf_err. A buffer with an arena needs no buf_fini, one on the heap does.
 */
#pragma once

#include "base/arena.h"
#include "base/str.h"

struct err;

struct buf {
	char *ptr;
	size_t len, cap, max;
	struct arena *arena; /* NULL: on the heap */
	bool failed;
};

void buf_init(struct buf *buf, struct arena *arena, size_t max);
void buf_fini(struct buf *buf);

/*
 * As buf_init with an arena, for contents that may get large: they lie on the heap, outside the arena's cap, and are freed with the arena, which the buffer itself does not
 * outlive. False when the arena is full.
 */
bool buf_init_held(struct buf *buf, struct arena *arena, size_t max);

/* Of buf_reserve: when there is no room yet. */
char *buf_make_room(struct buf *buf, size_t size);

/* Room for `size` more bytes behind the contents; write there, then add to len. NULL when it failed. */
static inline char *
buf_reserve(struct buf *buf, size_t size)
{
	return buf->ptr && !buf->failed && size <= buf->cap - buf->len ? buf->ptr + buf->len : buf_make_room(buf, size);
}

static inline void
buf_add_byte(struct buf *buf, char byte)
{
	char *room = buf_reserve(buf, 1);

	if (room)
		*room = byte;
	buf->len += room != NULL;
}

void buf_add(struct buf *buf, struct str s);
void buf_printf(struct buf *buf, const char *format, ...) PRINTF_LIKE(2, 3);

/* Takes `size` bytes off the front. */
void buf_consume(struct buf *buf, size_t size);

/* Empties it and forgets a failure; the memory stays. */
void buf_clear(struct buf *buf);

static inline struct str
buf_str(const struct buf *buf)
{
	return buf->ptr ? str_n(buf->ptr, buf->len) : STR_EMPTY;
}

/* NULL, or ERR_TOO_LARGE (static) when an append has failed. */
const struct err *buf_err(const struct buf *buf);
