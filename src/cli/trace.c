/*
 * trace.c - `corbel trace ls|show`: the records of answers.
 */
#include "base/dollars.h"
#include "cli/show.h"
#include "cli/commands.h"
#include "cli/term.h"

#include <stdio.h>

enum { DEPTH_MAX = 32, SPANS_MAX = 10000 };

/* "$0.001234" of a number of 1e-9 dollars; "-" for nothing. */
static struct str
dollars(struct arena *arena, int64_t nanos)
{
	return nanos ? dollars_text(arena, nanos) : STR("-");
}

static struct str
or_dash(struct str text)
{
	return text.len ? text : STR("-");
}

static void
interaction_row(struct table *table, struct arena *arena, const struct json *item)
{
	struct str outcome = json_get_string(item, "outcome"), error = json_get_string(item, "error_type");

	table_add(table, (struct str[]){
				 json_get_string(item, "request_id"),
				 term_time(arena, json_int(json_get(item, "started_us"), 0)),
				 json_get_string(item, "operation"),
				 or_dash(json_get_string(item, "model")),
				 error.len ? error : outcome,
				 arena_printf(arena, "%s%lld", json_bool(json_get(item, "tokens_estimated"), false) ? "~" : "",
					 (long long)json_int(json_get(item, "input_tokens"), 0)),
				 arena_printf(arena, "%lld", (long long)json_int(json_get(item, "output_tokens"), 0)),
				 dollars(arena, json_int(json_get(item, "cost_nanodollars"), 0)),
				 term_duration(arena, json_int(json_get(item, "duration_us"), 0)),
			 });
}

static MAY_PARK int
trace_ls_call(struct client *client, struct args *args)
{
	static const char *const titles[] = { "REQUEST", "STARTED", "OPERATION", "MODEL", "OUTCOME", "IN", "OUT", "COST", "TIME", NULL };
	struct str limit = args_get(args, "limit"), after = args_get(args, "after");
	struct str path = arena_printf(args->arena, "/admin/v1/traces?limit=%" STR_F "&after=%" STR_F, STR_A(client_encode(args->arena, limit.ptr ? limit : STR("20"))),
		STR_A(client_encode(args->arena, after.ptr ? after : STR_EMPTY)));

	return show_list(client, args, path, titles, interaction_row);
}

static void
attributes_print(const struct json *attributes)
{
	for (struct json_iter it = json_iter(attributes); json_next(&it);) {
		printf("  %s", term_style(TERM_DIM));
		term_line(it.key);
		putchar('=');
		switch (json_type(it.value)) {
		case JSON_STRING:
			term_line(str_slice(json_string(it.value), 0, 80));
			break;
		case JSON_INT:
			printf("%lld", (long long)json_int(it.value, 0));
			break;
		case JSON_REAL:
			printf("%g", json_number(it.value, 0));
			break;
		case JSON_BOOL:
			fputs(json_bool(it.value, false) ? "true" : "false", stdout);
			break;
		default:
			fputs("…", stdout);
		}
		fputs(term_style(TERM_PLAIN), stdout);
	}
}

struct tree {
	struct arena *arena;
	const struct json *list[SPANS_MAX];
	bool shown[SPANS_MAX];
	size_t count;
	int64_t began_us;
};

static void
span_print(struct tree *tree, size_t i, unsigned depth)
{
	const struct json *span = tree->list[i];
	struct str error = json_get_string(span, "error_type");

	tree->shown[i] = true;
	printf("%10" STR_F " %10" STR_F "  %*s%s",
		STR_A(term_duration(tree->arena, json_int(json_get(span, "start_us"), 0) - tree->began_us)),
		STR_A(term_duration(tree->arena, json_int(json_get(span, "duration_us"), 0))), (int)(2 * depth), "",
		term_style(error.len ? TERM_RED : TERM_BOLD));
	term_line(json_get_string(span, "name"));
	fputs(term_style(TERM_PLAIN), stdout);
	if (error.len) {
		fputs("  error=", stdout);
		term_line(error);
	}
	attributes_print(json_get(span, "attributes"));
	putchar('\n');
}

