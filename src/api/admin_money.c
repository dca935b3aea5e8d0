/*
 * admin_money.c - budgets, for operators and the command line. Errors have OpenAI's shape here too.
 */
#include "api/admin.h"
#include "money/budget.h"

static void
put_budget(struct json_out *out, const void *object)
{
	const struct budget_row *row = object;
	struct str alerts = row->alerts, percent;
	int64_t number;

	json_begin_object(out);
	json_set_string(out, "id", row->id);
	json_set_string(out, "object", STR("budget"));
	json_set_string(out, "name", row->name);
	json_set_string(out, "holder_kind", row->kind);
	if (row->holder.len)
		json_set_string(out, "holder", row->holder);
	else
		json_set_null(out, "holder");
	json_set_string(out, "period", row->period);
	json_set_int(out, "limit_nanodollars", row->limit_nanos);
	json_set_array(out, "alerts");
	while (str_split(&alerts, ' ', &percent))
		if (str_to_i64(percent, &number))
			json_put_int(out, number);
	json_end_array(out);
	json_set_int(out, "created_us", row->created_us);
	json_set_int(out, "closed_us", row->closed_us);
	json_set_object(out, "current");
	json_set_int(out, "starts_us", row->starts_us);
	if (row->ends_us == INT64_MAX)
		json_set_null(out, "ends_us");
	else
		json_set_int(out, "ends_us", row->ends_us);
	json_set_int(out, "spent_nanodollars", row->spent_nanos);
	json_set_int(out, "held_nanodollars", row->held_nanos);
	json_end_object(out);
	json_end_object(out);
}

/* A list of percents as budget_spec wants it; ptr NULL when there is none. */
static struct str
alerts_given(struct api_request *request)
{
	const struct json *list = json_get(request->json, "alerts");
	struct buf text;

	if (!list)
		return (struct str){ NULL, 0 };
	if (json_count(list) == 0)
		return STR("none");
	buf_init(&text, request->arena, KIB(1));
	for (struct json_iter it = json_iter(list); json_next(&it);)
		buf_printf(&text, "%s%lld", it.index ? " " : "", (long long)json_int(it.value, 0));
	return text.failed ? STR("x") : buf_str(&text);
}

/* Exactly one of team, key, user says whose it is; none: the tenant's. user null: each end user's. */
static const struct err *
holder_given(struct api_request *request, struct budget_spec *spec)
{
	static const enum holder_kind kinds[] = { HOLDER_TEAM, HOLDER_KEY, HOLDER_USER };
	unsigned count = 0;

	spec->kind = HOLDER_TENANT;
	spec->holder = STR_EMPTY;
	for (size_t i = 0; i < COUNT(kinds); i++) {
		const struct json *value = json_get(request->json, holder_kind_name(kinds[i]));

		if (!value)
			continue;
		count++;
		spec->kind = kinds[i];
		spec->holder = json_is(value, JSON_STRING) ? json_string(value) : STR_EMPTY;
		if (kinds[i] != HOLDER_USER && !spec->holder.len)
			return err_param(request->arena, ERR_INVALID, holder_kind_name(kinds[i]), NULL, "%s: expected an id", holder_kind_name(kinds[i]));
	}
	if (count > 1)
		return err_param(request->arena, ERR_INVALID, "team", NULL, "a budget is of one team, one key or one user, or of the whole tenant");
	return NULL;
}

static MAY_PARK const struct err *
budgets_create(struct api_request *request)
{
	struct str alerts = alerts_given(request);
	struct budget_spec spec = { .name = json_get_string(request->json, "name"),
		.limit_nanos = json_int(json_get(request->json, "limit_nanodollars"), 0),
		.alerts = alerts.ptr ? alerts : STR_EMPTY };
	struct budget_row row;
	int64_t tenant;
	const struct err *err = admin_tenant(request, &tenant);

	(void)period_parse(json_get_string(request->json, "period"), &spec.period); /* the schema lets no other pass */
	if (!err)
		err = holder_given(request, &spec);
	if (!err)
		err = budget_create(request->app->money, request->app->access, request->arena, tenant, &spec, &row);
	return err ? err : admin_answer(request, 201, put_budget, &row);
}

