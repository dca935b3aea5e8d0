/*
 * watch.c - keeping up with the configuration file. See watch.h.
 *
 * Looking at size, time and inode twice a second costs nothing that matters and sees every way in which editors and orchestrators replace a file, symbolic
 * links of mounted directories included, which notices on an inode do not.
 */
#include "conf/watch.h"

#include "base/clock.h"
#include "base/log.h"
#include "conf/snapshot.h"
#include "rt/fiber.h"
#include "rt/wait.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/stat.h>

#define LOOK_EVERY_US (500 * USEC_PER_MS)

enum { LISTENERS_MAX = 16, FIXED_SHOWN_MAX = 16 };

/* What tells one state of the file from another. */
struct file_state {
	bool there;
	ino_t inode;
	off_t size;
	struct timespec modified;
};

struct conf_watch {
	struct conf_spec spec;
	struct snapshot_cell cell;
	struct {
		void (*fn)(void *arg);
		void *arg;
	} listeners[LISTENERS_MAX];
	size_t listener_count;
	char *path;
	struct file_state loaded;
	struct scope scope;
	bool started, ended;
	struct waiter *stopping;
};

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
	snapshot_cell_init(&watch->cell);
	snapshot_cell_set(&watch->cell, &first->base);
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

static void
fixed_tell(struct conf *next, const struct conf *running)
{
	const struct setting *changed[FIXED_SHOWN_MAX];
	size_t count = conf_keep_fixed(next, running, changed, COUNT(changed));

	for (size_t i = 0; i < count && i < COUNT(changed); i++)
		log_warn("a changed setting takes effect at the next start", LOG_STR("setting", str_of(changed[i]->name)));
}

bool
conf_watch_reload(struct conf_watch *watch)
{
	struct arena *scratch = arena_new(MIB(4));
	struct problems problems;
	struct conf *next, *running;
	const struct err *err;

	problems_init(&problems, scratch);
	if (watch->path)
		watch->loaded = file_look(watch->path);
	err = conf_load(&watch->spec, &problems, &next);
	for (const struct problem *problem = problems.first; problem; problem = problem->next)
		log_error("the configuration is refused", LOG_STR("problem", problem_text(scratch, problem)));
	arena_free(scratch);
	if (err)
		return false;
	running = conf_watch_get(watch);
	fixed_tell(next, running);
	conf_unref(running);
	snapshot_cell_set(&watch->cell, &next->base);
	log_info("configuration loaded", LOG_STR("file", watch->spec.path));
	for (size_t i = 0; i < watch->listener_count; i++)
		watch->listeners[i].fn(watch->listeners[i].arg);
	return true;
}

/* A file that was taken away changes nothing: whoever replaces it may do so in two steps. */
static MAY_PARK void
looker(void *arg)
{
	struct conf_watch *watch = arg;
	struct file_state before = watch->loaded;

	while (!fiber_sleep_us(LOOK_EVERY_US)) {
		struct file_state now = file_look(watch->path);

		if (now.there && file_same(&now, &before) && !file_same(&now, &watch->loaded))
			(void)conf_watch_reload(watch); /* has logged */
		before = now;
	}
	watch->ended = true;
	if (watch->stopping)
		wait_wake(watch->stopping);
}

const struct err *
conf_watch_start(struct conf_watch *watch)
{
	const struct err *err;

	if (!watch->path)
		return NULL;
	scope_init(&watch->scope, NULL, INT64_MAX);
	err = fiber_go("configuration", &watch->scope, looker, watch);
	if (err)
		scope_fini(&watch->scope);
	else
		watch->started = true;
	return err;
}

void
conf_watch_stop(struct conf_watch *watch)
{
	struct waiter stopping;

	if (!watch->started)
		return;
	scope_cancel(&watch->scope, &err_cancelled);
	if (!watch->ended) {
		waiter_init(&stopping);
		watch->stopping = &stopping;
		wait_end(&stopping);
	}
	scope_fini(&watch->scope);
	watch->started = false;
}
