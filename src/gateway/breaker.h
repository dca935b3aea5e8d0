/*
 * breaker.h - a circuit breaker: a target that keeps failing is left alone for a while, then tried by one call.
 *
 * Closed, calls pass and are counted in a sliding window of two halves. Open, none passes. When that time is over it is half open: one call passes as a probe, and decides.
 * No clock and no lock of its own: the caller gives the time and holds the lock.
 */
#pragma once

#include "conf/routing.h"

enum breaker_phase { BREAKER_CLOSED, BREAKER_HALF_OPEN, BREAKER_OPEN };
enum breaker_result { BREAKER_WENT_WELL, BREAKER_FAILED, BREAKER_SAYS_NOTHING };

struct breaker {
	unsigned good[2], bad[2];  /* of this half of the window and of the one before */
	int64_t half_from_us;      /* when this half began */
	bool open, probing;
	int64_t open_until_us;
	unsigned openings;         /* in a row, without a success between them */
};

/* For people and metrics. */
enum breaker_phase breaker_phase(const struct breaker *breaker, int64_t now_us);
const char *breaker_phase_name(enum breaker_phase phase);

/* Whether a call may pass: closed, or half open and nobody is probing. */
bool breaker_passes(const struct breaker *breaker, int64_t now_us);

/* A call passes. True: it is the probe, which its result must be reported with. */
bool breaker_enter(struct breaker *breaker, int64_t now_us);

/* How a call ended. True when the breaker has opened or closed by that. */
bool breaker_report(struct breaker *breaker, const struct conf_breaker *conf, enum breaker_result result, bool probe, int64_t now_us);

/* Until a probe may pass; 0 when one may. */
int64_t breaker_wait_us(const struct breaker *breaker, int64_t now_us);
