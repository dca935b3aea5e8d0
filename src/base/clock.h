/*
 * clock.h - time in microseconds. A test may put its own clock in place of both.
 */
#pragma once

#include <stdint.h>

#define USEC_PER_MS INT64_C(1000)
#define USEC_PER_SEC INT64_C(1000000)

/* Since 1970-01-01 UTC: for what is stored and shown. */
int64_t clock_wall_us(void);

/* Never goes back; no meaning outside this process: for durations and deadlines. */
int64_t clock_mono_us(void);

/* CPU time of the calling thread. */
int64_t clock_thread_cpu_us(void);

/* From now on both clocks give fn(arg), on every thread; NULL goes back to the real ones. For tests. */
void clock_virtual(int64_t (*fn)(void *arg), void *arg);

/* "2026-11-20T17:31:05.123456Z" with its zero byte. */
#define CLOCK_TEXT_SIZE 28
void clock_text(int64_t wall_us, char out[CLOCK_TEXT_SIZE]);
