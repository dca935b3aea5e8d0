/*
 * budgets.c - the budgets in force, in memory: found by whom they bind, read again as they change.
 */
#include <assert.h>
#include <stdlib.h>

#include "money/inside.h"
#include "money/money_sql.h"

enum { PAGE = 500 };

void
budget_ref(struct budget *budget)
{
	atomic_fetch_add_explicit(&budget->refs, 1, memory_order_relaxed);
}

void
budget_unref(struct budget *budget)
{
	if (budget && atomic_fetch_sub_explicit(&budget->refs, 1, memory_order_acq_rel) == 1)
		free(budget);
}

struct str
money_key(char out[MONEY_KEY_MAX], int64_t number, struct str first, struct str last)
{
	size_t fixed = sizeof(number) + first.len;

	assert(fixed < MONEY_KEY_MAX);
	last = str_slice(last, 0, MONEY_KEY_MAX - fixed);
	memcpy(out, &number, sizeof(number));
	memcpy(out + sizeof(number), first.ptr, first.len);
	if (last.len)
		memcpy(out + fixed, last.ptr, last.len);
	return str_n(out, fixed + last.len);
}

static struct str
holder_key(char out[MONEY_KEY_MAX], int64_t tenant, enum holder_kind kind, struct str holder)
{
	char letter = (char)kind;

	return money_key(out, tenant, str_n(&letter, 1), holder);
}

static struct budget *
budget_new(const struct rows *rows, size_t row, enum holder_kind kind, enum period period)
{
	struct str id = rows_text(rows, row, 1), holder = rows_text(rows, row, 3), name = rows_text(rows, row, 6);
	struct budget *budget = mem_zalloc(sizeof(*budget) + id.len + holder.len + name.len);
	char *text = (char *)(budget + 1);

	atomic_init(&budget->refs, 1);
	budget->tenant = rows_int(rows, row, 0);
	budget->limit_nanos = rows_int(rows, row, 5);
	budget->kind = kind;
	budget->period = period;
	memcpy(text, id.ptr, id.len);
	budget->id = str_n(text, id.len);
	memcpy(text + id.len, holder.ptr, holder.len);
	budget->holder = str_n(text + id.len, holder.len);
	memcpy(text + id.len + holder.len, name.ptr, name.len);
	budget->name = str_n(text + id.len + holder.len, name.len);
	return budget;
}

/* The list's key must outlive its entry: the map is given a copy of its own, freed with the entry. */
struct holder_list {
	struct budget *first;
	struct str key;
	char key_text[MONEY_KEY_MAX];
};

static void
list_remove(struct money *money, struct budget *budget)
{
	char text[MONEY_KEY_MAX];
	struct holder_list *list = map_get(&money->by_holder, holder_key(text, budget->tenant, budget->kind, budget->holder));

	for (struct budget **at = list ? &list->first : NULL; at && *at; at = &(*at)->next)
		if (*at == budget) {
			*at = budget->next;
			break;
		}
	if (list && !list->first) {
		map_remove(&money->by_holder, list->key);
		free(list);
	}
}

static void
list_add(struct money *money, struct budget *budget)
{
	char text[MONEY_KEY_MAX];
	struct str key = holder_key(text, budget->tenant, budget->kind, budget->holder);
	struct holder_list *list = map_get(&money->by_holder, key);

	if (!list) {
		list = mem_zalloc(sizeof(*list));
		memcpy(list->key_text, key.ptr, key.len);
		list->key = str_n(list->key_text, key.len);
		map_put(&money->by_holder, list->key, list);
	}
	budget->next = list->first;
	list->first = budget;
}

static void
budget_apply(struct money *money, const struct rows *rows, size_t row)
{
	static const enum holder_kind kinds[] = { HOLDER_TENANT, HOLDER_TEAM, HOLDER_KEY, HOLDER_USER };
	struct str id = rows_text(rows, row, 1);
	struct budget *old = map_get(&money->by_id, id), *fresh = NULL;
	enum period period;

	for (size_t i = 0; i < COUNT(kinds) && !rows_int(rows, row, 7); i++)
		if (str_eq_c(rows_text(rows, row, 2), holder_kind_name(kinds[i])) && period_parse(rows_text(rows, row, 4), &period))
			fresh = budget_new(rows, row, kinds[i], period);
	pthread_rwlock_wrlock(&money->budgets_lock);
	if (old)
		list_remove(money, old);
	if (fresh)
		list_add(money, fresh);
	pthread_rwlock_unlock(&money->budgets_lock);
	if (old) {
		map_remove(&money->by_id, id);
		budget_unref(old);
		atomic_fetch_sub(&money->budget_count, 1);
	}
	if (fresh) {
		map_put(&money->by_id, fresh->id, fresh);
		atomic_fetch_add(&money->budget_count, 1);
	}
}

MAY_PARK const struct err *
budgets_load(struct money *money, struct arena *arena)
{
	struct arena *scratch = arena_new(MIB(16));
	const struct err *err;
	struct rows rows;

	do {
		arena_reset(scratch);
		err = store_query(money->store, scratch, &stmt_budget_changed, PARAMS(V_INT(money->seen), V_INT(PAGE)), &rows);
		for (size_t i = 0; !err && i < rows.count; i++) {
			budget_apply(money, &rows, i);
			money->seen = rows_int(&rows, i, 8);
		}
	} while (!err && rows.count == PAGE);
	err = err ? err_copy(arena, err) : NULL;
	arena_free(scratch);
	return err;
}

void
budgets_fini(struct money *money)
{
	const struct map_entry *entry;

	for (size_t i = 0; (entry = map_next(&money->by_holder, &i));)
		free(entry->value);
	map_fini(&money->by_holder);
	for (size_t i = 0; (entry = map_next(&money->by_id, &i));)
		budget_unref(entry->value);
	map_fini(&money->by_id);
}

/* --- finding --- */

static size_t
find(struct money *money, int64_t tenant, enum holder_kind kind, struct str holder, struct budget **out, size_t count)
{
	char text[MONEY_KEY_MAX];
	const struct holder_list *list = map_get(&money->by_holder, holder_key(text, tenant, kind, holder));

	for (struct budget *budget = list ? list->first : NULL; budget && count < BUDGET_PARTS_MAX; budget = budget->next) {
		budget_ref(budget);
		out[count++] = budget;
	}
	return count;
}

size_t
budgets_find(struct money *money, const struct identity *identity, struct str user, struct budget **out)
{
	size_t count = 0;

	if (atomic_load_explicit(&money->budget_count, memory_order_relaxed) == 0)
		return 0;
	pthread_rwlock_rdlock(&money->budgets_lock);
	if (user.len) {
		count = find(money, identity->tenant, HOLDER_USER, user, out, count);
		count = find(money, identity->tenant, HOLDER_USER, STR_EMPTY, out, count);
	}
	count = find(money, identity->tenant, HOLDER_KEY, str_of(identity->key_id), out, count);
	if (identity->team_id[0])
		count = find(money, identity->tenant, HOLDER_TEAM, str_of(identity->team_id), out, count);
	count = find(money, identity->tenant, HOLDER_TENANT, STR_EMPTY, out, count);
	pthread_rwlock_unlock(&money->budgets_lock);
	return count;
}

bool
budget_binds(struct money *money, const struct identity *identity, struct str user)
{
	struct budget *found[BUDGET_PARTS_MAX];
	size_t count = budgets_find(money, identity, user, found);

	for (size_t i = 0; i < count; i++)
		budget_unref(found[i]);
	return count > 0;
}
