/*
 * fuzz_policy.c - two lines: a policy as JSON, and a peer or a model's name. What parses reads the same when it is merged with nothing, and what it is asked answers the same twice.
 */
#include <stdlib.h>

#include "access/policy.h"
#include "json/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = str_n((const char *)data, size), first;
	struct arena *arena = arena_new(MIB(4));
	struct policy *policy = NULL, *again = NULL;

	if (str_split(&rest, '\n', &first) && !policy_parse(arena, first, &policy)) {
		struct str merged = policy_merge(arena, first, NULL);

		if (merged.ptr && policy_parse(arena, merged, &again))
			abort();
		if (again && (policy_allows_model(policy, rest) != policy_allows_model(again, rest) || policy_allows_peer(policy, rest) != policy_allows_peer(again, rest)))
			abort();
	}
	policy_unref(policy);
	policy_unref(again);
	arena_free(arena);
	return 0;
}
