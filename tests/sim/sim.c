/*
 * sim.c - a seeded simulation of the runtime on a virtual clock.
 *
 *	sim [SEED [RUNS]]       a run takes the next seed; without one, a random seed. The seed is printed: the same seed does the same again.
 *
 * A run grows a random tree of fibers that sleep, wait, yield, open scopes, shield themselves, fail, cancel each other, stand in lines and pass
 * items on. The clock stands still while anything can run and then jumps to the next deadline: so every wait must end at its exact
 * microsecond, and for exactly the reason that the model beside it expects. Each run is done twice; both must leave the same trace.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/random.h"
#include "rt/group.h"

enum { DEPTH_MAX = 5, CHILDREN_MAX = 6, STEPS_MAX = 12, FIBERS_MAX = 4000, PERMITS = 3, WAITERS_MAX = 64 };

static const struct err failure = { .kind = ERR_UPSTREAM, .message = STR_INIT("a child failed on purpose") };

/* A waiter that somebody may wake. */
struct waiting {
	struct waiter *waiter;
	bool woken;
};

/* A scope that a stranger may cancel. */
struct target {
	struct scope scope;
	bool hit;
};

static struct sim {
	uint64_t seed, random, trace;
	int64_t now_us;
	unsigned started, ended, waits;
	struct waiting *waiting[WAITERS_MAX];
	unsigned waiting_count;
	struct target *targets[WAITERS_MAX];
	unsigned target_count;
	struct semaphore semaphore;
	unsigned inside;                     /* fibers that hold a permit */
	struct channel *channel;
	unsigned sent, received;
} sim;

