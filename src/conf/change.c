/*
 * change.c - one change of what is kept in the store, from a wish to a committed version that is in force. See conf_watch_change.
 *
 * `change_run` is the story: what the wish makes of the entries is built and checked whole, on the pool; then it is committed, if nobody else has come first; then it is in force. Whoever
 * comes second is checked again, against what the first has made of the configuration.
 */
#include "conf/watch_inside.h"

#include "base/clock.h"
#include "base/log.h"
#include "conf/secrets.h"
#include "conf/versions.h"
#include "json/json.h"

#include <stdio.h>
#include <stdlib.h>

enum { TRIES = 8, ARENA_MAX = 256 * 1024 * 1024 };

/* What a change makes of the entries at hand. */
struct plan {
	struct conf_watch *watch;
	struct change_job *job;
	struct entries *target;      /* of a rollback: what held then */
	struct entry_change *list;
	size_t count;
	struct entries *next;
	struct conf *whole;
	const struct err *err;       /* it cannot be done; problems: it may not be */
	char hash[HASH_SHA256_HEX];
};

static void
plan_fini(struct plan *plan)
{
	for (size_t i = 0; i < plan->count; i++)
		entry_unref(plan->list[i].entry);
	free(plan->list);
	entries_unref(plan->target);
	entries_unref(plan->next);
	conf_unref(plan->whole);
}

static bool
file_has(const struct conf *file, enum entry_kind kind, struct str name)
{
	return map_get(kind == ENTRY_PROVIDER ? &file->providers_by_name : &file->models_by_name, name) != NULL;
}

/* The file's entry of a name, or NULL. Walks the list. */
static const struct yaml *
file_entry(const struct conf *file, enum entry_kind kind, struct str name)
{
	const struct yaml *node = file->lists[kind] && file_has(file, kind, name) ? file->lists[kind]->first : NULL;
	size_t index = 0;

	if (node && kind == ENTRY_PROVIDER)
		index = (size_t)((struct conf_provider *)map_get(&file->providers_by_name, name) - file->providers);
	else if (node)
		index = (size_t)((struct conf_model *)map_get(&file->models_by_name, name) - file->models);
	while (node && index-- > 0)
		node = node->next;
	return node;
}

/* --- what must hold before --- */

static const struct err *
changed_since(struct arena *arena, const struct conf_change *change, struct str what, int64_t version)
{
	return err_param(arena, ERR_PRECONDITION, NULL, "version_mismatch",
		"%" STR_F " was changed in version %lld, after the version %lld that If-Match names: read it again, and decide anew", STR_A(what), (long long)version,
		(long long)change->match_version);
}

/*
 * An entry that was removed has no version at hand; so a name that is not in the store counts as changed by whatever came last, unless nothing came after the version that was named.
 */
static const struct err *
match_check(struct plan *plan, const struct conf_edit *edit)
{
	const struct conf_change *change = plan->job->change;
	struct conf_watch *watch = plan->watch;
	const struct entry *entry = entries_find(watch->entries, edit->kind, edit->name);
	bool there = entry || file_has(watch->file, edit->kind, edit->name);
	struct str what = arena_printf(plan->job->arena, "%s \"%" STR_F "\"", entry_kind_name(edit->kind), STR_A(edit->name));
	int64_t version = entry ? entry->version : watch->entries->version;

	if (change->match == CONF_MATCH_VERSION && (change->match_version > watch->entries->version || version > change->match_version))
		return changed_since(plan->job->arena, change, what, version);
	if (change->match == CONF_MATCH_THERE && !there)
		return err_param(plan->job->arena, ERR_PRECONDITION, NULL, "not_there", "there is no %" STR_F ", and If-Match asks for one", STR_A(what));
	if (change->match == CONF_MATCH_NONE && there)
		return err_param(plan->job->arena, ERR_PRECONDITION, NULL, "there_already", "there is a %" STR_F " already, and If-None-Match asks for none", STR_A(what));
	return NULL;
}

/* --- from wishes to changes --- */

