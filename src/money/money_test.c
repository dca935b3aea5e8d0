/*
 * money_test.c - budgets on each engine that is there: blocks, races, crashed nodes, and the invariants under a seeded storm of calls.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "access/access_sql.h"
#include "base/clock.h"
#include "money/inside.h"
#include "json/json.h"
#include "money/money_sql.h"
#include "money/prices.h"
#include "money/usage.h"
#include "money/verify.h"
#include "rt/fiber.h"
#include "rt/group.h"
#include "store/testing.h"
#include "telemetry/price.h"
#include "telemetry/retention.h"
#include "telemetry/seal.h"
#include "telemetry/telemetry_sql.h"

static const struct store_schema *const schemas[] = { &access_schema, &telemetry_schema, &money_schema, NULL };

enum { NODES_MAX = 4 };

struct fixture {
	struct store *store;
	struct arena *arena;
	char dir[64];
	struct access *access;
	struct money *stopped[NODES_MAX];
	size_t stopped_count;
	uint64_t random;
	unsigned asked;
};

static uint64_t
draw(struct fixture *f)
{
	f->random = f->random * 6364136223846793005u + 1442695040888963407u;
	return f->random >> 20;
}

static MAY_PARK struct money *
opened(struct fixture *f)
{
	struct money *money;

	CHECK_OK(money_open(f->store, f->arena, &money));
	return money;
}

static MAY_PARK void
closed(struct fixture *f, struct money *money)
{
	money_stop(money);
	f->stopped[f->stopped_count++] = money;
}

static struct identity
caller(void)
{
	return (struct identity){ .tenant = TENANT_DEFAULT, .key_id = "key_x" };
}

static MAY_PARK struct budget_row
made(struct fixture *f, struct money *money, const char *name, int64_t limit)
{
	struct budget_spec spec = { .name = str_of(name), .kind = HOLDER_TENANT, .period = PERIOD_MONTH, .limit_nanos = limit };
	struct budget_row row;

	CHECK_OK(budget_create(money, f->access, f->arena, TENANT_DEFAULT, &spec, &row));
	return row;
}

static MAY_PARK const struct err *
reserve(struct fixture *f, struct money *money, int64_t nanos, struct budget_claim *claim)
{
	struct identity identity = caller();

	return budget_reserve(money, f->arena, &identity, STR_EMPTY, clock_wall_us(), nanos, claim);
}

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

/* The table of the file that PyPI's litellm carries, cut to what tells cases apart. */
static const char table[] =
	"{\"sample_spec\":{\"litellm_provider\":\"openai\",\"input_cost_per_token\":1},"
	"\"money-test-small\":{\"litellm_provider\":\"openai\",\"mode\":\"chat\",\"input_cost_per_token\":1.5e-07,\"output_cost_per_token\":6e-07,"
	"\"cache_read_input_token_cost\":7.5e-08,\"max_output_tokens\":16384},"
	"\"mistral/money-test\":{\"litellm_provider\":\"mistral\",\"input_cost_per_token\":3.75e-08,\"output_cost_per_token\":0,\"input_cost_per_audio_token\":1e-6},"
	"\"money-test-senses\":{\"litellm_provider\":\"gemini\",\"input_cost_per_token\":3e-07,\"output_cost_per_token\":2.5e-06,\"cache_read_input_token_cost\":3e-08,"
	"\"cache_read_input_audio_token_cost\":1e-07,\"input_cost_per_image_token\":0,\"output_cost_per_image_token\":3e-05,"
	"\"search_context_cost_per_query\":{\"search_context_size_low\":0.005,\"search_context_size_medium\":0.01}},"
	"\"money-test-long\":{\"litellm_provider\":\"vertex_ai-language-models\",\"input_cost_per_token\":1.25e-06,\"output_cost_per_token\":1e-05,\"cache_read_input_token_cost\":1.25e-07,"
	"\"input_cost_per_token_above_200k_tokens\":2.5e-06,\"output_cost_per_token_above_200k_tokens\":1.5e-05,\"input_cost_per_token_priority\":2.25e-06,"
	"\"input_cost_per_token_above_200k_tokens_priority\":4.5e-06,\"input_cost_per_token_ultrafast\":7.5e-06,\"output_cost_per_token_above_200k_tokens_ultrafast\":9e-05,\"output_cost_per_token_flex\":5e-06,\"input_cost_per_token_batches\":1e-09,"
	"\"search_context_cost_per_query\":{\"search_context_size_medium\":0.035}},"
	"\"money-test-hour\":{\"litellm_provider\":\"anthropic\",\"input_cost_per_token\":3e-06,\"output_cost_per_token\":1.5e-05,\"cache_creation_input_token_cost\":3.75e-06,"
	"\"cache_creation_input_token_cost_above_1hr\":6e-06,\"cache_creation_input_token_cost_above_1hr_above_200k_tokens\":1.2e-05,\"input_cost_per_token_above_200k_tokens\":6e-06,"
	"\"provider_specific_entry\":{\"us\":1.1,\"fast\":2.5}},"
	"\"xai/money-test-x\":{\"litellm_provider\":\"xai\",\"input_cost_per_token\":1e-06,\"input_cost_per_token_above_200k_tokens\":2e-06},"
	"\"perplexity/money-test-p\":{\"litellm_provider\":\"perplexity\",\"input_cost_per_token\":2e-06,\"citation_cost_per_token\":2e-06,"
	"\"search_context_cost_per_query\":{\"search_context_size_low\":0.005,\"search_context_size_medium\":0.008,\"search_context_size_high\":0.012}},"
	"\"money-test-thinks\":{\"litellm_provider\":\"gemini\",\"input_cost_per_token\":1e-06,\"output_cost_per_token\":2e-06,\"output_cost_per_reasoning_token\":2e-06,"
	"\"output_cost_per_token_flex\":1e-06},"
	"\"money-test-half\":{\"litellm_provider\":\"fireworks_ai\",\"input_cost_per_token\":1e-06,\"output_cost_per_token\":2e-06,\"input_cost_per_token_priority\":1.5e-06},"
	"\"rerank-money-test\":{\"litellm_provider\":\"cohere\",\"mode\":\"rerank\",\"input_cost_per_query\":0.002,\"input_cost_per_token\":0.0},"
	"\"money-test-free\":{\"litellm_provider\":\"nobody\",\"input_cost_per_token\":1},"
	"\"deepseek/money-test-hours\":{\"litellm_provider\":\"deepseek\",\"input_cost_per_token\":1.32e-06,\"output_cost_per_token\":3.96e-06,\"cache_read_input_token_cost\":4.4e-08,"
	"\"off_peak_pricing\":{\"input_cost_per_token\":6.6e-07,\"output_cost_per_token\":1.98e-06,\"cache_read_input_token_cost\":2.2e-08,"
	"\"windows\":[{\"hours_utc\":[\"00:00-01:00\",\"04:00-06:00\",\"10:00-00:00\"],\"weekdays\":[1,2,3,4,5]},{\"hours_utc\":\"00:00-00:00\",\"weekdays\":[6,7]}]}},"
	"\"money-test-night\":{\"litellm_provider\":\"deepseek\",\"input_cost_per_token\":2e-06,\"off_peak_pricing\":{\"hours_utc\":\"16:30-00:30\",\"input_cost_per_token\":5e-07}},"
	"\"money-test-strange\":{\"litellm_provider\":\"deepseek\",\"input_cost_per_token\":2e-06,\"off_peak_pricing\":{\"hours_utc\":[\"16:30-00:30\",\"01:10-02:00\"],\"input_cost_per_token\":5e-07}},"
	"\"money-test-odd\":{\"litellm_provider\":\"openai\",\"input_cost_per_token\":\"cheap\"}}";

