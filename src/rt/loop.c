/*
 * loop.c - one event loop: its turns, its mailbox, its sleep. See loop.h and inside.h.
 *
 * libuv calls us on both sides of its poll. After it (check) and, when something is ready already, before it (prepare) the loop takes a turn.
 * Before it, the loop also arms its timer, if the earliest deadline has moved forward, and rings the idle bell, if fibers are still ready, so that
 * the poll does not sleep. A turn runs what is ready in rounds, a few of them, so that fibers that wake each other do not pay for a poll
 * each time, and yet cannot keep the loop from its I/O.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"
#include "rt/inside.h"

enum { ROUNDS_MAX = 8 };
#define LAG_FORGOTTEN_US (100 * USEC_PER_MS)

struct loop_post {
	struct loop_post *next;
	void (*fn)(void *arg);
	void *arg;
};

static _Thread_local struct loop *this_loop;

struct loop *
loop_current(void)
{
	return this_loop;
}

struct fiber *
loop_fiber(void)
{
	assert(this_loop && this_loop->current);
	return this_loop->current;
}

unsigned
loop_index(const struct loop *loop)
{
	return loop->index;
}

void *
loop_uv(struct loop *loop)
{
	return &loop->uv;
}

int64_t
loop_now_us(const struct loop *loop)
{
	return loop->now_us;
}

unsigned
loop_fibers(const struct loop *loop)
{
	return atomic_load_explicit(&loop->fibers, memory_order_relaxed);
}

int64_t
loop_lag_us(const struct loop *loop)
{
	int64_t now = clock_mono_us(), busy_since = atomic_load(&loop->busy_since_us), lag = atomic_load(&loop->lag_us);

	if (busy_since)
		return now - busy_since > lag ? now - busy_since : lag;
	return now - atomic_load(&loop->asleep_since_us) < LAG_FORGOTTEN_US ? lag : 0;
}

/* The mailbox. Lists are pushed newest first and turned round when they are taken; only who finds one empty rings the bell. */

void
loop_push_wakes(struct loop *loop, struct waiter *first, struct waiter *last)
{
	struct waiter *head = atomic_load_explicit(&loop->wakes, memory_order_relaxed);

	do
		last->next = head;
	while (!atomic_compare_exchange_weak_explicit(&loop->wakes, &head, first, memory_order_release, memory_order_relaxed));
	if (!head)
		uv_async_send(&loop->doorbell);
}

void
loop_post(struct loop *loop, void (*fn)(void *arg), void *arg)
{
	struct loop_post *post = mem_alloc(sizeof(*post)), *head = atomic_load_explicit(&loop->posts, memory_order_relaxed);

	post->fn = fn;
	post->arg = arg;
	do
		post->next = head;
	while (!atomic_compare_exchange_weak_explicit(&loop->posts, &head, post, memory_order_release, memory_order_relaxed));
	if (!head) /* once pushed, the post is the loop's, and may be gone */
		uv_async_send(&loop->doorbell);
}

static void
mailbox_take_wakes(struct loop *loop)
{
	struct waiter *newest = atomic_exchange_explicit(&loop->wakes, NULL, memory_order_acquire), *oldest = NULL;

	while (newest) {
		struct waiter *next = newest->next;

		newest->next = oldest;
		oldest = newest;
		newest = next;
	}
	while (oldest) {
		struct waiter *next = oldest->next;

		wait_deliver(oldest);
		oldest = next;
	}
}

static void
mailbox_take_posts(struct loop *loop)
{
	struct loop_post *newest = atomic_exchange_explicit(&loop->posts, NULL, memory_order_acquire), *oldest = NULL;

	while (newest) {
		struct loop_post *next = newest->next;

		newest->next = oldest;
		oldest = newest;
		newest = next;
	}
	while (oldest) {
		struct loop_post *post = oldest;

		oldest = post->next;
		post->fn(post->arg);
		free(post);
	}
}

static bool
mailbox_empty(const struct loop *loop)
{
	return !atomic_load_explicit(&loop->wakes, memory_order_relaxed) && !atomic_load_explicit(&loop->posts, memory_order_relaxed);
}

static bool
has_ready(const struct loop *loop)
{
	return loop->ready.first || loop->yielded.first;
}

/* Runs the fibers that are on the list now; what they make ready is for the next round. */
static void
run_round(struct loop *loop)
{
	struct fiber *fiber = loop->ready.first;

	fiber_list_init(&loop->ready);
	while (fiber) {
		struct fiber *next = fiber->ready_next;

		fiber_run(fiber);
		fiber = next;
	}
}

static void
loop_turn(struct loop *loop)
{
	if (!mailbox_empty(loop)) {
		mailbox_take_wakes(loop);
		mailbox_take_posts(loop);
	}
	timers_fire(&loop->timers, loop->now_us);
	if (loop->yielded.first) {
		*loop->ready.last = loop->yielded.first;
		loop->ready.last = loop->yielded.last;
		fiber_list_init(&loop->yielded);
	}
	for (int round = 0; round < ROUNDS_MAX && loop->ready.first; round++)
		run_round(loop);
}

static void
on_timer(uv_timer_t *timer)
{
	struct loop *loop = timer->data;

	loop->armed_us = INT64_MAX; /* the turn fires what is due */
}

static void
on_idle(uv_idle_t *idle)
{
	(void)idle; /* that it is active keeps the poll from sleeping */
}

static void
on_doorbell(uv_async_t *doorbell)
{
	(void)doorbell; /* the turn after the poll empties the mailbox */
}

static void
set_spinning(struct loop *loop, bool spinning)
{
	if (loop->spinning == spinning)
		return;
	loop->spinning = spinning;
	if (spinning)
		uv_idle_start(&loop->idle, on_idle);
	else
		uv_idle_stop(&loop->idle);
}

