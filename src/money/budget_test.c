/*
 * budget_test.c - budgets on each engine that is there: blocks, races, crashed nodes, and the invariants under a seeded storm of calls.
 */
#include "money/test_money.h"

/* Ends a call as the pipeline does: its cost in a transaction of its own. */
static MAY_PARK void
settle(struct fixture *f, struct budget_claim *claim, int64_t nanos)
{
	unsigned char id[16];

	random_bytes(id, sizeof(id));
	claim->interaction = str_n((const char *)id, sizeof(id));
	claim->amount_nanos = nanos;
	CHECK_OK(store_tx(f->store, f->arena, budget_settle, claim));
	budget_end(claim, NULL);
}

static MAY_PARK const struct err *
forget_nodes(struct tx *tx, void *arg)
{
	(void)arg;
	return tx_exec(tx, &stmt_money_node_forget, PARAMS(V_INT(INT64_MAX)), NULL);
}

static MAY_PARK struct budget_row
shown(struct fixture *f, struct money *money, const struct budget_row *row)
{
	struct budget_row out;

	CHECK_OK(budget_show(money, f->arena, TENANT_DEFAULT, row->id, &out));
	return out;
}

static MAY_PARK void
spent_case(struct fixture *f)
{
	struct money *money = opened(f);
	struct budget_row row = made(f, money, "small", 1000), now;
	struct budget_claim claim, other;

	CHECK_OK(reserve(f, money, 600, &claim));
	CHECK_ERR(reserve(f, money, 600, &other), ERR_RATE_LIMITED); /* held, not spent */
	settle(f, &claim, 100);
	CHECK_OK(reserve(f, money, 600, &claim));
	settle(f, &claim, 600);
	now = shown(f, money, &row);
	CHECK(now.spent_nanos == 700);
	CHECK_ERR(reserve(f, money, 301, &claim), ERR_QUOTA); /* not enough left */
	CHECK_OK(reserve(f, money, 300, &claim));
	settle(f, &claim, 300);
	CHECK_ERR(reserve(f, money, 1, &claim), ERR_QUOTA);
	CHECK_OK(reserve(f, money, 0, &claim)); /* what costs nothing is not asked for */
	CHECK(claim.count == 0);
	CHECK_OK(budget_update(money, f->arena, TENANT_DEFAULT, row.id, (struct str){ NULL, 0 }, 2000, (struct str){ NULL, 0 }, false, &now));
	CHECK_OK(reserve(f, money, 900, &claim)); /* a raised budget is in force at once */
	budget_end(&claim, &err_cancelled);
	CHECK_OK(budget_update(money, f->arena, TENANT_DEFAULT, row.id, (struct str){ NULL, 0 }, 0, (struct str){ NULL, 0 }, true, &now));
	CHECK_OK(reserve(f, money, 5000, &claim));
	CHECK(claim.count == 0); /* a closed one binds nobody */
	closed(f, money);
}

/* Two calls and what closes their block, in one commit: the second call finds it closed. */
static MAY_PARK const struct err *
settle_around_a_close(struct tx *tx, void *arg)
{
	struct budget_claim *claim = arg;
	static struct close_list list;
	const struct err *err;

	list = (struct close_list){ .count = 1, .blocks = { { .tenant = TENANT_DEFAULT } } };
	memcpy(list.blocks[0].id, claim->parts[0].block->id, BLOCK_ID);
	claim->interaction = STR("first of the two");
	claim->amount_nanos = 100;
	err = budget_settle(tx, claim);
	if (!err)
		err = close_blocks(tx, &list);
	claim->interaction = STR("other of the two");
	claim->amount_nanos = 50;
	return err ? err : budget_settle(tx, claim);
}

static MAY_PARK void
close_case(struct fixture *f)
{
	struct money *money = opened(f);
	struct budget_row row = made(f, money, "closed between", 1000);
	struct budget_claim claim;

	CHECK_OK(reserve(f, money, 200, &claim));
	CHECK(claim.count == 1);
	CHECK_OK(store_tx(f->store, f->arena, settle_around_a_close, &claim));
	CHECK(shown(f, money, &row).spent_nanos == 150);
	budget_end(&claim, NULL);
	closed(f, money);
}

static MAY_PARK int64_t
spent_in(struct fixture *f, const struct budget_row *row, int64_t starts_us)
{
	struct rows rows;

	CHECK_OK(store_query(f->store, f->arena, &stmt_budget_period_get, PARAMS(V_INT(TENANT_DEFAULT), V_TEXT(row->id), V_INT(starts_us), V_TEXT(STR_EMPTY)), &rows));
	return rows.count ? rows_int(&rows, 0, 0) : -1;
}

