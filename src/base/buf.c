/*
 * buf.c - growable bytes with a maximum. See buf.h.
 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"

void
buf_init(struct buf *buf, struct arena *arena, size_t max)
{
	*buf = (struct buf){ .arena = arena, .max = max };
}

void
buf_fini(struct buf *buf)
{
	if (!buf->arena)
		free(buf->ptr);
	*buf = (struct buf){ .arena = buf->arena, .max = buf->max };
}

static void
fini(void *arg)
{
	buf_fini(arg);
}

bool
buf_init_held(struct buf *buf, struct arena *arena, size_t max)
{
	buf_init(buf, NULL, max);
	return arena_on_free(arena, fini, buf);
}

/* Moves the contents to `cap` bytes. In an arena the old room is given up: doubling bounds the loss to the final size. */
static bool
grow(struct buf *buf, size_t cap)
{
	char *moved = buf->arena ? arena_alloc(buf->arena, cap) : realloc(buf->ptr, cap);

	if (!moved)
		return false;
	if (buf->arena && buf->len)
		memcpy(moved, buf->ptr, buf->len);
	buf->ptr = moved;
	buf->cap = cap;
	return true;
}

char *
buf_make_room(struct buf *buf, size_t size)
{
	size_t need, cap;

	if (buf->failed || size > buf->max || buf->len > buf->max - size) {
		buf->failed = true;
		return NULL;
	}
	need = buf->len + size;
	if (need > buf->cap || !buf->ptr) {
		for (cap = buf->cap ? buf->cap : 64; cap < need;)
			cap = cap > buf->max / 2 ? buf->max : cap * 2;
		if (cap > buf->max)
			cap = buf->max > need ? buf->max : need;
		if (!grow(buf, cap ? cap : 1)) {
			buf->failed = true;
			return NULL;
		}
	}
	return buf->ptr + buf->len;
}

void
buf_add(struct buf *buf, struct str s)
{
	char *room = buf_reserve(buf, s.len);

	if (room && s.len) {
		memcpy(room, s.ptr, s.len);
		buf->len += s.len;
	}
}

void
buf_printf(struct buf *buf, const char *format, ...)
{
	va_list args;
	size_t room = buf->cap - buf->len;
	int len;

	/* First into the room there is; only what does not fit is formatted twice. */
	va_start(args, format);
	len = vsnprintf(room ? buf->ptr + buf->len : NULL, room, format, args);
	va_end(args);
	if (len < 0 || buf->failed) {
		buf->failed = true;
		return;
	}
	if ((size_t)len >= room) {
		if (!buf_reserve(buf, (size_t)len + 1)) /* vsnprintf also writes a zero byte */
			return;
		va_start(args, format);
		vsnprintf(buf->ptr + buf->len, (size_t)len + 1, format, args);
		va_end(args);
	}
	buf->len += (size_t)len;
}

void
buf_consume(struct buf *buf, size_t size)
{
	if (size > buf->len)
		size = buf->len;
	buf->len -= size;
	if (buf->len)
		memmove(buf->ptr, buf->ptr + size, buf->len);
}

void
buf_clear(struct buf *buf)
{
	buf->len = 0;
	buf->failed = false;
}

const struct err *
buf_err(const struct buf *buf)
{
	static const struct err too_large = { .kind = ERR_TOO_LARGE, .message = STR_INIT("a buffer has reached its limit") };

	return buf->failed ? &too_large : NULL;
}
