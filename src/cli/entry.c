/*
 * entry.c - `corbel model ls|show|set|rm` and `corbel provider ls|show|set|rm|test`: what is in force, and what the store puts over the file.
 */
#include "cli/commands.h"
#include "cli/config.h"
#include "cli/policy_args.h"
#include "cli/term.h"
#include "cli/yaml_out.h"

#include <stdio.h>

enum { BODY_MAX = 1024 * 1024, PAGE = 1000 };

#define TEST_TIMEOUT_US (60 * INT64_C(1000000))

static bool
is_provider(const struct args *args)
{
	return str_starts(str_of(args->command->name), STR("provider "));
}

static const char *
kinds_path(const struct args *args)
{
	return is_provider(args) ? "/admin/v1/providers" : "/admin/v1/models";
}

static struct str
entry_path(struct args *args)
{
	return arena_printf(args->arena, "%s/%" STR_F, kinds_path(args), STR_A(client_encode(args->arena, args->list[0])));
}

/* --- ls --- */

static struct str
origin_of(struct arena *arena, const struct json *entry)
{
	struct str origin = json_get_string(entry, "origin");

	return json_bool(json_get(entry, "replaces_file"), false) ? arena_printf(arena, "%" STR_F ", over the file", STR_A(origin)) : origin;
}

/* "main:gpt-x, other:y", or what stands in place of targets. */
static struct str
targets_of(struct arena *arena, const struct json *model)
{
	const struct json *split = json_get(model, "split"), *knowledge = json_get(model, "knowledge");
	struct buf out;

	buf_init(&out, arena, KIB(16));
	for (struct json_iter it = json_iter(json_get(model, "targets")); json_next(&it);)
		buf_printf(&out, "%s%" STR_F ":%" STR_F, out.len ? ", " : "", STR_A(json_get_string(it.value, "provider")), STR_A(json_get_string(it.value, "model")));
	for (struct json_iter it = json_iter(split); json_next(&it);)
		buf_printf(&out, "%s%" STR_F, out.len ? ", " : "split onto ", STR_A(json_get_string(it.value, "model")));
	for (struct json_iter it = json_iter(json_get(model, "fallbacks")); json_next(&it);)
		buf_printf(&out, ", else %" STR_F, STR_A(json_get_string(it.value, "model")));
	if (knowledge)
		buf_printf(&out, "%sfrom %" STR_F, out.len ? ", " : "", STR_A(json_get_string(knowledge, "collection")));
	return out.len ? buf_str(&out) : STR("-");
}

static struct str
text_of(const struct json *object, const char *member, const char *otherwise)
{
	struct str text = json_get_string(object, member);

	return text.ptr ? text : str_of(otherwise);
}

static void
list_add(struct table *table, struct args *args, const struct json *entry)
{
	const struct json *conf = json_get(entry, "configuration");
	struct str name = json_get_string(entry, "name"), origin = origin_of(args->arena, entry);

	if (is_provider(args))
		table_add(table, (struct str[]){ name, origin, text_of(conf, "kind", "-"), text_of(conf, "api_key", "-"), text_of(conf, "base_url", "-") });
	else
		table_add(table, (struct str[]){ name, origin, text_of(conf, "type", "chat"), text_of(conf, "strategy", "weighted"), targets_of(args->arena, conf) });
}

static MAY_PARK int
entry_ls_call(struct client *client, struct args *args)
{
	static const char *const providers[] = { "NAME", "ORIGIN", "KIND", "KEY", "BASE URL", NULL };
	static const char *const models[] = { "NAME", "ORIGIN", "TYPE", "STRATEGY", "TARGETS", NULL };
	struct str after = args_get(args, "after");
	const struct json *answer;
	struct table table;
	int exit_code;

	table_init(&table, args->arena, is_provider(args) ? providers : models);
	do {
		struct str path = arena_printf(args->arena, "%s?limit=%d&after=%" STR_F, kinds_path(args), PAGE, STR_A(client_encode(args->arena, after.ptr ? after : STR_EMPTY)));

		answer = client_send(client, args, HTTP_GET, path, STR_EMPTY, &exit_code);
		if (!answer)
			return exit_code;
		for (struct json_iter it = json_iter(json_get(answer, "data")); json_next(&it);) {
			after = json_get_string(it.value, "name");
			list_add(&table, args, it.value);
		}
	} while (json_bool(json_get(answer, "has_more"), false));
	table_print(&table);
	return EXIT_DONE;
}

