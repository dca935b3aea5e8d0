/*
 * admin_usage.c - the ledger: reports, pricing it again, price tables, and the proof that it is the sum of the records.
 */
#include "api/admin.h"
#include "base/clock.h"
#include "money/correct.h"
#include "money/prices.h"
#include "money/usage.h"
#include "money/verify.h"

#define TIME_MAX INT64_C(253402300800000000) /* the year 10000 */
#define VERIFY_TIME_US (2 * USEC_PER_SEC)    /* an answer's; whoever asks goes on with the next */

/* "from_us" and "to_us": from the beginning until now where nothing is said. */
static const struct err *
times_given(struct api_request *request, int64_t *from_us, int64_t *to_us)
{
	const struct err *err = api_query_int(request, "from_us", 0, 0, TIME_MAX, from_us);

	return err ? err : api_query_int(request, "to_us", clock_wall_us() + 60 * USEC_PER_SEC, 0, TIME_MAX, to_us);
}

static void
put_usage(struct json_out *out, const struct usage_row *row)
{
	struct usage usage = row->usage;
	int64_t *values[USAGE_QUANTITIES];

	json_begin_object(out);
	json_set_string(out, "group", row->group);
	json_set_int(out, "calls", row->calls);
	usage_quantities(&usage, values);
	for (size_t i = 0; i < USAGE_QUANTITIES; i++)
		json_set_int(out, usage_names[i], *values[i]);
	json_set_int(out, "corrections_nanodollars", row->corrections_nanos);
	json_set_int(out, "amount_nanodollars", row->amount_nanos);
	json_set_int(out, "saved_tokens", row->saved_tokens);
	json_set_int(out, "saved_nanodollars", row->saved_nanos);
	json_set_int(out, "reported_calls", row->reported_calls);
	json_set_int(out, "reported_nanodollars", row->reported_nanos);
	json_end_object(out);
}

static MAY_PARK const struct err *
answer_usage(struct api_request *request, enum usage_by by, int64_t from_us, int64_t to_us, const struct usage_row *rows, size_t count)
{
	const struct err *err;
	struct json_out json;
	struct buf body;

	buf_init(&body, NULL, MIB(64));
	json_out_init(&json, &body);
	json_begin_object(&json);
	json_set_string(&json, "object", STR("usage.report"));
	json_set_string(&json, "by", str_of(usage_by_name(by)));
	json_set_int(&json, "from_us", from_us);
	json_set_int(&json, "to_us", to_us);
	json_set_array(&json, "data");
	for (size_t i = 0; i < count; i++)
		put_usage(&json, &rows[i]);
	json_end_array(&json);
	json_end_object(&json);
	err = api_answer_json(request, 200, &json);
	buf_fini(&body);
	return err;
}

static MAY_PARK const struct err *
usage_get(struct api_request *request)
{
	struct str name = api_query(request, "by");
	enum usage_by by = USAGE_BY_MODEL;
	int64_t from_us, to_us, tenant;
	struct usage_row *rows;
	size_t count;
	const struct err *err = times_given(request, &from_us, &to_us);

	if (!err && name.ptr && !usage_by_parse(name, &by))
		err = err_param(request->arena, ERR_INVALID, "by", NULL, "by: expected tenant, team, key, user, model, tag or day");
	if (!err)
		err = admin_tenant(request, &tenant);
	if (!err && by == USAGE_BY_TENANT)
		err = api_require_operator(request);
	if (!err)
		err = usage_report(request->app->money, request->arena, tenant, by, from_us, to_us, &rows, &count);
	return err ? err : answer_usage(request, by, from_us, to_us, rows, count);
}

static MAY_PARK const struct err *
usage_reprice_post(struct api_request *request)
{
	int64_t from_us = json_int(json_get(request->json, "from_us"), 0);
	int64_t to_us = json_int(json_get(request->json, "to_us"), clock_wall_us() + 60 * USEC_PER_SEC), tenant;
	bool apply = json_bool(json_get(request->json, "apply"), false);
	struct reprice_row *rows;
	struct json_out json;
	struct buf body;
	size_t count;
	const struct err *err = admin_tenant(request, &tenant);

	if (!err && apply)
		err = api_require_operator(request);
	if (!err)
		err = usage_reprice(request->app->money, request->arena, tenant, from_us, to_us, apply, &rows, &count);
	if (err)
		return err;
	buf_init(&body, request->arena, MIB(8));
	json_out_init(&json, &body);
	json_begin_object(&json);
	json_set_string(&json, "object", STR("usage.repricing"));
	json_set_bool(&json, "applied", apply);
	json_set_array(&json, "data");
	for (size_t i = 0; i < count; i++) {
		json_begin_object(&json);
		json_set_string(&json, "model", rows[i].model);
		json_set_int(&json, "calls", rows[i].calls);
		json_set_int(&json, "before_nanodollars", rows[i].before_nanos);
		json_set_int(&json, "after_nanodollars", rows[i].after_nanos);
		json_end_object(&json);
	}
	json_end_array(&json);
	json_end_object(&json);
	return api_answer_json(request, 200, &json);
}