static const struct err *
removal_check(struct plan *plan, const struct conf_edit *edit)
{
	bool stored = entries_find(plan->watch->entries, edit->kind, edit->name) != NULL;
	const struct yaml *node = stored ? NULL : file_entry(plan->watch->file, edit->kind, edit->name);
	const char *kind = entry_kind_name(edit->kind);

	if (stored)
		return NULL;
	if (node && node->line)
		return err_param(plan->job->arena, ERR_CONFLICT, NULL, "in_the_file", "the %s \"%" STR_F "\" stands in the file %" STR_F ", line %u: take it out there", kind,
			STR_A(edit->name), STR_A(plan->watch->file->source), node->line);
	if (node)
		return err_param(plan->job->arena, ERR_CONFLICT, NULL, "built_in", "the %s \"%" STR_F "\" is built in as long as the file has no list of models", kind, STR_A(edit->name));
	return err_param(plan->job->arena, ERR_NOT_FOUND, NULL, "entry_not_found", "there is no %s \"%" STR_F "\"", kind, STR_A(edit->name));
}

static void
plan_edit(struct plan *plan, const struct conf_edit *edit, int64_t version)
{
	struct change_job *job = plan->job;
	struct entry *before = entries_find(plan->watch->entries, edit->kind, edit->name);
	struct entry_change *change = &plan->list[plan->count];
	struct entry_request request = { .kind = edit->kind, .name = edit->name, .json = edit->json, .before = before, .secrets = plan->watch->secrets, .problems = &job->problems,
		.file = edit->kind == ENTRY_PROVIDER ? file_entry(plan->watch->file, edit->kind, edit->name) : NULL /* a model has no secrets */ };
	struct str body;

	*change = (struct entry_change){ .kind = edit->kind, .name = edit->name };
	plan->err = match_check(plan, edit);
	if (!plan->err && !edit->json)
		plan->err = removal_check(plan, edit);
	if (plan->err || !edit->json) {
		plan->count += !plan->err;
		return;
	}
	body = entry_body(job->arena, &request);
	if (job->problems.count || (before && str_eq(before->body, body)))
		return; /* refused, or so already */
	change->entry = entry_new(edit->kind, edit->name, version, body, plan->watch->secrets);
	plan->count++;
}

static void
plan_edits(struct plan *plan, int64_t version)
{
	const struct conf_change *change = plan->job->change;
	struct map seen[ENTRY_KINDS] = { MAP_EMPTY, MAP_EMPTY };

	plan->list = mem_zalloc((change->count + 1) * sizeof(*plan->list));
	for (size_t i = 0; !plan->err && i < change->count; i++) {
		const struct conf_edit *edit = &change->edits[i];

		if (map_put(&seen[edit->kind], edit->name, (void *)edit))
			plan->err = err_param(plan->job->arena, ERR_INVALID, NULL, "named_twice", "the %s \"%" STR_F "\" stands in this change twice", entry_kind_name(edit->kind), STR_A(edit->name));
		else
			plan_edit(plan, edit, version);
	}
	for (size_t i = 0; i < ENTRY_KINDS; i++)
		map_fini(&seen[i]);
}

/* What differs from what held then. */
static void
plan_rollback(struct plan *plan, int64_t version)
{
	const struct entries *now = plan->watch->entries, *then = plan->target;
	const struct conf_change *change = plan->job->change;

	if (change->match == CONF_MATCH_VERSION && change->match_version != now->version) {
		plan->err = changed_since(plan->job->arena, change, STR("the configuration"), now->version);
		return;
	}
	plan->list = mem_zalloc((now->count + then->count + 1) * sizeof(*plan->list));
	for (size_t i = 0; i < now->count; i++) {
		struct entry *entry = now->list[i];

		if (!entries_find(then, entry->kind, entry->name))
			plan->list[plan->count++] = (struct entry_change){ .kind = entry->kind, .name = entry->name };
	}
	for (size_t i = 0; i < then->count; i++) {
		struct entry *entry = then->list[i], *other = entries_find(now, entry->kind, entry->name);

		if (other && memcmp(other->digest, entry->digest, sizeof(entry->digest)) == 0)
			continue;
		plan->list[plan->count++] = (struct entry_change){ .kind = entry->kind, .name = entry->name,
			.entry = entry_new(entry->kind, entry->name, version, entry->body, plan->watch->secrets) };
	}
}

