/*
 * test_arena.h - for unit tests: cmocka, and an arena that each test gets new, by open_arena and close_arena as its setup and teardown.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "base/arena.h"

enum { TEST_ARENA_MAX = 512 * 1024 * 1024 };

static struct arena *arena;

static inline int
open_arena(void **state)
{
	(void)state;
	arena = arena_new(TEST_ARENA_MAX);
	return 0;
}

static inline int
close_arena(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}
