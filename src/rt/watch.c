/*
 * watch.c - uv_poll_t behind watch.h.
 *
 * libuv wants a handle's memory until its close callback, so a watch lives on the heap and frees itself there. Every uv_poll_start takes the
 * descriptor out of the epoll set and puts it back, so watch_set does nothing when nothing changes.
 */
#include "rt/watch.h"

#include <assert.h>
#include <stdlib.h>
#include <uv.h>

#include "base/arena.h"

struct watch {
	uv_poll_t poll; /* first: libuv's handle is our object */
	void (*fn)(void *arg, int events);
	void *arg;
	int events;
};

static_assert((int)FD_READ == (int)UV_READABLE && (int)FD_WRITE == (int)UV_WRITABLE && (int)FD_HANGUP == (int)UV_DISCONNECT,
	"events pass to and from libuv unchanged");

struct watch *
watch_new(int fd, void (*fn)(void *arg, int events), void *arg)
{
	struct watch *watch = mem_zalloc(sizeof(*watch));

	if (uv_poll_init(loop_uv(loop_current()), &watch->poll, fd) != 0) {
		free(watch); /* a handle whose init failed was never linked into the loop */
		return NULL;
	}
	watch->fn = fn;
	watch->arg = arg;
	return watch;
}

static void
watch_ready(uv_poll_t *poll, int status, int events)
{
	struct watch *watch = (struct watch *)poll;

	if (status < 0) { /* libuv has stopped the handle */
		events = watch->events | FD_HANGUP;
		watch->events = 0;
	}
	watch->fn(watch->arg, events);
}

void
watch_set(struct watch *watch, int events)
{
	if (events == watch->events)
		return;
	watch->events = events;
	if (events)
		uv_poll_start(&watch->poll, events, watch_ready);
	else
		uv_poll_stop(&watch->poll);
}

int
watch_events(const struct watch *watch)
{
	return watch->events;
}

static void
watch_closed(uv_handle_t *handle)
{
	free(handle);
}

void
watch_free(struct watch *watch)
{
	if (watch)
		uv_close((uv_handle_t *)&watch->poll, watch_closed);
}
