/*
 * clock.c - see clock.h.
 */
#define _GNU_SOURCE
#include "base/clock.h"

#include <stdio.h>
#include <time.h>

static int64_t (*virtual_fn)(void *);
static void *virtual_arg;

static int64_t
read_clock(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * USEC_PER_SEC + now.tv_nsec / 1000;
}

int64_t
clock_wall_us(void)
{
	return virtual_fn ? virtual_fn(virtual_arg) : read_clock(CLOCK_REALTIME);
}

int64_t
clock_mono_us(void)
{
	return virtual_fn ? virtual_fn(virtual_arg) : read_clock(CLOCK_MONOTONIC);
}

int64_t
clock_thread_cpu_us(void)
{
	return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

void
clock_virtual(int64_t (*fn)(void *arg), void *arg)
{
	virtual_arg = arg;
	virtual_fn = fn;
}

void
clock_text(int64_t wall_us, char out[CLOCK_TEXT_SIZE])
{
	time_t seconds = (time_t)(wall_us / USEC_PER_SEC);
	struct tm parts;
	char text[64];

	gmtime_r(&seconds, &parts);
	snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", (parts.tm_year + 1900) % 10000, parts.tm_mon + 1, parts.tm_mday,
		parts.tm_hour, parts.tm_min, parts.tm_sec, (int)(wall_us % USEC_PER_SEC));
	for (int i = 0; i < CLOCK_TEXT_SIZE; i++)
		out[i] = text[i];
	out[CLOCK_TEXT_SIZE - 1] = '\0';
}
