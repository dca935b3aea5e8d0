/*
 * usage.c - `corbel usage report|reprice|correct`, `corbel price import|ls`.
 */
#include "base/dollars.h"
#include "cli/commands.h"
#include "cli/policy_args.h"
#include "cli/term.h"
#include "money/period.h"

#include "base/clock.h"

#include <errno.h>
#include <stdio.h>

/* How many of `members` the table for people shows; CSV has all. */
enum { SHOWN = 6 };

enum { TABLE_BYTES_MAX = 16 * 1024 * 1024 };

bool
day_option(struct args *args, const char *option, int64_t initial, int64_t *out)
{
	struct str text = args_get(args, option);

	*out = initial;
	if (!text.ptr || period_day_parse(text, out))
		return true;
	term_error("--%s: expected a day such as 2026-11-28", option);
	return false;
}

/* --- usage report --- */

static const char *const members[] = { "calls", "input_tokens", "cached_input_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens", "audio_input_tokens",
	"audio_output_tokens", "images", "search_units", "cached_audio_tokens", "image_input_tokens", "image_output_tokens", "web_searches", "cache_write_1h_tokens",
	"citation_tokens", "web_searches_low", "web_searches_high", "corrections_nanodollars", NULL };

/* A cell of a CSV file (RFC 4180); one that a spreadsheet would take for a formula is kept from being one. */
static void
csv_cell(struct str text)
{
	/* with the wide ones of East Asian keyboards, which spreadsheets take for the same */
	static const char *const beginnings[] = { "=", "+", "-", "@", "\t", "\r", "\n", "\xef\xbc\x9d", "\xef\xbc\x8b", "\xef\xbc\x8d", "\xef\xbc\xa0" };
	bool formula = false;

	for (size_t i = 0; i < COUNT(beginnings); i++)
		formula = formula || str_starts(text, str_of(beginnings[i]));
	putchar('"');
	if (formula)
		putchar('\'');
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == '"')
			putchar('"');
		putchar(text.ptr[i]);
	}
	putchar('"');
}

static void
print_csv(const struct json *answer)
{
	static const char *const last[] = { "amount_nanodollars", "saved_tokens", "saved_nanodollars", "reported_calls", "reported_nanodollars" };

	printf("%s", "group");
	for (size_t i = 0; members[i]; i++)
		printf(",%s", members[i]);
	for (size_t i = 0; i < COUNT(last); i++)
		printf(",%s", last[i]);
	putchar('\n');
	for (struct json_iter it = json_iter(json_get(answer, "data")); json_next(&it);) {
		csv_cell(json_get_string(it.value, "group"));
		for (size_t i = 0; members[i]; i++)
			printf(",%lld", (long long)json_int(json_get(it.value, members[i]), 0));
		for (size_t i = 0; i < COUNT(last); i++)
			printf(",%lld", (long long)json_int(json_get(it.value, last[i]), 0));
		putchar('\n');
	}
}

static void
print_report(struct args *args, const struct json *answer)
{
	static const char *const titles[] = { "GROUP", "CALLS", "INPUT", "CACHED", "WRITTEN", "OUTPUT", "REASONING", "COST", "SAVED", NULL };
	struct arena *arena = args->arena;
	int64_t sum = 0, corrected = 0, reporting = 0, reported = 0;
	struct table table;

	table_init(&table, arena, titles);
	for (struct json_iter it = json_iter(json_get(answer, "data")); json_next(&it);) {
		struct str group = json_get_string(it.value, "group"), cells[9];
		int64_t amount = json_int(json_get(it.value, "amount_nanodollars"), 0);

		cells[0] = group.len ? group : STR("-");
		for (size_t i = 0; i < SHOWN; i++)
			cells[i + 1] = show_number(arena, it.value, members[i]);
		cells[7] = dollars_text(arena, amount);
		cells[8] = dollars_text(arena, json_int(json_get(it.value, "saved_nanodollars"), 0));
		sum += amount;
		corrected += json_int(json_get(it.value, "corrections_nanodollars"), 0);
		reporting += json_int(json_get(it.value, "reported_calls"), 0);
		reported += json_int(json_get(it.value, "reported_nanodollars"), 0);
		table_add(&table, cells);
	}
	table_print(&table);
	printf("total %" STR_F "\n", STR_A(dollars_text(arena, sum)));
	if (corrected)
		printf("of which corrections %" STR_F "\n", STR_A(dollars_text(arena, corrected)));
	if (reporting)
		printf("of %lld calls their providers say that they cost %" STR_F "\n", (long long)reporting, STR_A(dollars_text(arena, reported)));
}

