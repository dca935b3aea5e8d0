/*
 * admission.c - see admission.h.
 *
 * A place is handed from who leaves to who has waited longest, under the lock. The waiter that is woken may be on another loop and may be cancelled at that moment: it is counted
 * (waiter_new), and a fiber that finds on its way out that it had been given a place passes it on.
 */
#include "gateway/admission.h"

#include <assert.h>

#include "base/clock.h"

struct admission_place {
	struct waiter *waiter;
	struct admission_place *next, **link;
	bool given;
};

void
admission_init(struct admission *admission)
{
	*admission = (struct admission){ 0 };
	pthread_mutex_init(&admission->lock, NULL);
	admission->last[0] = &admission->first[0];
	admission->last[1] = &admission->first[1];
}

void
admission_fini(struct admission *admission)
{
	assert(!admission->first[0] && !admission->first[1]);
	pthread_mutex_destroy(&admission->lock);
}

static int64_t
places(const struct admission *admission, bool batch)
{
	const struct conf_queue *conf = &admission->conf;

	if (!batch)
		return conf->concurrency;
	if (conf->batch_concurrency > 0)
		return conf->batch_concurrency < conf->concurrency ? conf->batch_concurrency : conf->concurrency;
	return conf->concurrency > 1 ? conf->concurrency / 2 : 1;
}

static bool
has_place(const struct admission *admission, bool batch)
{
	if (admission->conf.concurrency == 0)
		return true;
	return admission->busy[0] + admission->busy[1] < admission->conf.concurrency && (!batch || admission->busy[1] < places(admission, true));
}

/* A batch call does not overtake an interactive one, nor anyone its own kind. */
static bool
goes_first(const struct admission *admission, bool batch)
{
	return !admission->first[0] && (!batch || !admission->first[1]);
}

static void
place_leave(struct admission *admission, struct admission_place *place, bool batch)
{
	*place->link = place->next;
	if (place->next)
		place->next->link = place->link;
	else
		admission->last[batch] = place->link;
	admission->waiting[batch]--;
}

static void
hand_on(struct admission *admission)
{
	for (int batch = 0; batch < 2; batch++) {
		while (admission->first[batch] && has_place(admission, batch)) {
			struct admission_place *place = admission->first[batch];

			place_leave(admission, place, batch);
			place->given = true;
			admission->busy[batch]++;
			wait_wake(place->waiter);
		}
		if (admission->first[batch])
			return; /* what is left to others, interactive calls are waiting for */
	}
}

/* How long one more would wait, by how long places have been held. */
static int64_t
expected_us(const struct admission *admission, bool batch)
{
	double ahead = admission->waiting[0] + (batch ? admission->waiting[1] : 0) + 1;
	int64_t slots = places(admission, batch);

	return (int64_t)(ahead * admission->held_us / (double)(slots > 0 ? slots : 1));
}

static const struct err *
refusal(struct arena *arena, int64_t after_us, const char *why)
{
	struct err *err = arena_zalloc(arena, sizeof(*err));

	if (!err)
		return &err_no_memory;
	*err = *err_param(arena, ERR_BUSY, NULL, "queue_full", "the model is busy: %s; try again later", why);
	err->retry_after_us = after_us > USEC_PER_SEC ? after_us : USEC_PER_SEC;
	return err;
}

bool
admission_free(struct admission *admission, const struct conf_queue *conf, bool batch)
{
	bool free;

	if (conf->concurrency == 0)
		return true;
	pthread_mutex_lock(&admission->lock);
	admission->conf = *conf;
	free = has_place(admission, batch) && goes_first(admission, batch);
	pthread_mutex_unlock(&admission->lock);
	return free;
}

/* Stands in the queue; the lock is held when it begins and not when it returns. */
static MAY_PARK const struct err *
stand(struct admission *admission, bool batch, struct arena *arena)
{
	struct admission_place place = { .waiter = waiter_new(), .link = admission->last[batch] };
	int64_t wait_us = admission->conf.wait_us;
	const struct err *err;

	*admission->last[batch] = &place;
	admission->last[batch] = &place.next;
	admission->waiting[batch]++;
	pthread_mutex_unlock(&admission->lock);
	err = wait_for_us(place.waiter, wait_us);
	pthread_mutex_lock(&admission->lock);
	if (!place.given) {
		place_leave(admission, &place, batch);
	} else if (err && scope_check()) { /* given, and gone: somebody else has use for it */
		admission->busy[batch]--;
		hand_on(admission);
	} else {
		err = NULL;
	}
	pthread_mutex_unlock(&admission->lock);
	waiter_unref(place.waiter);
	if (err && err->kind == ERR_TIMEOUT && !scope_check())
		err = refusal(arena, wait_us, "no place became free in time");
	return err;
}

MAY_PARK const struct err *
admission_take(struct admission *admission, const struct conf_queue *conf, bool batch, struct arena *arena, struct admission_ticket *out)
{
	const struct err *err = NULL;

	*out = (struct admission_ticket){ 0 };
	if (conf->concurrency == 0)
		return NULL;
	pthread_mutex_lock(&admission->lock);
	admission->conf = *conf;
	if (has_place(admission, batch) && goes_first(admission, batch)) {
		admission->busy[batch]++;
		pthread_mutex_unlock(&admission->lock);
	} else if (admission->waiting[batch] >= conf->length) {
		int64_t after_us = expected_us(admission, batch);

		pthread_mutex_unlock(&admission->lock);
		err = refusal(arena, after_us, "its queue is full");
	} else if (expected_us(admission, batch) > conf->wait_us) {
		int64_t after_us = expected_us(admission, batch) - conf->wait_us;

		pthread_mutex_unlock(&admission->lock);
		err = refusal(arena, after_us, "the wait would be too long");
	} else {
		err = stand(admission, batch, arena);
	}
	if (!err)
		*out = (struct admission_ticket){ admission, batch, clock_mono_us() };
	return err;
}

void
admission_give(struct admission_ticket *ticket)
{
	struct admission *admission = ticket->admission;
	double held_us;

	if (!admission)
		return;
	held_us = (double)(clock_mono_us() - ticket->since_us);
	pthread_mutex_lock(&admission->lock);
	admission->held_us += admission->held_us > 0 ? (held_us - admission->held_us) / 8 : held_us;
	admission->busy[ticket->batch]--;
	hand_on(admission);
	pthread_mutex_unlock(&admission->lock);
	ticket->admission = NULL;
}

struct admission_figures
admission_look(struct admission *admission)
{
	struct admission_figures figures;

	pthread_mutex_lock(&admission->lock);
	figures = (struct admission_figures){ admission->busy[0] + admission->busy[1], admission->busy[1], admission->waiting[0], admission->waiting[1] };
	pthread_mutex_unlock(&admission->lock);
	return figures;
}
