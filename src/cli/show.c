/*
 * show.c - see show.h.
 */
#include "cli/show.h"

#include "cli/term.h"

#include <stdio.h>

struct str
tenant_path(struct args *args, struct str path, struct str more)
{
	struct str tenant = args_get(args, "tenant");

	if (!tenant.ptr)
		return more.len ? arena_printf(args->arena, "%" STR_F "?%" STR_F, STR_A(path), STR_A(more)) : path;
	return arena_printf(args->arena, "%" STR_F "?tenant=%" STR_F "%s%" STR_F, STR_A(path), STR_A(client_encode(args->arena, tenant)), more.len ? "&" : "",
		STR_A(more));
}

struct str
tenant_object_path(struct args *args, const char *base, struct str id)
{
	return tenant_path(args, arena_printf(args->arena, "%s/%" STR_F, base, STR_A(client_encode(args->arena, id))), STR_EMPTY);
}

struct str
page_query(struct args *args)
{
	struct str after = args_get(args, "after");

	return arena_printf(args->arena, "limit=1000&after=%" STR_F, STR_A(client_encode(args->arena, after.ptr ? after : STR_EMPTY)));
}

MAY_PARK const struct json *
client_send(struct client *client, struct args *args, enum http_method method, struct str path, struct str body, int *exit_code)
{
	struct client_request request = { .method = method, .path = path, .body = body };
	const struct json *answer;
	const struct err *err;
	struct str text;

	if (body.len)
		request.content_type = STR("application/json");
	err = client_call(client, args->arena, &request, &answer, &text);
	*exit_code = err ? client_fail(client, err) : client->json ? client_print(text) : EXIT_DONE;
	return err || client->json ? NULL : answer;
}

MAY_PARK int
show_object(struct client *client, struct args *args, enum http_method method, struct str path, struct str body, show_fn *print)
{
	int exit_code;
	const struct json *object = client_send(client, args, method, path, body, &exit_code);

	if (object)
		print(args, object);
	return exit_code;
}

void
show_rows(struct arena *arena, const struct json *answer, const char *const *titles, show_row_fn *row)
{
	struct table table;

	table_init(&table, arena, titles);
	for (struct json_iter it = json_iter(json_get(answer, "data")); json_next(&it);)
		row(&table, arena, it.value);
	table_print(&table);
}

MAY_PARK int
show_list(struct client *client, struct args *args, struct str path, const char *const *titles, show_row_fn *row)
{
	int exit_code;
	const struct json *answer = client_send(client, args, HTTP_GET, path, STR_EMPTY, &exit_code);

	if (answer)
		show_rows(args->arena, answer, titles, row);
	return exit_code;
}

void
show_lines(const struct show_line *lines, size_t count, int width)
{
	for (size_t i = 0; i < count; i++) {
		printf("%-*s ", width, lines[i].title);
		term_line(lines[i].text);
		putchar('\n');
	}
}

struct str
show_number(struct arena *arena, const struct json *object, const char *member)
{
	return arena_printf(arena, "%lld", (long long)json_int(json_get(object, member), 0));
}