static MAY_PARK int
usage_report_call(struct client *client, struct args *args)
{
	struct str by = args_get(args, "by");
	const struct json *answer;
	int64_t from_us, to_us;
	int exit_code;

	if (!day_option(args, "from", 0, &from_us) || !day_option(args, "to", clock_wall_us() + 60 * USEC_PER_SEC, &to_us))
		return EXIT_USAGE;
	answer = client_send(client, args, HTTP_GET,
		tenant_path(args, STR("/admin/v1/usage"),
			arena_printf(args->arena, "by=%" STR_F "&from_us=%lld&to_us=%lld", STR_A(client_encode(args->arena, by.ptr ? by : STR("model"))), (long long)from_us,
				(long long)to_us)),
		STR_EMPTY, &exit_code);
	if (answer && args_has(args, "csv"))
		print_csv(answer);
	else if (answer)
		print_report(args, answer);
	return exit_code;
}

/* --- usage reprice --- */

static void
reprice_row(struct table *table, struct arena *arena, const struct json *model)
{
	int64_t before = json_int(json_get(model, "before_nanodollars"), 0), after = json_int(json_get(model, "after_nanodollars"), 0);

	table_add(table, (struct str[]){ json_get_string(model, "model"), show_number(arena, model, "calls"), dollars_text(arena, before), dollars_text(arena, after),
				 dollars_text(arena, after - before) });
}

static MAY_PARK int
usage_reprice_call(struct client *client, struct args *args)
{
	static const char *const titles[] = { "MODEL", "CALLS", "BEFORE", "AFTER", "DIFFERENCE", NULL };
	struct arena *arena = args->arena;
	const struct json *answer;
	int64_t from_us, to_us;
	struct str body;
	int exit_code;

	if (!args_has(args, "from") || args_has(args, "apply") == args_has(args, "preview"))
		return term_error("--from and one of --preview and --apply are needed"), EXIT_USAGE;
	if (!day_option(args, "from", 0, &from_us) || !day_option(args, "to", clock_wall_us() + 60 * USEC_PER_SEC, &to_us))
		return EXIT_USAGE;
	body = arena_printf(arena, "{\"from_us\":%lld,\"to_us\":%lld,\"apply\":%s}", (long long)from_us, (long long)to_us, args_has(args, "apply") ? "true" : "false");
	answer = client_send(client, args, HTTP_POST, tenant_path(args, STR("/admin/v1/usage/reprice"), STR_EMPTY), body, &exit_code);
	if (answer)
		show_rows(arena, answer, titles, reprice_row);
	return exit_code;
}

/* --- usage correct --- */

static MAY_PARK int
usage_correct_call(struct client *client, struct args *args)
{
	struct arena *arena = args->arena;
	const struct json *answer;
	struct json_out json;
	int64_t amount;
	struct buf body;
	int exit_code;

	if (!args_has(args, "amount") || !args_has(args, "reason"))
		return term_error("--amount and --reason are needed"), EXIT_USAGE;
	if (!term_dollars_parse(args_get(args, "amount"), true, &amount) || amount == 0)
		return term_error("--amount: expected US dollars with at most 9 decimals, such as 0.25 or -0.25"), EXIT_USAGE;
	buf_init(&body, arena, KIB(16));
	json_out_init(&json, &body);
	json_begin_object(&json);
	json_set_string(&json, "request_id", args->list[0]);
	json_set_int(&json, "amount_nanodollars", amount);
	json_set_string(&json, "reason", args_get(args, "reason"));
	json_end_object(&json);
	answer = client_send(client, args, HTTP_POST, tenant_path(args, STR("/admin/v1/usage/corrections"), STR_EMPTY), buf_str(&body), &exit_code);
	if (answer)
		printf("corrected by %" STR_F "; it costs %" STR_F " now\n", STR_A(dollars_text(arena, amount)),
			STR_A(dollars_text(arena, json_int(json_get(answer, "sum_nanodollars"), 0))));
	return exit_code;
}

/* --- prices --- */

/* A file whole, or ptr NULL: has told why not. */
static struct str
file_read(struct arena *arena, struct str path)
{
	const char *name = arena_cstr(arena, path);
	FILE *file = name ? fopen(name, "rb") : NULL;
	char *bytes = arena_alloc(arena, TABLE_BYTES_MAX + 1);
	size_t len = file && bytes ? fread(bytes, 1, TABLE_BYTES_MAX + 1, file) : 0;
	bool failed = !file || !bytes || ferror(file);

	if (failed)
		term_error("%" STR_F ": %s", STR_A(path), strerror(errno));
	else if (len > TABLE_BYTES_MAX)
		term_error("%" STR_F ": more than 16 MiB", STR_A(path));
	if (file)
		fclose(file);
	return failed || len > TABLE_BYTES_MAX ? (struct str){ NULL, 0 } : str_n(bytes, len);
}

