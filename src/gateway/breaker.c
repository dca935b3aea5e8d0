/*
 * breaker.c - see breaker.h.
 */
#include "gateway/breaker.h"

enum { OPENINGS_MAX = 3 }; /* doublings of the time it stays open: eightfold */

const char *
breaker_phase_name(enum breaker_phase phase)
{
	static const char *const names[] = { [BREAKER_CLOSED] = "closed", [BREAKER_HALF_OPEN] = "half_open", [BREAKER_OPEN] = "open" };

	return names[phase];
}

enum breaker_phase
breaker_phase(const struct breaker *breaker, int64_t now_us)
{
	if (!breaker->open)
		return BREAKER_CLOSED;
	return now_us < breaker->open_until_us ? BREAKER_OPEN : BREAKER_HALF_OPEN;
}

bool
breaker_passes(const struct breaker *breaker, int64_t now_us)
{
	return !breaker->open || (now_us >= breaker->open_until_us && !breaker->probing);
}

bool
breaker_enter(struct breaker *breaker, int64_t now_us)
{
	if (!breaker->open || now_us < breaker->open_until_us || breaker->probing)
		return false;
	return breaker->probing = true;
}

int64_t
breaker_wait_us(const struct breaker *breaker, int64_t now_us)
{
	return breaker->open && now_us < breaker->open_until_us ? breaker->open_until_us - now_us : 0;
}

static void
slide(struct breaker *breaker, const struct conf_breaker *conf, int64_t now_us)
{
	int64_t half_us = conf->window_us / 2, halves = half_us > 0 ? (now_us - breaker->half_from_us) / half_us : 2;

	if (halves < 1)
		return;
	breaker->good[1] = halves == 1 ? breaker->good[0] : 0;
	breaker->bad[1] = halves == 1 ? breaker->bad[0] : 0;
	breaker->good[0] = breaker->bad[0] = 0;
	breaker->half_from_us = now_us;
}

static bool
trips(const struct breaker *breaker, const struct conf_breaker *conf)
{
	unsigned bad = breaker->bad[0] + breaker->bad[1], all = bad + breaker->good[0] + breaker->good[1];

	return conf->failures > 0 && bad >= conf->failures && bad >= conf->ratio * all;
}

static void
open_it(struct breaker *breaker, const struct conf_breaker *conf, int64_t now_us)
{
	breaker->open = true;
	breaker->open_until_us = now_us + (conf->open_us << breaker->openings);
	breaker->openings += breaker->openings < OPENINGS_MAX;
}

static void
close_it(struct breaker *breaker)
{
	*breaker = (struct breaker){ .half_from_us = breaker->half_from_us };
}

bool
breaker_report(struct breaker *breaker, const struct conf_breaker *conf, enum breaker_result result, bool probe, int64_t now_us)
{
	if (probe)
		breaker->probing = false;
	if (result == BREAKER_SAYS_NOTHING)
		return false;
	slide(breaker, conf, now_us);
	if (breaker->open) { /* the probe decides; and so does a call that passed because nothing else was left, if it went well */
		if (result == BREAKER_WENT_WELL)
			close_it(breaker);
		else if (probe)
			open_it(breaker, conf, now_us);
		return result == BREAKER_WENT_WELL;
	}
	if (result == BREAKER_WENT_WELL) {
		breaker->good[0]++;
		return false;
	}
	breaker->bad[0]++;
	if (!trips(breaker, conf))
		return false;
	open_it(breaker, conf, now_us);
	return true;
}
