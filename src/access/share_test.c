/*
 * share_test.c - the transaction on a shared bucket, on each engine that is there: a seeded storm of nodes that take, use, give back and die never holds or lets through more than one bucket would.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "access/access_sql.h"
#include "access/share_inside.h"
#include "base/clock.h"
#include "store/testing.h"

static const struct store_schema *const schemas[] = { &access_schema, NULL };

enum { NODES = 3, TURNS = 1500, REQUESTS = 60, TOKENS = 900, SLOTS = 5 };

/* What a node has in memory. */
struct node {
	struct shares shares;
	double left[2];
	int64_t slots, running;
};

struct fixture {
	struct store *store;
	struct arena *arena;
	struct node nodes[NODES];
	uint64_t random;
	int64_t passed, began_us;
	int64_t skipped_us; /* time that was made to pass */
};

static const struct limits limits = { REQUESTS, TOKENS, SLOTS };
static const struct str key = STR_INIT("key 1 key_x");

static int64_t
draw(struct fixture *f, int64_t below)
{
	f->random = f->random * 6364136223846793005u + 1442695040888963407u;
	return (int64_t)((f->random >> 33) % (uint64_t)below);
}

static MAY_PARK const struct err *
renew(struct tx *tx, void *arg)
{
	const struct node *node = arg;

	return tx_exec(tx, &stmt_limit_node_renew, PARAMS(V_TEXT(id_str(&node->shares.node)), V_INT(60 * USEC_PER_SEC)), NULL);
}

static MAY_PARK const struct err *
die(struct tx *tx, void *arg)
{
	const struct node *node = arg;

	return tx_exec(tx, &stmt_limit_node_leave, PARAMS(V_TEXT(id_str(&node->shares.node))), NULL);
}

static MAY_PARK void
node_begin(struct fixture *f, struct node *node)
{
	*node = (struct node){ .shares = { .store = f->store, .node = id_new() } };
	CHECK_OK(store_tx(f->store, f->arena, renew, node));
}

/* Tells what the node has, gives all of it back or not, and asks for what it needs. */
static MAY_PARK void
ask(struct fixture *f, struct node *node, int64_t requests, int64_t tokens, bool back, struct share_ask *out)
{
	const double wants[2] = { (double)requests, (double)tokens };

	*out = (struct share_ask){ .shares = &node->shares, .key = key, .limits = limits, .slots_keep = node->slots };
	for (int i = 0; i < 2; i++) {
		out->debt[i] = node->left[i] < 0 ? node->left[i] : 0;
		node->left[i] -= out->debt[i];
		out->back[i] = back ? node->left[i] : 0;
		node->left[i] -= out->back[i];
		out->keep[i] = node->left[i];
		out->need[i] = wants[i] - node->left[i];
	}
	if (back)
		out->slots_keep = node->slots = node->running;
	out->slots_need = requests && node->running >= node->slots ? node->running + 1 - node->slots : 0;
	CHECK_OK(store_tx(f->store, f->arena, share_ask_tx, out));
	for (int i = 0; i < 2; i++)
		node->left[i] += out->got[i];
	node->slots += out->slots_got;
}

static bool
has(const struct node *node, int64_t tokens)
{
	return node->left[0] + 0.001 >= 1 && node->left[1] + 0.001 >= (double)tokens && node->running < node->slots;
}

/* A call that reserves some tokens. True when it passed. */
static MAY_PARK bool
call(struct fixture *f, struct node *node, int64_t tokens)
{
	struct share_ask answer;

	if (!has(node, tokens)) {
		ask(f, node, 1, tokens, false, &answer);
		CHECK((answer.lack == SHARE_LACKS_NOTHING) == has(node, tokens));
		CHECK(answer.lack == SHARE_LACKS_NOTHING || answer.wait_us > 0);
	}
	if (!has(node, tokens))
		return false;
	node->left[0] -= 1;
	node->left[1] -= (double)tokens;
	node->running++;
	f->passed++;
	return true;
}

/* The end of a call: what it has used is less than it reserved, or more. */
static void
end(struct node *node, int64_t unused)
{
	node->running--;
	node->left[1] += (double)unused;
}

static MAY_PARK const struct err *
set_back(struct tx *tx, void *arg)
{
	const int64_t *by_us = arg;
	struct rows rows;
	const struct err *err = tx_exec(tx, &stmt_limit_bucket_get, PARAMS(V_TEXT(key)), &rows);

	if (err || rows.count == 0)
		return err;
	return tx_exec(tx, &stmt_limit_bucket_put,
		PARAMS(V_TEXT(key), V_REAL(rows_real(&rows, 0, 0)), V_REAL(rows_real(&rows, 0, 1)), V_INT(rows_int(&rows, 0, 2)), V_INT(rows_int(&rows, 0, 3)),
			V_INT(rows_int(&rows, 0, 4) - *by_us)),
		NULL);
}

/* Makes time pass, as the bucket sees it. */
static MAY_PARK void
pass_time(struct fixture *f, int64_t us)
{
	CHECK_OK(store_tx(f->store, f->arena, set_back, &us));
	f->skipped_us += us;
}

