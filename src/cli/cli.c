/*
 * cli.c - the command line: finding the command, running it, and helping with it. See cli.h.
 */
#include "cli/cli.h"

#include "cli/args.h"
#include "cli/client.h"
#include "cli/term.h"
#include "conf/nearest.h"

#include <stdio.h>
#include <stdlib.h>

enum { ARGS_ARENA_MAX = 256 * 1024 * 1024, HELP_MAX = 256 * 1024 };

/* The command that the first words name; how many they are goes to *taken. */
static const struct command *
command_find(const struct str *words, size_t count, size_t *taken)
{
	for (size_t i = 0; commands[i]; i++) {
		struct str rest = str_of(commands[i]->name), word;
		bool same = true;

		for (*taken = 0; same && str_split(&rest, ' ', &word); ++*taken)
			same = *taken < count && str_eq(word, words[*taken]);
		if (same)
			return commands[i];
	}
	return NULL;
}

static bool
is_group(const struct command *command, struct str word)
{
	struct str name = str_of(command->name);

	return name.len > word.len && str_starts(name, word) && name.ptr[word.len] == ' ';
}

static void
usage_line(struct buf *out, const struct command *command)
{
	buf_printf(out, "corbel %s", command->name);
	if (command->arguments[0])
		buf_printf(out, " %s", command->arguments);
	if (args_option(command, 1))
		buf_printf(out, " [OPTION...]");
}

static void
option_left(struct buf *out, const struct option *option)
{
	if (option->letter)
		buf_printf(out, "-%c, ", option->letter);
	buf_printf(out, "--%s%s%s", option->name, option->value ? " " : "", option->value ? option->value : "");
}

/* Text in lines of at most 100 columns, each after `indent` blanks but the first, which stands at `column` already. */
static void
wrapped(struct buf *out, const char *text, unsigned indent, unsigned column)
{
	struct str rest = str_of(text), word;

	while (str_split(&rest, ' ', &word)) {
		if (column + word.len + 1 > 100) {
			buf_printf(out, "\n%*s", (int)indent, "");
			column = indent;
		}
		buf_printf(out, "%s%" STR_F, column > indent ? " " : "", STR_A(word));
		column += (unsigned)word.len + (column > indent);
	}
	buf_add_byte(out, '\n');
}

static void
command_help(struct buf *out, const struct command *command)
{
	const struct option *option;

	buf_printf(out, "%s\n\nusage: ", command->summary);
	usage_line(out, command);
	buf_printf(out, "\n\n");
	wrapped(out, command->help, 0, 0);
	buf_printf(out, "\noptions:\n");
	for (size_t i = 0; (option = args_option(command, i)); i++) {
		size_t before = out->len;

		buf_printf(out, "  ");
		option_left(out, option);
		buf_printf(out, "%*s", out->len - before < 26 ? (int)(26 - (out->len - before)) : 2, "");
		wrapped(out, option->help, 26, 26);
	}
}

static void
all_help(struct buf *out, struct str group)
{
	buf_printf(out,
		"corbel - the backend of an AI product in one program\n\nusage: corbel COMMAND [ARGUMENT...] [OPTION...]\n\ncommands:\n");
	for (size_t i = 0; commands[i]; i++)
		if (!commands[i]->hidden && (group.len == 0 || is_group(commands[i], group)))
			buf_printf(out, "  %-18s %s\n", commands[i]->name, commands[i]->summary);
	buf_printf(out, "\n\"corbel help COMMAND\" tells more of each.\n");
}

static int
printed(struct buf *out, FILE *to)
{
	fwrite(out->ptr, 1, out->len, to);
	buf_fini(out);
	return to == stdout ? EXIT_DONE : EXIT_USAGE;
}

static int
help_print(const struct command *command, struct str group, FILE *to)
{
	struct buf out;

	buf_init(&out, NULL, HELP_MAX);
	if (command)
		command_help(&out, command);
	else
		all_help(&out, group);
	return printed(&out, to);
}

