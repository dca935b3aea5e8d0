/*
 * settings.c - all settings of the program in one list. A room that gets its first setting is added here, and nowhere else.
 */
#include "cli/settings.h"

#include "api/links.h"
#include "cache/cache.h"
#include "cli/serve_settings.h"
#include "cli/term.h"
#include "telemetry/retention.h"
#include "telemetry/seal.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

extern char **environ;

const struct setting_table *const setting_tables[] = {
	&serve_settings,
	&link_settings,
	&retention_settings,
	&seal_settings,
	&cache_settings,
	NULL,
};

/* A flag of the command line that is a setting. */
static const struct {
	const char *option, *setting, *shown;
} flags[] = {
	{ "data", "data", "--data" },
	{ "listen", "server.listen", "--listen" },
};

struct conf_spec
settings_spec(const struct args *args)
{
	struct conf_spec spec = { .path = args_get(args, "config"), .tables = setting_tables, .environment = (const char *const *)environ };
	struct conf_flag *given = arena_array(args->arena, COUNT(flags), sizeof(*given));
	const char *name = getenv("CORBEL_CONFIG");

	if (!spec.path.ptr && name && name[0])
		spec.path = str_of(name);
	if (!spec.path.ptr && access("corbel.yaml", F_OK) == 0)
		spec.path = STR("corbel.yaml");
	for (size_t i = 0; given && i < COUNT(flags); i++)
		if (args_has(args, flags[i].option))
			given[spec.flag_count++] = (struct conf_flag){ flags[i].setting, args_get(args, flags[i].option), flags[i].shown };
	spec.flags = given;
	return spec;
}

struct conf *
settings_load(const struct conf_spec *spec)
{
	struct arena *arena = arena_new(MIB(4));
	struct problems problems;
	struct conf *conf;

	problems_init(&problems, arena);
	(void)conf_load(spec, &problems, &conf); /* its error is the first of the problems */
	for (const struct problem *problem = problems.first; problem; problem = problem->next)
		fprintf(stderr, "%" STR_F "\n", STR_A(problem_text(arena, problem)));
	if (problems.count > 1)
		fprintf(stderr, "%u mistakes\n", problems.count);
	arena_free(arena);
	return conf;
}
