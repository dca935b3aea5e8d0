/*
 * loop_timer.c - uv_timer_t behind loop_timer.h. A timer lives on the heap and frees itself in libuv's close callback.
 */
#include "rt/loop_timer.h"

#include <stdlib.h>
#include <uv.h>

#include "base/arena.h"
#include "base/clock.h"
#include "rt/loop.h"

struct loop_timer {
	uv_timer_t handle; /* first: libuv's handle is our object */
	void (*fn)(void *arg);
	void *arg;
};

struct loop_timer *
loop_timer_new(void (*fn)(void *arg), void *arg)
{
	struct loop_timer *timer = mem_zalloc(sizeof(*timer));

	uv_timer_init(loop_uv(loop_current()), &timer->handle);
	timer->fn = fn;
	timer->arg = arg;
	return timer;
}

static void
loop_timer_due(uv_timer_t *handle)
{
	struct loop_timer *timer = (struct loop_timer *)handle;

	timer->fn(timer->arg);
}

void
loop_timer_start(struct loop_timer *timer, int64_t delay_us)
{
	int64_t ms = delay_us <= 0 ? 0 : (delay_us - 1) / USEC_PER_MS + 1;

	uv_timer_start(&timer->handle, loop_timer_due, (uint64_t)ms, 0);
}

void
loop_timer_stop(struct loop_timer *timer)
{
	uv_timer_stop(&timer->handle);
}

static void
loop_timer_closed(uv_handle_t *handle)
{
	free(handle);
}

void
loop_timer_free(struct loop_timer *timer)
{
	if (timer)
		uv_close((uv_handle_t *)&timer->handle, loop_timer_closed);
}
