/*
 * check.c - `corbel check`: every mistake of a configuration, before a server has to refuse it.
 */
#include "cli/commands.h"

#include "cli/serve_settings.h"
#include "cli/settings.h"
#include "conf/models.h"
#include "conf/reference.h"

#include <stdio.h>

enum { REFERENCE_MAX = 1024 * 1024 };

static int
reference_print(void)
{
	struct buf out;

	buf_init(&out, NULL, REFERENCE_MAX);
	reference_write(&out, setting_tables);
	fwrite(out.ptr, 1, out.len, stdout);
	buf_fini(&out);
	return EXIT_DONE;
}

static int
check_run(struct args *args)
{
	struct conf_spec spec = settings_spec(args);
	size_t providers, models;
	struct conf *conf;

	if (args_has(args, "reference"))
		return reference_print();
	conf = settings_load(&spec);
	if (!conf)
		return EXIT_FAILED;
	conf_providers(conf, &providers);
	conf_models(conf, &models);
	printf("%" STR_F ": good; %zu provider%s, %zu model%s\n", STR_A(spec.path.len ? spec.path : STR("no file, defaults")), providers,
		providers == 1 ? "" : "s", models, models == 1 ? "" : "s");
	conf_unref(conf);
	return EXIT_DONE;
}

static const struct option options[] = {
	{ "config", 'c', "FILE", "The configuration file. Else CORBEL_CONFIG, else ./corbel.yaml if it is there." },
	{ "reference", 0, NULL, "Print the reference page of all settings instead (docs/configuration.md)." },
	{ NULL, 0, NULL, NULL },
};

const struct command check_command = {
	.name = "check",
	.arguments = "",
	.summary = "Check a configuration",
	.options = options,
	.run = check_run,
	.help = "Reads the configuration as \"corbel serve\" would, environment included, and prints every mistake as FILE:LINE:COLUMN "
		"with what was expected there and the nearest "
		"known key. Exits with 1 when there is any.",
};
