/*
 * child_spawn.h - starting a program in a small box. Used by child.c alone.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct child_process {
	pid_t pid;                          /* also its process group */
	int exited;                         /* a pidfd: readable once it has ended */
	int input, output, complaints;      /* our ends of its stdin, stdout and stderr; non-blocking */
};

/*
 * Starts argv with the limits in place before its first instruction. 0, or the errno of what failed: ENOENT and EACCES are the program's. Blocks
 * until the new program is in place.
 */
int child_spawn(const char *const *argv, int64_t cpu_max_us, size_t memory_max, struct child_process *out);
