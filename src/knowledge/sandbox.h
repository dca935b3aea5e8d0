/*
 * sandbox.h - giving up what a parser does not need, before it meets a stranger's bytes.
 */
#pragma once

/*
 * From now on this process can compute, manage its memory, write to descriptors it holds and end; it opens nothing, connects to nothing and starts nothing: every other system
 * call fails with EPERM. For good. Returns 0, or -1 where the kernel has no such filter.
 */
int sandbox_enter(void);
