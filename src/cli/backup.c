/*
 * backup.c - `corbel backup`: a copy of the database, made by the server while it serves.
 */
#include "cli/client.h"
#include "cli/commands.h"

#include "base/clock.h"
#include "cli/term.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct str
absolute(struct arena *arena, struct str path)
{
	char *here;
	struct str whole;

	if (str_starts(path, STR("/")))
		return path;
	here = getcwd(NULL, 0);
	whole = arena_printf(arena, "%s/%" STR_F, here ? here : "", STR_A(path));
	free(here);
	return whole;
}

static MAY_PARK int
backup_call(struct client *client, struct args *args)
{
	struct client_request request = {
		.method = HTTP_POST,
		.path = STR("/admin/v1/backup"),
		.content_type = STR("application/json"),
		.timeout_us = 24 * 3600 * USEC_PER_SEC,
	};
	const struct json *answer;
	const struct err *err;
	struct json_out json;
	struct buf body;
	struct str text;

	buf_init(&body, args->arena, KIB(64));
	json_out_init(&json, &body);
	json_begin_object(&json);
	json_set_string(&json, "path", absolute(args->arena, args->list[0]));
	json_end_object(&json);
	request.body = buf_str(&body);
	err = client_call(client, args->arena, &request, &answer, &text);
	if (err)
		return client_fail(client, err);
	if (client->json)
		return client_print(text);
	printf("written to %" STR_F "\n", STR_A(json_get_string(answer, "path")));
	return EXIT_DONE;
}

const struct command backup_command = {
	.name = "backup",
	.arguments = "FILE",
	.summary = "Copy the database while serving",
	.args_min = 1,
	.args_max = 1,
	.call = backup_call,
	.help = "The server writes a consistent copy of its database to FILE, a new file on the server's machine. To restore it, stop the "
		"server, put the file into an empty data directory "
		"as corbel.db and start. A PostgreSQL database is backed up with pg_dump.",
};
