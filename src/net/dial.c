/*
 * dial.c - see dial.h.
 *
 * One fiber waits for all attempts at once: each has a watch that notes its outcome and wakes the fiber. An attempt that is refused makes room for the next at once; one that stays silent, as
 * behind a broken IPv6 path, does so after a moment, and may still win.
 */
#include "net/dial.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "rt/watch.h"

#define NEXT_US (250 * USEC_PER_MS)

struct attempt {
	struct race *race;
	struct watch *watch;
	int fd; /* -1: over */
};

struct race {
	struct waiter *waiter; /* the fiber, while it waits */
	struct attempt attempts[RESOLVED_MAX];
	unsigned begun, running;
	int fd;    /* connected; -1 */
	int error; /* of the last attempt that failed */
};

static void
attempt_end(struct attempt *attempt, bool keep)
{
	if (attempt->fd < 0)
		return;
	watch_free(attempt->watch);
	if (!keep)
		close(attempt->fd);
	attempt->fd = -1;
	attempt->race->running--;
}

/* On the loop: the attempt has come to something. */
static void
attempt_ready(void *arg, int events)
{
	struct attempt *attempt = arg;
	struct race *race = attempt->race;
	int error = 0;
	socklen_t len = sizeof(error);

	(void)events;
	getsockopt(attempt->fd, SOL_SOCKET, SO_ERROR, &error, &len);
	if (error == 0 && race->fd < 0) {
		race->fd = attempt->fd;
		attempt_end(attempt, true);
	} else {
		race->error = error ? error : race->error;
		attempt_end(attempt, false);
	}
	if (race->waiter)
		wait_wake(race->waiter);
}

static void
attempt_begin(struct race *race, const struct address *address)
{
	struct attempt *attempt = &race->attempts[race->begun++];
	int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;

	*attempt = (struct attempt){ .race = race, .fd = -1 };
	if (fd < 0) {
		race->error = errno;
		return;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, &address->any, address->len) == 0) {
		race->fd = fd;
		return;
	}
	race->error = errno;
	attempt->watch = errno == EINPROGRESS ? watch_new(fd, attempt_ready, attempt) : NULL;
	if (!attempt->watch) {
		close(fd);
		return;
	}
	attempt->fd = fd;
	race->running++;
	watch_set(attempt->watch, FD_WRITE);
}

MAY_PARK static const struct err *
race_wait(struct race *race, int64_t until_us)
{
	int64_t now_us = loop_now_us(loop_current());
	struct waiter waiter;
	const struct err *err;

	waiter_init(&waiter);
	race->waiter = &waiter;
	err = wait_for_us(&waiter, until_us > now_us ? until_us - now_us : 0);
	race->waiter = NULL;
	return err && err->kind == ERR_TIMEOUT ? scope_check() : err; /* our own time is looked at by who asks */
}

/* Skips what may not be reached. NULL: there is no further address. */
static const struct address *
next_address(const struct resolved *addresses, unsigned *next, bool public_only, bool *forbidden)
{
	while (*next < addresses->count) {
		const struct address *address = &addresses->list[(*next)++];

		if (!public_only || address_is_public(&address->any))
			return address;
		*forbidden = true;
	}
	return NULL;
}

static const struct err *
failure(struct arena *arena, const struct race *race, bool forbidden, bool late)
{
	if (forbidden && race->begun == 0)
		return err_new(arena, ERR_FORBIDDEN, "the address of this URL is not public");
	return err_detail(arena, err_new(arena, ERR_UNAVAILABLE, "the upstream cannot be reached"), "%s",
		late ? "connecting took too long" : strerror(race->error));
}

MAY_PARK const struct err *
dial(struct arena *arena, const struct resolved *addresses, bool public_only, int64_t timeout_us, int *fd)
{
	int64_t until_us = loop_now_us(loop_current()) + timeout_us, next_us = 0, now_us;
	struct race race = { .fd = -1 };
	const struct address *address;
	const struct err *err = NULL;
	bool forbidden = false, late = false;
	unsigned next = 0;

	address = next_address(addresses, &next, public_only, &forbidden);
	while (!err && race.fd < 0 && !late && (address || race.running > 0)) {
		now_us = loop_now_us(loop_current());
		if (address && (race.running == 0 || now_us >= next_us)) {
			attempt_begin(&race, address);
			address = next_address(addresses, &next, public_only, &forbidden);
			next_us = now_us + NEXT_US;
		} else {
			err = race_wait(&race, address && next_us < until_us ? next_us : until_us);
		}
		late = race.fd < 0 && loop_now_us(loop_current()) >= until_us;
	}
	for (unsigned i = 0; i < race.begun; i++)
		attempt_end(&race.attempts[i], false);
	if (err && race.fd >= 0)
		close(race.fd);
	if (!err && race.fd < 0)
		err = failure(arena, &race, forbidden, late);
	*fd = err ? -1 : race.fd;
	return err;
}
