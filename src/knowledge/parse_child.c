/*
 * parse_child.c - `corbel parse` as a program of its own, for the tests of this room.
 */
#include "knowledge/parser.h"

int
main(int argc, char **argv)
{
	return argc > 1 ? parse_main(argc - 1, argv + 1) : 2;
}
