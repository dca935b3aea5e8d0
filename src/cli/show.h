/*
 * show.h - what the commands that change and show the server's objects share: one way to ask, and to print an object or a list of them.
 */
#pragma once

#include "cli/client.h"
#include "cli/table.h"

/* "PATH?tenant=…" for a path that has no query yet; `more` is a query without "?", or empty. */
struct str tenant_path(struct args *args, struct str path, struct str more);

/* The same for one object: "BASE/ID". */
struct str tenant_object_path(struct args *args, const char *base, struct str id);

/* The page of a list, as a query: "limit=1000&after=…", from the option --after. */
struct str page_query(struct args *args);

/* Sends; prints JSON with --json. *answer is NULL when that has been done or an error told, and *exit_code says which. */
MAY_PARK const struct json *client_send(
	struct client *client, struct args *args, enum http_method method, struct str path, struct str body, int *exit_code);

/* client_send of something that answers with an object, which `print` shows. Returns the exit code. */
typedef void show_fn(struct args *args, const struct json *object);
MAY_PARK int show_object(struct client *client, struct args *args, enum http_method method, struct str path, struct str body, show_fn *print);

/* Adds an element of "data" as a row. */
typedef void show_row_fn(struct table *table, struct arena *arena, const struct json *item);

/* The elements of an answer's "data" as a table; `titles` as in table.h. */
void show_rows(struct arena *arena, const struct json *answer, const char *const *titles, show_row_fn *row);

/* Asks for a list and prints its rows. Returns the exit code. */
MAY_PARK int show_list(struct client *client, struct args *args, struct str path, const char *const *titles, show_row_fn *row);

/* Lines of a title and a text, one below the other. */
struct show_line {
	const char *title;
	struct str text;
};
void show_lines(const struct show_line *lines, size_t count, int width);

/* A member that is a whole number, as text. */
struct str show_number(struct arena *arena, const struct json *object, const char *member);