/*
 * The timer may ring too early (its deadline has been cleared): that costs one empty turn, and moving it back each time would cost more. One whose deadline has passed and that has not rung counts
 * real time, and the clock is a virtual one that was put ahead: it is set anew.
 */
static void
arm_timer(struct loop *loop)
{
	int64_t next_us = timers_next_us(&loop->timers), delay_us;

	if (next_us >= loop->armed_us && loop->armed_us > loop->now_us)
		return;
	delay_us = next_us - loop->now_us;
	loop->armed_us = next_us;
	uv_update_time(&loop->uv);
	uv_timer_start(&loop->timer, on_timer, delay_us > 0 ? (uint64_t)(delay_us + USEC_PER_MS - 1) / USEC_PER_MS : 0, 0);
}

static void
close_own_handles(struct loop *loop)
{
	loop->ended = true;
	while (loop->end_hooks) {
		struct loop_hook *hook = loop->end_hooks;

		loop->end_hooks = hook->next;
		hook->fn(hook->arg);
		free(hook);
	}
	timer_clear(&loop->timers, &loop->trim);
	uv_close((uv_handle_t *)&loop->prepare, NULL);
	uv_close((uv_handle_t *)&loop->check, NULL);
	uv_close((uv_handle_t *)&loop->idle, NULL);
	uv_close((uv_handle_t *)&loop->timer, NULL);
	uv_close((uv_handle_t *)&loop->doorbell, NULL);
}

/* Before the poll. */
static void
on_prepare(uv_prepare_t *prepare)
{
	struct loop *loop = prepare->data;
	int64_t busy_since = atomic_load_explicit(&loop->busy_since_us, memory_order_relaxed), lag;

	loop->now_us = clock_mono_us();
	if (has_ready(loop) || timers_next_us(&loop->timers) <= loop->now_us || !mailbox_empty(loop))
		loop_turn(loop);
	if (loop->stopping && loop_fibers(loop) == 0 && mailbox_empty(loop)) {
		close_own_handles(loop);
		return;
	}
	if (has_ready(loop))
		set_spinning(loop, true);
	else
		set_spinning(loop, loop->idle_fn && mailbox_empty(loop) && loop->idle_fn(loop->idle_arg, timers_next_us(&loop->timers)));
	arm_timer(loop);
	lag = atomic_load_explicit(&loop->lag_us, memory_order_relaxed);
	atomic_store_explicit(&loop->lag_us, lag + (loop->now_us - busy_since - lag) / 8, memory_order_relaxed);
	atomic_store_explicit(&loop->asleep_since_us, loop->now_us, memory_order_relaxed);
	atomic_store_explicit(&loop->busy_since_us, 0, memory_order_relaxed);
}

/* After the poll and its callbacks. */
static void
on_check(uv_check_t *check)
{
	struct loop *loop = check->data;

	loop->now_us = clock_mono_us();
	atomic_store_explicit(&loop->busy_since_us, loop->now_us, memory_order_relaxed);
	loop_turn(loop);
}

void
loop_at_end(struct loop *loop, void (*fn)(void *arg), void *arg)
{
	struct loop_hook *hook = mem_alloc(sizeof(*hook));

	assert(loop == this_loop && !loop->ended);
	*hook = (struct loop_hook){ .next = loop->end_hooks, .fn = fn, .arg = arg };
	loop->end_hooks = hook;
}

void
loop_on_idle(struct loop *loop, bool (*fn)(void *arg, int64_t next_us), void *arg)
{
	loop->idle_fn = fn;
	loop->idle_arg = arg;
}

static void
on_trim(struct timer *timer)
{
	struct loop *loop = CONTAINER(timer, struct loop, trim);

	if (stacks_trim(&loop->stacks))
		timer_set(&loop->timers, timer, loop->now_us + USEC_PER_SEC);
}

void
loop_init(struct loop *loop, struct runtime *runtime, unsigned index)
{
	struct loop *outer = this_loop;

	*loop = (struct loop){ .runtime = runtime, .index = index, .armed_us = INT64_MAX, .trim.fire = on_trim, .now_us = clock_mono_us() };
	fiber_list_init(&loop->ready);
	fiber_list_init(&loop->yielded);
	this_loop = loop;
	scope_init(&loop->root, NULL, INT64_MAX);
	this_loop = outer;
	uv_loop_init(&loop->uv);
	uv_async_init(&loop->uv, &loop->doorbell, on_doorbell);
	uv_prepare_init(&loop->uv, &loop->prepare);
	uv_check_init(&loop->uv, &loop->check);
	uv_idle_init(&loop->uv, &loop->idle);
	uv_timer_init(&loop->uv, &loop->timer);
	loop->prepare.data = loop->check.data = loop->timer.data = loop;
	uv_prepare_start(&loop->prepare, on_prepare);
	uv_check_start(&loop->check, on_check);
}

void
loop_run(struct loop *loop)
{
	assert(!this_loop);
	this_loop = loop;
	atomic_store(&loop->busy_since_us, clock_mono_us());
	uv_run(&loop->uv, UV_RUN_DEFAULT);
	scope_fini(&loop->root);
	this_loop = NULL;
}

void
loop_stop(void *arg)
{
	struct loop *loop = arg;

	loop->stopping = true;
	scope_cancel(&loop->root, &err_cancelled);
}

void
loop_fini(struct loop *loop)
{
	mailbox_take_wakes(loop); /* that came after the last turn: nobody waits any more, but they hold their waiters */
	stacks_fini(&loop->stacks);
	timers_fini(&loop->timers);
	if (uv_loop_close(&loop->uv) != 0)
		abort(); /* a handle is still open: its memory would be freed under libuv */
}
