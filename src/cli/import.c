/*
 * import.c - `corbel import litellm`: the configuration of LiteLLM's proxy as one of ours (conf/litellm.h).
 *
 * The result is checked as `corbel check` would, as soon as the environment has the names it takes from there; what the check finds is told, and is a failure.
 */
#include "cli/commands.h"

#include "cli/settings.h"
#include "cli/term.h"
#include "conf/expand.h"
#include "conf/litellm.h"
#include "conf/yaml.h"
#include "json/json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { SUMMARY_MAX = 128 * 1024 * 1024 };

/* False after an error that was told. One byte more than a configuration may have is enough to refuse it. */
static bool
file_read(struct args *args, struct str path, struct str *out)
{
	const char *name = arena_cstr(args->arena, path);
	FILE *file = name ? fopen(name, "rb") : NULL;
	char *bytes = arena_alloc(args->arena, YAML_BYTES_MAX + 1);
	size_t len;

	if (!file || !bytes) {
		term_error("cannot read %" STR_F ": %s", STR_A(path), strerror(errno));
		if (file)
			fclose(file);
		return false;
	}
	len = fread(bytes, 1, YAML_BYTES_MAX + 1, file);
	fclose(file);
	*out = str_n(bytes, len);
	return true;
}

/* A new file for its owner alone: keys may stand in it. False after an error that was told. */
static bool
file_write(struct args *args, struct str path, struct str text)
{
	const char *name = arena_cstr(args->arena, path);
	int fd = name ? open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
	size_t done = 0;

	if (fd < 0) {
		term_error("cannot write %" STR_F ": %s", STR_A(path), errno == EEXIST ? "it is there already; name another file, or move it away" : strerror(errno));
		return false;
	}
	while (done < text.len) {
		ssize_t wrote = write(fd, text.ptr + done, text.len - done);

		if (wrote < 0 && errno != EINTR)
			break;
		done += wrote > 0 ? (size_t)wrote : 0;
	}
	if (close(fd) == 0 && done == text.len)
		return true;
	term_error("cannot write %" STR_F ": %s", STR_A(path), strerror(errno));
	return false;
}

static void
problems_print(struct args *args, const struct problems *problems)
{
	for (const struct problem *problem = problems->first; problem; problem = problem->next)
		fprintf(stderr, "%" STR_F "\n", STR_A(problem_text(args->arena, problem)));
}

static bool
unset(const struct conf_spec *spec, const struct litellm_name *name)
{
	return !name->optional && environment_get(spec->environment, name->name).len == 0;
}

/* Checks what was made; *checked is false when the environment lacks names for that. False: it has mistakes, which were told. */
static bool
result_check(struct args *args, const struct litellm_import *made, bool *checked)
{
	struct conf_spec spec = settings_spec(args);
	struct problems problems;
	struct conf *conf;

	*checked = true;
	for (const struct litellm_name *name = made->environment; name; name = name->next)
		*checked = *checked && !unset(&spec, name);
	if (!*checked)
		return true;
	problems_init(&problems, args->arena);
	spec.path = STR("the configuration that was made");
	(void)conf_parse(&spec, made->yaml, &problems, &conf); /* its error is the first of the problems */
	problems_print(args, &problems);
	conf_unref(conf);
	return problems.count == 0;
}

static void
put_notes(struct json_out *json, const char *name, const struct litellm_import *made, enum litellm_note_kind kind)
{
	json_set_array(json, name);
	for (const struct litellm_note *note = made->notes; note; note = note->next) {
		if (note->kind != kind)
			continue;
		json_begin_object(json);
		json_set_int(json, "line", note->line);
		json_set_string(json, "setting", note->setting);
		json_set_string(json, "text", note->text);
		json_end_object(json);
	}
	json_end_array(json);
}

