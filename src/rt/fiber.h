/*
 * fiber.h - a fiber is straight-line code on a small stack of its own, on one loop for life.
 *
 * A fiber runs until it waits (wait.h); nobody else on its loop runs meanwhile. Stacks (64 KiB mapped with a guard page) are pooled, and
 * their number is capped. A fiber's code never blocks the thread: what would goes to a pool (pool.h).
 */
#pragma once

#include "rt/loop.h"
#include "rt/scope.h"

struct fiber;

enum fiber_stack { FIBER_STACK_SMALL /* 64 KiB */, FIBER_STACK_LARGE /* 1 MiB */ };

/*
 * Starts a fiber on the calling thread's loop; it first runs at the loop's next turn, under `parent` (NULL: under the loop's root scope, which
 * shutdown cancels). The name is a literal, seen in the debugger. ERR_BUSY (static) when no stack is to be had.
 */
const struct err *fiber_go(const char *name, struct scope *parent, void (*fn)(void *arg), void *arg);
const struct err *fiber_go_stack(const char *name, enum fiber_stack stack, struct scope *parent, void (*fn)(void *arg), void *arg);

/* The running fiber, or NULL outside one. */
struct fiber *fiber_current(void);
const char *fiber_name(const struct fiber *fiber);

/* NULL after that time, or sooner ERR_CANCELLED / ERR_TIMEOUT of the scope. */
MAY_PARK const struct err *fiber_sleep_us(int64_t us);

/* Lets the loop take a turn: other fibers, timers, I/O. NULL, or ERR_CANCELLED / ERR_TIMEOUT of the scope. */
MAY_PARK const struct err *fiber_yield(void);
