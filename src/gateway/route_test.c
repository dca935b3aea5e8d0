/*
 * route_test.c - the way of a call over targets, repeats and fallbacks, and who waits for a place, on a virtual clock: what would take minutes takes none, and ends at its exact time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include <stdlib.h>

#include "base/clock.h"
#include "conf/conf.h"
#include "gateway/route.h"
#include "rt/fiber.h"
#include "rt/group.h"

static int64_t now_us;

static int64_t
read_clock(void *arg)
{
	(void)arg;
	return now_us;
}

/* Nothing can run: time goes on to the next deadline. */
static bool
jump(void *arg, int64_t next_us)
{
	(void)arg;
	if (next_us == INT64_MAX)
		return false;
	now_us = next_us > now_us ? next_us : now_us;
	return true;
}

struct fixture {
	struct arena *arena;
	struct conf *conf;
	struct gateway *gateway;
	struct route_spec spec;
	struct routing routing;
};

static void
begin(struct fixture *f, const char *text, const char *model)
{
	static const struct setting_table *const tables[] = { NULL };
	struct conf_spec spec = { .path = STR("c.yaml"), .tables = tables, .environment = (const char *const[]){ NULL } };
	struct problems problems;
	const struct err *err;

	*f = (struct fixture){ .arena = arena_new(MIB(8)), .gateway = gateway_new() };
	problems_init(&problems, f->arena);
	err = conf_parse(&spec, str_of(text), &problems, &f->conf);
	if (err)
		fail_msg("%s", arena_cstr(f->arena, err->message));
	f->spec.model = conf_model(f->conf, str_of(model));
	assert_non_null(f->spec.model);
}

static void
end(struct fixture *f)
{
	gateway_free(f->gateway);
	conf_unref(f->conf);
	arena_free(f->arena);
}

/* One call: each step fails as `causes` says, letter by letter, the last of them for good: e error, t timeout, r rate limit, w context window, f filter, c credentials, q request, u
 * unsupported, '.' goes well. What was asked, in order, goes to `trail`: "a/x b/y". */
static MAY_PARK const struct err *
walk(struct fixture *f, const char *causes, int64_t retry_after_us, struct str *trail)
{
	static const struct {
		char letter;
		enum failure_cause cause;
		enum err_kind kind;
	} rows[] = { { 'e', FAILURE_ERROR, ERR_UPSTREAM }, { 't', FAILURE_TIMEOUT, ERR_TIMEOUT }, { 'r', FAILURE_RATE_LIMIT, ERR_RATE_LIMITED }, { 'w', FAILURE_CONTEXT_WINDOW, ERR_INVALID },
		{ 'f', FAILURE_CONTENT_FILTER, ERR_INVALID }, { 'c', FAILURE_CREDENTIALS, ERR_UPSTREAM }, { 'q', FAILURE_REQUEST, ERR_INVALID },
		{ 'u', FAILURE_UNSUPPORTED, ERR_UNSUPPORTED } };
	struct route_step step;
	struct buf text;
	const struct err *err;

	buf_init(&text, f->arena, KIB(4));
	err = route_open(&f->routing, f->gateway, &f->spec, f->arena);
	while (!err && !(err = route_next(&f->routing, &step))) {
		struct target_result result = { .cause = FAILURE_NONE, .probe = step.probe };

		buf_printf(&text, "%s%" STR_F "/%" STR_F, text.len ? " " : "", STR_A(step.target.provider ? step.target.provider->name : STR("built-in")), STR_A(step.target.model));
		for (size_t i = 0; i < COUNT(rows); i++) {
			if (rows[i].letter != *causes)
				continue;
			result.cause = rows[i].cause;
			err = err_new(f->arena, rows[i].kind, "as asked for: %c", *causes);
		}
		result.retry_after_us = result.cause == FAILURE_RATE_LIMIT ? retry_after_us : 0;
		route_result(&f->routing, &step, &result, err);
		causes += causes[1] != '\0';
		if (!err)
			break;
		err = NULL;
	}
	*trail = buf_str(&text);
	return err;
}

