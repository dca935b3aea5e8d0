/*
 * cache.c - `corbel cache stats|clear`.
 */
#include "cli/commands.h"
#include "cli/policy_args.h"
#include "cli/term.h"

#include <stdio.h>

static void
stats_row(struct table *table, struct arena *arena, const struct json *model)
{
	table_add(table, (struct str[]){ show_number(arena, model, "entries"), show_number(arena, model, "bytes"), json_get_string(model, "model") });
}

static MAY_PARK int
cache_stats_call(struct client *client, struct args *args)
{
	static const char *const titles[] = { "ENTRIES", "BYTES", "MODEL", NULL };

	return show_list(client, args, tenant_path(args, STR("/admin/v1/cache"), STR_EMPTY), titles, stats_row);
}

static MAY_PARK int
cache_clear_call(struct client *client, struct args *args)
{
	struct str model = args_get(args, "model"), query = STR_EMPTY;
	const struct json *answer;
	int exit_code;

	if (model.ptr)
		query = arena_printf(args->arena, "model=%" STR_F, STR_A(client_encode(args->arena, model)));
	answer = client_send(client, args, HTTP_DELETE, tenant_path(args, STR("/admin/v1/cache"), query), STR_EMPTY, &exit_code);
	if (answer)
		printf("%lld answers forgotten\n", (long long)json_int(json_get(answer, "entries"), 0));
	return exit_code;
}

static const struct option stats_options[] = { TENANT_OPTION, { NULL, 0, NULL, NULL } };
static const struct option clear_options[] = { { "model", 0, "NAME", "Of this model of the configuration alone." }, TENANT_OPTION, { NULL, 0, NULL, NULL } };

const struct command cache_stats_command = {
	.name = "cache stats",
	.arguments = "",
	.summary = "Show what the cache holds",
	.options = stats_options,
	.call = cache_stats_call,
	.help = "How many answers of each model are kept in the database, and what they take there. Hits and savings are in the metrics and in usage report.",
};

const struct command cache_clear_command = {
	.name = "cache clear",
	.arguments = "",
	.summary = "Forget kept answers",
	.options = clear_options,
	.call = cache_clear_call,
	.help = "On all nodes at once. A call that is in flight meanwhile is still kept when it ends.",
};
