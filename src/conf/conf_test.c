/*
 * conf_test.c - what a configuration says, what overrides what, and how mistakes are told.
 */
#include "conf/test_conf.h"
#include "base/clock.h"
#include "conf/expand.h"
#include "conf/nearest.h"
#include "conf/value.h"

static void
an_empty_file_gives_every_default(void **state)
{
	struct fixture *f = *state;

	assert_null(parse(f, "# nothing\n"));
	assert_true(str_eq_c(conf_str(f->conf, &rows[LISTEN]), "127.0.0.1:8321"));
	assert_int_equal(conf_int(f->conf, &rows[TIMEOUT]), 60 * USEC_PER_SEC);
	assert_int_equal(conf_int(f->conf, &rows[BODY]), MIB(8));
	assert_false(conf_bool(f->conf, &rows[LOUD]));
	assert_true(conf_float(f->conf, &rows[RATIO]) == 0.5);
	assert_int_equal(conf_source(f->conf, &rows[LISTEN]), CONF_DEFAULT);
}

static void
values_of_every_type_are_read(void **state)
{
	struct fixture *f = *state;

	assert_null(parse(f, "server:\n  listen: ${HOST}:${PORT:-80}\n  timeout: 1.5m\n  limits: {body: 64KiB}\nloud: true\nratio: "
			     "1e-1\ncolour: green\n"));
	assert_true(str_eq_c(conf_str(f->conf, &rows[LISTEN]), "example.org:80"));
	assert_int_equal(conf_int(f->conf, &rows[TIMEOUT]), 90 * USEC_PER_SEC);
	assert_int_equal(conf_int(f->conf, &rows[BODY]), KIB(64));
	assert_true(conf_bool(f->conf, &rows[LOUD]));
	assert_true(conf_float(f->conf, &rows[RATIO]) == 0.1);
	assert_int_equal(conf_int(f->conf, &rows[COLOUR]), 1);
}

static void
flags_override_the_environment_which_overrides_the_file(void **state)
{
	struct fixture *f = *state;
	const char *const env[] = { "T_LISTEN=env:1", NULL };
	const struct conf_flag flag = { "server.listen", STR_INIT("flag:1"), "--listen" };
	struct conf_spec spec = { .path = STR("c.yaml"), .tables = tables, .environment = env };

	assert_null(conf_parse(&spec, STR("server: {listen: file:1}"), &f->problems, &f->conf));
	assert_true(str_eq_c(conf_str(f->conf, &rows[LISTEN]), "env:1"));
	assert_int_equal(conf_source(f->conf, &rows[LISTEN]), CONF_ENVIRONMENT);
	conf_unref(f->conf);
	spec.flags = &flag;
	spec.flag_count = 1;
	assert_null(conf_parse(&spec, STR("server: {listen: file:1}"), &f->problems, &f->conf));
	assert_true(str_eq_c(conf_str(f->conf, &rows[LISTEN]), "flag:1"));
	assert_int_equal(conf_source(f->conf, &rows[LISTEN]), CONF_FLAG);
}

static void
every_mistake_is_told_with_its_place(void **state)
{
	struct fixture *f = *state;

	assert_non_null(parse(f,
		"servr:\n  listen: x\nserver:\n  timout: 5s\n  timeout: 2h\n  limits: 3\nloud: yes\nratio: 2\ncolour: gren\nlisten: y\n"));
	assert_null(f->conf);
	assert_string_equal(told(f),
		"c.yaml:1:1: servr: unknown key; did you mean \"server\"?\n"
		"c.yaml:4:3: server.timout: unknown key; did you mean \"timeout\"?\n"
		"c.yaml:5:12: server.timeout: expected a duration from 1s to 1h, such as 250ms, 60s, 5m, 1h or 30d, found \"2h\"\n"
		"c.yaml:6:11: server.limits: expected a map of settings, found \"3\"\n"
		"c.yaml:7:7: loud: expected true or false, found \"yes\"\n"
		"c.yaml:8:8: ratio: expected a number from 0 to 1, found \"2\"\n"
		"c.yaml:9:9: colour: expected one of red, green, found \"gren\"; did you mean \"green\"?\n"
		"c.yaml:10:1: listen: unknown key; did you mean \"server.listen\"?\n");
}

static void
a_wrong_secret_is_not_repeated(void **state)
{
	struct fixture *f = *state;

	assert_non_null(
		parse(f, "access: {admin_key: hunter2hunter2}\nproviders:\n  - {name: a, kind: openai, api_key: \"sec\\x01ret\"}\n"));
	assert_null(strstr(told(f), "hunter2"));
	assert_null(strstr(told(f), "ret\""));
	assert_int_equal(f->problems.count, 2);
}

