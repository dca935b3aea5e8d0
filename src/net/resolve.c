/*
 * resolve.c - see resolve.h.
 *
 * A look-up belongs to two threads: the pool's, which writes its result and posts it to the loop, and the loop, where the fibers wait. A fiber that is cancelled goes at once: nobody waits
 * for getaddrinfo, which may take its time. When the loop ends first, the look-up is orphaned (under `orphans`), and the pool's thread frees it.
 */
#include "net/resolve.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "net/client.h"
#include "rt/pool.h"

enum { HOST_MAX = 255, KEPT_MAX = 256 };
#define KEPT_US (30 * USEC_PER_SEC)

struct kept {
	struct kept *next;
	char host[HOST_MAX + 1];
	struct resolved found; /* without ports */
	int64_t until_us;
};

struct asker {
	struct asker *next, **link;
	struct waiter waiter;
};

struct lookup {
	struct lookup *next, **link; /* of the resolver's that run */
	struct resolver *owner;      /* NULL: orphaned */
	struct loop *loop;
	struct asker *askers;
	unsigned refs;               /* fibers, and one while it runs; the loop's */
	char host[HOST_MAX + 1];
	struct resolved found;
	int result;                  /* of getaddrinfo */
};

struct resolver {
	struct kept *kept; /* the newest first */
	struct lookup *running;
};

static pthread_mutex_t orphans = PTHREAD_MUTEX_INITIALIZER;

/* Addresses of the family that comes first in the list and of the other one, in turns. */
static void
take_addresses(const struct addrinfo *list, struct resolved *out)
{
	const struct addrinfo *next[2] = { list, list };
	int first = list->ai_family, turn = 0;

	out->count = 0;
	while ((next[0] || next[1]) && out->count < RESOLVED_MAX) {
		while (next[turn] && (next[turn]->ai_family == first) != (turn == 0))
			next[turn] = next[turn]->ai_next;
		if (next[turn]) {
			struct address *address = &out->list[out->count];

			if (next[turn]->ai_family == AF_INET || next[turn]->ai_family == AF_INET6) {
				memcpy(&address->v6, next[turn]->ai_addr, next[turn]->ai_addrlen);
				address->len = next[turn]->ai_addrlen;
				out->count++;
			}
			next[turn] = next[turn]->ai_next;
		}
		turn = !turn;
	}
}

static void
lookup_unref(struct lookup *lookup)
{
	if (--lookup->refs == 0)
		free(lookup);
}

static void
keep(struct resolver *resolver, const struct lookup *lookup)
{
	struct kept *kept = mem_alloc(sizeof(*kept)), **link = &resolver->kept;

	memcpy(kept->host, lookup->host, sizeof(kept->host));
	kept->found = lookup->found;
	kept->until_us = loop_now_us(loop_current()) + KEPT_US;
	kept->next = resolver->kept;
	resolver->kept = kept;
	for (unsigned count = 0; *link; count++) {
		if (count < KEPT_MAX) {
			link = &(*link)->next;
			continue;
		}
		kept = *link;
		*link = kept->next;
		free(kept);
	}
}

/* On the loop: a look-up has ended. */
static void
lookup_ended(void *arg)
{
	struct lookup *lookup = arg;

	if (!lookup->owner) {
		free(lookup);
		return;
	}
	*lookup->link = lookup->next;
	if (lookup->next)
		lookup->next->link = lookup->link;
	if (lookup->result == 0 && lookup->found.count > 0)
		keep(lookup->owner, lookup);
	for (struct asker *asker = lookup->askers; asker; asker = asker->next)
		wait_wake(&asker->waiter);
	lookup_unref(lookup);
}

/* On a thread of the pool. */
static void
lookup_run(void *arg)
{
	struct lookup *lookup = arg;
	const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
	struct addrinfo *list = NULL;

	lookup->result = getaddrinfo(lookup->host, NULL, &hints, &list);
	if (lookup->result == 0)
		take_addresses(list, &lookup->found);
	if (list)
		freeaddrinfo(list);
	pthread_mutex_lock(&orphans);
	if (lookup->owner)
		loop_post(lookup->loop, lookup_ended, lookup);
	else
		free(lookup);
	pthread_mutex_unlock(&orphans);
}

struct resolver *
resolver_new(void)
{
	return mem_zalloc(sizeof(struct resolver));
}

void
resolver_free(struct resolver *resolver)
{
	pthread_mutex_lock(&orphans);
	for (struct lookup *lookup = resolver->running; lookup; lookup = lookup->next)
		lookup->owner = NULL;
	pthread_mutex_unlock(&orphans);
	while (resolver->kept) {
		struct kept *kept = resolver->kept;

		resolver->kept = kept->next;
		free(kept);
	}
	free(resolver);
}

