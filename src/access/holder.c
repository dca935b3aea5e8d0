/*
 * holder.c - see holder.h.
 */
#include "access/holder.h"

#include <stdlib.h>

const char *
holder_kind_name(enum holder_kind kind)
{
	static const char *const names[HOLDER_KINDS] = { "key", "team", "tenant", "user" };

	return names[kind];
}

struct holder *
holder_new(size_t size, enum holder_kind kind, int64_t tenant, struct str id, void (*free_fn)(struct holder *holder))
{
	struct holder *holder = mem_zalloc(size + id.len);
	char *copy = (char *)holder + size;

	memcpy(copy, id.ptr, id.len);
	atomic_init(&holder->refs, 1);
	holder->kind = kind;
	holder->tenant = tenant;
	holder->id = str_n(copy, id.len);
	holder->free = free_fn;
	pthread_mutex_init(&holder->lock, NULL);
	return holder;
}

struct holder *
holder_ref(struct holder *holder)
{
	atomic_fetch_add_explicit(&holder->refs, 1, memory_order_relaxed);
	return holder;
}

void
holder_unref(struct holder *holder)
{
	if (!holder || atomic_fetch_sub_explicit(&holder->refs, 1, memory_order_acq_rel) != 1)
		return;
	if (holder->free)
		holder->free(holder);
	policy_unref(holder->policy);
	pthread_mutex_destroy(&holder->lock);
	free(holder);
}

void
holder_set_policy(struct holder *holder, struct policy *policy, bool closed)
{
	struct policy *old;

	pthread_mutex_lock(&holder->lock);
	old = holder->policy;
	holder->policy = policy;
	holder->closed = closed;
	pthread_mutex_unlock(&holder->lock);
	policy_unref(old);
}

struct policy *
holder_policy(struct holder *holder)
{
	struct policy *policy;

	pthread_mutex_lock(&holder->lock);
	policy = holder->policy ? policy_ref(holder->policy) : NULL;
	pthread_mutex_unlock(&holder->lock);
	return policy;
}

bool
holder_closed(struct holder *holder)
{
	bool closed;

	pthread_mutex_lock(&holder->lock);
	closed = holder->closed;
	pthread_mutex_unlock(&holder->lock);
	return closed;
}
