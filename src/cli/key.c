/*
 * key.c - `corbel key create|ls|show|update|revoke`.
 */
#include "cli/commands.h"
#include "cli/policy_args.h"
#include "cli/term.h"
#include "conf/value.h"

#include "base/clock.h"

#include <stdio.h>

enum { BODY_MAX = 64 * 1024 };

#define KEYS "/admin/v1/keys"

static const struct setting expires_row = { .name = "expires", .type = SETTING_DURATION, .min = "1s", .max = "36500d" };

/* --expires DURATION or never. False: has told what is wrong. */
static bool
put_expires(struct json_out *json, struct args *args)
{
	struct str expires = args_get(args, "expires");
	struct setting_value lifetime = { 0 };

	if (!expires.ptr)
		return true;
	if (!str_eq_c(expires, "never") && !value_parse(&expires_row, expires, &lifetime)) {
		term_error("--expires: expected %" STR_F ", or never", STR_A(value_expected(args->arena, &expires_row)));
		return false;
	}
	json_set_int(json, "expires_in_seconds", lifetime.integer / USEC_PER_SEC);
	return true;
}

/* What create and update have in common. False: has told what is wrong. */
static bool
put_key(struct json_out *json, struct args *args)
{
	struct str team = args_get(args, "team");

	if (team.ptr && str_eq_c(team, "none"))
		json_set_null(json, "team");
	else if (team.ptr)
		json_set_string(json, "team", team);
	return put_expires(json, args) && policy_args_put(json, args);
}

static MAY_PARK int
key_create_call(struct client *client, struct args *args)
{
	struct str scopes = args_get(args, "scope"), name = args_get(args, "name");
	const struct json *answer;
	struct json_out json;
	struct buf body;
	int exit_code;

	buf_init(&body, args->arena, BODY_MAX);
	json_out_init(&json, &body);
	json_begin_object(&json);
	json_set_string(&json, "name", name.ptr ? name : STR("unnamed"));
	put_list(&json, "scopes", scopes.ptr ? scopes : STR("model.use,knowledge.read"));
	if (!put_key(&json, args))
		return EXIT_USAGE;
	json_end_object(&json);
	answer = client_send(client, args, HTTP_POST, tenant_path(args, STR(KEYS), STR_EMPTY), buf_str(&body), &exit_code);
	if (!answer)
		return exit_code;
	printf("%" STR_F "\n", STR_A(term_line_text(args->arena, json_get_string(answer, "key"))));
	fflush(stdout);
	fprintf(stderr, "%" STR_F ": keep it now, it is not shown again\n", STR_A(term_line_text(args->arena, json_get_string(answer, "id"))));
	return EXIT_DONE;
}

static const char *
state_of(const struct json *key)
{
	int64_t expires_us = json_int(json_get(key, "expires_us"), 0);

	if (json_int(json_get(key, "revoked_us"), 0))
		return "revoked";
	return expires_us && expires_us <= clock_wall_us() ? "expired" : "valid";
}

static struct str
scopes_of(struct arena *arena, const struct json *key)
{
	struct str scopes = STR_EMPTY;

	for (struct json_iter it = json_iter(json_get(key, "scopes")); json_next(&it);)
		scopes = arena_printf(arena, "%" STR_F "%s%" STR_F, STR_A(scopes), scopes.len ? "," : "", STR_A(json_string(it.value)));
	return scopes;
}

static struct str
team_of(const struct json *key)
{
	struct str team = json_get_string(key, "team");

	return team.ptr ? team : STR("-");
}

static void
key_row(struct table *table, struct arena *arena, const struct json *key)
{
	table_add(table, (struct str[]){
				 json_get_string(key, "id"),
				 arena_printf(arena, "%" STR_F "…", STR_A(json_get_string(key, "prefix"))),
				 str_of(state_of(key)),
				 term_time(arena, json_int(json_get(key, "created_us"), 0)),
				 term_time(arena, json_int(json_get(key, "expires_us"), 0)),
				 term_time(arena, json_int(json_get(key, "used_us"), 0)),
				 team_of(key),
				 scopes_of(arena, key),
				 json_get_string(key, "name"),
			 });
}

static MAY_PARK int
key_ls_call(struct client *client, struct args *args)
{
	static const char *const titles[] = { "ID", "KEY", "STATE", "CREATED", "EXPIRES", "LAST USED", "TEAM", "SCOPES", "NAME", NULL };
	struct str team = args_get(args, "team");
	struct str query = arena_printf(args->arena, "%" STR_F "&team=%" STR_F, STR_A(page_query(args)), STR_A(client_encode(args->arena, team.ptr ? team : STR_EMPTY)));

	return show_list(client, args, tenant_path(args, STR(KEYS), query), titles, key_row);
}

