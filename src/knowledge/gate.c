/*
 * gate.c - the one who leaves hands the gate to the first in line, so that nobody overtakes.
 */
#include "knowledge/gate.h"

struct gate_waiter {
	struct waiter waiter;
	struct gate_waiter *next;
};

void
gate_init(struct gate *gate)
{
	*gate = (struct gate){ 0 };
	pthread_mutex_init(&gate->lock, NULL);
}

void
gate_fini(struct gate *gate)
{
	pthread_mutex_destroy(&gate->lock);
}

void
gate_enter(struct gate *gate)
{
	struct gate_waiter self = { .next = NULL };
	bool wait;

	waiter_init(&self.waiter);
	pthread_mutex_lock(&gate->lock);
	wait = gate->busy;
	gate->busy = true;
	if (wait && gate->first)
		gate->last->next = &self;
	else if (wait)
		gate->first = &self;
	if (wait)
		gate->last = &self;
	pthread_mutex_unlock(&gate->lock);
	if (wait)
		wait_end(&self.waiter);
}

void
gate_leave(struct gate *gate)
{
	struct gate_waiter *next;

	pthread_mutex_lock(&gate->lock);
	next = gate->first;
	if (next)
		gate->first = next->next;
	else
		gate->busy = false;
	pthread_mutex_unlock(&gate->lock);
	if (next)
		wait_wake(&next->waiter);
}
