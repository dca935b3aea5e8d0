/*
 * test_clock.h - for unit tests: a clock that goes on as the real one does, and can be put ahead from any thread.
 */
#pragma once

#include <stdatomic.h>
#include <time.h>

#include "base/clock.h"

static _Atomic int64_t test_clock_ahead_us;

static inline int64_t
test_clock_read(void *arg)
{
	struct timespec now;

	(void)arg;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * USEC_PER_SEC + now.tv_nsec / 1000 + atomic_load(&test_clock_ahead_us);
}

static inline void
test_clock_begin(void)
{
	atomic_store(&test_clock_ahead_us, 0);
	clock_virtual(test_clock_read, NULL);
}

/* A loop that waits sees it at its next turn. */
static inline void
test_clock_pass(int64_t us)
{
	atomic_fetch_add(&test_clock_ahead_us, us);
}

static inline void
test_clock_end(void)
{
	clock_virtual(NULL, NULL);
}
