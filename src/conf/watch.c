/*
 * watch.c - keeping up with the configuration file and with the entries in the store. See watch.h.
 *
 * One fiber does everything that replaces the configuration, one thing after the other: it looks at the file, follows the store, and makes the changes that the API asks for. So nothing here
 * needs a lock but what others read (the snapshot in force and the status). What takes long with many entries is built on a thread of its own pool; no loop stalls.
 *
 * Looking at size, time and inode twice a second costs nothing that matters and sees every way in which editors and orchestrators replace a file, symbolic
 * links of mounted directories included, which notices on an inode do not.
 */
#include "conf/reseal.h"
#include "conf/watch_inside.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "conf/versions.h"
#include "rt/fiber.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define LOOK_EVERY_US (500 * USEC_PER_MS)
#define RETRY_US USEC_PER_SEC

enum { FIXED_SHOWN_MAX = 16 };

static struct metric version_gauge = METRIC_GAUGE("corbel_configuration_version", "The version of the store's entries that is in force on this node; 0: none.");
static struct metric refused_gauge = METRIC_GAUGE("corbel_configuration_refused", "1 while what the file or the store says is refused on this node.", "source");

static struct file_state
file_look(const char *path)
{
	struct stat stat_now;

	if (stat(path, &stat_now) != 0)
		return (struct file_state){ .there = false };
	return (struct file_state){ true, stat_now.st_ino, stat_now.st_size, stat_now.st_mtim };
}

static bool
file_same(const struct file_state *a, const struct file_state *b)
{
	return a->there == b->there && a->inode == b->inode && a->size == b->size && a->modified.tv_sec == b->modified.tv_sec &&
	       a->modified.tv_nsec == b->modified.tv_nsec;
}

struct conf_watch *
conf_watch_new(const struct conf_spec *spec, struct conf *first)
{
	struct conf_watch *watch = mem_zalloc(sizeof(*watch));

	watch->spec = *spec;
	watch->file = first;
	watch->entries = entries_new();
	watch->last = &watch->first;
	pthread_mutex_init(&watch->lock, NULL);
	snapshot_cell_init(&watch->cell);
	snapshot_cell_set(&watch->cell, &conf_ref(first)->base);
	if (spec->path.len > 0) {
		watch->path = mem_zalloc(spec->path.len + 1);
		memcpy(watch->path, spec->path.ptr, spec->path.len);
		watch->loaded = file_look(watch->path);
	}
	return watch;
}

void
conf_watch_free(struct conf_watch *watch)
{
	if (!watch)
		return;
	snapshot_cell_fini(&watch->cell);
	conf_unref(watch->file);
	entries_unref(watch->entries);
	pool_free(watch->pool);
	pthread_mutex_destroy(&watch->lock);
	free(watch->path);
	free(watch);
}

struct conf *
conf_watch_get(struct conf_watch *watch)
{
	return snapshot_cell_get(&watch->cell);
}

void
conf_watch_listen(struct conf_watch *watch, void (*fn)(void *arg), void *arg)
{
	assert(watch->listener_count < LISTENERS_MAX && !watch->started);
	watch->listeners[watch->listener_count].fn = fn;
	watch->listeners[watch->listener_count++].arg = arg;
}

struct store *
conf_watch_store(struct conf_watch *watch)
{
	return watch->store;
}

struct secrets *
conf_watch_secrets(struct conf_watch *watch)
{
	return watch->secrets;
}

void
conf_watch_status(struct conf_watch *watch, struct conf_status *out)
{
	pthread_mutex_lock(&watch->lock);
	*out = watch->status;
	pthread_mutex_unlock(&watch->lock);
}

/* --- what the keeper does to what others see --- */

void
watch_note(struct conf_watch *watch, bool of_file, const struct problems *problems)
{
	unsigned count = problems ? problems->count : 0;
	char *text = of_file ? watch->status.file_text : watch->status.stored_text;
	struct arena *scratch = arena_new(MIB(1));

	for (const struct problem *problem = count ? problems->first : NULL; problem; problem = problem->next)
		log_error("the configuration is refused", LOG_STR("source", of_file ? STR("file") : STR("store")), LOG_STR("problem", problem_text(scratch, problem)));
	pthread_mutex_lock(&watch->lock);
	*(of_file ? &watch->status.file_mistakes : &watch->status.stored_mistakes) = count;
	text[0] = '\0';
	if (count && problems->first)
		snprintf(text, CONF_STATUS_TEXT, "%" STR_F, STR_A(problem_text(scratch, problems->first)));
	pthread_mutex_unlock(&watch->lock);
	metric_set(&refused_gauge, count > 0, of_file ? STR("file") : STR("store"));
	arena_free(scratch);
}

