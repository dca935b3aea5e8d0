/*
 * response_test.c - stored responses and conversations on each engine that is there: who goes on from whom, what is stored once, what is forgotten.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "answer/answer_sql.h"
#include "answer/response.h"
#include "base/clock.h"
#include "store/testing.h"

static const struct store_schema *const schemas[] = { &answer_schema, NULL };

enum { TENANT = 1, OTHER = 2 };
static const int64_t DAY_US = 86400 * USEC_PER_SEC;

static MAY_PARK const struct err *
write_tx(struct tx *tx, void *arg)
{
	return response_kept_write(tx, arg);
}

/* A response that was asked one thing and said another. */
static MAY_PARK void
keep(struct store *store, struct arena *arena, const char *id, const char *previous, const char *conversation, const char *asked, const char *said, const char *status)
{
	const struct response_item items[] = {
		{ .id = arena_printf(arena, "in_%s", id), .body = str_of(asked) },
		{ .id = arena_printf(arena, "out_%s", id), .body = str_of(said), .output = true },
	};
	struct response_kept kept = { .tenant = TENANT,
		.id = str_of(id),
		.status = str_of(status),
		.previous = str_of(previous),
		.conversation = str_of(conversation),
		.request_id = STR_EMPTY,
		.created_us = clock_wall_us(),
		.completed_us = clock_wall_us(),
		.head = STR("{}"),
		.error = STR_EMPTY,
		.incomplete = STR_EMPTY,
		.usage = STR_EMPTY,
		.owner = STR_EMPTY,
		.items = items,
		.item_count = 2 };

	CHECK_OK(response_kept_prepare(arena, &kept));
	CHECK_OK(store_tx(store, arena, write_tx, &kept));
}

static MAY_PARK void
check_chain(struct store *store, struct arena *arena, const char *id, const char *const *bodies, size_t wanted)
{
	struct response_item *items;
	size_t count;

	CHECK_OK(response_chain(store, arena, TENANT, str_of(id), 100, &items, &count));
	CHECK(count == wanted);
	for (size_t i = 0; i < count; i++)
		CHECK(str_eq_c(items[i].body, bodies[i]));
}

static MAY_PARK void
chains(struct store *store, void *arg)
{
	static const char *const bodies[] = { "{\"q\":1}", "{\"a\":1}", "{\"q\":2}", "{\"a\":2}", "{\"q\":1}", "{\"a\":3}" };
	struct arena *arena = arena_new(MIB(4));
	struct response_stored stored;
	struct response_item *items;
	size_t count;

	(void)arg;
	keep(store, arena, "r1", "", "", "{\"q\":1}", "{\"a\":1}", "completed");
	keep(store, arena, "r2", "r1", "", "{\"q\":2}", "{\"a\":2}", "incomplete");
	keep(store, arena, "r3", "r2", "", "{\"q\":1}", "{\"a\":3}", "completed");
	check_chain(store, arena, "r3", bodies, 6);
	check_chain(store, arena, "r1", bodies, 2);
	CHECK_ERR(response_chain(store, arena, TENANT, STR("r3"), 5, &items, &count), ERR_TOO_LARGE);
	CHECK_ERR(response_chain(store, arena, OTHER, STR("r3"), 100, &items, &count), ERR_NOT_FOUND);
	CHECK_ERR(response_get(store, arena, OTHER, STR("r3"), "id", &stored), ERR_NOT_FOUND);
	CHECK_ERR(response_delete(store, arena, OTHER, STR("r1")), ERR_NOT_FOUND);
	keep(store, arena, "r4", "r3", "", "{\"q\":4}", "{\"a\":4}", "failed");
	CHECK_ERR(response_chain(store, arena, TENANT, STR("r4"), 100, &items, &count), ERR_CONFLICT);
	CHECK_OK(response_delete(store, arena, TENANT, STR("r1")));
	CHECK_ERR(response_chain(store, arena, TENANT, STR("r3"), 100, &items, &count), ERR_NOT_FOUND);
	CHECK_ERR(response_get(store, arena, TENANT, STR("r1"), "id", &stored), ERR_NOT_FOUND);
	arena_free(arena);
}

