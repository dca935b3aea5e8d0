/*
 * value.c - texts to typed values and back to words about them. See value.h.
 */
#include "conf/value.h"

#include "base/clock.h"

#include <math.h>

struct unit {
	const char *name;
	int64_t factor;
};

static const struct unit byte_units[] = {
	{ "B", 1 },
	{ "KiB", 1 << 10 },
	{ "MiB", 1 << 20 },
	{ "GiB", 1 << 30 },
	{ "TiB", INT64_C(1) << 40 },
	{ NULL, 0 },
};

static const struct unit duration_units[] = {
	{ "us", 1 },
	{ "ms", USEC_PER_MS },
	{ "s", USEC_PER_SEC },
	{ "m", 60 * USEC_PER_SEC },
	{ "h", 3600 * USEC_PER_SEC },
	{ "d", 86400 * USEC_PER_SEC },
	{ NULL, 0 },
};

/* "8MiB", "1.5s". A bare number has the factor of `bare`, or is refused when that is 0 (a bare 0 is always understood). */
static bool
parse_units(struct str text, const struct unit *units, int64_t bare, int64_t *out)
{
	size_t digits = 0;
	struct str unit;
	int64_t factor = bare;
	double number;

	while (digits < text.len && ((text.ptr[digits] >= '0' && text.ptr[digits] <= '9') || text.ptr[digits] == '.'))
		digits++;
	unit = str_trim(str_slice(text, digits, text.len));
	if (digits > 20 || !str_to_f64(str_slice(text, 0, digits), &number))
		return false;
	if (unit.len > 0) {
		const struct unit *at = units;

		while (at->name && !str_eq_c(unit, at->name))
			at++;
		factor = at->factor;
	}
	if (factor == 0 && number > 0)
		return false;
	number *= (double)factor;
	if (number > 9e15)
		return false;
	*out = (int64_t)(number + 0.5);
	return true;
}

static bool
parse_bool(struct str text, int64_t *out)
{
	*out = str_eq_c(text, "true");
	return *out || str_eq_c(text, "false");
}

static bool
parse_choice(const char *const *choices, struct str text, int64_t *out)
{
	for (*out = 0; choices[*out]; ++*out)
		if (str_eq_c(text, choices[*out]))
			return true;
	return false;
}

/* The type alone, without bounds. */
static bool
parse_type(const struct setting *row, struct str text, struct setting_value *out)
{
	*out = (struct setting_value){ .text = text };
	switch (row->type) {
	case SETTING_STRING:
		return true;
	case SETTING_BOOL:
		return parse_bool(text, &out->integer);
	case SETTING_INT:
		return str_to_i64(text, &out->integer);
	case SETTING_FLOAT:
		return str_to_f64(text, &out->real) && isfinite(out->real);
	case SETTING_BYTES:
		return parse_units(text, byte_units, 1, &out->integer);
	case SETTING_DURATION:
		return parse_units(text, duration_units, 0, &out->integer);
	case SETTING_CHOICE:
		return parse_choice(row->choices, text, &out->integer);
	}
	return false;
}

/* What a bound is compared with. The bound of a string is a number of bytes. */
static double
magnitude(const struct setting *row, const struct setting_value *value)
{
	if (row->type == SETTING_STRING)
		return (double)value->text.len;
	return row->type == SETTING_FLOAT ? value->real : (double)value->integer;
}

static double
bound(const struct setting *row, const char *text, double none)
{
	struct setting_value value;
	double number = none;

	if (!text)
		return none;
	if (row->type == SETTING_STRING)
		return str_to_f64(str_of(text), &number) ? number : none;
	return parse_type(row, str_of(text), &value) ? magnitude(row, &value) : none;
}

bool
value_parse(const struct setting *row, struct str text, struct setting_value *out)
{
	double size;

	if (!parse_type(row, text, out))
		return false;
	if (row->check && !str_eq(text, str_of(row->initial)) && !row->check(text))
		return false;
	size = magnitude(row, out);
	return size >= bound(row, row->min, -INFINITY) && size <= bound(row, row->max, INFINITY);
}

const char *
value_type_name(enum setting_type type)
{
	static const char *const names[] = {
		[SETTING_STRING] = "text",
		[SETTING_BOOL] = "true or false",
		[SETTING_INT] = "a whole number",
		[SETTING_FLOAT] = "a number",
		[SETTING_BYTES] = "a size",
		[SETTING_DURATION] = "a duration",
		[SETTING_CHOICE] = "one of",
	};

	return names[type];
}

static struct str
range_text(struct arena *arena, const struct setting *row)
{
	const char *unit = row->type == SETTING_STRING ? " bytes" : "";

	if (row->min && row->max)
		return arena_printf(arena, " from %s to %s%s", row->min, row->max, unit);
	if (row->min)
		return arena_printf(arena, " of at least %s%s", row->min, unit);
	if (row->max)
		return arena_printf(arena, " of at most %s%s", row->max, unit);
	return STR_EMPTY;
}

static struct str
choices_text(struct arena *arena, const struct setting *row)
{
	struct str list = STR_EMPTY;

	for (size_t i = 0; row->choices[i]; i++)
		list = arena_printf(arena, "%" STR_F "%s%s", STR_A(list), i ? ", " : "one of ", row->choices[i]);
	return list;
}

struct str
value_expected(struct arena *arena, const struct setting *row)
{
	const char *example = "";

	if (row->type == SETTING_CHOICE)
		return choices_text(arena, row);
	if (row->wants)
		return str_of(row->wants);
	if (row->type == SETTING_DURATION)
		example = ", such as 250ms, 60s, 5m, 1h or 30d";
	else if (row->type == SETTING_BYTES)
		example = ", such as 65536, 64KiB, 8MiB or 1GiB";
	return arena_printf(arena, "%s%" STR_F "%s", value_type_name(row->type), STR_A(range_text(arena, row)), example);
}

bool
value_equal(const struct setting *row, const struct setting_value *a, const struct setting_value *b)
{
	if (row->type == SETTING_STRING)
		return str_eq(a->text, b->text);
	return row->type == SETTING_FLOAT ? a->real == b->real : a->integer == b->integer;
}
