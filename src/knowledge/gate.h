/*
 * gate.h - one fiber at a time, of any loop; the others wait in line. For work that parks, where a lock may not be held.
 */
#pragma once

#include <pthread.h>

#include "rt/wait.h"

struct gate_waiter;

struct gate {
	pthread_mutex_t lock;
	bool busy;
	struct gate_waiter *first, *last;
};

void gate_init(struct gate *gate);
void gate_fini(struct gate *gate);

/* Waits for its turn, whatever happens to the scope: who is inside is bounded by itself. */
MAY_PARK void gate_enter(struct gate *gate);
void gate_leave(struct gate *gate);