/* --- show --- */

static void
entry_print(struct args *args, const struct json *entry)
{
	long long version = json_int(json_get(entry, "changed_in"), 0);
	struct buf out;

	buf_init(&out, args->arena, BODY_MAX);
	buf_printf(&out, "# %" STR_F, STR_A(origin_of(args->arena, entry)));
	if (version)
		buf_printf(&out, ", put there by version %lld", version);
	buf_add_byte(&out, '\n');
	yaml_put(&out, json_get(entry, "configuration"), 0);
	term_print(buf_str(&out));
}

static MAY_PARK int
entry_show_call(struct client *client, struct args *args)
{
	int exit_code;
	const struct json *entry = client_send(client, args, HTTP_GET, entry_path(args), STR_EMPTY, &exit_code);

	if (entry)
		entry_print(args, entry);
	return exit_code;
}

/* --- set --- */

/* An option that is a member of its own name; `list`: names separated by commas, each an object with that member. */
struct member {
	const char *option, *name;
	enum { MEMBER_TEXT, MEMBER_TRUTH, MEMBER_TARGETS, MEMBER_FALLBACKS, MEMBER_COLLECTION } type;
};

static const struct member members[] = { { "kind", "kind", MEMBER_TEXT }, { "base-url", "base_url", MEMBER_TEXT }, { "api-key", "api_key", MEMBER_TEXT },
	{ "max-concurrency", "max_concurrency", MEMBER_TEXT }, { "hosted", "hosted", MEMBER_TRUTH }, { "target", "targets", MEMBER_TARGETS }, { "strategy", "strategy", MEMBER_TEXT },
	{ "fallback", "fallbacks", MEMBER_FALLBACKS }, { "collection", "knowledge", MEMBER_COLLECTION }, { "capture", "capture", MEMBER_TEXT } };

/* False: has told what is wrong. */
static bool
put_targets(struct json_out *json, struct str list)
{
	struct str piece;

	json_begin_array(json);
	while (str_split(&list, ',', &piece)) {
		size_t colon = str_find_byte(piece, ':', 0);

		if (colon == SIZE_MAX || colon == 0 || colon + 1 == piece.len) {
			term_error("--target: expected PROVIDER:MODEL, with commas between several");
			return false;
		}
		json_begin_object(json);
		json_set_string(json, "provider", str_trim(str_slice(piece, 0, colon)));
		json_set_string(json, "model", str_trim(str_slice(piece, colon + 1, piece.len)));
		json_end_object(json);
	}
	json_end_array(json);
	return true;
}

static bool
put_member(struct json_out *json, const struct member *member, struct str text)
{
	struct str piece;

	json_key(json, str_of(member->name));
	switch (member->type) {
	case MEMBER_TEXT:
		json_put_string(json, text);
		return true;
	case MEMBER_TRUTH:
		json_put_bool(json, str_eq_c(text, "yes"));
		if (str_eq_c(text, "yes") || str_eq_c(text, "no"))
			return true;
		term_error("--%s: expected yes or no", member->option);
		return false;
	case MEMBER_TARGETS:
		return put_targets(json, text);
	case MEMBER_FALLBACKS:
		json_begin_array(json);
		while (str_split(&text, ',', &piece)) {
			json_begin_object(json);
			json_set_string(json, "model", str_trim(piece));
			json_end_object(json);
		}
		json_end_array(json);
		return true;
	case MEMBER_COLLECTION:
		json_begin_object(json);
		json_set_string(json, "collection", text);
		json_end_object(json);
		return true;
	}
	return false;
}

