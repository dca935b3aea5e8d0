/*
 * parked.c - many parked fibers: what they cost, and whether a debugger sees them.
 *
 *	parked [FIBERS [RSS_MAX_MB]]
 *
 * Parks so many fibers (10,000), each some calls deep with 2 KiB of locals, as a request between two reads of its upstream has them. Prints
 * resident memory and the time to start, wake and end one. Fails over RSS_MAX_MB (150). tests/rt/gdb_test.py stops it in `all_parked`.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "rt/group.h"

static struct waiter **waiters;
static unsigned count = 10000, parked;

static long
resident_kb(void)
{
	long size, pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	if (!file || fscanf(file, "%ld %ld", &size, &pages) != 2)
		abort();
	fclose(file);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* Found by name in gdb_test.py. */
static __attribute__((noinline)) const struct err *
park_below(volatile char *above)
{
	volatile char locals[2048];
	const struct err *err;
	struct waiter waiter;

	for (size_t i = 0; i < sizeof(locals); i += 64)
		locals[i] = above[0];
	waiter_init(&waiter);
	waiters[parked++] = &waiter;
	err = wait_for(&waiter);
	above[0] = locals[64];
	return err;
}

static const struct err *
park(void *arg)
{
	volatile char mark = 1;

	(void)arg;
	return park_below(&mark);
}

static __attribute__((noinline)) void
all_parked(void)
{
	__asm__ volatile("");
}

static void
run(void *arg)
{
	long before_kb = resident_kb(), *held_kb = arg;
	int64_t start_us = clock_mono_us(), parked_us, end_us;
	struct group group;

	group_open(&group);
	for (unsigned i = 0; i < count; i++)
		if (group_go(&group, "parked", park, NULL))
			abort();
	while (parked < count)
		if (fiber_yield())
			abort();
	parked_us = clock_mono_us();
	*held_kb = resident_kb() - before_kb;
	all_parked();
	for (unsigned i = 0; i < count; i++)
		wait_wake(waiters[i]);
	if (group_wait(&group))
		abort();
	end_us = clock_mono_us();
	printf("%u parked fibers: %ld KiB resident, %.1f KiB each; %.2f us to start and park one, %.2f us to wake and end one\n", count, *held_kb,
		(double)*held_kb / count, (double)(parked_us - start_us) / count, (double)(end_us - parked_us) / count);
}

int
main(int argc, char **argv)
{
	long max_mb = argc > 2 ? atol(argv[2]) : 150, held_kb = 0;

	if (argc > 1)
		count = (unsigned)atol(argv[1]);
	waiters = calloc(count, sizeof(struct waiter *));
	runtime_run_one(run, &held_kb);
	free(waiters);
	return held_kb < max_mb * 1024 ? 0 : 1;
}
