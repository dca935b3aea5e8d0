/*
 * fiber.c - starting, parking and ending fibers. See fiber.h.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
#include "rt/inside.h"

void
fiber_list_init(struct fiber_list *list)
{
	list->first = NULL;
	list->last = &list->first;
}

static void
fiber_list_add(struct fiber_list *list, struct fiber *fiber)
{
	fiber->ready_next = NULL;
	*list->last = fiber;
	list->last = &fiber->ready_next;
}

struct fiber *
fiber_current(void)
{
	struct loop *loop = loop_current();

	return loop ? loop->current : NULL;
}

const char *
fiber_name(const struct fiber *fiber)
{
	return fiber->name;
}

static void
fiber_timer_fired(struct timer *timer)
{
	struct fiber *fiber = CONTAINER(timer, struct fiber, timer);

	fiber->timer_fired = true;
	fiber_ready(fiber);
}

static void
fiber_main(void *arg)
{
	struct fiber *fiber = arg;

	fiber->fn(fiber->arg);
	assert(fiber->scope == fiber->base); /* every scope it opened is closed */
}

struct fiber *
fiber_start(const char *name, enum fiber_stack stack, struct scope *parent, void (*fn)(void *arg), void *arg)
{
	struct loop *loop = loop_current();
	struct fiber *fiber;

	assert(loop && !loop->ended);
	fiber = stack_take(&loop->stacks, stack);
	if (!fiber)
		return NULL;
	*fiber = (struct fiber){ .loop = loop, .name = name, .fn = fn, .arg = arg, .stack = stack, .timer.fire = fiber_timer_fired };
	context_init(&fiber->context, stack_low(stack, fiber), stack_size(stack), fiber_main, fiber);
	fiber->base = fiber->scope = parent ? parent : &loop->root;
	assert(fiber->base->loop == loop);
	fiber->base->fibers++;
	fiber->live_next = loop->live;
	fiber->live_link = &loop->live;
	if (loop->live)
		loop->live->live_link = &fiber->live_next;
	loop->live = fiber;
	atomic_fetch_add_explicit(&loop->fibers, 1, memory_order_relaxed);
	fiber_list_add(&loop->ready, fiber);
	return fiber;
}

const struct err *
fiber_go_stack(const char *name, enum fiber_stack stack, struct scope *parent, void (*fn)(void *arg), void *arg)
{
	return fiber_start(name, stack, parent, fn, arg) ? NULL : &err_busy;
}

const struct err *
fiber_go(const char *name, struct scope *parent, void (*fn)(void *arg), void *arg)
{
	return fiber_go_stack(name, FIBER_STACK_SMALL, parent, fn, arg);
}

static void
fiber_free(struct fiber *fiber)
{
	struct loop *loop = fiber->loop;

	if (--fiber->base->fibers == 0 && fiber->base->drained)
		wait_wake(fiber->base->drained);
	*fiber->live_link = fiber->live_next;
	if (fiber->live_next)
		fiber->live_next->live_link = fiber->live_link;
	context_fini(&fiber->context);
	atomic_fetch_sub_explicit(&loop->fibers, 1, memory_order_relaxed);
	stack_give(&loop->stacks, fiber->stack, fiber);
	if (loop->trim.slot == 0)
		timer_set(&loop->timers, &loop->trim, loop->now_us + USEC_PER_SEC);
}

void
fiber_run(struct fiber *fiber)
{
	assert(fiber->state == FIBER_READY && !fiber->loop->current);
	fiber->loop->current = fiber;
	fiber->state = FIBER_RUNNING;
	context_resume(&fiber->context);
	fiber->loop->current = NULL;
	if (fiber->context.ended)
		fiber_free(fiber);
}

void
fiber_ready(struct fiber *fiber)
{
	assert(fiber->loop == loop_current() && fiber->state != FIBER_RUNNING);
	if (fiber->state == FIBER_READY)
		return;
	fiber->state = FIBER_READY;
	fiber_list_add(&fiber->loop->ready, fiber);
}

void
fiber_park(void)
{
	struct fiber *fiber = loop_fiber();

	fiber->state = FIBER_PARKED;
	context_yield(&fiber->context);
}

const struct err *
fiber_yield(void)
{
	struct fiber *fiber = loop_fiber();

	fiber->state = FIBER_READY;
	fiber_list_add(&fiber->loop->yielded, fiber);
	context_yield(&fiber->context);
	return scope_over(fiber->scope, fiber->loop->now_us);
}

const struct err *
fiber_sleep_us(int64_t us)
{
	struct waiter never;
	const struct err *err;

	waiter_init(&never);
	err = wait_for_us(&never, us);
	return loop_fiber()->timer_fired ? scope_over(scope_current(), loop_fiber()->loop->now_us) : err;
}
