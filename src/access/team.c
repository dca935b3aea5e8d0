/*
 * team.c - making, listing, changing and closing teams and tenants. See access.h.
 *
 * Neither is ever deleted: the ledger names them. A closed one keeps its name.
 */
#include "access/access_sql.h"
#include "access/inside.h"

#include "base/clock.h"
#include "base/random.h"

enum { LIST_MAX = 1000 };

/* Columns: id, name, policy, created_us, closed_us. */
static struct group_row
row_read(struct arena *arena, int64_t tenant, const struct rows *rows, size_t row)
{
	struct group_row out = { .tenant = tenant ? tenant : rows_int(rows, row, 0),
		.name = rows_text(rows, row, 1),
		.policy = rows_text(rows, row, 2),
		.created_us = rows_int(rows, row, 3),
		.closed_us = rows_int(rows, row, 4) };

	out.id = tenant ? rows_text(rows, row, 0) : arena_printf(arena, "%lld", (long long)out.tenant);
	return out;
}

static const struct err *
list_read(struct arena *arena, int64_t tenant, const struct rows *rows, struct group_row **out, size_t *count)
{
	*out = arena_array(arena, rows->count, sizeof(**out));
	if (!*out)
		return &err_no_memory;
	*count = rows->count;
	for (size_t i = 0; i < rows->count; i++)
		(*out)[i] = row_read(arena, tenant, rows, i);
	return NULL;
}

static const struct err *
limit_check(struct arena *arena, unsigned limit)
{
	if (limit == 0 || limit > LIST_MAX)
		return err_param(arena, ERR_INVALID, "limit", NULL, "limit is from 1 to %d", LIST_MAX);
	return NULL;
}

/* One team (tenant > 0) or tenant (0) to be found, made or changed. */
struct work {
	int64_t tenant;
	struct str which;   /* id or name; of one to be made: its id */
	struct str name, policy;
	const struct change *change;
	bool close;
	int64_t made;       /* the number of a new tenant */
};

static MAY_PARK const struct err *
find(struct tx *tx, const struct work *work, struct rows *rows)
{
	if (work->tenant)
		return tx_exec(tx, &stmt_team_find, PARAMS(V_INT(work->tenant), V_TEXT(work->which)), rows);
	return tx_exec(tx, &stmt_tenant_find, PARAMS(V_TEXT(work->which)), rows);
}

static const struct err *
not_found(struct arena *arena, const struct work *work)
{
	return err_new(arena, ERR_NOT_FOUND, "there is no %s \"%" STR_F "\"", work->tenant ? "team" : "tenant", STR_A(str_slice(work->which, 0, 100)));
}

static MAY_PARK const struct err *
create(struct tx *tx, void *arg)
{
	struct work *work = arg;
	struct work other = { .tenant = work->tenant, .which = work->name };
	struct rows rows;
	int64_t revision, now_us = clock_wall_us();
	const struct err *err = find(tx, &other, &rows);

	if (!err && rows.count > 0)
		return err_param(tx_arena(tx), ERR_CONFLICT, "name", NULL, "there is a %s \"%" STR_F "\" already", work->tenant ? "team" : "tenant", STR_A(work->name));
	if (!err)
		err = revision_next(tx, &revision);
	if (err)
		return err;
	if (work->tenant) {
		err = tx_exec(tx, &stmt_team_add,
			PARAMS(V_INT(work->tenant), V_TEXT(work->which), V_TEXT(work->name), V_TEXT(work->policy), V_INT(now_us), V_INT(revision)), NULL);
	} else {
		err = tx_exec(tx, &stmt_tenant_add, PARAMS(V_TEXT(work->name), V_INT(now_us), V_TEXT(work->policy), V_INT(revision)), &rows);
		work->made = err ? 0 : rows_int(&rows, 0, 0);
	}
	return err ? err : tx_notify(tx, KEY_TOPIC);
}

static MAY_PARK const struct err *
change(struct tx *tx, void *arg)
{
	const struct work *work = arg;
	struct arena *arena = tx_arena(tx);
	struct group_row row;
	struct policy *policy;
	struct rows rows;
	int64_t revision;
	const struct err *err = find(tx, work, &rows);

	if (err)
		return err;
	if (rows.count == 0)
		return not_found(arena, work);
	row = row_read(arena, work->tenant, &rows, 0);
	if (work->close && !work->tenant && row.tenant == TENANT_DEFAULT)
		return err_new(arena, ERR_INVALID, "the first tenant is the operator's and cannot be closed");
	row.name = work->change->name.ptr ? work->change->name : row.name;
	row.closed_us = work->close && !row.closed_us ? clock_wall_us() : row.closed_us;
	if (work->change->policy)
		row.policy = policy_merge(arena, row.policy, work->change->policy);
	err = row.policy.ptr ? policy_parse(arena, row.policy, &policy) : &err_no_memory;
	if (err)
		return err;
	policy_unref(policy);
	err = revision_next(tx, &revision);
	if (!err && work->tenant)
		err = tx_exec(tx, &stmt_team_change,
			PARAMS(V_INT(work->tenant), V_TEXT(row.id), V_TEXT(row.name), V_TEXT(row.policy), row.closed_us ? V_INT(row.closed_us) : V_NULL,
				V_INT(revision)),
			NULL);
	else if (!err)
		err = tx_exec(tx, &stmt_tenant_change,
			PARAMS(V_INT(row.tenant), V_TEXT(row.name), V_TEXT(row.policy), row.closed_us ? V_INT(row.closed_us) : V_NULL, V_INT(revision)), NULL);
	return err ? err : tx_notify(tx, KEY_TOPIC);
}

