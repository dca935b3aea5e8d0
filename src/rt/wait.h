/*
 * wait.h - one wait of one fiber, woken exactly once.
 *
 * The waker may be on the same loop or on any other thread. A wake is queued: the waiter never runs inside the waker. A wake before the wait is
 * kept. A waiter lies in the waiting fiber's frame when its waker cannot outlive the wait (same loop, or wait_end is used); one that another thread
 * may still hold after a cancelled wait is made with waiter_new and counted.
 */
#pragma once

#include <stdatomic.h>

#include "rt/loop.h"
#include "rt/scope.h"

struct fiber;

struct waiter {
	struct loop *loop;     /* of the fiber that waits */
	struct fiber *fiber;   /* parked here, or NULL */
	struct waiter *next;   /* in the loop's queue of wakes */
	atomic_int state;      /* WAIT_NEW, WAIT_POSTED: in the loop's mailbox, WAIT_WOKEN */
	atomic_int refs;       /* waiter_new only */
};

/* For a wait by the running fiber. Use once, or again after waiter_init. */
void waiter_init(struct waiter *waiter);
struct waiter *waiter_new(void); /* held once */
struct waiter *waiter_ref(struct waiter *waiter);
void waiter_unref(struct waiter *waiter);

/*
 * Parks until woken: NULL; or until the current scope is cancelled or its deadline passes: ERR_CANCELLED or ERR_TIMEOUT, and the wake may come
 * later. When both have happened by the time the fiber runs again, the wake counts.
 */
MAY_PARK const struct err *wait_for(struct waiter *waiter);

/* As wait_for, but for at most timeout_us more: ERR_TIMEOUT then. */
MAY_PARK const struct err *wait_for_us(struct waiter *waiter, int64_t timeout_us);

/* Parks until woken, whatever happens to the scope: for what cannot be taken back once begun. */
MAY_PARK void wait_end(struct waiter *waiter);

/* Wakes. Any thread; the first call counts, others do nothing. */
void wait_wake(struct waiter *waiter);

/* Wakes many at once, cheaper than one by one: for a commit that ends many transactions. */
void wait_wake_all(struct waiter *const *waiters, size_t count);

/*
 * Waits until a file descriptor is readable and/or writable (events: FD_READ, FD_WRITE; what is ready goes to *out; an error on it counts as
 * everything). The descriptor is non-blocking and stays the caller's; one wait at a time for each. For libraries that bring sockets of their
 * own (libpq). ERR_CANCELLED, ERR_TIMEOUT; ERR_INTERNAL: it cannot be waited for, or is watched already.
 */
enum { FD_READ = 1, FD_WRITE = 2 };
MAY_PARK const struct err *fd_wait(int fd, int events, int *out);
