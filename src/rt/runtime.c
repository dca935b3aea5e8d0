/*
 * runtime.c - the loops of the process and their threads. See loop.h.
 */
#include <assert.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/arena.h"
#include "rt/inside.h"

enum { LOOPS_MAX = 64 };

/* Every runtime of the process; only tools/gdb/corbel.py reads it. */
static struct runtime *runtime_first;
static pthread_mutex_t runtime_mutex = PTHREAD_MUTEX_INITIALIZER;

static void
raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* A database that is given descriptor 2 would hold what the next library prints. */
static void
fill_standard_files(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		abort();
	close(fd);
}

struct runtime *
runtime_new(unsigned loops)
{
	struct runtime *runtime = mem_zalloc(sizeof(*runtime));

	assert(loops >= 1 && loops <= LOOPS_MAX);
	fill_standard_files();
	raise_file_limit();
	signal(SIGPIPE, SIG_IGN); /* a peer that has left is an error of the write */
	runtime->count = loops;
	runtime->loops = aligned_alloc(_Alignof(struct loop), loops * sizeof(*runtime->loops));
	if (!runtime->loops)
		abort();
	for (unsigned i = 0; i < loops; i++)
		loop_init(&runtime->loops[i], runtime, i);
	pthread_mutex_lock(&runtime_mutex);
	runtime->next = runtime_first;
	runtime_first = runtime;
	pthread_mutex_unlock(&runtime_mutex);
	return runtime;
}

static void *
loop_thread(void *arg)
{
	struct loop *loop = arg;
	char name[16];

	snprintf(name, sizeof(name), "loop-%u", loop->index);
	pthread_setname_np(pthread_self(), name);
	loop_run(loop);
	return NULL;
}

/* Loop threads take no signals: the main thread handles them. */
void
runtime_start(struct runtime *runtime)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (unsigned i = 0; i < runtime->count; i++) {
		if (pthread_create(&runtime->loops[i].thread, NULL, loop_thread, &runtime->loops[i]) != 0) {
			fputs("corbel: cannot start a thread\n", stderr);
			abort();
		}
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void
runtime_stop(struct runtime *runtime)
{
	assert(!loop_current());
	for (unsigned i = 0; i < runtime->count; i++)
		loop_post(&runtime->loops[i], loop_stop, &runtime->loops[i]);
	for (unsigned i = 0; i < runtime->count; i++)
		pthread_join(runtime->loops[i].thread, NULL);
}

void
runtime_free(struct runtime *runtime)
{
	pthread_mutex_lock(&runtime_mutex);
	for (struct runtime **link = &runtime_first; *link; link = &(*link)->next) {
		if (*link == runtime) {
			*link = runtime->next;
			break;
		}
	}
	pthread_mutex_unlock(&runtime_mutex);
	for (unsigned i = 0; i < runtime->count; i++)
		loop_fini(&runtime->loops[i]);
	free(runtime->loops);
	free(runtime);
}

unsigned
runtime_loop_count(const struct runtime *runtime)
{
	return runtime->count;
}

struct loop *
runtime_loop(const struct runtime *runtime, unsigned index)
{
	assert(index < runtime->count);
	return &runtime->loops[index];
}

struct main_fiber {
	struct loop *loop;
	void (*fn)(void *arg);
	void *arg;
};

static void
main_fiber_run(void *arg)
{
	struct main_fiber *main_fiber = arg;

	main_fiber->fn(main_fiber->arg);
	loop_stop(main_fiber->loop);
}

static void
main_fiber_start(void *arg)
{
	if (fiber_go("main", NULL, main_fiber_run, arg))
		abort(); /* not even one stack */
}

void
runtime_run_one(void (*fn)(void *arg), void *arg)
{
	struct runtime *runtime = runtime_new(1);
	struct main_fiber main_fiber = { .loop = runtime_loop(runtime, 0), .fn = fn, .arg = arg };

	loop_post(main_fiber.loop, main_fiber_start, &main_fiber);
	loop_run(main_fiber.loop);
	runtime_free(runtime);
}