/* Input, cached input and output of a prompt in a tier. */
static bool
costs(const struct price *price, int64_t prompt, enum usage_tier tier, int64_t input, int64_t cached, int64_t output)
{
	const struct price *step = price_for(price, &(struct usage){ .input = prompt, .tier = tier });

	return step->input == input && step->cached_input == cached && step->output == output;
}

/* Of the table above: what a tier or a length does not name costs as in the usual one, or as for the next shorter one. */
static void
check_steps(void)
{
	struct price price;

	CHECK(price_find(STR("vertex"), STR("money-test-long"), 1000, &price));
	CHECK(costs(&price, 200000, USAGE_STANDARD, 1250000, 125000, 10000000));
	CHECK(costs(&price, 200001, USAGE_STANDARD, 2500000, 125000, 15000000));
	CHECK(costs(&price, 200000, USAGE_PRIORITY, 2250000, 125000, 10000000));
	CHECK(costs(&price, 200001, USAGE_PRIORITY, 4500000, 125000, 15000000));
	CHECK(costs(&price, 200000, USAGE_FLEX, 1250000, 125000, 5000000));
	CHECK(costs(&price, 200000, USAGE_ULTRAFAST, 7500000, 125000, 10000000));
	CHECK(costs(&price, 200001, USAGE_ULTRAFAST, 2500000, 125000, 90000000));
	CHECK(price.web_search_once == 1 && price.web_search == 35000000000);
	CHECK(price_find(STR("anthropic"), STR("money-test-hour"), 1000, &price));
	CHECK(price.cache_write == 3750000 && price.cache_write_1h == 6000000 && !price.web_search_once);
	CHECK(price_for(&price, &(struct usage){ .input = 200001 })->cache_write_1h == 12000000);
	CHECK(costs(&price, 1000, USAGE_FAST_MODE, 7500000, 7500000, 37500000) && costs(&price, 200001, USAGE_FAST_MODE, 15000000, 15000000, 37500000));
	CHECK(price_for(&price, &(struct usage){ .input = 200001, .tier = USAGE_FAST_MODE })->cache_write_1h == 30000000);
	CHECK(price_find(STR("gemini"), STR("money-test-thinks"), 1000, &price));
	CHECK(price.reasoning == 2000000 && price_for(&price, &(struct usage){ .tier = USAGE_FLEX })->reasoning == 1000000); /* as its output there */
	CHECK(price.web_search == 35000000000 && price.web_search_once == 1);
	CHECK(price_find(STR("fireworks"), STR("money-test-half"), 1000, &price));
	CHECK(costs(&price, 1000, USAGE_STANDARD, 1000000, 500000, 2000000) && costs(&price, 1000, USAGE_PRIORITY, 1500000, 750000, 2000000));
	CHECK(price_find(STR("xai"), STR("money-test-x"), 1000, &price));
	CHECK(costs(&price, 199999, USAGE_STANDARD, 1000000, 1000000, 0) && costs(&price, 200000, USAGE_STANDARD, 2000000, 2000000, 0));
	CHECK(price.web_search == 5000000000);
	CHECK(price_find(STR("perplexity"), STR("money-test-p"), 1000, &price));
	CHECK(price.web_search_low == 5000000000 && price.web_search == 8000000000 && price.web_search_high == 12000000000 && price.citation == 2000000 && price.step_count == 0);
}

