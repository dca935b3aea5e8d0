/*
 * collection.c - `corbel collection ls|show|update|rm` and `corbel document ls|show|rm`.
 */
#include "cli/commands.h"
#include "cli/show.h"
#include "cli/term.h"

#include <stdio.h>

/* One page of a list after another. */
struct pages {
	struct client *client;
	struct args *args;
	struct str path; /* with a query that "&after=" can follow */
	const char *const *titles;
	show_row_fn *add;
};

static MAY_PARK int
pages_print(const struct pages *pages)
{
	struct arena *arena = pages->args->arena;
	struct str after = STR_EMPTY, text;
	bool more = true;
	struct table table;

	table_init(&table, arena, pages->titles);
	while (more) {
		const struct json *answer;
		const struct err *err = client_get(
			pages->client, &answer, &text, "%" STR_F "&after=%" STR_F, STR_A(pages->path), STR_A(client_encode(arena, after)));

		if (err)
			return client_fail(pages->client, err);
		if (pages->client->json)
			client_print(text);
		for (struct json_iter it = json_iter(json_get(answer, "data")); json_next(&it);) {
			after = json_get_string(it.value, "id");
			pages->add(&table, arena, it.value);
		}
		more = json_bool(json_get(answer, "has_more"), false) && after.len > 0;
	}
	if (!pages->client->json)
		table_print(&table);
	return EXIT_DONE;
}

static void
collection_row(struct table *table, struct arena *arena, const struct json *item)
{
	table_add(table, (struct str[]){ json_get_string(item, "name"), show_number(arena, item, "documents"), show_number(arena, item, "chunks"),
				 show_number(arena, item, "chunks_embedded"), show_number(arena, item, "queued"), show_number(arena, item, "failed"),
				 term_bytes(arena, json_int(json_get(item, "bytes"), 0)), json_bool(json_get(item, "local_only"), false) ? STR("yes") : STR("-"),
				 json_get_string(item, "id") });
}

static MAY_PARK int
collection_ls_call(struct client *client, struct args *args)
{
	static const char *const titles[] = { "NAME", "DOCUMENTS", "CHUNKS", "EMBEDDED", "QUEUED", "FAILED", "SIZE", "LOCAL ONLY", "ID", NULL };

	return pages_print(&(struct pages){ client, args, STR("/admin/v1/collections?limit=100"), titles, collection_row });
}

/* A flat object, a line for each member. */
static void
object_print(struct arena *arena, const struct json *object)
{
	for (struct json_iter it = json_iter(object); json_next(&it);) {
		struct str text = json_string(it.value);

		if (json_is(it.value, JSON_OBJECT) || json_is(it.value, JSON_ARRAY) || json_is(it.value, JSON_NULL))
			continue;
		printf("%s%-20" STR_F "%s ", term_style(TERM_DIM), STR_A(term_line_text(arena, it.key)), term_style(TERM_PLAIN));
		if (text.ptr)
			term_line(text);
		else if (json_is(it.value, JSON_BOOL))
			fputs(json_bool(it.value, false) ? "true" : "false", stdout);
		else
			printf("%lld", (long long)json_int(it.value, 0));
		putchar('\n');
	}
}

static MAY_PARK int
show(struct client *client, struct str path)
{
	const struct json *answer;
	struct str text;
	const struct err *err = client_get(client, &answer, &text, "%" STR_F, STR_A(path));

	if (err)
		return client_fail(client, err);
	if (client->json)
		return client_print(text);
	object_print(client->arena, answer);
	return EXIT_DONE;
}

static MAY_PARK int
removed(struct client *client, struct arena *arena, struct str path, struct str name)
{
	struct client_request request = { .method = HTTP_DELETE, .path = path };
	const struct json *answer;
	struct str text;
	const struct err *err = client_call(client, arena, &request, &answer, &text);

	if (err)
		return client_fail(client, err);
	if (client->json)
		return client_print(text);
	term_line(name);
	puts(" removed");
	return EXIT_DONE;
}

static struct str
collection_path(struct args *args)
{
	return arena_printf(args->arena, "/admin/v1/collections/%" STR_F, STR_A(client_encode(args->arena, args->list[0])));
}

static MAY_PARK int
collection_show_call(struct client *client, struct args *args)
{
	return show(client, collection_path(args));
}

static MAY_PARK int
collection_rm_call(struct client *client, struct args *args)
{
	return removed(client, args->arena, collection_path(args), args->list[0]);
}

static MAY_PARK int
collection_update_call(struct client *client, struct args *args)
{
	struct str mark = args_get(args, "local-only"), text;
	struct client_request request = { .method = HTTP_PUT, .path = collection_path(args), .content_type = STR("application/json") };
	const struct json *answer;
	const struct err *err;

	if (!mark.ptr || (!str_eq_c(mark, "yes") && !str_eq_c(mark, "no"))) {
		term_error("--local-only: expected yes or no");
		return EXIT_USAGE;
	}
	request.body = str_eq_c(mark, "yes") ? STR("{\"local_only\":true}") : STR("{\"local_only\":false}");
	err = client_call(client, args->arena, &request, &answer, &text);
	if (err)
		return client_fail(client, err);
	if (client->json)
		return client_print(text);
	object_print(client->arena, answer);
	return EXIT_DONE;
}

