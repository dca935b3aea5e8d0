/*
 * stack.c - see stack.h.
 */
#include "rt/stack.h"

#include <stdatomic.h>
#include <sys/mman.h>

#include "rt/context.h"

enum { GUARD = 4096 };

static const size_t stack_bytes[STACK_KINDS] = {
	[FIBER_STACK_SMALL] = KIB(64) * CONTEXT_STACK_SCALE,
	[FIBER_STACK_LARGE] = MIB(1) * CONTEXT_STACK_SCALE,
};

/* What a free stack's head holds. */
struct stack_free {
	struct stack_free *next;
};

static atomic_uint stacks_mapped; /* in the process */

size_t
stack_size(enum fiber_stack kind)
{
	return stack_bytes[kind] - STACK_HEAD;
}

void *
stack_low(enum fiber_stack kind, void *head)
{
	return (char *)head - stack_size(kind);
}

static void *
stack_map(enum fiber_stack kind)
{
	size_t size = stack_bytes[kind];
	char *base;

	if (atomic_fetch_add(&stacks_mapped, 1) >= STACKS_MAX)
		goto refused;
	base = mmap(NULL, GUARD + size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	if (base == MAP_FAILED)
		goto refused;
	if (mprotect(base + GUARD, size, PROT_READ | PROT_WRITE) != 0) {
		munmap(base, GUARD + size);
		goto refused;
	}
	return base + GUARD + size - STACK_HEAD;
refused:
	atomic_fetch_sub(&stacks_mapped, 1);
	return NULL;
}

static void
stack_unmap_free(struct stacks *stacks, enum fiber_stack kind)
{
	struct stack_free *head = stacks->free[kind];

	stacks->free[kind] = head->next;
	stacks->count[kind]--;
	context_stack_clean(stack_low(kind, head), stack_size(kind));
	munmap((char *)stack_low(kind, head) - GUARD, GUARD + stack_bytes[kind]);
	atomic_fetch_sub(&stacks_mapped, 1);
}

void *
stack_take(struct stacks *stacks, enum fiber_stack kind)
{
	struct stack_free *head = stacks->free[kind];

	if (!head)
		return stack_map(kind);
	stacks->free[kind] = head->next;
	stacks->count[kind]--;
	if (stacks->unused[kind] > stacks->count[kind])
		stacks->unused[kind] = stacks->count[kind];
	return head;
}

void
stack_give(struct stacks *stacks, enum fiber_stack kind, void *head)
{
	struct stack_free *free_head = head;

	free_head->next = stacks->free[kind];
	stacks->free[kind] = free_head;
	stacks->count[kind]++;
}

bool
stacks_trim(struct stacks *stacks)
{
	bool left = false;

	for (int kind = 0; kind < STACK_KINDS; kind++) {
		for (unsigned surplus = (stacks->unused[kind] + 1) / 2; surplus > 0; surplus--)
			stack_unmap_free(stacks, (enum fiber_stack)kind);
		stacks->unused[kind] = stacks->count[kind];
		left |= stacks->count[kind] > 0;
	}
	return left;
}

void
stacks_fini(struct stacks *stacks)
{
	for (int kind = 0; kind < STACK_KINDS; kind++)
		while (stacks->free[kind])
			stack_unmap_free(stacks, (enum fiber_stack)kind);
}