static int64_t
input_at(const char *model, const char *day, int64_t minutes)
{
	struct price price;
	int64_t at_us;

	CHECK(period_day_parse(str_of(day), &at_us));
	CHECK(price_find(STR("deepseek"), str_of(model), at_us + minutes * 60 * INT64_C(1000000), &price));
	CHECK(!price.off_peak || price.input != price.off_peak->price.input);
	return price.input;
}

/* At some hours of the week a model costs less. A schedule that is not understood whole changes nothing. */
static void
check_hours(void)
{
	static const struct {
		const char *model, *day;
		int64_t minutes, input;
	} cases[] = {
		{ "money-test-hours", "2026-11-30", 0, 660000 }, /* a Monday */
		{ "money-test-hours", "2026-11-30", 59, 660000 },
		{ "money-test-hours", "2026-11-30", 60, 1320000 },
		{ "money-test-hours", "2026-11-30", 4 * 60 - 1, 1320000 },
		{ "money-test-hours", "2026-11-30", 4 * 60, 660000 },
		{ "money-test-hours", "2026-11-30", 6 * 60, 1320000 },
		{ "money-test-hours", "2026-11-30", 10 * 60, 660000 },
		{ "money-test-hours", "2026-12-04", 24 * 60 - 1, 660000 }, /* a Friday's end */
		{ "money-test-hours", "2026-12-05", 2 * 60, 660000 },
		{ "money-test-hours", "2026-12-06", 7 * 60, 660000 },
		{ "money-test-hours", "2026-12-07", 2 * 60, 1320000 },
		{ "money-test-night", "2026-11-29", 16 * 60 + 29, 2000000 },
		{ "money-test-night", "2026-11-29", 16 * 60 + 30, 500000 },
		{ "money-test-night", "2026-11-29", 0, 500000 },
		{ "money-test-night", "2026-11-29", 30, 2000000 },
		{ "money-test-strange", "2026-11-29", 17 * 60, 2000000 },
	};
	struct price price;

	for (size_t i = 0; i < COUNT(cases); i++)
		CHECK(input_at(cases[i].model, cases[i].day, cases[i].minutes) == cases[i].input);
	CHECK(price_find(STR("deepseek"), STR("money-test-hours"), 1000 + INT64_C(1764460800000000), &price)); /* Sunday, 2025-11-30 */
	CHECK(price.output == 1980000 && price.reasoning == 1980000 && price.cached_input == 22000 && price.cache_write == 660000 && str_starts(price.version, STR("litellm-")));
}