static struct kept **
find_kept(struct resolver *resolver, const char *host)
{
	struct kept **link = &resolver->kept;

	while (*link && strcmp((*link)->host, host) != 0)
		link = &(*link)->next;
	return link;
}

static void
drop_kept(struct kept **link)
{
	struct kept *kept = *link;

	if (kept) {
		*link = kept->next;
		free(kept);
	}
}

/* The look-up of this name that runs, or a new one; NULL when too many wait. */
static struct lookup *
lookup_of(struct resolver *resolver, const char *host)
{
	struct lookup *lookup = resolver->running;

	while (lookup && strcmp(lookup->host, host) != 0)
		lookup = lookup->next;
	if (lookup)
		return lookup;
	lookup = mem_zalloc(sizeof(*lookup));
	lookup->owner = resolver;
	lookup->loop = loop_current();
	lookup->refs = 1;
	memcpy(lookup->host, host, strlen(host) + 1);
	if (pool_submit(client_pool(), lookup_run, lookup)) {
		free(lookup);
		return NULL;
	}
	lookup->next = resolver->running;
	lookup->link = &resolver->running;
	if (lookup->next)
		lookup->next->link = &lookup->next;
	resolver->running = lookup;
	return lookup;
}

/* Waits for a look-up; its result, or why the wait has ended. */
MAY_PARK static const struct err *
look_up(struct resolver *resolver, struct arena *arena, const char *host, int64_t timeout_us, struct resolved *out)
{
	struct lookup *lookup = lookup_of(resolver, host);
	struct asker asker;
	const struct err *err;

	if (!lookup)
		return err_new(arena, ERR_UNAVAILABLE, "too many names are being looked up");
	lookup->refs++;
	asker.next = lookup->askers;
	asker.link = &lookup->askers;
	if (asker.next)
		asker.next->link = &asker.next;
	lookup->askers = &asker;
	waiter_init(&asker.waiter);
	err = wait_for_us(&asker.waiter, timeout_us);
	*asker.link = asker.next;
	if (asker.next)
		asker.next->link = asker.link;
	if (!err && lookup->result != 0)
		err = err_detail(arena, err_new(arena, ERR_UNAVAILABLE, "the upstream's name cannot be resolved"), "%s: %s", host,
			gai_strerror(lookup->result));
	else if (!err && lookup->found.count == 0)
		err = err_new(arena, ERR_UNAVAILABLE, "the upstream's name has no address");
	else if (!err)
		*out = lookup->found;
	lookup_unref(lookup);
	return err;
}

/* An address written as text. */
static bool
literal(const char *host, struct resolved *out)
{
	struct address *address = &out->list[0];

	*address = (struct address){ .len = 0 };
	if (inet_pton(AF_INET, host, &address->v4.sin_addr) == 1) {
		address->v4.sin_family = AF_INET;
		address->len = sizeof(address->v4);
	} else if (inet_pton(AF_INET6, host, &address->v6.sin6_addr) == 1) {
		address->v6.sin6_family = AF_INET6;
		address->len = sizeof(address->v6);
	}
	out->count = address->len > 0;
	return out->count > 0;
}

MAY_PARK const struct err *
resolver_find(struct resolver *resolver, struct arena *arena, struct str host, uint16_t port, int64_t timeout_us, struct resolved *out)
{
	const struct err *err = NULL;
	struct kept **kept;
	char *name;

	if (host.len == 0 || host.len > HOST_MAX)
		return err_new(arena, ERR_UNAVAILABLE, "the upstream's name is too long");
	name = arena_cstr(arena, host);
	if (!name)
		return &err_no_memory;
	kept = find_kept(resolver, name);
	if (*kept && (*kept)->until_us < loop_now_us(loop_current()))
		drop_kept(kept);
	if (literal(name, out))
		;
	else if (*kept && strcmp((*kept)->host, name) == 0)
		*out = (*kept)->found;
	else
		err = look_up(resolver, arena, name, timeout_us, out);
	for (unsigned i = 0; i < out->count && !err; i++) {
		if (out->list[i].any.sa_family == AF_INET)
			out->list[i].v4.sin_port = htons(port);
		else
			out->list[i].v6.sin6_port = htons(port);
	}
	return err;
}

void
resolver_forget(struct resolver *resolver, struct str host)
{
	char name[HOST_MAX + 1];

	if (host.len > HOST_MAX)
		return;
	memcpy(name, host.ptr, host.len);
	name[host.len] = '\0';
	drop_kept(find_kept(resolver, name));
}