#define PROVIDERS                                                                                                                         \
	"providers:\n"                                                                                                                    \
	"  - {name: a, kind: openai, base_url: \"http://a\"}\n"                                                                             \
	"  - {name: b, kind: openai, base_url: \"http://b\", hosted: false}\n"                                                              \
	"  - {name: c, kind: openai, base_url: \"http://c\", breaker: {failures: 2, open: 5s, refuse: true}}\n" \
	"  - {name: d, kind: openai, base_url: \"http://d\", breaker: {failures: 0}}\n"

#define asked(f, causes, wanted)                                                                                                          \
	do {                                                                                                                              \
		struct str trail_;                                                                                                        \
		const struct err *err_ = walk(f, causes, 0, &trail_);                                                                     \
		assert_string_equal(arena_cstr((f)->arena, trail_), wanted);                                                              \
		assert_true((err_ == NULL) == (strchr(causes, '.') != NULL));                                                             \
	} while (0)

static MAY_PARK void
other_targets_are_asked_in_order(struct fixture *f)
{
	begin(f, PROVIDERS "models: [{name: m, strategy: priority, targets: [{provider: a, model: x}, {provider: b, model: y}, {provider: b, model: z}]}]", "m");
	asked(f, ".", "a/x");
	asked(f, "e.", "a/x b/y");
	asked(f, "ct.", "a/x b/y b/z");
	asked(f, "eee", "a/x b/y b/z");
	asked(f, "uu.", "a/x b/y b/z");
	asked(f, "q", "a/x");  /* wrong whoever is asked */
	asked(f, "w", "a/x");  /* too long there, too */
	asked(f, "f", "a/x");
}

static MAY_PARK void
a_target_for_a_cause_is_asked_for_that_cause_alone(struct fixture *f)
{
	begin(f, PROVIDERS
		"models: [{name: m, targets: [{provider: a, model: x}, {provider: b, model: long, fallback_on: context_window}, {provider: b, model: last, fallback_on: [error, "
		"content_filter]}]}]",
		"m");
	asked(f, ".", "a/x");
	asked(f, "w.", "a/x b/long");
	asked(f, "e.", "a/x b/last");
	asked(f, "f.", "a/x b/last");
	asked(f, "t", "a/x");
}

static MAY_PARK void
fallbacks_go_by_cause_and_never_in_a_circle(struct fixture *f)
{
	begin(f, PROVIDERS
		"models:\n"
		"  - {name: m, targets: [{provider: a, model: x}], fallbacks: [{on: context_window, model: long}, {on: [error, timeout], model: n}, {model: o}]}\n"
		"  - {name: n, targets: [{provider: b, model: y}], fallbacks: [{model: o}]}\n"
		"  - {name: o, targets: [{provider: b, model: z}]}\n"
		"  - {name: long, targets: [{provider: b, model: long}]}\n",
		"m");
	asked(f, "w.", "a/x b/long");
	asked(f, "e.", "a/x b/y");
	asked(f, "ee.", "a/x b/y b/z");
	asked(f, "eee", "a/x b/y b/z"); /* o is not entered twice */
	asked(f, "r.", "a/x b/z");
	asked(f, "wee", "a/x b/long b/y b/z");
	asked(f, "q", "a/x");
}

