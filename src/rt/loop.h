/*
 * loop.h - one event loop per core, each on a thread of its own, and the runtime that starts and ends them.
 *
 * What belongs to a loop (fibers, scopes, connections, curl handles) is touched by its thread alone. Other threads post to it.
 */
#pragma once

#include "base/str.h"

struct loop;
struct runtime;

/*
 * `loops` event loops (1..64), not running yet; posts wait. Raises the soft limit of open files to the hard one,
 * ignores SIGPIPE, and opens /dev/null for standard descriptors that are closed.
 */
struct runtime *runtime_new(unsigned loops);

/* Starts a thread per loop. Returns when all of them run. */
void runtime_start(struct runtime *runtime);

/* Cancels every loop's root scope, waits until the last fiber of each has ended and the threads with it. From a thread that has no loop. */
void runtime_stop(struct runtime *runtime);
void runtime_free(struct runtime *runtime);

unsigned runtime_loop_count(const struct runtime *runtime);
struct loop *runtime_loop(const struct runtime *runtime, unsigned index);

/* The loop of the calling thread, or NULL on a thread without one. */
struct loop *loop_current(void);
unsigned loop_index(const struct loop *loop);

/* The uv_loop_t of this loop, for the rooms that put handles of their own on it (rt only). */
void *loop_uv(struct loop *loop);

/* From any thread: fn(arg) runs on the loop's thread soon, in the order of posting, outside any fiber. Never blocks, never fails. */
void loop_post(struct loop *loop, void (*fn)(void *arg), void *arg);

/*
 * Runs loop 0 of a new runtime on the calling thread with fn(arg) as its first fiber; when that ends, the root scope is cancelled, and it returns
 * when the others have ended too. For tests and the CLI.
 */
void runtime_run_one(void (*fn)(void *arg), void *arg);

/*
 * On the loop's thread: fn(arg) runs there when the last fiber has ended, outside any fiber, to close the handles that its room has put on the
 * loop; the last registered runs first. The loop's thread ends once every handle is closed.
 */
void loop_at_end(struct loop *loop, void (*fn)(void *arg), void *arg);

/*
 * For tests with a virtual clock: whenever the loop has nothing to run and would sleep until `next_us` (INT64_MAX: no deadline), it calls fn; true
 * means that fn has moved the clock, and the loop takes its next turn without sleeping. On the loop's thread.
 */
void loop_on_idle(struct loop *loop, bool (*fn)(void *arg, int64_t next_us), void *arg);

/* Monotonic time at which this turn of the loop began, in microseconds; cheaper than the clock. */
int64_t loop_now_us(const struct loop *loop);

/*
 * For how long the loop is away from its events: the smoothed length of its recent turns, or that of a turn under way if longer; 0 when it has
 * been asleep for a while. For the metric of loop lag and for admission. Any thread.
 */
int64_t loop_lag_us(const struct loop *loop);

/* Live fibers on this loop. Any thread. */
unsigned loop_fibers(const struct loop *loop);
