/*
 * resolve.h - names to addresses, without holding up the loop: the system's resolver runs on a pool's threads, and what it found is kept for a while.
 *
 * One resolver per loop. Fibers that ask for the same name at once share one look-up.
 */
#pragma once

#include "net/address.h"
#include "rt/wait.h"

enum { RESOLVED_MAX = 16 };

struct resolved {
	struct address list[RESOLVED_MAX]; /* in the order in which to try them; families take turns (RFC 8305) */
	unsigned count;
};

struct resolver;

struct resolver *resolver_new(void);

/* No fiber waits for it any more; look-ups that still run are left to end by themselves. */
void resolver_free(struct resolver *resolver);

/*
 * The addresses of a host: a name, or an address as text (IPv6 without brackets), which is not looked up. ERR_UNAVAILABLE (in arena): it has none, or too many look-ups wait;
 * ERR_TIMEOUT after timeout_us; ERR_CANCELLED.
 */
MAY_PARK const struct err *resolver_find(
	struct resolver *resolver, struct arena *arena, struct str host, uint16_t port, int64_t timeout_us, struct resolved *out);

/* What is kept of this host led nowhere: ask again the next time. */
void resolver_forget(struct resolver *resolver, struct str host);
