/*
 * watch.h - a callback on the loop whenever a file descriptor is ready, for as long as it is watched.
 *
 * For code that owns descriptors for long: streams, listeners, libraries that bring sockets of their own. A fiber that waits once for a
 * descriptor uses fd_wait. Level-triggered: the callback comes again while the descriptor stays ready.
 */
#pragma once

#include "rt/wait.h"

enum { FD_HANGUP = 4 }; /* beside FD_READ and FD_WRITE: the peer has shut down its side, however much is still unread */

struct watch;

/*
 * Watches nothing yet, on the calling thread's loop. fn runs on the loop, outside any fiber; `events` is what is ready of what was asked for.
 * An error on the descriptor is told as everything that was asked for, plus FD_HANGUP, once; then nothing is watched any more.
 * NULL when the descriptor cannot be watched (a regular file, or one that is watched already). The descriptor stays the caller's.
 */
struct watch *watch_new(int fd, void (*fn)(void *arg, int events), void *arg);

/* What to watch from now on; 0 for nothing. Costs system calls when it differs from before. */
void watch_set(struct watch *watch, int events);
int watch_events(const struct watch *watch);

/* No callback from here on; the descriptor may be closed right after. NULL is allowed. */
void watch_free(struct watch *watch);
