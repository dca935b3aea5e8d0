#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>
#include "store/testing.h"
#include "store_suite_sql.h"
#include "store_later_sql.h"
static const struct store_schema *const suite[] = { &store_suite_schema, NULL };
static const struct err *add(struct tx *tx, void *arg) { (void)arg; return tx_exec(tx, &stmt_thing_add, PARAMS(V_INT(1), V_TEXT(STR("a"))), NULL); }
static void go(struct store *store, void *arg)
{
	struct arena *arena = arena_new(MIB(1));
	struct rows rows;
	(void)arg;
	CHECK_OK(store_tx(store, arena, add, NULL));
	CHECK_ERR(store_tx(store, arena, add, NULL), ERR_CONFLICT);
	CHECK_OK(store_query(store, arena, &stmt_thing_count, NO_PARAMS, &rows));
	CHECK(rows_int(&rows, 0, 0) == 1);
	CHECK_OK(store_verify(store, arena));
	CHECK_OK(store_ready(store, arena));
	arena_free(arena);
}
static void t(void **s) { (void)s; testing_run(STORE_SQLITE, suite, go, NULL); }
int main(void) { const struct CMUnitTest tests[] = { cmocka_unit_test(t) }; return cmocka_run_group_tests(tests, NULL, NULL); }
