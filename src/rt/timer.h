/*
 * timer.h - the deadlines of one loop: a heap from which the earliest is taken.
 *
 * A timer lies in what it belongs to (a scope, a fiber). Setting one that is later than the others, as a request's deadline is, costs O(1);
 * the loop arms its one uv_timer before it sleeps and only when the earliest deadline has moved forward, so that none of this is a system call.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct timer {
	size_t slot;                      /* place in the heap, from 1; 0: not set */
	void (*fire)(struct timer *timer);
};

struct timer_slot {
	int64_t at_us;
	struct timer *timer;
};

struct timers {
	struct timer_slot *slots; /* slots[0] is unused */
	size_t count, capacity;
};

void timers_fini(struct timers *timers);

/* Monotonic time of the earliest, INT64_MAX when there is none. */
static inline int64_t
timers_next_us(const struct timers *timers)
{
	return timers->count ? timers->slots[1].at_us : INT64_MAX;
}

/* Sets a timer that is not set; clears one that is or is not. */
void timer_set(struct timers *timers, struct timer *timer, int64_t at_us);
void timer_clear(struct timers *timers, struct timer *timer);

/* Takes off every timer due at now_us and calls its `fire`, in the order of time; fire may set and clear any timer. */
void timers_fire(struct timers *timers, int64_t now_us);
