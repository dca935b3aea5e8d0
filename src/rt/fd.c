/*
 * fd.c - one wait for a file descriptor that another library brought. See fd_wait in wait.h.
 */
#include "rt/watch.h"

struct fd_waiter {
	struct waiter waiter;
	int ready;
};

static void
fd_ready(void *arg, int events)
{
	struct fd_waiter *fd_waiter = arg;

	fd_waiter->ready = events;
	wait_wake(&fd_waiter->waiter);
}

const struct err *
fd_wait(int fd, int events, int *out)
{
	struct fd_waiter fd_waiter = { .ready = 0 };
	struct watch *watch = watch_new(fd, fd_ready, &fd_waiter);
	const struct err *err;

	if (!watch)
		return &err_internal;
	waiter_init(&fd_waiter.waiter);
	watch_set(watch, events);
	err = wait_for(&fd_waiter.waiter);
	watch_free(watch);
	*out = fd_waiter.ready & events;
	return err;
}