/* `corbel document ...`: its collection is the first argument, the document's id or path the second. */
static struct str
document_path(struct args *args, size_t i)
{
	return arena_printf(args->arena, "%" STR_F "/documents/%" STR_F, STR_A(collection_path(args)),
		STR_A(client_encode(args->arena, args->list[i])));
}

static void
document_row(struct table *table, struct arena *arena, const struct json *item)
{
	table_add(table, (struct str[]){ json_get_string(item, "path"), json_get_string(item, "status"), show_number(arena, item, "version"),
				 show_number(arena, item, "chunks"), show_number(arena, item, "chunks_embedded"),
				 term_bytes(arena, json_int(json_get(item, "bytes"), 0)), json_get_string(item, "id"),
				 json_get_string(item, "error_message") });
}

static MAY_PARK int
document_ls_call(struct client *client, struct args *args)
{
	static const char *const titles[] = { "PATH", "STATUS", "VERSION", "CHUNKS", "EMBEDDED", "SIZE", "ID", "ERROR", NULL };
	struct str status = args_get(args, "status");
	struct str path = arena_printf(args->arena, "%" STR_F "/documents?limit=100&status=%" STR_F, STR_A(collection_path(args)),
		STR_A(client_encode(args->arena, status.ptr ? status : STR_EMPTY)));

	return pages_print(&(struct pages){ client, args, path, titles, document_row });
}

static MAY_PARK int
document_show_call(struct client *client, struct args *args)
{
	return show(client, document_path(args, 1));
}

static MAY_PARK int
document_rm_call(struct client *client, struct args *args)
{
	int code = EXIT_DONE;

	for (size_t i = 1; i < args->count && code == EXIT_DONE; i++)
		code = removed(client, args->arena, document_path(args, i), args->list[i]);
	return code;
}

const struct command collection_ls_command = {
	.name = "collection ls",
	.arguments = "",
	.summary = "List the collections",
	.call = collection_ls_call,
	.help = "With the number of documents and chunks in each, how many still wait to be read or embedded, and whether it is local_only.",
};

const struct command collection_show_command = {
	.name = "collection show",
	.arguments = "NAME",
	.summary = "Show one collection",
	.args_min = 1,
	.args_max = 1,
	.call = collection_show_call,
	.help = "NAME is the collection's name or id.",
};

static const struct option collection_update_options[] = {
	{ "local-only", 0, "yes|no", "Nothing of it reaches a hosted provider; or that no more." },
	{ NULL, 0, NULL, NULL },
};

const struct command collection_update_command = {
	.name = "collection update",
	.arguments = "NAME --local-only yes|no",
	.summary = "Mark a collection local_only",
	.options = collection_update_options,
	.args_min = 1,
	.args_max = 1,
	.call = collection_update_call,
	.help = "Makes the collection where there is none, so that the mark is there before the first document. What is found in a local_only collection reaches no provider that is hosted, by whatever model or "
		"tool; its documents are not embedded by one, and found by words alone then. Taking the mark away needs a key with the scope admin.",
};

const struct command collection_rm_command = {
	.name = "collection rm",
	.arguments = "NAME",
	.summary = "Remove a collection",
	.args_min = 1,
	.args_max = 1,
	.call = collection_rm_call,
	.help = "Its documents are gone from search at once. Answers given before keep their record.",
};

static const struct option document_ls_options[] = {
	{ "status", 0, "STATUS", "Only documents in this state: queued, words, ready, failed, cancelled, held." },
	{ NULL, 0, NULL, NULL },
};

const struct command document_ls_command = {
	.name = "document ls",
	.arguments = "COLLECTION",
	.summary = "List the documents of a collection",
	.options = document_ls_options,
	.args_min = 1,
	.args_max = 1,
	.call = document_ls_call,
	.help = "With the state of each: queued (not yet read), words (found by words), ready (found by words and meaning), failed (with "
		"the reason), held (found by words alone, since it is local_only and the embedding model is hosted). With --json, a page of JSON for each 100.",
};

const struct command document_show_command = {
	.name = "document show",
	.arguments = "COLLECTION DOCUMENT",
	.summary = "Show one document",
	.args_min = 2,
	.args_max = 2,
	.call = document_show_call,
	.help = "DOCUMENT is its id or its path in the collection.",
};

const struct command document_rm_command = {
	.name = "document rm",
	.arguments = "COLLECTION DOCUMENT...",
	.summary = "Remove documents",
	.args_min = 2,
	.args_max = 10000,
	.call = document_rm_call,
	.help = "DOCUMENT is an id or a path in the collection. It is gone from search at once; earlier answers keep their record of what "
		"they cited.",
};