static MAY_PARK const struct err *
budgets_page(struct api_request *request, int64_t tenant, struct str after, unsigned limit, const void **out, size_t *count)
{
	struct budget_row *rows = NULL;
	const struct err *err = budget_list(request->app->money, request->arena, tenant, after, limit, &rows, count);

	*out = rows;
	return err;
}

static MAY_PARK const struct err *
budgets_show(struct api_request *request, int64_t tenant, struct str id, void *out)
{
	return budget_show(request->app->money, request->arena, tenant, id, out);
}

static const struct admin_kind budgets = { sizeof(struct budget_row), put_budget, false, budgets_page, budgets_show };

/* A budget of a whole tenant is what the operator gives it: its own admins may not widen it. */
static MAY_PARK const struct err *
may_change(struct api_request *request, int64_t *tenant)
{
	struct budget_row row;
	const struct err *err = admin_tenant(request, tenant);

	if (!err)
		err = budget_show(request->app->money, request->arena, *tenant, request->params[0], &row);
	return err || !str_eq_c(row.kind, holder_kind_name(HOLDER_TENANT)) ? err : api_require_operator(request);
}

static MAY_PARK const struct err *
budgets_update(struct api_request *request)
{
	struct budget_row row;
	int64_t tenant;
	const struct err *err = may_change(request, &tenant);

	if (!err)
		err = budget_update(request->app->money, request->arena, tenant, request->params[0], json_get_string(request->json, "name"),
			json_int(json_get(request->json, "limit_nanodollars"), 0), alerts_given(request), false, &row);
	return err ? err : admin_answer(request, 200, put_budget, &row);
}

static MAY_PARK const struct err *
budgets_close(struct api_request *request)
{
	static const struct str as_it_was = { NULL, 0 };
	struct budget_row row;
	int64_t tenant;
	const struct err *err = may_change(request, &tenant);

	if (!err)
		err = budget_update(request->app->money, request->arena, tenant, request->params[0], as_it_was, 0, as_it_was, true, &row);
	return err ? err : admin_answer(request, 200, put_budget, &row);
}

#define COMMON_SCHEMA                                                                                                                      \
	"\"name\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":100},\"limit_nanodollars\":{\"type\":\"integer\",\"minimum\":1},"      \
	"\"alerts\":{\"type\":\"array\",\"maxItems\":10,\"items\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":100}}"
#define BUDGET_SCHEMA                                                                                                                      \
	"{\"type\":\"object\",\"required\":[\"name\",\"limit_nanodollars\",\"period\"],\"properties\":{" COMMON_SCHEMA                       \
	",\"period\":{\"enum\":[\"day\",\"week\",\"month\",\"total\"]},\"team\":{\"type\":\"string\"},\"key\":{\"type\":\"string\"},"        \
	"\"user\":{\"type\":[\"string\",\"null\"]}}}"
#define CHANGE_SCHEMA "{\"type\":\"object\",\"properties\":{" COMMON_SCHEMA "}}"

static const struct route routes[] = {
	ADMIN_ROUTE_JSON(HTTP_POST, "/admin/v1/budgets", "admin.budgets.create", BUDGET_SCHEMA, "Budget", budgets_create, "Make a budget of a tenant, team, key or end user"),
	ADMIN_ROUTE_LIST(&budgets, "/admin/v1/budgets", "admin.budgets.list", "limit after tenant", "BudgetList", "List the budgets with what the current period has spent"),
	ADMIN_ROUTE_GET(&budgets, "/admin/v1/budgets/{id}", "admin.budgets.get", "Budget", "One budget, by id or name"),
	ADMIN_ROUTE_JSON(HTTP_PATCH, "/admin/v1/budgets/{id}", "admin.budgets.update", CHANGE_SCHEMA, "Budget", budgets_update, "Change a budget; what is not named stays"),
	ADMIN_ROUTE(HTTP_DELETE, "/admin/v1/budgets/{id}", "admin.budgets.close", NULL, "Budget", budgets_close, "Close a budget: it binds nobody any more"),
};
const struct route_table admin_money_routes = { routes, COUNT(routes) };
