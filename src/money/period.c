/*
 * period.c - see period.h. Civil dates from days: Howard Hinnant, "chrono-compatible low-level date algorithms".
 */
#include "money/period.h"

#include "base/clock.h"

#define DAY_US (86400 * USEC_PER_SEC)

static const char *const names[PERIODS] = { "day", "week", "month", "total" };

const char *
period_name(enum period period)
{
	return names[period];
}

bool
period_parse(struct str name, enum period *out)
{
	for (unsigned i = 0; i < PERIODS; i++) {
		if (!str_eq_c(name, names[i]))
			continue;
		*out = (enum period)i;
		return true;
	}
	return false;
}

/* Days since 1970-01-01 of the first of a month; month counts from 0 and may be 12. */
static int64_t
days_of_month(int64_t year, int64_t month)
{
	int64_t y = year + month / 12, m = month % 12 + 1, era, year_of_era, day_of_year;

	y -= m <= 2;
	era = y / 400;
	year_of_era = y - era * 400;
	day_of_year = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5;
	return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

/* Year and month (from 0) of a day since 1970. */
static void
month_of_day(int64_t day, int64_t *year, int64_t *month)
{
	int64_t z = day + 719468, era = z / 146097, of_era = z - era * 146097;
	int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100), shifted = (5 * of_year + 2) / 153;

	*month = shifted < 10 ? shifted + 2 : shifted - 10;
	*year = year_of_era + era * 400 + (*month < 2);
}

void
period_bounds(enum period period, int64_t at_us, int64_t *starts_us, int64_t *ends_us)
{
	int64_t day = at_us / DAY_US, year, month;

	switch (period) {
	case PERIOD_DAY:
		*starts_us = day * DAY_US;
		*ends_us = *starts_us + DAY_US;
		return;
	case PERIOD_WEEK: /* 1970-01-01 was a Thursday */
		*starts_us = (day - (day + 3) % 7) * DAY_US;
		*ends_us = *starts_us + 7 * DAY_US;
		return;
	case PERIOD_MONTH:
		month_of_day(day, &year, &month);
		*starts_us = days_of_month(year, month) * DAY_US;
		*ends_us = days_of_month(year, month + 1) * DAY_US;
		return;
	case PERIOD_TOTAL:
	case PERIODS:
		*starts_us = 0;
		*ends_us = INT64_MAX;
	}
}

bool
period_day_parse(struct str text, int64_t *out)
{
	int64_t year, month, day, first;

	if (text.len != 10 || text.ptr[4] != '-' || text.ptr[7] != '-' || !str_to_i64(str_slice(text, 0, 4), &year) || !str_to_i64(str_slice(text, 5, 7), &month) ||
		!str_to_i64(str_slice(text, 8, 10), &day) || year < 1970 || month < 1 || month > 12 || day < 1)
		return false;
	first = days_of_month(year, month - 1);
	if (day > days_of_month(year, month) - first)
		return false;
	*out = (first + day - 1) * DAY_US;
	return true;
}