static MAY_PARK void
prices_case(struct fixture *f)
{
	struct money *money = opened(f);
	const struct json *json;
	struct price_row row, again, *list;
	struct price_version *version;
	struct price price;
	size_t count;

	CHECK_OK(json_parse(f->arena, str_of(table), &json));
	CHECK_OK(prices_import(money, f->arena, json, 1000, &row));
	CHECK(row.rows == 13 && str_starts(row.id, STR("litellm-")));
	CHECK(!price_find(STR("openai"), STR("money-test-small"), 999, &price));
	CHECK(price_find(STR("openai"), STR("money-test-small-2026-01-01"), 1000, &price));
	CHECK(price.input == 150000 && price.cached_input == 75000 && price.cache_write == 150000 && price.output == 600000 && price.reasoning == 600000);
	CHECK(price_find(STR("mistral"), STR("money-test"), 1000, &price));
	CHECK(price.input == 37500 && price.audio_input == 1000000 && price.output == 0);
	CHECK(price.image_input == 37500 && price.cached_audio == 37500 && price.web_search == 0); /* as text, where the table says nothing */
	CHECK(price_find(STR("gemini"), STR("money-test-senses"), 1000, &price));
	CHECK(price.cached_audio == 100000 && price.image_input == 0 && price.image_output == 30000000 && price.web_search == 10000000000);
	CHECK(price_find(STR("cohere"), STR("rerank-money-test"), 1000, &price));
	CHECK(price.search == 2000000000 && price.input == 0);
	CHECK(!price_find(STR("openai"), STR("money-test-odd"), 1000, &price));
	check_steps();
	check_hours();
	CHECK_OK(prices_import(money, f->arena, json, 1000, &again));
	CHECK(str_eq(row.id, again.id));
	CHECK_OK(prices_list(money, f->arena, &list, &count));
	CHECK(count == 1 && list[0].rows == 13 && list[0].effective_us == 1000);
	CHECK_OK(json_parse(f->arena, STR("{\"a\":{},\"b\":5}"), &json));
	version = prices_version(f->arena, STR("old"), 0, STR("[[\"openai\",\"m\",{\"input\":1000,\"cached_input\":100,\"output\":4000}]]"));
	CHECK(version && price_of_version(version, STR("old"), STR("openai"), STR("m"), 0, &price));
	CHECK(price.image_input == 1000 && price.image_output == 4000 && price.cached_audio == 100 && price.audio_input == 0); /* as it was written before pictures had prices */
	price_version_drop(version);
	CHECK_ERR(prices_import(money, f->arena, json, 0, &row), ERR_INVALID);
	closed(f, money);
}

enum { SETS = 10500 };

