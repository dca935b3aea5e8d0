/*
 * inside.h - what the files of src/rt know of each other. Not for other rooms.
 *
 * A loop takes turns (loop_turn): it empties its mailbox, fires its timers, and runs the fibers that are ready. Waking a fiber only puts it on
 * the ready list. Everything here belongs to the loop's thread but the mailbox and the atomics.
 */
#pragma once

#include <stdatomic.h>
#include <uv.h>

#include "rt/context.h"
#include "rt/fiber.h"
#include "rt/loop.h"
#include "rt/scope.h"
#include "rt/stack.h"
#include "rt/timer.h"
#include "rt/wait.h"

#define CONTAINER(pointer, type, member) ((type *)(void *)((char *)(pointer) - offsetof(type, member)))

enum fiber_state { FIBER_READY, FIBER_RUNNING, FIBER_PARKED };

/* Lies at the top of its stack. */
struct fiber {
	struct context context;
	struct loop *loop;
	const char *name;
	void (*fn)(void *arg);
	void *arg;
	enum fiber_state state;
	enum fiber_stack stack;
	struct fiber *ready_next;                  /* in a list of fibers that will run */
	struct fiber *waiting_next, **waiting_link; /* in scope->waiting, while parked interruptibly */
	struct fiber *live_next, **live_link;      /* in loop->live */
	struct scope *scope;                       /* innermost */
	struct scope *base;                        /* that it was started under */
	struct timer timer;                        /* of wait_for_us */
	bool timer_fired;
	struct group *group;                       /* that it is a child of, or NULL */
	const struct err *(*child_fn)(void *arg);
};
static_assert(sizeof(struct fiber) <= STACK_HEAD, "a fiber fits its stack's head");

struct fiber_list {
	struct fiber *first, **last;
};

struct loop_hook {
	struct loop_hook *next;
	void (*fn)(void *arg);
	void *arg;
};

struct loop {
	/* the mailbox, written by any thread */
	_Alignas(64) _Atomic(struct waiter *) wakes; /* newest first */
	_Atomic(struct loop_post *) posts;
	uv_async_t doorbell;

	_Alignas(64) atomic_uint fibers;
	atomic_int_fast64_t busy_since_us;           /* 0: asleep */
	atomic_int_fast64_t asleep_since_us, lag_us;

	_Alignas(64) int64_t now_us;
	struct fiber *current;
	struct fiber_list ready, yielded;
	struct timers timers;
	int64_t armed_us;                            /* when uv_timer rings; INT64_MAX: not armed */
	bool spinning;                               /* the idle handle keeps the poll from sleeping */
	bool stopping, ended;
	struct scope root;
	struct stacks stacks;
	struct timer trim;                           /* set while free stacks are kept */
	struct fiber *live;                          /* every fiber; tools/gdb/corbel.py reads it */
	struct loop_hook *end_hooks;
	bool (*idle_fn)(void *arg, int64_t next_us);
	void *idle_arg;
	struct runtime *runtime;
	unsigned index;
	pthread_t thread;
	uv_loop_t uv;
	uv_prepare_t prepare;
	uv_check_t check;
	uv_idle_t idle;
	uv_timer_t timer;
};

struct runtime {
	struct runtime *next;
	unsigned count;
	struct loop *loops;
};

enum { WAIT_NEW, WAIT_POSTED, WAIT_WOKEN };

/* loop.c */
void loop_init(struct loop *loop, struct runtime *runtime, unsigned index);
void loop_fini(struct loop *loop);
void loop_run(struct loop *loop);  /* on its thread, until it has ended */
void loop_stop(void *loop);        /* on its thread */
void loop_push_wakes(struct loop *loop, struct waiter *first, struct waiter *last);
struct fiber *loop_fiber(void);    /* the running fiber; asserts that there is one */

/* fiber.c */
struct fiber *fiber_start(const char *name, enum fiber_stack stack, struct scope *parent, void (*fn)(void *arg), void *arg);
void fiber_list_init(struct fiber_list *list);
void fiber_ready(struct fiber *fiber);   /* once, from parked; a fiber that is ready already stays so */
MAY_PARK void fiber_park(void);                   /* the running fiber, until fiber_ready */
void fiber_run(struct fiber *fiber);     /* on the loop's own stack */

/* scope.c */
const struct err *scope_over(const struct scope *scope, int64_t now_us);

/* wait.c */
void wait_deliver(struct waiter *waiter); /* on the waiter's loop */