static MAY_PARK void
conversations(struct store *store, void *arg)
{
	struct arena *arena = arena_new(MIB(4));
	struct response_item first = { .id = STR("msg_1"), .body = STR("{\"q\":0}") }, found, *items;
	struct conversation talk;
	size_t count;
	bool more;

	(void)arg;
	CHECK_OK(conversation_create(store, arena, TENANT, STR("{}"), false, &first, 1, &talk));
	keep(store, arena, "r1", "", arena_cstr(arena, talk.id), "{\"q\":1}", "{\"a\":1}", "completed");
	keep(store, arena, "r2", "", arena_cstr(arena, talk.id), "{\"q\":2}", "{\"a\":2}", "failed");
	CHECK_OK(response_items(store, arena, TENANT, talk.id, &items, &count));
	CHECK(count == 3 && str_eq_c(items[0].body, "{\"q\":0}") && str_eq_c(items[2].body, "{\"a\":1}"));
	CHECK_OK(response_item_page(store, arena, TENANT, talk.id, false, true, STR_EMPTY, 2, &items, &count, &more));
	CHECK(count == 2 && more && str_eq_c(items[0].id, "out_r1"));
	CHECK_OK(response_item_page(store, arena, TENANT, talk.id, false, true, items[1].id, 2, &items, &count, &more));
	CHECK(count == 1 && !more && str_eq_c(items[0].id, "msg_1"));
	CHECK_OK(response_item_get(store, arena, TENANT, talk.id, STR("msg_1"), &found));
	CHECK_ERR(response_item_get(store, arena, OTHER, STR_EMPTY, STR("msg_1"), &found), ERR_NOT_FOUND);
	CHECK_OK(conversation_item_delete(store, arena, TENANT, talk.id, STR("msg_1")));
	CHECK_ERR(conversation_item_delete(store, arena, TENANT, talk.id, STR("msg_1")), ERR_NOT_FOUND);
	CHECK_ERR(conversation_add(store, arena, OTHER, talk.id, false, &first, 1), ERR_NOT_FOUND);
	CHECK_OK(conversation_delete(store, arena, TENANT, talk.id));
	CHECK_ERR(conversation_get(store, arena, TENANT, talk.id, "id", &talk), ERR_NOT_FOUND);
	CHECK_OK(response_item_get(store, arena, TENANT, STR_EMPTY, STR("out_r1"), &found)); /* the response has it still */
	arena_free(arena);
}

static MAY_PARK void
retention(struct store *store, void *arg)
{
	struct arena *arena = arena_new(MIB(4));
	struct response_stored stored;
	struct response_item found;
	struct conversation talk;

	(void)arg;
	keep(store, arena, "r1", "", "", "{\"q\":1}", "{\"a\":1}", "completed");
	CHECK_OK(conversation_create(store, arena, TENANT, STR("{}"), false, NULL, 0, &talk));
	CHECK_OK(response_retain(store, arena, clock_wall_us() - DAY_US));
	CHECK_OK(response_get(store, arena, TENANT, STR("r1"), "id", &stored));
	CHECK_OK(response_item_get(store, arena, TENANT, STR_EMPTY, STR("in_r1"), &found));
	CHECK_OK(response_retain(store, arena, clock_wall_us() + 2 * DAY_US));
	CHECK_ERR(response_get(store, arena, TENANT, STR("r1"), "id", &stored), ERR_NOT_FOUND);
	CHECK_ERR(response_item_get(store, arena, TENANT, STR_EMPTY, STR("in_r1"), &found), ERR_NOT_FOUND);
	CHECK_ERR(conversation_get(store, arena, TENANT, talk.id, "id", &talk), ERR_NOT_FOUND);
	arena_free(arena);
}

struct beat {
	struct response_progress progress;
	bool there, cancel;
};

