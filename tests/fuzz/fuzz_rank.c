/*
 * fuzz_rank.c - answers of rerankers and of moderations out of a stranger's bytes: whatever comes, results name documents that were sent, each at most once, and what is read again is JSON.
 */
#include <math.h>
#include <stdlib.h>

#include "answer/moderations.h"
#include "answer/rerank.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { DOCUMENTS = 5 };

static void
must(bool truth)
{
	if (!truth)
		abort();
}

static void
read_ranks(struct arena *arena, const struct target *target, const struct json *root, int64_t top_n)
{
	struct rerank_call call = { .base = { .arena = arena, .kind = &rerank_kind, .expected = { .input = 7, .searches = 1 } }, .count = DOCUMENTS, .top_n = top_n };
	unsigned seen = 0;

	if (rerank_kind.read(&call.base, target, root))
		return;
	must(call.result_count <= DOCUMENTS && (!top_n || call.result_count <= (size_t)top_n));
	must(call.base.usage.known && call.base.usage.input >= 0 && call.base.usage.searches >= 0);
	for (size_t i = 0; i < call.result_count; i++) {
		must(call.results[i].index < DOCUMENTS && !(seen >> call.results[i].index & 1) && !isnan(call.results[i].score));
		seen |= 1u << call.results[i].index;
	}
}

static void
read_moderations(struct arena *arena, const struct target *target, const struct json *root, struct str text)
{
	struct single call = { .arena = arena, .kind = &moderations_kind, .whole = text };
	const struct json *again;

	if (moderations_kind.read(&call, target, root))
		return;
	must(!json_parse(arena, call.whole, &again));
	for (struct json_iter it = json_iter(json_get(again, "results")); json_next(&it);)
		must(json_get(it.value, "flagged") != NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new(MIB(64));
	struct str text = str_n((const char *)data, size < 16384 ? size : 16384);
	struct target cohere = { .kind = &provider_cohere, .model = STR("m") }, other = { .kind = &provider_openai, .model = STR("m") };
	const struct json *root;

	if (!json_parse(arena, text, &root) && json_is(root, JSON_OBJECT)) {
		read_ranks(arena, &cohere, root, 0);
		read_ranks(arena, &other, root, 2);
		read_moderations(arena, &other, root, text);
	}
	arena_free(arena);
	return 0;
}
