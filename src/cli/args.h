/*
 * args.h - the words of a command line as options and arguments of a command. What a command asks of them is in cli.h.
 */
#pragma once

#include "cli/cli.h"

/* The nth option of a command: its own, those of every client, --help. NULL past the last. */
const struct option *args_option(const struct command *command, size_t n);

/* Reads the words behind the command's name into `args`. EXIT_USAGE: has told what is wrong. */
int args_parse(struct args *args, char **words, int count);
