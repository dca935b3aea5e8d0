/*
 * notice.c - see notice.h. Topics and listeners are only ever added, at the front of their lists, so that a loop walks them without a lock.
 */
#include "store/notice.h"

#include <stdlib.h>
#include <time.h>

#include "base/arena.h"

struct listener {
	struct listener *next;
	void (*fn)(void *arg);
	void *arg;
};

void
notices_init(struct notices *notices, struct loop *loop)
{
	pthread_mutex_init(&notices->lock, NULL);
	notices->topics = NULL;
	notices->loop = loop;
}

void
notices_fini(struct notices *notices)
{
	const struct timespec moment = { .tv_nsec = 500 * 1000 };

	while (notices->topics) {
		struct topic *topic = notices->topics;
		struct listener *listener = atomic_load(&topic->listeners), *next;

		while (atomic_load(&topic->coming) > 0)
			nanosleep(&moment, NULL);
		for (; listener; listener = next) {
			next = listener->next;
			free(listener);
		}
		notices->topics = topic->next;
		free(topic);
	}
	pthread_mutex_destroy(&notices->lock);
}

static struct topic *
find_locked(struct notices *notices, struct str name)
{
	for (struct topic *topic = notices->topics; topic; topic = topic->next) {
		if (str_eq_c(name, topic->name))
			return topic;
	}
	return NULL;
}

struct topic *
notices_find(struct notices *notices, struct str name)
{
	struct topic *topic;

	pthread_mutex_lock(&notices->lock);
	topic = find_locked(notices, name);
	pthread_mutex_unlock(&notices->lock);
	return topic;
}

struct topic *
notices_topic(struct notices *notices, const char *name)
{
	struct topic *topic;

	pthread_mutex_lock(&notices->lock);
	topic = find_locked(notices, str_of(name));
	if (!topic) {
		topic = mem_zalloc(sizeof(*topic));
		topic->name = name;
		topic->loop = notices->loop;
		topic->next = notices->topics;
		notices->topics = topic;
	}
	pthread_mutex_unlock(&notices->lock);
	return topic;
}

void
notices_listen(struct notices *notices, const char *name, void (*fn)(void *arg), void *arg)
{
	struct topic *topic = notices_topic(notices, name);
	struct listener *listener = mem_alloc(sizeof(*listener));

	*listener = (struct listener){ atomic_load(&topic->listeners), fn, arg };
	while (!atomic_compare_exchange_weak(&topic->listeners, &listener->next, listener)) {
	}
}

static void
call_listeners(void *arg)
{
	struct topic *topic = arg;

	atomic_store(&topic->posted, false); /* before the calls: a change during them is a notice of its own */
	for (struct listener *listener = atomic_load(&topic->listeners); listener; listener = listener->next)
		listener->fn(listener->arg);
	atomic_fetch_sub(&topic->coming, 1); /* last: the topic may be freed now */
}

void
topic_post(struct topic *topic)
{
	if (!atomic_load(&topic->listeners) || atomic_exchange(&topic->posted, true))
		return;
	atomic_fetch_add(&topic->coming, 1);
	loop_post(topic->loop, call_listeners, topic);
}

void
notices_post_all(struct notices *notices)
{
	pthread_mutex_lock(&notices->lock);
	for (struct topic *topic = notices->topics; topic; topic = topic->next)
		topic_post(topic);
	pthread_mutex_unlock(&notices->lock);
}
