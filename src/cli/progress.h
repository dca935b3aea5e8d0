/*
 * progress.h - how far a long command is: one line that is written over on a terminal, a plain line now and then elsewhere. On standard error.
 */
#pragma once

#include "base/arena.h"
#include "base/str.h"

struct progress {
	const char *what; /* "uploaded" */
	int64_t total;
	int64_t began_us, shown_us;
	int64_t begin_done; /* what was done before it began */
	bool terminal, quiet;
};

/* quiet: nothing is shown. */
void progress_begin(struct progress *progress, const char *what, int64_t done, int64_t total, bool quiet);

/* "uploaded 512 of 1200 (43 %), 120/s, 6 s left"; `note` follows when it is not empty. */
void progress_show(struct progress *progress, int64_t done, struct str note);

/* The last line stays. */
void progress_end(struct progress *progress, int64_t done, struct str note);