static MAY_PARK const struct err *
reserve_at(struct fixture *f, struct money *money, int64_t at_us, int64_t nanos, struct budget_claim *claim)
{
	struct identity identity = caller();

	return budget_reserve(money, f->arena, &identity, STR_EMPTY, at_us, nanos, claim);
}

/* A call that began before midnight is the old period's, whenever it ends, and takes nothing from the new one. */
static MAY_PARK void
border_case(struct fixture *f)
{
	struct money *money = opened(f);

	for (unsigned period = PERIOD_DAY; period < PERIOD_TOTAL; period++) {
		struct budget_spec spec = { .name = STR("border"), .kind = HOLDER_TENANT, .period = (enum period)period, .limit_nanos = 1000 };
		struct budget_claim before, after, more;
		int64_t starts_us, ends_us, next_us, next_end_us;
		struct budget_row row;
		const struct err *err;

		CHECK_OK(budget_create(money, f->access, f->arena, TENANT_DEFAULT, &spec, &row));
		period_bounds((enum period)period, clock_wall_us(), &starts_us, &ends_us);
		period_bounds((enum period)period, ends_us, &next_us, &next_end_us);
		CHECK(next_us == ends_us && next_end_us > next_us);
		CHECK_OK(reserve_at(f, money, ends_us - 1, 600, &before));
		CHECK_OK(reserve_at(f, money, ends_us, 1000, &after)); /* all of the new one */
		CHECK_ERR(reserve_at(f, money, ends_us, 1, &more), ERR_RATE_LIMITED);
		settle(f, &after, 1000);
		settle(f, &before, 500);
		CHECK_OK(reserve_at(f, money, ends_us - 1, 500, &more));
		budget_end(&more, &err_cancelled);
		err = reserve_at(f, money, ends_us - 1, 501, &more);
		CHECK_ERR(err, ERR_QUOTA);
		CHECK(strstr(err->message.ptr, "T00:00:00Z")); /* it says when, and in which time zone */
		closed(f, money);
		CHECK(spent_in(f, &row, starts_us) == 500 && spent_in(f, &row, ends_us) == 1000);
		money = opened(f);
		CHECK_OK(budget_update(money, f->arena, TENANT_DEFAULT, row.id, (struct str){ NULL, 0 }, 0, (struct str){ NULL, 0 }, true, &row));
	}
	closed(f, money);
}

static MAY_PARK int64_t
counted(struct fixture *f, const struct stmt *stmt)
{
	struct rows rows;

	CHECK_OK(store_query(f->store, f->arena, stmt, NO_PARAMS, &rows));
	return stmt == &stmt_verify_budget_entries ? rows_int(&rows, 0, 0) : (int64_t)rows.count;
}

static MAY_PARK void
fold_case(struct fixture *f)
{
	struct money *money = opened(f);
	struct budget_row row = made(f, money, "old", 1000000), now;
	struct budget_claim claim, open;

	for (int i = 0; i < 600; i++) { /* more than a step */
		CHECK_OK(reserve(f, money, 10, &claim));
		settle(f, &claim, 7);
	}
	closed(f, money);
	money = opened(f);
	CHECK_OK(reserve(f, money, 10, &open));
	settle(f, &open, 3); /* in a block that is open */
	CHECK(counted(f, &stmt_verify_budget_entries) == 601);
	CHECK_OK(budget_fold(f->store, f->arena, 1)); /* nothing is that old */
	CHECK(counted(f, &stmt_verify_budget_entries) == 601);
	CHECK_OK(budget_fold(f->store, f->arena, INT64_MAX));
	CHECK(counted(f, &stmt_verify_budget_entries) == 1);
	CHECK(counted(f, &stmt_verify_blocks) == 0 && counted(f, &stmt_verify_spent) == 0);
	now = shown(f, money, &row);
	CHECK(now.spent_nanos == 600 * 7 + 3);
	closed(f, money);
}

static MAY_PARK void
restart_case(struct fixture *f)
{
	struct money *money = opened(f);
	struct budget_row row = made(f, money, "kept", 1000), now;
	struct budget_claim claim;

	CHECK_OK(reserve(f, money, 400, &claim));
	settle(f, &claim, 250);
	CHECK_OK(reserve(f, money, 100, &claim));
	budget_end(&claim, &err_cancelled);
	closed(f, money);
	money = opened(f);
	now = shown(f, money, &row);
	CHECK(now.spent_nanos == 250 && now.held_nanos == 0);
	CHECK_OK(reserve(f, money, 750, &claim));
	settle(f, &claim, 750);
	CHECK_ERR(reserve(f, money, 1, &claim), ERR_QUOTA);
	closed(f, money);
}

