/*
 * context.h - switching between a thread's own stack and small ones.
 *
 * A context is code with a stack of its own. Whoever resumes it goes on when it yields or ends; it always goes back to its resumer's thread.
 * The only file that knows Boost.Context and the sanitizers' fiber calls is context.c.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct context {
	void *inside;            /* where it goes on; while it runs, stale. tools/gdb/corbel.py reads the registers saved there */
	void *outside;           /* where its resumer goes on, while it runs */
	void (*fn)(void *arg);
	void *arg;
	const void *low;         /* its stack */
	size_t size;
	bool ended;
	void *fake_stack;        /* AddressSanitizer's, while it does not run */
	const void *outside_low; /* AddressSanitizer's idea of the resumer's stack */
	size_t outside_size;
	void *tsan, *tsan_outside; /* ThreadSanitizer's fibers */
};

/* Stacks have to be so many times larger than in an ordinary build: sanitizers widen frames. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CONTEXT_STACK_SCALE 4
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CONTEXT_STACK_SCALE 4
#endif
#endif
#ifndef CONTEXT_STACK_SCALE
#define CONTEXT_STACK_SCALE 1
#endif

/* fn(arg) is to run on the stack [low, low + size) at the first context_resume. */
void context_init(struct context *context, void *low, size_t size, void (*fn)(void *arg), void *arg);

/* The context has ended: forgets it. Its stack may be used again. */
void context_fini(struct context *context);

/* Before the memory of a stack is given back: forgets what AddressSanitizer knows of frames there, since it outlives the mapping. */
void context_stack_clean(void *low, size_t size);

/* Runs it until it yields or ends (then `ended` is set). Not from inside itself. */
void context_resume(struct context *context);

/* From inside: back to the resumer, until the next context_resume. */
void context_yield(struct context *context);