static MAY_PARK void
fallbacks_that_go_round_enter_each_model_once(struct fixture *f)
{
	const struct err *err;
	struct str trail;

	begin(f, PROVIDERS
		"models:\n"
		"  - {name: m, targets: [{provider: d, model: x}], fallbacks: [{model: n}], retry: {max: 1, backoff: 10ms}}\n"
		"  - {name: n, targets: [{provider: d, model: y}], fallbacks: [{model: m}, {on: rate_limit, model: o}]}\n"
		"  - {name: o, targets: [{provider: d, model: z}], fallbacks: [{model: n}, {model: m}], retry: {max: 2, backoff: 10ms}}\n",
		"m");
	asked(f, "ee.", "d/x d/x d/y");
	asked(f, "eee", "d/x d/x d/y");
	asked(f, "u.", "d/x d/y");
	asked(f, "cerq", "d/x d/y"); /* o is for rate limits */
	asked(f, "cre.", "d/x d/y d/z d/z");
	asked(f, "creeee", "d/x d/y d/z d/z d/z"); /* its own two repeats, and no way back */
	f->spec.model = conf_model(f->conf, STR("n"));
	asked(f, "e.", "d/y d/x");
	asked(f, "re", "d/y d/x d/x"); /* how it failed last decides */
	err = walk(f, "r", 5 * USEC_PER_SEC, &trail);
	assert_int_equal(err->kind, ERR_RATE_LIMITED);
	assert_string_equal(arena_cstr(f->arena, trail), "d/y d/x d/x d/z d/z");
	now_us += 5 * USEC_PER_SEC;
	asked(f, "q", "d/y");
}

static MAY_PARK void
a_fallback_keeps_conversations_together_by_itself(struct fixture *f)
{
	struct str first, trail;
	unsigned moved = 0;

	begin(f, PROVIDERS
		"models:\n"
		"  - {name: m, targets: [{provider: d, model: x}], fallbacks: [{model: n}]}\n"
		"  - {name: n, sticky: conversation, targets: [{provider: a, model: y}, {provider: b, model: z}]}\n",
		"m");
	for (unsigned i = 0; i < 40; i++) {
		f->spec.conversation = arena_printf(f->arena, "conversation %u", i);
		assert_null(walk(f, "c.", 0, &first));
		moved += str_eq_c(first, "d/x b/z");
		for (unsigned j = 0; j < 5; j++) {
			assert_null(walk(f, "c.", 0, &trail));
			assert_true(str_eq(trail, first));
		}
	}
	assert_in_range(moved, 5, 35);
}

static MAY_PARK void
repeats_wait_as_told_and_no_longer(struct fixture *f)
{
	int64_t from_us;
	struct str trail;

	begin(f, PROVIDERS "models: [{name: m, targets: [{provider: a, model: x}], retry: {max: 2, backoff: 100ms, retry_after_max: 3s}}]", "m");
	from_us = now_us;
	assert_null(walk(f, "ee.", 0, &trail));
	assert_string_equal(arena_cstr(f->arena, trail), "a/x a/x a/x");
	assert_true(now_us - from_us >= 150000 && now_us - from_us <= 300000);
	from_us = now_us;
	assert_null(walk(f, "r.", 2 * USEC_PER_SEC, &trail));
	assert_true(now_us - from_us >= 2 * USEC_PER_SEC && now_us - from_us < 2100000);
	from_us = now_us;
	assert_int_equal(walk(f, "r.", 4 * USEC_PER_SEC, &trail)->kind, ERR_RATE_LIMITED); /* longer than we are to wait */
	assert_int_equal(now_us, from_us);
	assert_string_equal(arena_cstr(f->arena, trail), "a/x");
}

static MAY_PARK void
a_repeat_goes_to_who_may_be_asked_the_soonest(struct fixture *f)
{
	struct str trail;
	int64_t from_us = now_us;

	begin(f, PROVIDERS "models: [{name: m, strategy: priority, targets: [{provider: a, model: x}, {provider: b, model: y}], retry: {max: 1, backoff: 10ms}}]", "m");
	assert_null(walk(f, "re.", 5 * USEC_PER_SEC, &trail));
	assert_string_equal(arena_cstr(f->arena, trail), "a/x b/y b/y");
	assert_true(now_us - from_us < 100000);
}

static MAY_PARK void
the_budget_ends_repeats_when_nothing_succeeds(struct fixture *f)
{
	struct str trail;
	unsigned asked = 0;

	begin(f, PROVIDERS "models: [{name: m, targets: [{provider: d, model: x}], retry: {max: 3, backoff: 1ms, budget: 0.1}}]", "m");
	for (unsigned i = 0; i < 50; i++) {
		(void)walk(f, "e", 0, &trail);
		asked += f->routing.steps;
	}
	assert_int_equal(asked, 50 + 10);
	for (unsigned i = 0; i < 100; i++)
		assert_null(walk(f, ".", 0, &trail));
	for (asked = 0; asked < 13; asked += f->routing.steps)
		(void)walk(f, "e", 0, &trail);
	(void)walk(f, "e", 0, &trail);
	assert_int_equal(f->routing.steps, 1); /* the tenth of a hundred is spent again */
}

