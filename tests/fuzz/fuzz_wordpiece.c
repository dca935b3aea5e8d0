/*
 * fuzz_wordpiece.c - any bytes as text: what a cut encoding says is the front of what the whole one says, and counting agrees with both.
 */
#include <stdlib.h>

#include "text/utf8.h"
#include "text/wordpiece.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char vocabulary[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\n##a\n##b\n##ab\n##1\nab\nthe\ne\n##e\n!\n[\n]\n\xe4\xb8\x96\n\xe1\x84\x92\n##\xe1\x85\xa1\n";

enum { TEXT_MAX = 4096, CUT = 16 };

static void
require(bool holds)
{
	if (!holds)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct arena *forever;
	static struct wordpiece *wordpiece;
	static int32_t whole[TEXT_MAX + 2];
	struct str text = str_n((const char *)data, size < TEXT_MAX ? size : TEXT_MAX), repaired;
	struct arena *arena;
	int32_t cut[CUT];
	size_t count, kept;

	if (!forever)
		require(!wordpiece_new(forever = arena_new(MIB(1)), str_n(vocabulary, sizeof(vocabulary) - 1), &wordpiece));
	count = wordpiece_encode(wordpiece, text, whole, COUNT(whole));
	require(count >= 2 && count == wordpiece_count(wordpiece, text) + 2);
	kept = wordpiece_encode(wordpiece, text, cut, CUT);
	require(kept == (count < CUT ? count : CUT) && memcmp(cut, whole, (kept - 1) * sizeof(*cut)) == 0 && cut[kept - 1] == whole[count - 1]);

	/* a malformed byte reads as U+FFFD */
	arena = arena_new(MIB(1));
	repaired = utf8_repair(arena, text);
	require(repaired.ptr && utf8_valid(repaired) && wordpiece_count(wordpiece, repaired) == count - 2);
	arena_free(arena);
	return 0;
}