/* What is there with the options put over it; NULL text: has told what is wrong. */
static struct str
body_of_options(struct args *args, const struct json *before)
{
	struct json_out json;
	struct buf body;
	bool good = true, any = false;

	buf_init(&body, args->arena, BODY_MAX);
	json_out_init(&json, &body);
	json_begin_object(&json);
	for (struct json_iter it = json_iter(before); json_next(&it);) {
		bool replaced = false;

		for (size_t i = 0; i < COUNT(members); i++)
			replaced = replaced || (str_eq_c(it.key, members[i].name) && args_has(args, members[i].option));
		if (replaced)
			continue;
		json_key(&json, it.key);
		json_put(&json, it.value);
	}
	for (size_t i = 0; good && i < COUNT(members); i++) {
		struct str text = args_get(args, members[i].option);

		if (!text.ptr)
			continue;
		good = put_member(&json, &members[i], text);
		any = true;
	}
	if (good && !any) {
		term_error("give a file with the whole entry (- for standard input), or options for what is to change");
		good = false;
	}
	if (!good)
		return (struct str){ NULL, 0 };
	json_end_object(&json);
	return buf_str(&body);
}

/* The entry as it is, for options to change; NULL where there is none. False: the error was told. */
static MAY_PARK bool
entry_before(struct client *client, struct args *args, const struct json **out, int *exit_code)
{
	struct client_request request = { .method = HTTP_GET, .path = entry_path(args) };
	struct str text;
	const struct err *err = client_call(client, args->arena, &request, out, &text);

	if (err && err->kind != ERR_NOT_FOUND) {
		*exit_code = client_fail(client, err);
		return false;
	}
	return true;
}

static MAY_PARK int
entry_set_call(struct client *client, struct args *args)
{
	const struct json *before = NULL, *entry;
	int64_t since = 0;
	struct str body;
	int exit_code;

	if (args->count == 1) {
		if (!entry_before(client, args, &before, &exit_code))
			return exit_code;
		since = json_int(json_get(before, "changed_in"), 0);
		body = body_of_options(args, json_get(before, "configuration"));
	} else {
		body = config_file_json(args, args->list[1]);
	}
	if (!body.ptr)
		return EXIT_USAGE;
	entry = config_send(client, args, HTTP_PUT, entry_path(args), body, since, &exit_code);
	if (entry)
		entry_print(args, entry);
	return exit_code;
}

static MAY_PARK int
entry_rm_call(struct client *client, struct args *args)
{
	int exit_code;
	const struct json *answer = config_send(client, args, HTTP_DELETE, entry_path(args), STR_EMPTY, 0, &exit_code);

	if (answer)
		printf("%" STR_F " removed from the store; version %lld\n", STR_A(args->list[0]), (long long)json_int(json_get(answer, "version"), 0));
	return exit_code;
}

/* --- provider test --- */

static MAY_PARK int
provider_test_call(struct client *client, struct args *args)
{
	struct client_request request = { .method = HTTP_POST, .path = STR("/admin/v1/providers/test"), .content_type = STR("application/json"), .timeout_us = TEST_TIMEOUT_US };
	struct str model = args_get(args, "model"), text;
	const struct json *answer;
	struct json_out json;
	struct buf body;
	const struct err *err;
	bool good;

	buf_init(&body, args->arena, BODY_MAX);
	json_out_init(&json, &body);
	json_begin_object(&json);
	json_set_string(&json, "provider", args->list[0]);
	if (model.ptr)
		json_set_string(&json, "model", model);
	json_end_object(&json);
	request.body = buf_str(&body);
	err = client_call(client, args->arena, &request, &answer, &text);
	if (err)
		return client_fail(client, err);
	good = json_bool(json_get(answer, "ok"), false);
	if (client->json)
		client_print(text);
	else if (good)
		printf("%" STR_F " answered with %" STR_F " in %" STR_F " (first words after %" STR_F ")\n", STR_A(args->list[0]), STR_A(term_line_text(args->arena, json_get_string(answer, "model"))),
			STR_A(term_duration(args->arena, json_int(json_get(answer, "duration_us"), 0))), STR_A(term_duration(args->arena, json_int(json_get(answer, "first_us"), 0))));
	else
		term_error("%" STR_F " with %" STR_F " failed after %" STR_F " (%" STR_F "): %" STR_F "\n%" STR_F, STR_A(args->list[0]), STR_A(term_line_text(args->arena, json_get_string(answer, "model"))),
			STR_A(term_duration(args->arena, json_int(json_get(answer, "duration_us"), 0))), STR_A(text_of(json_get(answer, "error"), "cause", "")),
			STR_A(text_of(json_get(answer, "error"), "message", "")), STR_A(text_of(json_get(answer, "error"), "advice", "")));
	return good ? EXIT_DONE : EXIT_FAILED;
}