static MAY_PARK const struct err *
beat_tx(struct tx *tx, void *arg)
{
	struct beat *beat = arg;

	return response_progress(tx, &beat->progress, &beat->there, &beat->cancel);
}

static MAY_PARK void
background(struct store *store, void *arg)
{
	struct arena *arena = arena_new(MIB(4));
	struct response_item said = { .id = STR("msg_1"), .body = STR("{\"so\":\"far\"}"), .output = true }, *items;
	struct beat beat = { .progress = { .tenant = TENANT, .id = STR("r1"), .lease_until_us = 7, .frames = STR("one"), .first = 0, .last = 4 } };
	struct response_end end = { .tenant = TENANT, .id = STR("r1"), .status = STR("failed"), .error = STR("{}"), .completed_us = 9, .items = &said, .count = 1, .frames = STR("end"), .sequence = 5 };
	struct response_stored stored;
	struct str *frames;
	size_t count;

	(void)arg;
	keep(store, arena, "r1", "", "", "{\"q\":1}", "{\"a\":1}", "queued");
	CHECK_OK(store_tx(store, arena, beat_tx, &beat));
	CHECK(beat.there && !beat.cancel);
	CHECK_OK(response_get(store, arena, TENANT, STR("r1"), "id", &stored));
	CHECK(response_unfinished(&stored) && str_eq_c(stored.status, "in_progress") && stored.lease_until_us == 7);
	CHECK_OK(response_want_cancel(store, arena, TENANT, STR("r1")));
	beat.progress.frames = STR_EMPTY;
	CHECK_OK(store_tx(store, arena, beat_tx, &beat));
	CHECK(beat.there && beat.cancel);
	end.lease_until_us = 8; /* it was renewed since */
	CHECK_OK(response_end(store, arena, &end));
	CHECK_OK(response_get(store, arena, TENANT, STR("r1"), "id", &stored));
	CHECK(response_unfinished(&stored));
	end.lease_until_us = 7;
	CHECK_OK(response_end(store, arena, &end));
	CHECK_OK(response_end(store, arena, &end)); /* the second has no effect */
	CHECK_OK(response_get(store, arena, TENANT, STR("r1"), "id", &stored));
	CHECK(!response_unfinished(&stored) && stored.completed_us == 9);
	CHECK_OK(response_items(store, arena, TENANT, STR("r1"), &items, &count));
	CHECK(count == 3 && str_eq_c(items[2].id, "msg_1"));
	CHECK_OK(response_events(store, arena, TENANT, STR("r1"), -1, &frames, &count));
	CHECK(count == 2 && str_eq_c(frames[0], "one") && str_eq_c(frames[1], "end"));
	CHECK_OK(response_events(store, arena, TENANT, STR("r1"), 4, &frames, &count));
	CHECK(count == 1);
	CHECK_OK(response_delete(store, arena, TENANT, STR("r1")));
	CHECK_OK(store_tx(store, arena, beat_tx, &beat));
	CHECK(!beat.there);
	arena_free(arena);
}

static void
on_each_engine(void (*fn)(struct store *store, void *arg))
{
	for (enum store_engine engine = STORE_SQLITE; engine <= STORE_POSTGRES; engine++)
		if (testing_has(engine))
			testing_run(engine, schemas, fn, NULL);
}

static void
a_response_goes_on_from_those_before_it_within_its_tenant(void **state)
{
	(void)state;
	on_each_engine(chains);
}

static void
a_conversation_takes_what_ended_well(void **state)
{
	(void)state;
	on_each_engine(conversations);
}

static void
what_is_past_its_retention_goes(void **state)
{
	(void)state;
	on_each_engine(retention);
}

static void
a_response_in_the_making_is_kept_alive_cancelled_and_ended_once(void **state)
{
	(void)state;
	on_each_engine(background);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_response_goes_on_from_those_before_it_within_its_tenant),
		cmocka_unit_test(a_conversation_takes_what_ended_well),
		cmocka_unit_test(what_is_past_its_retention_goes),
		cmocka_unit_test(a_response_in_the_making_is_kept_alive_cancelled_and_ended_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