/* Depth is bounded: what is deeper stands at the deepest level. */
static void
children_print(struct tree *tree, struct str parent, unsigned depth)
{
	for (size_t i = 0; i < tree->count; i++) {
		if (tree->shown[i] || !str_eq(json_get_string(tree->list[i], "parent_id"), parent))
			continue;
		span_print(tree, i, depth);
		if (depth < DEPTH_MAX)
			children_print(tree, json_get_string(tree->list[i], "span_id"), depth + 1);
	}
}

/* A span whose parent is not in the trace (the caller's, or lost) is a root. */
static bool
is_root(const struct tree *tree, size_t i)
{
	struct str parent = json_get_string(tree->list[i], "parent_id");

	for (size_t j = 0; j < tree->count; j++)
		if (str_eq(json_get_string(tree->list[j], "span_id"), parent))
			return false;
	return true;
}

static void
spans_print(struct arena *arena, const struct json *spans)
{
	struct tree *tree = arena_zalloc(arena, sizeof(*tree));

	if (!tree)
		return;
	tree->arena = arena;
	tree->began_us = INT64_MAX;
	for (struct json_iter it = json_iter(spans); json_next(&it) && tree->count < SPANS_MAX;) {
		int64_t start_us = json_int(json_get(it.value, "start_us"), 0);

		tree->list[tree->count++] = it.value;
		if (start_us < tree->began_us)
			tree->began_us = start_us;
	}
	printf("\n%s     start       time  span%s\n", term_style(TERM_DIM), term_style(TERM_PLAIN));
	for (size_t i = 0; i < tree->count; i++) {
		if (tree->shown[i] || !is_root(tree, i))
			continue;
		span_print(tree, i, 0);
		children_print(tree, json_get_string(tree->list[i], "span_id"), 1);
	}
}

static void
line(const char *label, struct str text)
{
	if (text.len == 0)
		return;
	printf("%s%-9s%s ", term_style(TERM_DIM), label, term_style(TERM_PLAIN));
	term_line(text);
	putchar('\n');
}

static struct str
tokens_text(struct arena *arena, const struct json *usage)
{
	struct str text = arena_printf(arena, "%lld in, %lld out", (long long)json_int(json_get(usage, "input_tokens"), 0),
		(long long)json_int(json_get(usage, "output_tokens"), 0));
	int64_t cached = json_int(json_get(usage, "cached_input_tokens"), 0), reasoning = json_int(json_get(usage, "reasoning_tokens"), 0);

	if (cached)
		text = arena_printf(arena, "%" STR_F ", %lld cached", STR_A(text), (long long)cached);
	if (reasoning)
		text = arena_printf(arena, "%" STR_F ", %lld reasoning", STR_A(text), (long long)reasoning);
	return json_bool(json_get(usage, "estimated"), false) ? arena_printf(arena, "%" STR_F " (estimated)", STR_A(text)) : text;
}

static struct str
outcome_text(struct arena *arena, const struct json *item)
{
	struct str text = arena_printf(
		arena, "%" STR_F " (%lld)", STR_A(json_get_string(item, "outcome")), (long long)json_int(json_get(item, "status"), 0));
	struct str finish = json_get_string(item, "finish_reason"), message = json_get_string(item, "error_message");

	if (finish.len)
		text = arena_printf(arena, "%" STR_F ", finish %" STR_F, STR_A(text), STR_A(finish));
	if (message.len)
		text = arena_printf(arena, "%" STR_F ": %" STR_F, STR_A(text), STR_A(message));
	return text;
}

/* The text of a message; its JSON as it is when it is more than text. */
static struct str
message_text(struct arena *arena, struct str body)
{
	const struct json *message;
	struct str text;

	if (!body.ptr)
		return STR("(not kept)");
	if (json_parse(arena, body, &message))
		return body;
	text = json_get_string(message, "content");
	return text.ptr && json_count(message) == 2 ? text : body;
}

static void
messages_print(struct arena *arena, const struct json *messages)
{
	for (struct json_iter it = json_iter(messages); json_next(&it);) {
		printf("\n%s", term_style(TERM_CYAN));
		term_line(json_get_string(it.value, "role"));
		printf("%s\n", term_style(TERM_PLAIN));
		if (json_get(it.value, "body_bytes"))
			printf("(%lld bytes, too many to be shown with the others)", (long long)json_int(json_get(it.value, "body_bytes"), 0));
		else
			term_print(message_text(arena, json_get_string(it.value, "body")));
		putchar('\n');
	}
}