/* On the pool. */
static void
plan_make(void *arg)
{
	struct plan *plan = arg;
	struct problems *problems = &plan->job->problems;
	int64_t version = plan->watch->entries->version + 1;

	if (plan->job->change->rollback)
		plan_rollback(plan, version);
	else
		plan_edits(plan, version);
	if (plan->err || problems->count)
		return;
	plan->next = entries_with(plan->watch->entries, plan->list, plan->count, version);
	if (plan->next->count > ENTRIES_MAX) {
		plan->err = err_param(plan->job->arena, ERR_TOO_LARGE, NULL, "too_many_entries", "more than %d entries in the store: put the others into the file", ENTRIES_MAX);
		return;
	}
	entries_hash(plan->next, plan->hash);
	(void)conf_merge(plan->watch->file, plan->next, problems, &plan->whole); /* its error is the first of the problems */
}

/* --- the error that says why it is refused --- */

static const struct err *
refusal(struct change_job *job)
{
	const struct problem *first = job->problems.first;
	struct str text = first ? problem_text(job->arena, first) : STR("no memory is left to say what is wrong");
	const char *path = first && first->path.len ? arena_cstr(job->arena, first->path) : NULL;

	if (job->problems.count <= 1)
		return err_param(job->arena, ERR_INVALID, path, "invalid_configuration", "%" STR_F, STR_A(text));
	return err_param(job->arena, ERR_INVALID, path, "invalid_configuration", "%" STR_F " (and %u more: POST /admin/v1/configuration/check lists all)", STR_A(text),
		job->problems.count - 1);
}

/* --- the story --- */

static MAY_PARK const struct err *
commit(struct conf_watch *watch, struct plan *plan)
{
	const struct conf_change *change = plan->job->change;
	struct version_row row = { .version = plan->next->version, .created_us = clock_wall_us(), .actor = change->actor, .action = str_of(change->action), .reason = change->reason,
		.hash = str_n(plan->hash, sizeof(plan->hash)) };

	return versions_add(watch->store, plan->job->arena, &row, plan->list, plan->count);
}

static void
put_in_force(struct conf_watch *watch, struct plan *plan)
{
	entries_unref(watch->entries);
	watch->entries = snapshot_ref(&plan->next->base);
	watch_note(watch, false, NULL);
	log_info("configuration changed", LOG_INT("stored_version", plan->next->version), LOG_STR("actor", plan->job->change->actor), LOG_STR("action", str_of(plan->job->change->action)),
		LOG_STR("version", conf_version(plan->whole)));
	watch_put(watch, conf_ref(plan->whole));
}

/* One go. False: somebody else came first. */
static MAY_PARK bool
attempt(struct conf_watch *watch, struct change_job *job)
{
	struct plan plan = { .watch = watch, .job = job };
	bool moved = false;

	job->err = NULL;
	problems_init(&job->problems, job->arena);
	if (job->change->rollback)
		job->err = versions_at(watch->store, job->arena, job->change->to_version, watch->secrets, &plan.target);
	if (!job->err)
		job->err = offload(watch->pool, plan_make, &plan);
	if (!job->err)
		job->err = plan.err;
	if (!job->err && job->problems.count && !job->change->dry)
		job->err = refusal(job);
	job->changed = !job->err && plan.count > 0;
	if (job->changed && !job->change->dry) {
		job->err = commit(watch, &plan);
		moved = job->err && str_eq_c(job->err->code, "configuration_moved");
		watch->stale = watch->stale || job->err; /* the commit may have come about all the same */
		if (!job->err)
			put_in_force(watch, &plan);
	}
	job->version = watch->entries->version;
	plan_fini(&plan);
	return !moved;
}

MAY_PARK void
change_run(struct conf_watch *watch, struct change_job *job)
{
	if (!watch->store) {
		job->err = err_new(job->arena, ERR_UNSUPPORTED, "this server keeps no configuration but the file's");
		return;
	}
	for (int tries = 0; tries < TRIES; tries++) {
		if (watch->stale)
			watch->stale = !watch_catch_up(watch);
		if (attempt(watch, job))
			return;
	}
}
