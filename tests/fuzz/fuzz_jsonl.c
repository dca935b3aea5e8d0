/*
 * fuzz_jsonl.c - JSON lines, from bytes to chunks.
 */
#include "parse_file.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_parse(DOC_JSONL, "a.jsonl", str_n((const char *)data, size));
	return 0;
}