static MAY_PARK void
check(struct fixture *f)
{
	double allowed = (double)(clock_wall_us() - f->began_us + f->skipped_us) / 60e6 + 2.0 / 60; /* SQLite's clock has seconds */
	int64_t running = 0;
	struct rows bucket, all;

	CHECK_OK(store_query(f->store, f->arena, &stmt_limit_bucket_get, PARAMS(V_TEXT(key)), &bucket));
	CHECK_OK(store_query(f->store, f->arena, &stmt_limit_share_others, PARAMS(V_TEXT(key), V_TEXT(STR("nobody"))), &all));
	if (bucket.count == 0)
		return;
	CHECK(rows_real(&bucket, 0, 0) + rows_real(&all, 0, 1) <= REQUESTS + 0.01);
	CHECK(rows_real(&bucket, 0, 1) + rows_real(&all, 0, 2) <= TOKENS + 0.01);
	CHECK(rows_int(&all, 0, 3) <= SLOTS);
	for (size_t i = 0; i < NODES; i++)
		running += f->nodes[i].running;
	CHECK(running <= SLOTS);
	CHECK((double)f->passed <= REQUESTS * (1 + allowed) + 0.01);
}

static MAY_PARK void
storm_case(struct fixture *f)
{
	struct share_ask answer;

	for (size_t i = 0; i < NODES; i++)
		node_begin(f, &f->nodes[i]);
	for (int turn = 0; turn < TURNS; turn++) {
		struct node *node = &f->nodes[draw(f, NODES)];
		int64_t what = draw(f, 100);

		if (what < 45)
			(void)call(f, node, 1 + draw(f, 30));
		else if (what < 90 && node->running)
			end(node, draw(f, 12) - 3);
		else if (what < 96)
			ask(f, node, 0, 0, draw(f, 2), &answer);
		else if (what < 98)
			pass_time(f, draw(f, 60 * USEC_PER_SEC));
		else if (node->running == 0) { /* it dies with what it had, and another takes its place */
			CHECK_OK(store_tx(f->store, f->arena, die, node));
			node_begin(f, node);
		}
		check(f);
		arena_reset(f->arena);
	}
	CHECK(f->passed > REQUESTS);
}

/* Whoever asks alone gets all there is, though others had some of it before. */
static MAY_PARK void
alone_case(struct fixture *f)
{
	struct share_ask answer;

	for (size_t i = 0; i < NODES; i++) {
		node_begin(f, &f->nodes[i]);
		CHECK(call(f, &f->nodes[i], 5));
		end(&f->nodes[i], 0);
	}
	for (size_t i = 0; i < NODES - 1; i++)
		ask(f, &f->nodes[i], 0, 0, true, &answer); /* what a notice makes them do */
	for (int i = 0; i < REQUESTS - NODES; i++) {
		CHECK(call(f, &f->nodes[NODES - 1], 5));
		end(&f->nodes[NODES - 1], 0);
	}
	check(f);
	ask(f, &f->nodes[0], 1, 5, false, &answer);
	CHECK(answer.lack == SHARE_LACKS_REQUESTS || answer.got[0] >= 1); /* or a second has passed */
}

static MAY_PARK void
more_than_a_minute_case(struct fixture *f)
{
	struct share_ask answer;
	struct node *node = &f->nodes[0];

	node_begin(f, node);
	node_begin(f, &f->nodes[1]);
	ask(f, node, 1, TOKENS, false, &answer); /* a full bucket lets through what is more than it holds… */
	CHECK(answer.lack == SHARE_LACKS_NOTHING && node->left[1] >= TOKENS - 0.01);
	node->left[1] -= 2 * TOKENS;
	ask(f, node, 0, 0, false, &answer); /* …and everybody waits for that */
	CHECK(answer.level[1] <= -TOKENS + 20);
	ask(f, &f->nodes[1], 1, 1, false, &answer);
	CHECK(answer.lack == SHARE_LACKS_TOKENS && answer.wait_us > 50 * USEC_PER_SEC);
}

struct run {
	void (*fn)(struct fixture *f);
};

static MAY_PARK void
run(struct store *store, void *arg)
{
	struct run *run = arg;
	struct fixture f = { .store = store, .arena = arena_new(MIB(16)), .random = 42, .began_us = clock_wall_us() };

	run->fn(&f);
	arena_free(f.arena);
}

#define ON_EACH_ENGINE(name, fn_)                                                                                                          \
	static void name(void **state)                                                                                                     \
	{                                                                                                                                  \
		struct run arg = { fn_ };                                                                                                  \
		(void)state;                                                                                                               \
		for (enum store_engine engine = STORE_SQLITE; engine <= STORE_POSTGRES; engine++)                                          \
			if (testing_has(engine))                                                                                           \
				testing_run(engine, schemas, run, &arg);                                                                   \
	}

ON_EACH_ENGINE(nodes_together_let_through_what_one_bucket_would, storm_case)
ON_EACH_ENGINE(what_others_had_moves_to_whoever_needs_it, alone_case)
ON_EACH_ENGINE(what_is_more_than_a_minute_holds_is_waited_for_by_all, more_than_a_minute_case)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nodes_together_let_through_what_one_bucket_would),
		cmocka_unit_test(what_others_had_moves_to_whoever_needs_it),
		cmocka_unit_test(what_is_more_than_a_minute_holds_is_waited_for_by_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