static int
unknown_command(struct str word)
{
	struct nearest nearest;

	nearest_init(&nearest, word);
	for (size_t i = 0; commands[i]; i++)
		if (!commands[i]->hidden)
			nearest_offer(&nearest, str_slice(str_of(commands[i]->name), 0, str_find_byte(str_of(commands[i]->name), ' ', 0)));
	term_error("there is no command \"%" STR_F "\"%s%" STR_F "%s", STR_A(word), nearest.best.ptr ? "; did you mean \"" : "",
		STR_A(nearest.best), nearest.best.ptr ? "\"?" : "");
	return EXIT_USAGE;
}

static bool
group_exists(struct str word)
{
	for (size_t i = 0; commands[i]; i++)
		if (is_group(commands[i], word))
			return true;
	return false;
}

int
cli_help(const struct str *words, size_t count)
{
	size_t taken;
	const struct command *command = command_find(words, count, &taken);

	if (command || count == 0)
		return help_print(command, STR_EMPTY, stdout);
	return group_exists(words[0]) ? help_print(NULL, words[0], stdout) : unknown_command(words[0]);
}

static int
command_run(const struct command *command, char **words, int count)
{
	struct args args = { .command = command };
	struct buf usage;
	int code;

	if (command->raw)
		return command->raw(count + 1, words - 1);
	args.arena = arena_new(ARGS_ARENA_MAX);
	code = args_parse(&args, words, count);
	if (code == EXIT_DONE && args_has(&args, "help")) {
		code = help_print(command, STR_EMPTY, stdout);
	} else if (code == EXIT_DONE && (args.count < command->args_min || args.count > command->args_max)) {
		buf_init(&usage, NULL, HELP_MAX);
		usage_line(&usage, command);
		term_error("usage: %" STR_F, STR_A(buf_str(&usage)));
		buf_fini(&usage);
		code = EXIT_USAGE;
	} else if (code == EXIT_DONE) {
		code = command->call ? client_run(&args) : command->run(&args);
	}
	arena_free(args.arena);
	return code;
}

int
cli_main(int argc, char **argv)
{
	struct str words[2];
	size_t count = 0, taken;
	const struct command *command;

	if (argc < 2)
		return help_print(NULL, STR_EMPTY, stderr);
	for (; count < COUNT(words) && (int)count + 1 < argc; count++)
		words[count] = str_of(argv[count + 1]);
	if (str_eq_c(words[0], "--help") || str_eq_c(words[0], "-h"))
		return help_print(NULL, STR_EMPTY, stdout);
	if (str_eq_c(words[0], "--version"))
		words[0] = STR("version");
	command = command_find(words, count, &taken);
	if (command)
		return command_run(command, argv + 1 + taken, argc - 1 - (int)taken);
	return group_exists(words[0]) ? help_print(NULL, words[0], stderr) : unknown_command(words[0]);
}

static void
options_reference(struct buf *out, const struct option *options)
{
	for (const struct option *option = options; option && option->name; option++) {
		buf_printf(out, "- `");
		option_left(out, option);
		buf_printf(out, "` %s\n", option->help);
	}
}

void
cli_reference(struct buf *out)
{
	buf_printf(out,
		"# The command line\n\n<!-- Made by `corbel help --reference` from the rows in the source. Do not edit by hand. -->\n\n"
		"`corbel help` lists the commands, `corbel help COMMAND` tells what is below.\n\n"
		"Exit codes: 0 done; 1 it did not succeed; 2 the command line is wrong; 3 no server answers; 4 the server refused the "
		"key.\n\n"
		"Commands that talk to a server take these options too:\n\n");
	options_reference(out, client_options);
	for (size_t i = 0; commands[i]; i++) {
		const struct command *command = commands[i];

		if (command->hidden)
			continue;
		buf_printf(out, "\n## corbel %s\n\n%s.\n\n    ", command->name, command->summary);
		usage_line(out, command);
		buf_printf(out, "\n\n%s\n%s", command->help, command->options ? "\n" : "");
		options_reference(out, command->options);
	}
}
