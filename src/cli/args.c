/*
 * args.c - see args.h.
 */
#include "cli/args.h"

#include "cli/term.h"
#include "conf/nearest.h"

const struct option client_options[] = {
	{ "url", 0, "URL", "Where the server is. Else CORBEL_URL, else the server of the data directory, else http://127.0.0.1:8321." },
	{ "key", 0, "KEY",
		"The key to use. Else CORBEL_KEY, else CORBEL_ADMIN_KEY, else admin.key of the data directory (for a server on this "
		"machine)." },
	{ "data", 0, "DIR", "The data directory of the server. Else CORBEL_DATA, else ./corbel-data." },
	{ "json", 0, NULL, "Print JSON, as the server gave it." },
	{ NULL, 0, NULL, NULL },
};

static const struct option help_option = { "help", 'h', NULL, "Print this help." };

const struct option *
args_option(const struct command *command, size_t n)
{
	for (const struct option *option = command->options; option && option->name; option++)
		if (n-- == 0)
			return option;
	for (const struct option *option = client_options; command->call && option->name; option++)
		if (n-- == 0)
			return option;
	return n == 0 ? &help_option : NULL;
}

struct str
args_get(const struct args *args, const char *name)
{
	const struct option *option;

	for (size_t i = 0; (option = args_option(args->command, i)); i++)
		if (strcmp(option->name, name) == 0)
			return args->given[i];
	return (struct str){ NULL, 0 };
}

bool
args_has(const struct args *args, const char *name)
{
	return args_get(args, name).ptr != NULL;
}

static int
unknown_option(const struct args *args, struct str name)
{
	const struct option *option;
	struct nearest nearest;

	nearest_init(&nearest, name);
	for (size_t i = 0; (option = args_option(args->command, i)); i++)
		nearest_offer(&nearest, str_of(option->name));
	term_error("corbel %s has no option --%" STR_F "%s%" STR_F "%s", args->command->name, STR_A(name),
		nearest.best.ptr ? "; did you mean --" : "", STR_A(nearest.best), nearest.best.ptr ? "?" : "");
	return EXIT_USAGE;
}

/* One option at words[*at]; *at ends on its last word. */
static int
option_parse(struct args *args, char **words, int count, int *at)
{
	struct str word = str_of(words[*at]), value = { NULL, 0 };
	bool is_long = str_starts(word, STR("--"));
	size_t equals = is_long ? str_find_byte(word, '=', 2) : SIZE_MAX;
	struct str name = is_long ? str_slice(word, 2, equals) : str_slice(word, 1, 2);
	const struct option *option;
	size_t i = 0;

	while ((option = args_option(args->command, i)) &&
		!(is_long ? str_eq_c(name, option->name) : option->letter && name.ptr[0] == option->letter))
		i++;
	if (!option)
		return unknown_option(args, name);
	if (equals != SIZE_MAX)
		value = str_slice(word, equals + 1, word.len);
	else if (!is_long && word.len > 2)
		value = str_slice(word, 2, word.len);
	if (option->value && !value.ptr && *at + 1 < count)
		value = str_of(words[++*at]);
	if (option->value && !value.ptr)
		return term_error("--%s needs a value: --%s %s", option->name, option->name, option->value), EXIT_USAGE;
	if (!option->value && value.ptr)
		return term_error("--%s takes no value", option->name), EXIT_USAGE;
	args->given[i] = option->value ? value : STR_EMPTY;
	return EXIT_DONE;
}

int
args_parse(struct args *args, char **words, int count)
{
	bool only_arguments = false;

	args->list = arena_array(args->arena, (size_t)count + 1, sizeof(*args->list));
	for (int i = 0; i < count; i++) {
		int code = EXIT_DONE;

		if (!only_arguments && strcmp(words[i], "--") == 0)
			only_arguments = true;
		else if (!only_arguments && words[i][0] == '-' && words[i][1])
			code = option_parse(args, words, count, &i);
		else
			args->list[args->count++] = str_of(words[i]);
		if (code != EXIT_DONE)
			return code;
	}
	return EXIT_DONE;
}
