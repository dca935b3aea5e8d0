/*
 * test_conf.h - for unit tests: a configuration of a few settings, read from a text, and the problems that it has.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "conf/conf.h"
#include "conf/models.h"
#include "conf/yaml.h"

static const char *const colours[] = { "red", "green", NULL };

enum { LISTEN, TIMEOUT, BODY, LOUD, RATIO, COLOUR, KEY, FIXED };
static const struct setting rows[] = {
	[LISTEN] = { .name = "server.listen", .type = SETTING_STRING, .initial = "127.0.0.1:8321", .env = "T_LISTEN", .reloadable = true },
	[TIMEOUT] = { .name = "server.timeout", .type = SETTING_DURATION, .initial = "60s", .min = "1s", .max = "1h", .reloadable = true },
	[BODY] = { .name = "server.limits.body", .type = SETTING_BYTES, .initial = "8MiB", .max = "1GiB", .reloadable = true },
	[LOUD] = { .name = "loud", .type = SETTING_BOOL, .initial = "false", .reloadable = true },
	[RATIO] = { .name = "ratio", .type = SETTING_FLOAT, .initial = "0.5", .min = "0", .max = "1", .reloadable = true },
	[COLOUR] = { .name = "colour", .type = SETTING_CHOICE, .initial = "red", .choices = colours, .reloadable = true },
	[KEY] = { .name = "access.admin_key",
		.type = SETTING_STRING,
		.initial = "",
		.min = "0",
		.max = "8",
		.secret = true,
		.reloadable = true },
	[FIXED] = { .name = "store.url", .type = SETTING_STRING, .initial = "sqlite" },
};
static const struct setting_table table = SETTING_TABLE(rows);
static const struct setting_table *const tables[] = { &table, NULL };

static const char *const environment[] = { "HOST=example.org", "EMPTY=", "HOSTNAME=wrong", NULL };

struct fixture {
	struct arena *arena;
	struct problems problems;
	struct conf *conf;
};

static inline int
fixture_open(void **state)
{
	struct fixture *f = mem_zalloc(sizeof(*f));

	f->arena = arena_new(MIB(8));
	problems_init(&f->problems, f->arena);
	*state = f;
	return 0;
}

static inline int
fixture_close(void **state)
{
	struct fixture *f = *state;

	conf_unref(f->conf);
	arena_free(f->arena);
	free(f);
	return 0;
}

static inline const struct err *
parse(struct fixture *f, const char *text)
{
	struct conf_spec spec = { .path = STR("c.yaml"), .tables = tables, .environment = environment };

	return conf_parse(&spec, str_of(text), &f->problems, &f->conf);
}

/* All problems, a line each. */
static inline const char *
told(struct fixture *f)
{
	struct buf all;

	buf_init(&all, f->arena, MIB(1));
	for (const struct problem *p = f->problems.first; p; p = p->next) {
		buf_add(&all, problem_text(f->arena, p));
		buf_add_byte(&all, '\n');
	}
	buf_add_byte(&all, '\0');
	return all.ptr;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)
