/*
 * timers.c - see timers.h.
 */
#include "timers.h"

#include <stdio.h>
#include <stdlib.h>

static struct timer **heap;
static size_t heap_count;
static size_t heap_capacity;

static void
heap_put(size_t at, struct timer *timer)
{
	heap[at] = timer;
	timer->place = at + 1;
}

static void
heap_up(size_t at)
{
	struct timer *timer = heap[at];

	for (; at > 0 && heap[(at - 1) / 2]->at_us > timer->at_us; at = (at - 1) / 2)
		heap_put(at, heap[(at - 1) / 2]);
	heap_put(at, timer);
}

static void
heap_down(size_t at)
{
	struct timer *timer = heap[at];
	size_t child;

	while ((child = 2 * at + 1) < heap_count) {
		if (child + 1 < heap_count && heap[child + 1]->at_us < heap[child]->at_us)
			child++;
		if (heap[child]->at_us >= timer->at_us)
			break;
		heap_put(at, heap[child]);
		at = child;
	}
	heap_put(at, timer);
}

void
timer_clear(struct timer *timer)
{
	if (!timer->place)
		return;

	size_t at = timer->place - 1;
	struct timer *last = heap[--heap_count];

	timer->place = 0;
	if (last == timer)
		return;
	heap_put(at, last);
	heap_up(at);
	heap_down(last->place - 1);
}

void
timer_set(struct timer *timer, int64_t at_us)
{
	timer_clear(timer);
	if (heap_count == heap_capacity) {
		heap_capacity = heap_capacity ? heap_capacity * 2 : 64;
		heap = realloc(heap, heap_capacity * sizeof(struct timer *));
		if (!heap) {
			fprintf(stderr, "out of memory at %zu timers\n", heap_capacity);
			exit(1);
		}
	}
	timer->at_us = at_us;
	heap_put(heap_count++, timer);
	heap_up(heap_count - 1);
}

struct timer *
timer_first(void)
{
	return heap_count ? heap[0] : NULL;
}
