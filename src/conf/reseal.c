/*
 * reseal.c - see reseal.h.
 *
 * All bodies that have sealed texts are read, page by page, and written anew on the pool; then one transaction puts them in place of the old ones and adds a version without changes, whose action is "reseal":
 * nodes that see it read all entries again (versions_follow), so that none of them goes on from a text that the former key has sealed. The version is also what makes it one of two: a change that came in between
 * makes the commit fail, and all is read again.
 *
 * It is the one place where rows of earlier versions change: a rollback to them has to open what they keep when the former key is gone.
 */
#include "conf/reseal.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "conf/configuration_sql.h"
#include "conf/secrets.h"
#include "conf/versions.h"
#include "conf/watch_inside.h"
#include "json/json.h"

#include <stdlib.h>

FAULT(reseal_write);     /* within the transaction */
FAULT(reseal_committed); /* before anybody knows */

enum { PAGE = 50, PAGE_ARENA_MAX = 64 * 1024 * 1024, WORK_ARENA_MAX = 512 * 1024 * 1024, BODY_MAX = 1024 * 1024, TRIES = 8 };

#define SEALED_MARK "{\"$sealed\":\""

/* --- one body --- */

struct walker {
	struct secrets *secrets;
	struct arena *arena;
	struct json_out out;
	struct str title;
	bool leave;              /* what cannot be opened */
	int64_t sealed, kept, unreadable;
	const struct err *err;   /* the first: with its path */
};

static void
put_seal(struct walker *walker, struct str sealed, struct str path)
{
	struct str about = entry_seal_about(walker->arena, walker->title, path), now = sealed;
	const struct err *err = secrets_reseal(walker->secrets, walker->arena, about, sealed, &now);

	if (err && walker->leave)
		walker->unreadable++;
	else if (err && !walker->err)
		walker->err = err_param(walker->arena, ERR_INVALID, NULL, "secret_unreadable", "%" STR_F ": %" STR_F ": %" STR_F, STR_A(walker->title), STR_A(path), STR_A(err->message));
	else if (!err)
		*(str_eq(now, sealed) ? &walker->kept : &walker->sealed) += 1;
	json_begin_object(&walker->out);
	json_set_string(&walker->out, "$sealed", err ? sealed : now);
	json_end_object(&walker->out);
}

/* As deep as entries may be. */
static void
walk(struct walker *walker, const struct json *json, struct str path)
{
	struct str sealed;

	if (entry_seal_is(json, &sealed)) {
		put_seal(walker, sealed, path);
	} else if (json_is(json, JSON_OBJECT)) {
		json_begin_object(&walker->out);
		for (struct json_iter it = json_iter(json); json_next(&it);) {
			json_key(&walker->out, it.key);
			walk(walker, it.value, entry_path(walker->arena, path, it.key));
		}
		json_end_object(&walker->out);
	} else if (json_is(json, JSON_ARRAY)) {
		json_begin_array(&walker->out);
		for (struct json_iter it = json_iter(json); json_next(&it);)
			walk(walker, it.value, entry_path_at(walker->arena, path, it.index));
		json_end_array(&walker->out);
	} else {
		json_put(&walker->out, json);
	}
}

/* --- all of them --- */

struct rewritten {
	struct rewritten *next;
	int64_t version;
	struct str kind, name, body; /* in the work's arena */
	bool current;
};

struct work {
	struct conf_watch *watch;
	const struct conf_reseal *reseal;
	struct conf_resealed *out;
	struct arena *arena, *page;
	const struct rows *rows;     /* of the page: version, kind, name, body, whether it holds now */
	struct rewritten *first, **last;
	struct version_row row;
	char hash[HASH_SHA256_HEX];
	const struct err *err;       /* in the work's arena */
};

static void
row_reseal(struct work *work, size_t row)
{
	struct str kind = rows_text(work->rows, row, 1), name = rows_text(work->rows, row, 2);
	struct walker walker = { .secrets = work->watch->secrets, .arena = work->page, .title = arena_printf(work->page, "%" STR_F " %" STR_F, STR_A(kind), STR_A(name)),
		.leave = work->reseal->leave_unreadable && rows_int(work->rows, row, 4) == 0 };
	struct rewritten *rewritten;
	const struct json *json;
	struct buf body;

	if (json_parse(work->page, rows_text(work->rows, row, 3), &json))
		return; /* nobody can read it, and the configuration says so */
	buf_init(&body, work->page, BODY_MAX);
	json_out_init(&walker.out, &body);
	walk(&walker, json, STR_EMPTY);
	work->err = walker.err ? err_copy(work->arena, walker.err) : buf_err(&body);
	work->out->kept += walker.kept;
	work->out->unreadable += walker.unreadable;
	if (work->err || !walker.sealed)
		return;
	rewritten = arena_alloc(work->arena, sizeof(*rewritten));
	if (rewritten)
		*rewritten = (struct rewritten){ .version = rows_int(work->rows, row, 0), .kind = arena_dup(work->arena, kind), .name = arena_dup(work->arena, name),
			.body = arena_dup_large(work->arena, buf_str(&body)), .current = rows_int(work->rows, row, 4) != 0 };
	if (!rewritten || !rewritten->body.ptr || !rewritten->name.ptr) {
		work->err = err_new(work->arena, ERR_TOO_LARGE, "too much is sealed to be sealed anew at once");
		return;
	}
	*work->last = rewritten;
	work->last = &rewritten->next;
	work->out->entries++;
	work->out->secrets += walker.sealed;
}

