/*
 * verify_test.c - what is taken away from the books is missed, and what retention took is not.
 */
#include "money/test_money.h"
#include "money/usage.h"
#include "money/verify.h"
#include "telemetry/retention.h"
#include "telemetry/seal.h"

#define HOUR_US (INT64_C(3600000000))

/* An interaction of so long ago, or its settlement. */
static MAY_PARK const struct err *
write_of(struct tx *tx, int64_t ago_us, bool settlement)
{
	unsigned char id[16] = { 0 };
	int64_t at_us = clock_wall_us() - ago_us;
	struct value none = V_TEXT(STR_EMPTY), zero = V_INT(0), tenant = V_INT(TENANT_DEFAULT);

	(void)usage_id_at(at_us / HOUR_US * HOUR_US, id);
	if (settlement)
		return tx_exec(tx, &stmt_usage_correct,
			PARAMS(tenant, V_BLOB(str_n((const char *)id, sizeof(id))), zero, zero, none, none, none, none, zero, none, none, none, none, none, none, none), NULL);
	return tx_exec(tx, &stmt_interaction_insert,
		PARAMS(tenant, V_BLOB(str_n((const char *)id, sizeof(id))), V_NULL, V_BLOB(STR("span")), V_NULL, zero, zero, zero, none, none, none, none, none, none, none, none, none, zero,
			none, none, none, none, zero, none, V_NULL, none, zero, none, V_REAL(0)),
		NULL);
}

static MAY_PARK const struct err *
write_two(struct tx *tx, void *arg)
{
	const struct err *err = NULL;

	(void)arg;
	for (int hours = 10; hours <= 100 && !err; hours += 90) {
		err = write_of(tx, hours * HOUR_US, false);
		if (!err)
			err = write_of(tx, hours * HOUR_US, true);
	}
	return err;
}

static MAY_PARK const struct err *
write_settlements(struct tx *tx, void *arg)
{
	const struct err *err = write_of(tx, 100 * HOUR_US, true);

	(void)arg;
	return err ? err : write_of(tx, 5 * HOUR_US, true);
}

static MAY_PARK const struct err *
delete_ledger(struct tx *tx, void *arg)
{
	(void)arg;
	return tx_exec(tx, &stmt_retain_usage, PARAMS(V_INT(TENANT_DEFAULT), V_BLOB(STR("\xff")), V_INT(1000)), NULL);
}

static MAY_PARK size_t
contradictions(struct fixture *f, const struct stmt *stmt)
{
	static const char first[16], last[16] = { "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" };
	struct rows rows;

	if (stmt == &stmt_verify_page)
		CHECK_OK(store_query(f->store, f->arena, stmt, PARAMS(V_INT(TENANT_DEFAULT), V_BLOB(str_n(first, 16)), V_BLOB(str_n(last, 16)), V_INT(10)), &rows));
	else
		CHECK_OK(store_query(f->store, f->arena, stmt, PARAMS(V_INT(TENANT_DEFAULT), V_BLOB(str_n(first, 16)), V_BLOB(str_n(last, 16))), &rows));
	return rows.count;
}

/* What is taken away is missed, a tenant's first row too; what retention took is not. */
static MAY_PARK void
missing_case(struct fixture *f)
{
	struct retention_limits limits = { .bodies = 1000 * HOUR_US, .spans = 1000 * HOUR_US, .interactions = 1000 * HOUR_US, .usage = 50 * HOUR_US };

	CHECK_OK(store_tx(f->store, f->arena, write_two, NULL));
	CHECK(contradictions(f, &stmt_verify_unpaid) == 0 && contradictions(f, &stmt_verify_unrecorded) == 0);
	CHECK_OK(retention_run(f->store, f->arena, &limits)); /* takes the older settlement */
	CHECK(contradictions(f, &stmt_verify_unpaid) == 0);
	CHECK_OK(store_tx(f->store, f->arena, delete_ledger, NULL));
	CHECK(contradictions(f, &stmt_verify_unpaid) == 1);
	limits = (struct retention_limits){ .bodies = 1000 * HOUR_US, .spans = 1000 * HOUR_US, .interactions = 50 * HOUR_US, .usage = 1000 * HOUR_US };
	CHECK_OK(retention_run(f->store, f->arena, &limits)); /* takes the older interaction */
	CHECK_OK(store_tx(f->store, f->arena, write_settlements, NULL));
	CHECK(contradictions(f, &stmt_verify_unrecorded) == 1); /* the one of five hours ago */
	CHECK(contradictions(f, &stmt_verify_page) == 1); /* what is over its time may be half gone */
}