static MAY_PARK const struct err *
show(struct access *access, struct arena *arena, const struct work *work, struct group_row *out)
{
	struct rows rows;
	const struct err *err;

	if (work->tenant)
		err = store_query(access->store, arena, &stmt_team_find, PARAMS(V_INT(work->tenant), V_TEXT(work->which)), &rows);
	else
		err = store_query(access->store, arena, &stmt_tenant_find, PARAMS(V_TEXT(work->which)), &rows);
	if (err)
		return err;
	if (rows.count == 0)
		return not_found(arena, work);
	*out = row_read(arena, work->tenant, &rows, 0);
	return NULL;
}

static MAY_PARK const struct err *
run_create(struct access *access, struct arena *arena, struct work *work, struct group_row *out)
{
	struct policy *policy = NULL;
	const struct err *err = name_check(arena, work->name);

	work->policy = work->policy.len ? work->policy : STR("{}");
	if (!err)
		err = policy_parse(arena, work->policy, &policy);
	policy_unref(policy);
	if (!err)
		err = store_tx(access->store, arena, create, work);
	if (err)
		return err;
	access_refresh(access);
	if (!work->tenant)
		work->which = arena_printf(arena, "%lld", (long long)work->made);
	return show(access, arena, work, out);
}

static MAY_PARK const struct err *
run_change(struct access *access, struct arena *arena, struct work *work, struct group_row *out)
{
	const struct err *err = work->change->name.ptr ? name_check(arena, work->change->name) : NULL;

	if (!err)
		err = show(access, arena, work, out); /* by its id from here on: the name may change */
	if (err)
		return err;
	work->which = out->id;
	err = store_tx(access->store, arena, change, work);
	if (err)
		return err;
	access_refresh(access);
	return show(access, arena, work, out);
}

const struct err *
team_create(struct access *access, struct arena *arena, int64_t tenant, struct str name, struct str policy, struct group_row *out)
{
	struct id id = id_new();
	struct work work = { .tenant = tenant, .name = name, .policy = policy, .which = arena_printf(arena, "team_%s", id.hex) };

	return work.which.ptr ? run_create(access, arena, &work, out) : &err_no_memory;
}

const struct err *
team_list(struct access *access, struct arena *arena, int64_t tenant, struct str after, unsigned limit, struct group_row **out, size_t *count)
{
	struct rows rows;
	const struct err *err = limit_check(arena, limit);

	if (!err)
		err = store_query(access->store, arena, &stmt_team_page, PARAMS(V_INT(tenant), V_TEXT(after), V_INT(limit)), &rows);
	return err ? err : list_read(arena, tenant, &rows, out, count);
}

const struct err *
team_show(struct access *access, struct arena *arena, int64_t tenant, struct str team, struct group_row *out)
{
	return show(access, arena, &(struct work){ .tenant = tenant, .which = team }, out);
}

const struct err *
team_update(
	struct access *access, struct arena *arena, int64_t tenant, struct str team, const struct change *what, bool close, struct group_row *out)
{
	struct work work = { .tenant = tenant, .which = team, .change = what, .close = close };

	return run_change(access, arena, &work, out);
}

const struct err *
tenant_create(struct access *access, struct arena *arena, struct str name, struct str policy, struct group_row *out)
{
	struct work work = { .name = name, .policy = policy };

	return run_create(access, arena, &work, out);
}

const struct err *
tenant_list(struct access *access, struct arena *arena, struct str after, unsigned limit, struct group_row **out, size_t *count)
{
	int64_t number = 0;
	struct rows rows;
	const struct err *err = limit_check(arena, limit);

	if (!err && after.len && !str_to_i64(after, &number))
		err = err_param(arena, ERR_INVALID, "after", NULL, "after: expected a tenant's number");
	if (!err)
		err = store_query(access->store, arena, &stmt_tenant_page, PARAMS(V_INT(number), V_INT(limit)), &rows);
	return err ? err : list_read(arena, 0, &rows, out, count);
}

const struct err *
tenant_show(struct access *access, struct arena *arena, struct str tenant, struct group_row *out)
{
	return show(access, arena, &(struct work){ .which = tenant }, out);
}

const struct err *
tenant_update(struct access *access, struct arena *arena, struct str tenant, const struct change *what, bool close, struct group_row *out)
{
	struct work work = { .which = tenant, .change = what, .close = close };

	return run_change(access, arena, &work, out);
}

MAY_PARK const struct err *
tenant_local_only(struct access *access, struct arena *arena, int64_t tenant, bool *out)
{
	struct policy *policy;
	struct rows rows;
	const struct err *err = store_query(access->store, arena, &stmt_tenant_policy, PARAMS(V_INT(tenant)), &rows);

	*out = true;
	if (err || rows.count == 0 || policy_parse(arena, rows_text(&rows, 0, 0), &policy))
		return err;
	*out = policy->local_only;
	policy_unref(policy);
	return NULL;
}
