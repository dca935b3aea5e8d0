/*
 * usage_tags.c - the report by tag: calls are summed up by their sets of tags in the database, a page of sets at a time, and the sets become groups of single tags here.
 */
#include <stdlib.h>

#include "money/inside.h"
#include "money/money_sql.h"
#include "money/usage.h"

enum { TAGS_MAX = 100000, GROUPS_MAX = 10000, SETS_PAGE = 5000 };

struct tally {
	struct arena *arena;     /* of the groups */
	struct map groups;       /* by tag, to struct usage_row */
	struct usage_row *untagged;
};

static void
row_add(struct usage_row *sum, const struct usage_row *more)
{
	sum->calls += more->calls;
	sum->usage = usage_sum(&sum->usage, &more->usage);
	sum->corrections_nanos += more->corrections_nanos;
	sum->amount_nanos += more->amount_nanos;
	sum->saved_tokens += more->saved_tokens;
	sum->saved_nanos += more->saved_nanos;
	sum->reported_calls += more->reported_calls;
	sum->reported_nanos += more->reported_nanos;
}

static int
by_amount(const void *a, const void *b)
{
	const struct usage_row *x = a, *y = b;

	if (x->amount_nanos != y->amount_nanos)
		return x->amount_nanos < y->amount_nanos ? 1 : -1;
	return str_cmp(x->group, y->group);
}

/* One call's set may have a tag once only, so no call is twice in a group. */
static const struct err *
add_tag(struct tally *tally, struct str tag, const struct usage_row *set)
{
	struct usage_row *group = tag.len ? map_get(&tally->groups, tag) : tally->untagged;

	if (group) {
		row_add(group, set);
		return NULL;
	}
	if (tally->groups.used >= TAGS_MAX)
		return err_param(tally->arena, ERR_INVALID, "by", NULL, "there are more than %d different tags in this time: ask for a shorter one (from, to)", TAGS_MAX);
	group = arena_alloc(tally->arena, sizeof(*group));
	if (!group)
		return &err_no_memory;
	*group = *set;
	group->group = arena_dup(tally->arena, tag);
	if (!group->group.ptr)
		return &err_no_memory;
	if (tag.len)
		map_put(&tally->groups, group->group, group);
	else
		tally->untagged = group;
	return NULL;
}

/* A set has its tags one a line. */
static const struct err *
add_set(struct tally *tally, const struct usage_row *set)
{
	struct str rest = set->group, tag;
	const struct err *err = rest.len ? NULL : add_tag(tally, STR_EMPTY, set);

	while (!err && str_split(&rest, '\n', &tag))
		err = add_tag(tally, tag, set);
	return err;
}

static MAY_PARK const struct err *
tally_sets(struct money *money, struct tally *tally, int64_t tenant, const struct value range[2])
{
	struct arena *page = arena_new(MIB(64)), *place = arena_new(MIB(1));
	struct str after = STR_EMPTY;
	const struct err *err = NULL;
	struct rows rows = { .count = SETS_PAGE };

	for (bool first = true; !err && rows.count == SETS_PAGE; first = false) {
		arena_reset(page);
		err = store_query(money->store, page, &stmt_usage_by_tags, PARAMS(V_INT(tenant), range[0], range[1], V_TEXT(after), V_INT(first)), &rows);
		for (size_t i = 0; !err && i < rows.count; i++) {
			struct usage_row set;

			usage_row_read(&rows, i, &set);
			err = add_set(tally, &set);
		}
		if (err || !rows.count)
			break;
		arena_reset(place);
		after = arena_dup(place, rows_text(&rows, rows.count - 1, 0));
		err = after.ptr ? NULL : &err_no_memory;
	}
	err = err ? err_copy(tally->arena, err) : NULL;
	arena_free(page);
	arena_free(place);
	return err;
}

/* The dearest groups, in the caller's arena. */
static const struct err *
take_dearest(const struct tally *tally, struct arena *arena, struct usage_row **out, size_t *count)
{
	size_t all = tally->groups.used + (tally->untagged != NULL), filled = 0;
	struct usage_row *list = arena_array(tally->arena, all + 1, sizeof(*list));
	const struct map_entry *entry;

	if (!list)
		return &err_no_memory;
	for (size_t at = 0; (entry = map_next(&tally->groups, &at));)
		list[filled++] = *(const struct usage_row *)entry->value;
	if (tally->untagged)
		list[filled++] = *tally->untagged;
	qsort(list, filled, sizeof(*list), by_amount);
	*count = filled < GROUPS_MAX ? filled : GROUPS_MAX;
	*out = arena_array(arena, *count + 1, sizeof(**out));
	for (size_t i = 0; *out && i < *count; i++) {
		(*out)[i] = list[i];
		(*out)[i].group = arena_dup(arena, list[i].group);
		if (!(*out)[i].group.ptr)
			return &err_no_memory;
	}
	return *out ? NULL : &err_no_memory;
}

MAY_PARK const struct err *
usage_by_tag(struct money *money, struct arena *arena, int64_t tenant, const struct value range[2], struct usage_row **out, size_t *count)
{
	struct tally tally = { .arena = arena_new(MIB(192)), .groups = MAP_EMPTY };
	const struct err *err = tally.arena ? tally_sets(money, &tally, tenant, range) : &err_no_memory;

	if (!err)
		err = take_dearest(&tally, arena, out, count);
	err = err ? err_copy(arena, err) : NULL;
	map_fini(&tally.groups);
	arena_free(tally.arena);
	return err;
}
