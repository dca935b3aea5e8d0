/*
 * cli.h - a command of the program is one row: name, arguments, options, help and what it runs. Parsing, `corbel help` and docs/cli.md all come from the rows.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,      /* the command was understood and did not succeed */
	EXIT_USAGE = 2,       /* the command line is wrong; nothing was done */
	EXIT_UNREACHABLE = 3, /* no server answers at the address */
	EXIT_REFUSED = 4,     /* the server refused the key, or it lacks a scope */
};

struct option {
	const char *name;  /* "listen": --listen VALUE or --listen=VALUE */
	char letter;       /* -c VALUE; 0: none */
	const char *value; /* what stands for the value in help; NULL: the option has none */
	const char *help;
};

enum { OPTIONS_MAX = 24 };

struct client;
struct command;

struct args {
	struct arena *arena; /* lives as long as the command */
	const struct command *command;
	struct str given[OPTIONS_MAX]; /* in the order of options_of; ptr NULL: not given; the last one counts */
	struct str *list;              /* what is not an option */
	size_t count;
};

struct command {
	const char *name;              /* "key create": one word or two */
	const char *arguments;         /* "PATH..."; empty: none */
	const char *summary;           /* one line, without a full stop */
	const char *help;              /* what it does, in sentences */
	const struct option *options;  /* ends with a name of NULL; NULL: none of its own */
	unsigned args_min, args_max;   /* how many arguments */
	bool hidden;                   /* not in the list of commands */
	int (*run)(struct args *args); /* returns an exit code */
	MAY_PARK int (*call)(
		struct client *client, struct args *args); /* in place of run: runs on a fiber, with the options of every client */
	int (*raw)(int argc, char **argv);                 /* in place of run: takes the words from the name on, as a main does */
};

/* All commands, in the order of help; ends with NULL. */
extern const struct command *const commands[];

/* The value of an option of the command, or of every client: ptr NULL when it was not given; an option without a value is given as an empty text. */
struct str args_get(const struct args *args, const char *name);
bool args_has(const struct args *args, const char *name);

/* The whole of the program. */
int cli_main(int argc, char **argv);

/* Prints the help of the command these words name; the list of commands without words. */
int cli_help(const struct str *words, size_t count);

/* Writes docs/cli.md. */
void cli_reference(struct buf *out);

/* The options every client command takes; ends with a name of NULL. */
extern const struct option client_options[];
