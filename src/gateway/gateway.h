/*
 * gateway.h - a model call to one of its targets: attempt, decode, report.
 */
#pragma once

#include "gateway/provider.h"

struct attempt {
	const struct target *target;  /* the one that answered, or was tried last */
	struct usage usage;           /* as the provider reported it */
	bool began;                   /* events were sent to the sink */
	unsigned tries;
};

/*
 * Calls the targets in order until one answers; the next is tried only while nothing was sent to the sink and the failure is one that another target may not have.
 * Each try is a span below the trace's current one. A cancelled scope closes the upstream connection at once. An upstream that breaks off or ends without a finish is
 * ERR_UPSTREAM, never a clean end. `sink` has been given every event when this returns NULL.
 */
MAY_PARK const struct err *gateway_call(const struct call *call, const struct target *targets, size_t count, struct trace *trace, struct sink *sink, struct arena *arena,
	struct attempt *out);
