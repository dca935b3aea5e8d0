/*
 * problem.h - what is wrong with a configuration, all of it: a list that checks add to and go on, so that a person mends a file in one round.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

/* More than this many are counted but not kept. */
enum { PROBLEMS_MAX = 200 };

struct problem {
	struct problem *next;
	struct str source;     /* "corbel.yaml", "CORBEL_LISTEN", "--listen" */
	unsigned line, column; /* from 1; 0: the source has no lines */
	struct str text;       /* one sentence: where in the configuration, what was expected, what was found */
	struct str path;       /* where, once more: "targets[0].weight"; may be empty */
};

struct problems {
	struct arena *arena;
	struct problem *first;
	unsigned count;
};

/* An empty list whose texts lie in the arena. */
void problems_init(struct problems *problems, struct arena *arena);

/* Adds one, in the order of source, line and column. */
void problems_add(struct problems *problems, struct str source, unsigned line, unsigned column, const char *format, ...) PRINTF_LIKE(5, 6);

/* As problems_add, of a value at a path: the text becomes "path: text". */
void problems_add_at(struct problems *problems, struct str source, unsigned line, unsigned column, struct str path, const char *text);

/* Copies of all of them, in the same order. */
void problems_copy(struct problems *to, const struct problems *from);

/* "corbel.yaml:3:7: text" without a line break. */
struct str problem_text(struct arena *arena, const struct problem *problem);

/* NULL when the list is empty; else ERR_INVALID with the first problem and the number of further ones. */
const struct err *problems_err(const struct problems *problems, struct arena *arena);