/* On the pool. */
static void
page_reseal(void *arg)
{
	struct work *work = arg;

	for (size_t row = 0; row < work->rows->count && !work->err; row++)
		row_reseal(work, row);
}

static void
progress(struct conf_watch *watch, int64_t done, int64_t total)
{
	pthread_mutex_lock(&watch->lock);
	watch->status.reseal_done = done;
	watch->status.reseal_total = total;
	pthread_mutex_unlock(&watch->lock);
}

static MAY_PARK const struct err *
read_all(struct work *work)
{
	struct store *store = work->watch->store;
	struct arena *next = arena_new(PAGE_ARENA_MAX);
	struct str kind = STR_EMPTY, name = STR_EMPTY;
	int64_t version = 0, done = 0, total;
	struct rows rows;
	const struct err *err = store_query(store, next, &stmt_configuration_sealed_count, NO_PARAMS, &rows);

	total = err ? 0 : rows_int(&rows, 0, 0);
	work->rows = &rows;
	do {
		work->page = next;
		if (!err)
			err = store_query(store, work->page, &stmt_configuration_sealed, PARAMS(V_TEXT(kind), V_TEXT(name), V_INT(version), V_INT(PAGE)), &rows);
		if (!err && rows.count)
			err = offload(work->watch->pool, page_reseal, work);
		err = err ? err : work->err;
		next = arena_new(PAGE_ARENA_MAX);
		if (!err && rows.count) {
			version = rows_int(&rows, rows.count - 1, 0);
			kind = arena_dup(next, rows_text(&rows, rows.count - 1, 1));
			name = arena_dup(next, rows_text(&rows, rows.count - 1, 2));
			done += (int64_t)rows.count;
			progress(work->watch, done, total);
		}
		err = err ? err_copy(work->arena, err) : NULL;
		arena_free(work->page);
	} while (!err && rows.count == PAGE);
	arena_free(next);
	return err;
}

/* What tells the content after it from another: the hash of the entries as they will be. On the pool. */
static void
hash_after(void *arg)
{
	struct work *work = arg;
	struct conf_watch *watch = work->watch;
	struct entry_change *changes = mem_alloc(((size_t)work->out->entries + 1) * sizeof(*changes));
	struct entries *next;
	size_t count = 0;

	for (const struct rewritten *one = work->first; one; one = one->next) {
		enum entry_kind kind;

		if (!one->current || !entry_kind_parse(one->kind, &kind))
			continue;
		changes[count++] = (struct entry_change){ .kind = kind, .name = one->name, .entry = entry_new(kind, one->name, one->version, one->body, watch->secrets) };
	}
	next = entries_with(watch->entries, changes, count, work->row.version);
	entries_hash(next, work->hash);
	entries_unref(next);
	for (size_t i = 0; i < count; i++)
		entry_unref(changes[i].entry);
	free(changes);
}

static MAY_PARK const struct err *
write_all(struct tx *tx, void *arg)
{
	const struct work *work = arg;
	const struct version_row *row = &work->row;
	const struct err *err = versions_next(tx, row);

	for (const struct rewritten *one = work->first; one && !err; one = one->next) {
		err = tx_send(tx, &stmt_configuration_entry_reseal, PARAMS(V_TEXT(one->kind), V_TEXT(one->name), V_INT(one->version), V_TEXT(one->body)));
		if (!err && fault_hit(&fault_reseal_write))
			err = &err_internal;
	}
	return err ? err : tx_notify(tx, CONFIGURATION_TOPIC);
}

static MAY_PARK const struct err *
commit(struct work *work, struct arena *arena)
{
	struct secrets_ids ids;
	struct str said = work->reseal->reason;
	const struct err *err;

	secrets_ids(work->watch->secrets, &ids);
	if (!said.len)
		said = arena_printf(arena, "%lld secrets sealed anew with the master key %s", (long long)work->out->secrets, ids.list[0]);
	work->row = (struct version_row){ .version = work->watch->entries->version + 1, .created_us = clock_wall_us(), .actor = work->reseal->actor, .action = STR("reseal"), .reason = said };
	err = offload(work->watch->pool, hash_after, work);
	work->row.hash = str_n(work->hash, sizeof(work->hash));
	if (!err)
		err = store_tx(work->watch->store, arena, write_all, work);
	if (!err && fault_hit(&fault_reseal_committed))
		err = &err_internal;
	if (!err)
		log_info("secrets were sealed anew", LOG_STR("key", str_of(ids.list[0])), LOG_INT("secrets", work->out->secrets), LOG_INT("entries", work->out->entries),
			LOG_INT("stored_version", work->row.version), LOG_STR("actor", work->reseal->actor));
	return err;
}

