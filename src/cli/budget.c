/*
 * budget.c - `corbel budget create|ls|show|update|close`.
 */
#include "base/dollars.h"
#include "cli/commands.h"
#include "cli/policy_args.h"
#include "cli/term.h"

#include <stdio.h>

enum { BODY_MAX = 16 * 1024 };

#define BUDGETS "/admin/v1/budgets"
#define NANOS_A_DOLLAR INT64_C(1000000000)
#define DOLLARS_MAX INT64_C(1000000000)

bool
term_dollars_parse(struct str text, bool sign, int64_t *nanos)
{
	bool below = sign && str_starts(text, STR("-"));
	struct str number = str_slice(text, below, text.len);
	size_t point = str_find_byte(number, '.', 0);
	struct str whole = str_slice(number, 0, point), part = point == SIZE_MAX ? STR_EMPTY : str_slice(number, point + 1, number.len);
	int64_t value = 0, fraction = 0;

	if (!str_to_i64(whole, &value) || value < 0 || value > DOLLARS_MAX || part.len > 9 || (point != SIZE_MAX && !part.len))
		return false;
	for (size_t i = 0; i < 9; i++) {
		char digit = i < part.len ? part.ptr[i] : '0';

		if (digit < '0' || digit > '9')
			return false;
		fraction = fraction * 10 + (digit - '0');
	}
	*nanos = (below ? -1 : 1) * (value * NANOS_A_DOLLAR + fraction);
	return true;
}

/* What create and update have in common. False: has told what is wrong. */
static bool
put_common(struct json_out *json, struct args *args)
{
	struct str amount = args_get(args, "amount"), alerts = args_get(args, "alert"), piece;
	int64_t number;

	if (amount.ptr && (!term_dollars_parse(amount, false, &number) || number == 0)) {
		term_error("--amount: expected US dollars above 0 with at most 9 decimals, such as 12.50");
		return false;
	}
	if (amount.ptr)
		json_set_int(json, "limit_nanodollars", number);
	if (!alerts.ptr)
		return true;
	json_set_array(json, "alerts");
	while (!str_eq_c(alerts, "none") && str_split(&alerts, ',', &piece)) {
		if (!str_to_i64(str_trim(piece), &number)) {
			term_error("--alert: expected percents separated by commas, or none");
			return false;
		}
		json_put_int(json, number);
	}
	json_end_array(json);
	return true;
}

static struct str
holder_of(struct arena *arena, const struct json *budget)
{
	struct str kind = json_get_string(budget, "holder_kind"), holder = json_get_string(budget, "holder");

	if (holder.ptr)
		return arena_printf(arena, "%" STR_F " %" STR_F, STR_A(kind), STR_A(holder));
	return str_eq_c(kind, "user") ? STR("each user") : kind;
}

static struct str
state_of(const struct json *budget)
{
	return json_int(json_get(budget, "closed_us"), 0) ? STR("closed") : STR("open");
}

static struct str
nanos_of(struct arena *arena, const struct json *object, const char *member)
{
	return dollars_text(arena, json_int(json_get(object, member), 0));
}

static void
budget_print(struct args *args, const struct json *budget)
{
	struct arena *arena = args->arena;
	const struct json *current = json_get(budget, "current");
	const struct show_line lines[] = { { "id", json_get_string(budget, "id") }, { "name", json_get_string(budget, "name") },
		{ "state", state_of(budget) }, { "of", holder_of(arena, budget) },
		{ "period", json_get_string(budget, "period") }, { "limit", nanos_of(arena, budget, "limit_nanodollars") },
		{ "spent", nanos_of(arena, current, "spent_nanodollars") }, { "held", nanos_of(arena, current, "held_nanodollars") },
		{ "resets", term_time(arena, json_int(json_get(current, "ends_us"), 0)) } };

	show_lines(lines, COUNT(lines), 8);
}

static MAY_PARK int
budget_create_call(struct client *client, struct args *args)
{
	static const char *const holders[] = { "team", "key-id", "user" };
	static const char *const members[] = { "team", "key", "user" };
	struct str period = args_get(args, "period");
	struct json_out json;
	struct buf body;

	if (!args_has(args, "amount"))
		return term_error("--amount is needed: US dollars a period"), EXIT_USAGE;
	buf_init(&body, args->arena, BODY_MAX);
	json_out_init(&json, &body);
	json_begin_object(&json);
	json_set_string(&json, "name", args->list[0]);
	json_set_string(&json, "period", period.ptr ? period : STR("month"));
	for (size_t i = 0; i < COUNT(holders); i++)
		if (args_has(args, holders[i]))
			json_set_string(&json, members[i], args_get(args, holders[i]));
	if (args_has(args, "each-user"))
		json_set_null(&json, "user");
	if (!put_common(&json, args))
		return EXIT_USAGE;
	json_end_object(&json);
	return show_object(client, args, HTTP_POST, tenant_path(args, STR(BUDGETS), STR_EMPTY), buf_str(&body), budget_print);
}

