/*
 * timer.c - a heap with four children a node: flatter than a binary one, and siblings share a cache line. See timer.h.
 */
#include "rt/timer.h"

#include <assert.h>
#include <stdlib.h>

#include "base/arena.h"

enum { FANOUT = 4 };

static inline size_t
parent_of(size_t slot)
{
	return (slot - 2) / FANOUT + 1;
}

static inline size_t
first_child_of(size_t slot)
{
	return (slot - 1) * FANOUT + 2;
}

static inline void
place(struct timers *timers, size_t slot, struct timer_slot entry)
{
	timers->slots[slot] = entry;
	entry.timer->slot = slot;
}

static void
sift_up(struct timers *timers, size_t slot, struct timer_slot entry)
{
	while (slot > 1 && timers->slots[parent_of(slot)].at_us > entry.at_us) {
		place(timers, slot, timers->slots[parent_of(slot)]);
		slot = parent_of(slot);
	}
	place(timers, slot, entry);
}

static void
sift_down(struct timers *timers, size_t slot, struct timer_slot entry)
{
	for (size_t child; (child = first_child_of(slot)) <= timers->count; slot = child) {
		size_t end = child + FANOUT;

		for (size_t i = child + 1; i < end && i <= timers->count; i++)
			if (timers->slots[i].at_us < timers->slots[child].at_us)
				child = i;
		if (timers->slots[child].at_us >= entry.at_us)
			break;
		place(timers, slot, timers->slots[child]);
	}
	place(timers, slot, entry);
}

void
timers_fini(struct timers *timers)
{
	assert(timers->count == 0);
	free(timers->slots);
}

void
timer_set(struct timers *timers, struct timer *timer, int64_t at_us)
{
	assert(timer->slot == 0);
	if (timers->count + 1 >= timers->capacity) {
		timers->capacity = timers->capacity ? timers->capacity * 2 : 64;
		timers->slots = mem_realloc(timers->slots, timers->capacity * sizeof(*timers->slots));
	}
	timers->count++;
	sift_up(timers, timers->count, (struct timer_slot){ at_us, timer });
}

void
timer_clear(struct timers *timers, struct timer *timer)
{
	size_t slot = timer->slot;
	struct timer_slot last;

	if (slot == 0)
		return;
	timer->slot = 0;
	last = timers->slots[timers->count--];
	if (last.timer == timer)
		return;
	if (slot > 1 && timers->slots[parent_of(slot)].at_us > last.at_us)
		sift_up(timers, slot, last);
	else
		sift_down(timers, slot, last);
}

void
timers_fire(struct timers *timers, int64_t now_us)
{
	while (timers_next_us(timers) <= now_us) {
		struct timer *timer = timers->slots[1].timer;

		timer_clear(timers, timer);
		timer->fire(timer);
	}
}