static MAY_PARK void
a_target_that_cools_down_is_passed_by(struct fixture *f)
{
	struct str trail;

	begin(f, PROVIDERS "models: [{name: m, strategy: priority, targets: [{provider: a, model: x}, {provider: b, model: y}]}]", "m");
	assert_null(walk(f, "r.", 30 * USEC_PER_SEC, &trail));
	asked(f, ".", "b/y");
	asked(f, "ee", "b/y a/x"); /* better than nothing */
	now_us += 30 * USEC_PER_SEC;
	asked(f, ".", "a/x");
}

static MAY_PARK void
a_target_rests_for_an_hour_at_most(struct fixture *f)
{
	struct str trail;

	begin(f, PROVIDERS "models: [{name: m, strategy: priority, targets: [{provider: a, model: x}, {provider: b, model: y}]}]", "m");
	assert_null(walk(f, "r.", 11 * 86400 * USEC_PER_SEC, &trail));
	now_us += 3599 * USEC_PER_SEC;
	asked(f, ".", "b/y");
	now_us += USEC_PER_SEC;
	asked(f, ".", "a/x");
}

static MAY_PARK void
a_broken_target_is_left_alone_and_probed(struct fixture *f)
{
	begin(f, PROVIDERS "models: [{name: m, strategy: priority, targets: [{provider: c, model: x}, {provider: b, model: y}]}]", "m");
	asked(f, "e.", "c/x b/y");
	asked(f, "e.", "c/x b/y");
	asked(f, ".", "b/y"); /* open */
	asked(f, "e", "b/y"); /* and it is to be refused rather than asked */
	now_us += 5 * USEC_PER_SEC;
	asked(f, "e.", "c/x b/y"); /* the probe fails: twice as long */
	now_us += 5 * USEC_PER_SEC;
	asked(f, ".", "b/y");
	now_us += 5 * USEC_PER_SEC;
	asked(f, ".", "c/x");
	asked(f, ".", "c/x");
}

static MAY_PARK void
when_all_is_broken_the_answer_says_when_to_come_again(struct fixture *f)
{
	const struct err *err;
	struct str trail;

	begin(f, PROVIDERS "models: [{name: m, targets: [{provider: c, model: x}]}]", "m");
	(void)walk(f, "e", 0, &trail);
	(void)walk(f, "e", 0, &trail);
	err = walk(f, ".", 0, &trail);
	assert_int_equal(err->kind, ERR_UNAVAILABLE);
	assert_int_equal(err->retry_after_us, 5 * USEC_PER_SEC);
	assert_int_equal(trail.len, 0);
}

static MAY_PARK void
what_a_broken_target_cannot_do_is_still_told(struct fixture *f)
{
	struct str trail;

	begin(f, PROVIDERS "models: [{name: m, targets: [{provider: a, model: x}]}]", "m");
	for (unsigned i = 0; i < 6; i++)
		(void)walk(f, "e", 0, &trail);
	assert_int_equal(walk(f, "u", 0, &trail)->kind, ERR_UNSUPPORTED);
}

static MAY_PARK void
what_is_local_only_never_leaves(struct fixture *f)
{
	const struct err *err;
	struct str trail;

	begin(f, PROVIDERS
		"models:\n"
		"  - {name: m, targets: [{provider: a, model: x}, {provider: b, model: y}, {provider: c, model: z}], fallbacks: [{model: n}]}\n"
		"  - {name: n, targets: [{provider: a, model: w}]}\n",
		"m");
	f->spec.local_only = true;
	for (unsigned i = 0; i < 50; i++) {
		asked(f, ".", "b/y");
		asked(f, "e", "b/y");
	}
	f->spec.model = conf_model(f->conf, STR("n"));
	err = walk(f, ".", 0, &trail);
	assert_int_equal(err->kind, ERR_FORBIDDEN);
	assert_int_equal(trail.len, 0);
}

