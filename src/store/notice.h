/*
 * notice.h - topics and who listens to them.
 *
 * A topic is made by the first who names it and lives as long as the store. Notices to one topic that come close together may reach its listeners
 * as one: a notice says only that something changed.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "rt/loop.h"

struct listener;

struct topic {
	struct topic *next;
	const char *name;
	struct loop *loop;
	_Atomic(struct listener *) listeners;
	atomic_bool posted; /* on its way to the loop: one more need not be sent */
	atomic_uint coming; /* posts whose calls have not ended */
};

struct notices {
	pthread_mutex_t lock;
	struct topic *topics;
	struct loop *loop;
};

/* Listeners are called on `loop`. */
void notices_init(struct notices *notices, struct loop *loop);
/* Waits for calls that are on their way. Blocks; not on the loop. */
void notices_fini(struct notices *notices);

/* The topic of this name, made if it is new. The name is a literal. Any thread. */
struct topic *notices_topic(struct notices *notices, const char *name);

/* The topic of this name, or NULL. Any thread. */
struct topic *notices_find(struct notices *notices, struct str name);

/* fn is called from now on. Any thread. */
void notices_listen(struct notices *notices, const char *name, void (*fn)(void *arg), void *arg);

/* Calls the topic's listeners soon. Any thread. */
void topic_post(struct topic *topic);

/* Calls the listeners of every topic soon: something may have been missed. */
void notices_post_all(struct notices *notices);
