/*
 * wait.c - see wait.h.
 *
 * A waiter goes from WAIT_NEW to WAIT_WOKEN once; whoever moves it out of WAIT_NEW is the one whose wake counts. A wake from another thread passes
 * through WAIT_POSTED, and the waiting fiber goes on only after the loop has taken the waiter out of its mailbox: so the waker's last touch is
 * the push, and a waiter in a frame is never used after the frame has gone, if its owner waits for the wake at last (wait_end).
 */
#include <assert.h>
#include <stdlib.h>

#include "base/arena.h"
#include "rt/inside.h"

void
waiter_init(struct waiter *waiter)
{
	waiter->loop = loop_fiber()->loop;
	waiter->fiber = NULL;
	waiter->next = NULL;
	atomic_init(&waiter->state, WAIT_NEW);
	atomic_init(&waiter->refs, 0);
}

struct waiter *
waiter_new(void)
{
	struct waiter *waiter = mem_alloc(sizeof(*waiter));

	waiter_init(waiter);
	atomic_init(&waiter->refs, 1);
	return waiter;
}

struct waiter *
waiter_ref(struct waiter *waiter)
{
	atomic_fetch_add_explicit(&waiter->refs, 1, memory_order_relaxed);
	return waiter;
}

void
waiter_unref(struct waiter *waiter)
{
	if (atomic_fetch_sub_explicit(&waiter->refs, 1, memory_order_acq_rel) == 1)
		free(waiter);
}

static bool
is_woken(struct waiter *waiter)
{
	return atomic_load_explicit(&waiter->state, memory_order_relaxed) == WAIT_WOKEN; /* set on this thread */
}

void
wait_deliver(struct waiter *waiter)
{
	bool counted = atomic_load_explicit(&waiter->refs, memory_order_relaxed) > 0;

	atomic_store_explicit(&waiter->state, WAIT_WOKEN, memory_order_relaxed);
	if (waiter->fiber)
		fiber_ready(waiter->fiber);
	if (counted)
		waiter_unref(waiter); /* the mailbox's */
}

/* True for the one call that counts. */
static bool
wake_wins(struct waiter *waiter, int state)
{
	int expected = WAIT_NEW;

	return atomic_compare_exchange_strong_explicit(&waiter->state, &expected, state, memory_order_acq_rel, memory_order_relaxed);
}

static bool
wake_here(struct waiter *waiter)
{
	if (waiter->loop != loop_current())
		return false;
	if (wake_wins(waiter, WAIT_WOKEN) && waiter->fiber)
		fiber_ready(waiter->fiber);
	return true;
}

/* False when another wake came first. The mailbox holds a counted waiter. */
static bool
wake_posted(struct waiter *waiter)
{
	bool counted = atomic_load_explicit(&waiter->refs, memory_order_relaxed) > 0;

	if (counted)
		waiter_ref(waiter);
	if (wake_wins(waiter, WAIT_POSTED))
		return true;
	if (counted)
		waiter_unref(waiter);
	return false;
}

void
wait_wake(struct waiter *waiter)
{
	struct loop *loop = waiter->loop;

	if (!wake_here(waiter) && wake_posted(waiter))
		loop_push_wakes(loop, waiter, waiter);
}

/* A run of waiters of one loop goes into its mailbox in one piece. */
void
wait_wake_all(struct waiter *const *waiters, size_t count)
{
	struct waiter *first = NULL, *last = NULL;

	for (size_t i = 0; i < count; i++) {
		struct waiter *waiter = waiters[i];

		if (wake_here(waiter) || !wake_posted(waiter))
			continue;
		if (first && first->loop != waiter->loop) {
			loop_push_wakes(first->loop, first, last);
			first = NULL;
		}
		if (!first)
			last = waiter;
		waiter->next = first; /* newest first, as the mailbox is */
		first = waiter;
	}
	if (first)
		loop_push_wakes(first->loop, first, last);
}

/* Parks once in the fiber's scope: until the waiter is woken, the scope ends, or at_us. */
MAY_PARK static void
park_in_scope(struct fiber *fiber, struct waiter *waiter, int64_t at_us)
{
	struct scope *scope = fiber->scope;

	fiber->waiting_next = scope->waiting;
	fiber->waiting_link = &scope->waiting;
	if (scope->waiting)
		scope->waiting->waiting_link = &fiber->waiting_next;
	scope->waiting = fiber;
	if (at_us != INT64_MAX)
		timer_set(&fiber->loop->timers, &fiber->timer, at_us);
	waiter->fiber = fiber;
	fiber_park();
	waiter->fiber = NULL;
	timer_clear(&fiber->loop->timers, &fiber->timer);
	*fiber->waiting_link = fiber->waiting_next;
	if (fiber->waiting_next)
		fiber->waiting_next->waiting_link = fiber->waiting_link;
}

MAY_PARK static const struct err *
wait_until(struct waiter *waiter, int64_t at_us)
{
	struct fiber *fiber = loop_fiber();
	const struct err *err;

	assert(waiter->loop == fiber->loop && !waiter->fiber);
	fiber->timer_fired = false;
	if (is_woken(waiter))
		return NULL;
	err = scope_over(fiber->scope, fiber->loop->now_us);
	if (err)
		return err;
	park_in_scope(fiber, waiter, at_us);
	if (is_woken(waiter))
		return NULL;
	err = scope_over(fiber->scope, fiber->loop->now_us);
	assert(err || fiber->timer_fired); /* nothing else makes a fiber ready */
	return err ? err : &err_timeout;
}

const struct err *
wait_for(struct waiter *waiter)
{
	return wait_until(waiter, INT64_MAX);
}

const struct err *
wait_for_us(struct waiter *waiter, int64_t timeout_us)
{
	int64_t now_us = loop_fiber()->loop->now_us;

	return wait_until(waiter, timeout_us < INT64_MAX - now_us ? now_us + timeout_us : INT64_MAX);
}

void
wait_end(struct waiter *waiter)
{
	struct fiber *fiber = loop_fiber();

	assert(waiter->loop == fiber->loop && !waiter->fiber);
	waiter->fiber = fiber;
	while (!is_woken(waiter))
		fiber_park();
	waiter->fiber = NULL;
}
