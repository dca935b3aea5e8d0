/*
 * loop_timer.h - a callback on the loop after a time, for what has no fiber of its own to wait: heartbeats, a library's timeouts.
 */
#pragma once

#include <stdint.h>

struct loop_timer;

/* Not running yet, on the calling thread's loop. fn runs on the loop, outside any fiber. */
struct loop_timer *loop_timer_new(void (*fn)(void *arg), void *arg);

/* Runs fn once, delay_us from the beginning of this turn of the loop (rounded up to milliseconds; 0: at the next turn). Started again, it is moved. */
void loop_timer_start(struct loop_timer *timer, int64_t delay_us);
void loop_timer_stop(struct loop_timer *timer);

/* No callback from here on. NULL is allowed. */
void loop_timer_free(struct loop_timer *timer);