static void
sources_print(struct arena *arena, const struct json *sources)
{
	static const char *const titles[] = { "RANK", "SCORE", "CITED", "PASSAGE", "VERSION", "DOCUMENT", NULL };
	struct table table;

	if (json_count(sources) == 0)
		return;
	putchar('\n');
	table_init(&table, arena, titles);
	for (struct json_iter it = json_iter(sources); json_next(&it);)
		table_add(&table, (struct str[]){
					  arena_printf(arena, "%lld", (long long)json_int(json_get(it.value, "rank"), 0)),
					  arena_printf(arena, "%.3f", json_number(json_get(it.value, "score"), 0)),
					  json_bool(json_get(it.value, "cited"), false) ? STR("yes") : STR("no"),
					  arena_printf(arena, "%lld", (long long)json_int(json_get(it.value, "ordinal"), 0)),
					  json_get_string(it.value, "version_id"),
					  json_get_string(it.value, "document_id"),
				  });
	table_print(&table);
}

static void
interaction_print(struct arena *arena, const struct json *item, bool bodies)
{
	struct str provider = json_get_string(item, "provider");
	int64_t first_us = json_int(json_get(item, "first_chunk_us"), 0);

	line("request", json_get_string(item, "request_id"));
	line("answer", json_get_string(item, "response_id"));
	line("started", term_time(arena, json_int(json_get(item, "started_us"), 0)));
	line("model", json_get_string(item, "model"));
	if (provider.len)
		line("target", arena_printf(arena, "%" STR_F " %" STR_F, STR_A(provider), STR_A(json_get_string(item, "target_model"))));
	line("outcome", outcome_text(arena, item));
	line("tokens", tokens_text(arena, json_get(item, "usage")));
	line("cost", dollars(arena, json_int(json_get(item, "cost_nanodollars"), 0)));
	line("time", term_duration(arena, json_int(json_get(item, "duration_us"), 0)));
	if (first_us)
		line("first", term_duration(arena, first_us));
	line("key", json_get_string(item, "key_id"));
	sources_print(arena, json_get(item, "sources"));
	if (bodies)
		messages_print(arena, json_get(item, "messages"));
}

static MAY_PARK int
trace_show_call(struct client *client, struct args *args)
{
	const struct json *answer;
	const struct err *err;
	struct str text;

	err = client_get(client, &answer, &text, "/admin/v1/traces/%" STR_F, STR_A(client_encode(args->arena, args->list[0])));
	if (err)
		return client_fail(client, err);
	if (client->json)
		return client_print(text);
	line("trace", json_get_string(answer, "trace_id"));
	interaction_print(args->arena, json_get(answer, "interaction"), args_has(args, "messages"));
	for (struct json_iter it = json_iter(json_get(answer, "other_request_ids")); json_next(&it);)
		line("also", json_string(it.value));
	spans_print(args->arena, json_get(answer, "spans"));
	return EXIT_DONE;
}

static const struct option ls_options[] = {
	{ "limit", 'n', "COUNT", "How many, 1 to 1000. Else 20." },
	{ "after", 0, "REQUEST", "Only what is older than this request." },
	{ NULL, 0, NULL, NULL },
};

static const struct option show_options[] = {
	{ "messages", 'm', NULL, "Print the messages too, as far as they were kept." },
	{ NULL, 0, NULL, NULL },
};

const struct command trace_ls_command = {
	.name = "trace ls",
	.arguments = "",
	.summary = "List the records of answers",
	.options = ls_options,
	.call = trace_ls_call,
	.help = "The newest first. A number of tokens that was estimated is marked with ~.",
};

const struct command trace_show_command = {
	.name = "trace show",
	.arguments = "ID",
	.summary = "Show the record of one answer",
	.options = show_options,
	.args_min = 1,
	.args_max = 1,
	.call = trace_show_call,
	.help = "Prints what was asked and answered, from which sources, with tokens, cost and the tree of spans. ID is the answer's "
		"x-request-id, its response id, or a trace id.",
};
