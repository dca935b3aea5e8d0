/*
 * group_test.c - groups, semaphores and channels.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "base/clock.h"
#include "rt/group.h"

static const struct err broken = { .kind = ERR_UPSTREAM, .message = STR_INIT("broken") };

static const struct err *
sleep_long(void *arg)
{
	const struct err *err = fiber_sleep_us(3600 * USEC_PER_SEC);

	++*(int *)arg;
	return err;
}

static const struct err *
fail_soon(void *arg)
{
	(void)arg;
	return fiber_sleep_us(USEC_PER_MS) ? NULL : &broken;
}

static void
one_fails(void *arg)
{
	struct group group;
	int ended = 0;

	(void)arg;
	group_open(&group);
	for (int i = 0; i < 10; i++)
		assert_null(group_go(&group, "sleeper", sleep_long, &ended));
	assert_null(group_go(&group, "failing", fail_soon, NULL));
	assert_ptr_equal(group_wait(&group), &broken);
	assert_int_equal(ended, 10);
	assert_null(scope_check()); /* the parent goes on */
}

static void
the_first_error_cancels_the_siblings_and_all_are_waited_for(void **state)
{
	(void)state;
	runtime_run_one(one_fails, NULL);
}

static void
parent_times_out(void *arg)
{
	struct group group;
	struct scope scope;
	int ended = 0;

	(void)arg;
	scope_open(&scope, 2 * USEC_PER_MS);
	group_open(&group);
	for (int i = 0; i < 3; i++)
		assert_null(group_go(&group, "sleeper", sleep_long, &ended));
	assert_int_equal(group_wait(&group)->kind, ERR_TIMEOUT);
	assert_int_equal(ended, 3);
	scope_close(&scope);
}

static void
the_parents_deadline_ends_its_children(void **state)
{
	(void)state;
	runtime_run_one(parent_times_out, NULL);
}

static void
empty_group(void *arg)
{
	struct group group;

	(void)arg;
	group_open(&group);
	assert_null(group_wait(&group));
}

static void
a_group_without_children_is_over_at_once(void **state)
{
	(void)state;
	runtime_run_one(empty_group, NULL);
}

struct queue_test {
	struct semaphore semaphore;
	char order[16];
	size_t len;
};

struct queue_member {
	struct queue_test *test;
	char letter;
	int64_t timeout_us;
};

static const struct err *
take_and_note(void *arg)
{
	struct queue_member *member = arg;
	struct queue_test *test = member->test;
	struct scope scope;
	const struct err *err;

	scope_open(&scope, member->timeout_us);
	err = semaphore_take(&test->semaphore);
	if (!err) {
		test->order[test->len++] = member->letter;
		fiber_sleep_us(10 * USEC_PER_MS);
		semaphore_give(&test->semaphore);
	}
	scope_close(&scope);
	return NULL;
}

static void
stand_in_line(void *arg)
{
	struct queue_test test = { .len = 0 };
	struct queue_member members[] = { { &test, 'a', INT64_MAX }, { &test, 'b', INT64_MAX }, { &test, 'x', 2000 }, { &test, 'c', INT64_MAX } };
	struct group group;

	(void)arg;
	semaphore_init(&test.semaphore, 1);
	group_open(&group);
	for (size_t i = 0; i < COUNT(members); i++)
		assert_null(group_go(&group, "member", take_and_note, &members[i]));
	assert_null(group_wait(&group));
	assert_string_equal(test.order, "abc");
	assert_int_equal(test.semaphore.permits, 1);
}

static void
a_semaphore_serves_in_order_and_skips_who_gave_up(void **state)
{
	(void)state;
	runtime_run_one(stand_in_line, NULL);
}

enum { ITEMS = 1000 };

static const struct err *
send_items(void *arg)
{
	static char items[ITEMS];

	for (int i = 0; i < ITEMS; i++)
		assert_null(channel_send(arg, &items[i]));
	return NULL;
}

struct receiver {
	struct channel *channel;
	int got;
};

static const struct err *
receive_items(void *arg)
{
	struct receiver *receiver = arg;
	void *item;

	for (;;) {
		assert_null(channel_receive(receiver->channel, &item));
		if (!item)
			return NULL;
		receiver->got++;
		if (receiver->got % 7 == 0)
			assert_null(fiber_yield());
	}
}

static void
pass_items(void *arg)
{
	struct receiver receivers[3] = { { .got = 0 } };
	struct channel *channel = channel_new(4);
	struct group senders, group;

	(void)arg;
	group_open(&group);
	for (size_t i = 0; i < COUNT(receivers); i++) {
		receivers[i].channel = channel;
		assert_null(group_go(&group, "receiver", receive_items, &receivers[i]));
	}
	group_open(&senders);
	assert_null(group_go(&senders, "sender", send_items, channel));
	assert_null(group_go(&senders, "sender", send_items, channel));
	assert_null(group_wait(&senders));
	channel_close(channel);
	assert_null(group_wait(&group));
	assert_int_equal(receivers[0].got + receivers[1].got + receivers[2].got, 2 * ITEMS);
	assert_ptr_equal(channel_send(channel, channel), &err_cancelled);
	channel_free(channel);
}

static void
every_item_sent_is_received_once(void **state)
{
	(void)state;
	runtime_run_one(pass_items, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_error_cancels_the_siblings_and_all_are_waited_for),
		cmocka_unit_test(the_parents_deadline_ends_its_children),
		cmocka_unit_test(a_group_without_children_is_over_at_once),
		cmocka_unit_test(a_semaphore_serves_in_order_and_skips_who_gave_up),
		cmocka_unit_test(every_item_sent_is_received_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