static void
summary_json(struct args *args, const struct litellm_import *made, bool checked)
{
	struct conf_spec spec = settings_spec(args);
	struct str output = args_get(args, "output");
	struct json_out json;
	struct buf out;

	buf_init(&out, NULL, SUMMARY_MAX);
	json_out_init(&json, &out);
	json_begin_object(&json);
	json_set_int(&json, "providers", (int64_t)made->providers);
	json_set_int(&json, "models", (int64_t)made->models);
	json_set_int(&json, "targets", (int64_t)made->targets);
	json_set_bool(&json, "checked", checked);
	json_set_array(&json, "environment");
	for (const struct litellm_name *name = made->environment; name; name = name->next) {
		json_begin_object(&json);
		json_set_string(&json, "name", name->name);
		json_set_bool(&json, "required", !name->optional);
		json_set_bool(&json, "set", environment_get(spec.environment, name->name).len > 0);
		json_end_object(&json);
	}
	json_end_array(&json);
	put_notes(&json, "changed", made, LITELLM_CHANGED);
	put_notes(&json, "left_out", made, LITELLM_LEFT_OUT);
	if (output.ptr)
		json_set_string(&json, "output", output);
	else
		json_set_string(&json, "configuration", made->yaml);
	json_end_object(&json);
	fwrite(out.ptr, 1, out.len, stdout);
	putchar('\n');
	buf_fini(&out);
}

/* To a person, on standard error: control characters of a file do not reach the terminal. */
static void
summary_print(struct args *args, struct str source, const struct litellm_import *made, bool checked)
{
	struct conf_spec spec = settings_spec(args);

	for (const struct litellm_note *note = made->notes; note; note = note->next) {
		struct problem line = { .source = source, .line = note->line, .column = 1 };

		line.text = arena_printf(args->arena, "%s%" STR_F ": %" STR_F, note->kind == LITELLM_LEFT_OUT ? "not taken over: " : "not quite the same: ", STR_A(note->setting),
			STR_A(note->text));
		fprintf(stderr, "%" STR_F "\n", STR_A(problem_text(args->arena, &line)));
	}
	fprintf(stderr, "%zu provider%s, %zu model%s; %zu not taken over, %zu not quite the same\n", made->providers, made->providers == 1 ? "" : "s", made->models,
		made->models == 1 ? "" : "s", made->left_out, made->changed);
	if (checked)
		return;
	fprintf(stderr, "Set these, then run corbel check:");
	for (const struct litellm_name *name = made->environment; name; name = name->next)
		if (unset(&spec, name))
			fprintf(stderr, " %" STR_F, STR_A(name->name));
	fputc('\n', stderr);
}

static int
import_litellm_run(struct args *args)
{
	struct str source = args->list[0], output = args_get(args, "output"), text;
	struct litellm_import made;
	struct problems problems;
	bool checked, good;

	if (!file_read(args, source, &text))
		return EXIT_FAILED;
	problems_init(&problems, args->arena);
	if (!litellm_import(args->arena, source, text, &problems, &made)) {
		problems_print(args, &problems);
		return EXIT_FAILED;
	}
	if (output.ptr && !file_write(args, output, made.yaml))
		return EXIT_FAILED;
	good = result_check(args, &made, &checked);
	if (args_has(args, "json"))
		summary_json(args, &made, checked && good);
	else if (!output.ptr)
		fwrite(made.yaml.ptr, 1, made.yaml.len, stdout);
	fflush(stdout);
	if (!args_has(args, "json"))
		summary_print(args, source, &made, checked);
	return good && !(args_has(args, "strict") && made.left_out) ? EXIT_DONE : EXIT_FAILED;
}

static const struct option options[] = {
	{ "output", 0, "FILE", "Write the configuration there, a new file for its owner alone, and not to standard output." },
	{ "json", 0, NULL, "Print a summary as JSON; without --output the configuration is in it." },
	{ "strict", 0, NULL, "Exit with 1 when anything was not taken over." },
	{ NULL, 0, NULL, NULL },
};

const struct command import_litellm_command = {
	.name = "import litellm",
	.arguments = "CONFIG.yaml",
	.summary = "Turn a configuration of LiteLLM's proxy into one of corbel",
	.args_min = 1,
	.args_max = 1,
	.options = options,
	.run = import_litellm_run,
	.help = "Prints a configuration with the models, providers, routes and keys of that file. What has no counterpart, or only one that behaves otherwise, is named with its line on "
		"standard error and in comments at the end, with what to do instead. The result is checked when the environment has the names it takes from there. "
		"Exits with 0 when a configuration was made, with 1 when the file cannot be read as one, when the check finds a mistake, or with --strict.",
};
