/*
 * group.c - `corbel team create|ls|show|update|close` and the same for tenants.
 */
#include "cli/commands.h"
#include "cli/policy_args.h"
#include "cli/term.h"

#include <stdio.h>

enum { BODY_MAX = 64 * 1024 };

static bool
is_team(const struct args *args)
{
	return str_starts(str_of(args->command->name), STR("team "));
}

static const char *
collection_path(const struct args *args)
{
	return is_team(args) ? "/admin/v1/teams" : "/admin/v1/tenants";
}

static struct str
group_path(struct args *args)
{
	return tenant_object_path(args, collection_path(args), args->list[0]);
}

static struct str
state_of(const struct json *group)
{
	return json_int(json_get(group, "closed_us"), 0) ? STR("closed") : STR("open");
}

static void
group_print(struct args *args, const struct json *group)
{
	const struct show_line lines[] = { { "id", json_get_string(group, "id") }, { "name", json_get_string(group, "name") }, { "state", state_of(group) },
		{ "policy", policy_words(args->arena, json_get(group, "policy")) } };

	show_lines(lines, COUNT(lines), 10);
}

/* Sends name and policy as given, and prints what came of it. */
static MAY_PARK int
send_group(struct client *client, struct args *args, enum http_method method, struct str path, struct str name)
{
	struct json_out json;
	struct buf body;

	buf_init(&body, args->arena, BODY_MAX);
	json_out_init(&json, &body);
	json_begin_object(&json);
	if (name.ptr)
		json_set_string(&json, "name", name);
	if (!policy_args_put(&json, args))
		return EXIT_USAGE;
	json_end_object(&json);
	return show_object(client, args, method, path, buf_str(&body), group_print);
}

static MAY_PARK int
create_call(struct client *client, struct args *args)
{
	return send_group(client, args, HTTP_POST, tenant_path(args, str_of(collection_path(args)), STR_EMPTY), args->list[0]);
}

static MAY_PARK int
update_call(struct client *client, struct args *args)
{
	return send_group(client, args, HTTP_PATCH, group_path(args), args_get(args, "name"));
}

static MAY_PARK int
team_update_call(struct client *client, struct args *args)
{
	int exit_code = update_call(client, args);

	policy_args_note(args, exit_code);
	return exit_code;
}

static void
group_row(struct table *table, struct arena *arena, const struct json *group)
{
	table_add(table, (struct str[]){
				 json_get_string(group, "id"),
				 state_of(group),
				 term_time(arena, json_int(json_get(group, "created_us"), 0)),
				 json_get_string(group, "name"),
				 policy_words(arena, json_get(group, "policy")),
			 });
}

static MAY_PARK int
ls_call(struct client *client, struct args *args)
{
	static const char *const titles[] = { "ID", "STATE", "CREATED", "NAME", "POLICY", NULL };

	return show_list(client, args, tenant_path(args, str_of(collection_path(args)), page_query(args)), titles, group_row);
}

static MAY_PARK int
show_call(struct client *client, struct args *args)
{
	return show_object(client, args, HTTP_GET, group_path(args), STR_EMPTY, group_print);
}

static MAY_PARK int
close_call(struct client *client, struct args *args)
{
	int exit_code;

	if (client_send(client, args, HTTP_DELETE, group_path(args), STR_EMPTY, &exit_code))
		printf("%" STR_F " closed\n", STR_A(args->list[0]));
	return exit_code;
}

#define NAME_OPTION { "name", 0, "NAME", "A new name." }
#define AFTER_OPTION { "after", 0, "ID", "Go on after this one." }

static const struct option team_create_options[] = { POLICY_OPTIONS, TENANT_OPTION, { NULL, 0, NULL, NULL } };
static const struct option team_update_options[] = { NAME_OPTION, POLICY_OPTIONS, TENANT_OPTION, { NULL, 0, NULL, NULL } };
static const struct option team_ls_options[] = { AFTER_OPTION, TENANT_OPTION, { NULL, 0, NULL, NULL } };
static const struct option team_options[] = { TENANT_OPTION, { NULL, 0, NULL, NULL } };
static const struct option tenant_create_options[] = { POLICY_OPTIONS, { NULL, 0, NULL, NULL } };
static const struct option tenant_update_options[] = { NAME_OPTION, POLICY_OPTIONS, { NULL, 0, NULL, NULL } };
static const struct option tenant_ls_options[] = { AFTER_OPTION, { NULL, 0, NULL, NULL } };

CLIENT_COMMAND(team, create, "NAME", 1, 1, team_create_options, create_call, "Make a team", "Keys are put into it with --team. Its limits bind all its keys together.");
CLIENT_COMMAND(team, ls, "", 0, 0, team_ls_options, ls_call, "List the teams", "The newest first, a thousand at most; --after goes on.");
CLIENT_COMMAND(team, show, "TEAM", 1, 1, team_options, show_call, "Show a team and its limits", "By id or name.");
CLIENT_COMMAND(team, update, "TEAM", 1, 1, team_update_options, team_update_call, "Change a team",
	"What is not given stays as it is. In force on every node within a second. " LOCAL_ONLY_NOTE);
CLIENT_COMMAND(team, close, "TEAM", 1, 1, team_options, close_call, "Close a team",
	"Its keys are refused by every node within a second. It keeps its name, and stays in the ledger; it is not opened again.");
CLIENT_COMMAND(tenant, create, "NAME", 1, 1, tenant_create_options, create_call, "Make a tenant",
	"A tenant has keys, teams, documents and records of its own, which no other tenant sees. Its first key is made with corbel key create --tenant NAME.");
CLIENT_COMMAND(tenant, ls, "", 0, 0, tenant_ls_options, ls_call, "List the tenants", "The oldest first, a thousand at most; --after goes on.");
CLIENT_COMMAND(tenant, show, "TENANT", 1, 1, NULL, show_call, "Show a tenant and its limits", "By number or name.");
CLIENT_COMMAND(tenant, update, "TENANT", 1, 1, tenant_update_options, update_call, "Change a tenant", "What is not given stays as it is. In force on every node within a second.");
CLIENT_COMMAND(tenant, close, "TENANT", 1, 1, NULL, close_call, "Close a tenant",
	"Its keys are refused by every node within a second. Its records and documents stay. The first tenant cannot be closed.");
