/*
 * key.c - `corbel key create|ls|revoke`.
 */
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/table.h"
#include "cli/term.h"
#include "conf/value.h"

#include "base/clock.h"

#include <stdio.h>

static const struct setting expires_row = { .name = "expires", .type = SETTING_DURATION, .min = "1s", .max = "36500d" };

static void
scopes_put(struct json_out *json, struct str list)
{
	struct str scope;

	json_set_array(json, "scopes");
	while (str_split(&list, ',', &scope))
		json_put_string(json, str_trim(scope));
	json_end_array(json);
}

static MAY_PARK int
key_create_call(struct client *client, struct args *args)
{
	struct str scopes = args_get(args, "scope"), expires = args_get(args, "expires"), name = args_get(args, "name"), text;
	struct client_request request = { .method = HTTP_POST, .path = STR("/admin/v1/keys"), .content_type = STR("application/json") };
	struct setting_value lifetime = { 0 };
	const struct json *answer;
	const struct err *err;
	struct json_out json;
	struct buf body;

	if (expires.ptr && !value_parse(&expires_row, expires, &lifetime))
		return term_error("--expires: expected %" STR_F, STR_A(value_expected(args->arena, &expires_row))), EXIT_USAGE;
	buf_init(&body, args->arena, KIB(16));
	json_out_init(&json, &body);
	json_begin_object(&json);
	json_set_string(&json, "name", name.ptr ? name : STR("unnamed"));
	scopes_put(&json, scopes.ptr ? scopes : STR("model.use,knowledge.read"));
	if (expires.ptr)
		json_set_int(&json, "expires_in_seconds", lifetime.integer / USEC_PER_SEC);
	json_end_object(&json);
	request.body = buf_str(&body);
	err = client_call(client, args->arena, &request, &answer, &text);
	if (err)
		return client_fail(client, err);
	if (client->json)
		return client_print(text);
	printf("%" STR_F "\n", STR_A(json_get_string(answer, "key")));
	fflush(stdout);
	fprintf(stderr, "%" STR_F ": keep it now, it is not shown again\n", STR_A(json_get_string(answer, "id")));
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

static void
key_row(struct table *table, struct arena *arena, const struct json *key)
{
	struct str scopes = STR_EMPTY;

	for (struct json_iter it = json_iter(json_get(key, "scopes")); json_next(&it);)
		scopes = arena_printf(arena, "%" STR_F "%s%" STR_F, STR_A(scopes), scopes.len ? "," : "", STR_A(json_string(it.value)));
	table_add(table, (struct str[]){
				 json_get_string(key, "id"),
				 arena_printf(arena, "%" STR_F "…", STR_A(json_get_string(key, "prefix"))),
				 str_of(state_of(key)),
				 term_time(arena, json_int(json_get(key, "created_us"), 0)),
				 term_time(arena, json_int(json_get(key, "expires_us"), 0)),
				 term_time(arena, json_int(json_get(key, "used_us"), 0)),
				 scopes,
				 json_get_string(key, "name"),
			 });
}

static MAY_PARK int
key_ls_call(struct client *client, struct args *args)
{
	static const char *const titles[] = { "ID", "KEY", "STATE", "CREATED", "EXPIRES", "LAST USED", "SCOPES", "NAME", NULL };
	const struct json *answer;
	const struct err *err;
	struct table table;
	struct str text, after = args_get(args, "after");

	err = client_get(client, &answer, &text, "/admin/v1/keys?limit=1000&after=%" STR_F,
		STR_A(client_encode(args->arena, after.ptr ? after : STR_EMPTY)));
	if (err)
		return client_fail(client, err);
	if (client->json)
		return client_print(text);
	table_init(&table, args->arena, titles);
	for (struct json_iter it = json_iter(json_get(answer, "data")); json_next(&it);)
		key_row(&table, args->arena, it.value);
	table_print(&table);
	return EXIT_DONE;
}

static MAY_PARK int
key_revoke_call(struct client *client, struct args *args)
{
	for (size_t i = 0; i < args->count; i++) {
		struct client_request request = { .method = HTTP_DELETE };
		const struct json *answer;
		const struct err *err;
		struct str text;

		request.path = arena_printf(args->arena, "/admin/v1/keys/%" STR_F, STR_A(client_encode(args->arena, args->list[i])));
		err = client_call(client, args->arena, &request, &answer, &text);
		if (err)
			return client_fail(client, err);
		if (client->json)
			client_print(text);
		else
			printf("%" STR_F " revoked\n", STR_A(args->list[i]));
	}
	return EXIT_DONE;
}

static const struct option create_options[] = {
	{ "name", 0, "NAME", "What it is for, so that people can tell keys apart." },
	{ "scope", 0, "SCOPE,...",
		"What it allows: model.use, knowledge.read, knowledge.write, trace.read, metrics.read, admin (everything). Else "
		"model.use,knowledge.read." },
	{ "expires", 0, "DURATION", "It stops working after this time: 12h, 30d. Else never." },
	{ NULL, 0, NULL, NULL },
};

static const struct option ls_options[] = {
	{ "after", 0, "ID", "Only keys older than this one." },
	{ NULL, 0, NULL, NULL },
};

const struct command key_create_command = {
	.name = "key create",
	.arguments = "",
	.summary = "Make a key",
	.options = create_options,
	.call = key_create_call,
	.help = "Prints the new key on standard output, once: the server keeps only its hash.",
};

const struct command key_ls_command = {
	.name = "key ls",
	.arguments = "",
	.summary = "List the keys",
	.options = ls_options,
	.call = key_ls_call,
	.help = "The newest first, revoked and expired ones included. When a key was last used is known to the minute.",
};

const struct command key_revoke_command = {
	.name = "key revoke",
	.arguments = "ID...",
	.summary = "Revoke keys",
	.args_min = 1,
	.args_max = 1000,
	.call = key_revoke_call,
	.help = "A revoked key is refused by every node within a second, and never works again.",
};
