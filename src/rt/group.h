/*
 * group.h - children of one fiber, and small things fibers share on one loop: a semaphore, a channel.
 *
 * The first child to fail cancels its siblings. A group lies in the parent's frame and is always waited for.
 */
#pragma once

#include "rt/fiber.h"
#include "rt/wait.h"

struct group {
	struct scope scope;
	struct waiter *done;      /* the parent, while it waits */
	const struct err *first;  /* the first error; its message must outlive the child: parent's arena or static */
	unsigned live;
};

void group_open(struct group *group);

/* Starts a child below the group's scope. ERR_BUSY when no stack is to be had: then nothing was started. */
const struct err *group_go(struct group *group, const char *name, const struct err *(*fn)(void *arg), void *arg);

/* Waits for all children, cancelled or not, and closes the group. The first child's error, or the parent's own cancellation. */
MAY_PARK const struct err *group_wait(struct group *group);

void group_cancel(struct group *group, const struct err *why);

/* Counts permits; fair: who waits first gets first. One loop. */
struct semaphore {
	unsigned permits;
	struct sem_wait *first, **last;
};
void semaphore_init(struct semaphore *semaphore, unsigned permits);
MAY_PARK const struct err *semaphore_take(struct semaphore *semaphore);
void semaphore_give(struct semaphore *semaphore);

/* A bounded queue of pointers between fibers of one loop. */
struct channel;
struct channel *channel_new(unsigned capacity);
void channel_free(struct channel *channel);                                  /* empty, nobody waits */
MAY_PARK const struct err *channel_send(struct channel *channel, void *item);  /* parks while full; ERR_CANCELLED when closed */
MAY_PARK const struct err *channel_receive(struct channel *channel, void **item); /* *item NULL: closed and drained */
void channel_close(struct channel *channel);
