/*
 * problem.c - the list of what is wrong with a configuration. See problem.h.
 */
#include "conf/problem.h"

#include <stdarg.h>
#include <stdio.h>

void
problems_init(struct problems *problems, struct arena *arena)
{
	*problems = (struct problems){ .arena = arena };
}

/* Lines of one source stand together, in the order in which the sources first had a problem. */
static struct problem **
problems_place(struct problems *problems, const struct problem *added)
{
	struct problem **place = &problems->first;

	while (*place && !str_eq((*place)->source, added->source))
		place = &(*place)->next;
	while (*place && str_eq((*place)->source, added->source)) {
		const struct problem *at = *place;

		if (at->line > added->line || (at->line == added->line && at->column > added->column))
			break;
		place = &(*place)->next;
	}
	return place;
}

static void
add(struct problems *problems, struct str source, unsigned line, unsigned column, struct str path, struct str text)
{
	struct problem *added, **place;

	if (problems->count++ >= PROBLEMS_MAX)
		return;
	added = arena_zalloc(problems->arena, sizeof(*added));
	if (!added)
		return; /* counted all the same: the configuration stays refused */
	added->source = arena_dup(problems->arena, source); /* an entry that is refused does not outlive its problems */
	if (!added->source.ptr)
		added->source = STR_EMPTY;
	added->line = line;
	added->column = column;
	added->path = arena_dup(problems->arena, path);
	if (!added->path.ptr)
		added->path = STR_EMPTY;
	added->text = path.len ? arena_printf(problems->arena, "%" STR_F ": %" STR_F, STR_A(path), STR_A(text)) : arena_dup(problems->arena, text);
	if (!added->text.ptr)
		added->text = STR("wrong, and no memory is left to say how");
	place = problems_place(problems, added);
	added->next = *place;
	*place = added;
}

void
problems_add(struct problems *problems, struct str source, unsigned line, unsigned column, const char *format, ...)
{
	char text[1024];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (len < 0)
		len = 0;
	add(problems, source, line, column, STR_EMPTY, str_n(text, (size_t)len < sizeof(text) ? (size_t)len : sizeof(text) - 1));
}

void
problems_add_at(struct problems *problems, struct str source, unsigned line, unsigned column, struct str path, const char *text)
{
	add(problems, source, line, column, path, str_of(text));
}

void
problems_copy(struct problems *to, const struct problems *from)
{
	struct problem **last = &to->first;

	while (*last)
		last = &(*last)->next;
	for (const struct problem *at = from->first; at; at = at->next) {
		struct problem *copy = arena_zalloc(to->arena, sizeof(*copy));

		if (!copy)
			break; /* counted all the same */
		*copy = (struct problem){ .source = arena_dup(to->arena, at->source), .line = at->line, .column = at->column, .text = arena_dup(to->arena, at->text),
			.path = arena_dup(to->arena, at->path) };
		*last = copy;
		last = &copy->next;
	}
	to->count += from->count;
}

struct str
problem_text(struct arena *arena, const struct problem *problem)
{
	if (!problem->line)
		return arena_printf(arena, "%" STR_F ": %" STR_F, STR_A(problem->source), STR_A(problem->text));
	return arena_printf(
		arena, "%" STR_F ":%u:%u: %" STR_F, STR_A(problem->source), problem->line, problem->column, STR_A(problem->text));
}

const struct err *
problems_err(const struct problems *problems, struct arena *arena)
{
	struct str text;

	if (problems->count == 0)
		return NULL;
	if (!problems->first)
		return &err_no_memory;
	text = problem_text(arena, problems->first);
	if (problems->count == 1)
		return err_new(arena, ERR_INVALID, "%" STR_F, STR_A(text));
	return err_new(arena, ERR_INVALID, "%" STR_F " (and %u more)", STR_A(text), problems->count - 1);
}
