/*
 * webhook.c - `corbel webhook ls|messages|replay`.
 */
#include "cli/commands.h"
#include "cli/policy_args.h"
#include "cli/term.h"

#include <stdio.h>

static struct str
instant(struct arena *arena, const struct json *row, const char *member)
{
	int64_t at_us = json_int(json_get(row, member), 0);

	return at_us ? term_time(arena, at_us) : STR("-");
}

static void
webhook_row(struct table *table, struct arena *arena, const struct json *hook)
{
	const char *more = json_bool(json_get(hook, "waiting_more"), false) ? "+" : "";

	table_add(table, (struct str[]){ json_get_string(hook, "name"), json_get_string(hook, "state"),
				 arena_printf(arena, "%lld%s", (long long)json_int(json_get(hook, "waiting"), 0), more), show_number(arena, hook, "dead"),
				 instant(arena, hook, "delivered_us"), instant(arena, hook, "failed_us"), json_get_string(hook, "error") });
}

static MAY_PARK int
webhook_ls_call(struct client *client, struct args *args)
{
	static const char *const titles[] = { "NAME", "STATE", "WAITING", "DEAD", "DELIVERED", "FAILED", "ERROR", NULL };

	return show_list(client, args, STR("/admin/v1/webhooks"), titles, webhook_row);
}

static void
message_row(struct table *table, struct arena *arena, const struct json *message)
{
	table_add(table, (struct str[]){ json_get_string(message, "id"), json_get_string(message, "state"), json_get_string(message, "type"), show_number(arena, message, "events"),
				 instant(arena, message, "created_us"), show_number(arena, message, "attempts"), json_get_string(message, "error") });
}

static MAY_PARK int
webhook_messages_call(struct client *client, struct args *args)
{
	static const char *const titles[] = { "ID", "STATE", "TYPE", "EVENTS", "MADE", "ATTEMPTS", "ERROR", NULL };
	struct str state = args_get(args, "state");
	struct arena *arena = args->arena;

	return show_list(client, args,
		arena_printf(arena, "/admin/v1/webhooks/%" STR_F "/messages?%" STR_F "&state=%" STR_F, STR_A(client_encode(arena, args->list[0])), STR_A(page_query(args)),
			STR_A(client_encode(arena, state.ptr ? state : STR_EMPTY))),
		titles, message_row);
}

static MAY_PARK int
webhook_replay_call(struct client *client, struct args *args)
{
	int64_t from_us, to_us;
	const struct json *answer;
	struct json_out json;
	struct buf body;
	int exit_code;

	if (!day_option(args, "from", -1, &from_us) || !day_option(args, "to", -1, &to_us))
		return EXIT_USAGE;
	if (args_has(args, "to") && !args_has(args, "from"))
		return term_error("--to needs --from"), EXIT_USAGE;
	buf_init(&body, args->arena, KIB(4));
	json_out_init(&json, &body);
	json_begin_object(&json);
	if (args_has(args, "message"))
		json_set_string(&json, "message", args_get(args, "message"));
	if (from_us >= 0)
		json_set_int(&json, "from_us", from_us);
	if (to_us >= 0)
		json_set_int(&json, "to_us", to_us);
	json_end_object(&json);
	answer = client_send(client, args, HTTP_POST,
		arena_printf(args->arena, "/admin/v1/webhooks/%" STR_F "/replay", STR_A(client_encode(args->arena, args->list[0]))), buf_str(&body), &exit_code);
	if (answer)
		printf("%lld messages will be delivered again\n", (long long)json_int(json_get(answer, "messages"), 0));
	return exit_code;
}

static const struct option message_options[] = {
	{ "state", 0, "STATE", "Only these: pending, delivered or dead." },
	{ "after", 0, "ID", "Go on after this one." },
	{ NULL, 0, NULL, NULL },
};
static const struct option replay_options[] = {
	{ "message", 0, "ID", "This one, whatever became of it." },
	{ "from", 0, "DAY", "All that were made from the beginning of this day on (UTC), delivered ones too: 2026-11-01." },
	{ "to", 0, "DAY", "To the beginning of this day." },
	{ NULL, 0, NULL, NULL },
};

const struct command webhook_ls_command = {
	.name = "webhook ls",
	.arguments = "",
	.summary = "List the webhooks",
	.call = webhook_ls_call,
	.help = "What waits to be delivered, what is dead, and how it went last. A webhook is good, failing, full (so many events wait that new ones are left out), gone (it "
		"answered 410 and gets nothing more until something is replayed) or removed from the configuration.",
};

const struct command webhook_messages_command = {
	.name = "webhook messages",
	.arguments = "NAME",
	.summary = "List a webhook's messages",
	.args_min = 1,
	.args_max = 1,
	.options = message_options,
	.call = webhook_messages_call,
	.help = "The newest first, as long as they are kept.",
};

const struct command webhook_replay_command = {
	.name = "webhook replay",
	.arguments = "NAME",
	.summary = "Deliver messages again",
	.args_min = 1,
	.args_max = 1,
	.options = replay_options,
	.call = webhook_replay_call,
	.help = "Without an option, those that are dead. Each keeps its id, so that a receiver knows what it has seen.",
};
