/*
 * group.c - see group.h.
 */
#include "rt/group.h"

#include <assert.h>
#include <stdlib.h>

#include "base/arena.h"
#include "rt/inside.h"

void
group_open(struct group *group)
{
	*group = (struct group){ .first = NULL };
	scope_open(&group->scope, INT64_MAX);
}

static void
child_main(void *arg)
{
	struct fiber *fiber = loop_fiber();
	struct group *group = fiber->group;
	const struct err *err = fiber->child_fn(arg);

	if (err && !group->first) {
		group->first = err;
		scope_cancel(&group->scope, &err_cancelled);
	}
}

const struct err *
group_go(struct group *group, const char *name, const struct err *(*fn)(void *arg), void *arg)
{
	struct fiber *fiber = fiber_start(name, FIBER_STACK_SMALL, &group->scope, child_main, arg);

	if (!fiber)
		return &err_busy;
	fiber->group = group;
	fiber->child_fn = fn;
	return NULL;
}

const struct err *
group_wait(struct group *group)
{
	const struct err *err;

	scope_drain(&group->scope);
	err = group->first ? group->first : scope_over(group->scope.parent, group->scope.loop->now_us);
	scope_close(&group->scope);
	return err;
}

void
group_cancel(struct group *group, const struct err *why)
{
	scope_cancel(&group->scope, why);
}

/* A place in a line lies in the frame of the fiber that stands there. */
struct line_place {
	struct waiter waiter;
	struct line_place *next, **link;
};

static void
line_init(struct line *line)
{
	line->first = NULL;
	line->last = &line->first;
}

static void
line_leave(struct line *line, struct line_place *place)
{
	*place->link = place->next;
	if (place->next)
		place->next->link = place->link;
	else
		line->last = place->link;
}

/* NULL: it was this fiber's turn. */
MAY_PARK static const struct err *
line_stand(struct line *line)
{
	struct line_place place = { .link = line->last };
	const struct err *err;

	waiter_init(&place.waiter);
	*line->last = &place;
	line->last = &place.next;
	err = wait_for(&place.waiter);
	if (err)
		line_leave(line, &place);
	return err;
}

/* Wakes the first; false when nobody stands there. */
static bool
line_call(struct line *line)
{
	struct line_place *place = line->first;

	if (!place)
		return false;
	line_leave(line, place);
	wait_wake(&place->waiter);
	return true;
}

void
semaphore_init(struct semaphore *semaphore, unsigned permits)
{
	semaphore->permits = permits;
	line_init(&semaphore->line);
}

const struct err *
semaphore_take(struct semaphore *semaphore)
{
	if (semaphore->permits == 0)
		return line_stand(&semaphore->line); /* the giver hands its permit over */
	semaphore->permits--;
	return NULL;
}

void
semaphore_give(struct semaphore *semaphore)
{
	if (!line_call(&semaphore->line))
		semaphore->permits++;
}

struct channel {
	struct line senders, receivers;
	bool closed;
	unsigned capacity, count, head;
	void *items[];
};

struct channel *
channel_new(unsigned capacity)
{
	struct channel *channel = mem_zalloc(sizeof(*channel) + capacity * sizeof(channel->items[0]));

	assert(capacity > 0);
	channel->capacity = capacity;
	line_init(&channel->senders);
	line_init(&channel->receivers);
	return channel;
}

void
channel_free(struct channel *channel)
{
	assert(channel->count == 0 && !channel->senders.first && !channel->receivers.first);
	free(channel);
}

/* Who is called may find that another fiber came first, and stands in line again: nothing is lost by that, since the other one took or gave. */
const struct err *
channel_send(struct channel *channel, void *item)
{
	assert(item);
	while (channel->count == channel->capacity && !channel->closed) {
		const struct err *err = line_stand(&channel->senders);

		if (err)
			return err;
	}
	if (channel->closed)
		return &err_cancelled;
	channel->items[(channel->head + channel->count++) % channel->capacity] = item;
	line_call(&channel->receivers);
	return NULL;
}

const struct err *
channel_receive(struct channel *channel, void **item)
{
	*item = NULL;
	while (channel->count == 0 && !channel->closed) {
		const struct err *err = line_stand(&channel->receivers);

		if (err)
			return err;
	}
	if (channel->count == 0)
		return NULL;
	*item = channel->items[channel->head];
	channel->head = (channel->head + 1) % channel->capacity;
	channel->count--;
	line_call(&channel->senders);
	return NULL;
}

void
channel_close(struct channel *channel)
{
	channel->closed = true;
	while (line_call(&channel->senders) || line_call(&channel->receivers))
		;
}
