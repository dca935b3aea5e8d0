/*
 * bell.c - waking idle fibers, and telling other nodes that there is work.
 */
#include "knowledge/inside.h"

struct bell_wait {
	struct bell_wait *next;
	struct waiter waiter;
};

void
bell_ring(struct bell *bell)
{
	for (struct bell_wait *wait = bell->first; wait; wait = wait->next)
		wait_wake(&wait->waiter);
}

const struct err *
bell_wait(struct bell *bell, int64_t timeout_us)
{
	struct bell_wait wait = { .next = bell->first }, **link = &bell->first;
	const struct err *err;

	waiter_init(&wait.waiter);
	bell->first = &wait;
	err = wait_for_us(&wait.waiter, timeout_us);
	while (*link != &wait)
		link = &(*link)->next;
	*link = wait.next;
	return err && err->kind == ERR_TIMEOUT ? scope_check() : err;
}

const struct err *
work_notify(struct tx *tx)
{
	return tx_notify(tx, "knowledge");
}

struct str
public_id_new(struct arena *arena, const char *prefix)
{
	struct id id = id_new();

	return arena_printf(arena, "%s%" STR_F, prefix, STR_A(id_str(&id)));
}