void
watch_put(struct conf_watch *watch, struct conf *next)
{
	int64_t version = next->entries ? next->entries->version : 0;

	snapshot_cell_set(&watch->cell, &next->base);
	pthread_mutex_lock(&watch->lock);
	watch->status.in_force = version;
	watch->status.stored = watch->entries->version;
	pthread_mutex_unlock(&watch->lock);
	metric_set(&version_gauge, (double)version);
	for (size_t i = 0; i < watch->listener_count; i++)
		watch->listeners[i].fn(watch->listeners[i].arg);
}

/* --- work for the pool --- */

/* The file read again if `spec` is there, and the entries over it. */
struct building {
	const struct conf_spec *spec;
	const struct conf *running; /* whose settings stay that need a restart */
	const struct entries *entries;
	struct problems problems;
	const struct setting *fixed[FIXED_SHOWN_MAX];
	size_t fixed_count;
	struct conf *file, *whole;  /* file: held, the one given or the new one. NULL: refused */
};

static void
build(void *arg)
{
	struct building *building = arg;

	if (building->spec && conf_load(building->spec, &building->problems, &building->file))
		return;
	if (building->spec)
		building->fixed_count = conf_keep_fixed(building->file, building->running, building->fixed, COUNT(building->fixed));
	if (conf_merge(building->file, building->entries, &building->problems, &building->whole) && building->spec) {
		conf_unref(building->file);
		building->file = NULL;
	}
}

/* A file that was taken away changes nothing: whoever replaces it may do so in two steps. */
static MAY_PARK void
file_reload(struct conf_watch *watch)
{
	struct arena *scratch = arena_new(MIB(4));
	struct building building = { .spec = &watch->spec, .running = watch->file, .entries = watch->entries };

	watch->reload = false;
	if (watch->path)
		watch->loaded = file_look(watch->path);
	problems_init(&building.problems, scratch);
	if (offload(watch->pool, build, &building)) {
		watch->reload = true; /* the server stops, or the pool is full: tried again if there is time */
		arena_free(scratch);
		return;
	}
	watch_note(watch, true, &building.problems);
	arena_free(scratch);
	if (!building.whole)
		return;
	for (size_t i = 0; i < building.fixed_count && i < COUNT(building.fixed); i++)
		log_warn("a changed setting takes effect at the next start", LOG_STR("setting", str_of(building.fixed[i]->name)));
	conf_unref(watch->file);
	watch->file = building.file;
	log_info("configuration loaded", LOG_STR("file", watch->spec.path), LOG_STR("version", conf_version(building.whole)));
	watch_note(watch, false, NULL);
	watch_put(watch, building.whole);
}

/* Entries that are at hand, over the file that is in force. True when they are in force now. */
static MAY_PARK bool
entries_put(struct conf_watch *watch)
{
	struct arena *scratch = arena_new(MIB(4));
	struct building building = { .file = watch->file, .entries = watch->entries };
	bool built;

	problems_init(&building.problems, scratch);
	built = offload(watch->pool, build, &building) == NULL;
	if (built)
		watch_note(watch, false, &building.problems);
	pthread_mutex_lock(&watch->lock);
	watch->status.stored = watch->entries->version;
	pthread_mutex_unlock(&watch->lock);
	if (building.whole) {
		log_info("configuration loaded", LOG_INT("stored_version", watch->entries->version), LOG_STR("version", conf_version(building.whole)));
		watch_put(watch, building.whole);
	}
	arena_free(scratch);
	return building.whole != NULL;
}

MAY_PARK bool
watch_catch_up(struct conf_watch *watch)
{
	struct arena *scratch = arena_new(MIB(1));
	struct entries *next = NULL;
	int64_t head = 0;
	const struct err *err = versions_head(watch->store, scratch, &head);

	if (!err && head > watch->entries->version)
		err = versions_follow(watch->store, scratch, watch->entries, head, watch->secrets, &next);
	if (next) {
		entries_unref(watch->entries);
		watch->entries = next;
		(void)entries_put(watch); /* what is refused is in the log and in the status */
	}
	if (err && err->kind != ERR_CANCELLED && err->kind != ERR_UNAVAILABLE)
		log_warn("the configuration in the store could not be read", LOG_ERR("error", err));
	arena_free(scratch);
	return err == NULL;
}

MAY_PARK const struct err *
conf_watch_keep(struct conf_watch *watch, struct store *store, struct secrets *secrets, bool file_only, struct arena *arena)
{
	const struct err *err;

	watch->store = store;
	watch->secrets = secrets;
	if (!watch->pool)
		watch->pool = pool_new("configuration", 1, 4);
	if (!watch_catch_up(watch))
		return err_new(arena, ERR_UNAVAILABLE, "the configuration that is kept in the store could not be read");
	err = !watch->status.stored_mistakes || file_only ? NULL
		: err_new(arena, ERR_INVALID, "the file and the entries that are kept in the store make no configuration: %s. Mend the file or the environment, or start with --file-only and "
					      "mend the entries", watch->status.stored_text);
	return err;
}

/* --- the keeper --- */

static void
keeper_wake(struct conf_watch *watch)
{
	if (watch->idle)
		wait_wake(watch->idle);
}

