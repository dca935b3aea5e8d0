/*
 * child_test.c - child processes that behave, and children that do not.
 */
#include "base/test_arena.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "rt/child.h"
#include "rt/group.h"

/* Sanitizers reserve terabytes of addresses, but only the parent has them: a child is a shell. */
static const struct child_spec shell_defaults = { .output_max = MIB(4), .timeout_us = 10 * USEC_PER_SEC };

struct shell {
	const char *script;
	struct child_spec spec;
	int64_t scope_us; /* 0: no deadline */
	/* what came of it */
	struct arena *arena;
	const struct err *err;
	struct str output;
	int64_t took_us;
};

static void
shell_fiber(void *arg)
{
	struct shell *shell = arg;
	const char *argv[] = { "sh", "-c", shell->script, NULL };
	int64_t start = clock_mono_us();
	struct scope scope;

	shell->spec.argv = argv;
	scope_open(&scope, shell->scope_us ? shell->scope_us : INT64_MAX);
	shell->err = child_run(&shell->spec, shell->arena, &shell->output);
	scope_close(&scope);
	shell->took_us = clock_mono_us() - start;
}

static void
shell_run(struct shell *shell)
{
	shell->arena = arena;
	runtime_run_one(shell_fiber, shell);
}

static bool
contains(struct str text, const char *part)
{
	return str_find(text, str_of(part), 0) != SIZE_MAX;
}

static bool
is_sleeping(const char *pid, const char *seconds)
{
	char path[300], line[64] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%s/cmdline", pid);
	file = fopen(path, "r");
	if (!file)
		return false;
	if (fread(line, 1, sizeof(line) - 1, file) == 0)
		line[0] = '\0';
	fclose(file);
	return strcmp(line, "sleep") == 0 && strcmp(line + sizeof("sleep"), seconds) == 0;
}

/* Nobody sleeps for so many seconds, a moment from now: a number that no other test uses tells our grandchildren from others'. */
static void
assert_nobody_sleeps(const char *seconds)
{
	bool found = true;

	for (int tries = 0; found && tries < 100; tries++) {
		DIR *proc = opendir("/proc");

		found = false;
		assert_non_null(proc);
		for (struct dirent *entry; !found && (entry = readdir(proc));)
			found = is_sleeping(entry->d_name, seconds);
		closedir(proc);
		if (found)
			usleep(20000);
	}
	assert_false(found);
}

static void
large_input_comes_back_as_large_output(void **state)
{
	struct shell shell = { .script = "cat", .spec = shell_defaults };
	char *bytes = malloc(MIB(3));

	(void)state;
	for (size_t i = 0; i < MIB(3); i++)
		bytes[i] = (char)(i * 31 + i / 4096);
	shell.spec.input = str_n(bytes, MIB(3));
	shell_run(&shell);
	assert_null(shell.err);
	assert_true(str_eq(shell.output, shell.spec.input));
	free(bytes);
}

static void
a_child_that_leaves_its_input_is_no_error(void **state)
{
	struct shell shell = { .script = "echo done", .spec = shell_defaults };
	char *bytes = calloc(1, MIB(3));

	(void)state;
	shell.spec.input = str_n(bytes, MIB(3));
	shell_run(&shell);
	assert_null(shell.err);
	assert_true(str_eq_c(shell.output, "done\n"));
	free(bytes);
}

static void
a_code_and_the_first_line_of_complaint_are_told(void **state)
{
	struct shell shell = { .script = "echo out; echo 'bad page 3' >&2; echo more >&2; exit 3", .spec = shell_defaults };

	(void)state;
	shell_run(&shell);
	assert_non_null(shell.err);
	assert_int_equal(shell.err->kind, ERR_INVALID);
	assert_true(str_eq_c(shell.err->message, "sh ended with code 3: bad page 3"));
	assert_int_equal(shell.output.len, 0);
}

static void
endless_complaints_neither_fill_memory_nor_block(void **state)
{
	struct shell shell = { .script = "head -c 5000000 /dev/zero >&2; echo ok", .spec = shell_defaults };

	(void)state;
	shell_run(&shell);
	assert_null(shell.err);
	assert_true(str_eq_c(shell.output, "ok\n"));
}

static void
output_over_its_maximum_kills_the_child(void **state)
{
	struct shell shell = { .script = "yes", .spec = shell_defaults };

	(void)state;
	shell.spec.output_max = 1000;
	shell_run(&shell);
	assert_int_equal(shell.err->kind, ERR_TOO_LARGE);
	assert_in_range(shell.took_us, 0, 5 * USEC_PER_SEC);
	shell = (struct shell){ .script = "printf 12345", .spec = shell_defaults };
	shell.spec.output_max = 5;
	shell_run(&shell);
	assert_null(shell.err);
	shell.spec.output_max = 4;
	shell_run(&shell);
	assert_int_equal(shell.err->kind, ERR_TOO_LARGE);
}

static void
a_child_that_takes_too_long_is_killed_with_all_it_started(void **state)
{
	struct shell shell = { .script = "sleep 98701 & echo $!; exec >&-; wait", .spec = shell_defaults };

	(void)state;
	shell.spec.timeout_us = 200 * USEC_PER_MS;
	shell_run(&shell);
	assert_int_equal(shell.err->kind, ERR_TIMEOUT);
	assert_in_range(shell.took_us, 150 * USEC_PER_MS, 5 * USEC_PER_SEC);
	assert_nobody_sleeps("98701");
}

