/*
 * fuzz_yaml.c - any bytes as a configuration: either a snapshot and no problem, or problems that stand at a line of the file and no snapshot.
 */
#include <stdlib.h>

#include "conf/conf.h"
#include "conf/models.h"

/* libfyaml 0.7.12 loses a kilobyte of its own on some texts that are no YAML; a server reads its file rarely enough to live with that. */
const char *__lsan_default_suppressions(void);

const char *
__lsan_default_suppressions(void)
{
	return "leak:libfyaml\n";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const colours[] = { "red", "green", NULL };
static const struct setting rows[] = {
	{ .name = "server.listen", .type = SETTING_STRING, .initial = "x", .max = "100" },
	{ .name = "server.timeout", .type = SETTING_DURATION, .initial = "1s", .min = "1ms", .max = "1h" },
	{ .name = "server.limits.body", .type = SETTING_BYTES, .initial = "1KiB", .max = "1GiB" },
	{ .name = "loud", .type = SETTING_BOOL, .initial = "true" },
	{ .name = "ratio", .type = SETTING_FLOAT, .initial = "0", .min = "-1", .max = "1" },
	{ .name = "count", .type = SETTING_INT, .initial = "0", .min = "-5", .max = "5" },
	{ .name = "colour", .type = SETTING_CHOICE, .initial = "red", .choices = colours },
};
static const struct setting_table table = SETTING_TABLE(rows);
static const struct setting_table *const tables[] = { &table, NULL };
static const char *const environment[] = { "A=1", "B=", "LONG=0123456789012345678901234567890123456789", NULL };

static void
require(bool holds)
{
	if (!holds)
		abort();
}

static void
snapshot_check(const struct conf *conf)
{
	const struct conf_model *models;
	size_t count;

	require(conf_int(conf, &rows[5]) >= -5 && conf_int(conf, &rows[5]) <= 5);
	require(conf_float(conf, &rows[4]) >= -1 && conf_float(conf, &rows[4]) <= 1);
	require(conf_int(conf, &rows[6]) < 2 && conf_str(conf, &rows[0]).len <= 100);
	models = conf_models(conf, &count);
	for (size_t i = 0; i < count; i++) {
		require(conf_model(conf, models[i].name) == &models[i]);
		require(models[i].target_count > 0 || models[i].knowledge.given);
		for (size_t t = 0; t < models[i].target_count; t++)
			require(models[i].targets[t].provider && models[i].targets[t].model.len > 0);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf_spec spec = { .path = STR("f.yaml"), .tables = tables, .environment = environment };
	struct arena *arena = arena_new(MIB(8));
	struct problems problems;
	struct conf *conf;
	const struct err *err;

	problems_init(&problems, arena);
	err = conf_parse(&spec, str_n((const char *)data, size), &problems, &conf);
	require((err == NULL) == (problems.count == 0) && (err == NULL) == (conf != NULL));
	for (const struct problem *problem = problems.first; problem; problem = problem->next)
		require(problem->line >= 1 && problem->column >= 1 && problem->text.len > 0);
	if (conf)
		snapshot_check(conf);
	conf_unref(conf);
	arena_free(arena);
	return 0;
}
