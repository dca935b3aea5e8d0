/*
 * gateway.h - a model call, whole: the targets of its route are asked until one has answered.
 */
#pragma once

#include "gateway/route.h"
#include "telemetry/trace.h"

/* What an attempt that failed has cost all the same. */
struct spent {
	struct target target;
	struct usage usage;
};

struct attempt {
	struct target target;           /* the one that answered, or was tried last; kind NULL: none was asked */
	const struct conf_model *model; /* whose target that is: the one asked for, an arm of its split, or a fallback */
	struct usage usage;             /* of that target, as it reported it */
	struct spent spent[ROUTE_STEPS_MAX]; /* of those before */
	unsigned spent_count;
	bool began;                     /* events were sent to the sink */
	bool read;                      /* its provider has read the input, or may have */
	unsigned tries;
};

/*
 * Asks the targets of the route, in its order, until one has answered; see route.h. Once a part of an answer was sent to the sink, the only way on is its continuation by another
 * target, where the model has `on_broken_stream: continue`. Each try is a span below the trace's current one. A cancelled scope closes the upstream connection at once. `sink` has been
 * given every event when this returns NULL. The configuration that `spec` points into is held by the caller.
 */
MAY_PARK const struct err *gateway_call(struct gateway *gateway, const struct route_spec *spec, const struct call *call, struct trace *trace, struct sink *sink, struct arena *arena,
	struct attempt *out);