static void
key_print(struct args *args, const struct json *key)
{
	const struct show_line lines[] = { { "id", json_get_string(key, "id") }, { "name", json_get_string(key, "name") }, { "state", str_of(state_of(key)) },
		{ "team", team_of(key) }, { "scopes", scopes_of(args->arena, key) }, { "policy", policy_words(args->arena, json_get(key, "policy")) },
		{ "expires", term_time(args->arena, json_int(json_get(key, "expires_us"), 0)) },
		{ "last used", term_time(args->arena, json_int(json_get(key, "used_us"), 0)) } };

	show_lines(lines, COUNT(lines), 10);
}

static MAY_PARK int
key_show_call(struct client *client, struct args *args)
{
	return show_object(client, args, HTTP_GET, tenant_object_path(args, KEYS, args->list[0]), STR_EMPTY, key_print);
}

static MAY_PARK int
key_update_call(struct client *client, struct args *args)
{
	struct str name = args_get(args, "name"), scopes = args_get(args, "scope");
	struct json_out json;
	struct buf body;
	int exit_code;

	buf_init(&body, args->arena, BODY_MAX);
	json_out_init(&json, &body);
	json_begin_object(&json);
	if (name.ptr)
		json_set_string(&json, "name", name);
	if (scopes.ptr)
		put_list(&json, "scopes", scopes);
	if (!put_key(&json, args))
		return EXIT_USAGE;
	json_end_object(&json);
	exit_code = show_object(client, args, HTTP_PATCH, tenant_object_path(args, KEYS, args->list[0]), buf_str(&body), key_print);
	policy_args_note(args, exit_code);
	return exit_code;
}

static MAY_PARK int
key_revoke_call(struct client *client, struct args *args)
{
	int exit_code = EXIT_DONE;

	for (size_t i = 0; i < args->count && exit_code == EXIT_DONE; i++)
		if (client_send(client, args, HTTP_DELETE, tenant_object_path(args, KEYS, args->list[i]), STR_EMPTY, &exit_code))
			printf("%" STR_F " revoked\n", STR_A(args->list[i]));
	return exit_code;
}

#define SCOPE_OPTION                                                                                                                       \
	{ "scope", 0, "SCOPE,...",                                                                                                        \
		"What it allows: model.use, knowledge.read, knowledge.write, trace.read, metrics.read, admin (everything). Else "       \
		"model.use,knowledge.read." }
#define TEAM_OPTION { "team", 0, "TEAM", "Its team, by id or name; none takes it out of its team." }

static const struct option create_options[] = {
	{ "name", 0, "NAME", "What it is for, so that people can tell keys apart." },
	SCOPE_OPTION,
	{ "expires", 0, "DURATION", "It stops working after this time: 12h, 30d. Else never." },
	TEAM_OPTION,
	POLICY_OPTIONS,
	TENANT_OPTION,
	{ NULL, 0, NULL, NULL },
};

static const struct option update_options[] = {
	{ "name", 0, "NAME", "A new name." },
	{ "scope", 0, "SCOPE,...", "All scopes it has from now on." },
	{ "expires", 0, "DURATION", "It stops working after this time from now: 12h, 30d; or never." },
	TEAM_OPTION,
	POLICY_OPTIONS,
	TENANT_OPTION,
	{ NULL, 0, NULL, NULL },
};

static const struct option ls_options[] = {
	{ "after", 0, "ID", "Only keys older than this one." },
	{ "team", 0, "TEAM", "Only the keys of this team." },
	TENANT_OPTION,
	{ NULL, 0, NULL, NULL },
};

static const struct option tenant_options[] = {
	TENANT_OPTION,
	{ NULL, 0, NULL, NULL },
};

CLIENT_COMMAND(key, create, "", 0, 0, create_options, key_create_call, "Make a key",
	"Prints the new key on standard output, once: the server keeps only its hash. Its limits bind together with those of its team and its tenant.");
CLIENT_COMMAND(key, ls, "", 0, 0, ls_options, key_ls_call, "List the keys",
	"The newest first, revoked and expired ones included; a thousand at most, --after goes on. When a key was last used is known to the minute.");
CLIENT_COMMAND(key, show, "ID", 1, 1, tenant_options, key_show_call, "Show a key and its limits",
	"Shows what is known of a key; its secret is not.");
CLIENT_COMMAND(key, update, "ID", 1, 1, update_options, key_update_call, "Change a key",
	"What is not given stays as it is. In force on every node within a second. " LOCAL_ONLY_NOTE);
CLIENT_COMMAND(key, revoke, "ID...", 1, 1000, tenant_options, key_revoke_call, "Revoke keys",
	"A revoked key is refused by every node within a second, and never works again.");
