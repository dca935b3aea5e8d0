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
	const struct err *first;  /* the first error; its message must outlive the child: parent's arena or static */
};

void group_open(struct group *group);

/* Starts a child below the group's scope. ERR_BUSY when no stack is to be had: then nothing was started. */
const struct err *group_go(struct group *group, const char *name, const struct err *(*fn)(void *arg), void *arg);

/* Waits for all children, cancelled or not, and closes the group. The first child's error; if none, why the parent's own scope is over. */
MAY_PARK const struct err *group_wait(struct group *group);

/* As scope_cancel, for all children. */
void group_cancel(struct group *group, const struct err *why);

/* Fibers that wait for the same thing, the first one first. */
struct line {
	struct line_place *first, **last;
};

/* Counts permits; fair: who waits first gets first. One loop. */
struct semaphore {
	unsigned permits;
	struct line line;
};
void semaphore_init(struct semaphore *semaphore, unsigned permits);
MAY_PARK const struct err *semaphore_take(struct semaphore *semaphore); /* ERR_CANCELLED, ERR_TIMEOUT: it has none */
void semaphore_give(struct semaphore *semaphore);

/* A bounded queue of pointers between fibers of one loop. */
struct channel;
struct channel *channel_new(unsigned capacity);
void channel_free(struct channel *channel);                                  /* empty, nobody waits */
MAY_PARK const struct err *channel_send(struct channel *channel, void *item);  /* parks while full; ERR_CANCELLED when closed */
MAY_PARK const struct err *channel_receive(struct channel *channel, void **item); /* *item NULL: closed and drained */
void channel_close(struct channel *channel);
