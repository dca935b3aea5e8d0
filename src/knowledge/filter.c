/*
 * filter.c - checks a filter once, then reads it for each document.
 */
#include "knowledge/filter.h"

#include "json/json.h"

enum op { OP_EQ, OP_NE, OP_GT, OP_GTE, OP_LT, OP_LTE, OP_IN, OP_NIN, OP_AND, OP_OR, OPS };
static const char *const op_names[OPS] = { "eq", "ne", "gt", "gte", "lt", "lte", "in", "nin", "and", "or" };

static enum op
op_of(const struct json *filter)
{
	struct str type = json_get_string(filter, "type");
	enum op op = OP_EQ;

	while (op < OPS && !(type.ptr && str_eq_c(type, op_names[op])))
		op++;
	return op;
}

static bool
is_scalar(const struct json *value)
{
	return json_is(value, JSON_STRING) || json_is(value, JSON_INT) || json_is(value, JSON_REAL) || json_is(value, JSON_BOOL);
}

struct check {
	struct arena *arena;
	unsigned nodes;
};

static const struct err *
wrong(const struct check *check, const char *what)
{
	return err_param(check->arena, ERR_INVALID, "filters", "invalid_filter", "invalid filter: %s", what);
}

static const struct err *
check_comparison(const struct check *check, const struct json *filter, enum op op)
{
	const struct json *value = json_get(filter, "value");

	if (!json_is(json_get(filter, "key"), JSON_STRING))
		return wrong(check, "a comparison has a \"key\", a string");
	if (op != OP_IN && op != OP_NIN)
		return is_scalar(value) ? NULL : wrong(check, "a comparison has a \"value\": a string, a number or a boolean");
	if (!json_is(value, JSON_ARRAY) || json_count(value) > FILTER_VALUES_MAX)
		return wrong(check, "\"in\" and \"nin\" have a \"value\": a list of at most 1000 strings, numbers or booleans");
	for (struct json_iter it = json_iter(value); json_next(&it);)
		if (!is_scalar(it.value))
			return wrong(check, "a list of values holds strings, numbers and booleans");
	return NULL;
}

static const struct err *
check_node(struct check *check, const struct json *filter, unsigned depth)
{
	enum op op = op_of(filter);
	const struct json *filters = json_get(filter, "filters");
	const struct err *err = NULL;

	if (op == OPS)
		return wrong(check, "\"type\" is one of eq, ne, gt, gte, lt, lte, in, nin, and, or");
	if (depth == FILTER_DEPTH_MAX)
		return wrong(check, "nested more than 8 deep");
	if (++check->nodes > FILTER_NODES_MAX)
		return wrong(check, "more than 256 conditions");
	if (op != OP_AND && op != OP_OR)
		return check_comparison(check, filter, op);
	if (!json_is(filters, JSON_ARRAY) || json_count(filters) == 0)
		return wrong(check, "\"and\" and \"or\" have \"filters\", a list that is not empty");
	for (struct json_iter it = json_iter(filters); !err && json_next(&it);)
		err = check_node(check, it.value, depth + 1);
	return err;
}

const struct err *
filter_check(struct arena *arena, const struct json *filter)
{
	struct check check = { .arena = arena };

	return check_node(&check, filter, 0);
}

/* -1, 0, 1; 2 where the values do not compare. */
static int
compare(const struct json *a, const struct json *b)
{
	enum json_type x = json_type(a), y = json_type(b);

	if (x == JSON_STRING && y == JSON_STRING) {
		int order = str_cmp(json_string(a), json_string(b));

		return order < 0 ? -1 : order > 0;
	}
	if (x == JSON_BOOL && y == JSON_BOOL)
		return (int)json_bool(a, false) - (int)json_bool(b, false);
	if (x == JSON_INT && y == JSON_INT) {
		int64_t i = json_int(a, 0), j = json_int(b, 0);

		return i < j ? -1 : i > j;
	}
	if ((x == JSON_INT || x == JSON_REAL) && (y == JSON_INT || y == JSON_REAL)) {
		double i = json_number(a, 0), j = json_number(b, 0);

		return i < j ? -1 : i > j;
	}
	return 2;
}

static bool
among(const struct json *value, const struct json *list)
{
	for (struct json_iter it = json_iter(list); json_next(&it);)
		if (compare(value, it.value) == 0)
			return true;
	return false;
}

static bool
comparison_matches(enum op op, const struct json *attribute, const struct json *value)
{
	int order = op == OP_IN || op == OP_NIN ? 0 : compare(attribute, value);

	switch (op) {
	case OP_EQ:
		return order == 0;
	case OP_NE:
		return order != 0;
	case OP_GT:
		return order == 1;
	case OP_GTE:
		return order == 0 || order == 1;
	case OP_LT:
		return order == -1;
	case OP_LTE:
		return order == 0 || order == -1;
	case OP_IN:
		return among(attribute, value);
	case OP_NIN:
		return !among(attribute, value);
	default:
		return false;
	}
}

bool
filter_matches(const struct json *filter, const struct json *attributes)
{
	enum op op = op_of(filter);

	if (op != OP_AND && op != OP_OR)
		return comparison_matches(op, json_get_str(attributes, json_get_string(filter, "key")), json_get(filter, "value"));
	for (struct json_iter it = json_iter(json_get(filter, "filters")); json_next(&it);)
		if (filter_matches(it.value, attributes) == (op == OP_OR))
			return op == OP_OR;
	return op == OP_AND;
}
