/*
 * fault.h - named places where a test can make things go wrong.
 *
 *	FAULT(store_commit);                      at file level
 *	if (fault_hit(&fault_store_commit)) ...   where it would fail
 *
 * Armed by name from a test, or by CORBEL_FAULT="store_commit=3,ingest_embed=kill" at start: fail from the 3rd hit on once, or end the
 * process there as kill -9 would. A point that is not armed costs one load.
 */
#pragma once

#include <stdatomic.h>

#include "base/str.h"

struct fault {
	const char *name;
	atomic_long countdown; /* 0: not armed; n > 0: the nth hit fails; -n: the nth hit kills the process */
	struct fault *next;
};

#define FAULT(name_)                                                                                                                      \
	static struct fault fault_##name_ = { .name = #name_ };                                                                               \
	__attribute__((constructor)) static void fault_register_##name_(void)                                                                 \
	{                                                                                                                                     \
		fault_register(&fault_##name_);                                                                                                   \
	}                                                                                                                                     \
	static struct fault fault_##name_

void fault_register(struct fault *fault);
bool fault_hit_slow(struct fault *fault);

static inline bool
fault_hit(struct fault *fault)
{
	return atomic_load_explicit(&fault->countdown, memory_order_relaxed) != 0 && fault_hit_slow(fault);
}

/* Arms by name; false when there is no such point. countdown as in the struct. */
bool fault_arm(struct str name, long countdown);

/* Reads "name=n,name=kill,name=kill:n"; false at the first part that is wrong. */
bool fault_arm_text(struct str text);
