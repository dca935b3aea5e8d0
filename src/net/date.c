/*
 * date.c - HTTP dates (RFC 9110, section 5.6.7): "Sun, 06 Nov 1994 08:49:37 GMT", and the two forms of before that a recipient must read all the same.
 */
#include "net/http.h"

#include "base/clock.h"

/* Cuts `text` off the front; false when it is not there. */
static bool
take(struct str *rest, const char *text)
{
	if (!str_starts(*rest, str_of(text)))
		return false;
	*rest = str_slice(*rest, strlen(text), rest->len);
	return true;
}

/* Exactly so many digits; a leading blank stands for a zero in the form of asctime(). */
static bool
take_number(struct str *rest, unsigned digits, bool blank, int *out)
{
	*out = 0;
	for (unsigned i = 0; i < digits; i++) {
		char c = i < rest->len ? rest->ptr[i] : '\0';

		if (c == ' ' && blank && i == 0)
			c = '0';
		if (c < '0' || c > '9')
			return false;
		*out = *out * 10 + (c - '0');
	}
	*rest = str_slice(*rest, digits, rest->len);
	return true;
}

/* One of the names, by its index. */
static bool
take_name(struct str *rest, const char *const *names, int count, int *out)
{
	for (*out = 0; *out < count; (*out)++)
		if (take(rest, names[*out]))
			return true;
	return false;
}

static bool
take_month(struct str *rest, int *out)
{
	static const char *const names[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

	return take_name(rest, names, COUNT(names), out);
}

static bool
take_time(struct str *rest, int *hour, int *minute, int *second)
{
	return take_number(rest, 2, false, hour) && take(rest, ":") && take_number(rest, 2, false, minute) && take(rest, ":") && take_number(rest, 2, false, second);
}

/* Days since 1970-01-01 of a day of the Gregorian calendar: years begin in March, so that the leap day is the last (Fliegel and Van Flandern's idea). */
static int64_t
days_of(int year, int month, int day)
{
	int64_t y = month < 2 ? year - 1 : year, m = (month + 10) % 12;

	return y * 365 + y / 4 - y / 100 + y / 400 + (m * 306 + 5) / 10 + day - 1 - 719468;
}

/* Two digits: the year of this or the last century that is not over 50 years ahead. */
static int
whole_year(int year)
{
	int now = 1970 + (int)(clock_wall_us() / USEC_PER_SEC / 31556952), found = now / 100 * 100 + year;

	return found > now + 50 ? found - 100 : found;
}

bool
http_date_parse(struct str text, int64_t *wall_us)
{
	static const char *const days[] = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun" };
	static const char *const ends[] = { "day", "sday", "nesday", "rsday", "urday" }; /* of the whole names */
	struct str rest = str_trim(text);
	int weekday, day, month, year, hour, minute, second, end;
	bool good = take_name(&rest, days, COUNT(days), &weekday);

	if (good && take(&rest, ", ")) { /* IMF-fixdate */
		good = take_number(&rest, 2, false, &day) && take(&rest, " ") && take_month(&rest, &month) && take(&rest, " ") && take_number(&rest, 4, false, &year) &&
			take(&rest, " ") && take_time(&rest, &hour, &minute, &second) && take(&rest, " GMT");
	} else if (good && take(&rest, " ")) { /* asctime */
		good = take_month(&rest, &month) && take(&rest, " ") && take_number(&rest, 2, true, &day) && take(&rest, " ") && take_time(&rest, &hour, &minute, &second) &&
			take(&rest, " ") && take_number(&rest, 4, false, &year);
	} else if (good) { /* RFC 850 */
		good = take_name(&rest, ends, COUNT(ends), &end) && take(&rest, ", ") && take_number(&rest, 2, false, &day) && take(&rest, "-") && take_month(&rest, &month) &&
			take(&rest, "-") && take_number(&rest, 2, false, &year) && take(&rest, " ") && take_time(&rest, &hour, &minute, &second) && take(&rest, " GMT");
		year = good ? whole_year(year) : 0;
	}
	if (!good || rest.len || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60)
		return false;
	*wall_us = (days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second) * USEC_PER_SEC;
	return true;
}
