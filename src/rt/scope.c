/*
 * scope.c - see scope.h.
 *
 * A deadline is a timer of the scope that brought it, not of each wait below it: waiting costs no timer. When it fires, the scope is cancelled
 * with err_timeout.
 */
#include <assert.h>

#include "base/clock.h"
#include "rt/inside.h"

static void
scope_expire(struct timer *timer)
{
	scope_cancel(CONTAINER(timer, struct scope, timer), &err_timeout);
}

static int64_t
deadline_after(int64_t now_us, int64_t timeout_us)
{
	return timeout_us < INT64_MAX - now_us ? now_us + timeout_us : INT64_MAX;
}

static void
scope_start(struct scope *scope, struct scope *parent, int64_t timeout_us, bool shielded)
{
	struct loop *loop = loop_current();
	bool bound = parent && !shielded; /* by its parent's end */

	*scope = (struct scope){ .loop = loop, .parent = parent, .shielded = shielded, .timer.fire = scope_expire };
	scope->deadline_us = deadline_after(loop->now_us, timeout_us);
	if (parent) {
		assert(parent->loop == loop);
		scope->next = parent->children;
		scope->link = &parent->children;
		if (scope->next)
			scope->next->link = &scope->next;
		parent->children = scope;
	}
	if (bound)
		scope->cancelled = parent->cancelled;
	if (bound && parent->deadline_us <= scope->deadline_us)
		scope->deadline_us = parent->deadline_us;
	else if (scope->deadline_us != INT64_MAX)
		timer_set(&loop->timers, &scope->timer, scope->deadline_us);
}

void
scope_init(struct scope *scope, struct scope *parent, int64_t timeout_us)
{
	scope_start(scope, parent, timeout_us, false);
}

void
scope_fini(struct scope *scope)
{
	assert(scope->loop == loop_current());
	assert(!scope->children && !scope->waiting && scope->fibers == 0);
	timer_clear(&scope->loop->timers, &scope->timer);
	if (scope->parent) {
		*scope->link = scope->next;
		if (scope->next)
			scope->next->link = scope->link;
	}
}

void
scope_open(struct scope *scope, int64_t timeout_us)
{
	struct fiber *fiber = loop_fiber();

	scope_start(scope, fiber->scope, timeout_us, false);
	fiber->scope = scope;
}

void
scope_open_shielded(struct scope *scope, int64_t timeout_us)
{
	struct fiber *fiber = loop_fiber();

	scope_start(scope, fiber->scope, timeout_us, true);
	fiber->scope = scope;
}

void
scope_close(struct scope *scope)
{
	struct fiber *fiber = loop_fiber();

	assert(fiber->scope == scope && scope != fiber->base);
	fiber->scope = scope->parent;
	scope_fini(scope);
}

/* As deep as scopes are nested, which is by code, not by input. */
void
scope_cancel(struct scope *scope, const struct err *why)
{
	assert(scope->loop == loop_current() && why);
	if (scope->cancelled)
		return;
	scope->cancelled = why;
	timer_clear(&scope->loop->timers, &scope->timer);
	for (struct fiber *fiber = scope->waiting; fiber; fiber = fiber->waiting_next)
		fiber_ready(fiber);
	for (struct scope *child = scope->children; child; child = child->next)
		if (!child->shielded)
			scope_cancel(child, why);
}

void
scope_drain(struct scope *scope)
{
	struct waiter drained;

	assert(scope->loop == loop_current() && !scope->drained);
	while (scope->fibers > 0) {
		waiter_init(&drained);
		scope->drained = &drained;
		wait_end(&drained);
		scope->drained = NULL;
	}
}

void
scope_stop(struct scope *scope)
{
	scope_cancel(scope, &err_cancelled);
	scope_drain(scope);
	scope_fini(scope);
}

struct scope *
scope_current(void)
{
	return loop_fiber()->scope;
}

const struct err *
scope_over(const struct scope *scope, int64_t now_us)
{
	if (scope->cancelled)
		return scope->cancelled;
	return scope->deadline_us <= now_us ? &err_timeout : NULL;
}

const struct err *
scope_check(void)
{
	return scope_over(scope_current(), clock_mono_us());
}

int64_t
scope_left_us(void)
{
	int64_t deadline_us = scope_current()->deadline_us, now_us;

	if (deadline_us == INT64_MAX)
		return INT64_MAX;
	now_us = clock_mono_us();
	return deadline_us > now_us ? deadline_us - now_us : 0;
}
