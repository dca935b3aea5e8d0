/*
 * admission.h - how many calls a target or a provider gets at once, and who waits: two bounded queues, interactive before batch.
 *
 * Batch traffic may hold only a part of the places, so that an interactive call finds one however many batch calls there are. A call that would have to wait too long is
 * refused before it waits. Shared by all loops; its lock is held for a few instructions, never across a wait.
 */
#pragma once

#include <pthread.h>

#include "base/err.h"
#include "conf/routing.h"
#include "rt/wait.h"

struct admission_place;

struct admission {
	pthread_mutex_t lock;
	struct conf_queue conf;                     /* the newest that was seen */
	unsigned busy[2];                           /* places held: interactive, batch */
	unsigned waiting[2];
	struct admission_place *first[2], **last[2];
	double held_us;                             /* moving average of how long a place is held; 0: not known */
};

/* A place that was got; zeroed: none is held. */
struct admission_ticket {
	struct admission *admission;
	bool batch;
	int64_t since_us;
};

void admission_init(struct admission *admission);
void admission_fini(struct admission *admission); /* nobody waits */

/* Whether a call would get a place without waiting. */
bool admission_free(struct admission *admission, const struct conf_queue *conf, bool batch);

/*
 * Gets a place. ERR_BUSY with a Retry-After, at once: the queue is full, or the wait would be too long; or after conf->wait_us. ERR_CANCELLED, ERR_TIMEOUT: the scope. On success the
 * ticket is given back. Without a limit there is nothing to get, and nothing is locked.
 */
MAY_PARK const struct err *admission_take(struct admission *admission, const struct conf_queue *conf, bool batch, struct arena *arena, struct admission_ticket *out);
void admission_give(struct admission_ticket *ticket);

/* Figures for people. */
struct admission_figures {
	unsigned busy, busy_batch, waiting, waiting_batch;
};
struct admission_figures admission_look(struct admission *admission);