static void
put_price(struct json_out *out, const void *object)
{
	const struct price_row *row = object;

	json_begin_object(out);
	json_set_string(out, "id", row->id);
	json_set_string(out, "object", STR("price_version"));
	json_set_string(out, "source", row->source);
	json_set_int(out, "effective_us", row->effective_us);
	json_set_int(out, "created_us", row->created_us);
	json_set_int(out, "models", row->rows);
	json_end_object(out);
}

static MAY_PARK const struct err *
prices_post(struct api_request *request)
{
	struct price_row row;
	int64_t effective_us;
	const struct err *err = api_require_operator(request);

	if (!err)
		err = api_query_int(request, "effective_us", clock_wall_us(), 0, TIME_MAX, &effective_us);
	if (!err)
		err = prices_import(request->app->money, request->arena, request->json, effective_us, &row);
	return err ? err : admin_answer(request, 201, put_price, &row);
}

static MAY_PARK const struct err *
prices_get(struct api_request *request)
{
	struct price_row *rows;
	size_t count;
	const struct err *err = prices_list(request->app->money, request->arena, &rows, &count);

	return err ? err : admin_answer_list(request, put_price, rows, sizeof(*rows), count, false);
}

struct corrected {
	struct correction correction;
	struct str request_id;
	int64_t sum_nanos;
};

static void
put_correction(struct json_out *out, const void *object)
{
	const struct corrected *corrected = object;

	json_begin_object(out);
	json_set_string(out, "object", STR("usage.correction"));
	json_set_string(out, "request_id", corrected->request_id);
	json_set_int(out, "entry", corrected->correction.entry);
	json_set_int(out, "at_us", corrected->correction.at_us);
	json_set_int(out, "amount_nanodollars", corrected->correction.amount_nanos);
	json_set_int(out, "sum_nanodollars", corrected->sum_nanos);
	json_set_string(out, "reason", corrected->correction.reason);
	json_set_string(out, "by", corrected->correction.made_by);
	json_end_object(out);
}

/* The operator's: a tenant's admins do not change its invoice. */
static MAY_PARK const struct err *
corrections_post(struct api_request *request)
{
	struct corrected corrected = { .request_id = json_get_string(request->json, "request_id") };
	struct str by = str_of(request->identity->key_id);
	int64_t tenant;
	const struct err *err = api_require_operator(request);

	if (!err)
		err = admin_tenant(request, &tenant);
	if (!err)
		err = usage_correct(request->app->money, request->arena, tenant, corrected.request_id, json_int(json_get(request->json, "amount_nanodollars"), 0),
			json_get_string(request->json, "reason"), by.len ? by : STR("configuration"), &corrected.correction, &corrected.sum_nanos);
	return err ? err : admin_answer(request, 201, put_correction, &corrected);
}

static void
put_result(struct json_out *json, enum verify_check check, const struct verify_result *result)
{
	json_begin_object(json);
	json_set_string(json, "name", str_of(verify_name(check)));
	json_set_int(json, "wrong", result->wrong);
	if (result->examples[0][0]) {
		json_set_array(json, "examples");
		for (size_t i = 0; i < VERIFY_EXAMPLES && result->examples[i][0]; i++)
			json_put_string(json, str_of(result->examples[i]));
		json_end_array(json);
	}
	if (result->detail.len)
		json_set_string(json, "detail", result->detail);
	json_end_object(json);
}

