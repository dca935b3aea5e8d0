/*
 * period.h - the periods of budgets: days, weeks from Monday, months, all time; in UTC.
 */
#pragma once

#include "base/str.h"

enum period { PERIOD_DAY, PERIOD_WEEK, PERIOD_MONTH, PERIOD_TOTAL, PERIODS };

/* "day", "week", "month", "total". */
const char *period_name(enum period period);
bool period_parse(struct str name, enum period *out);

/* The period that holds an instant: from *starts_us to just before *ends_us (INT64_MAX for all time, which starts at 0). */
void period_bounds(enum period period, int64_t at_us, int64_t *starts_us, int64_t *ends_us);

/* "2026-11-28" as the microsecond at which that day begins in UTC; false for anything else. Years 1970 to 9999. */
bool period_day_parse(struct str text, int64_t *out);
