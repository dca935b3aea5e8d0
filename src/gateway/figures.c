/*
 * figures.c - see figures.h.
 */
#include "gateway/figures.h"

int64_t
provider_count(const struct json *value, int64_t fallback)
{
	double number = json_number(value, -1);

	if (number < 0)
		return fallback;
	return number < (double)PROVIDER_COUNT_MAX ? (int64_t)number : PROVIDER_COUNT_MAX;
}

bool
provider_dollars(const struct json *value, int64_t *nanos)
{
	double dollars = json_number(value, -1);

	if (!(dollars >= 0 && dollars <= 1e6))
		return false;
	*nanos = (int64_t)(dollars * 1e9 + 0.5);
	return true;
}

int64_t
provider_time_us(const struct json *seconds)
{
	double number = json_number(seconds, 0);

	return number > 0 && number < 253402300800.0 ? (int64_t)number * 1000000 : 0; /* the year 10000 */
}