/* One go over all of it, with the key that seals now. *moved: somebody else came first. */
static MAY_PARK const struct err *
seal_all(struct conf_watch *watch, const struct conf_reseal *reseal, struct conf_resealed *out, struct arena *arena, bool *moved)
{
	struct work work = { .watch = watch, .reseal = reseal, .out = out, .arena = arena_new(WORK_ARENA_MAX) };
	const struct err *err;

	*moved = false;
	*out = (struct conf_resealed){ .version = watch->entries->version };
	work.last = &work.first;
	err = read_all(&work);
	if (!err && work.first)
		err = commit(&work, work.arena);
	*moved = err && str_eq_c(err->code, "configuration_moved");
	watch->stale = watch->stale || err || work.first; /* what was written is read again; after an error it may have come about all the same */
	if (!err && work.first)
		out->version = work.row.version;
	err = err ? err_copy(arena, err) : NULL;
	arena_free(work.arena);
	progress(watch, 0, 0);
	return err;
}

static MAY_PARK const struct err *
seal_until_done(struct conf_watch *watch, const struct conf_reseal *reseal, struct conf_resealed *out, struct arena *arena)
{
	const struct err *err = NULL;
	bool moved = true;

	for (int tries = 0; tries < TRIES && moved; tries++) {
		if (watch->stale)
			watch->stale = !watch_catch_up(watch);
		err = seal_all(watch, reseal, out, arena, &moved);
	}
	if (watch->stale)
		watch->stale = !watch_catch_up(watch);
	return err;
}

struct renewal {
	struct conf_watch *watch;
	struct arena *arena;
	const struct err *err;
};

/* On the pool. */
static void
renew(void *arg)
{
	struct renewal *renewal = arg;

	renewal->err = secrets_renew(renewal->watch->secrets, renewal->arena);
}

/* What an earlier change has left unfinished is finished first, since a new key gives the former of the former up. */
MAY_PARK void
reseal_run(struct conf_watch *watch, struct change_job *job)
{
	struct renewal renewal = { watch, job->arena, NULL };

	if (!watch->store || !watch->secrets) {
		job->err = err_new(job->arena, ERR_UNSUPPORTED, "this server keeps no configuration but the file's");
		return;
	}
	job->err = seal_until_done(watch, job->reseal, job->resealed, job->arena);
	if (job->err || !job->reseal->new_key)
		return;
	job->err = offload(watch->pool, renew, &renewal);
	if (!job->err)
		job->err = renewal.err;
	if (!job->err)
		job->err = seal_until_done(watch, job->reseal, job->resealed, job->arena);
}

/* --- what is sealed by which key --- */

static void
count_one(struct str id, struct seal_count *list, size_t max, size_t *count, int64_t *others)
{
	size_t at = 0;

	while (at < *count && !str_eq_c(id, list[at].key))
		at++;
	if (at == max || id.len >= sizeof(list[at].key)) {
		++*others;
		return;
	}
	if (at == *count) {
		list[at] = (struct seal_count){ .secrets = 0 };
		memcpy(list[at].key, id.ptr, id.len);
		++*count;
	}
	list[at].secrets++;
}

MAY_PARK const struct err *
seals_count(struct store *store, struct arena *arena, struct secrets *secrets, struct seal_count *out, size_t max, size_t *count, int64_t *others)
{
	struct arena *page = arena_new(PAGE_ARENA_MAX), *next;
	struct str kind = STR_EMPTY, name = STR_EMPTY;
	struct secrets_ids ids;
	int64_t version = 0;
	struct rows rows;
	const struct err *err;

	*count = 0;
	*others = 0;
	do {
		err = store_query(store, page, &stmt_configuration_sealed, PARAMS(V_TEXT(kind), V_TEXT(name), V_INT(version), V_INT(PAGE)), &rows);
		for (size_t i = 0; !err && i < rows.count; i++) {
			struct str body = rows_text(&rows, i, 3);

			/* within a string of JSON these quotes would have a backslash */
			for (size_t at = 0; (at = str_find(body, STR(SEALED_MARK), at)) != SIZE_MAX;) {
				at += sizeof(SEALED_MARK) - 1;
				count_one(seal_id(str_slice(body, at, body.len)), out, max, count, others);
			}
		}
		next = arena_new(PAGE_ARENA_MAX);
		if (!err && rows.count) {
			version = rows_int(&rows, rows.count - 1, 0);
			kind = arena_dup(next, rows_text(&rows, rows.count - 1, 1));
			name = arena_dup(next, rows_text(&rows, rows.count - 1, 2));
		}
		err = err ? err_copy(arena, err) : NULL;
		arena_free(page);
		page = next;
	} while (!err && rows.count == PAGE);
	arena_free(page);
	secrets_ids(secrets, &ids);
	for (size_t i = 0; i < *count; i++)
		for (size_t k = 0; k < ids.count; k++)
			out[i].opens = out[i].opens || strcmp(out[i].key, ids.list[k]) == 0;
	return err;
}
