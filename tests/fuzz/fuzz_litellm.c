/*
 * fuzz_litellm.c - any bytes as a configuration of LiteLLM's proxy: what is made of them is YAML, and of our settings alone. A value may still be one that no server could use,
 * as it stood in the file; the mistakes that are found then are of values, never of what was written around them.
 */
#include <stdlib.h>

#include "conf/conf.h"
#include "conf/litellm.h"
#include "conf/yaml.h"

const char *__lsan_default_suppressions(void);

/* As in fuzz_yaml.c. */
const char *
__lsan_default_suppressions(void)
{
	return "leak:libfyaml\n";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const levels[] = { "debug", "info", NULL };
static const struct setting rows[] = {
	{ .name = "access.admin_key", .type = SETTING_STRING, .initial = "", .max = "256" },
	{ .name = "log.level", .type = SETTING_CHOICE, .initial = "info", .choices = levels },
};
static const struct setting_table table = SETTING_TABLE(rows);
static const struct setting_table *const tables[] = { &table, NULL };
static const char *const environment[] = { NULL };

static void
require(bool holds)
{
	if (!holds)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf_spec spec = { .path = STR("made.yaml"), .tables = tables, .environment = environment };
	struct arena *arena = arena_new(MIB(64));
	struct litellm_import made;
	struct problems problems;
	struct conf *conf = NULL;
	struct yaml *tree = NULL;
	size_t notes = 0;

	problems_init(&problems, arena);
	if (!litellm_import(arena, STR("f.yaml"), str_n((const char *)data, size), &problems, &made)) {
		require(problems.count > 0);
	} else {
		require(problems.count == 0 && made.yaml.len > 0);
		for (const struct litellm_note *note = made.notes; note; note = note->next, notes++)
			require(note->line >= 1 && note->text.len > 0 && (!note->next || note->line <= note->next->line));
		require(notes == made.changed + made.left_out);
		yaml_parse(arena, spec.path, made.yaml, &problems, &tree);
		require(tree && problems.count == 0);
		(void)conf_parse(&spec, made.yaml, &problems, &conf); /* its error is the first of the problems */
		for (const struct problem *problem = problems.first; problem; problem = problem->next)
			require(str_find(problem->text, STR("unknown key"), 0) == SIZE_MAX);
	}
	conf_unref(conf);
	arena_free(arena);
	return 0;
}
