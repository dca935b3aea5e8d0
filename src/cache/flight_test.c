/*
 * flight_test.c - calls that share one: who leads, what followers on all loops read, and what becomes of them when there is no answer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "base/clock.h"
#include "cache/flight.h"
#include "rt/fiber.h"
#include "rt/group.h"
#include "rt/loop.h"
#include "store/testing.h"

enum { FOLLOWERS = 40, EVENTS = 500, LOOPS = 2 };

static const unsigned char key[HASH_SHA256_SIZE] = { 1 };
static struct flights *flights;
static atomic_uint boarded, given_up, failed, whole;

static void
say(struct flight *flight, const struct event *event)
{
	struct buf packed;

	buf_init(&packed, NULL, KIB(64));
	stored_pack(&packed, event);
	flight_say(flight, buf_str(&packed));
	buf_fini(&packed);
}

/* Reads to the end, counting the events, which are numbered. */
static MAY_PARK const struct err *
follow(void *arg)
{
	const struct flight_facts *facts;
	struct flight_seat seat;
	struct stored_event at;
	const struct err *err;
	enum flight_word word;
	unsigned count = 0;

	(void)arg;
	if (!flight_follow(flights, key, &seat))
		return &err_internal;
	atomic_fetch_add(&boarded, 1);
	while ((word = flight_next(&seat, NULL, &at, &err)) == FLIGHT_EVENT)
		CHECK(at.event.item == count++ && str_eq_c(at.event.text, "piece"));
	CHECK(word != FLIGHT_LEFT);
	atomic_fetch_add(&given_up, word == FLIGHT_GIVEN_UP);
	if (word == FLIGHT_LANDED) {
		atomic_fetch_add(&failed, flight_end(seat.flight, &facts) != NULL);
		atomic_fetch_add(&whole, count == EVENTS && str_eq_c(facts->provider, "west") && flight_passages(seat.flight)->count == 1);
	}
	flight_leave(&seat);
	return NULL;
}

static MAY_PARK void
follow_together(void *arg)
{
	struct group group;

	(void)arg;
	group_open(&group);
	for (unsigned i = 0; i < FOLLOWERS / LOOPS; i++)
		CHECK_OK(group_go(&group, "follower", follow, NULL));
	CHECK_OK(group_wait(&group));
}

/* How the leader of a test ends its flight. */
enum ending { LANDS, FAILS, NEVER_DEPARTS };

static MAY_PARK void
lead(struct flight_seat *seat, enum ending ending)
{
	struct context_passage passage = { .title = STR("T"), .text = STR("t") };
	struct passage_list passages = { &passage, 1, STR("q"), false };
	struct flight_facts facts = { .provider = STR("west"), .target_model = STR("m") };

	while (atomic_load(&boarded) < FOLLOWERS / 2) /* the others come while it flies */
		CHECK_OK(fiber_sleep_us(1000));
	if (ending != NEVER_DEPARTS)
		CHECK_OK(flight_depart(seat->flight, &passages));
	for (unsigned i = 0; i < EVENTS && ending == LANDS; i++) {
		say(seat->flight, &(struct event){ .type = EVENT_TEXT, .item = i, .text = STR("piece") });
		if (i % 100 == 0)
			CHECK_OK(fiber_sleep_us(1000));
	}
	if (ending != NEVER_DEPARTS)
		flight_land(seat->flight, ending == FAILS ? &err_timeout : NULL, &facts);
	while (atomic_load(&boarded) < FOLLOWERS) /* who comes after the landing reads it all */
		CHECK_OK(fiber_sleep_us(1000));
	CHECK(!flight_follow(flights, (const unsigned char[HASH_SHA256_SIZE]){ 2 }, &(struct flight_seat){ 0 }));
	flight_leave(seat);
}

struct leader {
	enum ending ending;
	struct flight_seat seat;
};

static MAY_PARK void
on_each_loop(void *arg)
{
	struct leader *leader = arg;
	struct group group;

	if (loop_index(loop_current()) > 0) {
		follow_together(NULL);
		return;
	}
	group_open(&group);
	for (unsigned i = 0; i < FOLLOWERS / LOOPS; i++)
		CHECK_OK(group_go(&group, "follower", follow, NULL));
	lead(&leader->seat, leader->ending);
	CHECK_OK(group_wait(&group));
}

static void
fly(enum ending ending)
{
	struct testing *testing = testing_new(STORE_SQLITE, LOOPS);
	struct leader leader = { .ending = ending };

	flights = flights_new();
	boarded = given_up = failed = whole = 0;
	CHECK(flight_board(flights, key, &leader.seat) == FLIGHT_LEADS);
	testing_on_loops(testing, on_each_loop, &leader);
	CHECK(!flight_follow(flights, key, &leader.seat));
	flights_free(flights);
	testing_free(testing);
}

static void
all_followers_read_the_whole_answer(void **state)
{
	(void)state;
	fly(LANDS);
	assert_int_equal(whole, FOLLOWERS);
	assert_int_equal(failed + given_up, 0);
}

static void
a_failure_reaches_all(void **state)
{
	(void)state;
	fly(FAILS);
	assert_int_equal(failed, FOLLOWERS);
}

static void
a_leader_that_never_departs_sends_all_back(void **state)
{
	(void)state;
	fly(NEVER_DEPARTS);
	assert_int_equal(given_up, FOLLOWERS);
}

static void
only_a_leader_that_is_alone_can_close(void **state)
{
	struct flight_seat leader, follower, second;

	(void)state;
	flights = flights_new();
	assert_int_equal(flight_board(flights, key, &leader), FLIGHT_LEADS);
	assert_int_equal(flight_board(flights, key, &follower), FLIGHT_FOLLOWS);
	assert_false(flight_close(leader.flight));
	flight_leave(&follower);
	assert_true(flight_close(leader.flight));
	assert_int_equal(flight_board(flights, key, &second), FLIGHT_LEADS);
	flight_leave(&leader);
	assert_true(flight_follow(flights, key, &follower));
	flight_leave(&second);
	flight_leave(&follower);
	flights_free(flights);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_followers_read_the_whole_answer),
		cmocka_unit_test(a_failure_reaches_all),
		cmocka_unit_test(a_leader_that_never_departs_sends_all_back),
		cmocka_unit_test(only_a_leader_that_is_alone_can_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