/* A node that is killed holds its blocks until another one, or its next start, closes them: what it settled is spent, the rest comes back. */
static MAY_PARK void
crash_case(struct fixture *f)
{
	struct money *dead = opened(f), *next;
	struct budget_row row = made(f, dead, "crashed", 800), now;
	struct budget_claim claim, lost;

	CHECK_OK(reserve(f, dead, 500, &claim));
	settle(f, &claim, 200);
	CHECK_OK(reserve(f, dead, 500, &lost)); /* in flight when it dies */
	CHECK_OK(store_tx(f->store, f->arena, forget_nodes, NULL)); /* as if its lease had run out */
	next = opened(f);
	now = shown(f, next, &row);
	CHECK(now.spent_nanos == 200 && now.held_nanos == 0);
	CHECK_OK(reserve(f, next, 600, &claim));
	settle(f, &claim, 100);
	/* The dead node was only slow: what it spent is counted all the same. */
	settle(f, &lost, 300);
	now = shown(f, next, &row);
	CHECK(now.spent_nanos == 600);
	closed(f, next);
	closed(f, dead);
	now = shown(f, next, &row);
	CHECK(now.spent_nanos == 600 && now.held_nanos == 0);
}

struct storm {
	struct fixture *f;
	struct money *nodes[2];
	int64_t spent, refused, late;
	unsigned calls;
};

/* One caller of many: reserves, waits a moment, spends what it reserved or less, now and then nothing. */
static MAY_PARK const struct err *
storm_caller(void *arg)
{
	struct storm *storm = arg;
	struct fixture *f = storm->f;

	for (unsigned i = 0; i < storm->calls; i++) {
		int64_t wanted = 1 + (int64_t)(draw(f) % 5000), cost = (int64_t)(draw(f) % (uint64_t)(wanted + 1));
		struct budget_claim claim;
		const struct err *err = reserve(f, storm->nodes[draw(f) % 2], wanted, &claim);

		if (err) {
			CHECK(err->kind == ERR_QUOTA || err->kind == ERR_RATE_LIMITED);
			storm->refused++;
			continue;
		}
		(void)fiber_sleep_us((int64_t)(draw(f) % 3000));
		if (draw(f) % 10 == 0) {
			budget_end(&claim, &err_cancelled);
			continue;
		}
		settle(f, &claim, cost);
		storm->spent += cost;
	}
	return NULL;
}

static MAY_PARK void
storm_case(struct fixture *f)
{
	struct storm storm = { .f = f, .calls = 40 };
	struct budget_row row, now;
	struct group group;

	storm.nodes[0] = opened(f);
	storm.nodes[1] = opened(f);
	row = made(f, storm.nodes[0], "storm", 600000);
	while (atomic_load(&storm.nodes[1]->budget_count) == 0)
		CHECK_OK(fiber_sleep_us(1000));
	group_open(&group);
	for (int i = 0; i < 16; i++)
		CHECK_OK(group_go(&group, "storm", storm_caller, &storm));
	CHECK_OK(group_wait(&group));
	CHECK(storm.spent <= row.limit_nanos && storm.spent > row.limit_nanos / 2);
	CHECK(storm.refused > 0);
	now = shown(f, storm.nodes[0], &row);
	CHECK(now.spent_nanos == storm.spent);
	closed(f, storm.nodes[0]);
	closed(f, storm.nodes[1]);
	now = shown(f, storm.nodes[0], &row);
	CHECK(now.spent_nanos == storm.spent && now.held_nanos == 0);
}

ON_EACH_ENGINE(a_budget_is_used_to_its_last_nanodollar_and_no_further, spent_case);
ON_EACH_ENGINE(a_call_is_of_the_period_in_which_it_began, border_case);
ON_EACH_ENGINE(what_a_node_holds_is_given_back_when_it_stops, restart_case);
ON_EACH_ENGINE(old_entries_are_folded_and_no_sum_changes, fold_case);
ON_EACH_ENGINE(what_is_settled_behind_the_close_of_its_block_is_spent, close_case);
ON_EACH_ENGINE(what_a_dead_node_held_comes_back_without_what_it_spent, crash_case);
ON_EACH_ENGINE(calls_that_race_on_two_nodes_neither_overrun_nor_lose_anything, storm_case);

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_budget_is_used_to_its_last_nanodollar_and_no_further),
		cmocka_unit_test(a_call_is_of_the_period_in_which_it_began),
		cmocka_unit_test(what_a_node_holds_is_given_back_when_it_stops),
		cmocka_unit_test(old_entries_are_folded_and_no_sum_changes),
		cmocka_unit_test(what_is_settled_behind_the_close_of_its_block_is_spent),
		cmocka_unit_test(what_a_dead_node_held_comes_back_without_what_it_spent),
		cmocka_unit_test(calls_that_race_on_two_nodes_neither_overrun_nor_lose_anything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
