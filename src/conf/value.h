/*
 * value.h - one setting's value as text, and as what its row says it is.
 */
#pragma once

#include "base/arena.h"
#include "base/setting.h"

/* The member that the row's type names is set: text (STRING), real (FLOAT), integer (all others; BOOL: 0 or 1, CHOICE: the index). */
struct setting_value {
	int64_t integer;
	double real;
	struct str text;
};

/*
 * Reads `text` as the row's type and checks the row's bounds (of a STRING: its length in bytes). The value's text is `text` itself. False when it does not fit: then
 * value_expected says what would.
 */
bool value_parse(const struct setting *row, struct str text, struct setting_value *out);

/* "a duration from 1s to 1h, such as 60s": what value_parse takes. */
struct str value_expected(struct arena *arena, const struct setting *row);

bool value_equal(const struct setting *row, const struct setting_value *a, const struct setting_value *b);

/* "a duration": the type alone, for the reference page. */
const char *value_type_name(enum setting_type type);
