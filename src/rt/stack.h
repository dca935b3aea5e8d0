/*
 * stack.h - the stacks of one loop's fibers: mapped with a guard page below, kept for the next fiber, capped in number.
 *
 * The top of a stack, STACK_HEAD bytes, is its fiber's own record, so that a fiber that has just begun touches one page. A kept stack keeps the
 * pages that its last fiber touched; surplus stacks are unmapped after a while in which nobody needed them.
 */
#pragma once

#include <stddef.h>

#include "rt/fiber.h"

enum { STACK_HEAD = 512, STACK_KINDS = 2 };

/* Two mappings a stack; the kernel's default is 65,530 mappings a process. */
enum { STACKS_MAX = 24000 };

struct stacks {
	struct stack_free *free[STACK_KINDS];
	unsigned count[STACK_KINDS];  /* free ones */
	unsigned unused[STACK_KINDS]; /* fewest free ones since the last trim: what nobody needed */
};

/* The head of a stack, or NULL at the cap (STACKS_MAX in the process) or when the kernel has no memory. Uninitialised. */
void *stack_take(struct stacks *stacks, enum fiber_stack kind);
void stack_give(struct stacks *stacks, enum fiber_stack kind, void *head);

/* What lies below the head. */
void *stack_low(enum fiber_stack kind, void *head);
size_t stack_size(enum fiber_stack kind);

/* Unmaps half of what was not needed since the last call; true when free stacks are left. */
bool stacks_trim(struct stacks *stacks);
void stacks_fini(struct stacks *stacks);
