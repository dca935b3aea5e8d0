/*
 * child.h - a child process with limits, for what strangers' bytes can make slow or crash.
 *
 * The child gets its input on stdin, gives its output on stdout, and sees nothing else of the parent: no other descriptors, an empty
 * environment but PATH and LANG, the limits below, its own process group (all of it is killed at the end), no new privileges, no core file. It
 * can write no files and is killed when corbel dies.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

struct child_spec {
	const char *const *argv;   /* ends with NULL; argv[0] is looked up in PATH unless it has a slash */
	struct str input;          /* written to stdin, then closed */
	size_t output_max;         /* more on stdout is ERR_TOO_LARGE */
	int64_t timeout_us;        /* wall time, from its start */
	int64_t cpu_max_us;        /* RLIMIT_CPU, whole seconds up; 0: the timeout */
	size_t memory_max;         /* RLIMIT_AS in bytes; 0: none (for sanitizer builds) */
};

/*
 * Runs it to its end. NULL: it exited 0 and *output is its stdout. ERR_TIMEOUT, ERR_TOO_LARGE, ERR_CANCELLED: killed. ERR_INVALID: it exited with
 * another code or died by a signal; the message is for a person, with the first line of stderr (cut to 500 bytes), which for an exit is also the error's detail, alone. ERR_UNSUPPORTED: the program is not there.
 * ERR_BUSY: too many wait in line (see below). ERR_NO_MEMORY: the output does not fit the arena.
 */
MAY_PARK const struct err *child_run(const struct child_spec *spec, struct arena *arena, struct str *output);

/* At most this many children at once in the process (the number of cores, at least 2); up to 1,024 others wait in line. */
unsigned child_limit(void);
