/*
 * pool.c - worker threads for what would block a loop. See pool.h.
 *
 * A queue under one mutex. A job of offload lies in the frame of the fiber that waits for it; one of pool_submit on the heap. A thread is
 * signalled only when one sleeps, so that a busy pool costs its submitters no system call.
 */
#include "rt/pool.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/metric.h"

static struct metric jobs_total = METRIC_COUNTER("corbel_pool_jobs_total", "Jobs given to a pool of worker threads.", "pool");
static struct metric refused_total = METRIC_COUNTER("corbel_pool_refused_total", "Jobs refused because the pool's queue was full.", "pool");

struct job {
	struct job *next, **link; /* in the queue */
	void (*fn)(void *arg);
	void *arg;
	struct waiter *waiter;    /* NULL: a job of pool_submit, freed by the thread */
	bool queued;
};

struct pool {
	pthread_mutex_t mutex;
	pthread_cond_t work;
	struct job *first, **last;
	atomic_uint queued;
	unsigned queue_max, idle, thread_count;
	bool ending;
	char name[16];
	struct metric_series *jobs, *refused;
	pthread_t threads[];
};

/* Under the mutex. */
static void
job_unlink(struct pool *pool, struct job *job)
{
	*job->link = job->next;
	if (job->next)
		job->next->link = job->link;
	else
		pool->last = job->link;
	job->queued = false;
	atomic_fetch_sub_explicit(&pool->queued, 1, memory_order_relaxed);
}

static const struct err *
job_enqueue(struct pool *pool, struct job *job)
{
	bool wake = false, full;

	pthread_mutex_lock(&pool->mutex);
	assert(!pool->ending);
	full = pool_queued(pool) >= pool->queue_max + pool->idle; /* a sleeping thread takes one at once */
	if (!full) {
		job->next = NULL;
		job->link = pool->last;
		*pool->last = job;
		pool->last = &job->next;
		job->queued = true;
		atomic_fetch_add_explicit(&pool->queued, 1, memory_order_relaxed);
		wake = pool->idle > 0;
	}
	pthread_mutex_unlock(&pool->mutex);
	if (wake)
		pthread_cond_signal(&pool->work);
	metric_series_add(full ? pool->refused : pool->jobs, 1);
	return full ? &err_busy : NULL;
}

/* NULL: the pool ends. */
static struct job *
job_dequeue(struct pool *pool)
{
	struct job *job;

	pthread_mutex_lock(&pool->mutex);
	while (!pool->first && !pool->ending) {
		pool->idle++;
		pthread_cond_wait(&pool->work, &pool->mutex);
		pool->idle--;
	}
	job = pool->first;
	if (job)
		job_unlink(pool, job);
	pthread_mutex_unlock(&pool->mutex);
	return job;
}

static void *
pool_thread(void *arg)
{
	struct pool *pool = arg;
	struct job *job;

	pthread_setname_np(pthread_self(), pool->name);
	while ((job = job_dequeue(pool))) {
		struct waiter *waiter = job->waiter;

		job->fn(job->arg);
		if (waiter)
			wait_wake(waiter); /* from here on the job's frame may be gone */
		else
			free(job);
	}
	return NULL;
}

struct pool *
pool_new(const char *name, unsigned threads, unsigned queue_max)
{
	struct pool *pool = mem_zalloc(sizeof(*pool) + threads * sizeof(pool->threads[0]));
	sigset_t all, before;

	assert(threads > 0);
	pthread_mutex_init(&pool->mutex, NULL);
	pthread_cond_init(&pool->work, NULL);
	pool->last = &pool->first;
	pool->queue_max = queue_max;
	pool->thread_count = threads;
	snprintf(pool->name, sizeof(pool->name), "%s", name);
	pool->jobs = metric_series(&jobs_total, str_of(name));
	pool->refused = metric_series(&refused_total, str_of(name));
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (unsigned i = 0; i < threads; i++) {
		if (pthread_create(&pool->threads[i], NULL, pool_thread, pool) != 0) {
			fputs("corbel: cannot start a thread\n", stderr);
			abort();
		}
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return pool;
}

void
pool_free(struct pool *pool)
{
	if (!pool)
		return;
	pthread_mutex_lock(&pool->mutex);
	pool->ending = true;
	pthread_mutex_unlock(&pool->mutex);
	pthread_cond_broadcast(&pool->work);
	for (unsigned i = 0; i < pool->thread_count; i++)
		pthread_join(pool->threads[i], NULL);
	pthread_cond_destroy(&pool->work);
	pthread_mutex_destroy(&pool->mutex);
	free(pool);
}

/* True when the job had not begun and never will. */
static bool
job_take_back(struct pool *pool, struct job *job)
{
	bool queued;

	pthread_mutex_lock(&pool->mutex);
	queued = job->queued;
	if (queued)
		job_unlink(pool, job);
	pthread_mutex_unlock(&pool->mutex);
	return queued;
}

const struct err *
offload_cancellable(struct pool *pool, void (*fn)(void *arg), void (*cancel)(void *arg), void *arg)
{
	struct waiter waiter;
	struct job job = { .fn = fn, .arg = arg, .waiter = &waiter };
	const struct err *err;

	waiter_init(&waiter);
	err = scope_check();
	if (!err)
		err = job_enqueue(pool, &job);
	if (err)
		return err;
	err = wait_for(&waiter);
	if (err && job_take_back(pool, &job))
		return err;
	if (err && cancel)
		cancel(arg);
	wait_end(&waiter);
	return NULL;
}

const struct err *
offload(struct pool *pool, void (*fn)(void *arg), void *arg)
{
	return offload_cancellable(pool, fn, NULL, arg);
}

const struct err *
pool_submit(struct pool *pool, void (*fn)(void *arg), void *arg)
{
	struct job *job = mem_alloc(sizeof(*job));
	const struct err *err;

	*job = (struct job){ .fn = fn, .arg = arg };
	err = job_enqueue(pool, job);
	if (err)
		free(job);
	return err;
}

unsigned
pool_queued(const struct pool *pool)
{
	return atomic_load_explicit(&pool->queued, memory_order_relaxed);
}