#define check(condition)                                                                                                                  \
	do {                                                                                                                              \
		if (!(condition)) {                                                                                                       \
			fprintf(stderr, "%s:%d: seed %" PRIu64 ": %s does not hold\n", __FILE__, __LINE__, sim.seed, #condition);         \
			abort();                                                                                                          \
		}                                                                                                                         \
	} while (0)

static unsigned
draw(unsigned below)
{
	sim.random ^= sim.random << 13;
	sim.random ^= sim.random >> 7;
	sim.random ^= sim.random << 17;
	return (unsigned)((sim.random >> 16) % below);
}

static void
note(uint64_t what)
{
	sim.trace = (sim.trace ^ what ^ (uint64_t)sim.now_us << 20) * UINT64_C(0x9E3779B97F4A7C15);
	sim.trace ^= sim.trace >> 29;
}

static int64_t
read_clock(void *arg)
{
	(void)arg;
	return sim.now_us;
}

/* Nothing can run: time goes on. Without a deadline everybody would wait for ever, which is a lost fiber. */
static bool
jump(void *arg, int64_t next_us)
{
	(void)arg;
	check(next_us != INT64_MAX || sim.started == sim.ended);
	if (next_us != INT64_MAX)
		sim.now_us = next_us > sim.now_us ? next_us : sim.now_us;
	return next_us != INT64_MAX;
}

static int64_t
earlier(int64_t a_us, int64_t b_us)
{
	return a_us < b_us ? a_us : b_us;
}

/*
 * What ended a wait in the current scope must be true, and must have become true just now, or before the wait began at from_us. limit_us: the
 * wait's own deadline.
 */
static void
check_end(const struct err *err, bool woken, int64_t from_us, int64_t limit_us)
{
	const struct scope *scope = scope_current();
	int64_t deadline_us = earlier(limit_us, scope->deadline_us);

	sim.waits++;
	note(err ? (uint64_t)err->kind + 1 : 0);
	if (!err)
		check(woken);
	else if (scope->cancelled)
		check(err == scope->cancelled);
	else
		check(err == &err_timeout && sim.now_us >= deadline_us);
	check(sim.now_us <= deadline_us || sim.now_us == from_us);
}

static void
step_sleep(void)
{
	int64_t us = draw(4) ? draw(5000) : draw(3), from_us = sim.now_us;
	bool over = scope_check() != NULL;
	const struct err *err = fiber_sleep_us(us);

	check(!over || (err && sim.now_us == from_us));
	check(err || sim.now_us == from_us + us);
	check_end(err, true, from_us, from_us + us);
}

static void
step_yield(void)
{
	int64_t before_us = sim.now_us;
	const struct err *err = fiber_yield();

	check(sim.now_us == before_us); /* a fiber that is ready keeps the clock */
	check_end(err, true, before_us, INT64_MAX);
}

static void
step_wait(void)
{
	struct waiting waiting = { .woken = false };
	struct waiter framed;
	int64_t from_us = sim.now_us, limit_us = from_us + draw(8000);
	bool counted = draw(2), listed = sim.waiting_count < WAITERS_MAX;
	const struct err *err;

	waiting.waiter = counted ? waiter_new() : &framed;
	if (!counted)
		waiter_init(&framed);
	if (listed)
		sim.waiting[sim.waiting_count++] = &waiting;
	err = wait_for_us(waiting.waiter, limit_us - from_us);
	check(!waiting.woken || !err); /* the wake counts, if both have happened */
	check_end(err, waiting.woken, from_us, limit_us);
	for (unsigned i = 0; listed && i < sim.waiting_count; i++)
		if (sim.waiting[i] == &waiting)
			sim.waiting[i] = sim.waiting[--sim.waiting_count];
	if (counted)
		waiter_unref(waiting.waiter);
}

static void
wake_posted(void *arg)
{
	wait_wake(arg);
	waiter_unref(arg);
}

static void
step_wake(void)
{
	struct waiting *waiting;

	if (sim.waiting_count == 0)
		return;
	waiting = sim.waiting[draw(sim.waiting_count)];
	if (atomic_load(&waiting->waiter->refs) > 0 && draw(2)) {
		/* the wake comes later, perhaps after the wait; then it must do nothing */
		loop_post(loop_current(), wake_posted, waiter_ref(waiting->waiter));
		waiting->woken = true;
		wait_wake(waiting->waiter);
		return;
	}
	waiting->woken = true;
	wait_wake(waiting->waiter);
	wait_wake(waiting->waiter);
}

static void
step_cancel(void)
{
	struct target *target;

	if (sim.target_count == 0)
		return;
	target = sim.targets[draw(sim.target_count)];
	target->hit = true;
	scope_cancel(&target->scope, &err_cancelled);
}

static void
step_semaphore(void)
{
	int64_t from_us = sim.now_us;
	const struct err *err = semaphore_take(&sim.semaphore);

	check_end(err, true, from_us, INT64_MAX);
	if (err)
		return;
	check(++sim.inside <= PERMITS);
	fiber_sleep_us(draw(300));
	sim.inside--;
	semaphore_give(&sim.semaphore);
}

static void
step_channel(void)
{
	int64_t from_us = sim.now_us;
	const struct err *err;
	void *item;

	if (draw(2)) {
		err = channel_send(sim.channel, &sim);
		sim.sent += !err;
	} else {
		err = channel_receive(sim.channel, &item);
		check(err || item == &sim);
		sim.received += !err;
	}
	check_end(err, true, from_us, INT64_MAX);
}

static void grow(unsigned depth);

static void
step_scope(unsigned depth, bool shielded)
{
	struct target target = { .hit = false };
	struct scope *scope = &target.scope;
	bool listed = sim.target_count < WAITERS_MAX, was_cancelled = scope_current()->cancelled;

	/* a deadline always, so that nobody waits for ever */
	if (shielded)
		scope_open_shielded(scope, 1 + draw(3000));
	else
		scope_open(scope, 1 + draw(6000));
	check(shielded ? !scope->cancelled : was_cancelled == (scope->cancelled != NULL));
	check(shielded || scope->deadline_us <= scope->parent->deadline_us);
	if (listed)
		sim.targets[sim.target_count++] = &target;
	grow(depth + 1);
	for (unsigned i = 0; listed && i < sim.target_count; i++)
		if (sim.targets[i] == &target)
			sim.targets[i] = sim.targets[--sim.target_count];
	if (shielded && !target.hit && scope->cancelled)
		check(scope->cancelled == &err_timeout && sim.now_us >= scope->deadline_us);
	scope_close(scope);
}

struct child {
	unsigned depth;
	unsigned *ended; /* of its siblings */
};

static const struct err *
child_run(void *arg)
{
	const struct child *child = arg;

	grow(child->depth);
	sim.ended++;
	++*child->ended;
	return draw(5) ? NULL : &failure;
}

static void
step_group(unsigned depth)
{
	unsigned ended = 0, started = 0, count = 1 + draw(CHILDREN_MAX);
	struct child child = { .depth = depth + 1, .ended = &ended };
	struct group group;
	const struct err *err;

	group_open(&group);
	for (unsigned i = 0; i < count && sim.started < FIBERS_MAX; i++) {
		check(!group_go(&group, "child", child_run, &child));
		sim.started++;
		started++;
	}
	if (draw(6) == 0)
		group_cancel(&group, &err_cancelled);
	err = group_wait(&group);
	check(ended == started);
	check(err == NULL || err == &failure || err == &err_cancelled || err == &err_timeout);
	check(err == &failure || (err != NULL) == (scope_check() != NULL));
	note(ended);
}

/* A fiber's life, or a part of it. */
static void
grow(unsigned depth)
{
	for (unsigned steps = 1 + draw(STEPS_MAX); steps > 0; steps--) {
		switch (draw(depth < DEPTH_MAX ? 12 : 8)) {
		case 0:
		case 1:
			step_sleep();
			break;
		case 2:
			step_yield();
			break;
		case 3:
			step_wait();
			break;
		case 4:
			step_wake();
			break;
		case 5:
			step_cancel();
			break;
		case 6:
			step_semaphore();
			break;
		case 7:
			step_channel();
			break;
		case 8:
			step_scope(depth, true);
			break;
		case 9:
			step_scope(depth, false);
			break;
		default:
			step_group(depth);
			break;
		}
	}
}

static void
run_root(void *arg)
{
	unsigned ended = 0;
	struct child child = { .depth = 0, .ended = &ended };
	struct scope scope;
	struct group group;

	(void)arg;
	loop_on_idle(loop_current(), jump, NULL);
	scope_open(&scope, 200000);
	group_open(&group);
	for (unsigned i = 0; i < 40; i++) {
		check(!group_go(&group, "root", child_run, &child));
		sim.started++;
	}
	group_wait(&group);
	scope_close(&scope);
	check(ended == 40 && sim.started == sim.ended);
	check(sim.inside == 0 && sim.semaphore.permits == PERMITS);
	check(sim.waiting_count == 0 && sim.target_count == 0);
	for (void *item = &sim; item; sim.received += item != NULL) {
		channel_close(sim.channel);
		check(!channel_receive(sim.channel, &item));
	}
	check(sim.sent == sim.received);
}

static uint64_t
run(uint64_t seed)
{
	sim = (struct sim){ .seed = seed, .random = seed * UINT64_C(0x9E3779B97F4A7C15) | 1, .now_us = 1000000 };
	clock_virtual(read_clock, NULL);
	semaphore_init(&sim.semaphore, PERMITS);
	sim.channel = channel_new(2);
	runtime_run_one(run_root, NULL);
	channel_free(sim.channel);
	clock_virtual(NULL, NULL);
	return sim.trace;
}

int
main(int argc, char **argv)
{
	uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : random_u64() % 1000000000;
	unsigned long runs = argc > 2 ? strtoul(argv[2], NULL, 10) : 20;

	printf("seed %" PRIu64 ", %lu runs\n", seed, runs);
	fflush(stdout);
	for (unsigned long i = 0; i < runs; i++) {
		uint64_t trace = run(seed + i);

		check(trace == run(seed + i));
		printf("seed %" PRIu64 ": %u fibers, %u waits, trace %016" PRIx64 "\n", sim.seed, sim.started, sim.waits, trace);
	}
	return 0;
}