static MAY_PARK const struct err *
take_first(struct tx *tx, void *arg)
{
	(void)arg;
	return tx_exec(tx, &stmt_retain_usage, PARAMS(V_INT(TENANT_DEFAULT), V_BLOB(STR("\xff")), V_INT(1)), NULL);
}

/* A settlement of ten hours ago that is written now. */
static MAY_PARK const struct err *
write_late(struct tx *tx, void *arg)
{
	unsigned char id[16];
	struct str interaction = usage_id_at((clock_wall_us() - 20 * HOUR_US) / HOUR_US * HOUR_US, id);
	const struct err *err = write_of(tx, 20 * HOUR_US, true);

	(void)arg;
	CHECK(seal_is_late(interaction));
	return err ? err : seal_add(tx, TENANT_DEFAULT, interaction, 0);
}

enum { PRICED_AGAIN = 1500 };

/* One that was priced again more often than a step counts. */
static MAY_PARK const struct err *
write_many(struct tx *tx, void *arg)
{
	struct value none = V_TEXT(STR_EMPTY), one = V_INT(1), tenant = V_INT(TENANT_DEFAULT);
	const struct err *err = NULL;
	unsigned char id[16];
	struct value interaction = V_BLOB(usage_id_at(clock_wall_us() - 5 * HOUR_US, id));

	(void)arg;
	for (int entry = 0; entry < PRICED_AGAIN && !err; entry++)
		err = tx_exec(tx, &stmt_usage_correct, PARAMS(tenant, interaction, V_INT(entry), V_INT(0), none, none, none, none, one, none, none, none, none, none, none, none), NULL);
	return err;
}

static MAY_PARK int64_t
hours_wrong(struct fixture *f, struct money *money, int64_t counted)
{
	struct verify_run *run = arena_zalloc(f->arena, sizeof(*run));

	run->to_us = clock_wall_us();
	run->time_us = INT64_C(60000000);
	CHECK_OK(verify_go(money, f->arena, run));
	CHECK(run->next.len == 0 && run->sealed == counted);
	return run->results[VERIFY_HOURS].wrong;
}

/* Hours are counted once their time is over; what is taken away then is missed, and what retention took is not. */
static MAY_PARK void
hours_case(struct fixture *f)
{
	struct retention_limits limits = { .bodies = 1000 * HOUR_US, .spans = 1000 * HOUR_US, .interactions = 1000 * HOUR_US, .usage = 50 * HOUR_US };
	struct money *money = opened(f);

	CHECK_OK(store_tx(f->store, f->arena, write_two, NULL)); /* of 100 and of 10 hours ago */
	CHECK(hours_wrong(f, money, 0) == 0);
	CHECK_OK(seal_run(f->store, f->arena, clock_wall_us() - 50 * HOUR_US));
	CHECK(hours_wrong(f, money, 1) == 0);
	CHECK_OK(store_tx(f->store, f->arena, write_many, NULL));
	for (int i = 0; i < 2; i++)
		CHECK_OK(seal_run(f->store, f->arena, clock_wall_us() - HOUR_US));
	CHECK(hours_wrong(f, money, 2 + PRICED_AGAIN) == 0);
	CHECK_OK(store_tx(f->store, f->arena, write_late, NULL));
	CHECK(hours_wrong(f, money, 3 + PRICED_AGAIN) == 0);
	CHECK_OK(store_tx(f->store, f->arena, take_first, NULL));
	CHECK(hours_wrong(f, money, 2 + PRICED_AGAIN) == 1);
	CHECK_OK(store_tx(f->store, f->arena, take_first, NULL));
	CHECK(hours_wrong(f, money, 1 + PRICED_AGAIN) == 2);
	limits.usage = 15 * HOUR_US;
	CHECK_OK(store_tx(f->store, f->arena, write_late, NULL)); /* something for retention to take */
	CHECK_OK(retention_run(f->store, f->arena, &limits));
	CHECK(hours_wrong(f, money, 1 + PRICED_AGAIN) == 0);
	closed(f, money);
}

ON_EACH_ENGINE(what_was_taken_away_is_missed_and_what_retention_took_is_not, missing_case);
ON_EACH_ENGINE(hours_are_counted_and_what_is_taken_from_them_is_missed, hours_case);

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_taken_away_is_missed_and_what_retention_took_is_not),
		cmocka_unit_test(hours_are_counted_and_what_is_taken_from_them_is_missed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