static MAY_PARK void
a_conversation_sticks_and_moves_only_while_its_target_is_out(struct fixture *f)
{
	struct str first, trail;

	begin(f, PROVIDERS "models: [{name: m, sticky: conversation, targets: [{provider: a, model: x}, {provider: b, model: y}, {provider: b, model: z}]}]", "m");
	for (unsigned i = 0; i < 20; i++) {
		f->spec.conversation = arena_printf(f->arena, "conversation %u", i);
		assert_null(walk(f, ".", 0, &first));
		for (unsigned j = 0; j < 5; j++) {
			assert_null(walk(f, ".", 0, &trail));
			assert_true(str_eq(trail, first));
		}
		assert_null(walk(f, "r.", 10 * USEC_PER_SEC, &trail));
		assert_null(walk(f, ".", 0, &trail));
		assert_false(str_eq(trail, first));
		now_us += 10 * USEC_PER_SEC;
		assert_null(walk(f, ".", 0, &trail));
		assert_true(str_eq(trail, first));
	}
}

static MAY_PARK void
a_split_gives_each_user_the_same_arm(struct fixture *f)
{
	unsigned canary = 0;

	begin(f, PROVIDERS
		"models:\n"
		"  - {name: m, sticky: user, split: [{model: stable, weight: 80}, {model: canary, weight: 20}]}\n"
		"  - {name: stable, targets: [{provider: a, model: x}]}\n"
		"  - {name: canary, targets: [{provider: b, model: y}]}\n",
		"m");
	for (unsigned i = 0; i < 2000; i++) {
		struct str user = arena_printf(f->arena, "user %u", i);
		const struct conf_model *arm = route_arm(f->spec.model, user, STR_EMPTY);

		assert_ptr_equal(arm, route_arm(f->spec.model, user, STR("any")));
		canary += str_eq_c(arm->name, "canary");
	}
	assert_in_range(canary, 330, 470); /* 400, four standard deviations */
}

/* --- places --- */

struct caller {
	struct admission *admission;
	const struct conf_queue *queue;
	struct arena *arena;
	bool batch;
	int64_t hold_us, waited_us, scope_us;
	const struct err *err;
};

static MAY_PARK const struct err *
call_for_a_place(void *arg)
{
	struct caller *caller = arg;
	struct admission_ticket ticket;
	int64_t from_us = now_us;
	struct scope scope;

	scope_open(&scope, caller->scope_us ? caller->scope_us : INT64_MAX);
	caller->err = admission_take(caller->admission, caller->queue, caller->batch, caller->arena, &ticket);
	caller->waited_us = now_us - from_us;
	if (!caller->err) {
		(void)fiber_sleep_us(caller->hold_us);
		admission_give(&ticket);
	}
	scope_close(&scope);
	return NULL;
}

enum { CALLERS_MAX = 64 };

static MAY_PARK void
call_all(struct caller *callers, size_t count)
{
	struct group group;

	group_open(&group);
	for (size_t i = 0; i < count; i++)
		assert_null(group_go(&group, "caller", call_for_a_place, &callers[i]));
	assert_null(group_wait(&group));
}