/* The next of those who wait, or NULL. */
static struct change_job *
job_take(struct conf_watch *watch)
{
	struct change_job *job = watch->first;

	if (!job)
		return NULL;
	watch->first = job->next;
	if (!watch->first)
		watch->last = &watch->first;
	return job;
}

/* The server stops. */
static void
jobs_refuse(struct conf_watch *watch)
{
	struct change_job *job;

	while ((job = job_take(watch))) {
		job->err = &err_cancelled;
		wait_wake(&job->done); /* from here on the job may be gone */
	}
}

/* When the file has stopped changing. */
static void
file_follow(struct conf_watch *watch)
{
	struct file_state now = file_look(watch->path);

	if (now.there && file_same(&now, &watch->seen) && !file_same(&now, &watch->loaded))
		watch->reload = true;
	watch->seen = now;
}

/* Whether other nodes may change what is in the store. */
static bool
is_shared(const struct conf_watch *watch)
{
	return watch->store && store_engine_of(watch->store) == STORE_POSTGRES;
}

static MAY_PARK void
keeper(void *arg)
{
	struct conf_watch *watch = arg;
	int64_t look_us = 0, ask_us = 0, now_us;
	const struct err *err = NULL;

	watch->seen = watch->loaded;
	while (!err || err->kind != ERR_CANCELLED) {
		struct change_job *job;
		struct waiter idle;

		now_us = clock_mono_us();
		if (watch->path && now_us >= look_us) {
			file_follow(watch);
			look_us = now_us + LOOK_EVERY_US;
		}
		if (watch->reload)
			file_reload(watch);
		if (watch->store && (watch->stale || (is_shared(watch) && now_us >= ask_us))) {
			watch->stale = false;
			watch->stale = !watch_catch_up(watch) || watch->stale; /* a notice may have come meanwhile */
			ask_us = now_us + RETRY_US;
		}
		while ((job = job_take(watch))) {
			if (job->reseal)
				reseal_run(watch, job);
			else
				change_run(watch, job);
			wait_wake(&job->done); /* from here on the job may be gone */
		}
		waiter_init(&idle);
		watch->idle = &idle;
		err = wait_for_us(&idle, LOOK_EVERY_US);
		watch->idle = NULL;
	}
	watch->ended = true;
	jobs_refuse(watch);
}

/* Somebody has changed an entry. Called on loop 0. */
static void
on_notice(void *arg)
{
	struct conf_watch *watch = arg;

	watch->stale = true;
	keeper_wake(watch);
}

void
conf_watch_reload(struct conf_watch *watch)
{
	watch->reload = true;
	keeper_wake(watch);
}

const struct err *
conf_watch_start(struct conf_watch *watch)
{
	const struct err *err;

	watch->home = loop_current();
	if (!watch->pool)
		watch->pool = pool_new("configuration", 1, 4);
	scope_init(&watch->scope, NULL, INT64_MAX);
	err = fiber_go_stack("configuration", FIBER_STACK_LARGE, &watch->scope, keeper, watch);
	if (err) {
		scope_fini(&watch->scope);
		return err;
	}
	watch->started = true;
	if (watch->store)
		store_listen(watch->store, CONFIGURATION_TOPIC, on_notice, watch);
	return NULL;
}

void
conf_watch_stop(struct conf_watch *watch)
{
	if (!watch->started)
		return;
	scope_stop(&watch->scope);
	watch->started = false;
}

/* --- changes are sent to the keeper --- */

static void
job_arrive(void *arg)
{
	struct change_job *job = arg;
	struct conf_watch *watch = job->watch;

	*watch->last = job;
	watch->last = &job->next;
	if (watch->ended)
		jobs_refuse(watch);
	else
		keeper_wake(watch);
}

MAY_PARK const struct err *
conf_watch_change(struct conf_watch *watch, struct arena *arena, const struct conf_change *change, struct conf_changed *out)
{
	struct change_job job = { .watch = watch, .change = change, .arena = arena_new(MIB(256)) };
	const struct err *err;

	problems_init(&job.problems, job.arena);
	problems_init(&out->problems, arena);
	waiter_init(&job.done);
	loop_post(watch->home, job_arrive, &job);
	wait_end(&job.done);
	problems_copy(&out->problems, &job.problems);
	out->version = job.version;
	out->changed = job.changed;
	err = job.err ? err_copy(arena, job.err) : NULL;
	arena_free(job.arena);
	return err;
}

MAY_PARK const struct err *
conf_watch_reseal(struct conf_watch *watch, struct arena *arena, const struct conf_reseal *reseal, struct conf_resealed *out)
{
	struct change_job job = { .watch = watch, .reseal = reseal, .resealed = out, .arena = arena_new(MIB(1)) };
	const struct err *err;

	problems_init(&job.problems, job.arena);
	waiter_init(&job.done);
	loop_post(watch->home, job_arrive, &job);
	wait_end(&job.done);
	err = job.err ? err_copy(arena, job.err) : NULL;
	arena_free(job.arena);
	return err;
}
