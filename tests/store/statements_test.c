/*
 * statements_test.c - every statement of every room, on both engines: the migrations make what it needs, it can be prepared, and it has the parameters and columns that the
 * generator counted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "cli/schemas.h"
#include "store/testing.h"

static void
every_statement_can_be_prepared_after_the_migrations(void **state)
{
	struct testing *testing;

	if (!testing_has(*(const enum store_engine *)*state))
		skip();
	testing = testing_new(*(const enum store_engine *)*state, 1);
	store_close(testing_open(testing, store_schemas));
	testing_check_statements(testing, store_schemas);
	store_close(testing_open(testing, store_schemas));
	testing_free(testing);
}

int
main(void)
{
	static enum store_engine engines[] = { STORE_SQLITE, STORE_POSTGRES };
	const struct CMUnitTest tests[] = {
		{ "every statement on SQLite", every_statement_can_be_prepared_after_the_migrations, NULL, NULL, &engines[0] },
		{ "every statement on PostgreSQL", every_statement_can_be_prepared_after_the_migrations, NULL, NULL, &engines[1] },
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
