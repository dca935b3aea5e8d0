/*
 * fault.c - see fault.h.
 */
#include "base/fault.h"

#include <signal.h>
#include <unistd.h>

static struct fault *all;

void
fault_register(struct fault *fault)
{
	fault->next = all;
	all = fault;
}

bool
fault_hit_slow(struct fault *fault)
{
	long count = atomic_load(&fault->countdown), next;

	do {
		if (count == 0)
			return false;
		next = count > 0 ? count - 1 : count + 1;
	} while (!atomic_compare_exchange_weak(&fault->countdown, &count, next));
	if (next != 0)
		return false;
	if (count < 0)
		kill(getpid(), SIGKILL);
	return true;
}

bool
fault_arm(struct str name, long countdown)
{
	for (struct fault *fault = all; fault; fault = fault->next) {
		if (str_eq(str_of(fault->name), name)) {
			atomic_store(&fault->countdown, countdown);
			return true;
		}
	}
	return false;
}

bool
fault_arm_text(struct str text)
{
	struct str part, name;

	while (str_split(&text, ',', &part)) {
		bool lethal = false;
		int64_t count = 1;

		if (!str_split(&part, '=', &name))
			return false;
		if (str_starts(part, STR("kill"))) {
			lethal = true;
			part = str_slice(part, 4, part.len);
			if (part.len && part.ptr[0] == ':')
				part = str_slice(part, 1, part.len);
		}
		if ((part.len || !lethal) && (!str_to_i64(part, &count) || count < 1))
			return false;
		if (!fault_arm(name, lethal ? -(long)count : (long)count))
			return false;
	}
	return true;
}
