/*
 * context.c - see context.h.
 *
 * Boost.Context's C symbols do the switch (about 5 ns): they save the callee-saved registers on the stack they leave. AddressSanitizer must be
 * told which stack is the current one, ThreadSanitizer which fiber; in ordinary builds all of that is nothing.
 */
#include "rt/context.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

struct transfer {
	void *from; /* where the one that jumped goes on */
	void *data;
};

extern struct transfer jump_fcontext(void *to, void *data);
extern void *make_fcontext(void *top, size_t size, void (*fn)(struct transfer transfer));

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define HAVE_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define HAVE_TSAN 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define HAVE_ASAN 1
#endif
#ifdef __SANITIZE_THREAD__
#define HAVE_TSAN 1
#endif

#ifdef HAVE_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define asan_leave(save, low, size) __sanitizer_start_switch_fiber(save, low, size)
#define asan_arrive(saved, low, size) __sanitizer_finish_switch_fiber(saved, low, size)
#define asan_clean(low, size) __asan_unpoison_memory_region(low, size)
#else
#define asan_leave(save, low, size) ((void)(save))
#define asan_arrive(saved, low, size) ((void)(saved))
#define asan_clean(low, size) ((void)(low))
#endif

#ifdef HAVE_TSAN
#include <sanitizer/tsan_interface.h>
#define tsan_new() __tsan_create_fiber(0)
#define tsan_free(fiber) __tsan_destroy_fiber(fiber)
#define tsan_current() __tsan_get_current_fiber()
#define tsan_switch(fiber) __tsan_switch_to_fiber(fiber, 0)
#else
#define tsan_new() NULL
#define tsan_free(fiber) ((void)(fiber))
#define tsan_current() NULL
#define tsan_switch(fiber) ((void)(fiber))
#endif

/* The last departure: AddressSanitizer frees the fake stack when it is given no place to keep it. */
static _Noreturn void
context_end(struct context *context)
{
	context->ended = true;
	asan_leave(NULL, context->outside_low, context->outside_size);
	tsan_switch(context->tsan_outside);
	jump_fcontext(context->outside, NULL);
	abort();
}

static void
context_entry(struct transfer transfer)
{
	struct context *context = transfer.data;

	context->outside = transfer.from;
	asan_arrive(NULL, &context->outside_low, &context->outside_size);
	context->fn(context->arg);
	context_end(context);
}

void
context_stack_clean(void *low, size_t size)
{
	(void)size;
	asan_clean(low, size);
}

void
context_init(struct context *context, void *low, size_t size, void (*fn)(void *arg), void *arg)
{
	*context = (struct context){ .fn = fn, .arg = arg, .low = low, .size = size };
	asan_clean(low, size); /* the frames of the last one here never returned */
	context->inside = make_fcontext((char *)low + size, size, context_entry);
	context->tsan = tsan_new();
}

void
context_fini(struct context *context)
{
	assert(context->ended);
	tsan_free(context->tsan);
}

void
context_resume(struct context *context)
{
	void *fake_stack = NULL;
	struct transfer transfer;

	assert(!context->ended);
	context->tsan_outside = tsan_current();
	asan_leave(&fake_stack, context->low, context->size);
	tsan_switch(context->tsan);
	transfer = jump_fcontext(context->inside, context);
	context->inside = transfer.from;
	asan_arrive(fake_stack, NULL, NULL);
}

void
context_yield(struct context *context)
{
	struct transfer transfer;

	asan_leave(&context->fake_stack, context->outside_low, context->outside_size);
	tsan_switch(context->tsan_outside);
	transfer = jump_fcontext(context->outside, NULL);
	context->outside = transfer.from;
	asan_arrive(context->fake_stack, &context->outside_low, &context->outside_size);
}