/* A ledger whose calls have a tag in common and each one of its own, and one without any. */
static MAY_PARK const struct err *
write_tagged(struct tx *tx, void *arg)
{
	const struct err *err = NULL;

	(void)arg;
	for (int i = 0; i <= SETS && !err; i++) {
		unsigned char id[16] = { 0, 0, 0, 0, 1, 0, (unsigned char)(i >> 8), (unsigned char)i };
		char tags[64] = "";

		if (i < SETS)
			(void)snprintf(tags, sizeof(tags), "app=web\nrequest=%d", i);
		err = tx_send(tx, &stmt_usage_correct,
			PARAMS(V_INT(TENANT_DEFAULT), V_BLOB(str_n((const char *)id, sizeof(id))), V_INT(0), V_INT(256000), V_TEXT(STR("key_x")), V_TEXT(STR("p")), V_TEXT(STR("m")), V_TEXT(STR_EMPTY),
				V_INT(i < SETS ? 1 + (i == 77) : 5), V_TEXT(STR_EMPTY), V_TEXT(STR_EMPTY), V_TEXT(str_of(tags)), V_TEXT(STR("openai")), V_TEXT(STR_EMPTY), V_TEXT(STR_EMPTY),
				V_TEXT(STR_EMPTY)));
	}
	return err;
}

static MAY_PARK void
tags_case(struct fixture *f)
{
	struct money *money = opened(f);
	struct usage_row *rows;
	size_t count;

	CHECK_OK(store_tx(f->store, f->arena, write_tagged, NULL));
	CHECK_OK(usage_report(money, f->arena, TENANT_DEFAULT, USAGE_BY_TAG, 0, INT64_C(1000000000), &rows, &count));
	CHECK(count == 10000); /* the dearest of all */
	CHECK(str_eq_c(rows[0].group, "app=web") && rows[0].calls == SETS && rows[0].amount_nanos == SETS + 1);
	CHECK(rows[1].group.len == 0 && rows[1].amount_nanos == 5 && str_eq_c(rows[2].group, "request=77") && rows[2].amount_nanos == 2);
	CHECK(rows[9999].calls == 1 && rows[9999].amount_nanos == 1);
	CHECK_OK(usage_report(money, f->arena, TENANT_DEFAULT, USAGE_BY_TAG, INT64_C(500000000), INT64_C(1000000000), &rows, &count));
	CHECK(count == 0);
	closed(f, money);
}

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

struct run {
	MAY_PARK void (*fn)(struct fixture *f);
	struct fixture fixture;
};

static MAY_PARK void
run_in(struct store *store, void *arg)
{
	struct run *run = arg;
	struct fixture *f = &run->fixture;
	struct access_spec spec = { .store = store, .admin_key = STR("the key of the test"), .data_dir = STR("/nowhere") };
	struct str none;

	f->store = store;
	f->arena = arena_new(MIB(64));
	f->random = 11;
	CHECK_OK(access_open(&spec, f->arena, &f->access, &none));
	run->fn(f);
	access_stop(f->access);
	arena_free(f->arena);
}

static void
on_each_engine(void (*fn)(struct fixture *f))
{
	for (int engine = STORE_SQLITE; engine <= STORE_POSTGRES; engine++) {
		struct run run = { .fn = fn };

		if (testing_has((enum store_engine)engine))
			testing_run((enum store_engine)engine, schemas, run_in, &run);
		for (size_t i = 0; i < run.fixture.stopped_count; i++)
			money_free(run.fixture.stopped[i]);
		access_free(run.fixture.access);
	}
}

#define ON_EACH_ENGINE(name, fn)                                                                                                           \
	static void name(void **state)                                                                                                     \
	{                                                                                                                                  \
		(void)state;                                                                                                               \
		on_each_engine(fn);                                                                                                        \
	}                                                                                                                                  \
	static void name(void **state)