static void
a_grandchild_that_keeps_the_pipe_does_not_keep_us(void **state)
{
	struct shell shell = { .script = "sleep 98602 & echo started", .spec = shell_defaults };

	(void)state;
	shell_run(&shell);
	assert_null(shell.err);
	assert_true(str_eq_c(shell.output, "started\n"));
	assert_in_range(shell.took_us, 0, 5 * USEC_PER_SEC);
	assert_nobody_sleeps("98602");
}

static void
cancelling_the_fiber_kills_the_child(void **state)
{
	struct shell shell = { .script = "sleep 98503", .spec = shell_defaults, .scope_us = 100 * USEC_PER_MS };

	(void)state;
	shell_run(&shell);
	assert_int_equal(shell.err->kind, ERR_TIMEOUT);
	assert_in_range(shell.took_us, 50 * USEC_PER_MS, 5 * USEC_PER_SEC);
	assert_nobody_sleeps("98503");
}

static void
memory_cpu_and_file_limits_hold(void **state)
{
	struct shell memory = { .script = "x=$(head -c 300000000 /dev/zero | tr '\\0' x); echo ${#x}", .spec = shell_defaults };
	struct shell cpu = { .script = "while :; do :; done", .spec = shell_defaults };
	struct shell files = { .script = "echo x > /tmp/corbel-child-test-$$", .spec = shell_defaults };

	(void)state;
	memory.spec.memory_max = MIB(100);
	shell_run(&memory);
	assert_int_equal(memory.err->kind, ERR_INVALID);
	cpu.spec.cpu_max_us = 1;
	shell_run(&cpu);
	assert_int_equal(cpu.err->kind, ERR_TIMEOUT);
	assert_true(contains(cpu.err->message, "CPU"));
	assert_in_range(cpu.took_us, 500 * USEC_PER_MS, 30 * USEC_PER_SEC); /* a second of CPU takes as long as a busy machine lets it */
	shell_run(&files);
#ifdef __SANITIZE_THREAD__ /* a child has no limit on files then: see child_spawn.c */
	assert_null(files.err);
#else
	assert_int_equal(files.err->kind, ERR_INVALID);
#endif
	assert_int_equal(system("rm -f /tmp/corbel-child-test-*"), 0);
}

static void
a_child_sees_nothing_of_its_parent(void **state)
{
	struct shell shell = { .script = "env | sort | cut -d= -f1 | tr '\\n' ' '; ls /proc/self/fd | tr '\\n' ' '; "
		"grep -E 'NoNewPrivs|SigBlk|SigIgn' /proc/self/status | tr -s '[:space:]' ' '", .spec = shell_defaults };

	(void)state;
	setenv("CORBEL_SECRET", "x", 1);
	shell_run(&shell);
	unsetenv("CORBEL_SECRET");
	assert_null(shell.err);
	assert_false(contains(shell.output, "CORBEL"));
	assert_true(contains(shell.output, "LANG"));
	assert_true(contains(shell.output, " 0 1 2 3 ")); /* 3 is ls's own */
	assert_true(contains(shell.output, "NoNewPrivs: 1 SigBlk: 0000000000000000 SigIgn: 0000000000000000") ||
		contains(shell.output, "SigBlk: 0000000000000000 SigIgn: 0000000000000000 NoNewPrivs: 1"));
}

static void
missing_program(void *arg)
{
	struct shell *shell = arg;
	const char *argv[] = { "corbel-no-such-program", NULL };

	shell->spec.argv = argv;
	shell->err = child_run(&shell->spec, shell->arena, &shell->output);
}

static void
a_program_that_is_not_there_is_unsupported(void **state)
{
	struct shell shell = { .spec = shell_defaults, .arena = arena };

	(void)state;
	runtime_run_one(missing_program, &shell);
	assert_int_equal(shell.err->kind, ERR_UNSUPPORTED);
	assert_true(contains(shell.err->message, "corbel-no-such-program"));
}

static const struct err *
many_child(void *arg)
{
	struct shell *shell = arg;

	shell->arena = arena;
	shell_fiber(shell);
	return shell->err;
}

static void
many_children(void *arg)
{
	struct shell shells[20];
	struct group group;

	(void)arg;
	group_open(&group);
	for (size_t i = 0; i < COUNT(shells); i++) {
		shells[i] = (struct shell){ .script = "cat", .spec = shell_defaults };
		shells[i].spec.input = STR("x");
		assert_null(group_go(&group, "shell", many_child, &shells[i]));
	}
	assert_null(group_wait(&group));
	for (size_t i = 0; i < COUNT(shells); i++)
		assert_true(str_eq_c(shells[i].output, "x"));
}

static void
more_children_than_the_limit_wait_in_line(void **state)
{
	(void)state;
	runtime_run_one(many_children, NULL);
	assert_true(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD); /* none is left behind */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(large_input_comes_back_as_large_output),
		cmocka_unit_test(a_child_that_leaves_its_input_is_no_error),
		cmocka_unit_test(a_code_and_the_first_line_of_complaint_are_told),
		cmocka_unit_test(endless_complaints_neither_fill_memory_nor_block),
		cmocka_unit_test(output_over_its_maximum_kills_the_child),
		cmocka_unit_test(a_child_that_takes_too_long_is_killed_with_all_it_started),
		cmocka_unit_test(a_grandchild_that_keeps_the_pipe_does_not_keep_us),
		cmocka_unit_test(cancelling_the_fiber_kills_the_child),
		cmocka_unit_test(memory_cpu_and_file_limits_hold),
		cmocka_unit_test(a_child_sees_nothing_of_its_parent),
		cmocka_unit_test(a_program_that_is_not_there_is_unsupported),
		cmocka_unit_test(more_children_than_the_limit_wait_in_line),
	};

	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
