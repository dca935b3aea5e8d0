/*
 * watch.h - the configuration that is in force now, replaced as a whole when the file changes.
 *
 * The file is looked at twice a second and read when it has stopped changing; conf_watch_reload reads it at once (SIGHUP). One that has any mistake is refused whole:
 * every mistake is logged and the running configuration stays. Settings that need a restart keep their value, and the log says so.
 */
#pragma once

#include "conf/conf.h"

struct conf_watch;

/* Takes over `first`. The spec's strings, tables and flags are the caller's and outlive the watch. */
struct conf_watch *conf_watch_new(const struct conf_spec *spec, struct conf *first);
void conf_watch_free(struct conf_watch *watch); /* NULL is allowed; after conf_watch_stop when it was started */

/* The configuration in force, held for the caller: conf_unref gives it back. Any thread. */
struct conf *conf_watch_get(struct conf_watch *watch);

/* fn(arg) is called on the watch's loop after each replacement. At most 16; before conf_watch_start. */
void conf_watch_listen(struct conf_watch *watch, void (*fn)(void *arg), void *arg);

/* Looks at the file from now on, on the calling loop. Does nothing when there is no file. */
const struct err *conf_watch_start(struct conf_watch *watch);
MAY_PARK void conf_watch_stop(struct conf_watch *watch);

/* Reads the file now, on the watch's loop. False when it was refused. */
bool conf_watch_reload(struct conf_watch *watch);