/* --- rows --- */

static const struct option ls_options[] = { { "after", 0, "NAME", "Go on after this one." }, { NULL, 0, NULL, NULL } };
static const struct option rm_options[] = { REASON_OPTIONS, { NULL, 0, NULL, NULL } };
static const struct option test_options[] = { { "model", 'm', "MODEL", "A model's name at the provider. Else that of some target there." }, { NULL, 0, NULL, NULL } };

static const struct option model_set_options[] = {
	{ "target", 0, "PROVIDER:MODEL,...", "Where its calls go." },
	{ "strategy", 0, "NAME", "weighted, priority, least_latency, least_busy or cheapest." },
	{ "fallback", 0, "MODEL,...", "Other models to try, in order." },
	{ "collection", 0, "NAME", "The documents it answers from." },
	{ "capture", 0, "HOW", "What the record of a call keeps: none, usage or full." },
	REASON_OPTIONS,
	{ NULL, 0, NULL, NULL },
};

static const struct option provider_set_options[] = {
	{ "kind", 0, "KIND", "What it speaks: openai, anthropic, azure, gemini, ..." },
	{ "base-url", 0, "URL", "Where it is." },
	{ "api-key", 0, "KEY", "Its key; '${NAME}' (quoted from the shell) is read from the server's environment, anything else is sealed." },
	{ "hosted", 0, "yes|no", "Whether it runs on machines of others." },
	{ "max-concurrency", 0, "N", "Calls to it at once; 0: no limit." },
	REASON_OPTIONS,
	{ NULL, 0, NULL, NULL },
};

#define SET_HELP "With FILE (YAML or JSON with the members that the configuration file has; - for standard input) the whole entry is that. Without, the options change what is there and the rest stays. " \
		 "A mistake is refused with its path; nothing restarts, and what is in flight ends as it began. In force on every node within a second. An entry of the file is put over, whole, until this one is removed."

const struct command model_ls_command = { .name = "model ls", .arguments = "", .summary = "List the models", .options = ls_options, .call = entry_ls_call,
	.help = "Those in force, each with where it came from: the file, or the store." };
const struct command model_show_command = { .name = "model show", .arguments = "MODEL", .summary = "Show a model", .args_min = 1, .args_max = 1, .call = entry_show_call,
	.help = "As the configuration file would have it." };
const struct command model_set_command = { .name = "model set", .arguments = "MODEL [FILE]", .summary = "Put a model in force", .args_min = 1, .args_max = 2, .options = model_set_options,
	.call = entry_set_call, .help = SET_HELP };
const struct command model_rm_command = { .name = "model rm", .arguments = "MODEL", .summary = "Remove a model from the store", .args_min = 1, .args_max = 1, .options = rm_options,
	.call = entry_rm_call, .help = "The file's of the same name, if there is one, is in force again. One that others lean on is not removed." };

const struct command provider_ls_command = { .name = "provider ls", .arguments = "", .summary = "List the providers", .options = ls_options, .call = entry_ls_call,
	.help = "Those in force, each with where it came from: the file, or the store." };
const struct command provider_show_command = { .name = "provider show", .arguments = "PROVIDER", .summary = "Show a provider", .args_min = 1, .args_max = 1, .call = entry_show_call,
	.help = "As the configuration file would have it. Secrets read \"(hidden)\"." };
const struct command provider_set_command = { .name = "provider set", .arguments = "PROVIDER [FILE]", .summary = "Put a provider in force", .args_min = 1, .args_max = 2,
	.options = provider_set_options, .call = entry_set_call, .help = SET_HELP " \"(hidden)\" keeps a secret that is there." };
const struct command provider_rm_command = { .name = "provider rm", .arguments = "PROVIDER", .summary = "Remove a provider from the store", .args_min = 1, .args_max = 1,
	.options = rm_options, .call = entry_rm_call, .help = "The file's of the same name, if there is one, is in force again. One that a model names is not removed." };
const struct command provider_test_command = { .name = "provider test", .arguments = "PROVIDER", .summary = "Try a provider", .args_min = 1, .args_max = 1, .options = test_options,
	.call = provider_test_call,
	.help = "The server makes one small call, of a few tokens, past routes and budgets, and says how long it took, or what went wrong and what to do. Exits with 1 when it failed." };
