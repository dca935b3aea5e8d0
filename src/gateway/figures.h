/*
 * figures.h - counts and times as a provider tells them, as far as they can be true.
 */
#pragma once

#include "json/json.h"

/*
 * What a provider counts, as far as it can be believed: a fraction rounded down, at most PROVIDER_COUNT_MAX, and `fallback` for what is below 0 or no number. Sums of some of them, and what they cost,
 * stay far from the end of an int64_t, so that no answer can give money back or break a report.
 */
#define PROVIDER_COUNT_MAX INT64_C(1000000000)
int64_t provider_count(const struct json *value, int64_t fallback);

/* Dollars as a provider tells them, in 1e-9 dollar; false: no amount that could be. */
bool provider_dollars(const struct json *value, int64_t *nanos);

/* Seconds since 1970 as a provider tells them, in microseconds; 0: none, or none of this calendar. */
int64_t provider_time_us(const struct json *seconds);