static MAY_PARK void
interactive_calls_do_not_feel_a_flood_of_batch(struct fixture *f)
{
	static const struct conf_queue queue = { .concurrency = 4, .length = 100, .wait_us = 60 * USEC_PER_SEC };
	struct caller callers[CALLERS_MAX];
	struct admission admission;

	begin(f, PROVIDERS "models: [{name: m, targets: [{provider: a, model: x}]}]", "m");
	admission_init(&admission);
	for (size_t i = 0; i < CALLERS_MAX; i++) /* the last two are interactive, behind 62 of batch */
		callers[i] = (struct caller){ &admission, &queue, f->arena, i < CALLERS_MAX - 2, USEC_PER_SEC, 0, 0, NULL };
	call_all(callers, CALLERS_MAX);
	for (size_t i = 0; i < CALLERS_MAX; i++)
		assert_null(callers[i].err);
	assert_int_equal(callers[CALLERS_MAX - 2].waited_us, 0);
	assert_int_equal(callers[CALLERS_MAX - 1].waited_us, 0);
	assert_int_equal(callers[CALLERS_MAX - 3].waited_us, 30 * USEC_PER_SEC); /* 62 of them, two at a time */
	assert_int_equal(admission_look(&admission).busy, 0);
	admission_fini(&admission);
}

static MAY_PARK void
a_full_queue_refuses_at_once(struct fixture *f)
{
	static const struct conf_queue queue = { .concurrency = 1, .length = 2, .wait_us = 60 * USEC_PER_SEC };
	struct caller callers[5];
	struct admission admission;

	begin(f, PROVIDERS "models: [{name: m, targets: [{provider: a, model: x}]}]", "m");
	admission_init(&admission);
	for (size_t i = 0; i < COUNT(callers); i++)
		callers[i] = (struct caller){ &admission, &queue, f->arena, false, 2 * USEC_PER_SEC, 0, 0, NULL };
	call_all(callers, COUNT(callers));
	assert_true(!callers[0].err && !callers[1].err && !callers[2].err);
	assert_int_equal(callers[2].waited_us, 4 * USEC_PER_SEC);
	for (size_t i = 3; i < 5; i++) {
		assert_int_equal(callers[i].err->kind, ERR_BUSY);
		assert_true(callers[i].err->retry_after_us >= USEC_PER_SEC);
		assert_int_equal(callers[i].waited_us, 0);
	}
	admission_fini(&admission);
}

static MAY_PARK void
a_wait_that_would_be_too_long_is_refused_before_it_begins(struct fixture *f)
{
	static const struct conf_queue queue = { .concurrency = 1, .length = 100, .wait_us = 3 * USEC_PER_SEC };
	struct caller callers[6];
	struct admission admission;

	begin(f, PROVIDERS "models: [{name: m, targets: [{provider: a, model: x}]}]", "m");
	admission_init(&admission);
	for (size_t i = 0; i < COUNT(callers); i++)
		callers[i] = (struct caller){ &admission, &queue, f->arena, false, 2 * USEC_PER_SEC, 0, 0, NULL };
	call_all(callers, 1); /* how long a place is held is known now */
	call_all(callers, COUNT(callers));
	assert_true(!callers[0].err && !callers[1].err);
	for (size_t i = 2; i < COUNT(callers); i++) {
		assert_int_equal(callers[i].err->kind, ERR_BUSY);
		assert_int_equal(callers[i].waited_us, 0);
	}
	admission_fini(&admission);
}

static MAY_PARK void
nobody_waits_longer_than_allowed_and_who_left_takes_no_place(struct fixture *f)
{
	static const struct conf_queue queue = { .concurrency = 1, .length = 100, .wait_us = 5 * USEC_PER_SEC };
	struct caller callers[4];
	struct admission admission;

	begin(f, PROVIDERS "models: [{name: m, targets: [{provider: a, model: x}]}]", "m");
	admission_init(&admission);
	for (size_t i = 0; i < COUNT(callers); i++)
		callers[i] = (struct caller){ &admission, &queue, f->arena, false, 4 * USEC_PER_SEC, 0, 0, NULL };
	callers[1].scope_us = 1 * USEC_PER_SEC; /* its client leaves while it waits */
	callers[2].hold_us = 2 * USEC_PER_SEC;
	call_all(callers, COUNT(callers));
	assert_int_equal(callers[1].err->kind, ERR_TIMEOUT);
	assert_null(callers[2].err);
	assert_int_equal(callers[2].waited_us, 4 * USEC_PER_SEC);
	assert_int_equal(callers[3].err->kind, ERR_BUSY);
	assert_int_equal(callers[3].waited_us, 5 * USEC_PER_SEC);
	assert_int_equal(admission_look(&admission).waiting, 0);
	admission_fini(&admission);
}

