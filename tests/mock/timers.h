/*
 * timers.h - a heap of deadlines: the earliest first, any one removed in logarithmic time.
 */
#ifndef MOCK_TIMERS_H
#define MOCK_TIMERS_H

#include <stddef.h>
#include <stdint.h>

/* Embedded in what waits. All zero is not set. */
struct timer {
	int64_t at_us;
	size_t place; /* in the heap, plus one; 0: not set */
};

/* Sets or moves the timer. */
void timer_set(struct timer *timer, int64_t at_us);
void timer_clear(struct timer *timer);

/* The earliest timer; NULL if none is set. */
struct timer *timer_first(void);

#endif