static MAY_PARK int
price_import_call(struct client *client, struct args *args)
{
	struct str body = file_read(args->arena, args->list[0]);
	const struct json *answer;
	int64_t from_us;
	int exit_code;

	if (!body.ptr)
		return EXIT_FAILED;
	if (!day_option(args, "from", clock_wall_us(), &from_us))
		return EXIT_USAGE;
	answer = client_send(client, args, HTTP_POST, arena_printf(args->arena, "/admin/v1/prices?effective_us=%lld", (long long)from_us), body, &exit_code);
	if (answer)
		printf("%" STR_F ": %" STR_F " models, in force from %" STR_F "\n", STR_A(term_line_text(args->arena, json_get_string(answer, "id"))), STR_A(show_number(args->arena, answer, "models")),
			STR_A(term_time(args->arena, from_us)));
	return exit_code;
}

static void
price_row(struct table *table, struct arena *arena, const struct json *import)
{
	table_add(table, (struct str[]){ json_get_string(import, "id"), term_time(arena, json_int(json_get(import, "effective_us"), 0)),
				 term_time(arena, json_int(json_get(import, "created_us"), 0)), show_number(arena, import, "models"), json_get_string(import, "source") });
}

static MAY_PARK int
price_ls_call(struct client *client, struct args *args)
{
	static const char *const titles[] = { "ID", "FROM", "IMPORTED", "MODELS", "SOURCE", NULL };

	return show_list(client, args, STR("/admin/v1/prices"), titles, price_row);
}

#define DAY_OPTIONS                                                                                                                        \
	{ "from", 0, "DAY", "From the beginning of this day in UTC: 2026-11-01." }, { "to", 0, "DAY", "To the beginning of this day; else until now." }

static const struct option report_options[] = {
	{ "by", 0, "GROUP", "tenant, team, key, user, model, tag or day. Else model. By tenant takes an admin key of the first tenant." },
	DAY_OPTIONS,
	{ "csv", 0, NULL, "Print comma-separated values." },
	TENANT_OPTION,
	{ NULL, 0, NULL, NULL },
};
static const struct option reprice_options[] = {
	DAY_OPTIONS,
	{ "preview", 0, NULL, "Show what it would change." },
	{ "apply", 0, NULL, "Write the differences as corrections." },
	TENANT_OPTION,
	{ NULL, 0, NULL, NULL },
};
static const struct option correct_options[] = {
	{ "amount", 0, "DOLLARS", "What is added: US dollars with at most 9 decimals, below 0 to take away (--amount=-0.25)." },
	{ "reason", 0, "TEXT", "Why. It stays in the ledger, and webhooks tell it." },
	TENANT_OPTION,
	{ NULL, 0, NULL, NULL },
};
static const struct option import_options[] = {
	{ "from", 0, "DAY", "In force from the beginning of this day on; else from now on." },
	{ NULL, 0, NULL, NULL },
};

const struct command usage_report_command = {
	.name = "usage report",
	.arguments = "",
	.summary = "Sum up the ledger",
	.options = report_options,
	.call = usage_report_call,
	.help = "The dearest first. Input includes cached and written tokens, output includes reasoning. By tag, a call with several tags is in the group of each. Saved is what answers from the cache "
		"would have cost.",
};

const struct command usage_reprice_command = {
	.name = "usage reprice",
	.arguments = "",
	.summary = "Price the past again",
	.options = reprice_options,
	.call = usage_reprice_call,
	.help = "By the price tables as they are now, at the instant of each call. What a target's own price has priced stays. Corrections are entries of their own: nothing is overwritten. Budgets are not "
		"moved.",
};

const struct command usage_correct_command = {
	.name = "usage correct",
	.arguments = "REQUEST",
	.summary = "Correct what a request has cost",
	.args_min = 1,
	.args_max = 1,
	.options = correct_options,
	.call = usage_correct_call,
	.help = "REQUEST is the x-request-id of its answer. The correction is an entry of its own, with the reason and the key that made it; nothing is overwritten. Budgets are not moved. "
		"Takes an admin key of the first tenant.",
};

const struct command price_import_command = {
	.name = "price import",
	.arguments = "FILE",
	.summary = "Import a price table",
	.args_min = 1,
	.args_max = 1,
	.options = import_options,
	.call = price_import_call,
	.help = "FILE has the shape of LiteLLM's model_prices_and_context_window.json. It becomes a version that never changes; where it knows a model, it goes before older ones and the built-in "
		"table. A target's own price goes before all of them.",
};

const struct command price_ls_command = {
	.name = "price ls",
	.arguments = "",
	.summary = "List the price tables",
	.call = price_ls_call,
	.help = "The latest to begin first. Below them lies the table that is built in.",
};
