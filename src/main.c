/*
 * main.c - the program. What it can do is listed in cli/commands.c.
 */
#include "cli/cli.h"

int
main(int argc, char **argv)
{
	return cli_main(argc, argv);
}
