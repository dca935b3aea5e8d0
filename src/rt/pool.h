/*
 * pool.h - named, bounded pools of worker threads for what would block a loop.
 */
#pragma once

#include "rt/wait.h"

struct pool;

/* `threads` threads, and at most `queue_max` jobs waiting for one. The name is seen in ps and in metrics. */
struct pool *pool_new(const char *name, unsigned threads, unsigned queue_max);

/* Ends the threads after the jobs that have begun or wait. */
void pool_free(struct pool *pool);

/*
 * Runs fn(arg) on a thread of the pool while the fiber waits. ERR_BUSY: the queue is full and nothing ran. ERR_CANCELLED or ERR_TIMEOUT: it
 * had not begun and never will. Once fn has begun, cancellation waits for its end, and NULL is returned.
 */
MAY_PARK const struct err *offload(struct pool *pool, void (*fn)(void *arg), void *arg);

/*
 * As offload, but when the scope ends after fn has begun, cancel(arg) is called once, on the loop's thread, to make fn end soon. Its end is waited
 * for all the same, and NULL is returned.
 */
MAY_PARK const struct err *offload_cancellable(struct pool *pool, void (*fn)(void *arg), void (*cancel)(void *arg), void *arg);

/* From any thread, without waiting; fn frees what it needs to. ERR_BUSY when the queue is full. */
const struct err *pool_submit(struct pool *pool, void (*fn)(void *arg), void *arg);

/* Jobs waiting now. */
unsigned pool_queued(const struct pool *pool);