static void
a_missing_variable_is_named(void **state)
{
	struct fixture *f = *state;

	assert_non_null(parse(f, "server:\n  listen: ${NOT_THERE}\ncolour: ${EMPTY:-green}\nloud: ${\n"));
	assert_non_null(strstr(told(f), "c.yaml:2:11: server.listen: the environment variable NOT_THERE is not set"));
	assert_non_null(strstr(told(f), "c.yaml:4:7: loud: expected ${NAME}"));
	assert_int_equal(f->problems.count, 2);
}

static void
a_literal_reference_can_be_written(void **state)
{
	struct str out, name;
	struct fixture *f = *state;

	assert_int_equal(expand(f->arena, environment, STR("a$${HOST}b$c ${HOST}"), &out, &name), EXPAND_OK);
	assert_true(str_eq_c(out, "a${HOST}b$c example.org"));
}

static void
a_file_that_is_not_there_is_a_problem_not_a_default(void **state)
{
	struct fixture *f = *state;
	struct conf_spec spec = { .path = STR("/nonexistent/corbel.yaml"), .tables = tables };

	assert_non_null(conf_load(&spec, &f->problems, &f->conf));
	assert_string_equal(told(f), "/nonexistent/corbel.yaml: cannot be read: No such file or directory\n");
}

static void
a_reload_keeps_what_needs_a_restart(void **state)
{
	struct fixture *f = *state;
	const struct setting *changed[4];
	struct conf *next;

	assert_null(parse(f, "store: {url: one}\nloud: false"));
	next = f->conf;
	assert_null(parse(f, "store: {url: two}\nloud: true"));
	assert_int_equal(conf_keep_fixed(f->conf, next, changed, 4), 1);
	conf_unref(next);
	assert_ptr_equal(changed[0], &rows[FIXED]);
	assert_true(str_eq_c(conf_str(f->conf, &rows[FIXED]), "one"));
	assert_true(conf_bool(f->conf, &rows[LOUD]));
}

static void
many_mistakes_are_counted_and_the_list_is_bounded(void **state)
{
	struct fixture *f = *state;
	struct buf text;

	buf_init(&text, f->arena, MIB(1));
	for (int i = 0; i < 900; i++)
		buf_printf(&text, "k%d: 1\n", i);
	buf_add_byte(&text, '\0');
	assert_non_null(parse(f, text.ptr));
	assert_int_equal(f->problems.count, 900);
}

static void
the_nearest_word_is_found(void **state)
{
	struct nearest nearest;

	(void)state;
	nearest_init(&nearest, STR("provdiers"));
	nearest_offer(&nearest, STR("models"));
	nearest_offer(&nearest, STR("providers"));
	assert_true(str_eq_c(nearest.best, "providers"));
	nearest_init(&nearest, STR("zebra"));
	nearest_offer(&nearest, STR("models"));
	assert_null(nearest.best.ptr);
}

static void
sizes_and_durations_need_units_they_know(void **state)
{
	struct setting_value value;

	(void)state;
	assert_true(value_parse(&rows[BODY], STR("1024"), &value) && value.integer == 1024);
	assert_true(value_parse(&rows[BODY], STR("1 KiB"), &value) && value.integer == 1024);
	assert_false(value_parse(&rows[BODY], STR("1kb"), &value));
	assert_false(value_parse(&rows[BODY], STR("-1"), &value));
	assert_false(value_parse(&rows[BODY], STR("99999999999999999999"), &value));
	assert_false(value_parse(&rows[BODY], STR(""), &value));
	assert_false(value_parse(&rows[TIMEOUT], STR("60"), &value));
	assert_false(value_parse(&rows[TIMEOUT], STR("999ms"), &value));
	assert_true(value_parse(&rows[TIMEOUT], STR("1000ms"), &value) && value.integer == USEC_PER_SEC);
	assert_false(value_parse(&rows[TIMEOUT], STR("1s2"), &value));
	assert_false(value_parse(&rows[TIMEOUT], STR("1.2.3s"), &value));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_empty_file_gives_every_default),
		TEST(values_of_every_type_are_read),
		TEST(flags_override_the_environment_which_overrides_the_file),
		TEST(every_mistake_is_told_with_its_place),
		TEST(a_wrong_secret_is_not_repeated),
		TEST(a_missing_variable_is_named),
		TEST(a_literal_reference_can_be_written),
		TEST(a_file_that_is_not_there_is_a_problem_not_a_default),
		TEST(a_reload_keeps_what_needs_a_restart),
		TEST(many_mistakes_are_counted_and_the_list_is_bounded),
		TEST(the_nearest_word_is_found),
		TEST(sizes_and_durations_need_units_they_know),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
