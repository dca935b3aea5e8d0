/*
 * datadir.h - the data directory: made for its owner alone, locked by the one server that uses it, and what a client on the same machine finds in it.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

struct datadir {
	struct str path; /* absolute */
	int lock_fd;
};

/*
 * Makes the directory (mode 0700, its parents too) when it is not there, and locks it. ERR_CONFLICT: another server has it; the message names its process. The lock ends with
 * the process, however it ends.
 */
const struct err *datadir_open(struct arena *arena, struct str path, struct datadir *out);

/* Writes down where the server is, for clients on this machine. */
const struct err *datadir_tell(struct datadir *dir, struct arena *arena, struct str url);
void datadir_close(struct datadir *dir);

/* For clients: the URL of the server that runs on this directory (ptr NULL: none), and its admin key (empty: none to be read). */
struct str datadir_server_url(struct arena *arena, struct str path);
struct str datadir_admin_key(struct arena *arena, struct str path);
