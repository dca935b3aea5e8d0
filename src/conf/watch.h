/*
 * watch.h - the configuration that is in force now, replaced as a whole when the file changes, or the entries that are kept in the store.
 *
 * The file is looked at twice a second and read when it has stopped changing; conf_watch_reload reads it at once (SIGHUP). The store tells when another node has changed an
 * entry, and is asked once a second where nodes may miss that. What has any mistake is refused whole: every mistake is logged and the running configuration stays. Settings that need
 * a restart keep their value, and the log says so.
 *
 * File and store: an entry of the store stands over the file's of the same name, whole, for as long as it is there (ADR-016). The file stands alone: it is checked by itself, and
 * then again with the entries over it.
 */
#pragma once

#include "conf/conf.h"
#include "conf/entry.h"

struct conf_watch;
struct json;
struct secrets;
struct store;

/* Takes over `first`. The spec's strings, tables and flags are the caller's and outlive the watch. */
struct conf_watch *conf_watch_new(const struct conf_spec *spec, struct conf *first);
void conf_watch_free(struct conf_watch *watch); /* NULL is allowed; after conf_watch_stop when it was started, and after the store it keeps was closed */

/*
 * Puts the entries of the store in force, and keeps them so; before conf_watch_start, on its loop. Both outlive the watch's fiber. ERR_INVALID: together with the file they make no
 * configuration; with `file_only` the file is in force alone then, until they are mended.
 */
MAY_PARK const struct err *conf_watch_keep(struct conf_watch *watch, struct store *store, struct secrets *secrets, bool file_only, struct arena *arena);

/* The configuration in force, held for the caller: conf_unref gives it back. Any thread. */
struct conf *conf_watch_get(struct conf_watch *watch);

/* fn(arg) is called on the watch's loop after each replacement. At most 16; before conf_watch_start. */
void conf_watch_listen(struct conf_watch *watch, void (*fn)(void *arg), void *arg);

/* Keeps up from now on, on the calling loop. */
const struct err *conf_watch_start(struct conf_watch *watch);
MAY_PARK void conf_watch_stop(struct conf_watch *watch);

/* Has the file read soon, whether it has changed or not. On the watch's loop. */
void conf_watch_reload(struct conf_watch *watch);

/* --- changes --- */

/* What is wished of one name: `json` has the members that the file has; NULL: the store's entry goes. */
struct conf_edit {
	enum entry_kind kind;
	struct str name;
	const struct json *json;
};

/* What must hold of the configuration before the change. */
enum conf_match {
	CONF_MATCH_ANY,
	CONF_MATCH_VERSION, /* none of the named entries (for a rollback: nothing) has changed since match_version */
	CONF_MATCH_THERE,   /* they are there, in the file or in the store */
	CONF_MATCH_NONE,    /* they are not there */
};

struct conf_change {
	const struct conf_edit *edits;
	size_t count;
	bool rollback;           /* in place of edits: what held at `to_version` */
	int64_t to_version;
	struct str actor, reason; /* for the record: the key's id; why */
	const char *action;      /* "put", "delete", "change", "rollback" */
	enum conf_match match;
	int64_t match_version;
	bool dry;                /* only checked */
};

struct conf_changed {
	int64_t version;         /* that holds now */
	bool changed;            /* false: all of it was so already */
	struct problems problems; /* of a refused one, in the caller's arena */
};

/*
 * All of it or nothing, as one version; checked against everything else that is in force, committed, and in force on this node when it returns, on the others within a second. Any loop; once
 * begun it is not cancelled. ERR_INVALID: problems say why (with `dry` they are the result, and there is no error). ERR_PRECONDITION: `match` does not hold. ERR_NOT_FOUND,
 * ERR_CONFLICT: an entry to be removed is not in the store.
 */
MAY_PARK const struct err *conf_watch_change(struct conf_watch *watch, struct arena *arena, const struct conf_change *change, struct conf_changed *out);

/* How far this node is. Texts: the first mistake, or empty. */
enum { CONF_STATUS_TEXT = 600 };
struct conf_status {
	int64_t stored, in_force;       /* versions of the store: the newest this node has seen, and the one that holds */
	unsigned file_mistakes, stored_mistakes;
	int64_t reseal_done, reseal_total; /* bodies read of those whose secrets are being sealed anew; 0: none are */
	char file_text[CONF_STATUS_TEXT], stored_text[CONF_STATUS_TEXT];
};
void conf_watch_status(struct conf_watch *watch, struct conf_status *out);

/* For reading versions (versions.h); NULL without a store. */
struct store *conf_watch_store(struct conf_watch *watch);
struct secrets *conf_watch_secrets(struct conf_watch *watch);
