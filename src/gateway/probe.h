/*
 * probe.h - whether a provider answers: one small call, past routes, queues and breakers.
 */
#pragma once

#include "gateway/provider.h"
#include "telemetry/trace.h"

struct probe {
	const struct err *err;     /* NULL: it answered */
	enum failure_cause cause;
	const char *advice;        /* what to do about it; NULL when it answered */
	struct str text;           /* the answer, cut */
	struct usage usage;
	int64_t first_us, whole_us; /* until the first piece of the answer, and until its end */
};

/* Asks `model` (its name at the provider) for a few words, for at most 30 s. What comes out lies in the arena. It is on no record and counts against no budget. */
MAY_PARK void probe_run(const struct conf_provider *provider, struct str model, struct trace *trace, struct arena *arena, struct probe *out);