typedef MAY_PARK void fact_fn(struct fixture *f);

static MAY_PARK void
on_a_fiber(void *arg)
{
	fact_fn *fact = *(fact_fn **)arg;
	struct fixture fixture;

	loop_on_idle(loop_current(), jump, NULL);
	fact(&fixture);
	end(&fixture);
	loop_on_idle(loop_current(), NULL, NULL);
}

static void
run(fact_fn *fact)
{
	now_us = 1000 * USEC_PER_SEC;
	clock_virtual(read_clock, NULL);
	runtime_run_one(on_a_fiber, &fact);
	clock_virtual(NULL, NULL);
}

#define FACT(name)                                                                                                                        \
	static void test_##name(void **state)                                                                                             \
	{                                                                                                                                 \
		(void)state;                                                                                                              \
		run(name);                                                                                                                \
	}
FACT(other_targets_are_asked_in_order)
FACT(a_target_for_a_cause_is_asked_for_that_cause_alone)
FACT(fallbacks_go_by_cause_and_never_in_a_circle)
FACT(fallbacks_that_go_round_enter_each_model_once)
FACT(a_fallback_keeps_conversations_together_by_itself)
FACT(repeats_wait_as_told_and_no_longer)
FACT(a_repeat_goes_to_who_may_be_asked_the_soonest)
FACT(the_budget_ends_repeats_when_nothing_succeeds)
FACT(a_target_that_cools_down_is_passed_by)
FACT(a_target_rests_for_an_hour_at_most)
FACT(a_broken_target_is_left_alone_and_probed)
FACT(when_all_is_broken_the_answer_says_when_to_come_again)
FACT(what_a_broken_target_cannot_do_is_still_told)
FACT(what_is_local_only_never_leaves)
FACT(a_conversation_sticks_and_moves_only_while_its_target_is_out)
FACT(a_split_gives_each_user_the_same_arm)
FACT(interactive_calls_do_not_feel_a_flood_of_batch)
FACT(a_full_queue_refuses_at_once)
FACT(a_wait_that_would_be_too_long_is_refused_before_it_begins)
FACT(nobody_waits_longer_than_allowed_and_who_left_takes_no_place)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_other_targets_are_asked_in_order),
		cmocka_unit_test(test_a_target_for_a_cause_is_asked_for_that_cause_alone),
		cmocka_unit_test(test_fallbacks_go_by_cause_and_never_in_a_circle),
		cmocka_unit_test(test_fallbacks_that_go_round_enter_each_model_once),
		cmocka_unit_test(test_a_fallback_keeps_conversations_together_by_itself),
		cmocka_unit_test(test_repeats_wait_as_told_and_no_longer),
		cmocka_unit_test(test_a_repeat_goes_to_who_may_be_asked_the_soonest),
		cmocka_unit_test(test_the_budget_ends_repeats_when_nothing_succeeds),
		cmocka_unit_test(test_a_target_that_cools_down_is_passed_by),
		cmocka_unit_test(test_a_target_rests_for_an_hour_at_most),
		cmocka_unit_test(test_a_broken_target_is_left_alone_and_probed),
		cmocka_unit_test(test_when_all_is_broken_the_answer_says_when_to_come_again),
		cmocka_unit_test(test_what_a_broken_target_cannot_do_is_still_told),
		cmocka_unit_test(test_what_is_local_only_never_leaves),
		cmocka_unit_test(test_a_conversation_sticks_and_moves_only_while_its_target_is_out),
		cmocka_unit_test(test_a_split_gives_each_user_the_same_arm),
		cmocka_unit_test(test_interactive_calls_do_not_feel_a_flood_of_batch),
		cmocka_unit_test(test_a_full_queue_refuses_at_once),
		cmocka_unit_test(test_a_wait_that_would_be_too_long_is_refused_before_it_begins),
		cmocka_unit_test(test_nobody_waits_longer_than_allowed_and_who_left_takes_no_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
