/*
 * watch_inside.h - within the room: the watch itself, for the keeper (watch.c) and for changes (change.c).
 */
#pragma once

#include "conf/snapshot.h"
#include "conf/watch.h"
#include "rt/pool.h"
#include "rt/scope.h"

#include <pthread.h>
#include <sys/stat.h>

enum { LISTENERS_MAX = 16 };

/* What tells one state of the file from another. */
struct file_state {
	bool there;
	ino_t inode;
	off_t size;
	struct timespec modified;
};

/* A change that waits for the keeper; in the frame of the fiber that asked. */
struct change_job {
	struct change_job *next;
	struct conf_watch *watch;
	const struct conf_change *change;
	const struct conf_reseal *reseal; /* in place of a change */
	struct conf_resealed *resealed;
	struct arena *arena; /* of the job: what comes out lies here until the asker has copied it */
	struct problems problems;
	const struct err *err;
	int64_t version;
	bool changed;
	struct waiter done;
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
	struct loop *home;
	struct pool *pool;
	struct store *store; /* NULL: none */
	struct secrets *secrets;

	/* The keeper's own, on its loop. */
	struct conf *file;       /* the file's configuration, without the store's entries */
	struct entries *entries; /* the newest of the store, in force or not */
	struct file_state loaded, seen;
	struct change_job *first, **last;
	bool stale, reload, ended;
	struct waiter *idle;
	struct scope scope;
	bool started;

	pthread_mutex_t lock;
	struct conf_status status;
};

/* Takes over `next`, which is of the entries at hand, and tells the listeners. On the loop. */
void watch_put(struct conf_watch *watch, struct conf *next);

/* Reads what the store has that is not at hand yet, and puts it in force. False when the store did not answer. */
MAY_PARK bool watch_catch_up(struct conf_watch *watch);

/* Does a change and fills in the job's outcome. On the keeper's fiber. */
MAY_PARK void change_run(struct conf_watch *watch, struct change_job *job);

/* Notes (and counts) that file or store are refused, or not any more (problems NULL). */
void watch_note(struct conf_watch *watch, bool of_file, const struct problems *problems);
