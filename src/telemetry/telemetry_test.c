/*
 * telemetry_test.c - spans, prices, the metrics page, and the record of an interaction: written, read back and forgotten, on each engine that is there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "base/clock.h"
#include "base/metric.h"
#include "base/random.h"
#include "crypto/hash.h"
#include "json/json.h"
#include "rt/fiber.h"
#include "store/testing.h"
#include "telemetry/metrics.h"
#include "telemetry/record.h"
#include "telemetry/record_known.h"
#include "telemetry/retention.h"
#include "telemetry/telemetry_sql.h"

static const struct store_schema *const schemas[] = { &telemetry_schema, NULL };

/* --- spans --- */

static const struct json *
element(const struct json *array, size_t index)
{
	for (struct json_iter it = json_iter(array); json_next(&it);)
		if (it.index == index)
			return it.value;
	return NULL;
}

static const struct str request = STR_INIT("0198c0ffee007abc8000000000000001");

static void
a_valid_traceparent_is_continued(void **state)
{
	struct arena *arena = arena_new(KIB(64));
	struct trace *trace = trace_new(arena, request, STR("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
	struct span *span = span_open(trace, SPAN_SERVER, STR("request"));
	char out[TRACEPARENT_LEN + 1];

	(void)state;
	assert_memory_equal(trace->id, "4bf92f3577b34da6a3ce929d0e0e4736", 32);
	assert_memory_equal(span->parent_id, "00f067aa0ba902b7", 16);
	trace_parent(span, out);
	assert_int_equal(strlen(out), TRACEPARENT_LEN);
	assert_memory_equal(out, "00-4bf92f3577b34da6a3ce929d0e0e4736-", 36);
	assert_memory_equal(out + 36, span->id, 16);
	assert_string_equal(out + 52, "-01");
	arena_free(arena);
}

static void
without_a_valid_traceparent_the_trace_is_the_request_s(void **state)
{
	static const char *const invalid[] = { "", "garbage", "00-00000000000000000000000000000000-00f067aa0ba902b7-01", "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
		"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x" };
	struct arena *arena = arena_new(KIB(64));

	(void)state;
	for (size_t i = 0; i < COUNT(invalid); i++) {
		struct trace *trace = trace_new(arena, request, str_of(invalid[i]));

		assert_memory_equal(trace->id, request.ptr, 32);
		assert_int_equal(span_open(trace, SPAN_SERVER, STR("x"))->parent_id[0], 0);
	}
	arena_free(arena);
}

static void
spans_nest_and_the_surplus_is_not_kept(void **state)
{
	struct arena *arena = arena_new(MIB(4));
	struct trace *trace = trace_new(arena, request, STR_EMPTY);
	struct span *root = span_open(trace, SPAN_SERVER, STR("root")), *child = span_open(trace, SPAN_CLIENT, STR("child")), *sibling;

	(void)state;
	span_close(child, &err_timeout);
	sibling = span_open(trace, SPAN_CLIENT, STR("sibling"));
	assert_memory_equal(child->parent_id, root->id, 16);
	assert_memory_equal(sibling->parent_id, root->id, 16);
	assert_true(str_eq_c(child->error_type, "timeout"));
	for (unsigned i = 0; i < TRACE_SPANS_MAX + 10; i++)
		span_str(span_open(trace, SPAN_INTERNAL, STR("more")), "key", STR("value"));
	assert_int_equal(trace->count, TRACE_SPANS_MAX);
	arena_free(arena);
}

/* What a record keeps of a trace is bounded, whatever the trace is: it is JSON with every span in it, and without attributes when those are too much. */
static void
a_trace_too_large_to_keep_is_kept_in_short(void **state)
{
	struct arena *arena = arena_new(MIB(64));
	struct trace *trace = trace_new(arena, request, STR_EMPTY);
	struct str few, many, large = str_n(arena_zalloc(arena, 4096), 4096);
	const struct json *spans;

	(void)state;
	span_str(span_open(trace, SPAN_CLIENT, STR("chat m")), "key", STR("value"));
	few = trace_json(trace, arena);
	assert_null(json_parse(arena, few, &spans));
	assert_true(str_eq_c(json_get_string(json_get(element(spans, 0), "attributes"), "key"), "value"));
	while (trace->count < TRACE_SPANS_MAX)
		span_str(span_open(trace, SPAN_INTERNAL, str_n(memset((char *)(uintptr_t)large.ptr, 'n', large.len), large.len)), "key", large);
	many = trace_json(trace, arena);
	assert_true(many.len <= TRACE_JSON_MAX);
	assert_null(json_parse(arena, many, &spans));
	assert_int_equal(json_count(spans), TRACE_SPANS_MAX);
	assert_int_equal(json_count(json_get(element(spans, 0), "attributes")), 0);
	memset((char *)(uintptr_t)large.ptr, 1, large.len); /* each byte is written as six */
	trace = trace_new(arena, request, STR_EMPTY);
	while (trace->count < TRACE_SPANS_MAX)
		span_open(trace, SPAN_INTERNAL, large);
	many = trace_json(trace, arena);
	assert_true(many.len > TRACE_JSON_MAX / 2 && many.len <= TRACE_JSON_MAX);
	assert_null(json_parse(arena, many, &spans));
	arena_free(arena);
}

/* --- prices and metrics --- */

static void
a_price_is_found_by_the_longest_name_and_is_exact(void **state)
{
	const struct usage usage = { .input = 1000, .cached_input = 400, .output = 100 };
	struct price price;

	(void)state;
	assert_true(price_find(STR("openai"), STR("gpt-4o-mini-2024-07-18"), 0, &price));
	assert_int_equal(price.input, 150000);
	assert_int_equal(price_cost_nanos(&price, &usage), 600 * 150 + 400 * 75 + 100 * 600);
	assert_false(price_find(STR("openai"), STR("unheard-of"), 0, &price));
	assert_true(price_find(STR("extractive"), STR("extractive"), 0, &price));
	assert_int_equal(price_cost_nanos(&price, &usage), 0);
}

static void
no_kind_of_token_is_counted_twice_and_the_sum_is_rounded_once(void **state)
{
	const struct price price = { .input = 37500, .cached_input = 3750, .cache_write = 46875, .output = 150000, .reasoning = 60000, .audio_input = 100000, .audio_output = 200000,
		.image = 40000000, .request = 7 };
	const struct usage usage = { .input = 100, .cached_input = 30, .cache_write = 20, .audio_input = 10, .output = 50, .reasoning = 25, .audio_output = 5, .images = 2 };
	const struct usage odd = { .input = 10, .cached_input = 30 }; /* of a provider that counts badly */

	(void)state;
	assert_int_equal(price_cost_nanos(&price, &usage),
		(40LL * 37500 + 30 * 3750 + 20 * 46875 + 10 * 100000 + 20 * 150000 + 25 * 60000 + 5 * 200000 + 2 * 40000000LL + 7 + 500) / 1000);
	assert_int_equal(price_cost_nanos(&price, &odd), (30 * 3750 + 7 + 500) / 1000);
	assert_int_equal(price_cost_nanos(&price, &(struct usage){ .input = 0 }), 0);
}

static void
versions_of_prices_are_in_force_from_their_day_on(void **state)
{
	struct price_version *first = price_version_new(STR("first"), 100), *second = price_version_new(STR("second"), 200), *again = price_version_new(STR("first"), 300);
	struct price price = { .input = 1 };

	(void)state;
	assert_true(price_version_add(first, STR("openai"), STR("test-model"), &price));
	assert_false(price_version_add(first, STR("openai"), STR("test-model"), &price));
	price.input = 2;
	assert_true(price_version_add(second, STR("openai"), STR("test-model-mini"), &price));
	price.input = 3;
	assert_true(price_version_add(second, STR("openai"), STR("test-model"), &price));
	price_version_publish(second);
	price_version_publish(first);
	price_version_publish(again);
	assert_false(price_find(STR("openai"), STR("test-model"), 99, &price));
	assert_true(price_find(STR("openai"), STR("test-model"), 199, &price) && price.input == 1 && str_eq_c(price.version, "first"));
	assert_true(price_find(STR("openai"), STR("test-model-2026-01-01"), 200, &price) && price.input == 3);
	assert_true(price_find(STR("openai"), STR("test-model-mini:free"), 500, &price) && price.input == 2);
	assert_true(price_find(STR("openai"), STR("gpt-4o"), 500, &price) && str_starts(price.version, STR("builtin")));
	assert_false(price_find(STR("azure"), STR("test-model"), 500, &price));
	assert_false(price_find(STR("openai"), STR("test-modelx"), 500, &price));
}

static void
the_metrics_page_escapes_labels_and_adds_buckets_up(void **state)
{
	static struct metric counter = METRIC_COUNTER("telemetry_test_total", "A counter.", "name");
	static struct metric histogram = METRIC_HISTOGRAM("telemetry_test_seconds", "A histogram.", metric_bounds_first_chunk);
	struct buf page;

	(void)state;
	metric_add(&counter, 2, STR("a\"b\\c\nd"));
	metric_observe(&histogram, 0.0005);
	metric_observe(&histogram, 0.003);
	metric_observe(&histogram, 60);
	buf_init(&page, NULL, MIB(1));
	metrics_render(&page);
	assert_true(str_find(buf_str(&page), STR("telemetry_test_total{name=\"a\\\"b\\\\c\\nd\"} 2\n"), 0) != SIZE_MAX);
	assert_true(str_find(buf_str(&page), STR("telemetry_test_seconds_bucket{le=\"0.005\"} 2\n"), 0) != SIZE_MAX);
	assert_true(str_find(buf_str(&page), STR("telemetry_test_seconds_bucket{le=\"+Inf\"} 3\n"), 0) != SIZE_MAX);
	assert_true(str_find(buf_str(&page), STR("telemetry_test_seconds_count 3\n"), 0) != SIZE_MAX);
	buf_fini(&page);
}

/* --- records --- */

struct fixture {
	struct store *store;
	struct arena *arena;
};

/* One interaction with a message in, one out and a source. */
static struct record
interaction_of(struct fixture *f, enum conf_capture capture, struct str said, struct str traceparent)
{
	struct id id = id_new();
	struct trace *trace = trace_new(f->arena, id_str(&id), traceparent);
	struct record_source *source;
	struct record record;

	record_init(&record, trace);
	record.root = span_open(trace, SPAN_SERVER, STR("request"));
	record.tenant = 1;
	record.request_id = arena_dup(f->arena, id_str(&id));
	record.response_id = arena_printf(f->arena, "answer-%" STR_F, STR_A(id_str(&id)));
	record.operation = STR("chat");
	record.key_id = record.conversation = record.served_model = record.config_version = STR_EMPTY;
	record.model = record.target_model = STR("m");
	record.provider = STR("p");
	record.parameters = STR("{\"n\":1}");
	record.capture = capture;
	record.price_version = STR("test");
	record.finish_reason = STR("stop");
	record.cost_nanos = 42;
	record.usage = (struct usage){ .input = 7, .output = 3, .known = true };
	record.started_us = clock_wall_us();
	record.status = 200;
	record_message_add(&record, false, STR("user"), said);
	record_message_add(&record, true, STR("assistant"), STR("an answer"));
	source = record_source_add(&record);
	*source = (struct record_source){ .version_id = STR("ver_1"), .document_id = STR("doc_1"), .path = STR("a.md"), .rank = 1, .score = 0.5, .cited = true };
	return record;
}

/* The request id of one that is written. */
static MAY_PARK struct str
written_under(struct fixture *f, enum conf_capture capture, struct str said, struct str traceparent)
{
	struct record record = interaction_of(f, capture, said, traceparent);

	CHECK_OK(store_reserve(f->store));
	CHECK_OK(record_commit(f->store, f->arena, &record));
	return record.request_id;
}

static MAY_PARK struct str
written(struct fixture *f, enum conf_capture capture, struct str said)
{
	return written_under(f, capture, said, STR_EMPTY);
}

static MAY_PARK const struct json *
shown(struct fixture *f, struct str id)
{
	const struct json *json;
	struct buf text;

	buf_init(&text, f->arena, MIB(1));
	CHECK_OK(record_show(f->store, f->arena, 1, id, &text));
	CHECK_OK(json_parse(f->arena, buf_str(&text), &json));
	return json;
}

static MAY_PARK void
read_back(struct fixture *f)
{
	struct str id = written(f, CONF_CAPTURE_FULL, STR("hello \xc3\xbc"));
	const struct json *trace = shown(f, id), *interaction = json_get(trace, "interaction"), *messages = json_get(interaction, "messages");

	CHECK(str_eq(json_get_string(interaction, "request_id"), id));
	CHECK(json_int(json_get(json_get(interaction, "usage"), "input_tokens"), 0) == 7);
	CHECK(json_int(json_get(interaction, "cost_nanodollars"), 0) == 42);
	CHECK(json_count(messages) == 2);
	CHECK(str_eq_c(json_get_string(element(messages, 0), "body"), "hello \xc3\xbc"));
	CHECK(str_eq_c(json_get_string(element(messages, 1), "direction"), "output"));
	CHECK(str_eq_c(json_get_string(element(json_get(interaction, "sources"), 0), "path"), "a.md"));
	CHECK(json_count(json_get(trace, "spans")) == 1);
	CHECK(str_eq(json_get_string(trace, "trace_id"), id));
	/* by the other id too */
	CHECK(str_eq(json_get_string(json_get(shown(f, json_get_string(interaction, "response_id")), "interaction"), "request_id"), id));
}

static MAY_PARK void
joined(struct fixture *f)
{
	struct str traceparent = STR("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
	struct str first = written_under(f, CONF_CAPTURE_NONE, STR("1"), traceparent), second = written_under(f, CONF_CAPTURE_NONE, STR("2"), traceparent);
	const struct json *trace = shown(f, STR("4bf92f3577b34da6a3ce929d0e0e4736"));

	CHECK(str_eq_c(json_get_string(trace, "trace_id"), "4bf92f3577b34da6a3ce929d0e0e4736"));
	CHECK(str_eq(json_get_string(json_get(trace, "interaction"), "request_id"), second));
	CHECK(str_eq(json_string(element(json_get(trace, "other_request_ids"), 0)), first));
	CHECK(json_count(json_get(trace, "spans")) == 2);
	CHECK(str_eq_c(json_get_string(element(json_get(trace, "spans"), 0), "parent_id"), "00f067aa0ba902b7"));
}

static MAY_PARK int64_t
rows_of(struct fixture *f, const struct stmt *stmt, const struct value *params)
{
	struct rows rows;

	CHECK_OK(store_query(f->store, f->arena, stmt, params, &rows));
	return (int64_t)rows.count;
}

static MAY_PARK void
captured(struct fixture *f)
{
	const struct json *none = json_get(shown(f, written(f, CONF_CAPTURE_NONE, STR("secret words"))), "interaction");
	const struct json *usage = json_get(shown(f, written(f, CONF_CAPTURE_USAGE, STR("secret words"))), "interaction");

	CHECK(json_count(json_get(none, "messages")) == 0 && json_count(json_get(none, "parameters")) == 0);
	CHECK(json_count(json_get(usage, "messages")) == 0 && json_count(json_get(usage, "parameters")) == 1);
	CHECK(json_int(json_get(json_get(none, "usage"), "output_tokens"), 0) == 3);
}

/* What a record has said today need not be written again, by this tenant to this store. */
static MAY_PARK void
known_by_store(struct fixture *f)
{
	const int64_t day = clock_wall_us() / (86400 * USEC_PER_SEC);
	const struct json *interaction;
	struct record lost;
	char hash[32];

	hash_sha256(STR("said every day"), (unsigned char *)hash);
	CHECK(!body_is_known(f->store, 1, day, hash));
	written(f, CONF_CAPTURE_USAGE, STR("said every day"));
	CHECK(!body_is_known(f->store, 1, day, hash));
	written(f, CONF_CAPTURE_FULL, STR("said every day"));
	CHECK(body_is_known(f->store, 1, day, hash) == (store_engine_of(f->store) == STORE_SQLITE));
	CHECK(!body_is_known(f->store, 2, day, hash) && !body_is_known(f->store, 1, day - 1, hash));
	interaction = json_get(shown(f, written(f, CONF_CAPTURE_FULL, STR("said every day"))), "interaction");
	CHECK(str_eq_c(json_get_string(element(json_get(interaction, "messages"), 0), "body"), "said every day"));
	store_fail_nth(f->store, 0, 1, &err_busy);
	hash_sha256(STR("lost"), (unsigned char *)hash);
	lost = interaction_of(f, CONF_CAPTURE_FULL, STR("lost"), STR_EMPTY);
	CHECK_OK(store_reserve(f->store));
	CHECK_ERR(record_commit(f->store, f->arena, &lost), ERR_BUSY);
	CHECK(!body_is_known(f->store, 1, day, hash));
}

static MAY_PARK void
listed(struct fixture *f)
{
	struct str first = written(f, CONF_CAPTURE_NONE, STR("1")), second = written(f, CONF_CAPTURE_NONE, STR("2"));
	struct trace_summary *list;
	size_t count;

	CHECK_OK(record_list(f->store, f->arena, 1, STR_EMPTY, 1, &list, &count));
	CHECK(count == 1 && str_eq(list[0].request_id, second));
	CHECK_OK(record_list(f->store, f->arena, 1, second, 1, &list, &count));
	CHECK(count == 1 && str_eq(list[0].request_id, first));
	CHECK_OK(record_list(f->store, f->arena, 2, STR_EMPTY, 10, &list, &count)); /* another tenant sees nothing */
	CHECK(count == 0);
	CHECK_ERR(record_list(f->store, f->arena, 1, STR("not an id"), 1, &list, &count), ERR_INVALID);
}

static MAY_PARK void
forgotten(struct fixture *f)
{
	const struct retention_limits keep = { .bodies = INT64_C(86400000000), .spans = INT64_C(86400000000), .interactions = INT64_C(86400000000), .usage = INT64_C(86400000000) };
	struct retention_limits bodies = keep;
	struct str id = written(f, CONF_CAPTURE_FULL, STR("to be forgotten"));
	const struct json *interaction;
	struct buf text;
	char bytes[16];

	CHECK_OK(retention_run(f->store, f->arena, &keep));
	CHECK(str_eq_c(json_get_string(element(json_get(json_get(shown(f, id), "interaction"), "messages"), 0), "body"), "to be forgotten"));
	bodies.bodies = -2 * INT64_C(86400000000); /* as if two days had passed */
	CHECK_OK(retention_run(f->store, f->arena, &bodies));
	interaction = json_get(shown(f, id), "interaction");
	CHECK(json_is(json_get(element(json_get(interaction, "messages"), 0), "body"), JSON_NULL));
	CHECK(json_int(json_get(json_get(interaction, "usage"), "input_tokens"), 0) == 7);
	bodies.interactions = bodies.spans = bodies.usage = -INT64_C(60000000);
	CHECK_OK(retention_run(f->store, f->arena, &bodies));
	buf_init(&text, f->arena, MIB(1));
	CHECK_ERR(record_show(f->store, f->arena, 1, id, &text), ERR_NOT_FOUND);
	CHECK(hex_decode(id, bytes));
	CHECK(rows_of(f, &stmt_source_by_interaction, PARAMS(V_INT(1), V_BLOB(str_n(bytes, sizeof(bytes))))) == 0);
}

static MAY_PARK const struct err *
use_on_three_days(struct tx *tx, void *arg)
{
	struct value tenant = V_INT(7), old = V_BLOB(STR("old")), again = V_BLOB(STR("again"));

	(void)arg;
	tx_exec(tx, &stmt_body_use, PARAMS(tenant, again, V_INT(10), V_BLOB(STR("b"))), NULL);
	tx_exec(tx, &stmt_body_use, PARAMS(tenant, old, V_INT(11), V_BLOB(STR("a"))), NULL);
	return tx_exec(tx, &stmt_body_use, PARAMS(tenant, again, V_INT(12), V_BLOB(STR("b"))), NULL);
}

/* The first of two bodies is used again: it outlives the second. */
static MAY_PARK void
used_again(struct fixture *f)
{
	const int64_t day_us = INT64_C(86400000000), year_us = 365 * day_us;
	struct retention_limits limits = { .bodies = clock_wall_us() - 12 * day_us - 1, .spans = year_us, .interactions = year_us, .usage = year_us };

	CHECK_OK(store_tx(f->store, f->arena, use_on_three_days, NULL));
	CHECK_OK(retention_run(f->store, f->arena, &limits));
	CHECK(rows_of(f, &stmt_body_get, PARAMS(V_INT(7), V_BLOB(STR("old")))) == 0);
	CHECK(rows_of(f, &stmt_body_get, PARAMS(V_INT(7), V_BLOB(STR("again")))) == 1);
}

static MAY_PARK void
stopped(struct fixture *f)
{
	unsigned before = loop_fibers(loop_current());
	struct retention *retention;

	CHECK_OK(retention_start(f->store, NULL, NULL, &retention));
	CHECK(loop_fibers(loop_current()) == before + 1);
	CHECK_OK(fiber_yield()); /* it sleeps until its first round */
	retention_stop(retention);
	CHECK(loop_fibers(loop_current()) == before);
}

static MAY_PARK void
all_cases(void *arg)
{
	struct fixture *f = arg;

	read_back(f);
	joined(f);
	captured(f);
	known_by_store(f);
	listed(f);
	used_again(f);
	forgotten(f);
	stopped(f);
}

static void
on_engine(enum store_engine engine)
{
	struct fixture f = { .arena = arena_new(MIB(64)) };
	struct testing *testing = testing_new(engine, 1);

	f.store = testing_open(testing, schemas);
	testing_on_loop(testing, 0, all_cases, &f);
	store_close(f.store);
	testing_free(testing);
	arena_free(f.arena);
}

static void
a_record_is_kept_shown_and_forgotten_on_sqlite(void **state)
{
	(void)state;
	on_engine(STORE_SQLITE);
}

static void
a_record_is_kept_shown_and_forgotten_on_postgres(void **state)
{
	(void)state;
	if (!testing_has(STORE_POSTGRES))
		skip();
	on_engine(STORE_POSTGRES);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_valid_traceparent_is_continued),
		cmocka_unit_test(without_a_valid_traceparent_the_trace_is_the_request_s),
		cmocka_unit_test(spans_nest_and_the_surplus_is_not_kept),
		cmocka_unit_test(a_trace_too_large_to_keep_is_kept_in_short),
		cmocka_unit_test(a_price_is_found_by_the_longest_name_and_is_exact),
		cmocka_unit_test(no_kind_of_token_is_counted_twice_and_the_sum_is_rounded_once),
		cmocka_unit_test(versions_of_prices_are_in_force_from_their_day_on),
		cmocka_unit_test(the_metrics_page_escapes_labels_and_adds_buckets_up),
		cmocka_unit_test(a_record_is_kept_shown_and_forgotten_on_sqlite),
		cmocka_unit_test(a_record_is_kept_shown_and_forgotten_on_postgres),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