static void
budget_row(struct table *table, struct arena *arena, const struct json *budget)
{
	const struct json *current = json_get(budget, "current");

	table_add(table, (struct str[]){
				 json_get_string(budget, "id"),
				 state_of(budget),
				 holder_of(arena, budget),
				 json_get_string(budget, "period"),
				 nanos_of(arena, budget, "limit_nanodollars"),
				 nanos_of(arena, current, "spent_nanodollars"),
				 nanos_of(arena, current, "held_nanodollars"),
				 term_time(arena, json_int(json_get(current, "ends_us"), 0)),
				 json_get_string(budget, "name"),
			 });
}

static MAY_PARK int
budget_ls_call(struct client *client, struct args *args)
{
	static const char *const titles[] = { "ID", "STATE", "OF", "PERIOD", "LIMIT", "SPENT", "HELD", "RESETS", "NAME", NULL };

	return show_list(client, args, tenant_path(args, STR(BUDGETS), page_query(args)), titles, budget_row);
}

static struct str
budget_path(struct args *args)
{
	return tenant_object_path(args, BUDGETS, args->list[0]);
}

static MAY_PARK int
budget_show_call(struct client *client, struct args *args)
{
	return show_object(client, args, HTTP_GET, budget_path(args), STR_EMPTY, budget_print);
}

static MAY_PARK int
budget_update_call(struct client *client, struct args *args)
{
	struct str name = args_get(args, "name");
	struct json_out json;
	struct buf body;

	buf_init(&body, args->arena, BODY_MAX);
	json_out_init(&json, &body);
	json_begin_object(&json);
	if (name.ptr)
		json_set_string(&json, "name", name);
	if (!put_common(&json, args))
		return EXIT_USAGE;
	json_end_object(&json);
	return show_object(client, args, HTTP_PATCH, budget_path(args), buf_str(&body), budget_print);
}

static MAY_PARK int
budget_close_call(struct client *client, struct args *args)
{
	int exit_code;

	if (client_send(client, args, HTTP_DELETE, budget_path(args), STR_EMPTY, &exit_code))
		printf("%" STR_F " closed\n", STR_A(args->list[0]));
	return exit_code;
}

#define AMOUNT_OPTIONS                                                                                                                     \
	{ "amount", 0, "DOLLARS", "US dollars a period, with at most 9 decimals." },                                                       \
		{ "alert", 0, "PERCENT,...", "Tell in the log and in corbel_budget_alerts_total when so much is spent; or none. Else 80,100." }

static const struct option create_options[] = {
	AMOUNT_OPTIONS,
	{ "period", 0, "PERIOD", "day, week (from Monday), month or total, in UTC. Else month." },
	{ "team", 0, "TEAM", "Of this team, by id or name. Without team, key or user it is the tenant's." },
	{ "key-id", 0, "ID", "Of this key." },
	{ "user", 0, "NAME", "Of this end user." },
	{ "each-user", 0, NULL, "Of each end user for himself." },
	TENANT_OPTION,
	{ NULL, 0, NULL, NULL },
};

static const struct option update_options[] = { { "name", 0, "NAME", "A new name." }, AMOUNT_OPTIONS, TENANT_OPTION, { NULL, 0, NULL, NULL } };
static const struct option ls_options[] = { { "after", 0, "ID", "Go on after this one." }, TENANT_OPTION, { NULL, 0, NULL, NULL } };
static const struct option tenant_options[] = { TENANT_OPTION, { NULL, 0, NULL, NULL } };

CLIENT_COMMAND(budget, create, "NAME", 1, 1, create_options, budget_create_call, "Make a budget",
	"Counts the calls that begin after it was made. A call that could overrun it is refused before it goes upstream, with 402.");
CLIENT_COMMAND(budget, ls, "", 0, 0, ls_options, budget_ls_call, "List the budgets",
	"The newest first, with what the current period has spent and what calls in flight hold.");
CLIENT_COMMAND(budget, show, "BUDGET", 1, 1, tenant_options, budget_show_call, "Show a budget",
	"By id or name.");
CLIENT_COMMAND(budget, update, "BUDGET", 1, 1, update_options, budget_update_call, "Change a budget",
	"What is not given stays as it is. In force on every node within a second.");
CLIENT_COMMAND(budget, close, "BUDGET", 1, 1, tenant_options, budget_close_call, "Close a budget",
	"It binds nobody any more, and stays on record.");