ON_EACH_ENGINE(an_imported_table_is_a_version_in_force_from_its_day, prices_case);
ON_EACH_ENGINE(a_report_by_tag_has_every_set_of_tags, tags_case);
ON_EACH_ENGINE(a_budget_is_used_to_its_last_nanodollar_and_no_further, spent_case);
ON_EACH_ENGINE(what_was_taken_away_is_missed_and_what_retention_took_is_not, missing_case);
ON_EACH_ENGINE(hours_are_counted_and_what_is_taken_from_them_is_missed, hours_case);
ON_EACH_ENGINE(a_call_is_of_the_period_in_which_it_began, border_case);
ON_EACH_ENGINE(what_a_node_holds_is_given_back_when_it_stops, restart_case);
ON_EACH_ENGINE(old_entries_are_folded_and_no_sum_changes, fold_case);
ON_EACH_ENGINE(what_is_settled_behind_the_close_of_its_block_is_spent, close_case);
ON_EACH_ENGINE(what_a_dead_node_held_comes_back_without_what_it_spent, crash_case);
ON_EACH_ENGINE(calls_that_race_on_two_nodes_neither_overrun_nor_lose_anything, storm_case);

static void
periods_begin_and_end_where_calendars_say(void **state)
{
	static const struct {
		enum period period;
		int64_t at, starts, ends; /* seconds */
	} cases[] = {
		{ PERIOD_DAY, 1764350075, 1764288000, 1764374400 },
		{ PERIOD_WEEK, 1764350075, 1763942400, 1764547200 },   /* Friday 2025-11-28: from Monday 24 to Monday 1 */
		{ PERIOD_MONTH, 1764350075, 1761955200, 1764547200 },
		{ PERIOD_MONTH, 1709164800, 1706745600, 1709251200 },  /* 2024-02-29 */
		{ PERIOD_MONTH, 1735689599, 1733011200, 1735689600 },  /* the last second of 2024 */
		{ PERIOD_MONTH, 1735689600, 1735689600, 1738368000 },
		{ PERIOD_WEEK, 0, -259200, 345600 },
		{ PERIOD_MONTH, 951782400, 949363200, 951868800 },     /* 2000-02-29 */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		int64_t starts, ends;

		period_bounds(cases[i].period, cases[i].at * USEC_PER_SEC, &starts, &ends);
		assert_int_equal(starts / USEC_PER_SEC, cases[i].starts);
		assert_int_equal(ends / USEC_PER_SEC, cases[i].ends);
	}
}

static void
days_are_read_and_wrong_ones_refused(void **state)
{
	static const char *const wrong[] = { "", "2026-11-31", "2025-02-29", "2026-13-01", "2026-00-10", "2026-1-1", "2026/11/28", "1969-12-31", "20261128xx", "2026-11-00" };
	int64_t us;

	(void)state;
	assert_true(period_day_parse(STR("2025-11-28"), &us) && us == 1764288000 * USEC_PER_SEC);
	assert_true(period_day_parse(STR("2024-02-29"), &us) && period_day_parse(STR("1970-01-01"), &us) && us == 0);
	for (size_t i = 0; i < COUNT(wrong); i++)
		assert_false(period_day_parse(str_of(wrong[i]), &us));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(periods_begin_and_end_where_calendars_say),
		cmocka_unit_test(days_are_read_and_wrong_ones_refused),
		cmocka_unit_test(an_imported_table_is_a_version_in_force_from_its_day),
		cmocka_unit_test(a_report_by_tag_has_every_set_of_tags),
		cmocka_unit_test(a_budget_is_used_to_its_last_nanodollar_and_no_further),
		cmocka_unit_test(what_was_taken_away_is_missed_and_what_retention_took_is_not),
		cmocka_unit_test(hours_are_counted_and_what_is_taken_from_them_is_missed),
		cmocka_unit_test(a_call_is_of_the_period_in_which_it_began),
		cmocka_unit_test(what_a_node_holds_is_given_back_when_it_stops),
		cmocka_unit_test(old_entries_are_folded_and_no_sum_changes),
		cmocka_unit_test(what_is_settled_behind_the_close_of_its_block_is_spent),
		cmocka_unit_test(what_a_dead_node_held_comes_back_without_what_it_spent),
		cmocka_unit_test(calls_that_race_on_two_nodes_neither_overrun_nor_lose_anything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
