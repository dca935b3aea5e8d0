/*
 * verify.c - see verify.h. The statements stand at the end of money.sql.
 */
#include "money/verify.h"

#include "money/inside.h"
#include "money/money_sql.h"

static const struct {
	const char *name;
	const struct stmt *stmt;
} checks[] = {
	{ "every interaction is in the ledger", &stmt_verify_unpaid },
	{ "every settlement has its interaction", &stmt_verify_unrecorded },
	{ "every correction has its settlement", &stmt_verify_corrections },
	{ "budgets were charged what the ledger says", &stmt_verify_entries },
	{ "closed blocks are the sums of their entries", &stmt_verify_blocks },
	{ "periods have spent what their closed blocks say", &stmt_verify_spent },
	{ "periods hold what their open blocks say", &stmt_verify_held },
};

MAY_PARK const struct err *
verify_run(struct money *money, struct arena *arena, struct verify_row **out, size_t *count, struct verify_totals *totals)
{
	struct verify_row *list = arena_array(arena, COUNT(checks) + 1, sizeof(*list));
	const struct err *err = list ? NULL : &err_no_memory, *broken;
	struct rows rows;

	for (size_t i = 0; i < COUNT(checks) && !err; i++) {
		err = store_query(money->store, arena, checks[i].stmt, NO_PARAMS, &rows);
		if (!err)
			list[i] = (struct verify_row){ checks[i].name, rows_int(&rows, 0, 0), STR_EMPTY };
	}
	if (!err)
		err = store_query(money->store, arena, &stmt_verify_totals, NO_PARAMS, &rows);
	if (err)
		return err;
	*totals = (struct verify_totals){ rows_int(&rows, 0, 0), rows_int(&rows, 0, 1), rows_int(&rows, 0, 2), rows_int(&rows, 0, 3) };
	broken = store_verify(money->store, arena);
	/* where the engine has its own tool for that (PostgreSQL), the row says which, and finds nothing */
	list[COUNT(checks)] = (struct verify_row){ "the store is sound", broken && broken->kind != ERR_UNSUPPORTED, broken ? broken->message : STR_EMPTY };
	*out = list;
	*count = COUNT(checks) + 1;
	return NULL;
}