static MAY_PARK const struct err *
verify_post(struct api_request *request)
{
	struct verify_run *run = arena_zalloc(request->arena, sizeof(*run));
	struct str after = json_get_string(request->json, "after");
	const struct err *err = run ? api_require_operator(request) : &err_no_memory;
	struct json_out json;
	struct buf body;
	bool good = true;

	if (err)
		return err;
	run->from_us = json_int(json_get(request->json, "from_us"), 0);
	run->to_us = json_int(json_get(request->json, "to_us"), TIME_MAX);
	run->place = after.ptr ? after : STR_EMPTY;
	run->time_us = VERIFY_TIME_US;
	err = verify_go(request->app->money, request->arena, run);
	if (err)
		return err;
	for (size_t i = 0; i < VERIFY_CHECKS; i++)
		good = good && run->results[i].wrong == 0;
	buf_init(&body, request->arena, KIB(64));
	json_out_init(&json, &body);
	json_begin_object(&json);
	json_set_string(&json, "object", STR("verification"));
	json_set_bool(&json, "good", good);
	json_set_array(&json, "checks");
	for (unsigned i = 0; i < VERIFY_CHECKS; i++)
		put_result(&json, (enum verify_check)i, &run->results[i]);
	json_end_array(&json);
	json_set_int(&json, "interactions", run->interactions);
	json_set_int(&json, "ledger_entries", run->entries);
	json_set_int(&json, "budget_entries", run->budget_entries);
	json_set_int(&json, "amount_nanodollars", run->amount_nanos);
	json_set_int(&json, "unproved_entries", run->unknown);
	json_set_int(&json, "counted_entries", run->sealed);
	if (run->next.len)
		json_set_string(&json, "next", run->next);
	else
		json_set_null(&json, "next");
	json_end_object(&json);
	return api_answer_json(request, 200, &json);
}

#define VERIFY_SCHEMA                                                                                                                      \
	"{\"type\":\"object\",\"properties\":{\"from_us\":{\"type\":\"integer\",\"minimum\":0},\"to_us\":{\"type\":\"integer\",\"minimum\":0},"   \
	"\"after\":{\"type\":\"string\",\"maxLength\":100}}}"
#define CORRECTION_SCHEMA                                                                                                                  \
	"{\"type\":\"object\",\"required\":[\"request_id\",\"amount_nanodollars\",\"reason\"],\"properties\":{\"request_id\":{\"type\":\"string\"},"  \
	"\"amount_nanodollars\":{\"type\":\"integer\",\"minimum\":-1000000000000000,\"maximum\":1000000000000000},\"reason\":{\"type\":\"string\"}}}"
#define REPRICE_SCHEMA                                                                                                                     \
	"{\"type\":\"object\",\"required\":[\"from_us\"],\"properties\":{\"from_us\":{\"type\":\"integer\",\"minimum\":0},"                  \
	"\"to_us\":{\"type\":\"integer\",\"minimum\":0},\"apply\":{\"type\":\"boolean\"}}}"

static const struct route routes[] = {
	{ .method = HTTP_GET, .path = "/admin/v1/usage", .name = "admin.usage.report", .scope = SCOPE_METRICS_READ, .errors = &openai_errors, .query = "by from_us to_us tenant", .handler = usage_get,
		.answer = "UsageReport", .summary = "Sums of the ledger by tenant, team, key, user, model, tag or day" },
	{ .method = HTTP_POST, .path = "/admin/v1/usage/reprice", .name = "admin.usage.reprice", .scope = SCOPE_ADMIN, .errors = &openai_errors, .body = BODY_JSON,
		.body_bytes_max = KIB(64), .request_schema = REPRICE_SCHEMA, .handler = usage_reprice_post,
		.answer = "Repricing", .summary = "Price a stretch of the ledger again: what it would change, or with apply, corrections" },
	{ .method = HTTP_POST, .path = "/admin/v1/prices", .name = "admin.prices.import", .scope = SCOPE_ADMIN, .errors = &openai_errors, .body = BODY_JSON,
		.body_bytes_max = MIB(16), .query = "effective_us", .made = MADE_ALWAYS, .handler = prices_post, .asks = "PriceTable", .answer = "PriceVersion", .summary = "Import a price table in LiteLLM's shape as a new version" },
	{ .method = HTTP_GET, .path = "/admin/v1/prices", .name = "admin.prices.list", .scope = SCOPE_ADMIN, .errors = &openai_errors, .handler = prices_get,
		.answer = "PriceVersionList", .summary = "List the versions of prices" },
	{ .method = HTTP_POST, .path = "/admin/v1/verify", .name = "admin.verify", .scope = SCOPE_ADMIN, .errors = &openai_errors, .body = BODY_JSON,
		.body_bytes_max = KIB(16), .request_schema = VERIFY_SCHEMA, .handler = verify_post,
		.answer = "Verification", .summary = "Prove that every amount is right and the ledger and the budgets are the sum of the records; goes on from after while next says where" },
	{ .method = HTTP_POST, .path = "/admin/v1/usage/corrections", .name = "admin.usage.correct", .scope = SCOPE_ADMIN, .errors = &openai_errors, .made = MADE_ALWAYS, .body = BODY_JSON,
		.body_bytes_max = KIB(16), .request_schema = CORRECTION_SCHEMA, .handler = corrections_post,
		.answer = "Correction", .summary = "Correct what one request has cost, as an entry of its own with a reason" },
};
const struct route_table admin_usage_routes = { routes, COUNT(routes) };
